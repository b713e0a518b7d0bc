"""Normalization over the batch and over the features."""

from typing import TYPE_CHECKING

from clearprop.arrays.backend import Array, Namespace
from clearprop.arrays.checks import real
from clearprop.arrays.kinds import value
from clearprop.layers.base import Layer, LayerShapes, Memo, Views

if TYPE_CHECKING:
    from numpy.random import Generator


@value
class BatchNorm(Layer):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance of each feature over the batch.

    gamma, beta: (n,), trained. While training, running averages of mean and variance are kept as state, each new
    batch with weight 1 - momentum; prediction uses them. Both variances divide by N. Ioffe and Szegedy 2015.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.keep(momentum=real("BatchNorm", "momentum", self.momentum, low=0.0, high=1.0))
        self.keep(epsilon=real("BatchNorm", "epsilon", self.epsilon, low=0.0, open_low=True))

    def shapes(self, n: int) -> LayerShapes:
        return LayerShapes(
            n,
            parameters={"gamma": (n,), "beta": (n,)},
            state={"mean": (n,), "variance": (n,)},
            scratch={"hat": n, "s": n},
            fixed={"center": (n,), "deviation": (n,)},
            flops=4 * n,
        )

    def initialize(self, rng: "Generator", w: Views) -> None:
        w.gamma[...] = 1.0
        w.beta[...] = 0.0

    def initial_state(self, state: Views) -> None:
        state.mean[...] = 0.0
        state.variance[...] = 1.0

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        center, variance, samples = memo.center, memo.deviation, x.shape[0]
        if memo.training:
            xp.sum(x, axis=0, out=center)
            xp.divide(center, samples, out=center)
            xp.subtract(x, center, out=memo.hat)
            xp.square(memo.hat, out=memo.s)
            xp.sum(memo.s, axis=0, out=variance)
            xp.divide(variance, samples, out=variance)
            self._follow(xp, memo.mean, center, memo)
            self._follow(xp, memo.variance, variance, memo)
        else:
            xp.subtract(x, memo.mean, out=memo.hat)
            xp.copy(memo.variance, out=variance)
        xp.add(variance, self.epsilon, out=memo.deviation)
        xp.sqrt(memo.deviation, out=memo.deviation)
        xp.divide(memo.hat, memo.deviation, out=memo.hat)  # zero mean, unit variance
        xp.multiply(memo.hat, w.gamma, out=y)
        xp.add(y, w.beta, out=y)

    def _follow(self, xp: Namespace, running: Array, now: Array, memo: Memo) -> None:
        step = memo.s[0, :]  # a row to work in: running = momentum running + (1 - momentum) now
        xp.multiply(now, 1.0 - self.momentum, out=step)
        xp.multiply(running, self.momentum, out=running)
        xp.add(running, step, out=running)

    def backward(
        self, xp: Namespace, w: Views, x: Array, y: Array, dy: Array, dx: Array | None, dw: Views, memo: Memo
    ) -> None:
        xp.sum(dy, axis=0, out=dw.beta)  # dbeta = sum of dY
        xp.multiply(dy, memo.hat, out=memo.s)
        xp.sum(memo.s, axis=0, out=dw.gamma)  # dgamma = sum of dY Xhat
        if dx is None:
            return
        if memo.training:
            # dX = gamma / deviation (dY - (dbeta + Xhat dgamma) / N): mean and variance depend on every sample
            xp.multiply(memo.hat, dw.gamma, out=dx)
            xp.add(dx, dw.beta, out=dx)
            xp.divide(dx, x.shape[0], out=dx)
            xp.subtract(dy, dx, out=dx)
        else:
            xp.copy(dy, out=dx)
        xp.multiply(dx, w.gamma, out=dx)
        xp.divide(dx, memo.deviation, out=dx)


@value
class LayerNorm(Layer):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with mean and variance of each sample over its features.

    gamma, beta: (n,), trained. The same in training and prediction. Ba et al. 2016, eq. 4.
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.keep(epsilon=real("LayerNorm", "epsilon", self.epsilon, low=0.0, open_low=True))

    def shapes(self, n: int) -> LayerShapes:
        return LayerShapes(
            n,
            parameters={"gamma": (n,), "beta": (n,)},
            scratch={"hat": n, "s": n, "mean": 1, "deviation": 1},
            flops=7 * n,
        )

    def initialize(self, rng: "Generator", w: Views) -> None:
        w.gamma[...] = 1.0
        w.beta[...] = 0.0

    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        features = x.shape[1]
        xp.sum(x, axis=1, out=memo.mean)
        xp.divide(memo.mean, features, out=memo.mean)
        xp.subtract(x, memo.mean, out=memo.hat)
        xp.square(memo.hat, out=memo.s)
        xp.sum(memo.s, axis=1, out=memo.deviation)
        xp.divide(memo.deviation, features, out=memo.deviation)
        xp.add(memo.deviation, self.epsilon, out=memo.deviation)
        xp.sqrt(memo.deviation, out=memo.deviation)
        xp.divide(memo.hat, memo.deviation, out=memo.hat)
        xp.multiply(memo.hat, w.gamma, out=y)
        xp.add(y, w.beta, out=y)

    def backward(
        self, xp: Namespace, w: Views, x: Array, y: Array, dy: Array, dx: Array | None, dw: Views, memo: Memo
    ) -> None:
        xp.sum(dy, axis=0, out=dw.beta)
        xp.multiply(dy, memo.hat, out=memo.s)
        xp.sum(memo.s, axis=0, out=dw.gamma)
        if dx is None:
            return
        # with G = dY gamma: dX = (G - mean(G) - Xhat mean(G Xhat)) / deviation, means over the features
        features = x.shape[1]
        xp.multiply(dy, w.gamma, out=dx)
        xp.multiply(dx, memo.hat, out=memo.s)
        xp.sum(memo.s, axis=1, out=memo.mean)
        xp.divide(memo.mean, features, out=memo.mean)
        xp.multiply(memo.hat, memo.mean, out=memo.s)  # Xhat mean(G Xhat)
        xp.sum(dx, axis=1, out=memo.mean)
        xp.divide(memo.mean, features, out=memo.mean)
        xp.subtract(dx, memo.mean, out=dx)
        xp.subtract(dx, memo.s, out=dx)
        xp.divide(dx, memo.deviation, out=dx)
