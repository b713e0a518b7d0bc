"""L-BFGS: all training samples in every step, by SciPy's solver. theta is one vector, so little is in between."""

import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import real, whole
from clearprop.arrays.errors import DivergenceError, SettingError, brief, missing
from clearprop.arrays.kinds import Value, value
from clearprop.data.dataset import Dataset
from clearprop.layers.dropout import Dropout
from clearprop.layers.normalization import BatchNorm
from clearprop.network.gradient import loss_and_gradient
from clearprop.network.model import Model
from clearprop.training.checkpoint import Keeper
from clearprop.training.engine import Tally, blas, trouble
from clearprop.training.interrupt import Stop, ctrl_c_asks
from clearprop.training.optimizer import Optimizer
from clearprop.training.penalties import MaxNorm, WeightDecay
from clearprop.training.plan import Plan
from clearprop.training.report import Epoch
from clearprop.training.session import Training, Watch

CHUNK = 1024  # samples whose gradient is taken at a time, unless `batch` says otherwise


@value
class LBFGS(Value):
    """Limited-memory BFGS (Byrd et al. 1995) for `train` and `fit` in place of an optimizer; best for small data.

    Each epoch is one iteration on all training samples, usually one or two evaluations of loss and gradient. `batch`
    is how many samples are computed at a time, which limits memory and changes nothing else. Training ends when no
    element of the gradient is above `gradient_tolerance`, or when the loss gains less than the share
    `loss_tolerance`. memory: past steps that shape the next one. evaluations: at most this many of the loss.

    Needs SciPy. Not for Dropout and BatchNorm, whose loss differs from call to call, schedules and augmentation.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(2, 8, "tanh", 1), cp.SigmoidCrossEntropy(), dtype="float64")
    >>> epochs = list(cp.train(model, cp.data.xor(), LBFGS(), epochs=50))
    >>> epochs[-1].loss < 1e-3
    True
    """

    memory: int = 10
    gradient_tolerance: float = 1e-5
    loss_tolerance: float = 2.2e-9
    evaluations: int = 15_000

    def __post_init__(self) -> None:
        self.keep(memory=whole("LBFGS", "memory", self.memory))
        self.keep(evaluations=whole("LBFGS", "evaluations", self.evaluations))
        self.keep(gradient_tolerance=real("LBFGS", "gradient_tolerance", self.gradient_tolerance, low=0.0))
        self.keep(loss_tolerance=real("LBFGS", "loss_tolerance", self.loss_tolerance, low=0.0))


def prepared(
    model: Model,
    data: Any,
    optimizer: Optimizer | LBFGS | None,
    epochs: int,
    batch: int | None,
    seed: int,
    threads: int | None,
    plan: Plan,
) -> Training:
    """The training for `optimizer`: a FullBatch for LBFGS, else the plain one."""
    kind: Any = FullBatch if isinstance(optimizer, LBFGS) else Training
    training: Training = kind(model, data, optimizer, epochs, batch, seed, threads, plan)
    return training


class Left(Exception):
    """The solver was asked to stop."""


class Objective:
    """Mean loss and gradient over all samples as functions of theta, chunk by chunk, summed in float64."""

    def __init__(self, training: Training, *stops: Stop) -> None:
        self.training, self.stops = training, stops
        self.order = np.arange(training.samples)
        self.loss = math.nan  # of the last call
        self.accuracy: float | None = None

    def __call__(self, theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        training, model = self.training, self.training.model
        model.theta[...] = theta
        gradient, part = np.zeros(len(theta)), np.empty(len(theta))
        loss = weight = 0.0
        tally = Tally(model, training.feed, self.order, training.work) if model.classifies else None
        with np.errstate(all="ignore"):  # told below
            for start in range(0, len(self.order), training.batch):
                if any(stop.asked for stop in self.stops):
                    raise Left
                rows = self.order[start : start + training.batch]
                work = training.work.first(len(rows))
                share = training.feed.fill(rows, work)
                # penalties are part of every chunk, and of the mean of all chunks once
                loss += share * loss_and_gradient(model, model.theta, work.batch, work)
                np.multiply(work.gradient, share, out=part)
                gradient += part
                weight += share
                if tally:
                    tally.note(work.outputs[-1])
                if not math.isfinite(loss):
                    place, what = trouble(work, loss) or ("loss", str(loss))
                    raise DivergenceError(f"LBFGS, {place}", "finite numbers", what, "scale the inputs")
        gradient /= weight
        self.loss, self.accuracy = loss / weight, tally.accuracy() if tally else None
        return self.loss, gradient


class FullBatch(Training):
    """A training by LBFGS: what Training checks and prepares, with another way from epoch to epoch.

    outcome: what SciPy says at the end, None where training was left before.
    """

    def __init__(
        self,
        model: Model,
        data: Any,
        solver: LBFGS,
        epochs: int,
        batch: int | None,
        seed: int,
        threads: int | None,
        plan: Plan,
    ) -> None:
        data = Dataset.of(data)
        batch = min(CHUNK, len(data.train)) if batch is None else batch
        super().__init__(model, data, None, epochs, batch, seed, threads, plan)
        self.solver, self.rule = solver, repr(solver)
        self.outcome: Any = None
        unfit: list[Any] = [layer for layer in model.network if isinstance(layer, (Dropout, BatchNorm))]
        unfit += [penalty for penalty in plan.penalties if isinstance(penalty, (WeightDecay, MaxNorm))]
        if plan.schedule or plan.augment or unfit:
            what = brief(plan.schedule or (*plan.augment, *unfit)[0])
            raise SettingError("LBFGS", "one loss for the whole run, with L1 or L2 at most", what, "take cp.Adam()")

    def run(self, watch: Watch | None, stop: Stop, keeper: Keeper | None = None) -> Iterator[Epoch]:
        """Train, iteration by iteration, until SciPy, a rule or `stop` ends it. `watch` is not called."""
        left = Stop()
        objective = Objective(self, stop, left)
        iterates = _handed_over(lambda callback: self._minimize(objective, callback), left)
        theta = self.model.theta.copy()
        try:
            while not (self.ended or stop.asked):
                start = time.perf_counter()
                with blas().limit(limits=self.threads, user_api="blas"), ctrl_c_asks(stop):
                    found = next(iterates, None)
                if found is None:
                    return
                self.model.theta[...] = theta[...] = found
                epoch = self._told(objective, time.perf_counter() - start)
                self.history.append(epoch)
                self.ended, self.number = self._judge(epoch), self.number + 1
                yield epoch
        finally:
            iterates.close()
            self.model.theta[...], self.model.state[...] = self.best or (theta, self.model.state)

    def _told(self, objective: Objective, seconds: float) -> Epoch:
        test = None if self.data.test is None else self.model.evaluate(self.data)
        test_loss, test_accuracy = (test.loss, test.accuracy) if test else (None, None)
        return Epoch(
            self.number, seconds, self.samples, objective.loss, objective.accuracy, test_loss, test_accuracy
        )  # fmt: skip

    def _minimize(self, objective: Objective, callback: Callable[[NDArray[Any]], None]) -> None:
        try:
            from scipy.optimize import minimize
        except ImportError:
            raise missing("scipy", "sklearn", "LBFGS") from None
        solver = self.solver
        options = {
            "maxcor": solver.memory, "gtol": solver.gradient_tolerance, "ftol": solver.loss_tolerance,
            "maxfun": solver.evaluations, "maxiter": self.epochs,
        }  # fmt: skip
        start = self.model.theta.astype(np.float64)
        self.outcome = minimize(objective, start, method="L-BFGS-B", jac=True, callback=callback, options=options)


def _handed_over(
    solve: Callable[[Callable[[NDArray[Any]], None]], None], left: Stop
) -> Generator[NDArray[Any], None, None]:
    """What `solve(callback)` calls back with, as an iterator: `solve` runs in a thread that rests between items.

    SciPy's solver cannot be asked for one iteration at a time, and a loop over epochs may be left at any.
    """
    items: SimpleQueue[Any] = SimpleQueue()
    more: SimpleQueue[None] = SimpleQueue()

    def callback(theta: NDArray[Any]) -> None:
        items.put(theta.copy())
        more.get()
        if left.asked:
            raise Left

    def work() -> None:
        try:
            solve(callback)
            items.put(None)
        except Left:
            items.put(None)
        except BaseException as error:
            items.put(error)

    thread = threading.Thread(target=work, name="clearprop LBFGS", daemon=True)
    thread.start()
    try:
        while (item := items.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
            more.put(None)
    finally:
        left.asked = True
        more.put(None)
        thread.join()
