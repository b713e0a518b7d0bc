"""From the draws and the search to the verdict."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.insight.derivation.lines import Line
from clearprop.insight.derivation.show import shapes_text
from clearprop.insight.derivation.steps import run
from clearprop.insight.doctor.deviations import deviation, suspects
from clearprop.insight.doctor.diagnosis import Diagnosis, Finding, Formula
from clearprop.insight.doctor.latex import latex
from clearprop.insight.doctor.learner import Learner
from clearprop.insight.doctor.mistakes import Variant
from clearprop.insight.doctor.search import FAR, TOLERANCE, Draw, Hypothesis, Search, distinct
from clearprop.insight.doctor.source import shown

SINGLE = 1e-4  # tolerance for numbers in float32
FULL = 12  # places that are named one by one


def verdict(
    draws: Sequence[Draw], learner: Learner, part: str = "backward", known: Sequence[Hypothesis] = ()
) -> Diagnosis:
    """The diagnosis of what the learner's code gave in these draws; among the `known` hypotheses, if there are some."""
    single = any(values.dtype == np.float32 for draw in draws for values in draw.theirs.values())
    if single:
        learner.note(f"your numbers are in float32, so they are compared to {SINGLE:g} only; float64 tells more")
    search = Search(draws, SINGLE if single else TOLERANCE, part)
    errors = [search.error(draw, draw.right, name) for draw in draws for name in search.names]
    found = Diagnosis(
        "correct", part=part, agreement=max(errors), before=max(errors), draws=len(draws), right=tuple(search.right),
        notes=tuple(learner.notes), layout=draws[0].steps.convention.name,
    )  # fmt: skip
    if len(search.right) == len(search.names):
        return found
    slopes = _slopes(draws[0], search) if part == "backward" else None
    hypotheses = _hypotheses(search, known, learner) if found.before >= FAR * search.tolerance else []
    wrong = [name for name in search.names if name not in search.right]
    found = replace(found, slopes=slopes, deviations=tuple(deviation(name, draws[0]) for name in wrong))
    if not hypotheses:
        lines = [search.reference.lines[name].text for name in suspects(search, wrong[0])]
        return replace(
            found, verdict="unknown",
            suspects=tuple(learner.names.of(line) for line in lines), agreement=math.inf,
        )  # fmt: skip
    kind = ("one mistake", "two mistakes")[len(hypotheses[0]) - 1] if len(hypotheses) == 1 else "several hypotheses"
    findings = tuple(tuple(_finding(one, search, learner) for one in hypothesis) for hypothesis in hypotheses)
    agreement = max(search.agreement(hypothesis) for hypothesis in hypotheses)
    return replace(found, verdict=kind, findings=findings, agreement=agreement, hypotheses=tuple(hypotheses))


def uncleared(found: Diagnosis, adding: float) -> Diagnosis:
    """The diagnosis of code whose gradients add up from call to call: one mistake more."""
    finding = Finding(
        "gradients not cleared", "each call adds to those before", "in the accumulators of all gradients",
        "The gradients of the batch before are still in the accumulators, so they come out as a sum.",
        "set all gradients to zero before each backward pass", source="micrograd#53",
    )  # fmt: skip
    if found.verdict == "correct":
        return replace(found, verdict="one mistake", findings=((finding,),), agreement=adding, before=1.0, right=())
    if found.verdict == "one mistake":
        return replace(found, verdict="two mistakes", findings=((finding, *found.findings[0]),))
    return replace(found, notes=(*found.notes, f"gradients not cleared: {finding.detail}; {finding.mend}"))


def _hypotheses(search: Search, known: Sequence[Hypothesis], learner: Learner) -> list[Hypothesis]:
    """What explains everything, the simplest first, and what the source shows of that."""
    still = [one for one in known if all(map(search.prepared, one)) and search.explains(one)]
    if still:
        return still
    found = distinct(search.singles()) or distinct(search.fitted()) or distinct(search.pairs())
    return shown(found, search, learner)


def _finding(variant: Variant, search: Search, learner: Learner) -> Finding:
    formulas = []
    outcome = search.outcome(search.draws[0], (variant,))
    for name in sorted(variant.edits, key=search.place.__getitem__):
        right = search.reference.lines[name]
        wrong = variant.edits[name](right)
        if wrong is not None:
            gives = _gives(name, search, outcome)
            formulas.append(_formula(right, wrong, search, learner, gives))
    entry = variant.mistake
    place = place_of(list(variant.edits), search, learner)
    says, mend = learner.names.told(entry.says), learner.names.told(entry.mend)
    return Finding(entry.name, variant.detail, place, says, mend, tuple(formulas), entry.source)


def _gives(name: str, search: Search, outcome: dict[str, Any] | None) -> str:
    """The shape of what the wrong line gave, where that is another one."""
    if outcome is None or np.shape(outcome[name]) == np.shape(search.draws[0].right[name]):
        return ""
    return f"gives {np.shape(outcome[name])}"


def _formula(right: Line, wrong: Line, search: Search, learner: Learner, gives: str) -> Formula:
    names, samples = learner.names, right.convention.samples
    return Formula(
        right.name,
        names.own.get(right.name, right.name),
        shapes_text(right, search.reference.steps.shapes),
        gives,
        names.of(wrong.code),
        names.of(right.code),
        latex(wrong.code, samples),
        latex(right.code, samples),
        names.lines.get(right.name),
    )


def place_of(names: Sequence[str], search: Search, learner: Learner) -> str:
    """Where lines stand, in words.

    in dW2 (layer 3 of 3); in dW1, dW2 and dW3; in delta2 (the derivative of the loss)
    """
    ordered = [learner.names.own.get(name, name) for name in sorted(names, key=search.place.__getitem__)]
    if len(ordered) > FULL:
        return f"in {ordered[0]}, {ordered[1]}, ... and {len(ordered) - 2} more"
    listed = " and ".join(", ".join(ordered).rsplit(", ", 1))
    layers = {search.reference.lines[name].layer for name in names}
    if len(layers) > 1:
        return f"in {listed}"
    (layer,) = layers
    if layer is not None:
        return f"in {listed} (layer {layer + 1} of {len(search.reference.steps.network)})"
    first = search.reference.lines[next(iter(names))]
    return f"in {listed} ({'the derivative of the loss' if first.part == 'backward' else 'the loss and its link'})"


def _slopes(draw: Draw, search: Search) -> tuple[float, float]:
    """How far central differences of the loss are from the learner's gradients and from the right ones."""
    forward, step = draw.steps.of("forward"), 1e-5
    rng = np.random.default_rng(0)
    worst = [0.0, 0.0]
    for name in search.wrong[id(draw)]:
        weights = draw.given[name[1:]]
        direction = rng.normal(size=weights.shape)
        losses = [
            float(run(draw.steps, draw.given | {name[1:]: weights + h * direction}, forward)["loss"])
            for h in (step, -step)
        ]
        slope = (losses[0] - losses[1]) / (2 * step)
        for i, gradient in enumerate((draw.theirs[name], np.asarray(draw.right[name]))):
            value = float((gradient * direction).sum()) if gradient.shape == weights.shape else math.inf
            size = max(abs(value), abs(slope), 1e-8)
            worst[i] = max(worst[i], abs(value - slope) / size if math.isfinite(value) else math.inf)
    return worst[0], worst[1]
