"""Optimizers, step by step, against the papers' formulas in plain Python floats and against scikit-learn."""

import math
import pickle

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

import clearprop as cp
from clearprop.training.optimizer import PIECE, SWEEP, VANISHED

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


def plain(rule) -> list[list[float]]:
    """The path of a rule for one number: rule(t, g, state) gives the change and may keep what it likes."""
    theta, states, path = list(START), [{}, {}, {}], []
    for t, gradient in enumerate(GRADIENTS, 1):
        for i, g in enumerate(gradient):
            theta[i] += rule(t, g, states[i])
        path.append(list(theta))
    return path


def adagrad(t: int, g: float, s: dict[str, float]) -> float:
    s["G"] = s.get("G", 0.0) + g * g
    return -0.1 * g / (math.sqrt(s["G"]) + 1e-10)


def rmsprop(t: int, g: float, s: dict[str, float]) -> float:
    s["v"] = 0.8 * s.get("v", 0.0) + 0.2 * g * g
    return -0.1 * g / (math.sqrt(s["v"]) + 1e-7)


def nadam(t: int, g: float, s: dict[str, float]) -> float:
    s["m"] = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0.0) + 0.001 * g * g
    m = 0.9 * s["m"] / (1 - 0.9 ** (t + 1)) + 0.1 * g / (1 - 0.9**t)
    return -0.1 * m / (math.sqrt(s["v"] / (1 - 0.999**t)) + 1e-8)


def adamw(rate: float, decay: float) -> list[list[float]]:
    theta, m, v, path = list(START), [0.0] * 3, [0.0] * 3, []
    for t, gradient in enumerate(GRADIENTS, 1):
        for i, g in enumerate(gradient):
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.999 * v[i] + 0.001 * g * g
            step = (m[i] / (1 - 0.9**t)) / (math.sqrt(v[i] / (1 - 0.999**t)) + 1e-8)
            theta[i] -= rate * (step + decay * theta[i])
        path.append(list(theta))
    return path


def lion(t: int, g: float, s: dict[str, float]) -> float:
    c = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["m"] = 0.99 * s.get("m", 0.0) + 0.01 * g
    return -0.1 * ((c > 0) - (c < 0))


@pytest.mark.parametrize(
    ("optimizer", "path"),
    [
        (cp.AdamW(0.1, weight_decay=0.3), adamw(0.1, 0.3)),
        (cp.AdaGrad(0.1), plain(adagrad)),
        (cp.RMSProp(0.1, 0.8), plain(rmsprop)),
        (cp.Nadam(0.1), plain(nadam)),
        (cp.Lion(0.1), plain(lion)),
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


EVERY_RULE = [
    cp.SGD(0.1), cp.SGD(0.1, 0.9), cp.SGD(0.1, 0.9, True), cp.Adam(0.1), cp.AdaGrad(0.1), cp.RMSProp(0.1),
    cp.AdamW(0.1), cp.Nadam(0.1), cp.Lion(0.1), cp.Adam(0.1, clip_norm=1.0), cp.SGD(0.1, clip_value=0.3),
]  # fmt: skip


def test_every_rule_is_in_the_list() -> None:
    library = {kind for kind in cp.Optimizer.members.values() if kind.__module__.startswith("clearprop.")}
    assert {type(rule) for rule in EVERY_RULE} == library


@pytest.mark.parametrize("optimizer", EVERY_RULE, ids=repr)
def test_pieces_change_nothing(optimizer: cp.Optimizer, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 2 * PIECE + 17
    start, gradients = RNG.normal(size=size), RNG.normal(size=(3, size))
    results = []
    for piece in (PIECE, size):
        monkeypatch.setattr("clearprop.training.optimizer.PIECE", piece)
        theta, other = start.copy(), optimizer.fresh()
        for gradient in gradients:
            kept = gradient.copy()
            other.step(theta, gradient)
            assert np.array_equal(kept, gradient)
        results.append(theta)
    np.testing.assert_allclose(*results, rtol=1e-13, atol=1e-14)


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


def clipped(norm: float | None, value: float | None) -> list[list[float]]:
    theta, path = list(START), []
    for gradient in GRADIENTS:
        length = math.sqrt(sum(g * g for g in gradient))
        for i, g in enumerate(gradient):
            g = g * norm / length if norm is not None and length > norm else g
            theta[i] -= 0.1 * (max(-value, min(value, g)) if value is not None else g)
        path.append(list(theta))
    return path


@pytest.mark.parametrize(("norm", "value"), [(1.0, None), (None, 0.2), (1.0, 0.5), (1e9, 1e9)])
def test_clipping(norm: float | None, value: float | None) -> None:
    optimizer = cp.SGD(0.1, clip_norm=norm, clip_value=value)
    np.testing.assert_allclose(walk(optimizer), clipped(norm, value), rtol=1e-13)


def test_clipping_a_gradient_whose_square_overflows() -> None:
    theta = np.zeros(2, np.float32)
    cp.SGD(1.0, clip_norm=5.0).step(theta, np.array([3e30, -4e30], np.float32))
    np.testing.assert_allclose(theta, [-3, 4], rtol=1e-6)


@pytest.mark.parametrize("optimizer", EVERY_RULE, ids=repr)
def test_what_vanishes_becomes_zero(optimizer: cp.Optimizer) -> None:
    """Nothing stays subnormal, which is slow, when the gradient of a weight has become 0."""
    fading, theta = optimizer.fresh(), np.array([1.0, 1e-35, -1e-35], np.float32)
    fading.step(theta, np.array([1.0, 0.0, 0.0], np.float32))
    for _ in range(20 * SWEEP - 1):
        fading.step(theta, np.zeros(3, np.float32))
    for vector in (theta, *fading.state.values()):
        assert not np.any((vector != 0) & (np.abs(vector) < VANISHED))
    assert theta.tolist()[1:] == [0.0, 0.0]


def test_a_sweep_hides_no_divergence() -> None:
    theta, optimizer = np.array([np.nan, np.inf, 1.0]), cp.SGD(0.1)
    for _ in range(SWEEP):
        optimizer.step(theta, np.zeros(3))
    np.testing.assert_array_equal(theta, [np.nan, np.inf, 1.0])


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(cp.ShapeError, match="gradient of shape"):
        cp.SGD(0.1).step(np.zeros(3), np.zeros(4))
    optimizer = cp.Adam()
    optimizer.step(np.zeros(3), np.zeros(3))
    with pytest.raises(cp.ShapeError, match="fresh"):
        optimizer.step(np.zeros(4), np.zeros(4))


def test_a_gradient_that_may_be_spent_changes_no_step() -> None:
    for optimizer in (cp.SGD(0.1), cp.SGD(0.1, 0.9, True), cp.SGD(0.1, clip_norm=0.5), cp.Adam(0.1)):
        plain, spending = optimizer.fresh(), optimizer.fresh()
        spending.may_spend = True
        a, b = np.array(START), np.array(START)
        for gradient in GRADIENTS:
            plain.step(a, np.array(gradient))
            spending.step(b, np.array(gradient))
        assert np.array_equal(a, b)
