"""The gradients of weights and biases, once delta is there."""

from collections.abc import Callable

from clearprop.insight.doctor.edits import Found, each_and_all, instead, over, renamed, times, wrap
from clearprop.insight.doctor.mistakes import DenseSteps, Pass, mistake


def _built_from(p: Pass, wanted: Callable[[DenseSteps, str], bool]) -> Found:
    """The weights' gradient from other arrays of the batch, those that `wanted` takes."""
    for dense in p.denses:
        for name in (*p.steps.outputs, *(["p"] if p.linked else [])):
            if name != dense.x and wanted(dense, name):
                yield f"{name} instead of {dense.x}", {dense.dW: renamed(dense.x, name)}


def _before(p: Pass, x: str) -> str | None:
    """The array from which the activation made `x`."""
    i = p.steps.outputs.index(x)
    return p.steps.outputs[i - 1] if i else None


@mistake(
    "dW from z instead of a",
    "The gradient of the weights takes what the layer got: the activation a of the layer before, not its z.",
    "take the activation that the forward pass multiplied by W",
    "Stack Overflow 22054877",
)
def _from_z(p: Pass) -> Found:
    yield from _built_from(p, lambda dense, other: other == _before(p, dense.x))


@mistake(
    "dW from the layer's own output",
    "The gradient of the weights takes the layer's input; here it takes what comes out of it.",
    "take the layer's input",
    "Stack Overflow 22054877",
)
def _from_output(p: Pass) -> Found:
    yield from _built_from(p, lambda dense, other: other in p.outputs_of(dense))


@mistake(
    "dW from the wrong activations",
    "The array that the layer got in the forward pass was overwritten, or another one is taken.",
    "keep every layer's input under a name of its own",
    "notebooks",
)
def _from_elsewhere(p: Pass) -> Found:
    yield from _built_from(
        p, lambda dense, other: other != "p" and other not in p.outputs_of(dense) and other != _before(p, dense.x)
    )


@mistake(
    "gradient from the error before the derivative",
    "The gradients of W and b take delta, which has the slope of this layer's activation in it.",
    "multiply by the derivative first, then build dW and db",
    "a forum",
)
def _from_error(p: Pass) -> Found:
    before = {line.name: line.factors[0] for line in p.slopes}
    for dense in p.denses:
        if dense.delta in before:
            edit = renamed(dense.delta, before[dense.delta])
            names = [name for name in (dense.dW, dense.db) if name]
            for some in (names, *([one] for one in names if len(names) > 1)):
                yield f"{before[dense.delta]} instead of {dense.delta}", dict.fromkeys(some, edit)


@mistake(
    "delta of another layer",
    "Each layer's gradients take the delta of that layer.",
    "take delta of the same layer",
    "a forum",
)
def _other_delta(p: Pass) -> Found:
    for dense in p.denses:
        for other in p.denses:
            if other.number > dense.number and p.steps.shapes[dense.delta] == p.steps.shapes[other.delta]:
                for name in (dense.dW, dense.db):
                    if name:
                        yield f"{other.delta} instead of {dense.delta}", {name: renamed(dense.delta, other.delta)}


@mistake(
    "elementwise product",
    "The gradient of the weights is a matrix product, the sum of outer products over the samples; * is not @.",
    "dW = x.T @ delta with samples as rows, delta @ x.T with columns; np.outer for a single sample",
    "DeepLearning.AI forum 152009",
)
def _elementwise(p: Pass) -> Found:
    axis = p.steps.convention.samples
    for dense in p.denses:
        product = f"{dense.x} * {dense.delta}"
        if p.fits(dense.x, dense.delta):
            yield "", {dense.dW: instead(product)}
        if p.steps.shapes[dense.x] == p.steps.shapes[dense.delta] and 1 not in p.steps.shapes[dense.x]:
            for kept in "", ", keepdims=True":  # one sample after the other, as a vector, a row or a column
                yield "", {dense.dW: instead(f"np.sum({product}, axis={axis}{kept})")}


@mistake(
    "bias gradient not summed over the batch",
    "The same bias serves every sample, so its gradient is the sum of delta over the samples.",
    "sum delta over the samples",
    "datascience.SE 20139",
)
def _db_whole(p: Pass) -> Found:
    for lines in p.biases, p.scales:
        yield from each_and_all(lines, lambda line: instead(line.inner))


@mistake(
    "bias gradient summed over the wrong axis",
    "Delta is summed over the outputs, or over everything, instead of over the samples.",
    "sum over the axis of the samples",
    "a forum",
)
def _db_axis(p: Pass) -> Found:
    flat = 1 - p.steps.convention.samples
    for lines in p.biases, p.scales:
        yield from each_and_all(lines, lambda line: over("features"), "over the outputs")
        yield from each_and_all(lines, lambda line: over("all"), "over everything")
        yield from each_and_all(
            lines, lambda line: instead(f"np.sum({line.inner}, axis={flat})"), "over the outputs, flat"
        )


@mistake(
    "bias gradient times something",
    "dz/db is 1, so delta is summed as it is; it is not multiplied by the bias or by an activation.",
    "sum delta over the samples, without a factor",
    "a forum",
)
def _db_times(p: Pass) -> Found:
    for dense in p.denses:
        if dense.db:
            yield f"times {dense.b}", {dense.db: wrap(f"{{}} * {dense.b}")}
            for name in dict.fromkeys(p.outputs_of(dense)):
                if p.fits(name, dense.delta):
                    yield f"delta times {name}", {dense.db: times(name)}
