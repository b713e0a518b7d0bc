"""A learner's loss, a function of prediction and target."""

import inspect
from typing import Any

import numpy as np

from clearprop.insight.derivation.steps import Arrays
from clearprop.insight.doctor.adapters import called
from clearprop.insight.doctor.diagnosis import Diagnosis
from clearprop.insight.doctor.learner import Learner, Stopped, guarded
from clearprop.insight.doctor.matching import numbers
from clearprop.insight.doctor.problem import KNOWN, Form, Problem
from clearprop.insight.doctor.search import Draw


def loss_of(code: Any, problem: Problem, per_sample: str | None = None) -> Any:
    """The loss: called with arguments by names, or as loss(prediction, target)."""
    names = [name.lower().strip("_") for name in inspect.signature(code).parameters] if callable(code) else []
    known = [
        KNOWN.get(name) in ("x", "t", "out", "z", "N", "params") or (name[:1] in "wza" and name[1:].isdigit())
        for name in names
    ]
    if len(names) >= 2 and not all(known[:2]):
        return code(problem.value("p" if "p" in problem.values else "out"), problem.value("t"))
    return called(code, problem, "loss")


def named(found: Any, draw: Draw, form: Form) -> Arrays:
    """The loss as a number; what has other shapes is told."""
    value = numbers("the loss", found)
    if value.size != 1:
        raise Stopped(f"your loss has the shape {value.shape}; it should be one number, the mean over the samples")
    return {"loss": value.reshape(())}


def habits(learner: Learner, draw: Draw, form: Form) -> None:
    """Notes on targets of shape (N,) that broadcast against (N, 1), and on the logarithm of 0."""
    problem = Problem(draw.steps, draw.given, draw.right, form)
    t, out = draw.given["t"], draw.right[problem.out]

    def value(t: Any, out: Any) -> float:
        right = draw.right | {"t": t, problem.out: out}
        try:
            with guarded():
                return float(np.mean(loss_of(learner.code, Problem(draw.steps, draw.given | {"t": t}, right, form))))
        except (Stopped, TypeError, ValueError):
            return float("inf")

    if draw.steps.network.outputs == 1:
        flat = value(t.reshape(-1), out)
        if np.isfinite(flat) and not np.isclose(flat, value(t, out)):
            learner.note(
                "targets of shape (N,) against predictions of shape (N, 1) broadcast to (N, N) in your loss without a "
                "word; reshape the targets to (N, 1)"
            )
    if "p" in draw.right and draw.steps.loss.classifies and not np.isfinite(value(t.round(), t.round())):
        learner.note(
            "your loss is not finite where a prediction is exactly 0 or 1: log(0); take the loss of the logits"
        )


def together(found: dict[str, Diagnosis]) -> str:
    """What loss and gradient say of one another, if they do not belong together."""
    other = {part: _other(one) for part, one in found.items()}
    if found["loss"].verdict == "one mistake" and other["loss"]:
        if found["backward"].verdict == "correct":
            return f"your gradient is not that of your loss: the loss is {other['loss']}, the gradient is the model's"
        if other["loss"] == other["backward"]:
            return f"your loss and your gradient belong together, both are {other['loss']}; the model has another loss"
    return ""


def _other(found: Diagnosis) -> str:
    names = {
        finding.detail.removeprefix("of ").split()[0]
        for one in found.findings
        for finding in one
        if "another loss" in finding.name
    }
    return names.pop() if len(names) == 1 else ""
