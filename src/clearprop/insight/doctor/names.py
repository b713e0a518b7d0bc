"""A learner's own names for the arrays of a pass, and the lines of their code that assign them."""

import ast
import inspect
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clearprop.insight.derivation.lines import NAME
from clearprop.insight.doctor.problem import Problem


@dataclass(frozen=True)
class Names:
    """own: the learner's name of a reference's array. lines: where it is assigned, as (number in the file, text)."""

    own: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    def of(self, code: str) -> str:
        """Code in the learner's names."""
        return NAME.sub(lambda found: self.own.get(found[0], found[0]), code)


def names_of(code: Any, problem: Problem) -> Names:
    """What can be found out: from the names of arguments, and from the source where there is one."""
    own, lines = dict(problem.names), {}
    try:
        thing = code if inspect.isroutine(code) or inspect.isclass(code) else type(code)
        source, start = inspect.getsourcelines(thing)
        tree = ast.parse(textwrap.dedent("".join(source)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return Names(own)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign | ast.AugAssign):
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            text = ast.unparse(target)
            name = _reference(text, problem)
            if name is not None and node.lineno <= len(source):
                lines[name] = (max(start, 1) + node.lineno - 1, source[node.lineno - 1].strip())
                own.setdefault(name, text)
    return Names(own, lines)


def _reference(text: str, problem: Problem) -> str | None:
    """The reference's name for dZ2, self.dW1, grads["db2"]."""
    inner = re.fullmatch(r"(?:\w+\[[\"'](\w+)[\"']\])|(?:self\.)?(\w+)", text)
    if inner is None:
        return None
    try:
        return problem.named((inner[1] or inner[2]).lower().strip("_"))
    except KeyError:
        return None
