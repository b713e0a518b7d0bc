"""`clearprop exercise`: list, start, hint, check."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from clearprop.arrays.errors import FileError
from clearprop.arrays.files import atomic, location
from clearprop.arrays.table import Table
from clearprop.cli import show
from clearprop.cli.settings import integer

Name = Annotated[str, Parameter(metavar="NAME", help="Of an exercise, as clearprop exercise list has them")]
Seed = Annotated[int | None, Parameter(metavar="N", converter=integer, help="Of the inputs [new ones each time]")]
Json = Annotated[bool, Parameter(negative=(), show_default=False, help="Print one JSON document")]

app = App(
    name="exercise", help="Exercises: write the parts of a network yourself, and have them checked.",
    help_format="plaintext", help_epilogue="Begin with: clearprop exercise list", sort_key=90,
)  # fmt: skip


def list_(*, json: Json = False) -> None:
    """List the exercises in the order of learning."""
    from clearprop.grader.table import EXERCISES

    if json:
        show.document({one.name: {"title": one.title, "hints": len(one.hints)} for one in EXERCISES.values()})
        return
    show.put(Table(("name", "what is to be written"), [(one.name, one.title) for one in EXERCISES.values()]))
    show.say("\nBegin one: clearprop exercise start NAME")


def start(
    name: Name,
    /,
    *,
    notebook: Annotated[bool, Parameter(negative=(), show_default=False, help="As a Jupyter notebook")] = False,
    out: Annotated[str | None, Parameter(metavar="FILE", help="File to write [NAME.py or NAME.ipynb]")] = None,
) -> None:
    """Write an exercise as a file to fill in. A file that is there already is left alone."""
    from clearprop.grader import sheets
    from clearprop.grader.table import exercise

    one = exercise(name)
    path = location(out or f"{one.name}.{'ipynb' if notebook else 'py'}")
    if path.exists() or path.is_symlink():
        raise FileError(str(path), "a new file", "one that exists", "add --out with another name")
    with atomic(path) as file:
        file.write((sheets.notebook(one) if notebook else sheets.python(one)).encode())
    show.put(f"{path}: {one.title}")
    show.say(f"Fill it in, then: clearprop exercise check {path}")


def hint(
    name: Name,
    /,
    *,
    number: Annotated[
        int | None, Parameter(metavar="N", converter=integer, help="Which one [the next that has not been shown]")
    ] = None,
) -> None:
    """Show one more hint. Which ones have been shown is kept in .clearprop-hints.json in this folder."""
    from clearprop.grader.hints import next_hint
    from clearprop.grader.table import exercise

    show.put(next_hint(exercise(name), Path.cwd(), number))


def check(
    file: Annotated[str, Parameter(metavar="FILE", help="A .py file or a notebook")],
    /,
    *,
    exercise: Annotated[
        str | None, Parameter(metavar="NAME", help="Which exercise it is for [what its first line says]")
    ] = None,
    seed: Seed = None,
    json: Json = False,
) -> int:
    """Run a solution on new random inputs, and name what is wrong with it. The status is 1 if it does not pass.

    The code runs in a process of its own, within limits; see docs/grading.md for what that protects against.
    """
    from clearprop.grader import checking, submission

    source = submission.read(file)
    verdict = checking.check(source, submission.exercise_of(source, file, exercise), seed=seed)
    if json:
        show.document({"file": file, **verdict.to_dict()})
    else:
        show.put(verdict)
    return 0 if verdict else 1


COMMANDS: list[tuple[str, Callable[..., int | None], list[str]]] = [
    ("list", list_, ["clearprop exercise list"]),
    ("start", start, ["clearprop exercise start softmax", "clearprop exercise start softmax --notebook"]),
    ("hint", hint, ["clearprop exercise hint softmax"]),
    ("check", check, ["clearprop exercise check softmax.py", "clearprop exercise check mine.ipynb --exercise softmax"]),
]
for place, (name, command, examples) in enumerate(COMMANDS):
    app.command(command, name=name, sort_key=place, help_epilogue="\n  ".join(["Examples:", *examples]))
