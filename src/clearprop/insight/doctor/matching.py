"""Which of a learner's arrays is which: by name, else by order and shape; and whether samples are rows or columns."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import DataError, SettingError, brief
from clearprop.insight.derivation.steps import Arrays, Steps
from clearprop.insight.doctor.search import Draw, distance

KINDS = {
    "w": "W", "weight": "W", "weights": "W", "kernel": "W", "b": "b", "bias": "b", "biases": "b", "gamma": "gamma",
    "beta": "beta",
}  # fmt: skip
PREFIX = re.compile(r"^(gradients?|grads?|nabla|der|d|g)_?(?=[a-z])")
Named = list[tuple[str | None, int | None, NDArray[Any]]]  # kind and number, as far as a name tells them


def matched(found: Any, steps: Steps, order: Sequence[str] | None = None, right: Arrays | None = None) -> Arrays:
    """The learner's gradients under the reference's names, dW1, db1, ...

    found: a mapping, or a sequence of arrays in the order of `order`, of the parameters, or of the parameters from the
    last layer to the first; or two lists, of weights' and of biases' gradients. Where names say nothing, shapes do, and
    where these do not, nearness to the `right` arrays. A SettingError where that is not clear.
    """
    if isinstance(found, np.ndarray) and found.ndim and found.dtype != object and len(wanted(steps)) > 1:
        raise SettingError("diagnose", f"the gradients {', '.join(wanted(steps))}", "one array", "return all of them")
    if not isinstance(found, (Mapping, list, tuple, np.ndarray)):
        raise SettingError(
            "diagnose", f"the gradients {', '.join(wanted(steps))}", brief(found), "return them, as a dict or a tuple"
        )
    if order is not None:
        arrays = list(found.values()) if isinstance(found, Mapping) else _flat(found)
        if len(order) != len(arrays):
            raise SettingError("diagnose", f"{len(order)} arrays, as `order` names", str(len(arrays)), "change order")
        found = dict(zip(order, arrays, strict=True))
    if isinstance(found, Mapping):
        entries: Named = []
        for key, values in found.items():
            entries += _entries(str(key), values)
        named = _by_name(entries, steps)
        if named or order is not None:
            return named or _unnamed(steps)
        found = list(found.values())
    return _by_order([numbers("a gradient", one) for one in _flat(found)], steps, right)


def numbers(name: str, values: Any) -> NDArray[Any]:
    """An array of numbers; a DataError for anything else."""
    try:
        array = np.asarray(values)
        return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError("diagnose", f"numbers in {name}", brief(values), "return arrays of numbers") from None


def _entries(key: str, values: Any) -> Named:
    """The arrays under one key: a list counts its layers."""
    kind, number = _read(key)
    if isinstance(values, (list, tuple)) and values and not np.isscalar(values[0]) and number is None:
        if np.ndim(values[0]) == 0 or kind is None:
            return [(kind, None, numbers(key, values))] if kind else []
        if not (np.asarray(values[0]).ndim == 1 and kind == "W"):
            return [(kind, i, numbers(key, one)) for i, one in enumerate(values, 1)]
    return [(kind, number, numbers(key, values) if kind else np.zeros(0))]


def _read(key: str) -> tuple[str | None, int | None]:
    """Kind and number of a name such as dW1, grad_b2, dense1.W, fc2.weight, W[0].

    >>> _read("dW1"), _read("dense2.b"), _read("grads/fc1/kernel"), _read("delta")
    (('W', 1), ('b', 2), ('W', 1), (None, None))
    """
    digits = re.findall(r"\d+", key)
    last = re.sub(r"[^a-z_]", "", re.split(r"[./]", key.lower())[-1]).strip("_")
    for word in (last, PREFIX.sub("", last)):
        if word in KINDS:
            return KINDS[word], int(digits[-1]) if digits else None
    return None, None


def _by_name(entries: Named, steps: Steps) -> Arrays:
    """What the names tell; layers that are counted from 0 or with gaps are counted anew."""
    seen = sorted({number for kind, number, _ in entries if kind and number is not None})
    known = {int(name[2:]) for name in wanted(steps) if name.startswith("dW")}
    place = {} if set(seen) <= known else {number: i for i, number in enumerate(seen, 1)}
    found: Arrays = {}
    for kind, number, values in entries:
        name = f"d{kind}{place.get(number or 0, number) if number is not None else 1}"
        if kind is not None and name in wanted(steps):
            found[name] = values
    return found


def _unnamed(steps: Steps) -> Arrays:
    raise SettingError(
        "diagnose", f"gradients called {', '.join(wanted(steps))}", "other names", "rename them, or change order=[...]"
    )


def _flat(found: Any) -> list[Any]:
    """The arrays of a sequence: of its parts, where these are lists of arrays themselves."""
    if isinstance(found, (list, tuple)) and any(_several(part) for part in found):
        return [one for part in found for one in (part if _several(part) else [part])]
    return list(found)


def _several(part: Any) -> bool:
    """Whether it is a list of arrays, not an array written as lists."""
    return isinstance(part, (list, tuple)) and any(isinstance(one, (np.ndarray, np.generic)) for one in part)


def _by_order(arrays: list[NDArray[Any]], steps: Steps, right: Arrays | None) -> Arrays:
    names = wanted(steps)
    if len(arrays) != len(names):
        raise SettingError(
            "diagnose", f"{len(names)} gradients, {', '.join(names)}", f"{len(arrays)} arrays",
            "return them in this order, or say which by order=[...]",
        )  # fmt: skip
    candidates = [dict(zip(order, arrays, strict=True)) for order in _orders(names)]
    return max(candidates, key=lambda found: (_fitting(found, steps), _exact(found, steps), _near(found, right)))


def _orders(names: list[str]) -> list[list[str]]:
    """The orders in which people return gradients."""
    weights, others = [n for n in names if n.startswith("dW")], [n for n in names if not n.startswith("dW")]
    orders = [names, weights + others, others + weights, weights[::-1] + others[::-1], others[::-1] + weights[::-1]]
    if len(others) == len(weights):
        pairs = list(zip(weights, others, strict=True))
        for some in pairs, pairs[::-1]:
            orders += [[n for pair in some for n in pair], [n for w, b in some for n in (b, w)]]
    return [*orders, names[::-1]]


def _near(found: Arrays, right: Arrays | None) -> int:
    """How many arrays are right in their numbers."""
    if right is None:
        return 0
    pairs = [(values.ravel(), np.ravel(right[name])) for name, values in found.items()]
    return sum(a.size == b.size and bool(np.allclose(a, b, rtol=1e-6, atol=0)) for a, b in pairs)


def _fitting(found: Arrays, steps: Steps) -> int:
    """How many arrays have the reference's shape, with one dimension and with two alike for vectors."""
    return sum(squeezed(found[name].shape) == squeezed(tuple(map(int, steps.shapes[name[1:]]))) for name in found)


def _exact(found: Arrays, steps: Steps) -> int:
    return sum(values.shape == steps.shapes[name[1:]] for name, values in found.items())


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape of a vector as one number, of anything else as it is."""
    return (max(shape),) if len(shape) == 2 and 1 in shape else shape


def wanted(steps: Steps) -> list[str]:
    """dW1, db1, dW2, ...: the gradients of the parameters in the order of the layers."""
    return [f"d{name}" for name in steps.parameters]


def fit(draw: Draw) -> tuple[int, int, float]:
    """How well shapes fit, exactly and nearly, then how near the numbers are: by this a layout is found out."""
    pairs = [(np.asarray(draw.right[name]), values) for name, values in draw.theirs.items()]
    exact = sum(right.shape == values.shape for right, values in pairs)
    errors = [distance(right, values, draw.floor) for right, values in pairs]
    named = all(name[1:] in draw.steps.parameters for name in draw.theirs)
    return _fitting(draw.theirs, draw.steps) if named else exact, exact, -sum(min(error, 10.0) for error in errors)
