"""A learner's file: a .py, or the code cells of a notebook; and the exercise that it says it is for."""

import re
from pathlib import Path
from typing import Any

import msgspec

from clearprop.arrays.errors import FileError, brief
from clearprop.arrays.files import location, opened, size
from clearprop.grader.exercise import Exercise
from clearprop.grader.table import EXERCISES, exercise

LARGEST_CODE = 2**20  # bytes
LARGEST_NOTEBOOK = 2**25
HEADER = re.compile(r"^#\s*clearprop exercise:\s*([\w-]{1,60})\s*$", re.MULTILINE)
MAGIC = re.compile(r"^\s*[%!?]|^\s*[\w.]+\?{1,2}\s*$")


class _Cell(msgspec.Struct):
    cell_type: str
    source: str | list[str] = ""


class _Notebook(msgspec.Struct):
    cells: list[_Cell]


def read(path: Any) -> str:
    """The code in a file; of a notebook the cells with code, one after the other."""
    place = location(path)
    notebook = place.suffix.lower() == ".ipynb"
    most = LARGEST_NOTEBOOK if notebook else LARGEST_CODE
    if size(place) > most:
        raise FileError(
            str(place), f"at most {most:,} bytes", f"{size(place):,}", "clear the outputs, or check the path"
        )
    with opened(place) as file:
        content = file.read(most + 1)
    if notebook:
        return from_notebook(content, str(place))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileError(str(place), "Python code in UTF-8", "other bytes", "save it as UTF-8") from None


def from_notebook(content: bytes, where: str = "notebook") -> str:
    """The code cells of a notebook, without lines for the shell and magics; outputs are not looked at.

    >>> from_notebook(b'{"cells": [{"cell_type": "code", "source": ["%matplotlib inline\\\\n", "x = 1"]}]}')
    'x = 1\\n'
    """
    try:
        cells = msgspec.json.decode(content, type=_Notebook).cells
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(where, "a notebook of format 4", brief(str(error)), "save it again in Jupyter") from None
    found = []
    for cell in cells:
        text = cell.source if isinstance(cell.source, str) else "".join(cell.source)
        if cell.cell_type == "code" and not text.lstrip().startswith("%%"):
            found.append("\n".join(line for line in text.splitlines() if not MAGIC.match(line)) + "\n")
    code = "\n".join(found)
    if len(code) > LARGEST_CODE:
        raise FileError(
            where, f"at most {LARGEST_CODE:,} characters of code", f"{len(code):,}", "take out what is not needed"
        )
    return code


def exercise_of(source: str, path: Any, name: str | None = None) -> Exercise:
    """The exercise that `name` says, or the file's line `# clearprop exercise: NAME`, or else the file's own name."""
    if name:
        return exercise(name)
    header = HEADER.search(source)
    if header:
        return exercise(header[1])
    stem = Path(str(path)).stem.lower().replace("_", "-")
    if stem in EXERCISES:
        return EXERCISES[stem]
    raise FileError(
        str(path), "a line such as # clearprop exercise: softmax", "none", "add it, or give --exercise NAME"
    )
