"""How a wrong array deviates where no known mistake explains it, and which lines may be to blame."""

import numpy as np
from numpy.typing import NDArray

from clearprop.insight.doctor.diagnosis import Deviation
from clearprop.insight.doctor.search import TOLERANCE, Draw, Search, distance

Values = NDArray[np.float64]


def deviation(name: str, draw: Draw) -> Deviation:
    """What can be said of the learner's array `name`: shape, sign, ratio, axis, or likeness to another array."""
    theirs, right = np.asarray(draw.theirs[name], float), np.asarray(draw.right[name], float)
    return Deviation(name, distance(right, theirs, draw.floor), _says(theirs, right, name, draw))


def _says(theirs: Values, right: Values, name: str, draw: Draw) -> str:
    if theirs.shape != right.shape:
        other = " (the transpose of it)" if theirs.shape == right.shape[::-1] else ""
        return f"of shape {theirs.shape} where {right.shape} belongs{other}"
    if not np.isfinite(theirs).all():
        return f"with NaN or infinity in {int((~np.isfinite(theirs)).sum())} of {theirs.size} elements"
    if not theirs.any():
        return "zero everywhere"
    ratio = _ratio(theirs, right)
    if ratio is not None:
        count = float(draw.right["N"])
        words = {
            -1.0: "the right one with the other sign",
            count: "N times the right one",
            1 / count: "1/N of the right one",
        }
        near = (says for value, says in words.items() if abs(ratio / value - 1) < TOLERANCE)
        return next(near, f"{ratio:.6g} times the right one")
    axis = next((axis for axis in range(right.ndim if right.ndim > 1 else 0) if _by_places(theirs, right, axis)), None)
    if axis is not None:
        return f"off by a factor of its own for each place along axis {axis}"
    for other, values in draw.right.items():
        for turned, mark in (values, ""), (values.T, ", transposed"):
            if other != name and turned.ndim and turned.shape == theirs.shape and _ratio(theirs, turned) is not None:
                return f"{_ratio(theirs, turned):.6g} times {other}{mark}"
    wrong = int((np.abs(theirs - right) > TOLERANCE * np.abs(right).max()).sum())
    sign = ", with other signs" if (np.sign(theirs) == -np.sign(right)).mean() > 0.9 else ""
    return f"wrong in {wrong} of {right.size} elements, by up to {distance(right, theirs):.2g} (relative){sign}"


def _by_places(theirs: Values, right: Values, axis: int) -> bool:
    pairs = zip(np.moveaxis(theirs, axis, 0), np.moveaxis(right, axis, 0), strict=True)
    return theirs.shape[axis] < theirs.size and all(_ratio(a, b) is not None for a, b in pairs)


def _ratio(a: Values, b: Values) -> float | None:
    """The number c with a = c b, if there is one."""
    size = float((b * b).sum())
    if size == 0:
        return None
    c = float((a * b).sum()) / size
    return c if np.abs(a - c * b).max() <= TOLERANCE * max(np.abs(a).max(), 1e-300) else None


def suspects(search: Search, first: str) -> list[str]:
    """The lines on which the first wrong array depends, less those on which something right does."""
    cleared: set[str] = set()
    for name in search.right:
        cleared |= _ancestors(search, name)
    return [line.name for line in search.lines if line.name in _ancestors(search, first) - cleared]


def _ancestors(search: Search, name: str) -> set[str]:
    if name not in search.reference.lines:
        return set()
    above = [_ancestors(search, other) for other in search.reference.lines[name].inputs]
    return {name}.union(*above)
