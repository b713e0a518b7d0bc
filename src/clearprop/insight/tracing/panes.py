"""Arrays side by side on a screen, each cut to a window around the element that matters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from rich.text import Text

from clearprop.insight.tracing.shade import grid, levels, shape_of, summary
from clearprop.insight.tracing.terminal import shade
from clearprop.insight.tracing.terms import Place, number

GAP = 3  # columns between panes
MOST = 80  # columns of an array, more of which fit no screen


@dataclass(frozen=True, eq=False)
class Pane:
    """An array to show: `chosen` is a row and column, `marked` the indices of elements that go into another."""

    name: str
    values: NDArray[Any]
    chosen: Place | None = None
    marked: Sequence[Place] = ()

    def lines(self, width: int, rows: int, digits: int) -> list[Text]:
        """A heading and at most `rows` rows of at most `width` columns, shaded by magnitude."""
        values, shares = grid(self.values), grid(levels(self.values))
        marked = {(0, 0, *place)[-2:] for place in self.marked}
        row, column = self.chosen or min(marked, default=(0, 0))
        shown_rows, near = _window(row, rows, values.shape[0]), _window(column, MOST, values.shape[1])
        cells = {(i, j): number(values[i, j], digits) for i in shown_rows for j in near}
        widths = {j: max(len(cells[i, j]) for i in shown_rows) for j in near}
        shown = _columns(column, widths, width)
        lines = [Text(self._heading(shown_rows, shown), "bold")]
        for i in shown_rows:
            line = Text("  ")
            for j in shown:
                style = "reverse" if (i, j) == self.chosen else shade(shares[i, j])
                style += " underline" if (i, j) in marked else ""
                line.append(" " * (widths[j] - len(cells[i, j]))).append(cells[i, j], style.strip()).append("  ")
            line.rstrip()
            lines.append(line)
        return lines

    def _heading(self, rows: range, columns: range) -> str:
        height, width = grid(self.values).shape
        if (len(rows), len(columns)) == (height, width):
            return f"{self.name} {shape_of(self.values)}" if self.values.ndim else self.name
        parts = [f"{part.start}:{part.stop}" for part in (rows, columns)][-self.values.ndim :]
        text = f"{self.name}[{', '.join(parts)}] of {shape_of(self.values)}"
        return f"{text} {summary(self.values)}" if self.chosen else text


def _window(at: int, size: int, length: int) -> range:
    """`size` of `length` places with `at` among them, near the middle."""
    start = max(0, min(at - size // 2, length - size))
    return range(start, min(start + size, length))


def _columns(at: int, widths: dict[int, int], room: int) -> range:
    """As many columns around `at` as there is room for."""
    first = last = at
    used = 2 + widths[at]
    while True:
        if last + 1 in widths and used + 2 + widths[last + 1] <= room:
            last += 1
            used += 2 + widths[last]
        elif first - 1 in widths and used + 2 + widths[first - 1] <= room:
            first -= 1
            used += 2 + widths[first]
        else:
            return range(first, last + 1)


def side_by_side(panes: Sequence[Pane], width: int, rows: int, digits: Sequence[int]) -> list[Text]:
    """The panes from left to right with as many digits as fit; cut where even the fewest do not."""
    made: list[list[Text]] = []
    for count in digits:
        made = [pane.lines(width, rows, count) for pane in panes]
        if sum(map(_wide, made)) + GAP * (len(panes) - 1) <= width:
            return _beside(made)
    room, cut = width - GAP * (len(panes) - 1), dict.fromkeys(range(len(panes)), 0)
    for left, i in zip(range(len(panes), 0, -1), sorted(cut, key=lambda i: _wide(made[i])), strict=True):
        cut[i] = min(_wide(made[i]), room // left)  # what the narrow ones do not need, the wide ones share
        room -= cut[i]
    return _beside([pane.lines(cut[i], rows, digits[-1]) for i, pane in enumerate(panes)])


def _beside(blocks: list[list[Text]]) -> list[Text]:
    lines = []
    for i in range(max(map(len, blocks), default=0)):
        line = Text()
        for block in blocks:
            part = block[i] if i < len(block) else Text()
            line.append(part).append(" " * (_wide(block) - part.cell_len + GAP))
        line.rstrip()
        lines.append(line)
    return lines


def _wide(block: list[Text]) -> int:
    return max(line.cell_len for line in block)
