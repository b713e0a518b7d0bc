"""CSV files as data sets."""

import dataclasses
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import real, truth, whole
from clearprop.arrays.errors import DataError, SettingError, ShapeError, brief
from clearprop.arrays.files import location
from clearprop.data.dataset import Dataset, Samples
from clearprop.data.table import NUMBER, WHOLE, read_table
from clearprop.data.validation import Class

SCALES = ("auto", "unit", "standard", None)
MANY = 1000  # whole-number labels with more distinct values than this are values, not classes


def csv(
    path: Any,
    label: str | int = "first",
    header: bool | None = None,
    scale: str | None = "auto",
    test: Any = None,
    name: str | None = None,
    delimiter: str | None = None,
    seed: int = 0,
    values: bool = False,
) -> Dataset:
    """The data set in a CSV file with one sample a line, plain or gzip: a label, and numbers as features.

    label: "first" or "last" column, its name in the header, or its number from 1, as errors count columns. header:
    whether the first line holds names; found out if None: it does if none of its features is a number. delimiter:
    comma, semicolon or tab, found out if None. test: another such file, or the share of the lines (every class in its
    share, chosen by `seed`) to test on.

    Labels that are text or whole numbers become classes; other numbers, and whole numbers with more than 1000
    distinct values, or all if `values`, stay values to predict. Features that are bytes stay uint8; the others become
    float32 (float64 where that is not exact). A square number of at least 64 bytes, 128 or more among them, is taken
    for an image.

    scale: "unit" (0..1 as a whole), "standard" (each feature to mean 0, deviation 1), None, or "auto": "unit" for
    bytes with 128 or more among them, else "standard".

    Missing values, text among the numbers and lines of other lengths are DataErrors that name line and column.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "flowers.csv")
    ...     count = file.write_text("length,width,kind\\n5.1,3.5,lily\\n4.9,3.0,rose\\n4.7,3.2,lily\\n")
    ...     data = csv(file, label="kind")
    >>> data.names, data.classes, data.train.t.tolist()
    (('length', 'width'), ('lily', 'rose'), [0, 1, 0])
    """
    check_scale(scale)
    share = _share(test)
    whole("csv", "seed", seed, low=0, high=2**128 - 1)
    path = location(path)
    label = str(label) if isinstance(label, int) else label
    table = read_table(path, label, header, delimiter)
    t, classes = targets(table.labels, table.codes, truth("csv", "values", values))
    data = Dataset(
        Samples(table.x, t), name=name or path.name.split(".")[0] or "data", names=table.names, classes=classes,
        source=str(path), target=table.target,
    )  # fmt: skip
    del table  # its numbers may have been copied
    if share is not None:
        data = data.split(share, seed)
    elif test is not None:
        data = dataclasses.replace(data, test=_test_part(test, data, label, header, delimiter))
    return prepared(data, scale)


def check_scale(scale: Any) -> None:
    """Raise a SettingError for an unknown way of scaling."""
    if not (scale is None or isinstance(scale, str)) or scale not in SCALES:
        raise SettingError("scale", '"auto", "unit", "standard" or None', brief(scale), "change scale")


def prepared(data: Dataset, scale: str | None) -> Dataset:
    """`data` with its scaling, and with image_shape if its features look like the pixels of a square image."""
    x = data.train.x
    pixels = x.dtype == np.uint8 and int(x.max()) >= 128
    side = math.isqrt(x.shape[1])
    if pixels and side >= 8 and side * side == x.shape[1]:
        data = dataclasses.replace(data, image_shape=(side, side))
    if scale is None:
        return data
    return data.unit_scaled() if scale == "unit" or (scale == "auto" and pixels) else data.standardized()


def targets(
    labels: Sequence[str], codes: NDArray[np.intp], values: bool = False
) -> tuple[NDArray[Any], tuple[Class, ...] | None]:
    """Targets (N,) and classes from the distinct label texts and their index in each row.

    A DataError for text among numbers that are not whole: most likely values to predict, and one mistake.

    >>> targets(["7", "3"], np.array([0, 1, 1]))
    (array([1, 0, 0]), (3, 7))
    """
    integers = not values and all(WHOLE.fullmatch(text) for text in labels)
    if integers and len(set(map(int, labels))) <= MANY:
        classes: tuple[Class, ...] = tuple(sorted(set(map(int, labels))))
    elif all(NUMBER.fullmatch(text) for text in labels):
        return _values(labels)[codes], None
    else:
        text = next(text for text in labels if not NUMBER.fullmatch(text))
        if values or len(labels) > MANY or any(NUMBER.fullmatch(t) and not WHOLE.fullmatch(t) for t in labels):
            raise DataError("labels", f"only numbers, or at most {MANY} names", f"{text!r} among {len(labels)} others",
                            "check the label column")  # fmt: skip
        classes = tuple(sorted(labels))
    return _indices(labels, classes, "labels")[codes], classes


def _values(labels: Sequence[str]) -> NDArray[np.float64]:
    return np.array([float(text) for text in labels])


def _indices(labels: Sequence[str], classes: Sequence[Class], where: str) -> NDArray[np.intp]:
    position = {known: i for i, known in enumerate(classes)}
    numbered = isinstance(classes[0], int)
    keys: list[Class] = [int(text) if numbered and WHOLE.fullmatch(text) else text for text in labels]
    for key in keys:
        if key not in position:
            known = ", ".join(map(str, classes[:10])) + (", ..." if len(classes) > 10 else "")
            raise DataError(where, f"classes of the training part ({known})", repr(key), "check both files")
    return np.array([position[key] for key in keys], np.intp)


def _share(test: Any) -> float | None:
    """The share to test on, if `test` is a number."""
    if test is None or isinstance(test, (str, bytes, os.PathLike)):
        return None
    share = real("csv", "test, a share (or another file),", test, low=0.0, high=1.0, open_low=True)
    if share == 1.0:
        raise SettingError("csv", "test below 1", brief(test), "leave something to train on")
    return share


def _test_part(path: Any, data: Dataset, label: str, header: bool | None, delimiter: str | None) -> Samples:
    table = read_table(path, label, header, delimiter)
    where = location(path).name
    if table.x.shape[1] != data.train.x.shape[1]:
        wanted = f"{data.train.x.shape[1]} features, as in the training file"
        raise ShapeError(where, wanted, str(table.x.shape[1]), "check both files")
    if data.names and table.names and data.names != table.names:
        wrong = next(pair for pair in zip(data.names, table.names, strict=True) if pair[0] != pair[1])
        raise DataError(where, f"column {wrong[0]}, as in the training file", wrong[1], "put the columns in one order")
    if data.classes is not None:
        return Samples(table.x, _indices(table.labels, data.classes, f"labels of {where}")[table.codes])
    if not all(NUMBER.fullmatch(text) for text in table.labels):
        text = next(text for text in table.labels if not NUMBER.fullmatch(text))
        raise DataError(f"labels of {where}", "numbers, as in the training file", brief(text), "check both files")
    return Samples(table.x, _values(table.labels)[table.codes])
