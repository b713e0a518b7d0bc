"""A learner's forward pass: its arrays against the reference's, and softmax with large numbers."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.insight.derivation.steps import Arrays, run
from clearprop.insight.doctor.adapters import FORWARD, called, method, set_parameters
from clearprop.insight.doctor.diagnosis import Diagnosis, Finding, Formula
from clearprop.insight.doctor.latex import latex
from clearprop.insight.doctor.learner import Learner, Stopped, guarded
from clearprop.insight.doctor.matching import numbers
from clearprop.insight.doctor.problem import Form, Problem
from clearprop.insight.doctor.search import Draw

UNSTABLE = {
    "softmax without subtracting the maximum": "np.exp({z})",
    "softmax with the maximum of the whole batch": "np.exp({z} - np.max({z}))",
}
LARGE = 500.0  # what the last layer's parameters are multiplied by


def outputs_of(code: Any, problem: Problem, per_sample: str | None = None) -> Any:
    """What a function of x and parameters, or an object with forward, gives."""
    forward = method(code, FORWARD)
    if forward is None or (callable(code) and not hasattr(code, "forward") and not isinstance(code, type)):
        return called(code, problem, "forward")
    set_parameters(code, problem)
    return called(forward, problem, "forward")


def named(found: Any, draw: Draw, form: Form) -> Arrays:
    """The arrays that a forward pass gives, by the reference's names: a prediction, with what it kept if it says so."""
    problem = Problem(draw.steps, draw.given, draw.right, form)
    theirs: Arrays = {}
    if isinstance(found, (tuple, list)) and len(found) == 2 and isinstance(found[1], Mapping):
        theirs, found = named(found[1], draw, form), found[0]
    if isinstance(found, Mapping):
        for key, values in found.items():
            try:
                name = problem.named(str(key).lower().strip("_"))
            except KeyError:
                continue
            if name in {line.name for line in draw.steps.of("forward")} and name != "loss":
                theirs[name] = numbers(str(key), values)
        return theirs
    names = [*draw.steps.outputs[1:], *(["p"] if "p" in draw.right else [])]
    if isinstance(found, (tuple, list)) and not np.isscalar(found[0] if len(found) else 0.0):
        arrays = [numbers("the forward pass", one) for one in found]
        if len(arrays) == len(names):
            return dict(zip(names, arrays, strict=True))
        shape = np.shape(draw.right[problem.out])
        found = next((one for one in reversed(arrays) if one.shape == shape), arrays[-1])
    out = numbers("the forward pass", found)
    logits = draw.steps.outputs[-1]
    close = out.shape == np.shape(draw.right[logits]) and np.allclose(out, draw.right[logits], rtol=1e-9)
    return theirs | {logits if close else problem.out: out}


def stability(learner: Learner, draw: Draw, form: Form, found: Diagnosis) -> Diagnosis:
    """The verdict on a right forward pass, once it has also been tried with logits of hundreds."""
    if not {"total", "top"} <= draw.right.keys() or found.verdict != "correct":
        return found
    large = {
        name: values * LARGE if name in list(draw.steps.parameters)[-2:] else values
        for name, values in draw.given.items()
    }
    hard = Draw(draw.steps, large, run(draw.steps, large))
    problem = Problem(hard.steps, hard.given, hard.right, form)
    with guarded():
        theirs = named(outputs_of(learner.made(problem), problem), hard, form).get("p")
    if theirs is None or np.isfinite(theirs).all():
        return found
    z, axis = draw.steps.outputs[-1], draw.steps.convention.axis("features")
    for name, code in UNSTABLE.items():
        with np.errstate(all="ignore"):
            e = eval(code.format(z="z"), {"np": np, "z": hard.right[z]})
            wrong = eval(f"e / np.sum(e{axis})", {"np": np, "e": e})
        if theirs.shape == wrong.shape and np.allclose(theirs, wrong, rtol=1e-6, equal_nan=True):
            wrong_code, right = learner.names.of(code.format(z=z)), learner.names.of(draw.steps["e"].code)
            formula = Formula(
                "e", "e", "(N, k)", "NaN for large logits", wrong_code, right, latex(wrong_code), latex(right)
            )
            finding = Finding(
                name, f"{int(np.isnan(theirs).sum())} of {theirs.size} are NaN", "in the exponentials of softmax",
                "The exponential of a large number overflows, that of a small one is 0; inf / inf and 0 / 0 are NaN.",
                "subtract each sample's own maximum first; the result is the same", (formula,),
                "a public repository's issue",
            )  # fmt: skip
            return dataclasses.replace(found, verdict="one mistake", findings=((finding,),), before=float("inf"))
    raise Stopped("your forward pass gives NaN or infinity where the logits are in the hundreds, for an unknown reason")
