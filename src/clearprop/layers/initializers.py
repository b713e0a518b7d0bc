"""How weights start. Each fills an array (fan_in, fan_out) in place from a random generator."""

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from clearprop.arrays.backend import Array
from clearprop.arrays.checks import real
from clearprop.arrays.kinds import Value, value

if TYPE_CHECKING:
    from numpy.random import Generator


@value
class Initializer(Value, ABC, family="initializer"):
    """A rule that fills a weight matrix (fan_in, fan_out)."""

    @abstractmethod
    def fill(self, rng: "Generator", W: Array) -> None:
        """Fill `W` (fan_in, fan_out) in place."""


class _Uniform(Initializer):
    @abstractmethod
    def bound(self, fan_in: int, fan_out: int) -> float:
        """Half the width of the interval around zero."""

    def fill(self, rng: "Generator", W: Array) -> None:
        bound = self.bound(*W.shape)
        W[...] = rng.uniform(-bound, bound, W.shape)


class _Normal(Initializer):
    @abstractmethod
    def deviation(self, fan_in: int, fan_out: int) -> float:
        """The standard deviation."""

    def fill(self, rng: "Generator", W: Array) -> None:
        W[...] = rng.normal(0.0, self.deviation(*W.shape), W.shape)


@value
class GlorotUniform(_Uniform):
    """Uniform within +-sqrt(6 / (fan_in + fan_out)). Glorot and Bengio 2010, eq. 16."""

    def bound(self, fan_in: int, fan_out: int) -> float:
        return math.sqrt(6 / (fan_in + fan_out))


@value
class GlorotNormal(_Normal):
    """Normal with variance 2 / (fan_in + fan_out). Glorot and Bengio 2010, eq. 12."""

    def deviation(self, fan_in: int, fan_out: int) -> float:
        return math.sqrt(2 / (fan_in + fan_out))


@value
class HeUniform(_Uniform):
    """Uniform within +-sqrt(6 / fan_in), for ReLU layers. He et al. 2015, sec. 2.2."""

    def bound(self, fan_in: int, fan_out: int) -> float:
        return math.sqrt(6 / fan_in)


@value
class HeNormal(_Normal):
    """Normal with variance 2 / fan_in, for ReLU layers. He et al. 2015, eq. 10."""

    def deviation(self, fan_in: int, fan_out: int) -> float:
        return math.sqrt(2 / fan_in)


@value
class LeCunNormal(_Normal):
    """Normal with variance 1 / fan_in. LeCun et al. 1998, Efficient BackProp, eq. 16."""

    def deviation(self, fan_in: int, fan_out: int) -> float:
        return math.sqrt(1 / fan_in)


@value
class StandardNormal(_Normal):
    """Normal with variance 1 whatever the width: what many notebooks do, and why their sigmoids saturate."""

    def deviation(self, fan_in: int, fan_out: int) -> float:
        return 1.0


@value
class Constant(Initializer):
    """Every entry the same `value`. As weights it never breaks the symmetry between units."""

    value: float = 0.0

    def __post_init__(self) -> None:
        self.keep(value=real("Constant", "value", self.value))

    def fill(self, rng: "Generator", W: Array) -> None:
        W[...] = self.value
