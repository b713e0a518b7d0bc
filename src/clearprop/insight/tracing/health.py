"""What the numbers of a pass say about the health of a network: each note is a sentence with its numbers."""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from clearprop.insight.derivation.record import Record
from clearprop.insight.derivation.steps import Arrays, gradient_name
from clearprop.layers.activations import ReLU, Sigmoid, Tanh
from clearprop.layers.dense import Dense
from clearprop.layers.losses import SigmoidCrossEntropy, SoftmaxCrossEntropy

SATURATED = 0.5  # share of outputs from which it is worth a note
DEAD = 0.5  # share of units
FEWEST = 8  # samples that can tell a dead unit
STEEP, FAR = 100.0, 10_000.0  # ratio of the mean size of delta, from one Dense to the next and over all of them
CHANCE = 0.05  # relative distance of the loss from that of a guess
LARGE, SMALL = 10.0, 0.01  # mean size of a feature
APART = 100.0  # ratio of the largest range of a feature to that of the lower quartile


def notes(found: Record, values: Arrays) -> tuple[str, ...]:
    """The notes on a pass; none where nothing stands out."""
    parts = (_inputs, _saturated, _dead, _deltas, _chance)
    return tuple(note for part in parts for note in part(found, values))


def _inputs(found: Record, values: Arrays) -> Iterator[str]:
    """Inputs (N, n) as the network sees them."""
    x = found.steps.as_rows(values["x"])
    size, spread = np.abs(x).mean(axis=0), np.ptp(x, axis=0)
    worst = int(size.argmax())
    advice = "scale the inputs, for instance with Dataset.unit_scaled() for pixels, or standardized()"
    if size[worst] > LARGE:
        count = int((size > LARGE).sum())
        many = f"{count:,} of {size.size:,} features are"
        yield f"x: {many} larger than {LARGE:g} on average, {_feature(found, worst)} {size[worst]:.4g}; {advice}"
    elif 0 < np.abs(x).max() < SMALL:
        yield f"x: no value is larger than {np.abs(x).max():.3g}; {advice}"
    elif (spread > 0).sum() > 1:
        low = float(np.quantile(spread[spread > 0], 0.25, method="lower"))
        if spread.max() > APART * low:
            wide = int(spread.argmax())
            yield (
                f"x: {_feature(found, wide)} ranges over {spread[wide]:.4g}, others over {low:.3g}, "
                f"{spread[wide] / low:,.0f} times less; {advice}"
            )


def _feature(found: Record, i: int) -> str:
    names = found.data.names
    return f"feature {i}" + (f" ({names[i]})" if names else "")


def _saturated(found: Record, values: Arrays) -> Iterator[str]:
    for i, layer in enumerate(found.model.network):
        name = found.steps.outputs[i + 1]
        a = values[name]
        if isinstance(layer, Tanh):
            share, where, slope = float((np.abs(a) > 0.99).mean()), "beyond +-0.99", 0.02
        elif isinstance(layer, Sigmoid):
            share, where, slope = float(((a < 0.01) | (a > 0.99)).mean()), "below 0.01 or above 0.99", 0.01
        else:
            continue
        if share > SATURATED:
            yield (
                f"{name}: {share:.0%} of {a.size:,} outputs of {found.model.network.place(i)}, are {where}, where the "
                f"slope is below {slope}, so they hardly learn; scale the inputs, or start with smaller weights"
            )


def _dead(found: Record, values: Arrays) -> Iterator[str]:
    for i, layer in enumerate(found.model.network):
        name = found.steps.outputs[i + 1]
        a = found.steps.as_rows(values[name])
        if not isinstance(layer, ReLU) or len(a) < FEWEST:
            continue
        dead = int((a == 0).all(axis=0).sum())
        if dead >= DEAD * a.shape[1]:
            yield (
                f"{name}: {dead:,} of {a.shape[1]:,} units of {found.model.network.place(i)}, are 0 for all {len(a)} "
                "samples and do not learn from them; try HeNormal, a smaller learning rate, or LeakyReLU"
            )


def _deltas(found: Record, values: Arrays) -> Iterator[str]:
    """The gradient by what each Dense puts out, from the last to the first."""
    layers = [i for i, layer in enumerate(found.model.network) if isinstance(layer, Dense)]
    names = [gradient_name(found.steps.outputs[i + 1]) for i in reversed(layers)]
    sizes = [(name, float(np.abs(values[name]).mean())) for name in names]
    steps = [note for one, next_one in pairwise(sizes) for note in _change(*one, *next_one, STEEP)]
    yield from steps or (_change(*sizes[0], *sizes[-1], FAR) if sizes else ())


def _change(later: str, after: float, earlier: str, before: float, most: float) -> Iterator[str]:
    """A note where the mean size `before` of the earlier delta is `most` times as small as `after`, or as large."""
    told = f"mean size {after:.3g} in {later}, {before:.3g} in {earlier}"
    if after > most * before:
        times = f"{after / before:,.0f} times less" if before else "nothing at all"
        yield (
            f"{earlier}: the gradient vanishes, {told}, {times}: what lies before hardly learns; try ReLU, "
            "batch norm, or another initializer"
        )
    elif before > most * after > 0:
        yield (
            f"{earlier}: the gradient explodes, {told}, {before / after:,.0f} times more; start with smaller "
            "weights, or clip the gradient (clip_norm)"
        )


def _chance(found: Record, values: Arrays) -> Iterator[str]:
    """The loss where every class is as likely as any other."""
    loss, outputs = float(values["loss"]), found.model.network.outputs
    if isinstance(found.model.loss, SoftmaxCrossEntropy):
        chance, text = math.log(outputs), f"log {outputs}"
    elif isinstance(found.model.loss, SigmoidCrossEntropy):
        chance, text = outputs * math.log(2), "log 2" if outputs == 1 else f"{outputs} log 2"
    else:
        return
    if abs(loss - chance) < CHANCE * chance:
        yield (
            f"loss: {loss:.4g} is about what guessing gives, {text} = {chance:.4g}: as it should be before training, "
            "a sign of having learned nothing after it"
        )
