"""Exercises: softmax, targets and losses."""

import numpy as np

from clearprop.grader.activations import sizes
from clearprop.grader.exercise import Call, Exercise, Floats, Rng, Wrong


def probabilities(z: Floats) -> Floats:
    """Softmax of rows (N, k)."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def one_hot(rng: Rng, n: int, k: int) -> Floats:
    """Targets (N, k) of random classes."""
    return np.eye(k)[rng.integers(k, size=n)]


def _softmax(rng: Rng) -> list[Call]:
    n, k, _ = sizes(rng)
    far = rng.normal(size=(3, k)) + np.array([[0.0], [1000.0], [-1000.0]])
    return [Call("softmax", {"z": rng.normal(size=(n, k))}), Call("softmax", {"z": far})]


def _softmax_backward(rng: Rng) -> list[Call]:
    n, k, _ = sizes(rng)
    return [Call("softmax_backward", {"p": probabilities(rng.normal(size=(n, k))), "dy": rng.normal(size=(n, k))})]


def _one_hot(rng: Rng) -> list[Call]:
    n, k, _ = sizes(rng)
    return [Call("one_hot", {"labels": rng.integers(0, k - 1, n), "classes": k}),  # the last class does not occur
            Call("one_hot", {"labels": rng.permutation(k), "classes": k})]  # fmt: skip


def _cross_entropy(rng: Rng) -> list[Call]:
    n, k, _ = sizes(rng)
    p, t = probabilities(rng.normal(size=(n, k))), one_hot(rng, n, k)
    sure = p.copy()
    sure[0] = t[0]  # zeros where t is zero
    return [Call("cross_entropy", {"p": p, "t": t}), Call("cross_entropy", {"p": sure, "t": t})]


def _squared_error(rng: Rng) -> list[Call]:
    n, _, _ = sizes(rng)
    return [Call("squared_error", {"y": rng.normal(size=(n, 1)), "t": rng.normal(size=n)})]


def _both(rng: Rng) -> list[Call]:
    n, k, _ = sizes(rng)
    t = one_hot(rng, n, k)
    far = rng.normal(size=(n, k)) + 1000 * t[:, ::-1]
    return [Call("softmax_cross_entropy", {"z": z, "t": t}) for z in (rng.normal(size=(n, k)), far)]


def _accuracy(rng: Rng) -> list[Call]:
    n, k, _ = sizes(rng)
    scores, labels = rng.normal(size=(5 * n, k)), rng.integers(k, size=5 * n)
    scores[: 2 * n, :] += 9 * np.eye(k)[labels[: 2 * n]]
    return [Call("accuracy", {"scores": scores, "labels": labels})]


SOFTMAX = Exercise(
    "softmax", "Softmax",
    "Softmax makes each row of scores into probabilities: e^z, divided by the sum over the row. Scores may be as large "
    "as 1000, where e^z overflows; subtracting the same number from a whole row changes nothing in the result.",
    (
        "Subtract each row's maximum first: z.max(axis=1, keepdims=True) has the shape (N, 1).",
        "Divide e^z by its sum over axis 1, with keepdims=True again.",
    ),
    '''
def softmax(z):
    """z (N, k), scores -> probabilities (N, k); each row adds up to 1."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
''',
    {"softmax": ("p",)}, _softmax,
    (
        Wrong("softmax over the batch", "e.sum(axis=1, keepdims=True)", "e.sum(axis=0)"),
        Wrong("softmax without subtracting the maximum", "np.exp(z - z.max(axis=1, keepdims=True))", "np.exp(z)"),
        Wrong("maximum of the whole array", "z.max(axis=1, keepdims=True)", "z.max()"),
        Wrong("not normalized", "e / e.sum(axis=1, keepdims=True)", "e"),
        Wrong("axis not kept", "e.sum(axis=1, keepdims=True)", "e.sum(axis=1)"),
        Wrong("sigmoid instead of softmax", "e / e.sum(axis=1, keepdims=True)", "1 / (1 + np.exp(-z))"),
        Wrong("applied twice", "e / e.sum(axis=1, keepdims=True)",
              "np.exp(e / e.sum(1)[:, None]) / np.exp(e / e.sum(1)[:, None]).sum(1)[:, None]"),
    ),
)  # fmt: skip

SOFTMAX_BACKWARD = Exercise(
    "softmax-backward", "The backward pass of softmax",
    "Each probability depends on every score of its row: dp_i/dz_j = p_i (1 if i = j, else 0) - p_i p_j. Make dz = "
    "dL/dz from dy = dL/dp, without building that matrix for each sample.",
    (
        "Write the sum over i of dy_i dp_i/dz_j for one sample: dy_j p_j - p_j times a sum that all j share.",
        "That sum is (dy * p).sum(axis=1, keepdims=True).",
    ),
    '''
def softmax_backward(p, dy):
    """p (N, k) = softmax(z), dy (N, k) = dL/dp -> dL/dz (N, k)."""
    return p * (dy - (dy * p).sum(axis=1, keepdims=True))
''',
    {"softmax_backward": ("dz",)}, _softmax_backward,
    (
        Wrong("softmax derivative elementwise", "p * (dy - (dy * p).sum(axis=1, keepdims=True))", "dy * p * (1 - p)"),
        Wrong("derivative of the activation missing", "p * (dy - (dy * p).sum(axis=1, keepdims=True))", "p * dy"),
        Wrong("upstream gradient missing", "p * (dy - (dy * p).sum(axis=1, keepdims=True))", "p * (1 - p)"),
        Wrong("softmax over the batch", ".sum(axis=1, keepdims=True)", ".sum(axis=0)"),
        Wrong("axis not kept", ".sum(axis=1, keepdims=True)", ".sum(axis=1)"),
        Wrong("wrong sign", "dy - (dy * p)", "dy + (dy * p)"),
    ),
)  # fmt: skip

ONE_HOT = Exercise(
    "one-hot", "One-hot targets",
    "A class index becomes a row with a 1 in the column of its class and 0 elsewhere. Classes count from 0; a batch "
    "need not hold all of them.",
    ("Begin with np.zeros((len(labels), classes)).",
     "t[rows, columns] = 1 sets pairs when both are lists of one length."),
    '''
def one_hot(labels, classes):
    """labels (N,) of whole numbers from 0 to classes - 1 -> (N, classes)."""
    t = np.zeros((len(labels), classes))
    t[np.arange(len(labels)), labels] = 1
    return t
''',
    {"one_hot": ("t",)}, _one_hot,
    (
        Wrong("labels off by one", "np.arange(len(labels)), labels]", "np.arange(len(labels)), labels - 1]"),
        Wrong("labels off by one", "np.arange(len(labels)), labels]", "np.arange(len(labels)), labels + 1]"),
        Wrong("width from the labels", "(len(labels), classes)", "(len(labels), labels.max() + 1)"),
        Wrong("whole columns", "np.arange(len(labels)), labels]", ":, labels]"),
        Wrong("transposed", "return t", "return t.T"),
    ),
)  # fmt: skip

CROSS_ENTROPY = Exercise(
    "cross-entropy", "Cross-entropy",
    "The loss of a sample is minus the logarithm of the probability that was given to its true class; the loss of a "
    "batch is the mean over its samples. A probability may be exactly 0 where t is 0.",
    (
        "t is 1 in one column of each row: (p * t).sum(axis=1) is the probability of the true class.",
        "Taking the logarithm after that sum never meets log(0).",
    ),
    '''
def cross_entropy(p, t):
    """p (N, k), probabilities, t (N, k), one-hot -> the loss, one number."""
    return -np.mean(np.log(np.sum(p * t, axis=1)))
''',
    {"cross_entropy": ("loss",)}, _cross_entropy,
    (
        Wrong("no 1/N", "-np.mean(np.log(np.sum(p * t, axis=1)))", "-np.sum(np.log(np.sum(p * t, axis=1)))"),
        Wrong("wrong divisor", "-np.mean(np.log(np.sum(p * t, axis=1)))",
              "-np.sum(np.log(np.sum(p * t, axis=1))) / t.size"),
        Wrong("wrong sign", "-np.mean", "np.mean"),
        Wrong("log(0)", "np.log(np.sum(p * t, axis=1))", "np.sum(t * np.log(p), axis=1)"),
        Wrong("another logarithm", "np.log(", "np.log2("),
        Wrong("another logarithm", "np.log(", "np.log10("),
        Wrong("probabilities instead of logarithms", "np.log(np.sum(p * t, axis=1))", "np.sum(p * t, axis=1)"),
    ),
)  # fmt: skip

SQUARED_ERROR = Exercise(
    "squared-error", "Mean squared error and its gradient",
    "The mean over the samples of (y - t)^2, and its gradient by y. The predictions are a column (N, 1), the targets "
    "are flat (N,): NumPy subtracts them without a word, and the result has N x N elements.",
    ("t.reshape(y.shape), or t[:, None], makes a column of t.", "The derivative of a mean of e^2 is 2 e / N."),
    '''
def squared_error(y, t):
    """y (N, 1), t (N,) -> the loss, one number, and dL/dy (N, 1)."""
    error = y - t[:, None]
    return np.mean(error**2), 2 * error / len(y)
''',
    {"squared_error": ("loss", "dy")}, _squared_error,
    (
        Wrong("(N,) against (N, 1)", "y - t[:, None]", "y - t"),
        Wrong("factor 2 missing", "2 * error / len(y)", "error / len(y)"),
        Wrong("no 1/N", "2 * error / len(y)", "2 * error"),
        Wrong("no 1/N", "np.mean(error**2)", "np.sum(error**2)"),
        Wrong("half the loss", "np.mean(error**2)", "np.mean(error**2) / 2"),
        Wrong("wrong sign", "2 * error / len(y)", "-2 * error / len(y)"),
    ),
)  # fmt: skip

SOFTMAX_CROSS_ENTROPY = Exercise(
    "softmax-cross-entropy", "Softmax and cross-entropy together",
    "Taken together the two are simpler than apart: the gradient by the scores is (p - t) / N, and the loss can be "
    "written so that neither e^z overflows nor log(0) occurs, for scores as large as 1000.",
    (
        "log p = z - max - log(sum of e^(z - max)), all of each row.",
        "loss = -(t * log p).sum(axis=1).mean()",
        "p = np.exp(log p) and dz = (p - t) / N.",
    ),
    '''
def softmax_cross_entropy(z, t):
    """z (N, k), scores, t (N, k), one-hot -> the loss, one number, and dL/dz (N, k)."""
    z = z - z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    return -np.mean(np.sum(t * log_p, axis=1)), (p - t) / len(z)
''',
    {"softmax_cross_entropy": ("loss", "dz")}, _both,
    (
        Wrong("no 1/N", "(p - t) / len(z)", "p - t"),
        Wrong("no 1/N", "-np.mean(np.sum(t * log_p, axis=1))", "-np.sum(np.sum(t * log_p, axis=1))"),
        Wrong("wrong divisor", "(p - t) / len(z)", "(p - t) / t.size"),
        Wrong("wrong sign", "(p - t) / len(z)", "(t - p) / len(z)"),
        Wrong("derivative of the link kept with cross-entropy", "(p - t) / len(z)", "(p - t) * p * (1 - p) / len(z)"),
        Wrong("softmax derivative elementwise", "(p - t) / len(z)", "-t * (1 - p) / len(z)"),
        Wrong("softmax over the batch", "np.exp(z).sum(axis=1, keepdims=True)", "np.exp(z).sum(axis=0)"),
        Wrong("softmax without subtracting the maximum", "z - z.max(axis=1, keepdims=True)", "z"),
        Wrong("log(0)", "sum(t * log_p, axis=1)", "sum(t * np.log(p), axis=1)"),
        Wrong("labels off by one", "(p - t) / len(z)", "(p - np.roll(t, 1, axis=1)) / len(z)"),
    ),
)  # fmt: skip

ACCURACY = Exercise(
    "accuracy", "Accuracy",
    "The prediction for a sample is the class with the largest score; the accuracy is the share of samples whose "
    "prediction is their label.",
    ("scores.argmax(axis=...) gives the place of the largest element along an axis.",
     "The mean of True and False is a share."),
    '''
def accuracy(scores, labels):
    """scores (N, k), labels (N,) of whole numbers -> the share that is right, one number."""
    return np.mean(scores.argmax(axis=1) == labels)
''',
    {"accuracy": ("accuracy",)}, _accuracy,
    (
        Wrong("argmax over the wrong axis", "scores.argmax(axis=1) == labels",
              "np.array_equal(scores.argmax(axis=0), labels)"),
        Wrong("errors counted", "argmax(axis=1) == labels", "argmax(axis=1) != labels"),
        Wrong("not a share", "np.mean", "np.sum"),
        Wrong("argmin", "argmax", "argmin"),
        Wrong("labels off by one", "argmax(axis=1) ==", "argmax(axis=1) + 1 =="),
    ),
)  # fmt: skip
