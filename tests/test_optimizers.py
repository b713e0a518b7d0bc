"""Optimizers, step by step, against the papers' formulas in plain Python floats and against scikit-learn."""

import math
import pickle

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

import clearprop as cp
from clearprop.training import optimizers

RNG = np.random.default_rng(0)
GRADIENTS = RNG.normal(size=(7, 3)).tolist()
START = [0.5, -1.0, 2.0]


def walk(optimizer: cp.Optimizer, gradients: list[list[float]] = GRADIENTS) -> list[list[float]]:
    theta, path = np.array(START), []
    for gradient in gradients:
        optimizer.step(theta, np.array(gradient))
        path.append(theta.tolist())
    return path


def sgd(rate: float, momentum: float, nesterov: bool) -> list[list[float]]:
    theta, velocity, path = list(START), [0.0] * 3, []
    for gradient in GRADIENTS:
        for i, g in enumerate(gradient):
            velocity[i] = momentum * velocity[i] - rate * g
            theta[i] += momentum * velocity[i] - rate * g if nesterov else velocity[i]
        path.append(list(theta))
    return path


def adam(rate: float, beta1: float, beta2: float, epsilon: float) -> list[list[float]]:
    theta, m, v, path = list(START), [0.0] * 3, [0.0] * 3, []
    for t, gradient in enumerate(GRADIENTS, 1):
        for i, g in enumerate(gradient):
            m[i] = beta1 * m[i] + (1 - beta1) * g
            v[i] = beta2 * v[i] + (1 - beta2) * g * g
            theta[i] -= rate * (m[i] / (1 - beta1**t)) / (math.sqrt(v[i] / (1 - beta2**t)) + epsilon)
        path.append(list(theta))
    return path


@pytest.mark.parametrize(
    ("optimizer", "path"),
    [
        (cp.SGD(0.1), sgd(0.1, 0.0, False)),
        (cp.SGD(0.1, 0.9), sgd(0.1, 0.9, False)),
        (cp.SGD(0.1, 0.9, nesterov=True), sgd(0.1, 0.9, True)),
        (cp.Adam(), adam(0.001, 0.9, 0.999, 1e-8)),
        (cp.Adam(0.1, 0.5, 0.8, 1e-3), adam(0.1, 0.5, 0.8, 1e-3)),
    ],
    ids=repr,
)
def test_every_step_is_the_papers(optimizer: cp.Optimizer, path: list[list[float]]) -> None:
    np.testing.assert_allclose(walk(optimizer), path, rtol=1e-13)


def test_adam_at_its_first_step_moves_by_the_rate() -> None:
    (first,) = walk(cp.Adam(0.25, epsilon=1e-300), [[1e-6, -3.0, 1e6]])
    np.testing.assert_allclose(np.array(first) - START, [-0.25, 0.25, -0.25], rtol=1e-12)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_is_scikit_learns(nesterov: bool) -> None:
    theta = np.array(START)
    theirs = SGDOptimizer([theta], learning_rate_init=0.1, momentum=0.9, nesterov=nesterov)
    for gradient in GRADIENTS:
        theirs.update_params([theta], [np.array(gradient)])
    np.testing.assert_allclose(walk(cp.SGD(0.1, 0.9, nesterov=nesterov))[-1], theta, rtol=1e-13)


def test_adam_is_scikit_learns_but_for_where_epsilon_stands() -> None:
    theta = np.array(START)
    theirs = AdamOptimizer([theta], learning_rate_init=0.1)
    for gradient in GRADIENTS:
        theirs.update_params([theta], [np.array(gradient)])
    np.testing.assert_allclose(walk(cp.Adam(0.1))[-1], theta, rtol=1e-5)


@pytest.mark.parametrize("optimizer", [cp.SGD(0.1), cp.SGD(0.1, 0.9), cp.SGD(0.1, 0.9, True), cp.Adam(0.1)], ids=repr)
def test_pieces_change_nothing(optimizer: cp.Optimizer, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 2 * optimizers.PIECE + 17
    start, gradients = RNG.normal(size=size), RNG.normal(size=(3, size))
    results = []
    for piece in (optimizers.PIECE, size):
        monkeypatch.setattr(optimizers, "PIECE", piece)
        theta, other = start.copy(), optimizer.fresh()
        for gradient in gradients:
            kept = gradient.copy()
            other.step(theta, gradient)
            assert np.array_equal(kept, gradient)
        results.append(theta)
    assert np.array_equal(*results)


def test_state_survives_pickling_and_fresh_forgets_it() -> None:
    optimizer = cp.Adam(0.1)
    whole = walk(cp.Adam(0.1))
    walk(optimizer, GRADIENTS[:3])
    other = pickle.loads(pickle.dumps(optimizer))
    theta = np.array(whole[2])
    for gradient in GRADIENTS[3:]:
        other.step(theta, np.array(gradient))
    np.testing.assert_array_equal(theta, whole[-1])
    assert walk(optimizer.fresh()) == whole
    assert optimizer == cp.Adam(0.1)
    assert repr(optimizer) == "Adam(0.1)"
    assert cp.Optimizer.from_dict(optimizer.to_dict()) == optimizer


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: cp.SGD(0), "learning_rate to be a finite number above 0"),
        (lambda: cp.SGD(-1), "learning_rate"),
        (lambda: cp.SGD(float("nan")), "learning_rate"),
        (lambda: cp.SGD("0.1"), "learning_rate"),
        (lambda: cp.SGD(0.1, 1.0), "momentum below 1"),
        (lambda: cp.SGD(0.1, nesterov=True), "momentum above 0"),
        (lambda: cp.Adam(beta1=1.0), "beta1"),
        (lambda: cp.Adam(beta2=-0.1), "beta2"),
        (lambda: cp.Adam(epsilon=0), "epsilon"),
        (lambda: cp.Optimizer.lookup("adm"), "did you mean adam"),
    ],
)
def test_impossible_settings_are_named(make, says: str) -> None:
    with pytest.raises(cp.SettingError, match=says):
        make()


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(cp.ShapeError, match="gradient of shape"):
        cp.SGD(0.1).step(np.zeros(3), np.zeros(4))
    optimizer = cp.Adam()
    optimizer.step(np.zeros(3), np.zeros(3))
    with pytest.raises(cp.ShapeError, match="fresh"):
        optimizer.step(np.zeros(4), np.zeros(4))
