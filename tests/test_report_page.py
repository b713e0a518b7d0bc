"""The page of a run, what notebooks show, and curves that grow while a model trains."""

import base64
import io
import re
import subprocess
import sys
import types
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

import clearprop as cp
from clearprop.cli import main
from clearprop.pictures.drawn import image
from clearprop.pictures.notebook import dataset_html, report_html
from clearprop.pictures.page import Run, page
from clearprop.training import progress

DIGITS, MOONS = cp.data.digits(), cp.data.moons(n=120)
FLOWERS = "length,width,<kind>\n" + "".join(
    f"{5 + i % 7 * 0.3 + kind},{3 - kind * 0.5 + i % 5 * 0.2},{name}\n"
    for i in range(20)
    for kind, name in enumerate(("lily", "<b>rose</b>", "tulip"))
)
VOID = {"meta", "img", "source", "link", "br"}


@pytest.fixture(autouse=True)
def _no_figure() -> None:
    """What other tests left open is not what is looked for here."""
    pyplot.close("all")


class Parsed(HTMLParser):
    """A page's headings, tags and whatever it would fetch; an error where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.headings: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.fetched += [
            value or "" for name, value in attrs if name in ("src", "srcset", "href", "xlink:href", "data")
        ]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "h2":
            self.headings.append(data)


ALL = ["Configuration", "Network", "Learning curves", "Confusion matrix", "Worst mistakes", "Calibration", "Weights",
       "Timings"]  # fmt: skip


def checked(text: str) -> Parsed:
    found = Parsed(text)
    assert not found.tags & {"script", "link", "iframe", "object", "embed", "form", "base"}
    assert all(value.startswith("data:image/") for value in found.fetched)
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text
    assert len(text.encode()) < 3_000_000
    return found


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flowers.csv").write_text(FLOWERS)

    def command(line: str, status: int = 0) -> str:
        assert main(line.split()) == status
        out, err = capsys.readouterr()
        return out if status == 0 else err

    return command


def test_a_page_of_images(run: Any, tmp_path: Path) -> None:
    run("train --checkpoint run --epochs 3 --hidden 16 --json")
    before = dict(mpl.rcParams)
    assert run("report run").startswith(str(Path("run/report.html")))
    assert dict(mpl.rcParams) == before
    assert not pyplot.get_fignums()
    text = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert checked(text).headings == ALL
    found = cp.load(tmp_path / "run" / "model.safetensors").evaluate(DIGITS)
    assert f"<dd>{found.accuracy:.2%}</dd><dt>accuracy on the test part</dt>" in text
    assert text.count("(prefers-color-scheme: dark)") >= 8
    assert 'class="note"' not in text


def test_a_page_of_rows_with_names_that_are_markup(run: Any, tmp_path: Path) -> None:
    run("train --data flowers.csv --label last --checkpoint runs/one --epochs 5 --hidden 6 --json")
    run("report runs/one --out flowers.html")
    text = (tmp_path / "flowers.html").read_text(encoding="utf-8")
    assert checked(text).headings == [*ALL[:5], "Decision boundary", *ALL[5:]]
    assert "<b>rose" not in text
    assert "&lt;b&gt;rose&lt;/b&gt;" in text
    assert re.search(r"<td>0\.2</td>", text)  # the part to test on


def test_a_page_without_data(run: Any, tmp_path: Path) -> None:
    run("train --data flowers.csv --label last --checkpoint run --epochs 2 --hidden 6 --json")
    (tmp_path / "flowers.csv").rename(tmp_path / "elsewhere.csv")
    assert "report.html" in run("report run --out report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert checked(text).headings == ["Configuration", "Network", "Learning curves", "Weights", "Timings"]
    assert "The data was not found again" in text
    run("report run --data elsewhere.csv --out report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Worst mistakes" in checked(text).headings
    assert "accuracy on the test part" in text
    assert "may be other data" not in text
    (tmp_path / "elsewhere.csv").write_text(FLOWERS.replace("lily", "tulip"))
    run("report run --data elsewhere.csv --out report.html")
    assert "may be other data" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_page_of_a_run_by_fit_that_has_not_ended(run: Any, tmp_path: Path) -> None:
    model = cp.Model(cp.Network(2, 4, "tanh", 1), cp.SigmoidCrossEntropy())
    cp.fit(model, MOONS, epochs=3, checkpoint=tmp_path / "run")
    run("report run --json")
    text = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Nothing says where the data" in text
    assert "<td>moons</td>" in text
    (tmp_path / "run" / "model.safetensors").unlink()
    run("report run")
    text = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert checked(text).headings == ["Configuration", "Learning curves", "Timings"]
    assert "there is no model yet" in text


def test_a_page_of_values_and_of_a_long_run() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (60, 3))
    model = cp.Model(cp.Network(3, 4, "tanh", 1), cp.MeanSquaredError())
    report = cp.fit(model, (x, x[:, 0]), epochs=2)
    long = cp.Report({"note": "<script>"}, [cp.Epoch(i, 0.1, 9, 1 / i) for i in range(1, 20_001)])
    text = page(Run(name="</title><script>", report=long, model=model, data=cp.Dataset.of((x, x[:, 0]))))
    assert checked(text).headings == ["Configuration", "Network", "Learning curves", "Weights", "Timings"]
    assert "R2 on the training part" in text
    assert "every 50th epoch" in text
    assert checked(page(Run(name="none", report=cp.Report()))).headings == []
    other = page(Run(name="other", report=report, model=model, data=DIGITS))
    assert "Left out: evaluation" in other


def test_what_a_page_cannot_be_made_of(run: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "wanted the folder of a run" in run("report empty", status=1)
    assert "wanted the folder of a run" in run("report nowhere", status=1)
    run("train --checkpoint run --epochs 1 --hidden 4 --json")
    assert "ends in .html" in run("report run --out run/model.safetensors", status=1)
    assert "--data with it" in run("report run --label x", status=1)
    assert "nothing.csv" in run("report run --data nothing.csv", status=1)
    (tmp_path / "run" / "metrics.jsonl").write_text("{}\n{}\n")
    assert "an epoch" in run("report run", status=1)


def test_large_pictures_become_pixels() -> None:
    def noise(theme: str | None) -> Any:
        ax = cp.pictures.schedule(cp.Cosine(), theme=theme)
        ax.imshow(np.random.default_rng(1).uniform(0, 1, (600, 600, 3)), extent=(0, 20, 0, 1), aspect="auto")
        return ax

    assert "image/svg+xml" in image(lambda theme: cp.pictures.schedule(cp.Cosine(), theme=theme), "a & b")
    assert 'alt="a &amp; b"' in image(lambda theme: cp.pictures.schedule(cp.Cosine(), theme=theme), "a & b")
    pixels = image(noise, "noise")
    assert "image/png" in pixels
    assert len(pixels) < 350_000  # two of them, so that a page of nine stays below 3 MB


def test_what_notebooks_show() -> None:
    model = cp.Model(cp.Network(64, 10), cp.SoftmaxCrossEntropy())
    report = cp.fit(model, DIGITS, epochs=2)
    assert model.network._repr_svg_().startswith("<svg")
    assert "10 outputs" not in model._repr_svg_()
    html = report._repr_html_()
    assert html.count("<img") == 2
    assert "test accuracy" in html
    assert "<img" not in cp.Report()._repr_html_()
    shown = DIGITS._repr_html_()
    assert "8x8 pixels" in shown
    assert "data:image/png" in shown
    assert "10 classes" in shown
    (source,) = Parsed(shown).fetched
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))
    first = DIGITS.train.x[np.flatnonzero(DIGITS.train.t == 0)[0]].reshape(8, 8)
    np.testing.assert_array_equal(np.rint(pixels[:, :8, 0] / 255 * 16), first)
    strange = cp.Dataset.of(([[0.0], [1.0]], ["<i>", "b"]), name="<script>")
    assert "<script" not in dataset_html(strange)
    assert "&lt;i&gt;: 1" in dataset_html(strange)
    assert "<img" not in cp.data.sine()._repr_html_()
    assert not pyplot.get_fignums()


def test_without_matplotlib_the_table_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    report = cp.Report({}, [cp.Epoch(i, 0.1, 9, 1 / i) for i in range(1, 4)])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    assert report_html(report) == report.table()._repr_html_()
    assert cp.Network(2, 1)._repr_svg_().startswith("<svg")
    with pytest.raises(cp.MissingExtra, match=r'pip install "clearprop\[plot\]"'):
        cp.pictures.schedule(cp.Cosine())
    with pytest.raises(cp.MissingExtra):
        cp.pictures.style()


def test_pictures_are_imported_when_they_are_used() -> None:
    code = "import clearprop, sys; print([n for n in sys.modules if n.startswith(('matplotlib', 'clearprop.pic'))])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("live", [None, True, False])
def test_a_sparkline_in_the_terminal(width: int, live: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width)
    monkeypatch.setattr("clearprop.training.loop.display", lambda _: progress.Bar(console))
    model = cp.Model(cp.Network(2, 16, "tanh", 1), cp.SigmoidCrossEntropy())
    report = cp.fit(model, MOONS, cp.SGD(0.5), epochs=20, live=live)
    line = [line for line in screen.getvalue().splitlines() if "epoch" in line][-1]
    drawn = live or (live is None and width == 120)
    assert (progress.sparkline([epoch.loss for epoch in report.history]) in line) == bool(drawn)
    assert "…" not in line
    assert re.search(r"loss \d\.\d{4} acc \d+\.\d\d% test \d+\.\d\d% ", line)


def test_sparklines() -> None:
    assert progress.sparkline([]) == ""
    assert progress.sparkline([1.0]) == "▁"
    assert progress.sparkline(list(range(8))) == progress.BLOCKS
    assert progress.sparkline(list(range(80))) == progress.BLOCKS
    assert progress.sparkline([1.0, float("inf")]) == "▁▁"


@pytest.mark.parametrize("live", [None, True])
def test_curves_grow_in_a_notebook(live: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs: list[list[str]] = []

    class Handle:
        def __init__(self) -> None:
            self.shown: list[str] = []
            outputs.append(self.shown)

        def update(self, html: str) -> None:
            self.shown.append(html)

    ipython = types.ModuleType("IPython.display")
    monkeypatch.setattr(ipython, "HTML", str, raising=False)
    monkeypatch.setattr(ipython, "display", lambda *_, display_id: Handle(), raising=False)
    notebook = types.ModuleType("IPython")
    monkeypatch.setattr(notebook, "get_ipython", lambda: types.SimpleNamespace(kernel=...), raising=False)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython)
    model = cp.Model(cp.Network(2, 4, "tanh", 1), cp.SigmoidCrossEntropy())
    report = cp.fit(model, MOONS, epochs=30, live=live)
    assert 'value="1.0000"' in outputs[0][-1]
    assert len(outputs) == (2 if live else 1)
    if live:
        assert 1 <= len(outputs[1]) < 15  # redrawn, but not so often that it takes more time than training
        assert outputs[1][-1].count("<img") == 2
        assert outputs[1][-1] in report._repr_html_()
    assert not pyplot.get_fignums()


def test_live_is_true_or_false() -> None:
    with pytest.raises(cp.SettingError, match="live to be True or False"):
        cp.fit(cp.Model(cp.Network(2, 1), cp.SigmoidCrossEntropy()), MOONS, live="yes")  # type: ignore[arg-type]
