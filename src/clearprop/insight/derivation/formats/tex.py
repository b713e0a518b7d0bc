"""A derivation as a LaTeX document that pdflatex compiles."""

import re
from typing import TYPE_CHECKING

from clearprop.insight.derivation.formats import words
from clearprop.insight.derivation.formats.latex import broken
from clearprop.insight.derivation.lines import RULES, Line
from clearprop.insight.derivation.show import arrays_in_text, shape_text, shapes_text

if TYPE_CHECKING:
    from clearprop.insight.derivation.derive import Derivation

BEGIN = r"""\documentclass[11pt]{article}
\usepackage[a4paper, margin=22mm]{geometry}
\usepackage{amsmath, listings, parskip}
\lstset{basicstyle=\footnotesize\ttfamily, columns=fullflexible, keepspaces=true, breaklines=true, upquote=false,
  breakindent=2em, xleftmargin=1em, aboveskip=0.3em, belowskip=0.3em}
\setlength{\emergencystretch}{3em}
\allowdisplaybreaks
\begin{document}
\raggedright"""
ESCAPED = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
MATHS = {"⊙": r"$\odot$", "∂": r"$\partial$", "Δ": r"$\Delta$", "<": "$<$", ">": "$>$", "|": "$|$", '"': "''"}


def to_tex(derivation: "Derivation") -> str:
    """The whole document."""
    text = [BEGIN, rf"\section*{{{escaped(words.title(derivation))}}}"]
    text += [escaped(" ".join(words.key(derivation))), r"\subsection*{Given}"]
    for name, shape in words.given(derivation).items():
        text.append(f"{typed(name)} {escaped(shape_text(shape))}" + (r"\par" if derivation.given else r"\quad"))
        if name in derivation.given:
            text.append(listing(arrays_in_text(derivation.given[name], 0, words.GIVEN_PLACES)))
    for heading, lines in words.sections(derivation):
        text.append(rf"\subsection*{{{heading}}}")
        for number, line in lines:
            text += _step(derivation, number, line)
    text += [r"\subsection*{The whole program}", listing(derivation.program().splitlines())]
    text += [r"\subsection*{Rules}", r"\begin{description}"]
    for rule in words.rules(derivation):
        text.append(rf"\item[{rule.title}] {rule.says}" + (rf" $\displaystyle {rule.latex}$" if rule.latex else ""))
    return "\n".join([*text, r"\end{description}", r"\end{document}", ""])


def _step(derivation: "Derivation", number: int, line: Line) -> list[str]:
    rule = RULES[line.rule]
    text = [r"\begin{samepage}", rf"\textbf{{{number}. {rule.title}.}} {rule.says}"]
    text.append(rf"\[{broken(line.equation)}\]")
    if line.because:
        text.append(rf"{{\small because $\displaystyle {line.because}$\par}}")
    text += [rf"{{\small {escaped(shapes_text(line, derivation.steps.shapes))}\par}}", listing([line.text])]
    live = derivation.live.get(line.name)
    if live:
        text.append(listing(arrays_in_text(live.value)))
        told = "; ".join(words.checks(line, live))
        text.append(rf"{{\small {'WRONG: ' if live.ok is False else ''}{escaped(told)}\par}}" if told else "")
    return [*text, r"\end{samepage}", r"\medskip"]


def listing(lines: list[str]) -> str:
    """Lines as they are."""
    return "\n".join([r"\begin{lstlisting}", *lines, r"\end{lstlisting}"])


def typed(text: str) -> str:
    """Text in the letters of a typewriter."""
    return rf"\texttt{{{escaped(text)}}}"


def escaped(text: str) -> str:
    r"""Text as LaTeX, what is not ASCII by its number.

    >>> escaped("a_b ⊙ 50%")
    'a\\_b $\\odot$ 50\\%'
    """
    plain = re.sub(r"[\\~^{}#$%&_]", lambda found: ESCAPED.get(found[0], f"\\{found[0]}"), text)
    plain = re.sub(f"[{''.join(MATHS)}]", lambda found: MATHS[found[0]], plain)
    return re.sub(r"[^\x00-\x7f]", lambda found: rf"U+{ord(found[0]):04X}", plain)
