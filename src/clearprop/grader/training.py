"""Exercises: checking gradients, the training loop, and digits."""

import numpy as np

from clearprop.arrays.errors import ClearpropError
from clearprop.data.images import digits, mnist
from clearprop.grader.exercise import GIBIBYTE, Call, Code, Exercise, Rng, Wrong
from clearprop.grader.losses import one_hot


def _differences(rng: Rng) -> list[Call]:
    scale = float(rng.uniform(0.5, 2))
    f = Code(f"lambda w: float(np.sum(np.sin({scale!r} * w)) + np.prod(w[0]) + w[-1, -1] * w[0, 0])")
    shape = (int(rng.integers(2, 4)), int(rng.integers(4, 6)))
    return [Call("gradient", {"f": f, "w": rng.normal(size=shape), "h": 0.01})]


def _loop(rng: Rng) -> list[Call]:
    n, i, k = int(rng.choice([10, 11, 13])), 5, 3  # no multiple of the batch
    order = np.stack([rng.permutation(n) for _ in range(3)])
    return [Call("train", {"x": rng.normal(size=(n, i)), "t": one_hot(rng, n, k), "W": rng.normal(size=(i, k)),
                           "b": rng.normal(size=k), "order": order, "rate": 0.5, "batch": 4})]  # fmt: skip


def _digits(rng: Rng) -> list[Call]:
    """All images in a new order, a seventh or a quarter of them without their labels."""
    try:
        data, bar, share = mnist(download=False), 0.97, 7
    except ClearpropError:
        data, bar, share = digits(), 0.95, 4
    assert data.test is not None
    x, t = (np.concatenate(parts) for parts in ((data.train.x, data.test.x), (data.train.t, data.test.t)))
    order = rng.permutation(len(x))
    x, t = x[order].astype(np.float32), t[order].astype(np.int64)
    x /= x.max()
    count = len(x) // share
    seed = int(rng.integers(2**31))
    return [
        Call("train_and_predict", {"x": x[count:], "labels": t[count:], "new": x[:count], "seed": seed}, t[:count], bar)
    ]


GRADIENT_CHECK = Exercise(
    "gradient-check", "Checking a gradient with differences",
    "The derivative of f by each element of w is about (f(w + h) - f(w - h)) / (2 h), where only that element is "
    "moved. It is slow, needs no derivation, and so finds mistakes in those that are fast.",
    (
        "for i in np.ndindex(w.shape): goes through all places.",
        "Begin each place with a copy, move one element of it by h, call f, and once more with -h.",
    ),
    '''
def gradient(f, w, h):
    """f(w) is one number, w (n, k), a small step h -> the central differences (n, k)."""
    g = np.zeros_like(w)
    for i in np.ndindex(w.shape):
        ahead, behind = w.copy(), w.copy()
        ahead[i] += h
        behind[i] -= h
        g[i] = (f(ahead) - f(behind)) / (2 * h)
    return g
''',
    {"gradient": ("g",)}, _differences,
    (
        Wrong("one-sided difference", "(f(ahead) - f(behind)) / (2 * h)", "(f(ahead) - f(w)) / h"),
        Wrong("one-sided difference", "(f(ahead) - f(behind)) / (2 * h)", "(f(w) - f(behind)) / h"),
        Wrong("wrong step", "/ (2 * h)", "/ h"),
        Wrong("wrong sign", "f(ahead) - f(behind)", "f(behind) - f(ahead)"),
        Wrong("all elements moved at once", "ahead[i] += h\n        behind[i] -= h", "ahead += h\n        behind -= h"),
        Wrong("element not put back", "    for i in np.ndindex(w.shape):\n        ahead, behind = w.copy(), w.copy()",
              "    ahead, behind = w.copy(), w.copy()\n    for i in np.ndindex(w.shape):"),
        Wrong("inputs changed", "ahead, behind = w.copy(), w.copy()\n        ahead[i] += h\n        behind[i] -= h",
              "ahead, behind = w + 0, w\n        ahead[i] += h\n        behind[i] -= h"),
    ),
)  # fmt: skip

TRAINING_LOOP = Exercise(
    "training-loop", "A training loop",
    "Softmax regression by gradient descent in batches. Each row of `order` is an epoch: the samples in the order in "
    "which they are taken, `batch` at a time; the last batch may be smaller, and is divided by its own size. Keep the "
    "loss of each batch as it was before its step, and give back their list with the trained W and b.",
    (
        "for row in order: for start in range(0, len(row), batch): the batch is row[start : start + batch].",
        "delta = (p - t) / n with the n samples of this batch; W -= rate * x.T @ delta on a copy of W.",
        "loss = -np.mean(np.log((p * t).sum(axis=1))), appended before the step.",
    ),
    '''
def train(x, t, W, b, order, rate, batch):
    """x (N, n), t (N, k) one-hot, W (n, k), b (k,), order (epochs, N) -> W (n, k), b (k,), losses (steps,)."""
    losses = []
    for row in order:
        for start in range(0, len(row), batch):
            part = row[start : start + batch]
            z = x[part] @ W + b
            e = np.exp(z - z.max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            losses.append(-np.mean(np.log((p * t[part]).sum(axis=1))))
            delta = (p - t[part]) / len(part)
            W = W - rate * x[part].T @ delta
            b = b - rate * delta.sum(axis=0)
    return W, b, np.array(losses)
''',
    {"train": ("W", "b", "losses")}, _loop,
    (
        Wrong("wrong divisor", "/ len(part)", "/ batch"),
        Wrong("wrong divisor", "/ len(part)", "/ len(x)"),
        Wrong("no 1/N", "/ len(part)", ""),
        Wrong("order ignored", "row[start : start + batch]", "np.arange(start, min(start + batch, len(row)))"),
        Wrong("last batch dropped", "range(0, len(row), batch)", "range(0, len(row) - batch + 1, batch)"),
        Wrong("one batch for all", "row[start : start + batch]", "row[:batch]"),
        Wrong("wrong sign", "W = W - rate * x[part].T @ delta\n            b = b - rate",
              "W = W + rate * x[part].T @ delta\n            b = b + rate"),
        Wrong("bias never updated", "b = b - rate * delta.sum(axis=0)", "pass"),
        Wrong("never updated", "W = W - rate * x[part].T @ delta", "pass"),
        Wrong("gradients not cleared", "W = W - rate * x[part].T @ delta\n            b = b - rate * delta.sum(axis=0)",
              "W0 = W0 + x[part].T @ delta if start or row is not order[0] else x[part].T @ delta\n"
              "            b0 = b0 + delta.sum(axis=0) if start or row is not order[0] else delta.sum(axis=0)\n"
              "            W, b = W - rate * W0, b - rate * b0"),
        Wrong("softmax over the batch", "e.sum(axis=1, keepdims=True)", "e.sum(axis=0)"),
        Wrong("derivative of the link kept with cross-entropy", "(p - t[part]) /", "(p - t[part]) * p * (1 - p) /"),
        Wrong("inputs changed", "W = W - rate * x[part].T @ delta", "W -= rate * x[part].T @ delta"),
    ),
)  # fmt: skip

MNIST = Exercise(
    "mnist", "MNIST to 97 %",
    "Train a network that reads digits, and predict the labels of new images: 97 % of them have to be right. Where "
    "MNIST is not on this machine (the folder that CLEARPROP_DATA names, or the cache), the small digits that come "
    "with clearprop stand in, 8x8 pixels and 1,348 to learn from, and 95 % are enough. NumPy alone, two minutes, one "
    "thread.",
    (
        "64 or 128 units with ReLU between two dense layers are enough, with weights from the exercise initialization.",
        "Batches of 32 to 100 samples in a new order in each epoch; np.random.default_rng(seed).permutation(len(x)).",
        "Exercises two-layers and training-loop are nearly everything; momentum and a falling rate do the rest.",
    ),
    '''
def train_and_predict(x, labels, new, seed):
    """x (N, n) from 0 to 1, labels (N,) from 0 to 9, new (M, n), a whole number for chance -> labels (M,)."""
    rng = np.random.default_rng(seed)
    t = np.eye(10, dtype=np.float32)[labels]
    sizes = x.shape[1], 128, 10
    w = [(rng.normal(size=s) * np.sqrt(2 / s[0])).astype(np.float32) for s in zip(sizes, sizes[1:])]
    w = [w[0], np.zeros(128, np.float32), w[1], np.zeros(10, np.float32)]
    v = [0 * one for one in w]
    rate, batch = 0.1, 50
    epochs = 40 if len(x) < 10000 else 8
    for epoch in range(epochs):
        order = rng.permutation(len(x))
        step = rate * (1 - epoch / epochs)
        for start in range(0, len(x), batch):
            part = order[start : start + batch]
            a = np.maximum(x[part] @ w[0] + w[1], 0)
            z = a @ w[2] + w[3]
            e = np.exp(z - z.max(axis=1, keepdims=True))
            delta = (e / e.sum(axis=1, keepdims=True) - t[part]) / len(part)
            back = (delta @ w[2].T) * (a > 0)
            gradients = x[part].T @ back, back.sum(axis=0), a.T @ delta, delta.sum(axis=0)
            for i, g in enumerate(gradients):
                v[i] = 0.9 * v[i] - step * g
                w[i] = w[i] + v[i]
    scores = np.maximum(new @ w[0] + w[1], 0) @ w[2] + w[3]
    return scores.argmax(axis=1)
''',
    {"train_and_predict": ("labels",)}, _digits,
    (
        Wrong("guessing", "0.9 * v[i] - step * g", "0.9 * v[i] + step * g"),
        Wrong("guessing", "np.sqrt(2 / s[0])", "0"),
        Wrong("guessing", "w[i] = w[i] + v[i]", "pass"),
        Wrong("guessing", "[labels]", "[labels - 1]"),
        Wrong("no labels", "return scores.argmax(axis=1)", "return scores"),
        Wrong("below the bar", "rate, batch = 0.1, 50", "rate, batch = 0.0002, 50"),
    ),
    draws=1, seconds=120.0, memory=4 * GIBIBYTE,
)  # fmt: skip
