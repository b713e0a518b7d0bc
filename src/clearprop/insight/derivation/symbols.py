"""Numbers that carry a SymPy expression along: NumPy and the library's own lines run on arrays of them as they are."""

import functools
import math
import operator
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from clearprop.arrays.backend import NUMPY, Array
from clearprop.insight.derivation.zero import Erf, Exp, Held, Root, Zero

CONSTANTS = [
    sympy.sqrt(2), sympy.sqrt(2) / 2, sympy.pi, 2 * sympy.pi, sympy.sqrt(2 * sympy.pi), 1 / sympy.sqrt(2 * sympy.pi),
]  # fmt: skip


@functools.lru_cache(maxsize=1024)
def exact(number: float) -> Any:
    """The number that a decimal of the code stands for: one of `CONSTANTS`, a simple fraction, else as it is written.

    >>> exact(0.1), exact(2 / 3), exact(0.5**0.5)
    (1/10, 2/3, sqrt(2)/2)
    """
    for constant in CONSTANTS:
        if abs(float(constant) - number) < 1e-15:
            return constant
    simple = Fraction(number).limit_denominator(1000)
    near = abs(float(simple) - number) <= 1e-15 * abs(number)
    return sympy.Rational(simple if near else Fraction(repr(float(number))))


def _two(function: Callable[[Any, Any], Any], swapped: bool = False) -> Any:
    """An operator of Term with a Term or a number, which gives a Term."""

    def call(self: "Term", other: Any) -> Any:
        made = as_term(other)
        if made is None:
            return NotImplemented
        a, b = (made, self) if swapped else (self, made)
        return Term(function(a.expression, b.expression), function(a.value, b.value))

    return call


def _compared(function: Callable[[Any, Any], bool]) -> Any:
    """A comparison of Term with a Term or a number, decided by the values."""

    def call(self: "Term", other: Any) -> bool:
        made = as_term(other)
        return NotImplemented if made is None else function(self.value, made.value)

    return call


class Term:
    """An expression and its value at one point, where every comparison is decided.

    What is computed from terms holds wherever all comparisons come out the same as at the point.
    """

    __slots__ = ("expression", "value")

    def __init__(self, expression: Any, value: float) -> None:
        self.expression, self.value = expression, value

    __add__, __radd__ = _two(operator.add), _two(operator.add, swapped=True)
    __sub__, __rsub__ = _two(operator.sub), _two(operator.sub, swapped=True)
    __mul__, __rmul__ = _two(operator.mul), _two(operator.mul, swapped=True)
    __truediv__, __rtruediv__ = _two(operator.truediv), _two(operator.truediv, swapped=True)
    __gt__, __ge__ = _compared(operator.gt), _compared(operator.ge)
    __lt__, __le__ = _compared(operator.lt), _compared(operator.le)

    def __neg__(self) -> "Term":
        return Term(-self.expression, -self.value)

    def __abs__(self) -> "Term":
        return self if self.value > 0 else -self

    def __pow__(self, power: int) -> "Term":
        return Term(self.expression**power, self.value**power)


def as_term(number: Any) -> Term | None:
    """A Term for a Term or a number; None for anything else."""
    if isinstance(number, Term):
        return number
    if isinstance(number, (int, np.bool_, np.integer)):
        return Term(sympy.Integer(int(number)), float(number))
    return Term(exact(float(number)), float(number)) if isinstance(number, float) else None


def term(number: Any) -> Term:
    """A Term for a Term or a number."""
    made = as_term(number)
    if made is None:
        raise TypeError(f"{type(number).__name__} is no number")
    return made


def derivative(of: Any, by: Any) -> Any:
    """SymPy's derivative of one Term by another."""
    return sympy.diff(term(of).expression, term(by).expression)


def _one(symbolic: Callable[[Any], Any], numeric: Callable[[float], float]) -> Any:
    """A function of each element of an array of objects."""

    def call(number: Any) -> Term:
        of = term(number)
        return Term(symbolic(of.expression), numeric(of.value))

    return np.frompyfunc(call, 1, 1)


class Point:
    """Symbols with a value each."""

    def __init__(self) -> None:
        self.values: dict[Any, float] = {}
        self._zero = Zero()

    def symbols(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """Terms in the shape of `values`, each a symbol of its own."""
        made = np.empty(values.shape, object)
        for place in np.ndindex(values.shape):
            symbol = sympy.Symbol("_".join([name, *map(str, place)]), real=True)
            made[place] = Term(symbol, float(values[place]))
            self.values[symbol] = float(values[place])
        return made

    def hold(self, name: str, array: NDArray[Any]) -> dict[tuple[int, ...], Any]:
        """Put a symbol in the place of each element, from which SymPy still knows all derivatives; what they were."""
        before = {place: term(array[place]) for place in np.ndindex(array.shape)}
        for place, was in before.items():
            symbol = Held.of("_".join([name, *map(str, place)]), was.expression)
            self.values[symbol] = was.value
            array[place] = Term(symbol, was.value)
        return before

    def same(self, a: Any, b: Any) -> str | None:
        """Nothing where `a` and `b` (expressions, Terms or numbers) are shown to be the same.

        Else their values at the point where they differ there, and None where algebra does not decide.
        """
        a, b = (term(one).expression if isinstance(one, (Term, int, float)) else one for one in (a, b))
        if self._zero(a - b):
            return ""
        x, y = self._at(a), self._at(b)
        return None if abs(x - y) <= 1e-9 * max(1.0, abs(x), abs(y)) else f"{x:.6g}, not {y:.6g}"

    def _at(self, expression: Any) -> float:
        functions = [{"Exp": math.exp, "Erf": math.erf, "Root": math.sqrt}, "math"]
        return float(sympy.lambdify(list(self.values), expression, functions)(*self.values.values()))


FUNCTIONS = {
    "exp": _one(Exp, math.exp),
    "expm1": _one(lambda a: Exp(a) - 1, math.expm1),
    "log": _one(sympy.log, math.log),
    "log1p": _one(lambda a: sympy.log(1 + a), math.log1p),
    "sqrt": _one(Root, math.sqrt),
    "tanh": _one(sympy.tanh, math.tanh),
    "erf": _one(Erf, math.erf),
}


def _uniform(rng: np.random.Generator, out: Array) -> None:
    out[...] = rng.random(out.shape)


XP = SimpleNamespace(**{**vars(NUMPY), **FUNCTIONS, "name": "terms", "total": np.sum, "uniform": _uniform})


class Numpy:
    """`np` of printed lines: NumPy itself, but for the functions that have to know terms."""

    @staticmethod
    def logaddexp(a: Any, b: Any) -> Any:
        """log(e^a + e^b), computed as NumPy does."""
        return np.maximum(a, b) + FUNCTIONS["log1p"](FUNCTIONS["exp"](-np.abs(a - b)))

    def __getattr__(self, name: str) -> Any:
        return FUNCTIONS[name] if name in FUNCTIONS else getattr(np, name)
