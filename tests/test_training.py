"""train and fit: learning, order, threads, interruption, divergence, memory."""

import json
import os
import re
import signal
import sys
import threading
import tracemalloc
import types
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import clearprop as cp
from clearprop.network.gradient import Feed, Workspace
from clearprop.training import engine, progress
from clearprop.training.engine import EpochRun, blas, threads_for
from clearprop.training.interrupt import Stop

RNG = np.random.default_rng(0)


def rings(n: int = 300) -> cp.Dataset:
    """Two classes, one around the other, a fifth held out."""
    x = RNG.normal(size=(n, 2))
    return cp.Dataset.of((x, (np.linalg.norm(x, axis=1) > 1.2).astype(int)), classes=("in", "out")).split(0.2)


RINGS = rings()


def ring_model(seed: int = 0, dropout: bool = False) -> cp.Model:
    layers = [16, "tanh", *([cp.Dropout(0.2)] if dropout else []), 1]
    return cp.Model(cp.Network(2, *layers), cp.SigmoidCrossEntropy(), seed=seed)


def test_it_learns_and_reports() -> None:
    model = ring_model()
    epochs = list(cp.train(model, RINGS, cp.Adam(0.02), epochs=30))
    assert [epoch.number for epoch in epochs] == list(range(1, 31))
    assert epochs[-1].loss < epochs[0].loss / 2
    last = epochs[-1]
    assert last.test_accuracy is not None
    assert last.test_accuracy > 0.9
    assert last.test_accuracy == model.evaluate(RINGS).accuracy
    assert last.test_loss == pytest.approx(model.evaluate(RINGS).loss)
    assert model.classes == ("in", "out")
    assert last.samples == 240
    assert last.seconds > 0


@pytest.mark.parametrize("task", ["classes", "one-hot", "values", "labels", "binary values"])
def test_every_kind_of_target(task: str) -> None:
    x = RNG.normal(size=(120, 3))
    labels = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    outputs, loss, t = {
        "classes": (3, cp.SoftmaxCrossEntropy(), labels),
        "one-hot": (3, cp.SoftmaxCrossEntropy(), np.eye(3)[labels]),
        "values": (2, cp.MeanSquaredError(), x[:, :2] ** 2),
        "labels": (2, cp.SigmoidCrossEntropy(), (x[:, :2] > 0).astype(int)),
        "binary values": (1, cp.SigmoidCrossEntropy(), (x[:, 0] > 0).astype(float)),
    }[task]
    model = cp.Model(cp.Network(3, 16, "tanh", outputs), loss)
    report = cp.fit(model, (x, t), cp.Adam(0.03), epochs=40, batch=20, verbose=False)
    assert report.last.loss < 0.5 * report.history[0].loss
    if task == "values":
        assert report.last.accuracy is None
        assert model.evaluate((x, t)).r2 > 0.8
    else:
        assert report.last.accuracy > 0.85


def test_whole_numbers_as_values() -> None:
    """Classes such as 3 to 9 are numbers to come near to for a network with one output."""
    x = np.linspace(-1, 1, 60)[:, None]
    data = cp.Dataset(cp.Samples(x, np.repeat([0, 1, 2], 20)), classes=(3, 5, 9))
    model = cp.Model(cp.Network(1, 16, "tanh", 1), cp.MeanSquaredError())
    cp.fit(model, data, cp.Adam(0.03), epochs=150, verbose=False)
    assert model.evaluate(data).r2 > 0.8
    assert model.predict([[-0.9]])[0] == pytest.approx(3, abs=1)
    words = cp.Dataset.of((x, np.repeat(["a", "b", "c"], 20)))
    with pytest.raises(cp.DataError, match="3 classes such as 'a'"):
        cp.fit(cp.Model(model.network, model.loss), words)


def test_same_seed_same_bits_and_dropout_leaves_the_shuffle_alone() -> None:
    def run(seed: int, dropout: bool = True) -> cp.Model:
        model = ring_model(dropout=dropout)
        cp.fit(model, RINGS, cp.SGD(0.1, 0.9), epochs=3, seed=seed, threads=1, verbose=False)
        return model

    assert np.array_equal(run(1).theta, run(1).theta)
    assert not np.array_equal(run(1).theta, run(2).theta)

    def last_order(dropout: bool) -> np.ndarray:
        seen: list[np.ndarray] = []
        for _ in cp.train(ring_model(dropout=dropout), RINGS, epochs=2, watch=lambda run: seen.append(run.order)):
            pass
        return seen[-1]

    assert np.array_equal(last_order(False), last_order(True))


def test_every_sample_has_its_turn() -> None:
    """100 samples in batches of 32: the loss of an epoch without steps to speak of is the mean over all samples."""
    x, t = RNG.normal(size=(100, 3)), RNG.integers(0, 2, 100)
    weight = RNG.uniform(0, 2, 100)
    for weights in (None, weight):
        model = cp.Model(cp.Network(3, 4, "tanh", 2), cp.SoftmaxCrossEntropy(), dtype="float64")
        data = cp.Samples(x, t, weights)
        before = model.evaluate(data)
        (epoch,) = cp.train(model, data, cp.SGD(1e-12), epochs=1)
        assert epoch.loss == pytest.approx(before.loss, rel=1e-9)
        assert epoch.accuracy == before.accuracy
        assert epoch.samples == 100


def test_accuracy_is_counted_right_however_often_it_is_asked() -> None:
    model = ring_model()
    asked = []
    (epoch,) = cp.train(model, RINGS, cp.SGD(1e-12), epochs=1, batch=7, watch=lambda run: asked.append(run.accuracy))
    assert epoch.accuracy == pytest.approx(model.evaluate(RINGS.train).accuracy)
    feed = Feed(model, RINGS.train, model.dtype, RINGS.classes)
    run = EpochRun(model, cp.SGD(1e-12), feed, np.arange(240), Workspace(model, 7), 1)
    while not run.finished:
        run.advance(0.0, Stop())
        right = model.evaluate(RINGS.train[: run.done]).accuracy
        assert run.accuracy == pytest.approx(right)


def test_without_shuffling_the_order_is_that_of_the_data() -> None:
    seen = []
    for _ in cp.train(ring_model(), RINGS, epochs=1, shuffle=False, watch=lambda run: seen.append(run.order)):
        pass
    assert np.array_equal(seen[0], np.arange(240))


def test_the_given_optimizer_is_not_used_up() -> None:
    optimizer = cp.Adam(0.01)
    cp.fit(ring_model(), RINGS, optimizer, epochs=1, verbose=False)
    assert optimizer.t == 0
    assert not optimizer.state


def test_break_leaves_a_usable_model() -> None:
    model = ring_model()
    for epoch in cp.train(model, RINGS, cp.Adam(0.02), epochs=1000):
        if epoch.number == 3:
            break
    assert np.isfinite(model.theta).all()
    assert len(model.predict(RINGS.test.x)) == 60


@pytest.mark.parametrize("where", ["fit", "train"])
def test_ctrl_c_ends_after_the_batch(where: str) -> None:
    model = ring_model()
    asked = []

    def interrupt(run: EpochRun) -> None:
        if run.number == 2 and not asked:
            asked.append(run.number)
            os.kill(os.getpid(), signal.SIGINT)

    if where == "train":
        epochs = list(cp.train(model, rings(20_000), epochs=50, batch=1, watch=interrupt))
    else:
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        report = cp.fit(model, rings(20_000), epochs=10_000, batch=1, verbose=False)
        timer.join()
        assert report.interrupted
        assert "interrupted" in str(report.table())
        epochs = report.history
    assert epochs[-1].interrupted
    assert not any(epoch.interrupted for epoch in epochs[:-1])
    assert 0 < epochs[-1].samples <= 16_000
    assert np.isfinite(model.theta).all()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_between_epochs_ends_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupting(progress.Display):
        def epoch(self, epoch: cp.Epoch) -> None:
            if epoch.number == 2:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("clearprop.training.loop.display", lambda _: Interrupting())
    report = cp.fit(ring_model(), RINGS, epochs=50)
    assert report.interrupted
    assert len(report.history) == 2
    assert not report.last.interrupted
    assert cp.Report.from_json(report.to_json()) == report


def test_ctrl_c_of_ones_own_handler_is_left_alone() -> None:
    asked = []
    usual = signal.signal(signal.SIGINT, lambda *_: asked.append(1))
    try:
        for _ in cp.train(ring_model(), RINGS, epochs=1, watch=lambda _: os.kill(os.getpid(), signal.SIGINT)):
            pass
    finally:
        signal.signal(signal.SIGINT, usual)
    assert asked


def test_training_in_a_thread_of_its_own() -> None:
    model, done = ring_model(), []
    thread = threading.Thread(target=lambda: done.extend(cp.train(model, RINGS, epochs=2)))
    thread.start()
    thread.join()
    assert len(done) == 2


# Divergence


@pytest.mark.parametrize(
    ("network", "loss", "rate", "says"),
    [
        ((1, "relu", 1), cp.SquaredError(), 1e4, r"epoch 1, batch \d+ of 20, Dense\(1\), layer \d of 3"),
        ((8, "tanh", 1), cp.SquaredError(), 1e30, "layer"),
        ((8, "relu", 8, "relu", 1), cp.MeanSquaredError(), 1e10, "lower the learning rate"),
    ],
)
def test_divergence_is_told_at_once(network, loss: cp.Loss, rate: float, says: str) -> None:
    x = RNG.normal(size=(200, 3))
    model = cp.Model(cp.Network(3, *network), loss)
    with pytest.raises(cp.DivergenceError, match=says):
        cp.fit(model, (x, x[:, 0] * 100), cp.SGD(rate), epochs=50, batch=10, verbose=False)


@pytest.mark.parametrize("spoilt", ["gradient", "loss", "overflowing step"])
def test_the_layer_is_named(spoilt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = cp.Model(cp.Network(2, 3, "tanh", cp.Dense(3, name="middle"), "tanh", 1), cp.SquaredError())
    x, t = RNG.normal(size=(40, 2)), RNG.normal(size=40)
    rate = 0.1
    if spoilt == "gradient":
        right = cp.Dense.backward

        def wrong(self, xp, w, x, y, dy, dx, dw, memo) -> None:
            right(self, xp, w, x, y, dy, dx, dw, memo)
            if self.name == "middle":
                dw.W[0, 0] = np.nan

        monkeypatch.setattr(cp.Dense, "backward", wrong)
        says = r"epoch 1, batch 1 of 10, Dense\(3, name='middle'\), layer 3 of 5: .*gradient of middle.W"
    elif spoilt == "loss":
        monkeypatch.setattr(cp.SquaredError, "value_and_gradient", lambda *_: float("inf"))
        says = "layer 5 of 5: .*a loss of inf"
    else:
        rate = 1e38
        t = t * 1e6
        says = "layer . of 5: .*NaN or infinity in"
    with pytest.raises(cp.DivergenceError, match=says):
        cp.fit(model, (x, t), cp.SGD(rate), epochs=1, batch=4, verbose=False)


def test_a_weight_that_is_not_finite_is_found_before_training() -> None:
    model = ring_model()
    model.weights["dense1.b"][3] = np.inf  # tanh would hide it from the loss and the gradient
    with pytest.raises(cp.DataError, match=r"dense1\.b, row 3"):
        cp.fit(model, RINGS)


def test_a_large_but_finite_gradient_is_no_divergence() -> None:
    """The squared norm of the gradient overflows float32; the gradient does not."""
    model = cp.Model(cp.Network(1, cp.Dense(1, bias=False)), cp.SquaredError())
    model.weights["dense1.W"] = [[1.0]]
    cp.fit(model, ([[1e11]], [1e11]), cp.SGD(1e-30), epochs=1, verbose=False)
    cp.fit(model, ([[1e11]], [-1e11]), cp.SGD(1e-30), epochs=1, verbose=False)


# Memory and threads


@pytest.mark.parametrize(
    "layers",
    [
        (64, "relu", 64, "tanh", 10),
        *[(64, cp.Dropout(0.5) if name == "dropout" else name, 10) for name in sorted(map(str.lower, cp.Layer.members))
          if name != "dense"],
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("optimizer", [cp.SGD(0.01, 0.9, nesterov=True), cp.Adam()], ids=repr)
def test_a_step_allocates_nothing_that_grows_with_the_batch(layers, optimizer: cp.Optimizer) -> None:
    """Peak memory taken during a step is the same for batches of 64 and of 4096."""
    peaks = []
    for batch in (64, 4096):
        x = RNG.integers(0, 255, (4096, 64)).astype(np.uint8)
        samples = cp.Samples(x, RNG.integers(0, 10, 4096), RNG.uniform(0.5, 1, 4096))
        model = cp.Model(cp.Network(64, *layers), cp.SoftmaxCrossEntropy(), scaling=cp.Scaling(0.0, 1 / 255))
        feed, work = Feed(model, samples, model.dtype), Workspace(model, batch, state=model.state)
        run = EpochRun(model, optimizer.fresh(), feed, np.tile(np.arange(4096), 3), work, 1)
        run.advance(0.0, Stop())
        run.accuracy  # noqa: B018  (empties what was noted)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        run.advance(0.0, Stop())
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 60_000  # one float32 column of the larger batch alone would take 16 KB a feature


def test_threads_are_chosen_by_size_and_given_back() -> None:
    small, large = cp.Network(784, 16, "relu", 10), cp.Network(784, 512, "relu", 512, "relu", 10)
    assert threads_for(small, 32) == 1
    assert threads_for(large, 128) == engine.available_cores()
    assert threads_for(large, 128, 3) == 3
    assert threads_for(cp.Network(784, cp.Dropout(0.2), "tanh", 16, 10), 128) == 1  # only Dense has products
    with pytest.raises(cp.SettingError, match="threads"):
        threads_for(small, 32, 0)

    def blas_threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    blas.cache_clear()  # SciPy may have brought another BLAS, which no training uses
    usual, seen = blas_threads(), []
    for _ in cp.train(ring_model(), RINGS, epochs=2, threads=1, watch=lambda _: seen.append(blas_threads())):
        assert blas_threads() == usual
    assert all(set(threads) == {1} for threads in seen)
    assert blas_threads() == usual


# What fit shows


def test_quiet_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    cp.fit(ring_model(), RINGS, epochs=2)
    assert capfd.readouterr() == ("", "")
    cp.fit(ring_model(), RINGS, epochs=2, verbose=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 2
    assert "epoch 2: loss" in err
    assert "test accuracy" in err


def test_bar_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from io import StringIO

    from rich.console import Console

    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    monkeypatch.setattr("clearprop.training.loop.display", lambda _: progress.Bar(console))
    cp.fit(ring_model(), RINGS, epochs=3)
    shown = screen.getvalue()
    last = [line for line in shown.splitlines() if "epoch" in line][-1]
    assert "epoch 3/3" in last
    assert "100%" in last
    assert re.search(r"loss \d\.\d{4} acc \d+\.\d\d% test \d+\.\d\d% ", last)
    assert "…" not in shown


def test_bar_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell's output, updated in place; nothing but IPython itself is needed."""
    shown: list[str] = []

    class Handle:
        def update(self, html: str) -> None:
            shown.append(html)

    ipython = types.ModuleType("IPython.display")
    monkeypatch.setattr(ipython, "HTML", str, raising=False)
    monkeypatch.setattr(ipython, "display", lambda *_, display_id: Handle(), raising=False)
    notebook = types.ModuleType("IPython")
    monkeypatch.setattr(notebook, "get_ipython", lambda: types.SimpleNamespace(kernel=...), raising=False)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython)
    cp.fit(ring_model(), RINGS, epochs=3)
    assert 'value="1.0000"' in shown[-1]
    assert "epoch 3/3" in shown[-1]
    assert "test accuracy" in shown[-1]


# Report


def test_report_to_json_csv_and_table(tmp_path: Path) -> None:
    report = cp.fit(ring_model(), RINGS, cp.Adam(0.02), epochs=4, verbose=False)
    data = json.loads(report.to_json(tmp_path / "report.json"))
    assert data == json.loads((tmp_path / "report.json").read_text())
    assert data["settings"]["optimizer"] == "Adam(0.02)"
    assert [epoch["number"] for epoch in data["history"]] == [1, 2, 3, 4]
    assert cp.Report.from_json(report.to_json()).history == report.history
    lines = report.to_csv(tmp_path / "report.csv").splitlines()
    assert (tmp_path / "report.csv").read_text().splitlines() == lines
    assert lines[0].startswith("number,seconds,samples,loss,accuracy")
    assert len(lines) == 5
    assert f"{report.best.number} *" in str(report)
    assert report.seconds == pytest.approx(sum(epoch.seconds for epoch in report.history))
    for text in ("{", "[]", '{"settings": {}, "history": [3]}'):
        with pytest.raises(cp.FileError, match=r"Report\.to_json"):
            cp.Report.from_json(text)


def test_best_epoch() -> None:
    def epoch(number: int, loss: float, test_loss: float | None = None, test_accuracy: float | None = None) -> cp.Epoch:
        return cp.Epoch(number, 1.0, 10, loss, None, test_loss, test_accuracy)

    assert cp.Report({}, [epoch(1, 3), epoch(2, 1), epoch(3, 2)]).best.number == 2
    assert cp.Report({}, [epoch(1, 3, 1), epoch(2, 1, 2)]).best.number == 1
    assert cp.Report({}, [epoch(1, 3, 1, 0.5), epoch(2, 1, 2, 0.9), epoch(3, 1, 2, 0.9)]).best.number == 2
    with pytest.raises(cp.DataError, match="train first"):
        cp.Report().best  # noqa: B018


# What does not fit


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: cp.train(3, RINGS), cp.SettingError, "a Model"),
        (lambda: cp.train(ring_model(), RINGS, 0.1), cp.SettingError, "an optimizer"),
        (lambda: cp.train(ring_model(), RINGS, epochs=0), cp.SettingError, "epochs"),
        (lambda: cp.train(ring_model(), RINGS, batch=0), cp.SettingError, "batch"),
        (lambda: cp.train(ring_model(), RINGS, batch=241), cp.DataError, "at most 240"),
        (lambda: cp.train(ring_model(), RINGS, shuffle="yes"), cp.SettingError, "shuffle"),
        (lambda: cp.fit(ring_model(), RINGS, verbose=3), cp.SettingError, "verbose"),
        (lambda: cp.train(ring_model(), RINGS, seed=-1), cp.SettingError, "seed"),
        (lambda: cp.train(ring_model(), "digits"), cp.DataError, "a Dataset"),
        (lambda: cp.train(ring_model(), (np.ones((3, 4)), [0, 1, 0])), cp.ShapeError, "wanted 2 features, got 4"),
        (lambda: cp.train(ring_model(), (np.ones((3, 2)), [0, 1, 2])), cp.DataError, "row 2: wanted a class"),
        (lambda: cp.train(ring_model(), (np.ones((3, 2)), [0.1, 1.5, 2])), cp.DataError, "row 1"),
        (lambda: cp.train(ring_model(), (np.ones((3, 2)), ["a", "b", "c"])), cp.ShapeError, "3 outputs"),
        (lambda: cp.train(ring_model(), (np.full((3, 2), np.nan), [0, 1, 0])), cp.DataError, "row 0, column 0"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_before_anything_runs(call, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def test_epochs_get_no_slower_with_time() -> None:
    """Nothing is kept from epoch to epoch: the work of the last is that of the first (counted, not timed)."""
    tracemalloc.start()
    sizes = [tracemalloc.get_traced_memory()[0] for _ in cp.train(ring_model(), RINGS, epochs=6)]
    tracemalloc.stop()
    assert all(later - earlier < 10_000 for earlier, later in pairwise(sizes[1:]))


def test_data_and_targets_given_apart() -> None:
    with pytest.raises(
        cp.SettingError, match=r"wanted an optimizer, got .*; data and targets are one argument, \(x, t\)"
    ):
        cp.fit(ring_model(), RINGS.train.x, RINGS.train.t)  # type: ignore[arg-type]
