"""Dropout."""

from clearprop.arrays.backend import Array, Namespace
from clearprop.arrays.checks import real
from clearprop.arrays.errors import SettingError
from clearprop.arrays.kinds import value
from clearprop.layers.base import Layer, LayerShapes, Memo, Views


@value
class Dropout(Layer):
    """Sets each input to zero with probability `rate` while training and scales the rest by 1 / (1 - rate).

    This is inverted dropout: nothing is scaled when predicting. Srivastava et al. 2014, sec. 10.

    >>> Dropout(0.5)
    Dropout(0.5)
    """

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self.keep(rate=real("Dropout", "rate", self.rate, low=0.0, high=1.0))
        if self.rate == 1.0:
            raise SettingError("Dropout", "a rate below 1", "1.0", "at 1 nothing would be left; try 0.5")

    def shapes(self, n: int) -> LayerShapes:
        return LayerShapes(n, scratch={"mask": n}, flops=n)

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        if memo.training:
            xp.uniform(memo.rng, out=memo.mask)
            xp.greater(self.rate, memo.mask, out=memo.mask)  # 1 where dropped
            xp.subtract(1.0, memo.mask, out=memo.mask)
            xp.multiply(memo.mask, 1.0 / (1.0 - self.rate), out=memo.mask)
            xp.multiply(x, memo.mask, out=y)
        else:
            xp.copy(x, out=y)

    def backward(
        self, xp: Namespace, w: Views, x: Array, y: Array, dy: Array, dx: Array | None, dw: Views, memo: Memo
    ) -> None:
        if dx is not None:
            if memo.training:
                xp.multiply(dy, memo.mask, out=dx)  # what was dropped gets no gradient, the rest is scaled alike
            else:
                xp.copy(dy, out=dx)
