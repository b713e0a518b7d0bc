"""scikit-learn's MLPClassifier on clearprop."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from clearprop.arrays.errors import DataError, SettingError, brief
from clearprop.data.dataset import Samples
from clearprop.layers.losses import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy
from clearprop.network.metrics import Evaluation
from clearprop.sklearn import settings
from clearprop.sklearn.base import BaseMLP, keep


class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """A network that classifies: two classes, several, or several labels at once (y of 0 and 1, (N, k)).

    Parameters are those of scikit-learn's class of the same name, with these changes. activation: any of
    clearprop's by name or as a value, or a list with one for each hidden layer. dropout: share of each hidden
    layer's outputs, or a list. batch_norm: between each hidden layer and its activation. schedule: a cp.Schedule for
    learning_rate_init, over max_iter epochs. class_weight: {class: factor} or "balanced".

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> MLPClassifier((16,), solver="lbfgs", alpha=0.01, random_state=0).fit(X, y).score(X, y) > 0.97
    True
    """

    classes_: NDArray[Any]
    _many: bool  # whether samples have several labels each

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        batch_norm: bool = False,
        schedule: Any = None,
        class_weight: Any = None,
    ) -> None:
        keep(self, locals())

    def _encode(self, y: Any, known: bool) -> tuple[NDArray[Any], int]:
        if issparse(y):
            y = y.toarray()
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if known and hasattr(self, "model_") and self._many != (y.ndim == 2):
            kinds = "one class each", "several labels each"
            wanted, got = kinds[::-1] if self._many else kinds
            raise DataError("y", f"{wanted}, as before", got, "set warm_start=False")
        if y.ndim == 2:
            if type_of_target(y) == "multiclass-multioutput":
                raise DataError("y", "one class each, or labels of 0 and 1", "several classes each", "train one by one")
            if known and len(self.classes_) != y.shape[1]:
                raise DataError("y", f"{len(self.classes_)} labels, as before", str(y.shape[1]), "set warm_start=False")
            self.classes_, self._many = np.arange(y.shape[1]), True
            return y.astype(np.float64), y.shape[1]
        self._many = False
        found, t = np.unique(y, return_inverse=True)
        if not known:
            self.classes_ = found
        elif len(unknown := np.setdiff1d(found, self.classes_)):
            raise DataError("y", f"classes_ as before, {brief(self.classes_)}", f"class {unknown[0]}", "call fit anew")
        t = np.searchsorted(self.classes_, found)[t]
        return t, len(self.classes_) if len(self.classes_) > 2 else 1

    def _head(self) -> tuple[Loss, str]:
        if self._many or len(self.classes_) <= 2:
            return SigmoidCrossEntropy(), "logistic"
        return SoftmaxCrossEntropy(), "softmax"

    def _start(self, X: Any, outputs: int) -> None:
        super()._start(X, outputs)
        labels = self.classes_.tolist()
        if not self._many and len(labels) > 1 and all(type(label) in (int, str) for label in labels):
            self.model_.classes = tuple(labels)  # so that the model, and its file, answer with them

    def _weigh(self, t: NDArray[Any], weight: NDArray[Any] | None, partial: bool) -> NDArray[Any] | None:
        if self.class_weight is None:
            return weight
        kind = type(self).__name__
        if self._many:
            raise SettingError(kind, "class_weight with one class each", "several labels each", "take sample_weight")
        if partial and isinstance(self.class_weight, str):
            raise SettingError(
                kind, "class_weight as a dict in partial_fit", brief(self.class_weight), "compute it from all samples"
            )
        factors = settings.class_factors(kind, self.class_weight, self.classes_, t)
        return factors if weight is None else factors * weight

    def _score(self, samples: Samples, found: Evaluation) -> float:
        if samples.weight is None and found.accuracy is not None:
            return found.accuracy
        decided = self._decide(self._linked(samples.x))
        return float(accuracy_score(samples.t, decided, sample_weight=samples.weight))

    def _decide(self, p: NDArray[Any]) -> NDArray[Any]:
        """Indices of classes (N,), or labels (N, k), from probabilities (N, k)."""
        if self._many:
            return (p > 0.5).astype(int)
        if len(self.classes_) == 1:
            return np.zeros(len(p), int)
        return (p[:, 0] > 0.5).astype(int) if p.shape[1] == 1 else p.argmax(axis=1)

    def predict(self, X: Any) -> NDArray[Any]:
        """The class (N,) of each row of X (N, n), or 0 and 1 for each label (N, k)."""
        decided = self._decide(self._answers(X))
        return decided if self._many else self.classes_[decided]

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Probabilities (N, classes), columns in the order of `classes_`."""
        p = self._answers(X)
        if self._many or p.shape[1] > 1:
            return p
        return np.ones_like(p) if len(self.classes_) == 1 else np.hstack([1 - p, p])

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """The logarithm of `predict_proba`."""
        p = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(p, out=p)

    @available_if(lambda self: self._check_solver())  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One epoch on X (N, n), y; the first call needs all `classes` unless y are labels of 0 and 1 (N, k)."""
        if not hasattr(self, "classes_"):
            if classes is None and not type_of_target(y).startswith("multilabel"):
                raise SettingError(
                    type(self).__name__, "classes in the first call to partial_fit", "None", "give np.unique(all y)"
                )
            if classes is not None:
                self.classes_ = np.unique(classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise SettingError(
                type(self).__name__, f"classes as before, {brief(self.classes_)}", brief(classes), "leave them out"
            )
        self._run(X, y, sample_weight, partial=True)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
