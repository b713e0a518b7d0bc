"""A learner's own names for the arrays of a pass, and the lines of their code that assign them."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from clearprop.insight.derivation.lines import NAME
from clearprop.insight.doctor.problem import Problem, plain

LETTER = re.compile(r"(?<![\w.'])[xtpN](?!\w)")  # the arrays of which prose speaks


@dataclass(frozen=True)
class Names:
    """own: the learner's name of a reference's array. lines: where it is assigned, as (number in the file, text).

    once: what is assigned to it, if that happens in one place.
    """

    own: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    once: Mapping[str, str] = field(default_factory=dict)

    def of(self, code: str) -> str:
        """Code in the learner's names."""
        return NAME.sub(lambda found: self.own.get(found[0], found[0]), code)

    def told(self, says: str) -> str:
        """A sentence with the learner's names for x, t, p and N."""
        return LETTER.sub(lambda found: self.own.get(found[0], found[0]), says)


def keys_of(found: Mapping[Any, Any], theirs: Mapping[str, Any], problem: Problem) -> dict[str, str]:
    """The learner's keys, W1 or dW1, of the gradients that they are for."""
    keys = [key for key in found if str(key).isidentifier()]
    named = [(_reference(f"{d}{key}", problem), key) for d in ("", "d") for key in keys]
    return {name: key for name, key in named if name is not None and name in theirs}


def names_of(code: Any, problem: Problem, keys: Mapping[str, str] | None = None) -> Names:
    """What can be found out: from the names of arguments, from the source where there is one, and from `keys`."""
    own: dict[str, str] = dict(problem.names)
    lines: dict[str, tuple[int, str]] = {}
    assigned: dict[str, list[str | None]] = {}
    try:
        thing = code if inspect.isroutine(code) or inspect.isclass(code) else type(code)
        source, start = inspect.getsourcelines(thing)
        tree = ast.parse(textwrap.dedent("".join(source)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return Names(_in_style({**(keys or {}), **own}, problem))
    for target, value in _assignments(tree):
        text = ast.unparse(target)
        name = _reference(text, problem)
        if name == "e" and "exp" not in (value or ""):
            continue  # an error, most likely
        if name is not None and target.lineno <= len(source):
            assigned.setdefault(name, []).append(value)
            lines[name] = (max(start, 1) + target.lineno - 1, source[target.lineno - 1].strip())
            own.setdefault(name, text)
        elif isinstance(target, ast.Subscript) and (part := _reference(ast.unparse(target.value), problem)) is not None:
            assigned.setdefault(part, []).append(None)
    once = {name: values[0] for name, values in assigned.items() if len(values) == 1 and values[0] is not None}
    return Names(_in_style({**(keys or {}), **own}, problem), lines, once)


def _assignments(tree: ast.AST) -> Iterator[tuple[ast.expr, str | None]]:
    """What is assigned to or changed, and the text of what it becomes where that is one expression."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _parts(target, value)
            case ast.AugAssign(target=target) | ast.keyword(arg="out", value=target):
                yield target, None


def _parts(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, str | None]]:
    """The targets of one assignment, those of a tuple one by one."""
    if not isinstance(target, ast.Tuple):
        yield target, ast.unparse(value)
        return
    values = value.elts if isinstance(value, ast.Tuple) else []
    for i, part in enumerate(target.elts):
        yield part, ast.unparse(values[i]) if len(values) == len(target.elts) else None


def _reference(text: str, problem: Problem) -> str | None:
    """The reference's name for dZ2, self.dW1, grads["db2"]."""
    inner = re.fullmatch(r"(?:\w+\[[\"'](\w+)[\"']\])|(?:self\.)?(\w+)", text)
    if inner is None:
        return None
    try:
        name = problem.named((inner[1] or inner[2]).lower().strip("_"))
    except KeyError:
        return None
    return None if text == "n" else name  # which is the features as often as the samples


def _in_style(own: Mapping[str, str], problem: Problem) -> dict[str, str]:
    """The arrays that the learner has no name for as the others are: outputs in capitals, no number for one layer."""
    names = list(problem.values)
    styled = dict(zip(names, names, strict=True))
    if own.get("x", "x")[:1].isupper():
        styled |= {name: name.capitalize() for name in [*problem.steps.outputs[1:], "p"] if name in styled}
    if problem.one_layer and "1" not in own.get("W1", "1"):
        styled = {name: plain(text) for name, text in styled.items()}
    return {name: text for name, text in styled.items() if text not in (name, *own.values())} | dict(own)
