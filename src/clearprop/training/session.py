"""One training under way: everything checked first, then epoch by epoch, with the rules that change or end it."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import real, truth, whole
from clearprop.arrays.errors import DataError, SettingError, brief, suggest
from clearprop.arrays.seeds import stream
from clearprop.data.dataset import Class, Dataset, Samples, check_finite
from clearprop.network.gradient import Feed, Workspace
from clearprop.network.model import Model
from clearprop.training.engine import EpochRun, Stop, blas, threads_for
from clearprop.training.optimizers import SGD, AdamW, Optimizer
from clearprop.training.penalties import Penalty
from clearprop.training.report import Epoch
from clearprop.training.schedules import Progress, Schedule
from clearprop.training.stopping import Stopping

BATCH = 32  # unless said otherwise, or all samples where there are fewer
GLANCE = 0.1  # seconds between looks at the progress

Watch = Callable[[EpochRun], None]
ClassWeight = Mapping[Class, float] | str | None


@dataclass(frozen=True)
class Plan:
    """What can be added to plain training; see `train`."""

    shuffle: bool = True
    penalties: tuple[Penalty, ...] = ()
    schedule: Schedule | None = None
    stopping: tuple[Stopping, ...] = ()
    class_weight: ClassWeight = None

    def __post_init__(self) -> None:
        truth("train", "shuffle", self.shuffle)
        if not (self.schedule is None or isinstance(self.schedule, Schedule)):
            raise SettingError("train", "a schedule", brief(self.schedule), "such as cp.Cosine()")


def several(family: Any, values: Any) -> tuple[Any, ...]:
    """One value of a family, or a sequence of them, as a tuple; a SettingError for anything else."""
    made = (
        (values,) if isinstance(values, family) else tuple(values) if isinstance(values, (list, tuple)) else (values,)
    )
    for one in made:
        if not isinstance(one, family):
            name = family.__name__
            raise SettingError("train", f"{name.lower()} values", brief(one), f"give a {name}, or a list of them")
    return made


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
        plan: Plan,
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
        for rule in plan.stopping:
            rule.check(self.epochs, self.data.test is not None, model.classifies)
        self.plan, self.rate = plan, self.optimizer.learning_rate
        if isinstance(self.optimizer, AdamW) and not self.optimizer.decay_biases:
            self.optimizer.decayed = [slice(s.start, s.stop) for s in model.network.theta if len(s.shape) > 1]
        train = weighted(self.data.train, plan.class_weight, self.data.classes)
        self.feed = Feed(model, train, model.dtype, self.data.classes)
        self.work = Workspace(
            model, self.batch, state=model.state, rng=stream(seed, "dropout"), penalties=plan.penalties
        )
        self.threads = threads_for(model.network, self.batch, threads)
        self.shuffle = stream(seed, "shuffle") if plan.shuffle else None
        self.memories: list[dict[str, Any]] = [{} for _ in (plan.schedule, *plan.stopping)]
        self.seconds = 0.0
        self.best: tuple[NDArray[Any], NDArray[Any]] | None = None  # theta and state to restore

    def run(self, watch: Watch | None, stop: Stop) -> Iterator[Epoch]:
        """Train, epoch by epoch, until a rule or `stop` ends it."""
        try:
            for number in range(1, self.epochs + 1):
                if stop.asked:
                    return
                order = np.arange(self.samples) if self.shuffle is None else self.shuffle.permutation(self.samples)
                rate = self._rate(number) if self.plan.schedule else None
                run = EpochRun(self.model, self.optimizer, self.feed, order, self.work, number, rate)
                with blas().limit(limits=self.threads, user_api="blas"), ctrl_c_asks(stop):
                    epoch = self._epoch(run, watch, stop)
                done = self._judge(epoch)
                yield epoch
                if done:
                    return
        finally:
            if self.best is not None:
                self.model.theta[...], self.model.state[...] = self.best

    def _rate(self, number: int) -> Callable[[int], float]:
        """The learning rate as a function of the samples done in epoch `number`."""
        schedule, plateau = self.plan.schedule, self.memories[0].get("factor", 1.0)
        assert schedule is not None

        def rate(done: int) -> float:
            epochs = number - 1 + done / self.samples
            at = Progress(epochs / self.epochs, epochs, (number - 1) * self.samples + done)
            return self.rate * plateau * schedule.factor(at)

        return rate

    def _judge(self, epoch: Epoch) -> bool:
        """Let the schedule and the stopping rules look at an epoch; whether one of them ends training."""
        self.seconds += epoch.seconds
        if self.plan.schedule:
            self.plan.schedule.after_epoch(vars(epoch), self.memories[0])
        done = False
        for rule, memory in zip(self.plan.stopping, self.memories[1:], strict=True):
            done |= rule.after_epoch(epoch, self.seconds, memory)
            if getattr(rule, "restore", False) and memory["improved"]:
                self.best = self.model.theta.copy(), self.model.state.copy()
        return done

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
            run.number, seconds, run.done, run.loss, accuracy, test_loss, test_accuracy,
            self.optimizer.learning_rate, not run.finished,
        )  # fmt: skip

    def settings(self) -> dict[str, Any]:
        """What is trained and how, in words for the Report."""
        return {
            "network": repr(self.model.network), "loss": repr(self.model.loss), "optimizer": repr(self.optimizer),
            "data": self.data.name, "samples": self.samples, "epochs": self.epochs, "batch": self.batch,
            "seed": self.seed, "dtype": str(self.model.dtype), "threads": self.threads,
            **{name: repr(value) for name, value in vars(self.plan).items() if value != getattr(Plan, name)},
        }  # fmt: skip


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
    if weights == "balanced":
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
