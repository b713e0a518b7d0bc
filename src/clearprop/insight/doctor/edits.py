"""The small changes of a line that mistakes are made of; each gives the line with the mistake, or None."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from clearprop.insight.derivation.lines import Line, Over

Edit = Callable[[Line], Line | None]  # None where the change cannot be made
Edits = Mapping[str, Edit]  # by the names of lines
Found = Iterator[tuple[str, Edits]]  # what a mistake is like at one place, in a few words, and the edits there


def wrap(text: str) -> Edit:
    """The line's code put in the place of {}: "{} / N"."""

    def edit(line: Line) -> Line:
        return dataclasses.replace(line, how="each", factors=(text.replace("{}", bracketed(line)),), plus=None)

    return edit


def bracketed(line: Line) -> str:
    """The code of a line, in brackets unless it is a name or one call."""
    code = line.code
    return code if re.fullmatch(r"\w+", code) or line.how in ("sum", "mean", "max") else f"({code})"


def instead(code: str) -> Edit:
    """Another code altogether."""
    return lambda line: dataclasses.replace(line, how="each", factors=(code,), plus=None)


def without(part: str) -> Edit:
    """The line less the last factor in which `part` stands."""

    def edit(line: Line) -> Line | None:
        hits = [i for i, factor in enumerate(line.factors) if part in factor]
        if not hits or len(line.factors) < 2:
            return None
        return dataclasses.replace(line, factors=line.factors[: hits[-1]] + line.factors[hits[-1] + 1 :])

    return edit


def times(factor: str) -> Edit:
    """The line with one factor more: inside of a sum, before those that divide; around a product of matrices."""

    def edit(line: Line) -> Line | None:
        if line.how == "product":
            return wrap(f"{{}} * {factor}")(line)
        i = next((i for i, known in enumerate(line.factors) if known.startswith("/")), len(line.factors))
        return dataclasses.replace(line, factors=(*line.factors[:i], factor, *line.factors[i:]))

    return edit


def renamed(old: str, new: str, factor: int | None = None) -> Edit:
    """The line with `new` in the place of the array `old`, in one factor or in all."""
    word = re.compile(rf"(?<![\w.]){re.escape(old)}(?!\w)")

    def edit(line: Line) -> Line | None:
        factors = tuple(
            word.sub(lambda _: new, known) if factor in (None, i) else known for i, known in enumerate(line.factors)
        )
        return dataclasses.replace(line, factors=factors) if factors != line.factors else None

    return edit


def refactored(index: int, text: str) -> Edit:
    """The line with another factor number `index`."""

    def edit(line: Line) -> Line | None:
        if index >= len(line.factors):
            return None
        return dataclasses.replace(line, factors=(*line.factors[:index], text, *line.factors[index + 1 :]))

    return edit


def instead_of(factor: str, text: str) -> Edit:
    """The line with another factor in the place of `factor`."""
    return lambda line: refactored(line.factors.index(factor), text)(line) if factor in line.factors else None


def over(axis: Over) -> Edit:
    """A sum or maximum along another axis."""
    return lambda line: dataclasses.replace(line, over=axis) if line.how in ("sum", "mean", "max") else None


def unbiased(line: Line) -> Line | None:
    """The line without what is added to a product of matrices."""
    return dataclasses.replace(line, plus=None) if line.plus else None


def each_and_all(lines: Iterable[Line], edit: Callable[[Line], Edit | None], detail: str = "") -> Found:
    """A change of each of `lines` alone, and of all of them at once."""
    edits = {line.name: made for line in lines if (made := edit(line)) is not None and made(line) is not None}
    for name, made in edits.items():
        yield detail, {name: made}
    if len(edits) > 1:
        yield detail, edits
