"""All exercises, in the order of learning."""

from clearprop.arrays.errors import SettingError, brief, suggest
from clearprop.grader import activations, layers, losses, networks, optimizers, training
from clearprop.grader.exercise import Exercise

EXERCISES: dict[str, Exercise] = {
    one.name: one
    for one in (
        activations.SIGMOID, activations.RELU, losses.SOFTMAX, losses.ONE_HOT, losses.CROSS_ENTROPY,
        losses.SQUARED_ERROR, losses.ACCURACY, layers.DENSE_FORWARD, layers.DENSE_BACKWARD, losses.SOFTMAX_BACKWARD,
        losses.SOFTMAX_CROSS_ENTROPY, networks.LOGISTIC, networks.TWO_LAYERS, networks.THREE_LAYERS,
        training.GRADIENT_CHECK, layers.INITIALIZATION, optimizers.SGD, optimizers.MOMENTUM, optimizers.ADAM,
        optimizers.PENALTY, layers.DROPOUT, layers.BATCH_NORM, layers.BATCH_NORM_BACKWARD, training.TRAINING_LOOP,
        training.MNIST,
    )
}  # fmt: skip


def exercise(name: str) -> Exercise:
    """The exercise that is called so; a SettingError with the nearest name where none is.

    >>> exercise("softmax").title
    'Softmax'
    """
    found = EXERCISES.get(name.strip().lower().replace("_", "-"))
    if found is None:
        raise SettingError("exercise", "the name of an exercise", brief(name), suggest(name, EXERCISES))
    return found
