"""Pictures as text that goes into a page: an image for light and one for dark, nothing outside needed."""

import base64
import io
from collections.abc import Callable
from html import escape
from typing import Any

from clearprop.pictures.theme import THEMES, drawing, offscreen

LONGEST = 120_000  # bytes of SVG, beyond which a picture is sent as pixels, and of pixels, beyond which they are fewer
PIXELS, SHARP = 88, (150, 110, 80, 55, 35)  # for each inch: as shown, and as there are


def image(draw: Callable[..., Any], alt: str) -> str:
    """The picture that `draw(theme=...)` makes, as HTML that takes the reader's light or dark one."""
    (light, width), (dark, _) = (_source(draw, theme) for theme in THEMES)
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" width="{width}" alt="{escape(alt)}"></picture>'
    )


def one_image(draw: Callable[..., Any], alt: str) -> str:
    """The same in the theme of the user's own figures: for notebooks, whose colours a page cannot ask for."""
    source, width = _source(draw, None)
    return f'<img src="{source}" width="{width}" alt="{escape(alt)}" style="display:inline-block;max-width:100%">'


def _source(draw: Callable[..., Any], theme: str | None) -> tuple[str, int]:
    """A data URI of the picture, and how many pixels wide it is to be shown."""
    with offscreen():
        figure = draw(theme=theme).figure
    kind, content = "svg+xml", _file(figure, "svg")
    for sharp in SHARP:
        if len(content) > LONGEST:
            kind, content = "png", _file(figure, "png", sharp)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}", round(PIXELS * figure.get_figwidth())


def _file(figure: Any, kind: str, sharp: int = SHARP[0]) -> bytes:
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "clearprop", "svg.fonttype": "path", "savefig.bbox": "standard"}):
        figure.savefig(file, format=kind, dpi=sharp, metadata={"Date": None} if kind == "svg" else {})
    return file.getvalue()


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    try:
        with offscreen(), drawing(None):
            return True
    except ImportError:
        return False
