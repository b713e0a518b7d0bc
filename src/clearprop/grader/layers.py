"""Exercises: layers, forward and backward."""

from clearprop.grader.activations import sizes
from clearprop.grader.exercise import Call, Exercise, Rng, Wrong


def _dense(rng: Rng) -> list[Call]:
    n, i, k = sizes(rng)
    return [Call("forward", {"x": rng.normal(size=(n, i)), "W": rng.normal(size=(i, k)), "b": rng.normal(size=k)})]


def _dense_backward(rng: Rng) -> list[Call]:
    n, i, k = sizes(rng)
    return [
        Call("backward", {"x": rng.normal(size=(n, i)), "W": rng.normal(size=(i, k)), "dy": rng.normal(size=(n, k))})
    ]


def _initialize(rng: Rng) -> list[Call]:
    n, k = rng.permutation([3, 5, 6, 7])[:2]  # not 4, where 2/n is the root of 1/n
    return [Call("initialize", {"noise": rng.normal(size=(n, k))})]


def _dropout(rng: Rng) -> list[Call]:
    n, k, _ = sizes(rng)
    x, dy, u, rate = rng.normal(size=(n, k)), rng.normal(size=(n, k)), rng.random((n, k)), float(rng.uniform(0.2, 0.4))
    u.flat[0], u.flat[-1] = rate / 2, (1 + rate) / 2  # one of each, whatever chance does
    return [Call("forward", {"x": x, "u": u, "rate": rate, "training": training}) for training in (True, False)] + [
        Call("backward", {"dy": dy, "u": u, "rate": rate})
    ]


def _batch_norm(rng: Rng) -> list[Call]:
    n, k, _ = sizes(rng)
    x = rng.normal(size=(n, k)) * 0.3 + rng.normal(size=k)
    vectors = {"gamma": rng.normal(size=k), "beta": rng.normal(size=k), "mean": rng.normal(size=k),
               "variance": rng.uniform(0.5, 2, k)}  # fmt: skip
    return [Call("forward", {"x": x, **vectors, "training": training}) for training in (True, False)]


def _batch_norm_backward(rng: Rng) -> list[Call]:
    n, k, _ = sizes(rng)
    x = rng.normal(size=(n, k)) * 0.3 + rng.normal(size=k)
    return [Call("backward", {"x": x, "gamma": rng.normal(size=k), "dy": rng.normal(size=(n, k))})]


DENSE_FORWARD = Exercise(
    "dense-forward", "A dense layer, forward",
    "Each output is a weighted sum of all inputs, plus a bias; for a whole batch that is one matrix product.",
    ("x (N, n) times W (n, k) is (N, k): x @ W.", "b (k,) is added to each row by broadcasting."),
    '''
def forward(x, W, b):
    """x (N, n), W (n, k), b (k,) -> z (N, k)."""
    return x @ W + b
''',
    {"forward": ("z",)}, _dense,
    (
        Wrong("no bias in the forward pass", "x @ W + b", "x @ W"),
        Wrong("missing transpose", "x @ W + b", "(x @ W + b).T"),
        Wrong("missing transpose", "x @ W + b", "x @ W.T + b"),
        Wrong("elementwise product", "x @ W + b", "x * W + b"),
        Wrong("bias along the wrong axis", "x @ W + b", "x @ W + b[:, None]"),
        Wrong("wrong sign", "x @ W + b", "x @ W - b"),
        Wrong("inputs changed", "return x @ W + b", "z = x @ W\n    z += b\n    b *= 0\n    return z"),
    ),
)  # fmt: skip

DENSE_BACKWARD = Exercise(
    "dense-backward", "A dense layer, backward",
    "From dy = dL/dz make the three gradients of z = x @ W + b: by the input, which goes on to the layer before, by "
    "the weights, and by the biases. dy holds the 1/N of the loss already.",
    (
        "A gradient has the shape of what it is the gradient of: dx (N, n), dW (n, k), db (k,).",
        "Only one order of x, W and dy with transposes gives those shapes: dW = x.T @ dy.",
        "dx = dy @ W.T; the bias serves every sample, so db is the sum of dy over axis 0.",
    ),
    '''
def backward(x, W, dy):
    """x (N, n), W (n, k), dy (N, k) -> dx (N, n), dW (n, k), db (k,)."""
    dx = dy @ W.T
    dW = x.T @ dy
    db = dy.sum(axis=0)
    return dx, dW, db
''',
    {"backward": ("dx", "dW", "db")}, _dense_backward,
    (
        Wrong("missing transpose", "dW = x.T @ dy", "dW = (x.T @ dy).T"),
        Wrong("missing transpose", "dW = x.T @ dy", "dW = x @ dy"),
        Wrong("missing transpose", "dx = dy @ W.T", "dx = dy @ W"),
        Wrong("elementwise product", "dW = x.T @ dy", "dW = x * dy"),
        Wrong("elementwise product", "dx = dy @ W.T", "dx = dy * W.T"),
        Wrong("dW from the layer's own output", "dW = x.T @ dy", "dW = (x @ W).T @ dy"),
        Wrong("delta passed back without the weights", "dx = dy @ W.T", "dx = dy"),
        Wrong("bias gradient not summed over the batch", "db = dy.sum(axis=0)", "db = dy"),
        Wrong("bias gradient summed over the wrong axis", "db = dy.sum(axis=0)", "db = dy.sum(axis=1)"),
        Wrong("bias gradient summed over the wrong axis", "db = dy.sum(axis=0)", "db = dy.sum()"),
        Wrong("bias gradient times something", "db = dy.sum(axis=0)", "db = (dy * (x @ W)).sum(axis=0)"),
        Wrong("1/N twice", "dW = x.T @ dy\n    db = dy.sum(axis=0)",
              "dW = x.T @ dy / len(x)\n    db = dy.mean(axis=0)"),
        Wrong("1/N twice", "dW = x.T @ dy", "dW = x.T @ dy / len(x)"),
        Wrong("1/N twice", "db = dy.sum(axis=0)", "db = dy.mean(axis=0)"),
        Wrong("wrong sign", "dW = x.T @ dy", "dW = -x.T @ dy"),
        Wrong("results in another order", "return dx, dW, db", "return dW, db, dx"),
    ),
)  # fmt: skip

INITIALIZATION = Exercise(
    "initialization", "Weights to begin with",
    "A layer's first weights are normal numbers with the variance 2/n for n inputs (He et al. 2015): then what ReLU "
    "lets through keeps its size from layer to layer. The noise is drawn for you, with variance 1.",
    ("Multiplying by c multiplies the variance by c^2.", "n is the number of rows of W: len(noise)."),
    '''
def initialize(noise):
    """noise (n, k), standard normal -> W (n, k) with the variance 2/n."""
    return noise * np.sqrt(2 / len(noise))
''',
    {"initialize": ("W",)}, _initialize,
    (
        Wrong("unscaled initialization", "noise * np.sqrt(2 / len(noise))", "noise"),
        Wrong("zero initialization", "noise * np.sqrt(2 / len(noise))", "noise * 0"),
        Wrong("fan-out instead of fan-in", "len(noise)", "noise.shape[1]"),
        Wrong("variance taken for deviation", "np.sqrt(2 / len(noise))", "2 / len(noise)"),
        Wrong("Xavier instead of He", "2 / len(noise)", "1 / len(noise)"),
    ),
)  # fmt: skip

DROPOUT = Exercise(
    "dropout", "Dropout",
    "In training each number is set to zero with probability `rate`, and the others are divided by 1 - rate, so that "
    "as much arrives as before; in prediction nothing is done. Chance is given to you: u is uniform in 0..1, and what "
    "has u < rate is dropped.",
    (
        "The mask is (u >= rate) / (1 - rate): zeros, and 1 / (1 - rate) elsewhere.",
        "The backward pass multiplies dy by the very same mask.",
    ),
    '''
def forward(x, u, rate, training):
    """x (N, n), u (N, n) uniform in 0..1, rate, training: True or False -> y (N, n)."""
    if not training:
        return x
    return x * (u >= rate) / (1 - rate)


def backward(dy, u, rate):
    """dy (N, n) = dL/dy in training, u and rate as in forward -> dL/dx (N, n)."""
    return dy * (u >= rate) / (1 - rate)
''',
    {"forward": ("y",), "backward": ("dx",)}, _dropout,
    (
        Wrong("dropout mask missing in the backward pass", "return dy * (u >= rate) / (1 - rate)", "return dy"),
        Wrong("dropout mask missing in the backward pass", "return dy * (u >= rate) / (1 - rate)",
              "return dy / (1 - rate)"),
        Wrong("dropout not scaled", "return dy * (u >= rate) / (1 - rate)", "return dy * (u >= rate)"),
        Wrong("dropout not scaled", "return x * (u >= rate) / (1 - rate)", "return x * (u >= rate)"),
        Wrong("dropout scaled by the rate", "return x * (u >= rate) / (1 - rate)", "return x * (u >= rate) / rate"),
        Wrong("dropout keeps what it should drop", "return x * (u >= rate)", "return x * (u < rate)"),
        Wrong("dropout keeps what it should drop", "return dy * (u >= rate)", "return dy * (u < rate)"),
        Wrong("dropout in prediction", "if not training:\n        return x",
              "if not training:\n        return x * (u >= rate) / (1 - rate)"),
        Wrong("dropout scaled at prediction", "if not training:\n        return x",
              "if not training:\n        return x * (1 - rate)"),
        Wrong("upstream gradient missing", "return dy * (u >= rate) / (1 - rate)", "return (u >= rate) / (1 - rate)"),
    ),
)  # fmt: skip

BATCH_NORM = Exercise(
    "batch-norm", "Batch normalization, forward",
    "In training each feature is brought to mean 0 and variance 1 over the batch (with 1e-5 added to the variance), "
    "then scaled by gamma and shifted by beta; running averages of mean and variance move by a tenth towards those of "
    "the batch. Prediction uses the running ones, and leaves them alone.",
    (
        "x.mean(axis=0) and x.var(axis=0) have the shape (n,).",
        "hat = (x - m) / np.sqrt(v + 1e-5), with the batch's m and v in training and the running ones otherwise.",
        "The running mean becomes 0.9 * mean + 0.1 * m in training; so does the variance. Return both, also unchanged.",
    ),
    '''
def forward(x, gamma, beta, mean, variance, training):
    """x (N, n), the rest (n,), training: True or False -> y (N, n), and the running mean (n,) and variance (n,)."""
    m, v = mean, variance
    if training:
        m, v = x.mean(axis=0), x.var(axis=0)
        mean = 0.9 * mean + 0.1 * m
        variance = 0.9 * variance + 0.1 * v
    hat = (x - m) / np.sqrt(v + 1e-5)
    return gamma * hat + beta, mean, variance
''',
    {"forward": ("y", "mean", "variance")}, _batch_norm,
    (
        Wrong("variance over N - 1", "x.var(axis=0)", "x.var(axis=0, ddof=1)"),
        Wrong("statistics of each sample", "x.mean(axis=0), x.var(axis=0)", "x.mean(axis=1), x.var(axis=1)"),
        Wrong("epsilon outside the root", "np.sqrt(v + 1e-5)", "(np.sqrt(v) + 1e-5)"),
        Wrong("variance instead of deviation", "np.sqrt(v + 1e-5)", "(v + 1e-5)"),
        Wrong("gamma missing", "gamma * hat + beta", "hat + beta"),
        Wrong("beta missing", "gamma * hat + beta", "gamma * hat"),
        Wrong("running statistics in training", "(x - m) / np.sqrt(v + 1e-5)", "(x - mean) / np.sqrt(variance + 1e-5)"),
        Wrong("batch statistics in prediction", "(x - m) / np.sqrt(v + 1e-5)",
              "(x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)"),
        Wrong("running statistics move in prediction", "if training:", "if True:"),
        Wrong("weights of the running mean swapped",
              "mean = 0.9 * mean + 0.1 * m\n        variance = 0.9 * variance + 0.1 * v",
              "mean = 0.1 * mean + 0.9 * m\n        variance = 0.1 * variance + 0.9 * v"),
        Wrong("running statistics never moved",
              "mean = 0.9 * mean + 0.1 * m\n        variance = 0.9 * variance + 0.1 * v", "pass"),
    ),
)  # fmt: skip

BATCH_NORM_BACKWARD = Exercise(
    "batch-norm-backward", "Batch normalization, backward",
    "The gradients of y = gamma * hat + beta with hat = (x - mean) / sqrt(variance + 1e-5), mean and variance over the "
    "batch. Every sample moves them, so each dx holds a part from all the others.",
    (
        "dbeta and dgamma are sums over the batch: of dy, and of dy * hat.",
        "With g = dy * gamma, the deviation s, and means over the batch: dx = (g - mean(g) - hat * mean(g * hat)) / s.",
    ),
    '''
def backward(x, gamma, dy):
    """x (N, n), gamma (n,), dy (N, n) -> dx (N, n), dgamma (n,), dbeta (n,)."""
    s = np.sqrt(x.var(axis=0) + 1e-5)
    hat = (x - x.mean(axis=0)) / s
    g = dy * gamma
    dx = (g - g.mean(axis=0) - hat * (g * hat).mean(axis=0)) / s
    return dx, (dy * hat).sum(axis=0), dy.sum(axis=0)
''',
    {"backward": ("dx", "dgamma", "dbeta")}, _batch_norm_backward,
    (
        Wrong("mean and deviation taken as constants", "(g - g.mean(axis=0) - hat * (g * hat).mean(axis=0)) / s",
              "g / s"),
        Wrong("mean and deviation taken as constants", " - hat * (g * hat).mean(axis=0)", ""),
        Wrong("mean and deviation taken as constants", "(g - g.mean(axis=0) - hat", "(g - hat"),
        Wrong("gamma missing", "g = dy * gamma", "g = dy"),
        Wrong("gradient of gamma from x", "(dy * hat).sum(axis=0)", "(dy * x).sum(axis=0)"),
        Wrong("1/N twice", "(dy * hat).sum(axis=0), dy.sum(axis=0)", "(dy * hat).mean(axis=0), dy.mean(axis=0)"),
        Wrong("bias gradient summed over the wrong axis", "dy.sum(axis=0)", "dy.sum(axis=1)"),
        Wrong("bias gradient not summed over the batch", "(dy * hat).sum(axis=0), dy.sum(axis=0)", "dy * hat, dy"),
        Wrong("variance over N - 1", "x.var(axis=0)", "x.var(axis=0, ddof=1)"),
        Wrong("epsilon outside the root", "np.sqrt(x.var(axis=0) + 1e-5)", "np.sqrt(x.var(axis=0)) + 1e-5"),
        Wrong("results in another order", "return dx, (dy * hat).sum(axis=0), dy.sum(axis=0)",
              "return dx, dy.sum(axis=0), (dy * hat).sum(axis=0)"),
    ),
)  # fmt: skip
