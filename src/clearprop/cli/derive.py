"""`clearprop derive`."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from clearprop.arrays.errors import FileError, SettingError
from clearprop.arrays.files import check_writable, location, size
from clearprop.cli import inputs, show, small
from clearprop.cli.settings import DATA, OUTPUT, Source, integer
from clearprop.data.dataset import Dataset
from clearprop.insight.derivation.derive import derive
from clearprop.insight.derivation.formats import write
from clearprop.insight.derivation.formats.plain import filename, to_dict

NOTHING = Source()
UNSAID = small.Structure()
SAMPLES = 8
SUFFIXES = {"text": ".txt", "markdown": ".md", "html": ".html", "tex": ".tex", "notebook": ".ipynb", "python": ".py"}


def run(
    network: small.What,
    /,
    *,
    structure: Annotated[small.Structure, Parameter(name="*")] = UNSAID,
    layout: Annotated[Literal["rows", "columns"], Parameter(help="What a sample is in an array")] = "rows",
    full: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Derive loss and link one after the other, too")
    ] = False,
    prove: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Let SymPy prove every derivative, and say which")
    ] = False,
    data: Annotated[
        str | None,
        Parameter(group=DATA, metavar="NAME|FILE", help="Data to compute and check every line on (see clearprop data)"),
    ] = None,
    samples: Annotated[
        int, Parameter(group=DATA, metavar="N", converter=integer, help="Most samples to take of it")
    ] = SAMPLES,
    source: Annotated[Source, Parameter(name="*")] = NOTHING,
    to: Annotated[
        Literal["text", "markdown", "html", "tex", "notebook", "python"], Parameter(group=OUTPUT, help="What to write")
    ] = "text",
    out: Annotated[
        str | None,
        Parameter(
            group=OUTPUT, metavar="FILE", help="File to write or replace [the terminal for text, else a new one]"
        ),
    ] = None,
    json: Annotated[bool, Parameter(negative=(), show_default=False, help="Print one JSON document")] = False,
) -> int:
    """Derive the gradients of a network line by line, as equations and as NumPy.

    On data every line is computed, and compared with the library and with differences. The status is 1 if one is wrong.
    """
    known = None if data is None else _taken(inputs.dataset(data, source), samples, source.seed or 0)
    model = small.model(network, structure, known, source.seed or 0)
    path = None if out is None and to == "text" else _target(out, filename(model.network, SUFFIXES[to]))
    found = derive(model, batch=known, layout=layout, full=full)
    text = write(found, to, path)
    proof = found.prove() if prove else None
    if json:
        written = {"file": str(path), "format": to} if path else {}
        show.document(to_dict(found) | written | ({"proof": proof.to_dict()} if proof is not None else {}))
    else:
        show.put(text if path is None else f"{path}: {size(path):,} bytes", *([] if proof is None else [proof]))
    return 0 if found and (proof is None or proof) else 1


def _taken(data: Dataset, samples: int, seed: int) -> Dataset:
    if samples < 1:
        raise SettingError("--samples", "at least 1", str(samples), "leave it out")
    return data.take(min(samples, len(data.train)), seed)


def _target(out: str | None, name: str) -> Path:
    """The file to write, once it is clear that this replaces nothing else."""
    path = location(out or name)
    if out is None and path.exists():
        raise FileError(
            str(path), "a new file", "one that exists", f"to replace it, add --out {shlex.quote(str(path))}"
        )
    check_writable(path.parent)
    return path
