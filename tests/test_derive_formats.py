"""What cp.derive writes: text, Markdown, a page, LaTeX, a notebook; and the command that writes them."""

import contextlib
import html.parser
import io
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

import clearprop as cp
from clearprop.cli import main
from clearprop.insight.derivation import loss_rules
from clearprop.insight.derivation.derive import Derivation
from clearprop.insight.derivation.formats import words
from clearprop.insight.derivation.formats.latex import broken, pieces
from clearprop.insight.derivation.formats.mathml import mathml
from clearprop.layers.losses import Loss
from layer_table import LAYERS, LOSSES
from pieces import problem

LATEX = shutil.which("pdflatex") or shutil.which("tectonic")
LAYOUTS = ["rows", "columns"]
needs_latex = pytest.mark.skipif(LATEX is None, reason="no LaTeX here")


def derived(row: Any, layout: str, live: bool = True) -> Derivation:
    """The derivation of a network that holds the layer or loss of a row of the tables."""
    if hasattr(row, "layer"):
        network, loss, kind = cp.Network(row.n, cp.Dense(row.n), row.layer, 2), cp.SquaredError(), "values"
    else:
        network, loss, kind = cp.Network(3, "tanh", row.outputs), row.loss, row.targets
    model, samples = problem(network, loss, kind)
    batch = cp.Dataset(samples, classes=(0, 1, 2)[: max(2, row.outputs)]) if kind == "classes" else samples
    return cp.derive(model, batch=batch if live else None, layout=layout, full=True)


def xor(**options: Any) -> Derivation:
    return cp.derive(cp.Network(2, 3, "relu", 1), cp.SigmoidCrossEntropy(), cp.data.xor(), full=True, **options)


class Page(html.parser.HTMLParser):
    """Counts the elements of a page and sees that each is closed and that none refers to anything outside."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}
        self.text: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        assert tag not in ("script", "link", "img", "iframe")
        assert not {"src", "href"} & dict(attrs).keys()
        assert all("//" not in (value or "") or name == "xmlns" for name, value in attrs)
        if tag not in ("meta", "wbr", "mspace"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("mspace", "mrow", "mtd", "mi")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self.open[-1:]:
            self.text.setdefault(tag, []).append(data)


def executed(notebook: str) -> tuple[dict[str, Any], str]:
    """The namespace after all code cells ran, and what they printed."""
    space: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as said:
        for cell in json.loads(notebook)["cells"]:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), space)
    return space, said.getvalue()


# every layer and loss


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("row", [*LAYERS, *LOSSES], ids=lambda row: row.id)
def test_every_layer_and_loss_in_every_form(row: Any, layout: str) -> None:
    derivation = derived(row, layout)
    assert derivation
    assert max(map(len, str(derivation).splitlines())) <= 120
    assert str(derivation).isascii()
    _check_page(derivation)
    _check_markdown(derivation.to_markdown())
    tex = derivation.to_tex()
    assert tex.isascii()
    assert tex.count(r"\begin{") == tex.count(r"\end{")
    for live in (derivation, derived(row, layout, live=False)):
        nbformat.validate(nbformat.reads(live.to_notebook(), as_version=4))
        space, said = executed(live.to_notebook())
        count = len(live.steps.parameters)
        assert len(said.splitlines()) == count
        assert sum(int(line.split(": ")[1].split()[0]) for line in said.splitlines()) >= count
        assert all(line.name in space for line in live.lines)
    space, _ = executed(derivation.to_notebook())
    for name, live in derivation.live.items():
        np.testing.assert_allclose(space[name], live.value, rtol=1e-9, atol=1e-14, err_msg=name)


def _check_page(derivation: Derivation) -> None:
    text = derivation.to_html()
    page = Page(text)
    equations = len(derivation.lines) + sum(bool(line.because) for line in derivation.lines)
    assert page.counts["article"] == len(derivation.lines)
    assert page.counts["math"] >= equations
    for block in re.findall(r'<p class="(?:equation|because) scroll">.*?</p>', text, re.DOTALL):
        assert "<math" in block
        assert "\\" not in block  # no command was left as it is
    assert len(re.findall(r'<p class="(?:equation|because) scroll">', text)) == equations


def _check_markdown(text: str) -> None:
    assert text.count("```") % 2 == 0
    assert text.count("<details>") == text.count("</details>")
    plain = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    assert plain.count("$") % 2 == 0
    for display in re.findall(r"^\$\$$(.*?)^\$\$$", plain, re.DOTALL | re.MULTILINE):
        assert "\n\n" not in display
        assert display.count("{") == display.count("}")


@needs_latex
@pytest.mark.parametrize("layout", LAYOUTS)
def test_latex_compiles(tmp_path: Path, layout: str) -> None:
    """All layers in one network, each loss in its own document, in one go."""
    layers = [row.layer for row in LAYERS]
    every = cp.derive(cp.Network(5, *layers, 2), cp.SquaredError(), layout=layout)
    texts = [every, *(derived(row, layout) for row in LOSSES[::2]), _odd()]
    for i, derivation in enumerate(texts):
        path = tmp_path / f"d{i}.tex"
        derivation.to_tex(path)
        options = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in str(LATEX) else []
        done = subprocess.run([str(LATEX), *options, path.name], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:]
        assert not re.findall(r"Overfull \\hbox \((?:[2-9]\d|\d{3})", done.stdout)


# numbers


def test_xor_can_be_followed_by_hand() -> None:
    """The text alone, its given arrays and its lines, gives every number that it prints to 8 decimals."""
    text = str(xor())
    space: dict[str, Any] = {"np": np, "N": 4}
    shapes = {name: tuple(4 if side == "N" else side for side in shape) for name, shape in xor().steps.shapes.items()}

    def numbers(block: str) -> np.ndarray:
        lines = [line for line in block.splitlines() if re.fullmatch(r" {8}[-\d. e+]+", line)]
        return np.array([float(one) for line in lines for one in line.split()])

    given, _, lines = text.partition("\nforward\n")
    for part in re.split(r"\n(?= {5}\w)", given)[1:]:
        name = part.split()[0]
        space[name] = numbers(part).reshape(shapes[name])
    steps = re.split(r"\n(?= {1,2}\d+  )", "\n" + lines.partition("\nrules")[0])[1:]
    assert len(steps) == 18
    for step in steps:
        line = step.splitlines()[0].split(maxsplit=1)[1]
        exec(line, space)
        name = line.split()[0]
        printed = numbers(step).reshape(shapes[name])
        np.testing.assert_allclose(printed, space[name], rtol=0, atol=5.1e-9, err_msg=line)
        assert "WRONG" not in step


def test_a_wrong_line_is_told_in_every_form() -> None:
    right = xor()
    name = "dW2"
    check = right.live[name].check
    assert check is not None
    wrong = replace(
        right.live[name], gap=0.5, check=check._replace(verdict="wrong", worst=(0, 0), analytic=1.0, numeric=2.0)
    )
    derivation = replace(right, live=right.live | {name: wrong})
    assert not derivation
    assert "WRONG: differs from what the library computes by 5.0e-01" in str(derivation)
    assert "at (0, 0) 2, here 1" in str(derivation)
    assert '<p class="wrong checks">✗ differs' in derivation.to_html()
    assert "✗ differs" in derivation.to_markdown()
    assert "WRONG: differs" in derivation.to_tex()
    assert "wrong" not in Page(right.to_html()).text["p"]


def test_the_notebook_passes_over_kinks() -> None:
    """At the first row of XOR, without biases, every ReLU is at its kink."""
    _, said = executed(xor().to_notebook())
    assert "b1: 0 differences, largest gap 0.0e+00, 3 passed over at kinks" in said


def test_a_wrong_gradient_fails_in_the_notebook() -> None:
    text = xor().to_notebook().replace("dW2 = a1.T @ delta2", "dW2 = 2 * a1.T @ delta2")
    with pytest.raises(AssertionError, match="W2"):
        executed(text)


def test_large_arrays_are_told_in_short_and_kept_in_full() -> None:
    data = cp.data.digits().take(20)
    derivation = cp.derive(cp.Network(64, 32, "tanh", 10), cp.SoftmaxCrossEntropy(), data)
    assert "(20, 64) from 0 to" in str(derivation)
    assert len(derivation.to_html()) < 100_000
    assert Page(derivation.to_html()).counts["td"] <= 64 * len(derivation.steps.shapes)
    space, _ = executed(derivation.to_notebook())
    np.testing.assert_array_equal(space["W1"], derivation.given["W1"])


def test_weights_of_samples_have_a_letter() -> None:
    model, samples = problem(cp.Network(3, 4, "tanh", 2), cp.SquaredError(), "values", weighted=True)
    derivation = cp.derive(model, batch=samples)
    assert "s holds how much each sample counts" in derivation.to_html()
    executed(derivation.to_notebook())


# odd names


class Odd(cp.Network):
    """A network that prints itself by what means something to HTML, Markdown and LaTeX."""

    def __repr__(self) -> str:
        return "<b>&`_$#\\日⊙</b>"


def _odd() -> Derivation:
    return cp.derive(Odd(2, 1), cp.SquaredError())


def test_odd_names_are_escaped() -> None:
    derivation = _odd()
    page = derivation.to_html()
    Page(page)
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;`_$#\\日⊙&lt;/b&gt;" in page
    assert derivation.to_markdown().startswith("# `` <b>&`_$#\\日⊙</b> with SquaredError() ``\n")
    assert r"$<$b$>$\&`\_\$\#\textbackslash{}U+65E5$\odot$$<$/b$>$" in derivation.to_tex()
    json.loads(derivation.to_notebook())


# pieces


def test_equations_are_broken_at_relations_outside_of_brackets() -> None:
    latex = r"a = \sum_{i = 1} [j = k] \left(x = y\right) \;\Rightarrow\; b = c"
    assert pieces(latex) == ["a", r"= \sum_{i = 1} [j = k] \left(x = y\right)", r"\;\Rightarrow\; b", "= c"]
    assert pieces(r"f(x) = y: \; z, \; t", commas=True) == ["f(x)", r"= y: \;", r"z, \;", "t"]
    assert broken("x = y = " + "z + " * 30) == (
        "\\begin{aligned}\nx &= y \\\\\n&= " + ("z + " * 30).strip() + "\n\\end{aligned}"
    )
    assert mathml("a = b").count("<math") == 2


def test_each_rule_is_told_once_and_every_given_array_has_its_shape() -> None:
    derivation = xor()
    told = [rule.title for rule in words.rules(derivation)]
    assert len(told) == len(set(told)) > 5
    assert list(words.given(derivation)) == list(derivation.given)
    assert "(N, 3) = (N, 2) (2, 3) + (3,)" in derivation.to_html()


# files


def test_files_are_written_as_the_text_that_is_returned(tmp_path: Path) -> None:
    derivation = xor()
    for form in ("text", "markdown", "html", "tex", "notebook"):
        path = tmp_path / form
        text = getattr(derivation, f"to_{form}")(path)
        assert path.read_text("utf-8").rstrip() == text.rstrip()
    with pytest.raises(cp.FileError):
        derivation.to_html(tmp_path / "no" / "folder.html")
    assert derivation._repr_markdown_() == derivation.to_markdown()


def test_a_page_without_latex2mathml_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    mathml.cache_clear()
    with pytest.raises(cp.MissingExtra, match=r"clearprop\[derive\]"):
        xor().to_html()
    assert "Z_{1}" in xor().to_markdown()


def test_import_does_not_load_the_forms() -> None:
    code = "import sys, clearprop; print([name for name in sys.modules if 'formats' in name or 'latex' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


# the command


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)

    def run(line: str, status: int = 0) -> Any:
        assert main(["derive", *line.split()]) == status
        return capsys.readouterr()

    return run


def test_command_prints_text(command: Any) -> None:
    ran = command("2-3-1 --data xor")
    assert ran.out.startswith("Network(2, Dense(3), ReLU(), Dense(1)) with SigmoidCrossEntropy()")
    assert "ok: equal to what the library computes" in ran.out
    assert command("2,3,1").out.count("\n") > 20
    assert "np.tanh(z2)" in command("2-3-4-1 --hidden tanh --output sigmoid --loss mean-squared-error").out


@pytest.mark.parametrize(
    ("to", "suffix"),
    [("html", ".html"), ("tex", ".tex"), ("notebook", ".ipynb"), ("markdown", ".md"), ("python", ".py")],
)
def test_command_writes_files(command: Any, to: str, suffix: str) -> None:
    line = f"2-3-1 --hidden relu --output sigmoid --loss sigmoid-cross-entropy --to {to}"
    path = Path(f"derivation-2-3-1{suffix}")
    assert command(line).out == f"{path}: {path.stat().st_size:,} bytes\n"
    kept = path.read_bytes()
    assert f"add --out {path}" in command(line, 1).err
    command(f"{line} --layout columns --out {path}")
    assert path.read_bytes() != kept
    command(f"4-5-3 --to {to} --full --layout columns --out other")
    assert Path("other").exists()


def test_command_chooses_loss_and_output(command: Any) -> None:
    def network(line: str) -> str:
        found = json.loads(command(f"{line} --json").out)
        return f"{found['network']} {found['loss']}"

    assert network("2-3").endswith("Dense(3)) SoftmaxCrossEntropy()")
    assert network("2-3-1 --output tanh") == "Network(2, Dense(3), ReLU(), Dense(1), Tanh()) MeanSquaredError()"
    assert network("2-3 --output sigmoid") == "Network(2, Dense(3)) SigmoidCrossEntropy()"
    assert network("2-3 --output sigmoid --loss squared-error").endswith("Sigmoid()) SquaredError()")
    assert network("2-3 --output softmax") == "Network(2, Dense(3)) SoftmaxCrossEntropy()"
    assert network("1-3-1 --data sine").endswith("MeanSquaredError()")
    assert network("2-3-2 --data xor").endswith("SoftmaxCrossEntropy()")
    assert "the link of the loss" in command("2-3 --output softmax --loss huber", 1).err
    assert "did you mean relu" in command("2-3-1 --hidden rleu", 1).err
    assert "such as 2-3-1" in command("2--1", 1).err
    assert "at least 1" in command("2-3-1 --data xor --samples 0", 1).err
    command("2-3-1 --to pdf", 2)


def test_command_json_has_all_lines(command: Any) -> None:
    found = json.loads(command("2-3-1 --data xor --json").out)
    assert found["ok"] is True
    assert [line["name"] for line in found["lines"]][:3] == ["z1", "a1", "z2"]
    assert found["lines"][-1]["value"] == xor().live["db1"].value.tolist()
    found = json.loads(command("2-3-1 --json --to html").out)
    assert (found["ok"], found["file"]) == (None, "derivation-2-3-1.html")


def test_command_proves(command: Any) -> None:
    assert "symbolically" in command("2-2-1 --prove").out
    assert json.loads(command("2-2-1 --prove --json").out)["proof"]["rows"]


def test_command_takes_a_model(command: Any) -> None:
    model = cp.Model(cp.Network(64, 4, "gelu", 10), cp.SoftmaxCrossEntropy())
    cp.fit(model, cp.data.digits(), epochs=1, verbose=False)
    model.save("m.safetensors")
    assert "(8, 64) from 0 to 1" in command("m.safetensors --data digits").out
    assert "leave it out" in command("m.safetensors --hidden relu", 1).err


def test_a_wrong_rule_is_told_by_the_status(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(scope: Any, loss: Loss) -> None:
        loss_rules._loss(scope, "0.5 * (<z> - <t>)**2", "<share>", latex="")
        loss_rules._start(scope, "(<t> - <z>)", "<share>", latex="")

    monkeypatch.setitem(loss_rules.LOSS_RULES, cp.SquaredError, wrong)
    assert "WRONG" in command("2-3-1 --data xor --loss squared-error", 1).out
