"""Comparing the gradient of one named array: element by element, then along random directions."""

import math

import numpy as np
from numpy.typing import NDArray

from clearprop.insight.checking.numeric import Differences, Flat, Judged, diagonal, element
from clearprop.insight.checking.result import Row

DIRECTIONS = 5  # for each array of which not all elements are compared


def compare(
    name: str, array: Flat, gradient: Flat, differences: Differences, elements: int, rng: np.random.Generator
) -> Row:
    """The row for `array`, which `differences` sees, and its claimed `gradient` of the same shape.

    `elements` of it are compared one by one. If that is not all, random directions see the others, and one that
    fails is halved until it has led to an element.
    """
    if not np.isfinite(gradient).all():
        place = tuple(map(int, np.argwhere(~np.isfinite(gradient))[0]))
        return Row(name, array.shape, verdict="wrong", note=f"it holds {gradient[place]} at {place}")
    flat, claimed = array.reshape(-1), gradient.reshape(-1)
    chosen = range(flat.size) if elements >= flat.size else np.sort(rng.choice(flat.size, elements, replace=False))
    single = {int(i): differences.judge(element(flat, int(i)), claimed) for i in chosen}
    along = []
    for _ in range(DIRECTIONS if len(single) < flat.size else 0):
        line = diagonal(flat, np.arange(flat.size), rng)
        along.append(differences.judge(line, claimed))
        if along[-1].verdict == "wrong":
            found = _halved(flat, claimed, differences, rng)
            if found is not None:
                single[found] = differences.judge(element(flat, found), claimed)
    return _row(name, array.shape, single, along)


def _halved(flat: Flat, claimed: Flat, differences: Differences, rng: np.random.Generator) -> int | None:
    """An element that is wrong: of two halves, again and again the one that is more so."""
    where: NDArray[np.intp] = np.arange(flat.size)
    while len(where) > 1:
        halves = np.array_split(where, 2)
        gaps = [_gap(differences.judge(diagonal(flat, half, rng), claimed), len(half)) for half in halves]
        if max(gaps) <= 0:
            return None
        where = halves[int(np.argmax(gaps))]
    return int(where[0])


def _gap(judged: Judged, elements: int) -> float:
    """How far off the sum over the elements is, as a direction of length 1 has 1 / sqrt(elements) of each."""
    return abs(judged.claimed - judged.numeric) * math.sqrt(elements) if judged.verdict == "wrong" else 0.0


def _row(name: str, shape: tuple[int, ...], single: dict[int, Judged], along: list[Judged]) -> Row:
    told = {i: judged for i, judged in single.items() if judged.verdict != "passed over"}
    lines = [judged for judged in along if judged.verdict != "passed over"]
    every = [*told.values(), *lines]
    passed = len(single) + len(along) - len(every)
    if not every:
        return Row(name, shape, 0, 0, passed, verdict="passed over")
    wrong = any(judged.verdict == "wrong" for judged in every)
    row = Row(
        name, shape, len(told), len(lines), passed, max(judged.error for judged in every),
        verdict="wrong" if wrong else "ok", note=_deviation(list(told.values())) if wrong else "",
    )  # fmt: skip
    if not told:
        return row
    i = max(told, key=lambda i: (told[i].verdict == "wrong", told[i].error))
    place = tuple(map(int, np.unravel_index(i, shape)))
    return row._replace(worst=place, analytic=told[i].claimed, numeric=told[i].numeric)


def _deviation(told: list[Judged]) -> str:
    """How the claimed derivatives differ from the numeric ones, where that is simple."""
    wrong = sum(judged.verdict == "wrong" for judged in told)
    claimed, numeric = (np.array([judged[i] for judged in told], np.float64) for i in (1, 2))
    if not wrong:
        return ""
    if not claimed.any():
        return "it is zero throughout"
    ratio = float(claimed @ numeric / (numeric @ numeric or 1.0))
    if np.abs(claimed - ratio * numeric).max() > 1e-4 * np.abs(claimed).max():
        return f"wrong in {wrong:,} of {len(told):,} elements"
    if wrong == 1:
        return ""
    return "it is the negative of what is right" if abs(ratio + 1) < 1e-4 else f"it is {ratio:.5g} times what is right"
