"""Data sets from openml.org, through scikit-learn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import real, whole
from clearprop.arrays.errors import DataError, FileError, SettingError, brief, missing
from clearprop.data.dataset import Dataset, Samples
from clearprop.data.tabular import check_scale, prepared, targets

WIDEST = 10_000  # features, one-hot columns counted


def openml(
    name: str, version: int | str = "active", scale: str | None = "auto", test: float | None = None, seed: int = 0
) -> Dataset:
    """The data set called `name` on openml.org, downloaded and kept by scikit-learn (extra "sklearn", and pandas).

    version: a number, or "active" for the oldest that is not withdrawn; give the number to get the same data ever
    after. A column of categories becomes one column of 0 and 1 for each. scale as in `csv`; test: the share of the
    samples to test on. The target becomes classes or values as a label of `csv` does.
    """
    check_scale(scale)
    if not isinstance(name, str) or not name.strip():
        raise SettingError("openml", "the name of a data set", brief(name), 'for instance openml("iris", version=1)')
    if version != "active":
        whole("openml", "version", version)
    if test is not None:
        real("openml", "test", test, low=0.0, high=1.0, open_low=True)
    bunch = _fetch(name, version)
    details = bunch.get("details", {})
    columns, names = _features(bunch["data"], name)
    t, classes = _target(bunch["target"], name)
    data = Dataset(
        Samples(columns, t), name=str(details.get("name", name)), names=names, classes=classes,
        source=str(bunch.get("url", "")), licence=str(details.get("licence", "")),
    )  # fmt: skip
    return prepared(data if test is None else data.split(test, seed), scale)


def _fetch(name: str, version: int | str) -> Any:
    try:
        from sklearn.datasets import fetch_openml
    except ImportError:
        raise missing("scikit-learn", "sklearn", f"openml({name!r})") from None
    try:
        return fetch_openml(name, version=version, as_frame=True)
    except ImportError:
        raise missing("pandas", "sklearn", f"openml({name!r})") from None
    except (OSError, ValueError) as error:  # no network, no such data set, or a sparse one
        got = brief(" ".join(str(error).split()), 200)
        raise FileError(f"openml({name!r})", "a data set on openml.org", got, "check name and network") from None


def _features(frame: Any, where: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Columns of numbers as they are, columns of categories as one column of 0 and 1 each: x (N, n) and names."""
    columns: list[NDArray[Any]] = []
    names: list[str] = []
    for name in frame.columns:
        column = frame[name]
        _check_complete(column, f"{where}, column {name}")
        if str(column.dtype) == "category":
            for value in column.cat.categories:
                columns.append(np.asarray(column == value))
                names.append(f"{name}={value}")
        elif getattr(column.dtype, "kind", "O") in "biuf":
            columns.append(column.to_numpy(np.float64 if column.dtype.kind == "f" else np.int64))
            names.append(str(name))
        else:
            raise DataError(f"{where}, column {name}", "numbers or categories", f"{column.dtype} values",
                            "take another data set, or encode the text and build a Dataset")  # fmt: skip
        if len(columns) > WIDEST:
            raise DataError(where, f"at most {WIDEST} columns, one for each category", "more",
                            "encode the categories yourself and build a Dataset")  # fmt: skip
    if not columns:
        raise DataError(where, "at least one feature", "none", "take another data set")
    return _narrowed(columns), tuple(names)


def _narrowed(columns: list[NDArray[Any]]) -> NDArray[Any]:
    """The columns side by side: bytes if all of them are, float32 unless that is too coarse, else float64."""
    low, high = float(min(column.min() for column in columns)), float(max(column.max() for column in columns))
    bytes_only = low >= 0 and high <= 255 and all(column.dtype.kind != "f" for column in columns)
    dtype = np.uint8 if bytes_only else np.float32 if max(-low, high) <= 2**24 else np.float64
    return np.stack([column.astype(dtype) for column in columns], axis=1)


def _target(column: Any, where: str) -> tuple[NDArray[Any], Any]:
    if column is None or getattr(column, "ndim", 0) != 1:
        raise DataError(where, "one target column", "none or several", "take another data set, or build a Dataset")
    _check_complete(column, f"{where}, target")
    texts, codes = np.unique(np.asarray(column).astype(str), return_inverse=True)
    return targets(texts.tolist(), codes)


def _check_complete(column: Any, where: str) -> None:
    absent = np.asarray(column.isna())
    if absent.any():
        advice = "take another data set, or fill the gaps and build a Dataset"
        raise DataError(f"{where}, row {int(absent.argmax())}", "a value", "a missing one", advice)
