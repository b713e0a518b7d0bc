"""A diagnosis for a notebook: both formulas side by side, as mathematics where latex2mathml is at hand."""

import html

from clearprop.arrays.errors import MissingExtra
from clearprop.insight.doctor.diagnosis import Diagnosis, Finding, Formula
from clearprop.insight.doctor.text import SHOWN, headline, text, unshown

CELL = "text-align: left; vertical-align: bottom; padding: .3em 2em .3em 0"


def page(found: Diagnosis) -> str:
    """HTML without scripts or anything from outside."""
    first, *others = headline(found)
    named = len(found.findings) == 1 and len(found.findings[0]) == 1  # by these lines; else each has a title below
    parts = [f"<p><b>{html.escape(first)}</b></p>"]
    parts += [f"<p>{html.escape(line)}</p>" for line in others if named or not found.findings]
    for i, alternative in enumerate(found.findings, 1):
        number = f"{i}. " if len(found.findings) > 1 else ""
        for finding in alternative:
            title = "" if named else f"{number}{finding.title}, {finding.place}"
            parts.append(_finding(finding, title) if i <= SHOWN else f"<p><b>{html.escape(title)}</b></p>")
    parts += [f"<details><summary>All of it as text</summary><pre>{html.escape(text(found))}</pre></details>"]
    return "".join(parts)


def _finding(finding: Finding, title: str) -> str:
    """The formulas, the learner's lines and what to do; with a title and the reason where these are not said yet."""
    formulas = finding.formulas[:SHOWN]
    parts = [f"<p><b>{html.escape(title)}</b><br>{html.escape(finding.says)}</p>"] if title else []
    if formulas:
        heads = ["yours", "right", *(["shapes"] if any(formula.shapes for formula in formulas) else [])]
        cells = "".join(f'<th style="{CELL}">{head}</th>' for head in heads)
        rows = "".join(_row(formula, len(heads)) for formula in formulas)
        parts += [f'<div style="overflow-x: auto"><table><tr>{cells}</tr>{rows}</table></div>']
    parts += [f"<p>{unshown(finding)}</p>"] if unshown(finding) else []
    lines = dict.fromkeys(formula.line for formula in formulas if formula.line is not None)
    parts += [f"<p>Your line {number}: <code>{html.escape(code)}</code></p>" for number, code in lines]
    return "".join(parts) + f"<p>Mend: {html.escape(finding.mend)}.</p>"


def _row(formula: Formula, columns: int) -> str:
    gives = f"yours {html.escape(formula.found_shape)}<br>" if formula.found_shape else ""
    cells = [
        _equation(formula, formula.found, formula.found_latex),
        _equation(formula, formula.right, formula.right_latex),
        gives + html.escape(formula.shapes),
    ]
    return "<tr>" + "".join(f'<td style="{CELL}">{cell}</td>' for cell in cells[:columns]) + "</tr>"


def _equation(formula: Formula, code: str, latex: str | None) -> str:
    """The mathematics above the line of NumPy."""
    shown = _math(latex)
    above = f'<div style="padding: .2em 0 .7em">{shown}</div>' if shown else ""
    return f"{above}<code>{html.escape(f'{formula.yours} = {code}')}</code>"


def _math(latex: str | None) -> str:
    """MathML; nothing where the formula is not written in LaTeX or the package is absent: the code stands below."""
    from clearprop.insight.derivation.formats.mathml import mathml

    try:
        return mathml(latex) if latex else ""
    except MissingExtra:
        return ""
