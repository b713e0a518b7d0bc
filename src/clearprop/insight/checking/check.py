"""`cp.check`: is the gradient that trains a model the derivative of its loss?"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.arrays.checks import real, several, truth, whole
from clearprop.arrays.errors import DataError, SettingError, brief
from clearprop.arrays.seeds import stream
from clearprop.data.dataset import Dataset
from clearprop.insight.checking.compare import compare
from clearprop.insight.checking.numeric import LISTENERS, Differences, Flat, Sides, diagonal, shares
from clearprop.insight.checking.result import Check, Row
from clearprop.network.gradient import Workspace, loss_and_gradient
from clearprop.network.model import Model
from clearprop.training.engine import blas, threads_for
from clearprop.training.penalties import Penalty

SAMPLES = 32


def check(
    model: Model,
    batch: Any,
    *,
    training: bool = True,
    penalties: Penalty | Sequence[Penalty] = (),
    budget: int | None = None,
    samples: int = SAMPLES,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> Check:
    """Compare every partial derivative of the loss, by parameters and by inputs, with central differences.

    The gradient is the one that trains, from `loss_and_gradient`, computed in float64 on a copy: the model is not
    changed. Dropout drops the same in every evaluation; batch norm uses the batch. The difference quotient has five
    points and the step 7e-4 max(1, |value|), which leaves an error of about 1e-11 of the loss; a derivative is right
    if it agrees to `tolerance` or to what rounding allows. Where a kink (of ReLU, Huber, ...) lies between the points,
    smaller steps are tried, and the derivative is passed over if none is small enough.

    batch: Samples, (x, t), or a Dataset, which stands for its training part; of more than `samples` only as many are
    taken, every class in its share. training: as while training, or as while predicting (nothing dropped, running
    statistics). budget: derivatives compared one by one, shared among the arrays; by default what takes about a
    second, at most 2000. Of arrays with more elements a random choice is compared, and the whole along random
    directions, as `seed` has it. The array of inputs, scaled as the network sees them, is called x (N, n).

    A ClearpropError tells what cannot be checked. Baydin et al. 2018, sec. 2.1, on the error of differences.

    >>> from clearprop import Dense, Network, SquaredError
    >>> model = Model(Network(2, 3, "tanh", 1), SquaredError())
    >>> found = check(model, ([[0.0, 1.0], [1.0, 1.0]], [0.5, -0.5]))
    >>> bool(found), [row.name for row in found.rows]
    (True, ['dense1.W', 'dense1.b', 'dense2.W', 'dense2.b', 'x'])
    """
    if not isinstance(model, Model):
        raise SettingError("check", "a Model", brief(model), "for a function of your own there is cp.check_gradient")
    tolerance = real("check", "tolerance", tolerance, low=0.0, high=1.0, open_low=True)
    data = Dataset.of(batch)
    count = min(len(data.train), whole("check", "samples", samples))
    whole_batch = "the one sample" if count == 1 else f"all {count:,} samples"
    about = f"{count:,} of {len(data.train):,} samples" if count < len(data.train) else whole_batch
    about += ", as in training" if truth("check", "training", training) else ", as in prediction"
    threads = threads_for(model.network, count)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"), blas().limit(limits=threads, user_api="blas"):
        loss = _Loss(model, data.take(count, seed), training, several(Penalty, penalties, "check"))
        budget = loss.affordable() if budget is None else whole("check", "budget", budget, low=0)
        rows, notes = _compared(loss, budget, tolerance, stream(seed, "check"))
    return Check(tuple(rows), tolerance, notes, about)


def _compared(
    loss: "_Loss", budget: int, tolerance: float, rng: np.random.Generator
) -> tuple[list[Row], tuple[str, ...]]:
    first, _ = loss()
    second, _ = loss()
    gradient = loss.gradient()  # of the second pass, so that what a layer adds to the first shows
    largest = max(float(np.abs(array).max(initial=0)) for array in gradient.values())
    differences = Differences(loss, tolerance, unit=1.0, largest=largest)
    if not math.isfinite(second):
        raise DataError("check", "a finite loss of the batch", str(second), "scale the inputs")
    if abs(first - second) > 1e-12 * abs(first):
        values = f"{first:.17g}, then {second:.17g}"
        note = f"the same batch has the loss {values}: a layer keeps something, or draws from other than memo.rng"
        return [Row(name, array.shape) for name, array in loss.arrays.items()], (note,)
    flats = [array.reshape(-1) for array in loss.arrays.values() if array.size]
    differences.listen([diagonal(flat, np.arange(flat.size), rng) for flat in (flats * LISTENERS)[:LISTENERS]])
    given = shares({name: array.size for name, array in loss.arrays.items()}, budget)
    rows = [compare(name, a, gradient[name], differences, given[name], rng) for name, a in loss.arrays.items()]
    still = [row.name for row in rows if row.ok and not gradient[row.name].any()]
    return rows, (NOTHING.format(", ".join(still)),) if still else ()


NOTHING = "{}: the gradient is 0 throughout, and so are differences: does each layer behind it fill its output y?"


class _Loss:
    """The loss of one batch as a function of float64 copies of theta (P,) and of the scaled inputs x (N, n)."""

    def __init__(self, model: Model, data: Dataset, training: bool, penalties: Sequence[Penalty]) -> None:
        self.model, self.rng = model, stream(model.seed, "dropout")
        self.start = self.rng.bit_generator.state
        self.theta = model.theta.astype(np.float64)
        self.work = Workspace(
            model, len(data.train), like=self.theta, training=training, input_gradient=True, rng=self.rng,
            penalties=penalties,
        )  # fmt: skip
        self.work.load(model, data.train, data.classes)
        self.x: Flat = self.work.batch.x.copy()
        self.arrays: dict[str, Flat] = model.network.theta.named(self.theta) | {"x": self.x}

    def __call__(self) -> tuple[float, Sides]:
        work = self.work
        self.rng.bit_generator.state = self.start  # the same is dropped every time
        work.batch.x[...] = self.x
        loss = float(loss_and_gradient(self.model, self.theta, work.batch, work))
        sides = [x > kink for layer, x in zip(work.network, work.outputs, strict=False) for kink in layer.kinks]
        kinks = self.model.loss.kinks
        return loss, sides + [work.outputs[-1] - work.batch.t > kink for kink in kinks]

    def gradient(self) -> dict[str, Flat]:
        """A copy of the gradient that the last call found, by the names of `arrays`."""
        found = self.model.network.theta.named(self.work.gradient) | {"x": self.work.deltas[0]}
        return {name: array.copy() for name, array in found.items()}

    def affordable(self) -> int:
        """How many derivatives take about a second: each takes four evaluations, forward and twice that backward."""
        flops = 12 * self.work.size * sum(shapes.flops for shapes in self.work.network.shapes)
        return int(min(2000, max(100, 1e10 // max(flops, 1))))
