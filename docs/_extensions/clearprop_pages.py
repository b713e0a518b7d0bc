"""What the pages need of Sphinx beyond its own: mathematics as MathML, docstrings as written, lessons as notebooks."""

import inspect
import re
from functools import partial
from pathlib import Path
from typing import Any

import jupytext
from docutils import nodes
from jupyter_cache.executors.utils import single_nb_execution
from latex2mathml.converter import convert
from myst_nb.core.execute import direct
from numpy.typing import ArrayLike, DTypeLike
from sphinx.application import Sphinx
from sphinx.util.typing import stringify_annotation

from clearprop.insight.derivation.formats.mathml import mathml

FRONT = """<!doctype html>
<meta charset="utf-8">
<title>clearprop</title>
<meta http-equiv="refresh" content="0; url=docs/index.html">
"""
LONG = {stringify_annotation(ArrayLike, "smart"): "ArrayLike", stringify_annotation(DTypeLike, "smart"): "DTypeLike"}
TITLE = re.compile(r"(?m)^(# .*)$")
BARS = re.compile(r"\|([^|`]+)\|")  # an absolute value, which reStructuredText would take for a substitution


def _inline(translator: Any, node: nodes.Element) -> None:
    # sums and fractions as small as the line is high
    translator.body.append(mathml(node.astext()).replace(' displaystyle="true"', ""))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.Element) -> None:
    latex = node.astext()
    whole = r"\begin" in latex or r"\\" in latex  # what has rows of its own is not broken into pieces
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    translator.body.append(convert(latex, display="block") if whole else mathml(latex))
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def _docstring(_app: Sphinx, _kind: str, _name: str, found: Any, _options: Any, lines: list[str]) -> None:
    """Its parameters, which stand as "name: meaning", in bold; absolute values as they are."""
    try:
        parameters = "|".join(inspect.signature(found).parameters)
    except (TypeError, ValueError):
        parameters = ""
    known = re.compile(rf"(^|[.;] )((?:{parameters})(?:(?:,| and) (?:{parameters}))*): ") if parameters else None
    for number, line in enumerate(lines):
        if line.startswith((" ", ">>>", "...")):
            continue
        line = BARS.sub(r"\|\1\|", line)
        lines[number] = known.sub(r"\1**\2**: ", line) if known else line


def _signature(
    _app: Sphinx, _kind: str, _name: str, _found: Any, _options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """NumPy's types by their names, not as the unions that they stand for."""
    for written, name in LONG.items():
        signature = signature and signature.replace(written, name)
    return signature, returns


def _offered(_app: Sphinx, name: str, source: list[str]) -> None:
    """Under the title of a lesson, the way to its notebook."""
    if name.startswith("lessons/"):
        file = f"{name.removeprefix('lessons/')}.ipynb"
        note = f'<p>To run and change it yourself: <a href="{file}" download>this page as a notebook</a>.</p>'
        source[0] = TITLE.sub(rf"\1\n\n{note}", source[0], count=1)


def _notebooks(app: Sphinx, failure: Exception | None) -> None:
    """Beside the page of each lesson its notebook, without results and claims, and a page that leads to the first."""
    if failure is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    for lesson in sorted((Path(app.srcdir) / "lessons").glob("[0-9]*.md")):
        (site / "lessons").mkdir(exist_ok=True)
        notebook = jupytext.read(lesson)
        notebook.cells = [cell for cell in notebook.cells if "claim" not in cell.metadata.get("tags", ())]
        jupytext.write(notebook, site / "lessons" / f"{lesson.stem}.ipynb")
    (site / "index.html").write_text(FRONT, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it."""
    # what a cell prints as one piece, which may come in several; myst-nb alone would put empty lines between them
    direct.single_nb_execution = partial(single_nb_execution, coalesce_streams=True)
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("autodoc-process-signature", _signature)
    app.connect("source-read", _offered)
    app.connect("build-finished", _notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
