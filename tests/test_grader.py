"""Exercises and their judge: the solution passes, and every known mistake is called by its name."""

import ast
import dataclasses
import json
from pathlib import Path

import nbformat
import numpy as np
import pytest

from clearprop.arrays.errors import FileError, SettingError
from clearprop.grader import sheets, submission
from clearprop.grader.checking import drawn
from clearprop.grader.exercise import Call, Exercise, Outcome, Wrong
from clearprop.grader.hints import FILE, next_hint
from clearprop.grader.judge import judge
from clearprop.grader.local import outcomes
from clearprop.grader.mistakes import MISTAKES, STOPS
from clearprop.grader.table import EXERCISES, exercise
from clearprop.grader.verdict import Verdict
from clearprop.insight.derivation.record import record
from clearprop.insight.doctor.search import Draw, Search

NAMES = list(EXERCISES)
QUICK = [name for name in NAMES if name != "mnist"]
WRONG = [(one.name, i) for one in EXERCISES.values() for i in range(len(one.wrong))]
GENERAL = {"unknown", "wrong shape", "float32", "another result when called again"}


@pytest.fixture(autouse=True)
def no_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLEARPROP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def judged(one: Exercise, source: str, seed: int = 0) -> Verdict:
    calls = drawn(one, seed)
    return judge(one, calls, outcomes(source, calls, one.returns))


def changed(one: Exercise, source: str, change: object) -> Verdict:
    """The verdict where every result of the solution goes through `change`."""
    calls = drawn(one, 0)
    found = outcomes(source, calls, one.returns)
    return judge(one, calls, [dataclasses.replace(o, values=tuple(map(change, o.values))) for o in found])  # type: ignore[arg-type]


# the table


def test_the_exercises_that_were_asked_for() -> None:
    assert len(EXERCISES) >= 15
    assert NAMES[0] == "sigmoid"
    assert NAMES[-1] == "mnist"
    for name in ("softmax", "one-hot", "cross-entropy", "dense-forward", "dense-backward", "two-layers", "sgd",
                 "momentum", "adam", "dropout", "batch-norm", "training-loop", "gradient-check"):  # fmt: skip
        assert name in EXERCISES
    assert exercise("Batch_Norm").name == "batch-norm"
    with pytest.raises(SettingError, match="did you mean softmax"):
        exercise("sofmax")


@pytest.mark.parametrize("name", NAMES)
def test_each_has_text_shapes_and_hints(name: str) -> None:
    one = EXERCISES[name]
    assert len(one.text) > 60
    assert one.hints
    assert [head.partition("(")[0] for head, _ in one.shapes] == list(one.returns)
    assert all("->" in told for _, told in one.shapes)
    assert {wrong.name for wrong in one.wrong} <= set(MISTAKES)


def test_every_entry_of_the_catalogue_is_used() -> None:
    used = {wrong.name for one in EXERCISES.values() for wrong in one.wrong}
    assert set(MISTAKES) == used | GENERAL
    assert not set(MISTAKES) & set(STOPS)


# the judge


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_passes(name: str) -> None:
    for seed in range(1 if name == "mnist" else 10):
        verdict = judged(EXERCISES[name], EXERCISES[name].solution, seed)
        assert verdict.passed, verdict
        assert not verdict.mistake


@pytest.mark.parametrize(("name", "index"), WRONG)
def test_every_mistake_is_caught_by_its_name(name: str, index: int) -> None:
    one = EXERCISES[name]
    wrong = one.wrong[index]
    source = one.variant(wrong)
    assert source is not None, "the solution has no such text, or has it twice"
    for seed in range(1 if name == "mnist" else 3):
        verdict = judged(one, source, seed)
        assert not verdict.passed
        assert verdict.mistake == wrong.name


@pytest.mark.parametrize("name", ["logistic-regression", "two-layers", "three-layers"])
def test_the_doctors_catalogue_is_known_too(name: str) -> None:
    one = EXERCISES[name]
    calls = drawn(one, 0)
    draws = [_draw(one, call) for call in calls]
    search = Search(draws)
    own = {wrong.name for wrong in one.wrong}
    seen = set()
    for variant in search.variants[:: 4 if name == "three-layers" else 1]:
        arrays = [search.outcome(draw, (variant,)) for draw in draws]
        found = [Outcome(tuple(np.asarray(one_[key]) for key in one.returns["backward"])) for one_ in arrays if one_]
        if len(found) < len(calls) or judged_right(draws, found, one):
            continue
        verdict = judge(one, calls, found)
        assert not verdict.passed
        assert variant.mistake.name in verdict.mistake or verdict.mistake in own  # one with the same numbers
        seen.add(variant.mistake.name)
    assert len(seen) > 12


def _draw(one: Exercise, call: Call) -> Draw:
    assert one.model is not None
    model = one.model()
    parameters = [value for key, value in call.inputs.items() if key not in ("x", "t")]
    for key, value in zip(model.weights, parameters, strict=True):
        model.weights[key] = value
    recorded = record("test", model, (call.inputs["x"], call.inputs["t"]), "rows")
    draw = Draw.of(recorded.steps, recorded.given)
    return dataclasses.replace(draw, theirs={key: np.zeros(1) for key in one.returns[call.function]})


def judged_right(draws: list[Draw], found: list[Outcome], one: Exercise) -> bool:
    """Whether a variant changes nothing here."""
    return all(
        np.size(values) == np.size(draw.right[key]) and np.allclose(np.ravel(values), np.ravel(draw.right[key]), 1e-6)
        for draw, outcome in zip(draws, found, strict=True)
        for key, values in zip(one.returns["backward"], outcome.values, strict=True)
    )


@pytest.mark.parametrize("name", QUICK)
def test_what_is_wrong_in_one_element_does_not_pass(name: str) -> None:
    one = EXERCISES[name]

    def nudged(values: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        values = values.astype(np.float64)
        values.reshape(-1)[-1:] += 1e-4 * max(abs(values).max(), 1e-3)
        return values

    assert not changed(one, one.solution, nudged)


@pytest.mark.parametrize("name", QUICK)
def test_no_array_is_square_and_draws_differ(name: str) -> None:
    calls = drawn(EXERCISES[name], 0)
    matrices = [v for call in calls for v in call.inputs.values() if isinstance(v, np.ndarray) and v.ndim == 2]
    assert all(v.shape[0] != v.shape[1] for v in matrices)
    assert all(v.dtype == np.float64 for v in matrices if v.dtype.kind == "f")
    again = drawn(EXERCISES[name], 0)
    other = drawn(EXERCISES[name], 1)
    texts = [repr([dict(call.inputs) for call in each]) for each in (calls, again, other)]
    assert texts[0] == texts[1] != texts[2]


def test_two_mistakes_at_once_are_both_named() -> None:
    one = EXERCISES["dense-backward"]
    dx = next(w for w in one.wrong if w.name == "delta passed back without the weights")
    db = next(w for w in one.wrong if w.new == "db = dy.sum()")
    source = one.variant(dx, db)
    assert source is not None
    verdict = judged(one, source)
    assert set(verdict.mistake.split(" and ")) == {dx.name, db.name}
    assert [formula.found for formula in verdict.formulas] == ["dx = dy", "db = dy.sum()"]
    assert one.variant(dx, Wrong("x", "dx = dy @ W.T", "dx = 0")) is None


def test_the_doctor_names_two_mistakes_of_a_network() -> None:
    one = EXERCISES["two-layers"]
    source = one.solution.replace("(p - t) / len(x)", "p - t").replace(
        "db2 = delta2.sum(axis=0)", "db2 = delta2.sum(1)"
    )
    verdict = judged(one, source)
    assert "no 1/N" in verdict.mistake
    assert "bias gradient summed over the wrong axis" in verdict.mistake
    assert len(verdict.formulas) == 2


def test_verdict_is_two_lines_and_formulas() -> None:
    one = EXERCISES["softmax"]
    source = one.variant(one.wrong[0])
    assert source is not None
    assert str(judged(one, source)).splitlines() == [
        "softmax: softmax over the batch",
        "The sum is over the samples instead of over the classes of each sample.",
        "yours  return e / e.sum(axis=0)",
        "right  return e / e.sum(axis=1, keepdims=True)",
        "mend   sum over axis 1, and keep that axis",
    ]
    assert str(judged(one, one.solution)).splitlines()[0] == "softmax: right"


def test_what_no_mistake_explains_is_described_without_an_array() -> None:
    one = EXERCISES["softmax"]
    doubled = changed(one, one.solution, lambda values: 2.5 * values)
    assert (doubled.mistake, doubled.says[:42]) == ("unknown", "p of softmax is 2.5 times the right one: N")
    flat = changed(one, one.solution, lambda values: values.reshape(-1))
    assert flat.mistake == "wrong shape"
    assert "p of softmax has the shape" in flat.says
    turned = changed(one, one.solution, lambda values: values.T)
    assert turned.mistake == "missing transpose"
    nan = changed(one, one.solution, lambda values: values * np.nan)
    assert "NaN or infinite in" in nan.says
    assert changed(one, one.solution, lambda values: values.astype(np.float32)).mistake == "float32"
    for verdict in (doubled, flat, turned, nan):
        assert "[" not in str(verdict)


def test_errors_changed_inputs_and_other_answers_the_second_time() -> None:
    one = EXERCISES["sgd"]
    calls = drawn(one, 0)
    right = outcomes(one.solution, calls, one.returns)
    assert judge(one, calls, [*right, right[0]])
    other = Outcome((right[0].values[0] + 1,), right[0].after)
    assert judge(one, calls, [*right, other]).mistake == "another result when called again"
    touched = Outcome(right[0].values, {"w": calls[0].inputs["w"] + 1})
    assert judge(one, calls, [touched, right[1]]).mistake == "inputs changed"
    failed = Outcome(error="ValueError: no", where="line 3: return w @ g")
    verdict = judge(one, calls, [failed, failed])
    assert verdict.mistake == "an error"
    assert "ValueError: no" in verdict.says
    assert "line 3" in verdict.mend


# what learners get and hand in


@pytest.mark.parametrize("name", NAMES)
def test_both_sheets_hold_the_task_and_not_the_solution(name: str) -> None:
    one = EXERCISES[name]
    text = sheets.python(one)
    tree = ast.parse(text)
    assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)] == list(one.returns)
    assert max(map(len, text.splitlines())) <= 140
    book = nbformat.reads(sheets.notebook(one), 4)
    nbformat.validate(book)
    assert all(hint in sheets.notebook(one) or json.dumps(hint)[1:-1] in sheets.notebook(one) for hint in one.hints)
    for form, path in (text, "x.py"), (submission.from_notebook(sheets.notebook(one).encode()), "x.ipynb"):
        assert submission.exercise_of(form, path) is one
        assert "NotImplementedError" in form
        assert all(line not in form for line in one.solution.splitlines() if line.startswith("    return "))


def test_notebooks_give_their_code_and_nothing_else(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": "import os"},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "!rm -rf /\n", "x = 1\n", "x?\n", "y = x % 2"],
         "outputs": [{"text": "z = 3"}]},
        {"cell_type": "code", "source": "%%bash\nls"},
        {"cell_type": "code", "source": "z = 2"},
    ]  # fmt: skip
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}))
    assert submission.read(path).split("\n") == ["x = 1", "y = x % 2", "", "z = 2", ""]


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("a.ipynb", b"{", "a notebook of format 4"),
        ("a.ipynb", b'{"cells": 3}', "a notebook of format 4"),
        ("a.ipynb", b"[" * 100_000, "a notebook of format 4"),
        ("a.py", b"\xff\xfe", "Python code in UTF-8"),
        ("a.py", b"#" * (2**20 + 1), "at most 1,048,576 bytes"),
        ("a.py", b"x = 1", "a line such as # clearprop exercise"),
        ("a.py", b"# clearprop exercise: nothing", "the name of an exercise"),
    ],
)
def test_files_that_are_no_submission(tmp_path: Path, name: str, content: bytes, wanted: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((FileError, SettingError), match=wanted):
        submission.exercise_of(submission.read(path), path)


def test_the_exercise_is_told_by_option_header_or_name() -> None:
    header = "x = 1\n# clearprop exercise: adam\n"
    assert submission.exercise_of(header, "softmax.py", "sgd").name == "sgd"
    assert submission.exercise_of(header, "softmax.py").name == "adam"
    assert submission.exercise_of("x = 1", "dense_backward.ipynb").name == "dense-backward"


def test_hints_come_one_at_a_time(tmp_path: Path) -> None:
    one = EXERCISES["sigmoid"]
    told = [next_hint(one, tmp_path) for _ in range(4)]
    assert [text.split(" (")[0] for text in told] == [f"sigmoid, hint {i} of 3" for i in (1, 2, 3, 3)]
    assert all(one.hints[i] in text for i, text in zip((0, 1, 2, 2), told, strict=True))
    assert "hint 2 of 3" in next_hint(one, tmp_path, 2)
    (tmp_path / FILE).write_text('{"sigmoid": "many"}')
    assert "hint 1 of 3" in next_hint(one, tmp_path)
    with pytest.raises(SettingError, match="1 to 3"):
        next_hint(one, tmp_path, 4)
