"""The hot loop: one pass over the samples, batch by batch. Nothing else loops over batches in training."""

import math
import os
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import whole
from clearprop.arrays.errors import DivergenceError
from clearprop.network.gradient import Feed, Workspace, loss_and_gradient
from clearprop.network.model import Model
from clearprop.network.network import Network
from clearprop.training.interrupt import Stop
from clearprop.training.optimizer import Optimizer

THREADED = 3e7  # multiplications and additions in one product from which a second BLAS thread pays
NOTED = 2**15  # outputs kept until they are compared with the labels


class EpochRun:
    """One epoch under way: `advance` takes steps, and loss and accuracy so far can be read between them.

    order: the samples in the order of this epoch. work: for full batches; theta of `model` moves in place.
    rate: the learning rate as a function of the samples done in this epoch; None leaves it as it is.
    """

    def __init__(
        self,
        model: Model,
        optimizer: Optimizer,
        feed: Feed,
        order: NDArray[np.intp],
        work: Workspace,
        number: int,
        rate: Callable[[int], float] | None = None,
    ) -> None:
        self.model, self.optimizer, self.feed, self.work = model, optimizer, feed, work
        self.order, self.number, self.rate = order, number, rate
        self.done = 0  # samples
        self._loss = self._weight = 0.0
        self._tally = Tally(model, feed, order, work) if model.classifies else None

    def position(self) -> dict[str, Any]:
        """Where the epoch stands, as plain data; `stand_at` of another EpochRun takes it up."""
        right = None if self._tally is None else self._tally.counted_right()
        return {"done": self.done, "loss": self._loss, "weight": self._weight, "right": right}

    def stand_at(self, position: dict[str, Any]) -> None:
        """Go on from where `position` was taken."""
        self.done, self._loss, self._weight = position["done"], position["loss"], position["weight"]
        if self._tally is not None:
            self._tally.go_on(self.done, position["right"])

    @property
    def finished(self) -> bool:
        """Whether every sample had its turn."""
        return self.done >= len(self.order)

    @property
    def loss(self) -> float:
        """Mean loss of the batches so far, each taken before its step."""
        return self._loss / self._weight if self._weight else math.nan

    @property
    def accuracy(self) -> float | None:
        """Share of right answers so far, each given before the batch's step; None where values are predicted."""
        return self._tally.accuracy() if self._tally else None

    def advance(self, seconds: float, stop: Stop) -> None:
        """Take steps for about `seconds`, or until the epoch ends or `stop` is asked for."""
        alarm = Alarm()
        with np.errstate(over="call", invalid="call", divide="ignore", under="ignore", call=alarm):
            until = time.perf_counter() + seconds
            while not self.finished:
                self._step(alarm)
                if stop.asked or time.perf_counter() > until:
                    return

    def _step(self, alarm: "Alarm") -> None:
        model, work, tally = self.model, self.work, self._tally
        rows, after = self._rows(self.done), self.done + work.size
        if len(rows) < work.size:
            work = work.first(len(rows))
        weight = self.feed.fill(rows, work, (self.number, self.done))
        self.feed.prepare(self._rows(after), (self.number, after))
        loss = loss_and_gradient(model, model.theta, work.batch, work)
        gradient = work.gradient
        if not (math.isfinite(loss) and math.isfinite(np.dot(gradient, gradient))):
            self._check(work, loss)
        alarm.rang = False  # what rang before was in finite numbers, as has just been seen
        if self.rate is not None:
            self.optimizer.learning_rate = self.rate(self.done)
        if work.penalized:
            work.before_step(self.optimizer.learning_rate)
        self.optimizer.step(model.theta, gradient)
        if work.penalized:
            work.after_step()
        if alarm.rang:
            self._check(work, loss)
        self._loss += weight * loss
        self._weight += weight
        self.done += len(rows)
        if tally:
            tally.note(work.outputs[-1])

    def _rows(self, start: int) -> NDArray[np.intp]:
        """The samples of the batch that begins at `start`."""
        return self.order[start : start + self.work.size]

    def _check(self, work: Workspace, loss: float) -> None:
        """Raise a DivergenceError that names the place, unless all is finite after all."""
        found = trouble(work, loss)
        if found is None:
            return
        place, what = found
        batches = math.ceil(len(self.order) / self.work.size)
        rate = self.optimizer.learning_rate
        raise DivergenceError(
            f"epoch {self.number}, batch {self.done // self.work.size + 1} of {batches}, {place}",
            "finite numbers",
            what,
            f"lower the learning rate (now {rate:g}), scale the inputs, or start from smaller weights",
        )


def trouble(work: Workspace, loss: float) -> tuple[str, str] | None:
    """Where a step went wrong: the layer and what of it is NaN or infinite, first in order of computation."""
    network, layers = work.network, range(len(work.network))
    bad_weights = [(slot.layer, slot.name) for slot, values in _slots(network, work.theta) if not _finite(values)]
    bad_outputs = [i for i in layers if not _finite(work.outputs[i + 1])]
    bad_gradients = [(slot.layer, slot.name) for slot, values in _slots(network, work.gradient) if not _finite(values)]
    if not _finite(work.outputs[0]):
        return "the scaled input", "NaN or infinity; check the data and its scaling"
    if bad_outputs and (not bad_weights or bad_outputs[0] < bad_weights[0][0]):
        return network.place(bad_outputs[0]), "NaN or infinity in its output"
    if bad_weights:
        return network.place(bad_weights[0][0]), f"NaN or infinity in {bad_weights[0][1]}"
    if not math.isfinite(loss):
        return network.place(len(network) - 1), f"a loss of {loss}"
    if bad_gradients:
        return network.place(bad_gradients[-1][0]), f"NaN or infinity in the gradient of {bad_gradients[-1][1]}"
    return None


def _slots(network: Network, flat: NDArray[Any]) -> Any:
    return ((slot, flat[slot.start : slot.stop]) for slot in network.theta)


def _finite(values: NDArray[Any]) -> bool:
    return bool(np.isfinite(values).all())


class Alarm:
    """Rings when NumPy's own overflow and invalid-operation flags do, which costs nothing while all is well."""

    rang = False

    def __call__(self, *_: Any) -> None:
        self.rang = True


class Tally:
    """Counts right answers; outputs are copied batch by batch and compared many batches at a time, which is cheap."""

    def __init__(self, model: Model, feed: Feed, order: NDArray[np.intp], work: Workspace) -> None:
        self.model, self.order = model, order
        self.labels = model.labels_of(feed)
        outputs = model.network.outputs
        capacity = max(work.size, min(len(order), NOTED // outputs))
        self._noted = np.empty((capacity, outputs), work.dtype)
        self._filled = self._counted = self._right = 0

    def note(self, z: NDArray[Any]) -> None:
        """Remember the outputs `z` (N, k) of the next N samples."""
        if self._filled + len(z) > len(self._noted):
            self.counted_right()
        self._noted[self._filled : self._filled + len(z)] = z
        self._filled += len(z)

    def accuracy(self) -> float:
        """Share of right answers among all noted so far."""
        return self.counted_right() / self._counted if self._counted or self._filled else math.nan

    def go_on(self, counted: int, right: int) -> None:
        """Go on after `counted` samples, `right` of them."""
        self._counted, self._right = counted, right

    def counted_right(self) -> int:
        """Right answers among all noted so far."""
        start, stop = self._counted, self._counted + self._filled
        if self._filled:
            right = self.model.decide(self._noted[: self._filled]) == self.labels[self.order[start:stop]]
            self._right += int(np.count_nonzero(right if right.ndim == 1 else right.all(axis=1)))
        self._counted, self._filled = stop, 0
        return self._right


def threads_for(network: Network, batch: int, threads: int | None = None, busy: int = 0) -> int:
    """BLAS threads for training: as asked for, else one where products are small and all cores where they are large.

    busy: cores that other threads of this process need, which BLAS would fight over.
    """
    if threads is not None:
        return whole("train", "threads", threads, high=1024)
    matrices = (math.prod(slot.shape) for slot in network.theta if len(slot.shape) == 2)
    flops = 2 * batch * max(matrices, default=0)  # of the largest product
    return max(available_cores() - busy, 1) if flops >= THREADED else 1


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def blas() -> Any:
    """The controller of BLAS threads; `blas().limit(limits=1, user_api="blas")` is a context manager."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
