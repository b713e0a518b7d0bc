"""How good predictions are. Labels are class indices (N,), scores and values arrays (N, k) or (N,)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop.arrays.checks import whole
from clearprop.arrays.errors import DataError, ShapeError, brief
from clearprop.arrays.table import Table
from clearprop.data.validation import array_of


def accuracy(labels: ArrayLike, predicted: ArrayLike) -> float:
    """Share of samples predicted right. With several labels each (N, k), all k must be right.

    >>> accuracy([0, 1, 2, 2], [0, 1, 1, 2])
    0.75
    """
    t, p = _pair(labels, predicted)
    right = t == p
    return float(right.reshape(len(right), -1).all(axis=1).mean())


def top_k(labels: ArrayLike, scores: ArrayLike, k: int = 5) -> float:
    """Share of samples whose class is among the `k` with the highest scores (N, classes).

    >>> top_k([2, 0], [[0.1, 0.5, 0.4], [0.1, 0.6, 0.3]], k=2)
    0.5
    """
    t, s = array_of(labels, "labels"), array_of(scores, "scores")
    if s.ndim != 2 or t.shape != s.shape[:1]:
        raise ShapeError("top_k", "labels (N,) and scores (N, classes)", f"{t.shape} and {s.shape}", "reshape them")
    k = whole("top_k", "k", k, high=s.shape[1])
    own = s[np.arange(len(t)), _indices(t, s.shape[1])][:, None]
    return float((~np.isnan(own[:, 0]) & ((s > own).sum(axis=1) < k)).mean())


def confusion_matrix(labels: ArrayLike, predicted: ArrayLike, classes: int | None = None) -> NDArray[np.intp]:
    """Counts (classes, classes): row the true class, column the predicted one.

    >>> confusion_matrix([0, 1, 1], [0, 1, 0]).tolist()
    [[1, 0], [1, 1]]
    """
    t, p = _pair(labels, predicted)
    if t.ndim != 1 or t.dtype.kind not in "iub":
        raise DataError("confusion_matrix", "class indices (N,)", f"{t.dtype} {t.shape}", "convert the labels first")
    count = int(max(t.max(), p.max())) + 1 if classes is None else classes
    whole("confusion_matrix", "classes", count, high=10_000)
    flat = _indices(t, count) * count + _indices(p, count)
    return np.bincount(flat, minlength=count * count).reshape(count, count)


def precision_recall_f1(confusion: NDArray[Any]) -> NDArray[np.float64]:
    """For each class of a confusion matrix: precision, recall, F1 (classes, 3); 0 where nothing was counted.

    >>> precision_recall_f1(np.array([[1, 0], [1, 1]])).round(3).tolist()
    [[0.5, 1.0, 0.667], [1.0, 0.5, 0.667]]
    """
    right = np.diag(confusion).astype(np.float64)
    predicted, actual = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = right / np.maximum(predicted, 1)
    recall = right / np.maximum(actual, 1)
    f1 = 2 * right / np.maximum(predicted + actual, 1)
    return np.stack([precision, recall, f1], axis=1)


def r2(targets: ArrayLike, predicted: ArrayLike) -> float:
    """Coefficient of determination, mean over outputs: 1 is perfect, 0 no better than the mean.

    Constant targets give 1 where they are met exactly, else 0.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    1.0
    """
    t, p = _pair(targets, predicted)
    t, p = t.reshape(len(t), -1).astype(np.float64), p.reshape(len(p), -1).astype(np.float64)
    residual, total = ((t - p) ** 2).sum(axis=0), ((t - t.mean(axis=0)) ** 2).sum(axis=0)
    constant = np.where(residual == 0, 1.0, 0.0)
    return float(np.where(total > 0, 1 - residual / np.where(total > 0, total, 1), constant).mean())


def mean_absolute_error(targets: ArrayLike, predicted: ArrayLike) -> float:
    """Mean of |target - prediction| over samples and outputs.

    >>> mean_absolute_error([1.0, 2.0], [1.5, 2.0])
    0.25
    """
    t, p = _pair(targets, predicted)
    return float(np.abs(t.astype(np.float64) - p).mean())


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What `Model.evaluate` found: the loss, and for classes accuracy and confusion, for values R2 and MAE.

    confusion is None for values and for several labels each.
    """

    loss: float
    samples: int
    accuracy: float | None = None
    confusion: NDArray[np.intp] | None = None
    classes: tuple[Any, ...] | None = None
    r2: float | None = None
    mean_absolute_error: float | None = None

    def per_class(self) -> Table:
        """Precision, recall, F1 and number of samples of each class."""
        if self.confusion is None:
            raise DataError("per_class", "one class for each sample", "values or several labels", "use the loss")
        names = self.classes or tuple(range(len(self.confusion)))
        scores, counts = precision_recall_f1(self.confusion), self.confusion.sum(axis=1)
        rows = [
            (str(name), *(f"{score:.3f}" for score in row), str(count))
            for name, row, count in zip(names, scores, counts, strict=True)
        ]
        return Table(("class", "precision", "recall", "F1", "samples"), rows, right=(1, 2, 3, 4))

    def confusion_table(self) -> Table:
        """The confusion matrix with class names: row the true class, column the predicted one; 0 as a dot."""
        if self.confusion is None:
            raise DataError("confusion_table", "one class for each sample", "values or several labels", "use the loss")
        names = [str(name) for name in self.classes or range(len(self.confusion))]
        rows = [
            (name, *("." if count == 0 else str(count) for count in row))
            for name, row in zip(names, self.confusion, strict=True)
        ]
        return Table(
            ("true", *names),
            rows,
            caption="rows: true class, columns: predicted",
            right=tuple(range(1, 1 + len(names))),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; what does not apply is left out."""
        data = {name: value for name, value in vars(self).items() if value is not None}
        if self.confusion is not None:
            data["confusion"] = self.confusion.tolist()
        return data

    def __repr__(self) -> str:
        parts = [f"loss {self.loss:.4f}"]
        if self.accuracy is not None:
            parts.append(f"accuracy {self.accuracy:.2%}")
        if self.r2 is not None:
            parts.append(f"R2 {self.r2:.4f}, mean absolute error {self.mean_absolute_error:.4g}")
        return f"{', '.join(parts)} ({self.samples} samples)"


def _pair(labels: ArrayLike, predicted: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    t, p = array_of(labels, "labels"), array_of(predicted, "predicted")
    if t.shape != p.shape or not t.size:
        raise ShapeError("metric", "two arrays of one shape, not empty", f"{t.shape} and {p.shape}", "reshape them")
    return t, p


def _indices(labels: NDArray[Any], count: int) -> NDArray[Any]:
    if labels.dtype.kind not in "iub" or labels.min() < 0 or labels.max() >= count:
        raise DataError("metric", f"class indices from 0 to {count - 1}", brief(labels), "convert the labels first")
    return labels.astype(np.intp)
