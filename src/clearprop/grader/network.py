"""Gradients of a whole network: the doctor names what is wrong with them."""

from collections.abc import Sequence

from clearprop.grader.exercise import Call, Exercise, Outcome
from clearprop.grader.verdict import Formula, Verdict
from clearprop.insight.doctor.diagnose import diagnose
from clearprop.insight.doctor.diagnosis import Diagnosis, Finding


def diagnosed(exercise: Exercise, calls: Sequence[Call], found: Sequence[Outcome]) -> Verdict | None:
    """The mistakes that explain the gradients of every call; None where none does."""
    if exercise.model is None or any(one.error for one in found):
        return None
    told = [_diagnosis(exercise, call, one) for call, one in zip(calls, found, strict=False)]
    first, *others = told
    common = [
        alternative
        for alternative in first.findings
        if all(_names(alternative) in map(_names, other.findings) for other in others)
    ]
    if not common:
        return None
    titles = [" and ".join(dict.fromkeys(one.name for one in alternative)) for alternative in common]
    chosen = common[0]
    formulas = [Formula(f"{one.name} = {one.found}", f"{one.name} = {one.right}") for f in chosen for one in f.formulas]
    return Verdict(
        exercise.name, False, " or ".join(dict.fromkeys(titles)), " ".join(one.says for one in chosen),
        "; ".join(one.mend for one in chosen), tuple(formulas[:4]),
    )  # fmt: skip


def _names(alternative: Sequence[Finding]) -> frozenset[tuple[str, str]]:
    return frozenset((one.name, one.place) for one in alternative)


def _diagnosis(exercise: Exercise, call: Call, found: Outcome) -> Diagnosis:
    """What the doctor says of the gradients of one call: inputs x and t, and parameters in the model's order."""
    assert exercise.model is not None
    model = exercise.model()
    parameters = [value for name, value in call.inputs.items() if name not in ("x", "t")]
    for name, value in zip(model.weights, parameters, strict=True):
        model.weights[name] = value
    names = exercise.returns[call.function]
    return diagnose(model, (call.inputs["x"], call.inputs["t"]), gradients=dict(zip(names, found.values, strict=True)),
                    layout="rows")  # fmt: skip
