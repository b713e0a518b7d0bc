"""Reading an ONNX file with suspicion: nothing is made that is much larger than the file's own bytes.

Arrays are taken from the file itself only, never from another file that it names, and no node of it is run.
"""

import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import FileError, brief
from clearprop.arrays.files import location, opened, size
from clearprop.export.onnx import Proto, package

MOST_BYTES = 2**31 - 1  # of any protobuf message
MOST_FIELDS = 2**18  # an empty message is 2 bytes in a file and over 100 in memory
INTEGERS = (1, 2, 3, 4)  # of google.protobuf's cpp types; packed, one is 1 byte in a file and 8 in memory
DEEPEST = 20  # messages within messages; an array within a node within the graph is 4
MOST_DIMENSIONS = 8
ADVICE = "export it again"

# numbers of onnx.TensorProto: type of the elements, and the field that holds them where raw_data is empty
TYPES = {1: ("<f4", "float_data"), 11: ("<f8", "double_data"), 7: ("<i8", "int64_data"), 6: ("<i4", "int32_data")}
STRING, EXTERNAL = 8, 1

Arrays = dict[str, NDArray[Any]]


def read(path: str | os.PathLike[str]) -> Proto:
    """The ModelProto that a file holds; a FileError where it holds anything else."""
    proto = package().ModelProto
    from google.protobuf.message import DecodeError

    where, length = f"ONNX file {location(path)}", size(path)
    if length > MOST_BYTES:
        raise FileError(where, "at most 2 GiB", f"{length / 2**30:.1f} GiB", "give another file")
    with opened(path) as file:
        content = file.read(length)
        if file.read(1):
            raise FileError(where, "an ONNX file", "a packed file", "unpack it first")
    if _fields(content, 0, len(content), proto.DESCRIPTOR, 0) > MOST_FIELDS:
        raise FileError(where, f"at most {MOST_FIELDS:,} fields", "more", "give a feed-forward network")
    try:
        model = proto.FromString(content)
    except DecodeError:
        model = proto()
    if not model.HasField("graph"):
        raise FileError(where, "an ONNX model", "an empty or other file, or a part of one", ADVICE)
    return model


def _fields(content: bytes, start: int, stop: int, kind: Any, depth: int) -> int:
    """Number of fields of the message of type `kind` in content[start:stop], and of those in it.

    Counting ends a little above MOST_FIELDS and at what is no protobuf message, of which the parser will complain.
    """
    count = 0
    while start < stop and count <= MOST_FIELDS:
        tag, start = _varint(content, start)
        count += 1
        if tag & 7 == 0:
            _, start = _varint(content, start)
        elif tag & 7 == 2:
            length, start = _varint(content, start)
            field = kind.fields_by_number.get(tag >> 3)
            if field is not None and field.message_type is not None:
                if depth == DEEPEST:
                    return MOST_FIELDS + 1
                count += _fields(content, start, min(start + length, stop), field.message_type, depth + 1)
            elif field is not None and field.cpp_type in INTEGERS:
                count += length
            start += length
        else:
            start += {1: 8, 5: 4}.get(tag & 7, 0)
    return count


def _varint(content: bytes, start: int) -> tuple[int, int]:
    """The whole number, seven bits in each byte, at content[start], and where it ends."""
    value = 0
    for shift, byte in enumerate(content[start : start + 10]):
        value |= (byte & 127) << 7 * shift
        if byte < 128:
            return value, start + shift + 1
    return 0, len(content)


def array(where: str, tensor: Proto) -> NDArray[Any]:
    """What a TensorProto holds: numbers in its shape, or texts; a FileError where it is not what it says."""
    where = f"{where}, array {brief(tensor.name)}"
    if tensor.data_location == EXTERNAL or tensor.external_data:
        raise FileError(
            where, "numbers in the file itself", "the name of another file",
            "export it without external data; in PyTorch, external_data=False",
        )  # fmt: skip
    dims = tuple(tensor.dims[: MOST_DIMENSIONS + 1])
    if len(dims) > MOST_DIMENSIONS or any(d < 1 for d in dims):
        raise FileError(where, "a shape", brief(dims), ADVICE)
    if tensor.data_type == STRING:
        texts = [text.decode(errors="replace") for text in tensor.string_data]
        return np.array(_counted(where, texts, dims), object).reshape(dims)
    if tensor.data_type not in TYPES:
        raise FileError(where, "float32 or float64 numbers", _type_name(tensor), "export the model in float32")
    dtype, field = TYPES[tensor.data_type]
    raw, itemsize = tensor.raw_data, np.dtype(dtype).itemsize
    data = np.frombuffer(raw, dtype, len(raw) // itemsize) if raw else np.asarray(getattr(tensor, field), dtype)
    values: NDArray[Any] = _counted(where, data, dims).reshape(dims)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise FileError(where, "finite numbers", "NaN or infinity", "train it again")
    return values


def _counted(where: str, values: Any, dims: tuple[int, ...]) -> Any:
    if len(values) != math.prod(dims):
        raise FileError(where, f"{math.prod(dims)} values, its shape being {dims}", str(len(values)), ADVICE)
    return values


def _type_name(tensor: Proto) -> str:
    types = {value: name for name, value in package().TensorProto.DataType.items()}
    return str(types.get(tensor.data_type, f"type {tensor.data_type}"))
