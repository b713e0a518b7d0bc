"""The very lines that train, run on PyTorch, on array-api-strict and on SymPy symbols."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy

import clearprop as cp
from clearprop.arrays.backend import NUMPY, namespace, symbolic
from clearprop.layers.base import Memo
from clearprop.network.gradient import Workspace, loss_and_gradient
from layer_table import LAYERS, LOSSES, LayerRow, LossRow
from pieces import problem

EVERY_LAYER = pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.id)
EVERY_LOSS = pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.id)


def torch_arrays() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not installed").asarray


def strict_arrays() -> Any:
    return pytest.importorskip("array_api_strict").asarray


EVERY_NAMESPACE = pytest.mark.parametrize("arrays", [torch_arrays, strict_arrays], ids=["torch", "array-api-strict"])


def assert_same(model: cp.Model, samples: cp.Samples, asarray: Any) -> None:
    """Loss, gradient and input gradient are those of NumPy."""
    results = []
    for like in (model.theta, asarray(model.theta)):
        work = Workspace(model, len(samples), like=like, input_gradient=True, rng=np.random.default_rng(2))
        loss = loss_and_gradient(model, like, samples, work)
        results.append((loss, np.asarray(work.gradient), np.asarray(work.deltas[0]), np.asarray(work.state)))
        assert type(work.gradient) is type(like)
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(theirs, mine, rtol=1e-12, atol=1e-14)


@EVERY_NAMESPACE
@EVERY_LAYER
def test_layer_on_other_arrays(row: LayerRow, arrays: Any) -> None:
    model, samples = problem(
        cp.Network(4, cp.Dense(row.n), row.layer, cp.Dense(2)), cp.SquaredError(), "values", weighted=True
    )
    assert_same(model, samples, arrays())


@EVERY_NAMESPACE
@EVERY_LOSS
def test_loss_on_other_arrays(row: LossRow, arrays: Any) -> None:
    model, samples = problem(cp.Network(4, 5, "tanh", row.outputs), row.loss, row.targets)
    assert_same(model, samples, arrays())


@EVERY_NAMESPACE
def test_optimizers_on_other_arrays(arrays: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clearprop.training.optimizer.SWEEP", 2)  # so that three steps have one
    rng = np.random.default_rng(0)
    for optimizer in (cp.SGD(0.1), cp.SGD(0.1, 0.9), cp.SGD(0.1, 0.9, nesterov=True), cp.Adam(0.1)):
        start, gradient = rng.normal(size=40_000), rng.normal(size=40_000)
        mine, theirs, fresh = start.copy(), arrays()(start.copy()), optimizer.fresh()
        for _ in range(3):
            optimizer.step(mine, gradient)
            fresh.step(theirs, arrays()(gradient))
        np.testing.assert_allclose(np.asarray(theirs), mine, rtol=1e-12)


def test_buffers_are_on_the_device_of_theta() -> None:
    """Another device than the default; arrays of two devices cannot be combined."""
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")
    network = cp.Network(4, 6, "tanh", cp.BatchNorm(), cp.Dropout(0.2), 3)
    model, samples = problem(network, cp.SoftmaxCrossEntropy(), "classes", weighted=True)
    theta = strict.asarray(model.theta, device=device)
    work = Workspace(model, len(samples), like=theta, penalties=[cp.L2(0.1), cp.MaxNorm(1.0)])
    optimizer = cp.Adam(0.1, clip_norm=1.0)
    for part in (work, work.first(2)):
        loss_and_gradient(model, theta, samples[: part.size], part)
        optimizer.step(theta, part.gradient)
        part.after_step()
    assert theta.device == work.gradient.device == device


# SymPy: the backward pass is the derivative of the forward pass, for all values


def exactly(expression: Any) -> Any:
    """The expression with the few decimal constants of the code as the numbers they stand for."""
    roots = [sympy.sqrt(2) / 2, 1 / sympy.sqrt(2 * sympy.pi)]

    def exact(decimal: Any) -> Any:
        near = [root for root in roots if abs(root.evalf() - decimal) < 1e-15]
        return near[0] if near else sympy.nsimplify(decimal, rational=True, tolerance=1e-15)

    return expression.xreplace({decimal: exact(decimal) for decimal in expression.atoms(sympy.Float)})


def assert_zero(expression: Any) -> None:
    expression = exactly(sympy.sympify(expression).doit())
    assert sympy.simplify(expression) == 0, expression


def symbols(name: str, shape: tuple[int, ...], sign: str = "real") -> Any:
    names = np.empty(shape, object)
    for place in np.ndindex(shape):
        names[place] = sympy.Symbol("_".join([name, *map(str, place)]), **{sign: True})
    return names


@pytest.mark.parametrize("sign", ["positive", "negative"])
@pytest.mark.parametrize("training", [True, False], ids=["training", "predicting"])
@EVERY_LAYER
def test_backward_is_the_derivative_of_forward(row: LayerRow, training: bool, sign: str) -> None:
    """With L = sum of y dy, the layer's dx and dw are dL/dx and dL/dw: one side of a kink at zero at a time."""
    xp, samples = symbolic(), 2
    n = 2 if isinstance(row.layer, (cp.Dense, cp.LayerNorm)) else 1
    shapes = row.layer.shapes(n)
    x, dy = symbols("x", (samples, n), sign), symbols("d", (samples, shapes.width))
    w = SimpleNamespace(**{name: symbols(name, shape) for name, shape in shapes.parameters.items()})
    dw = SimpleNamespace(**{name: np.zeros(shape, object) for name, shape in shapes.parameters.items()})
    y, dx = np.zeros((samples, shapes.width), object), np.zeros((samples, n), object)
    scratch = {name: np.zeros((samples, width), object) for name, width in shapes.scratch.items()}
    kept = {name: symbols(name, shape, "positive") for name, shape in (*shapes.state.items(), *shapes.fixed.items())}
    memo = Memo(training=training, rng=np.random.default_rng(0), **scratch, **kept)
    row.layer.forward(xp, w, x, y, memo)
    loss = sum((y * dy).flat)
    row.layer.backward(xp, w, x, y, dy, dx, dw, memo)
    for variables, gradient in [(x, dx), *[(getattr(w, name), getattr(dw, name)) for name in shapes.parameters]]:
        for place in np.ndindex(variables.shape):
            assert_zero(sympy.diff(loss, variables[place]) - gradient[place])


@pytest.mark.parametrize("sign", ["positive", "negative"])
@EVERY_LOSS
def test_loss_gradient_is_the_derivative_of_its_value(row: LossRow, sign: str) -> None:
    """dz = dL/dz with weights for the samples; z - t lies on one side of every kink at a time."""
    xp, samples, k = symbolic(), 2, min(row.outputs, 2)
    z = symbols("z", (samples, k), sign)
    if row.loss.kinks:
        error = {"positive": sympy.Rational(1, 5), "negative": -sympy.Rational(7, 2)}[sign]
        t = z - error  # inside delta, and outside
        z_free, t_free = symbols("z", (samples, k)), symbols("t", (samples, k))
    else:
        z_free, t_free, t = z, None, symbols("t", (samples, k))
    if isinstance(row.loss, cp.SoftmaxCrossEntropy):
        t[:, -1] = 1 - t[:, :-1].sum(axis=1)  # probabilities
    share = symbols("s", (samples, 1), "positive")
    memo = Memo(**{name: np.zeros((samples, width), object) for name, width in row.loss.scratch(k).items()})
    dz = np.zeros((samples, k), object)
    if t_free is None:
        value = row.loss.value_and_gradient(xp, z, t, share, dz, memo)
        for place in np.ndindex(z.shape):
            assert_zero(sympy.diff(value, z[place]) - dz[place])
        return
    value = row.loss.value_and_gradient(xp, z_free, t_free, share, dz, memo)
    at = dict(zip([*z_free.flat, *t_free.flat], [*([error] * z.size), *([0] * z.size)], strict=True))
    for place in np.ndindex(z_free.shape):
        difference = sympy.diff(value, z_free[place]) - dz[place]
        assert_zero(difference.subs(at))


def test_namespaces() -> None:
    assert namespace(np.zeros(2)) is NUMPY
    assert namespace(np.array([sympy.Symbol("a")])) is symbolic()
    assert namespace(strict_arrays()([1.0])).name == "array_api_strict"


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "array_api_compat", None)
    with pytest.raises(cp.MissingExtra, match=r'pip install "clearprop\[array\]"'):
        namespace([1.0])
