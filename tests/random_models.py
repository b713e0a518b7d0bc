"""Random models for the export tests: every layer and loss of the tables, with and without scaling and classes."""

import os

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import clearprop as cp
from layer_table import LAYERS, LOSSES

EXAMPLES = int(os.environ.get("CLEARPROP_EXAMPLES", "40"))  # more for a longer run
often = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def shaken(model: cp.Model, seed: int = 0) -> cp.Model:
    """`model` away from its start values, as training would leave it."""
    rng = np.random.default_rng(seed)
    model.theta = model.theta + 0.1 * rng.normal(size=model.theta.shape)
    model.state[...] = rng.uniform(0.5, 1.5, model.state.shape)
    return model


def around(layer: cp.Layer, dtype: str = "float32", **options: object) -> cp.Model:
    """A model with `layer` in the middle, named classes and scaled inputs."""
    options = {"classes": ("a", "b", "ü"), "scaling": cp.Scaling((1.0, 2.0, 3.0, 4.0), 0.5)} | options
    network = cp.Network(4, 5, layer, 3)
    return shaken(cp.Model(network, cp.SoftmaxCrossEntropy(0.1), 7, dtype, threshold=0.25, **options))


@st.composite
def models(draw: st.DrawFn) -> cp.Model:
    n = draw(st.integers(1, 6))
    layers: list[object] = []
    for _ in range(draw(st.integers(0, 4))):
        layers += [draw(st.integers(4, 8)), draw(st.sampled_from(LAYERS)).layer]
    row = draw(st.sampled_from(LOSSES))
    numbers = st.floats(-2.0, 2.0).map(lambda v: round(v, 3))
    each = st.one_of(numbers, st.lists(numbers, min_size=n, max_size=n))
    scaling = draw(st.none() | st.builds(cp.Scaling, each, each))
    single = row.outputs == 1 or not isinstance(row.loss, cp.SigmoidCrossEntropy)
    names = tuple("abcdef")[: max(row.outputs, 2)] if single and draw(st.booleans()) else None
    network = cp.Network(n, *layers, row.outputs)
    dtype = draw(st.sampled_from(["float32", "float64"]))
    threshold = draw(st.sampled_from([0.5, 0.2, 0.0, 1.0]))
    model = cp.Model(network, row.loss, 1, dtype, classes=names, scaling=scaling, threshold=threshold)
    return shaken(model, draw(st.integers(0, 9)))


def samples(model: cp.Model, count: int = 7) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, model.network.inputs)).astype(model.dtype)


def close(a: object, b: object, tolerance: float) -> bool:
    """Whether all numbers agree, relative to the largest where that is above 1."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.abs(a - b).max() <= tolerance * max(1.0, np.abs(b).max()))
