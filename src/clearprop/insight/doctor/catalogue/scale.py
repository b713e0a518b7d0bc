"""Gradients with the right direction and the wrong size: divisors, signs, accumulators, penalties."""

from clearprop.insight.doctor.edits import Found, each_and_all, instead_of, times, without, wrap
from clearprop.insight.doctor.mistakes import Pass, mistake


@mistake(
    "no 1/N",
    "The loss is a mean over the samples, so its gradient has the factor 1/N; without it steps grow with the batch.",
    "divide by the number of samples, once: in delta of the output, as the formulas here do (* N stands for a division "
    "that is missing), or in each dW and db",
    "DeepLearningZeroToAll#20",
)
def _no_mean(p: Pass) -> Found:
    yield "", {p.start.name: without("/ N")}
    for lines in p.groups:
        yield from each_and_all(lines, lambda line: wrap("{} * N"))


@mistake(
    "1/N twice",
    "Delta holds 1/N already; dividing by N again makes the gradient smaller by another factor N.",
    "divide by the number of samples once",
    "DeepLearning.AI forum 63071",
)
def _mean_again(p: Pass) -> Found:
    divide = wrap("{} / N")
    yield "", {line.name: divide for lines in p.groups for line in lines}
    for lines in (*p.groups, p.chains):
        yield from each_and_all(lines, lambda line: divide)
    for dense in p.denses[:-1]:
        if dense.db:
            yield "", dict.fromkeys([dense.dW, dense.db], divide)


@mistake(
    "wrong divisor",
    "The gradient is off by a constant factor: it is divided by something else than the number of samples.",
    "divide by N, the number of samples in the batch",
    "a forum, 'can I blame float precision?'",
)
def _wrong_divisor(p: Pass) -> Found:
    outputs, inputs = p.steps.network.outputs, p.steps.network.inputs
    texts = [f"/ {width}" for width in sorted({outputs, inputs} - {1})]
    if outputs > 1:
        texts.append(f"/ (N * {outputs})")
    for text in (*texts, "/ (N - 1)", "/ (2 * N)"):
        yield f"{text} instead of / N", {p.start.name: instead_of("/ N", text)}
    yield "* 2 / N instead of / N", {p.start.name: times("2")}


@mistake(
    "gradients not cleared",
    "The gradients of the batch before are still in the accumulators, so they come out as a multiple.",
    "set all gradients to zero before each backward pass",
    "micrograd#53",
)
def _not_cleared(p: Pass) -> Found:
    for count in "23":
        yield f"{count} times", dict.fromkeys(p.gradients, wrap(f"{{}} * {count}"))


@mistake(
    "wrong sign",
    "The gradient points the other way, so a step climbs: the loss rises.",
    "take prediction minus target; subtract the gradient in the step, and nowhere else",
    "datascience.SE 55372",
)
def _sign(p: Pass) -> Found:
    negative = wrap("-{}")
    yield "everywhere", {p.start.name: negative}
    for lines in (*p.groups, p.chains):
        yield from each_and_all(lines, lambda line: negative)


@mistake(
    "never filled",
    "This gradient stays zero, so its parameter is never updated.",
    "assign the gradient to the array that the update reads",
    "a forum",
)
def _zero(p: Pass) -> Found:
    zero = wrap("{} * 0")
    for lines in p.groups:
        yield from each_and_all(lines, lambda line: zero)
    yield "", dict.fromkeys(p.gradients, zero)


@mistake(
    "constant factor",
    "This is a constant times the right gradient: a learning rate of another size.",
    "look for a stray constant in the loss or in its derivative",
    "a forum, 'can I blame float precision?'",
    number=True,
)
def _factor(p: Pass, number: float) -> Found:
    yield f"{number:.6g}", {p.start.name: times(f"{number!r}")}
    for lines in p.groups:
        yield from each_and_all(lines, lambda line: wrap(f"{{}} * {number!r}"), f"{number:.6g}")


@mistake(
    "penalty on the weights",
    "The gradient holds the derivative of a penalty on the weights, which the loss does not have.",
    "leave it out, or add the penalty to the loss: cp.L2(s) adds s W to the gradient of W",
    "scikit-learn#6780",
    number=True,
)
def _penalty(p: Pass, number: float) -> Found:
    biases = {d.db: d.b for d in p.denses if d.db}
    for text in f"{number!r}", f"{number!r} / N":
        for own in {d.dW: d.W for d in p.denses}, {d.dW: d.W for d in p.denses} | biases, biases:
            yield (
                f"{number:.6g}{text.removeprefix(repr(number))} times",
                {line: wrap(f"{{}} + {text} * {array}") for line, array in own.items()},
            )
