"""A network as a diagram: SVG text, neuron by neuron where it is small, else layer by layer. Needs no matplotlib."""

from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import SettingError, brief, suggest
from clearprop.layers.dense import Dense
from clearprop.network.model import Model
from clearprop.network.network import Network
from clearprop.pictures.blocks import blocks
from clearprop.pictures.theme import DARK, LIGHT, THEMES, Theme

NEURONS, WEIGHTS, COLUMNS = 16, 300, 6  # in a layer, in all, and columns, up to which each neuron is drawn
STEP, RADIUS, BETWEEN, EDGE, TOP = 46, 16, 150, 70, 58  # of neurons, in pixels
WIDTHS = 0.6, 4.6  # of the lines of weights


@dataclass(frozen=True)
class Diagram:
    """SVG text that a notebook shows; `save` writes it."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg

    def __str__(self) -> str:
        return self.svg

    def save(self, path: Any) -> None:
        """Write it to a file."""
        from clearprop.arrays.files import atomic

        with atomic(path) as file:
            file.write(self.svg.encode())


def diagram(network: Network | Model, theme: str | None = None) -> Diagram:
    """The layers of a network with their shapes and parameters; of a small one every neuron, weight and bias.

    Of a Model the lines show the weights, blue above zero, orange and dashed below, thicker where they are larger; so
    do the rings of neurons their biases, and the number in each is its bias. theme: "light" or "dark"; None follows
    the reader's browser.

    >>> import clearprop as cp
    >>> str(diagram(cp.Network(2, 3, "tanh", 1))).count("<circle")
    6
    """
    model = network if isinstance(network, Model) else None
    known = network.network if isinstance(network, Model) else network
    if not isinstance(known, Network):
        raise SettingError("diagram", "a Network or a Model", brief(network), "such as cp.Network(2, 3, 'tanh', 1)")
    if not (theme is None or (isinstance(theme, str) and theme in THEMES)):
        raise SettingError("diagram", "a theme that is known, or None", brief(theme), suggest(str(theme), THEMES))
    width, height, body = _neurons(known, model) if is_small(known) else blocks(known)
    kind = theme or "auto"
    title = f"<title>{escape(brief(known, 300))}</title>"
    return Diagram(
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cp-net cp-{kind}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" font-family="system-ui, sans-serif" font-size="13">'
        f'{title}{_style(theme, kind)}<rect class="paper" width="{width}" height="{height}"/>{body}</svg>'
    )


def is_small(network: Network) -> bool:
    """Whether each neuron is drawn."""
    widths = [network.inputs, *(layer.units for layer in network if isinstance(layer, Dense))]
    lines = sum(a * b for a, b in pairwise(widths))
    return len(widths) > 1 and len(widths) <= COLUMNS and max(widths) <= NEURONS and lines <= WEIGHTS


def _neurons(network: Network, model: Model | None) -> tuple[int, int, str]:
    """Columns of neurons: the inputs, then one for each Dense with the layers that follow it named above."""
    columns: list[tuple[str, int, list[str]]] = [("", network.inputs, [f"{network.inputs} inputs"])]
    for name, layer in zip(network.names, network, strict=True):
        if isinstance(layer, Dense):
            columns.append((name, layer.units, []))
        columns[-1][2].append(_label(layer))
    counts = [0] * len(columns)
    at = -1
    for layer, shapes in zip(network, network.shapes, strict=True):
        at += isinstance(layer, Dense)
        counts[at + 1] += sum(prod(shape) for shape in shapes.parameters.values())
    heads = max(len(labels) for _, _, labels in columns)
    top, tallest = TOP + 17 * (heads - 1), max(width for _, width, _ in columns)
    arrays = {name: value for name, value in (model.weights if model else {}).items() if name.endswith((".W", ".b"))}
    largest = {end: _largest([v for name, v in arrays.items() if name.endswith(end)]) for end in (".W", ".b")}
    places = [[(EDGE + BETWEEN * i, top + STEP * (j + (tallest - n) / 2)) for j in range(n)]
              for i, (_, n, _) in enumerate(columns)]  # fmt: skip
    parts = []
    for (before, after), (name, _, _) in zip(pairwise(places), columns[1:], strict=True):
        parts += _lines(before, after, name, arrays.get(f"{name}.W"), largest[".W"])
    for i, (name, width, labels) in enumerate(columns):
        biases = arrays.get(f"{name}.b")
        for j, (x, y) in enumerate(places[i]):
            bias = None if biases is None else float(biases[j])
            parts.append(_neuron(x, y, f"{name}, unit {j}" if name else f"x{j + 1}", bias, largest[".b"]))
        if i == len(columns) - 1 and model is not None and model.classes and len(model.classes) == width:
            parts += [_text(x + 20, y + 4, brief_name(label), "soft", "start")
                      for (x, y), label in zip(places[i], model.classes, strict=True)]  # fmt: skip
        x = EDGE + BETWEEN * i
        parts += [_text(x, 24 + 17 * k, text, "ink") for k, text in enumerate(labels)]
        if counts[i]:
            parts.append(_text(x, top + STEP * tallest - 6, f"{counts[i]:,} parameters", "soft"))
        parts.append(_text(x, top + STEP * tallest + 11, f"(N, {width})", "soft"))
    return 2 * EDGE + BETWEEN * (len(columns) - 1), round(top + STEP * tallest + 26), "".join(parts)


def _lines(before: Any, after: Any, name: str, W: NDArray[Any] | None, largest: float) -> list[str]:
    parts = []
    for j, (x1, y1) in enumerate(before):
        for k, (x2, y2) in enumerate(after):
            ends = f'x1="{x1 + RADIUS:g}" y1="{y1:g}" x2="{x2 - RADIUS:g}" y2="{y2:g}"'
            if W is None:
                parts.append(f'<line class="plain" {ends}/>')
                continue
            value, told = float(W[j, k]), f"<title>{escape(name)}.W[{j}, {k}] = {W[j, k]:.4g}</title>"
            parts.append(f'<line class="{_sign(value)}" {_strength(value, largest)} {ends}>{told}</line>')
    return parts


def _neuron(x: float, y: float, name: str, bias: float | None, largest: float) -> str:
    if bias is None:
        return f'<circle class="plain" cx="{x:g}" cy="{y:g}" r="{RADIUS}"><title>{escape(name)}</title></circle>'
    told = f"<title>{escape(name)}: bias {bias:.4g}</title>"
    at = f'cx="{x:g}" cy="{y:g}" r="{RADIUS}"'
    rings = (
        f'<circle class="plain" stroke-opacity=".5" {at}/>'
        f'<circle class="{_sign(bias)}" {_strength(bias, largest)} {at}>{told}</circle>'
    )
    return rings + _text(x, y + 3.5, _shortest(bias), "ink", size=10)


def _strength(value: float, largest: float) -> str:
    level = abs(value) / largest
    low, high = WIDTHS
    return f'stroke-width="{low + (high - low) * level:.2f}" stroke-opacity="{0.25 + 0.75 * level:.2f}"'


def _text(x: float, y: float, text: str, kind: str, anchor: str = "middle", size: float | None = None) -> str:
    font = "" if size is None else f' font-size="{size:g}"'
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}"{font}>{escape(text)}</text>'


def _label(layer: Any) -> str:
    """A layer in a few letters: Dense(3), ReLU, Dropout(0.5)."""
    text = f"Dense({layer.units})" if isinstance(layer, Dense) else repr(layer).removesuffix("()")
    return text if len(text) <= 20 else f"{text[:19]}…"


def brief_name(label: Any) -> str:
    """A class in a few letters."""
    text = str(label)
    return text if len(text) <= 7 else f"{text[:6]}…"


def _shortest(value: float) -> str:
    """Two digits, which fit into a neuron."""
    text = f"{value:.1f}" if 0.95 <= abs(value) < 99.5 else f"{value:.2f}" if abs(value) < 1 else f"{value:.0e}"
    return text.replace("0.", ".", 1).replace("-", "−") if abs(value) < 0.95 else text.replace("-", "−")  # noqa: RUF001


def _sign(value: float) -> str:
    return "above" if value >= 0 else "below"


def _largest(arrays: list[NDArray[Any]]) -> float:
    return max((float(np.abs(array).max(initial=0)) for array in arrays), default=0.0) or 1.0


def _style(theme: str | None, kind: str) -> str:
    if theme is not None:
        return f"<style>{_rules(THEMES[theme], kind)}</style>"
    return f"<style>{_rules(LIGHT, kind)} @media (prefers-color-scheme: dark) {{ {_rules(DARK, kind)} }}</style>"


def _rules(look: Theme, kind: str) -> str:
    rules = {
        ".paper, circle, rect.box": f"fill: {look.paper}",
        "text.ink": f"fill: {look.ink}",
        "text.soft": f"fill: {look.soft}",
        ".plain": f"stroke: {look.soft}",
        ".above": f"stroke: {look.above}",
        ".below": f"stroke: {look.below}",
        "line.below": "stroke-dasharray: 6 2",
        "rect.weighty": f"fill: {look.above}; fill-opacity: .16",
    }
    return " ".join(f".cp-{kind} :is({name}) {{ {text} }}" for name, text in rules.items())
