"""The command line, run as a user would: output, files, messages and exit status."""

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import clearprop as cp
from clearprop.cli import main
from clearprop.cli.settings import Settings, combined, from_toml

QUICK = ["--epochs", "2", "--hidden", "16"]
FLOWERS = "length,width,kind\n" + "".join(
    f"{5 + i % 7 * 0.1 + kind},{3 - kind * 0.5 + i % 5 * 0.05},{name}\n"
    for i in range(20)
    for kind, name in enumerate(("lily", "rose", "tulip"))
)


class Ran:
    """What a command answered."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.out)))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "flowers.csv").write_text(FLOWERS)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def command(*argv: object, status: int = 0) -> Ran:
        got = main([str(word) for word in argv])
        ran = Ran(got, *capsys.readouterr())
        assert got == status, ran.err
        if status in (1, 2):  # one sentence, and no traceback
            assert ran.err.startswith("clearprop: ")
            assert ran.err.count("\n") == 1
            assert not ran.out
        return ran

    return command


@pytest.fixture(scope="module")
def digits_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "digits.safetensors"
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert main(["train", "--out", str(path)]) == 0
    return path


@contextlib.contextmanager
def process(*argv: object, **options: Any) -> "Iterator[subprocess.Popen[str]]":
    words = [sys.executable, "-m", "clearprop", *map(str, argv)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", **options) as child:
        try:
            yield child
        finally:
            child.kill()  # where a test failed; of one that has ended nothing is left


# train


def test_train_without_options(run: Any, folder: Path) -> None:
    start = time.perf_counter()
    ran = run("train")
    assert time.perf_counter() - start < 10
    assert "Dense(128)" in ran.out  # the network
    assert "9,610 parameters" in ran.out
    accuracy = float(ran.out.partition("accuracy ")[2].partition("%")[0])
    assert accuracy > 96
    assert "rows: true class, columns: predicted" in ran.out
    assert "clearprop predict digits.safetensors" in ran.err  # what to type next
    assert "1,437 samples to train on, 360 to test on" in ran.err
    model = cp.load(folder / "digits.safetensors")
    assert round(100 * (model.evaluate(cp.data.digits()).accuracy or 0), 2) == accuracy


def test_json_is_one_document_and_tells_all(run: Any) -> None:
    ran = run("train", "--json", *QUICK, "--out", "m.safetensors")
    found = ran.json
    assert found["model"] == "m.safetensors"
    assert found["settings"]["hidden"] == [16]
    assert found["settings"]["learning-rate"] == 0.001
    assert found["settings"]["loss"] == "SoftmaxCrossEntropy"
    assert [epoch["number"] for epoch in found["history"]] == [1, 2]
    assert found["metrics"]["accuracy"] == found["history"][-1]["test_accuracy"]
    assert len(found["metrics"]["per_class"]) == 10
    assert found["measured_on"] == "test"
    assert not ran.err


def test_options_reach_the_training(run: Any) -> None:
    found = run(
        "train", "--json", "--hidden", "20,10", "--activation", "leaky-relu", "--loss", "mean_squared_error",
        "--optimizer", "SGD", "--learning-rate", "0.2", "--momentum", "0.5", "--epochs", "3", "--batch", "50",
        "--seed", "7", "--threads", "1", "--dropout", "0.1", "--batch-norm", "--out", "x.safetensors",
    ).json  # fmt: skip
    assert found["network"] == (
        "Network(64, Dense(20), BatchNorm(), LeakyReLU(), Dropout(0.1), "
        "Dense(10), BatchNorm(), LeakyReLU(), Dropout(0.1), Dense(10))"
    )
    assert len(found["history"]) == 3
    model = cp.load("x.safetensors")
    assert (model.loss, model.seed) == (cp.MeanSquaredError(), 7)
    again = cp.Model(model.network, model.loss, seed=7)
    cp.fit(again, cp.data.digits(), cp.SGD(0.2, 0.5), 3, 50, 7, 1, verbose=False)
    assert np.array_equal(again.theta, model.theta)


@pytest.mark.parametrize("widths", ["none", ""])
def test_no_hidden_layer(run: Any, widths: str) -> None:
    assert run("train", "--json", "--hidden", widths, "--epochs", 1).json["network"] == "Network(64, Dense(10))"


def test_xor_is_learned_and_measured_on_its_rows(run: Any) -> None:
    ran = run("train", "--data", "xor")
    assert "training: accuracy 100.00%" in ran.out
    assert "no test part" in ran.err
    assert cp.load("xor.safetensors").loss == cp.SigmoidCrossEntropy()


def test_values(run: Any, folder: Path) -> None:
    ran = run("train", "--data", "sine")
    assert float(ran.out.partition("R2 ")[2].partition(",")[0]) > 0.9
    assert "R2 " in run("evaluate", "sine.safetensors", "--data", "sine").out
    (folder / "x.csv").write_text("0\n0.5\n")
    low, high = (float(row["prediction"]) for row in run("predict", "sine.safetensors", "x.csv").rows)
    assert abs(low) < 0.3
    assert 0.7 < high < 1.3
    assert (
        "wanted a loss for the values" in run("train", "--data", "sine", "--loss", "softmaxcrossentropy", status=1).err
    )


def test_csv_is_parted_alike_every_time(run: Any, folder: Path) -> None:
    found = run("train", "--json", "--data", "flowers.csv", "--label", "kind", "--epochs", 60).json
    assert found["metrics"]["samples"] == 12  # a fifth of each class
    assert [row["samples"] for row in found["metrics"]["per_class"]] == [4, 4, 4]
    assert found["metrics"]["accuracy"] > 0.9
    ran = run("train", "--data", "flowers.csv", "--label", "kind", "--epochs", 60, "--seed", 3)
    advice = ran.err.splitlines()[-2].split()
    assert advice[-6:] == ["--label", "kind", "--test", "0.2", "--seed", "3"]
    assert run(*advice[1:]).out.splitlines()[0] == next(line for line in ran.out.splitlines() if "accuracy" in line)
    run("train", "--data", "flowers.csv", "--label", "kind", "--epochs", 60)
    part = run("evaluate", found["model"], "--data", "flowers.csv", "--label", "last", "--test", "0.2", "--json").json
    assert part["metrics"]["loss"] == found["metrics"]["loss"]
    whole = run("evaluate", found["model"], "--data", "flowers.csv", "--label", "kind", "--json").json
    assert (whole["metrics"]["samples"], whole["measured_on"]) == (60, "all")


def test_held_out_rows_have_no_say_in_the_scaling(run: Any) -> None:
    run("train", "--data", "flowers.csv", "--label", "kind", "--test", "0.5", *QUICK)
    by_hand = cp.data.csv("flowers.csv", "kind", test=0.5)
    assert cp.load("flowers.safetensors").scaling == by_hand.scaling


def test_second_file_to_test_on(run: Any, folder: Path) -> None:
    (folder / "more.csv").write_text("length,width,kind\n5.1,3,lily\n7.2,2,tulip\n")
    found = run("train", "--json", "--data", "flowers.csv", "--label", "kind", "--test", "more.csv", *QUICK).json
    assert found["metrics"]["samples"] == 2


def test_evaluate_counts_classes_as_the_model_does(run: Any, folder: Path) -> None:
    """A file that lacks the first class has other class indices."""
    run("train", "--data", "flowers.csv", "--label", "kind", "--epochs", 60)
    (folder / "two.csv").write_text("".join(line for line in FLOWERS.splitlines(True) if "lily" not in line))
    assert run("evaluate", "flowers.safetensors", "--data", "two.csv", "--label", "kind", "--json").json["metrics"][
        "accuracy"
    ] == pytest.approx(1, abs=0.1)
    (folder / "new.csv").write_text("length,width,kind\n5,3,orchid\n5,2,lily\n")
    assert "orchid" in run("evaluate", "flowers.safetensors", "--data", "new.csv", "--label", "kind", status=1).err


# the settings file


def test_toml_gives_options_and_the_command_line_wins(run: Any, folder: Path) -> None:
    (folder / "run.toml").write_text('hidden = [12, 6]\nepochs = 4\nlearning-rate = 1\nactivation = "tanh"\nseed = 3\n')
    found = run("train", "--json", "--config", "run.toml", "--epochs", 1, "--seed", 0).json
    assert found["network"] == "Network(64, Dense(12), Tanh(), Dense(6), Tanh(), Dense(10))"
    assert len(found["history"]) == 1
    assert (found["settings"]["seed"], found["settings"]["learning-rate"]) == (0, 1.0)


def test_a_run_begun_in_python(run: Any, folder: Path) -> None:
    model = cp.Model(cp.Network(64, 8, "relu", 10), cp.SoftmaxCrossEntropy())
    cp.fit(model, cp.data.digits(), epochs=2, checkpoint=folder / "begun", verbose=False)
    config = tomllib.loads((folder / "begun" / "config.toml").read_text())["python"]
    assert eval(config["network"], vars(cp)) == model.network
    assert (config["optimizer"], config["epochs"]) == ("SGD()", 2)
    (found,) = run("runs", ".", "--json").json["runs"]
    assert (found["hidden"], found["epochs"], found["of"]) == (config["network"], 2, 2)
    assert "begun in Python; go on with it by the same cp.fit" in run("resume", "begun", status=1).err


def test_lbfgs(run: Any) -> None:
    found = run("train", "--json", "--optimizer", "l-bfgs", "--epochs", 20).json
    assert found["metrics"]["accuracy"] > 0.9
    assert found["settings"]["batch"] == 1024
    assert "--momentum: wanted" in run("train", "--optimizer", "lbfgs", "--momentum", 0.5, status=1).err


def test_augmentation(run: Any) -> None:
    found = run("train", "--json", "--epochs", 1, "--augment", "shift=1, elastic").json
    assert found["settings"]["augment"] == "shift=1, elastic"
    plain = run("train", "--json", "--epochs", 1).json
    assert found["history"][0]["loss"] != plain["history"][0]["loss"]


@pytest.mark.parametrize(
    ("text", "says"), [("swirl", "choose one of shift"), ("shift=far", "a number after shift="), ("shift=-1", "pixels")]
)
def test_augmentation_that_cannot_be(run: Any, text: str, says: str) -> None:
    assert says in run("train", "--augment", text, status=1).err


def test_every_setting_can_come_from_toml(folder: Path) -> None:
    values = {
        "data": "digits", "label": "first", "header": True, "values": True, "test": 0.5,
            "l1": 0.1, "l2": 0.1, "weight_decay": 0.1,
            "max_norm": 3.0, "clip_norm": 1.0, "clip_value": 1.0, "schedule": "cosine", "patience": 1,
            "time_limit": 9.0, "balanced": True, "augment": "shift=3", "checkpoint": "run", "tensorboard": "events",
        "seed": 1, "hidden": (3,),
        "activation": "relu", "batch_norm": True, "dropout": 0.5, "loss": "huber", "optimizer": "sgd",
        "learning_rate": 0.5, "momentum": 0.5, "epochs": 2, "batch": 3, "threads": 1, "out": "m.safetensors",
    }  # fmt: skip
    lines = (f"{name} = {json.dumps(value)}\n" for name, value in values.items())
    (folder / "all.toml").write_text("".join(lines))
    settings = from_toml(folder / "all.toml")
    assert settings == Settings(**values)  # type: ignore[arg-type]
    assert combined(settings, Settings(batch_norm=False)).batch_norm is False
    assert set(values) == set(vars(settings))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epoch = 3", "got epoch; did you mean epochs?"),
        ("learningrate = 3", "did you mean learning-rate?"),
        ('epochs = "3"', "run.toml, epochs: wanted a whole number, got '3'"),
        ("epochs = 2.5", "run.toml, epochs: wanted a whole number, got 2.5"),
        ("epochs = true", "run.toml, epochs: wanted a whole number, got True"),
        ("hidden = 100", "run.toml, hidden: wanted a list of whole numbers, got 100"),
        ("hidden = [100.5]", "run.toml, hidden: wanted a list of whole numbers"),
        ("[epochs]\nn = 1", "run.toml, epochs: wanted a whole number"),
        ("test = [1]", "run.toml, test: wanted a number or text, got [1]"),
        ("batch-norm = 1", "run.toml, batch-norm: wanted true or false, got 1"),
        ("batch_norm = true\nbatch-norm = true", "got batch-norm twice"),
        ("epochs = ", "run.toml: wanted TOML text"),
        ("a = " + "[" * 5000, "run.toml: wanted TOML text"),
        ("\xff", "run.toml: wanted TOML text"),
    ],
)
def test_toml_mistakes_are_named(run: Any, folder: Path, text: str, words: str) -> None:
    (folder / "run.toml").write_bytes(text.encode("latin-1"))
    assert words in run("train", "--config", "run.toml", status=1).err


def test_absent_toml(run: Any) -> None:
    assert "no such file" in run("train", "--config", "none.toml", status=1).err


# mistakes


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--activation", "rleu"], "--activation: wanted a name that is known, got 'rleu'; did you mean relu"),
        (["--activation", "dense"], "--activation: wanted a name that is known, got 'dense'"),
        (["--loss", "softmax-crossentropi"], "did you mean softmax-cross-entropy"),
        (["--optimizer", "adma"], "did you mean adam"),
        (["--data", "digit"], "did you mean digits?"),
        (["--data", "none.csv"], "no such file"),
        (["--data", "flowers.csv", "--label", "knd"], "did you mean kind?"),
        (["--data", "flowers.csv", "--label", "first"], "wanted"),  # names among the features
        (["--label", "last"], "digits"),  # has no columns
        (["--test", "0.5"], "--test: wanted data without a test part"),
        (["--data", "xor", "--test", "1.5"], "share"),
        (["--momentum", "0.9"], "add --optimizer sgd"),
        (["--optimizer", "sgd", "--momentum", "1"], "momentum below 1"),
        (["--learning-rate", "0"], "learning_rate"),
        (["--learning-rate", "nan"], "learning_rate"),
        (["--epochs", "0"], "epochs"),
        (["--batch", "0"], "batch"),
        (["--batch", "100000"], "batch"),
        (["--seed", "-1"], "seed"),
        (["--hidden", "0"], "Dense"),
        (["--hidden", "999999999,999999999"], "parameters"),
        (["--dropout", "1.5"], "Dropout"),
        (["--threads", "0"], "threads"),
        (["--out", "model.csv"], "wanted a name that ends in .safetensors"),
        (["--out", "none/m.safetensors"], "none: wanted a folder that can be written to, got no such file"),
    ],
)
def test_wrong_values(run: Any, folder: Path, argv: list[str], words: str) -> None:
    before = sorted(folder.iterdir())
    assert words in run("train", *argv, status=1).err
    assert sorted(folder.iterdir()) == before


def test_divergence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--optimizer", "sgd", "--learning-rate", "1e30"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("clearprop: epoch 1, batch ")
    assert "lower the learning rate" in last
    assert not (folder / "digits.safetensors").exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["trian"], 'did you mean "train"?'),
        (["train", "--epoch", "3"], "did you mean --epochs?"),
        (["train", "--hiden", "3"], "did you mean --hidden?"),
        (["train", "--epochs", "ten"], "--epochs"),
        (["train", "--epochs", "1.5"], "--epochs"),
        (["train", "--hidden", "100 50"], "such as 100,50"),
        (["train", "--hidden", "-1"], "such as 100,50"),
        (["train", "--epochs"], "--epochs"),
        (["train", "digits"], "digits"),
        (["evaluate", "m.safetensors"], "--data"),
        (["predict"], "MODEL"),
        (["predict", "m.safetensors"], "INPUT"),
        (["info"], "MODEL"),
    ],
)
def test_wrong_usage(run: Any, argv: list[str], words: str) -> None:
    error = run(*argv, status=2).err
    assert words.lower() in error.lower()
    assert "--help" in error


@pytest.mark.parametrize("command", ["evaluate", "predict", "info"])
def test_files_that_are_no_models(run: Any, folder: Path, digits_model: Path, command: str) -> None:
    more = {"evaluate": ["--data", "digits"], "predict": ["flowers.csv"], "info": []}[command]
    (folder / "cut.safetensors").write_bytes(digits_model.read_bytes()[:-5])
    for name, words in (
        ("none.safetensors", "no such file"),
        ("flowers.csv", "safetensors"),
        ("cut.safetensors", "truncated"),
    ):
        assert words in run(command, name, *more, status=1).err


def test_out_is_checked_before_training(run: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clearprop.cli.train.fit", lambda *_: pytest.fail("training began"))
    (folder / "taken.safetensors").mkdir()
    (folder / "digits.safetensors").mkdir()
    assert "got a folder" in run("train", "--out", "taken.safetensors", status=1).err
    assert "got a folder" in run("train", status=1).err
    monkeypatch.setattr("clearprop.arrays.files._unused", lambda place: place / "none" / "file")
    assert "can be written to" in run("train", "--out", "m.safetensors", status=1).err


# predict


def test_predict_rows(run: Any, folder: Path) -> None:
    run("train", "--data", "flowers.csv", "--label", "kind", "--epochs", 60)
    model = cp.load("flowers.safetensors")
    x = cp.data.csv("flowers.csv", "kind").train.x
    ran = run("predict", "flowers.safetensors", "flowers.csv", "--label", "kind")
    assert list(ran.rows[0]) == ["prediction", "probability_lily", "probability_rose", "probability_tulip"]
    assert [row["prediction"] for row in ran.rows] == model.predict(x).tolist()
    assert float(ran.rows[3]["probability_lily"]) == pytest.approx(float(model.predict_proba(x)[3, 0]), rel=1e-5)
    bare = "".join(line.rpartition(",")[0] + "\n" for line in FLOWERS.splitlines())
    for name, text in (
        ("header.csv", bare),
        ("bare.csv", bare.partition("\n")[2]),
        ("semicolon.csv", bare.replace(",", ";")),
        ("gaps.csv", "\ufeff" + bare.replace("\n", "\r\n\r\n").replace("5.1", '" 5.1"')),
    ):
        (folder / name).write_text(text, "utf-8")
        assert run("predict", "flowers.safetensors", name).out == ran.out, name
    np.save(folder / "rows.npy", x)
    assert run("predict", "flowers.safetensors", "rows.npy").out == ran.out
    np.save(folder / "row.npy", x[4].astype(np.float16))
    assert len(run("predict", "flowers.safetensors", "row.npy").rows) == 1
    answers = run("predict", "flowers.safetensors", "rows.npy", "header.csv", "--json").json["predictions"]
    assert [answer["prediction"] for answer in answers] == 2 * model.predict(x).tolist()
    assert answers[-1]["file"] == "header.csv"
    assert set(answers[0]) == {"file", *ran.rows[0]}


def test_predict_standard_input(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run("train", "--data", "xor")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"0,0\n0,1\n1,0\n1,1\n")))
    rows = run("predict", "xor.safetensors", "-").rows
    assert [row["prediction"] for row in rows] == ["0", "1", "1", "0"]
    for row in rows:
        assert float(row["probability_0"]) + float(row["probability_1"]) == pytest.approx(1, abs=1e-5)
        assert float(row[f"probability_{row['prediction']}"]) > 0.5


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"1,2,3\n4,5,6\n", "leave the label out with --label"),
        ("a.csv", b"1\n", "wanted 2 columns"),
        ("a.csv", b"1,2\n1\n", "a.csv, line 2: wanted 2 columns"),
        ("a.csv", b"1,2\n\n1,x\n", "a.csv, line 3, column 2: wanted a finite number, got 'x'"),
        ("a.csv", b"1,2\n1,\n", "a.csv, line 2, column 2: wanted a finite number, got ''"),
        ("a.csv", b"1,2\n1,nan\n", "a.csv, line 2, column 2"),
        ("a.csv", b"1,1e999\n", "a.csv, line 1, column 2"),
        ("a.csv", b"a,b\n", "below the header"),
        ("a.csv", b"", "got nothing"),
        ("a.csv", b"\xff\xfe1,2\n", "UTF-8"),
        ("a.csv.gz", b"\x1f\x8bbroken", "gzip"),
        ("a.npy", b"1,2\n", "wanted an .npy file"),
        ("a.npy", b"", "wanted an .npy file"),
        ("a.bin", b"1,2\n", "wanted a name that ends in .csv"),
        ("a.png", b"", "wanted a model of square images"),
    ],
)
def test_wrong_rows(run: Any, folder: Path, name: str, content: bytes, words: str) -> None:
    cp.Model(cp.Network(2, 1), cp.SigmoidCrossEntropy()).save(folder / "m.safetensors")
    (folder / name).write_bytes(content)
    assert words in run("predict", "m.safetensors", name, status=1).err


def test_wrong_arrays(run: Any, folder: Path) -> None:
    cp.Model(cp.Network(2, 1), cp.SigmoidCrossEntropy()).save(folder / "m.safetensors")
    for array in (np.zeros((3, 5)), np.zeros(()), np.zeros((2, 2, 2)), np.array([["a", "b"]]), np.array([[1, None]])):
        np.save(folder / "a.npy", array, allow_pickle=True)
        assert "a.npy" in run("predict", "m.safetensors", "a.npy", status=1).err
    np.save(folder / "a.npy", np.array([[0.0, np.nan]]))
    assert "row 0, column 1" in run("predict", "m.safetensors", "a.npy", status=1).err
    content = (folder / "a.npy").read_bytes().replace(b"(1, 2)", b"(9999999999999, 2)")
    (folder / "a.npy").write_bytes(content)  # claims far more than there is
    assert "a.npy" in run("predict", "m.safetensors", "a.npy", status=1).err


def test_other_kinds_of_models(run: Any, folder: Path) -> None:
    """Several values, and several labels at once."""
    (folder / "x.csv").write_text("1,2\n")
    cp.Model(cp.Network(2, 3), cp.MeanSquaredError()).save(folder / "values.safetensors")
    assert list(run("predict", "values.safetensors", "x.csv").rows[0]) == [f"prediction_{i}" for i in range(3)]
    cp.Model(cp.Network(2, 2), cp.SigmoidCrossEntropy()).save(folder / "labels.safetensors")
    columns = ["prediction_0", "prediction_1", "probability_0", "probability_1"]
    assert list(run("predict", "labels.safetensors", "x.csv").rows[0]) == columns


def test_predict_pictures(run: Any, folder: Path, digits_model: Path) -> None:
    """Real digits, enlarged, are read as their pixels are, white on black and black on white alike."""
    x = cp.data.digits().test.x[:12]
    names = []
    for i, row in enumerate(x):
        grey = np.pad((row.reshape(8, 8) * 15.9375).astype(np.uint8).repeat(9 + i, 0).repeat(9 + i, 1), 20 + i)
        for name, pixels in ("bright", grey), ("dark", 255 - grey):
            names.append(f"{name}{i}.png")
            Image.fromarray(pixels).save(folder / names[-1])
    rows = run("predict", digits_model, *names).rows
    assert [row["file"] for row in rows] == names
    bright, dark = [row["prediction"] for row in rows[::2]], [row["prediction"] for row in rows[1::2]]
    assert bright == dark
    assert sum(a == str(b) for a, b in zip(bright, cp.load(digits_model).predict(x), strict=True)) >= 11
    assert run("predict", digits_model, names[0], "--json").json["predictions"][0]["file"] == names[0]
    assert "leave it out" in run("predict", digits_model, names[0], "--label", "last", status=1).err
    (folder / "cut.png").write_bytes((folder / names[0]).read_bytes()[:60])
    assert "cut.png" in run("predict", digits_model, "cut.png", status=1).err


# info and data


def test_info(run: Any, digits_model: Path) -> None:
    text = run("info", digits_model).out
    for words in ("Dense(128)", "SoftmaxCrossEntropy()", "0, 1, 2", "x * 0.0625", "9,610", "float32", cp.__version__):
        assert words in text
    facts = run("info", digits_model, "--json").json
    assert facts["bytes"] == digits_model.stat().st_size
    assert cp.Network.from_dict(facts["network"]) == cp.load(digits_model).network
    assert facts["scaling"] == {"shift": 0.0, "factor": 0.0625}


def test_data(run: Any) -> None:
    names = set(cp.data.CATALOG)
    assert {line.split()[0] for line in run("data").out.splitlines()[2:]} == names
    assert set(run("data", "--json").json) == names
    text = run("data", "digits").out
    for words in ("1,437", "360", "8x8", "CC BY 4.0", "10.24432/C50P49", "██"):
        assert words in text
    facts = run("data", "flowers.csv", "--label", "kind", "--json").json
    assert facts["counts"] == {"lily": 20, "rose": 20, "tulip": 20}
    assert facts["names"] == ["length", "width"]
    assert "tulip     20" in run("data", "flowers.csv", "--label", "kind").out
    assert "did you mean" in run("data", "digts", status=1).err
    assert "classes" not in run("data", "sine").out


def test_wide_confusion_tables_become_lists(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clearprop.cli.show.width", lambda: 30)
    assert "the most frequent mistakes" in run("train", *QUICK).out


def test_help_has_examples(run: Any) -> None:
    for command in ("train", "evaluate", "predict", "info", "data"):
        assert f"  clearprop {command}" in run(command, "--help").out
    assert "clearprop train" in run("--help").out
    assert run("--version").out.strip() == cp.__version__


# as a process


def test_process_statuses(folder: Path) -> None:
    for argv, status in ((["--version"], 0), (["data", "none"], 1), (["trian"], 2)):
        with process(*argv) as child:
            out, err = child.communicate(timeout=30)
        assert child.returncode == status
        assert "Traceback" not in err
        assert bool(err) == bool(status) != bool(out)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_saves_what_was_learned(folder: Path) -> None:
    with process("train", "--epochs", "100000", "--hidden", "800,800") as child:
        assert child.stderr is not None
        assert "samples to train on" in child.stderr.readline()
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert child.returncode == 130, err
    assert "of training, stopped in epoch " in err
    assert "test: accuracy " in out
    assert (cp.load(folder / "digits.safetensors").evaluate(cp.data.digits()).accuracy or 0) > 0.5


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_closed_pipe_is_no_traceback(folder: Path, digits_model: Path) -> None:
    np.save(folder / "rows.npy", np.zeros((5000, 64), np.uint8))
    with process("predict", digits_model, "rows.npy") as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == ""
        assert child.wait(timeout=30) == 141


def test_output_that_cannot_show_a_name(folder: Path) -> None:
    (folder / "names.csv").write_text(
        "kind,x\n" + "".join(f"{name},{i}\n" for i in range(3) for name in ("ä", "日")), "utf-8"
    )
    with process("data", "names.csv", env=os.environ | {"PYTHONIOENCODING": "ascii"}) as child:
        out, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (0, "")
    assert r"\u65e5" in out


def test_whole_numbers_as_values(run: Any, folder: Path) -> None:
    rows = "".join(f"{i / 50},{3 * i}\n" for i in range(100))
    (folder / "prices.csv").write_text("size,price\n" + rows)
    as_values = run("train", "--data", "prices.csv", "--label", "price", "--values", "--json", *QUICK)
    assert "r2" in as_values.json["metrics"]


def test_a_run_is_kept_resumed_and_compared(run: Any, folder: Path) -> None:
    rules = ["--l2", "0.001", "--schedule", "cosine", "--clip-norm", "5", "--balanced", "--max-norm", "4"]
    run("train", *QUICK, *rules, "--out", "whole.safetensors")
    run("train", *QUICK, *rules, "--checkpoint", "runs/one")
    assert {path.name for path in (folder / "runs/one").iterdir()} == {
        "checkpoints", "config.toml", "lock", "metrics.jsonl", "model.safetensors",
    }  # fmt: skip
    whole = cp.load("whole.safetensors").theta
    assert np.array_equal(cp.load("runs/one/model.safetensors").theta, whole)
    again = run("train", *QUICK, "--checkpoint", "runs/one", status=1)
    assert "clearprop resume runs/one" in again.err
    run("resume", "runs/one")
    run("train", "--config", "runs/one/config.toml", "--out", "repeated.safetensors")
    assert np.array_equal(cp.load("repeated.safetensors").theta, whole)
    run("train", "--epochs", "1", "--hidden", "4", "--checkpoint", "runs/two")
    listed = run("runs", "runs", "--json").json["runs"]
    assert [Path(one["run"]).name for one in listed] == ["one", "two"]
    assert listed[0]["epochs"] == listed[0]["of"] == 2
    table = run("runs", "runs").out.splitlines()
    assert "test accuracy" in table[0]
    assert "runs/one" in table[2]
    run("resume", "runs/three", status=1)
    run("runs", "nowhere", status=1)
    run("train", "--patience", "5", *QUICK, status=1)
    run("train", "--schedule", "cosin", *QUICK, status=1)


def test_a_killed_run_is_resumed(folder: Path) -> None:
    """SIGKILL in the middle; the resumed run ends with the very weights of one that was left alone."""
    program = [sys.executable, "-m", "clearprop"]
    command = [*program, "train", "--data", "flowers.csv", "--label", "kind", "--epochs", "400"]
    subprocess.run([*command, "--out", "whole.safetensors"], check=True, capture_output=True)
    process = subprocess.Popen([*command, "--checkpoint", "run"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 20
    while not (folder / "run" / "metrics.jsonl").exists() and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    process.wait()
    resumed = subprocess.run([*program, "resume", "run"], capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    assert np.array_equal(cp.load("run/model.safetensors").theta, cp.load("whole.safetensors").theta)
