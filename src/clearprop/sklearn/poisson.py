"""Half the Poisson deviance, for `MLPRegressor(loss="poisson")`."""

from clearprop.arrays.backend import Array, Namespace
from clearprop.arrays.kinds import value
from clearprop.layers.base import Memo
from clearprop.layers.losses import Loss, Share, _weighted

TINY = 1e-30  # instead of log(0), which is multiplied by 0


@value
class _Poisson(Loss):  # not a member of the family: models with it are pickled, not saved
    """t log(t / p) - t + p with p = exp(z), summed over outputs, averaged over samples; targets of 0 and above."""

    def value_and_gradient(self, xp: Namespace, z: Array, t: Array, share: Share, dz: Array, memo: Memo) -> float:
        xp.maximum(t, TINY, out=memo.s)
        xp.log(memo.s, out=memo.s)
        xp.subtract(memo.s, z, out=memo.s)
        xp.multiply(memo.s, t, out=memo.s)  # t (log t - z)
        xp.exp(z, out=dz)
        xp.subtract(dz, t, out=dz)  # d(exp(z) - t z) / dz = p - t
        xp.add(memo.s, dz, out=memo.s)
        xp.multiply(dz, share, out=dz)
        return _weighted(xp, memo.s, share)

    def link(self, xp: Namespace, z: Array, p: Array, memo: Memo) -> None:
        xp.exp(z, out=p)
