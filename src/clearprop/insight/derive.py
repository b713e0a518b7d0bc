"""`cp.derive`: the chain rule for a whole network, line by line, each line executed and checked."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import SettingError, brief
from clearprop.insight.compare import compare
from clearprop.insight.lines import RULES, Line
from clearprop.insight.numeric import Differences, contiguous
from clearprop.insight.record import Record, record
from clearprop.insight.result import Row
from clearprop.insight.show import arrays_in_text, shape_text
from clearprop.insight.steps import Arrays, Steps, run
from clearprop.layers.losses import Loss
from clearprop.network.model import Model
from clearprop.network.network import Network

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

    def __str__(self) -> str:
        return "\n".join(_text(self))

    __repr__ = __str__


def _executed(found: Record, seed: int) -> tuple[Arrays, dict[str, Live]]:
    """The lines run on what was given, compared with the library and with finite differences."""
    steps, rng = found.steps, np.random.default_rng(seed)
    values = run(steps, found.given, steps.lines)
    live = {}
    for line in steps.lines:
        other = values[line.equal] if line.equal else found.made.get(line.name)
        gap = None if other is None else _gap(values[line.name], other)
        check = _check(found, line, values, rng) if line.of else None
        live[line.name] = Live(values[line.name], gap, check)
    return found.given, live


def _gap(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.abs(a - b).max(initial=0) / max(np.abs(b).max(initial=0), 1e-9)) if a.shape == b.shape else np.inf


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


def _text(derivation: Derivation) -> list[str]:
    steps = derivation.steps
    text = [f"{steps.network!r} with {steps.loss!r}, samples as {steps.convention.name}"]
    width = max(len(line.text) for line in steps.lines)
    part = None
    for line in steps.lines:
        if line.part != part:
            part = line.part
            text += ["", PARTS[part]]
        live = derivation.live.get(line.name)
        mark = {None: " ", True: "+", False: "x"}[live.ok if live else None]
        text.append(f"{mark} {line.text:{width}}  {shape_text(line.shape):10}  {RULES[line.rule].title}")
        if live:
            text += arrays_in_text(live.value, indent=6)
    used = dict.fromkeys(line.rule for line in steps.lines)
    text += ["", "rules", *(f"  {RULES[name].title}: {RULES[name].says}" for name in used)]
    return text


PARTS = {
    "forward": "forward", "backward": "backward", "full": "loss and link, one after the other",
    "instead": "with the squared error instead",
}  # fmt: skip
