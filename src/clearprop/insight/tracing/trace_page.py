"""A trace as a quiet page for notebooks: every array shaded by magnitude, readable on light and on dark."""

import base64
import html
from typing import TYPE_CHECKING

from clearprop.insight.tracing.shade import BLUE, ORANGE, colours, grid, is_small, levels, png, shape_of, sheet, summary
from clearprop.insight.tracing.terms import number

if TYPE_CHECKING:
    from clearprop.insight.tracing.trace import Trace

STRENGTH = 0.6  # opacity of the colour behind the largest number
WIDEST = 1024  # elements of either side of an array that is shown as a heat map

STYLE = """<style>
.cp-trace { font-size: 13px; line-height: 1.45 }
.cp-trace code { font-weight: 600; background: none; color: inherit }
.cp-trace small { opacity: .75 }
.cp-trace table { border-collapse: collapse; margin: 2px 0 12px 16px; border: 0;
  font: 12px/1.5 ui-monospace, monospace; display: block; overflow-x: auto }
.cp-trace tr { background: none !important }
.cp-trace td { text-align: right; padding: 0 8px; border: 0; white-space: nowrap }
.cp-trace p { margin: 2px 0 }
.cp-trace img { image-rendering: pixelated; margin: 2px 0 12px 16px; display: block; max-width: 100% }
</style>"""


def page(trace: "Trace") -> str:
    """The whole trace as HTML."""
    parts = [STYLE, f"<p>{html.escape(trace.about)}</p>"]
    parts += [f"<p>{html.escape(note)}</p>" for note in trace.notes]
    parts.append("<h4>given</h4>")
    for name, values in trace.given.items():
        parts.append(f"<p><code>{name}</code> <small>{shape_of(values)}</small></p>{array(trace, name)}")
    part = "given"
    for moment in trace:
        if moment.part != part:
            part = moment.part
            parts.append(f"<h4>{part}</h4>")
        told = html.escape(f"{shape_of(moment.value)}, {moment.place}: {moment.title}")
        parts.append(f"<p><code>{html.escape(moment.text)}</code> <small>{told}</small></p>{array(trace, moment.name)}")
    return f'<div class="cp-trace">{"".join(parts)}</div>'


def array(trace: "Trace", name: str) -> str:
    """A small array as a table, a large one as a line and a picture."""
    values = trace[name]
    if not is_small(values):
        told, found = f'<p style="margin-left:16px">{html.escape(summary(values))}</p>', picture(trace, name)
        return told + (f'<img src="{found[0]}" width="{found[1]}" alt="{name}">' if found else "")
    rows = zip(grid(values), grid(levels(values)), strict=True)
    return f"<table>{''.join(_row(zip(*row, strict=True)) for row in rows)}</table>"


def _row(cells: "zip[tuple[float, float]]") -> str:
    return f"<tr>{''.join(f'<td{_shade(level)}>{number(value)}</td>' for value, level in cells)}</tr>"


def _shade(level: float) -> str:
    if not level:
        return ""
    red, green, blue = BLUE if level > 0 else ORANGE
    return f' style="background:rgba({red},{green},{blue},{STRENGTH * abs(level):.3f})"'


def picture(trace: "Trace", name: str) -> tuple[str, int] | None:
    """A large array as images or as a heat map: a data URI and the width to show it at; None for a vector."""
    values, images = trace[name], trace.images(name)
    if is_small(values) or values.ndim < 2 or max(values.shape) > WIDEST:
        return None
    pixels = colours(values) if images is None else sheet(images, grey=name == "x")
    scale = max(1, min(6, 640 // pixels.shape[1]))
    uri = f"data:image/png;base64,{base64.b64encode(png(pixels)).decode()}"
    return uri, scale * pixels.shape[1]
