"""The forward pass, which the backward pass then starts from."""

from clearprop.insight.derivation.layer_rules import Function
from clearprop.insight.derivation.lines import Line
from clearprop.insight.doctor.catalogue.slopes import PLAIN
from clearprop.insight.doctor.edits import Edit, Found, each_and_all, instead, refactored, renamed, unbiased
from clearprop.insight.doctor.mistakes import Pass, mistake


@mistake(
    "no bias in the forward pass",
    "The bias is not added, so what the backward pass starts from is another network's output.",
    "z = x @ W + b",
    "a forum",
)
def _no_bias(p: Pass) -> Found:
    yield from each_and_all([p.lines[dense.z] for dense in p.denses], lambda line: unbiased)


@mistake(
    "no activation in the forward pass",
    "A layer's activation is left out on the way forward.",
    "apply the activation to z",
    "a forum",
)
def _no_activation(p: Pass) -> Found:
    yield from each_and_all(p.activations, lambda line: instead(line.inputs[0]))


@mistake(
    "activation before the weighted sum",
    "The activation is applied to the layer's input instead of to its weighted sum.",
    "first z = x @ W + b, then a = f(z)",
    "a forum",
)
def _order(p: Pass) -> Found:
    for dense in p.denses:
        line = next((line for line in p.activations if line.inputs == (dense.z,)), None)
        if line is not None:
            moved = renamed(dense.z, dense.x)(line)
            if moved is not None:
                yield "", {dense.z: renamed(dense.x, f"({moved.code})"), line.name: instead(dense.z)}


def _other(p: Pass, kind: type, rules: Function, line: Line) -> Edit | None:
    if line.layer is None or type(p.steps.network.layers[line.layer]) is kind:
        return None
    p.steps.preamble.update(rules.defines)
    return instead(rules.function.replace("<x>", line.inputs[0]))


@mistake(
    "another activation in the forward pass",
    "The forward pass uses another function than the backward pass derives.",
    "use one and the same activation in both directions",
    "a forum",
)
def _other_activation(p: Pass) -> Found:
    for kind, rules in PLAIN.items():
        if rules.slope != "1":
            yield from each_and_all(
                p.activations, lambda line, kind=kind, rules=rules: _other(p, kind, rules, line), kind.__name__  # type: ignore[misc]
            )  # fmt: skip


@mistake(
    "another activation than the model's",
    "Forward and backward pass agree with one another, but this layer of the model has another activation.",
    "use the model's activation, or give the doctor a model with yours",
    "a forum",
)
def _both_ways(p: Pass) -> Found:
    slopes = {line.layer: line for line in p.slopes}
    for line in p.activations:
        back = slopes.get(line.layer)
        for kind, rules in PLAIN.items():
            forward = _other(p, kind, rules, line)
            if back is not None and forward is not None:
                x, y = p.ends(back)
                slope = rules.slope.replace("<x>", x).replace("<y>", y)
                yield kind.__name__, {line.name: forward, back.name: refactored(1, slope)}
