"""Every layer and loss once. A new one is one row here, and every row gets every property test."""

from dataclasses import dataclass

import clearprop as cp


@dataclass(frozen=True)
class LayerRow:
    """A layer to test, for inputs `n` wide."""

    layer: cp.Layer
    n: int = 5

    @property
    def id(self) -> str:
        return repr(self.layer)


LAYERS = [
    LayerRow(cp.Dense(3)),
    LayerRow(cp.Dense(3, bias=False)),
    LayerRow(cp.Dense(4, initializer=cp.HeNormal(), bias_initializer=cp.Constant(0.3))),
    LayerRow(cp.Identity()),
    LayerRow(cp.Sigmoid()),
    LayerRow(cp.Tanh()),
    LayerRow(cp.ReLU()),
    LayerRow(cp.LeakyReLU()),
    LayerRow(cp.LeakyReLU(0.3)),
    LayerRow(cp.ELU()),
    LayerRow(cp.ELU(0.4)),
    LayerRow(cp.GELU()),
    LayerRow(cp.SiLU()),
    LayerRow(cp.Softplus()),
    LayerRow(cp.Softsign()),
    LayerRow(cp.Dropout(0.4)),
    LayerRow(cp.BatchNorm()),
    LayerRow(cp.LayerNorm()),
]


@dataclass(frozen=True)
class LossRow:
    """A loss to test with `outputs` outputs; `targets` says what it is given: classes, values, labels or rows."""

    loss: cp.Loss
    targets: str = "values"
    outputs: int = 3

    @property
    def id(self) -> str:
        return f"{self.loss!r} of {self.outputs}, {self.targets}"


LOSSES = [
    LossRow(cp.SquaredError()),
    LossRow(cp.SquaredError(), "classes"),
    LossRow(cp.SquaredError(), outputs=1),
    LossRow(cp.MeanSquaredError()),
    LossRow(cp.MeanAbsoluteError()),
    LossRow(cp.Huber()),
    LossRow(cp.Huber(0.3)),
    LossRow(cp.Poisson(), "probabilities"),
    LossRow(cp.Poisson(), "labels"),
    LossRow(cp.Poisson(), "classes", outputs=1),
    LossRow(cp.SoftmaxCrossEntropy(), "classes"),
    LossRow(cp.SoftmaxCrossEntropy(), "probabilities"),
    LossRow(cp.SoftmaxCrossEntropy(label_smoothing=0.2), "classes"),
    LossRow(cp.SigmoidCrossEntropy(), "classes", outputs=1),
    LossRow(cp.SigmoidCrossEntropy(), "labels"),
]
