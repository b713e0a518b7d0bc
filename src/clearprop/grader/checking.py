"""Checking one submission: draw, run, judge."""

import dataclasses
import secrets

from clearprop.arrays.seeds import stream
from clearprop.grader.exercise import Call, Exercise
from clearprop.grader.judge import judge
from clearprop.grader.mistakes import STOPS
from clearprop.grader.sandbox import Stopped, run
from clearprop.grader.verdict import Verdict, clean, cut


def check(source: str, exercise: Exercise, *, seed: int | None = None, wrapped: bool | None = None) -> Verdict:
    """The verdict on a learner's code for an exercise.

    seed: of the inputs, by default drawn anew. wrapped: whether in bubblewrap, by default where that works.

    >>> from clearprop.grader.table import EXERCISES
    >>> print(check("def step(w, g, rate):\\n    return w + rate * g\\n", EXERCISES["sgd"]))
    sgd: wrong sign
    The result points the other way, so a step along it climbs.
    yours  return w + rate * g
    right  return w - rate * g
    mend   prediction minus target; and a step subtracts the gradient
    """
    calls = drawn(exercise, secrets.randbits(63) if seed is None else seed)
    again = calls[: len(calls) // 2] if exercise.draws > 1 else []
    ran = run(source, exercise, [*calls, *again], wrapped=wrapped)
    verdict = stopped(exercise, ran.stopped) if ran.stopped else judge(exercise, calls, ran.outcomes)
    return dataclasses.replace(verdict, printed=clean(ran.printed))


def drawn(exercise: Exercise, seed: int) -> list[Call]:
    """The calls of all draws."""
    return [call for i in range(exercise.draws) for call in exercise.draw(stream(seed, f"{exercise.name} {i}"))]


def stopped(exercise: Exercise, stop: Stopped) -> Verdict:
    """The verdict on code that gave no answer."""
    says, mend = STOPS[stop.what]
    detail = cut(stop.detail, 300)
    where = f"line {stop.line}: " if stop.line else ""
    return Verdict(exercise.name, False, stop.what, f"{where}{says}{f' ({detail})' if detail else ''}", mend)
