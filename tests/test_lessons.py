"""Every lesson runs from first line to last, and what it says comes out, on the digits that are always there."""

import ast
import re
from pathlib import Path

import jupytext
import pytest

from clearprop.grader.table import EXERCISES

LESSONS = sorted((Path(__file__).parents[1] / "lessons").glob("[0-9]*.md"))


def cells(lesson: Path) -> list[tuple[int, str, bool]]:
    """The line before it in the file, text, and whether it is tagged as a claim, of each cell of code."""
    text = lesson.read_text(encoding="utf-8")
    heads = [match.end() for match in re.finditer(r"(?m)^```\{code-cell\}.*\n(?::.*\n)*", text)]
    code = [cell for cell in jupytext.reads(text, fmt="md:myst").cells if cell.cell_type == "code"]
    return [
        (text.count("\n", 0, head), cell.source, "claim" in cell.metadata.get("tags", ()))
        for head, cell in zip(heads, code, strict=True)
    ]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_lesson_runs_and_its_claims_hold(lesson: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CLEARPROP_DATA", raising=False)
    names: dict[str, object] = {"__name__": "__main__"}
    for start, source, _ in cells(lesson):
        shifted = ast.increment_lineno(ast.parse(source), start)
        exec(compile(shifted, str(lesson), "exec"), names)
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_lesson_says_what_it_is_for_and_ends_with_exercises(lesson: Path) -> None:
    text = lesson.read_text(encoding="utf-8")
    assert "## You will be able to" in text
    assert re.search(r"\b[2-4]\d to [2-4]\d minutes\b", text)
    exercises = re.findall(r"clearprop exercise start ([a-z0-9-]+)", text[text.index("## Exercises") :])
    assert exercises
    assert set(exercises) <= set(EXERCISES)
    claims = [source for _, source, claim in cells(lesson) if claim]
    assert sum(isinstance(node, ast.Assert) for source in claims for node in ast.walk(ast.parse(source))) >= 10
