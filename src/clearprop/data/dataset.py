"""Samples with their targets, and data sets made of a training and a test part."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop.arrays.checks import real, whole
from clearprop.arrays.errors import DataError, SettingError, ShapeError, brief
from clearprop.arrays.seeds import stream
from clearprop.data.scaling import Scaling
from clearprop.data.sparse import SparseRows
from clearprop.data.validation import Class, array_of, check_labels, inputs, targets, text_classes, weights


class Samples:
    """N samples: x (N, n), targets t (N,) or (N, k), and optional weights (N,).

    `len`, slices and index arrays work: `samples[:8]` is a batch. Bytes stay uint8; other whole numbers become
    float32 (float64 where that is not exact). Targets are whole numbers for classes, floats for values.

    >>> samples = Samples([[0, 1], [1, 1], [5, 5]], [0, 1, 1])
    >>> len(samples), samples[:2].t.tolist()
    (3, [0, 1])
    """

    __slots__ = ("t", "weight", "x")

    def __init__(self, x: ArrayLike | SparseRows, t: ArrayLike, weight: ArrayLike | None = None) -> None:
        self.x = inputs(x)
        self.t = targets(t)
        self.weight = None if weight is None else weights(weight)
        for name, values in (("targets", self.t), ("weights", self.weight)):
            if values is not None and len(values) != len(self.x):
                raise ShapeError(
                    "samples", f"{len(self.x)} {name}, one for each row of x", str(len(values)), "check both files"
                )
        if not self.x.size:
            raise DataError(
                "samples", "at least one, and one feature", f"x of shape {self.x.shape}", "check where they come from"
            )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice | Sequence[int] | NDArray[Any]) -> Self:
        """The chosen rows; a slice shares memory."""
        if isinstance(rows, (int, np.integer)):
            rows = [int(rows)]
        try:
            chosen = object.__new__(type(self))
            chosen.x, chosen.t = self.x[rows], self.t[rows]
            chosen.weight = None if self.weight is None else self.weight[rows]
        except (IndexError, TypeError):
            raise DataError(
                "samples", f"rows between 0 and {len(self) - 1}", brief(rows), "give a slice or an array of rows"
            ) from None
        if chosen.x.ndim != 2 or not len(chosen):
            raise DataError("samples", "a choice of rows", brief(rows), f"choose at least one of {len(self)} rows")
        return chosen

    def __repr__(self) -> str:
        weighted = "" if self.weight is None else ", weighted"
        return f"<{len(self)} samples: x {self.x.shape} {self.x.dtype}, t {self.t.shape} {self.t.dtype}{weighted}>"

    def batches(self, size: int, seed: int | None = None) -> Iterator[Self]:
        """The samples in pieces of `size` (the last may be smaller), shuffled if a seed is given."""
        whole("batches", "size", size)
        order = np.arange(len(self)) if seed is None else stream(seed, "shuffle").permutation(len(self))
        for start in range(0, len(self), size):
            yield self[order[start : start + size]]

    def take(self, count: int, seed: int = 0) -> Self:
        """`count` samples chosen at random without repetition, every class in its share, in their old order."""
        whole("take", "count", count, high=len(self))
        if count == len(self):
            return self
        return self[_stratified(self.t, count, seed)]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A training part and, where there is one, a test part, with what is known about them.

    names: of the features. classes: label of each class index. image_shape: (height, width) where samples are
    images. target: the name of what is predicted. scaling: what a model trained on this data applies to its inputs.

    >>> data = Dataset.of(([[0.0], [1.0], [2.0], [3.0]], ["no", "yes", "no", "yes"]))
    >>> data.classes, data.train.t.tolist()
    (('no', 'yes'), [0, 1, 0, 1])
    """

    train: Samples
    test: Samples | None = None
    name: str = "data"
    names: tuple[str, ...] | None = None
    image_shape: tuple[int, int] | None = None
    classes: tuple[Class, ...] | None = None
    source: str = ""
    licence: str = ""
    target: str = ""
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        for field in ("names", "classes", "image_shape"):
            object.__setattr__(self, field, _tuple(field, getattr(self, field)))
        for part in (self.train, self.test):
            if not (isinstance(part, Samples) or (part is None and self.train is not None)):
                raise DataError(f"Dataset {self.name}", "Samples", brief(part), "for instance Samples(x, t)")
        n = self.train.x.shape[1]
        for part in (self.train, self.test):
            if part is None:
                continue
            for name, values, wanted in ("x", part.x, self.train.x), ("t", part.t, self.train.t):
                if values.shape[1:] != wanted.shape[1:]:
                    raise ShapeError(
                        f"test part of {self.name}", f"{name} of shape {('N', *wanted.shape[1:])}", str(values.shape),
                        "check both parts",
                    )  # fmt: skip
            if self.classes is not None and part.t.ndim == 1:
                check_labels(part.t, len(self.classes), self.name)
        if self.names is not None and len(self.names) != n:
            raise ShapeError(self.name, f"{n} feature names", str(len(self.names)), "give one for each column of x")
        if self.image_shape is not None:
            sides = [whole(self.name, "image_shape", side) for side in self.image_shape]
            if len(sides) != 2 or math.prod(sides) != n:
                raise ShapeError(
                    self.name, f"an image_shape of two numbers, {n} pixels", str(self.image_shape), "change image_shape"
                )
        if self.scaling is not None:
            if not isinstance(self.scaling, Scaling):
                raise SettingError(self.name, "a Scaling, or None", brief(self.scaling), "change scaling")
            self.scaling.check_width(n)

    @classmethod
    def of(cls, data: Any, **known: Any) -> "Dataset":
        """A Dataset from a Dataset, Samples, or (x, t) or (x, t, weight) arrays; text labels become classes.

        x may be (N, height, width): the images are flattened and their shape kept. test may be (x, t), too.
        """
        if isinstance(data, Dataset):
            return dataclasses.replace(data, **known) if known else data
        if isinstance(data, Samples):
            return cls(data, **known)
        if not (isinstance(data, (tuple, list)) and len(data) in (2, 3)):
            raise DataError("data", "a Dataset, Samples, or (x, t)", brief(data), "for instance cp.data.digits()")
        if isinstance(known.get("test"), (tuple, list)):
            return cls._of_both(data, **known)
        x, t, *weight = data
        columns = list(getattr(x, "columns", ()))  # of a pandas DataFrame
        if columns and all(isinstance(name, str) for name in columns):
            known.setdefault("names", tuple(columns))
        x = array_of(x, "x")
        if x.ndim == 3:
            known.setdefault("image_shape", x.shape[1:])
            x = x.reshape(len(x), -1)
        labels = array_of(t, "targets")
        if labels.dtype.kind in "US" or (labels.dtype == object and all(isinstance(v, str) for v in labels.flat)):
            found, t = text_classes(labels)
            classes = known["classes"] = tuple(known.get("classes") or found)
            for name in found:
                if name not in classes:
                    raise DataError(
                        "targets", f"labels among the classes {brief(classes)}", repr(name), "add it to them"
                    )
            t = np.array([classes.index(name) for name in found], np.intp)[t]
        return cls(Samples(x, t, *weight), **known)

    @classmethod
    def _of_both(cls, train: Any, test: Any, **known: Any) -> "Dataset":
        """From the arrays of both parts; the classes are those of both together."""
        first, second = cls.of(train, **known), cls.of(test, classes=known.get("classes"))
        if (first.classes is None) != (second.classes is None):
            raise DataError("test part", "labels of the same kind as for training", "another kind", "check both")
        if first.classes is None or second.classes is None or "classes" in known:
            return dataclasses.replace(first, test=second.train)
        classes = tuple(sorted({*first.classes, *second.classes}, key=str))
        parts = []
        for part in (first, second):
            index = np.array([classes.index(label) for label in part.classes or ()])
            parts.append(Samples(part.train.x, index[part.train.t], part.train.weight))
        return dataclasses.replace(first, train=parts[0], test=parts[1], classes=classes)

    def __repr__(self) -> str:
        test = "none" if self.test is None else len(self.test)
        kind = f"{len(self.classes)} classes" if self.classes else "no classes"
        return f"<Dataset {self.name}: {len(self.train)} train, {test} test, {self.train.x.shape[1]} features, {kind}>"

    def _repr_html_(self) -> str:
        """What is known of the data, and some of its images."""
        # by name, as pictures know data and data knows nothing of pictures
        html: str = import_module("clearprop.pictures.notebook").dataset_html(self)
        return html

    def batches(self, size: int, seed: int | None = None) -> Iterator[Samples]:
        """The training part in pieces of `size`."""
        return self.train.batches(size, seed)

    def split(self, share: float = 0.2, seed: int = 0) -> "Dataset":
        """A Dataset whose test part is `share` of this one's training part, every class in its share.

        An existing test part is left out: use it for the final word. 0 < share < 1. A DataError where a part would
        be left without a class.
        """
        real("split", "share", share, low=0.0, high=1.0, open_low=True)
        count = round(share * len(self.train))
        if not 0 < count < len(self.train):
            raise DataError(
                f"split of {self.name}", f"a share that leaves both parts some of the {len(self.train)} samples",
                str(share), "change the share",
            )  # fmt: skip
        chosen = np.zeros(len(self.train), bool)
        chosen[_stratified(self.train.t, count, seed)] = True
        self._check_parts(chosen)
        return dataclasses.replace(self, train=self.train[~chosen], test=self.train[chosen])

    def _check_parts(self, chosen: NDArray[np.bool_]) -> None:
        """Raise a DataError where a class has no sample that is `chosen`, or only such."""
        t = self.train.t
        found = np.unique(t)
        # whole numbers may be values to predict, but not where they are those of classes: 0, 1, ... with none missing
        if t.ndim > 1 or not (self.classes or np.array_equal(found, np.arange(len(found)))):
            return
        for part in (t[chosen], t[~chosen]):
            for left_out in np.setdiff1d(found, part):
                label = self.classes[left_out] if self.classes else int(left_out)
                raise DataError(
                    f"split of {self.name}", "samples of each class in both parts",
                    f"none of class {label!r} in one, of {np.count_nonzero(t == left_out)} in all",
                    "change the share, or drop that class",
                )  # fmt: skip

    def take(self, count: int, seed: int = 0) -> "Dataset":
        """The same Dataset with only `count` training samples, every class in its share; the test part stays."""
        return dataclasses.replace(self, train=self.train.take(count, seed))

    def unit_scaled(self) -> "Dataset":
        """The same data, with inputs to be scaled to 0..1 (bounds from the training part)."""
        return dataclasses.replace(self, scaling=Scaling.unit(self.train.x))

    def standardized(self) -> "Dataset":
        """The same data, with each feature to be brought to mean 0 and deviation 1 (of the training part)."""
        return dataclasses.replace(self, scaling=Scaling.standard(self.train.x))


def one_hot(labels: ArrayLike, classes: int | None = None) -> NDArray[np.float32]:
    """Class indices (N,) as rows (N, classes) with a single 1. `classes` defaults to the largest label plus one.

    >>> one_hot([2, 0])
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    indices = targets(labels)
    if indices.ndim != 1 or indices.dtype.kind != "i" or not len(indices):
        raise DataError("one_hot", "class indices (N,)", f"{indices.dtype} {indices.shape}", "give whole numbers")
    count = int(indices.max()) + 1 if classes is None else whole("one_hot", "classes", classes)
    check_labels(indices, count, "one_hot")
    if count * len(indices) > 2**31:
        raise DataError("one_hot", "at most 2**31 entries", f"{len(indices)} x {count}", "use the indices as they are")
    return np.eye(count, dtype=np.float32)[indices] if count <= 4096 else _rows_with_one(indices, count)


def _tuple(name: str, value: Any) -> tuple[Any, ...] | None:
    if value is None:
        return None
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise SettingError("Dataset", f"several {name}", brief(value), f"give {name} as a tuple")
    return tuple(value.tolist() if isinstance(value, np.ndarray) else value)


def _rows_with_one(indices: NDArray[np.intp], count: int) -> NDArray[np.float32]:
    rows = np.zeros((len(indices), count), np.float32)
    rows[np.arange(len(indices)), indices] = 1
    return rows


def _stratified(t: NDArray[Any], count: int, seed: int) -> NDArray[np.intp]:
    """`count` rows in ascending order, each class in its share where t holds class indices."""
    rng = stream(seed, "split")
    labels = t if t.ndim == 1 and t.dtype.kind == "i" else np.zeros(len(t), np.intp)
    _, group = np.unique(labels, return_inverse=True)
    shuffled = rng.permutation(len(t))
    order = shuffled[np.argsort(group[shuffled], kind="stable")]
    # every class lies in one run of `order`, so evenly spaced picks take each in its share
    picks = (np.arange(count) * len(t)) // count
    return np.sort(order[picks])
