"""cp.diagnose on a single layer, as it is written: W and b without a number, one sample at a time, softmax."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import clearprop as cp

LAYER = cp.Model(cp.Network(4, 3, "sigmoid"), cp.SquaredError(), dtype="float64")
PUZZLE = cp.Model(cp.Network(4, 4), cp.SoftmaxCrossEntropy(), dtype="float64")
DEEP = cp.Model(cp.Network(3, 4, "tanh", 2, "tanh"), cp.SquaredError())


def sigmoid(Z: Any) -> Any:
    return 1 / (1 + np.exp(-Z))


def softmax(Z: Any, axis: int = -1) -> Any:
    E = np.exp(Z - Z.max(axis=axis, keepdims=True))
    return E / E.sum(axis=axis, keepdims=True)


def names(found: Any) -> list[list[str]]:
    return [[one.title for one in alternative] for alternative in found.findings]


# names without a number


def by_letters(X, T, W, b):
    A = sigmoid(X @ W + b)
    dZ = (A - T) / len(X) * A * (1 - A)
    return X.T @ dZ, dZ.sum(axis=0)


def by_words(x, target, weights, bias):
    return by_letters(x, target, weights, bias)


def by_plural_words(x, target, weights, biases):
    return by_letters(x, target, weights, biases)


def by_lists(x, target, weights, biases):
    return by_letters(x, target, weights[0], biases[0])


def by_lower_case(x, y, w, b, z, a):
    assert np.allclose(a, sigmoid(z))
    dz = (a - y) / len(x) * a * (1 - a)
    return {"dw": x.T @ dz, "db": dz.sum(axis=0)}


def by_what_comes_in(X, W, b, dZ):
    return {"W": X.T @ dZ, "b": dZ.sum(axis=0)}


def by_keys(params, X, Y):
    return by_letters(X, Y, params["W"], params["b"])


def by_numbered_keys(params, X, Y):
    dW, db = by_letters(X, Y, params["W1"], params["b1"])
    return {f"d{key}": {"W1": dW, "b1": db}[key] for key in params}


def by_cache(cache, Y):
    dZ = (cache["A"] - Y) / len(Y) * cache["A"] * (1 - cache["A"])
    return cache["X"].T @ dZ, dZ.sum(axis=0)


class ByAttributes:
    def __init__(self):
        self.W, self.b = np.zeros((4, 3)), np.zeros(3)

    def forward(self, X):
        self.X = X
        self.A = sigmoid(X @ self.W + self.b)

    def backward(self, y):
        self.dW, self.db = by_letters(self.X, y, self.W, self.b)


CODES = [by_letters, by_words, by_plural_words, by_lists, by_lower_case, by_what_comes_in, by_keys, by_numbered_keys,
         by_cache, ByAttributes]  # fmt: skip


@pytest.mark.parametrize("backward", CODES)
def test_one_layer_needs_no_number(backward: Any) -> None:
    found = cp.diagnose(LAYER, backward=backward)
    assert found.verdict == "correct", str(found)
    assert not found.notes


def test_what_is_said_is_in_the_names_of_one_layer() -> None:
    def backward(X, Y, W, b):
        A = sigmoid(X @ W + b)
        delta = (A - Y) / len(X)
        return X.T @ (delta * A * (1 - A)), (delta * A * (1 - A)).sum(axis=1)

    found = cp.diagnose(LAYER, backward=backward)
    assert str(found).startswith("One mistake, in db (layer 1 of 2): bias gradient summed over the wrong axis (over ")
    assert found.findings[0][0].formulas[0].right == "np.sum(delta, axis=0)"


def test_forward_of_one_layer() -> None:
    assert cp.diagnose(LAYER, forward=lambda X, W, b: sigmoid(X @ W + b)).verdict == "correct"
    assert cp.diagnose(LAYER, forward=lambda X, W, b: (sigmoid(X @ W + b), {"Z": X @ W + b})).right == ("z1", "a1")
    assert names(cp.diagnose(LAYER, forward=lambda X, W, b: sigmoid(X @ W))) == [["no bias in the forward pass"]]


def test_step_of_one_layer() -> None:
    def step(X, T, W, b, rate):
        dW, db = by_letters(X, T, W, b)
        return W - rate * dW, b - rate * db

    assert cp.diagnose(LAYER, step=step).verdict == "correct"
    climbing = cp.diagnose(LAYER, step=lambda X, T, W, b, rate: step(X, T, W, b, -rate))
    assert ["wrong sign (everywhere)"] in names(climbing)


UPDATES: list[Callable[..., Any]] = [
    lambda W, b, dW, db, lr: (W - lr * dW, b - lr * db),
    lambda w, b, dw, db, lr: (w - lr * dw, b - lr * db),
    lambda weights, bias, dW, db, lr: (weights - lr * dW, bias - lr * db),
    lambda params, grads, lr: {key: params[key] - lr * grads[f"d{key}"] for key in ("W", "b")},
    lambda params, grads, lr: {key: params[key] - lr * grads[f"d{key}"] for key in params},
    lambda theirs, slopes, speed: {key: theirs[key] - speed * slopes[key] for key in theirs},
]


@pytest.mark.parametrize("update", UPDATES, ids=range(len(UPDATES)))
def test_update_of_one_layer(update: Any) -> None:
    found = cp.diagnose(LAYER, update=update)
    assert found.verdict == "correct", str(found)


def test_a_wrong_update_of_one_layer() -> None:
    def update(W, b, dW, db, lr):
        W -= lr * dW
        db = b - lr * db

    found = cp.diagnose(LAYER, update=update)
    assert str(found).startswith("One mistake, in the update of b: parameter never updated.")
    assert found.findings[0][0].formulas[0].line is not None
    assert found.findings[0][0].formulas[0].line[1] == "db = b - lr * db"


@pytest.mark.parametrize(
    ("part", "code", "advice"),
    [
        ("update", "lambda swirl, W, b, lr: 0", "update=lambda params, grads, lr: yours(...)"),
        ("step", "lambda swirl, W, b, lr: 0", "step=lambda x, y, W1, b1, lr: yours(...)"),
        ("forward", "lambda swirl: 0", "forward=lambda x, W1, b1: yours(...)"),
        ("backward", "lambda swirl: 0", "backward=lambda x, y, W1, b1: yours(...)"),
    ],
)
def test_the_advice_is_about_the_part_that_was_given(part: str, code: str, advice: str) -> None:
    with pytest.raises(cp.SettingError) as error:
        cp.diagnose(LAYER, **{part: eval(code)})
    assert str(error.value).endswith(f"got the argument swirl; wrap it: {advice}")


def test_gradients_of_one_layer() -> None:
    x, t = np.random.default_rng(0).normal(size=(9, 4)), np.random.default_rng(1).uniform(size=(9, 3))
    dW, db = (np.array(one) for one in LAYER.gradients(x, t).values())
    assert cp.diagnose(LAYER, (x, t), gradients={"dW": dW, "db": db}).verdict == "correct"
    assert ["wrong sign"] in names(cp.diagnose(LAYER, (x, t), gradients={"dW": -dW, "db": db}))


def test_several_layers_still_have_lists_and_numbers() -> None:
    def step(x, y, weights, biases, lr):
        A1 = np.tanh(x @ weights[0] + biases[0])
        A2 = np.tanh(A1 @ weights[1] + biases[1])
        d2 = (A2 - y) / len(x) * (1 - A2**2)
        d1 = d2 @ weights[1].T * (1 - A1**2)
        weights[0] = weights[0] - lr * x.T @ d1
        weights[1] -= lr * A1.T @ d2
        return weights, [biases[0] - lr * d1.sum(0), biases[1] - lr * d2.sum(0)]

    assert cp.diagnose(DEEP, step=step).verdict == "correct"
    with pytest.raises(cp.SettingError, match="got the argument db"):
        cp.diagnose(DEEP, update=lambda W, b, dW, db, lr: 0)


def test_a_step_that_puts_new_arrays_in_the_dict() -> None:
    def step(params, x, y, lr):
        A1 = np.tanh(x @ params["W1"] + params["b1"])
        A2 = np.tanh(A1 @ params["W2"] + params["b2"])
        d2 = (A2 - y) / len(x) * (1 - A2**2)
        d1 = d2 @ params["W2"].T * (1 - A1**2)
        for key, slope in {"W1": x.T @ d1, "b1": d1.sum(0), "W2": A1.T @ d2, "b2": d2.sum(0)}.items():
            params[key] = params[key] - lr * slope

    assert cp.diagnose(DEEP, step=step).verdict == "correct"


# a, which is the input where nothing else can be


class Feedforward:
    def __init__(self):
        self.weights, self.biases = [0, 0], [0, 0]

    def feedforward(self, a):
        for W, b in zip(self.weights, self.biases, strict=True):
            a = np.tanh(W @ a + b)
        return a

    def backprop(self, x, y):
        a1 = np.tanh(self.weights[0] @ x + self.biases[0])
        a2 = self.feedforward(x)
        d2 = (a2 - y) * (1 - a2**2)
        d1 = self.weights[1].T @ d2 * (1 - a1**2)
        return [d1, d2], [d1 @ x.T, d2 @ a1.T]


def test_a_is_the_input_where_nothing_else_can_be() -> None:
    def backward(a, y, W, b):
        delta = softmax(W @ a + b) - y
        return np.outer(delta, a), delta

    def output(x, y, a):
        return x.T @ (a - y) / len(x), (a - y).sum(axis=0) / len(x)

    def cached(cache, y, a):
        return output(cache["x"], y, a)

    assert cp.diagnose(PUZZLE, backward=backward, per_sample="mean").verdict == "correct"
    assert cp.diagnose(PUZZLE, backward=output).verdict == "correct"
    assert cp.diagnose(PUZZLE, backward=cached).verdict == "correct"
    assert cp.diagnose(PUZZLE, loss=lambda a, y: -np.sum(y * np.log(a)) / len(a)).verdict == "correct"
    assert cp.diagnose(PUZZLE, forward=lambda a, W, b: softmax(a @ W + b)).verdict == "correct"
    assert cp.diagnose(DEEP, backward=Feedforward, per_sample="mean").verdict == "correct"


# delta * a, which is one row for all


def in_columns(a, y, W, b):
    delta = softmax(W @ a + b) - y
    return delta * a, delta


def in_rows(x, y, W, b):
    delta = softmax(x @ W + b) - y
    return x * delta, delta


def as_columns(x, y, W, b):
    delta = softmax(W @ x + b, axis=0) - y
    return delta * x, delta


@pytest.mark.parametrize("backward", [in_columns, in_rows, as_columns])
@pytest.mark.parametrize("mean", ["mean", "sum"])
def test_one_row_for_all_of_a_single_sample(backward: Any, mean: str) -> None:
    found = cp.diagnose(PUZZLE, backward=backward, per_sample=mean)
    assert [sorted(one) for one in names(found)] == [["elementwise product", "no 1/N"][: 1 + (mean == "sum")]]


def test_one_row_for_all_in_arrays_of_a_batch_of_one() -> None:
    rng = np.random.default_rng(0)
    for name, size in ("dense1.W", (4, 4)), ("dense1.b", 4):
        PUZZLE.weights[name] = rng.normal(size=size)
    a = rng.normal(size=4)
    delta = np.array(PUZZLE.gradients(a[None, :], [2])["dense1.b"])
    for dW, db in (delta * a, delta), ((delta * a)[None, :], delta), ((delta * a)[:, None], delta[:, None]):
        layout = "columns" if db.ndim == 2 else None
        found = cp.diagnose(PUZZLE, (a[None, :], [2]), gradients={"dW": dW, "db": db}, layout=layout)
        assert names(found) == [["elementwise product"]], str(found)


def test_the_puzzles_rule_for_one_sample_has_both_mistakes() -> None:
    def learners(a, y, W, b):
        p = softmax(W @ a + b)
        delta = (p - y) * np.sum(p * (1 - p))
        return delta * a, delta

    found = cp.diagnose(PUZZLE, backward=learners, per_sample="mean")
    assert names(found) == [["softmax derivative elementwise (a scalar for each sample)", "elementwise product"]]


# the squared error through softmax


def test_squared_error_through_softmax_is_named() -> None:
    def backward(X, Y, W, b):
        P = softmax(X @ W + b)
        E = P - Y
        delta = P * (E - np.sum(P * E, axis=1, keepdims=True)) / len(X)
        return X.T @ delta, delta.sum(axis=0)

    found = cp.diagnose(PUZZLE, backward=backward)
    assert names(found) == [["gradient of another loss (of SquaredError through softmax)"]]
    assert found.findings[0][0].formulas[0].found == ("P * (P - Y - np.sum(P * (P - Y), axis=1, keepdims=True)) / N")
    both = cp.diagnose(PUZZLE, backward=backward, loss=lambda P, Y: 0.5 * np.sum((P - Y) ** 2) / len(P))
    assert "both are SquaredError; the model has another loss" in both.notes[-1]


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_other_losses_through_softmax_have_the_gradient_that_differences_give(layout: str) -> None:
    from clearprop.insight.doctor.draws import random_draw
    from clearprop.insight.doctor.search import Draw, Search

    right = random_draw(PUZZLE, layout, 3, 0)
    draw = Draw(right.steps, right.given, right.right, {"dW1": right.right["dW1"], "db1": right.right["db1"]})
    search = Search([draw])
    t, axis = draw.given["t"], right.steps.convention.samples

    losses = {
        "SquaredError": lambda e: 0.5 * np.sum(e**2) / e.shape[axis],
        "MeanSquaredError": lambda e: np.mean(e**2),
        "MeanAbsoluteError": lambda e: np.mean(abs(e)),
        "Huber": lambda e: np.mean(np.where(abs(e) < 1, 0.5 * e**2, abs(e) - 0.5)),
    }
    for variant in search.variants:
        if variant.detail.endswith("through softmax"):
            outcome = search.outcome(draw, (variant,))
            assert outcome is not None
            loss = losses.pop(variant.detail.split()[1])
            z, move = draw.right["z1"], np.random.default_rng(0).normal(size=t.shape)
            up, down = (loss(softmax(z + h * move, 1 - axis) - t) for h in (1e-6, -1e-6))
            assert abs((up - down) / 2e-6 - np.sum(outcome["delta1"] * move)) < 1e-8
    assert not losses
