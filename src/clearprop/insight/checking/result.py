"""What a check of a gradient found: a row for each array, shown as a table."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from clearprop.arrays.table import Table


class Row(NamedTuple):
    """What was found about the gradient of one array.

    compared: elements, of all that `shape` holds, compared one by one. directions: random directions along which all
    elements were compared at once. passed_over: elements and directions given up, as a kink or noise was too near.
    error: the largest relative error. worst: the element with that error, where the gradient claims `analytic` and
    differences give `numeric`. verdict: "ok", "wrong", "passed over" or "cannot tell". note: how it deviates.
    """

    name: str
    shape: tuple[int, ...]
    compared: int = 0
    directions: int = 0
    passed_over: int = 0
    error: float | None = None
    worst: tuple[int, ...] | None = None
    analytic: float | None = None
    numeric: float | None = None
    verdict: str = "cannot tell"
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether the verdict is "ok"."""
        return self.verdict == "ok"


@dataclass(frozen=True, repr=False, eq=False)
class Check:
    """Whether a gradient is right; true in an `if` where it is. Prints as a table, also in a notebook.

    rows: one Row for each array. tolerance: the relative error up to which a derivative is right. notes: sentences
    about what was found. about: what was checked.
    """

    rows: tuple[Row, ...]
    tolerance: float
    notes: tuple[str, ...] = ()
    about: str = ""

    @property
    def ok(self) -> bool:
        """Whether all that could be compared agrees, and something could."""
        return any(row.ok for row in self.rows) and all(row.verdict in ("ok", "passed over") for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    def __getitem__(self, name: str) -> Row:
        """The row of the array called `name`; a KeyError where there is none."""
        return {row.name: row for row in self.rows}[name]

    def table(self) -> Table:
        """One line for each array."""
        columns = ("array", "shape", "compared", "directions", "passed over", "largest error", "at", "verdict")
        return Table(columns, [_cells(row) for row in self.rows], self.summary(), right=(2, 3, 4, 5))

    def summary(self) -> str:
        """The finding in one sentence."""
        about = f" ({self.about})" if self.about else ""
        wrong = [row.name for row in self.rows if row.verdict == "wrong"]
        if wrong:
            return f"the gradient is wrong in {', '.join(wrong)}{about}"
        if not self.ok:
            return f"nothing can be said of the gradient{about}"
        left = [row.name for row in self.rows if not row.ok]
        but = f"; nothing can be said of {', '.join(left)}" if left else ""
        return f"the gradient is right: differences agree to {self.tolerance:.1g}{but}{about}"

    def details(self) -> list[str]:
        """A line for each array that is wrong, then the notes."""
        wrong = [row for row in self.rows if row.verdict == "wrong"]
        return [": ".join(filter(None, (row.name, _values(row), row.note))) for row in wrong] + list(self.notes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        rows = [
            {name: list(v) if isinstance(v, tuple) else v for name, v in row._asdict().items()} for row in self.rows
        ]
        return {
            "ok": self.ok, "tolerance": self.tolerance, "about": self.about, "rows": rows, "notes": list(self.notes)
        }  # fmt: skip

    def __repr__(self) -> str:
        return "\n".join([str(self.table()), *self.details()])

    def _repr_html_(self) -> str:
        import html

        return self.table()._repr_html_() + "".join(f"<p>{html.escape(line)}</p>" for line in self.details())


def _cells(row: Row) -> tuple[str, ...]:
    size = math.prod(row.shape)
    compared = f"{row.compared:,}" if row.compared == size else f"{row.compared:,} of {size:,}"
    error = "" if row.error is None else f"{row.error:.1e}"
    place = "" if row.worst is None else str(row.worst)
    counts = (str(row.directions), str(row.passed_over))
    return (row.name, str(row.shape), compared, *counts, error, place, row.verdict)


def _values(row: Row) -> str:
    if row.worst is None:
        return ""
    return f"at {row.worst} the gradient is {row.analytic:.9g}, differences give {row.numeric:.9g}"
