"""What SymPy is asked about a network: pieces of it, and the whole, on symbols."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clearprop.insight.derivation.lines import Line
from clearprop.insight.derivation.steps import Steps, gradient_name
from clearprop.insight.derivation.symbols import FUNCTIONS, XP, Numpy, Point, derivative, term
from clearprop.layers.base import Layer, Memo, Views
from clearprop.layers.losses import Loss, Poisson, SigmoidCrossEntropy, SoftmaxCrossEntropy
from clearprop.network.gradient import Workspace, loss_and_gradient
from clearprop.network.model import Model
from clearprop.network.network import Slot

SAMPLES = 2
Space = dict[str, Any]
Side = tuple[int, tuple[int, ...], float, bool]


class Finding(NamedTuple):
    """Whether two expressions are the same: `differs` is empty where they are, None where algebra did not decide."""

    what: str
    differs: str | None


def between(kinks: Iterable[float]) -> list[float]:
    """A number from each side of each of `kinks`, and of 0.

    >>> between([]), between([-1.0, 1.0])
    ([-1.0, 1.0], [-2.0, -0.5, 0.5, 2.0])
    """
    edges = sorted({0.0, *kinks})
    middles = [(a + b) / 2 for a, b in itertools.pairwise(edges)]
    return [edges[0] - 1.0, *middles, edges[-1] + 1.0]


def function(steps: Steps, i: int) -> Iterator[Finding]:
    """Layer `i`, a function of each element, at one element: SymPy's derivative, the library's slope, the lines'."""
    layer: Layer = steps.network.layers[i]
    for at in between(layer.kinks):
        point = Point()
        x, dy = point.symbols("z", np.full((1, 1), at)), point.symbols("d", np.ones((1, 1)))
        y, dx = np.zeros((1, 1), object), np.zeros((1, 1), object)
        memo = Memo(training=True, rng=np.random.default_rng(0), **_zeros(1, layer.shapes(1).scratch))
        layer.forward(XP, Views(), x, y, memo)
        layer.backward(XP, Views(), x, y, dy, dx, Views(), memo)
        names = steps.outputs[i : i + 2]
        given = {names[0]: x, gradient_name(names[1]): dy}
        lines = evaluated(given, [line for line in steps.of("forward", "backward") if line.layer == i])
        printed = lines[names[1]][0, 0]
        where = f"at z = {at:g}"
        for text, value in ("the forward pass", y[0, 0]), ("the forward line", printed):
            slope = derivative(value, x[0, 0]) * dy[0, 0].expression
            yield Finding(f"the slope of {text} {where}", point.same(dx[0, 0], slope))
        yield Finding(f"the forward line {where}", _near(term(printed).value, term(y[0, 0]).value))
        if gradient_name(names[0]) in lines:
            yield Finding(f"the backward line {where}", point.same(lines[gradient_name(names[0])][0, 0], dx[0, 0]))


def outputs_of(steps: Steps) -> int:
    """How many outputs the gradient of the loss is proved for: with softmax it takes long for many."""
    return min(steps.network.outputs, 3) if isinstance(steps.loss, SoftmaxCrossEntropy) else steps.network.outputs


def loss(steps: Steps) -> Iterator[Finding]:
    """The loss of two samples by what the network puts out: SymPy's derivative, the library's, that of each line."""
    k, z_name = outputs_of(steps), steps.outputs[-1]
    own = [line for line in steps.lines if line.layer is None]
    for at, target in _places(steps.loss, k):
        point = Point()
        z, t = point.symbols("z", at), probabilities(steps.loss, point.symbols("t", target))
        dz, memo = np.zeros((SAMPLES, k), object), Memo(**_zeros(SAMPLES, steps.loss.scratch(k)))
        share: Any = point.symbols("s", np.full((SAMPLES, 1), 0.7)) if steps.weighted else 1 / SAMPLES
        value = steps.loss.value_and_gradient(XP, z, t, share, dz, memo)
        given = {z_name: steps.as_rows(z), "t": steps.as_rows(t)}
        space = evaluated(given | ({"s": steps.as_rows(share)} if steps.weighted else {}), own)
        claims = [("the gradient", value, dz), ("the line loss", space["loss"], dz)]
        claims += [
            (f"the line {line.name}", space[line.scalar], steps.as_rows(space[line.name]))
            for line in own if line.of == z_name
        ]  # fmt: skip
        for what, scalar, gradient in claims:
            for place in np.ndindex(z.shape):
                same = point.same(gradient[place], derivative(scalar, z[place]))
                yield Finding(f"{what} at z = {at[place]:g}", same)


def _places(loss: Loss, k: int) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """z and t (2, k) on each side of 0 and of each kink of the loss; with softmax each output is once the largest."""
    shape = (SAMPLES, k)
    if isinstance(loss, SoftmaxCrossEntropy):
        for turn in range(k):
            yield np.broadcast_to(np.roll(np.arange(k), turn) / k, shape), np.full(shape, 1 / k)
        return
    for error in between(loss.kinks):
        for target in (0.0, 0.6):
            yield np.full(shape, target + error), np.full(shape, target)


def _zeros(samples: int, widths: Mapping[str, int]) -> dict[str, NDArray[Any]]:
    return {name: np.zeros((samples, width), object) for name, width in widths.items()}


def _near(a: float, b: float) -> str:
    return "" if abs(a - b) <= 1e-12 * max(1.0, abs(b)) else f"{a:.6g}, not {b:.6g}"


def probabilities(loss: Loss, t: NDArray[Any]) -> NDArray[Any]:
    """Targets that sum to one, where softmax has to rely on it."""
    if isinstance(loss, SoftmaxCrossEntropy):
        t[:, -1] = 1 - t[:, :-1].sum(axis=1)
    return t


def evaluated(given: Space, lines: Iterable[Line]) -> Space:
    """What `lines` come to on arrays of terms."""
    space: Space = {"np": Numpy(), "erf": FUNCTIONS["erf"], "N": SAMPLES} | given
    for line in lines:
        space[line.name] = eval(line.code, space)
    return space


def targets(loss: Loss, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Random targets (N, k) that suit `loss`."""
    if isinstance(loss, SoftmaxCrossEntropy):
        return rng.dirichlet(np.ones(shape[1]), shape[0])
    if isinstance(loss, (Poisson, SigmoidCrossEntropy)):
        return rng.uniform(0.0, 1.0, shape)
    return 2.0 * rng.normal(size=shape)


class _Holding:
    """A layer, of which what it puts out is held as symbols."""

    def __init__(self, layer: Layer, name: str, point: Point) -> None:
        self.layer, self.name, self.point = layer, name, point
        self.before: dict[tuple[int, ...], Any] = {}
        self.backward = layer.backward

    def forward(self, xp: Any, w: Views, x: Any, y: Any, memo: Memo) -> None:
        self.layer.forward(xp, w, x, y, memo)
        self.before = self.point.hold(self.name, y)


class Pass:
    """A pass of the library, through the one door, and one of the lines over two samples of symbols.

    What a layer with parameters puts out is held as symbols.
    """

    def __init__(self, steps: Steps, seed: int) -> None:
        network, rng = steps.network, np.random.default_rng(seed)
        self.steps, self.point = steps, Point()
        self.theta = self.point.symbols("theta", rng.normal(size=network.size))
        model = Model(network, steps.loss)
        work = self.work = Workspace(model, SAMPLES, like=self.theta, rng=rng)
        work.xp = XP
        work.batch.x[...] = self.point.symbols("x", rng.normal(size=work.batch.x.shape))
        t = self.point.symbols("t", targets(steps.loss, work.batch.t.shape, rng))
        work.batch.t[...] = probabilities(steps.loss, t)
        if steps.weighted:
            work.batch.share = self.point.symbols("s", rng.uniform(0.2, 1.0, (SAMPLES, 1)))
        work.bind(self.theta)
        holding = {i for i, shapes in enumerate(network.shapes) if shapes.parameters}
        names = steps.outputs[1:]
        work.steps = [
            (_Holding(layer, names[i], self.point) if i in holding else layer, *rest)
            for i, (layer, *rest) in enumerate(work.steps)
        ]
        work.reversed_steps = work.steps[::-1]
        self.loss: Any = loss_and_gradient(model, self.theta, work.batch, work)
        self.held = {names[i]: work.steps[i][0].before for i in holding}
        self.printed: Space = {}  # what the lines compute of what is held, before it is
        self.space = self._lines()

    def _lines(self) -> Space:
        """The lines evaluated, each on what is held of those before it."""
        steps, space = self.steps, self._given()
        for line in steps.of("forward", "backward"):
            space = evaluated(space, [line])
            if line.name in self.held:
                self.printed[line.name] = steps.as_rows(space[line.name])
                space[line.name] = steps.as_rows(self.work.outputs[steps.outputs.index(line.name)])
        return space

    def _given(self) -> Space:
        steps, work = self.steps, self.work
        weights = steps.network.theta.views(self.theta, len(steps.network))
        batch = {"input": work.batch.x, "target": work.batch.t, "share": work.batch.share}
        given = {}
        for name, (kind, i, field) in steps.where.items():
            if kind in batch:
                given[name] = steps.as_rows(batch[kind])
            elif kind in ("weight", "memo"):
                given[name] = steps.as_rows(getattr(weights[i] if kind == "weight" else work.memos[i], field))
        return given

    @property
    def sides(self) -> set[Side]:
        """Every kink, and whether the point lies above it."""
        steps, outputs = self.steps, self.work.outputs
        with_kinks = [(x, layer.kinks) for x, layer in zip(outputs, steps.network, strict=False)]
        with_kinks.append((outputs[-1] - self.work.batch.t, steps.loss.kinks))
        return {
            (i, place, kink, bool(x[place] > kink))
            for i, (x, kinks) in enumerate(with_kinks) for kink in kinks for place in np.ndindex(x.shape)
        }  # fmt: skip

    def forward_lines(self) -> Iterator[Finding]:
        """Whether the lines of layers with parameters compute what these do."""
        for name, before in self.held.items():
            for place, was in before.items():
                yield Finding(f"the line {name}", self.point.same(self.printed[name][place], was))

    def derivatives(self, slot: Slot) -> Iterator[Finding]:
        """Whether the library and the line have SymPy's derivatives of the loss by each element of a parameter."""
        wanted = ("gradient", slot.layer, slot.field)
        line = next(name for name, where in self.steps.where.items() if where == wanted)
        printed = np.asarray(self.steps.as_rows(self.space[line])).reshape(-1)
        for i in range(slot.stop - slot.start):
            place = ", ".join(map(str, np.unravel_index(i, slot.shape)))
            slope, gradient = derivative(self.loss, self.theta[slot.start + i]), self.work.gradient[slot.start + i]
            yield Finding(f"{slot.name}[{place}]", self.point.same(gradient, slope))
            yield Finding(f"{line} as printed, at {slot.name}[{place}]", self.point.same(printed[i], gradient))
