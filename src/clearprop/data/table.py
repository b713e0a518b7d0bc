"""Text tables, as bytes where they are bytes: finds the header, and names the line and column of what is wrong.

The first lines tell whether whole numbers can be read straight into bytes, which is many times faster than into
floats. Where a later line shows that they cannot, reading starts again with the next wider type.
"""

import contextlib
import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import ClearpropError, DataError, FileError, SettingError, brief, suggest
from clearprop.arrays.files import location, opened, size

TYPES = (np.uint8, np.int32, np.float32, np.float64)
FLOAT, WIDEST = 2, 3
WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
MISSING = frozenset({"", "na", "n/a", "nan", "null", "?"})
LOOK = 20  # lines looked at before reading
POLARS_FROM = 2**20  # bytes; below, importing polars takes longer than it saves


@dataclass(frozen=True)
class Table:
    """x (N, n) of uint8, int32, float32 or float64; labels[codes[i]] is the label of row i; names of features."""

    x: NDArray[Any]
    codes: NDArray[np.intp]
    labels: tuple[str, ...]
    names: tuple[str, ...] | None
    target: str = ""  # the label's column: its name, or its number from 1


def read_table(path: Any, label: str = "first", header: bool | None = None, delimiter: str | None = None) -> Table:
    """The numbers and labels in a text file with one sample a line; plain or gzip, UTF-8.

    label: "first", "last", the name of its column, or its number from "1". header: whether the first line holds names;
    None finds out: it does if no feature in it is a number. delimiter: one of comma, semicolon and tab if None.
    """
    path = location(path)
    if delimiter is None:
        delimiter = _delimiter(path)
    elif not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter.isalnum() or delimiter in '"+-.\r\n':
        raise SettingError("csv", "one character that separates columns", brief(delimiter), 'for instance ";"')
    plan = _plan(path, label, header, delimiter)
    table = _read(plan)
    if header is None and not plan.skip:
        _check_first_label(plan, table)
    return table


@dataclass
class _Plan:
    """What is known about a file before all of it is read."""

    path: Path
    delimiter: str
    width: int
    label: int
    skip: int = 0  # lines up to the end of the header
    names: tuple[str, ...] = ()
    rank: int = 0  # index into TYPES

    def error(self, line: int, wanted: str, got: str, advice: str, column: int | None = None) -> DataError:
        place = f"{self.path.name}, line {line}"
        if column is not None:
            place += f", column {self.names[column] if self.names else column + 1}"
        return DataError(place, wanted, got, advice)

    def rank_of(self, line: int, cells: Sequence[str]) -> int:
        """The type that the features of one line need, as an index into TYPES; a DataError if they cannot be read."""
        if len(cells) != self.width:
            raise self.error(line, f"{self.width} columns, as in the first line", str(len(cells)), "mend the line")
        return max(self._rank_of_cell(line, j, cell.strip()) for j, cell in enumerate(cells) if j != self.label)

    def _rank_of_cell(self, line: int, column: int, text: str) -> int:
        if WHOLE.fullmatch(text):
            value = int(text)
            return 0 if 0 <= value <= 255 else 1 if abs(value) < 2**31 else FLOAT
        if NUMBER.fullmatch(text):
            return FLOAT
        if text.lower() in MISSING:
            got = f"the missing value {text!r}"
            raise self.error(line, "a number", got, "fill it (for instance with the mean) or drop the line", column)
        last = 'if this is the label, say so (label="last", --label last); ' if column == self.width - 1 else ""
        raise self.error(line, "a finite number", brief(text), last + "text must be encoded as numbers first", column)


class _Lines:
    """The lines that are not blank, with the number of the last one; errors in the encoding are FileErrors."""

    def __init__(self, text: io.TextIOWrapper, path: Path) -> None:
        self.text, self.path, self.number, self.last = text, path, 0, ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            for line in self.text:
                self.number += 1
                if not line.isspace():
                    self.last = line
                    return line
        except UnicodeDecodeError:
            place = f"{self.path}, after line {self.number}"
            raise FileError(place, "UTF-8 text", "other bytes", "save the file as CSV in UTF-8") from None
        raise StopIteration


@contextlib.contextmanager
def _lines(path: Path) -> Iterator[_Lines]:
    # "utf-8-sig" drops the mark that Excel puts at the beginning
    with opened(path) as file, io.TextIOWrapper(file, "utf-8-sig") as text:
        yield _Lines(text, path)


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row."""
    with _lines(path) as lines:
        try:
            for cells in csv.reader(lines, delimiter=delimiter):
                yield lines.number, cells
        except csv.Error as error:
            raise DataError(f"{path.name}, line {lines.number}", "a row of cells", str(error), "mend it") from None


def _delimiter(path: Path) -> str:
    """The first of tab, semicolon and comma that each of the first lines holds equally often; else a comma."""
    with _lines(path) as lines:
        head = [re.sub(r'"[^"]*"', "", line) for line in itertools.islice(lines, LOOK)]
    for delimiter in "\t;,":
        counts = {line.count(delimiter) for line in head}
        if len(counts) == 1 and counts != {0}:
            return delimiter
    return ","


def _plan(path: Path, label: str, header: bool | None, delimiter: str) -> _Plan:
    rows = list(itertools.islice(_rows(path, delimiter), LOOK))
    if not rows:
        raise DataError(path.name, "rows of numbers", "an empty file", "check the path")
    first_line, first = rows[0]
    first = [cell.strip() for cell in first]
    if len(first) < 2:
        raise DataError(path.name, "a label and at least one feature in each line", "one column", "check the delimiter")
    if label in ("first", "last"):
        column = 0 if label == "first" else len(first) - 1
    elif label in first and header is not False:
        column, header = first.index(label), True
    elif re.fullmatch("[0-9]{1,9}", str(label)) and 1 <= int(label) <= len(first):
        column = int(label) - 1
    else:
        raise SettingError(path.name, "the label's column, of those in the first line", brief(label),
                           suggest(label, ["first", "last", *first[:50]]))  # fmt: skip
    plan = _Plan(path, delimiter, len(first), column)
    if header is None:
        header = _is_header(plan, first_line, first, rows[1][1] if len(rows) > 1 else None)
    if header:
        plan.names, plan.skip = tuple(first), first_line
        del rows[0]
    if not rows:
        raise DataError(path.name, "rows of numbers below the header", "none", "check the file, or give header=False")
    plan.rank = max(plan.rank_of(line, cells) for line, cells in rows)
    return plan


def _is_header(plan: _Plan, line: int, first: list[str], second: list[str] | None) -> bool:
    """Whether the first line holds names. Where the line below has text in the same columns, both are data."""

    def texts(cells: list[str]) -> set[int]:
        features = ((j, cell.strip()) for j, cell in enumerate(cells) if j != plan.label)
        return {j for j, cell in features if not NUMBER.fullmatch(cell) and cell.lower() not in MISSING}

    def has_number(cells: list[str]) -> bool:
        return any(NUMBER.fullmatch(cell) for j, cell in enumerate(cells) if j != plan.label)

    def label_is_number(cells: list[str]) -> bool:
        return NUMBER.fullmatch(cells[plan.label].strip()) is not None

    text = texts(first)
    if not text:
        return False
    if not has_number(first) and not (label_is_number(first) and second is not None and label_is_number(second)):
        return True
    if second is not None and texts(second) == text:
        return False
    raise plan.error(line, "only names or only numbers", f"{first[min(text)]!r} among numbers",
                     "say header=True or header=False")  # fmt: skip


def _read(plan: _Plan) -> Table:
    """All of the file, in the narrowest of TYPES that holds it."""
    while True:
        try:
            cells, codes, index = _with_polars(plan) or _with_loadtxt(plan)
        except _MisfitError as misfit:
            needed = plan.rank_of(misfit.line, misfit.cells)
            if plan.rank == WIDEST:
                raise plan.error(misfit.line, "a row of numbers", misfit.reason, "mend the line") from None
            plan.rank = max(needed, plan.rank + 1)
            continue
        x = np.delete(cells, plan.label, axis=1) if cells.shape[1] == plan.width else cells
        del cells
        # from 2**24 on, float32 cannot tell whole numbers apart
        if plan.rank == FLOAT and not max(-x.min(), x.max()) <= 2**24:
            plan.rank = WIDEST
            continue
        names = tuple(name for j, name in enumerate(plan.names) if j != plan.label)
        target = plan.names[plan.label] if plan.names else f"column {plan.label + 1}"
        table = Table(x, np.asarray(codes, np.intp), tuple(index), names or None, target)
        _check_cells(plan, table)
        return table


class _MisfitError(Exception):
    """A line that cannot be read into the type that was tried."""

    def __init__(self, line: int, cells: list[str], reason: str) -> None:
        self.line, self.cells, self.reason = line, cells, reason


# both readers return the cells (N, width) or (N, n), the code of each row's label, and the codes by label


def _with_loadtxt(plan: _Plan) -> tuple[NDArray[Any], list[int], dict[str, int]]:
    codes: list[int] = []
    index: dict[str, int] = {}

    def encode(text: str) -> int:
        codes.append(index.setdefault(text.strip(), len(index)))
        return 0

    with _lines(plan.path) as lines:
        while lines.number < plan.skip:
            next(lines)
        try:
            cells = np.loadtxt(
                lines, TYPES[plan.rank], comments=None, delimiter=plan.delimiter, quotechar='"', ndmin=2,
                converters={plan.label: encode},
            )  # fmt: skip
        except ClearpropError:
            raise
        except ValueError as error:
            try:
                row = next(csv.reader([lines.last], delimiter=plan.delimiter))
            except csv.Error as broken:
                raise plan.error(lines.number, "a row of cells", str(broken), "mend the line") from None
            raise _MisfitError(lines.number, row, str(error)) from None
    return cells, codes, index


def _with_polars(plan: _Plan) -> tuple[NDArray[Any], list[int], dict[str, int]] | None:
    """None where polars is absent, not worth it, or finds anything unusual."""
    if plan.rank < FLOAT or size(plan.path) < POLARS_FROM:
        return None
    try:
        import polars
    except ImportError:
        return None
    kind = polars.Float32 if plan.rank == FLOAT else polars.Float64
    schema = {str(j): polars.String() if j == plan.label else kind() for j in range(plan.width)}
    try:
        frame = polars.read_csv(
            plan.path, has_header=False, schema=schema, separator=plan.delimiter, skip_lines=plan.skip
        )
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, OSError):
        return None
    if any(column.null_count() for column in frame.iter_columns()):
        return None
    index: dict[str, int] = {}
    codes = [index.setdefault(text.strip(), len(index)) for text in frame[str(plan.label)].to_list()]
    return frame.drop(str(plan.label)).to_numpy(order="c"), codes, index


def _check_cells(plan: _Plan, table: Table) -> None:
    """Raise a DataError for a label that is missing, or a feature that is not finite."""
    for code, text in enumerate(table.labels):
        if text.lower() in MISSING:
            line, _ = _line_of(plan, int(np.argmax(table.codes == code)))
            raise plan.error(line, "a label", f"the missing value {text!r}", "fill it or drop the line", plan.label)
    if plan.rank >= FLOAT and not np.isfinite(table.x).all():
        row, j = np.argwhere(~np.isfinite(table.x))[0]
        line, cells = _line_of(plan, int(row))
        plan.rank_of(line, cells)
        column = int(j) + (int(j) >= plan.label)
        raise plan.error(line, "a finite number", cells[column].strip(), "mend or drop the line", column)


def _line_of(plan: _Plan, row: int) -> tuple[int, list[str]]:
    rows = _rows(plan.path, plan.delimiter)
    return next(itertools.islice((r for r in rows if r[0] > plan.skip), row, None))


def _check_first_label(plan: _Plan, table: Table) -> None:
    """Raise a DataError where only the first label is text: a header whose other names are numbers."""
    first, *others = table.labels
    alone = np.count_nonzero(table.codes == 0) == 1 and not NUMBER.fullmatch(first)
    if alone and others and all(NUMBER.fullmatch(text) for text in others):
        line, _ = _line_of(plan, 0)
        raise plan.error(line, "a number as label, as in the other lines", brief(first),
                         "if these are column names, give header=True", plan.label)  # fmt: skip
