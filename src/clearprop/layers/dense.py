"""The fully connected layer."""

from typing import TYPE_CHECKING, ClassVar

from clearprop.arrays.backend import Array, Namespace
from clearprop.arrays.checks import truth, whole
from clearprop.arrays.errors import SettingError, brief
from clearprop.arrays.kinds import Kind, value
from clearprop.layers.base import Layer, LayerShapes, Memo, Views
from clearprop.layers.initializers import Constant, GlorotUniform, Initializer

if TYPE_CHECKING:
    from numpy.random import Generator


@value
class Dense(Layer):
    """Y = X W + b: every output sees every input.

    units: outputs. W is (n, units), b is (units,) and absent with bias=False.
    initializer fills W, bias_initializer fills b.

    >>> Dense(10).shapes(784).parameters
    {'W': (784, 10), 'b': (10,)}
    """

    units: int
    bias: bool = True
    initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Constant(0.0)

    parts: ClassVar[dict[str, type[Kind]]] = {"initializer": Initializer, "bias_initializer": Initializer}

    def __post_init__(self) -> None:
        super().__post_init__()
        self.keep(units=whole("Dense", "units", self.units))
        truth("Dense", "bias", self.bias)
        for rule in (self.initializer, self.bias_initializer):
            if not isinstance(rule, Initializer):
                raise SettingError("Dense", "an initializer", brief(rule), "give one such as cp.HeNormal()")

    def shapes(self, n: int) -> LayerShapes:
        parameters = {"W": (n, self.units)} | ({"b": (self.units,)} if self.bias else {})
        return LayerShapes(self.units, parameters, flops=(2 * n - 1 + self.bias) * self.units)

    def initialize(self, rng: "Generator", w: Views) -> None:
        self.initializer.fill(rng, w.W)
        if self.bias:
            self.bias_initializer.fill(rng, w.b[None, :])

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        xp.matmul(x, w.W, out=y)  # Y = X W, (N, n) (n, units)
        if self.bias:
            xp.add(y, w.b, out=y)  # + b, the same row for every sample

    def backward(
        self, xp: Namespace, w: Views, x: Array, y: Array, dy: Array, dx: Array | None, dw: Views, memo: Memo
    ) -> None:
        xp.matmul(x.T, dy, out=dw.W)  # dW = X^T dY, (n, N) (N, units)
        if self.bias:
            xp.sum(dy, axis=0, out=dw.b)  # db = the sum of dY over the batch
        if dx is not None:
            xp.matmul(dy, w.W.T, out=dx)  # dX = dY W^T, (N, units) (units, n)
