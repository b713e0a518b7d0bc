"""Writing a model as an ONNX file, which other programs run: one row for each kind of layer.

The graph takes x (N, inputs), raw as the model's own `predict` does: its scaling is inside. It gives y (N, outputs).
Both are of the model's dtype; N is free. Arrays have the names that they have in the model, dense1.W and so on.
"""

import json
import math
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from clearprop.arrays.checks import truth
from clearprop.arrays.errors import SettingError, missing
from clearprop.arrays.files import atomic
from clearprop.data.scaling import Scaling
from clearprop.layers.activations import (
    ELU,
    GELU,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
)
from clearprop.layers.base import Layer
from clearprop.layers.dense import Dense
from clearprop.layers.dropout import Dropout
from clearprop.layers.losses import Loss, Poisson, SigmoidCrossEntropy, SoftmaxCrossEntropy
from clearprop.layers.normalization import BatchNorm, LayerNorm
from clearprop.network.model import Model
from clearprop.version import __version__

IR, OPSET = 10, 17  # not the newest, which runtimes of the day refuse
LARGEST = 2**31 - 2**20  # bytes of arrays; a protobuf message ends at 2 GiB
SINGLE = {"Elu", "Erf", "Softplus", "Softsign"}  # which onnxruntime computes in float32 only
Proto = Any  # a message of the onnx package, which has no types of its own here


def package() -> Any:
    """The onnx package, imported on first use; MissingExtra where it is absent."""
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        raise missing("onnx", "onnx", "reading and writing ONNX files") from None
    return onnx


class Graph:
    """Nodes and arrays of an ONNX graph while it is made. Values are known by name."""

    def __init__(self, dtype: "np.dtype[Any]") -> None:
        self.onnx, self.dtype = package(), dtype
        self.type = self.onnx.helper.np_dtype_to_tensor_dtype(dtype)
        self.place = ""  # the layer that nodes are added for
        self.nodes: list[Proto] = []
        self.arrays: list[Proto] = []

    def array(self, name: str, values: ArrayLike) -> str:
        """Add a constant array of the graph's dtype; returns `name`."""
        contiguous = np.asarray(values, self.dtype, order="C")
        self.arrays.append(self.onnx.numpy_helper.from_array(contiguous, name))
        return name

    def number(self, name: str, value: float) -> str:
        """Add a constant number for the layer at hand; returns its name."""
        return self.array(f"{self.place}.{name}", value)

    def op(self, kind: str, *inputs: str, **attributes: float) -> str:
        """Add a node; returns the name of what it puts out."""
        if kind not in SINGLE or self.dtype == np.float32:
            return self._node(kind, inputs, attributes)
        (x,) = inputs
        y = self._node(kind, (self._node("Cast", (x,), {"to": self.onnx.TensorProto.FLOAT}),), attributes)
        return self._node("Cast", (y,), {"to": self.type})

    def _node(self, kind: str, inputs: tuple[str, ...], attributes: dict[str, float]) -> str:
        name = f"{self.place}/{kind}{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [name], name, **attributes))
        return name


def _gelu(g: Graph, layer: GELU, x: str, w: Any) -> str:
    erf = g.op("Erf", g.op("Div", x, g.number("root2", math.sqrt(2))))
    product = g.op("Mul", x, g.op("Add", erf, g.number("one", 1)))  # the exact formula; opset 17 has no Gelu
    return g.op("Mul", product, g.number("half", 0.5))


ROWS: dict[type[Layer], Callable[[Graph, Any, str, Any], str]] = {  # from x to y; w has the names of the arrays
    Dense: lambda g, layer, x, w: g.op("Gemm", x, w.W, w.b) if layer.bias else g.op("MatMul", x, w.W),
    Identity: lambda g, layer, x, w: g.op("Identity", x),
    Sigmoid: lambda g, layer, x, w: g.op("Sigmoid", x),
    Tanh: lambda g, layer, x, w: g.op("Tanh", x),
    ReLU: lambda g, layer, x, w: g.op("Relu", x),
    LeakyReLU: lambda g, layer, x, w: g.op("LeakyRelu", x, alpha=layer.negative_slope),
    ELU: lambda g, layer, x, w: g.op("Elu", x, alpha=layer.alpha),
    GELU: _gelu,
    SiLU: lambda g, layer, x, w: g.op("Mul", x, g.op("Sigmoid", x)),
    Softplus: lambda g, layer, x, w: g.op("Softplus", x),
    Softsign: lambda g, layer, x, w: g.op("Softsign", x),
    Dropout: lambda g, layer, x, w: g.op("Identity", x),  # drops nothing when predicting
    BatchNorm: lambda g, layer, x, w: g.op(
        "BatchNormalization", x, w.gamma, w.beta, w.mean, w.variance, epsilon=layer.epsilon, momentum=layer.momentum
    ),
    LayerNorm: lambda g, layer, x, w: g.op("LayerNormalization", x, w.gamma, w.beta, epsilon=layer.epsilon),
}

LINKS: dict[type[Loss], Callable[[Graph, str], str]] = {
    SoftmaxCrossEntropy: lambda g, z: g.op("Softmax", z, axis=-1),
    SigmoidCrossEntropy: lambda g, z: g.op("Sigmoid", z),
    Poisson: lambda g, z: g.op("Exp", z),
}


def to_onnx(model: Model, path: str | os.PathLike[str], *, probabilities: bool = True) -> None:
    """Write `model` as an ONNX file (IR 10, opset 17); `from_onnx` reads it back.

    Input x (N, inputs) is float32 for a float32 model and float64 for a float64 one, raw: the scaling is inside, in
    that precision, so bytes and whole numbers are to be converted and columns beyond 2^24 rounded. Output y
    (N, outputs) is what `predict_proba` gives, or the network's own output with probabilities=False. Class names are
    in the metadata, under "classes", as JSON. ELU, GELU, Softplus and Softsign go through float32 in any case, as
    onnxruntime has them for it only.

    MissingExtra without the package onnx; a SettingError for a layer without a row and a model above 2 GiB; a
    FileError where the file cannot be written.
    """
    truth("to_onnx", "probabilities", probabilities)
    size = model.theta.nbytes + model.state.nbytes
    if size > LARGEST:
        raise SettingError("to_onnx", "a model of at most 2 GiB", f"{size / 2**30:.1f} GiB", "use model.save")
    onnx = package()
    described = {"clearprop": json.dumps(model.describe())}
    if model.classes is not None:
        described["classes"] = json.dumps(model.classes)
    proto = onnx.helper.make_model(
        graph_of(model, probabilities), opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR,
        producer_name="clearprop", producer_version=__version__,
    )  # fmt: skip
    onnx.helper.set_model_props(proto, described)
    with atomic(path) as file:
        file.write(proto.SerializeToString())


def graph_of(model: Model, probabilities: bool) -> Proto:
    """The ONNX graph of `model`, with its loss's link where `probabilities` are asked for."""
    network = model.network
    g = Graph(model.dtype)
    for name, values in model.arrays().items():
        g.array(name, values)
    z = "x" if model.scaling is None else _scaled(g, model.scaling)
    for i, (layer, g.place) in enumerate(zip(network.layers, network.names, strict=True)):
        row = ROWS.get(type(layer))
        if row is None:
            raise SettingError(network.place(i), "a layer with a row for ONNX", "none", f"add one: {__name__}.ROWS")
        fields = {slot.field: slot.name for slot in (*network.theta, *network.state) if slot.layer == i}
        z = row(g, layer, z, SimpleNamespace(**fields))
    if probabilities:
        _link(g, model.loss, z)
    g.nodes[-1].output[0] = "y"
    value = g.onnx.helper.make_tensor_value_info
    x, y = value("x", g.type, ["N", network.inputs]), value("y", g.type, ["N", network.outputs])
    return g.onnx.helper.make_graph(g.nodes, "clearprop", [x], [y], g.arrays)


def _scaled(g: Graph, scaling: Scaling) -> str:
    g.place = "scaling"
    x = "x" if scaling.shift == 0.0 else g.op("Sub", "x", g.array("scaling.shift", scaling.shift))
    return g.op("Mul", x, g.array("scaling.factor", scaling.factor))


def _link(g: Graph, loss: Loss, z: str) -> None:
    g.place = "probabilities"
    link = LINKS.get(type(loss))
    if link is not None:
        link(g, z)
    elif type(loss).link is not Loss.link:
        raise SettingError(repr(loss), "a loss with a row for ONNX", "none", f"add one: {__name__}.LINKS")
