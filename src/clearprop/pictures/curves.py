"""Pictures of what changes with time."""

from typing import Any

import numpy as np

from clearprop.arrays.checks import real, whole
from clearprop.arrays.errors import SettingError, brief
from clearprop.pictures.theme import BLUE, drawing
from clearprop.training.schedules import Progress, Schedule

POINTS = 2000  # along the curve, at least one for each epoch


def schedule(
    schedule: Schedule, epochs: int = 20, learning_rate: float = 1.0, samples: int = 1000, ax: Any = None
) -> Any:
    """The learning rate over `epochs` of `samples` each, where the optimizer's own is `learning_rate`.

    ReduceOnPlateau is drawn as if the loss never improved after the first epoch.

    >>> import clearprop as cp
    >>> cp.pictures.schedule(cp.Cosine(warm_up=0.1), learning_rate=0.01).get_xlabel()
    'epoch'
    """
    if not isinstance(schedule, Schedule):
        raise SettingError("pictures.schedule", "a schedule", brief(schedule), "such as cp.Cosine()")
    epochs, samples = whole("pictures.schedule", "epochs", epochs), whole("pictures.schedule", "samples", samples)
    learning_rate = real("pictures.schedule", "learning_rate", learning_rate, low=0.0, open_low=True)
    points = max(POINTS // epochs, 1)
    done, rates = [], []
    memory: dict[str, Any] = {}
    for epoch in range(epochs):
        for way in np.arange(points) / points:
            at = Progress((epoch + way) / epochs, epoch + way, int((epoch + way) * samples))
            done.append(epoch + way)
            rates.append(learning_rate * memory.get("factor", 1.0) * schedule.factor(at))
        schedule.after_epoch({"loss": 1.0}, memory)
    with drawing(ax) as ax:
        ax.plot(done, rates, color=BLUE)
        ax.set(xlabel="epoch", ylabel="learning rate", title=repr(schedule), xlim=(0, epochs))
        ax.set_ylim(bottom=0)
    return ax
