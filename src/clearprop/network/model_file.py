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

from clearprop.arrays.errors import ClearpropError, FileError, brief
from clearprop.arrays.files import atomic, location, opened, size
from clearprop.data.scaling import Scaling
from clearprop.layers.losses import Loss
from clearprop.network.model import Model
from clearprop.network.network import Network
from clearprop.version import __version__

FORMAT = 1
LONGEST_HEADER = 16 * 2**20  # bytes of JSON, in the file's header
ADVICE = "load a file that model.save wrote"


def write(model: Model, path: str | os.PathLike[str]) -> None:
    """Write `model` to `path`; see Model.save."""
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(values) for name, values in _named(model).items()}
    scaling = model.scaling and {"shift": model.scaling.shift, "factor": model.scaling.factor}
    described = json.dumps(
        {
            "format": FORMAT,
            "version": __version__,
            "network": model.network.to_dict(),
            "loss": model.loss.to_dict(),
            "dtype": str(model.dtype),
            "seed": model.seed,
            "classes": model.classes,
            "threshold": model.threshold,
            "scaling": scaling,
        }
    )
    content = save(tensors, {"clearprop": described, "sha256": _digest(described, tensors)})
    with atomic(path) as file:
        file.write(content)


def load(path: str | os.PathLike[str]) -> Model:
    """The model that `Model.save` wrote to `path`, ready to predict and to train on.

    A FileError in one sentence where the file is absent, truncated, altered, of another kind, or of a newer version.
    """
    where = f"model file {location(path)}"
    with opened(path) as file:
        content = file.read(size(path))  # no more, should it unpack to more
    metadata, tensors = _parsed(where, content)
    described = metadata.get("clearprop")
    if described is None:
        raise FileError(where, "a model of clearprop", "a safetensors file of another program", ADVICE)
    header = _described(where, described)
    if metadata.get("sha256") != _digest(described, tensors):
        raise FileError(
            where, "the checksum of its content", "another: the file was altered or damaged", "use a backup"
        )
    try:
        network, dtype = Network.from_dict(header["network"]), header["dtype"]
        _check_arrays(where, network, dtype, tensors)  # before anything of the size it claims is allocated
        model = _model(header, network)
    except FileError:
        raise
    except (ClearpropError, KeyError, TypeError, ValueError) as error:
        raise FileError(where, "a network that this version knows", brief(str(error), 300), ADVICE) from None
    for name, values in _named(model).items():
        values[...] = tensors[name]
    if not (np.isfinite(model.theta).all() and np.isfinite(model.state).all()):
        raise FileError(where, "finite weights", "NaN or infinity", "train again with a lower learning rate")
    return model


def _named(model: Model) -> dict[str, NDArray[Any]]:
    return model.network.theta.named(model.theta) | model.network.state.named(model.state)


def _check_arrays(where: str, network: Network, dtype: str, tensors: dict[str, NDArray[Any]]) -> None:
    wanted = {(slot.name, slot.shape, dtype) for slot in (*network.theta, *network.state)}
    got = {(name, values.shape, str(values.dtype)) for name, values in tensors.items()}
    if wanted != got:
        name = min(wanted ^ got)[0]
        raise FileError(where, f"the {dtype} arrays of its network", f"another {brief(name)}, or none", ADVICE)


def _digest(described: str, tensors: dict[str, NDArray[Any]]) -> str:
    import hashlib

    digest = hashlib.sha256(described.encode())
    for name in sorted(tensors):
        values = tensors[name]
        digest.update(f"\n{name} {values.dtype} {values.shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _parsed(where: str, content: bytes) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
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


def _model(header: dict[str, Any], network: Network) -> Model:
    scaling = header["scaling"] and Scaling(header["scaling"]["shift"], header["scaling"]["factor"])
    classes = header["classes"]
    if scaling:
        scaling.check_width(network.inputs)
    return Model(
        network,
        Loss.from_dict(header["loss"]),
        header["seed"],
        header["dtype"],
        classes=None if classes is None else tuple(classes),
        scaling=scaling,
        threshold=header["threshold"],
    )
