"""When to stop: rules that look at each epoch. What a rule remembers is plain data, so that it can be resumed."""

import math
from abc import ABC, abstractmethod
from typing import Any

from clearprop.arrays.checks import real, truth, whole
from clearprop.arrays.errors import SettingError, brief, suggest
from clearprop.arrays.kinds import Value, value
from clearprop.training.report import Epoch

METRICS = {"loss": -1, "accuracy": 1, "test_loss": -1, "test_accuracy": 1}  # +1 where more is better


@value
class Stopping(Value, ABC, family="stopping"):
    """A rule that ends training. A new rule is a class with `@cp.value` on it and `after_epoch`."""

    def check(self, epochs: int, has_test: bool, classifies: bool) -> None:
        """Raise a SettingError where the rule could never apply to such a training."""

    @abstractmethod
    def after_epoch(self, epoch: Epoch, seconds: float, memory: dict[str, Any]) -> bool:
        """Whether to stop after `epoch`, with `seconds` of training so far; `memory` is kept with the training."""


@value
class EarlyStopping(Stopping):
    """Stops when `metric` has not gained `minimum_gain` for `patience` epochs.

    metric: loss, accuracy, test_loss or test_accuracy; None takes the test accuracy, test loss or loss, whichever
    there is first. restore: whether the weights of the best epoch come back at the end, however training ends.
    """

    metric: str | None = None
    patience: int = 10
    minimum_gain: float = 0.0
    restore: bool = True

    def __post_init__(self) -> None:
        if self.metric is not None and self.metric not in list(METRICS):
            raise SettingError(
                "EarlyStopping", "the name of a metric", brief(self.metric), suggest(str(self.metric), METRICS)
            )
        self.keep(patience=whole("EarlyStopping", "patience", self.patience))
        self.keep(minimum_gain=real("EarlyStopping", "minimum_gain", self.minimum_gain, low=0.0))
        truth("EarlyStopping", "restore", self.restore)

    def check(self, epochs: int, has_test: bool, classifies: bool) -> None:
        if self.patience >= epochs:
            raise SettingError(
                "EarlyStopping", f"a patience below {epochs}, the epochs of the run", str(self.patience),
                "lower it, or train for more epochs",
            )  # fmt: skip
        if self.metric is not None and self.metric.startswith("test_") and not has_test:
            raise SettingError(
                "EarlyStopping",
                f"data with a test part for {self.metric}",
                "none",
                "use data.split()",
            )
        if self.metric is not None and self.metric.endswith("accuracy") and not classifies:
            raise SettingError("EarlyStopping", "a metric of values", self.metric, "take loss or test_loss")

    def after_epoch(self, epoch: Epoch, seconds: float, memory: dict[str, Any]) -> bool:
        name = self.metric or next(
            name for name in ("test_accuracy", "test_loss", "loss") if getattr(epoch, name) is not None
        )
        score = METRICS[name] * getattr(epoch, name)
        gained = score > memory.get("best", -math.inf) + (self.minimum_gain if "best" in memory else 0.0)
        memory["improved"] = gained
        memory["waited"] = 0 if gained else memory.get("waited", 0) + 1
        if gained:
            memory["best"] = score
        return bool(memory["waited"] >= self.patience)


@value
class TimeLimit(Stopping):
    """Stops after the epoch in which training has taken `seconds`; evaluation does not count."""

    seconds: float

    def __post_init__(self) -> None:
        self.keep(seconds=real("TimeLimit", "seconds", self.seconds, low=0.0, open_low=True))

    def after_epoch(self, epoch: Epoch, seconds: float, memory: dict[str, Any]) -> bool:
        return seconds >= self.seconds
