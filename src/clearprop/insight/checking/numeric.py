"""Difference quotients that know how far they can be trusted, and judge a gradient only as far as that.

The derivative along a line is taken from four values, at h and 2h to both sides: (8 (f1 - f-1) - (f2 - f-2)) / 12h.
Its error is h^4 f'''''/30 from the curve and about e f/h from rounding, where the values are exact to a share e of
their size; h = e^(1/5) balances the two and leaves e^(4/5), some 12 digits in float64. (Fornberg 1988, table 1.)
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Flat = NDArray[np.float64]
Sides = list[NDArray[np.bool_]]
Value = Callable[[], tuple[float, Sides]]

EPSILON = 2.0**-52
ATTEMPTS = 7  # steps, each at most a tenth of the one before
COARSE = 1e-12  # values less exact than this are called so
LISTENERS = 9  # lines along which noise is measured


class Slope(NamedTuple):
    """A derivative from differences, the jump of a kink in the middle if there is one, and what rounding may do."""

    value: float
    kink: float
    noise: float


class Judged(NamedTuple):
    """A claimed derivative beside the numeric one; `verdict` is ok, wrong or passed over."""

    verdict: str
    claimed: float
    numeric: float
    error: float


class Line(NamedTuple):
    """A line through the point: the elements `where` (m,) of `flat` (P,) move along `direction` (m,)."""

    flat: Flat
    where: NDArray[np.intp]
    direction: Flat

    def of(self, gradient: Flat) -> float:
        """The derivative along the line that `gradient` (P,) claims."""
        return float(gradient[self.where] @ self.direction)


def element(flat: Flat, i: int) -> Line:
    """The line along element `i`."""
    return Line(flat, np.array([i]), np.ones(1))


def diagonal(flat: Flat, where: NDArray[np.intp], rng: np.random.Generator) -> Line:
    """A line of length 1 along which all elements `where` move equally far, each up or down by chance."""
    return Line(flat, where, rng.choice([-1.0, 1.0], len(where)) / math.sqrt(len(where)))


class Differences:
    """Derivatives of a function at a point, from its values alone.

    value() gives the function of what the arrays hold now, and on which side of every known kink it was taken;
    `judge` moves the arrays and puts them back. tolerance: relative. unit: the least length to which steps are
    taken in proportion. largest, exact: of the claimed derivatives, and to what share of it they are exact.
    """

    def __init__(
        self, value: Value, tolerance: float, unit: float = 0.0, largest: float = 0.0, exact: float = EPSILON
    ) -> None:
        self.value, self.tolerance, self.unit, self.largest = value, tolerance, unit, largest
        self.rounding = 1000 * exact * largest
        self.home, self.sides = value()
        self.epsilon, self.floor = EPSILON, 0.0

    @property
    def step(self) -> float:
        """h, for values of size 1."""
        return self.epsilon**0.2

    def listen(self, lines: list[Line]) -> list[float]:
        """Measure how noisy the function is, along `lines`, so that noise is not taken for slope; the values seen.

        With a tenth of the step the fourth difference of a smooth function falls to a ten-thousandth, at a kink to
        a tenth; that of noise stays, at sqrt(70) times its deviation. (More and Wild 2011.)
        """
        wide: list[float] = []
        narrow: list[float] = []
        seen: list[float] = []
        for line in lines:
            h = self.step * min(self._scale(line), 1.0)
            for step, found in ((h, wide), (h / 10, narrow)):
                values = self._values(line, step)
                if values is not None:
                    a, b, c, d = values
                    found.append(abs(c + d - 4 * (a + b) + 6 * self.home))
                    seen += values
        size = max(map(abs, [self.home, *seen]))
        if wide and narrow and np.median(narrow) > np.median(wide) / 5:
            self.inexact(float(np.median(narrow)) / (0.67 * math.sqrt(70) * size), size)  # median = 0.67 deviations
        return seen

    def inexact(self, epsilon: float, size: float) -> None:
        """Take the function's values to be exact to a share `epsilon` of their size, and of `size` at the least."""
        self.epsilon, self.floor = max(epsilon, EPSILON), max(self.floor, epsilon * size)

    def judge(self, line: Line, gradient: Flat) -> Judged:
        """Whether the derivative along `line` is what `gradient` (P,) claims.

        It is wrong only where neither noise nor a kink explains the gap, and where that stays so with the shortest
        step that can still tell. It is passed over where no step can.
        """
        claimed = line.of(gradient)
        h, now = self._first(line, claimed)
        for attempt in range(ATTEMPTS):
            shorter = h / 10
            if now is not None:
                judged = self._judged(claimed, now)
                if judged.verdict == "ok":
                    if self._drowned(claimed, now, attempt):
                        break
                    return judged
                if not self._explained(claimed, now):
                    shortest = h * min(1 / 3, 20 * now.noise / abs(now.value - claimed) + 1e-12)
                    last = self._slope(line, shortest, claimed)
                    if last is not None and self._confirmed(claimed, now, last):
                        return judged
                    shorter = math.sqrt(h * shortest)
            h = shorter
            now = self._slope(line, h, claimed)
        return Judged("passed over", claimed, math.nan, math.nan)

    def _drowned(self, claimed: float, now: Slope, attempt: int) -> bool:
        """Whether noise would let any derivative pass: with a short step, or of a function less exact than float64."""
        size = max(abs(claimed), abs(now.value))
        if attempt:
            return now.noise > 0.01 * size and now.value != claimed
        return self.epsilon > COARSE and now.noise > 0.1 * max(size, self.largest)

    def _confirmed(self, claimed: float, now: Slope, last: Slope) -> bool:
        return not self._explained(claimed, last) and abs(last.value - now.value) < abs(last.value - claimed) / 2

    def _judged(self, claimed: float, now: Slope) -> Judged:
        gap = abs(claimed - now.value)
        size = max(abs(claimed), abs(now.value), (now.noise + self.rounding) / self.tolerance)
        error = gap / size if gap else 0.0
        return Judged("ok" if error <= self.tolerance else "wrong", claimed, now.value, error)

    def _explained(self, claimed: float, now: Slope) -> bool:
        # a kink in the middle moves the quotient by half of the jump; of one further out a shorter step is free
        return abs(claimed - now.value) <= 0.51 * abs(now.kink) + 2 * now.noise + self.rounding

    def _first(self, line: Line, claimed: float) -> tuple[float, Slope | None]:
        """The first step: in proportion to the elements, and longer where rounding drowns the slope."""
        h = self.step * self._scale(line)
        now = self._slope(line, h, claimed)
        while now is not None and h < self.step and now.noise > self.tolerance * max(abs(claimed), abs(now.value)):
            longer = min(100 * h, self.step)
            wider = self._slope(line, longer, claimed)
            if wider is None or abs(wider.value - now.value) > now.noise:
                break
            h, now = longer, wider
        return h, now

    def _scale(self, line: Line) -> float:
        """How large the moved element is, else the largest of its array: steps are taken in proportion."""
        own = abs(float(line.flat[line.where[0]])) if len(line.where) == 1 else 0.0
        size = max(self.unit, own or float(np.abs(line.flat).max()))
        return size if size > 1e-100 else 1.0

    def _slope(self, line: Line, h: float, claimed: float) -> Slope | None:
        values = self._values(line, h)
        if values is None:
            return None
        a, b, c, d = values
        near, far = (a - b) / (2 * h), (c - d) / (4 * h)
        value = (4 * near - far) / 3
        bend, wide_bend = (a + b - 2 * self.home) / h, (c + d - 2 * self.home) / (2 * h)  # h f'', or the jump of f'
        noise = 10 * max(self.floor, self.epsilon * max(abs(self.home), *map(abs, values))) / h
        # and each element +- h is rounded, too
        noise += 4 * self.epsilon * float(np.abs(line.flat[line.where]).max()) / h * max(abs(value), abs(claimed))
        return Slope(value, 2 * bend - wide_bend, noise)

    def _values(self, line: Line, h: float) -> tuple[float, ...] | None:
        """The function at h, -h, 2h and -2h along `line`; None across a kink or where it is not finite."""
        flat, where, _ = line
        kept, values = flat[where], []
        try:
            for factor in (1.0, -1.0, 2.0, -2.0):
                flat[where] = kept + factor * h * line.direction
                number, sides = self.value()
                if not math.isfinite(number) or not _same(sides, self.sides):
                    return None
                values.append(number)
        finally:
            flat[where] = kept
        return tuple(values)


def _same(a: Sides, b: Sides) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))


def shares(sizes: dict[str, int], budget: int) -> dict[str, int]:
    """How many elements of each array are compared one by one: small arrays whole, large ones in equal shares.

    >>> shares({"W": 100, "b": 5}, 65)
    {'b': 5, 'W': 60}
    """
    given: dict[str, int] = {}
    for left, name in zip(range(len(sizes), 0, -1), sorted(sizes, key=lambda name: sizes[name]), strict=True):
        given[name] = min(sizes[name], budget // left)
        budget -= given[name]
    return given


def contiguous(values: Any) -> Flat:
    """`values` as a new float64 array of which every reshape is a view."""
    return np.array(values, dtype=np.float64, order="C", subok=False)
