"""Learner's code written out as text in four styles, from the lines of a pass, right or with mistakes in them."""

import re
from collections.abc import Callable

from clearprop.insight.derivation.lines import NAME, Line
from clearprop.insight.derivation.steps import Steps
from clearprop.insight.doctor.mistakes import Pass

NUMBERED = re.compile(r"([A-Za-z]+)(\d+)")
Name = Callable[[str], str]


def renamed(code: str, name: Name, known: set[str]) -> str:
    return NAME.sub(lambda found: name(found[0]) if found[0] in known else found[0], code)


def known_names(steps: Steps) -> set[str]:
    return {*steps.shapes, *(f"d{name}" for name in steps.parameters), *(line.name for line in steps.lines)}


def body(steps: Steps, lines: list[Line], name: Name) -> list[str]:
    known = known_names(steps)
    return [f"{name(line.name)} = {renamed(line.code, name, known)}" for line in lines if line.name != "loss"]


def program(steps: Steps, *parts: str | list[str]) -> str:
    text = ["import numpy as np", *steps.preamble.values()]
    for part in parts:
        text += [part] if isinstance(part, str) else [f"    {line}" for line in part]
    return "\n".join(text) + "\n"


def samples(steps: Steps, x: str = "x") -> str:
    return f"N = {x}.shape[{steps.convention.samples}]"


def arguments(steps: Steps) -> list[str]:
    return [
        *steps.parameters,
        *(name for name, where in steps.where.items() if where[0] == "memo" and name[:4] == "mask"),
    ]


def functions(steps: Steps, lines: list[Line]) -> str:
    """A: backward(X, Y, W1, b1, ...) -> (dW1, db1, ...), with Z1, A1, dZ1."""

    def name(one: str) -> str:
        if one in ("x", "t"):
            return {"x": "X", "t": "Y"}[one]
        for old, new in ("delta", "dZ"), ("da", "dA"), ("z", "Z"), ("a", "A"):
            if re.fullmatch(rf"{old}\d+", one):
                return new + one[len(old) :]
        return one

    head = f"def backward({', '.join(['X', 'Y', *arguments(steps)])}):"
    back = f"return {', '.join(f'd{parameter}' for parameter in steps.parameters)}"
    return program(steps, head, [samples(steps, "X"), *body(steps, lines, name), back])


def mapping(steps: Steps, lines: list[Line]) -> str:
    """B: backward(params, x, y) -> {"W1": ..., "b1": ...}."""
    masks = [name for name in arguments(steps) if name not in steps.parameters]
    taken = [f'{name} = params["{name}"]' for name in steps.parameters]
    back = "return {" + ", ".join(f'"{name}": d{name}' for name in steps.parameters) + "}"
    inside = [samples(steps), *taken, *body(steps, lines, lambda one: "y" if one == "t" else one), back]
    return program(steps, f"def backward({', '.join(['params', 'x', 'y', *masks])}):", inside)


def layer_numbers(steps: Steps) -> dict[int | None, int]:
    """The number of the Dense layer that each layer of the network belongs to."""
    numbers: dict[int | None, int] = {}
    for dense, i in zip(Pass(steps).denses, Pass(steps)._indices(), strict=True):
        numbers |= dict.fromkeys(range(i, len(steps.network)), dense.number)
    return numbers


def lists(steps: Steps, lines: list[Line]) -> str:
    """C: a class with lists self.weights and self.biases, and a loop over the layers in each direction."""
    depth, numbers, known = len(Pass(steps).denses), layer_numbers(steps), known_names(steps)

    def relative(number: int) -> Name:
        def name(one: str) -> str:
            one = {"x": "a0", "t": "y"}.get(one, one)
            found = NUMBERED.fullmatch(one)
            if found is None or found[1] == "mask":
                return one
            place = int(found[2]) - number if number else None
            index = f"i{place:+d}".removesuffix("+0") if place in (0, -1) else found[2]
            return f"{ {'W': 'self.weights', 'b': 'self.biases'}.get(found[1], f'self.{found[1]}') }[{index}]"

        return name

    def loop(part: str, order: str) -> list[str]:
        texts: dict[tuple[str, ...], list[int]] = {}
        for number in range(1, depth + 1):
            own = [
                line for line in lines if line.part == part and line.layer is not None and numbers[line.layer] == number
            ]
            texts.setdefault(tuple(body(steps, own, relative(number))), []).append(number)
        made = [f"for i in {order}:"]
        for text, which in texts.items():
            made += [f"    if i in {which}:", *(f"        {line}" for line in text), "        pass"]
        return made

    kinds = sorted({found[1] for one in known if (found := NUMBERED.fullmatch({"x": "a0"}.get(one, one)))} - {"mask"})
    kept = [f"self.{kind} = [None] * {depth + 1}" for kind in kinds if kind not in "Wb"]
    end = {
        part: [line for line in lines if line.part == part and line.layer is None] for part in ("forward", "backward")
    }
    masks = [name for name in arguments(steps) if name not in steps.parameters]
    shown = [f"{line}" for line in body(steps, end["forward"], relative(0)) + body(steps, end["backward"], relative(0))]
    forward = [
        *kept,
        f"self.weights = [None, *self.weights[-{depth}:]]",
        f"self.biases = [None, *self.biases[-{depth}:]]",
        "self.a[0] = x",
        samples(steps),
        *loop("forward", f"range(1, {depth + 1})"),
    ]
    backward = [
        samples(steps),
        *shown,
        *loop("backward", f"reversed(range(1, {depth + 1}))"),
        "return self.dW[1:], self.db[1:]",
    ]
    return program(
        steps,
        "class Network:",
        ["def __init__(self):", "    self.weights, self.biases = [], []"],
        [f"def forward({', '.join(['self', 'x', *masks])}):", *(f"    {line}" for line in forward)],
        [f"def backward({', '.join(['self', 'x', 'y', *masks])}):", *(f"    {line}" for line in backward)],
    )


def objects(steps: Steps, lines: list[Line]) -> str:
    """D: one object for each layer, which keeps W, b, z, a, delta, der_W and der_b."""
    depth, numbers = len(Pass(steps).denses), layer_numbers(steps)

    def name_in(number: int) -> Name:
        def name(one: str) -> str:
            found = NUMBERED.fullmatch(one)
            net = "self.net" if number else "self"
            if found is None:
                return {"t": f"{net}.y"}.get(one, f"{net}.{one}")
            if int(found[2]) == 0 or found[1] == "mask":
                return f"{net}.{one}"
            kind = {"dW": "der_W", "db": "der_b"}.get(found[1], found[1])
            return f"self.{kind}" if int(found[2]) == number else f"{net}.layers[{int(found[2]) - 1}].{kind}"

        return name

    def own(part: str, number: int | None) -> list[str]:
        chosen = [
            line
            for line in lines
            if line.part == part and (numbers[line.layer] if line.layer is not None else None) == number
        ]
        return [f"    {line}" for line in body(steps, chosen, name_in(number or 0))] + ["    pass"]

    parts: list[str | list[str]] = []
    for number in range(1, depth + 1):
        parts += [
            f"class Layer{number}:",
            ["def __init__(self, net):", "    self.net, self.W, self.b = net, None, None"],
            ["def forward(self):", *own("forward", number)],
            ["def backward(self):", *own("backward", number)],
        ]
    masks = [name for name in arguments(steps) if name not in steps.parameters]
    made = f"    self.layers = [{', '.join(f'Layer{number}(self)' for number in range(1, depth + 1))}]"
    keep = [f"    self.{name} = {name}" for name in masks]
    parts += [
        "class Network:",
        ["def __init__(self):", made],
        [
            f"def forward({', '.join(['self', 'x', *masks])}):",
            "    self.x = x",
            f"    self.{samples(steps)}",
            *keep,
            "    for layer in self.layers:",
            "        layer.forward()",
        ],
        [
            "def backward(self, y):",
            "    self.y = y",
            *own("forward", None),
            *own("backward", None),
            "    for layer in reversed(self.layers):",
            "        layer.backward()",
        ],
    ]
    return program(steps, *parts)


STYLES = {"functions": functions, "params dict": mapping, "lists and a loop": lists, "layer objects": objects}


def learner(style: str, steps: Steps, lines: list[Line]) -> object:
    """The code of a style, executed afresh: a function or a class."""
    space: dict[str, object] = {}
    exec(compile(STYLES[style](steps, lines), "learner", "exec"), space)
    return space["backward"] if "backward" in space else space["Network"]
