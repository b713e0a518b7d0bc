"""Exercises: activations, forward and backward."""

import numpy as np

from clearprop.grader.exercise import Call, Exercise, Floats, Rng, Wrong


def away(rng: Rng, *shape: int) -> Floats:
    """Normal numbers that keep away from 0, where ReLU has its kink."""
    return rng.choice([-1.0, 1.0], shape) * (0.05 + np.abs(rng.normal(size=shape)))


def sizes(rng: Rng, count: int = 3) -> list[int]:
    """Sizes from 4 to 9, each another one, so that no array is square."""
    return [int(one) for one in rng.permutation(np.arange(4, 10))[:count]]


def _sigmoid(rng: Rng) -> list[Call]:
    n, k, _ = sizes(rng)
    x, dy = rng.normal(size=(n, k)), rng.normal(size=(n, k))
    far = np.array([[-800.0, 800.0, 0.5]])
    return [Call("sigmoid", {"x": x}), Call("sigmoid", {"x": far}), Call("sigmoid_backward", {"x": x, "dy": dy})]


def _relu(rng: Rng) -> list[Call]:
    n, k, _ = sizes(rng)
    x = away(rng, n, k)
    return [Call("relu", {"x": x}), Call("relu_backward", {"x": x, "dy": away(rng, n, k)})]


SIGMOID = Exercise(
    "sigmoid", "Sigmoid and its derivative",
    "The sigmoid squeezes any number into 0..1. Write it for a whole array at once, and its backward pass: from "
    "dy = dL/dy, how much the loss L changes with each y, make dx = dL/dx. The chain rule: dL/dx = dL/dy dy/dx.",
    (
        "sigmoid(x) = 1 / (1 + e^-x); np.exp works on whole arrays.",
        "Its derivative can be written with its own result: y (1 - y).",
        "dx = dy * y * (1 - y), where y = sigmoid(x).",
    ),
    '''
def sigmoid(x):
    """x (N, n) -> 1 / (1 + e^-x), element by element (N, n)."""
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(x, dy):
    """x (N, n), dy (N, n) = dL/dy for y = sigmoid(x) -> dL/dx (N, n)."""
    y = sigmoid(x)
    return dy * y * (1 - y)
''',
    {"sigmoid": ("y",), "sigmoid_backward": ("dx",)}, _sigmoid,
    (
        Wrong("sign in the exponent", "1 / (1 + np.exp(-x))", "1 / (1 + np.exp(x))"),
        Wrong("overflow in exp", "1 / (1 + np.exp(-x))", "np.exp(x) / (1 + np.exp(x))"),
        Wrong("applied twice", "y = sigmoid(x)\n", "y = sigmoid(sigmoid(x))\n"),
        Wrong("derivative of the activation missing", "dy * y * (1 - y)", "dy"),
        Wrong("upstream gradient missing", "dy * y * (1 - y)", "y * (1 - y)"),
        Wrong("derivative at the wrong place", "dy * y * (1 - y)", "dy * x * (1 - x)"),
        Wrong("derivative times z", "dy * y * (1 - y)", "dy * y * (1 - y) * x"),
        Wrong("derivative of another activation", "dy * y * (1 - y)", "dy * (1 - y**2)"),
        Wrong("wrong sign", "dy * y * (1 - y)", "dy * y * (y - 1)"),
    ),
)  # fmt: skip

RELU = Exercise(
    "relu", "ReLU and its derivative",
    "The rectifier keeps what is above zero and sets the rest to zero. Its slope is 1 above zero and 0 below; the "
    "backward pass lets dy through where x was above zero.",
    (
        "np.maximum compares element by element.",
        "x > 0 is an array of True and False, which count as 1 and 0 in a product.",
    ),
    '''
def relu(x):
    """x (N, n) -> the larger of x and 0, element by element (N, n)."""
    return np.maximum(x, 0)


def relu_backward(x, dy):
    """x (N, n), dy (N, n) = dL/dy for y = relu(x) -> dL/dx (N, n)."""
    return dy * (x > 0)
''',
    {"relu": ("y",), "relu_backward": ("dx",)}, _relu,
    (
        Wrong("absolute value", "np.maximum(x, 0)", "np.abs(x)"),
        Wrong("derivative of the activation missing", "dy * (x > 0)", "dy"),
        Wrong("upstream gradient missing", "dy * (x > 0)", "1.0 * (x > 0)"),
        Wrong("mask of the wrong side", "dy * (x > 0)", "dy * (x < 0)"),
        Wrong("mask from the gradient", "dy * (x > 0)", "dy * (dy > 0)"),
        Wrong("derivative times z", "dy * (x > 0)", "dy * (x > 0) * x"),
        Wrong("inputs changed", "return dy * (x > 0)", "dy[x < 0] = 0\n    return dy"),
    ),
)  # fmt: skip
