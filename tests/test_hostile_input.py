"""What an attacker found: each once gave a silent wrong answer, a bare traceback or a broken file."""

import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import clearprop as cp
from clearprop.cli import main
from clearprop.network import metrics

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)


def model_of(outputs: int = 3, loss: cp.Loss | None = None, **options: object) -> cp.Model:
    return cp.Model(cp.Network(4, outputs), loss or cp.SoftmaxCrossEntropy(), **options)  # type: ignore[arg-type]


def test_weights_of_one_evaluation_do_not_reach_the_next() -> None:
    model = model_of()
    plain = model.evaluate((X, T)).loss
    model.evaluate((X, T, RNG.uniform(0, 9, 30)))
    assert model.evaluate((X, T)).loss == plain


def test_data_that_is_refused_leaves_no_trace_in_the_model() -> None:
    model = cp.Model(cp.Network(784, 10), cp.SoftmaxCrossEntropy())
    with pytest.raises(cp.ShapeError):
        cp.fit(model, cp.data.digits())
    assert model.scaling is None
    assert model.classes is None
    small = cp.Model(cp.Network(64, 10), cp.SoftmaxCrossEntropy())
    bad_test = cp.Dataset(cp.data.digits().train, cp.Samples(np.zeros((2, 64)), [0, 10]))
    with pytest.raises(cp.DataError, match="row 1"):
        cp.fit(small, bad_test)
    assert small.scaling is None


def test_two_whole_numbers_stay_the_values_that_they_are() -> None:
    model = cp.Model(cp.Network(1, cp.Identity()), cp.MeanSquaredError())
    data = cp.Dataset(cp.Samples([[5.0], [6.0]], [0, 1]), classes=(5, 6))
    assert model.evaluate(data).loss == 0.0


def test_gradients_count_text_labels_as_the_model_does() -> None:
    model = model_of(classes=("b", "a", "c"), dtype="float64")
    names = np.array(["b", "a", "c"])[T]
    expected = model_of(dtype="float64")
    expected.theta = model.theta
    for name, gradient in expected.gradients(X, T).items():
        np.testing.assert_allclose(model.gradients(X, names)[name], gradient, rtol=1e-12)


@pytest.mark.parametrize("loss", [cp.SigmoidCrossEntropy(), cp.MeanSquaredError()], ids=repr)
def test_class_indices_with_several_outputs(loss: cp.Loss) -> None:
    model = model_of(3, loss)
    rows = np.eye(3)[T]
    assert cp.fit(model, (X, T), cp.Adam(0.01), epochs=2, batch=3).last.loss > 0
    by_rows, by_index = model.evaluate((X, rows)), model.evaluate((X, T))
    assert by_index.loss == pytest.approx(by_rows.loss)
    assert by_index.accuracy == by_rows.accuracy
    assert by_index.r2 == by_rows.r2


def test_small_integers_do_not_overflow_the_confusion_matrix() -> None:
    labels = np.uint8([19, 18])
    matrix = metrics.confusion_matrix(labels, labels)
    assert matrix[18, 18] == matrix[19, 19] == 1
    for bad in ([10**9], [[0, 1]], [0.5]):
        with pytest.raises(cp.ClearpropError):
            metrics.confusion_matrix(bad, bad)


def test_numbers_of_other_types_are_kept_as_plain_ones(tmp_path: Path) -> None:
    layers = [np.int64(3), cp.Dropout(np.float32(0.5)), cp.ELU(Decimal("0.5")), cp.Dense(np.int32(2))]  # type: ignore[arg-type]
    model = cp.Model(cp.Network(np.int64(4), *layers), cp.SoftmaxCrossEntropy(np.float64(0.1)))  # type: ignore[arg-type]
    cp.fit(model, (X, T % 2), cp.SGD(Decimal("0.1")), epochs=1)  # type: ignore[arg-type]
    model.save(tmp_path / "m.safetensors")
    assert cp.load(tmp_path / "m.safetensors").network == model.network
    assert cp.Workspace(model, np.array(3)).size == 3


@pytest.mark.parametrize(
    "call",
    [
        lambda: model_of().predict([[1e300] * 4]),
        lambda: model_of().predict(np.full((1, 4), 3e38, np.float32) * [[1, -1, 1, -1]]),
        lambda: model_of(1, cp.SquaredError()).evaluate((X, np.full(30, 1e300))),
        lambda: setattr(model_of(), "theta", np.full(15, 1e300)),
        lambda: model_of().weights.__setitem__("dense1.b", [1e300] * 3),
        lambda: (
            model_of().evaluate((X, T, np.eye(30)[29])).loss
            and model_of().evaluate(cp.Samples(X, T, np.eye(30)[29])[:3])
        ),
        lambda: cp.Scaling(10**400),
        lambda: model_of(classes=5),
        lambda: model_of(classes=([1], 2, 3)),
        lambda: model_of(dtype=None),
        lambda: model_of(scaling=3),
        lambda: model_of(scaling=cp.Scaling((1.0, 2.0))),
        lambda: model_of().predict([[1, 2, 3, 4], [1, 2]]),
        lambda: model_of().predict(np.zeros((0, 2, 2))),
        lambda: model_of().predict(np.ma.masked_array([[1.0, 2.0, 3.0, 4.0]], [[0, 1, 0, 0]])),
        lambda: cp.fit(model_of(), ([[1, 2], [3]], [0, 1])),
        lambda: cp.fit(model_of(), (X, np.array([["a", "b", "c"]] * 30))),
        lambda: cp.fit(model_of(), (X[:1], [b"\xff"])),
        lambda: cp.SGD(0.1).step([1.0], [1.0]),
        lambda: cp.Network.from_json(None),  # type: ignore[arg-type]
    ],
)
def test_one_sentence_and_no_warning(call) -> None:
    with pytest.raises(cp.ClearpropError):
        call()


def test_a_column_of_text_labels() -> None:
    data = cp.Dataset.of((X[:3], [["b"], ["a"], ["b"]]))
    assert data.classes == ("a", "b")
    assert data.train.t.tolist() == [1, 0, 1]


def test_tiny_weights_count_by_their_ratio() -> None:
    model = model_of()
    assert model.evaluate((X, T, np.full(30, 1e-300))).loss == pytest.approx(model.evaluate((X, T)).loss)
    cp.fit(model, (X, T, np.full(30, 1e300)), epochs=1)


def test_running_statistics_that_overflow_are_a_divergence() -> None:
    model = cp.Model(cp.Network(4, cp.BatchNorm(), 3), cp.SoftmaxCrossEntropy())
    with pytest.raises(cp.DivergenceError, match="running statistics"):
        cp.fit(model, (X * 1e25, T), epochs=3)


def test_devices_pipes_and_circles_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name in ("pipe", "circle"):
        with pytest.raises(cp.FileError):
            model_of().save(tmp_path / name)
    assert not (tmp_path / "pipe").is_file()


def test_dropout_of_nothing_drops_nothing() -> None:
    class Zeros:
        def random(self, out: np.ndarray, dtype: object) -> np.ndarray:
            out[...] = 0
            return out

    model = cp.Model(cp.Network(4, cp.Dropout(0.0)), cp.SquaredError())
    work = cp.Workspace(model, 30, rng=Zeros())  # type: ignore[arg-type]
    cp.loss_and_gradient(model, model.theta, cp.Samples(X, X), work)
    assert np.array_equal(work.outputs[-1], X.astype(np.float32))


def test_elu_of_a_huge_alpha_has_slope_one_above_zero() -> None:
    model = cp.Model(cp.Network(1, cp.ELU(1e8)), cp.SquaredError())
    work = cp.Workspace(model, 1, input_gradient=True)
    cp.loss_and_gradient(model, model.theta, cp.Samples([[2.0]], [[1.0]]), work)
    assert work.deltas[0] == 1.0


def test_rows_that_the_command_line_once_lost(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    cp.Model(cp.Network(2, 2), cp.SoftmaxCrossEntropy()).save("m.safetensors")
    Path("nan.csv").write_text("nan,nan\n1,2\n")
    assert main(["predict", "m.safetensors", "nan.csv"]) == 1
    Path("named.csv").write_text("last,a,b\n9,1,2\n")
    assert main(["predict", "m.safetensors", "named.csv", "--label", "last", "--json"]) == 0
    assert main(["predict", "m.safetensors", "-", "-"]) == 1
    for header in (b"((((((((", b"{'descr': '<f8', 'fortran_order': False, 'shape': (True,3)}"):
        Path("x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        assert main(["predict", "m.safetensors", "x.npy"]) == 1
    assert "Traceback" not in capsys.readouterr().err
    Path("typo.csv").write_text("1,1O\n0,20\n1,30\n")
    with pytest.raises(cp.DataError, match="header=True or header=False"):
        cp.data.csv("typo.csv")
