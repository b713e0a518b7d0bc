"""Dropout and normalization."""

from clearprop.insight.derivation.lines import Line
from clearprop.insight.doctor.edits import Found, each_and_all, instead, refactored, renamed, without, wrap
from clearprop.insight.doctor.mistakes import Pass, mistake


@mistake(
    "dropout mask missing in the backward pass",
    "What was dropped in the forward pass has no part in the loss and gets no gradient.",
    "multiply by the mask of the forward pass",
    "numpy-ml#94",
)
def _no_mask(p: Pass) -> Found:
    lines = [line for line in p.chains if line.rule == "given"]
    yield from each_and_all(lines, lambda line: instead(line.factors[0]))
    yield from each_and_all(lines, lambda line: refactored(1, f"({line.factors[1]} > 0)"), "not scaled")
    yield from each_and_all(
        lines, lambda line: instead(f"{line.factors[0]} / {1 - _rate(p, line)!r}"), "scaled all the same"
    )


def _rate(p: Pass, line: Line) -> float:
    return float(getattr(p.steps.network.layers[line.layer or 0], "rate", 0.0))


@mistake(
    "dropout scaled once more, or not",
    "The mask holds 1 / (1 - rate) already, in both directions.",
    "scale in one place, where the mask is made",
    "a public repository's issue",
)
def _mask_scale(p: Pass) -> Found:
    lines = [line for line in p.chains if line.rule == "given"]
    yield from each_and_all(lines, lambda line: wrap(f"{{}} / {1 - _rate(p, line)!r}"), "once more")
    forward = {p.ends(line)[1]: f"({line.factors[1]} > 0)" for line in lines}
    for y, mask in forward.items():
        yield "not in the forward pass", {y: refactored(1, mask)}


@mistake(
    "mean and deviation taken as constants",
    "Each sample acts on the others through mean and deviation, and these parts are left out.",
    "subtract the mean of the gradient, and its part along the normalized values",
    "a forum",
)
def _constants(p: Pass) -> Found:
    for line in p.steps.of("backward"):
        if line.rule == "statistics":
            dhat, c, hat, e = line.inputs[:4]
            yield "both", {line.name: refactored(0, dhat)}
            yield "the deviation", {line.name: refactored(0, f"({dhat} - {c})")}
            yield "the mean", {line.name: refactored(0, f"({dhat} - {hat} * {e})")}


@mistake(
    "a factor of the normalization missing",
    "The chain rule goes back through each factor: through gamma, and through the division by the deviation.",
    "multiply by gamma, divide by the deviation, and take gamma's gradient with the normalized values",
    "a forum",
)
def _norm_factors(p: Pass) -> Found:
    for line in p.steps.of("backward"):
        if line.rule == "statistics":
            dhat, *_, dev = line.inputs
            yield f"not divided by {dev}", {line.name: without(f"/ {dev}")}
            yield "gamma missing", {dhat: lambda one: instead(one.factors[0])(one)}
    for line in p.scales:
        if len(line.factors) == 2:
            x = p.ends(line)[0]
            yield f"{line.factors[1]} missing", {line.name: without(line.factors[1])}
            yield f"{x} instead of {line.factors[1]}", {line.name: renamed(line.factors[1], x)}
