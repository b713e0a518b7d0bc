"""Grades as CSV, JSON and one page of HTML that needs no network."""

import csv
import io
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from clearprop.arrays.files import atomic, location, told
from clearprop.grader.grade import Grades, Mark

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet begins to compute
COLUMNS = ("student", "exercise", "file", "passed", "mistake", "says")


def write(grades: Grades, folder: Any) -> list[Path]:
    """Write grades.csv, grades.json and grades.html to a folder, which is made if it is not there."""
    place = location(folder)
    with told(place, "a folder to write to"):
        place.mkdir(parents=True, exist_ok=True)
    document = msgspec.json.format(msgspec.json.encode(grades.to_dict()), indent=1).decode() + "\n"
    written = []
    for suffix, text in ("csv", to_csv(grades)), ("json", document), ("html", to_html(grades)):
        written.append(place / f"grades.{suffix}")
        with atomic(written[-1]) as file:
            file.write(text.encode("utf-8-sig" if suffix == "csv" else "utf-8"))
    return written


def to_csv(grades: Grades) -> str:
    """A line for each submission."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for mark in grades.marks:
        verdict = mark.verdict
        row = (mark.student, mark.exercise, mark.file, int(verdict.passed), verdict.mistake, verdict.says)
        writer.writerow([f"'{cell}" if str(cell).startswith(FORMULA) else cell for cell in row])
    return text.getvalue()


def to_html(grades: Grades) -> str:
    """The whole page."""
    style = files("clearprop.grader").joinpath("grade.css").read_text(encoding="utf-8")
    title = escape(f"Grades of {Path(grades.folder).name or grades.folder}")
    passed = sum(mark.verdict.passed for mark in grades.best.values())
    counts = f"{len(grades.students)} students, {grades.total} exercises, "
    counts += f"{passed} of {len(grades.best)} submissions pass; seed {grades.seed}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{counts}</p>
<h2>Students and exercises</h2>
<p>✓ passes; ✗ does not, with the number of the mistake below; · was not handed in.</p>
<div class="scroll">{_students(grades)}</div>
{_mistakes(grades)}
<h2>Every submission</h2>
{"".join(_student(grades, name) for name in grades.students)}
</main>
</body>
</html>
"""


def _students(grades: Grades) -> str:
    numbers = _numbers(grades)
    head = ["passed", *grades.exercises]
    rows = []
    for student in grades.students:
        cells = (_cell(grades.best.get((student, name)), numbers) for name in grades.exercises)
        total = f'<td class="total">{grades.score(student)}/{grades.total}</td>'
        rows.append(f"<tr>{_name(student)}{total}{''.join(cells)}</tr>")
    shares = []
    for name in grades.exercises:
        marks = [mark for (_, other), mark in grades.best.items() if other == name]
        share = sum(mark.verdict.passed for mark in marks) / len(marks)
        shares.append(f'<td class="share" style="--m:{share:.2f}">{share:.0%}</td>')
    foot = f"<tfoot><tr><th>pass</th><td></td>{''.join(shares)}</tr></tfoot>"
    return f"<table>{_head(head)}<tbody>{''.join(rows)}</tbody>{foot}</table>"


def _cell(mark: Mark | None, numbers: dict[str, int]) -> str:
    if mark is None:
        return '<td class="none" title="not handed in">·</td>'
    if mark.verdict.passed:
        return '<td class="pass" title="passes">✓</td>'
    what = mark.verdict.mistake
    return f'<td class="fail" title="{escape(what)}">✗ <a href="#m{numbers[what]}">{numbers[what]}</a></td>'


def _numbers(grades: Grades) -> dict[str, int]:
    """Mistakes numbered by how common they are, over all exercises."""
    totals: dict[str, int] = {}
    for _, what, count in grades.mistakes():
        totals[what] = totals.get(what, 0) + count
    order = sorted(totals, key=lambda what: (-totals[what], what))
    return {what: i for i, what in enumerate(order, 1)}


def _mistakes(grades: Grades) -> str:
    counts = {(what, name): count for name, what, count in grades.mistakes()}
    if not counts:
        return ""
    names = [name for name in grades.exercises if any(name == other for _, other in counts)]
    most = max(counts.values())
    rows = []
    for what, number in _numbers(grades).items():
        cells = (_count(counts.get((what, name), 0), most) for name in names)
        total = sum(count for (other, _), count in counts.items() if other == what)
        label = f'<th id="m{number}" title="{escape(what)}">{number} {escape(what)}</th>'
        rows.append(f'<tr>{label}<td class="total">{total}</td>{"".join(cells)}</tr>')
    table = f"<table>{_head(['students', *names])}<tbody>{''.join(rows)}</tbody></table>"
    told = "How many students made each, the commonest first; the first column counts all exercises."
    return f'<h2>The commonest mistakes</h2><p>{told}</p><div class="scroll">{table}</div>'


def _count(count: int, most: int) -> str:
    return f'<td class="count" style="--m:{count / most:.2f}">{count}</td>' if count else '<td class="none">·</td>'


def _head(names: Iterable[str]) -> str:
    return f"<thead><tr><td></td>{''.join(f'<th><span>{escape(name)}</span></th>' for name in names)}</tr></thead>"


def _name(student: str) -> str:
    return f'<th title="{escape(student)}">{escape(student)}</th>'


def _student(grades: Grades, student: str) -> str:
    marks = [mark for mark in grades.marks if mark.student == student]
    told = "".join(
        f"<article><h3>{'✓' if mark.verdict.passed else '✗'} {escape(mark.file)}</h3>"
        f"<pre>{escape(str(mark.verdict))}</pre></article>"
        for mark in marks
    )
    summary = f"{escape(student)}: {grades.score(student)} of {grades.total}"
    return f"<details><summary>{summary}</summary>{told}</details>\n"
