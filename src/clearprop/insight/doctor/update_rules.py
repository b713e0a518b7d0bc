"""The catalogue of mistakes in the update of the parameters: small rules, and the lines that are written by mistake."""

from collections.abc import Mapping
from dataclasses import dataclass

from clearprop.arrays.errors import SettingError
from clearprop.training.optimizer import Optimizer
from clearprop.training.optimizers import SGD, Adam


@dataclass(frozen=True)
class UpdateMistake:
    """An entry: lines of the rule as they are written by mistake."""

    name: str
    says: str
    mend: str
    lines: Mapping[str, str]
    source: str = "a forum"


@dataclass(frozen=True)
class UpdateRule:
    """lines: what is computed for each parameter w with gradient g, in order. mistakes: what is done wrong in them."""

    lines: Mapping[str, str]
    mistakes: tuple[UpdateMistake, ...]


CLIMBS = "The step goes along the gradient instead of against it: the loss rises."
STEP = "w - rate * g"
COMMON = (
    UpdateMistake("wrong sign in the update", CLIMBS, "subtract", {"w": "w + rate * g"}, "datascience.SE 55372"),
    UpdateMistake(
        "parameter never updated",
        "It comes out as it went in; often another name was assigned.",
        "assign the new value to the parameter itself",
        {"w": "w"},
    ),
    UpdateMistake("learning rate missing", "The whole gradient is subtracted.", "multiply by the rate", {"w": "w - g"}),
    UpdateMistake(
        "learning rate twice",
        "The step is multiplied by the rate twice.",
        "multiply once",
        {"w": "w - rate * rate * g"},
    ),
    UpdateMistake(
        "parameter overwritten",
        "The step alone is kept, the old value is lost.",
        "subtract from the old value",
        {"w": "-rate * g"},
    ),
    UpdateMistake(
        "parameter overwritten",
        "The gradient is kept in the parameter's place.",
        "subtract from the old value",
        {"w": "g"},
    ),
    UpdateMistake(
        "parameter and gradient exchanged",
        "The gradient is moved along the parameter.",
        "w = w - rate * g",
        {"w": "g - rate * w"},
    ),
)
SGD_RULE = UpdateRule({"w": STEP}, COMMON)
MOMENTUM_RULE = UpdateRule(
    {"v": "momentum * v - rate * g", "w": "w + v"},
    (
        UpdateMistake("wrong sign in the update", CLIMBS, "add the velocity, which points downhill", {"w": "w - v"}),
        UpdateMistake(
            "velocity not kept",
            "Each step begins with a velocity of 0: there is no momentum.",
            "keep v from step to step",
            {"v": "-rate * g"},
        ),
        UpdateMistake(
            "gradient multiplied by 1 - momentum",
            "That is a running mean, whose steps are smaller.",
            "v = momentum v - rate g",
            {"v": "momentum * v - (1 - momentum) * rate * g"},
        ),
        UpdateMistake("parameter never updated", "It comes out as it went in.", "add the velocity", {"w": "w"}),
    ),
)
ADAM = {
    "m": "beta1 * m + (1 - beta1) * g",
    "v": "beta2 * v + (1 - beta2) * g**2",
    "mhat": "m / (1 - beta1**t)",
    "vhat": "v / (1 - beta2**t)",
    "w": "w - rate * mhat / (np.sqrt(vhat) + epsilon)",
}
ADAM_RULE = UpdateRule(
    ADAM,
    (
        UpdateMistake(
            "wrong sign in the update", CLIMBS, "subtract", {"w": "w + rate * mhat / (np.sqrt(vhat) + epsilon)"}
        ),
        UpdateMistake(
            "bias correction missing",
            "The running means begin at 0 and are too small at first.",
            "divide by 1 - beta^t",
            {"mhat": "m", "vhat": "v"},
        ),
        UpdateMistake(
            "bias correction of m missing",
            "m begins at 0 and is too small at first.",
            "divide by 1 - beta1^t",
            {"mhat": "m"},
        ),
        UpdateMistake(
            "bias correction of v missing",
            "v begins at 0 and is too small at first.",
            "divide by 1 - beta2^t",
            {"vhat": "v"},
        ),
        UpdateMistake(
            "corrected moments stored",
            "The correction is for this step only; stored, it is made again.",
            "keep m and v as they are, correct copies",
            {
                "m": "(beta1 * m + (1 - beta1) * g) / (1 - beta1**t)",
                "v": "(beta2 * v + (1 - beta2) * g**2) / (1 - beta2**t)",
                "mhat": "m",
                "vhat": "v",
            },
            "Stack Overflow",
        ),
        UpdateMistake(
            "t starts at 0",
            "1 - beta^0 is 0, and the first step divides by it.",
            "count t from 1",
            {"mhat": "m / (1 - beta1**(t - 1))", "vhat": "v / (1 - beta2**(t - 1))"},
            "Stack Overflow",
        ),
        UpdateMistake(
            "root missing",
            "The step is divided by the mean square instead of its root.",
            "take the root of v",
            {"w": "w - rate * mhat / (vhat + epsilon)"},
        ),
        UpdateMistake(
            "gradient not squared in v",
            "v is the running mean of the squares.",
            "square the gradient",
            {"v": "beta2 * v + (1 - beta2) * g"},
        ),
        UpdateMistake(
            "betas exchanged",
            "beta1 = 0.9 belongs to m, beta2 = 0.999 to v.",
            "exchange them",
            {
                "m": "beta2 * m + (1 - beta2) * g",
                "v": "beta1 * v + (1 - beta1) * g**2",
                "mhat": "m / (1 - beta2**t)",
                "vhat": "v / (1 - beta1**t)",
            },
        ),
        UpdateMistake(
            "factor 1 - beta1 missing",
            "m is then a sum, ten times too large.",
            "multiply by 1 - beta1",
            {"m": "beta1 * m + g"},
        ),
        UpdateMistake("parameter never updated", "It comes out as it went in.", "assign the new value", {"w": "w"}),
    ),
)


def rule_of(optimizer: Optimizer) -> UpdateRule:
    """The rule of an optimizer; a SettingError where there is none yet."""
    if type(optimizer) is SGD and not optimizer.nesterov:
        return MOMENTUM_RULE if optimizer.momentum else SGD_RULE
    if type(optimizer) is Adam:
        return ADAM_RULE
    raise SettingError(
        "diagnose", "SGD, with momentum if you like, or Adam", type(optimizer).__name__, "give optimizer=..."
    )
