"""Pictures: what they show, that they look as they did, and that nothing of the user's changes.

The images in tests/pictures are renewed by CLEARPROP_RENEW_PICTURES=1 pytest tests/test_pictures.py; look at them.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.testing.compare import compare_images
from numpy.typing import NDArray
from PIL import Image

import clearprop as cp
from clearprop.pictures import recorder as recording
from clearprop.pictures.boundary import hidden_lines
from clearprop.pictures.surface import losses_on, principal, random_directions
from clearprop.pictures.theme import THEMES
from clearprop.training.schedules import Schedule

STORED = Path(__file__).parent / "pictures"
SAME, OTHER = 1.0, 30.0  # largest root mean square, of 0..255: by one version of matplotlib, and, blurred, by another
BLUR = 8  # pixels, as every version sets text and places axes a little differently
PIXELS = 40  # per inch
DIGITS, MOONS = cp.data.digits(), cp.data.moons(n=120)
COUNTS = np.array([[30, 2, 0], [1, 25, 4], [0, 0, 38]])


def a_report(rate: float = 0.3, values: bool = False) -> cp.Report:
    epochs = []
    for i in range(1, 16):
        loss, test = 2 * np.exp(-rate * i) + 0.02, 2 * np.exp(-rate * i) + 0.05 + 0.004 * abs(i - 9)
        share = None if values else 1 - loss / 3
        epochs.append(cp.Epoch(i, 0.1, 100, loss, share, test, None if values else 0.9 - 0.01 * abs(i - 9), 0.1))
    return cp.Report({"optimizer": f"SGD({rate})", "epochs": 15}, epochs)


def planar(outputs: int = 1) -> cp.Model:
    loss = cp.SigmoidCrossEntropy() if outputs == 1 else cp.SoftmaxCrossEntropy()
    return cp.Model(cp.Network(2, cp.Dense(4), cp.Tanh(), cp.Dense(outputs)), loss, seed=3, dtype="float64")


def of_digits() -> cp.Model:
    return cp.Model(cp.Network(64, 12, "relu", 10), cp.SoftmaxCrossEntropy(), seed=0, dtype="float64")


def recorded(epochs: int = 6, **settings: Any) -> cp.pictures.Recorder:
    model = planar()
    recorder = cp.pictures.Recorder(model, MOONS, **settings)
    for _ in cp.train(model, MOONS, cp.SGD(0.5, momentum=0.9), epochs, batch=90, watch=recorder):
        pass
    return recorder


def a_surface(theme: str | None) -> Any:
    recorder = recorded()
    return cp.pictures.surface(recorder.model, path=recorder, points=15, theme=theme)


PICTURES: dict[str, Callable[[str | None], Any]] = {
    "curves": lambda theme: cp.pictures.learning_curves(a_report(), theme=theme),
    "runs": lambda theme: cp.pictures.learning_curves([a_report(0.2), a_report(0.4)], "accuracy", theme=theme),
    "confusion": lambda theme: cp.pictures.confusion(
        cp.Evaluation(0.2, 100, 0.93, COUNTS, ("lily", "rose", "tulip")), theme=theme
    ),
    "samples": lambda theme: cp.pictures.samples(of_digits(), DIGITS, 12, theme=theme),
    "weights": lambda theme: cp.pictures.weights(of_digits(), theme=theme),
    "matrix": lambda theme: cp.pictures.weights(of_digits(), "dense2", theme=theme),
    "histograms": lambda theme: cp.pictures.histograms(recorded(), theme=theme),
    "boundary": lambda theme: cp.pictures.boundary(planar(), MOONS, theme=theme),
    "classes": lambda theme: cp.pictures.boundary(planar(3), cp.data.blobs(n=90), theme=theme),
    "surface": a_surface,
    "schedule": lambda theme: cp.pictures.schedule(cp.OneCycle(), theme=theme),
    "calibration": lambda theme: cp.pictures.calibration(of_digits(), DIGITS, theme=theme),
    "augmentation": lambda theme: cp.pictures.augmentation(DIGITS, cp.Shift(1), images=6, theme=theme),
}


@pytest.fixture(autouse=True)
def _plain() -> Iterator[None]:
    with mpl.rc_context({"font.family": "DejaVu Sans"}):
        yield
    pyplot.close("all")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PICTURES)
def test_it_looks_as_it_did(name: str, theme: str, tmp_path: Path) -> None:
    made, stored = tmp_path / f"{name}-{theme}.png", STORED / f"{name}-{theme}.png"
    PICTURES[name](theme).figure.savefig(made, dpi=PIXELS)
    if os.environ.get("CLEARPROP_RENEW_PICTURES"):
        shutil.copy(made, stored)
    if version(made) == version(stored):
        assert compare_images(str(stored), str(made), SAME) is None
    assert np.sqrt(np.mean((blurred(made) - blurred(stored)) ** 2)) < OTHER


def version(path: Path) -> list[str]:
    """Major and minor version of the matplotlib that wrote an image."""
    with Image.open(path) as image:
        return str(image.info["Software"]).removeprefix("Matplotlib version").split(".")[:2]


def blurred(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"), np.float64)
    height, width = (side // BLUR for side in pixels.shape[:2])
    return pixels[: height * BLUR, : width * BLUR].reshape(height, BLUR, width, BLUR, 3).mean(axis=(1, 3))


def test_the_stored_images_are_few_and_small() -> None:
    assert {path.name for path in STORED.iterdir()} == {f"{name}-{theme}.png" for name in PICTURES for theme in THEMES}
    assert sum(path.stat().st_size for path in STORED.iterdir()) < 500_000


@pytest.mark.parametrize("name", PICTURES)
def test_the_users_settings_and_axes_stay(name: str) -> None:
    before = dict(mpl.rcParams)
    shown = len(pyplot.get_fignums())
    PICTURES[name](None)
    assert dict(mpl.rcParams) == before
    assert len(pyplot.get_fignums()) == shown + 1


def test_it_draws_on_the_users_axes_in_the_theme_that_fits() -> None:
    _, mine = pyplot.subplots()
    assert cp.pictures.schedule(cp.Cosine(), ax=mine) is mine
    assert cp.pictures.learning_curves(a_report(), ax=mine) is mine
    assert mine.lines[0].get_color() == THEMES["light"].above
    _, dark = pyplot.subplots(facecolor="black")
    dark.set_facecolor("black")
    assert cp.pictures.schedule(cp.Cosine(), ax=dark).lines[0].get_color() == THEMES["dark"].above
    with pyplot.style.context("dark_background"):
        assert cp.pictures.schedule(cp.Cosine()).figure.get_facecolor() == mpl.colors.to_rgba(THEMES["dark"].paper)


def test_ticks_that_are_made_when_the_theme_is_gone_have_its_colours() -> None:
    ax = cp.pictures.schedule(cp.Cosine(), theme="dark")
    ax.figure.canvas.draw()
    assert {label.get_color() for label in ax.get_xticklabels()} == {THEMES["dark"].ink}


@pytest.mark.parametrize("look", THEMES.values(), ids=lambda look: look.name)
def test_the_themes_colours_can_be_read_and_told_apart(look: Any) -> None:
    """Contrast as WCAG 2.2 defines it: 4.5 for text, 3 for lines of data but for a pale colour or two."""

    def light(colour: str) -> float:
        c = np.array(mpl.colors.to_rgb(colour))
        return float(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])

    def contrast(a: str, b: str) -> float:
        high, low = sorted((light(a), light(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    assert min(contrast(colour, look.paper) for colour in (look.ink, look.soft)) > 4.5
    assert min(contrast(colour, look.paper) for colour in look.cycle[:3]) > 3
    assert len(set(look.cycle)) == 7


def test_the_style_for_pictures_of_ones_own() -> None:
    before = dict(mpl.rcParams)
    chosen = cp.pictures.style("dark")
    assert dict(mpl.rcParams) == before
    with pyplot.style.context("clearprop-dark"):
        assert mpl.rcParams["axes.facecolor"] == chosen["axes.facecolor"] == THEMES["dark"].paper
        assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(THEMES["dark"].cycle)
    with pyplot.style.context(cp.pictures.style()):
        assert mpl.rcParams["axes.facecolor"] == THEMES["light"].paper


def test_learning_curves_hold_the_figures_of_the_run() -> None:
    report = a_report()
    ax = cp.pictures.learning_curves(report)
    dot, training, test = ax.lines[1], ax.lines[0], ax.lines[2]
    np.testing.assert_array_equal(training.get_ydata(), [epoch.loss for epoch in report.history])
    np.testing.assert_array_equal(test.get_xydata()[:, 1], [epoch.test_loss for epoch in report.history])
    assert dot.get_xydata().tolist() == [[9, report.best.test_loss]]
    assert ax.get_yscale() == "linear"
    assert cp.pictures.learning_curves(a_report(0.9)).get_yscale() == "linear"
    falling = cp.Report({}, [cp.Epoch(i, 0.1, 9, 10.0**-i) for i in range(4)])
    assert cp.pictures.learning_curves(falling).get_yscale() == "log"


def test_several_runs_are_called_by_what_differs(tmp_path: Path) -> None:
    def names(runs: Any) -> list[str]:
        legend = cp.pictures.learning_curves(runs).get_legend()
        return [text.get_text().partition(", ")[0] for text in legend.texts[::2]]

    assert names([a_report(0.2), a_report(0.4)]) == ["SGD(0.2)", "SGD(0.4)"]
    assert names({"slow": a_report(0.2), "fast": a_report(0.4)}) == ["slow", "fast"]
    assert names([a_report(), a_report()]) == ["run 1", "run 2"]
    model = cp.Model(cp.Network(2, 1), cp.SigmoidCrossEntropy())
    cp.fit(model, MOONS, epochs=2, checkpoint=tmp_path / "first")
    assert names([tmp_path / "first", a_report().history]) == ["first", "run 2"]


@pytest.mark.parametrize("kind", Schedule.members.values())
def test_a_schedule_as_it_is_trained(kind: type[Schedule]) -> None:
    """The curve passes through the rates of a real training at the beginning of each epoch."""
    schedule = kind()
    (line,) = cp.pictures.schedule(schedule, epochs=4, learning_rate=0.5, samples=8).lines
    drawn = dict(zip(*line.get_data(), strict=True))
    x = np.zeros((8, 1))
    model = cp.Model(cp.Network(1, 1), cp.MeanSquaredError())
    rates = [epoch.learning_rate for epoch in cp.train(model, (x, x), cp.SGD(0.5), 4, batch=8, schedule=schedule)]
    np.testing.assert_allclose([drawn[epoch] for epoch in range(4)], rates, rtol=1e-12)


def test_plateau_as_if_nothing_were_gained() -> None:
    (line,) = cp.pictures.schedule(cp.ReduceOnPlateau(0.1, patience=2), epochs=6).lines
    np.testing.assert_allclose(np.unique(line.get_ydata()), [0.01, 0.1, 1.0])


def test_calibration_is_the_share_that_is_right() -> None:
    model = planar()
    ax = cp.pictures.calibration(model, MOONS, bins=4)
    p = model.predict_proba(MOONS.test.x)[:, 0]  # type: ignore[union-attr]
    sure, right = np.maximum(p, 1 - p), (p >= 0.5) == (MOONS.test.t == 1)  # type: ignore[union-attr]
    last = sure >= 0.75
    expected = [[sure[rows].mean(), right[rows].mean()] for rows in (~last, last) if rows.any()]
    np.testing.assert_allclose(ax.collections[0].get_offsets(), expected)
    weights = [np.mean(rows) for rows in (~last, last) if rows.any()]
    error = sum(w * abs(a - b) for w, (a, b) in zip(weights, expected, strict=True))
    assert ax.get_title("left") == f"calibration error {error:.1%}"


def test_samples_begin_with_the_worst_mistake() -> None:
    model = of_digits()
    cp.fit(model, DIGITS, cp.Adam(0.01), epochs=3)
    ax = cp.pictures.samples(model, DIGITS, count=20)
    x, t = DIGITS.test.x, DIGITS.test.t  # type: ignore[union-attr]
    p, said = model.predict_proba(x), model.predict(x)
    wrong = np.flatnonzero(said != t)
    worst = wrong[np.argmin(p[wrong, t[wrong]])]
    assert ax.texts[0].get_text() == f"{t[worst]} → {said[worst]} {p[worst, said[worst]]:.0%}"
    np.testing.assert_array_equal(ax.images[0].get_array()[:8, :8], x[worst].reshape(8, 8))
    assert ax.get_title("left").startswith(f"{len(wrong)} of 360 wrong")


def test_weights_as_images_and_as_a_matrix() -> None:
    model = of_digits()
    W = model.weights["dense1.W"]
    sheet = cp.pictures.weights(model).images[0].get_array()
    np.testing.assert_array_equal(sheet[:8, 9:17], W[:, 1].reshape(8, 8))
    matrix = cp.pictures.weights(model, "dense2").images[0]
    np.testing.assert_array_equal(matrix.get_array(), model.weights["dense2.W"])
    assert matrix.get_clim()[0] == -matrix.get_clim()[1]
    tall = cp.pictures.weights(model, image_shape=(16, 4)).images[0].get_array()
    np.testing.assert_array_equal(tall[:16, :4], W[:, 0].reshape(16, 4))


def test_confusion_shades_mistakes_apart_from_right_answers() -> None:
    ax = cp.pictures.confusion(cp.Evaluation(0.2, 100, 0.93, COUNTS))
    shade = ax.images[0].get_array()
    np.testing.assert_allclose(shade[1], [-((1 / 30) ** 0.5), 25 / 30, -((4 / 30) ** 0.5)])
    assert [text.get_text() for text in ax.texts] == ["30", "2", "·", "1", "25", "4", "·", "·", "38"]
    wide = cp.Evaluation(0.2, 30, 1.0, np.eye(30, dtype=int))
    assert not cp.pictures.confusion(wide).texts


def test_augmentation_shows_before_and_after() -> None:
    ax = cp.pictures.augmentation(DIGITS, cp.Shift(1.0), images=3, rows=2)
    sheet = ax.images[0].get_array()
    assert np.array_equal(sheet[:8, 10:18], DIGITS.train.x[1].reshape(8, 8))
    after = sheet[12:20, 10:18]
    assert after.max() > 0
    assert not np.array_equal(after, DIGITS.train.x[1].reshape(8, 8))


def test_the_lines_of_hidden_units_are_where_they_put_out_nothing() -> None:
    model = planar()
    model.scaling = cp.Scaling((0.5, -1.0), (2.0, 3.0))
    model.weights["dense1.b"] = [0.3, -0.2, 0.1, 0.7]
    for unit, (a, c) in enumerate(hidden_lines(model)):
        point = -c * a / (a @ a) + 0.7 * np.array([-a[1], a[0]])
        scaled = model.scaling.apply(point[None], np.empty((1, 2)))
        z = scaled @ model.weights["dense1.W"][:, unit] + model.weights["dense1.b"][unit]
        assert abs(z[0]) < 1e-12
    assert len(cp.pictures.boundary(model, MOONS, lines=False).lines) == 0
    assert len(cp.pictures.boundary(model, MOONS).lines) == 4


def test_the_boundary_of_values() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    model = cp.Model(cp.Network(2, 4, "tanh", 1), cp.MeanSquaredError())
    ax = cp.pictures.boundary(model, (x, x[:, 0]))
    assert len(ax.figure.axes) == 2


def test_a_recorder_is_bounded_and_leaves_the_training_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    watched, alone = recorded(epochs=5).model, planar()
    list(cp.train(alone, MOONS, cp.SGD(0.5, momentum=0.9), 5, batch=90))
    np.testing.assert_array_equal(watched.theta, alone.theta)
    assert [moment.at for moment in recorded(4, every=2).moments] == [0, 2, 4]
    monkeypatch.setattr(recording, "MOMENTS", 16)
    long = recorded(epochs=200).moments
    assert 8 <= len(long) <= 16
    assert long[0].at == 0
    assert long[-1].at > 150
    gaps = np.diff([moment.at for moment in long])
    assert gaps.max() <= 3 * gaps.min()
    fresh = planar()
    cp.pictures.Recorder(fresh, MOONS.standardized())
    assert fresh.scaling is None is fresh.classes
    noted = cp.pictures.Recorder(alone, MOONS)
    noted.note(cp.Epoch(3, 0.1, 9, 0.5))
    noted.note(cp.Epoch(3, 0.1, 9, 0.5))
    assert [moment.at for moment in noted.moments] == [0, 3]


def test_a_recorder_keeps_what_the_model_computed() -> None:
    recorder = recorded()
    last = recorder.moments[-1]
    samples = recorder.samples
    named = recorder.model.gradients(samples.x, samples.t)
    np.testing.assert_allclose(last.values["gradients"]["dense1.b"], np.sort(named["dense1.b"]), rtol=1e-5)
    np.testing.assert_allclose(
        last.values["activations"]["dense2"], recording.kept(recorder.model(samples.x)), rtol=1e-5, atol=1e-7
    )
    np.testing.assert_array_equal(last.theta, recorder.model.theta)


def test_the_surface_is_the_loss() -> None:
    recorder = recorded()
    model, theta = recorder.model, recorder.model.theta.copy()
    steps = np.stack([moment.theta for moment in recorder.moments]) - theta
    directions, share = principal(steps)
    np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-12)
    assert 0.5 < share <= 1
    way = steps @ directions.T
    args = recorder.samples, MOONS.classes, way[:1, 0], way[:1, 1]
    at_start = losses_on(model, (theta, directions), *args)[0, 0]
    assert losses_on(model, (theta, directions), *args[:2], np.zeros(1), np.zeros(1))[0, 0] == pytest.approx(
        model.evaluate((recorder.samples.x, recorder.samples.t)).loss
    )
    model.theta = theta + way[0] @ directions
    assert at_start == pytest.approx(model.evaluate((recorder.samples.x, recorder.samples.t)).loss)
    for direction in random_directions(model, 1):
        slot = model.network.theta[0]
        part, own = direction[slot.start : slot.stop], model.theta[slot.start : slot.stop]
        assert np.linalg.norm(part) == pytest.approx(np.linalg.norm(own))


def elements(drawn: Any, kind: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(str(drawn)).findall(f".//{{http://www.w3.org/2000/svg}}{kind}")


def words(drawn: Any) -> list[str]:
    return [element.text or "" for element in elements(drawn, "text")]


def test_the_diagram_of_a_small_model_shows_every_number() -> None:
    model = cp.Model(cp.Network(2, 3, "tanh", 2), cp.SoftmaxCrossEntropy(), seed=1, classes=("<no>", "yes"))
    model.weights["dense1.b"] = [0.5, -2.0, 0.0]
    drawn = cp.pictures.diagram(model)
    told = {element.findtext("{http://www.w3.org/2000/svg}title") for element in elements(drawn, "line")}
    W = {name: model.weights[f"{name}.W"] for name in ("dense1", "dense2")}
    assert told == {f"{name}.W[{i}, {j}] = {w[i, j]:.4g}" for name, w in W.items() for i, j in np.ndindex(w.shape)}
    ends = {element.get("class"): element for element in elements(drawn, "line")}
    assert set(ends) == {"above", "below"}
    widths = [float(element.get("stroke-width") or 0) for element in elements(drawn, "line")]
    values = np.concatenate([np.abs(w).ravel() for w in W.values()])
    assert np.argmax(widths) == np.argmax(values)
    found = words(drawn)
    for text in (".50", "−2.0", ".00", "<no>", "yes", "Dense(3)", "Tanh", "(N, 3)", "9 parameters", "8 parameters"):  # noqa: RUF001
        assert text in found
    assert len({element.get("cx") for element in elements(drawn, "circle")}) == 3


def test_the_diagram_of_a_large_network_shows_its_layers() -> None:
    drawn = cp.pictures.diagram(cp.Network(784, 100, "relu", 10), theme="dark")
    assert [text for text in words(drawn) if text.startswith("(")] == [
        "(N, 784)", "(N, 100) · 78,500 parameters", "(N, 100)", "(N, 10) · 1,010 parameters"
    ]  # fmt: skip
    assert THEMES["dark"].paper in str(drawn)
    assert "prefers-color-scheme" not in str(drawn)
    deep = words(cp.pictures.diagram(cp.Network(3, *[cp.Tanh() for _ in range(500)])))
    assert "476 more layers" in deep
    assert len(deep) < 100


def test_a_diagram_is_saved_as_it_is(tmp_path: Path) -> None:
    drawn = cp.pictures.diagram(cp.Network(2, 1))
    drawn.save(tmp_path / "net.svg")
    assert (tmp_path / "net.svg").read_text(encoding="utf-8") == str(drawn) == drawn._repr_svg_()
    with pytest.raises(cp.FileError):
        drawn.save(tmp_path)


REGRESSION = cp.Model(cp.Network(2, 1), cp.MeanSquaredError())
WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: cp.pictures.schedule("cosine"), "schedule: wanted a schedule"),  # type: ignore[arg-type]
    (lambda: cp.pictures.schedule(cp.Cosine(), theme="drak"), "did you mean dark"),
    (lambda: cp.pictures.schedule(cp.Cosine(), ax="mine"), "the Axes of matplotlib"),
    (lambda: cp.pictures.style("blue"), "choose one of light, dark"),
    (lambda: cp.pictures.augmentation(cp.data.xor(), cp.Shift()), "a Dataset of images"),
    (lambda: cp.pictures.augmentation(DIGITS, "shift"), "distortion values"),  # type: ignore[arg-type]
    (lambda: cp.pictures.learning_curves(3), "a Report, the folder of a run"),
    (lambda: cp.pictures.learning_curves([]), "at least one epoch"),
    (lambda: cp.pictures.learning_curves(cp.Report()), "at least one epoch"),
    (lambda: cp.pictures.learning_curves("no such folder"), "the metrics of a run"),
    (lambda: cp.pictures.learning_curves(a_report(), "los"), "did you mean loss"),
    (lambda: cp.pictures.learning_curves(a_report(values=True), "accuracy"), "runs that predict classes"),
    (lambda: cp.pictures.calibration(REGRESSION, MOONS), "answers with one class"),
    (lambda: cp.pictures.calibration(planar(), MOONS, bins=0), "bins to be a whole number"),
    (lambda: cp.pictures.samples(of_digits(), MOONS), "a Dataset of images"),
    (lambda: cp.pictures.samples("model", DIGITS), "wanted a Model"),  # type: ignore[arg-type]
    (lambda: cp.pictures.samples(of_digits(), DIGITS, image_shape=(3, 3)), "image_shape of two numbers"),
    (lambda: cp.pictures.weights(of_digits(), "dense3"), "did you mean dense"),
    (lambda: cp.pictures.weights(of_digits(), image_shape=(7, 7)), "64 pixels"),
    (lambda: cp.pictures.weights(of_digits(), image_shape=8), "64 pixels"),  # type: ignore[arg-type]
    (lambda: cp.pictures.confusion(of_digits()), "data to evaluate"),
    (lambda: cp.pictures.confusion(REGRESSION.evaluate(([[0, 1]], [0.5]))), "one class for each sample"),
    (lambda: cp.pictures.boundary(of_digits(), DIGITS), "two features"),
    (lambda: cp.pictures.histograms(recorded(), "activation"), "did you mean activations"),
    (lambda: cp.pictures.histograms(recorded(), layer="dense9"), "did you mean dense"),
    (lambda: cp.pictures.histograms(cp.pictures.Recorder(planar(), MOONS)), "at least two moments"),
    (lambda: cp.pictures.histograms(None), "wanted a Recorder"),  # type: ignore[arg-type]
    (lambda: cp.pictures.Recorder(planar(), MOONS, every=-1), "every to be a finite number"),
    (lambda: cp.pictures.surface(planar()), "data, or the path"),
    (lambda: cp.pictures.surface(planar(), path=recorded()), "the Recorder of this model"),
    (lambda: cp.pictures.surface(planar(), MOONS, span=0), "span to be a finite number above 0"),
    (lambda: cp.pictures.diagram("net"), "a Network or a Model"),  # type: ignore[arg-type]
    (lambda: cp.pictures.diagram(cp.Network(2, 1), "blue"), "choose one of"),
]  # fmt: skip


@pytest.mark.parametrize(("draw", "told"), WRONG)
def test_what_cannot_be_drawn(draw: Callable[[], Any], told: str) -> None:
    with pytest.raises(cp.ClearpropError, match=told):
        draw()
    assert not pyplot.get_fignums()
