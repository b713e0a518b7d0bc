"""How each kind of layer is computed and derived: one small rule and one row in the table at the end."""

from dataclasses import dataclass

from clearprop.insight.derivation.lines import Over
from clearprop.insight.derivation.steps import Rules, Scope, rules_by_kind
from clearprop.layers.activations import (
    ELU,
    GELU,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
)
from clearprop.layers.base import Layer
from clearprop.layers.dense import Dense
from clearprop.layers.dropout import Dropout
from clearprop.layers.normalization import BatchNorm, LayerNorm

ERF = "from math import erf as _erf\nerf = np.vectorize(_erf, otypes=[float])  # which NumPy lacks"


class DenseRules:
    """Z = X W + b with samples as rows, Z = W X + b with samples as columns."""

    letter = "z"

    def forward(self, s: Scope, layer: Dense) -> None:
        s.product("y", "<x>", "<W>", rule="affine", plus="b" if layer.bias else None)

    def backward(self, s: Scope, layer: Dense) -> None:
        z, dz = ("(<y>)_{ij}", "(<dy>)_{ij}") if s.rows else ("(<y>)_{ji}", "(<dy>)_{ji}")
        x, w = ("(<x>)_{ik}", "(<W>)_{kj}") if s.rows else ("(<x>)_{ki}", "(<W>)_{jk}")
        slope = rf"\frac{{\partial L}}{{\partial {z}}} \frac{{\partial {z}}}{{\partial "
        s.product(
            "dW", "<x>.T", "<dy>", rule="right",
            because=rf"{z} = \sum_k {x} {w} + \dots \;\Rightarrow\; \frac{{\partial L}}{{\partial {w}}} "
            rf"= \sum_i {slope}{w}}} = \sum_i {dz} \, {x}",
        )  # fmt: skip
        if layer.bias:
            s.reduce(
                "db", "sum", "<dy>", over="samples", rule="broadcast", latex=r"\sum_{i=1}^{N} <dy>^{(i)}",
                because=rf"\frac{{\partial {z}}}{{\partial (<b>)_j}} = 1 \;\Rightarrow\; "
                rf"\frac{{\partial L}}{{\partial (<b>)_j}} = \sum_i {dz}",
            )  # fmt: skip
        if s.wants_dx:
            s.product(
                "dx", "<dy>", "<W>.T", rule="left",
                because=rf"\frac{{\partial L}}{{\partial {x}}} = \sum_j {slope}{x}}} = \sum_j {dz} \, {w}",
            )  # fmt: skip


@dataclass(frozen=True)
class Function:
    """y = f(x) element by element: f and its slope as NumPy text and as LaTeX, of x and of y.

    because: how the slope is found. settings: fields of the layer that stand in the templates. defines: functions that
    NumPy lacks.
    """

    function: str
    latex: str
    slope: str
    slope_latex: str
    because: str = ""
    settings: tuple[str, ...] = ()
    defines: tuple[tuple[str, str], ...] = ()
    letter: str = "a"

    def forward(self, s: Scope, layer: Layer) -> None:
        s.numbers |= {name: repr(getattr(layer, name)) for name in self.settings}
        for name, text in self.defines:
            s.function(name, text)
        s.each("y", self.function, rule="function", latex=self.latex)

    def backward(self, s: Scope, layer: Layer) -> None:
        if s.wants_dx:
            latex = rf"<dy> \odot {self.slope_latex}" if self.slope != "1" else "<dy>"
            factors = ("<dy>", self.slope) if self.slope != "1" else ("<dy>",)
            s.each("dx", *factors, rule="chain", latex=latex, because=self.because)


class DropoutRules:
    """y = x M, with a mask M that holds 0 or 1 / (1 - rate)."""

    letter = "r"

    def forward(self, s: Scope, layer: Dropout) -> None:
        s.given("mask")
        s.each("y", "<x>", "<mask>", rule="function", latex=r"<x> \odot <mask>")

    def backward(self, s: Scope, layer: Dropout) -> None:
        if s.wants_dx:
            s.each("dx", "<dy>", "<mask>", rule="given", latex=r"<dy> \odot <mask>")


@dataclass(frozen=True)
class NormRules:
    """y = gamma (x - mean) / deviation + beta, with mean and deviation over the samples or over the features."""

    over: Over
    letter: str = "h"

    def forward(self, s: Scope, layer: BatchNorm | LayerNorm) -> None:
        s.numbers["epsilon"] = repr(layer.epsilon)
        mean = self._mean(s)
        s.reduce("mean", "mean", "<x>", over=self.over, rule="average", latex=mean % "<x>")
        s.reduce("var", "mean", "(<x> - <mean>)**2", over=self.over, rule="average", latex=mean % "(<x> - <mean>)^2")
        s.each("dev", "np.sqrt(<var> + <epsilon>)", rule="function", latex=r"\sqrt{<var> + <epsilon>}")
        s.each("hat", "(<x> - <mean>)", "/ <dev>", rule="function", latex=r"\frac{<x> - <mean>}{<dev>}")
        s.each("y", "<gamma> * <hat> + <beta>", rule="function", latex=r"<gamma> \odot <hat> + <beta>")

    def backward(self, s: Scope, layer: BatchNorm | LayerNorm) -> None:
        s.reduce(
            "dgamma", "sum", "<dy>", "<hat>", over="samples", rule="broadcast",
            latex=r"\sum_{i=1}^{N} \left(<dy> \odot <hat>\right)^{(i)}",
        )  # fmt: skip
        s.reduce(
            "dbeta", "sum", "<dy>", over="samples", rule="broadcast", latex=r"\sum_{i=1}^{N} \left(<dy>\right)^{(i)}"
        )
        if not s.wants_dx:
            return
        mean = self._mean(s)
        s.each("dhat", "<dy>", "<gamma>", rule="chain", latex=r"<dy> \odot <gamma>")
        s.reduce("c", "mean", "<dhat>", over=self.over, rule="average", latex=mean % "<dhat>")
        s.reduce("e", "mean", "<dhat>", "<hat>", over=self.over, rule="average", latex=mean % r"<dhat> \odot <hat>")
        s.each(
            "dx", "(<dhat> - <c> - <hat> * <e>)", "/ <dev>", rule="statistics",
            latex=r"\frac{1}{<dev>} \odot \left(<dhat> - <c> - <hat> \odot <e>\right)",
            because=r"\hat{h}_i = \frac{x_i - \mu}{\sigma}: \; \frac{\partial \hat{h}_j}{\partial x_i} = "
            r"\frac{1}{\sigma} \left([i = j] - \frac{1}{n} - \frac{1}{n} \hat{h}_i \hat{h}_j\right)",
        )  # fmt: skip

    def _mean(self, s: Scope) -> str:
        """LaTeX for the mean of what takes the place of %s."""
        if self.over == "samples":
            return r"\frac{1}{N} \sum_{i=1}^{N} \left(%s\right)^{(i)}"
        width = s.width
        return rf"\frac{{1}}{{{width}}} \sum_{{j=1}}^{{{width}}} \left(%s\right)_{{j}}"


SIGMOID = r"\frac{1}{1 + e^{-<x>}}"
FUNCTIONS: dict[type, Rules] = {
    Identity: Function("<x>", "<x>", "1", "1"),
    Sigmoid: Function(
        "1 / (1 + np.exp(-<x>))", SIGMOID, "<y> * (1 - <y>)", r"<y> \odot (1 - <y>)",
        r"f(z) = \frac{1}{1 + e^{-z}}: \; f'(z) = \frac{e^{-z}}{(1 + e^{-z})^2} = f(z) \, (1 - f(z))",
    ),
    Tanh: Function(
        "np.tanh(<x>)", r"\tanh <x>", "(1 - <y>**2)", r"(1 - <y>^2)",
        r"f(z) = \tanh z = \frac{\sinh z}{\cosh z}: \; f'(z) = \frac{\cosh^2 z - \sinh^2 z}{\cosh^2 z} = 1 - f(z)^2",
    ),
    ReLU: Function(
        "np.maximum(<x>, 0)", r"\max(<x>, 0)", "(<x> > 0)", "[<x> > 0]",
        r"f(z) = \max(z, 0): \; f'(z) = 1 \text{ where } z > 0, \; 0 \text{ where } z < 0 \text{, and taken as } 0 "
        r"\text{ at } z = 0",
    ),
    LeakyReLU: Function(
        "np.where(<x> > 0, <x>, <negative_slope> * <x>)", r"\max(<x>, 0) + <negative_slope> \min(<x>, 0)",
        "np.where(<x> > 0, 1, <negative_slope>)", r"\left([<x> > 0] + <negative_slope> \, [<x> \le 0]\right)",
        r"f'(z) = 1 \text{ where } z > 0 \text{, else } <negative_slope>",
        settings=("negative_slope",),
    ),
    ELU: Function(
        "np.where(<x> > 0, <x>, <alpha> * np.expm1(np.minimum(<x>, 0)))",
        r"\begin{cases} <x> & <x> > 0 \\ <alpha> (e^{<x>} - 1) & <x> \le 0 \end{cases}",
        "np.where(<x> > 0, 1, <y> + <alpha>)", r"\begin{cases} 1 & <x> > 0 \\ <y> + <alpha> & <x> \le 0 \end{cases}",
        r"f(z) = <alpha> (e^z - 1): \; f'(z) = <alpha> e^z = f(z) + <alpha> \text{ where } z \le 0",
        settings=("alpha",),
    ),
    GELU: Function(
        "<x> * 0.5 * (1 + erf(<x> / np.sqrt(2)))",
        r"<x> \odot \Phi(<x>), \; \Phi(x) = \tfrac{1}{2} \left(1 + \mathrm{erf} \tfrac{x}{\sqrt{2}}\right)",
        "(0.5 * (1 + erf(<x> / np.sqrt(2))) + <x> * np.exp(-(<x>**2) / 2) / np.sqrt(2 * np.pi))",
        r"\left(\Phi(<x>) + <x> \odot \varphi(<x>)\right)",
        r"f(z) = z \, \Phi(z): \; f'(z) = \Phi(z) + z \, \varphi(z), \; "
        r"\varphi(z) = \Phi'(z) = \frac{1}{\sqrt{2 \pi}} e^{-z^2 / 2}",
        defines=(("erf", ERF),),
    ),
    SiLU: Function(
        "<x> / (1 + np.exp(-<x>))", r"\frac{<x>}{1 + e^{-<x>}}",
        "(1 / (1 + np.exp(-<x>)) * (1 - <y>) + <y>)", r"\left(\sigma(<x>) \odot (1 - <y>) + <y>\right)",
        r"f(z) = z \, \sigma(z): \; f'(z) = \sigma(z) + z \, \sigma(z) (1 - \sigma(z)) = \sigma(z) (1 - f(z)) + f(z), "
        r"\; \sigma(z) = \frac{1}{1 + e^{-z}}",
    ),
    Softplus: Function(
        "np.logaddexp(0, <x>)", r"\ln(1 + e^{<x>})", "1 / (1 + np.exp(-<x>))", SIGMOID,
        r"f(z) = \ln(1 + e^z): \; f'(z) = \frac{e^z}{1 + e^z} = \frac{1}{1 + e^{-z}}",
    ),
    Softsign: Function(
        "<x> / (1 + np.abs(<x>))", r"\frac{<x>}{1 + \left|<x>\right|}",
        "1 / (1 + np.abs(<x>))**2", r"\frac{1}{(1 + \left|<x>\right|)^2}",
        r"f(z) = \frac{z}{1 + \left|z\right|}: \; "
        r"f'(z) = \frac{1 + \left|z\right| - z \, \mathrm{sign} z}{(1 + \left|z\right|)^2} "
        r"= \frac{1}{(1 + \left|z\right|)^2}",
    ),
}  # fmt: skip

LAYER_RULES: dict[type, Rules] = {
    Dense: DenseRules(),
    Dropout: DropoutRules(),
    BatchNorm: NormRules("samples"),
    LayerNorm: NormRules("features"),
    **FUNCTIONS,
}


def rules_of(layer: Layer) -> Rules:
    """The rules of a layer's kind."""
    rules: Rules = rules_by_kind(LAYER_RULES, layer)
    return rules
