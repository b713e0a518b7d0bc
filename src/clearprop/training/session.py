"""One training under way: everything checked first, then epoch by epoch, with the rules that change or end it."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import whole
from clearprop.arrays.errors import ClearpropError, DataError, DivergenceError, FileError, SettingError, brief
from clearprop.arrays.seeds import stream
from clearprop.data.dataset import Dataset
from clearprop.data.validation import check_finite
from clearprop.network.gradient import Feed, Workspace
from clearprop.network.model import Model
from clearprop.training.augmented import AugmentedFeed
from clearprop.training.checkpoint import Keeper, Snapshot
from clearprop.training.engine import EpochRun, blas, threads_for
from clearprop.training.interrupt import Stop, ctrl_c_asks
from clearprop.training.optimizer import Optimizer
from clearprop.training.optimizers import SGD, AdamW
from clearprop.training.plan import Plan, weighted
from clearprop.training.report import Epoch
from clearprop.training.schedules import Progress

BATCH = 32  # unless said otherwise, or all samples where there are fewer
GLANCE = 0.1  # seconds between looks at the progress

Watch = Callable[[EpochRun], None]


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
        rule: Any = SGD() if optimizer is None else optimizer
        if not isinstance(rule, Optimizer):
            both = isinstance(rule, (np.ndarray, list, tuple))
            advice = "data and targets are one argument, (x, t)" if both else "such as cp.Adam(0.001)"
            raise SettingError("train", "an optimizer", brief(rule), advice)
        self.model, self.data, self.optimizer = model, Dataset.of(data), rule.fresh()
        samples = self.samples = len(self.data.train)
        self.epochs, self.seed = whole("train", "epochs", epochs), seed
        self.batch = min(BATCH, samples) if batch is None else whole("train", "batch", batch)
        if self.batch > samples:
            raise DataError("train", f"a batch of at most {samples}, all training samples", str(batch), "lower it")
        for name, values in model.weights.items():
            check_finite(values, name, "train a new model, or set this weight")
        self._adopt(plan)
        self.plan, self.rate, self.rule = plan, self.optimizer.learning_rate, repr(self.optimizer)
        self.optimizer.may_spend = True
        if isinstance(self.optimizer, AdamW) and not self.optimizer.decay_biases:
            self.optimizer.decayed = [slice(s.start, s.stop) for s in model.network.theta if len(s.shape) > 1]
        self.dropout = stream(seed, "dropout")
        self.work = Workspace(model, self.batch, state=model.state, rng=self.dropout, penalties=plan.penalties)
        self.threads = threads_for(model.network, self.batch, threads, busy=1 if plan.augment else 0)
        self.shuffle = stream(seed, "shuffle") if plan.shuffle else None
        self.memories: list[dict[str, Any]] = [{} for _ in (plan.schedule, *plan.stopping)]
        self.number, self.ended, self.seconds = 1, False, 0.0  # of the next epoch; by a rule; of training
        self.history: list[Epoch] = []
        self.before_shuffle: Mapping[str, Any] = {}
        self.best: tuple[NDArray[Any], NDArray[Any]] | None = None  # theta and state to restore

    def _adopt(self, plan: Plan) -> None:
        """Let the model take over what it needs to know of the data; left as it was where something does not fit."""
        model, data = self.model, self.data
        before = model.scaling, model.classes
        try:
            model.adopt(data)
            train = weighted(data.train, plan.class_weight, data.classes)
            if plan.augment:
                self.feed: Feed = AugmentedFeed(model, data, train, plan.augment, self.seed)
            else:
                self.feed = Feed(model, train, model.dtype, data.classes)
            if data.test is not None:
                Feed(model, data.test, model.dtype, data.classes)
            for rule in plan.stopping:
                rule.check(self.epochs, data.test is not None, model.classifies)
        except ClearpropError:
            model.scaling, model.classes = before
            raise

    def run(self, watch: Watch | None, stop: Stop, keeper: Keeper | None = None) -> Iterator[Epoch]:
        """Train, epoch by epoch, until a rule or `stop` ends it; goes on where the checkpoints of `keeper` end."""
        position = self._take_up(keeper) if keeper else None
        try:
            while self.number <= self.epochs and not self.ended and not stop.asked:
                run = self._begin(position)
                position = None
                with blas().limit(limits=self.threads, user_api="blas"), ctrl_c_asks(stop):
                    epoch = self._epoch(run, watch, stop, keeper)
                if run.finished:
                    self.history.append(epoch)
                    self.ended, self.number = self._judge(epoch), self.number + 1
                if keeper:
                    self._keep(keeper, epoch, run)
                yield epoch
        finally:
            if self.best is not None:
                self.model.theta[...], self.model.state[...] = self.best

    def _begin(self, position: dict[str, Any] | None) -> EpochRun:
        """The epoch that is next, or that stands at `position`."""
        order = np.arange(self.samples)
        if self.shuffle is not None:
            self.before_shuffle = self.shuffle.bit_generator.state
            order = self.shuffle.permutation(self.samples)
        rate = self._rate(self.number) if self.plan.schedule else None
        run = EpochRun(self.model, self.optimizer, self.feed, order, self.work, self.number, rate)
        if position:
            run.stand_at(position)
        return run

    def _keep(self, keeper: Keeper, epoch: Epoch, run: EpochRun) -> None:
        over = self.ended or self.number > self.epochs
        if run.finished:
            keeper.note(epoch)
            if over or keeper.due():
                keeper.save(self.snapshot(None))
        else:
            keeper.save(self.snapshot(run))

    def _take_up(self, keeper: Keeper) -> dict[str, Any] | None:
        """Stand where the last checkpoint was written; the position in the epoch under way, if any."""
        found = keeper.load()
        try:
            position = None if found is None else self.restore(*found)
        except FileError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FileError(
                "checkpoint", "what a run of this version writes", brief(error), "begin a new run in another folder"
            ) from None
        keeper.begin(self.history)
        return position

    def snapshot(self, run: EpochRun | None) -> Snapshot:
        """All that changes in training, as plain data and arrays; `run` is the epoch under way."""
        shuffle = None
        if self.shuffle is not None:
            shuffle = self.before_shuffle if run else self.shuffle.bit_generator.state
        description = {
            "fingerprint": self.fingerprint(), "number": self.number, "ended": self.ended, "seconds": self.seconds,
            "position": run.position() if run else None, "steps": self.optimizer.t, "shuffle": shuffle,
            "dropout": self.dropout.bit_generator.state, "memories": self.memories,
            "history": [dataclasses.asdict(epoch) for epoch in self.history],
        }  # fmt: skip
        arrays = {f"optimizer.{name}": values for name, values in self.optimizer.state.items()}
        arrays |= {"theta": self.model.theta, "state": self.model.state}
        if self.best is not None:
            arrays |= {"best.theta": self.best[0], "best.state": self.best[1]}
        return description, arrays

    def restore(self, description: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> dict[str, Any] | None:
        """Take up a snapshot; a FileError that names what is another than then."""
        then, now = description["fingerprint"], self.fingerprint()
        for name in now:
            if then.get(name) != now[name]:
                raise FileError(
                    "checkpoint", f"the {name} of the run, {brief(then.get(name))}", f"another, {brief(now[name])}",
                    "resume with what the run began with, or take another folder",
                )  # fmt: skip
        self.number, self.ended, self.seconds = description["number"], description["ended"], description["seconds"]
        self.memories, self.optimizer.t = description["memories"], description["steps"]
        self.history[:] = [Epoch(**epoch) for epoch in description["history"]]
        self.dropout.bit_generator.state = description["dropout"]
        if self.shuffle is not None:
            self.shuffle.bit_generator.state = description["shuffle"]
        self.model.theta[...], self.model.state[...] = arrays["theta"], arrays["state"]
        slots = (name for name in arrays if name.startswith("optimizer."))
        self.optimizer.state = {name.removeprefix("optimizer."): arrays[name].copy() for name in slots}
        if "best.theta" in arrays:
            self.best = arrays["best.theta"].copy(), arrays["best.state"].copy()
        position: dict[str, Any] | None = description["position"]
        return position

    def fingerprint(self) -> dict[str, str]:
        """What must be the same for a run to be resumed, each under its name."""
        made = {
            "network": repr(self.model.network), "loss": repr(self.model.loss), "optimizer": self.rule,
            "data": self.data_digest, "batch size": str(self.batch), "seed": str(self.seed),
            "precision": str(self.model.dtype), **{name: repr(value) for name, value in vars(self.plan).items()},
        }  # fmt: skip
        return made | ({"number of epochs": str(self.epochs)} if self.plan.schedule else {})

    @cached_property
    def data_digest(self) -> str:
        """A checksum of the samples of both parts, the scaling and the weights."""
        import hashlib

        parts = [part for part in (self.data.train, self.data.test) if part is not None]
        digest = hashlib.sha256(repr((self.model.scaling, self.data.classes, parts)).encode())
        for samples in parts:
            for values in (samples.x, samples.t, samples.weight):
                if values is not None:
                    digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()[:16]

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

    def _epoch(self, run: EpochRun, watch: Watch | None, stop: Stop, keeper: Keeper | None) -> Epoch:
        seconds, accuracy = 0.0, None
        while not run.finished and not stop.asked:
            start = time.perf_counter()
            run.advance(GLANCE, stop)
            accuracy = run.accuracy
            seconds += time.perf_counter() - start
            if watch:
                watch(run)
            if keeper and not run.finished and keeper.due():
                keeper.save(self.snapshot(run))
        if not np.isfinite(self.model.state).all():
            raise DivergenceError(
                f"epoch {run.number}", "finite running statistics", "NaN or infinity in those of a normalization",
                "scale the inputs, as data.standardized() does",
            )  # fmt: skip
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
            "network": repr(self.model.network), "loss": repr(self.model.loss), "optimizer": self.rule,
            "data": self.data.name, "samples": self.samples, "epochs": self.epochs, "batch": self.batch,
            "seed": self.seed, "dtype": str(self.model.dtype), "threads": self.threads,
            **{name: repr(value) for name, value in vars(self.plan).items() if value != getattr(Plan, name)},
        }  # fmt: skip
