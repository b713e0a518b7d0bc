"""L-BFGS: a deterministic solver for the whole set, epoch by epoch, that can be left at any."""

import itertools
import sys
import threading

import numpy as np
import pytest

import clearprop as cp
from clearprop.training.interrupt import Stop
from clearprop.training.lbfgs import LBFGS, Objective, prepared
from clearprop.training.plan import Plan

DIGITS = cp.data.digits().take(300)


def made(loss: cp.Loss | None = None, dtype: str = "float64", *layers) -> cp.Model:
    return cp.Model(cp.Network(64, *(layers or (12, "tanh")), 10), loss or cp.SoftmaxCrossEntropy(), dtype=dtype)


def test_linear_least_squares_ends_at_the_exact_solution() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    model = cp.Model(cp.Network(3, 2), cp.SquaredError(), dtype="float64")
    cp.fit(model, (x, t), LBFGS(gradient_tolerance=1e-10, loss_tolerance=0.0), epochs=100)
    exact = np.linalg.lstsq(np.column_stack([x, np.ones(50)]), t, rcond=None)[0]
    np.testing.assert_allclose(model.weights["dense1.W"], exact[:3], atol=1e-7)
    np.testing.assert_allclose(model.weights["dense1.b"], exact[3], atol=1e-7)


@pytest.mark.parametrize("weighted", [False, True])
def test_loss_and_gradient_do_not_depend_on_the_chunk(weighted: bool) -> None:
    samples = DIGITS.train
    if weighted:
        samples = cp.Samples(samples.x, samples.t, np.random.default_rng(0).uniform(0, 2, len(samples)))
    plan = Plan(penalties=(cp.L2(0.1), cp.L1(0.01)))
    found = []
    for batch in (300, 77, 1):
        training = prepared(made(), samples, LBFGS(), 5, batch, 0, None, plan)
        found.append(Objective(training, Stop())(training.model.theta.copy()))
    for loss, gradient in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-12)
        np.testing.assert_allclose(gradient, found[0][1], atol=1e-13)


def test_the_gradient_is_that_of_the_loss() -> None:
    training = prepared(made(), DIGITS, LBFGS(), 5, 64, 0, None, Plan(penalties=(cp.L2(0.1),)))
    objective, theta = Objective(training, Stop()), training.model.theta.copy()
    direction = np.random.default_rng(0).normal(size=len(theta))
    _, gradient = objective(theta)
    step = 1e-6
    slope = (objective(theta + step * direction)[0] - objective(theta - step * direction)[0]) / (2 * step)
    assert gradient @ direction == pytest.approx(slope, rel=1e-6)


def test_each_epoch_reports_the_weights_as_they_are() -> None:
    model = made()
    for epoch in itertools.islice(cp.train(model, DIGITS, LBFGS(), epochs=50, batch=100), 4):
        now = model.evaluate(DIGITS.train)
        assert epoch.loss == pytest.approx(now.loss, rel=1e-12)
        assert epoch.accuracy == now.accuracy
        assert epoch.test_loss == model.evaluate(DIGITS).loss


def test_it_can_be_left_at_any_epoch_and_leaves_no_thread() -> None:
    model, other = made(), made()
    for epoch in cp.train(model, DIGITS, LBFGS(), epochs=50):
        if epoch.number == 3:
            break
    assert len(list(cp.train(other, DIGITS, LBFGS(), epochs=3))) == 3
    np.testing.assert_array_equal(model.theta, other.theta)
    assert not [thread for thread in threading.enumerate() if "LBFGS" in thread.name]


def test_it_stops_where_the_gradient_vanishes_and_learns_in_float32() -> None:
    model = made(dtype="float32")
    report = cp.fit(model, DIGITS, LBFGS(gradient_tolerance=1e-3), epochs=500, penalties=cp.L2(1e-2))
    assert len(report.history) < 500
    assert model.dtype == np.float32
    assert report.last.test_accuracy > 0.85
    assert "LBFGS(gradient_tolerance=0.001)" in report.settings["optimizer"]


def test_stopping_rules_and_class_weights_apply() -> None:
    rule = cp.EarlyStopping("test_loss", patience=3)
    model = made()
    report = cp.fit(model, DIGITS, LBFGS(), epochs=200, stopping=rule, class_weight="balanced")
    assert len(report.history) < 200
    assert model.evaluate(DIGITS).loss == min(epoch.test_loss for epoch in report.history)


@pytest.mark.parametrize(
    ("layers", "settings"),
    [
        ((12, "relu", cp.Dropout(0.5)), {}),
        ((12, cp.BatchNorm(), "relu"), {}),
        ((12, "relu"), {"penalties": cp.MaxNorm(1.0)}),
        ((12, "relu"), {"schedule": cp.Cosine()}),
    ],
)
def test_what_cannot_be_is_told_before_training(layers, settings) -> None:
    with pytest.raises(cp.SettingError, match="LBFGS: wanted one loss for the whole run"):
        cp.train(made(None, "float64", *layers), DIGITS, LBFGS(), **settings)


def test_bad_settings_are_named() -> None:
    with pytest.raises(cp.SettingError, match="memory"):
        LBFGS(memory=0)


def test_overflow_is_told_with_its_place() -> None:
    model = cp.Model(cp.Network(64, 10), cp.SquaredError())
    with pytest.raises(cp.DivergenceError, match="LBFGS"):
        list(cp.train(model, (DIGITS.train.x * np.float32(1e30), cp.one_hot(DIGITS.train.t, 10)), LBFGS()))


def test_without_scipy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(cp.MissingExtra, match=r"clearprop\[sklearn\]"):
        list(cp.train(made(), DIGITS, LBFGS()))
