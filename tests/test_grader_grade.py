"""Exercises and grading on the command line: files, tables, pages and exit status."""

import csv
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from clearprop.cli import main
from clearprop.grader import bubblewrap
from clearprop.grader.grade import Grades, Mark, grade, submissions
from clearprop.grader.report import to_csv, to_html
from clearprop.grader.table import EXERCISES
from clearprop.grader.verdict import Formula, Verdict

GOOD = "# clearprop exercise: sgd\ndef step(w, g, rate):\n    return w - rate * g\n"
BAD = GOOD.replace("-", "+")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def command(*argv: str, status: int = 0) -> tuple[str, str]:
        got = main(argv)
        out, err = capsys.readouterr()
        assert got == status, err
        return out, err

    return command


# exercise


def test_from_the_list_to_a_pass(run: Any, folder: Path) -> None:
    out, err = run("exercise", "list")
    assert all(name in out for name in EXERCISES)
    assert "clearprop exercise start NAME" in err
    assert len(json.loads(run("exercise", "list", "--json")[0])) == len(EXERCISES)
    assert "check sgd.py" in run("exercise", "start", "sgd")[1]
    assert "not written yet" in run("exercise", "check", "sgd.py", status=1)[0]
    assert "hint 1 of 1" in run("exercise", "hint", "sgd")[0]
    text = (folder / "sgd.py").read_text()
    begun = text.index("    raise NotImplementedError")
    (folder / "sgd.py").write_text(text[:begun] + "    return w + rate * g\n")
    out, _ = run("exercise", "check", "sgd.py", status=1)
    assert out.splitlines()[0] == "sgd: wrong sign"
    assert "yours  return w + rate * g" in out
    (folder / "sgd.py").write_text(text[:begun] + "    return w - rate * g\n")
    assert run("exercise", "check", "sgd.py")[0].startswith("sgd: right\nAll ")


def test_a_notebook(run: Any, folder: Path) -> None:
    run("exercise", "start", "sgd", "--notebook")
    path = folder / "sgd.ipynb"
    path.write_text(
        path.read_text().replace('raise NotImplementedError(\\"step: write this\\")', "return w - rate * g")
    )
    assert run("exercise", "check", "sgd.ipynb")[0].startswith("sgd: right")


def test_nothing_is_overwritten(run: Any, folder: Path) -> None:
    (folder / "sgd.py").write_text("mine")
    (folder / "relu.py").symlink_to("nowhere")
    for name in ("sgd", "relu"):
        assert "wanted a new file" in run("exercise", "start", name, status=1)[1]
    assert (folder / "sgd.py").read_text() == "mine"
    run("exercise", "start", "sgd", "--out", "other.py")
    assert (folder / "other.py").is_file()


def test_json_and_option(run: Any, folder: Path) -> None:
    (folder / "x.py").write_text(BAD.partition("\n")[2])
    assert "# clearprop exercise" in run("exercise", "check", "x.py", status=1)[1]
    found = json.loads(run("exercise", "check", "x.py", "--exercise", "sgd", "--json", "--seed", "3", status=1)[0])
    assert (found["exercise"], found["passed"], found["mistake"]) == ("sgd", False, "wrong sign")
    assert found["formulas"] == [{"found": "return w + rate * g", "right": "return w - rate * g"}]
    assert "did you mean sgd" in run("exercise", "start", "sdg", status=1)[1]
    assert "unknown command" in run("exercise", "begin", status=2)[1]


@pytest.mark.parametrize("command", ["list", "start", "hint", "check"])
def test_help_has_examples(run: Any, command: str) -> None:
    assert f"  clearprop exercise {command}" in run("exercise", command, "--help")[0]


# grade


@pytest.fixture
def handed_in(folder: Path) -> Path:
    place = folder / "week1"
    (place / "emmy").mkdir(parents=True)
    (place / "ada.py").write_text(GOOD)
    (place / "=SUM(1).py").write_text(BAD)
    (place / "bob.py").write_text("import sys\nsys.exit()\n# clearprop exercise: sgd\n")
    (place / "emmy" / "sgd.py").write_text(BAD.partition("\n")[2])
    (place / "emmy" / "relu.py").write_text("import numpy as np\n" + EXERCISES["relu"].solution)
    (place / "zoe.py").write_text("x = 1\n")
    (place / "notes.txt").write_text("no submission")
    (place / ".hidden.py").write_text(GOOD)
    (place / "link.py").symlink_to(place / "ada.py")
    return place


def test_a_folder_of_submissions(run: Any, handed_in: Path, folder: Path) -> None:
    out, err = run("grade", "week1", "--out", "marks")
    assert "ada.py: passes" in err
    assert "emmy/sgd.py: wrong sign" in err
    assert ("bubblewrap is not there" in err) is not bubblewrap.works()
    assert "sgd       wrong sign          2" in out
    assert sorted(path.name for path in (folder / "marks").iterdir()) == ["grades.csv", "grades.html", "grades.json"]
    rows = list(csv.DictReader((folder / "marks" / "grades.csv").read_text("utf-8-sig").splitlines()))
    assert [(row["student"], row["exercise"], row["passed"], row["mistake"]) for row in rows] == [
        ("'=SUM(1)", "sgd", "0", "wrong sign"),
        ("ada", "sgd", "1", ""),
        ("bob", "sgd", "0", "ends itself"),
        ("emmy", "relu", "1", ""),
        ("emmy", "sgd", "0", "wrong sign"),
        ("zoe", "?", "0", "unreadable"),
    ]
    found = json.loads((folder / "marks" / "grades.json").read_text())
    assert found["seed"] == 0
    assert found["mistakes"][0] == {"exercise": "sgd", "mistake": "wrong sign", "students": 2}
    assert {one["student"]: one["passed"] for one in found["students"]}["emmy"] == 1


def test_the_same_submission_gets_the_same_grade(handed_in: Path) -> None:
    first, second = grade(handed_in, seed=5), grade(handed_in, seed=5)
    assert first.to_dict() == second.to_dict()
    assert to_html(first) == to_html(second)
    assert to_csv(first) == to_csv(second)
    assert [m.verdict.passed for m in grade(handed_in, seed=6).marks] == [m.verdict.passed for m in first.marks]


def test_folders_without_submissions(run: Any, folder: Path) -> None:
    (folder / "empty").mkdir()
    assert "wanted submissions" in run("grade", "empty", status=1)[1]
    assert "wanted a folder of submissions" in run("grade", "nothing", status=1)[1]
    assert "create the folder" in run("grade", "empty", "--out", "no/where/marks", status=1)[1]
    assert not list(submissions(folder))


class Page(HTMLParser):
    """Tags, the text of cells, and what a page would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_is_whole_and_escapes_what_learners_wrote() -> None:
    nasty = "<script>alert(1)</script>"
    bad = Verdict("sgd", False, "wrong sign", nasty, nasty, (Formula(nasty, nasty),), nasty)
    marks = (
        Mark(nasty, "sgd", nasty, bad),
        Mark("ada", "sgd", "ada.py", Verdict("sgd", True, "", "All agree.")),
        Mark("ada", "relu", "ada2.py", Verdict("relu", False, "wrong sign", "x")),
    )
    text = to_html(Grades("marks", 0, True, marks))
    page = Page(text)
    assert "script" not in page.tags
    assert "".join(page.text).count(nasty) > 4
    assert all(link.startswith("#m") for link in page.loads)
    assert "http" not in text
    assert "@media (prefers-color-scheme: dark)" in text
    assert page.tags.count("table") == 2
    assert "✓" in page.text
    assert "✗ " in page.text
    assert "1/2" in page.text
    assert "50%" in page.text  # of sgd


def test_of_several_files_the_one_that_passes_counts() -> None:
    good, bad = Verdict("sgd", True, "", "x"), Verdict("sgd", False, "wrong sign", "x")
    grades = Grades("f", 0, True, (Mark("ada", "sgd", "a.py", bad), Mark("ada", "sgd", "b.py", good)))
    assert grades.score("ada") == 1
    assert grades.mistakes() == []
    assert "The commonest mistakes" not in to_html(grades)
