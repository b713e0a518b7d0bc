"""Model: prediction, evaluation and what it refuses."""

import copy
import pickle
import threading

import numpy as np
import pytest

import clearprop as cp

RNG = np.random.default_rng(0)


def by_hand(model: cp.Model, x: np.ndarray) -> np.ndarray:
    w = model.weights
    return np.maximum(x @ w["dense1.W"] + w["dense1.b"], 0) @ w["dense2.W"] + w["dense2.b"]


def test_call_predict_and_probabilities_agree() -> None:
    model = cp.Model(cp.Network(4, 6, "relu", 3), cp.SoftmaxCrossEntropy(), dtype="float64")
    x = RNG.normal(size=(2500, 4))  # more than one chunk
    z = by_hand(model, x)
    np.testing.assert_allclose(model(x), z, rtol=1e-12, atol=1e-12)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(x), p, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(x), z.argmax(axis=1))
    result = model.evaluate((x, z.argmax(axis=1)))
    assert result.accuracy == 1.0
    assert result.loss == pytest.approx(-np.log(p.max(axis=1)).mean())
    assert result.confusion is not None
    assert result.confusion.sum() == 2500
    assert "accuracy 100.00%" in repr(result)


def test_samples_can_be_given_for_their_inputs() -> None:
    model, samples = cp.Model(cp.Network(4, 3), cp.SoftmaxCrossEntropy()), cp.Samples(RNG.normal(size=(5, 4)), [0] * 5)
    assert np.array_equal(model.predict(samples), model.predict(samples.x))


def test_answers_do_not_change_with_the_next_question() -> None:
    model = cp.Model(cp.Network(4, 6, "relu", 3), cp.SquaredError())
    first = model.predict(np.ones((2, 4)))
    kept = first.copy()
    model.predict(np.zeros((2, 4)))
    assert np.array_equal(first, kept)


def test_classes_are_answered_by_name() -> None:
    model = cp.Model(cp.Network(2, 3), cp.SoftmaxCrossEntropy(), classes=("ant", "bee", "cat"))
    assert model.predict(np.eye(2)).dtype.kind == "U"
    model.classes = (3, 5, 8)
    assert set(model.predict(np.eye(2))) <= {3, 5, 8}


def test_threshold_of_a_single_output() -> None:
    model = cp.Model(cp.Network(1, cp.Identity()), cp.SigmoidCrossEntropy(), dtype="float64")
    z = np.log([[0.3 / 0.7], [0.6 / 0.4], [0.9 / 0.1]])
    assert model.predict(z).tolist() == [0, 1, 1]
    model.threshold = 0.7
    assert model.predict(z).tolist() == [0, 0, 1]
    model.threshold = 0.0
    assert model.predict(z).tolist() == [1, 1, 1]
    model.threshold = 1.0
    assert model.predict(z).tolist() == [0, 0, 0]
    sigmoid = cp.Model(cp.Network(1, "sigmoid"), cp.SquaredError(), classes=("no", "yes"), dtype="float64")
    assert sigmoid.predict(z).tolist() == ["no", "yes", "yes"]
    with pytest.raises(cp.SettingError, match="threshold"):
        model.threshold = 2


def test_several_labels_at_once() -> None:
    model = cp.Model(cp.Network(3, cp.Identity()), cp.SigmoidCrossEntropy())
    assert model.predict([[5.0, -5.0, 5.0]]).tolist() == [[1, 0, 1]]
    result = model.evaluate(([[5.0, -5.0, 5.0], [5.0, 5.0, 5.0]], [[1, 0, 1], [1, 0, 1]]))
    assert result.accuracy == 0.5
    assert result.confusion is None


def test_values() -> None:
    model = cp.Model(cp.Network(2, cp.Identity()), cp.MeanSquaredError())
    assert model.predict([[1.0, 2.0]]).tolist() == [[1.0, 2.0]]
    one = cp.Model(cp.Network(1, cp.Identity()), cp.MeanSquaredError())
    assert one.predict([[1.0], [2.0]]).tolist() == [1.0, 2.0]
    result = one.evaluate(([[1.0], [2.0]], [1.0, 4.0]))
    assert (result.loss, result.mean_absolute_error, result.accuracy) == (2.0, 1.0, None)
    assert result.r2 == pytest.approx(1 - 4 / 4.5)


def test_scaling_is_applied_everywhere() -> None:
    plain = cp.Model(cp.Network(4, 6, "relu", 3), cp.SoftmaxCrossEntropy(), dtype="float64")
    scaled = cp.Model(plain.network, plain.loss, dtype="float64", scaling=cp.Scaling(2.0, 0.5))
    x, t = RNG.normal(size=(9, 4)), RNG.integers(0, 3, 9)
    inside = (x - 2.0) * 0.5
    np.testing.assert_allclose(scaled(x), plain(inside))
    assert scaled.evaluate((x, t)).loss == pytest.approx(plain.evaluate((inside, t)).loss)
    a, b = scaled.gradients(x, t), plain.gradients(inside, t)
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-9, atol=1e-12)


def test_weights_of_samples_are_repetitions() -> None:
    model = cp.Model(cp.Network(4, 6, "relu", 3), cp.SoftmaxCrossEntropy(), dtype="float64")
    x, t = RNG.normal(size=(4, 4)), np.array([0, 1, 2, 1])
    work = cp.Workspace(model, 4)
    weighted = cp.loss_and_gradient(model, model.theta, cp.Samples(x, t, [1, 2, 0, 3]), work)
    rows = [0, 1, 1, 3, 3, 3]
    repeated = cp.Workspace(model, 6)
    assert cp.loss_and_gradient(model, model.theta, cp.Samples(x[rows], t[rows]), repeated) == pytest.approx(weighted)
    np.testing.assert_allclose(work.gradient, repeated.gradient, rtol=1e-10, atol=1e-14)
    assert model.evaluate(cp.Samples(x, t, [1, 2, 0, 3])).loss == pytest.approx(weighted)


def test_images_are_flattened() -> None:
    model = cp.Model(cp.Network(6, 2), cp.SoftmaxCrossEntropy())
    x = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.testing.assert_array_equal(model(x), model(x.reshape(2, 6)))


def test_seed_gives_the_start() -> None:
    def theta(seed: int) -> np.ndarray:
        return cp.Model(cp.Network(4, 6, "relu", 3), cp.SoftmaxCrossEntropy(), seed=seed).theta

    assert np.array_equal(theta(1), theta(1))
    assert not np.array_equal(theta(1), theta(2))


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_stand_alone(twin) -> None:
    model = cp.Model(cp.Network(4, 6, "relu", 3), cp.SoftmaxCrossEntropy(), scaling=cp.Scaling(0.0, 2.0))
    x = RNG.normal(size=(3, 4))
    before = model(x)
    other = twin(model)
    assert np.array_equal(other(x), before)
    other.weights["dense1.W"][...] = 0
    assert np.array_equal(model(x), before)
    assert not np.array_equal(other(x), before)


def test_threads_predict_side_by_side() -> None:
    model = cp.Model(cp.Network(20, 30, "tanh", 5), cp.SoftmaxCrossEntropy())
    inputs = [RNG.normal(size=(50, 20)) for _ in range(4)]
    expected = [model(x) for x in inputs]
    wrong = []

    def work(x: np.ndarray, z: np.ndarray) -> None:
        wrong.extend(1 for _ in range(200) if not np.array_equal(model(x), z))

    workers = [threading.Thread(target=work, args=pair) for pair in zip(inputs, expected, strict=True)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


MODEL = cp.Model(cp.Network(3, 4, "relu", 3), cp.SoftmaxCrossEntropy())


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: cp.Model(cp.Network(3, 1), cp.SoftmaxCrossEntropy()), cp.ShapeError, "SigmoidCrossEntropy"),
        (lambda: cp.Model(3, cp.SquaredError()), cp.SettingError, "a Network as network"),
        (lambda: cp.Model(cp.Network(3, 1), "mse"), cp.SettingError, "a Loss as loss"),
        (lambda: cp.Model(cp.Network(3, 1), cp.SquaredError), cp.SettingError, "a Loss as loss"),
        (lambda: cp.Model(cp.Network(3, 1), cp.SquaredError(), dtype="int8"), cp.SettingError, "float64"),
        (lambda: cp.Model(cp.Network(3, 1), cp.SquaredError(), seed=-1), cp.SettingError, "seed"),
        (lambda: cp.Model(cp.Network(3, 3), cp.SquaredError(), classes=(1, 2)), cp.ShapeError, "3 labels"),
        (lambda: cp.Model(cp.Network(3, 2), cp.SquaredError(), classes=(1, 1)), cp.SettingError, "different"),
        (lambda: MODEL.predict([[1, 2]]), cp.ShapeError, "wanted 3 features, got 2"),
        (lambda: MODEL.predict([1, 2, 3]), cp.ShapeError, r"x\[None, :\]"),
        (lambda: MODEL.predict(np.empty((0, 3))), cp.DataError, "at least one sample"),
        (lambda: MODEL.predict([[1, 2, np.nan]]), cp.DataError, "row 0, column 2"),
        (lambda: MODEL.predict([[1, 2, "x"]]), cp.DataError, "row 0, column 2"),
        (lambda: MODEL.predict(None), cp.ClearpropError, "x"),
        (lambda: MODEL.predict(7), cp.ClearpropError, "x"),
        (lambda: MODEL.evaluate(([[1, 2, 3]], [3])), cp.DataError, "row 0: wanted a class from 0 to 2, got 3"),
        (lambda: MODEL.evaluate(([[1, 2, 3]], [-1])), cp.DataError, "a class from 0 to 2"),
        (lambda: MODEL.evaluate(([[1, 2, 3]], [0.5])), cp.DataError, "whole numbers"),
        (lambda: MODEL.evaluate(([[1, 2, 3]], [[0.5, 0.2, 0.1]])), cp.DataError, "sum to 1"),
        (lambda: MODEL.evaluate(([[1, 2, 3]], [[1.5, -0.5, 0]])), cp.DataError, "probability"),
        (lambda: MODEL.evaluate(([[1, 2, 3]], [[1, 0]])), cp.ShapeError, "3 columns"),
        (lambda: MODEL.evaluate(([[1, 2, 3]], ["ant"])), cp.ClearpropError, "class"),
        (lambda: MODEL.evaluate(3), cp.DataError, "a Dataset, Samples"),
        (lambda: MODEL.gradients([[1, 2, 3]], [5]), cp.DataError, "class from 0 to 2"),
        (lambda: cp.Workspace(MODEL, 2).bind(np.zeros(3)), cp.ShapeError, "theta"),
        (
            lambda: cp.loss_and_gradient(
                MODEL, MODEL.theta, cp.Samples(np.ones((3, 3)), [0, 1, 2]), cp.Workspace(MODEL, 2)
            ),
            cp.ShapeError,
            "at most 2 samples",
        ),
        (lambda: cp.Model(cp.Network(3, 2), cp.SquaredError()).evaluate(([[1, 2, 3]], [0.5])), cp.ShapeError, "one"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(call, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def test_binary_labels() -> None:
    model = cp.Model(cp.Network(1, 1), cp.SigmoidCrossEntropy())
    assert model.evaluate(([[0.0], [1.0]], [0, 1])).samples == 2
    assert model.evaluate(([[0.0], [1.0]], [0.0, 1.0])).samples == 2
    assert model.evaluate(([[0.0], [1.0]], [[0], [1]])).samples == 2
    assert model.evaluate(([[0.0], [1.0]], [True, False])).samples == 2
    with pytest.raises(cp.DataError, match="class from 0 to 1"):
        model.evaluate(([[0.0], [1.0]], [1, 2]))
