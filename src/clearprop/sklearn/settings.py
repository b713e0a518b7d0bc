"""From the parameters of an estimator to a network and weights of samples; every bound is checked here."""

import math
import numbers
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import real, whole
from clearprop.arrays.errors import DataError, SettingError, brief, suggest
from clearprop.layers.activations import Activation, Sigmoid
from clearprop.layers.base import Layer
from clearprop.layers.dense import Dense
from clearprop.layers.dropout import Dropout
from clearprop.layers.normalization import BatchNorm
from clearprop.network.model import Model
from clearprop.network.network import Network
from clearprop.training.schedules import Schedule

SWITCHES = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "batch_norm")
CHOICES = {"solver": ("adam", "sgd", "lbfgs"), "learning_rate": ("constant", "invscaling", "adaptive")}


def check(p: Any) -> None:
    """Raise a SettingError for the first parameter of the estimator `p` that cannot be."""
    kind = type(p).__name__
    for name, known in CHOICES.items():
        choose(kind, name, getattr(p, name), known)
    for name in SWITCHES:
        if not isinstance(getattr(p, name), (bool, np.bool_)):
            raise SettingError(kind, f"{name} to be True or False", brief(getattr(p, name)), f"change {name}")
    for name in ("alpha", "tol", "power_t"):
        real(kind, name, getattr(p, name), low=0.0)
    for name in ("learning_rate_init", "epsilon"):
        real(kind, name, getattr(p, name), low=0.0, open_low=True)
    for name in ("momentum", "beta_1", "beta_2", "validation_fraction"):
        if real(kind, name, getattr(p, name), low=0.0, high=1.0) == 1.0:
            raise SettingError(kind, f"{name} below 1", "1", f"lower {name}")
    for name in ("max_iter", "max_fun"):
        whole(kind, name, getattr(p, name))
    if p.n_iter_no_change != math.inf:
        whole(kind, "n_iter_no_change", p.n_iter_no_change)
    if not (isinstance(p.batch_size, str) and p.batch_size == "auto"):
        whole(kind, "batch_size", p.batch_size)
    if p.schedule is not None:
        if not isinstance(p.schedule, Schedule):
            raise SettingError(kind, "a schedule", brief(p.schedule), "such as cp.Cosine()")
        if p.solver == "lbfgs" or p.learning_rate != "constant":
            raise SettingError(
                kind, "one rule for the learning rate", f"schedule, with {p.solver} and {p.learning_rate!r}",
                'take solver="adam" or "sgd" and learning_rate="constant"',
            )  # fmt: skip


def choose(kind: str, name: str, value: Any, known: tuple[str, ...]) -> None:
    """Raise a SettingError unless `value` is one of the `known` words."""
    if not (isinstance(value, str) and value in known):
        raise SettingError(kind, f"a known {name}", brief(value), suggest(str(value), known))


def hidden_sizes(p: Any) -> list[int]:
    """Units of each hidden layer."""
    sizes = p.hidden_layer_sizes
    each = list(sizes) if isinstance(sizes, (list, tuple, np.ndarray)) else [sizes]
    return [whole(type(p).__name__, "each of hidden_layer_sizes", size) for size in each]


def _each(p: Any, name: str, count: int) -> list[Any]:
    """A parameter that is one for all hidden layers, or one for each."""
    value = getattr(p, name)
    if not isinstance(value, (list, tuple, np.ndarray)):
        return [value] * count
    if len(value) != count:
        raise SettingError(
            type(p).__name__, f"{name} for each of the {count} hidden layers", f"{len(value)}: {brief(value)}",
            f"give {count}, or one for all",
        )  # fmt: skip
    return list(value)


def activations(p: Any, count: int) -> list[Activation]:
    """The activation after each hidden layer; "logistic" is clearprop's Sigmoid."""
    found: list[Activation] = []
    for name in _each(p, "activation", count):
        kind = (Sigmoid if name == "logistic" else Layer.lookup(name)) if isinstance(name, str) else type(name)
        if not issubclass(kind, Activation):
            raise SettingError(type(p).__name__, "the name of an activation", brief(name), "such as 'relu'")
        found.append(kind() if isinstance(name, str) else name)
    return found


def network(p: Any, inputs: int, outputs: int) -> Network:
    """Dense, batch norm if asked for, activation and dropout for each hidden layer, and Dense."""
    sizes = hidden_sizes(p)
    layers: list[Layer] = []
    rates = _each(p, "dropout", len(sizes))
    for size, activation, rate in zip(sizes, activations(p, len(sizes)), rates, strict=True):
        layers += [Dense(size), *([BatchNorm()] if p.batch_norm else []), activation]
        if real(type(p).__name__, "dropout", rate, low=0.0, high=1.0) > 0:
            layers.append(Dropout(rate))
    return Network(inputs, *layers, Dense(outputs))


def initialize(p: Any, model: Model, random_state: np.random.RandomState) -> None:
    """Fill weights and biases as scikit-learn does: uniform within +-sqrt(6 / (n + m)), 2 before a sigmoid."""
    kinds: list[Layer] = [*activations(p, len(hidden_sizes(p)))]
    kinds.append(kinds[-1] if kinds else Dense(1))
    for (W, b), kind in zip(dense(model), kinds, strict=True):
        bound = math.sqrt((2 if isinstance(kind, Sigmoid) else 6) / sum(W.shape))
        W[...] = random_state.uniform(-bound, bound, W.shape)
        b[...] = random_state.uniform(-bound, bound, b.shape)


def dense(model: Model) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Weights (n, m) and biases (m,) of each Dense layer, as views into theta."""
    for layer, name in zip(model.network, model.network.names, strict=True):
        if isinstance(layer, Dense):
            yield model.weights[f"{name}.W"], model.weights[f"{name}.b"]


def batch_size(p: Any, samples: int) -> int:
    """Samples per step: 200 by default, and no more than there are."""
    return min(200 if p.batch_size == "auto" else int(p.batch_size), samples)


def class_factors(kind: str, weights: Any, classes: NDArray[Any], t: NDArray[np.intp]) -> NDArray[np.float64]:
    """What each sample's weight is multiplied by, for its class t (N,) among `classes`."""
    if isinstance(weights, str) and weights == "balanced":
        counts = np.bincount(t, minlength=len(classes))
        return (len(t) / np.maximum(counts, 1) / np.count_nonzero(counts))[t]
    if not isinstance(weights, Mapping):
        raise SettingError(kind, 'class_weight to be a dict or "balanced"', brief(weights), "such as {1: 2.0}")
    known = classes.tolist()
    factors = np.ones(len(known))
    for label, factor in weights.items():
        if label not in known:
            raise SettingError(
                kind, "class_weight for the classes of y", f"one for {brief(label)}",
                suggest(str(label), map(str, known[:50])),
            )  # fmt: skip
        if not isinstance(factor, numbers.Real):
            raise SettingError(kind, f"a number as class_weight of {label}", brief(factor), "such as 2.0")
        factors[known.index(label)] = real(kind, f"class_weight of {label}", factor, low=0.0)
    return factors[t]


def check_split(kind: str, t: NDArray[np.intp], classes: NDArray[Any], fraction: float) -> None:
    """Raise a DataError where t (N,) cannot be split so that both parts have every class."""
    counts = np.bincount(t, minlength=len(classes))
    present, held = np.count_nonzero(counts), math.ceil(fraction * len(t))
    scarce = np.flatnonzero(counts == 1)
    if len(scarce):
        raise DataError(
            f"{kind}, early_stopping", "at least 2 samples of each class", f"1 of class {classes[scarce[0]]}",
            "drop that class or set early_stopping=False",
        )  # fmt: skip
    if not present <= held <= len(t) - present:
        raise DataError(
            f"{kind}, early_stopping", f"a validation part with each of the {present} classes",
            f"{held} of {len(t)} samples", "change validation_fraction or set early_stopping=False",
        )  # fmt: skip


def check_part(kind: str, t: NDArray[np.intp], part: NDArray[np.intp], classes: NDArray[Any]) -> None:
    """Raise a DataError where the validation part, rows `part` of t (N,), lacks a class."""
    left_out = np.setdiff1d(t, t[part])
    if len(left_out):
        raise DataError(
            f"{kind}, early_stopping", "samples of each class in the validation part",
            f"none of class {classes[left_out[0]]}", "raise validation_fraction or set early_stopping=False",
        )  # fmt: skip
