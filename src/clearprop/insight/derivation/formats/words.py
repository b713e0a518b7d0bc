"""What all formats say alike: the order of the parts, what the letters mean, how a line was checked."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from clearprop.insight.derivation.lines import RULES, Line, Rule, Shape
from clearprop.insight.derivation.show import shape_text

if TYPE_CHECKING:
    from clearprop.insight.derivation.derive import Derivation, Live

HEADINGS = {
    "forward": "Forward", "backward": "Backward", "full": "Loss and link, one after the other",
    "instead": "With the squared error instead",
}  # fmt: skip
GIVEN_PLACES = 12  # decimals of what the program starts from, so that 8 can be recomputed


def title(derivation: "Derivation") -> str:
    """The network and the loss."""
    return f"{derivation.steps.network!r} with {derivation.steps.loss!r}"


def key(derivation: "Derivation") -> list[str]:
    """Sentences on the letters; ⊙ in them is the product element by element."""
    steps = derivation.steps
    side, product = ("rows", "Z = X W + b") if steps.convention.samples == 0 else ("columns", "Z = W X + b")
    count = f" (here {derivation.given['x'].shape[steps.convention.samples]})" if derivation.given else ""
    text = [
        f"The N samples{count} are the {side} of X, of shape {shape_text(steps.shapes['x'])}, so {product}. "
        "T holds the targets, L is the loss.",
        "A ⊙ B multiplies element by element, [z > 0] is 1 where that is so and 0 elsewhere, "
        "(i) marks what belongs to sample i.",
        "In the program dW1 is the gradient ∂L/∂W1, and delta1 (or Δ1) is ∂L/∂Z1.",
    ]
    if steps.weighted:
        text.append("s holds how much each sample counts; these weights sum to one.")
    return text


def sections(derivation: "Derivation") -> Iterator[tuple[str, list[tuple[int, Line]]]]:
    """The numbered lines in the order of reading, with a heading for each part."""
    seen: set[str] = set()
    chosen: list[tuple[int, Line]] = []
    lines = derivation.lines
    for number, line in enumerate(lines, 1):
        chosen.append((number, line))
        if number == len(lines) or lines[number].part != line.part:
            yield HEADINGS[line.part] + (", continued" if line.part in seen else ""), chosen
            seen.add(line.part)
            chosen = []


def given(derivation: "Derivation") -> dict[str, Shape]:
    """The names and shapes of what the program starts from: x, t, the parameters, masks and weights."""
    computed = {line.name for line in derivation.lines} | {"N"}
    return {name: shape for name, shape in derivation.steps.shapes.items() if name not in computed}


def rules(derivation: "Derivation") -> list[Rule]:
    """The rules that the lines use, each once, in order."""
    return [RULES[name] for name in dict.fromkeys(line.rule for line in derivation.lines)]


def checks(line: Line, live: "Live") -> list[str]:
    """What a line was compared with, and how it came out."""
    text = []
    other = line.equal or "what the library computes"
    if live.gap is not None and live.gap < 1e-6:
        text.append(f"equal to {other}" + (f" up to {live.gap:.0e}" if live.gap else ""))
    elif live.gap is not None:
        text.append(f"differs from {other} by {live.gap:.1e} of its largest element")
    row = live.check
    if row is None:
        return text
    over = f", {row.passed_over} passed over near a kink" if row.passed_over else ""
    if row.verdict == "ok":
        text.append(f"finite differences agree to {row.error:.0e} ({row.compared} compared{over})")
    elif row.verdict == "wrong":
        text.append(f"finite differences disagree: at {row.worst} {row.numeric:.8g}, here {row.analytic:.8g}")
    else:
        text.append(f"finite differences cannot tell{over}")
    return text
