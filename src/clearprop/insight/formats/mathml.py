"""LaTeX as MathML, which browsers show without a script or a font of our own."""

import re
from functools import lru_cache

from clearprop.arrays.errors import missing
from clearprop.insight.formats.latex import pieces

FUNCTION = re.compile(r"(\\(?:ln|tanh|sinh|cosh)(?:\^2)?|\\mathrm\{\w{3,}\})(?= ?[\\A-Za-z<])")


@lru_cache(maxsize=4096)
def mathml(latex: str, commas: bool = False) -> str:
    """`latex` as one <math> element, or as several between which a line may be broken."""
    try:
        from latex2mathml.converter import convert
    except ImportError:
        raise missing("latex2mathml", "derive", "a page of a derivation") from None
    spaced = FUNCTION.sub(r"\1\\,", latex)  # MathML leaves no space after the name of a function
    return "<wbr>".join(
        convert(piece).replace('display="inline"', 'displaystyle="true"', 1) for piece in pieces(spaced, commas)
    )
