"""What the doctor found: the verdict, and for each finding the formula as it is beside the formula as it should be."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

VERDICTS = ("correct", "one mistake", "two mistakes", "several hypotheses", "unknown")


@dataclass(frozen=True)
class Formula:
    """A line that is wrong, as it was found and as it should be, in NumPy and in LaTeX.

    name: of the array; yours: the learner's name for it, if known. shapes: of all arrays in the right line.
    found_shape: what the wrong line gave. line: where the learner assigns it, if the source is known.
    """

    name: str
    yours: str
    shapes: str
    found_shape: str
    found: str
    right: str
    found_latex: str | None
    right_latex: str | None
    line: tuple[int, str] | None = None


@dataclass(frozen=True)
class Finding:
    """One mistake: its name, what it is like here, where it is, why it is one, what to do, where it was seen."""

    name: str
    detail: str
    place: str
    says: str
    mend: str
    formulas: tuple[Formula, ...] = ()
    source: str = ""

    @property
    def title(self) -> str:
        """Name and detail."""
        return f"{self.name} ({self.detail})" if self.detail else self.name


@dataclass(frozen=True)
class Deviation:
    """How an array deviates from the right one: its relative error, and what can be said of it."""

    name: str
    error: float
    says: str


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """The verdict on a learner's code; true in an `if` only where all of it is correct. Prints itself.

    verdict: one of VERDICTS. findings: alternatives, each a tuple of one or two mistakes that explain every number;
    one alternative unless the verdict is "several hypotheses". part: backward, forward, loss, update or start.
    agreement: how far the numbers are from those of the reference with the mistakes put in, as a share of the largest;
    before: from the right ones; draws: on how many batches. slopes: how far finite differences of the loss are from
    the learner's gradient and from the mended one. deviations: of the arrays that are wrong, in the order of
    computation; suspects: the lines on which the first of them depends and nothing that is right. right: the arrays
    that are as they should be. stopped: why there are no numbers. also: the verdicts on other parts.
    """

    verdict: str
    findings: tuple[tuple[Finding, ...], ...] = ()
    part: str = "backward"
    agreement: float = 0.0
    before: float = 0.0
    draws: int = 1
    slopes: tuple[float, float] | None = None
    deviations: tuple[Deviation, ...] = ()
    suspects: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    layout: str = "rows"
    stopped: str = ""
    also: tuple["Diagnosis", ...] = ()
    hypotheses: tuple[Any, ...] = ()  # the findings as changes of the reference, which Search can run

    def __bool__(self) -> bool:
        return self.verdict == "correct" and all(self.also)

    def __str__(self) -> str:
        from clearprop.insight.doctor.text import text

        return text(self)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON; None for what is not finite."""
        plain = dataclasses.asdict(dataclasses.replace(self, hypotheses=(), also=()))
        del plain["hypotheses"]
        return _finite(plain) | {"also": [other.to_dict() for other in self.also]}

    def to_json(self) -> str:
        """The same as text.

        >>> Diagnosis("correct", right=("dW1", "db1")).to_json()[:21]
        '{"verdict": "correct"'
        """
        import json

        return json.dumps(self.to_dict())

    def summary(self) -> str:
        """What is wrong and where, in about two lines."""
        from clearprop.insight.doctor.text import headline

        return "\n".join(headline(self))

    def _repr_html_(self) -> str:
        from clearprop.insight.doctor.page import page

        return page(self)


def _finite(value: Any) -> Any:
    """Plain data as JSON can have it."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
