"""`cp.trace`: one forward and backward pass and one step, with every array by name."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import whole
from clearprop.arrays.errors import DataError, SettingError, brief, suggest
from clearprop.data.dataset import Dataset
from clearprop.insight.derivation.record import Record, record
from clearprop.insight.derivation.steps import Arrays, run
from clearprop.insight.tracing.health import notes
from clearprop.insight.tracing.moments import Moment, computed, stepped
from clearprop.insight.tracing.terms import TERMS, Written, number, written
from clearprop.network.model import Model
from clearprop.training.optimizer import Optimizer
from clearprop.training.optimizers import SGD

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
    >>> found.element("z1", 1, 0)
    'z1[1, 0] = 0*(-0.36673403) + 1*(-0.70948392) + 0 = -0.70948392'
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
    moments = [computed(found, line, values) for line in found.steps.of("forward", "backward")]
    moments += stepped(found, optimizer, values)
    given = {name: values[name] for name in [*found.given, "theta"]}
    taken = f"{count:,} of {len(data.train):,} samples" if count < len(data.train) else f"{count:,} samples"
    about = f"{model.network!r} with {model.loss!r}, {taken} as {layout}, step of {optimizer!r}"
    return Trace(about, given, tuple(moments), notes(found, values), values, found)


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
            wanted = ", ".join(f"0 to {side - 1}" for side in shape) or "none, as it is a number"
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
        from clearprop.insight.tracing.stepper import step

        step(self)

    def widget(self) -> Any:
        """A widget to step through it in a notebook; needs the extra `notebook`."""
        from clearprop.insight.tracing.widget import widget

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
        from clearprop.insight.tracing.terminal import everything

        return everything(self).plain

    def __repr__(self) -> str:
        return f"<Trace of {self.about}: {len(self)} moments>"

    def __rich__(self) -> Any:
        from clearprop.insight.tracing.terminal import everything

        return everything(self)

    def _repr_html_(self) -> str:
        from clearprop.insight.tracing.trace_page import page

        return page(self)
