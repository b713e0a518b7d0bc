"""Pictures of what changes with time, and of how sure a model is."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.arrays.checks import real, whole
from clearprop.arrays.errors import DataError, SettingError, brief, suggest
from clearprop.pictures.answers import answers
from clearprop.pictures.theme import Theme, drawing
from clearprop.training.checkpoint import metrics
from clearprop.training.report import Epoch, Report
from clearprop.training.schedules import Progress, Schedule

POINTS = 2000  # along the curve of a schedule, at least one for each epoch
DECADES = 50.0  # largest over smallest loss from which the axis is logarithmic


def learning_curves(runs: Any, what: str = "loss", *, ax: Any = None, theme: str | None = None) -> Any:
    """The "loss" or "accuracy" of each epoch, dashed in training and solid in the test, with a dot at the best epoch.

    runs: a Report, the folder of a run, or a list of Epochs; several of them in a list, or in a dict under names.
    Without names they are called by the settings in which they differ.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(2, 8, "tanh", 1), cp.SigmoidCrossEntropy())
    >>> report = cp.fit(model, cp.data.moons(), cp.SGD(0.5), epochs=5)
    >>> cp.pictures.learning_curves(report, "accuracy").get_ylabel()
    'accuracy'
    """
    if what not in ("loss", "accuracy"):
        raise SettingError("learning_curves", "loss or accuracy", brief(what), suggest(str(what), ("loss", "accuracy")))
    known = {name: run for name, run in _runs(runs).items() if run.history}
    if not known:
        raise DataError("learning_curves", "at least one epoch", "none", "train first")
    if all(getattr(run.last, what) is None for run in known.values()):
        raise SettingError("learning_curves", "runs that predict classes", "values", 'leave out "accuracy"')
    with drawing(ax, theme) as (ax, look):
        for i, (name, run) in enumerate(known.items()):
            own = look.cycle[i % len(look.cycle)]
            colours = (look.cycle[0], look.cycle[1]) if len(known) == 1 else (own, own)
            _run(ax, look, run, what, name, colours)
        drawn = np.concatenate([line.get_ydata() for line in ax.lines])
        if what == "loss" and drawn.min() > 0 and drawn.max() > DECADES * drawn.min():
            ax.set_yscale("log")
        ax.set(xlabel="epoch", ylabel=what)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend()
    return ax


def _run(ax: Any, look: Theme, run: Report, what: str, name: str, colours: tuple[str, str]) -> None:
    numbers = [epoch.number for epoch in run.history]
    title = f"{name}, " if name else ""
    alone = {"marker": "."} if len(numbers) == 1 else {}
    best = run.best
    parts = (what, "training", colours[0], "--"), (f"test_{what}", "test", colours[1], "-")
    found = [part for part in parts if getattr(run.last, part[0]) is not None]
    for field, part, colour, dashes in found:
        values = [getattr(epoch, field) for epoch in run.history]
        label = f"{title}{part}"
        if (field, part) == found[-1][:2]:
            height = getattr(best, field)
            figure = f"{height:.1%}" if what == "accuracy" else f"{height:.3g}"
            label += f": {figure} in the best epoch, {best.number}"
            ax.plot([best.number], [height], "o", color=colour, markeredgecolor=look.paper, zorder=3)
        ax.plot(numbers, values, dashes, color=colour, label=label, **alone)


def _runs(runs: Any) -> dict[str, Report]:
    """Reports by name; a single one has no name."""
    if isinstance(runs, Mapping):
        return {str(name): _report(run) for name, run in runs.items()}
    several = isinstance(runs, (list, tuple)) and not any(isinstance(run, Epoch) for run in runs)
    if not several or len(runs) < 2:
        return {"": _report(runs[0] if several and runs else runs)}
    reports = [_report(run) for run in runs]
    names = [_difference(run, reports, i) for i, run in enumerate(reports, 1)]
    for i, run in enumerate(runs):
        if isinstance(run, (str, os.PathLike)):
            names[i] = Path(run).name or str(run)
    unique = [name if names.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(names, 1)]
    return dict(zip(unique, reports, strict=True))


def _difference(run: Report, others: list[Report], i: int) -> str:
    mine = ((name, value) for name, value in run.settings.items() if any(o.settings.get(name) != value for o in others))
    told = ", ".join(value if name in ("optimizer", "network", "loss") else f"{name} {value}" for name, value in mine)
    return (told if len(told) <= 40 else f"{told[:37]}...") or f"run {i}"


def _report(run: Any) -> Report:
    if isinstance(run, Report):
        return run
    if isinstance(run, (str, os.PathLike)):
        return Report({}, metrics(run))
    if isinstance(run, (list, tuple)) and all(isinstance(epoch, Epoch) for epoch in run):
        return Report({}, list(run))
    raise SettingError("learning_curves", "a Report, the folder of a run, or Epochs", brief(run), "give what fit gave")


def schedule(
    schedule: Schedule, epochs: int = 20, learning_rate: float = 1.0, samples: int = 1000, ax: Any = None,
    theme: str | None = None,
) -> Any:  # fmt: skip
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
    with drawing(ax, theme) as (ax, look):
        ax.plot(done, rates, color=look.above)
        ax.set(xlabel="epoch", ylabel="learning rate", title=repr(schedule), xlim=(0, epochs))
        ax.set_ylim(bottom=0)
    return ax


def calibration(model: Any, data: Any, bins: int = 10, *, ax: Any = None, theme: str | None = None) -> Any:
    """How often the model is right, by how sure it is: on the diagonal it is as often right as it claims.

    data: of it the test part, where there is one. The area of a dot grows with the number of samples; the title tells
    the expected calibration error, their mean distance from the diagonal (Guo et al. 2017).

    >>> import clearprop as cp
    >>> data = cp.data.moons()
    >>> model = cp.Model(cp.Network(2, 8, "tanh", 1), cp.SigmoidCrossEntropy())
    >>> cp.pictures.calibration(model, data).get_ylabel()
    'share that is right'
    """
    bins, found = whole("calibration", "bins", bins, high=1000), answers("calibration", model, data)
    if not model.loss.classifies:
        raise SettingError("calibration", "a model that gives probabilities", repr(model.loss), "take a cross-entropy")
    sure = found.scores[np.arange(len(found.true)), found.predicted].astype(np.float64)
    place = np.minimum((sure * bins).astype(np.intp), bins - 1)
    counts = np.bincount(place, minlength=bins)
    full = counts > 0
    mean, right = (
        np.bincount(place, values, bins)[full] / counts[full] for values in (sure, (~found.wrong).astype(np.float64))
    )
    share = counts[full] / len(sure)
    with drawing(ax, theme, (4.6, 4.4)) as (ax, look):
        ax.plot([0, 1], [0, 1], "--", color=look.soft, linewidth=1.2)
        ax.plot(mean, right, color=look.above, zorder=2)
        ax.scatter(mean, right, 30 + 400 * share, color=look.above, edgecolors=look.paper, zorder=3)
        error = float((share * np.abs(mean - right)).sum())
        ax.set(xlabel="how sure it is", ylabel="share that is right", title=f"calibration error {error:.1%}")
        ax.set(xlim=(0, 1.03), ylim=(0, 1.03), aspect="equal")
    return ax
