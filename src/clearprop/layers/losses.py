"""Losses: a value to minimise and its gradient, both from what the network puts out before its link.

Shapes: z (N, k) the network's output, t (N, k) the targets, dz (N, k) the gradient to fill. `share` says how much
each sample counts: the number 1/N, or an array (N, 1) of weights that sum to one. Every loss is the sum over the
samples of share times the sample's own loss, so plain it is the mean over the batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from clearprop.arrays.backend import Array, Namespace
from clearprop.arrays.checks import real
from clearprop.arrays.errors import ShapeError
from clearprop.arrays.kinds import Value, value
from clearprop.layers.activations import sigmoid
from clearprop.layers.base import Memo

Share = Array  # 1/N, or (N, 1)
TINY = 1e-30  # instead of log(0), which is multiplied by 0


@value
class Loss(Value, ABC, family="loss"):
    """What training minimises. A new loss is a class below this one with `@cp.value` on it."""

    classifies: ClassVar[bool] = False  # targets are classes, and the link gives probabilities
    kinks: ClassVar[tuple[float, ...]] = ()  # values of z - t at which the derivative jumps

    def check_outputs(self, k: int) -> None:
        """Raise a ShapeError where the loss cannot be taken of `k` outputs."""

    def scratch(self, k: int) -> Mapping[str, int]:
        """Buffers with one row per sample: name -> columns."""
        return {"s": k}

    def target_levels(self, k: int) -> tuple[float, float]:
        """What a one-hot target holds for the wrong classes and for the right one."""
        return 0.0, 1.0

    @abstractmethod
    def value_and_gradient(self, xp: Namespace, z: Array, t: Array, share: Share, dz: Array, memo: Memo) -> float:
        """The loss of the batch; fills dz with its gradient."""

    def link(self, xp: Namespace, z: Array, p: Array, memo: Memo) -> None:
        """Fill p with what prediction shows: probabilities or rates where the loss has a link, else z."""
        xp.copy(z, out=p)


def _weighted(xp: Namespace, losses: Array, share: Share) -> float:
    """The sum of share times loss; `losses` is worked in."""
    if isinstance(share, float):
        return share * xp.total(losses)
    xp.multiply(losses, share, out=losses)
    return xp.total(losses)


@value
class SquaredError(Loss):
    """Half the squared distance: 1/2 sum over outputs of (z - t)^2, averaged over samples."""

    def value_and_gradient(self, xp: Namespace, z: Array, t: Array, share: Share, dz: Array, memo: Memo) -> float:
        xp.subtract(z, t, out=dz)  # the derivative of 1/2 (z - t)^2
        xp.square(dz, out=memo.s)
        xp.multiply(dz, share, out=dz)
        return 0.5 * _weighted(xp, memo.s, share)


@value
class MeanSquaredError(Loss):
    """1/k sum over the k outputs of (z - t)^2, averaged over samples."""

    def value_and_gradient(self, xp: Namespace, z: Array, t: Array, share: Share, dz: Array, memo: Memo) -> float:
        outputs = z.shape[1]
        xp.subtract(z, t, out=dz)
        xp.square(dz, out=memo.s)
        xp.multiply(dz, 2 / outputs, out=dz)  # d (z - t)^2 / dz = 2 (z - t)
        xp.multiply(dz, share, out=dz)
        return _weighted(xp, memo.s, share) / outputs


@value
class MeanAbsoluteError(Loss):
    """1/k sum over the k outputs of |z - t|, averaged over samples. The derivative at z = t is taken as 0."""

    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def value_and_gradient(self, xp: Namespace, z: Array, t: Array, share: Share, dz: Array, memo: Memo) -> float:
        outputs = z.shape[1]
        xp.subtract(z, t, out=dz)
        xp.abs(dz, out=memo.s)
        xp.sign(dz, out=dz)  # d |e| / de = sign(e)
        xp.multiply(dz, 1 / outputs, out=dz)
        xp.multiply(dz, share, out=dz)
        return _weighted(xp, memo.s, share) / outputs


@value
class Huber(Loss):
    """With e = z - t: e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2); mean over outputs and samples.

    Huber 1964. Less swayed by outliers than the squared error.
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        self.keep(delta=real("Huber", "delta", self.delta, low=0.0, open_low=True))

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        return (-self.delta, self.delta)

    def value_and_gradient(self, xp: Namespace, z: Array, t: Array, share: Share, dz: Array, memo: Memo) -> float:
        outputs = z.shape[1]
        xp.subtract(z, t, out=memo.s)
        xp.minimum(memo.s, self.delta, out=dz)
        xp.maximum(dz, -self.delta, out=dz)  # the derivative c: e cut off at +-delta
        xp.multiply(memo.s, 2.0, out=memo.s)
        xp.subtract(memo.s, dz, out=memo.s)
        xp.multiply(memo.s, dz, out=memo.s)  # c (2 e - c), twice the loss on both sides of delta
        xp.multiply(dz, 1 / outputs, out=dz)
        xp.multiply(dz, share, out=dz)
        return 0.5 * _weighted(xp, memo.s, share) / outputs


@value
class Poisson(Loss):
    """t log(t / p) - t + p with p = exp(z), summed over outputs, averaged over samples: for counts, t of 0 and above.

    Half the Poisson deviance, 0 where every p is its t; McCullagh and Nelder 1989, sec. 2.3. The same as
    scikit-learn's MLPRegressor(loss="poisson").
    """

    def value_and_gradient(self, xp: Namespace, z: Array, t: Array, share: Share, dz: Array, memo: Memo) -> float:
        xp.maximum(t, TINY, out=memo.s)
        xp.log(memo.s, out=memo.s)
        xp.subtract(memo.s, z, out=memo.s)
        xp.multiply(memo.s, t, out=memo.s)  # t log(t / p) = t (log t - z)
        xp.exp(z, out=dz)
        xp.subtract(dz, t, out=dz)  # d(exp(z) - t z) / dz = p - t
        xp.add(memo.s, dz, out=memo.s)
        xp.multiply(dz, share, out=dz)
        return _weighted(xp, memo.s, share)

    def link(self, xp: Namespace, z: Array, p: Array, memo: Memo) -> None:
        xp.exp(z, out=p)


@value
class SoftmaxCrossEntropy(Loss):
    """-sum over classes of t log p with p = softmax(z): for one class out of k. z are logits.

    Targets: class indices (N,), one-hot or probabilities (N, k). label_smoothing s moves the share s of each
    target to all classes alike (Szegedy et al. 2016, sec. 7).
    """

    label_smoothing: float = 0.0

    classifies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.keep(
            label_smoothing=real("SoftmaxCrossEntropy", "label_smoothing", self.label_smoothing, low=0.0, high=1.0)
        )

    def check_outputs(self, k: int) -> None:
        if k < 2:
            raise ShapeError(
                "SoftmaxCrossEntropy",
                "at least 2 outputs, one for each class",
                str(k),
                "softmax over one output is always 1: give the last layer 2 units, or use SigmoidCrossEntropy",
            )

    def scratch(self, k: int) -> Mapping[str, int]:
        return {"shifted": k, "top": 1, "sum": 1, "dot": 1}

    def target_levels(self, k: int) -> tuple[float, float]:
        off = self.label_smoothing / k
        return off, 1.0 - self.label_smoothing + off

    def value_and_gradient(self, xp: Namespace, z: Array, t: Array, share: Share, dz: Array, memo: Memo) -> float:
        self._softmax(xp, z, dz, memo)  # and z less its maximum, in memo.shifted: log p is the same for both
        xp.multiply(memo.shifted, t, out=memo.shifted)
        xp.sum(memo.shifted, axis=1, out=memo.dot)
        xp.log(memo.sum, out=memo.sum)
        xp.subtract(memo.sum, memo.dot, out=memo.sum)  # -sum t log p = log(sum exp z) - sum t z, as sum t = 1
        xp.subtract(dz, t, out=dz)  # the Jacobian of softmax cancels against 1/p: dL/dz = p - t
        xp.multiply(dz, share, out=dz)
        return _weighted(xp, memo.sum, share)

    def link(self, xp: Namespace, z: Array, p: Array, memo: Memo) -> None:
        self._softmax(xp, z, p, memo)

    def _softmax(self, xp: Namespace, z: Array, p: Array, memo: Memo) -> None:
        xp.max(z, axis=1, out=memo.top, scratch=memo.shifted)
        xp.subtract(z, memo.top, out=memo.shifted)  # at most 0, so nothing overflows
        xp.exp(memo.shifted, out=p)
        xp.sum(p, axis=1, out=memo.sum)
        xp.divide(p, memo.sum, out=p)


@value
class SigmoidCrossEntropy(Loss):
    """-sum over outputs of t log p + (1 - t) log(1 - p) with p = sigmoid(z), averaged over samples. z are logits.

    Binary with one output, multi-label with several. Targets: 0, 1 or probabilities.
    """

    classifies: ClassVar[bool] = True

    def value_and_gradient(self, xp: Namespace, z: Array, t: Array, share: Share, dz: Array, memo: Memo) -> float:
        xp.abs(z, out=dz)
        xp.negative(dz, out=dz)
        xp.exp(dz, out=dz)
        xp.log1p(dz, out=dz)
        xp.maximum(z, 0.0, out=memo.s)
        xp.add(memo.s, dz, out=dz)  # softplus(z) = -log(1 - p)
        xp.multiply(z, t, out=memo.s)
        xp.subtract(dz, memo.s, out=memo.s)  # the loss is softplus(z) - t z
        value = _weighted(xp, memo.s, share)
        sigmoid(xp, z, out=dz, scratch=memo.s)
        xp.subtract(dz, t, out=dz)  # the slope p (1 - p) of sigmoid cancels: dL/dz = p - t
        xp.multiply(dz, share, out=dz)
        return value

    def link(self, xp: Namespace, z: Array, p: Array, memo: Memo) -> None:
        sigmoid(xp, z, out=p, scratch=memo.s)
