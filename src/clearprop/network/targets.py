"""From the targets of a data set to rows (N, k) that a loss can be taken of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from clearprop.arrays.errors import DataError, ShapeError, brief
from clearprop.data.validation import Class, check_finite, check_labels
from clearprop.layers.losses import Loss, Poisson, SigmoidCrossEntropy, SoftmaxCrossEntropy


@dataclass(frozen=True)
class Targets:
    """Target rows, looked up: sample i has row table[i], or table[index[i]] where targets are class indices."""

    table: NDArray[Any]
    index: NDArray[np.intp] | None

    def gather(self, rows: NDArray[np.intp], out: NDArray[Any], picked: NDArray[np.intp]) -> None:
        """Fill `out` (N, k) for samples `rows` (N,); `picked` (N,) is a buffer for indices."""
        if self.index is not None:
            rows = self.index.take(rows, 0, picked, "clip")
        self.table.take(rows, 0, out, "clip")


def encode(loss: Loss, t: NDArray[Any], outputs: int, dtype: DTypeLike, classes: tuple[Class, ...] | None) -> Targets:
    """The rows for targets `t` (N,) or (N, k) of a network with `outputs` outputs.

    Class indices become one-hot rows for several outputs, 0 or 1 for one. Everything that does not fit the loss is
    a DataError or ShapeError that names the row.
    """
    if t.ndim == 2 and t.shape[1] == 1 and outputs > 1:
        t = t[:, 0]  # a column of labels
    if t.ndim == 1 and t.dtype.kind == "i" and (loss.classifies or outputs > 1):
        check_labels(t, max(outputs, 2), f"targets for {outputs} outputs")
        off, on = loss.target_levels(outputs)
        rows = np.full((outputs, outputs), off) + np.eye(outputs) * (on - off) if outputs > 1 else [[0.0], [1.0]]
        return Targets(np.asarray(rows, dtype), t)
    if t.ndim == 1:
        if outputs > 1:
            if loss.classifies:
                check_labels(t, outputs, "targets")
            raise ShapeError(
                "targets", f"shape (N, {outputs}), as the network has {outputs} outputs", "(N,)", "give it one output"
            )
        t = _values(t, classes)[:, None]
    if t.shape[1] != outputs:
        raise ShapeError(
            "targets", f"{outputs} columns, one for each output of the network", str(t.shape[1]),
            f"end the network with {t.shape[1]} units",
        )  # fmt: skip
    if isinstance(loss, (SoftmaxCrossEntropy, SigmoidCrossEntropy)):
        _check_probabilities(t, isinstance(loss, SoftmaxCrossEntropy))
        off, on = loss.target_levels(outputs)
        t = off + t * (on - off)
    if isinstance(loss, Poisson):
        _refuse(t < 0, t, "a count of at least 0", "take a loss for all values such as MeanSquaredError")
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(t, dtype)
    check_finite(rows, "targets", "scale the targets down, or take a model of float64")
    return Targets(rows, None)


def in_classes_of(known: tuple[Class, ...], t: NDArray[Any], classes: tuple[Class, ...]) -> NDArray[Any]:
    """Indices into `known`, the classes of a model, from indices into `classes`, those of a data set."""
    if classes == known:
        return t
    index = {label: i for i, label in enumerate(known)}
    for i in np.unique(t):
        if classes[i] not in index:
            raise DataError(
                "targets", f"the model's classes, {brief(known)}", f"class {classes[i]!r}", "check the label column"
            )
    return np.array([index.get(label, 0) for label in classes], np.intp)[t]


def _values(t: NDArray[Any], classes: tuple[Class, ...] | None) -> NDArray[Any]:
    """Targets as numbers to come near to: where class indices stand for other numbers, those."""
    if classes is None or t.dtype.kind == "f":
        return t
    numbers = np.asarray(classes)
    if numbers.dtype.kind in "US":
        raise DataError(
            "targets", "numbers, for a network with one output", f"{len(classes)} classes such as {classes[0]!r}",
            f"end the network with {len(classes)} units and take SoftmaxCrossEntropy",
        )  # fmt: skip
    return np.asarray(numbers[t])


def _check_probabilities(t: NDArray[Any], sums_to_one: bool) -> None:
    _refuse(
        (t < 0) | (t > 1), t, "a probability from 0 to 1",
        "give class indices, one-hot rows or probabilities, or take a loss for values such as MeanSquaredError",
    )  # fmt: skip
    if sums_to_one:
        sums = t.sum(axis=1, dtype=np.float64)
        wrong = np.flatnonzero(np.abs(sums - 1) > 1e-3)
        if len(wrong):
            raise DataError(
                f"targets, row {wrong[0]}", "probabilities that sum to 1", f"a sum of {sums[wrong[0]]:g}",
                "for several labels at once take SigmoidCrossEntropy",
            )  # fmt: skip


def _refuse(bad: NDArray[np.bool_], t: NDArray[Any], wanted: str, advice: str) -> None:
    """Raise a DataError for the first of the targets t (N, k) that is `bad`."""
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(f"targets, row {row}, column {column}", wanted, str(t[row, column]), advice)
