"""Activations: y = f(x) element by element, and dx = dy f'(x) beside it.

Each works on x (N, n), fills y (N, n) and dx (N, n), has no parameters, and never overflows: where a formula has
an exponential, its argument is at most zero.
"""

import math
from abc import abstractmethod
from typing import ClassVar

from clearprop.arrays.backend import Array, Namespace
from clearprop.arrays.checks import real
from clearprop.arrays.kinds import value
from clearprop.layers.base import Layer, LayerShapes, Memo, Views


class Activation(Layer):
    """A layer that applies one function to each element; `slope` turns dy into dx."""

    scratch: ClassVar[tuple[str, ...]] = ()
    cost: ClassVar[int] = 1  # floating-point operations per element, counting an exponential as one

    def shapes(self, n: int) -> LayerShapes:
        return LayerShapes(n, scratch=dict.fromkeys(self.scratch, n), flops=self.cost * n)

    @abstractmethod
    def slope(self, xp: Namespace, x: Array, y: Array, dy: Array, dx: Array, memo: Memo) -> None:
        """Fill dx = dy f'(x)."""

    def backward(
        self, xp: Namespace, w: Views, x: Array, y: Array, dy: Array, dx: Array | None, dw: Views, memo: Memo
    ) -> None:
        if dx is not None:
            self.slope(xp, x, y, dy, dx, memo)


@value
class Identity(Activation):
    """y = x."""

    cost: ClassVar[int] = 0

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        xp.copy(x, out=y)

    def slope(self, xp: Namespace, x: Array, y: Array, dy: Array, dx: Array, memo: Memo) -> None:
        xp.copy(dy, out=dx)


def sigmoid(xp: Namespace, x: Array, out: Array, scratch: Array) -> None:
    """out = 1 / (1 + exp(-x)), as exp(min(x, 0)) / (1 + exp(-|x|)): exact at both ends, nothing overflows."""
    xp.minimum(x, 0.0, out=out)
    xp.exp(out, out=out)
    xp.abs(x, out=scratch)
    xp.negative(scratch, out=scratch)
    xp.exp(scratch, out=scratch)
    xp.add(scratch, 1.0, out=scratch)
    xp.divide(out, scratch, out=out)


@value
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)), between 0 and 1."""

    scratch: ClassVar[tuple[str, ...]] = ("e",)
    cost: ClassVar[int] = 4

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        sigmoid(xp, x, out=y, scratch=memo.e)

    def slope(self, xp: Namespace, x: Array, y: Array, dy: Array, dx: Array, memo: Memo) -> None:
        xp.subtract(1.0, y, out=dx)  # f' = y (1 - y)
        xp.multiply(dx, y, out=dx)
        xp.multiply(dx, dy, out=dx)


@value
class Tanh(Activation):
    """y = tanh(x), between -1 and 1."""

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        xp.tanh(x, out=y)

    def slope(self, xp: Namespace, x: Array, y: Array, dy: Array, dx: Array, memo: Memo) -> None:
        xp.square(y, out=dx)  # f' = 1 - y^2
        xp.subtract(1.0, dx, out=dx)
        xp.multiply(dx, dy, out=dx)


@value
class ReLU(Activation):
    """y = max(x, 0). The derivative at 0 is taken as 0."""

    scratch: ClassVar[tuple[str, ...]] = ("on",)
    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        xp.maximum(x, 0.0, out=y)

    def slope(self, xp: Namespace, x: Array, y: Array, dy: Array, dx: Array, memo: Memo) -> None:
        xp.greater(x, 0.0, out=memo.on)  # f' = 1 where x > 0, else 0
        xp.multiply(dy, memo.on, out=dx)


@value
class LeakyReLU(Activation):
    """y = max(x, 0) + negative_slope min(x, 0). Maas et al. 2013."""

    negative_slope: float = 0.01

    scratch: ClassVar[tuple[str, ...]] = ("on",)
    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    cost: ClassVar[int] = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        self.keep(negative_slope=real("LeakyReLU", "negative_slope", self.negative_slope))

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        xp.minimum(x, 0.0, out=memo.on)
        xp.multiply(memo.on, self.negative_slope, out=memo.on)
        xp.maximum(x, 0.0, out=y)
        xp.add(y, memo.on, out=y)

    def slope(self, xp: Namespace, x: Array, y: Array, dy: Array, dx: Array, memo: Memo) -> None:
        xp.greater(x, 0.0, out=memo.on)  # f' = negative_slope + (1 - negative_slope) [x > 0]
        xp.multiply(memo.on, 1.0 - self.negative_slope, out=memo.on)
        xp.add(memo.on, self.negative_slope, out=memo.on)
        xp.multiply(dy, memo.on, out=dx)


@value
class ELU(Activation):
    """y = x where x > 0, else alpha (exp(x) - 1). Clevert et al. 2016, eq. 16."""

    alpha: float = 1.0

    scratch: ClassVar[tuple[str, ...]] = ("low", "on")
    kinks: ClassVar[tuple[float, ...]] = (0.0,)  # a jump of f' unless alpha = 1, of f'' even then
    cost: ClassVar[int] = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.keep(alpha=real("ELU", "alpha", self.alpha, low=0.0))

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        xp.minimum(x, 0.0, out=memo.low)
        xp.expm1(memo.low, out=memo.low)
        xp.multiply(memo.low, self.alpha, out=memo.low)  # alpha (exp(x) - 1) below zero, 0 above
        xp.maximum(x, 0.0, out=y)
        xp.add(y, memo.low, out=y)

    def slope(self, xp: Namespace, x: Array, y: Array, dy: Array, dx: Array, memo: Memo) -> None:
        xp.greater(x, 0.0, out=memo.on)  # f' = 1 above zero, low + alpha below
        xp.subtract(1.0, memo.on, out=dx)
        xp.multiply(dx, self.alpha, out=dx)
        xp.add(dx, memo.low, out=dx)
        xp.add(dx, memo.on, out=dx)
        xp.multiply(dx, dy, out=dx)


@value
class GELU(Activation):
    """y = x Phi(x), with the exact normal distribution function Phi. Hendrycks and Gimpel 2016."""

    scratch: ClassVar[tuple[str, ...]] = ("phi",)
    cost: ClassVar[int] = 5

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        xp.multiply(x, math.sqrt(0.5), out=y)
        xp.erf(y, out=memo.phi)
        xp.add(memo.phi, 1.0, out=memo.phi)
        xp.multiply(memo.phi, 0.5, out=memo.phi)  # Phi(x) = (1 + erf(x / sqrt 2)) / 2
        xp.multiply(x, memo.phi, out=y)

    def slope(self, xp: Namespace, x: Array, y: Array, dy: Array, dx: Array, memo: Memo) -> None:
        xp.square(x, out=dx)  # f' = Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi)
        xp.multiply(dx, -0.5, out=dx)
        xp.exp(dx, out=dx)
        xp.multiply(dx, x, out=dx)
        xp.multiply(dx, 1 / math.sqrt(2 * math.pi), out=dx)
        xp.add(dx, memo.phi, out=dx)
        xp.multiply(dx, dy, out=dx)


@value
class SiLU(Activation):
    """y = x sigmoid(x), also called swish. Hendrycks and Gimpel 2016; Elfwing et al. 2018, eq. 6."""

    scratch: ClassVar[tuple[str, ...]] = ("s", "e")
    cost: ClassVar[int] = 5

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        sigmoid(xp, x, out=memo.s, scratch=memo.e)
        xp.multiply(x, memo.s, out=y)

    def slope(self, xp: Namespace, x: Array, y: Array, dy: Array, dx: Array, memo: Memo) -> None:
        xp.subtract(1.0, memo.s, out=dx)  # f' = s + y (1 - s)
        xp.multiply(dx, y, out=dx)
        xp.add(dx, memo.s, out=dx)
        xp.multiply(dx, dy, out=dx)


@value
class Softplus(Activation):
    """y = log(1 + exp(x)), as max(x, 0) + log(1 + exp(-|x|)). Dugas et al. 2001."""

    scratch: ClassVar[tuple[str, ...]] = ("e",)
    cost: ClassVar[int] = 4

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        xp.abs(x, out=memo.e)
        xp.negative(memo.e, out=memo.e)
        xp.exp(memo.e, out=memo.e)
        xp.log1p(memo.e, out=memo.e)
        xp.maximum(x, 0.0, out=y)
        xp.add(y, memo.e, out=y)

    def slope(self, xp: Namespace, x: Array, y: Array, dy: Array, dx: Array, memo: Memo) -> None:
        xp.negative(y, out=dx)  # f' = sigmoid(x) = 1 - exp(-y)
        xp.expm1(dx, out=dx)
        xp.negative(dx, out=dx)
        xp.multiply(dx, dy, out=dx)


@value
class Softsign(Activation):
    """y = x / (1 + |x|), between -1 and 1. Bergstra et al. 2009."""

    scratch: ClassVar[tuple[str, ...]] = ("d",)
    cost: ClassVar[int] = 2

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        xp.abs(x, out=memo.d)
        xp.add(memo.d, 1.0, out=memo.d)
        xp.divide(x, memo.d, out=y)

    def slope(self, xp: Namespace, x: Array, y: Array, dy: Array, dx: Array, memo: Memo) -> None:
        xp.square(memo.d, out=dx)  # f' = 1 / (1 + |x|)^2
        xp.divide(dy, dx, out=dx)
