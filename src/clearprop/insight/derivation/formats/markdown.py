"""A derivation as Markdown with LaTeX between dollars, which Jupyter and GitHub show with its mathematics."""

from typing import TYPE_CHECKING

from clearprop.insight.derivation.formats import words
from clearprop.insight.derivation.formats.latex import broken
from clearprop.insight.derivation.lines import RULES, Line
from clearprop.insight.derivation.show import arrays_in_text, shape_text, shapes_text

if TYPE_CHECKING:
    from clearprop.insight.derivation.derive import Derivation


def to_markdown(derivation: "Derivation") -> str:
    """Headings, equations, the lines as code, and values folded away."""
    blocks = heading(derivation) + given(derivation)
    for name, lines in words.sections(derivation):
        blocks.append(f"## {name}")
        for number, line in lines:
            blocks += [*equation(derivation, number, line), code(line.text), *_value(derivation, line)]
    blocks += ["## The whole program", code(derivation.program().rstrip()), *rules(derivation)]
    return "\n\n".join(blocks) + "\n"


def heading(derivation: "Derivation") -> list[str]:
    """The title and the key."""
    return [f"# {literal(words.title(derivation))}", "\n".join(f"- {one}" for one in words.key(derivation))]


def given(derivation: "Derivation") -> list[str]:
    """What the program starts from."""
    blocks = ["## Given", ", ".join(f"`{name}` {shape_text(shape)}" for name, shape in words.given(derivation).items())]
    for name, values in derivation.given.items():
        blocks.append(folded(f"{name} {values.shape}", arrays_in_text(values, 0, words.GIVEN_PLACES)))
    return blocks


def equation(derivation: "Derivation", number: int, line: Line) -> list[str]:
    """The rule, the equation, why it holds, and the shapes."""
    rule = RULES[line.rule]
    blocks = [f"**{number}. {rule.title}.** {rule.says}", f"$$\n{broken(line.equation)}\n$$"]
    if line.because:
        blocks.append(f"> because ${line.because}$")
    return [*blocks, f"`{shapes_text(line, derivation.steps.shapes)}`"]


def rules(derivation: "Derivation") -> list[str]:
    """The rules that were used."""
    told = [
        f"- **{rule.title}**: {rule.says}" + (f" ${rule.latex}$" if rule.latex else "")
        for rule in words.rules(derivation)
    ]
    return ["## Rules", "\n".join(told)]


def code(text: str, language: str = "python") -> str:
    """A block of code."""
    return f"```{language}\n{text}\n```"


def literal(text: str) -> str:
    """Text as code, whatever is in it.

    >>> literal("a`b")
    '`` a`b ``'
    """
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def folded(summary: str, lines: list[str]) -> str:
    """Lines that open with a click; `summary` holds nothing that HTML would take for its own."""
    return f"<details><summary>{summary}</summary>\n\n" + code("\n".join(lines), "text") + "\n\n</details>"


def _value(derivation: "Derivation", line: Line) -> list[str]:
    live = derivation.live.get(line.name)
    if live is None:
        return []
    mark = {None: "", True: " ✓ ", False: " ✗ "}[live.ok]
    return [folded(f"{line.name} {live.value.shape}{mark}{'; '.join(words.checks(line, live))}",
                   arrays_in_text(live.value))]  # fmt: skip
