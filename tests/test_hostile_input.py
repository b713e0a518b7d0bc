"""What an attacker found: each once gave a silent wrong answer, a bare traceback or a broken file."""

import errno
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

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
        lambda: cp.EarlyStopping(metric=["loss"]),  # type: ignore[arg-type]
        lambda: model_of().to_onnx("x.onnx", probabilities="no"),  # type: ignore[arg-type]
        lambda: model_of().to_python("x.py", numpy=1),  # type: ignore[arg-type]
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


def test_a_split_that_leaves_a_class_out_is_refused() -> None:
    rare = np.append(T[:-1] % 2, 2)
    for labels, name in (rare, "2"), (np.array(["a", "b", "rare"])[rare], "'rare'"):
        with pytest.raises(cp.DataError, match=f"none of class {name} in one, of 1 in all"):
            cp.Dataset.of((X, labels)).split(0.2)
    assert len(cp.Dataset.of((X, T)).split(0.2).test or ()) == 6
    cp.Dataset.of((X, np.arange(30) + 18)).split(0.2)  # values, such as ages
    cp.Dataset.of((X, np.eye(3)[rare])).split(0.2)


def test_a_report_with_text_where_numbers_belong() -> None:
    text = cp.fit(model_of(), (X, T), epochs=2).to_json()
    assert cp.Report.from_json(text).to_json() == text
    for name in json.loads(text)["history"][1]:
        for bad in ("x", [1], {}):
            data = json.loads(text)
            data["history"][1][name] = bad
            with pytest.raises(cp.FileError, match=name):
                cp.Report.from_json(json.dumps(data))
    for name, bad in [
        ("settings", 3),
        ("history", 3),
        ("history", [3]),
        ("history", [{"zz": 1}]),
        ("interrupted", "no"),
    ]:
        with pytest.raises(cp.ClearpropError):
            cp.Report.from_json(json.dumps(json.loads(text) | {name: bad}))


def test_a_rate_that_falls_to_nothing() -> None:
    cp.fit(model_of(), (X, T), epochs=3, schedule=cp.InverseScaling(1e6))


def test_class_weights_whose_sum_overflows() -> None:
    cp.fit(model_of(), (X, T), epochs=1, class_weight={0: 1e308, 1: 1e308})


def test_foreign_files_in_the_folder_of_a_run(tmp_path: Path) -> None:
    def trained(epochs: int) -> list[float]:
        model = model_of()
        cp.fit(model, (X, T), epochs=epochs, checkpoint=tmp_path / "run")
        return model.theta.tolist()

    trained(2)
    (tmp_path / "run" / "checkpoints" / "\u00b2.safetensors").write_bytes(b"")  # a digit that is no number
    model_of().save(tmp_path / "run" / "checkpoints" / "00000099.safetensors")
    with pytest.warns(RuntimeWarning, match="wanted a checkpoint, got another file"):
        resumed = trained(4)
    plain = model_of()
    cp.fit(plain, (X, T), epochs=4)
    assert resumed == plain.theta.tolist()


@pytest.mark.parametrize(
    "lines",
    [b"\xff\n\xff\n", b"[" * 100_000 + b"\n1\n", b'{"number": 1, "seconds": "x", "samples": 1, "loss": 1}\n1\n'],
)
def test_a_metrics_file_that_is_none(lines: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(lines)
    assert main(["runs", str(tmp_path)]) == 1
    assert "line 1: wanted an epoch" in capsys.readouterr().err


def test_resuming_writes_into_the_folder_that_it_was_given_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--data", "xor", "--epochs", "2", "--checkpoint", "run"]) == 0
    (tmp_path / "run").rename("moved")
    config = Path("moved/config.toml")
    full = config.read_text()
    assert main(["resume", "moved"]) == 0
    assert not Path("run").exists()
    config.write_text('data = "xor"\nepochs = 2\n')
    assert main(["resume", "moved"]) == 0  # what is usual needs no saying
    capsys.readouterr()
    config.write_text(full.replace("[128]", "[9]"))
    assert main(["resume", "moved"]) == 1
    assert "wanted the network of the run" in capsys.readouterr().err
    config.write_text("")
    assert main(["resume", "moved"]) == 1
    assert config.read_text() == ""


def test_a_full_disk_is_told_and_does_not_end_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    from tensorboardX.record_writer import RecordWriter

    monkeypatch.setattr(RecordWriter, "flush", full)
    with pytest.warns(RuntimeWarning, match="events end before epoch 1") as warned:
        cp.fit(model_of(), (X, T), epochs=3, tensorboard=tmp_path / "events")
    assert len(warned) == 1
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(cp.FileError, match="no space left on device; make room on the disk"):
        model_of().to_python(tmp_path / "m.py")
    assert [path.name for path in tmp_path.iterdir()] == ["events"]


def test_packed_numbers_of_an_onnx_file_are_counted(tmp_path: Path) -> None:
    content = b"\x01" * 300_000
    for number in (1, 5, 7):  # the dims of an array of the graph, one byte each
        length = len(content)
        content = bytes([number << 3 | 2, length & 127 | 128, length >> 7 & 127 | 128, length >> 14]) + content
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(cp.FileError, match="fields"):
        cp.from_onnx(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("misuse", "says"),
    [
        (lambda model, data: next(cp.train(model, data, watch=3)), "watch to be a function"),
        (lambda model, data: next(cp.train(model, data, class_weight=np.ones(3))), "class_weight"),
        (lambda model, data: cp.loss_and_gradient(model, model.theta.astype("f8"), data.train, cp.Workspace(model, 9)),
         "of float32"),
        (lambda model, data: cp.loss_and_gradient(model, [0.0], data.train, cp.Workspace(model, 9)), "theta"),
        (lambda model, data: cp.Adam(None), "learning_rate"),
        (lambda model, data: cp.AdamW(decay_biases="no"), "decay_biases"),
    ],
)  # fmt: skip
def test_misuse_in_python_is_one_sentence(misuse: Any, says: str) -> None:
    data = cp.Dataset.of((np.eye(3)[[0, 1, 2] * 3], [0, 1, 2] * 3))
    with pytest.raises(cp.ClearpropError, match=says):
        misuse(cp.Model(cp.Network(3, 3), cp.SoftmaxCrossEntropy()), data)


def test_a_learning_rate_changed_to_nonsense_is_noticed() -> None:
    optimizer = cp.SGD(0.1)
    optimizer.learning_rate = 0
    with pytest.raises(cp.SettingError, match="learning_rate"):
        next(cp.train(cp.Model(cp.Network(2, 1), cp.SquaredError()), ([[1.0, 2.0]], [1.0]), optimizer))
