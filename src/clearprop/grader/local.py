"""Running what comes with clearprop, solutions and their mistakes, here and now; never what a learner wrote."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.grader.exercise import Call, Code, Outcome


def outcomes(solution: str, calls: Sequence[Call], returns: Mapping[str, tuple[str, ...]]) -> list[Outcome]:
    """What the functions of a solution give in these calls."""
    space: dict[str, Any] = {"np": np}
    exec(solution, space)
    with np.errstate(all="ignore"):
        return [_outcome(space, call, returns[call.function]) for call in calls]


def _outcome(space: dict[str, Any], call: Call, names: Sequence[str]) -> Outcome:
    inputs = {name: _made(value) for name, value in call.inputs.items()}
    try:
        found = space[call.function](**inputs)
    except Exception as error:  # as a mistake may well raise one
        return Outcome(error=f"{type(error).__name__}: {error}")
    if len(names) == 1:
        found = [found]
    elif isinstance(found, dict):
        found = [found[name] for name in names]
    after = {name: value for name, value in inputs.items() if isinstance(value, np.ndarray)}
    return Outcome(tuple(np.asarray(value) for value in found), after)


def _made(value: Any) -> Any:
    if isinstance(value, Code):
        return eval(value.text, {"np": np})
    return value.copy() if isinstance(value, np.ndarray) else value
