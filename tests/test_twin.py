"""Gradients equal those of libraries that no one here wrote: HIPS autograd, and scikit-learn's MLP."""

import autograd
import autograd.numpy as anp
import autograd.scipy.special as special
import numpy as np
import pytest
from scipy.special import xlogy
from sklearn.neural_network import MLPClassifier, MLPRegressor

import clearprop as cp
from layer_table import LAYERS, LOSSES, LayerRow, LossRow
from pieces import SAMPLES, problem


def softplus(x):
    return anp.logaddexp(0.0, x)


def normalized(x, axis, epsilon):
    centered = x - anp.mean(x, axis=axis, keepdims=True)
    return centered / anp.sqrt(anp.mean(centered**2, axis=axis, keepdims=True) + epsilon)


FORWARD = {
    cp.Dense: lambda layer, w, x, memo: anp.dot(x, w["W"]) + w.get("b", 0.0),
    cp.Identity: lambda layer, w, x, memo: x,
    cp.Sigmoid: lambda layer, w, x, memo: 1 / (1 + anp.exp(-x)),
    cp.Tanh: lambda layer, w, x, memo: anp.tanh(x),
    cp.ReLU: lambda layer, w, x, memo: anp.where(x > 0, x, 0.0),
    cp.LeakyReLU: lambda layer, w, x, memo: anp.where(x > 0, x, layer.negative_slope * x),
    cp.ELU: lambda layer, w, x, memo: anp.where(x > 0, x, layer.alpha * (anp.exp(x) - 1)),
    cp.GELU: lambda layer, w, x, memo: x * 0.5 * (1 + special.erf(x / anp.sqrt(2.0))),
    cp.SiLU: lambda layer, w, x, memo: x / (1 + anp.exp(-x)),
    cp.Softplus: lambda layer, w, x, memo: softplus(x),
    cp.Softsign: lambda layer, w, x, memo: x / (1 + anp.abs(x)),
    cp.Dropout: lambda layer, w, x, memo: x * memo.mask,
    cp.BatchNorm: lambda layer, w, x, memo: w["gamma"] * normalized(x, 0, layer.epsilon) + w["beta"],
    cp.LayerNorm: lambda layer, w, x, memo: w["gamma"] * normalized(x, 1, layer.epsilon) + w["beta"],
}

LOSS = {
    cp.SquaredError: lambda loss, z, t: 0.5 * anp.sum((z - t) ** 2, axis=1),
    cp.MeanSquaredError: lambda loss, z, t: anp.mean((z - t) ** 2, axis=1),
    cp.MeanAbsoluteError: lambda loss, z, t: anp.mean(anp.abs(z - t), axis=1),
    cp.Huber: lambda loss, z, t: anp.mean(
        anp.where(anp.abs(z - t) <= loss.delta, 0.5 * (z - t) ** 2, loss.delta * (anp.abs(z - t) - 0.5 * loss.delta)),
        axis=1,
    ),
    cp.Poisson: lambda loss, z, t: anp.sum(xlogy(t, t) - t * z - t + anp.exp(z), axis=1),
    cp.SoftmaxCrossEntropy: lambda loss, z, t: (
        -anp.sum(
            ((1 - loss.label_smoothing) * t + loss.label_smoothing / t.shape[1])
            * (z - anp.log(anp.sum(anp.exp(z), axis=1, keepdims=True))),
            axis=1,
        )
    ),
    cp.SigmoidCrossEntropy: lambda loss, z, t: anp.sum(softplus(z) - t * z, axis=1),
}


def rows(t: np.ndarray, outputs: int) -> np.ndarray:
    if t.ndim == 1:
        return np.eye(outputs)[t] if outputs > 1 else t[:, None].astype(float)
    return t


def assert_twin(model: cp.Model, samples: cp.Samples) -> None:
    work = cp.Workspace(model, len(samples), input_gradient=True, rng=np.random.default_rng(1))
    value = cp.loss_and_gradient(model, model.theta, samples, work)
    weight = samples.weight / samples.weight.sum()

    def loss(theta, x):
        for i, layer in enumerate(model.network.layers):
            slots = [slot for slot in model.network.theta if slot.layer == i]
            w = {slot.field: anp.reshape(theta[slot.start : slot.stop], slot.shape) for slot in slots}
            x = FORWARD[type(layer)](layer, w, x, work.memos[i])
        return anp.sum(weight * LOSS[type(model.loss)](model.loss, x, rows(samples.t, model.network.outputs)))

    assert value == pytest.approx(loss(model.theta, samples.x), rel=1e-12)
    d_theta, d_x = autograd.grad(loss, (0, 1))(model.theta.copy(), samples.x)
    np.testing.assert_allclose(work.gradient, d_theta, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(work.deltas[0], d_x, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.id)
def test_layers_against_autograd(row: LayerRow) -> None:
    network = cp.Network(4, cp.Dense(row.n), row.layer, cp.Dense(3))
    assert_twin(*problem(network, cp.SoftmaxCrossEntropy(), "classes", weighted=True))


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.id)
def test_losses_against_autograd(row: LossRow) -> None:
    assert_twin(*problem(cp.Network(4, 5, "tanh", row.outputs), row.loss, row.targets, weighted=True))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("outputs", [1, 3], ids=["two classes", "three classes"])
def test_classifier_against_scikit_learn(activation: str, outputs: int) -> None:
    name = "sigmoid" if activation == "logistic" else activation
    loss = cp.SoftmaxCrossEntropy() if outputs > 1 else cp.SigmoidCrossEntropy()
    assert_scikit(MLPClassifier(activation=activation), cp.Network(4, 5, name, 3, name, outputs), loss, "classes")


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize(
    ("name", "loss", "kind"),
    [("squared_error", cp.SquaredError(), "values"), ("poisson", cp.Poisson(), "probabilities")],
    ids=["squared error", "Poisson"],
)
def test_regressor_against_scikit_learn(name: str, loss: cp.Loss, kind: str, outputs: int) -> None:
    theirs = MLPRegressor(name, activation="tanh")
    assert_scikit(theirs, cp.Network(4, 5, "tanh", 3, "tanh", outputs), loss, kind)


def assert_scikit(theirs, network: cp.Network, loss: cp.Loss, kind: str) -> None:
    """One step of plain SGD by scikit-learn moves the weights by the rate times our gradient."""
    model, samples = problem(network, loss, kind)
    rate, t = 1e-3, samples.t if samples.t.ndim == 1 or samples.t.shape[1] > 1 else samples.t[:, 0]
    theirs.set_params(
        hidden_layer_sizes=(5, 3), solver="sgd", learning_rate_init=rate, momentum=0.0, alpha=0.0,
        batch_size=SAMPLES, max_iter=1, shuffle=False,
    )  # fmt: skip
    if kind == "classes":
        theirs.partial_fit(samples.x, t, classes=range(max(network.outputs, 2)))
    else:
        theirs.partial_fit(samples.x, t)
    for i in range(3):
        theirs.coefs_[i][...] = model.weights[f"dense{i + 1}.W"]
        theirs.intercepts_[i][...] = model.weights[f"dense{i + 1}.b"]
    theirs.partial_fit(samples.x, t)
    gradients = model.gradients(samples.x, samples.t)
    for i in range(3):
        moved = (model.weights[f"dense{i + 1}.W"] - theirs.coefs_[i]) / rate
        np.testing.assert_allclose(moved, gradients[f"dense{i + 1}.W"], rtol=1e-8, atol=1e-10)
        moved = (model.weights[f"dense{i + 1}.b"] - theirs.intercepts_[i]) / rate
        np.testing.assert_allclose(moved, gradients[f"dense{i + 1}.b"], rtol=1e-8, atol=1e-10)
