"""Whether a learner's numbers are right, and if not, which mistake gives exactly them."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.grader.exercise import Call, Exercise, Outcome, Wrong
from clearprop.grader.local import outcomes
from clearprop.grader.mistakes import MISTAKES
from clearprop.grader.verdict import Formula, Verdict, cut

TOLERANCE = 1e-6  # relative, of each element
ROUNDING = 1e-9  # of the largest element, and of an input of ordinary size
SINGLE = 1e-5  # relative, for what was computed in float32
CHANCE = 0.25  # what is below may be a guess among ten classes
MOST = 3  # explanations that are told


def judge(exercise: Exercise, calls: Sequence[Call], found: Sequence[Outcome]) -> Verdict:
    """The verdict on what the calls gave; more outcomes than calls are those of the first calls, made once more.

    Every element of every result is compared, to 1e-6, with the solution's; where they differ, with those of the
    solution with one mistake in it, then with two.
    """
    if calls[0].truth is not None:
        return _predicted(exercise, calls[0], found[0])
    right = outcomes(exercise.solution, calls, exercise.returns)
    if not all(map(same, found, right)):
        return _wrong(exercise, calls, found, right)
    if any(value.dtype in (np.float32, np.float16) for one in found for value in one.values):
        return named(exercise, "float32")
    if any(one.after and not _untouched(one, call) for one, call in zip(found, calls, strict=False)):
        return named(exercise, "inputs changed")
    if not all(map(same, found[len(calls) :], found)):
        return named(exercise, "another result when called again")
    count = sum(value.size for one in found[: len(calls)] for value in one.values)
    return Verdict(exercise.name, True, "", f"All {count:,} numbers of {len(calls)} calls agree to {TOLERANCE:g}.")


def _predicted(exercise: Exercise, call: Call, found: Outcome) -> Verdict:
    """The verdict on predicted labels (M,): the share that is right."""
    truth = call.truth
    assert truth is not None
    if found.error:
        return _error(exercise, call, found)
    labels = found.values[0]
    if labels.shape != truth.shape:
        return named(exercise, "no labels", f"{labels.shape} where {truth.shape} is wanted")
    share = float(np.mean(labels == truth))
    reached = f"{share:.1%} of {len(truth):,} new images are right, the bar is {call.bar:.0%}"
    if share >= call.bar:
        return Verdict(exercise.name, True, "", f"{reached}.")
    return named(exercise, "guessing" if share < CHANCE else "below the bar", reached)


def named(exercise: Exercise, name: str, detail: str = "", formulas: Sequence[Formula] = ()) -> Verdict:
    """A verdict by the name of its mistake."""
    says, mend = MISTAKES[name]
    return Verdict(exercise.name, False, name, f"{detail}{': ' if detail else ''}{says}", mend, tuple(formulas))


def same(mine: Outcome, right: Outcome, tolerance: float = TOLERANCE) -> bool:
    """Whether two outcomes are equal: the same error, or all elements."""
    if mine.error or right.error:
        return mine.error == right.error
    return len(mine.values) == len(right.values) and all(
        close(a, b, tolerance) for a, b in zip(mine.values, right.values, strict=True)
    )


def close(mine: NDArray[Any], right: NDArray[Any], tolerance: float = TOLERANCE) -> bool:
    """Whether shapes are equal and all elements agree; NaN agrees with NaN."""
    if mine.shape != right.shape:
        return False
    a, b = mine.astype(np.float64), right.astype(np.float64)
    finite = np.abs(b[np.isfinite(b)])
    rounding = ROUNDING * max(float(finite.max(initial=0.0)), 1e-3)
    with np.errstate(invalid="ignore"):
        return bool(np.allclose(a, b, tolerance, rounding, equal_nan=True))


def _untouched(found: Outcome, call: Call) -> bool:
    return all(np.array_equal(values, call.inputs[name]) for name, values in (found.after or {}).items())


def _wrong(exercise: Exercise, calls: Sequence[Call], found: Sequence[Outcome], right: Sequence[Outcome]) -> Verdict:
    singles = explained(exercise, calls, found, 1)
    if singles:
        return _explained(exercise, singles)
    if exercise.model is not None:
        from clearprop.grader.network import diagnosed  # the doctor takes a while to import

        told = diagnosed(exercise, calls, found)
        if told is not None:
            return told
    pairs = explained(exercise, calls, found, 2)
    if pairs:
        return _explained(exercise, pairs)
    if all(same(one, other, SINGLE) for one, other in zip(found, right, strict=False)):
        return named(exercise, "float32")
    return _unknown(exercise, calls, found, right)


def explained(
    exercise: Exercise, calls: Sequence[Call], found: Sequence[Outcome], together: int
) -> list[tuple[Wrong, ...]]:
    """The sets of so many mistakes that give exactly what was found in every call; at most a few."""

    def fits(hypothesis: tuple[Wrong, ...]) -> bool:
        text = exercise.variant(*hypothesis)
        return text is not None and all(map(same, found, outcomes(text, calls, exercise.returns)))

    return list(itertools.islice(filter(fits, itertools.combinations(exercise.wrong, together)), MOST))


def _explained(exercise: Exercise, hypotheses: Sequence[tuple[Wrong, ...]]) -> Verdict:
    names = [" and ".join(dict.fromkeys(one.name for one in hypothesis)) for hypothesis in hypotheses]
    first = hypotheses[0]
    entries = [MISTAKES[one.name] for one in first]
    return Verdict(
        exercise.name, False, " or ".join(dict.fromkeys(names)), " ".join(dict.fromkeys(says for says, _ in entries)),
        "; ".join(dict.fromkeys(mend for _, mend in entries)), tuple(_formula(exercise.solution, one) for one in first),
    )  # fmt: skip


def _formula(solution: str, wrong: Wrong) -> Formula:
    """The lines in which the mistake lies."""
    place = solution.index(wrong.old)
    start, end = solution.rindex("\n", 0, place) + 1, solution.index("\n", place + len(wrong.old) - 1)
    right = solution[start:end] if wrong.old[-1] != "\n" else solution[start : end + 1]
    return Formula(_dedented(right.replace(wrong.old, wrong.new)), _dedented(right))


def _dedented(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())


def _unknown(exercise: Exercise, calls: Sequence[Call], found: Sequence[Outcome], right: Sequence[Outcome]) -> Verdict:
    """What can be said where no mistake is known: the first call, and the first of its results, that is not right."""
    call, mine, wanted = next(
        (call, mine, wanted) for call, mine, wanted in zip(calls, found, right, strict=False) if not same(mine, wanted)
    )
    if mine.error:
        return _error(exercise, call, mine)
    names = exercise.returns[call.function]
    name, a, b = next(
        (name, a, b) for name, a, b in zip(names, mine.values, wanted.values, strict=True) if not close(a, b)
    )
    if a.shape != b.shape and close(a.T, b):
        return named(exercise, "missing transpose", f"{name} of {call.function} is right but for a transpose")
    if a.shape != b.shape:
        return named(exercise, "wrong shape", f"{name} of {call.function} has the shape {a.shape}, wanted {b.shape}")
    return named(exercise, "unknown", f"{name} of {call.function} is {_said(a, b)}")


def _error(exercise: Exercise, call: Call, found: Outcome) -> Verdict:
    shapes = ", ".join(f"{name} {v.shape}" for name, v in call.inputs.items() if isinstance(v, np.ndarray))
    where = f"{cut(found.where, 200)}; " if found.where else ""
    return Verdict(
        exercise.name, False, "an error", f"{call.function} stopped: {cut(found.error, 300)}",
        f"look at {where}it was given {shapes}",
    )  # fmt: skip


def _said(mine: NDArray[Any], right: NDArray[Any]) -> str:
    a, b = mine.astype(np.float64), right.astype(np.float64)
    if not np.isfinite(a).all():
        return f"NaN or infinite in {np.count_nonzero(~np.isfinite(a)):,} of {a.size:,} elements"
    size = float((b * b).sum())
    ratio = float((a * b).sum()) / size if size else 0.0
    if ratio and close(a, ratio * b):
        return f"{ratio:.6g} times the right one"
    wrong = np.count_nonzero(~np.isclose(a, b, TOLERANCE, ROUNDING * max(float(np.abs(b).max(initial=0.0)), 1e-3)))
    return f"wrong in {wrong:,} of {a.size:,} elements"
