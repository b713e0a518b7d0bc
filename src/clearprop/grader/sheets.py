"""What a learner begins with: a .py file or a notebook, with the task, the shapes and room for the code."""

import json
import textwrap
from typing import Any

from clearprop.grader.exercise import Exercise


def python(one: Exercise) -> str:
    """The .py file of an exercise.

    >>> from clearprop.grader.table import EXERCISES
    >>> print(python(EXERCISES["sgd"]).splitlines()[0])
    # clearprop exercise: sgd
    """
    told = "\n".join([one.title, "", *textwrap.wrap(one.text, 96), "", *_howto(one, ".py")])
    return f'# clearprop exercise: {one.name}\n"""{told}\n"""\n\nimport numpy as np\n\n\n{one.starter}\n'


def notebook(one: Exercise) -> str:
    """The notebook of an exercise, format 4.5; hints open one by one."""
    shapes = "\n".join(f"- `{head}`: {told}" for head, told in one.shapes)
    hints = "\n\n".join(
        f"<details><summary>Hint {i}</summary>\n\n{hint}\n\n</details>" for i, hint in enumerate(one.hints, 1)
    )
    howto = " ".join(_howto(one, ".ipynb")[:1])
    cells = [
        _cell("task", f"# {one.title}\n\n{one.text}\n\n{shapes}"),
        _cell("hints", hints),
        _cell("code", f"# clearprop exercise: {one.name}\nimport numpy as np\n\n\n{one.starter}", code=True),
        _cell("check", f"{howto} It runs all cells with code, and looks at the functions only."),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = {
        "cells": cells, "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _howto(one: Exercise, suffix: str) -> list[str]:
    return [f"Check it: clearprop exercise check {one.name}{suffix}", f"A hint:   clearprop exercise hint {one.name}"]


def _cell(identity: str, text: str, code: bool = False) -> dict[str, Any]:
    common = {"id": identity, "metadata": {}, "source": text.splitlines(keepends=True)}
    if code:
        return {"cell_type": "code", **common, "execution_count": None, "outputs": []}
    return {"cell_type": "markdown", **common}
