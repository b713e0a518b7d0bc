"""A network with a loss and its parameters: something that predicts."""

import math
import os
import threading
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from clearprop.arrays.backend import NUMPY
from clearprop.arrays.checks import real, whole
from clearprop.arrays.errors import DataError, SettingError, ShapeError, brief
from clearprop.arrays.seeds import stream
from clearprop.data.dataset import Dataset, Samples
from clearprop.data.scaling import Scaling
from clearprop.data.validation import Class, array_of, check_finite, inputs
from clearprop.layers.losses import Loss, SigmoidCrossEntropy
from clearprop.network import model_file
from clearprop.network.gradient import Feed, Workspace, forward, loss_and_gradient
from clearprop.network.metrics import Evaluation, accuracy, confusion_matrix, mean_absolute_error, r2
from clearprop.network.network import Named, Network

CHUNK = 1024  # samples predicted at a time


class Model:
    """A network, a loss, and theta (P,), the flat vector of all parameters.

    seed: of the start values and of dropout. dtype: "float32" or "float64". classes: labels that `predict` answers
    with; taken from the data by the first training, as is `scaling`, which is applied to every input. threshold:
    from where a single sigmoid output means the second class.

    >>> model = Model(Network(2, 3, "tanh", 1), SigmoidCrossEntropy(), seed=0)
    >>> list(model.weights)
    ['dense1.W', 'dense1.b', 'dense2.W', 'dense2.b']
    >>> model.predict([[0.0, 1.0]]).shape
    (1,)
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        seed: int = 0,
        dtype: DTypeLike = "float32",
        *,
        classes: tuple[Class, ...] | None = None,
        scaling: Scaling | None = None,
        threshold: float = 0.5,
    ) -> None:
        for name, value, kind in (("network", network, Network), ("loss", loss, Loss)):
            if not isinstance(value, kind):
                example = "cp.Network(64, 32, 'relu', 10)" if kind is Network else "cp.SoftmaxCrossEntropy()"
                raise SettingError("Model", f"a {kind.__name__} as {name}", brief(value), f"such as {example}")
        if dtype is None or dtype not in ("float32", "float64", np.float32, np.float64, np.dtype("f4"), np.dtype("f8")):
            raise SettingError("Model", 'dtype "float32" or "float64"', brief(dtype), "change dtype")
        loss.check_outputs(network.outputs)
        self.network, self.loss = network, loss
        self.seed = whole("Model", "seed", seed, low=0)
        if scaling is not None:
            if not isinstance(scaling, Scaling):
                raise SettingError("Model", "a Scaling", brief(scaling), "such as cp.Scaling(0.0, 1 / 255)")
            scaling.check_width(network.inputs)
        self.scaling, self.threshold = scaling, threshold
        self.classes = classes
        self._theta: NDArray[Any] = NUMPY.zeros((network.size,), dtype)
        self._state: NDArray[Any] = np.zeros(network.state.size, dtype)
        self._local = threading.local()
        rng = stream(self.seed, "initialization")
        views = network.theta.views(self._theta, len(network)), network.state.views(self._state, len(network))
        for layer, w, state in zip(network.layers, *views, strict=True):
            layer.initialize(rng, w)
            layer.initial_state(state)

    @property
    def theta(self) -> NDArray[Any]:
        """All parameters as one vector (P,). Assigning copies the values in."""
        return self._theta

    @theta.setter
    def theta(self, values: ArrayLike) -> None:
        array = array_of(values, "theta")
        if array.shape != self._theta.shape or array.dtype.kind not in "biuf":
            raise ShapeError(
                "theta", f"numbers of shape {self._theta.shape}", f"{array.dtype} {array.shape}", "reshape"
            )
        with np.errstate(over="ignore"):
            array = array.astype(self._theta.dtype)
        check_finite(array, "theta", "give finite weights")
        self._theta[...] = array

    @property
    def state(self) -> NDArray[Any]:
        """The running statistics of normalization layers as one vector."""
        return self._state

    @property
    def dtype(self) -> np.dtype[Any]:
        """Precision of theta and of all computation."""
        return self._theta.dtype

    @property
    def weights(self) -> Named:
        """The parameters by name (dense1.W, ...), as views into theta; `model.weights["dense1.b"] = values` copies."""
        return Named(self.network.theta, self._theta)

    @property
    def threshold(self) -> float:
        """Probability from which a single output means the second class, or one of several labels holds."""
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._threshold = real("Model", "threshold", value, low=0.0, high=1.0)

    @property
    def classes(self) -> tuple[Class, ...] | None:
        """The labels that `predict` answers with, by class index; None answers with the index itself."""
        return self._classes

    @classes.setter
    def classes(self, labels: tuple[Class, ...] | None) -> None:
        outputs = self.network.outputs
        if labels is not None and not isinstance(labels, (tuple, list, np.ndarray)):
            raise SettingError("classes", "a label for each class", brief(labels), 'such as ("no", "yes")')
        if labels is not None:
            labels = tuple(label.item() if isinstance(label, np.generic) else label for label in labels)
            if len(labels) != max(outputs, 2):
                raise ShapeError(
                    "classes", f"{max(outputs, 2)} labels, as the network has {outputs} outputs", str(len(labels)),
                    f"end the network with {len(labels)} units",
                )  # fmt: skip
            if not all(type(label) in (int, str) for label in labels) or len(set(labels)) < len(labels):
                raise SettingError("classes", "different names or whole numbers", brief(labels), "rename them")
        self._classes = labels
        self._labels = np.asarray(labels)

    @property
    def classifies(self) -> bool:
        """Whether `predict` answers with classes rather than values."""
        return self.loss.classifies or self._classes is not None

    @property
    def multi_label(self) -> bool:
        """Whether several labels may hold at once: a sigmoid for each of several outputs."""
        return isinstance(self.loss, SigmoidCrossEntropy) and self.network.outputs > 1 and self._classes is None

    def adopt(self, data: Dataset) -> None:
        """Take over what `data` knows and this model does not: the scaling of inputs and the names of classes."""
        if self.scaling is None and data.scaling is not None:
            data.scaling.check_width(self.network.inputs)
            self.scaling = data.scaling
        outputs, classes = self.network.outputs, data.classes
        if classes is None or self._classes is not None or data.train.t.ndim > 1:
            return
        values = not self.loss.classifies and outputs == 1 and len(classes) != 2
        if not values:
            if len(classes) != max(outputs, 2):
                raise ShapeError(
                    self.network.place(len(self.network) - 1), f"{len(classes)} outputs, the classes of {data.name}",
                    str(outputs), f"end the network with cp.Dense({len(classes)})",
                )  # fmt: skip
            self.classes = classes

    def __call__(self, x: ArrayLike | Samples) -> NDArray[Any]:
        """What the network puts out (N, k) for inputs (N, n), before the loss's link: logits, or values."""
        return np.concatenate([z.copy() for z, _ in self._outputs(x)])

    def predict_proba(self, x: ArrayLike | Samples) -> NDArray[Any]:
        """Probabilities (N, k) for inputs (N, n): what the loss's link makes of the outputs, else the outputs."""
        return np.concatenate([self._linked(z, work) for z, work in self._outputs(x)])

    def _linked(self, z: NDArray[Any], work: Workspace) -> NDArray[Any]:
        """What the loss's link makes of the outputs `z` (N, k) in `work`."""
        p = np.empty_like(z)
        self.loss.link(work.xp, z, p, work.loss_memo)
        return p

    def predict(self, x: ArrayLike | Samples) -> NDArray[Any]:
        """The class (N,) for each input of (N, n), or the value: (N,) for one output, (N, k) for more.

        With several labels at once: 0 or 1 for each (N, k).
        """
        parts = [self._answer(z, work) for z, work in self._outputs(x)]
        answer = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if self._classes is not None and answer.ndim == 1:
            return self._labels[answer]
        return answer

    def _answer(self, z: NDArray[Any], work: Workspace) -> NDArray[Any]:
        """Class indices, labels, or values after the loss's link, from the outputs `z` (N, k) in `work`."""
        if self.classifies:
            return self.decide(z)
        values = self._linked(z, work)
        return values[:, 0] if values.shape[1] == 1 else values

    def decide(self, z: NDArray[Any]) -> NDArray[Any]:
        """Class indices or labels from the network's outputs `z` (N, k)."""
        if z.shape[1] > 1 and not self.multi_label:
            return z.argmax(axis=1)
        holds = (z >= self.cut).astype(np.intp)
        return holds[:, 0] if z.shape[1] == 1 else holds

    @property
    def cut(self) -> float:
        """The output that stands for the threshold."""
        p = self._threshold
        if not isinstance(self.loss, SigmoidCrossEntropy):
            return p
        return -np.inf if p == 0 else np.inf if p == 1 else float(np.log(p / (1 - p)))

    def _outputs(self, x: ArrayLike | Samples) -> Iterator[tuple[NDArray[Any], Workspace]]:
        """Chunks of outputs, each valid until the next, and the workspace that they lie in."""
        array = array_of(x.x if isinstance(x, Samples) else x, "x")
        array = inputs(array.reshape(len(array), -1) if array.ndim == 3 and array.size else array)
        self.network.check_input(array.shape[1])
        if not len(array):
            raise DataError("x", "at least one sample", "none", "check the selection")
        for start in range(0, len(array), CHUNK):
            part = array[start : start + CHUNK]
            work = self._evaluation(len(part))
            with np.errstate(over="ignore", invalid="ignore"):
                if self.scaling is None:
                    work.batch.x[...] = part
                else:
                    self.scaling.apply(part, work.batch.x)
                z = forward(work)
            if not math.isfinite(np.add.reduce(z, axis=None)) and not np.isfinite(z).all():
                advice = "scale the inputs, or train again with a lower learning rate"
                raise DataError("the network's output", "finite numbers", "NaN or infinity", advice)
            yield z, work

    def _evaluation(self, size: int) -> Workspace:
        """Buffers for predicting, one set for each thread."""
        work: Workspace | None = getattr(self._local, "work", None)
        if work is None or work.size < size:
            work = self._local.work = Workspace(self, size, training=False, state=self._state)
        part = work.first(size)
        part.bind(self._theta)
        return part

    def gradients(self, x: ArrayLike, t: ArrayLike) -> Named:
        """The gradient of the loss of samples x (N, n), t, as in a training step: arrays by the names of `weights`."""
        data = Dataset.of((x, t))
        work = Workspace(self, len(data.train), rng=stream(self.seed, "dropout"))
        work.load(self, data.train, data.classes)
        with np.errstate(over="ignore", invalid="ignore"):
            loss_and_gradient(self, self._theta, work.batch, work)
        return Named(self.network.theta, work.gradient)

    def evaluate(self, data: Any) -> Evaluation:
        """Loss and metrics on a Dataset's test part (its training part if it has none), Samples or (x, t)."""
        whole_set = Dataset.of(data)
        samples = whole_set.test or whole_set.train
        feed = Feed(self, samples, self.dtype, whole_set.classes)
        loss = weight = 0.0
        parts = []
        for start in range(0, len(samples), CHUNK):
            work = self._evaluation(min(CHUNK, len(samples) - start))
            batch = work.batch
            with np.errstate(over="ignore", invalid="ignore"):
                share = feed.fill(np.arange(start, start + work.size), work)
                z = forward(work)
                value = self.loss.value_and_gradient(work.xp, z, batch.t, batch.share, work.deltas[-1], work.loss_memo)
            loss += share * value
            weight += share
            parts.append(self._answer(z, work))
        if not (weight > 0 and math.isfinite(loss)):
            got = f"a total weight of {weight:g}" if weight <= 0 else f"a loss of {loss}"
            raise DataError("evaluate", "a finite loss of samples that count", got, "check weights and inputs")
        predicted, mean = np.concatenate(parts), loss / weight
        if not self.classifies:
            rows = feed.targets.table if feed.targets.index is None else feed.targets.table[feed.targets.index]
            t = rows.reshape(predicted.shape)
            return Evaluation(
                mean, len(samples), r2=r2(t, predicted), mean_absolute_error=mean_absolute_error(t, predicted)
            )
        labels = self.labels_of(feed)
        right = accuracy(labels, predicted)
        if self.multi_label:
            return Evaluation(mean, len(samples), right)
        confusion = confusion_matrix(labels, predicted, max(self.network.outputs, 2))
        return Evaluation(mean, len(samples), right, confusion, self._classes)

    def labels_of(self, feed: Feed) -> NDArray[np.intp]:
        """What `decide` should answer for the samples of `feed`: class indices (N,), or labels (N, k)."""
        targets = feed.targets
        if self.multi_label and targets.index is not None:
            return (targets.table[targets.index] >= 0.5).astype(np.intp)
        if targets.index is not None:
            return targets.index
        if self.network.outputs > 1 and not self.multi_label:
            return targets.table.argmax(axis=1)
        labels = (targets.table >= 0.5).astype(np.intp)
        return labels[:, 0] if labels.shape[1] == 1 else labels

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one `.safetensors` file; a FileError where that cannot be done. `load` reads it."""
        model_file.write(path, self.describe(), self.arrays())

    def describe(self) -> dict[str, Any]:
        """All but the arrays, as plain data."""
        return {
            "network": self.network.to_dict(), "loss": self.loss.to_dict(), "dtype": str(self.dtype),
            "seed": self.seed, "classes": self._classes, "threshold": self._threshold,
            "scaling": self.scaling and {"shift": self.scaling.shift, "factor": self.scaling.factor},
        }  # fmt: skip

    def to_onnx(self, path: str | os.PathLike[str], *, probabilities: bool = True) -> None:
        """Write the model as an ONNX file; see clearprop.export.onnx.to_onnx. Needs the extra "onnx"."""
        # by name, as export knows models and models know nothing of export
        import_module("clearprop.export.onnx").to_onnx(self, path, probabilities=probabilities)

    def to_python(self, path: str | os.PathLike[str], *, numpy: bool = True) -> None:
        """Write the model as one Python file that predicts without clearprop; see clearprop.export.standalone."""
        import_module("clearprop.export.standalone").to_python(self, path, numpy=numpy)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Parameters and running statistics by name, as views."""
        return self.network.theta.named(self._theta) | self.network.state.named(self._state)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_local"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._local = threading.local()

    def _repr_svg_(self) -> str:
        """A diagram for notebooks, with the weights of a small network."""
        svg: str = import_module("clearprop.pictures.diagram").diagram(self).svg
        return svg

    def __repr__(self) -> str:
        return f"Model({self.network!r}, {self.loss!r}, {self.network.size} parameters, {self.dtype})"
