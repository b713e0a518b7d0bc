"""`cp.trace`: one forward and backward pass and one step, with every array by name."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import whole
from clearprop.arrays.errors import DataError, SettingError, brief, suggest
from clearprop.data.dataset import Dataset
from clearprop.insight.first_step import G, W, first_step
from clearprop.insight.health import notes
from clearprop.insight.lines import RULES, Line, symbol
from clearprop.insight.numeric import Flat
from clearprop.insight.record import Record, record
from clearprop.insight.steps import Arrays, gradient_name, run
from clearprop.insight.terms import TERMS, Written, number, written
from clearprop.network.model import Model
from clearprop.training.optimizers import SGD, AdamW, Optimizer

SAMPLES = 64


def trace(
    model: Model, batch: Any, optimizer: Optimizer | None = None, *, layout: str = "rows", samples: int = SAMPLES
) -> "Trace":
    """Record one forward and backward pass of `model`, and one step of `optimizer`, with every array by name.

    The pass is that of training, through `loss_and_gradient`, in float64 on copies: the model is not changed. The
    arrays are those of the library; what it does not keep, such as the maximum within softmax, is computed from them.

    batch: Samples, (x, t), or a Dataset, which stands for its training part; of more than `samples` only as many are
    taken, every class in its share. optimizer: by default SGD(0.01); a fresh copy takes the step. layout: "rows" for
    samples x features, Z = X W + b; "columns" for features x samples, Z = W X + b.

    `print(trace)` shows all of it, `trace.step()` goes through it in a terminal, `trace.widget()` in a notebook (with
    the extra `notebook`). A ClearpropError tells what cannot be traced.

    >>> from clearprop import Network, SigmoidCrossEntropy, data
    >>> model = Model(Network(2, 3, "relu", 1), SigmoidCrossEntropy())
    >>> found = trace(model, data.xor())
    >>> [moment.name for moment in found][:5], found["dW1"].shape
    (['z1', 'a1', 'z2', 'p', 'loss'], (2, 3))
    >>> found.element("db2", 0)
    'db2[0] = 0.125 + (-0.08638947) + (-0.077004623) + 0.20242348 = 0.16402939'
    """
    if not isinstance(model, Model):
        raise SettingError("trace", "a Model", brief(model), "make one with cp.Model(network, loss)")
    optimizer = SGD(0.01) if optimizer is None else optimizer
    if not isinstance(optimizer, Optimizer):
        raise SettingError("trace", "an optimizer", brief(optimizer), "such as cp.SGD(0.1)")
    data = Dataset.of(batch)
    count = min(len(data.train), whole("trace", "samples", samples))
    found = record("trace", model, data.take(count), layout)
    values = run(found.steps, found.given) | found.made
    moments = [_moment(found, line, values) for line in found.steps.of("forward", "backward")]
    moments += _step(found, optimizer, values)
    given = {name: values[name] for name in [*found.given, "theta"]}
    taken = f"{count:,} of {len(data.train):,} samples" if count < len(data.train) else f"{count:,} samples"
    about = f"{model.network!r} with {model.loss!r}, {taken} as {layout}, step of {optimizer!r}"
    return Trace(about, given, tuple(moments), notes(found, values), values, found)


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


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """One pass and one step: `trace["dW1"]` is an array, iteration gives the moments at which each was computed.

    about: what was traced. given: the arrays that it starts from. steps: the moments in order. notes: what the
    numbers say about the health of the network. values: all arrays by name.
    """

    about: str
    given: Arrays
    steps: tuple[Moment, ...]
    notes: tuple[str, ...]
    values: Arrays
    found: Record

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Moment]:
        return iter(self.steps)

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.values:
            raise SettingError("trace", "the name of an array", brief(name), suggest(str(name), self.values))
        return self.values[name]

    def element(self, name: str, *place: int, terms: int = TERMS) -> str:
        """The element of an array at `place` written out: the numbers that it was computed from.

        Numbers have 8 significant digits, or more where the result would otherwise not have 8. Sums of more than
        `terms` terms are shortened in the middle.
        """
        value = number(self[name][self._place(name, place)])
        parts = [name + (f"[{', '.join(map(str, place))}]" if place else "")]
        text = self.written(name, place, terms).text
        return " = ".join([*parts, text, value] if text not in ("", value) else [*parts, value])

    def written(self, name: str, place: tuple[int, ...], terms: int = TERMS) -> Written:
        """The same in parts: the text of the right side, and the elements that go in; empty for what was given."""
        place = self._place(name, place)
        whole("trace", "terms", terms, low=3)
        line = next((moment.line for moment in self.steps if moment.name == name), None)
        return Written("", {}) if line is None else written(line, self.values, place, terms)

    def _place(self, name: str, place: tuple[Any, ...]) -> tuple[int, ...]:
        shape = self[name].shape
        fits = len(place) == len(shape) and all(isinstance(i, (int, np.integer)) for i in place)
        if not fits or not all(0 <= i < side for i, side in zip(place, shape, strict=True)):
            wanted = f"{len(shape)} of 0 to " + ", ".join(str(side - 1) for side in shape) if shape else "none"
            raise DataError(f"element of {name} {shape}", f"the indices {wanted}", str(place), "count from 0")
        return tuple(int(i) for i in place)

    def images(self, name: str) -> NDArray[Any] | None:
        """The array as images (count, height, width), where the samples are images and it has an axis of pixels."""
        shape = self.found.data.image_shape
        kind, layer, own = self.found.steps.where.get(name.removesuffix("_after"), ("", -1, ""))
        if shape is None or self[name].ndim != 2 or layer != 0 or not (kind == "input" or own == "W"):
            return None
        rows = self.found.steps.as_rows(self[name])
        return (rows if kind == "input" else rows.T).reshape(-1, *shape)

    def step(self) -> None:
        """Go through it in the terminal with the arrow keys; prints everything where there is no terminal."""
        from clearprop.insight.stepper import step

        step(self)

    def widget(self) -> Any:
        """A widget to step through it in a notebook; needs the extra `notebook`."""
        from clearprop.insight.widget import widget

        return widget(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        given = {name: {"shape": list(v.shape), "values": v.tolist()} for name, v in self.given.items()}
        left_out = ("inputs", "value", "line")
        steps = [
            {f.name: getattr(moment, f.name) for f in dataclasses.fields(moment) if f.name not in left_out}
            | {"inputs": list(moment.inputs), "shape": list(moment.shape), "value": moment.value.tolist()}
            for moment in self.steps
        ]
        return {"about": self.about, "given": given, "steps": steps, "notes": list(self.notes)}

    def __str__(self) -> str:
        from clearprop.insight.terminal import everything

        return everything(self).plain

    def __repr__(self) -> str:
        return f"<Trace of {self.about}: {len(self)} moments>"

    def __rich__(self) -> Any:
        from clearprop.insight.terminal import everything

        return everything(self)

    def _repr_html_(self) -> str:
        from clearprop.insight.page import page

        return page(self)


def _moment(found: Record, line: Line, values: Arrays, place: str = "") -> Moment:
    rule = RULES[line.rule]
    place = place or (repr(found.model.loss) if line.layer is None else found.model.network.place(line.layer))
    inputs = {name: values[name] for name in line.inputs}
    return Moment(
        line.name, line.text, line.equation, rule.title, rule.says, line.part, place, inputs, values[line.name],
        line.because or rule.latex, line,
    )  # fmt: skip


def _step(found: Record, optimizer: Optimizer, values: Arrays) -> list[Moment]:
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
        moments.append(_stepped(found, name, first_step(rule, gradient, decays), values, repr(optimizer)))
    return [*moments, _joined(found, "theta_after", [f"{name}_after" for name in names], values, "step")]


def _stepped(found: Record, name: str, formula: str | None, values: Arrays, place: str) -> Moment:
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
    return _moment(found, line, values, place)


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
