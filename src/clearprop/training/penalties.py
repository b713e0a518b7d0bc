"""Penalties on the size of weights: part of the loss, or applied after each step.

They act on weight matrices, and on biases and the gamma and beta of normalization only if asked (`biases=True`).

Conversions. `L2(s)` adds s/2 sum w^2 to the mean loss; it is not divided by the number of samples. With N samples:

    scikit-learn's alpha              L2(alpha / batch size), as its penalty is divided by the samples of the batch
    lambda in lambda / 2N sum w^2     L2(lambda / N)          (Nielsen's book, many courses)
    weight_decay of PyTorch's SGD     L2(weight_decay, biases=True), as it shrinks biases, too
    Keras's regularizers.L2(l)        L2(2 l), as it leaves out the half
"""

from abc import ABC
from typing import Any

from clearprop.arrays.backend import Array, Namespace
from clearprop.arrays.checks import real, truth
from clearprop.arrays.kinds import Value, value
from clearprop.layers.base import Shape


@value
class Penalty(Value, ABC, family="penalty"):
    """What keeps weights small. A new penalty overrides one of `add`, `before_step` and `after_step`."""

    strength: float
    biases: bool = False

    def __post_init__(self) -> None:
        self.keep(strength=real(type(self).__name__, "strength", self.strength, low=0.0, open_low=True))
        truth(type(self).__name__, "biases", self.biases)

    def covers(self, shape: Shape) -> bool:
        """Whether an array of this shape is penalized."""
        return self.biases or len(shape) > 1

    def add(self, xp: Namespace, w: Array, dw: Array, spare: Array) -> float:
        """The penalty of one array; adds its gradient to dw. `spare` is a buffer of the same shape."""
        return 0.0

    def before_step(self, xp: Namespace, w: Array, learning_rate: float) -> None:
        """Change w in place before the optimizer's step."""

    def after_step(self, xp: Namespace, w: Array, spare: Array) -> None:
        """Change w in place after the optimizer's step."""


@value
class L1(Penalty):
    """Adds strength sum |w| to the loss: drives weights to zero. The derivative at 0 is taken as 0."""

    def add(self, xp: Namespace, w: Array, dw: Array, spare: Array) -> float:
        xp.sign(w, out=spare)
        xp.multiply(spare, self.strength, out=spare)
        xp.add(dw, spare, out=dw)  # d |w| / dw = sign(w)
        xp.abs(w, out=spare)
        return self.strength * xp.total(spare)


@value
class L2(Penalty):
    """Adds strength/2 sum w^2 to the loss. See the module for conversions from other libraries."""

    def add(self, xp: Namespace, w: Array, dw: Array, spare: Array) -> float:
        xp.multiply(w, self.strength, out=spare)
        xp.add(dw, spare, out=dw)  # d (w^2 / 2) / dw = w
        xp.multiply(spare, w, out=spare)
        return 0.5 * xp.total(spare)


@value
class WeightDecay(Penalty):
    """w shrinks by learning_rate strength w at each step, apart from the gradient.

    Loshchilov and Hutter 2019, algorithm 1: for SGD without momentum the same as L2, otherwise not.
    """

    def before_step(self, xp: Namespace, w: Array, learning_rate: float) -> None:
        xp.multiply(w, 1.0 - learning_rate * self.strength, out=w)


@value
class MaxNorm(Penalty):
    """After each step the weights into any one unit, a column of W, are scaled down to length `strength` if longer.

    Srivastava et al. 2014, sec. 5.1. Biases have no length and are left alone.
    """

    def covers(self, shape: Shape) -> bool:
        return len(shape) > 1

    def after_step(self, xp: Namespace, w: Array, spare: Array) -> None:
        lengths: Any = xp.empty((w.shape[1],), dtype=w.dtype)
        xp.square(w, out=spare)
        xp.sum(spare, axis=0, out=lengths)
        xp.sqrt(lengths, out=lengths)
        xp.maximum(lengths, self.strength, out=lengths)
        xp.divide(w, lengths, out=w)
        xp.multiply(w, self.strength, out=w)  # times strength / max(length, strength), at most 1
