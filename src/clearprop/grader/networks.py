"""Exercises: the gradients of whole networks. The doctor's catalogue knows what goes wrong in them."""

from itertools import pairwise

import numpy as np

from clearprop.grader.exercise import Call, Exercise, Floats, Rng, Wrong
from clearprop.grader.losses import one_hot
from clearprop.layers.activations import ReLU, Tanh
from clearprop.layers.dense import Dense
from clearprop.layers.losses import SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError
from clearprop.network.model import Model
from clearprop.network.network import Network

NEAR = 0.02  # of a kink


def _parameters(rng: Rng, *widths: int) -> dict[str, Floats]:
    """W1, b1, W2, b2, ... of random numbers."""
    found: dict[str, Floats] = {}
    for i, (n, k) in enumerate(pairwise(widths), 1):
        found |= {f"W{i}": rng.normal(size=(n, k)), f"b{i}": rng.normal(size=k) * 0.5}
    return found


def _samples(rng: Rng) -> int:
    return int(rng.choice([7, 8, 11]))  # unlike any width


def _logistic(rng: Rng) -> list[Call]:
    n = _samples(rng)
    t = rng.permutation(np.arange(n) % 2).astype(np.float64)[:, None]
    return [Call("backward", {"x": rng.normal(size=(n, 5)), "t": t, **_parameters(rng, 5, 1)})]


def _two(rng: Rng) -> list[Call]:
    n = _samples(rng)
    return [Call("backward", {"x": rng.normal(size=(n, 3)), "t": one_hot(rng, n, 4), **_parameters(rng, 3, 5, 4)})]


def _three(rng: Rng) -> list[Call]:
    n = _samples(rng)
    while True:
        w = _parameters(rng, 4, 6, 5, 2)
        x = rng.normal(size=(n, 4))
        z1 = x @ w["W1"] + w["b1"]
        z2 = np.maximum(z1, 0) @ w["W2"] + w["b2"]
        if min(np.abs(z1).min(), np.abs(z2).min()) > NEAR:
            return [Call("backward", {"x": x, "t": rng.normal(size=(n, 2)), **w})]


LOGISTIC = Exercise(
    "logistic-regression", "Logistic regression, backward",
    "One output with a sigmoid, and cross-entropy for targets 0 and 1, mean over the samples. Make the gradients of W1 "
    "and b1; the derivative of the sigmoid cancels against that of the loss.",
    (
        "p = sigmoid(x @ W1 + b1)",
        "delta = (p - t) / N, of shape (N, 1)",
        "dW1 = x.T @ delta, and db1 sums delta over the batch.",
    ),
    '''
def backward(x, t, W1, b1):
    """x (N, n), t (N, 1) of 0 and 1, W1 (n, 1), b1 (1,) -> dW1 (n, 1), db1 (1,)."""
    p = 1 / (1 + np.exp(-(x @ W1 + b1)))
    delta = (p - t) / len(x)
    dW1 = x.T @ delta
    db1 = delta.sum(axis=0)
    return dW1, db1
''',
    {"backward": ("dW1", "db1")}, _logistic,
    (
        Wrong("no 1/N", "(p - t) / len(x)", "p - t"),
        Wrong("wrong sign", "(p - t) / len(x)", "(t - p) / len(x)"),
        Wrong("derivative of the link kept with cross-entropy", "(p - t) / len(x)", "(p - t) * p * (1 - p) / len(x)"),
        Wrong("(N,) against (N, 1)", "(p - t) / len(x)", "(p - t.T).mean(axis=1, keepdims=True) / len(x)"),
        Wrong("1/N twice", "dW1 = x.T @ delta", "dW1 = x.T @ delta / len(x)"),
        Wrong("1/N twice", "db1 = delta.sum(axis=0)", "db1 = delta.mean(axis=0)"),
        Wrong("no bias in the forward pass", "x @ W1 + b1", "x @ W1"),
        Wrong("link applied twice", "p = 1 / (1 + np.exp(-(x @ W1 + b1)))",
              "p = 1 / (1 + np.exp(-1 / (1 + np.exp(-(x @ W1 + b1)))))"),
        Wrong("missing transpose", "x.T @ delta", "(x.T @ delta).T"),
        Wrong("bias gradient not summed over the batch", "delta.sum(axis=0)", "delta"),
        Wrong("bias gradient times something", "delta.sum(axis=0)", "delta.sum(axis=0) * b1"),
        Wrong("results in another order", "return dW1, db1", "return db1, dW1"),
    ),
    model=lambda: Model(Network(5, 1), SigmoidCrossEntropy(), dtype="float64"),
)  # fmt: skip

TWO_LAYERS = Exercise(
    "two-layers", "Backward through two layers",
    "z1 = x @ W1 + b1, a1 = tanh(z1), z2 = a1 @ W2 + b2, p = softmax(z2), and the loss is the mean cross-entropy of p "
    "and t. Make the gradients of all four parameters.",
    (
        "Forward first, and keep a1: it is needed again.",
        "delta2 = (p - t) / N: softmax and cross-entropy together.",
        "dW2 = a1.T @ delta2 and db2 = delta2.sum(axis=0).",
        "delta1 = (delta2 @ W2.T) * (1 - a1**2), and then as before with x in the place of a1.",
    ),
    '''
def backward(x, t, W1, b1, W2, b2):
    """x (N, 3), t (N, 4) one-hot, W1 (3, 5), b1 (5,), W2 (5, 4), b2 (4,) -> dW1, db1, dW2, db2, shaped alike."""
    z1 = x @ W1 + b1
    a1 = np.tanh(z1)
    e = np.exp(a1 @ W2 + b2)
    p = e / e.sum(axis=1, keepdims=True)
    delta2 = (p - t) / len(x)
    dW2 = a1.T @ delta2
    db2 = delta2.sum(axis=0)
    delta1 = (delta2 @ W2.T) * (1 - a1**2)
    dW1 = x.T @ delta1
    db1 = delta1.sum(axis=0)
    return dW1, db1, dW2, db2
''',
    {"backward": ("dW1", "db1", "dW2", "db2")}, _two,
    (
        Wrong("no 1/N", "(p - t) / len(x)", "p - t"),
        Wrong("wrong sign", "(p - t) / len(x)", "(t - p) / len(x)"),
        Wrong("derivative of the link kept with cross-entropy", "(p - t) / len(x)", "(p - t) * p * (1 - p) / len(x)"),
        Wrong("softmax over the batch", "e.sum(axis=1, keepdims=True)", "e.sum(axis=0)"),
        Wrong("labels off by one", "(p - t) / len(x)", "(p - np.roll(t, 1, axis=1)) / len(x)"),
        Wrong("1/N twice", "dW2 = a1.T @ delta2", "dW2 = a1.T @ delta2 / len(x)"),
        Wrong("1/N twice", "(delta2 @ W2.T) *", "(delta2 @ W2.T) / len(x) *"),
        Wrong("derivative of the activation missing", " * (1 - a1**2)", ""),
        Wrong("derivative at the wrong place", "1 - a1**2", "1 - z1**2"),
        Wrong("derivative times z", "(1 - a1**2)", "(1 - a1**2) * z1"),
        Wrong("derivative of another activation", "1 - a1**2", "a1 * (1 - a1)"),
        Wrong("dW from z instead of a", "a1.T @ delta2", "z1.T @ delta2"),
        Wrong("dW from the layer's own output", "x.T @ delta1", "a1.T @ delta1"),
        Wrong("weights updated before they are used", "delta2 @ W2.T", "delta2 @ (W2 - 0.1 * dW2).T"),
        Wrong("missing transpose", "dW2 = a1.T @ delta2", "dW2 = (a1.T @ delta2).T"),
        Wrong("missing transpose", "delta2 @ W2.T", "delta2 @ W2"),
        Wrong("bias gradient not summed over the batch", "db1 = delta1.sum(axis=0)", "db1 = delta1"),
        Wrong("bias gradient summed over the wrong axis", "db2 = delta2.sum(axis=0)", "db2 = delta2.sum(axis=1)"),
        Wrong("bias gradient summed over the wrong axis", "db1 = delta1.sum(axis=0)", "db1 = delta1.sum()"),
        Wrong("no bias in the forward pass", "x @ W1 + b1", "x @ W1"),
        Wrong("results in another order", "return dW1, db1, dW2, db2", "return dW2, db2, dW1, db1"),
    ),
    model=lambda: Model(Network(3, Dense(5), Tanh(), Dense(4)), SoftmaxCrossEntropy(), dtype="float64"),
)  # fmt: skip

THREE_LAYERS = Exercise(
    "three-layers", "Backward through three layers",
    "Three dense layers with ReLU after the first two, and the loss: half the squared distance of z3 and t, summed "
    "over the outputs, mean over the samples. Make the gradients of all six parameters.",
    (
        "delta3 = (z3 - t) / N.",
        "One step back: delta2 = (delta3 @ W3.T) * (z2 > 0), and the same again for delta1.",
        "Each dW is the layer's input, transposed, times its delta: x, a1 and a2.",
    ),
    '''
def backward(x, t, W1, b1, W2, b2, W3, b3):
    """x (N, 4), t (N, 2), W1 (4, 6), W2 (6, 5), W3 (5, 2), b1 (6,) ... -> dW1, db1, dW2, db2, dW3, db3."""
    z1 = x @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    a2 = np.maximum(z2, 0)
    z3 = a2 @ W3 + b3
    delta3 = (z3 - t) / len(x)
    delta2 = (delta3 @ W3.T) * (z2 > 0)
    delta1 = (delta2 @ W2.T) * (z1 > 0)
    dW1, dW2, dW3 = x.T @ delta1, a1.T @ delta2, a2.T @ delta3
    db1, db2, db3 = delta1.sum(axis=0), delta2.sum(axis=0), delta3.sum(axis=0)
    return dW1, db1, dW2, db2, dW3, db3
''',
    {"backward": ("dW1", "db1", "dW2", "db2", "dW3", "db3")}, _three,
    (
        Wrong("no 1/N", "(z3 - t) / len(x)", "z3 - t"),
        Wrong("wrong divisor", "(z3 - t) / len(x)", "(z3 - t) / t.size"),
        Wrong("wrong sign", "(z3 - t) / len(x)", "(t - z3) / len(x)"),
        Wrong("derivative of the activation missing", " * (z2 > 0)", ""),
        Wrong("derivative of the activation missing", " * (z1 > 0)", ""),
        Wrong("derivative times z", "(z2 > 0)", "(z2 > 0) * z2"),
        Wrong("dW from z instead of a", "a1.T @ delta2", "z1.T @ delta2"),
        Wrong("dW from the layer's own output", "a1.T @ delta2", "a2.T @ delta2"),
        Wrong("1/N twice", "a2.T @ delta3", "a2.T @ delta3 / len(x)"),
        Wrong("missing transpose", "x.T @ delta1", "(x.T @ delta1).T"),
        Wrong("bias gradient not summed over the batch", "delta3.sum(axis=0)", "delta3"),
        Wrong("no bias in the forward pass", "a1 @ W2 + b2", "a1 @ W2"),
        Wrong("results in another order", "return dW1, db1, dW2, db2, dW3, db3",
              "return dW3, db3, dW2, db2, dW1, db1"),
    ),
    model=lambda: Model(Network(4, Dense(6), ReLU(), Dense(5), ReLU(), Dense(2)), SquaredError(), dtype="float64"),
)  # fmt: skip
