"""Deciding by algebra whether what SymPy made of a network is 0."""

import math
from typing import Any

import sympy

LARGEST = 200_000  # terms that an expression is written out to


class Apart(sympy.Function):  # type: ignore[misc]
    """A function of SymPy and its derivative; but exp(a) exp(b) is not merged, so that each keeps its name."""

    native: Any

    def fdiff(self, argindex: int = 1) -> Any:
        u = sympy.Dummy()
        return sympy.diff(self.native(u), u).replace(sympy.exp, Exp).xreplace({u: self.args[0]})


class Exp(Apart):
    """exp; of exp(a + log b) is made b exp(a)."""

    native = sympy.exp

    @classmethod
    def eval(cls, argument: Any) -> Any:
        logs = [part for part in sympy.Add.make_args(argument) if isinstance(part.as_coeff_Mul()[1], sympy.log)]
        if argument == 0:
            return sympy.Integer(1)
        if logs:
            return cls(argument - sympy.Add(*logs)) * sympy.Mul(*map(sympy.exp, logs))
        return None


class Erf(Apart):
    """erf."""

    native = sympy.erf


class Root(sympy.Function):  # type: ignore[misc]
    """The square root of what is not a number; its square does not become what it is the root of."""

    @classmethod
    def eval(cls, argument: Any) -> Any:
        return sympy.sqrt(argument) if argument.is_number else None

    def fdiff(self, argindex: int = 1) -> Any:
        return 1 / (2 * self)


class Held(sympy.Dummy):  # type: ignore[misc]
    """A symbol for a number that was computed: SymPy takes its derivatives from how it was.

    What holds for such symbols whatever their values holds for what they stand for. Expressions stay small.
    """

    definition: Any
    derivatives: dict[Any, Any]

    @classmethod
    def of(cls, name: str, definition: Any) -> "Held":
        """A symbol for `definition`."""
        made: Held = cls(name, real=True)
        made.definition, made.derivatives = definition, {}
        return made

    @property
    def free_symbols(self) -> set[Any]:
        return {self} | self.definition.free_symbols

    def _eval_derivative_n_times(self, by: Any, times: int) -> Any:
        return sympy.diff(self._eval_derivative(by), by, times - 1)

    def _eval_derivative(self, by: Any) -> Any:
        if by == self:
            return sympy.Integer(1)
        if by not in self.derivatives:
            self.derivatives[by] = sympy.diff(self.definition, by)
        return self.derivatives[by]


class Zero:
    """Whether an expression is 0 for all values of its symbols.

    Every exp, tanh, root and the like is given a symbol, and so is every 1 / (sum). What is left is a polynomial,
    which is written out. A sum such as 1 + e then takes the place of one of its terms, as e = 1/r - 1 for r = 1 / (1
    + e). If no term of it is free for that, all is brought to a common denominator.
    """

    def __init__(self) -> None:
        self.names: dict[Any, Any] = {}  # exp(z) -> symbol
        self.sums: dict[Any, Any] = {}  # the sum -> symbol for one over it
        self.known: dict[Any, Any] = {}

    def __call__(self, expression: Any) -> bool:
        flat = self._named(expression)
        used = flat.atoms(sympy.Symbol)
        sums = {r: total for total, r in self.sums.items() if r in used}
        swaps = _swaps(sums)
        if swaps is None:
            whole = flat.xreplace({r: 1 / total for r, total in sums.items()})
            return _written_out(sympy.fraction(sympy.together(whole))[0]) == 0
        flat = _written_out(flat)
        powers = [part.as_powers_dict() for part in sympy.Add.make_args(flat)]
        flat *= sympy.Mul(*(e ** -min(0, *(power.get(e, 0) for power in powers)) for e in swaps))  # no 1 / e
        return flat == 0 or _written_out(_written_out(flat).xreplace(swaps)) == 0

    def _named(self, e: Any) -> Any:
        if not e.args:
            return e
        if e not in self.known:
            self.known[e] = self._made(e)
        return self.known[e]

    def _made(self, e: Any) -> Any:
        if isinstance(e, Exp) and Exp(-e.args[0]) in self.names:
            return 1 / self.names[Exp(-e.args[0])]
        if e.is_Function:
            return self.names.setdefault(e, sympy.Dummy())
        if e.is_Pow and e.exp.is_negative and e.base.is_Add:
            over, under = sympy.fraction(sympy.together(self._named(e.base)))
            if over.is_Add:
                return (self.sums.setdefault(over, sympy.Dummy()) * under) ** -e.exp
            return (over / under) ** e.exp
        return e.func(*map(self._named, e.args))


def _swaps(sums: dict[Any, Any]) -> dict[Any, Any] | None:
    """For each sum a symbol that stands in no other, and what it is by 1 / sum; None where there is no such symbol."""
    swaps = {}
    for r, total in sums.items():
        others = set().union(*(sum_.atoms(sympy.Symbol) for other, sum_ in sums.items() if other != r))
        for e in sorted(total.atoms(sympy.Symbol) - others, key=str):
            factor = total.coeff(e, 1)
            rest = total - factor * e
            if factor.is_Number and factor != 0 and not rest.has(e):
                swaps[e] = (1 / r - rest) / factor
                break
        else:
            return None
    return swaps


def _written_out(e: Any) -> Any:
    return sympy.expand(e) if length(e) <= LARGEST else sympy.nan


def length(e: Any) -> int:
    """At most so many terms has `e` when it is written out.

    >>> a, b = sympy.symbols("a b")
    >>> length((a + b) ** 2 * (1 + b))
    6
    """
    if e.is_Add:
        return sum(map(length, e.args))
    if e.is_Mul:
        return math.prod(map(length, e.args))
    if e.is_Pow and e.exp.is_Integer and e.exp > 0:
        return math.comb(length(e.base) + int(e.exp) - 1, int(e.exp))
    return 1
