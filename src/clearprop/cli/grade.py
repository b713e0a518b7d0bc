"""`clearprop grade`."""

from typing import Annotated

from cyclopts import Parameter

from clearprop.arrays.files import location
from clearprop.arrays.table import Table
from clearprop.cli import show
from clearprop.cli.settings import integer

MOST = 10  # mistakes that are listed


def run(
    folder: Annotated[str, Parameter(metavar="FOLDER", help="With STUDENT.py, or STUDENT/EXERCISE.py; also .ipynb")],
    /,
    *,
    out: Annotated[str, Parameter(metavar="FOLDER", help="Where grades.csv, .json and .html are written")] = "grades",
    exercise: Annotated[
        str | None, Parameter(metavar="NAME", help="Which exercise all are for [what each file's first line says]")
    ] = None,
    seed: Annotated[int, Parameter(metavar="N", converter=integer, help="Of the inputs, the same for all")] = 0,
    json: Annotated[bool, Parameter(negative=(), show_default=False, help="Print one JSON document")] = False,
) -> None:
    """Check a folder of submissions, and write the marks as a table, as data and as a page.

    Read docs/grading.md before running code of others: it says what this protects against, and what not.
    """
    from clearprop.arrays.files import check_writable
    from clearprop.grader import bubblewrap, report
    from clearprop.grader.grade import Mark, grade

    check_writable(location(out) if location(out).is_dir() else location(out).parent)
    if not bubblewrap.works():
        show.say("bubblewrap is not there: submissions can read your files and reach the network (docs/grading.md)")

    def watch(mark: Mark) -> None:
        show.say(f"{mark.file}: {mark.verdict.mistake or 'passes'}")

    grades = grade(folder, seed, exercise, watch)
    written = report.write(grades, out)
    if json:
        show.document(grades.to_dict() | {"files": [str(path) for path in written]})
        return
    rows = [(name, f"{grades.score(name)}/{grades.total}") for name in grades.students]
    mistakes = [(name, what, str(count)) for name, what, count in grades.mistakes()[:MOST]]
    tables = [Table(("student", "passed"), rows, right=(1,))]
    if mistakes:
        tables.append(Table(("exercise", "mistake", "students"), mistakes, right=(2,)))
    show.put(*tables, "\n".join(map(str, written)))
