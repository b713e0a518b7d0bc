"""Small random problems for the property tests, and finite differences that step aside from kinks."""

from typing import Any

import numpy as np

import clearprop as cp
from clearprop.network.gradient import Workspace, loss_and_gradient

SAMPLES = 6


def targets(kind: str, outputs: int, rng: np.random.Generator, samples: int = SAMPLES) -> np.ndarray:
    if kind == "classes":
        return rng.integers(0, max(outputs, 2), samples)
    if kind == "labels":
        return rng.integers(0, 2, (samples, outputs))
    rows = rng.uniform(0.1, 1.0, (samples, outputs))
    return rows / rows.sum(axis=1, keepdims=True) if kind == "probabilities" else rng.normal(0, 1, (samples, outputs))


def problem(
    network: cp.Network, loss: cp.Loss, kind: str, seed: int = 0, dtype: str = "float64", weighted: bool = False
):
    """A model away from its start values (so that no bias is zero) and samples for it."""
    rng = np.random.default_rng(seed)
    model = cp.Model(network, loss, seed=seed, dtype=dtype)
    model.theta = model.theta + 0.1 * rng.normal(size=network.size)
    x = rng.normal(0, 1, (SAMPLES, network.inputs))
    weight = rng.uniform(0.2, 2.0, SAMPLES) if weighted else None
    return model, cp.Samples(x, targets(kind, network.outputs, rng), weight)


class Function:
    """The loss as a function of theta and of the input, through the one door; dropout drops the same every time."""

    def __init__(self, model: cp.Model, samples: cp.Samples, training: bool = True) -> None:
        self.model, self.samples, self.training = model, samples, training

    def __call__(self, theta: np.ndarray, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, Workspace]:
        work = Workspace(self.model, len(x), training=self.training, input_gradient=True, rng=np.random.default_rng(1))
        work.load(self.model, self.samples)
        work.batch.x[...] = x
        loss = loss_and_gradient(self.model, theta, work.batch, work)
        return loss, work.gradient, work.deltas[0], work

    def sides(self, work: Workspace) -> list[np.ndarray]:
        """On which side of each kink every element lies; finite differences across a change mean nothing."""
        found = []
        for layer, x in zip(work.network.layers, work.outputs, strict=False):
            found += [x > kink for kink in layer.kinks]
        error = work.outputs[-1] - work.batch.t
        return found + [error > kink for kink in self.model.loss.kinks]


def same_sides(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))


def central(function: Function, theta: np.ndarray, x: np.ndarray, d_theta: Any, d_x: Any, step: float = 1e-5):
    """The derivative along a direction, by Richardson's extrapolated central differences; None across a kink."""
    values = []
    home = function.sides(function(theta, x)[3])
    for h in (2 * step, -2 * step, step, -step):
        loss, _, _, work = function(theta + h * d_theta, x + h * d_x)
        if not same_sides(home, function.sides(work)):
            return None
        values.append(loss)
    wide, narrow = (values[0] - values[1]) / (4 * step), (values[2] - values[3]) / (2 * step)
    return (4 * narrow - wide) / 3
