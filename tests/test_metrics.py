"""Metrics, against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics as theirs

import clearprop as cp
from clearprop.network import metrics

RNG = np.random.default_rng(0)
T, P = RNG.integers(0, 4, 200), RNG.integers(0, 4, 200)


def test_classes() -> None:
    assert metrics.accuracy(T, P) == pytest.approx(theirs.accuracy_score(T, P))
    confusion = metrics.confusion_matrix(T, P)
    np.testing.assert_array_equal(confusion, theirs.confusion_matrix(T, P))
    precision, recall, f1, _ = theirs.precision_recall_fscore_support(T, P)
    np.testing.assert_allclose(metrics.precision_recall_f1(confusion), np.stack([precision, recall, f1], axis=1))
    labels = RNG.integers(0, 2, (50, 3))
    guesses = np.where(RNG.random((50, 3)) < 0.8, labels, 1 - labels)
    assert metrics.accuracy(labels, guesses) == pytest.approx(theirs.accuracy_score(labels, guesses))


def test_a_class_that_never_occurs_scores_zero() -> None:
    assert metrics.precision_recall_f1(np.array([[3, 0], [0, 0]])).tolist() == [[1, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_top_k(k: int) -> None:
    scores = RNG.random((200, 4))
    expected = theirs.top_k_accuracy_score(T, scores, k=k) if k < 4 else 1.0
    assert metrics.top_k(T, scores, k) == pytest.approx(expected)


def test_values() -> None:
    t, p = RNG.normal(size=(50, 2)), RNG.normal(size=(50, 2))
    assert metrics.r2(t, p) == pytest.approx(theirs.r2_score(t, p))
    assert metrics.mean_absolute_error(t, p) == pytest.approx(theirs.mean_absolute_error(t, p))
    assert metrics.r2([1.0, 1.0], [1.0, 1.0]) == 1.0
    assert metrics.r2([1.0, 1.0], [1.0, 2.0]) == 0.0


def test_tables() -> None:
    model = cp.Model(cp.Network(2, cp.Identity()), cp.SoftmaxCrossEntropy(), classes=("no", "yes"))
    result = model.evaluate(([[1, 0], [0, 1], [1, 0]], [0, 1, 1]))
    assert str(result.per_class()).splitlines()[2].split() == ["no", "0.500", "1.000", "0.667", "1"]
    assert str(result.confusion_table()).splitlines()[3].split() == ["yes", "1", "1"]
    assert result.to_dict()["confusion"] == [[1, 0], [1, 1]]
    values = cp.Model(cp.Network(2, 1), cp.SquaredError()).evaluate(([[1, 0]], [0.5]))
    for table in (values.per_class, values.confusion_table):
        with pytest.raises(cp.DataError, match="one class for each sample"):
            table()


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.accuracy([0, 1], [0]),
        lambda: metrics.accuracy([], []),
        lambda: metrics.top_k([0], [0.1, 0.2]),
        lambda: metrics.top_k([0], [[0.1, 0.2]], k=3),
        lambda: metrics.top_k([2], [[0.1, 0.2]]),
        lambda: metrics.confusion_matrix([0.5], [0.5]),
        lambda: metrics.confusion_matrix([3], [0], 2),
    ],
)
def test_what_does_not_fit_is_named(call) -> None:
    with pytest.raises(cp.ClearpropError):
        call()
