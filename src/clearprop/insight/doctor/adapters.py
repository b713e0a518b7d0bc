"""Calling a learner's own code: functions, classes and objects in the shapes that notebooks have."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import SettingError
from clearprop.insight.doctor.problem import ALIASES, Problem, plain

FORWARD = ("forward", "feedforward", "feed_forward", "forward_pass", "predict", "__call__")
BACKWARD = ("backward", "backprop", "back_prop", "backpropagate", "backpropagation", "back_propagation",
            "backward_pass", "compute_gradients", "gradients", "gradient")  # fmt: skip
GRADIENTS = ("grads", "gradients", "grad", "gradient")
OWN = {"W": ("W", "weights", "w", "weight"), "b": ("b", "bias", "biases")}
ARGUMENTS = {  # what a function may ask for, and a wrapper that does
    "backward": ("x, y, params, W1, b1, Z1, A1, cache, m, ...", "x, y, W1, b1"),
    "forward": ("x, params, W1, b1, ...", "x, W1, b1"),
    "loss": ("p, y, z, ...", "p, y"),
    "step": ("x, y, params, W1, b1, lr, ...", "x, y, W1, b1, lr"),
    "update": ("params, grads, lr, W1, b1, dW1, db1, ...", "params, grads, lr"),
}


def gradients_of(code: Any, problem: Problem, per_sample: str | None = None) -> Any:
    """What the learner's code gives for the gradients, as it gives it.

    code: a function whose arguments have names that are known (x, y, params, W1, b1, Z1, A1, cache, m, ...), or
    function(params, x, y); an object with forward and backward. per_sample: "sum" or "mean" of what it gives for one
    sample after the other.
    """
    if per_sample is None:
        return _once(code, problem)
    ones = problem.samples()
    parts = [_once(code, one) for one in ones]
    problem.names.update(ones[0].names)
    return _combined(parts, 1.0 if per_sample == "sum" else 1 / len(parts))


def _once(code: Any, problem: Problem) -> Any:
    return _of_object(code, problem) if method(code, BACKWARD) else called(code, problem)


def method(thing: Any, names: Sequence[str]) -> Callable[..., Any] | None:
    """The first method of these names that there is."""
    found = (getattr(thing, name, None) for name in names)
    return next((method for method in found if callable(method)), None)


def called(function: Callable[..., Any], problem: Problem, part: str = "backward", **known: Any) -> Any:
    """The function called with arguments by their names, or as function(params, x, y), update(params, grads, lr)."""
    if not callable(function):
        raise SettingError(
            "diagnose",
            "a function, a class or an object with backward",
            type(function).__name__,
            "give your code itself",
        )
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    wanted = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    usual = ("params", "grads", "lr") if part == "update" else ("params", "x", "y")
    if any(one.kind is one.VAR_POSITIONAL for one in parameters) and not wanted:
        return function(*(_given(name, problem, known) for name in usual))
    if part == "forward" or (part in ("backward", "step") and not inspect.ismethod(function)):
        problem = problem.of_arguments(one.name for one in wanted)
    arguments: list[Any] = []
    unknown = []
    for one in wanted:
        try:
            arguments.append(_given(one.name, problem, known))
        except KeyError:
            if one.default is not one.empty:
                break  # it and those after it keep their defaults
            unknown.append(one.name)
    if not unknown:
        return function(*arguments)
    if len(wanted) == 3:
        return function(*(_given(name, problem, known) for name in usual))
    names, some = ARGUMENTS[part]
    raise SettingError(
        "diagnose", f"arguments called {names}", f"the argument {unknown[0]}",
        f"wrap it: {part}=lambda {some}: yours(...)",
    )  # fmt: skip


def _given(name: str, problem: Problem, known: Mapping[str, Any]) -> Any:
    """The value of an argument: what is known beside the problem, before what the problem has."""
    return known[name.lower()] if name.lower() in known else problem.value(name)


def made(code: Any, problem: Problem) -> Any:
    """An object of the learner's class; what is no class as it is."""
    if not inspect.isclass(code):
        return code
    network, samples = problem.steps.network, problem.steps.convention.samples
    widths = [network.inputs, *(int(W.shape[1 - samples]) for W in problem.values_of("W"))]
    for arguments in ((), (widths,), tuple(widths), (widths[0], widths[-1])):
        try:
            inspect.signature(code).bind(*arguments)
        except (TypeError, ValueError):
            continue
        return code(*arguments)
    raise SettingError(
        "diagnose", f"a class that can be made as {code.__name__}() or {code.__name__}({widths})", "another",
        "give an object instead of the class",
    )  # fmt: skip


def _of_object(thing: Any, problem: Problem) -> Any:
    """Set the parameters, go forward and backward, and find the gradients, returned or kept."""
    layers = _layers(thing)
    set_parameters(thing, problem)
    forward = method(thing, FORWARD)
    known: dict[str, Any] = {}
    if forward is not None and forward is not thing:
        out = called(forward, problem, "forward")
        out = out[0] if isinstance(out, tuple) and out else out
        known = {} if out is None else dict.fromkeys(ALIASES["out"], out)
    backward = method(thing, BACKWARD)
    returned = called(backward, problem, **known)  # type: ignore[arg-type]
    return returned if isinstance(returned, (Mapping, list, tuple)) else _kept(thing, layers)


def _layers(thing: Any) -> list[Any]:
    found = getattr(thing, "layers", None)
    layers = (
        list(found.values() if isinstance(found, Mapping) else found) if isinstance(found, (list, tuple, dict)) else []
    )
    return [layer for layer in layers if any(hasattr(layer, name) for name in OWN["W"])]


def set_parameters(thing: Any, problem: Problem) -> None:
    """Put the parameters where an object keeps them: in its layers, lists, mapping or attributes W1, b1, ..."""
    layers = _layers(thing)
    values, arrays = problem.value("params"), {"W": problem.value("Ws"), "b": problem.value("bs")}
    for kind, several in arrays.items():
        if layers:
            having = [layer for layer in layers if kind == "W" or any(hasattr(layer, name) for name in OWN["b"])]
            for layer, value in zip(having, several, strict=False):
                _assign(layer, OWN[kind], value)
        else:
            plural = ("weights", "W", "w", "Ws") if kind == "W" else ("biases", "b", "bias", "bs")
            name = next((name for name in plural if isinstance(getattr(thing, name, None), (list, tuple))), None)
            if name:
                setattr(thing, name, several)
    for name in ("params", "parameters"):
        own = getattr(thing, name, None)
        if isinstance(own, Mapping):
            spelled = {key.lower(): key for key in own}
            setattr(thing, name, {spelled.get(key.lower(), key): value for key, value in values.items()})
    for name, value in values.items():
        for spelling in (name, name.lower(), *(OWN.get(plain(name), ()) if problem.one_layer else ())):
            own = getattr(thing, spelling, None)
            if hasattr(thing, spelling) and not isinstance(own, (list, tuple, Mapping)) and not callable(own):
                setattr(thing, spelling, value)


def _assign(layer: Any, names: Sequence[str], value: NDArray[Any]) -> None:
    name = next((name for name in names if hasattr(layer, name)), None)
    if name:
        now = getattr(layer, name)
        vector = isinstance(now, np.ndarray) and now.size == value.size and 1 in (value.ndim, *value.shape)
        setattr(layer, name, value.reshape(now.shape) if vector else value)


def _kept(thing: Any, layers: Sequence[Any]) -> Any:
    """Gradients that an object keeps: in its layers, in a mapping or lists, or as dW1, db1, ..."""
    if layers:
        found = {}
        for i, layer in enumerate(layers, 1):
            for kind in "Wb":
                low = kind.lower()
                names = (f"d{kind}", f"der_{kind}", f"grad_{kind}", f"{kind}_grad", f"d{low}", f"der_{low}",
                         f"grad_{low}", f"nabla_{low}", f"{'dweights' if kind == 'W' else 'dbiases'}",
                         f"{'grad_weights' if kind == 'W' else 'grad_bias'}")  # fmt: skip
                value = next((getattr(layer, name) for name in names if getattr(layer, name, None) is not None), None)
                if value is not None:
                    found[f"d{kind}{i}"] = value
        return found
    for name in GRADIENTS:
        if isinstance(getattr(thing, name, None), (Mapping, list, tuple)):
            return getattr(thing, name)
    kept = {name: value for name, value in vars(thing).items() if name.lower().startswith(("d", "grad", "nabla"))}
    return {name: value for name, value in kept.items() if isinstance(value, (np.ndarray, list, float))} or None


def _combined(parts: Sequence[Any], factor: float) -> Any:
    """The sum of what came for each sample, times a factor."""
    first = parts[0]
    if isinstance(first, Mapping):
        return {key: _combined([part[key] for part in parts], factor) for key in first}
    if isinstance(first, (list, tuple)):
        return [_combined([part[i] for part in parts], factor) for i in range(len(first))]
    return sum(np.asarray(part) for part in parts) * factor
