"""What the first step of each optimizer does to a parameter, as one formula."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.insight.checking.numeric import Flat
from clearprop.training.optimizer import Optimizer
from clearprop.training.optimizers import SGD, AdaGrad, Adam, AdamW, Lion, Nadam, RMSProp

W = "<w>"  # the parameter in a formula; its gradient is G, which clipping may change
G = "<g>"


def first_step(optimizer: Optimizer, gradient: Flat, decays: bool) -> str | None:
    """NumPy text of the parameter <w> after the first step along its gradient <g>; None for a rule not known here.

    gradient (P,): all of it, for the clipping by norm. decays: whether AdamW shrinks this parameter.
    """
    formula = FORMULAS.get(type(optimizer))
    if formula is None:
        return None
    w = W
    if isinstance(optimizer, AdamW) and decays:
        w = f"{W} * (1 - {optimizer.learning_rate!r} * {optimizer.weight_decay!r})"
    return formula(optimizer).replace(W, w, 1).replace(G, _clipped(optimizer, gradient))


def _clipped(optimizer: Optimizer, gradient: Flat) -> str:
    text, most = G, optimizer.clip_norm
    if most is not None and (norm := float(np.linalg.norm(gradient))) > most:
        text = f"({most / norm!r} * {text})"
    if optimizer.clip_value is not None:
        text = f"np.clip({text}, -{optimizer.clip_value!r}, {optimizer.clip_value!r})"
    return text


def _sgd(rule: SGD) -> str:
    ahead = f" * (1 + {rule.momentum!r})" if rule.nesterov else ""  # v = 0 before the first step
    return f"{W} - {rule.learning_rate!r}{ahead} * {G}"


def _adam(rule: Adam) -> str:
    """Corrected for their bias, the means are the gradient and its square."""
    return f"{W} - {rule.learning_rate!r} * {G} / (np.abs({G}) + {rule.epsilon!r})"


def _nadam(rule: Nadam) -> str:
    ahead = f"({rule.beta1!r} / (1 + {rule.beta1!r}) + 1)"
    return f"{W} - {rule.learning_rate!r} * {ahead} * {G} / (np.abs({G}) + {rule.epsilon!r})"


def _adagrad(rule: AdaGrad) -> str:
    return f"{W} - {rule.learning_rate!r} * {G} / (np.abs({G}) + {rule.epsilon!r})"


def _rmsprop(rule: RMSProp) -> str:
    return f"{W} - {rule.learning_rate!r} * {G} / (np.sqrt((1 - {rule.rho!r}) * {G}**2) + {rule.epsilon!r})"


def _lion(rule: Lion) -> str:
    return f"{W} - {rule.learning_rate!r} * np.sign({G})"


FORMULAS: dict[type, Callable[[Any], str]] = {
    SGD: _sgd, Adam: _adam, AdamW: _adam, AdaGrad: _adagrad, RMSProp: _rmsprop, Nadam: _nadam, Lion: _lion,
}  # fmt: skip
