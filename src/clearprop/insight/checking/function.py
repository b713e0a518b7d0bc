"""`cp.check_gradient`: the same proof for anybody's function."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import real, whole
from clearprop.arrays.errors import DataError, SettingError, ShapeError, brief
from clearprop.arrays.seeds import stream
from clearprop.data.validation import array_of
from clearprop.insight.checking.compare import compare
from clearprop.insight.checking.numeric import COARSE, EPSILON, LISTENERS, Differences, Flat, Sides, diagonal, shares
from clearprop.insight.checking.result import Check, Row
from clearprop.insight.checking.structure import arrays, leaves, matched, rebuilt, surplus

SINGLE = 2.0**-23  # float32
Claims = dict[str, NDArray[Any] | None]


def check_gradient(
    f: Callable[[Any], Any],
    gradient: Any,
    theta: Any,
    *,
    budget: int = 1000,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> Check:
    """Compare a gradient with differences of `f`, for a function of your own.

    f(theta) is one number. theta: an array, or a list, tuple or dict of arrays, also one in the other. gradient: a
    function of theta, or its value at theta, in the form and shapes of theta. Both are called with float64 copies.

    The five-point quotient has the step e^(1/5) |value|, where f is exact to a share e of its size: 7e-4 in float64.
    e is measured, so that float32 and noise are not held against a right gradient, nor is a kink. `notes` names what
    stands in the way: theta of whole numbers or float32, f or its gradient other when called again, NaN, a gradient
    of another shape, f that changes theta. budget, tolerance, seed: as for `check`.

    A ClearpropError where f does not give one number or theta is none.

    >>> import numpy as np
    >>> found = check_gradient(lambda w: (w**2).sum(), lambda w: 2 * w, np.array([1, 2, 3]))
    >>> bool(found), found.notes
    (True, ('theta holds whole numbers (int64): f was called with floats',))
    >>> check_gradient(lambda p: p["a"] * p["b"], {"a": 3.0, "b": 3.0}, {"a": 2.0, "b": 3.0})["b"].verdict
    'wrong'
    """
    if not callable(f):
        raise SettingError("check_gradient", "a function f(theta) first", brief(f), "give f, gradient, theta")
    budget = whole("check_gradient", "budget", budget, low=0)
    tolerance = real("check_gradient", "tolerance", tolerance, low=0.0, high=1.0, open_low=True)
    function = _Function(f, gradient, theta)
    with np.errstate(all="ignore"):
        function.read()
        if function.unsteady:
            rows = [Row(name, array.shape) for name, array in function.arrays.items()]
        else:
            rows = _compared(function, budget, tolerance, seed)
    return Check(tuple(rows), max(tolerance, function.coarse), tuple(function.notes))


class _Function:
    """f and its claimed gradient at a point, with notes of what is odd about them."""

    def __init__(self, f: Callable[[Any], Any], gradient: Any, theta: Any) -> None:
        self.f, self.gradient, self.theta = f, gradient, theta
        self.arrays, kinds = arrays(theta)
        self.notes: list[str] = []
        self.unsteady = False
        self.coarse = 0.0  # tolerance that the precision of the gradient asks for
        self.claims: Claims = {}
        for name, kind in kinds.items():
            if kind.kind in "biu":
                self.notes.append(f"{name} holds whole numbers ({kind}): f was called with floats")
            elif kind.itemsize < 8:
                self.notes.append(f"{name} is {kind}: f was called with float64 copies")

    def __call__(self) -> tuple[float, Sides]:
        try:
            return _number(self.f(self._copy())), []
        except (ArithmeticError, ValueError):  # outside of where f is defined
            return math.nan, []

    def terms(self) -> float:
        """The sum of |theta gradient|: how large the terms are of which f may be a small difference."""
        pairs = ((array, self.claims[name]) for name, array in self.arrays.items())
        return sum(float(np.abs(a * c).sum()) for a, c in pairs if c is not None and _fits(c, a))

    def _copy(self) -> Any:
        return rebuilt(self.theta, iter(self.arrays.values()))

    def read(self) -> None:
        """Call f and its gradient twice, in turn, and keep what the gradient claims."""
        values = []
        for _ in range(2):
            given = self._copy()
            values.append(_number(self.f(given)))
            self._noted(self._changed(given), "f changes theta in place: here it was given a copy each time")
            claims, self.claims = self.claims, self._claimed()
        first, second = values
        if not math.isfinite(second):
            raise DataError("f(theta)", "a finite number", str(second), "choose another theta")
        if abs(first - second) > 1e-12 * abs(first):
            self._fail(f"f is not deterministic: it gave {first:.17g}, then {second:.17g}; fix its random numbers")
        for name, claim in self.claims.items():
            why = _difference(claims[name], claim)
            if why:
                self._fail(f"the gradient of {name} is another when called again: {why}")

    def _fail(self, note: str) -> None:
        self.unsteady = True
        self._noted(True, note)

    def _noted(self, holds: bool, note: str) -> None:
        if holds and note not in self.notes:
            self.notes.append(note)

    def _changed(self, given: Any) -> bool:
        now = dict(leaves(given))
        return now.keys() != self.arrays.keys() or not all(np.array_equal(now[n], a) for n, a in self.arrays.items())

    def _claimed(self) -> Claims:
        """What the gradient claims for each array, as a copy; None where there is nothing."""
        given = self.gradient
        if callable(given):
            point = self._copy()
            given = given(point)
            self._noted(self._changed(point), "gradient changes theta in place: here it was given a copy each time")
        if given is None:
            raise SettingError("gradient", "the derivatives, in the form of theta", "None", "return them")
        extra = surplus(self.theta, given)
        self._noted(bool(extra), f"the gradient also holds {', '.join(extra)}, which theta has not")
        return {name: self._array(name, claim) for name, claim in matched(self.theta, given)}

    def _array(self, name: str, claim: Any) -> NDArray[Any] | None:
        if claim is None:
            return None
        array = array_of(claim, f"gradient of {name}")
        if array.dtype.kind not in "biuf":
            raise DataError(f"gradient of {name}", "real numbers", f"{array.dtype} values", "return floats")
        if array.dtype.kind == "f" and array.dtype.itemsize < 8:
            self.coarse = max(self.coarse, float(np.finfo(array.dtype).eps) ** 0.4)
            self._noted(True, f"the gradient of {name} is {array.dtype}: compared to a tolerance of {self.coarse:.0e}")
        return array.astype(np.float64)


def _number(result: Any) -> float:
    shape = np.shape(result) if not isinstance(result, (list, tuple)) else (len(result),)
    try:
        if isinstance(result, (str, bytes)) or shape not in ((), (1,), (1, 1)):
            raise TypeError
        return float(result.item() if hasattr(result, "item") else result)
    except TypeError:
        got = f"an array of shape {shape}" if shape else brief(result)
        raise ShapeError("f(theta)", "one number", got, "return the sum or the mean") from None


def _difference(before: NDArray[Any] | None, now: NDArray[Any] | None) -> str:
    """Why a gradient may have changed from `before` to `now`; nothing where it is the same but for rounding."""
    if before is None or now is None or before.shape != now.shape:
        return "" if before is now is None else "it has another form"
    if np.allclose(now, before, 1e-9, 1e-12 * float(np.abs(before).max(initial=0)), equal_nan=True):
        return ""
    return "it is added to what was there" if np.allclose(now, 2 * before) else "fix its random numbers"


def _compared(function: _Function, budget: int, tolerance: float, seed: int) -> list[Row]:
    rng = stream(seed, "check")
    claims = [claim for claim in function.claims.values() if claim is not None]
    largest = float(max((np.abs(claim).max(initial=0) for claim in claims), default=0.0))
    exact = function.coarse**2.5 or EPSILON
    differences = Differences(function, max(tolerance, function.coarse), largest=largest, exact=exact)
    _listen(differences, function, rng)
    given = shares({name: array.size for name, array in function.arrays.items()}, budget)
    rows = []
    for name, array in function.arrays.items():
        claim = function.claims[name]
        if claim is not None and _fits(claim, array):
            rows.append(compare(name, array, claim.reshape(array.shape), differences, given[name], rng))
        else:
            rows.append(Row(name, array.shape, verdict="wrong", note=_misfit(claim, array)))
    return rows


def _listen(differences: Differences, function: _Function, rng: np.random.Generator) -> None:
    """Measure how exact f is, and say so where it is less than float64."""
    flats = [array.reshape(-1) for array in function.arrays.values() if array.size]
    seen = differences.listen([diagonal(flat, np.arange(flat.size), rng) for flat in (flats * LISTENERS)[:LISTENERS]])
    if seen and {*seen} == {differences.home}:
        function.notes.append("f is the same wherever it was tried: does it use its argument?")
        return
    single = bool(seen) and all(float(np.float32(v)) == v for v in seen) and not all(v.is_integer() for v in seen)
    if single:
        differences.inexact(SINGLE, max(function.terms(), *map(abs, seen)))
    if differences.epsilon > COARSE:
        why = "computes in float32" if single else f"is exact to about {differences.epsilon:.0e} of its size only"
        least = 10 * max(differences.floor, differences.epsilon * abs(differences.home)) / differences.step
        function.notes.append(f"f {why}: derivatives below about {least:.0e} cannot be told from zero")


def _fits(claim: NDArray[Any], array: Flat) -> bool:
    return claim.shape == array.shape or claim.size == array.size == 1


def _misfit(claim: NDArray[Any] | None, array: Flat) -> str:
    if claim is None:
        return "the gradient has nothing for it"
    note = f"the gradient has shape {claim.shape}"
    if claim.ndim > 1 and claim.T.shape == array.shape:
        return f"{note}: it is transposed"
    return f"{note}: reshape it" if claim.size == array.size else note
