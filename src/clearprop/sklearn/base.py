"""What the classifier and the regressor share: fit, partial_fit, epochs as an iterator."""

import dataclasses
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from clearprop.arrays.errors import DataError, SettingError
from clearprop.data.dataset import Dataset, Samples
from clearprop.data.sparse import SparseRows
from clearprop.layers.losses import Loss
from clearprop.network.metrics import Evaluation
from clearprop.network.model import CHUNK, Model
from clearprop.sklearn import settings
from clearprop.sklearn.descent import Descent, optimizer, penalties
from clearprop.training.interrupt import Stop, ctrl_c_asks
from clearprop.training.lbfgs import LBFGS, FullBatch
from clearprop.training.plan import Plan
from clearprop.training.report import Epoch

INTERRUPTED = "Training interrupted by user."
FLOATS = (np.float64, np.float32)
LEAST_RATE = 1e-6  # below which learning_rate="adaptive" gives up


def keep(estimator: Any, arguments: dict[str, Any]) -> None:
    """Set each argument of an estimator's `__init__` as its attribute, unchanged, as scikit-learn wants it."""
    for name, value in arguments.items():
        if name != "self":
            setattr(estimator, name, value)


class BaseMLP(BaseEstimator, ABC):  # type: ignore[misc]
    """A multi-layer perceptron in scikit-learn's manner; `model_` is the clearprop Model that is trained."""

    model_: Model
    loss_curve_: list[float]
    best_loss_: Any  # None where early stopping looks at the score, as that is None where it does not
    validation_scores_: Any
    validation_loss_curve_: Any

    @abstractmethod
    def _encode(self, y: Any, known: bool) -> tuple[NDArray[Any], int]:
        """Targets as Samples take them and the number of outputs; `known`: classes are those of earlier calls."""

    @abstractmethod
    def _head(self) -> tuple[Loss, str]:
        """The loss and the name of the output activation."""

    @abstractmethod
    def _score(self, samples: Samples, found: Evaluation) -> float:
        """What early stopping looks at, for samples that have been evaluated."""

    def _weigh(self, t: NDArray[Any], weight: NDArray[Any] | None, partial: bool) -> NDArray[Any] | None:
        """Sample weights (N,), or None where all are 1."""
        return weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X (N, n), dense or sparse, and y (N,) or (N, k); sample_weight (N,). Returns the estimator."""
        self._run(X, y, sample_weight, partial=False)
        return self

    def iter_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Iterator[Epoch]:
        """`fit` as an iterator of epochs: the estimator can be used in the loop, and `break` ends training.

        test_loss and test_accuracy are of the validation part of early_stopping; None without it.
        """
        return self._begin(X, y, sample_weight, False, Stop())

    def _run(self, X: Any, y: Any, sample_weight: Any, partial: bool) -> None:
        """All epochs; Ctrl-C ends them, with a warning, and what was learned stays."""
        stop = Stop()
        epochs = self._begin(X, y, sample_weight, partial, stop)
        with ctrl_c_asks(stop):
            for _ in epochs:
                pass

    def _begin(self, X: Any, y: Any, sample_weight: Any, partial: bool, stop: Stop) -> Iterator[Epoch]:
        """Check everything, make the model unless training goes on, and return the epochs to come."""
        settings.check(self)
        first = not hasattr(self, "model_") or not (self.warm_start or partial)
        X, y = validate_data(self, X, y, accept_sparse="csr", multi_output=True, dtype=FLOATS, reset=first)
        t, outputs = self._encode(y, known=not first or (partial and hasattr(self, "classes_")))
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        weight = self._weigh(t, weight, partial)
        if partial and (self.early_stopping or self.schedule):
            name = "early_stopping" if self.early_stopping else "schedule"
            raise SettingError(type(self).__name__, f"no {name} in partial_fit", name, "leave it out, or take fit")
        samples = Samples(SparseRows(X) if issparse(X) else X, t, weight)
        self._random_state = check_random_state(self.random_state)
        if first:
            self._start(X, outputs)
        self._check_same(outputs)
        if self.solver == "lbfgs":
            return self._solved(samples, stop)
        train, test = self._split(samples) if self.early_stopping else (samples, None)
        if self.batch_size != "auto" and self.batch_size > len(train):
            warnings.warn(f"batch_size={self.batch_size} is cut to {len(train)}, the training samples", stacklevel=3)
        if not (partial and hasattr(self, "_optimizer")):
            self._optimizer = optimizer(self)
        self.n_iter_ = 0
        return self._descended(Descent(self, train), test, partial, stop)

    def _start(self, X: Any, outputs: int) -> None:
        """A new model, and attributes as before any training."""
        loss, self.out_activation_ = self._head()
        network = settings.network(self, X.shape[1], outputs)
        self.model_ = Model(network, loss, dtype=X.dtype)
        settings.initialize(self, self.model_, self._random_state)
        self.n_outputs_, self.n_layers_ = outputs, len(self.coefs_) + 1
        self.n_iter_ = self.t_ = self._waited = 0
        self.loss_curve_ = []
        early = self.early_stopping and self.solver != "lbfgs"
        self.best_loss_ = None if early else math.inf
        self.best_validation_score_ = -math.inf if early else None
        self.validation_scores_ = [] if early else None
        self.validation_loss_curve_ = [] if early else None

    def _check_same(self, outputs: int) -> None:
        """Raise where training cannot go on with other layers or targets than it began with."""
        network = settings.network(self, self.n_features_in_, outputs)
        if network != self.model_.network:
            raise SettingError(
                type(self).__name__, f"the network of the first call, {self.model_.network!r}", f"{network!r}",
                "set warm_start=False, or call fit with the layers that it began with",
            )  # fmt: skip
        loss, known = self._head()[0], self.model_.loss
        if loss != known:
            raise SettingError(
                type(self).__name__, f"targets for the loss of the first call, {known!r}", f"some for {loss!r}",
                "set warm_start=False",
            )  # fmt: skip
        early = self.early_stopping and self.solver != "lbfgs"
        if early != (self.validation_scores_ is not None):
            raise SettingError(
                type(self).__name__, "early_stopping as in the first call", str(self.early_stopping),
                "set warm_start=False",
            )  # fmt: skip

    def _split(self, samples: Samples) -> tuple[Samples, Samples]:
        """The training and the validation part; every class in its share where each sample has one."""
        one_class = samples.t.ndim == 1 and samples.t.dtype.kind == "i"
        kind, t = type(self).__name__, samples.t
        if one_class:
            settings.check_split(kind, t, self.classes_, self.validation_fraction)
        if not 2 <= math.ceil(self.validation_fraction * len(t)) < len(t):
            raise DataError(
                f"{kind}, early_stopping", "a validation part of at least 2 samples, but not of all",
                f"{self.validation_fraction:g} of {len(t)}", "change validation_fraction",
            )  # fmt: skip
        train, test = train_test_split(
            np.arange(len(t)), random_state=self._random_state, test_size=self.validation_fraction,
            stratify=t if one_class else None,
        )  # fmt: skip
        if one_class:
            settings.check_part(kind, t, test, self.classes_)
        return samples[train], samples[test]

    def _descended(self, descent: Descent, test: Samples | None, partial: bool, stop: Stop) -> Iterator[Epoch]:
        """Train by SGD or Adam until the loss, or the validation score, no longer gets better."""
        best = (self.model_.theta.copy(), self.model_.state.copy()) if test else None
        try:
            while self.n_iter_ < (1 if partial else self.max_iter):
                epoch = descent.epoch(self.n_iter_ + 1, stop)
                if epoch.interrupted:
                    break
                self.n_iter_, self.loss_, self.t_ = epoch.number, epoch.loss, self.t_ + epoch.samples
                self.loss_curve_.append(epoch.loss)
                self._tell(f"Iteration {self.n_iter_}, loss = {epoch.loss:.8f}")
                if test is None:
                    self._judge(-epoch.loss, "best_loss_", -1)
                else:
                    epoch = self._validated(epoch, test)
                    if self._judge(self.validation_scores_[-1], "best_validation_score_", 1):
                        best = self.model_.theta.copy(), self.model_.state.copy()
                over = self._next_rate(descent, epoch)
                yield epoch
                if over or stop.asked:
                    break
            else:
                over = partial
            if stop.asked:
                warnings.warn(INTERRUPTED, stacklevel=3)
            elif not over:
                warnings.warn(
                    f"{self.max_iter} epochs, max_iter, and training has not converged yet; raise max_iter or tol",
                    ConvergenceWarning, stacklevel=3,
                )  # fmt: skip
        finally:
            if best is not None:
                self.model_.theta[...], self.model_.state[...] = best

    def _validated(self, epoch: Epoch, test: Samples) -> Epoch:
        found = self.model_.evaluate(Dataset(test))
        self.validation_scores_.append(self._score(test, found))
        self.validation_loss_curve_.append(found.loss)
        self._tell(f"Validation score: {self.validation_scores_[-1]:f}")
        return dataclasses.replace(epoch, test_loss=found.loss, test_accuracy=found.accuracy)

    def _judge(self, score: float, name: str, sign: int) -> bool:
        """Count the epochs without a gain of tol; whether `score` (more is better) is the best so far."""
        best = sign * getattr(self, name)
        self._waited = self._waited + 1 if score < best + self.tol else 0
        if score > best:
            setattr(self, name, sign * score)
        return bool(score > best)

    def _next_rate(self, descent: Descent, epoch: Epoch) -> bool:
        """Set the learning rate of the next epoch; whether training is over."""
        rule = self.learning_rate if self.solver == "sgd" else "constant"
        if self.schedule:
            self.schedule.after_epoch(vars(epoch), descent.memory)
        if rule == "invscaling":
            self._optimizer.learning_rate = self.learning_rate_init * (self.t_ + 1.0) ** -self.power_t
        if self._waited <= self.n_iter_no_change:
            return False
        what = "Validation score" if self.early_stopping else "Training loss"
        self._tell(f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} consecutive epochs.")
        if rule == "adaptive" and self._optimizer.learning_rate > LEAST_RATE:
            self._optimizer.learning_rate /= 5
            self._waited = 0
            self._tell(f"Setting learning rate to {self._optimizer.learning_rate:f}")
            return False
        return True

    def _solved(self, samples: Samples, stop: Stop) -> Iterator[Epoch]:
        """Train by L-BFGS, all samples at once."""
        solver = LBFGS(gradient_tolerance=self.tol, evaluations=self.max_fun)
        plan = Plan(penalties=penalties(self, len(samples), samples.weight))
        training = FullBatch(self.model_, Dataset(samples), solver, self.max_iter, None, 0, None, plan)
        return self._told(training, stop)

    def _told(self, training: FullBatch, stop: Stop) -> Iterator[Epoch]:
        for epoch in training.run(None, stop):
            self.n_iter_, self.loss_ = epoch.number, epoch.loss
            self.loss_curve_.append(epoch.loss)
            self.best_loss_ = min(self.best_loss_, epoch.loss)
            self._tell(f"Iteration {self.n_iter_}, loss = {epoch.loss:.8f}")
            yield epoch
        outcome = training.outcome
        if outcome is None:
            warnings.warn(INTERRUPTED, stacklevel=3)
            return
        self.n_iter_, self.loss_ = min(int(outcome.nit), self.max_iter), float(outcome.fun)
        if outcome.status:
            message = outcome.message if isinstance(outcome.message, str) else outcome.message.decode()
            warnings.warn(
                f"lbfgs has not converged after {self.n_iter_} iterations: {message}; raise max_iter or scale the data",
                ConvergenceWarning, stacklevel=3,
            )  # fmt: skip

    def _tell(self, line: str) -> None:
        if self.verbose:
            print(line)

    def _answers(self, X: Any) -> NDArray[Any]:
        """Probabilities or values (N, k) for X (N, n), after the output activation."""
        check_is_fitted(self)
        return self._linked(validate_data(self, X, accept_sparse="csr", reset=False))

    def _linked(self, X: Any) -> NDArray[Any]:
        if issparse(X):
            X = SparseRows(X)
        if isinstance(X, SparseRows):
            return np.concatenate([self.model_.predict_proba(part) for part in X.chunks(CHUNK)])
        return self.model_.predict_proba(X)

    def _check_solver(self) -> bool:
        """Raise an AttributeError unless there is a partial_fit."""
        if self.solver == "lbfgs":
            raise AttributeError("partial_fit is for solver='sgd' and 'adam': lbfgs needs all samples at once")
        return True

    @property
    def coefs_(self) -> list[NDArray[Any]]:
        """Weights (n, m) of each layer: views into `model_.theta`, so that changing them changes the model."""
        return [W for W, _ in settings.dense(self.model_)]

    @property
    def intercepts_(self) -> list[NDArray[Any]]:
        """Biases (m,) of each layer, as views."""
        return [b for _, b in settings.dense(self.model_)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
