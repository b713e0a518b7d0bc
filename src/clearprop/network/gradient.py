"""The one door to the gradient: training, checking, tracing and diagnosing all come through here."""

import copy
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.backend import NUMPY, Array, Namespace, namespace
from clearprop.arrays.checks import whole
from clearprop.arrays.errors import ShapeError, brief
from clearprop.data.dataset import Samples
from clearprop.data.scaling import Scaling
from clearprop.data.validation import Class
from clearprop.layers.base import Memo, Shape, Views
from clearprop.layers.losses import Loss, Share
from clearprop.network.network import Network, Slot, view
from clearprop.network.targets import encode, in_classes_of

Moment = tuple[int, int]  # number of the epoch, samples done in it


class Trainable(Protocol):
    """What the gradient needs of a Model."""

    network: Network
    loss: Loss
    seed: int
    scaling: Scaling | None

    @property
    def theta(self) -> NDArray[Any]: ...
    @property
    def state(self) -> NDArray[Any]: ...
    @property
    def classes(self) -> tuple[Class, ...] | None: ...
    @property
    def classifies(self) -> bool: ...


class Penalizes(Protocol):
    """What the gradient needs of a penalty on weights; see training/penalties.py."""

    def covers(self, shape: Shape) -> bool: ...
    def add(self, xp: Namespace, w: Array, dw: Array, spare: Array) -> float: ...
    def before_step(self, xp: Namespace, w: Array, learning_rate: float) -> None: ...
    def after_step(self, xp: Namespace, w: Array, spare: Array) -> None: ...


class Batch:
    """Prepared samples, in the buffers of a Workspace: x (N, n) scaled, t (N, k) rows, share 1/N or (N, 1)."""

    def __init__(self, x: Array, t: Array, share: Share) -> None:
        self.x, self.t, self.share = x, t, share


class Workspace:
    """Every array of a forward and backward pass for batches of up to `size` samples, allocated once.

    outputs[i] (N, width): what layer i takes in, outputs[i + 1] what it puts out; deltas[i] the gradient of the loss
    with respect to outputs[i] (deltas[0] is None unless `input_gradient`). gradient (P,): of theta, filled by
    `loss_and_gradient`. Arrays are of the namespace, device and dtype of `like`, by default the model's theta.
    batch: the buffers x (N, n), t (N, k) and share, which may be filled directly.

    training: whether dropout drops and batch norm uses the batch. Running statistics are changed in `state`, by
    default a copy of the model's. rng: the stream that dropout draws from. penalties: added to the loss.
    """

    def __init__(
        self,
        model: Trainable,
        size: int,
        *,
        like: Array = None,
        training: bool = True,
        input_gradient: bool = False,
        state: Array = None,
        rng: "np.random.Generator | None" = None,
        penalties: Sequence[Penalizes] = (),
    ) -> None:
        size = self.size = whole("Workspace", "size", size)
        network = self.network = model.network
        like = model.theta if like is None else like
        self.xp, self.dtype = namespace(like), like.dtype
        widths = [network.inputs, *(shapes.width for shapes in network.shapes)]
        self.outputs = [self._empty(size, width) for width in widths]
        self.deltas = [self._empty(size, width) if i or input_gradient else None for i, width in enumerate(widths)]
        self.gradient = self.xp.zeros((network.size,), dtype=self.dtype)
        self.state = self._state(model.state) if state is None else state
        states = network.state.views(self.state, len(network))
        rng = rng if rng is not None else np.random.default_rng(model.seed)
        self.memos = []
        for shapes, views in zip(network.shapes, states, strict=True):
            scratch = {name: self._empty(size, width) for name, width in shapes.scratch.items()}
            fixed = {name: self.xp.zeros(shape, dtype=self.dtype) for name, shape in shapes.fixed.items()}
            self.memos.append(Memo(training=training, rng=rng, **scratch, **fixed, **vars(views)))
        self.loss_memo = Memo(
            **{name: self._empty(size, width) for name, width in model.loss.scratch(network.outputs).items()}
        )
        self.batch = Batch(self.outputs[0], self._empty(size, network.outputs), 1.0 / size)
        self.theta: Array = None
        self.penalties = penalties
        largest = max((slot.stop - slot.start for slot in network.theta), default=0) if penalties else 0
        self._spare = self.xp.zeros((largest,), dtype=self.dtype)
        self._parts: dict[int, Workspace] = {size: self}

    def _empty(self, size: int, width: int) -> Array:
        return self.xp.zeros((size, width), dtype=self.dtype)

    def _state(self, values: NDArray[Any]) -> Array:
        return self.xp.asarray(values.copy(), dtype=self.dtype)

    def first(self, size: int) -> "Workspace":
        """The same buffers cut to `size` samples, for the last, smaller batch."""
        part = self._parts.get(size)
        if part is None:
            if not 0 < size <= self.size:
                raise ShapeError("Workspace", f"at most {self.size} samples", str(size), "make a larger Workspace")
            part = copy.copy(self)
            part.size, part.theta = size, None
            part.outputs = [a[:size, :] for a in self.outputs]
            part.deltas = [None if a is None else a[:size, :] for a in self.deltas]
            rows = [set(shapes.scratch) for shapes in self.network.shapes]
            part.memos = [_cut(memo, names, size) for memo, names in zip(self.memos, rows, strict=True)]
            part.loss_memo = _cut(self.loss_memo, set(vars(self.loss_memo)), size)
            part.batch = Batch(part.outputs[0], self.batch.t[:size, :], 1.0 / size)
            if len(self._parts) > 8:
                del self._parts[next(k for k in self._parts if k != self.size)]
            self._parts[size] = part
        return part

    def bind(self, theta: Array) -> None:
        """Let the layers see `theta` (P,) and the gradient as their own named arrays."""
        if theta is self.theta:
            return
        if tuple(getattr(theta, "shape", ())) != (self.network.size,) or theta.dtype != self.dtype:
            wanted = f"shape ({self.network.size},) of {self.dtype}"
            raise ShapeError("theta", wanted, brief(theta), "take it from a model of this network")
        self.theta = theta
        layers = self.network.layers
        weights = self.network.theta.views(theta, len(layers))
        gradients = self.network.theta.views(self.gradient, len(layers))
        a, d = self.outputs, self.deltas
        self.steps: list[tuple[Any, Views, Array, Array, Array, Array, Views, Memo]] = [
            (layer, weights[i], a[i], a[i + 1], d[i + 1], d[i], gradients[i], self.memos[i])
            for i, layer in enumerate(layers)
        ]
        self.reversed_steps = self.steps[::-1]
        self.penalized = [
            (penalty, *(view(flat, slot) for flat in (theta, self.gradient)), self._spare_of(slot))
            for penalty in self.penalties
            for slot in self.network.theta
            if penalty.covers(slot.shape)
        ]

    def _spare_of(self, slot: Slot) -> Array:
        return self.xp.reshape(self._spare[: slot.stop - slot.start], slot.shape)

    def before_step(self, learning_rate: float) -> None:
        """Let the penalties change theta before the optimizer's step."""
        for penalty, w, _, _ in self.penalized:
            penalty.before_step(self.xp, w, learning_rate)

    def after_step(self) -> None:
        """Let the penalties change theta after the optimizer's step."""
        for penalty, w, _, spare in self.penalized:
            penalty.after_step(self.xp, w, spare)

    def load(self, model: Trainable, samples: Samples, classes: tuple[Class, ...] | None = None) -> None:
        """Copy `samples` (as many as this workspace has room for exactly) into the batch buffers."""
        Feed(model, samples, self.dtype, classes).fill(np.arange(len(samples)), self)


def _cut(memo: Memo, names: set[str], size: int) -> Memo:
    return Memo(**{name: value[:size, :] if name in names else value for name, value in vars(memo).items()})


def forward(work: Workspace) -> Array:
    """What the network puts out (N, k) for the batch in `work`."""
    for layer, w, x, y, _, _, _, memo in work.steps:
        layer.forward(work.xp, w, x, y, memo)
    return work.outputs[-1]


def loss_and_gradient(model: Trainable, theta: Array, batch: Batch | Samples, work: Workspace) -> float:
    """The loss of `batch` at `theta` (P,); fills `work.gradient` (P,) with its gradient.

    batch: Samples, or `work.batch` where the samples are in the buffers already.
    """
    if batch is not work.batch:
        work = work.first(len(batch))  # type: ignore[arg-type]
        work.load(model, batch)  # type: ignore[arg-type]
    work.bind(theta)
    xp, ready = work.xp, work.batch
    z = forward(work)
    loss = model.loss.value_and_gradient(xp, z, ready.t, ready.share, work.deltas[-1], work.loss_memo)
    for layer, w, x, y, dy, dx, dw, memo in work.reversed_steps:
        layer.backward(xp, w, x, y, dy, dx, dw, memo)
    for penalty, w, dw, spare in work.penalized:
        loss += penalty.add(xp, w, dw, spare)
    return loss


class Feed:
    """Samples made ready for a model: widths and targets checked once, rows then gathered and scaled into a batch."""

    def __init__(
        self, model: Trainable, samples: Samples, dtype: Any, classes: tuple[Class, ...] | None = None
    ) -> None:
        model.network.check_input(samples.x.shape[1])
        t = samples.t
        if model.classifies and classes is not None and t.ndim == 1:
            t = in_classes_of(model.classes or tuple(range(max(model.network.outputs, 2))), t, classes)
            classes = None
        numbers = dtype if isinstance(dtype, np.dtype) and dtype.kind == "f" else np.dtype("float64")
        self.samples, self.dtype = samples, numbers
        self.targets = encode(model.loss, t, model.network.outputs, numbers, classes)
        weight = samples.weight  # only ratios count, and so none is too small for the precision
        self.weight = None if weight is None else (weight / weight.max(initial=1e-300)).astype(numbers)
        self.scaling = model.scaling
        if self.scaling is not None:
            self.scaling.check_width(model.network.inputs)
        self._buffers: dict[int, tuple[NDArray[Any], NDArray[np.intp], NDArray[Any]]] = {}

    def prepare(self, rows: NDArray[np.intp], at: Moment) -> None:
        """Be told which samples `fill` is asked for next, to begin with what takes time."""

    def fill(self, rows: NDArray[np.intp], work: Workspace, at: Moment = (0, 0)) -> float:
        """Put samples `rows` (as many as `work.size`) into `work.batch`; returns their total weight.

        at: the epoch and the samples done in it, for what is drawn anew each time.
        """
        raw, picked, share = self._buffers_of(work.size)
        x, batch = self.samples.x, work.batch
        if work.xp is NUMPY:
            self._inputs(rows, raw, batch.x, at)
            self.targets.gather(rows, batch.t, picked)
        else:
            numbers = np.empty((len(rows), x.shape[1]), self.dtype)
            targets = np.empty((len(rows), self.targets.table.shape[1]), self.dtype)
            self._inputs(rows, raw, numbers, at)
            self.targets.gather(rows, targets, picked)
            batch.x[...] = work.xp.asarray(numbers, dtype=work.dtype)
            batch.t[...] = work.xp.asarray(targets, dtype=work.dtype)
        if self.weight is None:
            batch.share = 1.0 / work.size
            return float(work.size)
        self.weight.take(rows, 0, share, "clip")
        total = float(share.sum())
        share /= total or 1.0  # a batch of weightless samples has no loss and no gradient
        batch.share = work.xp.asarray(share[:, None], dtype=work.dtype)
        return total

    def _inputs(self, rows: NDArray[np.intp], raw: NDArray[Any], out: NDArray[Any], at: Moment) -> None:
        x = self.samples.x
        if self.scaling is None and x.dtype == out.dtype:
            x.take(rows, 0, out, "clip")
        elif self.scaling is None:
            out[...] = x.take(rows, 0, raw, "clip")
        else:
            self.scaling.apply(x.take(rows, 0, raw, "clip"), out)

    def _buffers_of(self, size: int) -> tuple[NDArray[Any], NDArray[np.intp], NDArray[Any]]:
        if size not in self._buffers:
            raw = np.empty((size, self.samples.x.shape[1]), self.samples.x.dtype)
            self._buffers[size] = (raw, np.empty(size, np.intp), np.empty(size, self.dtype))
        return self._buffers[size]
