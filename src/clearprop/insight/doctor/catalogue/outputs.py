"""Where the backward pass begins: softmax, the loss and the targets."""

import re

from clearprop.insight.derivation.lines import Line
from clearprop.insight.doctor.edits import Edit, Found, instead, instead_of, over, renamed, times, wrap
from clearprop.insight.doctor.mistakes import Pass, mistake, steps_with, whole
from clearprop.layers.losses import Huber, Loss, MeanAbsoluteError, MeanSquaredError, SquaredError

SHARED = re.compile(r"(.*?)((?: [*/] \w+)*)")  # a product, and the names and numbers that it ends with


@mistake(
    "softmax over the batch",
    "The exponentials are divided by their sum over the samples instead of over the classes of each sample.",
    "sum over the axis of the classes, and keep that axis",
    "Stack Overflow 76473561",
)
def _softmax_axis(p: Pass) -> Found:
    if p.softmax:
        yield "", {"total": over("samples")}
        yield "its maximum too", {"total": over("samples"), "top": over("samples")}
        yield "over everything", {"total": over("all")}


@mistake(
    "link applied twice",
    "Softmax or sigmoid of something that is a probability already: everything comes out nearly alike.",
    "apply it once; give the loss what it wants, logits or probabilities",
    "keras#6636",
)
def _link_twice(p: Pass) -> Found:
    if p.softmax:
        yield "", {"p": instead(f"np.exp(e / total) / np.sum(np.exp(e / total){p.features})")}
    elif p.linked:
        yield "", {"p": _twice(p.steps.outputs[-1])}


def _twice(x: str) -> Edit:
    return lambda line: renamed(x, f"({line.code})")(line)


@mistake(
    "link missing",
    "What the network puts out is taken for the prediction as it is; the loss wants it through its link.",
    "apply softmax or sigmoid to the output before comparing it with the target",
    "fast.ai forum 1441",
)
def _no_link(p: Pass) -> Found:
    if p.linked:
        yield "", {"p": instead(p.steps.outputs[-1])}


@mistake(
    "another link",
    "The prediction is made by another link than the loss wants.",
    "softmax for one class of many, sigmoid for labels that hold independently",
    "a forum",
)
def _other_link(p: Pass) -> Found:
    z = p.steps.outputs[-1]
    if p.linked and not (p.lines["p"].code.startswith("1 / (1 + np.exp(-")):
        yield "sigmoid", {"p": instead(f"1 / (1 + np.exp(-{z}))")}
    if p.linked and not p.softmax and p.steps.network.outputs > 1:
        yield "softmax", {"p": instead(f"np.exp({z}) / np.sum(np.exp({z}){p.features})")}


@mistake(
    "softmax derivative elementwise",
    "Softmax is not elementwise: its Jacobian diag(p) - p p^T has more than a diagonal.",
    "with cross-entropy take delta = (p - t) / N, in which the Jacobian is contained",
    "ai.SE 27010",
)
def _diagonal(p: Pass) -> Found:
    if p.softmax:
        yield "its diagonal only", {p.start.name: instead("-t * (1 - p) / N")}
        yield "a scalar for each sample", {p.start.name: times(f"np.sum(p * (1 - p){p.features})")}


@mistake(
    "Jacobian of the link missing",
    "The backward pass begins with the derivative by p, not yet by what the network puts out.",
    "go back through the link: with cross-entropy both together are (p - t) / N",
    "ai.SE 27010",
)
def _no_jacobian(p: Pass) -> Found:
    if p.softmax:
        yield "", {p.start.name: instead("-t / p / N")}
    elif p.linked and "np.exp(-" in p.lines["p"].code:
        yield "", {p.start.name: instead("(p - t) / (p * (1 - p)) / N")}


@mistake(
    "(N,) against (N, 1)",
    "Prediction and target have other shapes, and their difference broadcasts to (N, N) without a word.",
    "reshape the targets to the shape of the predictions",
    "discuss.pytorch 148155",
)
def _broadcast(p: Pass) -> Found:
    if p.steps.network.outputs == 1:
        crossed = renamed("t", "t.T")
        averaged = f"np.mean({{}}, axis={1 - p.steps.convention.samples}, keepdims=True)"

        def mean(line: Line) -> Line | None:
            made = crossed(line)
            return wrap(averaged.replace("{}", made.code))(line) if made else None

        yield "as it is", {p.start.name: crossed}
        yield "averaged", {p.start.name: mean}


@mistake(
    "weights of the samples ignored",
    "Samples of this batch count by weights, and the gradient is a weighted mean.",
    "multiply each sample's delta by its weight over the sum of the weights, instead of dividing by N",
    "a forum",
)
def _unweighted(p: Pass) -> Found:
    yield "", {p.start.name: instead_of("s", "/ N")}


@mistake(
    "labels off by one",
    "The one-hot rows are shifted by a class, as where labels count from 1.",
    "let labels begin at 0 before they become one-hot rows",
    "DeepLearningZeroToAll#20",
)
def _shifted(p: Pass) -> Found:
    if p.steps.network.outputs > 1:
        axis = 1 - p.steps.convention.samples
        for step in (1, -1):
            yield f"by {step:+d}", {p.start.name: renamed("t", f"np.roll(t, {step}, axis={axis})")}


@mistake(
    "class numbers instead of one-hot rows",
    "The target is the number of the class, which broadcasts against the row of probabilities.",
    "turn labels into one-hot rows: cp.one_hot(labels, classes)",
    "Stack Overflow 76473561",
)
def _not_one_hot(p: Pass) -> Found:
    if p.softmax:
        axis = 1 - p.steps.convention.samples
        yield "", {p.start.name: renamed("t", f"np.argmax(t, axis={axis}, keepdims=True)")}


@mistake(
    "gradient of another loss",
    "The backward pass begins with the derivative of a loss that the forward pass does not compute.",
    "let the derivative and the loss be of one formula",
    "a forum",
)
def _other_loss(p: Pass) -> Found:
    others: list[Loss] = [SquaredError(), MeanSquaredError(), MeanAbsoluteError(), Huber()]
    for other in others:
        if type(other) is type(p.steps.loss):
            continue
        steps = steps_with(p.steps.network, other, p.steps.convention.name, p.steps.weighted)
        start = steps.of("backward")[0]
        code = whole(steps, start)
        yield f"of {type(other).__name__}", {p.start.name: instead(code)}
        if p.linked:
            z = p.steps.outputs[-1]
            at_p = renamed(z, "p")(Line("d", "each", (code,), (), start.convention, "backward", ""))
            if at_p is not None:
                yield f"of {type(other).__name__} at p", {p.start.name: instead(at_p.code)}
                if p.softmax:
                    yield f"of {type(other).__name__} through softmax", {p.start.name: instead(_jacobian(p, at_p.code))}
                elif "np.exp(-" in p.lines["p"].code:
                    yield (
                        f"of {type(other).__name__} through the link",
                        {p.start.name: instead(f"({at_p.code}) * p * (1 - p)")},
                    )


def _jacobian(p: Pass, code: str) -> str:
    """The derivative by p, taken back through softmax; factors of whole samples stay outside."""
    inner, share = SHARED.fullmatch(code).groups()  # type: ignore[union-attr]
    bare = inner[1:-1] if re.fullmatch(r"\([^()]*\)", inner) else inner
    return f"p * ({bare} - np.sum(p * {inner}{p.features})){share}"
