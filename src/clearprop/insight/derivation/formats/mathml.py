"""LaTeX as MathML, which browsers show without a script or a font of our own."""

import re
from functools import lru_cache

from clearprop.arrays.errors import missing
from clearprop.insight.derivation.formats.latex import pieces

FUNCTION = re.compile(r"(\\(?:ln|log|exp|tanh|sinh|cosh)(?:\^2)?|\\mathrm\{\w{3,}\})(?= ?[\\A-Za-z0-9])")
FRACTION = re.compile(r"\} (?=\\t?frac)")


@lru_cache(maxsize=4096)
def mathml(latex: str, commas: bool = False) -> str:
    """`latex` as one <math> element, or as several between which a line may be broken."""
    try:
        from latex2mathml.converter import convert
    except ImportError:
        raise missing("latex2mathml", "derive", "a page of a derivation") from None
    spaced = FRACTION.sub(r"} \\; ", FUNCTION.sub(r"\1\\,", latex))  # MathML leaves no space at these places itself
    return "<wbr>".join(
        convert(piece, display="block").replace('display="block"', 'displaystyle="true"', 1)
        for piece in pieces(spaced, commas)
    )
