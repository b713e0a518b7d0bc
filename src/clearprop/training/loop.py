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
    if not isinstance(model, Model):
        raise SettingError("train", "a Model", brief(model), "make one with cp.Model(network, loss)")
    optimizer = SGD() if optimizer is None else optimizer
    if not isinstance(optimizer, Optimizer):
        raise SettingError("train", "an optimizer", brief(optimizer), "such as cp.Adam(0.001)")
    data = Dataset.of(data)
    samples = len(data.train)
    whole("train", "epochs", epochs)
    truth("train", "shuffle", shuffle)
    if batch is None:
        batch = min(BATCH, samples)
    elif whole("train", "batch", batch) > samples:
        raise DataError(
            "train", f"a batch of at most {samples}, the number of training samples", str(batch), "make it smaller"
        )
    for name, values in model.weights.items():
        check_finite(values, name, "train a new model, or set this weight")
    model.adopt(data)
    feed = Feed(model, data.train, model.dtype, data.classes)
    work = Workspace(model, batch, state=model.state, rng=stream(seed, "dropout"))
    cap = threads_for(model.network, batch, threads)
    return _epochs(
        model, data, optimizer.fresh(), feed, work, epochs, stream(seed, "shuffle") if shuffle else None, cap, watch
    )


def _epochs(
    model: Model,
    data: Dataset,
    optimizer: Optimizer,
    feed: Feed,
    work: Workspace,
    epochs: int,
    shuffle: "np.random.Generator | None",
    threads: int,
    watch: Watch | None,
) -> Iterator[Epoch]:
    order = np.arange(len(data.train))
    for number in range(1, epochs + 1):
        if shuffle is not None:
            order = shuffle.permutation(len(order))
        run, stop, seconds = EpochRun(model, optimizer, feed, order, work, number), Stop(), 0.0
        with blas().limit(limits=threads, user_api="blas"), ctrl_c_asks(stop):
            while not run.finished and not stop.asked:
                start = time.perf_counter()
                run.advance(GLANCE, stop)
                seconds += time.perf_counter() - start
                if watch:
                    watch(run)
            start = time.perf_counter()
            accuracy = run.accuracy
            seconds += time.perf_counter() - start
            test = None if data.test is None else model.evaluate(Dataset(data.test, classes=data.classes))
        test_loss, test_accuracy = (test.loss, test.accuracy) if test else (None, None)
        yield Epoch(
            number, seconds, run.done, run.loss, accuracy, test_loss, test_accuracy, interrupted=not run.finished
        )
        if stop.asked:
            return


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
    progress: Display = display(verbose)
    data = Dataset.of(data)
    steps = train(model, data, optimizer, epochs, batch, seed, threads, shuffle=shuffle, watch=progress.batch)
    settings = {
        "network": repr(model.network), "loss": repr(model.loss), "optimizer": repr(optimizer or SGD()),
        "data": data.name, "samples": len(data.train), "epochs": epochs, "batch": batch or min(BATCH, len(data.train)),
        "seed": seed, "dtype": str(model.dtype),
    }  # fmt: skip
    report = Report(settings)
    with progress.open(epochs, len(data.train)):
        for epoch in steps:
            report.history.append(epoch)
            progress.epoch(epoch)
    return report
