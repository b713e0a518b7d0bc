"""What an optimizer is: a rule for theta, run piece by piece in place, with clipping and the vectors that it keeps."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from clearprop.arrays.backend import Array, namespace
from clearprop.arrays.checks import real
from clearprop.arrays.errors import SettingError, ShapeError, brief
from clearprop.arrays.kinds import Kind

PIECE = 131072  # elements updated at a time, so that all passes of a rule over a piece stay in the cache
SWEEP = 64  # steps from one sweep to the next
VANISHED = 1e-30  # what a sweep makes 0: no weight of use is as small, and float32 is subnormal below 1.2e-38


@dataclass(repr=False)
class Optimizer(Kind, ABC, family="optimizer"):
    """A rule that moves theta (P,) against the gradient (P,).

    A new optimizer is a dataclass below this class with `update`, and `slots` naming the vectors (P,) that it keeps
    from step to step. Training works on a fresh copy, so one optimizer can serve several models.

    clip_norm: a gradient whose Euclidean length is larger is scaled down to it (Pascanu et al. 2013, algorithm 1).
    clip_value: each element of the gradient is cut off at +- this. Norm first where both are given.
    """

    learning_rate: float

    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)
    state: dict[str, Array] = field(init=False, compare=False, default_factory=dict)
    t: int = field(init=False, compare=False, default=0)  # steps taken
    may_spend: bool = field(init=False, compare=False, default=False)  # whether a step may overwrite the gradient
    _pieces: list[tuple[Array, ...]] = field(init=False, compare=False, default_factory=list)

    decay_rates: ClassVar[tuple[str, ...]] = ()  # fields that must lie in 0 <= rate < 1
    positive: ClassVar[tuple[str, ...]] = ("learning_rate", "clip_norm", "clip_value")  # above 0; no clipping at None
    slots: ClassVar[tuple[str, ...]] = ()  # names of the vectors that the rule keeps
    spends: ClassVar[bool] = False  # whether `work` may be the gradient itself: it is read once, before work is written

    def __post_init__(self) -> None:
        kind = type(self).__name__
        for name in self.decay_rates:
            self.keep(**{name: real(kind, name, getattr(self, name), low=0.0, high=1.0)})
            if getattr(self, name) == 1.0:
                raise SettingError(kind, f"{name} below 1", "1.0", "such as 0.9")
        for name in self.positive:
            if getattr(self, name) is not None or not name.startswith("clip"):
                self.keep(**{name: real(kind, name, getattr(self, name), low=0.0, open_low=True)})

    def keeps(self) -> tuple[str, ...]:
        """The slots that these settings need."""
        return self.slots

    @abstractmethod
    def update(self, xp: Any, theta: Array, gradient: Array, work: Array, *slots: Array) -> None:
        """Apply step number `t` to one piece of theta in place; `work` is a buffer of its size."""

    def step(self, theta: Array, gradient: Array) -> None:
        """Move theta (P,) in place; the gradient (P,) is left as it is, unless `may_spend` was set."""
        for vector in (theta, gradient):
            if len(getattr(vector, "shape", ())) != 1:
                raise ShapeError("optimizer step", "vectors (P,) of floats", brief(vector), "ravel them")
        xp = namespace(theta)
        if not self._pieces or self._pieces[0][0] is not theta or self._pieces[0][1] is not gradient:
            self._bind(xp, theta, gradient)
        self.t += 1
        if self.clip_norm is None and self.clip_value is None:
            for piece in self._pieces[1:]:
                self.update(xp, *piece)
        else:
            self._clipped_update(xp, gradient)
        if self.t % SWEEP == 0:
            self._sweep(xp)

    def _clipped_update(self, xp: Any, gradient: Array) -> None:
        share = self._share_of_norm(xp, gradient)
        for part, raw, work, *slots in self._pieces[1:]:
            clipped = self._clipped[: raw.shape[0]]
            xp.multiply(raw, share, out=clipped)
            if self.clip_value is not None:
                xp.minimum(clipped, self.clip_value, out=clipped)
                xp.maximum(clipped, -self.clip_value, out=clipped)
            self.update(xp, part, clipped, work, *slots)

    def _sweep(self, xp: Any) -> None:
        """Set to 0 what has vanished, as a processor takes 100 times as long over a subnormal number.

        Left alone, the mean of a gradient that has become 0 stays one for ever: 0.9 times the smallest of them is
        rounded to itself.
        """
        for part, _, work, *slots in self._pieces[1:]:
            for vector in (part, *slots):
                xp.abs(vector, out=work)
                xp.greater(work, VANISHED, out=work)
                xp.multiply(vector, work, out=vector)

    def _share_of_norm(self, xp: Any, gradient: Array) -> float:
        """What the gradient is multiplied by to be no longer than clip_norm."""
        if self.clip_norm is None:
            return 1.0
        bound = squares = 0.0
        for _, raw, work, *_ in self._pieces[1:]:
            xp.abs(raw, out=work)
            bound += xp.total(work)
        # so that no square overflows
        scale = 1.0 if bound <= 1e15 else 1.0 / bound if math.isfinite(bound) else 2.0**-100
        for _, raw, work, *_ in self._pieces[1:]:
            xp.multiply(raw, scale, out=work)
            xp.square(work, out=work)
            squares += xp.total(work)
        norm = math.sqrt(squares) / scale
        return self.clip_norm / norm if norm > self.clip_norm else 1.0

    def _bind(self, xp: Any, theta: Array, gradient: Array) -> None:
        if theta.shape != gradient.shape:
            raise ShapeError("optimizer step", f"a gradient of shape {theta.shape}", str(gradient.shape), "reshape it")
        for name in self.keeps():
            if name not in self.state:
                self.state[name] = xp.zeros(theta.shape, dtype=theta.dtype)
            elif self.state[name].shape != theta.shape:
                raise ShapeError(
                    "optimizer step", f"theta of shape {self.state[name].shape}, as in the step before",
                    str(theta.shape), "take .fresh() for another model",
                )  # fmt: skip
        vectors = [self.state[name] for name in self.keeps()]
        scratch = xp.empty((min(PIECE, theta.shape[0]),), dtype=theta.dtype)
        self._clipped = xp.empty(scratch.shape, dtype=theta.dtype)
        if self.may_spend and self.spends and self.clip_norm is None and self.clip_value is None:
            scratch = None  # one buffer less to go through the cache: 7 % of a step of 784-100-10 at batch 32
        self._pieces = [(theta, gradient), *_cut(theta, gradient, scratch, vectors)]

    def fresh(self) -> Self:
        """The same rule with no steps taken; its settings are checked again, as they can be changed."""
        other = copy.copy(self)
        other.__post_init__()
        other.state, other.t, other._pieces = {}, 0, []
        return other

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_pieces": []}


def _cut(theta: Array, gradient: Array, scratch: Array, vectors: list[Array]) -> Iterator[tuple[Array, ...]]:
    for start in range(0, theta.shape[0], PIECE):
        part = slice(start, min(start + PIECE, theta.shape[0]))
        work = gradient[part] if scratch is None else scratch[: part.stop - start]
        yield theta[part], gradient[part], work, *(vector[part] for vector in vectors)
