"""Epochs of SGD or Adam, in the order of samples that scikit-learn draws."""

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import shuffle

from clearprop.arrays.backend import Array, Namespace
from clearprop.arrays.seeds import stream
from clearprop.data.dataset import Samples
from clearprop.network.gradient import Feed, Workspace
from clearprop.sklearn import settings
from clearprop.training.engine import EpochRun, blas, threads_for
from clearprop.training.interrupt import Stop, ctrl_c_asks
from clearprop.training.optimizer import PIECE, Optimizer
from clearprop.training.optimizers import SGD, Adam
from clearprop.training.penalties import L2
from clearprop.training.report import Epoch
from clearprop.training.schedules import Progress


@dataclass(repr=False)
class _Adam(Adam):  # not a member of the family
    """Adam as scikit-learn has it: epsilon is added to the root of v before the bias of v is corrected.

    Kingma and Ba 2015, the end of section 2, where it is called epsilon hat.
    """

    def _epsilon_hat(self) -> float:
        return self.epsilon


class Descent:
    """A stochastic fit under way for the estimator `p`, which has been checked, on `samples`."""

    def __init__(self, p: Any, samples: Samples) -> None:
        self.p, model, count = p, p.model_, len(samples)
        self.samples = count
        self.feed = Feed(model, samples, model.dtype)
        batch = settings.batch_size(p, count)
        rng = stream(int(p._random_state.randint(2**31)), "dropout") if np.any(np.asarray(p.dropout) != 0) else None
        self.work = Workspace(model, batch, state=model.state, rng=rng, penalties=penalties(p, batch, samples.weight))
        if last := count % batch:  # the penalty of the smaller batch at the end is larger, as in scikit-learn
            self.work.first(last).penalties = penalties(p, last, samples.weight)
        self.threads = threads_for(model.network, batch)
        self.order = np.arange(count)
        self.memory: dict[str, Any] = {}  # of the schedule

    def epoch(self, number: int, stop: Stop) -> Epoch:
        """One pass over the samples."""
        p, optimizer = self.p, self.p._optimizer
        if p.shuffle:
            self.order = shuffle(self.order, random_state=p._random_state)
        rate = self._rate(number) if p.schedule else None
        run = EpochRun(p.model_, optimizer, self.feed, self.order, self.work, number, rate)
        start = time.perf_counter()
        with blas().limit(limits=self.threads, user_api="blas"), ctrl_c_asks(stop):
            run.advance(math.inf, stop)
        return Epoch(
            number, time.perf_counter() - start, run.done, run.loss, run.accuracy,
            learning_rate=optimizer.learning_rate, interrupted=not run.finished,
        )  # fmt: skip

    def _rate(self, number: int) -> Any:
        """The learning rate of the schedule, as a function of the samples done in epoch `number`."""
        p, factor = self.p, self.memory.get("factor", 1.0)

        def rate(done: int) -> float:
            epochs = number - 1 + done / self.samples
            at = Progress(epochs / p.max_iter, epochs, (number - 1) * self.samples + done)
            return float(p.learning_rate_init * factor * p.schedule.factor(at))

        return rate


def optimizer(p: Any) -> Optimizer:
    """The optimizer for solver "sgd" or "adam"."""
    if p.solver == "adam":
        return _Adam(p.learning_rate_init, p.beta_1, p.beta_2, p.epsilon)
    return SGD(p.learning_rate_init, p.momentum, bool(p.nesterovs_momentum and p.momentum > 0))


class _Alpha(L2):  # not a member of the family
    """L2 on NumPy arrays, piece by piece, with a product for the sum of squares."""

    def add(self, xp: Namespace, w: Array, dw: Array, spare: Array) -> float:
        weights, gradient, buffer = w.reshape(-1), dw.reshape(-1), spare.reshape(-1)
        squares = 0.0
        for start in range(0, len(weights), PIECE):  # so that all passes over a piece stay in the cache
            part, slope = weights[start : start + PIECE], gradient[start : start + PIECE]
            np.add(slope, np.multiply(part, self.strength, out=buffer[: len(part)]), out=slope)  # d (w^2 / 2) / dw = w
            squares += float(np.dot(part, part))
        return 0.5 * self.strength * squares


def penalties(p: Any, batch: int, weight: NDArray[Any] | None) -> tuple[L2, ...]:
    """alpha / 2 sum w^2 over the weight of a batch, which is its samples where they have no weights."""
    mean = 1.0 if weight is None else float(weight.mean())
    return (_Alpha(p.alpha / (batch * mean)),) if p.alpha else ()
