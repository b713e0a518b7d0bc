"""What can be added to plain training: penalties, schedules, stopping rules, class weights."""

import math
from itertools import pairwise

import numpy as np
import pytest
from sklearn.neural_network import MLPRegressor

import clearprop as cp
from clearprop.arrays.backend import NUMPY
from clearprop.training.schedules import Progress

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(90, 4)), RNG.integers(0, 3, 90)
DATA = cp.Dataset.of((X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 0))).split(1 / 3)


def model_of(*layers: object, dtype: str = "float64") -> cp.Model:
    return cp.Model(cp.Network(4, *(layers or (6, "tanh", 3))), cp.SoftmaxCrossEntropy(), dtype=dtype)  # type: ignore[arg-type]


PENALTIES = [cp.L1(0.3), cp.L2(0.3), cp.L1(0.3, biases=True), cp.L2(0.3, biases=True)]


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_gradient_of_a_penalty(penalty: cp.Penalty) -> None:
    """Through the one door: what is checked is what trains."""
    model = model_of()
    model.theta = RNG.normal(size=model.theta.shape)
    work, samples = cp.Workspace(model, 90, penalties=[penalty]), cp.Samples(X, T)

    def loss(theta: np.ndarray) -> float:
        return cp.loss_and_gradient(model, theta, samples, work)

    loss(model.theta)
    gradient = work.gradient.copy()
    for i in range(0, model.theta.size, 5):
        step = 1e-5 * np.eye(1, model.theta.size, i)[0]
        numeric = (loss(model.theta + step) - loss(model.theta - step)) / 2e-5
        assert numeric == pytest.approx(gradient[i], rel=1e-6, abs=1e-8)


def test_penalties_are_what_they_say_and_leave_biases_alone() -> None:
    model = model_of()
    model.theta = RNG.normal(size=model.theta.shape)
    W = np.concatenate([model.weights["dense1.W"].ravel(), model.weights["dense2.W"].ravel()])
    plain, samples = cp.Workspace(model, 90), cp.Samples(X, T)
    base = cp.loss_and_gradient(model, model.theta, samples, plain)
    for penalty, expected in [
        (cp.L1(0.3), 0.3 * np.abs(W).sum()),
        (cp.L2(0.3), 0.15 * (W**2).sum()),
        (cp.L2(0.3, biases=True), 0.15 * (model.theta**2).sum()),
        (cp.WeightDecay(0.3), 0.0),
        (cp.MaxNorm(0.3), 0.0),
    ]:
        work = cp.Workspace(model, 90, penalties=[penalty])
        assert cp.loss_and_gradient(model, model.theta, samples, work) - base == pytest.approx(expected)
        bias = slice(24, 30)
        assert np.array_equal(work.gradient[bias], plain.gradient[bias]) == (not penalty.biases)


def test_scikit_learns_alpha() -> None:
    """One step of theirs with alpha is one of ours with L2(alpha / batch)."""
    rows, alpha, rate = 30, 0.7, 0.01
    theirs = MLPRegressor(
        hidden_layer_sizes=(5,), activation="tanh", solver="sgd", learning_rate_init=rate, momentum=0.0, alpha=alpha,
        batch_size=rows, max_iter=1, shuffle=False,
    )  # fmt: skip
    t = RNG.normal(size=rows)
    theirs.partial_fit(X[:rows], t)
    model = cp.Model(cp.Network(4, 5, "tanh", 1), cp.SquaredError(), dtype="float64")
    for i in range(2):
        model.weights[f"dense{i + 1}.W"], model.weights[f"dense{i + 1}.b"] = theirs.coefs_[i], theirs.intercepts_[i]
    theirs.partial_fit(X[:rows], t)
    cp.fit(model, (X[:rows], t), cp.SGD(rate), epochs=1, batch=rows, shuffle=False, penalties=cp.L2(alpha / rows))
    for i in range(2):
        np.testing.assert_allclose(model.weights[f"dense{i + 1}.W"], theirs.coefs_[i], rtol=1e-10)
        np.testing.assert_allclose(model.weights[f"dense{i + 1}.b"], theirs.intercepts_[i], rtol=1e-10)


def test_weight_decay_is_l2_for_sgd_but_not_for_adam() -> None:
    def theta(optimizer: cp.Optimizer, penalty: cp.Penalty | tuple[()]) -> np.ndarray:
        model = model_of()
        cp.fit(model, DATA, optimizer, epochs=2, penalties=penalty)
        return model.theta

    assert np.allclose(theta(cp.SGD(0.1), cp.L2(0.1)), theta(cp.SGD(0.1), cp.WeightDecay(0.1)), rtol=1e-12)
    assert not np.allclose(theta(cp.Adam(0.1), cp.L2(0.1)), theta(cp.Adam(0.1), cp.WeightDecay(0.1)), rtol=1e-3)
    adamw = theta(cp.AdamW(0.1, weight_decay=0.1), ())
    assert np.allclose(adamw, theta(cp.Adam(0.1), cp.WeightDecay(0.1)), rtol=0.05, atol=0.02)
    assert not np.allclose(adamw, theta(cp.AdamW(0.1, weight_decay=0.1, decay_biases=True), ()), rtol=1e-6)


def test_max_norm() -> None:
    model = model_of()
    cp.fit(model, DATA, cp.SGD(0.5), epochs=5, penalties=cp.MaxNorm(0.4))
    lengths = np.linalg.norm(model.weights["dense1.W"], axis=0)
    assert lengths.max() == pytest.approx(0.4)
    assert np.linalg.norm(model.weights["dense2.W"], axis=0).max() <= 0.4 + 1e-12
    w = np.array([[3.0, 0.3], [4.0, 0.4]])
    cp.MaxNorm(1.0).after_step(NUMPY, w, np.empty((2, 2)))
    np.testing.assert_allclose(w, [[0.6, 0.3], [0.8, 0.4]])


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (cp.ConstantRate(), [1, 1, 1, 1]),
        (cp.StepDecay(0.1, every=4), [1, 1, 0.1, 0.01]),
        (cp.ExponentialDecay(0.9), [1, 0.9**2.5, 0.9**5, 0.9**10]),
        (cp.InverseTime(0.2), [1, 1 / 1.5, 1 / 2, 1 / 3]),
        (cp.InverseScaling(0.5), [1, 201**-0.5, 501**-0.5, 1001**-0.5]),
        (cp.Cosine(), [1, (1 + math.cos(math.pi / 4)) / 2, 0.5, 0]),
        (cp.Cosine(warm_up=0.5, floor=0.1), [1e-3, 0.5, 1, 0.1]),
        (cp.OneCycle(0.5, 0.1, 0.01), [0.1, 0.55, 1, 0.01]),
        (cp.ReduceOnPlateau(), [1, 1, 1, 1]),
    ],
    ids=repr,
)
def test_schedules(schedule: cp.Schedule, factors: list[float]) -> None:
    """At 0, 2.5, 5 and 10 of 10 epochs of 100 samples."""
    got = [schedule.factor(Progress(share, 10 * share, round(1000 * share))) for share in (0, 0.25, 0.5, 1)]
    assert got == pytest.approx(factors)
    assert cp.Schedule.from_dict(schedule.to_dict()) == schedule


def test_a_schedule_sets_the_rate_of_every_step() -> None:
    model, twin = model_of(), model_of()
    report = cp.fit(model, DATA, cp.SGD(0.5), epochs=4, batch=60, shuffle=False, schedule=cp.StepDecay(0.5, every=1))
    assert [epoch.learning_rate for epoch in report.history] == [0.5, 0.25, 0.125, 0.0625]
    for rate in (0.5, 0.25, 0.125, 0.0625):
        cp.fit(twin, DATA, cp.SGD(rate), epochs=1, batch=60, shuffle=False)
    np.testing.assert_allclose(model.theta, twin.theta, rtol=1e-12)
    rates = []
    for _ in cp.train(model_of(), DATA, cp.SGD(1.0), epochs=3, batch=1, schedule=cp.Cosine(),
                      watch=lambda run: rates.append(run.optimizer.learning_rate)):  # fmt: skip
        pass
    assert all(a >= b for a, b in pairwise(rates))
    assert rates[-1] < 0.01


def test_plateau() -> None:
    memory: dict[str, float] = {}
    schedule, factors = cp.ReduceOnPlateau(0.5, patience=2, minimum_gain=0.1, floor=0.2), []
    for loss in (1.0, 0.95, 0.93, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5):
        schedule.after_epoch({"loss": 9.0, "test_loss": loss}, memory)
        factors.append(memory.get("factor", 1.0))
    assert factors == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]
    report = cp.fit(model_of(), DATA, cp.SGD(1e-9), epochs=12, schedule=cp.ReduceOnPlateau(0.5, patience=3))
    assert report.last.learning_rate == pytest.approx(1e-9 / 8)


def test_early_stopping_restores_the_best_weights() -> None:
    model, rule = model_of(), cp.EarlyStopping("test_loss", patience=4)
    epochs = cp.train(model, DATA, cp.Adam(0.2), epochs=500, stopping=rule)
    seen = [(epoch.test_loss, model.theta.copy()) for epoch in epochs]
    losses = [loss for loss, _ in seen]
    best = int(np.argmin(losses))
    assert len(seen) == best + 5 < 500
    assert np.array_equal(model.theta, seen[best][1])
    assert model.evaluate(DATA).loss == pytest.approx(losses[best])
    kept = model_of()
    rule = cp.EarlyStopping("test_loss", 4, restore=False)
    last = list(cp.train(kept, DATA, cp.Adam(0.2), epochs=500, stopping=[rule]))
    assert len(last) == len(seen)
    assert np.array_equal(kept.theta, seen[-1][1])


def test_best_weights_come_back_however_training_ends() -> None:
    model, seen = model_of(), []
    for epoch in cp.train(model, DATA, cp.Adam(0.5), epochs=50, stopping=cp.EarlyStopping("test_loss", 40)):
        seen.append((epoch.test_loss, model.theta.copy()))
        if epoch.number == 20:
            break
    assert np.array_equal(model.theta, min(seen, key=lambda pair: pair[0])[1])


def test_early_stopping_by_minimum_gain_and_metric() -> None:
    rule = cp.EarlyStopping("test_loss", patience=2, minimum_gain=0.1)
    memory: dict[str, object] = {}

    def stops(loss: float) -> bool:
        return rule.after_epoch(cp.Epoch(1, 1.0, 1, 9.0, None, loss), 1.0, memory)

    assert [stops(loss) for loss in (1.0, 0.95, 0.8, 0.75, 0.71)] == [False, False, False, False, True]
    words = cp.Dataset.of((X, np.where(X[:, 0] > 0, "yes", "no"))).split(0.3)
    model = cp.Model(cp.Network(4, 6, "tanh", 1), cp.SigmoidCrossEntropy())
    report = cp.fit(model, words, cp.Adam(0.05), epochs=300, stopping=cp.EarlyStopping(patience=5))
    assert len(report.history) < 300
    assert model.predict(X[:1])[0] in ("yes", "no")


def test_time_limit() -> None:
    report = cp.fit(model_of(), DATA, epochs=10_000, stopping=cp.TimeLimit(0.02))
    assert 1 <= len(report.history) < 10_000
    assert report.seconds >= 0.02


def test_class_weights_are_sample_weights() -> None:
    def theta(data: object, **options: object) -> np.ndarray:
        model = model_of()
        cp.fit(model, data, cp.SGD(0.1), epochs=2, **options)  # type: ignore[arg-type]
        return model.theta

    factors = np.array([1.0, 2.0, 0.5])
    weighted = theta(cp.Samples(X, T, factors[T]))
    assert np.array_equal(theta((X, T), class_weight={1: 2.0, 2: 0.5}), weighted)
    counts = np.bincount(T)
    balanced = theta(cp.Samples(X, T, (90 / 3 / counts)[T]))
    np.testing.assert_allclose(theta((X, T), class_weight="balanced"), balanced, rtol=1e-12)
    names = cp.Dataset(cp.Samples(X, T), classes=("a", "b", "c"))
    assert np.array_equal(theta(names, class_weight={"b": 2.0, "c": 0.5}), weighted)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"penalties": 0.1}, cp.SettingError, "a Penalty"),
        ({"penalties": [cp.L2(0.1), "l1"]}, cp.SettingError, "a Penalty"),
        ({"schedule": 0.1}, cp.SettingError, "a schedule"),
        ({"stopping": 5}, cp.SettingError, "a Stopping"),
        ({"stopping": cp.EarlyStopping(patience=10)}, cp.SettingError, "patience below 10"),
        ({"stopping": cp.EarlyStopping(patience=99)}, cp.SettingError, "patience below 10"),
        ({"class_weight": {7: 1.0}}, cp.SettingError, "the classes of the data, got 7"),
        ({"class_weight": {1: -1.0}}, cp.SettingError, "the weight of 1"),
        ({"class_weight": "even"}, cp.SettingError, "balanced"),
    ],
)
def test_what_does_not_fit_is_named(options: dict[str, object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        cp.train(model_of(), DATA, epochs=10, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: cp.L2(0), "strength"),
        (lambda: cp.L1(-1), "strength"),
        (lambda: cp.StepDecay(0), "ratio"),
        (lambda: cp.StepDecay(every=0), "every"),
        (lambda: cp.Cosine(warm_up=2), "warm_up"),
        (lambda: cp.OneCycle(peak=1.0), "peak before"),
        (lambda: cp.EarlyStopping("test_los"), "did you mean test_loss"),
        (lambda: cp.EarlyStopping(patience=0), "patience"),
        (lambda: cp.TimeLimit(0), "seconds"),
        (lambda: cp.Schedule.lookup("cosin"), "did you mean cosine"),
    ],
)
def test_impossible_settings_are_named(make, says: str) -> None:
    with pytest.raises(cp.SettingError, match=says):
        make()


def test_rules_need_what_they_look_at() -> None:
    no_test = cp.Dataset(DATA.train)
    with pytest.raises(cp.SettingError, match="test part"):
        cp.train(model_of(), no_test, epochs=50, stopping=cp.EarlyStopping("test_loss"))
    values = cp.Model(cp.Network(4, 1), cp.SquaredError())
    with pytest.raises(cp.SettingError, match="metric of values"):
        cp.train(values, (X, X[:, 0]), epochs=50, stopping=cp.EarlyStopping("accuracy"))
    with pytest.raises(cp.DataError, match="targets that are classes"):
        cp.train(values, (X, X[:, 0]), epochs=50, class_weight="balanced")
