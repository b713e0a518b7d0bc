"""What may go into Samples: every value that cannot is named by row and column."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop.arrays.errors import DataError, ShapeError, brief
from clearprop.data.sparse import SparseRows

Class = int | str
FILL = "drop the row or fill the value (for instance with the column's mean) first"


def check_labels(labels: NDArray[Any], classes: int, where: str) -> None:
    """Raise a DataError, with the row, where a label is not a class index below `classes`."""
    if labels.dtype.kind == "f":
        raise DataError(
            f"labels of {where}", f"whole numbers from 0 to {classes - 1}", f"{labels.dtype} values",
            "convert them with .astype(int), or take a loss for values such as MeanSquaredError",
        )  # fmt: skip
    if len(labels) and (labels.min() < 0 or labels.max() >= classes):
        row = int(np.flatnonzero((labels < 0) | (labels >= classes))[0])
        raise DataError(
            f"labels of {where}, row {row}", f"a class from 0 to {classes - 1}", str(labels[row]),
            "labels count from 0: subtract 1 if yours start at 1, or give the network more outputs",
        )  # fmt: skip


def inputs(x: ArrayLike | SparseRows, where: str = "x") -> NDArray[Any]:
    """`x` as a finite numeric array (N, n): uint8 as it is, else float32 or float64."""
    if isinstance(x, SparseRows):
        return x  # type: ignore[return-value]
    array = _numeric(x, where)
    if array.ndim != 2:
        raise ShapeError(
            where, "two dimensions, samples x features", f"shape {array.shape}",
            "one sample is x[None, :], and images are flattened by x.reshape(len(x), -1)",
        )  # fmt: skip
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind in "iu" and array.dtype != np.uint8:
        exact = array.size == 0 or max(abs(int(array.min())), abs(int(array.max()))) <= 2**24
        array = array.astype(np.float32 if exact else np.float64)
    elif array.dtype.kind == "f" and array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    check_finite(array, where)
    return array


def check_finite(array: NDArray[Any], where: str, advice: str = FILL) -> None:
    """Raise a DataError, with row and column, where a value is NaN or infinite."""
    with np.errstate(over="ignore", invalid="ignore"):  # a sum tells in one pass, unless it is too large itself
        if array.dtype.kind != "f" or np.isfinite(np.add.reduce(array, axis=None)) or np.isfinite(array).all():
            return
    place = np.argwhere(~np.isfinite(array))[0]
    column = f", column {place[1]}" if len(place) > 1 else ""
    raise DataError(
        f"{where}, row {place[0]}{column}", "a finite number", str(array[tuple(place)]), advice
    )  # fmt: skip


def array_of(values: Any, where: str) -> NDArray[Any]:
    """`values` as an array of any kind; an error for what NumPy cannot put into one, and for masked values."""
    try:
        array: NDArray[Any] = np.asarray(values)
    except ValueError:
        raise ShapeError(where, "rows of equal length", "rows of different lengths", "fill or cut the rows") from None
    except Exception as error:  # what an object of a user's raises: a tensor that wants its gradient, or lies on a GPU
        raise DataError(where, "what NumPy can read", brief(str(error)), "make a NumPy array of it first") from None
    if isinstance(values, np.ma.MaskedArray) and np.ma.getmaskarray(values).any():
        place = np.argwhere(np.ma.getmaskarray(values))[0].tolist()
        raise DataError(f"{where}, element {place}", "a number", "a masked value", FILL)
    return array


def text_classes(labels: NDArray[Any]) -> tuple[tuple[Class, ...], NDArray[np.intp]]:
    """The classes, sorted, and the class index of each text label (N,) or (N, 1)."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ShapeError("targets", "one label for each sample", f"shape {labels.shape}", "give one column of names")
    try:
        classes, index = np.unique(labels.astype(str), return_inverse=True)
    except UnicodeDecodeError:
        raise DataError("targets", "labels that are text", "bytes that are none", "decode them first") from None
    return tuple(classes.tolist()), index


def _numeric(values: ArrayLike, where: str) -> NDArray[Any]:
    array = array_of(values, where)
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind in "OUS":
        return _parsed(array, where)
    raise DataError(where, "numbers", f"{array.dtype} values", "convert them to float or integer first")


def _parsed(array: NDArray[Any], where: str) -> NDArray[Any]:
    """Numbers from an array of objects or text; the first that is none is named."""
    result = np.empty(array.shape, np.float64)
    for place in np.ndindex(array.shape):
        value = array[place]
        try:
            result[place] = float(value) if not isinstance(value, (list, tuple, np.ndarray)) else None
        except (TypeError, ValueError, OverflowError):
            column = f", column {place[1]}" if len(place) > 1 else ""
            row = f", row {place[0]}" if place else ""
            advice = "encode text as numbers first" if where != "targets" else "cp.Dataset.of((x, t)) takes names"
            raise DataError(f"{where}{row}{column}", "a number", brief(value), advice) from None
    return result


def targets(t: ArrayLike) -> NDArray[Any]:
    """Targets (N,) or (N, k): whole numbers as intp, others as finite floats."""
    array = _numeric(t, "targets")
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise ShapeError("targets", "shape (N,) or (N, k)", str(array.shape), "reshape the targets")
    if array.dtype.kind in "biu":
        if array.dtype == np.uint64 and array.size and int(array.max()) > 2**62:
            raise DataError("targets", "labels below 2**62", str(array.max()), "check the label column")
        return array.astype(np.intp)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    check_finite(array, "targets")
    return array


def weights(weight: ArrayLike) -> NDArray[np.float64]:
    """Weights (N,): finite, at least 0, not all 0."""
    array = _numeric(weight, "weights").astype(np.float64)
    check_finite(array, "weights")
    if array.ndim != 1 or (array < 0).any() or not array.any():
        raise DataError(
            "weights", "one number of at least 0 for each sample, not all 0", brief(weight), "change the weights"
        )
    return array
