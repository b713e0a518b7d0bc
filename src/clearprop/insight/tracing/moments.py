"""The moments of a trace: each array that a pass computes, and those of the optimizer's step after it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.insight.checking.numeric import Flat
from clearprop.insight.derivation.lines import RULES, Line, symbol
from clearprop.insight.derivation.record import Record
from clearprop.insight.derivation.steps import Arrays, gradient_name
from clearprop.insight.tracing.first_step import G, W, first_step
from clearprop.training.optimizer import Optimizer
from clearprop.training.optimizers import AdamW


@dataclass(frozen=True, eq=False)
class Moment:
    """One thing computed: `text` in NumPy, `equation` in LaTeX, by the rule `title` that says `says`.

    part: "forward", "backward" or "step". place: the layer, the loss or the optimizer that it belongs to. because: the
    rule for these arrays in LaTeX, or nothing. inputs: the arrays that it is computed from, by name.
    """

    name: str
    text: str
    equation: str
    title: str
    says: str
    part: str
    place: str
    inputs: Arrays = field(repr=False)
    value: NDArray[Any] = field(repr=False)
    because: str = field(default="", repr=False)
    line: Line | None = field(default=None, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.value.shape


def computed(found: Record, line: Line, values: Arrays, place: str = "") -> Moment:
    """The moment at which `line` is computed; `place` instead of its layer."""
    rule = RULES[line.rule]
    place = place or (repr(found.model.loss) if line.layer is None else found.model.network.place(line.layer))
    inputs = {name: values[name] for name in line.inputs}
    return Moment(
        line.name, line.text, line.equation, rule.title, rule.says, line.part, place, inputs, values[line.name],
        line.because or rule.latex, line,
    )  # fmt: skip


def stepped(found: Record, optimizer: Optimizer, values: Arrays) -> list[Moment]:
    """The step of a fresh copy of the optimizer; puts what it computes into `values`."""
    network, rule = found.model.network, optimizer.fresh()
    if isinstance(rule, AdamW) and not rule.decay_biases:  # as in training
        rule.decayed = [slice(slot.start, slot.stop) for slot in network.theta if len(slot.shape) > 1]
    theta: Flat = found.model.theta.astype(np.float64)
    gradient: Flat = found.work.gradient.copy()
    after = theta.copy()
    rule.step(after, gradient.copy())
    views = network.theta.views(after, len(network))
    values |= {"theta": theta, "gradient": gradient, "theta_after": after}
    names = list(found.steps.parameters)
    moments = [_joined(found, "gradient", [gradient_name(name) for name in names], values, "backward")]
    for name, (i, own) in found.steps.parameters.items():
        values[f"{name}_after"] = np.array(found.steps.as_rows(getattr(views[i], own)))
        decays = getattr(views[i], own).ndim > 1 or getattr(rule, "decay_biases", True)
        moments.append(_moved(found, name, first_step(rule, gradient, decays), values, repr(optimizer)))
    return [*moments, _joined(found, "theta_after", [f"{name}_after" for name in names], values, "step")]


def _moved(found: Record, name: str, formula: str | None, values: Arrays, place: str) -> Moment:
    g, after = gradient_name(name), f"{name}_after"
    if formula is None:
        inputs = {one: values[one] for one in (name, g)}
        text = f"{after} = {name} after a step of {place}"
        rule, equation = RULES["step"], rf"{symbol(after)} \leftarrow {symbol(name)}, \; {symbol(g)}"
        return Moment(after, text, equation, rule.title, rule.says, "step", place, inputs, values[after])
    line = Line(
        after, "each", (formula.replace(W, name).replace(G, g),), values[after].shape, found.steps.convention, "step",
        "step", latex=_latex(formula, name, g),
    )  # fmt: skip
    return computed(found, line, values, place)


def _latex(formula: str, name: str, g: str) -> str:
    """The formula of a step as LaTeX: its functions by their names, products by a dot."""
    text = formula.replace("np.", r"\mathrm{").replace("abs(", "abs}(").replace("sqrt(", "sqrt}(")
    text = text.replace("clip(", "clip}(").replace("sign(", "sign}(").replace("**2", "^2").replace(" * ", r" \cdot ")
    return text.replace(W, symbol(name)).replace(G, symbol(g))


def _joined(found: Record, name: str, names: list[str], values: Arrays, part: str) -> Moment:
    """A vector (P,) of all parameters or gradients."""
    turned = "" if found.steps.convention.samples == 0 else ".T"
    rule, inputs = RULES["joined"], {one: values[one] for one in names}
    parts = ", ".join(f"{one}{turned if inputs[one].ndim > 1 else ''}.ravel()" for one in names)
    equation = rf"{symbol(name)} = \left({', '.join(map(symbol, names))}\right)"
    place = f"all {values[name].size:,} parameters"
    text = f"{name} = np.concatenate([{parts}])"
    return Moment(name, text, equation, rule.title, rule.says, part, place, inputs, values[name])
