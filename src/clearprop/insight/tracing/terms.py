"""One element of an array written out: the numbers that its line of NumPy combines, term by term."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from clearprop.insight.derivation.lines import NAME, Line
from clearprop.insight.derivation.steps import Arrays

Place = tuple[int, ...]
Piece = tuple[str, dict[str, Place]]  # NumPy text of a term, and the element that each name in it stands for

TERMS = 12  # of a sum that are shown
DIGITS = (8, 10, 12, 14, 17)  # tried in turn, until what is written gives the element to 8 digits
NOISE = 1e-13  # of the largest number that goes in: what is smaller is what rounding left of 0


@dataclass(frozen=True)
class Written:
    """`text` gives the element, such as 0.13*0.02 + 0.5*(-0.1); `sources` are the elements that go in, by array."""

    text: str
    sources: dict[str, tuple[Place, ...]]
    cut: bool = False  # whether terms were left out


def number(value: float, digits: int = 8) -> str:
    """A number with `digits` significant digits, as short as it goes.

    >>> number(0.125), number(-0.0), number(1 / 3)
    ('0.125', '0', '0.33333333')
    """
    return f"{float(value) + 0.0:.{digits}g}"


def written(line: Line, values: Arrays, place: Place, terms: int = TERMS) -> Written:
    """The element at `place` of what `line` computes from `values`; of a longer sum `terms` terms, from both ends."""
    pieces = list(_pieces(line, values, place))
    sources: dict[str, dict[Place, None]] = {}
    for _, places in pieces:
        for name, at in places.items():
            sources.setdefault(name, {})[at] = None
    cut = len(pieces) > terms
    head, tail = (pieces[: terms - terms // 3], pieces[-(terms // 3) :]) if cut else (pieces, [])
    text = ""
    for digits in DIGITS:
        first, last = ([_put(piece, values, digits, line.how) for piece in part] for part in (head, tail))
        gap = [f"... ({len(pieces) - terms:,} more) ..."] if cut else []
        outer = "" if line.how == "each" else line.outer.replace("N", number(float(values["N"])))
        text = _joined(line.how, first + gap + last, len(pieces), outer)
        if cut or _gives(text, float(values[line.name][place]), values, sources):
            break
    return Written(text, {name: tuple(places) for name, places in sources.items()}, cut)


def evaluated(text: str) -> float:
    """What a written-out element comes to."""
    return float(eval(text, vars(np) | {"erf": math.erf, "max": max}))


def _pieces(line: Line, values: Arrays, place: Place) -> Iterator[Piece]:
    if line.how == "product":
        yield from _products(line, values, place)
        return
    text = line.inner + (line.outer if line.how == "each" else "")
    names = [name for name in dict.fromkeys(NAME.findall(text)) if name in values]
    shape = np.broadcast_shapes(*(values[name].shape for name in names))
    for at in [place] if line.how == "each" else _along(line, shape, place):
        yield text, {name: _at(values[name].shape, at) for name in names}


def _products(line: Line, values: Arrays, place: Place) -> Iterator[Piece]:
    left, right = line.convention.order(*line.factors)
    names = left.removesuffix(".T"), right.removesuffix(".T")
    i, j = place
    for k in range(values[names[0]].shape[0 if left.endswith(".T") else 1]):
        first, second = (k, i) if left.endswith(".T") else (i, k), (j, k) if right.endswith(".T") else (k, j)
        yield f"{names[0]} * {names[1]}", {names[0]: first, names[1]: second}
    if line.plus is not None:
        yield line.plus, {line.plus: _at(values[line.plus].shape, place)}


def _along(line: Line, shape: Place, place: Place) -> Iterator[Place]:
    """The elements of an array of `shape` that a sum, mean or maximum puts into the one at `place`."""
    if line.over == "all":
        yield from np.ndindex(*shape)
        return
    samples = line.convention.samples
    axis = samples if line.over == "samples" else 1 - samples
    kept = place[1 - axis] if len(place) == len(shape) else place[0]
    for k in range(shape[axis]):
        yield (k, kept) if axis == 0 else (kept, k)


def _at(shape: Place, place: Place) -> Place:
    """Which element of an array of `shape` stands at `place` of what it is broadcast to."""
    return tuple(0 if side == 1 else i for side, i in zip(shape, place[len(place) - len(shape) :], strict=True))


def _put(piece: Piece, values: Arrays, digits: int, how: str) -> str:
    """The text of a piece with numbers in place of names, negative ones in brackets unless they stand alone."""
    template, places = piece
    return NAME.sub(_putter(template, places, values, digits, how), template).replace("np.", "")


def _putter(
    template: str, places: dict[str, Place], values: Arrays, digits: int, how: str
) -> Callable[[re.Match[str]], str]:
    def text(found: re.Match[str]) -> str:
        if found[0] not in places:
            return found[0]
        put = number(values[found[0]][places[found[0]]], digits)
        before, after = template[: found.start()], template[found.end() :]
        alone = before.endswith(("(", ", ")) or (not before and how in ("each", "max"))
        return put if not put.startswith("-") or (alone and not after.startswith("**")) else f"({put})"

    return text


def _joined(how: str, terms: list[str], count: int, outer: str) -> str:
    if how == "each":
        return terms[0]
    if how == "max":
        return f"max({', '.join(terms)})" if count > 1 else terms[0]
    text = " + ".join(term.replace(" * ", "*") for term in terms)
    outer = f" / {count}{outer}" if how == "mean" else outer
    return f"({text}){outer}" if outer else text


def _gives(text: str, value: float, values: Arrays, sources: dict[str, dict[Place, None]]) -> bool:
    """Whether `text` comes to `value`, to 8 digits or as near as rounding lets it."""
    largest = max((abs(float(values[name][at])) for name, places in sources.items() for at in places), default=0.0)
    got = evaluated(text)
    return number(got) == number(value) or abs(got - value) <= NOISE * largest
