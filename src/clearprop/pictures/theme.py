"""How pictures look: one theme, light and dark, colours that the colour-blind tell apart; only while one is drawn."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from clearprop.arrays.errors import SettingError, brief, missing, suggest


@dataclass(frozen=True)
class Theme:
    """Paper, ink, and the colours of Okabe and Ito 2008 that can be read on that paper: colour as hexadecimal text."""

    name: str
    paper: str
    ink: str
    soft: str  # ink for what matters less
    line: str  # the grid
    cycle: tuple[str, ...]

    @property
    def above(self) -> str:
        """The blue of numbers above zero, and of what is right."""
        return self.cycle[0]

    @property
    def below(self) -> str:
        """The orange of numbers below zero, and of what is wrong."""
        return self.cycle[1]

    def settings(self) -> dict[str, Any]:
        """The theme as matplotlib's settings, without fonts, which stay the user's."""
        names = ("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor", "axes.titlecolor")
        papers = ("figure.facecolor", "axes.facecolor", "savefig.facecolor", "legend.facecolor")
        quiet = ("axes.edgecolor", "xtick.color", "ytick.color")
        colours = ", ".join(f"'{colour}'" for colour in self.cycle)
        return {
            **dict.fromkeys(names, self.ink), **dict.fromkeys(papers, self.paper), **dict.fromkeys(quiet, self.soft),
            "axes.prop_cycle": f"cycler('color', [{colours}])", "axes.spines.top": False, "axes.spines.right": False,
            "axes.grid": True, "axes.axisbelow": True, "grid.color": self.line, "grid.alpha": 1.0,
            "grid.linewidth": 0.8, "axes.linewidth": 1.0, "font.size": 12.0, "axes.titlesize": 13.0,
            "axes.labelsize": 12.0, "xtick.labelsize": 11.0, "ytick.labelsize": 11.0, "legend.fontsize": 11.0,
            "axes.titlelocation": "left", "axes.titlepad": 10.0, "lines.linewidth": 2.2, "lines.markersize": 8.0,
            "legend.frameon": False, "figure.constrained_layout.use": True,
        }  # fmt: skip


LIGHT = Theme(
    "light", "#ffffff", "#1b1f24", "#5b6470", "#e2e5e9",
    ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1b1f24"),
)  # fmt: skip
DARK = Theme(
    "dark", "#14171b", "#e3e6ea", "#98a2ae", "#2c323a",
    ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#e3e6ea"),
)  # fmt: skip
THEMES = {"light": LIGHT, "dark": DARK}
_offscreen: ContextVar[bool] = ContextVar("offscreen", default=False)


def style(theme: str = "light") -> dict[str, Any]:
    """The theme "light" or "dark" as a matplotlib style, for pictures of your own.

    From the first call on, matplotlib knows both as "clearprop-light" and "clearprop-dark", too.

    >>> import matplotlib.style
    >>> with matplotlib.style.context(style("dark")):
    ...     matplotlib.rcParams["figure.facecolor"]
    '#14171b'
    >>> "clearprop-light" in matplotlib.style.library
    True
    """
    matplotlib = _matplotlib()
    for name, known in THEMES.items():
        made = matplotlib.RcParams()  # which checks every value, and knows the colours of a cycle
        made.update(known.settings())
        matplotlib.style.library[f"clearprop-{name}"] = made
    return _named(theme).settings()


def chosen(theme: str | None, ax: Any = None) -> Theme:
    """The theme called `theme`; None for the one that fits the background of `ax`, or of the user's figures."""
    if theme is not None:
        return _named(theme)
    from matplotlib import colors, rcParams

    background = rcParams["figure.facecolor"]
    for patch in () if ax is None else (ax.figure.patch, ax.patch):  # the last that can be seen
        background = patch.get_facecolor() if patch.get_alpha() != 0 and patch.get_facecolor()[3] else background
    red, green, blue, opacity = colors.to_rgba(background)
    return DARK if opacity > 0 and 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else LIGHT


@contextmanager
def drawing(ax: Any, theme: str | None = None, size: tuple[float, float] = (6.4, 3.8)) -> Iterator[tuple[Any, Theme]]:
    """The Axes to draw on, `ax` or new ones of `size` inches, and the theme, while it holds."""
    matplotlib = _matplotlib()
    if ax is not None and not isinstance(ax, matplotlib.axes.Axes):
        raise SettingError("pictures", "the Axes of matplotlib as ax", brief(ax), "leave it out, or take plt.gca()")
    look = chosen(theme, ax)
    with matplotlib.rc_context(look.settings()):
        yield (_new(matplotlib, look, size) if ax is None else ax), look


@contextmanager
def offscreen() -> Iterator[None]:
    """New figures within are known to nobody but their owner: no window, no place in a notebook's output."""
    before = _offscreen.set(True)
    try:
        yield
    finally:
        _offscreen.reset(before)


def shades(look: Theme, both: bool = False) -> Any:
    """Colours from the paper to blue; with `both` from orange, for below zero, over the paper, for zero."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(look.name, [*([look.below] if both else []), look.paper, look.above])


def _new(matplotlib: Any, look: Theme, size: tuple[float, float]) -> Any:
    if _offscreen.get():
        from matplotlib.figure import Figure

        ax = Figure(figsize=size).add_subplot()
    else:
        ax = matplotlib.pyplot.subplots(figsize=size)[1]
    # ticks are made when the figure is shown, and the theme is gone by then
    ax.tick_params(color=look.soft, labelcolor=look.ink, labelsize=11.0, grid_color=look.line, grid_linewidth=0.8)
    return ax


def _matplotlib() -> Any:
    try:
        import matplotlib.pyplot
        import matplotlib.style
    except ImportError:
        raise missing("matplotlib", "plot", "pictures") from None
    if not _offscreen.get():
        # loads the backend: in a notebook that changes settings, which must not be undone when the theme is
        matplotlib.pyplot.draw_if_interactive()  # type: ignore[no-untyped-call]
    return matplotlib


def _named(theme: Any) -> Theme:
    found = THEMES.get(theme) if isinstance(theme, str) else None
    if found is None:
        raise SettingError("pictures", "a theme that is known, or None", brief(theme), suggest(str(theme), THEMES))
    return found
