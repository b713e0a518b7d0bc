"""cp.diagnose on gradients: every mistake is found by name, right code is called right, and nothing else is claimed."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clearprop as cp
from clearprop.insight.doctor.catalogue import CATALOGUE
from clearprop.insight.doctor.diagnosis import Diagnosis
from clearprop.insight.doctor.draws import random_draw
from clearprop.insight.doctor.edits import Found, times
from clearprop.insight.doctor.mistakes import Mistake, Pass, Variant
from clearprop.insight.doctor.search import Draw, Hypothesis, Search, distance

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from doctor_styles import STYLES, learner

NETWORKS = [
    (cp.Network(5, 6, "tanh", 4, "sigmoid", 3), cp.SoftmaxCrossEntropy()),
    (cp.Network(4, 4, "relu", 4, "tanh", 1, "sigmoid"), cp.SquaredError()),
    (cp.Network(3, 4, "gelu", 1), cp.SigmoidCrossEntropy()),
    (cp.Network(4, 5, cp.Dropout(0.4), "tanh", 2), cp.MeanSquaredError()),
    (cp.Network(4, 5, cp.BatchNorm(), "relu", 2), cp.Huber()),
]
LAYOUTS = ["rows", "columns"]


class Case:
    """A model, fresh draws of its reference, and code with mistakes in it."""

    def __init__(self, network: cp.Network, loss: cp.Loss, layout: str = "rows") -> None:
        self.model, self.layout = cp.Model(network, loss), layout
        self.draws = []
        for number in range(3):
            draw = random_draw(self.model, layout, 77, number)
            theirs = {f"d{name}": np.asarray(draw.right[f"d{name}"]) for name in draw.steps.parameters}
            self.draws.append(Draw(draw.steps, draw.given, draw.right, theirs, draw.floor))
        self.search = Search(self.draws)

    def code(self, hypothesis: Hypothesis = (), style: str = "functions") -> Any:
        edited = self.search.edited(hypothesis)
        assert edited is not None
        lines = self.search.reference.lines.values()
        return learner(style, self.search.reference.steps, [edited.get(line.name, line) for line in lines])

    def outcomes(self, hypothesis: Hypothesis) -> list[dict[str, Any]] | None:
        found = [self.search.outcome(draw, hypothesis) for draw in self.draws]
        return None if None in found else found  # type: ignore[return-value]

    def gap(self, one: list[dict[str, Any]], other: list[dict[str, Any]] | None) -> float:
        if other is None:
            return np.inf
        return max(
            distance(a[name], b[name], draw.floor)
            for draw, a, b in zip(self.draws, one, other, strict=True)
            for name in self.search.names
        )

    def is_mistake(self, hypothesis: Hypothesis) -> bool:
        planted = self.outcomes(hypothesis)
        return planted is not None and self.gap(planted, [dict(draw.right) for draw in self.draws]) > 1e-3

    def honest(self, found: Diagnosis, hypothesis: Hypothesis) -> bool:
        """Whether everything that a diagnosis names has, on fresh draws, the numbers of what was planted."""
        planted = self.outcomes(hypothesis)
        assert planted is not None
        return all(self.gap(planted, self.outcomes(one)) < 1e-5 for one in found.hypotheses)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [Case(network, loss) for network, loss in NETWORKS]


@pytest.mark.parametrize(
    "entry",
    [e for e in CATALOGUE if e.find.__module__[-6:] != "losses" and e.name[:10] != "weights of "[:10]],
    ids=lambda e: e.name,
)
def test_each_mistake_is_found_by_name(entry: Mistake, cases: list[Case]) -> None:
    number = (0.37,) if entry.number else ()
    for case in cases:
        variants = [(v,) for v in entry.variants(case.search.reference, *number) if case.search.prepared(v)]
        planted = next((one for one in variants if case.is_mistake(one)), None)
        if planted is not None:
            found = cp.diagnose(case.model, backward=case.code(planted))
            assert entry.name in {finding.name for one in found.findings for finding in one}, str(found)
            assert case.honest(found, planted)
            assert found.agreement < 1e-6 < 1e-3 < found.before
            assert found.slopes is None or found.slopes[1] < 1e-5
            return
    raise AssertionError("no network in which it can be made")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("style", STYLES)
def test_right_code_is_called_right(style: str, layout: str) -> None:
    for network, loss in NETWORKS[: 4 if style in ("lists and a loop", "layer objects") else 5]:
        found = cp.diagnose(cp.Model(network, loss), backward=Case(network, loss, layout).code((), style))
        assert found.verdict == "correct", str(found)
        assert found.layout == layout
        assert found.agreement < 1e-9
        assert str(found).startswith("Correct: the gradient is right, ")
        assert not found.notes


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_of_random_code_nothing_false_is_said(data: st.DataObject) -> None:
    depth = data.draw(st.integers(1, 3))
    activation = data.draw(st.sampled_from(["tanh", "relu", "sigmoid", "softplus", "elu"]))
    loss = data.draw(st.sampled_from([cp.SquaredError(), cp.SoftmaxCrossEntropy(), cp.MeanAbsoluteError()]))
    layers = [layer for width in (4, 3)[: depth - 1] for layer in (width, activation)]
    case = Case(cp.Network(5, *layers, 2), loss, data.draw(st.sampled_from(LAYOUTS)))
    count = data.draw(st.integers(1, 2))
    planted = tuple(data.draw(st.sampled_from(case.search.variants)) for _ in range(count))
    style = data.draw(st.sampled_from(list(STYLES)))
    if case.search.edited(planted) is None or not case.is_mistake(planted):
        return
    found = cp.diagnose(case.model, backward=case.code(planted, style), layout=case.layout)
    assert found.verdict != "correct"
    assert case.honest(found, planted)


def test_two_mistakes_are_found_together() -> None:
    case = Case(*NETWORKS[0])
    by_name = {v.key: v for v in case.search.variants}
    pair = (by_name["dW from z instead of a", "z1 instead of a1", ("dW2",)], by_name["wrong sign", "", ("db1",)])
    found = cp.diagnose(case.model, backward=case.code(pair))
    assert found.verdict == "two mistakes", str(found)
    first, second, *_ = str(found).splitlines()
    assert first == "Two mistakes, in dW2 (layer 3 of 5) and in db1 (layer 1 of 5):"
    assert second == "dW from z instead of a (z1 instead of a1) and wrong sign."


def test_two_mistakes_in_one_line_are_found_in_either_order() -> None:
    case = Case(cp.Network(5, 2, "gelu"), cp.Huber())
    by_name = {v.key: v for v in case.search.variants}
    sums = by_name["bias gradient not summed over the batch", "", ("db1",)]
    thrice = by_name["gradients not cleared", "3 times", ("dW1", "db1")]
    for pair in (sums, thrice), (thrice, sums):
        found = cp.diagnose(case.model, backward=case.code(pair))
        assert found.verdict in ("two mistakes", "several hypotheses"), str(found)
        assert case.honest(found, pair)


def test_a_catalogue_entry_is_all_that_a_mistake_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(p: Pass) -> Found:
        yield "", {p.start.name: times("np.cos(t)")}

    case = Case(*NETWORKS[1])
    entry = Mistake("times the cosine", "It is not.", "leave it out", find, "this test")
    code = case.code((Variant(entry, "", dict(next(find(case.search.reference))[1])),))
    assert cp.diagnose(case.model, backward=code).verdict == "unknown"
    monkeypatch.setattr("clearprop.insight.doctor.search.CATALOGUE", [*CATALOGUE, entry])
    assert cp.diagnose(case.model, backward=code).findings[0][0].name == "times the cosine"


def test_the_text_is_the_learners_and_says_it_in_two_lines() -> None:
    def backward(X, Y, W1, b1, W2, b2):
        m = len(X)
        Z1 = X @ W1 + b1
        A1 = np.tanh(Z1)
        dZ2 = (A1 @ W2 + b2 - Y) / m
        dW2 = Z1.T @ dZ2
        dZ1 = dZ2 @ W2.T * (1 - A1**2)
        return X.T @ dZ1, dZ1.sum(axis=0), dW2, dZ2.sum(axis=0)

    found = cp.diagnose(cp.Model(cp.Network(3, 4, "tanh", 2), cp.SquaredError()), backward=backward)
    text = str(found).splitlines()
    assert text[0] == "One mistake, in dW2 (layer 3 of 3): dW from z instead of a (z1 instead of a1)."
    assert text[1].startswith("The gradient of the weights takes what the layer got")
    assert "yours  dW2 = Z1.T @ dZ2" in text
    assert "right  dW2 = A1.T @ dZ2   (4, 2) = (4, N) (N, 2)" in text
    assert any(line.startswith("line ") and line.endswith("dW2 = Z1.T @ dZ2") for line in text)
    assert "fine   right already: db2, dW1, db1" in text
    (finding,) = found.findings[0]
    assert finding.source == "Stack Overflow 22054877"
    formula = finding.formulas[0]
    assert formula.found_latex == r"Z_{1}^\top \, \Delta_{2}"
    assert formula.right_latex == r"A_{1}^\top \, \Delta_{2}"
    html = found._repr_html_()
    assert html.count("<math") == 2
    assert "<script" not in html
    assert json.loads(found.to_json())["findings"][0][0]["formulas"][0]["name"] == "dW2"


def test_what_is_not_known_is_told_by_its_first_wrong_array() -> None:
    def backward(x, y, A1, Z2, W2):
        d2 = (Z2 - y) / len(x)
        d1 = d2 @ W2.T * (1 - A1**2) * np.cos(x[:, :1])
        return {"dW1": x.T @ d1, "db1": d1.sum(0), "dW2": A1.T @ d2, "db2": d2.sum(0)}

    model = cp.Model(cp.Network(3, 4, "tanh", 2), cp.SquaredError())
    found = cp.diagnose(model, backward=backward)
    text = str(found).splitlines()
    assert found.verdict == "unknown"
    assert text[0].startswith("Unknown mistake: the first wrong array is dW1, wrong in 12 of 12 elements")
    assert text[1] == "Right already: dW2, db2."
    assert any("da1 = " in line for line in text)
    assert not any("delta2 = " in line for line in text)
    assert not found.findings


PLACES = np.array([1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda g: np.sin(g + 1.0), "wrong in 12 of 12 elements"),
        (lambda g: np.where(g == g, np.nan, g), "with NaN or infinity in 12 of 12 elements"),
        (lambda g: g[:2], "of shape (2, 4) where (3, 4) belongs"),
        (lambda g: g.T, "of shape (4, 3) where (3, 4) belongs (the transpose of it)"),
        (lambda g: g * PLACES, "off by a factor of its own for each place along axis 1"),
        (lambda g: g * 3, "3 times the right one"),
        (lambda g: g * 9, "N times the right one"),
        (lambda g: -g, "the right one with the other sign"),
        (lambda g: g * 0, "zero everywhere"),
    ],
)
def test_how_an_array_deviates(change: Any, says: str) -> None:
    """Beside a wrong array that no mistake explains."""
    model, batch, theirs = arrays()
    theirs["dense1.W"] = change(theirs["dense1.W"])
    theirs["dense2.b"] = theirs["dense2.b"] + np.array([0.1, 0.7])
    found = cp.diagnose(model, batch, gradients=theirs)
    assert [one.name for one in found.deviations] == ["db2", "dW1"]
    assert found.deviations[1].says.startswith(says)


def test_explanations_that_cannot_be_told_apart_are_all_listed() -> None:
    model, batch, right = arrays()
    found = cp.diagnose(model, batch, gradients={name: 3 * values for name, values in right.items()})
    assert found.verdict == "several hypotheses"
    assert {one[0].title for one in found.findings} == {
        "wrong divisor (/ 3 instead of / N)",
        "gradients not cleared (3 times)",
    }
    text = str(found)
    assert text.startswith(
        "One of 2 explanations: dW2 is the first wrong array; the numbers cannot tell them apart.\n  1. "
    )
    assert text.count("\nyours  ") > 2


def test_an_array_that_is_like_another() -> None:
    model, batch, theirs = arrays()
    theirs["dense1.W"] = 2.5 * np.array(model.weights["dense1.W"])
    theirs["dense2.b"] = theirs["dense2.b"] + np.array([0.1, 0.7])
    assert cp.diagnose(model, batch, gradients=theirs).deviations[1].says == "2.5 times W1"


def arrays() -> tuple[cp.Model, Any, dict[str, np.ndarray]]:
    """A model, a batch, and the right gradients."""
    model = cp.Model(cp.Network(3, 4, "tanh", 2), cp.SquaredError(), dtype="float64")
    x, t = np.random.default_rng(0).normal(size=(9, 3)), np.random.default_rng(1).normal(size=(9, 2))
    right = model.gradients(x, t)
    return model, (x, t), {name: np.array(right[name]) for name in right}


NAMES: list[Any] = [
    lambda g: {"dense1.W": g[0], "dense1.b": g[1], "dense2.W": g[2], "dense2.b": g[3]},
    lambda g: {"grad_W0": g[0], "grad_b0": g[1], "grad_W1": g[2], "grad_b1": g[3]},
    lambda g: {"nabla_w": [g[0], g[2]], "nabla_b": [g[1], g[3]]},
    lambda g: {"fc1/kernel": g[0], "fc1/bias": g[1], "fc3/kernel": g[2], "fc3/bias": g[3]},
    lambda g: {"hidden": g[0], "shift": g[1], "out": g[2], "offset": g[3]},
    lambda g: (g[2], g[3], g[0], g[1]),
    lambda g: ([g[0], g[2]], [g[1], g[3]]),
    lambda g: [g[1].ravel(), g[0], g[3].ravel(), g[2]],
    lambda g: [one.tolist() for one in g],
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", NAMES, ids=range(len(NAMES)))
def test_arrays_alone_in_either_layout_and_under_any_names(form: Any, layout: str) -> None:
    model, batch, right = arrays()
    g = list(right.values())
    g = g if layout == "rows" else [one.T if one.ndim == 2 else one[:, None] for one in g]
    assert cp.diagnose(model, batch, gradients=form(g)).verdict == "correct"
    g[0] = -g[0]
    found = cp.diagnose(model, batch, gradients=form(g))
    assert found.verdict == "one mistake", str(found)
    assert found.findings[0][0].name == "wrong sign"
    assert "batches" not in str(found)


def test_lists_of_weights_and_biases_of_like_sizes_are_told_apart() -> None:
    model = cp.Model(cp.Network(3, 4, "tanh", 1), cp.SquaredError(), dtype="float64")
    x, t = np.random.default_rng(0).normal(size=(9, 3)), np.random.default_rng(1).normal(size=(9, 1))
    W1, b1, W2, b2 = (-np.array(one) for one in model.gradients(x, t).values())
    for arrays in [[W1, W2], [b1, b2]], [W1, W2, b1, b2], [W2, b2, W1, b1]:
        found = cp.diagnose(model, (x, t), gradients=arrays)
        assert "wrong sign (everywhere)" in {one[0].title for one in found.findings}, str(found)


def test_names_can_be_said_by_order() -> None:
    model = cp.Model(cp.Network(3, 3, "tanh", 3), cp.SquaredError(), dtype="float64")
    x, t = np.random.default_rng(0).normal(size=(9, 3)), np.random.default_rng(1).normal(size=(9, 3))
    g = model.gradients(x, t)
    arrays = [g["dense2.b"], g["dense1.W"], g["dense2.W"], g["dense1.b"]]
    assert cp.diagnose(model, (x, t), gradients=arrays, order=["db2", "dW1", "dW2", "db1"]).verdict == "correct"
    with pytest.raises(cp.SettingError, match="wanted 3 arrays, as `order` names, got 4"):
        cp.diagnose(model, (x, t), gradients=arrays, order=["db2", "dW1", "dW2"])
    only = cp.diagnose(model, (x, t), gradients={"W2": 2 * np.array(g["dense2.W"])})
    assert only.verdict in ("one mistake", "several hypotheses")


def test_float32_is_compared_as_far_as_it_goes() -> None:
    model, batch, right = arrays()
    found = cp.diagnose(model, batch, gradients={name: values.astype(np.float32) for name, values in right.items()})
    assert found.verdict == "correct"
    assert "float32" in found.notes[0]


def test_weights_of_the_batch_count() -> None:
    model = cp.Model(cp.Network(3, 4, "tanh", 2), cp.SquaredError(), dtype="float64")
    rng = np.random.default_rng(0)
    samples = cp.Samples(rng.normal(size=(9, 3)), rng.normal(size=(9, 2)), rng.uniform(1, 2, 9))
    plain = model.gradients(samples.x, samples.t)
    found = cp.diagnose(model, samples, gradients={n: np.array(plain[n]) for n in plain})
    assert found.findings[0][0].name == "weights of the samples ignored"


def test_the_readme_shows_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    code = readme[readme.index(">>> def backward(X, Y") :].split(">>> found")[0]
    (tmp_path / "learners.py").write_text(
        "import numpy as np\n\n" + "".join(line[4:] + "\n" for line in code.splitlines()), encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    backward = __import__("learners").backward
    found = cp.diagnose(cp.Model(cp.Network(2, 3, "tanh", 1), cp.SquaredError()), backward=backward)
    shown = readme[readme.index("One mistake, in dZ1") :].split("\n```")[0]
    assert str(found).replace("line   6:", "line   4:").splitlines() == shown.splitlines()
