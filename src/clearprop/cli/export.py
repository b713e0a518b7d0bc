"""`clearprop export`."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from clearprop.arrays.errors import FileError, SettingError
from clearprop.arrays.files import check_writable, location, size
from clearprop.cli import show
from clearprop.export.onnx import to_onnx
from clearprop.export.standalone import to_python
from clearprop.network.loading import load

SUFFIXES = {"onnx": ".onnx", "python": ".py"}


def run(
    model: Annotated[str, Parameter(metavar="MODEL", help="A file that clearprop train wrote")],
    /,
    *,
    to: Annotated[
        Literal["onnx", "python"], Parameter(help="An ONNX file, for other programs, or one Python file with all in it")
    ],
    out: Annotated[
        str | None, Parameter(metavar="FILE", help="File to write or replace [MODEL.onnx or MODEL.py, if new]")
    ] = None,
    numpy: Annotated[
        bool, Parameter(help="Whether the Python file may use NumPy; without, it needs Python only")
    ] = True,
    json: Annotated[bool, Parameter(negative=(), show_default=False, help="Print one JSON document")] = False,
) -> None:
    """Write a model as a file that works without clearprop.

    Scaling of the inputs and names of the classes are in it.
    """
    if not numpy and to == "onnx":
        raise SettingError("--no-numpy", "--to python", "--to onnx", "leave it out")
    trained = load(model)
    target = _target(model, out, SUFFIXES[to])
    if to == "onnx":
        to_onnx(trained, target)
    else:
        to_python(trained, target, numpy=numpy)
    if json:
        show.document({"model": model, "file": str(target), "format": to, "bytes": size(target)})
        return
    show.put(f"{target}: {size(target):,} bytes")
    if to == "python":
        show.say(f"Next: python {shlex.quote(str(target))} < rows.csv")


def _target(model: str, out: str | None, suffix: str) -> Path:
    """The file to write, once it is clear that this replaces nothing else."""
    path = location(model).with_suffix(suffix) if out is None else location(out)
    if path.suffix != suffix:
        raise FileError(str(path), f"a name that ends in {suffix}", path.name, f"such as {path.with_suffix(suffix)}")
    if out is None and path.exists():
        raise FileError(
            str(path), "a new file", "one that exists", f"to replace it, add --out {shlex.quote(str(path))}"
        )
    check_writable(path.parent)
    return path
