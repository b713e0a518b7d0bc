"""cp.diagnose and learners' code: the shapes that notebooks have, faults, habits; forward, loss, update and start."""

import itertools
import json
import textwrap
from typing import Any

import numpy as np
import pytest

import clearprop as cp

MODEL = cp.Model(cp.Network(3, 4, "tanh", 2), cp.SquaredError())
SOFTMAX = cp.Model(cp.Network(4, 6, "relu", 3), cp.SoftmaxCrossEntropy())


def code(text: str, name: str = "backward") -> Any:
    """What a text defines under `name`."""
    space: dict[str, Any] = {"np": np}
    exec(textwrap.dedent(text), space)
    return space[name]


def softmax(Z: np.ndarray, axis: int = 1) -> np.ndarray:
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=axis, keepdims=True)


# the shapes of notebooks


def params_x_y(weights: Any, inputs_here: Any, wanted_there: Any) -> Any:
    W1, b1, W2, b2 = weights["W1"], weights["b1"], weights["W2"], weights["b2"]
    A1 = np.tanh(inputs_here @ W1 + b1)
    d2 = (A1 @ W2 + b2 - wanted_there) / len(inputs_here)
    d1 = d2 @ W2.T * (1 - A1**2)
    return {"dW1": inputs_here.T @ d1, "db1": d1.sum(0), "dW2": A1.T @ d2, "db2": d2.sum(0)}


def with_forward_values(X, Y, Z1, A1, W2, A2, m):
    dZ2 = (A2 - Y) / m
    dZ1 = dZ2 @ W2.T * (1 - np.tanh(Z1) ** 2)
    return X.T @ dZ1, dZ1.sum(0), A1.T @ dZ2, dZ2.sum(0)


def with_cache(parameters, cache, X, Y):  # columns
    m = X.shape[1]
    dZ2 = cache["A2"] - Y
    dZ1 = parameters["W2"].T @ dZ2 * (1 - cache["A1"] ** 2)
    return {
        "dW1": dZ1 @ X.T / m,
        "db1": dZ1.sum(axis=1, keepdims=True) / m,
        "dW2": dZ2 @ cache["A1"].T / m,
        "db2": dZ2.sum(axis=1, keepdims=True) / m,
    }


def one_sample(x, y, W1, b1, W2, b2):
    a1 = np.tanh(x @ W1 + b1)
    d2 = a1 @ W2 + b2 - y
    d1 = d2 @ W2.T * (1 - a1**2)
    return np.outer(x, d1), d1.ravel(), np.outer(a1, d2), d2.ravel()


def as_in_pytorch(x, y, W1, b1, W2, b2):
    a1 = np.tanh(x @ W1.T + b1)
    d2 = (a1 @ W2.T + b2 - y) / len(x)
    d1 = d2 @ W2 * (1 - a1**2)
    return d1.T @ x, d1.sum(0), d2.T @ a1, d2.sum(0)


class Nielsen:
    """Lists of weights and biases, columns, backprop for one sample."""

    def __init__(self, sizes):
        self.weights = [np.zeros((k, n)) for n, k in itertools.pairwise(sizes)]
        self.biases = [np.zeros((k, 1)) for k in sizes[1:]]

    def backprop(self, x, y):
        a1 = np.tanh(self.weights[0] @ x + self.biases[0])
        d2 = self.weights[1] @ a1 + self.biases[1] - y
        d1 = self.weights[1].T @ d2 * (1 - a1**2)
        return [d1, d2], [d1 @ x.T, d2 @ a1.T]


class Attributes:
    """self.W1, self.b1, ...; forward keeps, backward fills self.dW1, ..."""

    def __init__(self):
        self.W1 = self.b1 = self.W2 = self.b2 = None

    def forward(self, X):
        self.X, self.A1 = X, np.tanh(X @ self.W1 + self.b1)
        return self.A1 @ self.W2 + self.b2

    def backward(self, output, y):
        d2 = (output - y) / len(y)
        self.dW2, self.db2 = self.A1.T @ d2, d2.sum(0)
        d1 = d2 @ self.W2.T * (1 - self.A1**2)
        self.dW1, self.db1 = self.X.T @ d1, d1.sum(0)


class Affine:
    def __init__(self):
        self.W = self.b = None

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, d):
        self.der_W, self.der_b = self.x.T @ d, d.sum(axis=0)
        return d @ self.W.T


class TanhLayer:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, d):
        return d * (1 - self.y**2)


class Layers:
    def __init__(self):
        self.layers = [Affine(), TanhLayer(), Affine()]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        self.out = x

    def backward(self, y):
        d = (self.out - y) / len(y)
        for layer in reversed(self.layers):
            d = layer.backward(d)


@pytest.mark.parametrize(
    ("backward", "options"),
    [
        (params_x_y, {}),
        (with_forward_values, {}),
        (with_cache, {}),
        (one_sample, {"per_sample": "mean"}),
        (as_in_pytorch, {}),
        (Nielsen, {"per_sample": "mean"}),
        (Attributes, {}),
        (Attributes(), {}),
        (Layers, {}),
    ],
)
def test_the_shapes_of_notebooks(backward: Any, options: dict[str, Any]) -> None:
    found = cp.diagnose(MODEL, backward=backward, **options)
    assert found.verdict == "correct", str(found)
    assert not found.notes


def test_per_sample_summed_is_without_the_mean() -> None:
    found = cp.diagnose(MODEL, backward=one_sample, per_sample="sum")
    assert [one.name for one in found.findings[0]] == ["no 1/N"]


def test_targets_as_labels() -> None:
    def backward(X, labels, W1, b1, W2, b2):
        Z1 = X @ W1 + b1
        A1 = np.maximum(Z1, 0)
        d2 = softmax(A1 @ W2 + b2)
        d2[np.arange(len(X)), labels] -= 1
        d2 /= len(X)
        d1 = d2 @ W2.T * (Z1 > 0)
        return X.T @ d1, d1.sum(0), A1.T @ d2, d2.sum(0)

    assert cp.diagnose(SOFTMAX, backward=backward, labels=True).verdict == "correct"


# habits


def test_gradients_that_add_up_are_noticed() -> None:
    class Adding(Attributes):
        def __init__(self):
            super().__init__()
            self.dW1 = self.db1 = self.dW2 = self.db2 = 0

        def backward(self, output, y):
            d2 = (output - y) / len(y)
            self.dW2, self.db2 = self.dW2 + self.A1.T @ d2, self.db2 + d2.sum(0)
            d1 = d2 @ self.W2.T * (1 - self.A1**2)
            self.dW1, self.db1 = self.dW1 + self.X.T @ d1, self.db1 + d1.sum(0)

    found = cp.diagnose(MODEL, backward=Adding)
    assert found.verdict == "one mistake"
    assert str(found).startswith("One mistake, in the accumulators of all gradients: gradients not cleared")


def test_what_broadcasts_or_is_shared_or_changed_is_noted() -> None:
    def backward(x, y, A1, Z2, W2, W1):
        d2 = (Z2 - y) / len(x)
        d1 = d2 @ W2.T * (1 - A1**2)
        W1 -= 0.1
        db2 = d2.sum(0, keepdims=True)
        return {"W1": x.T @ d1, "b1": d1.sum(0), "W2": A1.T @ d2, "b2": db2}

    found = cp.diagnose(MODEL, backward=backward)
    assert found.verdict == "correct"
    assert any("changes W1 in place" in note for note in found.notes)

    def columns(X, Y, A1, Z2, W2):
        d2 = (Z2 - Y) / X.shape[1]
        d1 = W2.T @ d2 * (1 - A1**2)
        return d1 @ X.T, d1.sum(axis=1), d2 @ A1.T, d2.sum(axis=1)

    found = cp.diagnose(MODEL, backward=columns)
    assert found.verdict == "correct"
    assert "db1 has the shape (4,) where its parameter has (4, 1)" in found.notes[0]
    assert "broadcasts" in str(found)


def test_two_gradients_in_one_array_are_noted() -> None:
    model = cp.Model(cp.Network(3, 3, "tanh", 3), cp.SquaredError(), dtype="float64")
    x = t = np.random.default_rng(0).normal(size=(8, 3))
    one = np.zeros((3, 3))
    found = cp.diagnose(model, (x, t), gradients={"W1": one, "W2": one, "b1": one[0].copy(), "b2": one[0].copy()})
    assert "W1 and W2 share their memory" in found.notes[0]


def test_whole_numbers_are_noted() -> None:
    x, t = np.random.default_rng(0).normal(size=(8, 3)), np.ones((8, 2))
    right = MODEL.gradients(x, t)
    found = cp.diagnose(MODEL, (x, t), gradients={name: np.array(right[name]).astype(int) for name in right})
    assert not found
    assert "dense1.W holds whole numbers" in found.notes[0]


def test_random_code_is_noted() -> None:
    def backward(x, y, A1, Z2, W2):
        d2 = (Z2 - y) / len(x) * np.random.default_rng().normal()
        d1 = d2 @ W2.T * (1 - A1**2)
        return x.T @ d1, d1.sum(0), A1.T @ d2, d2.sum(0)

    assert any("called twice" in note for note in cp.diagnose(MODEL, backward=backward).notes)


# hostile code


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def backward(x, y): raise ZeroDivisionError('oh')", "your code stopped with ZeroDivisionError in line 1: oh"),
        ("def backward(x, y): import sys; sys.exit(3)", "your code stopped with SystemExit"),
        ("def backward(x, y): return backward(x, y)", "your code stopped with RecursionError"),
        ("def backward(x, y): return None", "your code returned None; end it with return"),
        ("def backward(x, y): return x @ x", "your code stopped with ValueError"),
        ("def backward(x, y): print(unknown)", "name 'unknown' is not defined"),
        ("class backward:\n  def backward(self): pass", "your code returned None"),
    ],
)
def test_code_that_comes_to_nothing(text: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = cp.diagnose(MODEL, backward=code(text))
    assert found.verdict == "unknown"
    assert not found
    assert says in str(found).splitlines()[0]
    assert found._repr_html_()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def backward(x, y): return 'done'", "wanted the gradients dW1, db1, dW2, db2, got 'done'"),
        ("def backward(x, y): return ['a', 'b', 'c', 'd']", "wanted numbers in a gradient, got 'a'"),
        ("def backward(x, y): return {'dW1': 'big'}", "wanted numbers in dW1, got 'big'"),
        ("def backward(x, y): return x, y", "wanted 4 gradients, dW1, db1, dW2, db2, got 2 arrays"),
        ("def backward(x, y): return x", "wanted the gradients dW1, db1, dW2, db2, got one array"),
        ("def backward(swirl, y): return x", "got the argument swirl; wrap it"),
        ("backward = 3", "wanted a function, a class or an object with backward, got int"),
        ("class backward:\n  def __init__(self, a, b, c, d, e): pass\n  def backward(self): pass", "give an object"),
    ],
)
def test_what_cannot_be_matched_is_an_error_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(cp.ClearpropError) as error:
        cp.diagnose(MODEL, backward=code(text))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("g * float('nan')", "with NaN or infinity in 2 of 2 elements"),
        ("g[:1]", "of shape (1,) where (2,) belongs"),
        ("np.stack([g, g, g])", "of shape (3, 2) where (2,) belongs"),
        ("g.astype(object) + 0.1", "wrong in 2 of 2 elements"),
    ],
)
def test_arrays_that_are_not_as_they_should_be(change: str, says: str) -> None:
    text = f"""
        def backward(x, y, A1, Z2, W2):
            d2 = (Z2 - y) / len(x)
            d1 = d2 @ W2.T * (1 - A1**2)
            g = d2.sum(0)
            return x.T @ d1, d1.sum(0), A1.T @ d2, {change}
        """
    found = cp.diagnose(MODEL, backward=code(text))
    assert found.verdict == "unknown"
    assert says in str(found).splitlines()[0]
    assert found.right == ("dW2", "dW1", "db1")


def test_options_that_cannot_be() -> None:
    for options, says in [
        ({}, "wanted gradients, backward, forward, loss, update or a batch"),
        ({"backward": params_x_y, "layout": "diagonal"}, "wanted the layout rows or columns"),
        ({"backward": params_x_y, "per_sample": "max"}, 'wanted per_sample to be "sum" or "mean"'),
        ({"gradients": [1]}, "wanted the batch that the arrays belong to"),
        ({"update": print, "optimizer": cp.Lion()}, "wanted SGD, with momentum if you like, or Adam"),
    ]:
        with pytest.raises(cp.SettingError, match=says):
            cp.diagnose(MODEL, **options)
    with pytest.raises(cp.SettingError, match="wanted a Model"):
        cp.diagnose(MODEL.network, backward=params_x_y)  # type: ignore[arg-type]


# real mistakes in public


def test_a_dropout_layer_whose_backward_ignores_the_mask() -> None:
    """As in numpy-ml#94: scaled by 1 / (1 - p), but what was dropped gets a gradient."""
    model = cp.Model(cp.Network(4, 5, "tanh", cp.Dropout(0.4), 2), cp.SquaredError())

    def backward(x, y, A1, R1, W2, Z2, mask1):
        d2 = (Z2 - y) / len(x)
        d1 = d2 @ W2.T / (1 - 0.4) * (1 - A1**2)
        return x.T @ d1, d1.sum(0), R1.T @ d2, d2.sum(0)

    found = cp.diagnose(model, backward=backward)
    assert str(found).startswith(
        "One mistake, in da1 (layer 3 of 4): dropout mask missing in the backward pass (scaled all"
    )


def test_a_layer_that_only_a_test_with_ones_passes() -> None:
    class Deaf(TanhLayer):
        def backward(self, d):
            return 1 - self.y**2

    class Network(Layers):
        def __init__(self):
            self.layers = [Affine(), Deaf(), Affine()]

    x = np.random.default_rng(0).normal(size=(5, 3))
    tanh, deaf = TanhLayer(), Deaf()
    out_grad = tanh.forward(x)
    deaf.forward(x)
    assert np.array_equal(deaf.backward(np.ones_like(out_grad)), tanh.backward(np.ones_like(out_grad)))
    found = cp.diagnose(MODEL, backward=Network)
    assert found.findings[0][0].name == "gradient from behind ignored"


# forward, loss, update, step, start


def forward_with(line: str) -> Any:
    return code(f"""
        def forward(X, W1, b1, W2, b2):
            Z1 = X @ W1 + b1
            A1 = np.maximum(Z1, 0)
            Z2 = A1 @ W2 + b2
            {line}
        """, "forward")  # fmt: skip


STABLE = "E = np.exp(Z2 - Z2.max(axis=1, keepdims=True)); "


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (STABLE + "return E / E.sum(axis=1, keepdims=True)", None),
        (STABLE + "return Z1, A1, Z2, E / E.sum(axis=1, keepdims=True)", None),
        (STABLE + "return E / E.sum(axis=1, keepdims=True), {'Z1': Z1, 'A1': A1}", None),
        ("return Z2", None),
        (STABLE + "return E / E.sum(axis=0, keepdims=True)", "softmax over the batch"),
        ("E = np.exp(Z2); return E / E.sum(axis=1, keepdims=True)", "softmax without subtracting the maximum"),
        (
            "E = np.exp(Z2 - Z2.max()); return E / E.sum(1, keepdims=True)",
            "softmax with the maximum of the whole batch",
        ),
        (
            STABLE + "P = np.exp(E / E.sum(axis=1, keepdims=True)); return P / P.sum(axis=1, keepdims=True)",
            "link applied twice",
        ),
        ("return 1 / (1 + np.exp(-Z2))", "another link"),
        (STABLE + "return {'A1': Z1, 'A2': E / E.sum(axis=1, keepdims=True)}", "unknown"),
        ("Z2 = A1 @ W2; " + STABLE + "return E / E.sum(axis=1, keepdims=True)", "no bias in the forward pass"),
        ("Z2 = np.maximum(X, 0) @ W1 @ W2; return X @ Z2", "stopped"),
    ],
)
def test_forward(line: str, name: str | None) -> None:
    found = cp.diagnose(SOFTMAX, forward=forward_with(line))
    if name is None:
        assert found.verdict == "correct", str(found)
    elif name == "stopped":
        assert "your code stopped with ValueError" in found.stopped
    elif name == "unknown":
        assert found.verdict == "unknown"
        assert found.deviations[0].name == "a1"
    else:
        assert name in [one[0].name for one in found.findings], str(found)
    assert found.part == "forward"


@pytest.mark.parametrize(
    ("model", "text", "name"),
    [
        (SOFTMAX, "lambda p, y: -np.sum(y * np.log(p)) / len(p)", None),
        (SOFTMAX, "lambda y_true, y_pred: -np.mean(np.sum(y_true * np.log(y_pred + 1e-12), axis=1))", None),
        (SOFTMAX, "lambda logits, y: np.mean(np.log(np.exp(logits).sum(1)) - (y * logits).sum(1))", None),
        (SOFTMAX, "lambda guess, truth: -np.sum(truth * np.log(guess)) / len(guess)", None),
        (SOFTMAX, "lambda p, y: -np.sum(y * np.log(p))", "loss summed over the batch"),
        (SOFTMAX, "lambda p, y: -np.mean(y * np.log(p))", "loss averaged wrongly"),
        (SOFTMAX, "lambda p, y: np.sum(y * np.log(p)) / len(p)", "sign of the loss"),
        (SOFTMAX, "lambda p, y: -np.sum(y * np.log2(p)) / len(p)", "another logarithm"),
        (SOFTMAX, "lambda p, y: -np.sum(p * np.log(np.maximum(y, 1e-12))) / len(p)", "prediction and target exchanged"),
        (SOFTMAX, "lambda p, y: np.mean((p - y)**2)", "another loss"),
        (MODEL, "lambda p, y: np.sum((p - y)**2) / len(p)", "factor of 2 in the loss"),
        (MODEL, "lambda p, y: np.sqrt(np.sum((p - y)**2) / 2 / len(p))", "root of the loss"),
    ],
)
def test_loss(model: cp.Model, text: str, name: str | None) -> None:
    found = cp.diagnose(model, loss=eval(text))
    names = [one[0].name for one in found.findings]
    assert names == ([] if name is None else [name]) or (name in names and found.verdict == "several hypotheses"), str(
        found
    )
    assert found.verdict == "correct" or name


def test_loss_habits() -> None:
    one = cp.Model(cp.Network(3, 4, "tanh", 1), cp.SquaredError())
    found = cp.diagnose(one, loss=lambda p, y: 0.5 * np.mean((p - y) ** 2))
    assert found.verdict == "correct"
    assert "broadcast to (N, N)" in found.notes[0]
    found = cp.diagnose(SOFTMAX, loss=lambda p, y: -np.sum(y * np.log(p)) / len(p))
    assert "log(0)" in found.notes[0]
    assert "one number" in str(cp.diagnose(MODEL, loss=lambda p, y: p - y))


def test_a_loss_whose_gradient_is_another_losses() -> None:
    def right(X, Y, A1, Z1, W2, Z2):
        d2 = (softmax(Z2) - Y) / len(X)
        d1 = d2 @ W2.T * (Z1 > 0)
        return X.T @ d1, d1.sum(0), A1.T @ d2, d2.sum(0)

    found = cp.diagnose(SOFTMAX, loss=lambda p, y: np.mean((p - y) ** 2), backward=right)
    assert not found
    assert found.part == "loss"
    assert found.also[0].verdict == "correct"
    assert "your gradient is not that of your loss: the loss is MeanSquaredError" in found.notes[-1]


RULES = {
    "w - lr * g": None,
    "w + lr * g": "wrong sign in the update",
    "w": "parameter never updated",
    "w - g": "learning rate missing",
    "-lr * g": "parameter overwritten",
}


@pytest.mark.parametrize("rule", RULES)
def test_update(rule: str) -> None:
    update = code(
        f"def update(params, grads, lr):\n  return {{k: (lambda w, g: {rule})(params[k], grads[k]) for k in params}}",
        "update",
    )
    found = cp.diagnose(MODEL, update=update)
    assert found.part == "update"
    if RULES[rule] is None:
        assert found.verdict == "correct"
    else:
        assert str(found).startswith(f"One mistake, in the update of W1, b1, W2 and b2: {RULES[rule]}.")


def test_update_of_single_arrays() -> None:
    def in_place(W1, b1, W2, b2, dW1, db1, dW2, db2, lr):
        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        db2 = b2 - lr * db2  # the wrong name

    found = cp.diagnose(MODEL, update=in_place)
    assert str(found).splitlines()[0] == "One mistake, in the update of b2: parameter never updated."
    assert found.right == ("W1", "b1", "W2")

    def returned(W1, b1, W2, b2, dW1, db1, dW2, db2, lr):
        return W1 + lr * dW1, b1 - lr * db1, W2 - lr * dW2, -lr * db2

    assert cp.diagnose(MODEL, update=returned).verdict == "two mistakes"

    def strange(W1, b1, W2, b2, dW1, db1, dW2, db2, lr):
        return W1 - np.sin(dW1), b1, W2, b2

    found = cp.diagnose(MODEL, update=strange)
    assert found.verdict == "unknown"
    assert "W1" in str(found).splitlines()[0]


ADAM = """
class Adam:
    def __init__(self):
        self.m, self.v, self.t = {}, {}, START
    def update(self, params, grads, lr):
        self.t += 1
        for k in params:
            m = BETA1 * self.m.get(k, 0) + (1 - BETA1) * grads[k]
            v = BETA2 * self.v.get(k, 0) + (1 - BETA2) * SQUARE
            mh, vh = MHAT, VHAT
            self.m[k], self.v[k] = KEPT
            params[k] = params[k] - lr * mh / ROOT
"""
ADAM_RIGHT = {
    "START": "0", "BETA1": "0.9", "BETA2": "0.999", "SQUARE": "grads[k]**2", "MHAT": "m / (1 - 0.9**self.t)",
    "VHAT": "v / (1 - 0.999**self.t)", "KEPT": "m, v", "ROOT": "(np.sqrt(vh) + 1e-8)",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, None),
        ({"MHAT": "m", "VHAT": "v"}, "bias correction missing"),
        ({"KEPT": "mh, vh"}, "corrected moments stored"),
        ({"START": "-1"}, "t starts at 0"),
        ({"ROOT": "(vh + 1e-8)"}, "root missing"),
        ({"SQUARE": "grads[k]"}, "gradient not squared in v"),
    ],
)
def test_adam(change: dict[str, str], name: str | None) -> None:
    text = ADAM
    for old, new in {**ADAM_RIGHT, **change}.items():
        text = text.replace(old, new)
    found = cp.diagnose(MODEL, update=code(text, "Adam"), optimizer=cp.Adam(0.01))
    assert [one.name for one in found.findings[0]] == [name] if name else found.verdict == "correct", str(found)


def test_momentum() -> None:
    velocity: dict[str, Any] = {}

    def update(params, grads, lr):
        for k in params:
            velocity[k] = 0.9 * velocity.get(k, 0.0) - lr * grads[k]
            params[k] += velocity[k]

    assert cp.diagnose(MODEL, update=update, optimizer=cp.SGD(0.1, momentum=0.9)).verdict == "correct"
    found = cp.diagnose(MODEL, update=lambda params, grads, lr: {k: params[k] - lr * grads[k] for k in params},
                        optimizer=cp.SGD(0.1, momentum=0.9))  # fmt: skip
    assert found.findings[0][0].name == "velocity not kept"


def test_a_whole_step_that_uses_weights_after_their_update() -> None:
    def step(params, x, y, lr):
        A1 = np.tanh(x @ params["W1"] + params["b1"])
        d2 = (A1 @ params["W2"] + params["b2"] - y) / len(x)
        params["W2"] -= lr * A1.T @ d2
        params["b2"] -= lr * d2.sum(0)
        d1 = d2 @ params["W2"].T * (1 - A1**2)
        params["W1"] -= lr * x.T @ d1
        params["b1"] -= lr * d1.sum(0)

    found = cp.diagnose(MODEL, step=step)
    assert str(found).startswith(
        "One mistake, in da1 (layer 3 of 3): weights updated before they are used (at rate 0.1)."
    )


def test_start() -> None:
    model = cp.Model(cp.Network(20, 8, "relu", 3), cp.SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(30, 20)), np.arange(30) % 3
    good = {"W1": rng.normal(size=(20, 8)) * 0.3, "b1": np.zeros(8), "W2": rng.normal(size=(8, 3)), "b2": np.zeros(3)}
    assert cp.diagnose(model, (x, t)).verdict == "correct"
    assert cp.diagnose(model, (x, t), parameters=good).verdict == "correct"
    cases = [
        ({"W1": np.zeros((20, 8))}, "zero initialization"),
        ({"W1": np.ones((20, 8))}, "identical units"),
        ({"W1": rng.normal(size=(20, 8))}, "unscaled initialization"),
        ({"W1": 1e-4 * rng.normal(size=(20, 8))}, "unscaled initialization"),
        ({"b1": np.full(8, -50.0)}, "dead ReLU"),
    ]
    for change, name in cases:
        found = cp.diagnose(model, (x, t), parameters=good | change)
        assert [one.name for one in found.findings[0]] == [name], str(found)
    found = cp.diagnose(model, (rng.integers(0, 255, (30, 20)).astype(float), t), parameters=good)
    assert found.findings[0][0].name == "inputs not scaled"
    assert str(found).startswith("One mistake, in x: inputs not scaled")
    assert "class by class" in cp.diagnose(model, (x, np.sort(t))).notes[0]
    assert json.loads(found.to_json())["part"] == "start"
    assert found.summary().count("\n") == 1
