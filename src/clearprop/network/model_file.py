"""The model file: one `.safetensors` file that holds data only, written atomically and checked when read.

Tensors: every parameter and running statistic under its own name. Metadata: one JSON document (network, loss,
classes, threshold, input scaling, library version) and a SHA-256 over it and the tensors. Reading runs no code.
"""

import json
import os
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import FileError, brief
from clearprop.arrays.files import atomic, location, opened, size
from clearprop.version import __version__

FORMAT = 1
LONGEST_HEADER = 16 * 2**20  # bytes of JSON, in the file's header
ADVICE = "load a file that model.save wrote"


Arrays = dict[str, NDArray[Any]]


def write(path: str | os.PathLike[str], description: dict[str, Any], arrays: Arrays) -> None:
    """Write named arrays and a description of what they are; a FileError where that cannot be done."""
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    text = json.dumps({"format": FORMAT, "version": __version__} | description)
    content = save(tensors, {"clearprop": text, "sha256": _digest(text, tensors)})
    with atomic(path) as file:
        file.write(content)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Arrays]:
    """The description and the arrays that `write` wrote; a FileError where the file holds anything else."""
    where = f"model file {location(path)}"
    with opened(path) as file:
        content = file.read(size(path))  # no more, should it unpack to more
    metadata, tensors = _parsed(where, content)
    text = metadata.get("clearprop")
    if text is None:
        raise FileError(where, "a model of clearprop", "a safetensors file of another program", ADVICE)
    description = _described(where, text)
    if metadata.get("sha256") != _digest(text, tensors):
        raise FileError(
            where, "the checksum of its content", "another: the file was altered or damaged", "use a backup"
        )
    return description, tensors


def _digest(described: str, tensors: Arrays) -> str:
    import hashlib

    digest = hashlib.sha256(described.encode())
    for name in sorted(tensors):
        values = tensors[name]
        digest.update(f"\n{name} {values.dtype} {values.shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _parsed(where: str, content: bytes) -> tuple[dict[str, str], Arrays]:
    """Metadata and tensors of a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as load_tensors

    length = struct.unpack("<Q", content[:8])[0] if len(content) >= 8 else 0
    if not 2 <= length <= LONGEST_HEADER or content[8:9] != b"{":
        raise FileError(where, "a safetensors file", "another kind of file" if content else "an empty file", ADVICE)
    if len(content) < 8 + length:
        raise FileError(where, f"at least {8 + length} bytes", f"{len(content)}: the file is truncated", "use a backup")
    try:
        header = json.loads(content[8 : 8 + length])
        metadata = header.get("__metadata__", {})
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        wanted = 8 + length + max(ends, default=0)
        if len(content) < wanted:
            raise FileError(where, f"{wanted} bytes", f"{len(content)}: the file is truncated", "use a backup")
        return dict(metadata), load_tensors(content)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError, SafetensorError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(where, "a sound safetensors file", brief(str(error)), "use a backup") from None


def _described(where: str, text: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
        number = header["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise FileError(where, "a description of the network", brief(text), ADVICE) from None
    if not isinstance(number, int) or number > FORMAT:
        raise FileError(
            where, f"format {FORMAT}, which clearprop {__version__} reads",
            f"format {brief(number)} of clearprop {brief(header.get('version'))}", "upgrade clearprop",
        )  # fmt: skip
    return dict(header)
