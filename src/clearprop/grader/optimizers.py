"""Exercises: optimizers and the penalty on weights."""

from clearprop.grader.activations import sizes
from clearprop.grader.exercise import Call, Exercise, Rng, Wrong


def _sgd(rng: Rng) -> list[Call]:
    n, k, _ = sizes(rng)
    return [
        Call("step", {"w": rng.normal(size=(n, k)), "g": rng.normal(size=(n, k)), "rate": float(rng.uniform(0.1, 0.9))})
    ]


def _momentum(rng: Rng) -> list[Call]:
    (call,) = _sgd(rng)
    shape = call.inputs["w"].shape
    return [Call("step", {"w": call.inputs["w"], "v": rng.normal(size=shape), "g": call.inputs["g"],
                          "rate": call.inputs["rate"], "momentum": 0.8})]  # fmt: skip


def _adam(rng: Rng) -> list[Call]:
    (call,) = _sgd(rng)
    w, g = call.inputs["w"], call.inputs["g"]
    first = {"w": w, "m": w * 0, "v": w * 0, "g": g, "t": 1, "rate": 0.01}
    small = {
        "m": 1e-4 * rng.normal(size=w.shape),
        "v": rng.uniform(1e-10, 1e-9, w.shape),
        "g": 1e-4 * g,
    }  # near epsilon
    later = {"w": w, **small, "t": 7, "rate": 0.01}
    return [Call("step", first), Call("step", later)]


def _penalty(rng: Rng) -> list[Call]:
    n, k, _ = sizes(rng)
    return [Call("add_penalty", {"W": rng.normal(size=(n, k)), "dW": rng.normal(size=(n, k)), "db": rng.normal(size=k),
                                 "s": float(rng.uniform(0.1, 0.9))})]  # fmt: skip


SGD = Exercise(
    "sgd", "A step of gradient descent",
    "Move the parameters against the gradient, by the learning rate. Give back a new array, and leave w as it is.",
    ("The gradient points to where the loss grows: subtract it.",),
    '''
def step(w, g, rate):
    """w (n, k), its gradient g (n, k), a number -> the new w (n, k)."""
    return w - rate * g
''',
    {"step": ("w",)}, _sgd,
    (
        Wrong("wrong sign", "w - rate * g", "w + rate * g"),
        Wrong("never updated", "w - rate * g", "w"),
        Wrong("learning rate missing", "w - rate * g", "w - g"),
        Wrong("results in another order", "w - rate * g", "g - rate * w"),
        Wrong("inputs changed", "return w - rate * g", "w -= rate * g\n    return w"),
    ),
)  # fmt: skip

MOMENTUM = Exercise(
    "momentum", "Gradient descent with momentum",
    "The velocity keeps `momentum` of what it was and is pushed by -rate * g; then w moves by the new velocity "
    "(Sutskever et al. 2013).",
    ("new v = momentum * v - rate * g", "new w = w + new v"),
    '''
def step(w, v, g, rate, momentum):
    """w, the velocity v and the gradient g (n, k), two numbers -> the new w (n, k), the new v (n, k)."""
    new = momentum * v - rate * g
    return w + new, new
''',
    {"step": ("w", "v")}, _momentum,
    (
        Wrong("wrong sign", "momentum * v - rate * g", "momentum * v + rate * g"),
        Wrong("wrong sign", "w + new", "w - new"),
        Wrong("velocity forgotten", "momentum * v - rate * g", "-rate * g"),
        Wrong("velocity of the step before", "w + new", "w + v"),
        Wrong("velocity of the step before", "return w + new, new", "return w + new, v"),
        Wrong("gradient damped", "rate * g", "(1 - momentum) * rate * g"),
        Wrong("learning rate missing", "rate * g", "g"),
        Wrong("learning rate squared", "w + new", "w + rate * new"),
        Wrong("Nesterov instead of momentum", "w + new", "w + momentum * new - rate * g"),
        Wrong("never updated", "w + new", "w"),
        Wrong("results in another order", "return w + new, new", "return new, w + new"),
    ),
)  # fmt: skip

ADAM = Exercise(
    "adam", "Adam",
    "Two running averages, m of the gradient and v of its square, both from 0, so too small at first: each is divided "
    "by 1 - beta^t at step t = 1, 2, ... The step is rate * m / (sqrt(v) + 1e-8) with the corrected ones (Kingma and "
    "Ba 2015, algorithm 1); beta1 = 0.9, beta2 = 0.999.",
    (
        "m = 0.9 * m + 0.1 * g, and v = 0.999 * v + 0.001 * g**2.",
        "Correct into new variables: what is given back is not corrected.",
        "w - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)",
    ),
    '''
def step(w, m, v, g, t, rate):
    """w, m, v and the gradient g (n, k), the number t of this step, from 1 -> the new w, m and v (n, k)."""
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g**2
    m_hat = m / (1 - 0.9**t)
    v_hat = v / (1 - 0.999**t)
    return w - rate * m_hat / (np.sqrt(v_hat) + 1e-8), m, v
''',
    {"step": ("w", "m", "v")}, _adam,
    (
        Wrong("no bias correction", "m_hat = m / (1 - 0.9**t)\n    v_hat = v / (1 - 0.999**t)",
              "m_hat = m\n    v_hat = v"),
        Wrong("no bias correction", "v / (1 - 0.999**t)", "v"),
        Wrong("no bias correction", "m / (1 - 0.9**t)", "m"),
        Wrong("stores the corrected moment", ", m, v\n", ", m_hat, v_hat\n"),
        Wrong("t from 0", "m_hat = m / (1 - 0.9**t)\n    v_hat = v / (1 - 0.999**t)",
              "m_hat = m / (1 - 0.9 ** (t - 1.0))\n    v_hat = v / (1 - 0.999 ** (t - 1.0))"),
        Wrong("epsilon inside the root", "(np.sqrt(v_hat) + 1e-8)", "np.sqrt(v_hat + 1e-8)"),
        Wrong("gradient not squared", "0.001 * g**2", "0.001 * g"),
        Wrong("root missing", "(np.sqrt(v_hat) + 1e-8)", "(v_hat + 1e-8)"),
        Wrong("betas swapped", "m = 0.9 * m + 0.1 * g\n    v = 0.999 * v + 0.001 * g**2",
              "m = 0.999 * m + 0.001 * g\n    v = 0.9 * v + 0.1 * g**2"),
        Wrong("wrong sign", "w - rate", "w + rate"),
        Wrong("learning rate missing", "rate * m_hat", "m_hat"),
        Wrong("never updated", "w - rate * m_hat / (np.sqrt(v_hat) + 1e-8)", "w"),
    ),
)  # fmt: skip

PENALTY = Exercise(
    "l2-penalty", "An L2 penalty",
    "To the loss is added s/2 times the sum of the squares of W, not of the biases. Give back the penalty, and both "
    "gradients with its part in them.",
    ("The derivative of s/2 w^2 is s w.", "db stays as it is."),
    '''
def add_penalty(W, dW, db, s):
    """W (n, k), its gradient dW (n, k), db (k,), a number -> the penalty, one number, dW (n, k), db (k,)."""
    return s / 2 * np.sum(W**2), dW + s * W, db
''',
    {"add_penalty": ("penalty", "dW", "db")}, _penalty,
    (
        Wrong("L2 factor 2", "dW + s * W", "dW + 2 * s * W"),
        Wrong("L2 factor 2", "s / 2 * np.sum(W**2)", "s * np.sum(W**2)"),
        Wrong("L2 halved", "dW + s * W", "dW + s / 2 * W"),
        Wrong("L2 sign", "dW + s * W", "dW - s * W"),
        Wrong("L2 on biases", "dW + s * W, db", "dW + s * W, db + s * db"),
        Wrong("L2 missing", "dW + s * W", "dW"),
        Wrong("L1 instead of L2", "dW + s * W", "dW + s * np.sign(W)"),
        Wrong("inputs changed", "return s / 2 * np.sum(W**2), dW + s * W, db",
              "dW += s * W\n    return s / 2 * np.sum(W**2), dW, db"),
    ),
)  # fmt: skip
