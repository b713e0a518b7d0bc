"""The nodes of an ONNX graph that are layers: one row for each operation, one for each pattern of several."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import FileError, brief
from clearprop.export.onnx_file import Arrays
from clearprop.layers.activations import (
    ELU,
    GELU,
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
from clearprop.layers.normalization import BatchNorm, LayerNorm

Part = tuple[Layer, Arrays]  # a layer, and what fills its parameters and state


@dataclass(frozen=True)
class Step:
    """A node; its inputs are names of values, or of constant `arrays`."""

    where: str  # the file
    kind: str
    name: str
    inputs: list[str]
    output: str
    settings: dict[str, Any]
    arrays: Arrays

    def refused(self, got: str = "", advice: str = "export a plain feed-forward network") -> FileError:
        """The error for a node that is no step of a chain of layers."""
        got = f"{brief(self.kind)[1:-1]} {got}".strip()
        return FileError(f"{self.where}, node {brief(self.name)}", "a step of a feed-forward network", got, advice)

    def array(self, position: int) -> NDArray[Any] | None:
        """The numbers that are input number `position`; None where it is left out."""
        name = self.inputs[position] if position < len(self.inputs) else ""
        values = self.arrays.get(name)
        if name and (values is None or values.dtype.kind != "f"):
            raise self.refused(f"whose input {brief(name)} is no constant array of decimals")
        return values

    def row(self, position: int) -> NDArray[Any]:
        """The numbers (n,) or (1,) that are input number `position`."""
        values = self.array(position)
        if values is None or values.size != (values.shape or (1,))[-1]:
            raise self.refused(f"whose input number {position} is no row of numbers")
        return values.reshape(-1)


def dense(step: Step, W: NDArray[Any] | None, b: NDArray[Any] | None) -> Part:
    """A Dense of weights W (n, units) and bias b (units,), (1,) or None."""
    if W is None or W.ndim != 2:
        raise step.refused("without constant weights of two dimensions")
    units = W.shape[1]
    if b is None:
        return Dense(units, bias=False), {"W": W}
    if b.size not in (1, units):
        raise step.refused(f"with a bias of {b.size} numbers for {units} outputs")
    return Dense(units), {"W": W, "b": np.broadcast_to(b, units)}


def _gemm(step: Step) -> Part:
    if step.settings.get("transA"):
        raise step.refused("with transA")
    W, b = step.array(1), None if step.array(2) is None else step.row(2)
    alpha, beta = step.settings.get("alpha", 1.0), step.settings.get("beta", 1.0)
    if W is not None:
        W = W.T if step.settings.get("transB") else W
        W = W if alpha == 1.0 else alpha * W  # Y = alpha X W + beta C
    return dense(step, W, b if b is None or beta == 1.0 else beta * b)


def _batch_norm(step: Step) -> Part:
    if step.settings.get("training_mode"):
        raise step.refused("in training mode", "export it for prediction")
    layer = BatchNorm(step.settings.get("momentum", 0.9), step.settings.get("epsilon", 1e-5))
    return layer, {name: step.row(i) for i, name in enumerate(("gamma", "beta", "mean", "variance"), 1)}


def _layer_norm(step: Step) -> Part:
    if step.settings.get("axis", -1) not in (-1, 1):
        raise step.refused("over other axes than the features")
    gamma = step.row(1)
    beta = np.zeros_like(gamma) if step.array(2) is None else step.row(2)
    return LayerNorm(step.settings.get("epsilon", 1e-5)), {"gamma": gamma, "beta": beta}


def _gelu(step: Step) -> Part:
    if step.settings.get("approximate", b"none") != b"none":
        raise step.refused("in its approximate form", "export it in its exact form")
    return GELU(), {}


def _dropout(step: Step) -> Part:
    rate = step.settings.get("ratio", 0.5) if step.array(1) is None else step.row(1)[0]
    return Dropout(float(rate)), {}


OPERATIONS: dict[str, Callable[[Step], Part]] = {
    "Gemm": _gemm,
    "MatMul": lambda step: dense(step, step.array(1), None),
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Dropout": _dropout,
    "Sigmoid": lambda step: (Sigmoid(), {}),
    "Tanh": lambda step: (Tanh(), {}),
    "Relu": lambda step: (ReLU(), {}),
    "LeakyRelu": lambda step: (LeakyReLU(step.settings.get("alpha", 0.01)), {}),
    "Elu": lambda step: (ELU(step.settings.get("alpha", 1.0)), {}),
    "Gelu": _gelu,
    "Softplus": lambda step: (Softplus(), {}),
    "Softsign": lambda step: (Softsign(), {}),
}

# several nodes that are one layer: x is what they take, #0 what the first of them puts out
PATTERNS: dict[str, Layer] = {
    "Sigmoid x, Mul #0 x": SiLU(),
    "Div x 1.41421, Erf #0, Add #1 1, Mul #2 x, Mul #3 0.5": GELU(),
    "Div x 1.41421, Erf #0, Add #1 1, Mul #2 0.5, Mul #3 x": GELU(),
    "Softplus x, Greater x 20, Where #1 x #0": Softplus(),
    "Abs x, Add #0 1, Div x #1": Softsign(),
}
LENGTHS = (5, 3, 2)  # of patterns, in nodes


def pattern(steps: list[Step], value: str) -> str:
    """What `steps` compute of `value`, in the words of PATTERNS."""
    names = {value: "x"} | {step.output: f"#{i}" for i, step in enumerate(steps)}
    words = []
    for step in steps:
        inputs = [names.get(name) or _number(step.arrays.get(name)) for name in step.inputs]
        words.append(" ".join([step.kind, *(sorted(inputs) if step.kind in ("Add", "Mul") else inputs)]))
    return ", ".join(words)


def _number(values: NDArray[Any] | None) -> str:
    return "?" if values is None or values.dtype.kind != "f" or values.size != 1 else f"{values.item():.6g}"
