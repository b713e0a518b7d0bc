"""scikit-learn's MLPRegressor on clearprop."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from clearprop.arrays.errors import DataError
from clearprop.data.dataset import Samples
from clearprop.layers.losses import Loss, Poisson, SquaredError
from clearprop.network.metrics import Evaluation
from clearprop.sklearn import settings
from clearprop.sklearn.base import BaseMLP, keep

LOSSES = ("squared_error", "poisson")


class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """A network that predicts values: one for each sample, or several (y (N, k)).

    Parameters are those of scikit-learn's class of the same name, and those that MLPClassifier here adds: activation
    as a list, dropout, batch_norm, schedule. loss: "squared_error" is half the squared distance, "poisson" half the
    Poisson deviance of exp(output), for y of 0 and above.

    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> parabola = MLPRegressor(hidden_layer_sizes=(16,), solver="lbfgs", random_state=0).fit(X, X[:, 0] ** 2)
    >>> parabola.score(X, X[:, 0] ** 2) > 0.99
    True
    """

    def __init__(
        self,
        loss: str = "squared_error",
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
    ) -> None:
        keep(self, locals())

    def _encode(self, y: NDArray[Any], known: bool) -> tuple[NDArray[Any], int]:
        settings.choose(type(self).__name__, "loss", self.loss, LOSSES)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        t = y.astype(np.float64)
        if self.loss == "poisson" and (t < 0).any():
            raise DataError('y, loss="poisson"', "values of at least 0", str(t.min()), 'take loss="squared_error"')
        return t, 1 if t.ndim == 1 else t.shape[1]

    def _head(self) -> tuple[Loss, str]:
        return (Poisson(), "exp") if self.loss == "poisson" else (SquaredError(), "identity")

    def _score(self, samples: Samples, found: Evaluation) -> float:
        values = self._linked(samples.x).reshape(samples.t.shape)
        return float(r2_score(samples.t, values, sample_weight=samples.weight))

    def predict(self, X: Any) -> NDArray[Any]:
        """The value (N,) for each row of X (N, n), or values (N, k)."""
        values = self._answers(X)
        return values[:, 0] if values.shape[1] == 1 else values

    @available_if(lambda self: self._check_solver())  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on X (N, n) and y (N,) or (N, k)."""
        self._run(X, y, sample_weight, partial=True)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
