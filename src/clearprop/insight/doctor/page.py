"""A diagnosis for a notebook: both formulas side by side, as mathematics where latex2mathml is at hand."""

import html

from clearprop.arrays.errors import MissingExtra
from clearprop.insight.doctor.diagnosis import Diagnosis, Finding, Formula
from clearprop.insight.doctor.text import headline, text


def page(found: Diagnosis) -> str:
    """HTML without scripts or anything from outside."""
    first, *others = headline(found)
    parts = [f"<p><b>{html.escape(first)}</b></p>", *(f"<p>{html.escape(line)}</p>" for line in others)]
    for alternative in found.findings:
        parts += [_finding(finding) for finding in alternative]
    parts += [f"<details><summary>All of it as text</summary><pre>{html.escape(text(found))}</pre></details>"]
    return "".join(parts)


def _finding(finding: Finding) -> str:
    rows = "".join(_row(formula) for formula in finding.formulas)
    return (
        f"<p>{html.escape(finding.title)}, {html.escape(finding.place)}</p>"
        f"<table><tr><th>yours</th><th>right</th><th>shapes</th></tr>{rows}</table>"
        f"<p>{html.escape(finding.says)} Mend: {html.escape(finding.mend)}.</p>"
    )


def _row(formula: Formula) -> str:
    cells = [(formula.found_latex, formula.found), (formula.right_latex, formula.right)]
    shown = "".join(f"<td>{_math(latex)}<br><code>{html.escape(formula.yours)} = {html.escape(code)}</code></td>"
                    for latex, code in cells)  # fmt: skip
    return f"<tr>{shown}<td>{html.escape(formula.shapes)}</td></tr>"


def _math(latex: str | None) -> str:
    """MathML; nothing where the formula is not written in LaTeX or the package is absent: the code stands below."""
    from clearprop.insight.derivation.formats.mathml import mathml

    try:
        return mathml(latex) if latex else ""
    except MissingExtra:
        return ""
