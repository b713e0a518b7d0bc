"""What a training leaves behind for pictures: weights, activations and gradients at moments of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import real, whole
from clearprop.arrays.errors import DataError
from clearprop.arrays.seeds import stream
from clearprop.data.dataset import Dataset
from clearprop.network.gradient import Workspace, loss_and_gradient
from clearprop.network.model import Model
from clearprop.pictures.answers import checked
from clearprop.training.engine import EpochRun
from clearprop.training.report import Epoch

MOMENTS = 128  # kept at most; of large networks fewer
NUMBERS = 2**24  # of weights kept at most, over all moments
VALUES = 256  # kept of each array, evenly spaced among all of it in order
KINDS = ("activations", "gradients", "weights")


@dataclass(frozen=True, eq=False)
class Moment:
    """One look at the model: epochs done, loss of the batch looked at, theta, and for each kind values by name."""

    at: float
    loss: float
    theta: NDArray[Any]
    values: dict[str, dict[str, NDArray[np.float32]]]


class Recorder:
    """Looks at `model` while it trains, always with the same `samples` of `data`: for `histograms` and `surface`.

    Give it to `cp.train` as `watch`, or tell it of each Epoch by `note`; what it sees before training begins is the
    first moment. every: epochs between moments. Its memory is bounded: when it is full, every second moment goes.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(2, 8, "tanh", 1), cp.SigmoidCrossEntropy())
    >>> recorder = Recorder(model, cp.data.moons())
    >>> for epoch in cp.train(model, cp.data.moons(), cp.SGD(0.5), epochs=5, watch=recorder):
    ...     pass
    >>> [moment.at for moment in recorder.moments]
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """

    def __init__(self, model: Model, data: Any, every: float = 0.0, samples: int = 256) -> None:
        self.model, self.data = checked("Recorder", model), Dataset.of(data)
        self.every = real("Recorder", "every", every, low=0.0)
        train = self.data.train
        rows = stream(0, "recorder").permutation(len(train))[: whole("Recorder", "samples", samples)]
        self.samples = train[np.sort(rows)]
        self.most = max(8, min(MOMENTS, NUMBERS // model.network.size)) if model.network.size else MOMENTS
        self.moments: list[Moment] = []
        self._work: Workspace | None = None
        before = model.scaling, model.classes
        try:
            model.adopt(self.data)  # as training will; undone, lest it is given other data
            self.look(0.0)
        finally:
            self._work = None
            model.scaling, model.classes = before

    def __call__(self, run: EpochRun) -> None:
        """Look at an epoch under way: for `watch`."""
        self.look(run.number - 1 + run.done / len(run.order))

    def note(self, epoch: Epoch) -> None:
        """Look at the end of an epoch."""
        self.look(float(epoch.number))

    def look(self, at: float) -> None:
        """Keep what the model is after `at` epochs, unless that is too soon after the last moment."""
        if self.moments and (at <= self.moments[-1].at or at - self.moments[-1].at < self.every - 1e-9):
            return
        if len(self.moments) >= self.most:
            self.every = 2 * max(self.every, self.moments[-1].at / len(self.moments))
            del self.moments[1::2]
        network, theta = self.model.network, self.model.theta
        if self._work is None:
            self._work = Workspace(self.model, len(self.samples), rng=stream(self.model.seed, "dropout"))
            self._work.load(self.model, self.samples, self.data.classes)
        work = self._work
        with np.errstate(over="ignore", invalid="ignore"):
            loss = loss_and_gradient(self.model, theta, work.batch, work)
        if not np.isfinite(loss):
            raise DataError("Recorder", "a finite loss", str(loss), "lower the learning rate, or scale the inputs")
        outputs = dict(zip(network.names, work.outputs[1:], strict=True))
        found = dict(zip(KINDS, (outputs, network.theta.named(work.gradient), network.theta.named(theta)), strict=True))
        values = {kind: {name: kept(array) for name, array in arrays.items()} for kind, arrays in found.items()}
        self.moments.append(Moment(at, loss, theta.copy(), values))


def kept(values: NDArray[Any]) -> NDArray[np.float32]:
    """At most VALUES of an array's elements in order, evenly spaced.

    >>> kept(np.arange(1000.0))[[0, 1, -1]].tolist()
    [0.0, 4.0, 999.0]
    """
    order = np.sort(values, axis=None).astype(np.float32)
    if len(order) <= VALUES:
        return order
    return order[np.rint(np.linspace(0, len(order) - 1, VALUES)).astype(np.intp)]
