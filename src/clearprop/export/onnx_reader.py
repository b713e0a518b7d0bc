"""Reading a feed-forward network from an ONNX file, ours or another program's.

A graph is read node after node as a chain: each takes what the one before put out, and constants. Whatever is no
step of such a chain is refused by its name.
"""

import json
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import ClearpropError, FileError, SettingError, brief
from clearprop.arrays.files import location
from clearprop.data.scaling import Scaling
from clearprop.export import onnx_file
from clearprop.export.onnx import Proto, graph_of, package
from clearprop.export.onnx_file import Arrays
from clearprop.export.onnx_steps import LENGTHS, OPERATIONS, PATTERNS, Part, Step, dense, pattern
from clearprop.layers.activations import Identity, Sigmoid
from clearprop.layers.base import Layer
from clearprop.layers.dense import Dense
from clearprop.layers.losses import Loss, MeanSquaredError, Poisson, SigmoidCrossEntropy, SoftmaxCrossEntropy
from clearprop.network.model import Model
from clearprop.network.network import Network

DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
FLOATS = (1, 11)  # float32 and float64, in onnx.TensorProto
SCALERS = ("Add", "Sub", "Mul", "Div", "Scaler")  # when they come first
ELSEWHERE = (*SCALERS, "Flatten", "Reshape", "Softmax", "LogSoftmax", "Exp")  # known, but not at every place
CHOICES = {"ArgMax", "ZipMap", "Binarizer"}  # which turn probabilities into classes
FURTHER = CHOICES | {"ArrayFeatureExtractor", "LabelEncoder", "Reshape", "Cast"}  # and what may follow
LABELS = ("classlabels_int64s", "classlabels_strings", "values_int64s", "values_strings")


def from_onnx(path: str | os.PathLike[str], loss: Loss | None = None) -> Model:
    """The model in an ONNX file: one that `to_onnx` wrote, just as it was, or a plain chain of another program.

    Of others it reads Gemm, MatMul, Add, activations and normalizations as PyTorch and scikit-learn (by skl2onnx)
    write them, scaling of the input, and class names. A softmax or sigmoid at the end becomes the loss's link, so
    that `predict_proba` gives what the file gives (probabilities where it has a LogSoftmax); a graph without one is
    taken to predict values, by MeanSquaredError, unless `loss` says what its outputs are: SoftmaxCrossEntropy() for a
    classifier that ends in logits, as PyTorch's do. Weights must lie in the file itself.

    MissingExtra without the package onnx; a SettingError for a loss that the file contradicts; a FileError that names
    the node for everything else.
    """
    if not (loss is None or isinstance(loss, Loss)):
        raise SettingError("from_onnx", "a loss, or None", brief(loss), "such as cp.SoftmaxCrossEntropy()")
    where, proto = f"ONNX file {location(path)}", onnx_file.read(path)
    try:
        arrays = {tensor.name: onnx_file.array(where, tensor) for tensor in proto.graph.initializer}
        with np.errstate(all="ignore"):  # what is not finite in the end is told below
            model = _own(proto, arrays) or Chain(where, proto.graph, arrays, loss).model()
    except FileError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # of a hostile file
        raise FileError(where, "a sound feed-forward network", brief(str(error), 300), onnx_file.ADVICE) from None
    if not np.isfinite(model.theta).all():
        raise FileError(where, "finite weights", "some that overflow", onnx_file.ADVICE)
    if loss not in (None, model.loss):
        raise SettingError("from_onnx", f"{model.loss!r}, with which the file ends", repr(loss), "leave loss out")
    return model


def _own(proto: Proto, arrays: Arrays) -> Model | None:
    """The model that `to_onnx` described in the file, if the graph is still what it would write for that."""
    described = {entry.key: entry.value for entry in proto.metadata_props}.get("clearprop", "")
    try:
        data = json.loads(described)
        network, scaling = Network.from_dict(data["network"]), data["scaling"]
        for slot in (*network.theta, *network.state):  # before anything of the size that it claims is made
            if arrays[slot.name].shape != slot.shape or arrays[slot.name].dtype.kind != "f":
                return None
        model = Model(
            network, Loss.from_dict(data["loss"]), data["seed"], data["dtype"],
            classes=None if data["classes"] is None else tuple(data["classes"]), threshold=data["threshold"],
            scaling=None if scaling is None else Scaling(scaling["shift"], scaling["factor"]),
        )  # fmt: skip
    except (ClearpropError, KeyError, TypeError, ValueError, RecursionError):
        return None
    _fill(model, arrays)
    return model if proto.graph in (graph_of(model, True), graph_of(model, False)) else None


def _fill(model: Model, arrays: Arrays) -> None:
    for name, values in model.arrays().items():
        values[...] = arrays[name]


class Chain:
    """What has been read of a graph: the layers so far, and the name of the value that the last one put out."""

    def __init__(self, where: str, graph: Proto, arrays: Arrays, loss: Loss | None = None) -> None:
        self.said = loss
        self.where, self.graph, self.arrays = where, graph, arrays
        self.bytes = sum(values.nbytes for values in arrays.values())
        self.same: dict[str, str] = {}  # names of values -> the first name of the same value
        self.parts: list[Part] = []
        self.names: list[str] = []  # of the node of each part
        self.shift, self.factor = np.zeros(1), np.ones(1)  # the input is scaled to (x - shift) * factor
        self.loss: Loss | None = None  # once its link has been read
        self.answers: set[str] = set()  # values made from the probabilities
        self.chooses = False
        self.classes: tuple[Any, ...] | None = None
        self._enter()
        steps = list(self._steps())
        while steps:
            del steps[: self._take(steps)]
        ends = {self.same.get(end.name, end.name) for end in graph.output}
        if not ends or not ends <= {self.value, *self.answers}:
            raise FileError(where, "what the last layer puts out", brief(sorted(ends)), "export no other outputs")

    def _enter(self) -> None:
        entries = [entry for entry in self.graph.input if entry.name not in self.arrays]
        if len(entries) != 1:
            raise FileError(self.where, "one input", str(len(entries)), "export a network of one input")
        sizes = [dim.dim_value for dim in entries[0].type.tensor_type.shape.dim]
        self.value: str = entries[0].name
        self.flat = len(sizes) in (0, 2)  # as is an input that does not say
        self.width = math.prod(sizes[1:]) if 2 <= len(sizes) <= onnx_file.MOST_DIMENSIONS else 0  # 0: not known yet

    def _steps(self) -> Iterator[Step]:
        """The nodes that compute something, in order; constants become arrays on the way."""
        for node in self.graph.node:
            kind = node.op_type if node.domain in DOMAINS else f"{node.domain}.{node.op_type}"
            settings = {entry.name: _setting(package().helper.get_attribute_value(entry)) for entry in node.attribute}
            inputs = [self.same.get(name, name) for name in node.input]
            output = node.output[0] if node.output else ""
            step = Step(self.where, kind, node.name or output, inputs, output, settings, self.arrays)
            first = self.arrays.get(inputs[0]) if inputs else None
            if kind == "Constant" and "value" in settings:
                self.arrays[output] = onnx_file.array(self.where, settings["value"])
            elif kind == "Identity" or (kind == "Cast" and (first is not None or settings.get("to") in FLOATS)):
                self.same[output] = inputs[0]
            elif kind == "Transpose" and first is not None and first.ndim == 2:
                self.arrays[output] = first.T
            else:
                yield step

    def _take(self, steps: list[Step]) -> int:
        """Read what comes first in `steps`; returns of how many nodes it is."""
        step = steps[0]
        taken = {name for name in step.inputs if name and name not in self.arrays}
        if not taken:
            raise step.refused("of constants only")
        if self._is_answer(step, taken):
            self.answers.add(step.output)
            return 1
        if taken != {self.value} or step.inputs[0] != self.value:
            raise step.refused(f"of {brief(step.inputs)}, where {brief(self.value)} came before")
        if self.loss or self.answers:
            raise step.refused("after the probabilities")
        for length in LENGTHS:
            several = steps[:length]
            layer = PATTERNS.get(pattern(several, self.value))
            if layer is not None:
                return self._done(several[-1], len(several), (layer, {}))
        if step.kind in OPERATIONS:
            return self._done(step, 1, OPERATIONS[step.kind](step))
        if self._is_bias(step) or self._is_shape(step) or self._is_scaling(step) or self._is_link(step):
            return self._done(step, 1)
        if step.kind in ELSEWHERE:
            raise step.refused(f"after {self.names[-1] if self.names else 'the input'}")
        raise step.refused("", f"leave it out; known are {', '.join(sorted((*OPERATIONS, *ELSEWHERE)))}")

    def _done(self, step: Step, length: int, part: Part | None = None) -> int:
        if part is not None:
            if not self.flat:
                raise step.refused("of an input that has more than two dimensions", "flatten the input first")
            if not self.parts and not self.width:
                self.width = len(next(iter(part[1].values()), ()))  # rows of W, or of gamma
            self.parts.append(part)
            self.names.append(step.name)
        self.value = step.output
        return length

    def _is_bias(self, step: Step) -> bool:
        """Whether a node adds a bias to the Dense before it, which then has one."""
        if step.kind != "Add" or not self.parts or "W" not in self.parts[-1][1] or "b" in self.parts[-1][1]:
            return False
        self.parts[-1] = dense(step, self.parts[-1][1]["W"], step.row(1))
        return True

    def _is_shape(self, step: Step) -> bool:
        """Whether a node makes each sample one row, or leaves it one."""
        if step.kind == "Reshape":
            shape = self.arrays.get(step.inputs[1], np.zeros(0)).tolist()
            width = self._width()
            fits = len(shape) == 2 and (shape[1] in (-1, width) or (not width and not self.parts and shape[1] > 0))
        else:
            fits = step.kind == "Flatten" and step.settings.get("axis", 1) == 1
        self.flat = self.flat or fits
        return fits

    def _width(self) -> int:
        """How wide the value at hand is, 0 where that is not known."""
        widths = [layer.units for layer, _ in self.parts if isinstance(layer, Dense)]
        return widths[-1] if widths else self.width

    def _is_scaling(self, step: Step) -> bool:
        """Whether a node scales the input: (x - s) f - c is (x - (s + c / f)) f."""
        if step.kind not in SCALERS or self.parts:
            return False
        minus: NDArray[Any] | None
        times: NDArray[Any] | None
        if step.kind == "Scaler":
            minus, times = (np.ravel(step.settings[name]) for name in ("offset", "scale"))
        else:
            number = step.row(1).astype(np.float64)
            minus = {"Sub": number, "Add": -number}.get(step.kind)
            times = {"Mul": number, "Div": 1 / number}.get(step.kind)
        if any(row is not None and len(row) not in (1, self.width) for row in (minus, times)):
            raise step.refused("by numbers that are not one for each feature")
        if minus is not None:
            self.shift = self.shift + minus / self.factor
        if times is not None:
            self.factor = self.factor * times
        return True

    def _is_link(self, step: Step) -> bool:
        if step.kind == "Exp":
            self.loss = Poisson()
            return True
        if step.kind not in ("Softmax", "LogSoftmax") or step.settings.get("axis", -1) not in (-1, 1):
            return False
        self.loss = SoftmaxCrossEntropy()
        return True

    def _is_answer(self, step: Step, taken: set[str]) -> bool:
        """Whether a node only turns probabilities into classes, whose names are then noted."""
        if step.kind == "Sub" and self.parts and isinstance(self.parts[-1][0], Sigmoid):
            one = self.arrays.get(step.inputs[0])  # 1 - p, of the first of two classes
            return one is not None and bool((one == 1).all()) and taken == {self.value}
        if step.kind == "Concat":  # (1 - p, p)
            return len(step.inputs) == 2 and step.inputs[0] in self.answers and step.inputs[1] == self.value
        if step.kind not in (FURTHER if taken & self.answers else CHOICES) or not taken <= {self.value, *self.answers}:
            return False
        if step.kind == "Binarizer" and step.settings.get("threshold") != 0.5:  # the threshold of a Model
            return False
        self.chooses = self.chooses or step.kind == "ArgMax"
        labels = [step.settings[name] for name in LABELS if name in step.settings]
        if step.kind == "ArrayFeatureExtractor" and step.inputs[0] in self.arrays:
            labels = [self.arrays[step.inputs[0]].reshape(-1).tolist()]
        for names in labels:
            self.classes = tuple(name.decode(errors="replace") if isinstance(name, bytes) else name for name in names)
        return True

    def model(self) -> Model:
        """The model that has been read."""
        if self.loss is None and self.parts and isinstance(self.parts[-1][0], Sigmoid):
            del self.parts[-1]
            self.loss = SigmoidCrossEntropy()
        loss = self.loss or self.said or (SoftmaxCrossEntropy() if self.chooses else MeanSquaredError())
        layers: list[Layer] = [layer for layer, _ in self.parts] or [Identity()]
        dtype = np.result_type(np.float32, *(values.dtype for _, arrays in self.parts for values in arrays.values()))
        network = Network(self.width, *layers)
        arrays = self._arrays(network)
        scaling = Scaling(_plain(self.shift), _plain(self.factor))
        scaling.check_width(network.inputs)
        model = Model(
            network, loss, dtype=dtype, classes=self.classes if self.chooses else None,
            scaling=None if scaling == Scaling() else scaling,
        )  # fmt: skip
        _fill(model, arrays)
        return model

    def _arrays(self, network: Network) -> Arrays:
        """The arrays that fill `network`, checked before anything of its size is made."""
        found = {}
        for slot in (*network.theta, *network.state):
            found[slot.name] = self.parts[slot.layer][1][slot.field]
            if found[slot.name].shape != slot.shape:
                where = f"{self.where}, node {brief(self.names[slot.layer])}"
                raise FileError(where, f"{slot.field} of shape {slot.shape}", str(found[slot.name].shape), "mend it")
        if sum(values.nbytes for values in found.values()) > 4 * self.bytes + 2**16:
            raise FileError(self.where, "weights of its own for each layer", "one array for many", "export it anew")
        return found


def _plain(values: NDArray[Any]) -> float | tuple[float, ...]:
    return float(values[0]) if (values == values[0]).all() else tuple(values.tolist())


def _setting(value: Any) -> Any:
    """A decimal, stored in single precision, as it was written: 0.3 for 0.30000001."""
    return float(str(np.float32(value))) if isinstance(value, float) else value
