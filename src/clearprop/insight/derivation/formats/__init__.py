"""A derivation as text, Markdown, LaTeX, a notebook and a page; all are told by the same words."""

from importlib import import_module
from typing import Any

from clearprop.arrays.files import atomic

FORMS = {
    "text": "text", "markdown": "markdown", "html": "page", "tex": "tex", "notebook": "notebook", "python": "plain",
}  # fmt: skip


def write(derivation: Any, form: str, path: Any = None) -> str:
    """The derivation in this form, also as a file if there is a `path`."""
    module = import_module(f"clearprop.insight.derivation.formats.{FORMS[form]}")
    text: str = getattr(module, f"to_{form}")(derivation)
    if path is not None:
        with atomic(path) as file:
            file.write(f"{text.rstrip()}\n".encode())
    return text
