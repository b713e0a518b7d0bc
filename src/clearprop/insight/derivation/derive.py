"""`cp.derive`: the chain rule for a whole network, line by line, each line executed and checked."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import SettingError, brief
from clearprop.insight.checking.compare import compare
from clearprop.insight.checking.numeric import Differences, contiguous
from clearprop.insight.checking.result import Row
from clearprop.insight.derivation.lines import Line
from clearprop.insight.derivation.record import Record, record
from clearprop.insight.derivation.steps import Arrays, Steps, run
from clearprop.layers.losses import Loss
from clearprop.network.model import Model
from clearprop.network.network import Network

if TYPE_CHECKING:
    from clearprop.insight.derivation.prove import Proof

BUDGET = 40  # elements of each array compared with finite differences
TOLERANCE = 1e-6


def derive(
    network: Network | Model,
    loss: Loss | None = None,
    batch: Any = None,
    *,
    layout: str = "rows",
    full: bool = False,
    seed: int = 0,
) -> "Derivation":
    """The gradients of `loss` of `network`, line by line: equation, shapes, rule, and the NumPy that computes it.

    Each line of NumPy follows from those before it; `derivation.program()` is a complete forward and backward pass
    that needs the arrays x, t and the parameters. With a `batch` (Samples, (x, t), or a Dataset, which stands for its
    training part) each line has its live value: it is compared with what the library computes, and every gradient
    with finite differences, at most 40 elements each, chosen as `seed` has it.

    network: a Network with its `loss`, or a Model, whose weights are then used. layout: "rows" for samples x features,
    Z = X W + b; "columns" for features x samples, Z = W X + b. full: where the loss has a link, such as softmax, also
    its own derivation in two halves, and what the squared error would give instead.

    >>> from clearprop import SigmoidCrossEntropy
    >>> derivation = derive(Network(2, 3, "relu", 1), SigmoidCrossEntropy())
    >>> [line.text for line in derivation.steps.of("backward")]  # doctest: +NORMALIZE_WHITESPACE
    ['delta2 = (p - t) / N', 'dW2 = a1.T @ delta2', 'db2 = np.sum(delta2, axis=0)',
     'da1 = delta2 @ W2.T', 'delta1 = da1 * (z1 > 0)', 'dW1 = x.T @ delta1', 'db1 = np.sum(delta1, axis=0)']
    """
    model: Model | None = None
    if isinstance(network, Model):
        if loss is not None and loss != network.loss:
            raise SettingError("derive", "one loss, the model's", brief(loss), "leave it out, or give model.network")
        model, loss, network = network, network.loss, network.network
    if not isinstance(network, Network):
        raise SettingError("derive", "a Network or a Model", brief(network), "such as cp.Network(2, 3, 'relu', 1)")
    if not isinstance(loss, Loss):
        raise SettingError("derive", "a loss", brief(loss), "such as cp.SoftmaxCrossEntropy()")
    loss.check_outputs(network.outputs)
    if batch is None:
        return Derivation(Steps(network, loss, layout, full=full))
    found = record("derive", model or Model(network, loss, seed), batch, layout, full)
    return Derivation(found.steps, *_executed(found, seed))


@dataclass(frozen=True)
class Live:
    """What a line gave when it ran on a batch.

    value: its array. gap: the largest difference from what the library computed, as a share of the largest element;
    None where the library keeps no such array. check: of a gradient, the comparison with finite differences.
    """

    value: NDArray[Any]
    gap: float | None = None
    check: Row | None = None

    @property
    def ok(self) -> bool | None:
        """Whether everything that the line was compared with agrees; None where there is nothing to compare with."""
        verdicts = [] if self.gap is None else [self.gap < TOLERANCE]
        if self.check is not None:
            verdicts.append(self.check.verdict in ("ok", "passed over"))
        return all(verdicts) if verdicts else None


@dataclass(frozen=True, eq=False)
class Derivation:
    """The derivation of a network's gradients; true in an `if` unless a line came out wrong on a batch.

    steps: the lines in order, with shapes. given: the arrays that the program starts from, where there is a batch.
    live: what each line gave, by its name.
    """

    steps: Steps
    given: Arrays = field(default_factory=dict)
    live: dict[str, Live] = field(default_factory=dict)

    @property
    def lines(self) -> list[Line]:
        """All lines in the order in which they are read: forward, the start of the backward pass, and on."""
        return self.steps.lines

    @property
    def ok(self) -> bool:
        """Whether every line that was compared agrees."""
        return all(live.ok is not False for live in self.live.values())

    def __bool__(self) -> bool:
        return self.ok

    def program(self) -> str:
        """A NumPy program that computes the loss and every gradient from x, t and the parameters."""
        return self.steps.program()

    def prove(self, seconds: float = 60.0) -> "Proof":
        """Let SymPy derive the forward pass, and compare it with the gradient by hand and with the lines.

        Slopes and losses are proved for all arguments; where code takes one of two ways to the same smooth function,
        as that of sigmoid by the sign of z, for either way. The derivative by each parameter is proved for two
        samples of symbols, region by region between the kinks. In networks of more than 60 parameters, and where
        SymPy does not decide within `seconds`, it is compared with finite differences instead, and the row says
        "numerically". Decimals of the code stand for exact numbers, as 0.1 for 1/10. Needs the extra `derive`.

        >>> from clearprop import SquaredError
        >>> proof = derive(Network(1, 1), SquaredError()).prove()
        >>> [row[:3] for row in proof.rows]  # doctest: +NORMALIZE_WHITESPACE
        [('gradient of SquaredError()', 'symbolically', 'for every z and t'),
         ('lines of z1', 'symbolically', 'for all values'),
         ('dense1.W, 1 derivative', 'symbolically', 'for all values'),
         ('dense1.b, 1 derivative', 'symbolically', 'for all values')]
        """
        from clearprop.insight.derivation.prove import prove

        return prove(self.steps, seconds)

    def to_text(self, path: Any = None) -> str:
        """All of it as text for a terminal, written to `path` if one is given, as by the methods that follow."""
        return self._as("text", path)

    def to_markdown(self, path: Any = None) -> str:
        """Markdown with the mathematics in LaTeX; what a notebook shows."""
        return self._as("markdown", path)

    def to_html(self, path: Any = None) -> str:
        """A page that shows its mathematics without a network. Needs the extra `derive`."""
        return self._as("html", path)

    def to_tex(self, path: Any = None) -> str:
        """A LaTeX document."""
        return self._as("tex", path)

    def to_notebook(self, path: Any = None) -> str:
        """A Jupyter notebook (JSON) to work through, which runs on NumPy alone and ends with a check.

        >>> from clearprop import SquaredError
        >>> derive(Network(2, 1), SquaredError()).to_notebook().count('"cell_type": "code"')
        7
        """
        return self._as("notebook", path)

    def _as(self, form: str, path: Any) -> str:
        from clearprop.insight.derivation.formats import write

        return write(self, form, path)

    def __str__(self) -> str:
        return self.to_text()

    __repr__ = __str__
    _repr_markdown_ = to_markdown


def _executed(found: Record, seed: int) -> tuple[Arrays, dict[str, Live]]:
    """The lines run on what was given, compared with the library and with finite differences."""
    steps, rng = found.steps, np.random.default_rng(seed)
    values = run(steps, found.given, steps.lines)
    live = {}
    for line in steps.lines:
        other = values[line.equal] if line.equal else found.made.get(line.name)
        inputs = [values[name] for name in line.inputs if name != "N"]
        gap = None if other is None else _gap(values[line.name], other, inputs)
        check = _check(found, line, values, rng) if line.of else None
        live[line.name] = Live(values[line.name], gap, check)
    return found.given, live


def _gap(a: NDArray[Any], b: NDArray[Any], inputs: list[NDArray[Any]]) -> float:
    """The largest difference as a share of the largest element, or of what rounding leaves where inputs cancel."""
    if a.shape != b.shape:
        return np.inf
    left = 1e-6 * max((float(np.abs(array).max(initial=0)) for array in inputs), default=0.0)
    return float(np.abs(a - b).max(initial=0) / max(np.abs(b).max(initial=0), left, 1e-9))


def _check(found: Record, line: Line, values: Arrays, rng: np.random.Generator) -> Row:
    """A line that is the gradient of `line.scalar` by `line.of`, against differences of the lines after that array."""
    steps, array = found.steps, contiguous(values[line.of or ""])
    forward = [one for one in steps.lines if one.part != "backward" and one.of is None]
    start = next((i + 1 for i, one in enumerate(forward) if one.name == line.of), 0)
    before = values | {line.of or "": array}

    def value() -> tuple[float, list[NDArray[np.bool_]]]:
        return float(run(steps, before, forward[start:])[line.scalar]), []

    with np.errstate(all="ignore"):
        differences = Differences(value, TOLERANCE, unit=1.0)
        return compare(line.name, array, np.asarray(values[line.name], float), differences, BUDGET, rng)
