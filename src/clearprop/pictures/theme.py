"""How pictures look: a quiet frame and colours that the colour-blind tell apart; only while one is being drawn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clearprop.arrays.errors import missing

BLUE, ORANGE = "#0072b2", "#d55e00"  # of Okabe and Ito 2008
STYLE: dict[Any, Any] = {
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25, "font.size": 11,
    "axes.titlesize": 11, "axes.titlelocation": "left", "lines.linewidth": 2, "figure.constrained_layout.use": True,
}  # fmt: skip


@contextmanager
def drawing(ax: Any, size: tuple[float, float] = (6.4, 3.6)) -> Iterator[Any]:
    """The Axes to draw on, `ax` or new ones of `size` inches, while the theme holds."""
    try:
        from matplotlib import pyplot, rc_context
    except ImportError:
        raise missing("matplotlib", "plot", "pictures") from None
    with rc_context(STYLE):
        yield pyplot.subplots(figsize=size)[1] if ax is None else ax
