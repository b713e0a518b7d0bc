"""A diagnosis as text for a terminal: what is wrong and where in two lines, then the formulas and the proof."""

import math
import textwrap
from collections.abc import Iterator

from clearprop.insight.doctor.diagnosis import Diagnosis, Finding, Formula

WIDTH = 100
SHOWN = 3  # formulas of one finding, and explanations in full
WHOLE = {"backward": "gradient", "forward": "forward pass", "loss": "loss", "update": "update", "start": "start"}


def text(found: Diagnosis) -> str:
    """All of it."""
    lines = [*headline(found), *_body(found)]
    for note in found.notes:
        lines += _labelled("note", note)
    for other in found.also:
        lines += ["", text(other)]
    return "\n".join(lines)


def headline(found: Diagnosis) -> list[str]:
    """What is wrong, where; two lines."""
    if found.stopped:
        return [f"Unknown: {found.stopped}", "No numbers came out, so there is nothing to compare yet."]
    if found.verdict == "correct":
        return [_correct(found)]
    if found.verdict == "unknown":
        first, *_ = found.deviations
        right = (
            f"Right already: {', '.join(found.right)}." if found.right else "Nothing that comes before it is at hand."
        )
        near = " (nearly right)" if first.error < 1e-4 else ""
        return [f"Unknown mistake{near}: the first wrong array is {first.name}, {first.says}.", right]
    if found.verdict == "several hypotheses":
        where = f"{found.deviations[0].name} is the first wrong array; " if found.deviations else ""
        return [
            f"One of {len(found.findings)} explanations: {where}the numbers cannot tell them apart.",
            *(f"  {i}. {_joined(one)}" for i, one in enumerate(found.findings, 1)),
        ]
    (findings,) = found.findings
    if len(findings) == 1:
        return [f"One mistake, {findings[0].place}: {findings[0].title}.", findings[0].says]
    places = [finding.place for finding in findings]
    where = places[0] if places[0] == places[1] else " and ".join(places)
    return [f"Two mistakes, {where}:", " and ".join(finding.title for finding in findings) + "."]


def _correct(found: Diagnosis) -> str:
    if found.part == "start":
        return "Start: nothing wrong with the parameters and inputs."
    return f"Correct: the {WHOLE[found.part]} is right, {', '.join(found.right)} agree {_to(found.agreement)}."


def _joined(findings: tuple[Finding, ...]) -> str:
    return " and ".join(f"{finding.title}, {finding.place}" for finding in findings)


def _body(found: Diagnosis) -> Iterator[str]:
    if found.verdict == "unknown" and not found.stopped:
        yield from _unknown(found)
    for i, alternative in enumerate(found.findings[:SHOWN], 1):
        if len(found.findings) > 1:
            yield f"\n{i}. {_joined(alternative)}"
        for finding in alternative:
            yield ""
            yield from _finding(
                finding, of_two=len(alternative) > 1, first=len(found.findings) == len(alternative) == 1
            )
    if len(found.findings) > SHOWN:
        yield f"\n... and {len(found.findings) - SHOWN} more: diagnosis.findings has all of them."
    if found.findings:
        yield from _proof(found)


def _finding(finding: Finding, of_two: bool, first: bool) -> Iterator[str]:
    if of_two:
        yield f"{finding.title}, {finding.place}"
    for formula in finding.formulas[:SHOWN]:
        yield from _formula(formula)
    yield from _labelled("", unshown(finding))
    if not first:
        yield from _labelled("why", finding.says)
    yield from _labelled("mend", finding.mend)


def unshown(finding: Finding) -> str:
    """How many formulas are left out, if any are."""
    more = len(finding.formulas) - SHOWN
    return f"and {more} line{'s' * (more > 1)} more, alike" if more > 0 else ""


def _formula(formula: Formula) -> Iterator[str]:
    width = max(len(formula.found), len(formula.right)) + len(formula.yours) + 3
    beside = 7 + width + 3 + max(len(formula.found_shape), len(formula.shapes)) <= WIDTH
    for label, code, shapes in ("yours", formula.found, formula.found_shape), ("right", formula.right, formula.shapes):
        equation = f"{formula.yours} = {code}"
        if beside:
            yield f"{label:<7}{equation:<{width}}   {shapes}".rstrip()
        else:
            yield from [*_labelled(label, equation), *_labelled("", shapes)]
    if formula.line is not None:
        yield from _labelled("line", f"{formula.line[0]}: {formula.line[1]}")


def _proof(found: Diagnosis) -> Iterator[str]:
    if found.part == "start":
        return
    on = f"on {found.draws} batches" if found.draws > 1 else "on this batch"
    several = "each of them" if len(found.findings) > 1 else "this"
    before = "some are not finite or of another shape"
    if found.before != float("inf"):
        before = f"they are {found.before:.2g} away (relative)"
    yield ""
    yield from _labelled(
        "proof", f"with {several} put into the reference, your numbers agree with it {_to(found.agreement)} {on}; "
        f"without, {before}",
    )  # fmt: skip
    if found.slopes is not None:
        before = "of another shape" if found.slopes[0] == float("inf") else f"{found.slopes[0]:.2g} away"
        mended = _to(max(found.slopes[1], 1e-8))
        says = f"finite differences of the loss: your gradient is {before}, mended it agrees {mended}"
        yield from _labelled("check", says)
    if found.right:
        yield from _labelled("fine", f"right already: {', '.join(found.right)}")


def _to(error: float) -> str:
    """How far numbers agree, as a power of ten."""
    return "to the last digits" if error < 1e-12 else f"to {10.0 ** math.ceil(math.log10(error) - 1e-9):.0e}"


def _unknown(found: Diagnosis) -> Iterator[str]:
    yield "None of the known mistakes, alone or two together, gives these numbers."
    if found.suspects:
        yield "\nLook at these lines; what is right does not depend on them:"
        for line in found.suspects:
            yield from _labelled("", line)
    if len(found.deviations) > 1:
        yield "\nAlso wrong:"
        yield from (f"       {one.name}: {one.says}" for one in found.deviations[1:])


def _labelled(label: str, says: str) -> list[str]:
    return textwrap.wrap(
        says, WIDTH, initial_indent=f"{label:<7}", subsequent_indent=" " * 7, break_on_hyphens=False
    )  # fmt: skip
