"""One named step of a pass over a network: an equation, the NumPy expression that computes it, and why it holds."""

import re
from dataclasses import dataclass
from typing import Literal

Shape = tuple[int | str, ...]  # "N" stands for the samples of a batch
How = Literal["each", "product", "sum", "mean", "max"]
Over = Literal["samples", "features", "all"]
Part = Literal["forward", "backward", "full", "instead", "step"]

NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
LETTERS = {
    "x": "X", "z": "Z", "a": "A", "h": "H", "r": "R", "t": "T", "p": "P", "e": "E", "c": "C", "g": "G", "s": "s",
    "W": "W", "b": "b", "J": "J", "gamma": r"\gamma", "beta": r"\beta", "delta": r"\Delta", "mask": "M",
    "mean": r"\mu", "var": "v", "dev": r"\sigma", "hat": r"\hat{H}", "top": "m", "total": "S", "loss": "L",
    "theta": r"\theta", "gradient": r"\nabla L",
}  # fmt: skip


@dataclass(frozen=True)
class Convention:
    """Which axis of an array goes over the samples: textbooks and notebooks write it both ways.

    rows: samples x features, Z = X W + b. columns: features x samples, Z = W X + b; weights are transposed and
    vectors of features are columns.
    """

    name: str
    samples: int  # the axis

    def order(self, left: str, right: str) -> tuple[str, str]:
        """The factors of a matrix product, given as they stand with rows."""
        return (left, right) if self.samples == 0 else (right, left)

    def axis(self, over: Over) -> str:
        """The arguments of np.sum and its like."""
        if over == "all":
            return ""
        if over == "features":
            return f", axis={1 - self.samples}, keepdims=True"
        return ", axis=0" if self.samples == 0 else ", axis=1, keepdims=True"

    def shape(self, features: int, of: Literal["batch", "vector", "weights"], inputs: int = 0) -> Shape:
        """The shape of an array of the batch, of a vector over features, or of weights from `inputs` to features."""
        if of == "vector":
            return (features,) if self.samples == 0 else (features, 1)
        shape: Shape = (inputs, features) if of == "weights" else ("N", features)
        return shape if self.samples == 0 else shape[::-1]


CONVENTIONS = {"rows": Convention("rows", 0), "columns": Convention("columns", 1)}


@dataclass(frozen=True)
class Line:
    """`name = code`, where the code is the product of `factors`, element by element or of matrices, then reduced.

    factors: NumPy text of other lines' names; those that begin with "/" divide. Of a matrix product ("product") in the
    order of rows. plus: what is added to a matrix product. over: the axis that "sum", "mean" and "max" go along.
    rule: the name in `RULES` of what leads to it. because: the same in LaTeX, for these arrays. of: the array that
    this is the gradient of `scalar` by. equal: the line that this must come out the same as.
    """

    name: str
    how: How
    factors: tuple[str, ...]
    shape: Shape
    convention: Convention
    part: Part
    rule: str
    over: Over = "all"
    plus: str | None = None
    latex: str = ""  # of the right side
    because: str = ""
    of: str | None = None
    scalar: str = "loss"
    equal: str | None = None
    layer: int | None = None  # the index of the layer that it belongs to

    @property
    def code(self) -> str:
        """The right side in NumPy."""
        if self.how == "product":
            text = " @ ".join(self.convention.order(*self.factors)) if len(self.factors) == 2 else self.factors[0]
            return f"{text} + {self.plus}" if self.plus else text
        inner, outer = self.inner, self.outer
        return (
            inner + outer if self.how == "each" else f"np.{self.how}({inner}{self.convention.axis(self.over)}){outer}"
        )

    @property
    def inner(self) -> str:
        """The factors that multiply, element by element."""
        return " * ".join(factor for factor in self.factors if not factor.startswith("/")) or "1"

    @property
    def outer(self) -> str:
        """The factors that divide, after the sum or mean if there is one."""
        return "".join(f" {factor}" for factor in self.factors if factor.startswith("/"))

    @property
    def text(self) -> str:
        """The whole line in NumPy."""
        return f"{self.name} = {self.code}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the arrays that it is computed from, each once, in order."""
        functions = {"np", "erf", "axis", "keepdims", "True"}
        return tuple(dict.fromkeys(name for name in NAME.findall(self.code) if name not in functions))

    @property
    def equation(self) -> str:
        """The whole line in LaTeX; of a gradient, with what it is the gradient of."""
        left = symbol(self.name)
        if self.of is not None:
            partial = rf"\frac{{\partial {symbol(self.scalar)}}}{{\partial {symbol(self.of)}}}"
            left = left if left == partial else f"{left} = {partial}"
        return f"{left} = {self.latex}"


def symbol(name: str) -> str:
    """A name of the code as LaTeX: W1 as W_{1}, delta2 as Delta_{2}, da1 as the derivative of L by A_{1}.

    >>> symbol("W1"), symbol("da1")
    ('W_{1}', '\\\\frac{\\\\partial L}{\\\\partial A_{1}}')
    """
    letters, number, tail = re.fullmatch(r"([A-Za-z]+?)(\d*)((?:_\w+)?)", name).groups()  # type: ignore[union-attr]
    if letters not in LETTERS:
        if letters.startswith("d"):
            return rf"\frac{{\partial L}}{{\partial {symbol(name[1:])}}}"
        return rf"\mathrm{{{letters}}}" + (f"_{{{number}}}" if number else "")
    marks = ",".join(mark for mark in (number, tail.removeprefix("_")) if mark)
    if not marks:
        return LETTERS[letters]
    marks = marks if marks.replace(",", "").isdigit() else rf"\mathrm{{{marks}}}"
    return f"{LETTERS[letters]}_{{{marks}}}"


def broadcast(*shapes: Shape) -> Shape:
    """The shape of what is computed from arrays of these shapes element by element."""
    longest = max(map(len, shapes), default=0)
    padded = [(1,) * (longest - len(shape)) + shape for shape in shapes]
    return tuple(next((side for side in sides if side != 1), 1) for sides in zip(*padded, strict=True))


@dataclass(frozen=True)
class Rule:
    """A rule of calculus: what it is called, what it says in words, and the same in LaTeX where that helps."""

    title: str
    says: str
    latex: str = ""


RULES = {
    "affine": Rule("weighted sum", "Each output is the sum of the inputs times its weights, plus its bias."),
    "function": Rule("elementwise function", "The same function of each element."),
    "given": Rule("as drawn", "What was drawn at random stays the same in the backward pass."),
    "average": Rule("average", "A mean is a sum divided by the number of its terms."),
    "loss": Rule("loss", "One number for the batch: the mean over its samples."),
    "link": Rule("link", "Turns what the network puts out into what is predicted."),
    "start": Rule("derivative of the loss", "The backward pass begins with the loss by what the network puts out."),
    "cancel": Rule(
        "loss and link together",
        "The derivative of the link and that of the loss meet, and nearly all of both cancels.",
    ),
    "right": Rule(
        "product with a matrix, right factor",
        "Each weight collects its input times the delta of its output, over all samples.",
        r"Z = X W \Rightarrow \frac{\partial L}{\partial W} = X^\top \frac{\partial L}{\partial Z}",
    ),
    "left": Rule(
        "product with a matrix, left factor",
        "Each input collects delta times weight over all the outputs that it went to.",
        r"Z = X W \Rightarrow \frac{\partial L}{\partial X} = \frac{\partial L}{\partial Z} W^\top",
    ),
    "broadcast": Rule(
        "sum over the batch",
        "The same vector is used for every sample, so its gradient is the sum over the samples.",
    ),
    "chain": Rule(
        "chain rule, elementwise",
        "What comes in from behind, times the slope of the function, each element for itself.",
        r"a = f(z) \Rightarrow \frac{\partial L}{\partial z} = \frac{\partial L}{\partial a} f'(z)",
    ),
    "statistics": Rule(
        "chain rule through mean and deviation",
        "Each element acts in three ways: by itself, through the mean, and through the deviation.",
    ),
    "step": Rule("step of the optimizer", "Each parameter moves against its own gradient, so that the loss falls."),
    "joined": Rule("one vector", "All parameters lie one after the other in a single vector, and so do the gradients."),
    "features": Rule("over the features", "One number for each sample, from all of its features."),
    "jacobian": Rule(
        "product with the Jacobian",
        "Softmax is not elementwise: every output depends on every input of its sample.",
        r"\frac{\partial p_j}{\partial z_k} = p_j ([j = k] - p_k)",
    ),
}
