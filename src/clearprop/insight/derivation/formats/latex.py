"""Where LaTeX may be broken, and how long it is."""

import re

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
OPENING = {"{", "(", "[", r"\begin"}
CLOSING = {"}", ")", "]", r"\end"}
RELATIONS = {"=", r"\Rightarrow"}
LONG = 60  # glyphs of an equation that fits on a line of paper


def pieces(latex: str, commas: bool = False) -> list[str]:
    r"""Parts between which a line may end: before relations outside of all brackets, after commas if `commas`.

    >>> pieces(r"L = \frac{1}{N} \sum (p = q) \;\Rightarrow\; x = 1")
    ['L', '= \\frac{1}{N} \\sum (p = q)', '\\;\\Rightarrow\\; x', '= 1']
    """
    found, depth, start = [], 0, 0
    tokens = list(TOKEN.finditer(latex))
    for i, token in enumerate(tokens):
        text = token[0]
        depth += (text in OPENING) - (text in CLOSING)
        cut = None
        if depth == 0 and text in RELATIONS:
            cut = token.start() - 2 if latex[: token.start()].endswith(r"\;") else token.start()
        elif depth == 0 and commas and text == r"\;" and tokens[i - 2][0] in (",", ":", ";"):
            cut = token.end()
        if cut is not None and latex[start:cut].strip():
            found.append(latex[start:cut].strip())
            start = cut
    return [*found, latex[start:].strip()]


def broken(latex: str) -> str:
    r"""An equation as it is, or, where it is long, with each further = on a line of its own.

    >>> broken("a = b = c")
    'a = b = c'
    """
    parts = pieces(latex)
    if len(parts) < 3 or glyphs(latex) <= LONG:
        return latex
    lines = [f"{parts[0]} &{parts[1]}", *(f"&{part}" for part in parts[2:])]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def glyphs(latex: str) -> int:
    """About how many letters wide it is."""
    plain = re.sub(r"\\(frac|tfrac|left|right|text|mathrm|hat|begin|end|,|;)|[{}_^ &]", "", latex)
    return len(re.sub(r"\\[A-Za-z]+", "x", plain))
