"""A table that prints itself in a terminal, in a notebook and as plain text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Row = Sequence[str]


@dataclass(frozen=True, repr=False)
class Table:
    """Rows of text under column names; `right` holds the numbers of the columns that are set flush right.

    >>> print(Table(("name", "size"), [("a", "1"), ("b", "20")], right=(1,)))
    name  size
    ----------
    a        1
    b       20
    """

    columns: Row
    rows: Sequence[Row]
    caption: str = ""
    right: tuple[int, ...] = ()

    def __str__(self) -> str:
        widths = [max(len(row[i]) for row in (self.columns, *self.rows)) for i in range(len(self.columns))]

        def line(row: Row) -> str:
            cells = zip(range(len(widths)), row, widths, strict=True)
            return "  ".join(c.rjust(w) if i in self.right else c.ljust(w) for i, c, w in cells).rstrip()

        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        return "\n".join([line(self.columns), rule, *map(line, self.rows), *([self.caption] if self.caption else [])])

    __repr__ = __str__

    def __rich__(self) -> Any:
        """The same for rich's console."""
        from rich import box, table

        drawn = table.Table(box=box.SIMPLE_HEAD, caption=self.caption or None, caption_justify="left", pad_edge=False)
        for i, name in enumerate(self.columns):
            drawn.add_column(name, justify="right" if i in self.right else "left")
        for row in self.rows:
            drawn.add_row(*[cell.replace("[", r"\[") for cell in row])
        return drawn

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        import html

        def cells(tag: str, row: Row) -> str:
            sides = ("right" if i in self.right else "left" for i in range(len(row)))
            pairs = zip(sides, row, strict=True)
            return "".join(f'<{tag} style="text-align:{side}">{html.escape(cell)}</{tag}>' for side, cell in pairs)

        body = "".join(f"<tr>{cells('td', row)}</tr>" for row in self.rows)
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        return f"<table>{caption}<thead><tr>{cells('th', self.columns)}</tr></thead><tbody>{body}</tbody></table>"
