"""Numbers that carry a SymPy expression along, on which NumPy and the library's own lines run as they are."""

import functools
import math
import operator
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy

from clearprop.arrays.backend import NUMPY, Array

LARGEST = 300_000  # terms that an expression is written out to
ROOTS = (sympy.sqrt(2), sympy.sqrt(2) / 2, sympy.sqrt(2 * sympy.pi), 1 / sympy.sqrt(2 * sympy.pi))


@functools.lru_cache(maxsize=1024)
def exact(number: float) -> Any:
    """The number that a decimal of the code stands for: a root of `ROOTS`, a simple fraction, else as it is written.

    >>> exact(0.1), exact(2 / 3), exact(0.5**0.5)
    (1/10, 2/3, sqrt(2)/2)
    """
    for root in ROOTS:
        if abs(float(root) - number) < 1e-15:
            return root
    simple = Fraction(number).limit_denominator(1000)
    near = abs(float(simple) - number) <= 1e-15 * abs(number)
    return sympy.Rational(simple if near else Fraction(repr(float(number))))


class Term:
    """An expression and its value at one point, where every comparison is decided; `sides` collects how.

    What is computed from terms holds wherever all comparisons come out the same as at the point.
    """

    __slots__ = ("expression", "sides", "value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, expression: Any, value: float, sides: list[bool] | None = None) -> None:
        self.expression, self.value, self.sides = expression, value, sides

    def __neg__(self) -> "Term":
        return Term(-self.expression, -self.value, self.sides)

    def __abs__(self) -> "Term":
        return self if self > 0 else -self

    def __pow__(self, power: int) -> "Term":
        return Term(self.expression**power, self.value**power, self.sides)

    def __repr__(self) -> str:
        return f"{self.expression} = {self.value:.6g}"


def _two(function: Callable[[Any, Any], Any]) -> Any:
    def forwards(self: Term, other: Any) -> Any:
        term = _term(other)
        if term is None:
            return NotImplemented
        sides = self.sides if self.sides is not None else term.sides
        return Term(function(self.expression, term.expression), function(self.value, term.value), sides)

    return forwards


def _reversed(function: Callable[[Any, Any], Any]) -> Any:
    return _two(lambda a, b: function(b, a))


def _comparison(function: Callable[[Any, Any], bool]) -> Any:
    def compare(self: Term, other: Any) -> Any:
        term = _term(other)
        if term is None:
            return NotImplemented
        found = function(self.value, term.value)
        sides = self.sides if self.sides is not None else term.sides
        if sides is not None:
            sides.append(found)
        return found

    return compare


def _term(number: Any) -> Term | None:
    if isinstance(number, Term):
        return number
    if isinstance(number, (bool, int, np.bool_, np.integer)):
        return Term(sympy.Integer(int(number)), float(number))
    if isinstance(number, float):
        return Term(exact(float(number)), float(number))
    return None


for _name in ("add", "sub", "mul", "truediv"):
    setattr(Term, f"__{_name}__", _two(getattr(operator, _name)))
    setattr(Term, f"__r{_name}__", _reversed(getattr(operator, _name)))
for _name in ("gt", "ge", "lt", "le"):
    setattr(Term, f"__{_name}__", _comparison(getattr(operator, _name)))


def _one(symbolic: Callable[[Any], Any], numeric: Callable[[float], float]) -> Any:
    """A ufunc over arrays of objects."""

    def call(number: Any) -> Term:
        term = _term(number)
        assert term is not None
        return Term(symbolic(term.expression), numeric(term.value), term.sides)

    return np.frompyfunc(call, 1, 1)


FUNCTIONS = {
    "exp": _one(sympy.exp, math.exp),
    "expm1": _one(lambda a: sympy.exp(a) - 1, math.expm1),
    "log": _one(sympy.log, math.log),
    "log1p": _one(lambda a: sympy.log(1 + a), math.log1p),
    "sqrt": _one(sympy.sqrt, math.sqrt),
    "tanh": _one(sympy.tanh, math.tanh),
    "erf": _one(sympy.erf, math.erf),
}


def _uniform(rng: np.random.Generator, out: Array) -> None:
    out[...] = rng.random(out.shape)


XP = SimpleNamespace(**{**vars(NUMPY), **FUNCTIONS, "name": "terms", "total": np.sum, "uniform": _uniform})


class Numpy:
    """`np` for printed lines: NumPy itself but for the functions that it does not know of objects."""

    logaddexp = staticmethod(lambda a, b: FUNCTIONS["log"](FUNCTIONS["exp"](a) + FUNCTIONS["exp"](b)))

    def __getattr__(self, name: str) -> Any:
        found = FUNCTIONS.get(name, getattr(np, name))
        # numbers such as np.sqrt(2) stay numbers
        return (lambda a: getattr(np, name)(a) if isinstance(a, (int, float)) else found(a)) if name in FUNCTIONS else found


def vanishes(expression: Any) -> bool:
    """Whether `expression` is shown to be 0 for all values of its symbols."""
    numerator = sympy.fraction(sympy.together(_opaque(expression, {}, {})))[0]
    return terms(numerator) <= LARGEST and sympy.expand(numerator) == 0


def _opaque(e: Any, names: dict[Any, Any], known: dict[Any, Any]) -> Any:
    """A rational function: every exp, tanh, root, ... is a symbol. exp(a + 2 b) is exp(a) exp(b)^2 before that."""
    if e in known:
        return known[e]
    if isinstance(e, sympy.exp):
        made = sympy.Integer(1)
        for part in sympy.Add.make_args(e.args[0]):
            factor, rest = part.as_coeff_Mul()
            whole, den = factor.p, factor.q
            made *= names.setdefault(sympy.exp(rest / den), sympy.Dummy()) ** whole
    elif e.is_Function:
        made = names.setdefault(e, sympy.Dummy())
    elif e.is_Pow and not e.exp.is_Integer and not e.base.is_number:
        made = names.setdefault(e.base ** sympy.Rational(1, e.exp.q), sympy.Dummy()) ** e.exp.p
    else:
        made = e.func(*[_opaque(a, names, known) for a in e.args]) if e.args else e
    known[e] = made
    return made


def terms(e: Any) -> int:
    """At most so many terms has `e` when it is written out."""
    if e.is_Add:
        return sum(map(terms, e.args))
    if e.is_Mul:
        return math.prod(map(terms, e.args))
    if e.is_Pow and e.exp.is_Integer and e.exp > 0:
        count = terms(e.base)
        return math.comb(count + int(e.exp) - 1, int(e.exp))
    return 1
