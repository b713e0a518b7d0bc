"""Which mistakes of the catalogue, alone or two together, give exactly the arrays that a learner has."""

import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.insight.derivation.lines import Line
from clearprop.insight.derivation.steps import Arrays, Steps, compiled, environment, run
from clearprop.insight.doctor.catalogue import CATALOGUE
from clearprop.insight.doctor.mistakes import Pass, Variant

TOLERANCE = 1e-6  # relative, for agreement
FAR = 100  # tolerances: how far off the right arrays must be where a mistake is told
Hypothesis = tuple[Variant, ...]
Space = dict[str, Any]
Codes = dict[int, Any]  # compiled lines by their places


@dataclass(frozen=True, eq=False)
class Ran:
    """A pass with one mistake: its arrays, the place of the line that failed, and of the first not the learner's."""

    space: Space
    broken: int
    other: int


@dataclass(frozen=True, eq=False)
class Draw:
    """A batch on which the reference ran, and what the learner's code gave there, by the reference's names."""

    steps: Steps
    given: Arrays
    right: Arrays  # every array of the reference
    theirs: Arrays = field(default_factory=dict)  # the learner's, dW1, db1, ...
    floor: float = 1e-300  # what is smaller is rounding, as where softmax's delta is summed over the classes

    @classmethod
    def of(cls, steps: Steps, given: Arrays) -> "Draw":
        """With the reference run on what was given."""
        right = run(steps, given)
        sizes = [float(np.abs(right[f"d{name}"]).max(initial=0.0)) for name in steps.parameters]
        return cls(steps, given, right, {}, 1e-9 * max(sizes, default=0.0))


def distance(mine: Any, theirs: Any, floor: float = 1e-300) -> float:
    """The largest difference as a share of the largest element, or of `floor`; infinite for other shapes and NaN."""
    mine, theirs = np.asarray(mine), np.asarray(theirs)
    if mine.shape != theirs.shape:
        return math.inf
    if not mine.size:
        return 0.0
    size = max(float(abs(mine).max()), float(abs(theirs).max()), floor)
    gap = float(abs(mine - theirs).max()) / size
    return gap if math.isfinite(gap) else math.inf


class Search:
    """All hypotheses about one pass, compared with several draws."""

    def __init__(self, draws: Sequence[Draw], tolerance: float = TOLERANCE, part: str = "backward") -> None:
        self.draws, self.tolerance, self.part = draws, tolerance, part
        self.reference = Pass(draws[0].steps)
        self.lines = list(self.reference.lines.values())
        self.place = {line.name: i for i, line in enumerate(self.lines)}
        self.names = sorted(draws[0].theirs, key=self.place.__getitem__)  # what is compared, as it is computed
        self.lines = self.lines[: self.place[self.names[-1]] + 1]
        self.compared = set(self.names)
        self.wrong = {
            id(draw): [n for n in self.names if self.error(draw, draw.right, n) >= tolerance] for draw in draws
        }
        self.ran: dict[tuple[int, Variant], Ran] = {}
        self.own: dict[Variant, Codes] = {}
        self._first: dict[Variant, int] = {}  # the place of the first line that it changes
        self.codes = [compiled(line.code, "eval") for line in self.lines]
        variants = [v for entry in CATALOGUE if not entry.number for v in entry.variants(self.reference)]
        self.variants = [variant for variant in variants if self.prepared(variant)]
        self.environment = environment(
            self.reference.steps
        )  # after the variants, which may need functions of their own

    def prepared(self, variant: Variant) -> bool:
        """Whether the mistake can be made here; its lines are then ready."""
        codes = self._codes((variant,))
        if codes is None or max(codes) >= len(self.lines) or ("loss" in variant.edits) != (self.part == "loss"):
            return False
        self.own[variant] = codes
        self._first[variant] = min(codes)
        return True

    @property
    def right(self) -> list[str]:
        """The arrays that are as they should be in every draw."""
        return [name for name in self.names if not any(name in wrong for wrong in self.wrong.values())]

    def error(self, draw: Draw, arrays: Mapping[str, Any], name: str) -> float:
        """How far the learner's `name` is from that of `arrays`."""
        return distance(arrays[name], draw.theirs[name], draw.floor)

    def singles(self) -> list[Hypothesis]:
        """The mistakes that explain every array of every draw, alone."""
        return [(variant,) for variant in self.variants if self.explains((variant,))]

    def pairs(self) -> list[Hypothesis]:
        """The pairs of mistakes that do."""
        return [pair for pair in self._candidates() if self.explains(pair)]

    def fitted(self) -> list[Hypothesis]:
        """The mistakes with a number in them that do, once the number is measured."""
        entries = [entry for entry in CATALOGUE if entry.number]
        return [(v,) for entry in entries for v in self._fits(entry)]

    def _fits(self, entry: Any) -> Iterator[Variant]:
        """The first wrong array is linear in the number: it follows from 0 and 1, and has to fit everything."""
        draw = next(draw for draw in self.draws if self.wrong[id(draw)])
        first = self.wrong[id(draw)][0]
        pairs = zip(entry.variants(self.reference, 0.0), entry.variants(self.reference, 1.0), strict=True)
        for i, (none, one) in enumerate(pairs):
            low, high = self.outcome(draw, (none,)), self.outcome(draw, (one,))
            if low is None or high is None or np.shape(high[first]) != draw.theirs[first].shape:
                continue
            slope = high[first] - low[first]
            size = float((slope * slope).sum())
            number = float(((draw.theirs[first] - low[first]) * slope).sum()) / size if size > 0 else math.nan
            for value in dict.fromkeys([float(f"{number:.3g}"), number] if math.isfinite(number) else []):
                variant = next(itertools.islice(entry.variants(self.reference, value), i, None))
                if self.prepared(variant) and self.explains((variant,)):
                    yield variant
                    break

    def explains(self, hypothesis: Hypothesis) -> bool:
        """Whether the reference with these mistakes gives what the learner has, in every draw."""
        return all(self._agrees(draw, hypothesis) for draw in self.draws)

    def agreement(self, hypothesis: Hypothesis) -> float:
        """How far the learner's arrays are from those of the reference with these mistakes."""
        outcomes = [(draw, self.outcome(draw, hypothesis)) for draw in self.draws]
        return max(
            self.error(draw, found, name) if found else math.inf for draw, found in outcomes for name in self.names
        )

    def outcome(self, draw: Draw, hypothesis: Hypothesis) -> Space | None:
        """The arrays of the pass with these mistakes; None where they cannot be made together or shapes do not fit."""
        codes = self._codes(hypothesis)
        if codes is None:
            return None
        space: Space = {**self.environment, **draw.right}
        return space if self._run(space, codes, min(codes, default=0)) is None else None

    def _agrees(self, draw: Draw, hypothesis: Hypothesis) -> bool:
        """Whether the outcome is the learner's; of a pair, what the one that acts first does is computed once."""
        codes = self._codes(hypothesis)
        if codes is None:
            return False
        first, *others = sorted(hypothesis, key=lambda variant: self._first[variant])
        wrong = self.wrong[id(draw)]
        if wrong and self.place[wrong[0]] < self._first[first]:
            return False
        ran = self._ran(draw, first)
        start = min((self._first[other] for other in others), default=len(self.lines))
        if min(ran.broken, ran.other) < start:
            return False
        if not others:
            return True
        return self._run(dict(ran.space), codes, start, draw) is None

    def _ran(self, draw: Draw, variant: Variant) -> "Ran":
        """What the pass gives with one mistake, kept for all pairs that it is in."""
        key = (id(draw), variant)
        if key not in self.ran:
            space: Space = {**self.environment, **draw.right}
            start = self._first[variant]
            broken = self._run(space, self._codes((variant,)) or {}, start)
            broken = len(self.lines) if broken is None else broken
            wrong = self.wrong[id(draw)]
            other = [self.place[name] for name in self.names
                     if self.place[name] < broken and (name in wrong if self.place[name] < start else
                     self.error(draw, space, name) >= self.tolerance)]  # fmt: skip
            self.ran[key] = Ran(space, broken, min(other, default=len(self.lines)))
        return self.ran[key]

    def _run(self, space: Space, codes: Codes, start: int, draw: Draw | None = None) -> int | None:
        """Run the lines from `start` on; the place where one fails or, given a draw, is not the learner's."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for i in range(start, len(self.lines)):
                name = self.lines[i].name
                try:
                    space[name] = eval(codes.get(i, self.codes[i]), space)
                except (ValueError, TypeError, IndexError, ZeroDivisionError):
                    return i
                if draw is not None and name in self.compared and self.error(draw, space, name) >= self.tolerance:
                    return i
        return None

    def _codes(self, hypothesis: Hypothesis) -> Codes | None:
        """The lines that the mistakes change, by their places, ready to run."""
        known = [self.own.get(variant) for variant in hypothesis]
        if None not in known and sum(map(len, known)) == len(set().union(*known)):  # type: ignore[arg-type]
            return {place: code for own in known for place, code in own.items()}  # type: ignore[union-attr]
        edited = self.edited(hypothesis)
        return None if edited is None else {self.place[n]: compiled(line.code, "eval") for n, line in edited.items()}

    def edited(self, hypothesis: Hypothesis) -> dict[str, Line] | None:
        """The lines that the mistakes change, one mistake after the other."""
        edited: dict[str, Line] = {}
        for variant in hypothesis:
            for name, edit in variant.edits.items():
                line = edit(edited.get(name, self.reference.lines[name]))
                if line is None:
                    return None
                edited[name] = line
        return edited

    def _candidates(self) -> Iterator[Hypothesis]:
        """Pairs that can explain the first array that deviates, in the order of computation.

        One of them explains it and the other acts later only; or both act on it, and leave what comes before right,
        or else multiply that by a number, which the other may take back.
        """
        draw = self.draws[0]
        first = next(iter(self.wrong[id(draw)]), None)
        if first is None:
            return
        up_to = [name for name in self.names if self.place[name] <= self.place[first]]
        alone, later, acting, scaling = [], [], [], []
        for variant in self.variants:
            ran = self._ran(draw, variant)
            found = ran.space
            if ran.broken <= self.place[first]:
                acting.append(variant)  # what does not fit alone may fit with another
                continue
            changed = [name for name in up_to if distance(found[name], draw.right[name], draw.floor) >= self.tolerance]
            if ran.other > self.place[first]:
                alone.append(variant)
            elif not changed:
                later.append(variant)
            elif changed == [first]:
                acting.append(variant)
            if changed and all(_multiple(found[name], draw.right[name]) for name in changed):
                scaling.append(variant)
        hidden = [variant for variant in later if self._first[variant] < self.place[first]]  # seen only beside another
        yield from _in_both_orders(itertools.product(alone, later))
        yield from _in_both_orders(itertools.product(acting, hidden))
        yield from _in_both_orders(itertools.combinations([*alone, *acting], 2))
        yield from _in_both_orders(itertools.combinations(scaling, 2))


def _in_both_orders(pairs: Iterable[tuple[Variant, Variant]]) -> Iterator[Hypothesis]:
    """All pairs, and those that change the same line the other way round as well."""
    for one, other in pairs:
        yield one, other
        if one.edits.keys() & other.edits.keys():
            yield other, one


def _multiple(mine: Any, right: NDArray[Any]) -> bool:
    """Whether one array is the other times a number."""
    mine = np.asarray(mine)
    if mine.shape != right.shape or not np.isfinite(mine).all():
        return False
    size = float((right * right).sum())
    return size > 0 and distance(mine, right * (float((mine * right).sum()) / size)) < TOLERANCE


def distinct(hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
    """Each set of mistakes once, whatever the order."""
    seen: dict[frozenset[Any], Hypothesis] = {}
    for hypothesis in hypotheses:
        seen.setdefault(frozenset(variant.key for variant in hypothesis), hypothesis)
    return list(seen.values())
