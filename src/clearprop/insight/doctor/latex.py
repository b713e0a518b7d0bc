"""A line of NumPy as LaTeX, so that a wrong formula can stand beside the right one."""

import ast
import re

from clearprop.insight.derivation.lines import symbol

PRECEDENCE = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.MatMult: 2, ast.Div: 4, ast.Pow: 4}
WRAPPED = {
    "exp": "e^{%s}", "sqrt": r"\sqrt{%s}", "abs": r"\left|%s\right|", "log": r"\ln(%s)", "tanh": r"\tanh(%s)",
    "sign": r"\mathrm{sign}(%s)", "expm1": r"\left(e^{%s} - 1\right)", "erf": r"\mathrm{erf}(%s)",
    "square": r"\left(%s\right)^2",
}  # fmt: skip
AXIS = re.compile(r"axis=([01])")
REDUCED = {"sum": r"\sum", "mean": r"\mathrm{mean}", "max": r"\max"}


def latex(code: str, samples: int = 0) -> str | None:
    r"""The code as LaTeX, with i for the axis of the `samples`; None where it holds more than can be written plainly.

    >>> latex("x.T @ delta2 / N"), latex("np.sum(delta2, axis=0)"), latex("[1, 2]")
    ('\\frac{X^\\top \\, \\Delta_{2}}{N}', '\\sum_{i} \\Delta_{2}^{(i)}', None)
    """
    named = AXIS.sub(lambda found: f"axis={'i' if int(found[1]) == samples else 'j'}", code)
    try:
        return _text(ast.parse(named, mode="eval").body, 0)
    except (SyntaxError, KeyError, ValueError, AttributeError):
        return None


def _text(node: ast.expr, outer: int) -> str:
    """One expression, in brackets if what stands around it binds more closely than `outer`."""
    match node:
        case ast.Name(id=name):
            return "N" if name == "N" else symbol(name)
        case ast.Constant(value=value):
            return f"{value:g}" if isinstance(value, float) else str(value)
        case ast.Attribute(value=value, attr="T"):
            return f"{_text(value, 9)}^\\top"
        case ast.UnaryOp(op=ast.USub(), operand=value):
            return _bracketed(f"-{_text(value, 3)}", 1, outer)
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(left, op, right, outer)
        case ast.Compare(left=left, ops=[ast.Gt()], comparators=[right]):
            return f"[{_text(left, 0)} > {_text(right, 0)}]"
        case ast.Call():
            return _call(node)
    raise ValueError(ast.dump(node))


def _binary(left: ast.expr, op: ast.operator, right: ast.expr, outer: int) -> str:
    level = PRECEDENCE[type(op)]
    if isinstance(op, ast.Div):
        return rf"\frac{{{_text(left, 0)}}}{{{_text(right, 0)}}}"
    if isinstance(op, ast.Pow):
        return f"{_text(left, 9)}^{{{_text(right, 0)}}}"
    sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: r"\odot", ast.MatMult: r"\,"}[type(op)]
    if isinstance(op, ast.Mult) and (_is_number(left) or _is_number(right)):
        sign = r"\cdot"
    return _bracketed(f"{_text(left, level)} {sign} {_text(right, level + 1)}", level, outer)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in ("N", "rate"))


def _bracketed(text: str, level: int, outer: int) -> str:
    return rf"\left({text}\right)" if level < outer else text


def _call(node: ast.Call) -> str:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id  # type: ignore[attr-defined]
    first, *others = node.args
    if name in WRAPPED:
        return WRAPPED[name] % _text(first, 0)
    if name in REDUCED:
        axis = next((ast.unparse(word.value) for word in node.keywords if word.arg == "axis"), "")
        return _reduced(REDUCED[name], first, axis)
    arguments = ", ".join(_text(one, 0) for one in (first, *others))
    return rf"\mathrm{{{name}}}({arguments})"


def _reduced(operator: str, node: ast.expr, axis: str) -> str:
    """A sum, mean or maximum over the samples i, over the features j, or over everything."""
    if not axis:
        return f"{operator} {_text(node, 3)}"
    plain = isinstance(node, ast.Name) and axis == "i"
    text = _text(node, 0) if plain else rf"\left({_text(node, 0)}\right)"
    return f"{operator}_{{{axis}}} {text}" + ("^{(i)}" if axis == "i" else "_{j}")
