"""Optimizers: how theta moves along the gradient. Each step is one rule on flat vectors, in place."""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from clearprop.arrays.backend import Array, namespace
from clearprop.arrays.checks import truth
from clearprop.arrays.errors import SettingError
from clearprop.training.optimizer import Optimizer


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
    slots: ClassVar[tuple[str, ...]] = ("velocity",)
    spends: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if truth("SGD", "nesterov", self.nesterov) and not self.momentum:
            raise SettingError("SGD", "momentum above 0 with nesterov", "0", "such as momentum=0.9")

    def keeps(self) -> tuple[str, ...]:
        return self.slots if self.momentum else ()

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
    positive: ClassVar[tuple[str, ...]] = (*Optimizer.positive, "epsilon")
    slots: ClassVar[tuple[str, ...]] = ("m", "v")

    def update(self, xp: Any, theta: Array, gradient: Array, work: Array, *slots: Array) -> None:
        m, v = slots
        self._average(xp, gradient, work, m, v)
        self._move(xp, theta, m, v, work, (1 - self.beta1) / (1 - self.beta1**self.t))

    def _average(self, xp: Any, gradient: Array, work: Array, m: Array, v: Array) -> None:
        """The running means of the gradient and of its square: m of the paper over 1 - beta1, v over 1 - beta2."""
        _accumulate(xp, m, gradient, self.beta1)
        xp.square(gradient, out=work)
        _accumulate(xp, v, work, self.beta2)

    def _move(self, xp: Any, theta: Array, along: Array, v: Array, work: Array, factor: float) -> None:
        """theta -= learning_rate factor along / (sqrt((1 - beta2) v / c2) + epsilon), c2 the correction of the bias."""
        # with both parts of the fraction times sqrt(c2 / (1 - beta2))
        root = math.sqrt(1 - self.beta2)
        xp.sqrt(v, out=work)
        xp.add(work, self._epsilon_hat() / root, out=work)
        xp.divide(along, work, out=work)
        xp.multiply(work, self.learning_rate * factor * math.sqrt(1 - self.beta2**self.t) / root, out=work)
        xp.subtract(theta, work, out=theta)

    def _epsilon_hat(self) -> float:
        """What is added to the root of v before the correction of its bias."""
        return self.epsilon * math.sqrt(1 - self.beta2**self.t)


@dataclass(repr=False)
class AdamW(Adam):
    """Adam, and theta shrinks by learning_rate weight_decay theta at each step, apart from the gradient.

    In training only weight matrices shrink, biases and the gamma and beta of normalization too if `decay_biases`;
    a step by hand shrinks all of theta. Loshchilov and Hutter 2019, algorithm 2.
    """

    weight_decay: float = 0.01
    decay_biases: bool = False

    decayed: list[slice] | None = field(init=False, compare=False, default=None)  # parts of theta; None for all

    positive: ClassVar[tuple[str, ...]] = (*Adam.positive, "weight_decay")

    def __post_init__(self) -> None:
        super().__post_init__()
        truth("AdamW", "decay_biases", self.decay_biases)

    def step(self, theta: Array, gradient: Array) -> None:
        xp = namespace(theta)
        for part in [slice(None)] if self.decayed is None else self.decayed:
            w = theta[part]
            xp.multiply(w, 1 - self.learning_rate * self.weight_decay, out=w)
        super().step(theta, gradient)


@dataclass(repr=False)
class AdaGrad(Optimizer):
    """theta -= learning_rate g / (sqrt(G) + epsilon), with G the sum of g^2 over all steps. Duchi et al. 2011."""

    learning_rate: float = 0.01
    epsilon: float = 1e-10

    positive: ClassVar[tuple[str, ...]] = (*Optimizer.positive, "epsilon")
    slots: ClassVar[tuple[str, ...]] = ("squares",)

    def update(self, xp: Any, theta: Array, gradient: Array, work: Array, *slots: Array) -> None:
        (squares,) = slots
        xp.square(gradient, out=work)
        xp.add(squares, work, out=squares)
        xp.sqrt(squares, out=work)
        xp.add(work, self.epsilon, out=work)
        xp.divide(gradient, work, out=work)
        xp.multiply(work, self.learning_rate, out=work)
        xp.subtract(theta, work, out=theta)


@dataclass(repr=False)
class RMSProp(Optimizer):
    """theta -= learning_rate g / (sqrt(v) + epsilon), with v = rho v + (1 - rho) g^2.

    Tieleman and Hinton 2012, lecture 6.5.
    """

    learning_rate: float = 0.001
    rho: float = 0.9
    epsilon: float = 1e-7

    decay_rates: ClassVar[tuple[str, ...]] = ("rho",)
    positive: ClassVar[tuple[str, ...]] = (*Optimizer.positive, "epsilon")
    slots: ClassVar[tuple[str, ...]] = ("v",)

    def update(self, xp: Any, theta: Array, gradient: Array, work: Array, *slots: Array) -> None:
        (v,) = slots  # v over 1 - rho
        xp.square(gradient, out=work)
        _accumulate(xp, v, work, self.rho)
        # theta -= rate g / (sqrt((1 - rho) v) + epsilon), with both parts over sqrt(1 - rho)
        root = math.sqrt(1 - self.rho)
        xp.sqrt(v, out=work)
        xp.add(work, self.epsilon / root, out=work)
        xp.divide(gradient, work, out=work)
        xp.multiply(work, self.learning_rate / root, out=work)
        xp.subtract(theta, work, out=theta)


@dataclass(repr=False)
class Nadam(Adam):
    """Adam with Nesterov's look ahead: m / c1 becomes beta1 m / (1 - beta1^(t+1)) + (1 - beta1) g / (1 - beta1^t).

    Dozat 2016, algorithm 2 with a constant momentum.
    """

    def update(self, xp: Any, theta: Array, gradient: Array, work: Array, *slots: Array) -> None:
        m, v = slots
        self._average(xp, gradient, work, m, v)
        share = 1 - self.beta1  # one term at a time: there is one buffer
        self._move(xp, theta, m, v, work, share * self.beta1 / (1 - self.beta1 ** (self.t + 1)))
        self._move(xp, theta, gradient, v, work, share / (1 - self.beta1**self.t))


@dataclass(repr=False)
class Lion(Optimizer):
    """theta -= learning_rate sign(beta1 m + (1 - beta1) g), then m = beta2 m + (1 - beta2) g.

    Every element moves by the learning rate, so it should be 3 to 10 times as small as Adam's.
    Chen et al. 2023, algorithm 2.
    """

    learning_rate: float = 0.0001
    beta1: float = 0.9
    beta2: float = 0.99

    decay_rates: ClassVar[tuple[str, ...]] = ("beta1", "beta2")
    slots: ClassVar[tuple[str, ...]] = ("m",)

    def update(self, xp: Any, theta: Array, gradient: Array, work: Array, *slots: Array) -> None:
        (m,) = slots  # m over 1 - beta2
        xp.multiply(m, (1 - self.beta2) * self.beta1 / (1 - self.beta1), out=work)
        xp.add(work, gradient, out=work)  # the same sign as beta1 m + (1 - beta1) g
        xp.sign(work, out=work)
        xp.multiply(work, self.learning_rate, out=work)
        xp.subtract(theta, work, out=theta)
        _accumulate(xp, m, gradient, self.beta2)


def _accumulate(xp: Any, mean: Array, values: Array, beta: float) -> None:
    """A running mean over 1 - beta: mean = beta mean + values, which takes a pass less than the mean itself."""
    xp.multiply(mean, beta, out=mean)
    xp.add(mean, values, out=mean)
