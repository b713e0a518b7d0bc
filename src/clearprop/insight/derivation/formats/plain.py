"""A derivation as a program and as plain data for JSON, and the name of its file."""

from typing import TYPE_CHECKING, Any

from clearprop.insight.derivation.lines import RULES, Line
from clearprop.layers.dense import Dense
from clearprop.network.network import Network

if TYPE_CHECKING:
    from clearprop.insight.derivation.derive import Derivation, Live


def filename(network: Network, suffix: str) -> str:
    """A name for a file, by the widths of the network.

    >>> filename(Network(2, 3, "relu", 1), ".html")
    'derivation-2-3-1.html'
    """
    widths = [network.inputs, *(layer.units for layer in network if isinstance(layer, Dense))]
    return f"derivation-{'-'.join(map(str, widths))}{suffix}"


def to_python(derivation: "Derivation") -> str:
    """The program."""
    return derivation.program()


def to_dict(derivation: "Derivation") -> dict[str, Any]:
    """Every line with its shape and rule, and, where there is a batch, its value and what it was compared with."""
    steps = derivation.steps
    return {
        "network": repr(steps.network), "loss": repr(steps.loss), "layout": steps.convention.name,
        "ok": derivation.ok if derivation.live else None,
        "given": {name: values.tolist() for name, values in derivation.given.items()},
        "lines": [_line(line, derivation.live.get(line.name)) for line in derivation.lines],
        "program": derivation.program(),
    }  # fmt: skip


def _line(line: Line, live: "Live | None") -> dict[str, Any]:
    told = {
        "name": line.name, "part": line.part, "code": line.code, "equation": line.equation, "because": line.because,
        "rule": RULES[line.rule].title, "shape": list(line.shape), "gradient_of": line.of,
    }  # fmt: skip
    if live is None:
        return told
    error = None if live.check is None else live.check.error
    verdict = None if live.check is None else live.check.verdict
    return told | {
        "value": live.value.tolist(), "ok": live.ok, "gap": live.gap, "differences": verdict, "error": error,
    }  # fmt: skip
