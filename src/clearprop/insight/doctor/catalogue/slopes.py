"""The derivative of an activation on the way back: missing, taken elsewhere, or another one's."""

from clearprop.insight.derivation.layer_rules import FUNCTIONS, Function
from clearprop.insight.derivation.lines import Line
from clearprop.insight.doctor.edits import Edit, Found, each_and_all, instead, refactored, renamed, times
from clearprop.insight.doctor.mistakes import Pass, mistake

PLAIN = {kind: rules for kind, rules in FUNCTIONS.items() if isinstance(rules, Function) and not rules.settings}


@mistake(
    "derivative of the activation missing",
    "The chain rule multiplies by the slope of the activation on the way back; here delta passes as it is.",
    "multiply by the activation's derivative, element by element",
    "Stack Overflow 59399842",
)
def _no_slope(p: Pass) -> Found:
    yield from each_and_all(p.slopes, lambda line: instead(line.factors[0]))


@mistake(
    "derivative of the link kept with cross-entropy",
    "Cross-entropy and its link together give p - t: the slope p (1 - p) has cancelled and does not come again.",
    "take delta = (p - t) / N for the output, without a further factor",
    "DeepLearningZeroToAll#20",
)
def _slope_kept(p: Pass) -> Found:
    if p.linked:
        yield "", {p.start.name: times("p * (1 - p)")}


@mistake(
    "derivative of the error",
    "The slope is taken at the error instead of at the activation.",
    "take the activation's derivative at the activation, times the error",
    "datascience.SE 20139",
)
def _slope_of_error(p: Pass) -> Found:
    last = p.slopes[0] if p.slopes else None
    if last is not None and last.layer == len(p.steps.network) - 1:
        y = p.ends(last)[1]
        slope = renamed(y, f"({y} - t)", 1)(last)
        if slope is not None:
            yield "times the error", {last.name: refactored(1, slope.factors[1])}
            yield "alone", {last.name: instead(f"({slope.factors[1]}) / N")}
    if p.linked:
        yield "", {p.start.name: times("(1 - (p - t))")}


@mistake(
    "derivative at the wrong place",
    "The formula of the slope is put at z where it wants the activation a, at a where it wants z, or at f(a).",
    "put in what the formula is written for: a (1 - a) for sigmoid, 1 - a^2 for tanh, both with a = f(z)",
    "DeepLearning.AI forum 31965",
)
def _slope_elsewhere(p: Pass) -> Found:
    def swapped(line: Line) -> Edit | None:
        x, y = p.ends(line)
        return renamed(y, x, 1) if renamed(y, x, 1)(line) else renamed(x, y, 1)

    def twice(line: Line) -> Edit | None:
        x, y = p.ends(line)
        forward = renamed(x, y)(p.lines[y])
        return renamed(y, f"({forward.code})", 1) if forward else None

    yield from each_and_all(p.slopes, swapped)
    yield from each_and_all(p.slopes, twice, "at f(a)")


@mistake(
    "derivative times z",
    "g'(z) is the slope at z; it is not multiplied by z.",
    "leave out the factor z",
    "DeepLearning.AI forum 290850",
)
def _slope_times_z(p: Pass) -> Found:
    yield from each_and_all(p.slopes, lambda line: times(p.ends(line)[0]))


@mistake(
    "derivative of another activation",
    "The slope is that of a function which the forward pass does not use.",
    "use the derivative of the activation in the forward pass",
    "a forum",
)
def _other_slope(p: Pass) -> Found:
    for kind, rules in PLAIN.items():
        if rules.slope == "1":
            continue

        def edit(line: Line, kind: type = kind, rules: Function = rules) -> Edit | None:
            x, y = p.ends(line)
            slope = rules.slope.replace("<x>", x).replace("<y>", y)
            if type(p.steps.network.layers[line.layer or 0]) is kind or slope == line.factors[1]:
                return None
            p.steps.preamble.update(rules.defines)
            return refactored(1, slope)

        yield from each_and_all(p.slopes, edit, f"of {kind.__name__}")


@mistake(
    "derivative at another layer",
    "The slope belongs to the layer through which delta goes back; here it is that of another layer.",
    "take z and a of the same layer as delta",
    "a forum",
)
def _slope_of_other_layer(p: Pass) -> Found:
    for line in p.slopes:
        for other in p.slopes:
            if line is not other and p.fits(line.name, other.name):
                yield f"that of {other.name}", {line.name: refactored(1, other.factors[1])}
