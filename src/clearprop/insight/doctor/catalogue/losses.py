"""The loss itself, as a learner computes it; its gradient stands in outputs.py."""

from clearprop.insight.derivation.lines import Line
from clearprop.insight.doctor.edits import Found, instead, renamed, times, without, wrap
from clearprop.insight.doctor.mistakes import Pass, mistake, steps_with, whole
from clearprop.layers.losses import Huber, Loss, MeanAbsoluteError, MeanSquaredError, SquaredError


@mistake(
    "loss summed over the batch",
    "The loss is the mean over the samples; a sum grows with the batch.",
    "divide by the number of samples",
    "DeepLearningZeroToAll#20",
)
def _summed(p: Pass) -> Found:
    yield "", {"loss": without("/ N")}


@mistake(
    "loss averaged wrongly",
    "The loss is divided by another number than the one that its gradient is divided by.",
    "divide by N; for the mean errors, MeanSquaredError and its like, by the number of outputs too",
    "a forum, 'can I blame float precision?'",
)
def _averaged(p: Pass) -> Found:
    k = p.steps.network.outputs
    if k > 1:
        divided = f"/ {k}" in p.lines["loss"].factors
        yield (
            "not over the outputs" if divided else "over the outputs too",
            {"loss": without(f"/ {k}") if divided else times(f"(1 / {k})")},
        )


@mistake(
    "factor of 2 in the loss",
    "The loss is twice or half of what its gradient belongs to.",
    "with 1/2 (z - t)^2 the gradient is z - t, with (z - t)^2 it is 2 (z - t)",
    "a forum",
)
def _half(p: Pass) -> Found:
    yield "twice", {"loss": wrap("2 * {}")}
    yield "half", {"loss": wrap("0.5 * {}")}


@mistake(
    "sign of the loss",
    "The loss is turned upside down: a step that makes it smaller makes the network worse.",
    "put a minus before the sum of the logarithms",
    "datascience.SE 55372",
)
def _sign(p: Pass) -> Found:
    yield "", {"loss": wrap("-{}")}


@mistake(
    "another loss",
    "The learner's loss is not the model's, whose gradient the backward pass computes.",
    "use the model's loss, or give the doctor a model with yours",
    "a forum",
)
def _other(p: Pass) -> Found:
    others: list[Loss] = [SquaredError(), MeanSquaredError(), MeanAbsoluteError(), Huber()]
    z = p.steps.outputs[-1]
    for other in others:
        if type(other) is not type(p.steps.loss):
            steps = steps_with(p.steps.network, other, p.steps.convention.name, p.steps.weighted)
            code = whole(steps, steps["loss"])
            at = renamed(z, "p" if p.linked else z)(Line("loss", "each", (code,), (), steps.convention, "forward", ""))
            yield type(other).__name__, {"loss": instead(at.code if at else code)}
    if p.softmax:
        yield "SigmoidCrossEntropy", {"loss": instead("-np.sum(t * np.log(p) + (1 - t) * np.log(1 - p)) / N")}
    elif p.linked and "np.exp(-" in p.lines["p"].code:
        yield "only t log p", {"loss": instead("-np.sum(t * np.log(p)) / N")}


@mistake(
    "prediction and target exchanged",
    "The logarithm belongs to the prediction, the target stands before it.",
    "-(t * np.log(p)).sum() / N",
    "a forum",
)
def _exchanged(p: Pass) -> Found:
    if p.softmax:
        yield "", {"loss": instead("-np.sum(p * np.log(np.maximum(t, 1e-12))) / N")}


@mistake(
    "root of the loss",
    "The root has a gradient of its own, which the backward pass does not have.",
    "leave the root out; it is for reporting",
    "a forum",
)
def _root(p: Pass) -> Found:
    yield "", {"loss": wrap("np.sqrt({})")}


@mistake(
    "another logarithm",
    "The derivative of log2 and log10 has a factor that the backward pass does not have.",
    "use the natural logarithm, np.log",
    "a forum",
)
def _logarithm(p: Pass) -> Found:
    if p.linked:
        yield "log2", {"loss": wrap("{} / np.log(2)")}
        yield "log10", {"loss": wrap("{} / np.log(10)")}
