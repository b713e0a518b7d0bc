"""What a learner's code is called with: the arrays of a pass, under the names that notebooks give them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.insight.derivation.steps import Arrays, Steps, run
from clearprop.layers.dense import Dense

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
LISTS = ("weights", "biases")  # of all layers, or the arrays of a single one
LETTER = {"weight": "w", "weights": "w", "kernel": "w", "bias": "b", "biases": "b"}
RATE = 0.1


def plain(name: str) -> str:
    """The name of a single layer's array, without the number.

    >>> plain("dW1"), plain("gamma1_2"), plain("x")
    ('dW', 'gamma_2', 'x')
    """
    return name.replace("1", "", 1)


@dataclass(frozen=True, eq=False)
class Form:
    """How a learner has arrays: the layout; weights transposed, as in PyTorch; one sample without an axis for it."""

    layout: str = "rows"
    transposed: bool = False
    flat: bool = False
    labels: bool = False  # targets as class indices (N,) instead of rows
    plain: bool = False  # of a single layer: params has the keys W and b, `weights` and `biases` are no lists


@dataclass(frozen=True, eq=False)
class Problem:
    """The inputs of a pass and its right values by name, as `form` has them.

    names: the learner's, once they are known. handed: what was given, to see whether it is changed. holders: the dicts
    and lists that parameters were given in, with the key of each. input: the name of an argument that has to be x.
    """

    steps: Steps
    given: Arrays
    values: Arrays  # of all lines of the reference
    form: Form
    names: dict[str, str] = field(default_factory=dict)
    handed: list[tuple[str, NDArray[Any]]] = field(default_factory=list)
    holders: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)
    input: str = "x"

    @classmethod
    def of(cls, steps: Steps, given: Arrays, form: Form) -> "Problem":
        """With the reference's values."""
        return cls(steps, given, run(steps, given), form)

    def of_arguments(self, names: Iterable[str]) -> "Problem":
        """The same for a function of these arguments: one called a is its input where no other can be."""
        others = [KNOWN.get(name.lower().strip("_")) for name in names]
        return self if {"x", "cache"} & set(others) else replace(self, input="a")

    def value(self, name: str) -> Any:
        """What an argument called `name` is given, always a copy; a KeyError where nobody can tell."""
        low = name.lower().strip("_")
        known = "x" if low == self.input else None if self.of_one_layer(low) else KNOWN.get(low)
        if known is None:
            known = self.named(low)
            self.names[known] = name
            self.handed.append((known, self.array(known)))
            return self.handed[-1][1]
        own = {"x": "x", "t": "t", "N": "N", "rate": "rate", "z": self.steps.outputs[-1], "out": self.out}.get(known)
        if own:
            self.names[own] = name
        return getattr(self, f"_{known.lower()}")()

    @property
    def one_layer(self) -> bool:
        """Whether there is a single Dense layer, whose arrays need no number."""
        return sum(isinstance(layer, Dense) for layer in self.steps.network) == 1

    def of_one_layer(self, low: str) -> bool:
        """Whether w, b, z, dw and their like are the arrays of a single layer; a is the output, as everywhere."""
        lists = low in LISTS and not self.form.plain
        return self.one_layer and low != "a" and not lists and NUMBERED.fullmatch(f"{low}1") is not None

    def named(self, low: str) -> str:
        """The reference's name for one in small letters, w1, weights_1, a2; a KeyError if there is none."""
        match = NUMBERED.fullmatch(low) or (NUMBERED.fullmatch(f"{low}1") if self.one_layer else None)
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
        keys = {name: plain(name) if self.form.plain else name for name in self.steps.parameters}
        made = {key: self.array(name) for name, key in keys.items()}
        self._handing(made, keys)
        return made

    def _handing(self, holder: Any, keys: dict[str, Any]) -> None:
        self.handed.extend((name, holder[key]) for name, key in keys.items())
        self.holders.append((holder, keys))

    def parameters(self) -> Arrays:
        """The parameters that were given, as they are now: changed in place, or put in their places."""
        arrays = [(name, array) for name, array in self.handed if name in self.steps.parameters]
        for holder, keys in self.holders:
            kept = holder if isinstance(holder, dict) else dict(enumerate(holder))
            arrays += [(name, kept[key]) for name, key in keys.items() if key in kept]
        now: Arrays = {}
        for name, array in arrays:
            if name not in now or not np.array_equal(array, self.array(name)):
                now[name] = array
        return now

    def _grads(self) -> dict[str, NDArray[Any]]:
        own = {name: plain(name) if self.form.plain else name for name in self.steps.parameters}
        return {f"d{key}": self.array(f"d{name}") for name, key in own.items()}

    def _cache(self) -> dict[str, NDArray[Any]]:
        cache = {name: self.array(name) for name in self.values if np.ndim(self.values[name])}
        last = self.steps.outputs[-1]  # what has no activation is its own output, or goes through the link
        cache |= {
            f"A{z[1:]}": cache[self.out if z == last else z] for z in self.steps.outputs if f"a{z[1:]}" not in cache
        }
        if self.one_layer:
            cache |= {plain(name): values for name, values in cache.items()}
        return cache | {name[0].upper() + name[1:]: values for name, values in cache.items()} | {"A0": cache["x"]}

    def values_of(self, kind: str) -> list[NDArray[Any]]:
        """The parameters that their layers call `kind`, W or b, in the reference's form."""
        return [self.given[name] for name, (_, own) in self.steps.parameters.items() if own == kind]

    def _ws(self) -> list[NDArray[Any]]:
        return self._list("W")

    def _bs(self) -> list[NDArray[Any]]:
        return self._list("b")

    def _list(self, kind: str) -> list[NDArray[Any]]:
        names = [name for name, (_, own) in self.steps.parameters.items() if own == kind]
        made = [self.array(name) for name in names]
        self._handing(made, {name: i for i, name in enumerate(names)})
        return made

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
