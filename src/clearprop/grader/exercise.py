"""What an exercise is: a task, its solution, and the mistakes that its judge knows, all as data."""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Floats = NDArray[np.float64]
GIBIBYTE = 2**30


@dataclass(frozen=True)
class Code:
    """An argument that is a function of the grader's own, made where it is used: `lambda w: ...` as text."""

    text: str


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a learner's function: arrays are copied for it, numbers are given as they are.

    truth: of a function that predicts, the right labels, which are never given away; bar: the accuracy to reach.
    """

    function: str
    inputs: Mapping[str, Any]
    truth: NDArray[Any] | None = None
    bar: float = 0.0


@dataclass(frozen=True)
class Wrong:
    """A mistake as a change of the solution's text: `new` where it has `old`."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, eq=False)
class Exercise:
    """A task for a learner.

    name: what the command line calls it. solution: functions with docstrings that tell shapes; with their bodies
    emptied they are what a learner begins with. returns: the names of what each function gives back. draw: random
    calls of one draw. wrong: the mistakes whose numbers the judge knows. model: for functions that give the gradients
    of a network, that network, for the doctor. draws: how many of them; after two, the first is called once more.
    """

    name: str
    title: str
    text: str
    hints: Sequence[str]
    solution: str
    returns: Mapping[str, tuple[str, ...]]
    draw: Callable[[Rng], list[Call]]
    wrong: Sequence[Wrong] = ()
    model: Callable[[], Any] | None = None
    draws: int = 2
    seconds: float = 10.0
    memory: int = GIBIBYTE

    @cached_property
    def functions(self) -> list[ast.FunctionDef]:
        """The functions of the solution, in order."""
        return [one for one in ast.parse(self.solution).body if isinstance(one, ast.FunctionDef)]

    @property
    def shapes(self) -> list[tuple[str, str]]:
        """Each function's signature, with the shapes that its docstring tells."""
        return [(_signature(one), ast.get_docstring(one) or "") for one in self.functions]

    @property
    def starter(self) -> str:
        """The functions to fill in."""
        return "\n\n\n".join(
            f'def {head}:\n    """{told}"""\n    raise NotImplementedError("{head[: head.index("(")]}: write this")'
            for head, told in self.shapes
        )

    def variant(self, *mistakes: Wrong) -> str | None:
        """The solution with these mistakes; None where they cannot be made together."""
        text = self.solution
        for one in mistakes:
            if text.count(one.old) != 1:
                return None
            text = text.replace(one.old, one.new)
        return text


def _signature(function: ast.FunctionDef) -> str:
    return f"{function.name}({ast.unparse(function.args)})"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one call gave: its results and its inputs afterwards, or the error with which it stopped."""

    values: tuple[NDArray[Any], ...] = ()
    after: Mapping[str, NDArray[Any]] | None = None
    error: str = ""
    where: str = ""
