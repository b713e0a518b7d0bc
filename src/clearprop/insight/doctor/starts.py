"""What a run starts from: parameters that are zero or of the wrong size, inputs that are not scaled, dead units."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.insight.derivation.lines import Line
from clearprop.insight.derivation.record import Record
from clearprop.insight.derivation.steps import Arrays, run
from clearprop.insight.doctor.diagnosis import Diagnosis, Finding, Formula
from clearprop.insight.doctor.matching import matched, squeezed
from clearprop.layers.activations import ReLU

SCALE = (0.1, 3.0)  # of the weights, as a multiple of 1 / sqrt(inputs)
LARGE = 20.0  # an input, in deviations of what a network likes
ENOUGH = 10  # samples, to call classes in order no accident
IN_ORDER = "the samples come class by class: shuffle them before each epoch, or the loss jumps from class to class"
DEAD = 0.5  # share of units that are 0 for every sample


def diagnose_start(found: Record, parameters: Any) -> Diagnosis:
    """The parameters (the model's, or the learner's) and the inputs of a batch."""
    given = dict(found.given)
    if parameters is not None:
        for name, values in matched(parameters, found.steps).items():
            right = given[name[1:]]
            same = squeezed(values.shape) == squeezed(right.shape) and values.size == right.size
            given[name[1:]] = values.reshape(right.shape) if same else values
    findings = [*_inputs(given["x"]), *_weights(found, given)]
    if not findings:
        findings = list(_dead(found, given))
    names = tuple(name for name in found.steps.parameters if not any(name in finding.place for finding in findings))
    order = (IN_ORDER,) if _in_order(found) else ()
    if not findings:
        return Diagnosis("correct", part="start", right=names, notes=order)
    notes = order + tuple(f"{finding.title}, {finding.place}: {finding.mend}" for finding in findings[2:])
    verdict = "one mistake" if len(findings) == 1 else "two mistakes"
    return Diagnosis(
        verdict, (tuple(findings[:2]),), "start", right=names, notes=notes, layout=found.steps.convention.name
    )


def _in_order(found: Record) -> bool:
    """Whether the samples of a batch come class by class."""
    t = found.steps.as_rows(found.given["t"])
    if not found.model.loss.classifies or len(t) < ENOUGH:
        return False
    classes = t.argmax(axis=1) if t.shape[1] > 1 else t.ravel()
    return bool(classes.min() != classes.max() and (np.diff(classes) >= 0).all())


def _inputs(x: NDArray[Any]) -> Iterator[Finding]:
    largest = float(np.abs(x).max(initial=0))
    if largest > LARGE:
        formula = Formula("x", "x", "", f"up to {largest:.4g}", "x", "(x - x.mean(axis=0)) / x.std(axis=0)", None, None)
        yield Finding(
            "inputs not scaled", f"up to {largest:.4g}", "in x",
            "Large inputs saturate the activations or make the loss overflow.",
            "divide bytes by 255, or subtract the mean and divide by the deviation", (formula,), "stats.SE 490374",
        )  # fmt: skip


def _weights(found: Record, given: Arrays) -> Iterator[Finding]:
    for line in found.steps.of("forward"):
        if line.rule != "affine":
            continue
        name = next(factor for factor in line.factors if factor in found.steps.parameters)
        W = found.steps.as_rows(given[name])
        size = float(W.std()) * np.sqrt(W.shape[0])
        place = f"in {name} ({found.model.network.place(line.layer or 0)})"
        scaled = f"rng.normal(size={given[name].shape}) * np.sqrt(2 / {W.shape[0]})"
        if not W.any():
            yield _start("zero initialization", "", place, "np.zeros", scaled, name,
                         "All units of the layer compute the same and stay alike, and no gradient gets back.",
                         "DeepLearning.AI forum 121049")  # fmt: skip
        elif W.shape[1] > 1 and np.ptp(W, axis=1).max() == 0:
            yield _start("identical units", "", place, "the same for each unit", scaled, name,
                         "Units that start alike get the same gradient and stay alike.",
                         "DeepLearning.AI forum 121049")  # fmt: skip
        elif W.shape[0] >= 10 and not SCALE[0] < size < SCALE[1]:
            says = "saturate" if size >= SCALE[1] else "fade from layer to layer"
            detail = f"deviation {W.std():.3g}, wanted about {1 / np.sqrt(W.shape[0]):.2g}"
            yield _start("unscaled initialization", detail, place,
                         f"{W.std():.3g} * rng.normal(size={given[name].shape})", scaled, name,
                         f"A sum of {W.shape[0]} terms has {size:.3g} times their deviation: the activations {says}.",
                         "a forum")  # fmt: skip


def _start(name: str, detail: str, place: str, wrong: str, right: str, array: str, says: str, source: str) -> Finding:
    return Finding(
        name, detail, place, says, "draw at random, scaled by the number of inputs: cp.HeNormal(), cp.GlorotUniform()",
        (Formula(array, array, "", "", wrong, right, None, None),), source,
    )  # fmt: skip


def _dead(found: Record, given: Arrays) -> Iterator[Finding]:
    """Layers of ReLU in which most units are 0 for every sample of the batch."""
    values = run(found.steps, given, found.steps.of("forward"))
    for line in found.steps.of("forward"):
        if line.layer is not None and isinstance(found.model.network.layers[line.layer], ReLU):
            a = found.steps.as_rows(values[line.name])
            share = float((~a.any(axis=0)).mean())
            if share > DEAD:
                yield _dead_finding(line, share, found)


def _dead_finding(line: Line, share: float, found: Record) -> Finding:
    place = f"in {line.name} ({found.model.network.place(line.layer or 0)})"
    return Finding(
        "dead ReLU", f"{share:.0%} of the units are 0 for all samples", place,
        "Where z is below 0 for every sample there is no gradient, and the unit never learns.",
        "use a smaller learning rate, biases that are not negative, cp.HeNormal() or cp.LeakyReLU()", (),
        "stats.SE 450100",
    )  # fmt: skip
