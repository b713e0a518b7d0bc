"""scikit-learn's `MLPClassifier` and `MLPRegressor` on clearprop: change the import, keep the program.

    from clearprop.sklearn import MLPClassifier, MLPRegressor

Parameters, defaults and fitted attributes are scikit-learn's own, and so are the start values and the order of
samples for a given `random_state`: the same call ends with the same network, up to rounding. In addition: dropout,
batch_norm, an activation for each layer, schedule, class_weight, validation_loss_curve_, epochs as an iterator
(`iter_fit`), and the clearprop model itself (`model_`).

Where they differ: the validation part of early_stopping has every class in its share also where there are more than
two; `loss_` for several targets is a sum over them, as its gradient is there too.
"""

from clearprop.arrays.errors import missing

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError:
    raise missing("scikit-learn", "sklearn", "clearprop.sklearn") from None

from clearprop.sklearn.classifier import MLPClassifier
from clearprop.sklearn.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
