"""Random batches on which a learner's code is called: widths as they are, samples of another number than any width."""

from typing import Any

import numpy as np

from clearprop.insight.derivation.record import record
from clearprop.insight.derivation.steps import Arrays, Steps, run
from clearprop.insight.doctor.search import Draw
from clearprop.layers.losses import MeanAbsoluteError
from clearprop.network.model import Model

TRIES = 20


def random_draw(model: Model, layout: str, seed: int, number: int) -> Draw:
    """Draw `number` of the model's steps: the first in which no gradient is zero, as with dead units."""
    draws = (_drawn(model, layout, (seed, number, attempt)) for attempt in range(TRIES))
    best: Draw | None = None
    for draw in draws:
        if best is None or _alive(draw) > _alive(best):
            best = draw
        if _alive(best) == 1.0:
            break
    assert best is not None
    return best


def _alive(draw: Draw) -> float:
    """The smallest share of a gradient that is not zero, up to a half, as 1."""
    shares = [np.mean(np.asarray(draw.right[f"d{name}"]) != 0) for name in draw.steps.parameters]
    return min(1.0, 2 * float(min(shares, default=1.0)))


def _drawn(model: Model, layout: str, seed: tuple[int, int, int]) -> Draw:
    rng = np.random.default_rng(seed)
    network = model.network
    widths = {network.inputs, *(shapes.width for shapes in network.shapes)}
    few = 67 if isinstance(model.loss, MeanAbsoluteError) else 17  # only signs of errors are seen there
    count = next(n for n in range(few + 6 * seed[1], 2000) if n not in widths)
    other = Model(network, model.loss, seed=seed[1], dtype="float64")
    for name, values in other.weights.items():
        scale = 1.2 / np.sqrt(values.shape[0]) if values.ndim == 2 else 0.5
        center = 1.0 if name.endswith("gamma") else 0.0
        other.weights[name] = center + scale * rng.normal(size=values.shape)
    found = record("diagnose", other, (rng.normal(size=(count, network.inputs)), _targets(model, count, rng)), layout)
    given = _centered(found.steps, found.given, rng)
    if not model.loss.classifies and "p" not in found.steps.shapes:  # errors of all sizes, where kinks are noticed
        out = run(found.steps, given, found.steps.of("forward"))[found.steps.outputs[-1]]
        given = given | {"t": out + rng.normal(size=out.shape) * 10 ** rng.uniform(-2, 0.5, out.shape)}
    return Draw.of(found.steps, given)


def _centered(steps: Steps, given: Arrays, rng: np.random.Generator) -> Arrays:
    """Biases such that every unit is on both sides of its kink in the batch."""
    for line in steps.of("forward"):
        if line.rule == "affine" and line.plus:
            z = run(steps, given, steps.of("forward"))[line.name]
            middle = np.median(z, axis=steps.convention.samples).reshape(given[line.plus].shape)
            given = given | {line.plus: given[line.plus] - middle + 0.3 * z.std() * rng.normal(size=middle.shape)}
    return given


def _targets(model: Model, count: int, rng: np.random.Generator) -> Any:
    outputs = model.network.outputs
    if not model.loss.classifies:
        return np.abs(rng.normal(size=(count, outputs)))
    if outputs > 1 and "total" not in Steps(model.network, model.loss).shapes:
        return rng.integers(0, 2, (count, outputs))
    return rng.permutation(np.arange(count) % max(outputs, 2))  # every class is there
