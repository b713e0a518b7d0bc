"""Going back from layer to layer: what is passed, through which weights."""

from clearprop.insight.derivation.lines import Line
from clearprop.insight.doctor.edits import Edit, Found, each_and_all, instead, refactored, renamed, wrap
from clearprop.insight.doctor.mistakes import Pass, mistake

RATES = ("1.0", "0.1", "0.01")  # in pairs of mistakes; alone, a rate is found by fitting


def _back(p: Pass) -> dict[str, Line]:
    return {dense.dx: p.lines[dense.dx] for dense in p.denses if dense.dx}


@mistake(
    "error passed back instead of delta",
    "What goes back through the weights is delta, with the slope of this layer in it.",
    "multiply by the derivative before going back through the weights",
    "a forum",
)
def _error_back(p: Pass) -> Found:
    before = {line.name: line.factors[0] for line in p.slopes}
    deltas = {dense.dx: dense.delta for dense in p.denses if dense.dx and dense.delta in before}
    lines = [p.lines[name] for name in deltas]
    yield from each_and_all(lines, lambda line: renamed(deltas[line.name], before[deltas[line.name]]))


@mistake(
    "output's error used in every layer",
    "The error of the output is taken for the hidden layer's, without going back through the weights.",
    "multiply delta of the layer behind by its weights, transposed",
    "a forum",
)
def _no_weights(p: Pass) -> Found:
    lines = [line for name, line in _back(p).items() if p.fits(name, p.start.name)]
    yield from each_and_all(lines, lambda line: instead(p.start.name))


@mistake(
    "weights updated before they are used",
    "Delta is passed back through weights that this step has changed already.",
    "compute all gradients first, then update all weights",
    "Bot-Academy#3",
)
def _updated_first(p: Pass) -> Found:
    for rate in RATES:
        yield from _updated(p, rate)


@mistake(
    "weights updated before they are used",
    "Delta is passed back through weights that this step has changed already.",
    "compute all gradients first, then update all weights",
    "Bot-Academy#3",
    number=True,
)
def _updated_first_somehow(p: Pass, number: float) -> Found:
    yield from _updated(p, repr(number))


def _updated(p: Pass, rate: str) -> Found:
    own = {dense.dx: (dense.W, dense.dW) for dense in p.denses}

    def edit(line: Line) -> Edit:
        w, dw = own[line.name]
        return renamed(w, f"({w} - {rate} * {dw})")

    yield from each_and_all(_back(p).values(), edit, f"at rate {float(rate):.6g}")


@mistake(
    "missing transpose",
    "A factor of the matrix product is not transposed, or the result is; where shapes allow it, nothing complains.",
    "dW = x.T @ delta and dx = delta @ W.T with samples as rows; delta @ x.T and W.T @ delta with columns",
    "a forum",
)
def _no_transpose(p: Pass) -> Found:
    for dense in p.denses:
        yield "", {dense.dW: wrap("{}.T")}
        square = len(set(p.steps.shapes[dense.W])) == 1
        if dense.dx and square:
            yield "", {dense.dx: renamed(f"{dense.W}.T", dense.W)}
    if len(p.denses) > 1:
        yield "", {dense.dW: wrap("{}.T") for dense in p.denses}


@mistake(
    "weights of another layer",
    "Delta goes back through the weights by which its layer's input was multiplied; here it is another layer's.",
    "use the weights of the layer behind",
    "a forum",
)
def _other_weights(p: Pass) -> Found:
    for dense in p.denses:
        for other in p.denses:
            if dense.dx and dense is not other and p.steps.shapes[dense.W] == p.steps.shapes[other.W]:
                yield f"{other.W} instead of {dense.W}", {dense.dx: renamed(dense.W, other.W)}


@mistake(
    "gradient from behind ignored",
    "The slope of a layer is multiplied by the gradient that comes from behind it; here that is taken for 1. A test "
    "that hands ones_like(output) to backward does not notice.",
    "multiply by the gradient that comes in; test with a random one",
    "public repositories whose tests pass np.ones to backward",
)
def _ignored(p: Pass) -> Found:
    yield from each_and_all(p.chains, lambda line: refactored(0, f"np.ones_like({line.factors[0]})"))
    out = p.steps.outputs[-1]
    yield "ones instead of the derivative of the loss", {p.start.name: instead(f"np.ones_like({out})")}
    yield "ones / N instead of the derivative of the loss", {p.start.name: instead(f"np.ones_like({out}) / N")}
