"""`train`, an iterator of epochs, and `fit`, which drains it behind a progress bar."""

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

from clearprop.arrays.checks import truth
from clearprop.arrays.errors import SettingError, brief
from clearprop.data.augmentation import Distortion
from clearprop.network.model import Model
from clearprop.training.checkpoint import run_folder
from clearprop.training.interrupt import Stop, ctrl_c_asks
from clearprop.training.lbfgs import LBFGS, prepared
from clearprop.training.optimizer import Optimizer
from clearprop.training.penalties import Penalty
from clearprop.training.plan import ClassWeight, planned
from clearprop.training.progress import Display, display
from clearprop.training.report import Epoch, Report
from clearprop.training.schedules import Schedule
from clearprop.training.session import Watch
from clearprop.training.stopping import Stopping
from clearprop.training.tensorboard import board


def train(
    model: Model,
    data: Any,
    optimizer: Optimizer | LBFGS | None = None,
    epochs: int = 10,
    batch: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    *,
    shuffle: bool = True,
    penalties: Penalty | Sequence[Penalty] = (),
    schedule: Schedule | None = None,
    stopping: Stopping | Sequence[Stopping] = (),
    class_weight: ClassWeight = None,
    augment: Distortion | Sequence[Distortion] = (),
    watch: Watch | None = None,
) -> Iterator[Epoch]:
    """Train `model` in place and yield an Epoch after each pass over the training samples.

    data: a Dataset, Samples or (x, t). optimizer: SGD(0.01) by default; a fresh copy is used. batch: samples per
    step, 32 by default or all where there are fewer; the last batch of an epoch may be smaller. seed: of the order
    of samples and of dropout. threads: of BLAS, for the time of training; by default one for small products, all
    cores for large ones. watch: called about ten times a second with the EpochRun under way.

    penalties: L1, L2, WeightDecay, MaxNorm; what they add is part of the loss of an Epoch, not of its test loss.
    schedule: how the learning rate changes. stopping: EarlyStopping, TimeLimit. class_weight: how much the samples
    of each class count, by its label, or "balanced": every class as much as any other. augment: Shift, Rotation,
    Scale, Shear, Elastic of the training images, drawn anew each time by a background thread.

    Leave the loop with `break` to stop. Ctrl-C ends it after the current batch, with that Epoch marked interrupted.
    Raises a DivergenceError, naming epoch, batch and layer, as soon as a loss, gradient or weight is not finite.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(2, 8, "tanh", 1), cp.SigmoidCrossEntropy())
    >>> losses = [epoch.loss for epoch in train(model, cp.data.xor(), cp.SGD(1.0), epochs=200)]
    >>> losses[-1] < losses[0]
    True
    """
    if not (watch is None or callable(watch)):
        raise SettingError("train", "watch to be a function of an EpochRun", brief(watch), "such as watch=print")
    plan = planned(shuffle, penalties, schedule, stopping, class_weight, augment)
    return prepared(model, data, optimizer, epochs, batch, seed, threads, plan).run(watch, Stop())


def fit(
    model: Model,
    data: Any,
    optimizer: Optimizer | LBFGS | None = None,
    epochs: int = 10,
    batch: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    *,
    shuffle: bool = True,
    penalties: Penalty | Sequence[Penalty] = (),
    schedule: Schedule | None = None,
    stopping: Stopping | Sequence[Stopping] = (),
    class_weight: ClassWeight = None,
    augment: Distortion | Sequence[Distortion] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: float = 5.0,
    tensorboard: str | os.PathLike[str] | None = None,
    verbose: bool | None = None,
    live: bool | None = None,
) -> Report:
    """Train as `train` does, behind a progress bar, and return the Report.

    checkpoint: a folder in which all that training needs to go on is written every `checkpoint_every` seconds. After
    a crash or Ctrl-C the same call goes on where the last checkpoint was, and ends with the very weights of a run
    that was never interrupted. Only one process at a time trains in a folder.

    tensorboard: a folder for TensorBoard events, scalars and histograms of weights and gradients for each epoch.

    verbose: None shows the bar in a terminal or notebook and nothing elsewhere; True also prints a line for each
    epoch where there is no terminal; False shows nothing. Everything is written to standard error.

    live: True draws the learning curves in a notebook while they grow (with the extra "plot"), and the course of the
    loss beside the bar in a terminal; None does the latter where there is room.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(64, 16, "relu", 10), cp.SoftmaxCrossEntropy())
    >>> report = fit(model, cp.data.digits(), cp.Adam(0.01), epochs=3, verbose=False)
    >>> report.last.test_accuracy > 0.8
    True
    """
    shown: Display = display(verbose)
    shown.live = None if live is None else truth("fit", "live", live)
    plan = planned(shuffle, penalties, schedule, stopping, class_weight, augment)
    if checkpoint is not None and isinstance(optimizer, LBFGS):
        raise SettingError("LBFGS", "training without checkpoints", brief(checkpoint), "leave out checkpoint")
    training, stop = prepared(model, data, optimizer, epochs, batch, seed, threads, plan), Stop()
    report = Report(training.settings(), training.history)
    folder = nullcontext() if checkpoint is None else run_folder(checkpoint, checkpoint_every)
    events = nullcontext() if tensorboard is None else board(tensorboard)
    training.optimizer.may_spend = tensorboard is None  # which shows the gradients
    with folder as keeper, events as noted, shown.open(epochs, training.samples), ctrl_c_asks(stop):
        if keeper:
            keeper.describe(report.settings)
        for epoch in training.run(shown.batch, stop, keeper):
            shown.epoch(epoch)
            if noted:
                noted.note(epoch, model, training.work)
            if epoch.interrupted:
                report.history.append(epoch)
        if keeper:
            keeper.save_model(model)
    report.interrupted = stop.asked and (len(report.history) < epochs or report.last.interrupted)
    return report
