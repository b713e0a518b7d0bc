"""A trace: the library's own numbers, each of them written out, and the faces that show them."""

import contextlib
import io
import json
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop.cli import main
from clearprop.insight.derivation.steps import run
from clearprop.insight.tracing.first_step import FORMULAS
from clearprop.insight.tracing.panes import Pane
from clearprop.insight.tracing.shade import levels, png, sheet
from clearprop.insight.tracing.stepper import Stepper
from clearprop.insight.tracing.terms import NOISE, evaluated, number
from clearprop.insight.tracing.widget import to_show
from layer_table import LAYERS, LOSSES, LayerRow, LossRow
from pieces import problem

ALL = 10_000  # terms


def xor_model() -> cp.Model:
    """Weights that anyone can make again."""
    model = cp.Model(
        cp.Network(2, cp.Dense(3, bias=False), cp.ReLU(), cp.Dense(1, bias=False)), cp.SigmoidCrossEntropy(),
        dtype="float64",
    )  # fmt: skip
    rng, bound = np.random.RandomState(0), np.sqrt(6 / (2 + 1))
    model.theta = np.concatenate([rng.uniform(-bound, bound, (2, 3)).ravel(), rng.uniform(-bound, bound, 3)])
    return model


def traced(layout: str = "rows", **options: Any) -> cp.Trace:
    return cp.trace(
        cp.Model(cp.Network(2, 3, "relu", 1), cp.SigmoidCrossEntropy()), cp.data.xor(), layout=layout, **options
    )


def every_element_written_out(trace: cp.Trace) -> int:
    """Each element of each line, as written out, comes to what was recorded; how many there were."""
    count = 0
    for moment in trace:
        if moment.line is None:
            continue
        for place in np.ndindex(*moment.shape):
            found = trace.written(moment.name, place, ALL)
            value = float(moment.value[place])
            largest = max(abs(float(trace[name][at])) for name, places in found.sources.items() for at in places)
            assert evaluated(found.text) == pytest.approx(value, rel=1e-6, abs=2 * NOISE * largest), found.text
            assert trace.element(moment.name, *place, terms=ALL).endswith(number(value))
            count += 1
    return count


def agrees(trace: cp.Trace) -> int:
    """What the library kept is what the lines compute from what was given; how many arrays it kept."""
    lines = run(trace.found.steps, trace.found.given)
    for name, values in trace.found.made.items():
        assert values.shape == lines[name].shape
        np.testing.assert_allclose(values, lines[name], rtol=1e-9, atol=1e-14, err_msg=name)
        assert trace[name] is values
    return len(trace.found.made)


@pytest.mark.parametrize("layout", ["rows", "columns"])
@pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.id)
def test_every_layer(row: LayerRow, layout: str) -> None:
    for network in (cp.Network(row.n, row.layer, 2), cp.Network(3, row.n, row.layer, "tanh", 2)):
        model, samples = problem(network, cp.SoftmaxCrossEntropy(), "classes", weighted=len(network) > 2)
        trace = cp.trace(model, samples, layout=layout)
        assert agrees(trace) > 4
        assert every_element_written_out(trace) > 50


@pytest.mark.parametrize("layout", ["rows", "columns"])
@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.id)
def test_every_loss(row: LossRow, layout: str) -> None:
    for weighted in (False, True):
        model, samples = problem(cp.Network(3, 4, "sigmoid", row.outputs), row.loss, row.targets, weighted=weighted)
        trace = cp.trace(model, samples, layout=layout)
        assert agrees(trace) > 8
        assert every_element_written_out(trace) > 50


def test_exclusive_or_by_hand() -> None:
    trace = cp.trace(xor_model(), cp.data.xor())
    np.testing.assert_allclose(trace["p"].ravel(), [0.5, 0.62685661, 0.73715831, 0.78763461], atol=5e-9)
    assert trace.element("x", 1, 1) == "x[1, 1] = 1"
    x, W1 = trace["x"], trace["W1"]
    z1 = [[sum(x[i, k] * W1[k, j] for k in range(2)) for j in range(3)] for i in range(4)]
    np.testing.assert_allclose(trace["z1"], z1, rtol=1e-15)
    assert trace.element("delta2", 0, 0) == "delta2[0, 0] = (0.5 - 0) / 4 = 0.125"
    assert trace.element("z1", 2, 1) == "z1[2, 1] = 1*0.60864744 + 0*(-0.21593684) = 0.60864744"
    # the numbers in the text are those of the trace, to 8 digits
    text = str(trace)
    for values in trace.values.values():
        for value in np.ravel(values):
            assert number(value) in text


def test_moments_say_what_how_and_where() -> None:
    trace = traced()
    names = [moment.name for moment in trace]
    assert names == [
        "z1", "a1", "z2", "p", "loss", "delta2", "dW2", "db2", "da1", "delta1", "dW1", "db1", "gradient", "W1_after",
        "b1_after", "W2_after", "b2_after", "theta_after",
    ]  # fmt: skip
    assert len(trace) == len(names)
    moment = trace.steps[names.index("dW1")]
    assert (moment.text, moment.shape, moment.part) == ("dW1 = x.T @ delta1", (2, 3), "backward")
    assert moment.place == "Dense(3), layer 1 of 3"
    assert set(moment.inputs) == {"x", "delta1"}
    assert moment.equation.endswith(r"{X}^\top \Delta_{1}")
    assert moment.title.startswith("product with a matrix")
    assert [trace.steps[i].part for i in (0, 5, 13)] == ["forward", "backward", "step"]
    assert trace.steps[13].text == "W1_after = W1 - 0.01 * dW1"
    np.testing.assert_array_equal(
        trace["gradient"], np.concatenate([trace[f"d{n}"].ravel() for n in ("W1", "b1", "W2", "b2")])
    )
    columns = traced("columns")
    assert columns.steps[10].text == "dW1 = delta1 @ x.T"
    np.testing.assert_allclose(columns["dW1"], trace["dW1"].T)
    for name, text in ((m.name, m.text) for m in columns if m.name in ("gradient", "theta_after")):
        space = dict(columns.values) | {"np": np}
        exec(text, space)
        np.testing.assert_array_equal(space[name], columns[name])


OPTIMIZERS = [
    cp.SGD(0.1), cp.SGD(0.1, momentum=0.9), cp.SGD(0.1, momentum=0.9, nesterov=True), cp.SGD(0.1, clip_norm=0.01),
    cp.SGD(0.1, clip_value=0.002), cp.SGD(0.1, clip_norm=0.01, clip_value=0.002), cp.Adam(0.1, epsilon=1e-3),
    cp.AdamW(0.1, weight_decay=0.3), cp.AdamW(0.1, weight_decay=0.3, decay_biases=True), cp.AdaGrad(0.1, epsilon=0.1),
    cp.RMSProp(0.1, epsilon=1e-3), cp.Nadam(0.1, epsilon=1e-3), cp.Lion(0.1, clip_norm=0.01),
]  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_the_step_is_that_of_training(optimizer: cp.Optimizer) -> None:
    model, samples = problem(cp.Network(3, 4, "tanh", 2), cp.SoftmaxCrossEntropy(), "classes")
    before = model.theta.copy()
    trace = cp.trace(model, samples, optimizer)
    assert np.array_equal(model.theta, before)
    assert optimizer.t == 0
    assert every_element_written_out(trace) > 50
    cp.fit(model, samples, optimizer, epochs=1, batch=len(samples), shuffle=False, verbose=False)
    np.testing.assert_allclose(trace["theta_after"], model.theta, rtol=1e-12)


def test_every_optimizer_has_its_formula_or_is_named() -> None:
    family = {kind for kind in cp.Optimizer.members.values() if kind.__module__ == "clearprop.training.optimizers"}
    assert {kind for kind in family if issubclass(kind, cp.Optimizer) and kind is not cp.Optimizer} == set(FORMULAS)

    class Half(cp.SGD):
        pass

    trace = traced(optimizer=Half(0.5))
    assert trace.steps[-2].text == "b2_after = b2 after a step of Half(0.5)"
    assert trace.element("b2_after", 0) == f"b2_after[0] = {number(trace['b2_after'][0])}"


def test_long_sums_are_cut_but_their_total_is_of_all() -> None:
    model = cp.Model(cp.Network(64, 10), cp.SoftmaxCrossEntropy())
    trace = cp.trace(model, cp.data.digits(), samples=12)
    text = trace.element("z1", 3, 2)
    assert "... (53 more) ..." in text
    assert text.endswith(f"= {number(trace['z1'][3, 2])}")
    assert text.count("*") == 11  # and the bias
    assert "more" not in trace.element("z1", 3, 2, terms=65)
    assert len(trace.written("z1", (3, 2)).sources["x"]) == 64


def test_a_batch_is_taken_as_training_takes_it() -> None:
    model = cp.Model(cp.Network(64, 10), cp.SoftmaxCrossEntropy())
    trace = cp.trace(model, cp.data.digits())
    assert trace["x"].shape == (64, 64)
    assert "64 of 1,437 samples" in trace.about
    assert trace["x"].max() == 1  # scaled, as the data says
    assert model.scaling is None
    assert model.classes is None
    assert cp.trace(model, cp.data.digits(), samples=100)["x"].shape == (100, 64)


# health


def noted(trace: cp.Trace, start: str) -> str:
    found = [note for note in trace.notes if note.startswith(start)]
    assert len(found) == 1, trace.notes
    return found[0]


def trouble(*layers: Any, size: float = 1.0, x: Any = None, loss: cp.Loss | None = None) -> cp.Trace:
    rng = np.random.default_rng(0)
    model = cp.Model(cp.Network(4, *layers), loss or cp.SquaredError(), dtype="float64")
    model.theta = size * rng.normal(size=model.theta.shape)
    x = rng.normal(size=(16, 4)) if x is None else x
    t = rng.normal(size=(16, model.network.outputs)) if loss is None else rng.integers(0, model.network.outputs, 16)
    return cp.trace(model, (x, t))


def test_health_is_told_with_numbers() -> None:
    trace = trouble(8, "tanh", 1, size=20)
    a1 = trace["a1"]
    note = noted(trace, "a1:")
    assert f"{(abs(a1) > 0.99).mean():.0%} of 128 outputs of Tanh(), layer 2 of 3" in note
    assert "below 0.01 or above 0.99" in noted(trouble(8, "sigmoid", 1, size=20), "a1:")

    model = cp.Model(cp.Network(4, 6, "relu", 1), cp.SquaredError(), dtype="float64")
    model.weights["dense1.b"] = [-100.0, -100, -100, -100, 1, 100]
    x, t = np.random.default_rng(0).normal(size=(2, 16, 4))
    dead = cp.trace(model, (x, t[:, :1]))
    assert "4 of 6 units of ReLU(), layer 2 of 3, are 0 for all 16 samples" in noted(dead, "a1:")
    assert not cp.trace(model, (x[:7], t[:7, :1])).notes

    fading = trouble(6, "sigmoid", 6, "sigmoid", 1, size=0.02)
    sizes = [abs(fading[f"delta{i}"]).mean() for i in (3, 2)]
    assert f"mean size {sizes[0]:.3g} in delta3, {sizes[1]:.3g} in delta2" in noted(fading, "delta2: the gradient van")
    assert f"{sizes[0] / sizes[1]:,.0f} times less" in noted(fading, "delta2:")
    deep = cp.Model(cp.Network(64, *(16, "sigmoid") * 8, 10), cp.SoftmaxCrossEntropy())
    assert "in delta9, " in noted(cp.trace(deep, cp.data.digits()), "delta1: the gradient vanishes")
    assert "explodes" in noted(trouble(6, 6, 1, size=300), "delta1:")

    fresh = cp.trace(cp.Model(cp.Network(64, 16, "relu", 10), cp.SoftmaxCrossEntropy(), seed=3), cp.data.digits())
    assert "log 10 = 2.303" in noted(fresh, "loss:")
    assert "log 2 = 0.6931" in noted(trouble(3, 1, size=0.01, loss=cp.SigmoidCrossEntropy()), "loss:")


def test_inputs_that_are_not_scaled() -> None:
    x, far = np.random.default_rng(0).normal(size=(16, 4)), np.array([0, 0, 50, 0])
    assert "1 of 4 features are larger than 10 on average, feature 2" in noted(trouble(1, x=x + far), "x:")
    assert "no value is larger than" in noted(trouble(1, x=x / 1000), "x:")
    assert "feature 0 ranges over" in noted(trouble(1, x=x * [3, 0.01, 0.01, 0.01]), "x:")
    assert not trouble(1, x=x).notes
    data = cp.Dataset.of((x + far, x[:, :1]), names=("a", "b", "salary", "d"))
    assert "feature 2 (salary)" in noted(cp.trace(cp.Model(cp.Network(4, 1), cp.SquaredError()), data), "x:")


@pytest.mark.parametrize(
    "layers", [(32, "relu", 10), (64, "relu", 32, "relu", 10), (50, "tanh", 50, "tanh", 10), (16, "sigmoid", 10)]
)
@pytest.mark.parametrize("samples", [8, 64])
def test_no_false_alarms_on_a_sensible_network(layers: tuple[Any, ...], samples: int) -> None:
    for seed in range(5):
        model = cp.Model(cp.Network(64, *layers), cp.SoftmaxCrossEntropy(), seed=seed)
        notes = cp.trace(model, cp.data.digits(), samples=samples).notes
        assert all(note.startswith("loss:") for note in notes), notes


# faces


def digits(samples: int = 4) -> cp.Trace:
    return cp.trace(
        cp.Model(cp.Network(64, 12, "relu", 10), cp.SoftmaxCrossEntropy()), cp.data.digits(), samples=samples
    )


def test_text_shows_small_arrays_in_full_and_sums_up_large_ones() -> None:
    trace = digits()
    text = str(trace)
    assert "@@" in text  # a thumbnail
    x = trace["x"]
    assert f"from 0 to 1, mean {number(x.mean(), 5)}, {(x == 0).mean():.0%} zeros" in text
    assert all(number(value) in text for value in trace["z2"].ravel())
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) < 200
    assert repr(trace).startswith("<Trace of Network(64,")


def test_html_for_notebooks() -> None:
    for trace in (traced(), digits()):
        page = trace._repr_html_()
        assert page.count("<table>") == page.count("</table>") > 3
        assert "rgba(213,94,0" in page
        assert "rgba(0,114,178" in page
        assert "<script" not in page
    assert "data:image/png;base64," in page


def test_png_is_read_by_others(tmp_path: Path) -> None:
    from PIL import Image

    images = digits(3).images("x")
    assert images is not None
    pixels = sheet(images, grey=True)
    assert pixels.shape == (8, 3 * 8 + 2, 4)
    with Image.open(io.BytesIO(png(pixels))) as read:
        np.testing.assert_array_equal(np.asarray(read), pixels)
    shown = pixels[:, 9:17, 0].astype(float)
    np.testing.assert_allclose(shown / 255, images[1], atol=0.003)


def test_shading() -> None:
    np.testing.assert_allclose(levels(np.array([-2.0, 0.0, 1.0])), [-1, 0, 0.5])
    assert not levels(np.zeros(3)).any()


def test_images_of_weights_in_both_layouts() -> None:
    model = cp.Model(cp.Network(64, 5), cp.SoftmaxCrossEntropy())
    with pytest.raises(cp.ShapeError):
        cp.trace(model, cp.data.digits())  # ten classes
    model = cp.Model(cp.Network(64, 10), cp.SoftmaxCrossEntropy())
    for layout in ("rows", "columns"):
        trace = cp.trace(model, cp.data.digits(), samples=5, layout=layout)
        for name, count in (("x", 5), ("W1", 10), ("dW1", 10), ("W1_after", 10)):
            images = trace.images(name)
            assert images is not None
            assert images.shape == (count, 8, 8)
        np.testing.assert_allclose(trace.images("W1")[3].ravel(), model.weights["dense1.W"][:, 3])  # type: ignore[index]
        assert trace.images("z1") is None
        assert trace.images("b1") is None


def test_plain_data() -> None:
    found = json.loads(json.dumps(traced().to_dict()))
    assert found["steps"][10]["name"] == "dW1"
    assert found["steps"][10]["inputs"] == ["x", "delta1"]
    assert np.shape(found["steps"][10]["value"]) == tuple(found["steps"][10]["shape"]) == (2, 3)
    assert found["given"]["x"]["values"][1] == [0, 1]


def test_widget_data_holds_all_that_is_shown() -> None:
    for trace in (traced(), digits()):
        shown = json.loads(json.dumps(to_show(trace)))
        assert [moment["name"] for moment in shown["moments"]] == [moment.name for moment in trace]
        for moment in shown["moments"]:
            array = shown["arrays"][moment["name"]]
            assert np.shape(array["levels"]) == np.shape(array["cells"])
            assert len(array["cells"]) * len(array["cells"][0]) <= 64
            for row in array["elements"]:
                for element in row:
                    for name, places in element["sources"].items():
                        cells = shown["arrays"][name]["cells"]
                        assert all(i < len(cells) and j < len(cells[0]) for i, j in places)
        element = shown["arrays"]["dW1"]["elements"][1][2]
        assert element["text"] == trace.element("dW1", 1, 2)
    assert element["sources"]["x"] == [[i, 1] for i in range(4)]
    assert element["sources"]["delta1"] == [[i, 2] for i in range(4)]


def test_widget() -> None:
    pytest.importorskip("anywidget")
    widget = traced().widget()
    assert widget.trace["moments"][0]["name"] == "z1"
    assert widget.position == 0


def test_widget_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    from clearprop.insight.tracing import widget

    widget._kind.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(cp.MissingExtra, match="notebook"):
        traced().widget()
    widget._kind.cache_clear()


def test_stepping() -> None:
    stepper = Stepper(traced())

    def seen(*keys: str, size: tuple[int, int] = (80, 24)) -> str:
        for key in keys:
            stepper.press(key)
        text = stepper.view(*size).plain
        lines = text.split("\n")
        assert len(lines) == size[1]
        assert max(map(len, lines)) <= size[0]
        return text

    assert seen().startswith("z1 = x @ W1 + b1")
    assert "forward 1/18" in seen("left")
    assert seen("right", "n").startswith("z2 = a1 @ W2 + b2")
    assert seen("b").startswith("a1 = ")
    assert seen("g", *"dW1", "enter").startswith("dW1 = x.T @ delta1")
    for key, place in (
        ("1", "dW1[1, 0]"),
        ("tab", "dW1[1, 1]"),
        ("up", "dW1[0, 1]"),
        ("backtab", "dW1[0, 0]"),
        ("down", "dW1[1, 0]"),
    ):
        text = seen("1", " ", "0", "enter") if key == "1" else seen(key)
        assert stepper.trace.element("dW1", *map(int, place[4:-1].split(", "))) in re.sub(r"\n +", " ", text)
    assert "give 2 indices" in seen("9", "enter")
    assert "did you mean dW2 or dW1" in seen("g", *"dW", "backspace", *"W3", "enter").replace("\n", " ")
    assert seen("end").startswith("theta_after")
    assert not stepper.playing
    seen("home", " ")
    assert stepper.playing
    for _ in range(30):
        stepper.forward()
    assert (stepper.playing, stepper.position) == (False, 17)
    seen("q")
    assert stepper.done


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (200, 60)])
def test_every_moment_fits_the_screen(size: tuple[int, int]) -> None:
    columns = cp.trace(
        cp.Model(cp.Network(64, 20, cp.BatchNorm(), "tanh", 10), cp.SoftmaxCrossEntropy()), cp.data.digits(), cp.Adam(),
        layout="columns", samples=20,
    )  # fmt: skip
    for trace in (traced(), digits(), columns):
        stepper = Stepper(trace)
        for _ in trace:
            lines = stepper.view(*size).plain.split("\n")
            assert len(lines) == size[1]
            assert max(map(len, lines)) <= size[0]
            if size != (40, 12):
                name, place = stepper.moment.name, stepper.chosen[2 - stepper.moment.value.ndim :]
                value = number(stepper.moment.value[place])
                assert value in "\n".join(lines), name  # the element is on the screen in full
            stepper.press("right")


def test_panes_are_cut_around_what_matters() -> None:
    values = np.arange(400.0).reshape(10, 40) / 7
    for place in ((0, 0), (5, 20), (9, 39)):
        lines = Pane("W1", values, chosen=place).lines(50, 4, 6)
        assert len(lines) == 5
        assert all(line.cell_len <= 50 for line in lines[1:])
        assert any(number(values[place], 6) in line.plain for line in lines)
    assert lines[0].plain.startswith("W1[6:10, 3")


class Screen:
    """clearprop trace in a terminal of its own."""

    def __init__(self, *argv: str) -> None:
        import fcntl
        import struct
        import termios

        self.master, self.slave = os.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "clearprop", *argv], stdin=self.slave, stdout=self.slave, stderr=self.slave,
            env=os.environ | {"TERM": "xterm-256color"}, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip

    def until(self, text: str, seconds: float = 30) -> str:
        """What is written until `text` is."""
        got, end = "", time.monotonic() + seconds
        while text not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", got):
            assert time.monotonic() < end, got
            if select.select([self.master], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):
                    got += os.read(self.master, 65536).decode(errors="replace")
        return got

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def ended(self) -> tuple[int, str]:
        """The status and what was written last, once the terminal is as it was."""
        import termios

        status, rest = self.process.wait(30), ""
        assert termios.tcgetattr(self.slave) == self.before
        while select.select([self.master], [], [], 0.1)[0]:
            rest += os.read(self.master, 65536).decode(errors="replace")
        os.close(self.slave)
        os.close(self.master)
        return status, rest


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_in_a_terminal() -> None:
    screen = Screen("trace", "2-3-1", "--data", "xor")
    assert "\x1b[?1049h" in screen.until("forward 1/18")  # the other screen
    screen.type("\x1b[C")
    screen.until("a1 = np.maximum(z1, 0)")
    screen.type("\x1b[D")
    screen.until("z1 = x @ W1 + b1")
    screen.type("2,1\r")
    screen.until("z1[2, 1] = 1*")
    screen.type("\t")
    screen.until("z1[2, 2] = 1*")
    screen.type("gdW2\r")
    screen.until("backward 7/18")
    screen.type("q")
    status, rest = screen.ended()
    assert (status, "\x1b[?1049l" in rest, "\x1b[?25h" in rest) == (0, True, True)  # the first screen, the cursor


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_interrupted_the_terminal_is_as_it_was() -> None:
    screen = Screen("trace", "2-3-1", "--data", "xor")
    screen.until("forward 1/18")
    screen.type("\x03")
    status, rest = screen.ended()
    assert (status, "\x1b[?1049l" in rest, "\x1b[?25h" in rest) == (130, True, True)
    assert rest.endswith("clearprop: interrupted\r\n")


# command line and mistakes


def said(*argv: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(list(argv))
    return status, out.getvalue(), err.getvalue()


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, text, _ = said("trace", "2-3-1", "--data", "xor")
    assert (status, "dW1 = x.T @ delta1" in text) == (0, True)
    assert text == said("trace", "2-3-1", "--data", "xor", "--all")[1]
    model = xor_model()
    model.save("xor.safetensors")
    status, text, _ = said(
        "trace", "xor.safetensors", "--data", "xor", "--json", "--optimizer", "adam", "--layout", "columns"
    )
    found = json.loads(text)
    np.testing.assert_allclose(found["steps"][3]["value"], [[0.5, 0.62685661, 0.73715831, 0.78763461]], atol=5e-9)
    assert "Adam" in found["about"]
    assert "4 of 1,437 samples" in said("trace", "64-8-10", "--data", "digits")[1]
    assert "2 of 1,437 samples" in said("trace", "64-8-10", "--data", "digits", "--samples", "2", "--hidden", "tanh")[1]
    assert said("trace", "2-3-1", "--data", "xor", "--samples", "0")[0] == 1


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: cp.trace(cp.Network(2, 1), cp.data.xor()), "trace: wanted a Model"),
        (lambda: cp.trace(xor_model(), cp.data.xor(), 0.1), "an optimizer"),
        (lambda: cp.trace(xor_model(), cp.data.xor(), layout="row"), "did you mean rows"),
        (lambda: cp.trace(xor_model(), cp.data.xor(), samples=0), "samples"),
        (lambda: traced()["dW3"], "did you mean dW"),
        (lambda: traced().element("dw1", 0, 0), "did you mean dW1"),
        (lambda: traced().element("dW1", 2, 0), r"element of dW1 \(2, 3\): wanted the indices .*, got \(2, 0\)"),
        (lambda: traced().element("dW1", 0), "count from 0"),
        (lambda: traced().element("loss", 0), "none"),
        (lambda: traced().element("dW1", 0, 0, terms=1), "terms"),
        (lambda: cp.trace(xor_model(), (np.full((4, 2), 1e308), [0, 1, 1, 0])), "finite loss"),
    ],
)  # fmt: skip
def test_mistakes_are_named(call: Any, says: str) -> None:
    with pytest.raises(cp.ClearpropError, match=says):
        call()
