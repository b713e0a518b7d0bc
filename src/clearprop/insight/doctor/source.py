"""Which of several explanations a learner's source shows: its lines, run on the arrays that each of them gives."""

import inspect
from typing import Any

from clearprop.arrays.errors import ClearpropError
from clearprop.insight.doctor.learner import Learner, Stopped, guarded
from clearprop.insight.doctor.problem import Problem
from clearprop.insight.doctor.search import Hypothesis, Search, distance


def shown(hypotheses: list[Hypothesis], search: Search, learner: Learner) -> list[Hypothesis]:
    """Those that no line of the source speaks against; all of them where it does not tell.

    A line tells if what it assigns is the hypothesis' own array for some hypotheses and not for others, each with all
    other arrays as that hypothesis has them.
    """
    if len(hypotheses) < 2 or not inspect.isfunction(learner.code) or learner.per_sample:
        return hypotheses
    problems = [_problem(one, search, learner) for one in hypotheses]
    lines = [
        [problem is not None and _gives(name, text, problem, search, learner) for problem in problems]
        for name, text in learner.names.once.items()
    ]
    telling = [found for found in lines if any(found) and not all(found)]
    return [one for i, one in enumerate(hypotheses) if all(found[i] for found in telling)] or hypotheses


def _problem(hypothesis: Hypothesis, search: Search, learner: Learner) -> Problem | None:
    """The arrays that the reference with these mistakes has, in the learner's form."""
    draw = search.draws[0]
    space = search.outcome(draw, hypothesis)
    if space is None:
        return None
    return Problem(draw.steps, draw.given, {name: space[name] for name in draw.right}, learner.form)


def _gives(name: str, text: str, problem: Problem, search: Search, learner: Learner) -> bool:
    """Whether an expression of the source gives the array that it is assigned to."""
    try:
        with guarded():
            known = inspect.getclosurevars(learner.code).nonlocals
            value = eval(text, {**learner.code.__globals__, **known}, _Locals(learner, problem))
            return distance(problem.array(name), value, search.draws[0].floor) < search.tolerance
    except (Stopped, ClearpropError):
        return False


class _Locals(dict[str, Any]):
    """A function's arguments as they were given, and its variables where it is known what they are."""

    def __init__(self, learner: Learner, problem: Problem) -> None:
        super().__init__()
        code = learner.code.__code__
        self.arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.variables = {own: name for name, own in learner.names.own.items() if own in code.co_varnames}
        self.problem = problem.of_arguments(self.arguments)

    def __missing__(self, name: str) -> Any:
        if name in self.arguments:
            return self.problem.value(name)
        return self.problem.size if name == "m" else self.problem.array(self.variables[name])
