"""Schedules: the learning rate as a function of progress. Each gives what the optimizer's rate is multiplied by."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.arrays.checks import real, whole
from clearprop.arrays.errors import SettingError
from clearprop.arrays.kinds import Value, value


@dataclass(frozen=True)
class Progress:
    """How far training has come: share of all steps from 0 to 1, epochs done (with fractions), samples seen."""

    share: float
    epochs: float
    samples: int


@value
class Schedule(Value, ABC, family="schedule"):
    """A rule for the learning rate. A new schedule is a class with `@cp.value` on it and `factor`."""

    @abstractmethod
    def factor(self, at: Progress) -> float:
        """What the learning rate is multiplied by at this point."""

    def after_epoch(self, metrics: Mapping[str, float | None], memory: dict[str, Any]) -> None:
        """Take note of an epoch; `memory` is kept with the training and multiplies the rate by memory["factor"]."""


def _share(schedule: Schedule, name: str, open_low: bool = False) -> None:
    number = real(type(schedule).__name__, name, getattr(schedule, name), low=0.0, high=1.0, open_low=open_low)
    schedule.keep(**{name: number})


@value
class ConstantRate(Schedule):
    """The same learning rate throughout."""

    def factor(self, at: Progress) -> float:
        return 1.0


@value
class StepDecay(Schedule):
    """Multiplied by `ratio` after every `every` epochs."""

    ratio: float = 0.5
    every: int = 10

    def __post_init__(self) -> None:
        _share(self, "ratio", open_low=True)
        self.keep(every=whole("StepDecay", "every", self.every))

    def factor(self, at: Progress) -> float:
        return self.ratio ** int(at.epochs // self.every)


@value
class ExponentialDecay(Schedule):
    """Multiplied by `ratio` with every epoch, little by little: ratio^epochs."""

    ratio: float = 0.95

    def __post_init__(self) -> None:
        _share(self, "ratio", open_low=True)

    def factor(self, at: Progress) -> float:
        return self.ratio**at.epochs


@value
class InverseTime(Schedule):
    """1 / (1 + decay epochs)."""

    decay: float = 0.1

    def __post_init__(self) -> None:
        self.keep(decay=real("InverseTime", "decay", self.decay, low=0.0))

    def factor(self, at: Progress) -> float:
        return 1 / (1 + self.decay * at.epochs)


@value
class InverseScaling(Schedule):
    """1 / (1 + samples)^power, renewed after each epoch, as scikit-learn's learning_rate="invscaling"."""

    power: float = 0.5

    def __post_init__(self) -> None:
        self.keep(power=real("InverseScaling", "power", self.power, low=0.0))

    def factor(self, at: Progress) -> float:
        whole_epochs = int(at.epochs)
        seen = 0 if not whole_epochs else round(at.samples * whole_epochs / at.epochs)
        return (1.0 + seen) ** -self.power  # which does not overflow, as its inverse would


@value
class Cosine(Schedule):
    """Up in a straight line during the share `warm_up`, then down along half a cosine to `floor`.

    Loshchilov and Hutter 2017, eq. 5, without restarts.
    """

    warm_up: float = 0.0
    floor: float = 0.0

    def __post_init__(self) -> None:
        _share(self, "warm_up")
        _share(self, "floor")

    def factor(self, at: Progress) -> float:
        if at.share < self.warm_up:
            return max(at.share / self.warm_up, 1e-3)
        way = (at.share - self.warm_up) / (1 - self.warm_up) if self.warm_up < 1 else 1.0
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * way)) / 2


@value
class OneCycle(Schedule):
    """From `start` up to 1 at the share `peak`, then down to `end`, both along half a cosine. Smith and Topin 2018."""

    peak: float = 0.3
    start: float = 0.04
    end: float = 0.0001

    def __post_init__(self) -> None:
        for name in ("peak", "start", "end"):
            _share(self, name, open_low=True)
        if self.peak == 1.0:
            raise SettingError("OneCycle", "a peak before the end", "1.0", "such as peak=0.3")

    def factor(self, at: Progress) -> float:
        low, way = (self.start, at.share / self.peak)
        if at.share > self.peak:
            low, way = self.end, (1 - at.share) / (1 - self.peak)
        return low + (1 - low) * (1 - math.cos(math.pi * way)) / 2


@value
class ReduceOnPlateau(Schedule):
    """Multiplied by `ratio` whenever the loss has not gained `minimum_gain` for `patience` epochs; never below floor.

    It looks at the test loss where there is a test part, else at the training loss.
    """

    ratio: float = 0.5
    patience: int = 5
    minimum_gain: float = 1e-4
    floor: float = 1e-6

    def __post_init__(self) -> None:
        kind = "ReduceOnPlateau"
        _share(self, "ratio", open_low=True)
        _share(self, "floor")
        self.keep(patience=whole(kind, "patience", self.patience))
        self.keep(minimum_gain=real(kind, "minimum_gain", self.minimum_gain, low=0.0))

    def factor(self, at: Progress) -> float:
        return 1.0

    def after_epoch(self, metrics: Mapping[str, float | None], memory: dict[str, Any]) -> None:
        test_loss = metrics.get("test_loss")
        loss = metrics["loss"] if test_loss is None else test_loss
        if loss is None:
            return
        if loss < memory.get("best", math.inf) - self.minimum_gain:
            memory.update(best=loss, waited=0)
            return
        memory["waited"] = memory.get("waited", 0) + 1
        if memory["waited"] >= self.patience:
            memory.update(factor=max(memory.get("factor", 1.0) * self.ratio, self.floor), waited=0)
