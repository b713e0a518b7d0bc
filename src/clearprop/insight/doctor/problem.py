"""What a learner's code is called with: the arrays of a pass, under the names that notebooks give them."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.insight.derivation.steps import Arrays, Steps, run

ALIASES = {
    "x": ("x", "a0", "h0", "inputs", "input", "data", "features", "x_batch", "xb", "batch_x", "x_train"),
    "t": ("t", "y", "target", "targets", "label", "labels", "y_true", "y_batch", "yb", "batch_y", "y_train", "one_hot",
          "y_onehot", "y_one_hot"),
    "N": ("m", "n", "n_samples", "num_samples", "batch_size", "batch", "samples"),
    "out": ("p", "out", "output", "outputs", "yhat", "y_hat", "y_pred", "pred", "preds", "prediction", "predictions",
            "probs", "al", "a_l", "a"),
    "params": ("params", "parameters", "theta", "model", "net", "network", "weights_and_biases", "param"),
    "cache": ("cache", "caches", "memory", "forward_values", "activations", "values"),
    "Ws": ("ws", "weights", "w", "weight"),
    "bs": ("bs", "biases", "b", "bias"),
    "z": ("z", "logits", "scores"),
    "grads": ("grads", "gradients", "grad", "gradient", "g"),
    "rate": ("lr", "learning_rate", "alpha", "eta", "rate", "step_size"),
}  # fmt: skip
KNOWN = {alias: name for name, aliases in ALIASES.items() for alias in aliases}
NUMBERED = re.compile(r"(d?)(w|weights?|kernel|b|bias|biases|z|a|h|r|mask|gamma|beta|delta)_?(\d+)")
LETTER = {"weight": "w", "weights": "w", "kernel": "w", "bias": "b", "biases": "b"}
RATE = 0.1


@dataclass(frozen=True, eq=False)
class Form:
    """How a learner has arrays: the layout; weights transposed, as in PyTorch; one sample without an axis for it."""

    layout: str = "rows"
    transposed: bool = False
    flat: bool = False
    labels: bool = False  # targets as class indices (N,) instead of rows


@dataclass(frozen=True, eq=False)
class Problem:
    """The inputs of a pass and its right values by name, as `form` has them.

    names: the learner's, once they are known.
    """

    steps: Steps
    given: Arrays
    values: Arrays  # of all lines of the reference
    form: Form
    names: dict[str, str] = field(default_factory=dict)
    handed: list[tuple[str, NDArray[Any]]] = field(default_factory=list)  # what was given, to see whether it is changed

    @classmethod
    def of(cls, steps: Steps, given: Arrays, form: Form) -> "Problem":
        """With the reference's values."""
        return cls(steps, given, run(steps, given), form)

    def value(self, name: str) -> Any:
        """What an argument called `name` is given, always a copy; a KeyError where nobody can tell."""
        low = name.lower().strip("_")
        known = KNOWN.get(low)
        if known is None:
            known = self.named(low)
            self.names[known] = name
            self.handed.append((known, self.array(known)))
            return self.handed[-1][1]
        own = {"x": "x", "t": "t", "N": "N", "z": self.steps.outputs[-1], "out": self.out}.get(known)
        if own:
            self.names[own] = name
        return getattr(self, f"_{known.lower()}")()

    def named(self, low: str) -> str:
        """The reference's name for a numbered one in small letters, w1, weights_1, a2; a KeyError if there is none."""
        match = NUMBERED.fullmatch(low)
        exact = {one.lower(): one for one in self.values}
        if match is None:
            return exact[low]
        letter = LETTER.get(match[2], match[2])
        if match[1] and letter == "z":
            return exact[f"delta{match[3]}"]
        name = f"{match[1]}{letter}{match[3]}"
        if name not in exact and letter in "ah":  # textbooks call every layer's output a; h where it is hidden
            name = f"a{match[3]}" if f"a{match[3]}" in exact else f"z{match[3]}"
            last = self.steps.outputs[-1]
            return self.out if name == last and not match[1] else exact[name]
        return exact[name]

    def array(self, name: str) -> NDArray[Any]:
        """One array in the learner's form."""
        values = np.array(self.values[name])
        own = self.steps.parameters.get(name, self.steps.parameters.get(name[1:], (0, "")))[1]
        if self.form.transposed and own == "W":
            return np.ascontiguousarray(values.T)
        return (
            values.reshape(-1) if self.form.flat and values.ndim == 2 and 1 in values.shape and own != "W" else values
        )

    @property
    def out(self) -> str:
        """The name of what the network puts out in the end."""
        return "p" if "p" in self.values else self.steps.outputs[-1]

    @property
    def size(self) -> int:
        """Samples."""
        return int(self.given["x"].shape[self.steps.convention.samples])

    def _x(self) -> NDArray[Any]:
        self.handed.append(("x", self.array("x")))
        return self.handed[-1][1]

    def _t(self) -> NDArray[Any]:
        t = self.array("t")
        if not self.form.labels:
            return t
        axis = 1 - self.steps.convention.samples
        return t.argmax(axis=axis) if t.ndim == 2 and t.shape[axis] > 1 else t.reshape(-1)

    def _n(self) -> int:
        return self.size

    def _out(self) -> NDArray[Any]:
        return self.array(self.out)

    def _z(self) -> NDArray[Any]:
        return self.array(self.steps.outputs[-1])

    def _rate(self) -> float:
        return RATE

    def _params(self) -> dict[str, NDArray[Any]]:
        made = {name: self.array(name) for name in self.steps.parameters}
        self.handed.extend(made.items())
        return made

    def _grads(self) -> dict[str, NDArray[Any]]:
        return {f"d{name}": self.array(f"d{name}") for name in self.steps.parameters}

    def _cache(self) -> dict[str, NDArray[Any]]:
        cache = {name: self.array(name) for name in self.values if np.ndim(self.values[name])}
        last = self.steps.outputs[-1]  # what has no activation is its own output, or goes through the link
        cache |= {
            f"A{z[1:]}": cache[self.out if z == last else z] for z in self.steps.outputs if f"a{z[1:]}" not in cache
        }
        return cache | {name[0].upper() + name[1:]: values for name, values in cache.items()} | {"A0": cache["x"]}

    def values_of(self, kind: str) -> list[NDArray[Any]]:
        """The parameters that their layers call `kind`, W or b, in the reference's form."""
        return [self.given[name] for name, (_, own) in self.steps.parameters.items() if own == kind]

    def _ws(self) -> list[NDArray[Any]]:
        return [self.array(name) for name, (_, own) in self.steps.parameters.items() if own == "W"]

    def _bs(self) -> list[NDArray[Any]]:
        return [self.array(name) for name, (_, own) in self.steps.parameters.items() if own == "b"]

    def samples(self) -> list["Problem"]:
        """A problem for each sample alone."""
        axis, ones = self.steps.convention.samples, []
        for i in range(self.size):
            given = {
                name: values.take([i], axis=axis) if "N" in self.steps.shapes[name] else values
                for name, values in self.given.items()
            }
            ones.append(Problem.of(self.steps, given, self.form))
        return ones
