"""Every row of the layer table gets every property."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_poisson_deviance

import clearprop as cp
from clearprop.arrays.backend import NUMPY
from clearprop.arrays.kinds import Kind
from clearprop.layers.base import Memo
from layer_table import LAYERS, LOSSES, LayerRow, LossRow
from pieces import SAMPLES, Function, central, problem

EVERY_LAYER = pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.id)
EVERY_LOSS = pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.id)


def around(layer: cp.Layer, n: int, outputs: int) -> cp.Network:
    """The layer between two others, so that what comes in and what goes back are both mixed."""
    return cp.Network(4, cp.Dense(n), layer, cp.Dense(outputs))


def assert_gradient(model: cp.Model, samples: cp.Samples, training: bool = True, directions: int = 5) -> None:
    """Every element and some random directions of the gradient, by theta and by x, against finite differences."""
    function = Function(model, samples, training)
    theta, x = model.theta.copy(), samples.x.astype(model.dtype)
    _, gradient, dx, _ = function(theta, x)
    scale = max(np.abs(gradient).max(initial=0), np.abs(dx).max())
    tried = 0
    for i in range(theta.size):
        numeric = central(function, theta, x, np.eye(1, theta.size, i)[0], 0.0)
        if numeric is not None:
            assert abs(numeric - gradient[i]) <= 1e-7 * scale, (i, numeric, gradient[i])
            tried += 1
    for i in range(x.size):
        numeric = central(function, theta, x, 0.0, np.eye(1, x.size, i).reshape(x.shape))
        if numeric is not None:
            assert abs(numeric - dx.flat[i]) <= 1e-7 * scale, (i, numeric, dx.flat[i])
            tried += 1
    assert tried >= 0.9 * (theta.size + x.size)  # kinks are rare
    rng = np.random.default_rng(5)
    for _ in range(directions):
        a, b = rng.normal(size=theta.shape), rng.normal(size=x.shape)
        numeric = central(function, theta, x, a, b)
        exact = gradient @ a + (dx * b).sum()
        if numeric is not None:
            assert abs(numeric - exact) <= 1e-7 * max(abs(exact), scale)


@EVERY_LAYER
@pytest.mark.parametrize("training", [True, False], ids=["training", "predicting"])
def test_gradient_of_layer(row: LayerRow, training: bool) -> None:
    model, samples = problem(around(row.layer, row.n, 2), cp.SquaredError(), "values", weighted=True)
    assert_gradient(model, samples, training)


@EVERY_LAYER
def test_gradient_of_layer_alone(row: LayerRow) -> None:
    model, samples = problem(cp.Network(row.n, row.layer), cp.SquaredError(), "values", seed=3)
    assert_gradient(model, samples)


@EVERY_LOSS
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_gradient_of_loss(row: LossRow, weighted: bool) -> None:
    model, samples = problem(cp.Network(4, 5, "tanh", row.outputs), row.loss, row.targets, weighted=weighted)
    assert_gradient(model, samples)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda row: row.id)
@pytest.mark.parametrize("layer", LAYERS, ids=lambda row: row.id)
def test_direction_in_every_combination(layer: LayerRow, loss: LossRow) -> None:
    model, samples = problem(around(layer.layer, layer.n, loss.outputs), loss.loss, loss.targets, seed=7, weighted=True)
    function, rng = Function(model, samples), np.random.default_rng(8)
    theta, x = model.theta.copy(), samples.x
    _, gradient, dx, _ = function(theta, x)
    checked = 0
    for _ in range(6):
        a, b = rng.normal(size=theta.shape), rng.normal(size=x.shape)
        numeric, exact = central(function, theta, x, a, b, step=1e-6), gradient @ a + (dx * b).sum()
        if numeric is not None:
            assert numeric == pytest.approx(exact, rel=1e-6, abs=1e-7)
            checked += 1
    assert checked


@EVERY_LAYER
@pytest.mark.parametrize("training", [True, False], ids=["training", "predicting"])
def test_inputs_stay_unchanged(row: LayerRow, training: bool) -> None:
    model, samples = problem(around(row.layer, row.n, 2), cp.SquaredError(), "values")
    function = Function(model, samples, training)
    theta, x = model.theta.copy(), samples.x.copy()
    kept = theta.copy(), x.copy()
    function(theta, x)
    assert np.array_equal(theta, kept[0])
    assert np.array_equal(x, kept[1])


@EVERY_LAYER
def test_backward_leaves_what_it_reads(row: LayerRow) -> None:
    """x, y, dy and the weights are the same after backward as before, whichever layer comes next to read them."""
    model, samples = problem(around(row.layer, row.n, 2), cp.SquaredError(), "values")
    work = cp.Workspace(model, SAMPLES)
    cp.loss_and_gradient(model, model.theta, samples, work)
    for layer, w, x, y, dy, dx, dw, memo in work.steps[1:2]:
        read = [x, y, dy, model.theta]
        kept = [a.copy() for a in read]
        layer.backward(work.xp, w, x, y, dy, dx, dw, memo)
        assert all(np.array_equal(a, b) for a, b in zip(read, kept, strict=True))


@EVERY_LAYER
def test_float32_agrees_with_float64(row: LayerRow) -> None:
    exact, samples = problem(around(row.layer, row.n, 2), cp.SquaredError(), "values")
    single, _ = problem(around(row.layer, row.n, 2), cp.SquaredError(), "values", dtype="float32")
    single.theta = exact.theta
    x = samples.x.astype(np.float32)
    if not isinstance(row.layer, cp.Dropout):  # whose stream gives other numbers in another precision
        a, b = Function(single, samples)(single.theta, x), Function(exact, samples)(exact.theta, x.astype(float))
        assert a[0] == pytest.approx(b[0], rel=1e-4)
        np.testing.assert_allclose(a[1], b[1], rtol=2e-3, atol=2e-5)
        assert a[1].dtype == np.float32
    np.testing.assert_allclose(single(x), exact(x), rtol=1e-3, atol=1e-5)
    assert single(x).dtype == np.float32


@EVERY_LAYER
def test_value_goes_to_plain_data_and_back(row: LayerRow) -> None:
    assert cp.Layer.from_dict(row.layer.to_dict()) == row.layer
    assert eval(repr(row.layer), vars(cp)) == row.layer
    assert hash(cp.Layer.from_dict(row.layer.to_dict())) == hash(row.layer)


@EVERY_LOSS
def test_loss_goes_to_plain_data_and_back(row: LossRow) -> None:
    assert cp.Loss.from_dict(row.loss.to_dict()) == row.loss
    assert eval(repr(row.loss), vars(cp)) == row.loss


@pytest.mark.parametrize("family", [cp.Layer, cp.Loss])
def test_every_member_of_the_family_has_a_row(family: type[Kind]) -> None:
    """A layer or loss of the library without a row would go untested."""
    rows = {type(row.layer) for row in LAYERS} | {type(row.loss) for row in LOSSES}
    library = {member for member in family.members.values() if member.__module__.startswith("clearprop.")}
    assert library <= rows


@EVERY_LAYER
def test_no_input_makes_a_warning(row: LayerRow) -> None:
    """Far out values give finite outputs and slopes; warnings are errors here."""
    model = cp.Model(cp.Network(row.n, row.layer), cp.SquaredError(), dtype="float64")
    x = np.repeat([[-1000.0], [-30.0], [0.0], [30.0], [1000.0]], row.n, axis=1)
    work = cp.Workspace(model, 5, input_gradient=True)
    cp.loss_and_gradient(model, model.theta, cp.Samples(x, np.zeros((5, model.network.outputs))), work)
    assert np.isfinite(work.outputs[-1]).all()
    assert np.isfinite(work.deltas[0]).all()


@pytest.mark.parametrize(
    ("layer", "x", "y"),
    [
        (cp.Sigmoid(), [-1000.0, -40.0, 0.0, 40.0, 1000.0], [0.0, 4.248354255291589e-18, 0.5, 1.0, 1.0]),
        (cp.Tanh(), [-1000.0, 1000.0], [-1.0, 1.0]),
        (cp.Softplus(), [-1000.0, 0.0, 1000.0], [0.0, np.log(2.0), 1000.0]),
        (cp.GELU(), [-1000.0, 1.0, 1000.0], [0.0, 0.8413447460685429, 1000.0]),
        (cp.SiLU(), [-1000.0, 1000.0], [0.0, 1000.0]),
        (cp.ELU(2.0), [-1000.0, 3.0], [-2.0, 3.0]),
        (cp.LeakyReLU(0.1), [-10.0, 3.0], [-1.0, 3.0]),
        (cp.Softsign(), [-1.0, 3.0], [-0.5, 0.75]),
    ],
    ids=repr,
)  # fmt: skip
def test_exact_values(layer: cp.Layer, x: list[float], y: list[float]) -> None:
    model = cp.Model(cp.Network(len(x), layer), cp.SquaredError(), dtype="float64")
    np.testing.assert_allclose(model([x])[0], y, rtol=1e-15, atol=0)


def test_softmax_of_huge_logits_is_exact() -> None:
    model = cp.Model(cp.Network(3, cp.Identity()), cp.SoftmaxCrossEntropy(), dtype="float64")
    z = [[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4], [1e4, 1e4, 0.0]]
    np.testing.assert_array_equal(model.predict_proba(z), [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0]])
    assert model.evaluate((z, [1, 0, 2])).loss == pytest.approx((1e4 + np.log(3) + 1e4 + np.log(2)) / 3)


@pytest.mark.parametrize("z", [-1000.0, 1000.0])
def test_binary_cross_entropy_of_huge_logits(z: float) -> None:
    model = cp.Model(cp.Network(1, cp.Identity()), cp.SigmoidCrossEntropy(), dtype="float64")
    assert model.evaluate(([[z]], [int(z > 0)])).loss == 0.0
    assert model.evaluate(([[z]], [int(z < 0)])).loss == 1000.0


def test_poisson_is_half_the_deviance() -> None:
    """Against scikit-learn's mean deviance, with a count of 0; and 0 where every rate is its count."""
    t, z = np.array([[0.0], [1.0], [7.0]]), np.array([[-2.0], [0.5], [1.5]])
    model = cp.Model(cp.Network(1, cp.Identity()), cp.Poisson(), dtype="float64")
    assert model.evaluate((z, t)).loss == pytest.approx(mean_poisson_deviance(t, np.exp(z)) / 2, rel=1e-14)
    assert model.evaluate((np.log(t[1:]), t[1:])).loss == pytest.approx(0.0, abs=1e-15)
    np.testing.assert_array_equal(model.predict_proba(z), np.exp(z))
    np.testing.assert_array_equal(model.predict(z), np.exp(z)[:, 0])
    assert model.evaluate((z, t)).mean_absolute_error == pytest.approx(np.abs(np.exp(z) - t).mean())


@pytest.mark.parametrize(
    ("loss", "last", "wanted"),
    [
        (cp.Poisson(), -1, "a count of at least 0"),
        (cp.Poisson(), -0.5, "a count of at least 0"),
        (cp.SigmoidCrossEntropy(), -0.5, "a probability from 0 to 1"),
        (cp.SoftmaxCrossEntropy(), 1.5, "a probability from 0 to 1"),
    ],
)
def test_targets_out_of_bounds_are_named(loss: cp.Loss, last: float, wanted: str) -> None:
    t = [[1, 0], [0, last]]
    with pytest.raises(cp.DataError, match=rf"targets, row 1, column 1: wanted {wanted}, got {last}"):
        cp.fit(cp.Model(cp.Network(2, 2), loss), (np.eye(2), t))


def test_dropout_scales_what_it_keeps_and_only_while_training() -> None:
    model = cp.Model(cp.Network(1000, cp.Dropout(0.25)), cp.SquaredError(), dtype="float64")
    work = cp.Workspace(model, 100, input_gradient=True)
    cp.loss_and_gradient(model, model.theta, cp.Samples(np.ones((100, 1000)), np.zeros((100, 1000))), work)
    y, dx = work.outputs[-1], work.deltas[0]
    assert set(np.unique(y)) == {0.0, 1 / 0.75}
    assert y.mean() == pytest.approx(1.0, abs=0.01)
    assert not dx[y == 0].any()
    assert np.array_equal(model(np.ones((2, 1000))), np.ones((2, 1000)))


def test_batch_norm_follows_the_batches_and_predicts_with_what_it_saw() -> None:
    model = cp.Model(cp.Network(2, cp.BatchNorm(momentum=0.5)), cp.SquaredError(), dtype="float64")
    x = np.array([[1.0, 10.0], [3.0, 30.0]])
    work = cp.Workspace(model, 2, state=model.state)
    cp.loss_and_gradient(model, model.theta, cp.Samples(x, np.zeros((2, 2))), work)
    np.testing.assert_allclose(work.outputs[-1], [[-1, -1], [1, 1]], rtol=1e-4)
    np.testing.assert_allclose(model.state, [1.0, 10.0, 1.0, 50.5])  # halfway from 0 and 1 to mean and variance
    np.testing.assert_allclose(model(x)[0], [(1 - 1) / 1, (10 - 10) / 50.5**0.5], atol=1e-4)
    assert "batchnorm1.mean" not in model.weights  # state is not trained


def test_a_copy_of_the_state_is_used_unless_the_models_own_is_given() -> None:
    model = cp.Model(cp.Network(2, cp.BatchNorm()), cp.SquaredError())
    model.gradients(np.ones((3, 2)), np.ones((3, 2)))
    assert model.state.tolist() == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("rule", "fan_in", "fan_out", "deviation"),
    [
        (cp.GlorotUniform(), 300, 100, (2 / 400) ** 0.5),
        (cp.GlorotNormal(), 300, 100, (2 / 400) ** 0.5),
        (cp.HeUniform(), 300, 100, (2 / 300) ** 0.5),
        (cp.HeNormal(), 300, 100, (2 / 300) ** 0.5),
        (cp.LeCunNormal(), 300, 100, (1 / 300) ** 0.5),
        (cp.StandardNormal(), 300, 100, 1.0),
        (cp.Constant(0.5), 300, 100, 0.0),
    ],
    ids=repr,
)
def test_initializers(rule: cp.Initializer, fan_in: int, fan_out: int, deviation: float) -> None:
    W = np.empty((fan_in, fan_out))
    rule.fill(np.random.default_rng(0), W)
    assert W.std() == pytest.approx(deviation, rel=0.02)
    if "Uniform" in repr(rule):
        assert np.abs(W).max() <= deviation * 3**0.5
    assert cp.Initializer.from_dict(rule.to_dict()) == rule


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 9),
    st.lists(st.one_of(st.integers(1, 9), st.sampled_from(["relu", "tanh", "sigmoid", "elu"])), min_size=1, max_size=5),
    st.integers(1, 7),
)
def test_any_shape_has_the_right_gradient(inputs: int, layers: list[int | str], samples: int) -> None:
    network = cp.Network(inputs, *layers)
    rng = np.random.default_rng(0)
    model = cp.Model(network, cp.SquaredError(), dtype="float64")
    model.theta = rng.normal(size=network.size)
    data = cp.Samples(rng.normal(size=(samples, inputs)), rng.normal(size=(samples, network.outputs)))
    function, direction = Function(model, data), rng.normal(size=network.size)
    _, gradient, _, _ = function(model.theta, data.x)
    numeric = central(function, model.theta, data.x, direction, 0.0, step=1e-6)
    if numeric is not None:
        assert numeric == pytest.approx(gradient @ direction, rel=1e-6, abs=1e-6 * np.abs(gradient).max(initial=1))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: cp.Dense(0), "units"),
        (lambda: cp.Dense(2.5), "units"),
        (lambda: cp.Dense(True), "units"),
        (lambda: cp.Dense(3, bias="yes"), "bias"),
        (lambda: cp.Dense(3, initializer="he"), "HeNormal"),
        (lambda: cp.Dropout(1.0), "below 1"),
        (lambda: cp.Dropout(-0.1), "rate"),
        (lambda: cp.Dropout(float("nan")), "rate"),
        (lambda: cp.BatchNorm(epsilon=0), "epsilon"),
        (lambda: cp.BatchNorm(momentum=2), "momentum"),
        (lambda: cp.LayerNorm(epsilon=-1), "epsilon"),
        (lambda: cp.ELU(-1), "alpha"),
        (lambda: cp.LeakyReLU("a"), "negative_slope"),
        (lambda: cp.Huber(0), "delta"),
        (lambda: cp.SoftmaxCrossEntropy(2), "label_smoothing"),
        (lambda: cp.Constant(float("inf")), "value"),
        (lambda: cp.ReLU(name="a b"), "name"),
        (lambda: cp.Layer.from_dict({"kind": "Dens", "units": 3}), "did you mean dense"),
        (lambda: cp.Layer.from_dict({"kind": "Dense", "unit": 3}), "did you mean units"),
        (lambda: cp.Layer.from_dict({"kind": "Dense"}), "units"),
        (lambda: cp.Layer.from_dict([1]), "kind"),
        (lambda: cp.Layer.from_dict({"kind": "Dense", "units": 3, "initializer": 7}), "kind"),
    ],
)
def test_impossible_settings_are_named(make, says: str) -> None:
    with pytest.raises(cp.SettingError, match=says):
        make()


def test_values_never_change() -> None:
    layer = cp.Dense(3)
    with pytest.raises(AttributeError, match="cannot change units"):
        layer.units = 4
    assert layer != cp.Dense(4)
    assert layer != cp.Dense(3, name="out")
    assert layer.renamed("out") == cp.Dense(3, name="out")


def test_a_layer_of_ones_own_needs_one_class() -> None:
    from clearprop.arrays.kinds import value

    @value
    class OwnCube(cp.Activation):
        def forward(self, xp, w, x, y, memo: Memo) -> None:
            xp.multiply(x, x, out=y)
            xp.multiply(y, x, out=y)

        def slope(self, xp, x, y, dy, dx, memo: Memo) -> None:
            xp.multiply(x, x, out=dx)
            xp.multiply(dx, 3.0, out=dx)
            xp.multiply(dx, dy, out=dx)

    try:
        model, samples = problem(cp.Network(3, 4, "own-cube", 2), cp.SquaredError(), "values")
        assert_gradient(model, samples)
        assert cp.Network.from_json(model.network.to_json()) == model.network
    finally:
        del cp.Layer.members["OwnCube"]


def test_namespace_is_numpys_own() -> None:
    assert NUMPY.exp is np.exp
