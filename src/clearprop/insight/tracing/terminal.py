"""A trace as text for the terminal, shaded where the terminal has colours."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from clearprop.insight.tracing.shade import BLUE, ORANGE, Pixels, grid, is_small, levels, shape_of, sheet, summary
from clearprop.insight.tracing.terms import Place, number

if TYPE_CHECKING:
    from clearprop.insight.tracing.moments import Moment
    from clearprop.insight.tracing.trace import Trace

WIDTH = 110  # columns of what is printed
FAINT = 0.04  # level from which a number is shaded


def everything(trace: "Trace") -> Text:
    """All of a trace to read from top to bottom."""
    text = Text(trace.about + "\n")
    text.append("\ngiven\n", "bold")
    for name, values in trace.given.items():
        text.append(f"  {name}  {shape_of(values)}\n").append(_array(trace, name))
    part = "given"
    for count, moment in enumerate(trace.steps, 1):
        if moment.part != part:
            part = moment.part
            text.append(f"\n{part}\n", "bold")
        text.append(f"{count:>3} {heading(moment)}\n").append(_array(trace, moment.name))
    rules = {moment.title: moment.says for moment in trace.steps}
    text.append("\nrules\n", "bold").append("".join(f"  {title}: {says}\n" for title, says in rules.items()))
    if trace.notes:
        text.append("\nnotes\n", "bold").append("".join(f"  {note}\n" for note in trace.notes))
    text.rstrip()
    return text


def heading(moment: "Moment") -> str:
    """A line about a moment: what is computed, its shape, the rule, and where in the network."""
    return f"{moment.text}   {shape_of(moment.value)}   {moment.title}   [{moment.place}]"


def _array(trace: "Trace", name: str) -> Text:
    values, text = trace[name], Text()
    if is_small(values):
        for line in table(values, WIDTH - 6):
            text.append("      ").append(line).append("\n")
        return text
    text.append(f"      {summary(values)}\n")
    images = trace.images(name)
    if images is not None and name == "x":
        text.append("".join(f"      {line}\n" for line in ascii_images(images)))
    return text


def table(
    values: NDArray[Any], width: int, digits: int = 8, chosen: Place | None = None, marked: Any = ()
) -> list[Text]:
    """The lines of an array, shaded by magnitude; those that are wider than `width` go on below.

    chosen: the row and column shown in reverse. marked: those underlined.
    """
    cells = [[number(value, digits) for value in row] for row in grid(values)]
    shares = grid(levels(values))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines: list[Text] = []
    for i, row in enumerate(cells):
        line = Text()
        for j, cell in enumerate(row):
            if line.cell_len + widths[j] > width and line:
                line.rstrip()
                lines.append(line)
                line = Text("  ")
            style = "reverse" if (i, j) == chosen else shade(shares[i, j]) + (" underline" if (i, j) in marked else "")
            line.append(" " * (widths[j] - len(cell))).append(cell, style).append("  ")
        line.rstrip()
        lines.append(line)
    return lines


def shade(level: float) -> str:
    """The style of a number by its level, -1 to 1: white on blue or on orange, the darker the smaller."""
    if abs(level) < FAINT:
        return ""
    red, green, blue = (round((0.25 + 0.6 * abs(level)) * side) for side in (BLUE if level > 0 else ORANGE))
    return f"white on rgb({red},{green},{blue})"


def blocks(images: NDArray[Any], grey: bool, width: int) -> list[Text]:
    """Images (count, height, width) side by side, as many as fit, two pixels in each half block."""
    pixels = sheet(images, grey, max(1, (width + 1) // (images.shape[2] + 1)))[:, :width]
    if len(pixels) % 2:
        pixels = np.concatenate([pixels, np.zeros_like(pixels[:1])])
    return [_half_blocks(pixels, row) for row in range(0, len(pixels), 2)]


def _half_blocks(pixels: Pixels, row: int) -> Text:
    line = Text()
    for upper, lower in zip(pixels[row], pixels[row + 1], strict=True):
        if not upper[3] and not lower[3]:
            line.append(" ")
        else:
            line.append("▀", f"{_rgb(upper)} on {_rgb(lower)}")
    return line


def _rgb(pixel: Any) -> str:
    return "rgb({},{},{})".format(*(round(int(side) * int(pixel[3]) / 255) for side in pixel[:3]))


def ascii_images(images: NDArray[Any]) -> list[str]:
    """Images side by side in characters, for where there are no colours."""
    marks, pixels = np.array(list(" .:-=+*#%@")), images.astype(float)
    if images.shape[1] > 14:  # a character is about twice as high as wide
        pixels = pixels[:, : images.shape[1] // 2 * 2].reshape(len(images), -1, 2, images.shape[2]).mean(axis=2)
    else:
        pixels = pixels.repeat(2, axis=2)
    pixels = pixels[: max(1, WIDTH // (pixels.shape[2] + 2))]
    level = np.rint((pixels - pixels.min()) / max(np.ptp(pixels), 1e-300) * (len(marks) - 1)).astype(int)
    return ["  ".join("".join(marks[row]) for row in line).rstrip() for line in level.transpose(1, 0, 2)]
