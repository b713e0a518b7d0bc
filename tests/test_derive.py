"""cp.derive: every line of every layer and loss, its equations, its program, and lessons that it has to reproduce."""

import copy
import dataclasses
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import clearprop as cp
from clearprop.arrays.seeds import stream
from clearprop.insight.derivation.derive import Derivation, _executed
from clearprop.insight.derivation.layer_rules import rules_of
from clearprop.insight.derivation.lines import RULES, Line, symbol
from clearprop.insight.derivation.loss_rules import loss_rules_of
from clearprop.insight.derivation.record import Record, record
from clearprop.insight.derivation.steps import PLACEHOLDER, Steps, run
from clearprop.layers.base import Layer
from clearprop.layers.losses import Loss
from clearprop.network.gradient import Workspace, loss_and_gradient
from layer_table import LAYERS, LOSSES, LayerRow, LossRow
from pieces import SAMPLES, problem

EXAMPLES = int(os.environ.get("CLEARPROP_EXAMPLES", "20"))  # more for a longer run
Problem = tuple[cp.Model, cp.Samples]


def of_layer(row: LayerRow, weighted: bool) -> Problem:
    network = cp.Network(4, cp.Dense(row.n), row.layer, cp.Dense(2))
    return problem(network, cp.SquaredError(), "values", weighted=weighted)


def of_loss(row: LossRow, weighted: bool) -> Problem:
    return problem(cp.Network(4, 5, "tanh", row.outputs), row.loss, row.targets, weighted=weighted)


ROWS = [*((of_layer, row) for row in LAYERS), *((of_loss, row) for row in LOSSES)]
EVERY_ROW = pytest.mark.parametrize(("make", "row"), ROWS, ids=lambda value: getattr(value, "id", ""))
EVERY_LAYOUT = pytest.mark.parametrize("layout", ["rows", "columns"])
WEIGHTED = pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])


def library(model: cp.Model, samples: cp.Samples) -> tuple[float, dict[str, Any]]:
    """The loss and the gradients that the library trains with, in float64."""
    theta = model.theta.astype(np.float64)
    work = Workspace(model, len(samples), like=theta, rng=stream(model.seed, "dropout"))
    work.load(model, samples)
    loss = loss_and_gradient(model, theta, work.batch, work)
    return loss, model.network.theta.named(work.gradient)


def assert_program(derivation: Derivation, model: cp.Model, samples: cp.Samples) -> None:
    """The printed program, in a space of its own, gives the loss and the gradients of the library."""
    steps = derivation.steps
    space: dict[str, Any] = dict(derivation.given)
    exec(derivation.program(), space)
    loss, gradients = library(model, samples)
    assert space["loss"] == pytest.approx(loss, rel=1e-10)
    lines = {where[1:]: name for name, where in steps.where.items() if where[0] == "gradient"}
    for slot in model.network.theta:
        mine = steps.as_rows(space[lines[slot.layer, slot.field]]).reshape(slot.shape)
        wanted = gradients[slot.name]
        np.testing.assert_allclose(mine, wanted, rtol=1e-10, atol=1e-10 * max(1.0, np.abs(wanted).max()))


@WEIGHTED
@EVERY_LAYOUT
@EVERY_ROW
def test_each_line_of_each_row(make: Any, row: Any, layout: str, weighted: bool) -> None:
    model, samples = make(row, weighted)
    derivation = cp.derive(model, None, samples, layout=layout, full=True)
    assert derivation, derivation
    assert_program(derivation, model, samples)
    assert_equations(derivation)


def assert_equations(derivation: Derivation) -> None:
    """Every name has a shape and a symbol, every rule its words, and shapes are those of the arrays."""
    steps = derivation.steps
    assert {line.name for line in steps.lines} == derivation.live.keys()
    for line in steps.lines:
        assert {line.name, *line.inputs} <= steps.shapes.keys()
        assert line.rule in RULES
        assert line.latex
        assert not PLACEHOLDER.search(line.latex + line.because + line.code)
        assert all(symbol(name) for name in (line.name, *line.inputs))
        assert line.equation.startswith(symbol(line.name))
        assert derivation.live[line.name].value.shape == shape_of(line)
        assert line.shape == steps.shapes[line.name]


def shape_of(line: Line) -> tuple[int, ...]:
    return tuple(SAMPLES if side == "N" else int(side) for side in line.shape)


def test_each_gradient_was_compared_with_differences() -> None:
    model, samples = of_loss(LOSSES[10], True)
    derivation = cp.derive(model, None, samples, full=True)
    for line in derivation.lines:
        live = derivation.live[line.name]
        assert (live.check is not None) == (line.of is not None)
        if line.part == "forward" and line.name in derivation.steps.where:
            assert live.gap is not None


@st.composite
def problems(draw: st.DrawFn) -> tuple[Problem, str]:
    layers: list[object] = []
    for _ in range(draw(st.integers(0, 3))):
        layers += [draw(st.integers(3, 6)), draw(st.sampled_from(LAYERS)).layer]
    row = draw(st.sampled_from(LOSSES))
    network = cp.Network(draw(st.integers(1, 4)), *layers, row.outputs)
    made = problem(network, row.loss, row.targets, draw(st.integers(0, 9)), weighted=draw(st.booleans()))
    return made, draw(st.sampled_from(["rows", "columns"]))


@settings(max_examples=EXAMPLES, deadline=None)
@given(problems())
def test_whole_networks(made: tuple[Problem, str]) -> None:
    (model, samples), layout = made
    derivation = cp.derive(model, None, samples, layout=layout)
    assert derivation, derivation
    assert_program(derivation, model, samples)


# Rules


@pytest.mark.parametrize("family", [Layer, Loss])
def test_no_kind_is_without_a_rule(family: Any) -> None:
    own = [kind for kind in family.members.values() if kind.__module__.startswith("clearprop.")]
    assert own
    for kind in own:
        blank = object.__new__(kind)
        assert rules_of(blank) if family is Layer else loss_rules_of(blank)


def test_a_kind_of_ones_own_without_a_rule_is_named() -> None:
    class _Cube(Layer):
        def shapes(self, n: int) -> Any:
            return cp.Identity().shapes(n)

        def forward(self, *_: Any) -> None: ...
        def backward(self, *_: Any) -> None: ...

    class _Own(Loss):
        def value_and_gradient(self, *_: Any) -> float:
            return 0.0

    message = "derive: wanted a layer or loss with a rule of derivation, got {}; add its rule to clearprop.insight"
    with pytest.raises(cp.SettingError, match=message.format("_Cube")):
        cp.derive(cp.Network(2, _Cube(), 1), cp.SquaredError())
    with pytest.raises(cp.SettingError, match=message.format("_Own")):
        cp.derive(cp.Network(2, 1), _Own())


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ((cp.SquaredError(), cp.SquaredError()), {}, "a Network or a Model"),
        ((cp.Network(2, 1),), {}, "a loss"),
        ((cp.Model(cp.Network(2, 1), cp.SquaredError()), cp.Huber()), {}, "one loss, the model's"),
        ((cp.Network(2, 1), cp.SquaredError()), {"layout": "row"}, "did you mean rows"),
        ((cp.Network(2, 1), cp.SoftmaxCrossEntropy()), {}, "at least 2 outputs"),
    ],
)
def test_what_cannot_be_derived(arguments: Any, options: Any, says: str) -> None:
    with pytest.raises(cp.ClearpropError, match=says):
        cp.derive(*arguments, **options)


# A derivation with a mistake in it is noticed


def mutants(line: Line) -> Iterator[Line]:
    """The line with each of its factors left out, or what is added to it."""
    for i, factor in enumerate(line.factors if len(line.factors) > 1 else ()):
        rest = line.factors[:i] + line.factors[i + 1 :]
        if line.how == "product":  # ones in its place, as the shapes would not fit
            rest = (*line.factors[:i], f"np.ones_like({factor})", *line.factors[i + 1 :])
        yield dataclasses.replace(line, factors=rest)
    if line.plus:
        yield dataclasses.replace(line, plus=None)


def with_line(steps: Steps, line: Line) -> Steps:
    changed = copy.copy(steps)
    changed.lines = [line if one.name == line.name else one for one in steps.lines]
    return changed


def noticed(found: Record, changed: Steps) -> bool:
    """Whether the derivation is false; differences are asked only where the library's arrays tell nothing."""
    try:
        values = run(changed, found.given, changed.lines)
    except ValueError:  # shapes no longer fit
        return True
    if any(values[line.name].shape != shape_of(line) for line in changed.lines):
        return True
    wanted = found.made | {line.name: values[line.equal] for line in changed.lines if line.equal}
    if any(not np.allclose(values[name], made, rtol=1e-6) for name, made in wanted.items()):
        return True
    given, live = _executed(dataclasses.replace(found, steps=changed), 0)
    return not Derivation(changed, given, live)


@pytest.mark.parametrize(("layout", "weighted"), [("rows", False), ("columns", True)])
@EVERY_ROW
def test_a_factor_left_out_is_noticed(make: Any, row: Any, layout: str, weighted: bool) -> None:
    model, samples = make(row, weighted)
    found = record("derive", model, samples, layout, full=True)
    wrong = [mutant for line in found.steps.lines for mutant in mutants(line)]
    assert len(wrong) > 10
    missed = [mutant.text for mutant in wrong if not noticed(found, with_line(found.steps, mutant))]
    assert missed == []


# Lessons whose numbers are known


def test_lesson_xor_forward() -> None:
    rng, bound = np.random.RandomState(0), np.sqrt(6 / (2 + 1))
    w1, w2 = rng.uniform(-bound, bound, (2, 3)), rng.uniform(-bound, bound, (3, 1))
    network = cp.Network(2, cp.Dense(3, bias=False), "relu", cp.Dense(1, bias=False))
    model = cp.Model(network, cp.SigmoidCrossEntropy(), dtype="float64")
    model.weights["dense1.W"], model.weights["dense2.W"] = w1, w2
    derivation = cp.derive(model, None, ([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]))
    shown = [[0.13806544, 0.60864744, 0.29065872], [0.12694881, -0.21593684, 0.41265087]]
    np.testing.assert_allclose(derivation.given["W1"], shown, atol=5e-9)
    np.testing.assert_allclose(derivation.given["W2"][:, 0], [-0.17653002, 1.10810138, 1.31143633], atol=5e-9)
    outputs = derivation.live["p"].value[:, 0]
    np.testing.assert_allclose(outputs, [0.5, 0.62685661, 0.73715831, 0.78763461], atol=5e-9)


PUZZLE_W = [
    [-0.99425939, -0.90462065, 0.70144063, -0.17468478], [0.48365069, 1.24297392, 1.11278452, -0.70666226],
    [0.03642154, 0.82449719, 0.89398637, -1.24945377], [-0.32258708, 1.13457837, 0.73162431, -0.20000658],
]  # fmt: skip
PUZZLE_B, PUZZLE_A = [-0.36804239, -0.31741067, 0.141857, -0.03714414], [-0.5, 2.0, -1.0, 2.0]


def puzzle() -> Derivation:
    """One layer as columns, W a + b, whose softmax should be class 2."""
    model = cp.Model(cp.Network(4, 4), cp.SoftmaxCrossEntropy(), dtype="float64")
    model.weights["dense1.W"], model.weights["dense1.b"] = np.transpose(PUZZLE_W), PUZZLE_B
    return cp.derive(model, None, ([PUZZLE_A], [2]), layout="columns", full=True)


@pytest.mark.parametrize(("delta", "after"), [("delta_squared", 0.00037060), ("delta1", 2.53e-09)])
def test_lesson_softmax_by_its_own_lines(delta: str, after: float) -> None:
    """Half the squared error after 50 steps with learning rate 1, along the true Jacobian or along p - t."""
    derivation = puzzle()
    steps, now = derivation.steps, dict(derivation.given)
    assert derivation.live["loss_squared"].value == pytest.approx(0.79409052, abs=5e-9)
    for _ in range(50):
        values = run(steps, now, steps.lines)
        values = run(steps, values | {"delta1": values[delta]}, [steps["dW1"], steps["db1"]])
        now |= {"W1": now["W1"] - values["dW1"], "b1": now["b1"] - values["db1"]}
    error = run(steps, now, steps.lines)["loss_squared"]
    assert error == pytest.approx(after, abs=5e-9 if after > 1e-6 else 5e-12)


@pytest.mark.parametrize(("slope", "after"), [(True, 0.00325206), (False, 0.00015029)])
def test_lesson_softmax_by_wrong_rules(slope: bool, after: float) -> None:
    """(p - t) times the number p . (1 - p), or times 1, and delta * a in place of the product: no gradients."""
    steps = puzzle().steps
    w, b, a, t = np.array(PUZZLE_W), np.array(PUZZLE_B), np.array(PUZZLE_A), np.eye(4)[2]
    for step in range(51):
        p = np.exp(w @ a + b) / np.exp(w @ a + b).sum()
        if step == 50:
            break
        delta = (p - t) * (p @ (1 - p) if slope else 1.0)
        w, b = w - delta * a, b - delta
    given = {"x": a[:, None], "t": t[:, None], "W1": w, "b1": b[:, None]}
    assert run(steps, given, steps.lines)["loss_squared"] == pytest.approx(after, abs=5e-9)


def test_lesson_a_small_networks_start() -> None:
    rng = np.random.RandomState(2023)
    b = [rng.standard_normal((2, 1)) for _ in range(2)]
    w = [rng.standard_normal(shape) for shape in [(3, 2), (2, 2)]]
    model = cp.Model(cp.Network(3, 2, "sigmoid", 2), cp.SquaredError(), dtype="float64")
    for i in range(2):
        model.weights[f"dense{i + 1}.W"], model.weights[f"dense{i + 1}.b"] = w[i], b[i][:, 0]
    derivation = cp.derive(model, None, ([[1.0, 0.5, -0.5]], [[0.0, 1.0]]))
    assert derivation
    shown = [[-0.10215984, -1.14129263], [2.65440726, 1.44060519], [0.09890227, -3.12153215]]
    np.testing.assert_allclose(derivation.given["W1"], shown, atol=5e-9)
    np.testing.assert_array_equal(derivation.given["b2"], b[1][:, 0])


def test_lesson_of_one_function() -> None:
    x = sympy.Symbol("x")
    assert sympy.diff(4 * x**3 + 3 * x, x) == 12 * x**2 + 3
    found = cp.check_gradient(lambda x: 4 * x**3 + 3 * x, lambda x: 12 * x**2 + 3, 3.0)
    assert found
    row = found.rows[0]
    assert row.analytic == 111
    assert row.numeric == pytest.approx(111, rel=1e-9)


def test_derivation_without_a_batch_needs_no_sympy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sympy", None)
    derivation = cp.derive(cp.Network(2, 3, "relu", 1), cp.SigmoidCrossEntropy())
    assert derivation
    assert not derivation.live
    assert "dW1 = x.T @ delta1" in derivation.program()
