"""From the settings of a training run to its parts: optimizer, loss, network."""

import math
import re
from typing import Any

from clearprop.arrays.errors import DataError, SettingError, brief, suggest
from clearprop.cli.settings import Settings
from clearprop.data.augmentation import Distortion
from clearprop.data.dataset import Dataset
from clearprop.layers.activations import Activation
from clearprop.layers.base import Layer
from clearprop.layers.dense import Dense
from clearprop.layers.dropout import Dropout
from clearprop.layers.losses import Loss, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from clearprop.layers.normalization import BatchNorm
from clearprop.training.lbfgs import LBFGS
from clearprop.training.optimizer import Optimizer
from clearprop.training.optimizers import SGD
from clearprop.training.penalties import L1, L2, MaxNorm, WeightDecay
from clearprop.training.schedules import Schedule
from clearprop.training.session import BATCH
from clearprop.training.stopping import EarlyStopping, Stopping, TimeLimit

STEPS = 3000  # to take, where no number of epochs is given
FEWEST, MOST = 10, 1000  # epochs, the same
SGD_RATE = 0.1  # over one minus the momentum, the length that steps come to in the long run


def known(family: Any, option: str, name: str | None) -> Any:
    """The member of `family` called `name`; a SettingError that names the option and suggests another if none is."""
    names = [_spelled(kind) for kind, member in family.members.items() if issubclass(member, family)]
    try:
        member = family.lookup(str(name))
    except SettingError:
        member = object
    if not issubclass(member, family):
        raise SettingError(f"--{option}", "a name that is known", brief(name), suggest(str(name).lower(), names))
    return member


def _spelled(name: str) -> str:
    """A class's name as one would type it: softmax-cross-entropy."""
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "-", name).lower()


def activation(chosen: Settings) -> type[Layer]:
    """The activation that the settings ask for."""
    kind: type[Layer] = known(Activation, "activation", chosen.activation)
    return kind


def loss(chosen: Settings) -> Loss | None:
    """The loss that the settings ask for, None if they leave it open."""
    return known(Loss, "loss", chosen.loss)() if chosen.loss else None


def optimizer(chosen: Settings) -> Optimizer | LBFGS:
    """The optimizer that the settings ask for."""
    if str(chosen.optimizer).lower().replace("-", "") == "lbfgs":
        return _lbfgs(chosen)
    kind: type[Any] = known(Optimizer, "optimizer", chosen.optimizer)
    given: dict[str, Any] = {} if chosen.learning_rate is None else {"learning_rate": chosen.learning_rate}
    if chosen.momentum is not None:
        if not hasattr(kind, "momentum"):
            raise SettingError("--momentum", "an optimizer that has one", kind.__name__, "add --optimizer sgd")
        given["momentum"] = chosen.momentum
    given |= {name: getattr(chosen, name) for name in ("clip_norm", "clip_value") if getattr(chosen, name) is not None}
    made: Optimizer = kind(**given)
    if kind is SGD and chosen.learning_rate is None:
        made.learning_rate = SGD_RATE * (1 - (chosen.momentum or 0.0))
    return made


def _lbfgs(chosen: Settings) -> LBFGS:
    for name in ("learning_rate", "momentum", "clip_norm", "clip_value", "checkpoint"):
        if getattr(chosen, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise SettingError(option, "an optimizer that takes it", "lbfgs", f"leave out {option}, or take adam")
    return LBFGS()


def rules(chosen: Settings) -> dict[str, Any]:
    """Penalties, schedule, stopping rules, class weights and distortions, as `fit` takes them."""
    penalties = {L1: chosen.l1, L2: chosen.l2, WeightDecay: chosen.weight_decay, MaxNorm: chosen.max_norm}
    stopping: list[Stopping] = [] if chosen.patience is None else [EarlyStopping(patience=chosen.patience)]
    if chosen.time_limit is not None:
        stopping.append(TimeLimit(chosen.time_limit))
    return {
        "penalties": [kind(strength) for kind, strength in penalties.items() if strength is not None],
        "schedule": known(Schedule, "schedule", chosen.schedule)() if chosen.schedule else None,
        "stopping": stopping,
        "class_weight": "balanced" if chosen.balanced else None,
        "augment": [_distortion(part.strip()) for part in (chosen.augment or "").split(",") if part.strip()],
    }


def _distortion(text: str) -> Distortion:
    """A distortion from its name and, after an equals sign, how strong it is: shift=3."""
    name, _, size = text.partition("=")
    kind: type[Any] = known(Distortion, "augment", name.strip())
    try:
        sizes = [float(size)] if size else []
    except ValueError:
        raise SettingError("--augment", f"a number after {name}=", brief(size), f"such as {name}=2") from None
    made: Distortion = kind(*sizes)
    return made


def batch(chosen: Settings, samples: int, usual: int = BATCH) -> int:
    """How many of `samples` to compute at a time."""
    if chosen.batch is not None and chosen.batch > samples:
        raise SettingError("--batch", f"at most the {samples} samples there are", str(chosen.batch), "make it smaller")
    return chosen.batch or min(usual, samples)


def epochs(chosen: Settings, samples: int, batch: int) -> int:
    """How often to go through `samples`, as asked for or as often as makes enough steps."""
    if chosen.epochs is not None:
        return chosen.epochs
    return min(max(math.ceil(STEPS / math.ceil(samples / batch)), FEWEST), MOST)


def outputs_and_loss(data: Dataset, wanted: Loss | None) -> tuple[int, Loss]:
    """How many outputs a network for `data` has, and the loss to train it with: the one `wanted`, or what fits."""
    if data.classes is None:
        if wanted is not None and wanted.classifies:
            got = f"{type(wanted).__name__}, which is for classes"
            raise SettingError("--loss", f"a loss for the values of {data.name}", got, "such as mean-squared-error")
        outputs = data.train.t.shape[1] if data.train.t.ndim > 1 else 1
        return outputs, wanted or MeanSquaredError()
    count = len(data.classes)
    if count < 2:
        got = f"only {data.classes[0]!r}"
        raise DataError(data.name, "at least two classes", got, "check the label column; name it with --label")
    if wanted is None:
        wanted = SigmoidCrossEntropy() if count == 2 else SoftmaxCrossEntropy()
    return 1 if count == 2 and not isinstance(wanted, SoftmaxCrossEntropy) else count, wanted


def hidden(chosen: Settings, kind: type[Layer]) -> list[Layer]:
    """The layers before the last one, with an activation of `kind` after each Dense."""
    layers: list[Layer] = []
    for width in chosen.hidden or ():
        layers.append(Dense(width))
        if chosen.batch_norm:
            layers.append(BatchNorm())
        layers.append(kind())
        if chosen.dropout:
            layers.append(Dropout(chosen.dropout))
    return layers
