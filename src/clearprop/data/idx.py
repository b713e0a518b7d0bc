"""IDX, the format of MNIST: two zero bytes, a type, the number of dimensions, their lengths, then the values."""

import gzip
import math
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop.arrays.errors import DataError, FileError
from clearprop.arrays.files import atomic, location, opened, size

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
DIMENSIONS = 8
RATIO = 1032  # deflate never packs more bytes than this into one
PIECE = 2**20


def read_idx(path: Any) -> NDArray[Any]:
    """The array in an IDX file, plain or gzip-compressed, in the machine's byte order.

    A FileError unless the header is sound and announces exactly as many values as the file holds; nothing is
    allocated before that is plausible. http://yann.lecun.com/exdb/mnist/ describes the format.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_idx(folder + "/labels.gz", np.uint8([7, 2, 1]))
    ...     read_idx(folder + "/labels.gz")
    array([7, 2, 1], dtype=uint8)
    """
    path = location(path)
    with opened(path) as file:
        shape, dtype, start = _header(file, path)
        # lengths of 0 count as 1, because NumPy refuses shapes such as (0, 2**32, 2**32)
        if math.prod(max(length, 1) for length in shape) > sys.maxsize // dtype.itemsize:
            raise _broken(path, "an array that fits into memory", f"lengths {shape}")
        total = math.prod(shape) * dtype.itemsize
        held = size(path)
        packed = isinstance(file, gzip.GzipFile)
        if total > (held * RATIO if packed else held - start):
            raise _broken(path, f"{total} bytes of values, as its header says", f"a file of {held} bytes")
        try:
            array = np.empty(shape, dtype)
        except MemoryError:
            raise _broken(path, "an array that fits into memory", f"lengths {shape}") from None
        _fill(file, array, path)
    return array.astype(dtype.newbyteorder("="), copy=False)


def write_idx(path: Any, array: ArrayLike) -> None:
    """Write an array of uint8, int8, int16, int32, float32, float64 or bool (as uint8), gzip if `path` ends in .gz.

    The file appears whole or not at all, and the same array always gives the same bytes.
    """
    values = np.asarray(array)
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    codes = {np.dtype(name).newbyteorder("="): code for code, name in TYPES.items()}
    code = codes.get(values.dtype.newbyteorder("="))
    if code is None:
        known = ", ".join(dtype.name for dtype in codes)
        raise DataError("write_idx", f"an array of {known}", str(values.dtype), "convert it with .astype(...)")
    if not 1 <= values.ndim <= DIMENSIONS or max(values.shape) >= 2**32:
        raise DataError("write_idx", f"1 to {DIMENSIONS} dimensions", f"shape {values.shape}", "reshape the array")
    header = struct.pack(f">4B{values.ndim}I", 0, 0, code, values.ndim, *values.shape)
    content = np.ascontiguousarray(values, TYPES[code]).reshape(-1).view(np.uint8).data
    path = location(path)
    with atomic(path) as file:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
                packed.write(header)
                packed.write(content)
        else:
            file.write(header)
            file.write(content)


def _header(file: BinaryIO, path: Path) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, type and the number of bytes they took."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or not 1 <= magic[3] <= DIMENSIONS:
        wanted = f"an IDX file of 1 to {DIMENSIONS} dimensions"
        raise _broken(path, wanted, f"a file that begins with {magic.hex(' ') or 'nothing'}")
    lengths = file.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise _broken(path, f"{magic[3]} lengths in the header", "the end of the file")
    return struct.unpack(f">{magic[3]}I", lengths), np.dtype(TYPES[magic[2]]), 4 + len(lengths)


def _fill(file: BinaryIO, array: NDArray[Any], path: Path) -> None:
    """Read the values into `array`, and find that nothing follows them."""
    target = array.reshape(-1).view(np.uint8)
    done = 0
    while done < len(target):
        piece = file.read(min(PIECE, len(target) - done))
        if not piece:
            raise _broken(path, f"{len(target)} bytes of values, as its header says", str(done))
        target[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
        done += len(piece)
    if file.read(1):
        raise _broken(path, f"{len(target)} bytes of values, as its header says", "more")


def _broken(path: Path, wanted: str, got: str) -> FileError:
    return FileError(str(path), wanted, got, "copy or download the file again")
