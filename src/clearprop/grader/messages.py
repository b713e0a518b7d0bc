"""What is said between the grader and the process of a learner's code: numbers and short texts, and nothing else."""

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

LARGEST_HEADER = 2**16  # bytes
LARGEST_ANSWER = 2**26  # bytes of arrays
KINDS = ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8")


class Refused(Exception):
    """A message that is not one."""


class Error(msgspec.Struct):
    """What stopped the code, and at which of its lines."""

    kind: str
    text: str
    line: int
    source: str


class Answer(msgspec.Struct):
    """The header of an answer; the arrays follow it."""

    shapes: list[tuple[str, list[int]]]
    asked: bool
    error: Error | None
    results: int = 0


def packed(header: dict[str, Any], arrays: Sequence[NDArray[Any]] = ()) -> Iterator[bytes]:
    """A message to the process, piece by piece."""
    arrays = [np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for array in arrays]
    text = msgspec.json.encode(header | {"shapes": [(array.dtype.str, array.shape) for array in arrays]})
    yield struct.pack("<I", len(text)) + text
    for array in arrays:
        yield array.tobytes()


def header_size(start: bytes) -> int:
    """The length of a header from the four bytes before it."""
    (size,) = struct.unpack("<I", start)
    if size > LARGEST_HEADER:
        raise Refused(f"a header of {size} bytes")
    return int(size)


def header_of(text: bytes) -> tuple[Answer, int]:
    """A header, and how many bytes of arrays follow."""
    try:
        header = msgspec.json.decode(text, type=Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("no header") from None
    size = 0
    for kind, shape in header.shapes:
        if kind not in KINDS or len(shape) > 8 or not all(0 <= length < 2**32 for length in shape):
            raise Refused("an array of another kind")
        size += int(kind[2:]) * math.prod(shape)
    if size > LARGEST_ANSWER:
        raise Refused(f"arrays of more than {LARGEST_ANSWER:,} bytes")
    return header, size


def arrays_of(header: Answer, content: bytes) -> list[NDArray[Any]]:
    """The arrays after a header."""
    found, place = [], 0
    for kind, shape in header.shapes:
        count = math.prod(shape)
        found.append(np.frombuffer(content, kind, count, place).reshape(shape))
        place += int(kind[2:]) * count
    return found
