"""What a learner is told: two lines, and the formulas."""

import re
import textwrap
from dataclasses import asdict, dataclass
from typing import Any

UNPRINTABLE = re.compile(r"[^\n\t\x20-\x7e\xa1-\u202d\u202f-\ud7ff\uf900-\ufffd\U00010000-\U0010ffff]")
SHOWN = 600  # characters of what the code printed


@dataclass(frozen=True)
class Formula:
    """A line as it was found, as far as its numbers tell, and as it should be."""

    found: str
    right: str


@dataclass(frozen=True)
class Verdict:
    """The answer to one submission; true in an `if` only where it passes.

    mistake: the name of what is wrong, nothing where it passes. says: why, in a sentence. mend: what to do. formulas:
    the lines that are wrong. printed: the beginning of what the code printed.

    >>> verdict = Verdict("softmax", False, "softmax over the batch", "The sum is over the samples.", "sum over axis 1")
    >>> print(verdict)
    softmax: softmax over the batch
    The sum is over the samples.
    mend   sum over axis 1
    """

    exercise: str
    passed: bool
    mistake: str
    says: str
    mend: str = ""
    formulas: tuple[Formula, ...] = ()
    printed: str = ""

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        text = [f"{self.exercise}: {self.mistake or 'right'}", self.says]
        for one in self.formulas:
            text += [*_lines("yours", one.found), *_lines("right", one.right)]
        if self.mend:
            text.append(f"mend   {self.mend}")
        if self.printed and not self.passed:
            text += ["it printed:", textwrap.indent(cut(self.printed), "  ")]
        return "\n".join(text)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


def _lines(label: str, text: str) -> list[str]:
    first, *others = text.splitlines() or [""]
    return [f"{label}  {first}", *(f"       {one}" for one in others)]


def clean(text: str) -> str:
    """Text of a learner's without what would steer a terminal.

    >>> clean("\\x1b[31mred")
    '?[31mred'
    """
    return UNPRINTABLE.sub("?", text)


def cut(text: str, limit: int = SHOWN) -> str:
    """The beginning of a learner's text, clean.

    >>> cut("a" * 10, 4)
    'aaaa ... (6 characters more)'
    """
    text = clean(text).rstrip()
    return text if len(text) <= limit else f"{text[:limit]} ... ({len(text) - limit:,} characters more)"
