"""A derivation for a terminal, in ASCII."""

from typing import TYPE_CHECKING

from clearprop.insight.derivation.formats import words
from clearprop.insight.derivation.lines import RULES
from clearprop.insight.derivation.show import WIDTH, arrays_in_text, shape_text, shapes_text

if TYPE_CHECKING:
    from clearprop.insight.derivation.derive import Derivation

INDENT = 5


def to_text(derivation: "Derivation") -> str:
    """Each line of the program with its shapes and rule, and with its value where there is a batch."""
    steps = derivation.steps
    samples = "rows" if steps.convention.samples == 0 else "columns"
    text = [words.title(derivation), f"N samples, the {samples} of x", "", "given"]
    for name, shape in words.given(derivation).items():
        text.append(f"{'':{INDENT}}{name} {shape_text(shape)}")
        if name in derivation.given:
            text += arrays_in_text(derivation.given[name], INDENT + 3, words.GIVEN_PLACES)
    for heading, lines in words.sections(derivation):
        text += ["", heading.lower()]
        for number, line in lines:
            text.append(f"{number:3}  {line.text}")
            text += _wrapped(f"{RULES[line.rule].title}: {shapes_text(line, steps.shapes)}")
            live = derivation.live.get(line.name)
            if live:
                mark = "WRONG" if live.ok is False else "ok"
                text += arrays_in_text(live.value, INDENT + 3)
                text += [f"{'':{INDENT}}{mark}: {'; '.join(told)}" for told in [words.checks(line, live)] if told]
    text += ["", "rules"]
    for rule in words.rules(derivation):
        text += _wrapped(f"{rule.title}: {rule.says}")
    return "\n".join(text)


def _wrapped(sentence: str) -> list[str]:
    import textwrap

    return textwrap.wrap(sentence, WIDTH, initial_indent=" " * INDENT, subsequent_indent=" " * (INDENT + 3))
