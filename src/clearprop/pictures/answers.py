"""What a classifier says of samples whose classes are known: for the pictures of its mistakes."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import SettingError, brief
from clearprop.data.dataset import Dataset, Samples
from clearprop.network.gradient import Feed
from clearprop.network.model import Model


@dataclass(frozen=True, eq=False)
class Answers:
    """The true and the predicted class of each of `samples` (N,), and the score of every class (N, classes)."""

    samples: Samples
    true: NDArray[np.intp]
    predicted: NDArray[np.intp]
    scores: NDArray[Any]
    names: tuple[str, ...]

    @cached_property
    def wrong(self) -> NDArray[np.bool_]:
        """Which of them are mistakes (N,)."""
        return self.true != self.predicted

    def worst(self, count: int) -> NDArray[np.intp]:
        """The numbers of `count` samples: mistakes first, the lower the score of the true class the earlier."""
        own = self.scores[np.arange(len(self.true)), self.true]
        return np.lexsort((own, ~self.wrong))[:count]

    def sure(self, i: int) -> float:
        """The score of what was predicted for sample `i`."""
        return float(self.scores[i, self.predicted[i]])


def answers(where: str, model: Any, data: Any) -> Answers:
    """The answers of `model` to the test part of `data` (its training part if it has none), Samples or (x, t)."""
    checked(where, model)
    if not model.classifies or model.multi_label:
        raise SettingError(where, "a model that answers with one class", "one that does not", "such as of digits")
    known = Dataset.of(data)
    samples = known.test or known.train
    true = model.labels_of(Feed(model, samples, model.dtype, known.classes))
    scores = model.predict_proba(samples)
    if scores.shape[1] == 1:
        scores = np.concatenate([1 - scores, scores], axis=1)
    names = model.classes or tuple(range(scores.shape[1]))
    return Answers(samples, true, model.decide(model(samples)), scores, tuple(map(str, names)))


def checked(where: str, model: Any) -> Model:
    """`model` if it is one, else a SettingError."""
    if not isinstance(model, Model):
        raise SettingError(where, "a Model", brief(model), "make one with cp.Model(network, loss)")
    return model
