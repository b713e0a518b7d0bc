"""The named steps of one forward and backward pass of a network, which trace shows and derive explains."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import SettingError, brief, suggest
from clearprop.insight.derivation.lines import (
    CONVENTIONS,
    NAME,
    Convention,
    How,
    Line,
    Over,
    Part,
    Shape,
    broadcast,
    symbol,
)
from clearprop.insight.derivation.show import shape_text
from clearprop.layers.base import Layer
from clearprop.layers.dense import Dense
from clearprop.layers.losses import Loss
from clearprop.network.network import Network

SHARE = "<share>"  # the factor by which a sample counts: / N, or its weight
PLACEHOLDER = re.compile(r"<(\w+)>")
SCIENTIFIC = re.compile(r"\b1e([-+]?)0*(\d+)")  # 1e-05
TRANSPOSED = re.compile(r"<(\w+)>\.T")
Where = tuple[Literal["input", "target", "share", "output", "delta", "weight", "gradient", "memo"], int, str]
Arrays = dict[str, NDArray[Any]]


class Rules(Protocol):
    """How a layer is computed and derived, line by line; one for each kind in layer_rules.py."""

    @property
    def letter(self) -> str:
        """The name of what such a layer puts out, to which its number is added."""

    def forward(self, s: "Scope", layer: Any) -> None:
        """Write the lines from "x" to "y"."""

    def backward(self, s: "Scope", layer: Any) -> None:
        """Write the lines from "dy" to the gradients of the parameters and, if `s.wants_dx`, to "dx"."""


class Steps:
    """All lines of a pass in the order of computation, with the shapes of all arrays and where a Workspace has them.

    weighted: whether samples count by weights s instead of 1 / N. full: also the losses' derivation in full.
    """

    def __init__(
        self, network: Network, loss: Loss, layout: str = "rows", weighted: bool = False, full: bool = False
    ) -> None:
        from clearprop.insight.derivation.layer_rules import rules_of
        from clearprop.insight.derivation.loss_rules import loss_rules_of

        if layout not in CONVENTIONS:
            raise SettingError("layout", "rows or columns", brief(layout), suggest(str(layout), CONVENTIONS))
        self.network, self.loss, self.weighted, self.full = network, loss, weighted, full
        self.convention = CONVENTIONS[layout]
        self.lines: list[Line] = []
        self.preamble: dict[str, str] = {}  # functions that NumPy lacks: name -> text
        self.where: dict[str, Where] = {"x": ("input", 0, ""), "t": ("target", 0, "")}
        widths = [network.inputs, *(shapes.width for shapes in network.shapes)]
        batch = [self.convention.shape(width, "batch") for width in widths]
        self.shapes: dict[str, Shape] = {"x": batch[0], "t": batch[-1], "N": ()}
        if weighted:
            self.shapes["s"], self.where["s"] = self.convention.shape(1, "batch"), ("share", 0, "")
        self.outputs = ["x"]  # the name of what each layer puts out, after x
        number, scopes = 0, []
        for i, layer in enumerate(network):
            rules = rules_of(layer)
            number += isinstance(layer, Dense)
            y = self._fresh(f"{rules.letter}{number}")
            scope = Scope(self, i, str(number), {"x": self.outputs[-1], "y": y})
            self.where[y], self.where[gradient_name(y)] = ("output", i + 1, ""), ("delta", i + 1, "")
            for name, shape in network.shapes[i].parameters.items():
                scope.parameter(name, shape)
            rules.forward(scope, layer)
            self.outputs.append(y)
            scopes.append((scope, rules, layer))
        loss_rules_of(loss)(Scope(self, None, "", {"z": self.outputs[-1], "dz": gradient_name(self.outputs[-1])}), loss)
        for scope, rules, layer in reversed(scopes):
            scope.part = "backward"
            rules.backward(scope, layer)
        self._by_name = {line.name: line for line in self.lines}

    def _fresh(self, name: str) -> str:
        taken = (f"{name}_{count}" for count in range(2, 10**6))
        known = self.where.keys() | self.shapes.keys()
        return name if name not in known else next(new for new in taken if new not in known)

    def __getitem__(self, name: str) -> Line:
        return self._by_name[name]

    def of(self, *parts: Part) -> list[Line]:
        """The lines of these parts."""
        return [line for line in self.lines if line.part in parts]

    @property
    def parameters(self) -> dict[str, tuple[int, str]]:
        """W1, b1, ...: the index of the layer and the layer's own name for it."""
        return {name: where[1:] for name, where in self.where.items() if where[0] == "weight"}

    @property
    def given(self) -> list[str]:
        """The names of the arrays that the lines start from."""
        kinds = ("input", "target", "share", "weight", "memo")
        return [name for name, (kind, _, _) in self.where.items() if kind in kinds]

    def program(self, lines: Sequence[Line] | None = None) -> str:
        """The lines as a NumPy program; it begins with the arrays that it needs, and their shapes."""
        chosen = self.of("forward", "backward") if lines is None else list(lines)
        given = (f"{name} {shape_text(self.shapes[name])}" for name in self.given)
        text = [
            "import numpy as np",
            *self.preamble.values(),
            f"# given: {', '.join(given)}",
            f"N = x.shape[{self.convention.samples}]  # samples",
        ]
        part = None
        for line in chosen:
            if line.part != part:
                part = line.part
                text += ["", f"# {part}"]
            text.append(line.text)
        return "\n".join(text) + "\n"

    def as_rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """An array of this convention as the library has it, or the other way round: both are transposed alike."""
        if self.convention.samples == 0:
            return values
        return values[:, None] if values.ndim == 1 else values.T


def gradient_name(name: str) -> str:
    """What the gradient of the loss by `name` is called.

    >>> gradient_name("z2"), gradient_name("a1")
    ('delta2', 'da1')
    """
    return f"delta{name[1:]}" if re.fullmatch(r"z\d+", name) else f"d{name}"


class Scope:
    """Where the rules of one layer or loss write their lines, under their own names: x, y, W, dW, dy, dx.

    In a template <x> stands for the array that the rule calls x, as code or as LaTeX. What a rule names anew gets the
    number of the layer.
    """

    def __init__(self, steps: Steps, layer: int | None, number: str, names: dict[str, str]) -> None:
        self.steps, self.layer, self.number, self.names = steps, layer, number, names
        self.part: Part = "forward"
        if "y" in names:
            names |= {f"d{side}": gradient_name(names[side]) for side in "xy"}
        self.numbers: dict[str, str] = {}  # settings of the layer in templates: name -> text

    @property
    def rows(self) -> bool:
        """Whether samples are rows."""
        return self.steps.convention.samples == 0

    @property
    def wants_dx(self) -> bool:
        """Whether the layer has others before it."""
        return self.layer != 0

    @property
    def width(self) -> int:
        """Features of the layer's input."""
        return int(self.steps.shapes[self.names["x"]][1 - self.steps.convention.samples])

    def parameter(self, name: str, shape: tuple[int, ...]) -> None:
        """Make a parameter of the layer, and its gradient, known."""
        for local, kind in (name, "weight"), (f"d{name}", "gradient"):
            known = self.names[local] = self.steps._fresh(f"{local}{self.number}")
            self.steps.where[known] = (kind, self.layer or 0, name)  # type: ignore[assignment]
        of: Convention = self.steps.convention
        made = of.shape(shape[-1], "vector") if len(shape) == 1 else of.shape(shape[1], "weights", shape[0])
        self.steps.shapes[self.names[name]] = made

    def given(self, name: str) -> None:
        """Make an array of the layer's memo, as wide as its input, known: it is not computed but drawn."""
        known = self.names[name] = self.steps._fresh(f"{name}{self.number}")
        self.steps.where[known] = ("memo", self.layer or 0, name)
        self.steps.shapes[known] = self.steps.shapes[self.names["x"]]

    def function(self, name: str, text: str) -> None:
        """Let the program define a function that NumPy lacks."""
        self.steps.preamble[name] = text

    def product(self, name: str, left: str, right: str, rule: str, plus: str | None = None, because: str = "") -> None:
        """A matrix product of two templates, <x> or <x>.T, in the order of rows; `plus` is a name."""
        factors = (self._code(left), self._code(right))
        latex = " ".join(self.steps.convention.order(left, right)) + (f" + <{plus}>" if plus else "")
        self._add(
            name, "product", factors, rule, TRANSPOSED.sub(r"{<\1>}^\\top", latex), because,
            shape=self._product_shape(factors), plus=self.names[plus] if plus else None,
        )  # fmt: skip

    def each(self, name: str, *factors: str, rule: str, latex: str, because: str = "", **more: Any) -> None:
        """An elementwise product of `factors`, templates of NumPy text."""
        self._reduced(name, "each", factors, "all", rule, latex, because, **more)

    def reduce(
        self, name: str, how: How, *factors: str, over: Over, rule: str, latex: str, because: str = "", **more: Any
    ) -> None:
        """The sum, mean or maximum of an elementwise product."""
        self._reduced(name, how, factors, over, rule, latex, because, **more)

    def matrix(self, name: str, code: str, rule: str, latex: str, because: str = "") -> None:
        """A square matrix over the features, of one sample."""
        shape = (self.steps.network.outputs,) * 2
        self._add(name, "each", (self._code(code),), rule, latex, because, shape=shape)

    def _reduced(
        self, name: str, how: How, templates: tuple[str, ...], over: Over, rule: str, latex: str, because: str,
        **more: Any,
    ) -> None:  # fmt: skip
        factors = tuple(self._code(template) for template in templates)
        known = (self.steps.shapes[found] for found in NAME.findall(" ".join(factors)) if found in self.steps.shapes)
        shape = broadcast(*known)
        if how != "each":
            shape = self._reduced_shape(shape, over)
        self._add(name, how, factors, rule, latex, because, shape=shape, over=over, **more)

    def _add(
        self, name: str, how: How, factors: tuple[str, ...], rule: str, latex: str, because: str, shape: Shape,
        of: str | None = None, equal: str | None = None, **more: Any,
    ) -> None:  # fmt: skip
        if name not in self.names:
            self.names[name] = self.steps._fresh(f"{name}{self.number}")
        known = self.names[name]
        if of is None and name.startswith("d") and name[1:] in self.names:
            of = name[1:]
        self.steps.shapes[known] = shape
        line = Line(
            known, how, factors, shape, self.steps.convention, self.part, rule, latex=self._latex(latex),
            because=self._latex(because), of=self.names[of] if of else None, layer=self.layer,
            equal=self.names[equal] if equal else None, **more,
        )  # fmt: skip
        self.steps.lines.append(line)

    def _product_shape(self, factors: Sequence[str]) -> Shape:
        shapes = [
            self.steps.shapes[factor.removesuffix(".T")][:: -1 if factor.endswith(".T") else 1]
            for factor in self.steps.convention.order(*factors)
        ]
        return (shapes[0][0], shapes[1][1])

    def _reduced_shape(self, shape: Shape, over: Over) -> Shape:
        if over == "all":
            return ()
        samples = self.steps.convention.samples
        along = samples if over == "samples" else 1 - samples
        if over == "samples" and self.rows:
            return shape[1:]
        return tuple(1 if axis == along else side for axis, side in enumerate(shape))

    def _code(self, template: str) -> str:
        share = "s" if self.steps.weighted else "/ N"
        return PLACEHOLDER.sub(lambda found: self._text(found[1], share, str), template)

    def _latex(self, template: str) -> str:
        share = symbol("s") if self.steps.weighted else r"\frac{1}{N}"
        return PLACEHOLDER.sub(lambda found: self._text(found[1], share, symbol), template)

    def _text(self, name: str, share: str, show: Callable[[str], str]) -> str:
        if name == "share":
            return share
        if name in self.numbers:
            return self.numbers[name] if show is str else SCIENTIFIC.sub(r"10^{\1\2}", self.numbers[name])
        return show(self.names.get(name, name))


def run(steps: Steps, arrays: Arrays, lines: Sequence[Line] | None = None) -> Arrays:
    """`arrays` and the values of all lines after they ran on them: the text as it is printed, in float64.

    The text is made by the library's own rules alone; nothing that a user or a file said is in it but numbers.
    """
    chosen = steps.of("forward", "backward") if lines is None else lines
    space: dict[str, Any] = environment(steps) | arrays
    space["N"] = len(space["x"]) if steps.convention.samples == 0 else space["x"].shape[1]
    with np.errstate(over="ignore", under="ignore"):
        for line in chosen:
            space[line.name] = eval(compiled(line.code, "eval"), space)
    return {name: np.asarray(value) for name, value in space.items() if name in steps.shapes}


def environment(steps: Steps) -> dict[str, Any]:
    """What the lines use beside arrays: np, and the functions that NumPy lacks."""
    space: dict[str, Any] = {"np": np}
    for text in steps.preamble.values():
        exec(compiled(text, "exec"), space)
    return space


@lru_cache(maxsize=65536)
def compiled(text: str, mode: str) -> Any:
    """The text of a line, ready to run."""
    return compile(text, "derivation", mode)


def rules_by_kind(table: dict[type, Any], value: Layer | Loss) -> Any:
    """The entry of `table` for the kind of `value`, or for a kind that it descends from."""
    for kind in type(value).__mro__:
        if kind in table:
            return table[kind]
    raise SettingError(
        "derive", "a layer or loss with a rule of derivation", type(value).__name__,
        "add its rule to clearprop.insight.derivation.layer_rules or loss_rules",
    )  # fmt: skip
