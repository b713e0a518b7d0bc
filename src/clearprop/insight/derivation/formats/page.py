"""A derivation as one HTML page that needs no network: MathML for mathematics, tables for values."""

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clearprop.insight.derivation.formats import words
from clearprop.insight.derivation.formats.mathml import mathml
from clearprop.insight.derivation.lines import RULES, Line, symbol
from clearprop.insight.derivation.show import SMALL, number_texts, shape_text, shapes_text, summary_text

if TYPE_CHECKING:
    from clearprop.insight.derivation.derive import Derivation


def to_html(derivation: "Derivation") -> str:
    """The whole page."""
    style = files("clearprop.insight.derivation.formats").joinpath("page.css").read_text(encoding="utf-8")
    title = escape(words.title(derivation))
    body = [
        f"<header><h1>{title}</h1>",
        *(f"<p>{escape(one)}</p>" for one in words.key(derivation)),
        "</header>",
        section("Given", _given(derivation)),
        *(
            section(heading, "\n".join(_step(derivation, number, line) for number, line in lines))
            for heading, lines in words.sections(derivation)
        ),
        section("The whole program", f'<pre class="program">{escape(derivation.program())}</pre>'),
        section("Rules", _rules(derivation)),
    ]
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>",
            *body,
            "</main>\n</body>\n</html>\n",
        ]
    )


def section(heading: str, content: str) -> str:
    """A part of the page."""
    return f"<section>\n<h2>{escape(heading)}</h2>\n{content}\n</section>"


def table(values: NDArray[Any], places: int = 8) -> str:
    """A small array in full, shaded by magnitude, blue above zero and orange below; a large one in a line."""
    if values.size > SMALL:
        return f"<p>{escape(summary_text(values))}</p>"
    numbers, texts = np.atleast_2d(values), np.atleast_2d(number_texts(values, places))
    shades = np.abs(numbers) / max(float(np.abs(numbers).max(initial=0)), 1e-300)
    rows = ("".join(_cell(*one) for one in zip(*row, strict=True)) for row in zip(numbers, shades, texts, strict=True))
    return f'<div class="scroll"><table>{"".join(f"<tr>{row}</tr>" for row in rows)}</table></div>'


def _cell(number: float, shade: float, text: str) -> str:
    side = ' class="below"' if number < 0 else ""
    return f'<td{side} style="--m:{shade:.2f}">{text}</td>'


def _given(derivation: "Derivation") -> str:
    found = []
    for name, shape in words.given(derivation).items():
        values = derivation.given.get(name)
        shown = "" if values is None else table(values, words.GIVEN_PLACES)
        names = f"{mathml(symbol(name))} <code>{name}</code> {shape_text(shape)}"
        found.append(f"<figure><figcaption>{names}</figcaption>{shown}</figure>")
    return f'<div class="given">{"".join(found)}</div>'


def _step(derivation: "Derivation", number: int, line: Line) -> str:
    rule = RULES[line.rule]
    because = f'<p class="because scroll">because {mathml(line.because, commas=True)}</p>' if line.because else ""
    return f"""<article id="{line.name}">
<div>
<h3><span class="number">{number}</span> {escape(rule.title)}</h3>
<p class="says">{escape(rule.says)}</p>
<p class="equation scroll">{mathml(line.equation)}</p>
{because}
</div>
<div>
<pre>{escape(line.text)}</pre>
<p class="shapes">{escape(shapes_text(line, derivation.steps.shapes))}</p>
{_value(derivation, line)}
</div>
</article>"""


def _value(derivation: "Derivation", line: Line) -> str:
    live = derivation.live.get(line.name)
    if live is None:
        return ""
    kind, mark = {None: ("", ""), True: ("right", "✓ "), False: ("wrong", "✗ ")}[live.ok]
    told = escape("; ".join(words.checks(line, live)))
    return table(live.value) + (f'<p class="{kind} checks">{mark}{told}</p>' if told else "")


def _rules(derivation: "Derivation") -> str:
    told = (
        f"<dt>{escape(rule.title)}</dt><dd>{escape(rule.says)}"
        + (f'<div class="scroll">{mathml(rule.latex)}</div>' if rule.latex else "")
        + "</dd>"
        for rule in words.rules(derivation)
    )
    return f"<dl>{''.join(told)}</dl>"
