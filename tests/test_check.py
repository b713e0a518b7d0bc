"""The numeric proof: right gradients pass, wrong ones fail in the right array, what cannot be told is passed over."""

import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clearprop as cp
from clearprop.cli import main
from clearprop.insight.checking.numeric import Differences, element, shares
from clearprop.insight.checking.result import Check
from layer_table import LAYERS, LOSSES, LayerRow, LossRow
from pieces import problem
from test_layers import around
from test_mutations import FILLED

A = np.random.default_rng(0).normal(size=(20, 5))
THETA = np.arange(5.0)


def square(w: Any) -> Any:
    return ((A @ w) ** 2).sum()


def slope(w: Any) -> Any:
    return 2 * A.T @ (A @ w)


def verdicts(found: Check) -> dict[str, str]:
    return {row.name: row.verdict for row in found.rows}


# models


@pytest.mark.parametrize("training", [True, False], ids=["training", "predicting"])
@pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.id)
def test_every_layer_holds(row: LayerRow, training: bool) -> None:
    model, samples = problem(around(row.layer, row.n, 2), cp.SquaredError(), "values", weighted=True)
    found = cp.check(model, samples, training=training)
    assert found, found
    assert all(row.verdict == "ok" and row.error < 1e-6 and not row.directions for row in found.rows)
    assert sum(row.compared + row.passed_over for row in found.rows) == model.network.size + samples.x.size


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.id)
def test_every_loss_holds(row: LossRow) -> None:
    model, samples = problem(cp.Network(4, 5, "tanh", row.outputs), row.loss, row.targets, dtype="float32")
    found = cp.check(model, samples, penalties=[cp.L1(0.1), cp.L2(0.1)])
    assert found, found


@pytest.mark.parametrize(("row", "array"), FILLED, ids=lambda value: getattr(value, "id", value))
def test_wrong_sign_is_found_where_it_is(row: LayerRow, array: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = type(row.layer).backward

    def wrong(self: Any, xp: Any, w: Any, x: Any, y: Any, dy: Any, dx: Any, dw: Any, memo: Any) -> None:
        right(self, xp, w, x, y, dy, dx, dw, memo)
        if self is row.layer:
            filled = dx if array == "dx" else getattr(dw, array)
            filled *= -1

    network = around(row.layer, row.n, 2)
    model, samples = problem(network, cp.SquaredError(), "values")
    monkeypatch.setattr(type(row.layer), "backward", wrong)
    found = cp.check(model, samples)
    assert not found
    name = network.names[1]
    at_fault = {"dense1.W", "dense1.b", "x"} if array == "dx" else {f"{name}.{array}"}
    if isinstance(row.layer, cp.BatchNorm):  # which takes away what a bias before it adds
        at_fault -= {"dense1.b"}
    assert {name for name, verdict in verdicts(found).items() if verdict == "wrong"} == at_fault
    if array != "dx":
        assert "it is the negative of what is right" in str(found)


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.id)
def test_wrong_factor_in_a_loss_is_found(row: LossRow, monkeypatch: pytest.MonkeyPatch) -> None:
    right = type(row.loss).value_and_gradient

    def wrong(self: Any, xp: Any, z: Any, t: Any, share: Any, dz: Any, memo: Any) -> float:
        value = right(self, xp, z, t, share, dz, memo)
        dz *= 1.001
        return value

    model, samples = problem(cp.Network(4, 5, "tanh", row.outputs), row.loss, row.targets)
    monkeypatch.setattr(type(row.loss), "value_and_gradient", wrong)
    found = cp.check(model, samples)
    assert set(verdicts(found).values()) == {"wrong"}
    assert "it is 1.001 times what is right" in str(found)


def test_model_stays_as_it_was() -> None:
    network = cp.Network(4, 5, cp.BatchNorm(), cp.Dropout(0.5), 2)
    model, samples = problem(network, cp.SquaredError(), "values", dtype="float32")
    theta, state, x = model.theta.copy(), model.state.copy(), samples.x.copy()
    assert cp.check(model, samples)
    assert np.array_equal(model.theta, theta)
    assert np.array_equal(model.state, state)
    assert np.array_equal(samples.x, x)
    assert model.dtype == np.float32


def test_the_same_seed_finds_the_same() -> None:
    model, samples = problem(cp.Network(20, 30, "relu", cp.Dropout(0.5), 2), cp.SquaredError(), "values")
    first, again, other = (cp.check(model, samples, budget=40, seed=seed) for seed in (0, 0, 1))
    assert first.to_dict() == again.to_dict()
    assert first.to_dict() != other.to_dict()


@pytest.mark.parametrize("activation", ["relu", "leakyrelu", "elu"])
def test_kinks_are_passed_over_and_counted(activation: str) -> None:
    """The first unit is at its kink for the first sample exactly, the second nearly so."""
    model = cp.Model(cp.Network(2, 3, activation, 1), cp.SquaredError(), dtype="float64")
    rng = np.random.default_rng(1)
    x = np.vstack([[1.0, 1.0], rng.normal(size=(4, 2))])
    model.weights["dense1.W"] = [[0.5, 0.5, 0.7], [-0.5, -0.5 + 1e-13, 0.2]]
    found = cp.check(model, (x, rng.normal(size=5)))
    assert found, found
    assert found["dense1.W"].passed_over == 4  # two weights into each of the two units
    assert found["dense1.b"].passed_over == 2
    assert found["dense1.W"].compared == found["dense1.W"].shape[1] * 2 - 4
    assert found["dense2.W"].passed_over == 0
    assert found["x"].passed_over == 2


def test_kink_of_a_loss_is_passed_over() -> None:
    model = cp.Model(cp.Network(1, cp.Identity()), cp.MeanAbsoluteError(), dtype="float64")
    found = cp.check(model, ([[1.0], [2.0], [3.0]], [1.0, 2.5, 2.0]))
    assert found
    assert (found["x"].compared, found["x"].passed_over) == (2, 1)
    nothing = cp.check(model, ([[1.0]], [1.0]))
    assert verdicts(nothing) == {"x": "passed over"}
    assert not nothing
    assert "nothing can be said" in str(nothing)


def test_kink_that_no_layer_names_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cp.ReLU, "kinks", ())
    model = cp.Model(cp.Network(1, "relu"), cp.SquaredError(), dtype="float64")
    found = cp.check(model, ([[0.0], [1e-13], [-1e-3], [1.0]], [1.0, 1.0, 1.0, 2.0]))
    assert found
    assert (found["x"].compared, found["x"].passed_over) == (2, 2)


def test_step_past_a_near_kink_is_made_smaller() -> None:
    model = cp.Model(cp.Network(1, "relu"), cp.SquaredError(), dtype="float64")
    found = cp.check(model, ([[1e-4], [-1e-4], [1.0]], [1.0, 1.0, 2.0]))
    assert found
    assert (found["x"].compared, found["x"].passed_over) == (3, 0)


def test_large_network_goes_by_directions() -> None:
    rng = np.random.default_rng(0)
    model = cp.Model(cp.Network(300, 200, "relu", 10), cp.SoftmaxCrossEntropy())
    start = time.perf_counter()
    found = cp.check(model, (rng.normal(size=(100, 300)), rng.integers(0, 10, 100)), budget=300)
    assert time.perf_counter() - start < 20
    assert found, found
    W, b = found["dense1.W"], found["dense2.b"]
    assert W.shape == (300, 200)
    assert W.compared + W.passed_over <= 80
    assert W.directions + W.passed_over >= 5
    assert (b.compared, b.directions) == (10, 0)
    assert found["x"].shape == (32, 300)
    assert "32 of 100 samples" in str(found)


@pytest.mark.parametrize("budget", [0, 50])
def test_single_wrong_element_of_a_large_array_is_found(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    right = cp.Dense.backward

    def wrong(self: Any, xp: Any, w: Any, x: Any, y: Any, dy: Any, dx: Any, dw: Any, memo: Any) -> None:
        right(self, xp, w, x, y, dy, dx, dw, memo)
        if w.W.shape == (100, 80):
            dw.W[31, 41] *= -1

    model, samples = problem(cp.Network(100, 80, "tanh", 3), cp.SquaredError(), "values")
    monkeypatch.setattr(cp.Dense, "backward", wrong)
    found = cp.check(model, samples, budget=budget)
    assert {name for name, verdict in verdicts(found).items() if verdict == "wrong"} == {"dense1.W"}
    row = found["dense1.W"]
    assert row.worst == (31, 41)
    assert row.analytic == pytest.approx(-row.numeric)
    assert f"wrong in 1 of {row.compared}" in row.note or row.compared == 1


def test_gradient_that_is_added_up_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right in a first pass, as buffers begin at zero, and wrong in training."""
    right = cp.Dense.backward

    def adding(self: Any, xp: Any, w: Any, x: Any, y: Any, dy: Any, dx: Any, dw: Any, memo: Any) -> None:
        before = dw.b.copy()
        right(self, xp, w, x, y, dy, dx, dw, memo)
        dw.b += before

    model, samples = problem(cp.Network(3, 4, "tanh", 2), cp.SquaredError(), "values")
    monkeypatch.setattr(cp.Dense, "backward", adding)
    assert "it is 2 times what is right" in cp.check(model, samples)["dense1.b"].note


def test_layer_that_draws_from_elsewhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, right = np.random.default_rng(0), cp.Tanh.forward

    def shaky(self: Any, xp: Any, w: Any, x: Any, y: Any, memo: Any) -> None:
        right(self, xp, w, x, y, memo)
        y += rng.normal(size=y.shape)

    model, samples = problem(cp.Network(3, 4, "tanh", 2), cp.SquaredError(), "values")
    monkeypatch.setattr(cp.Tanh, "forward", shaky)
    found = cp.check(model, samples)
    assert not found
    assert set(verdicts(found).values()) == {"cannot tell"}
    assert "memo.rng" in found.notes[0]


def test_nan_in_a_gradient_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    right = cp.Dense.backward

    def wrong(self: Any, xp: Any, w: Any, x: Any, y: Any, dy: Any, dx: Any, dw: Any, memo: Any) -> None:
        right(self, xp, w, x, y, dy, dx, dw, memo)
        dw.b[1] = np.nan

    model, samples = problem(cp.Network(3, 2), cp.SquaredError(), "values")
    monkeypatch.setattr(cp.Dense, "backward", wrong)
    assert cp.check(model, samples)["dense1.b"].note == "it holds nan at (1,)"


def test_data_of_every_form() -> None:
    digits = cp.data.digits()
    model = cp.Model(cp.Network(64, 4, "tanh", 10), cp.SoftmaxCrossEntropy(), scaling=digits.scaling)
    for data in (digits, digits.train, (digits.train.x[:5], digits.train.t[:5])):
        assert cp.check(model, data, budget=20, samples=5)
    assert cp.check(model, digits, budget=20)["x"].shape == (32, 64)
    letters = cp.Model(cp.Network(2, 3), cp.SoftmaxCrossEntropy(), classes=("a", "b", "c"))
    assert cp.check(letters, ([[1.0, 2.0], [0.0, 1.0]], ["c", "a"]))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda m, s: cp.check(lambda w: w, s), "wanted a Model"),
        (lambda m, s: cp.check(m, s, tolerance=0), "wanted tolerance"),
        (lambda m, s: cp.check(m, s, budget=-1), "wanted budget"),
        (lambda m, s: cp.check(m, s, samples=0), "wanted samples"),
        (lambda m, s: cp.check(m, s, training=1), "wanted training"),
        (lambda m, s: cp.check(m, s, penalties="L2"), "Penalty"),
        (lambda m, s: cp.check(m, (s.x[:, :2], s.t)), "wanted 3 features"),
        (lambda m, s: cp.check(m, 3), "wanted a Dataset"),
        (lambda m, s: cp.check(m, (s.x * 1e200, s.t)), "wanted a finite loss"),
    ],
)
def test_misuse_is_told_in_a_sentence(call: Any, told: str) -> None:
    model, samples = problem(cp.Network(3, 2), cp.SquaredError(), "values")
    with pytest.raises(cp.ClearpropError, match=told):
        call(model, samples)


# how it shows


def test_table_html_and_json() -> None:
    found = cp.check_gradient(square, lambda w: slope(w) * [1, 1, -1, 1, 1], THETA)
    lines = str(found).splitlines()
    assert lines[0].split()[:4] == ["array", "shape", "compared", "directions"]
    assert lines[2].split()[-1] == "wrong"
    assert "theta: at (2,) the gradient is" in lines[-1]
    assert "wrong in 1 of 5 elements" in lines[-1]
    html = found._repr_html_()
    assert html.startswith("<table>")
    assert "color" not in html
    plain = json.loads(json.dumps(found.to_dict()))
    assert not plain["ok"]
    assert plain["rows"][0]["worst"] == [2]
    with pytest.raises(KeyError):
        found["other"]


# functions


def test_right_and_wrong_function() -> None:
    assert cp.check_gradient(square, slope, THETA)["theta"].error < 1e-9
    assert cp.check_gradient(square, slope(THETA), THETA)
    assert not cp.check_gradient(square, lambda w: slope(w) + 1e-3, THETA)
    assert not cp.check_gradient(square, lambda w: 0 * w, THETA)
    assert "it is zero throughout" in str(cp.check_gradient(square, lambda w: 0 * w, THETA))
    assert cp.check_gradient(lambda x: x**3, 12.0, 2.0)


def test_callers_arrays_stay_and_change_in_place_is_named() -> None:
    def careless(w: Any) -> Any:
        value = square(w)
        w *= 0
        return value

    theta = THETA.copy()
    found = cp.check_gradient(careless, slope, theta)
    assert found
    assert np.array_equal(theta, THETA)
    assert "f changes theta in place" in found.notes[0]
    found = cp.check_gradient(square, lambda w: slope(w) + careless(w) * 0, theta)
    assert found
    assert "gradient changes theta in place" in found.notes[0]


@pytest.mark.parametrize("kind", ["int64", "uint8", "bool"])
def test_whole_numbers_are_named(kind: str) -> None:
    found = cp.check_gradient(square, slope, np.array([1, 2, 0, 1, 3]).astype(kind))
    assert found
    assert "holds whole numbers" in found.notes[0]


def test_float32_is_named_and_not_failed() -> None:
    B = A.astype(np.float32)

    def single(w: Any) -> Any:
        return ((B @ w.astype(np.float32)) ** 2).sum()

    def its_slope(w: Any) -> Any:
        return 2 * B.T @ (B @ w.astype(np.float32))

    theta = THETA.astype(np.float32)
    assert "theta is float32" in cp.check_gradient(square, slope, theta).notes[0]
    for f in (single, lambda w: float(single(w))):
        for gradient in (its_slope, slope):
            found = cp.check_gradient(f, gradient, theta)
            assert found, found
            assert any("f computes in float32" in note for note in found.notes)
            assert not cp.check_gradient(f, lambda w, g=gradient: 1.02 * g(w), theta)
    for size in (1e-2, 1e-5):  # beside 1000, of which float32 keeps seven digits
        found = cp.check_gradient(
            lambda w, s=size: np.float32(1e3) + np.float32(s) * single(w), size * slope(THETA), THETA
        )
        assert found["theta"].verdict == ("ok" if size == 1e-2 else "passed over")
    assert any("gradient of theta is float32" in note for note in cp.check_gradient(square, its_slope, THETA).notes)


@pytest.mark.parametrize("level", [1e-13, 1e-10, 1e-7, 1e-4])
def test_noise_is_not_taken_for_slope(level: float) -> None:
    def noisy(w: Any) -> Any:
        return square(w) + level * np.random.default_rng(np.frombuffer(w.tobytes(), np.uint32)).normal()

    for seed in range(10):
        theta = np.random.default_rng(seed).normal(size=5)
        found = cp.check_gradient(noisy, slope, theta)
        assert found["theta"].verdict != "wrong", found
        assert not cp.check_gradient(noisy, lambda w: 1.1 * slope(w), theta)


def test_chance_is_named() -> None:
    rng = np.random.default_rng(0)
    found = cp.check_gradient(lambda w: square(w) + rng.normal(), slope, THETA)
    assert not found
    assert verdicts(found) == {"theta": "cannot tell"}
    assert "f is not deterministic" in found.notes[0]
    found = cp.check_gradient(square, lambda w: slope(w) + rng.normal(), THETA)
    assert "another when called again: fix its random numbers" in found.notes[0]
    total = np.zeros(5)

    def adding(w: Any) -> Any:
        total[...] += slope(w)
        return total

    assert "it is added to what was there" in cp.check_gradient(square, adding, THETA).notes[0]


def test_kinks_of_a_function() -> None:
    found = cp.check_gradient(
        lambda w: np.maximum(w, 0).sum() + w.max(), lambda w: (w > 0) + 1.0 * (w == w.max()), [0.0, 1e-9, -1.0, 2.0]
    )
    assert found
    assert (found["theta"].compared, found["theta"].passed_over) == (3, 1)
    assert not cp.check_gradient(lambda w: np.maximum(w, 0).sum(), [2.0, 1.0], [0.0, 1.0])  # no slope at 0 is 2


@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1.0, 1e6])
def test_any_unit_will_do(unit: float) -> None:
    theta = unit * np.array([0.3, 1.0, 2.0])
    found = cp.check_gradient(lambda w: np.sin(w / unit).sum(), lambda w: np.cos(w / unit) / unit, theta)
    assert found, found
    assert found["theta"].compared == 3
    assert not cp.check_gradient(lambda w: np.sin(w / unit).sum(), lambda w: np.sin(w / unit) / unit, theta)


@pytest.mark.parametrize("theta", [[1e6], [0.0, 1e6], [1e-9, 1.0, 1e6], [0.0, 1e-8, 3.0], [5e-324]])
def test_values_of_every_size_in_one_array(theta: list[float]) -> None:
    """A step in proportion to 1e6 is far too long for a sine, and says so only when a short one is tried."""
    for f, df in ((np.sin, np.cos), (np.tanh, lambda w: 1 / np.cosh(np.minimum(w, 300)) ** 2)):
        found = cp.check_gradient(lambda w, f=f: f(w).sum(), df, theta)
        assert found["theta"].compared == len(theta), found
        assert found
        assert not cp.check_gradient(lambda w, f=f: f(w).sum(), lambda w, df=df: 1.01 * df(w) + 1e-5, theta)


def test_nothing_is_said_where_noise_drowns_the_slope() -> None:
    found = cp.check_gradient(
        lambda w: 1e6 + (w**2).sum() + np.random.default_rng(np.frombuffer(w.tobytes(), np.uint32)).normal(),
        lambda w: 3 * w,
        [1.0, 2.0],
    )
    assert verdicts(found) == {"theta": "passed over"}
    assert "f is exact to about" in found.notes[0]


def test_tiny_values_do_not_let_anything_pass() -> None:
    """Steps in proportion to 1e-13 would drown in rounding."""
    assert not cp.check_gradient(lambda w: 1.0 + np.sin(w).sum(), [0.9, 1.0], [1e-13, 2e-13])
    assert cp.check_gradient(lambda w: 1.0 + np.sin(w).sum(), [1.0, 1.0], [1e-13, 2e-13])


def test_edge_of_where_a_function_is_defined() -> None:
    import math

    assert cp.check_gradient(lambda w: np.log(w).sum(), lambda w: 1 / w, [1e-8, 1.0, 5.0])
    found = cp.check_gradient(lambda w: sum(math.sqrt(v) for v in w), lambda w: 0.5 / np.sqrt(w + 1e-300), [0.0, 1.0])
    assert found["theta"].passed_over == 1


@dataclass
class Other:
    """Something that is no structure of arrays."""


def test_structures() -> None:
    theta = {"W": [np.ones((2, 3)), (np.zeros(2), 1.5)], "b": [1, 2]}

    def f(p: Any) -> Any:
        assert isinstance(p["W"], list)
        assert isinstance(p["W"][1], tuple)
        assert isinstance(p["W"][1][1], float)
        return (p["W"][0] ** 2).sum() * p["W"][1][1] + np.exp(p["W"][1][0]).sum() + (p["b"] ** 3).sum()

    def df(p: Any) -> Any:
        W, (c, s) = p["W"]
        return {"b": 3 * p["b"] ** 2, "W": [2 * W * s, (np.exp(c), (W**2).sum())]}

    found = cp.check_gradient(f, df, theta)
    assert found, found
    assert [row.name for row in found.rows] == ["W[0]", "W[1][0]", "W[1][1]", "b"]
    found = cp.check_gradient(f, lambda p: df(p) | {"W": [2 * p["W"][0], *df(p)["W"][1:]], "z": 1}, theta)
    assert {name for name, verdict in verdicts(found).items() if verdict == "wrong"} == {"W[0]"}
    assert "the gradient also holds z, which theta has not" in found.notes


def test_gradient_of_another_form_is_named() -> None:
    def f(p: Any) -> Any:
        return p["W"].sum() + p["b"].sum()

    theta = {"W": np.ones((2, 3)), "b": np.ones(3)}
    assert cp.check_gradient(f, {"W": np.ones((3, 2)), "b": np.ones(3)}, theta)["W"].note.endswith("it is transposed")
    assert cp.check_gradient(f, {"W": np.ones(6), "b": np.ones(3)}, theta)["W"].note.endswith("(6,): reshape it")
    assert cp.check_gradient(f, {"W": np.ones((2, 3))}, theta)["b"].note == "the gradient has nothing for it"
    found = cp.check_gradient(f, {"W": np.ones((2, 3)), "b": [1.0, np.nan, 1.0]}, theta)
    assert verdicts(found) == {"W": "ok", "b": "wrong"}
    assert found["b"].note == "it holds nan at (1,)"


def test_function_that_forgets_its_argument_is_named() -> None:
    found = cp.check_gradient(lambda w: square(THETA), slope, THETA)
    assert not found
    assert "does it use its argument?" in found.notes[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((3, slope, THETA), r"wanted a function f\(theta\) first"),
        ((lambda w: w, slope, THETA), "wanted one number, got an array of shape"),
        ((lambda w: None, slope, THETA), "wanted one number, got None"),
        ((lambda w: "3", slope, THETA), "wanted one number, got '3'"),
        ((lambda w: w.sum() * 1j, slope, THETA), "wanted one number"),
        ((lambda w: np.nan, slope, THETA), "wanted a finite number, got nan"),
        ((square, lambda w: None, THETA), "return them"),
        ((square, lambda w: 1j * w, THETA), "wanted real numbers"),
        ((square, lambda w: [[1.0], [1.0, 2.0]], THETA), "rows of equal length"),
        ((square, slope, THETA * 1j), "wanted real numbers"),
        ((square, slope, ["a", "b"]), "wanted real numbers"),
        ((square, slope, THETA * np.nan), "wanted a finite number"),
        ((square, slope, []), "at least one number"),
        ((square, slope, {}), "at least one number"),
        ((square, slope, Other()), "wanted real numbers"),
        ((square, slope, {1: THETA, "1": THETA}), "a different name for each array"),
    ],
)
def test_misuse_of_a_function_is_told_in_a_sentence(arguments: Any, told: str) -> None:
    with pytest.raises(cp.ClearpropError, match=told):
        cp.check_gradient(*arguments)


def test_an_error_of_the_function_itself_is_left_alone() -> None:
    with pytest.raises(ZeroDivisionError):
        cp.check_gradient(lambda w: 1 / 0, slope, THETA)


LEAVES = st.lists(st.floats(-3, 3), min_size=1, max_size=4).map(np.array)
STRUCTURES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.lists(inner, min_size=1, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1),
    ),
    max_leaves=6,
)


def mapped(part: Any, function: Any) -> Any:
    if isinstance(part, dict):
        return {key: mapped(value, function) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        return type(part)(mapped(value, function) for value in part)
    return function(part)


def total(part: Any) -> float:
    if isinstance(part, np.ndarray):
        return float(part.sum())
    return sum(total(value) for value in (part.values() if isinstance(part, dict) else part))


@settings(max_examples=40, deadline=None)
@given(STRUCTURES, st.integers(0, 50))
def test_any_structure(theta: Any, budget: int) -> None:
    def f(p: Any) -> float:
        return total(mapped(p, lambda a: np.sin(a) + a**2))

    def df(p: Any) -> Any:
        return mapped(p, lambda a: np.cos(a) + 2 * a)

    found = cp.check_gradient(f, df, theta, budget=budget)
    assert found, found
    assert not cp.check_gradient(f, lambda p: mapped(df(p), lambda a: a + 0.1), theta, budget=budget)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 100)), st.integers(0, 300))
def test_budget_is_shared(sizes: dict[str, int], budget: int) -> None:
    given = shares(sizes, budget)
    assert given.keys() == sizes.keys()
    assert all(given[name] <= sizes[name] for name in sizes)
    assert sum(given.values()) <= budget
    assert sum(given.values()) >= min(sum(sizes.values()), budget - len(sizes))


def test_differences_put_the_arrays_back() -> None:
    flat = np.array([0.1, 0.2])
    differences = Differences(lambda: (float(flat[0] ** 2) if flat[0] < 0.1001 else np.nan, []), 1e-6)
    assert differences.judge(element(flat, 0), np.array([0.2, 0.0])).verdict == "ok"
    assert flat.tolist() == [0.1, 0.2]


# the command


@pytest.fixture
def saved(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    cp.Model(cp.Network(64, 8, "relu", 10), cp.SoftmaxCrossEntropy()).save("m.safetensors")
    return "m.safetensors"


def test_command_answers_with_a_table_or_json(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", saved, "--data", "digits"]) == 0
    out = capsys.readouterr().out
    assert "the gradient is right" in out
    assert "dense1.W  (64, 8)" in out
    assert main(["check", saved, "--data", "digits", "--samples", "3", "--seed", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["data"], found["rows"][-1]["shape"]) == (True, "digits", [3, 64])


def test_command_fails_where_a_gradient_is_wrong(
    saved: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = cp.Dense.backward

    def wrong(self: Any, xp: Any, w: Any, x: Any, y: Any, dy: Any, dx: Any, dw: Any, memo: Any) -> None:
        right(self, xp, w, x, y, dy, dx, dw, memo)
        dw.b *= -1

    monkeypatch.setattr(cp.Dense, "backward", wrong)
    assert main(["check", saved, "--data", "digits"]) == 1
    out = capsys.readouterr().out
    assert "the gradient is wrong in dense1.b, dense2.b" in out
    assert main(["check", saved, "--data", "digits", "--json"]) == 1
    assert not json.loads(capsys.readouterr().out)["ok"]
    assert main(["check", saved, "--data", "xor"]) == 1
    assert capsys.readouterr().err.startswith("clearprop: ")


@cp.value
class _Unfilled(cp.Activation):  # which is in no table
    """Rebinds y instead of filling it, as one does who writes their first layer."""

    def forward(self, xp: Any, w: Any, x: Any, y: Any, memo: Any) -> None:
        y = np.tanh(x)  # noqa: F841

    def slope(self, xp: Any, x: Any, y: Any, dy: Any, dx: Any, memo: Any) -> None:
        xp.square(y, out=dx)
        xp.subtract(1.0, dx, out=dx)
        xp.multiply(dx, dy, out=dx)


def test_a_gradient_that_is_zero_throughout_is_pointed_out() -> None:
    found = cp.check(cp.Model(cp.Network(2, 3, _Unfilled(), 1), cp.SigmoidCrossEntropy()), cp.data.moons())
    assert "dense2.W" in found.notes[0]
    assert "fill its output" in found.notes[0]
    assert not cp.check(cp.Model(cp.Network(2, 3, "tanh", 1), cp.SigmoidCrossEntropy()), cp.data.moons()).notes
