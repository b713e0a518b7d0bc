"""What can be added to plain training, checked: penalties, schedule, stopping rules, class weights, distortions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.arrays.checks import real, several, truth
from clearprop.arrays.errors import DataError, SettingError, brief, suggest
from clearprop.data.augmentation import Distortion
from clearprop.data.dataset import Samples
from clearprop.data.validation import Class
from clearprop.training.penalties import Penalty
from clearprop.training.schedules import Schedule
from clearprop.training.stopping import Stopping

ClassWeight = Mapping[Class, float] | str | None


@dataclass(frozen=True)
class Plan:
    """What can be added to plain training; see `train`."""

    shuffle: bool = True
    penalties: tuple[Penalty, ...] = ()
    schedule: Schedule | None = None
    stopping: tuple[Stopping, ...] = ()
    class_weight: ClassWeight = None
    augment: tuple[Distortion, ...] = ()

    def __post_init__(self) -> None:
        truth("train", "shuffle", self.shuffle)
        if not (self.schedule is None or isinstance(self.schedule, Schedule)):
            raise SettingError("train", "a schedule", brief(self.schedule), "such as cp.Cosine()")


def planned(
    shuffle: bool, penalties: Any, schedule: Schedule | None, stopping: Any, class_weight: ClassWeight, augment: Any
) -> Plan:
    """The Plan of what `train` and `fit` were given."""
    penalties, stopping = several(Penalty, penalties, "train"), several(Stopping, stopping, "train")
    return Plan(shuffle, penalties, schedule, stopping, class_weight, several(Distortion, augment, "train"))


def weighted(samples: Samples, weights: ClassWeight, classes: tuple[Class, ...] | None) -> Samples:
    """`samples` whose weights are multiplied by those of their classes."""
    if weights is None:
        return samples
    if samples.t.ndim > 1 or samples.t.dtype.kind != "i":
        raise DataError(
            "class_weight", "targets that are classes", f"{samples.t.dtype} {samples.t.shape}", "leave it out"
        )
    counts = np.bincount(samples.t, minlength=len(classes or ()))
    labels = list(range(len(counts))) if classes is None else list(classes)
    if isinstance(weights, str) and weights == "balanced":
        factors = len(samples) / np.maximum(counts, 1) / max(int((counts > 0).sum()), 1)
    elif isinstance(weights, Mapping):
        for label in weights:
            if label not in labels:
                advice = suggest(str(label), map(str, labels[:50]))
                raise SettingError("class_weight", "the classes of the data", brief(label), advice)
        factors = np.array(
            [real("class_weight", f"the weight of {label}", weights.get(label, 1.0), low=0.0) for label in labels]
        )
    else:
        raise SettingError("class_weight", 'a weight for each class, or "balanced"', brief(weights), "such as {1: 2.0}")
    own = np.ones(len(samples)) if samples.weight is None else samples.weight
    return Samples(samples.x, samples.t, own * factors[samples.t])
