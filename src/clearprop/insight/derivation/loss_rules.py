"""How each loss is computed and derived: one small function and one row in the table at the end.

A rule writes the forward lines from "z", what the network puts out, and the targets "t" to "loss"; then "dz". Where
the loss has a link, `_in_full` adds the derivation in two halves, and what the squared error would give instead.
"""

from collections.abc import Callable
from typing import Any

from clearprop.insight.derivation.lines import Part
from clearprop.insight.derivation.steps import SHARE, Scope, rules_by_kind
from clearprop.layers.losses import (
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
)

SUM = r"<share> \sum "  # over all elements


def _loss(s: Scope, *factors: str, latex: str, because: str = "") -> None:
    s.reduce("loss", "sum", *factors, over="all", rule="loss", latex=latex, because=because)


def squared_error(s: Scope, loss: SquaredError) -> None:
    """1/2 (z - t)^2, summed over outputs."""
    _loss(s, "0.5 * (<z> - <t>)**2", SHARE, latex=SUM + r"\tfrac{1}{2} (<z> - <t>)^2")
    _start(
        s, "(<z> - <t>)", SHARE, latex=r"<share> (<z> - <t>)", because=r"\frac{d}{dz} \tfrac{1}{2} (z - t)^2 = z - t"
    )


def mean_squared_error(s: Scope, loss: MeanSquaredError) -> None:
    """(z - t)^2, averaged over outputs."""
    k = _outputs(s)
    _loss(s, "(<z> - <t>)**2", SHARE, "/ <k>", latex=SUM + rf"\tfrac{{1}}{{{k}}} (<z> - <t>)^2")
    _start(
        s, "2 * (<z> - <t>)", SHARE, "/ <k>", latex=rf"<share> \tfrac{{2}}{{{k}}} (<z> - <t>)",
        because=r"\frac{d}{dz} (z - t)^2 = 2 (z - t)",
    )  # fmt: skip


def mean_absolute_error(s: Scope, loss: MeanAbsoluteError) -> None:
    """|z - t|, averaged over outputs."""
    k = _outputs(s)
    _loss(s, "np.abs(<z> - <t>)", SHARE, "/ <k>", latex=SUM + rf"\tfrac{{1}}{{{k}}} \left|<z> - <t>\right|")
    _start(
        s, "np.sign(<z> - <t>)", SHARE, "/ <k>", latex=rf"<share> \tfrac{{1}}{{{k}}} \mathrm{{sign}}(<z> - <t>)",
        because=r"\frac{d}{dz} \left|z - t\right| = \mathrm{sign}(z - t) \text{, taken as } 0 \text{ at } z = t",
    )  # fmt: skip


def huber(s: Scope, loss: Huber) -> None:
    """With the error cut off at +-delta as c: c (2 (z - t) - c) / 2, averaged over outputs."""
    k = _outputs(s)
    s.numbers["delta"] = repr(loss.delta)
    s.each(
        "c", "np.clip(<z> - <t>, -<delta>, <delta>)", rule="function",
        latex=r"\max({-<delta>}, \min(<z> - <t>, <delta>))",
    )  # fmt: skip
    _loss(
        s, "0.5 * <c> * (2 * (<z> - <t>) - <c>)", SHARE, "/ <k>",
        latex=SUM + rf"\tfrac{{1}}{{{k}}} \cdot \tfrac{{1}}{{2}} <c> \odot (2 (<z> - <t>) - <c>)",
        because=r"\tfrac{1}{2} c \, (2 e - c) = \tfrac{1}{2} e^2 \text{ where } \left|e\right| \le <delta> "
        r"\text{, else } <delta> (\left|e\right| - \tfrac{<delta>}{2}), \; e = z - t",
    )  # fmt: skip
    _start(
        s, "<c>", SHARE, "/ <k>", latex=rf"<share> \tfrac{{1}}{{{k}}} <c>",
        because=r"\frac{d}{de} \tfrac{1}{2} e^2 = e, \; "
        r"\frac{d}{de} <delta> \left|e\right| = <delta> \, \mathrm{sign}(e)",
    )  # fmt: skip


def poisson(s: Scope, loss: Poisson) -> None:
    """With p = exp(z): t log(t / p) - t + p, summed over outputs."""
    s.each("p", "np.exp(<z>)", rule="link", latex="e^{<z>}")
    _loss(
        s, "(<t> * (np.log(np.maximum(<t>, 1e-30)) - <z>) - <t> + <p>)", SHARE,
        latex=SUM + r"\left(<t> \odot (\ln <t> - <z>) - <t> + <p>\right)",
        because=r"t \ln \frac{t}{p} = t \, (\ln t - z) \text{, as } p = e^z",
    )  # fmt: skip
    _start(
        s, "(<p> - <t>)", SHARE, rule="cancel", latex="<share> (<p> - <t>)",
        because=r"\frac{d}{dz} \left(e^z - t z\right) = e^z - t = p - t",
    )  # fmt: skip
    _in_full(
        s, "(<t> * np.log(np.maximum(<t>, 1e-30) / <p>) - <t> + <p>)",
        r"\left(<t> \odot \ln \frac{<t>}{<p>} - <t> + <p>\right)",
        ("(1 - <t> / <p>)", SHARE), r"<share> \left(1 - \frac{<t>}{<p>}\right)",
        "<p>", "<p>", r"\frac{dp}{dz} = e^z = p", r"\left(1 - \frac{t}{p}\right) p = p - t",
    )  # fmt: skip


def sigmoid_cross_entropy(s: Scope, loss: SigmoidCrossEntropy) -> None:
    """With p = sigmoid(z): -t log p - (1 - t) log(1 - p), summed over outputs."""
    s.each("p", "1 / (1 + np.exp(-<z>))", rule="link", latex=r"\frac{1}{1 + e^{-<z>}}")
    _loss(
        s, "(np.logaddexp(0, <z>) - <t> * <z>)", SHARE,
        latex="-" + SUM + r"\left(<t> \odot \ln <p> + (1 - <t>) \odot \ln(1 - <p>)\right) = "
        + SUM + r"\left(\ln(1 + e^{<z>}) - <t> \odot <z>\right)",
        because=r"\ln p = z - \ln(1 + e^z), \; \ln(1 - p) = -\ln(1 + e^z)",
    )  # fmt: skip
    _start(
        s, "(<p> - <t>)", SHARE, rule="cancel", latex="<share> (<p> - <t>)",
        because=r"\frac{d}{dz} \left(\ln(1 + e^z) - t z\right) = \frac{e^z}{1 + e^z} - t = p - t",
    )  # fmt: skip
    _in_full(
        s, "-(<t> * np.log(<p>) + (1 - <t>) * np.log(1 - <p>))",
        r"-\left(<t> \odot \ln <p> + (1 - <t>) \odot \ln(1 - <p>)\right)",
        ("(<p> - <t>) / (<p> * (1 - <p>))", SHARE), r"<share> \frac{<p> - <t>}{<p> \odot (1 - <p>)}",
        "<p> * (1 - <p>)", r"<p> \odot (1 - <p>)",
        r"\frac{\partial L}{\partial p} = -\frac{t}{p} + \frac{1 - t}{1 - p} = \frac{p - t}{p (1 - p)}, \; "
        r"\frac{dp}{dz} = p (1 - p)",
        r"\frac{p - t}{p (1 - p)} \, p (1 - p) = p - t",
    )  # fmt: skip


def softmax_cross_entropy(s: Scope, loss: SoftmaxCrossEntropy) -> None:
    """With p = softmax(z): -t log p, summed over classes."""
    s.reduce(
        "top", "max", "<z>", over="features", rule="features", latex=r"\max_j \, (<z>)_{j}",
        because=r"\text{less its maximum, } e^{z} \text{ cannot overflow, and } p \text{ stays the same}",
    )  # fmt: skip
    s.each("e", "np.exp(<z> - <top>)", rule="function", latex="e^{<z> - <top>}")
    s.reduce("total", "sum", "<e>", over="features", rule="features", latex=r"\sum_j (<e>)_{j}")
    s.each("p", "<e>", "/ <total>", rule="link", latex=r"\mathrm{softmax}(<z>) = \frac{<e>}{<total>}")
    _loss(
        s, "<t> * (np.log(<total>) + <top> - <z>)", SHARE,
        latex="-" + SUM + r"<t> \odot \ln <p> = " + SUM + r"<t> \odot (\ln <total> + <top> - <z>)",
    )  # fmt: skip
    _start(
        s, "(<p> - <t>)", SHARE, rule="cancel", latex="<share> (<p> - <t>)",
        because=r"-\sum_j t_j \ln p_j = \ln \sum_j e^{z_j} - \sum_j t_j z_j \text{, as } \sum_j t_j = 1; \; "
        r"\frac{\partial}{\partial z_k}: \frac{e^{z_k}}{\sum_j e^{z_j}} - t_k = p_k - t_k",
    )  # fmt: skip
    if not s.steps.full:
        return
    _part(s, "full")
    _loss_of_p(s, "-<t> * np.log(<p>)", r"-<t> \odot \ln <p>")
    first = "<p>[0]" if s.rows else "<p>[:, 0]"
    s.each("dp", "-<t> / <p>", SHARE, rule="start", latex=r"-<share> \frac{<t>}{<p>}", scalar="loss_p")
    s.matrix(
        "J", f"np.diag({first}) - np.outer({first}, {first})", rule="jacobian",
        latex=r"\mathrm{diag}(p) - p \, p^\top \quad \text{(of the first sample)}",
        because=r"\frac{\partial p_j}{\partial z_k} = \frac{[j = k] \, e^{z_k} S - e^{z_j} e^{z_k}}{S^2} "
        r"= p_j ([j = k] - p_k), \; S = \sum_i e^{z_i}",
    )  # fmt: skip
    _through_softmax(
        s, "dp", "c", "delta_full", equal="dz",
        because=r"\sum_j -\frac{t_j}{p_j} \, p_j ([j = k] - p_k) = -t_k + p_k \sum_j t_j = p_k - t_k",
    )  # fmt: skip
    _part(s, "instead")
    _squared_instead(s)
    _through_softmax(s, "g_squared", "c_squared", "delta_squared", scalar="loss_squared")


def _through_softmax(s: Scope, dp: str, dot: str, dz: str, because: str = "", **more: Any) -> None:
    """dz = J dp for every sample, without writing J down: p (dp - p . dp)."""
    latex = rf"\sum_j \left(<p> \odot <{dp}>\right)_j"
    s.reduce(dot, "sum", "<p>", f"<{dp}>", over="features", rule="jacobian", latex=latex)
    s.each(
        dz, "<p>", f"(<{dp}> - <{dot}>)", rule="jacobian", of="z", because=because,
        latex=rf"J \, <{dp}> = <p> \odot \left(<{dp}> - <{dot}>\right)", **more,
    )  # fmt: skip


def _in_full(
    s: Scope,
    loss: str,
    loss_latex: str,
    dp: tuple[str, ...],
    dp_latex: str,
    slope: str,
    slope_latex: str,
    slope_because: str,
    because: str,
) -> None:
    """The two halves of a gradient through an elementwise link, and the squared error's in its place."""
    if not s.steps.full:
        return
    _part(s, "full")
    _loss_of_p(s, loss, loss_latex)
    s.each("dp", *dp, rule="start", latex=dp_latex, because=slope_because, scalar="loss_p")
    s.each(
        "delta_full",
        "<dp>",
        slope,
        rule="chain",
        latex=rf"<dp> \odot {slope_latex}",
        because=because,
        of="z",
        equal="dz",
    )
    _part(s, "instead")
    _squared_instead(s)
    s.each(
        "delta_squared",
        "<g_squared>",
        slope,
        rule="chain",
        latex=rf"<g_squared> \odot {slope_latex}",
        of="z",
        scalar="loss_squared",
    )


def _loss_of_p(s: Scope, loss: str, latex: str) -> None:
    """The loss written with p, which is the same but for rounding near 0 and 1."""
    s.reduce(
        "loss_p",
        "sum",
        loss,
        SHARE,
        over="all",
        rule="loss",
        latex=f"-{SUM}{latex[1:]}" if latex[0] == "-" else SUM + latex,
        equal="loss",
    )


def _squared_instead(s: Scope) -> None:
    """Half the squared error of p, and its gradient by p."""
    s.reduce(
        "loss_squared", "sum", "0.5 * (<p> - <t>)**2", SHARE, over="all", rule="loss",
        latex=SUM + r"\tfrac{1}{2} (<p> - <t>)^2",
    )  # fmt: skip
    s.each("g_squared", "(<p> - <t>)", SHARE, rule="start", latex="<share> (<p> - <t>)", of="p", scalar="loss_squared")


def _start(s: Scope, *factors: str, rule: str = "start", **texts: Any) -> None:
    _part(s, "backward")
    s.each("dz", *factors, rule=rule, **texts)


def _part(s: Scope, part: Part) -> None:
    s.part = part


def _outputs(s: Scope) -> str:
    """The number of outputs, which the templates then know as k."""
    s.numbers["k"] = str(s.steps.network.outputs)
    return s.numbers["k"]


LOSS_RULES: dict[type, Callable[[Scope, Any], None]] = {
    SquaredError: squared_error,
    MeanSquaredError: mean_squared_error,
    MeanAbsoluteError: mean_absolute_error,
    Huber: huber,
    Poisson: poisson,
    SigmoidCrossEntropy: sigmoid_cross_entropy,
    SoftmaxCrossEntropy: softmax_cross_entropy,
}


def loss_rules_of(loss: Loss) -> Callable[[Scope, Any], None]:
    """The rules of a loss's kind."""
    rules: Callable[[Scope, Any], None] = rules_by_kind(LOSS_RULES, loss)
    return rules
