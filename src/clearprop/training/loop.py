"""`train`, an iterator of epochs, and `fit`, which drains it behind a progress bar."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from clearprop.arrays.checks import truth, whole
from clearprop.arrays.errors import DataError, SettingError, brief
from clearprop.arrays.seeds import stream
from clearprop.data.dataset import Dataset, check_finite
from clearprop.network.gradient import Feed, Workspace
from clearprop.network.model import Model
from clearprop.training.engine import EpochRun, Stop, blas, threads_for
from clearprop.training.optimizers import SGD, Optimizer
from clearprop.training.progress import Display, display
from clearprop.training.report import Epoch, Report

BATCH = 32  # unless said otherwise, or all samples where there are fewer
GLANCE = 0.1  # seconds between looks at the progress

Watch = Callable[[EpochRun], None]


def train(
    model: Model,
    data: Any,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    batch: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    *,
    shuffle: bool = True,
    watch: Watch | None = None,
) -> Iterator[Epoch]:
    """Train `model` in place and yield an Epoch after each pass over the training samples.

    data: a Dataset, Samples or (x, t). optimizer: SGD(0.01) by default; a fresh copy is used. batch: samples per
    step, 32 by default or all where there are fewer; the last batch of an epoch may be smaller. seed: of the order
    of samples and of dropout. threads: of BLAS, for the time of training; by default one for small products, all
    cores for large ones. watch: called about ten times a second with the EpochRun under way.

    Leave the loop with `break` to stop. Ctrl-C ends it after the current batch, with that Epoch marked interrupted.
    Raises a DivergenceError, naming epoch, batch and layer, as soon as a loss, gradient or weight is not finite.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(2, 8, "tanh", 1), cp.SigmoidCrossEntropy())
    >>> losses = [epoch.loss for epoch in train(model, cp.data.xor(), cp.SGD(1.0), epochs=200)]
    >>> losses[-1] < losses[0]
    True
    """
    training = Training(model, data, optimizer, epochs, batch, seed, threads, shuffle)
    return training.run(watch, Stop())


class Training:
    """A training that has been checked and can begin: the arguments of `train`, made ready."""

    def __init__(
        self,
        model: Model,
        data: Any,
        optimizer: Optimizer | None,
        epochs: int,
        batch: int | None,
        seed: int,
        threads: int | None,
        shuffle: bool,
    ) -> None:
        if not isinstance(model, Model):
            raise SettingError("train", "a Model", brief(model), "make one with cp.Model(network, loss)")
        optimizer = SGD() if optimizer is None else optimizer
        if not isinstance(optimizer, Optimizer):
            raise SettingError("train", "an optimizer", brief(optimizer), "such as cp.Adam(0.001)")
        self.model, self.data, self.optimizer = model, Dataset.of(data), optimizer.fresh()
        samples = self.samples = len(self.data.train)
        self.epochs, self.seed = whole("train", "epochs", epochs), seed
        self.batch = min(BATCH, samples) if batch is None else whole("train", "batch", batch)
        if self.batch > samples:
            raise DataError("train", f"a batch of at most {samples}, all training samples", str(batch), "lower it")
        for name, values in model.weights.items():
            check_finite(values, name, "train a new model, or set this weight")
        model.adopt(self.data)
        self.feed = Feed(model, self.data.train, model.dtype, self.data.classes)
        self.work = Workspace(model, self.batch, state=model.state, rng=stream(seed, "dropout"))
        self.threads = threads_for(model.network, self.batch, threads)
        self.shuffle = stream(seed, "shuffle") if truth("train", "shuffle", shuffle) else None

    def run(self, watch: Watch | None, stop: Stop) -> Iterator[Epoch]:
        """Train, epoch by epoch, until `stop` is asked for."""
        order = np.arange(self.samples)
        for number in range(1, self.epochs + 1):
            if stop.asked:
                return
            if self.shuffle is not None:
                order = self.shuffle.permutation(self.samples)
            with blas().limit(limits=self.threads, user_api="blas"), ctrl_c_asks(stop):
                run = EpochRun(self.model, self.optimizer, self.feed, order, self.work, number)
                epoch = self._epoch(run, watch, stop)
            yield epoch

    def _epoch(self, run: EpochRun, watch: Watch | None, stop: Stop) -> Epoch:
        seconds, accuracy = 0.0, None
        while not run.finished and not stop.asked:
            start = time.perf_counter()
            run.advance(GLANCE, stop)
            accuracy = run.accuracy
            seconds += time.perf_counter() - start
            if watch:
                watch(run)
        data = self.data
        test = None if data.test is None else self.model.evaluate(Dataset(data.test, classes=data.classes))
        test_loss, test_accuracy = (test.loss, test.accuracy) if test else (None, None)
        return Epoch(
            run.number, seconds, run.done, run.loss, accuracy, test_loss, test_accuracy, interrupted=not run.finished
        )

    def settings(self) -> dict[str, Any]:
        """What is trained and how, in words for the Report."""
        return {
            "network": repr(self.model.network), "loss": repr(self.model.loss), "optimizer": repr(self.optimizer),
            "data": self.data.name, "samples": self.samples, "epochs": self.epochs, "batch": self.batch,
            "seed": self.seed, "dtype": str(self.model.dtype), "threads": self.threads,
        }  # fmt: skip


@contextmanager
def ctrl_c_asks(stop: Stop) -> Iterator[None]:
    """Ctrl-C sets `stop.asked`; a second one interrupts at once. Only where Ctrl-C would interrupt otherwise."""
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or usual is not signal.default_int_handler:
        yield
        return

    def ask(_number: int, _frame: Any) -> None:
        stop.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def fit(
    model: Model,
    data: Any,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    batch: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    *,
    shuffle: bool = True,
    verbose: bool | None = None,
) -> Report:
    """Train as `train` does, behind a progress bar, and return the Report.

    verbose: None shows the bar in a terminal or notebook and nothing elsewhere; True also prints a line for each
    epoch where there is no terminal; False shows nothing. Everything is written to standard error.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(64, 16, "relu", 10), cp.SoftmaxCrossEntropy())
    >>> report = fit(model, cp.data.digits(), cp.Adam(0.01), epochs=3, verbose=False)
    >>> report.last.test_accuracy > 0.8
    True
    """
    shown: Display = display(verbose)
    training, stop = Training(model, data, optimizer, epochs, batch, seed, threads, shuffle), Stop()
    report = Report(training.settings())
    with shown.open(epochs, training.samples), ctrl_c_asks(stop):
        for epoch in training.run(shown.batch, stop):
            report.history.append(epoch)
            shown.epoch(epoch)
    report.interrupted = stop.asked and (len(report.history) < epochs or report.last.interrupted)
    return report
