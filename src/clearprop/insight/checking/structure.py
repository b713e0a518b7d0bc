"""Parameters in whatever form they come: an array, or lists, tuples and dicts of arrays, one in the other."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from clearprop.arrays.errors import DataError, SettingError, brief
from clearprop.data.validation import array_of, check_finite
from clearprop.insight.checking.numeric import Flat, contiguous

Key = Any


def children(part: Any, name: str) -> list[tuple[Key, str, Any]] | None:
    """What `part`, called `name`, holds: key, name and value of each. None for an array, number or list of numbers.

    >>> children({"W": [1.0, 2.0]}, "theta")
    [('W', 'W', [1.0, 2.0])]
    >>> children([1.0, 2.0], "theta") is None
    True
    """
    if isinstance(part, Mapping):
        inner = "" if name == "theta" else f"{name}."
        return [(key, f"{inner}{key}", value) for key, value in part.items()]
    if isinstance(part, (list, tuple)) and not _numbers(part):
        return [(i, f"{name}[{i}]", value) for i, value in enumerate(part)]
    return None


def _numbers(part: Any) -> bool:
    if isinstance(part, (list, tuple)):
        return all(map(_numbers, part))
    return isinstance(part, (bool, int, float, np.generic))


def leaves(part: Any, name: str = "theta") -> Iterator[tuple[str, Any]]:
    """Each array in `part`, with its name."""
    inside = children(part, name)
    if inside is None:
        yield name, part
    for _, inner, value in inside or ():
        yield from leaves(value, inner)


def arrays(theta: Any) -> tuple[dict[str, Flat], dict[str, np.dtype[Any]]]:
    """Float64 copies of the arrays in `theta` by name, and what type each had."""
    copies, kinds = {}, {}
    for name, leaf in leaves(theta):
        array = array_of(leaf, name)
        if array.dtype.kind not in "biuf":
            raise DataError(name, "real numbers", f"{array.dtype} values", "give parts of numbers as arrays of floats")
        if name in copies:
            raise SettingError("theta", "a different name for each array", f"{name} twice", "rename one")
        copies[name], kinds[name] = contiguous(array), array.dtype
        check_finite(copies[name].reshape(-1), name, "give finite parameters")
    if not any(array.size for array in copies.values()):
        raise DataError("theta", "at least one number", brief(theta), "give an array, or a list or dict of arrays")
    return copies, kinds


def rebuilt(part: Any, values: Iterator[Flat]) -> Any:
    """The form of `part`, filled with copies of `values`; what was a number is one."""
    inside = children(part, "theta")
    if inside is None:
        array = next(values)
        return float(array) if array.ndim == 0 and not isinstance(part, np.ndarray) else array.copy()
    if isinstance(part, Mapping):
        return {key: rebuilt(value, values) for key, _, value in inside}
    items = [rebuilt(value, values) for _, _, value in inside]
    if isinstance(part, list):
        return items
    return type(part)(*items) if hasattr(part, "_fields") else tuple(items)


def matched(part: Any, given: Any, name: str = "theta") -> Iterator[tuple[str, Any]]:
    """For each array in `part` its name and what `given`, of the same form, holds in that place; None for nothing."""
    inside = children(part, name)
    if inside is None:
        yield name, given
    for key, inner, value in inside or ():
        try:
            found = given[key]
        except (KeyError, IndexError, TypeError):
            found = None
        yield from matched(value, found, inner)


def surplus(part: Any, given: Any) -> list[str]:
    """The keys of `given` that `part` has not."""
    if isinstance(part, Mapping) and isinstance(given, Mapping):
        return [str(key) for key in given if key not in part]
    inside = children(part, "theta")
    if inside is not None and isinstance(given, (list, tuple)):
        return [str(i) for i in range(len(inside), len(given))]
    return []
