"""What commands read: data sets to train and test on, and rows to predict."""

import csv
import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import DataError, FileError, SettingError, ShapeError, brief, suggest
from clearprop.arrays.files import location, opened, size
from clearprop.cli.settings import Source
from clearprop.data import load
from clearprop.data.dataset import Dataset
from clearprop.data.handwriting import SUFFIXES, picture
from clearprop.data.table import MISSING
from clearprop.data.tabular import prepared
from clearprop.network.model import Model

TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
STDIN = "<standard input>"  # what - becomes, which cyclopts would take for an option
MAGIC = b"\x93NUMPY"


def dataset(what: str, source: Source) -> Dataset:
    """The data set that `what` names, with a test part as `source` says."""
    test = source.test
    options: dict[str, Any] = {"label": source.label, "header": source.header, "values": source.values}
    options["test"] = test if isinstance(test, str) else None
    data = load(what, **{name: value for name, value in options.items() if value is not None})
    if not isinstance(test, float):
        return data
    if data.test is not None:
        got = f"{data.name}, which has one of {len(data.test)} samples"
        raise SettingError("--test", "data without a test part", got, "leave it out")
    return parted(data, test, source.seed or 0)


def parted(data: Dataset, share: float, seed: int) -> Dataset:
    """`data` with `share` of it to test on, its inputs scaled by what is left to train on."""
    data = data.split(share, seed)
    return data if data.scaling is None else prepared(data, "auto")


def rows(what: str, model: Model, label: str | None = None, header: bool | None = None) -> NDArray[Any]:
    """The samples (N, n) for `model` in a CSV file, an .npy file or a picture; STDIN is CSV."""
    n = model.network.inputs
    lowered = what.lower()
    if what == STDIN or lowered.endswith(TABLES):
        return _from_table(what, n, label, header)
    for option, value in ("--label", label), ("--header", header):
        if value is not None:
            raise SettingError(option, "a CSV file", what, "leave it out")
    if lowered.endswith(".npy"):
        return _from_npy(what, n)
    if lowered.endswith(SUFFIXES):
        return picture(what, *pixels(model))[None, :]
    size(what)  # a FileError where there is none
    raise FileError(what, f"a name that ends in {', '.join((*TABLES[:2], '.npy', *SUFFIXES))}", "another", "rename it")


def is_picture(what: str) -> bool:
    """Whether `what` is the name of a picture."""
    return what.lower().endswith(SUFFIXES)


def pixels(model: Model) -> tuple[int, float]:
    """The side of the square images that `model` takes, and what it takes for full ink; a ShapeError if none."""
    n = model.network.inputs
    side = round(n**0.5)
    if side * side != n or side < 8:
        raise ShapeError("picture", "a model of square images of at least 8x8", f"a model of {n} features",
                         "give the features in a CSV or .npy file")  # fmt: skip
    scaling = model.scaling
    if scaling is None:
        return side, 1.0
    if isinstance(scaling.shift, tuple) or isinstance(scaling.factor, tuple):  # each pixel by its own mean
        return side, 255.0
    return side, scaling.shift + 1 / scaling.factor


def _from_npy(path: str, n: int) -> NDArray[Any]:
    with opened(path) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise FileError(path, "an .npy file", "another kind of file", "write it with numpy.save")
    try:
        # mapped, a file that claims to hold more than it does is refused before anything of that size is made
        array: NDArray[Any] = np.load(location(path), mmap_mode="r", allow_pickle=False)
    except Exception as error:  # NumPy tells of broken headers in many ways
        raise FileError(path, "a sound .npy file of numbers", brief(str(error)), "write it with numpy.save") from None
    if array.dtype.kind not in "biuf":
        raise DataError(path, "numbers", f"{array.dtype} values", "convert them first")
    if array.size == n and array.ndim in (1, 2):  # one sample, or one image
        return array.reshape(1, n)
    if array.ndim == 3 and array.size:
        array = array.reshape(len(array), -1)
    if array.ndim != 2 or array.shape[1] != n:
        raise ShapeError(path, f"shape (N, {n}) for this model", str(array.shape), f"save rows of {n} features")
    return array


@contextmanager
def _text(what: str) -> Iterator[io.TextIOWrapper]:
    if what == STDIN:
        yield io.TextIOWrapper(sys.stdin.buffer, "utf-8-sig")
        return
    with opened(what) as file, io.TextIOWrapper(file, "utf-8-sig") as text:
        yield text


def _from_table(what: str, n: int, label: str | None, header: bool | None) -> NDArray[Any]:
    """The features of each line; the column `label` is left out."""
    name = Path(what).name
    try:
        with _text(what) as text:
            lines = [(number, line) for number, line in enumerate(text, 1) if not line.isspace()]
    except UnicodeDecodeError:
        raise FileError(name, "UTF-8 text", "other bytes", "save it as CSV in UTF-8") from None
    if not lines:
        raise DataError(name, "rows of numbers", "nothing", "check what you give")
    delimiter = max(",;\t", key=lines[0][1].count)
    first = _cells(name, *lines[0], delimiter)
    skipped = _label_column(name, first, n, label)
    kept = [j for j in range(len(first)) if j != skipped]
    if header is None:
        header = all(not NUMBER.fullmatch(first[j]) and first[j].lower() not in MISSING for j in kept)
    del lines[: int(header)]
    if not lines:
        raise DataError(name, "rows of numbers below the header", "none", "check what you give")
    try:
        x = np.loadtxt(
            [line for _, line in lines], np.float64, None, delimiter, usecols=kept, quotechar='"', ndmin=2
        )  # fmt: skip
    except ValueError:
        x = None
    if x is None or not np.isfinite(x).all():
        for number, line in lines:
            _check_line(f"{name}, line {number}", _cells(name, number, line, delimiter), len(first), kept)
        raise DataError(name, "rows of numbers", "lines that cannot be read", "check the quotes in it")
    return x.astype(np.float32) if np.abs(x).max() <= 2**24 else x  # as from a CSV file to train on


def _cells(name: str, number: int, line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error as error:
        raise DataError(f"{name}, line {number}", "a row of cells", str(error), "mend the line") from None


def _label_column(name: str, first: list[str], n: int, label: str | None) -> int | None:
    """Number of the column to leave out, if any, so that n are left."""
    columns = len(first)
    skipped = None
    if label is not None:
        if label not in ("first", "last", *first):
            advice = suggest(label, ["first", "last", *first[:50]])
            raise SettingError("--label", f"a column of {name}", brief(label), advice)
        skipped = {"first": 0, "last": columns - 1}[label] if label in ("first", "last") else first.index(label)
    left = columns - (skipped is not None)
    if left != n:
        advice = "leave the label out with --label" if left == n + 1 else "give the data that the model was made for"
        raise ShapeError(name, f"{n} columns, the features of this model", str(left), advice)
    return skipped


def _check_line(where: str, cells: list[str], width: int, kept: list[int]) -> None:
    if len(cells) != width:
        raise DataError(where, f"{width} columns, as in the first line", str(len(cells)), "mend the line")
    for j in kept:
        if not NUMBER.fullmatch(cells[j]) or not np.isfinite(float(cells[j])):
            raise DataError(f"{where}, column {j + 1}", "a finite number", brief(cells[j]), "mend or drop the line")
