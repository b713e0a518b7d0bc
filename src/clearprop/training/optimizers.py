"""Optimizers: how theta moves along the gradient. Each step is one rule on flat vectors, in place."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from clearprop.arrays.backend import Array, namespace
from clearprop.arrays.checks import real, truth
from clearprop.arrays.errors import SettingError, ShapeError
from clearprop.arrays.kinds import Kind

PIECE = 32768  # elements updated at a time, so that all passes of a rule over a piece stay in the cache


@dataclass(repr=False)
class Optimizer(Kind, ABC, family="optimizer"):
    """A rule that moves theta (P,) against the gradient (P,).

    A new optimizer is a dataclass below this class with `update`, and `slots` naming the vectors (P,) that it keeps
    from step to step. Training works on a fresh copy, so one optimizer can serve several models.
    """

    learning_rate: float

    state: dict[str, Array] = field(init=False, compare=False, default_factory=dict)
    t: int = field(init=False, compare=False, default=0)  # steps taken
    _pieces: list[tuple[Array, ...]] = field(init=False, compare=False, default_factory=list)

    decay_rates: ClassVar[tuple[str, ...]] = ()  # fields that must lie in 0 <= rate < 1

    def __post_init__(self) -> None:
        kind = type(self).__name__
        real(kind, "learning_rate", self.learning_rate, low=0.0, open_low=True)
        for name in self.decay_rates:
            if real(kind, name, getattr(self, name), low=0.0, high=1.0) == 1.0:
                raise SettingError(kind, f"{name} below 1", "1.0", "such as 0.9")

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the vectors that the rule keeps."""
        return ()

    @abstractmethod
    def update(self, xp: Any, theta: Array, gradient: Array, work: Array, *slots: Array) -> None:
        """Apply step number `t` to one piece of theta in place; `work` is a buffer of its size."""

    def step(self, theta: Array, gradient: Array) -> None:
        """Move theta (P,) in place; the gradient (P,) is left as it is."""
        xp = namespace(theta)
        if not self._pieces or self._pieces[0][0] is not theta or self._pieces[0][1] is not gradient:
            self._bind(xp, theta, gradient)
        self.t += 1
        for piece in self._pieces[1:]:
            self.update(xp, *piece)

    def _bind(self, xp: Any, theta: Array, gradient: Array) -> None:
        if theta.shape != gradient.shape:
            raise ShapeError("optimizer step", f"a gradient of shape {theta.shape}", str(gradient.shape), "reshape it")
        for name in self.slots:
            if name not in self.state:
                self.state[name] = xp.zeros(theta.shape, dtype=theta.dtype)
            elif self.state[name].shape != theta.shape:
                raise ShapeError(
                    "optimizer step", f"theta of shape {self.state[name].shape}, as in the step before",
                    str(theta.shape), "take .fresh() for another model",
                )  # fmt: skip
        vectors = [self.state[name] for name in self.slots]
        scratch = xp.empty((min(PIECE, theta.shape[0]),), dtype=theta.dtype)
        self._pieces = [(theta, gradient), *_cut(theta, gradient, scratch, vectors)]

    def fresh(self) -> Self:
        """The same rule with no steps taken."""
        other = copy.copy(self)
        other.state, other.t, other._pieces = {}, 0, []
        return other

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_pieces": []}


def _cut(theta: Array, gradient: Array, scratch: Array, vectors: list[Array]) -> Iterator[tuple[Array, ...]]:
    for start in range(0, theta.shape[0], PIECE):
        part = slice(start, min(start + PIECE, theta.shape[0]))
        yield theta[part], gradient[part], scratch[: part.stop - start], *(vector[part] for vector in vectors)


@dataclass(repr=False)
class SGD(Optimizer):
    """theta -= learning_rate gradient; with momentum m, v = m v - learning_rate gradient and theta += v.

    nesterov: theta += m v - learning_rate gradient with the new v, the gradient looked at one step ahead.
    Sutskever et al. 2013, eq. 1-4.

    >>> import numpy as np
    >>> theta = np.array([1.0, 2.0])
    >>> SGD(0.1).step(theta, np.array([10.0, 0.0]))
    >>> theta
    array([0., 2.])
    """

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    decay_rates: ClassVar[tuple[str, ...]] = ("momentum",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if truth("SGD", "nesterov", self.nesterov) and not self.momentum:
            raise SettingError("SGD", "momentum above 0 with nesterov", "0", "such as momentum=0.9")

    @property
    def slots(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def update(self, xp: Any, theta: Array, gradient: Array, work: Array, *slots: Array) -> None:
        xp.multiply(gradient, self.learning_rate, out=work)
        if slots:
            (velocity,) = slots
            xp.multiply(velocity, self.momentum, out=velocity)
            xp.subtract(velocity, work, out=velocity)  # v = m v - rate g
            if self.nesterov:
                xp.subtract(theta, work, out=theta)
                xp.multiply(velocity, self.momentum, out=work)
                xp.add(theta, work, out=theta)  # theta += m v - rate g
            else:
                xp.add(theta, velocity, out=theta)
        else:
            xp.subtract(theta, work, out=theta)


@dataclass(repr=False)
class Adam(Optimizer):
    """Steps of about learning_rate in every direction, from running means of the gradient and of its square.

    Kingma and Ba 2015, algorithm 1; t counts from 1.
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    decay_rates: ClassVar[tuple[str, ...]] = ("beta1", "beta2")

    def __post_init__(self) -> None:
        super().__post_init__()
        real("Adam", "epsilon", self.epsilon, low=0.0, open_low=True)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("m", "v")

    def update(self, xp: Any, theta: Array, gradient: Array, work: Array, *slots: Array) -> None:
        m, v = slots
        xp.multiply(m, self.beta1, out=m)
        xp.multiply(gradient, 1 - self.beta1, out=work)
        xp.add(m, work, out=m)  # m = beta1 m + (1 - beta1) g
        xp.multiply(v, self.beta2, out=v)
        xp.square(gradient, out=work)
        xp.multiply(work, 1 - self.beta2, out=work)
        xp.add(v, work, out=v)  # v = beta2 v + (1 - beta2) g^2
        # theta -= rate (m / c1) / (sqrt(v / c2) + epsilon), with both fractions multiplied by sqrt(c2)
        c1, root = 1 - self.beta1**self.t, math.sqrt(1 - self.beta2**self.t)
        xp.sqrt(v, out=work)
        xp.add(work, self.epsilon * root, out=work)
        xp.divide(m, work, out=work)
        xp.multiply(work, self.learning_rate * root / c1, out=work)
        xp.subtract(theta, work, out=theta)
