"""Checkpoints: killed at any moment and resumed, a run ends with the very weights of one that was not."""

import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import clearprop as cp
from clearprop.training import checkpoint
from clearprop.training.checkpoint import metrics, run_folder
from clearprop.training.engine import Alarm, EpochRun

KILLS = int(os.environ.get("CLEARPROP_KILLS", "30"))
RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 5))
DATA = cp.Dataset.of((X, np.where(X[:, 0] * X[:, 1] > 0, "yes", "no"))).split(0.2)
PROGRAM = """
import sys, time, numpy as np, clearprop as cp
from clearprop.training import session
session.GLANCE = 0.0
rng = np.random.default_rng(0)
x = rng.normal(size=(300, 5))
data = cp.Dataset.of((x, np.where(x[:, 0] * x[:, 1] > 0, "yes", "no")), image_shape=(5, 1)).split(0.2)
layers = [24, cp.BatchNorm(), "relu", cp.Dropout(0.3), 1]
model = cp.Model(cp.Network(5, *layers), cp.SigmoidCrossEntropy(), seed=3)
cp.fit(
    model, data, cp.Adam(0.01, clip_norm=5.0), epochs=EPOCHS, batch=16, seed=4, threads=1, penalties=cp.L2(1e-4),
    schedule=cp.ReduceOnPlateau(patience=2), stopping=cp.EarlyStopping("test_loss", patience=EPOCHS - 1),
    class_weight="balanced", augment=[cp.Shift(0.1), cp.Elastic(0.1, 1.0)],
    checkpoint=sys.argv[1], checkpoint_every=EVERY,
)
"""


def program(epochs: int, every: float) -> str:
    return PROGRAM.replace("EPOCHS", str(epochs)).replace("EVERY", str(every))


def start(folder: Path, epochs: int = 40, every: float = 0.0) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program(epochs, every), str(folder)], stderr=subprocess.PIPE
    )


def finish(folder: Path, epochs: int = 40, every: float = 0.0) -> cp.Model:
    process = start(folder, epochs, every)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    return cp.load(folder / "model.safetensors")


def test_killed_at_random_moments_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    """Each run of the program is killed after a random while, begun again, and at last left to finish."""
    whole = finish(tmp_path / "whole", every=1e9)
    rng, kills, folder = np.random.default_rng(), 0, tmp_path / "killed"
    epochs = 40
    while kills < KILLS:
        process = start(folder)
        wait_until_training(process, folder)
        try:
            process.wait(rng.uniform(0.0, 0.12))
            process.communicate()
            if process.returncode == 0:  # finished before it was killed: begin anew, kills count on
                compare(cp.load(folder / "model.safetensors"), whole, folder, epochs)
                folder = tmp_path / f"killed{kills}"
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
    compare(finish(folder), whole, folder, epochs)


def wait_until_training(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Until the process has begun a checkpoint of its own, or ended."""
    before = newest(folder)
    until = time.monotonic() + 30
    while process.poll() is None and newest(folder) <= before and time.monotonic() < until:
        time.sleep(0.002)


def newest(folder: Path) -> int:
    return max((int(path.stem) for path in (folder / "checkpoints").glob("*.safetensors")), default=0)


def compare(resumed: cp.Model, whole: cp.Model, folder: Path, epochs: int) -> None:
    assert np.array_equal(resumed.theta, whole.theta)
    assert np.array_equal(resumed.state, whole.state)
    assert [epoch.number for epoch in metrics(folder)] == list(range(1, epochs + 1))
    assert not list(folder.glob("**/*.tmp"))


# In one process


def model_of() -> cp.Model:
    return cp.Model(cp.Network(5, 12, cp.BatchNorm(), "tanh", cp.Dropout(0.2), 1), cp.SigmoidCrossEntropy())


def run(folder: Path | None, epochs: int = 6, model: cp.Model | None = None, **options: object) -> cp.Model:
    model = model or model_of()
    cp.fit(model, DATA, cp.Adam(0.02), epochs=epochs, batch=16, checkpoint=folder, checkpoint_every=0.0, **options)  # type: ignore[arg-type]
    return model


def test_a_finished_run_is_not_trained_again_and_can_be_made_longer(tmp_path: Path) -> None:
    first = run(tmp_path / "run", 3)
    again = run(tmp_path / "run", 3)
    assert np.array_equal(first.theta, again.theta)
    longer, whole = run(tmp_path / "run", 6), run(None, 6)
    assert np.array_equal(longer.theta, whole.theta)
    assert np.array_equal(longer.state, whole.state)
    assert len(metrics(tmp_path / "run")) == 6


def test_interrupted_within_an_epoch_it_goes_on_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, step = itertools.count(1), EpochRun._step

    def interrupted(run: EpochRun, alarm: Alarm) -> None:
        step(run, alarm)
        if next(steps) == 700:  # in the third epoch of 240
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(EpochRun, "_step", interrupted)
    model = model_of()
    report = cp.fit(model, DATA, cp.Adam(0.02), epochs=400, batch=1, checkpoint=tmp_path, verbose=False)
    assert report.interrupted
    assert (report.last.number, report.last.interrupted) == (3, True)
    resumed = model_of()
    report = cp.fit(resumed, DATA, cp.Adam(0.02), epochs=5, batch=1, checkpoint=tmp_path)
    assert len(report.history) == 5
    whole = model_of()
    cp.fit(whole, DATA, cp.Adam(0.02), epochs=5, batch=1)
    assert np.array_equal(resumed.theta, whole.theta)


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    run(tmp_path, 4)
    newest_path = max((tmp_path / "checkpoints").iterdir())
    raw = bytearray(newest_path.read_bytes())
    raw[-1] ^= 1
    newest_path.write_bytes(raw)
    with pytest.warns(RuntimeWarning, match="taking the checkpoint before: .*altered or damaged"):
        resumed = run(tmp_path, 6)
    assert np.array_equal(resumed.theta, run(None, 6).theta)
    for path in (tmp_path / "checkpoints").iterdir():
        path.write_bytes(b"x")
    with (
        pytest.warns(RuntimeWarning, match="taking the checkpoint before"),
        pytest.raises(cp.FileError, match="only damaged ones"),
    ):
        run(tmp_path, 6)


def test_a_full_disk_stops_only_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit on the size of files is what a full disk looks like to a program: the write fails half way."""
    run(tmp_path, 2)
    good = {path.name: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    real_write = checkpoint.model_file.write

    def limited(path: Path, *content: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            real_write(path, *content)  # type: ignore[arg-type]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    monkeypatch.setattr(checkpoint.model_file, "write", limited)
    with (
        pytest.warns(RuntimeWarning, match="no checkpoint was written: .*[Ff]ile too large"),
        pytest.warns(RuntimeWarning, match="no model was written"),
    ):
        model = run(tmp_path, 5)
    monkeypatch.undo()
    assert np.array_equal(model.theta, run(None, 5).theta)
    assert {path.name: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()} == good
    assert np.array_equal(run(tmp_path, 5).theta, model.theta)


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    with run_folder(tmp_path), pytest.raises(cp.FileError, match="a run under way"):
        run(tmp_path)
    process = start(tmp_path, epochs=100_000)
    wait_until_training(process, tmp_path)
    with pytest.raises(cp.FileError, match="a run under way"):
        run(tmp_path)
    process.kill()
    process.communicate()
    with run_folder(tmp_path):
        pass  # the lock went with the process


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda: {"model": cp.Model(cp.Network(5, 7, 1), cp.SigmoidCrossEntropy())}, "the network of the run"),
        (lambda: {"penalties": cp.L2(0.1)}, "the penalties of the run"),
        (lambda: {"seed": 5}, "the seed of the run"),
    ],
)
def test_resuming_something_else_is_refused(change, says: str, tmp_path: Path) -> None:
    run(tmp_path, 2)
    with pytest.raises(cp.FileError, match=says):
        run(tmp_path, 4, **change())


def test_resuming_with_changed_data_is_refused(tmp_path: Path) -> None:
    run(tmp_path, 2)
    x = DATA.train.x.copy()
    x[7, 2] += 1e-3
    changed = cp.Dataset(cp.Samples(x, DATA.train.t), DATA.test, classes=DATA.classes)
    with pytest.raises(cp.FileError, match="the data of the run"):
        cp.fit(model_of(), changed, cp.Adam(0.02), epochs=4, batch=16, checkpoint=tmp_path)


def test_metrics_are_lines_of_json(tmp_path: Path) -> None:
    run(tmp_path, 3)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1, 2, 3]
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"number": 4, "sec')  # cut short by a crash
    assert len(metrics(tmp_path)) == 3
    run(tmp_path, 4)
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 4


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(cp.FileError, match="folder for a run"):
        run(tmp_path / "file")
    with pytest.raises(cp.SettingError, match="finite number"):
        cp.fit(model_of(), DATA, checkpoint=tmp_path / "run", checkpoint_every=-1)
