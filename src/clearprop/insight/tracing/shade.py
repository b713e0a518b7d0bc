"""Arrays as they are looked at: cells, a line that sums up a large one, shading by magnitude, images."""

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.insight.derivation.show import SMALL
from clearprop.insight.tracing.terms import number

BLUE, ORANGE = (0, 114, 178), (213, 94, 0)  # positive and negative; of Okabe and Ito 2008
MOST = 16  # images side by side
Pixels = NDArray[np.uint8]  # (height, width, 4): red, green, blue, opacity


def is_small(values: NDArray[Any]) -> bool:
    """Whether an array is shown in full."""
    return values.size <= SMALL


def shape_of(values: NDArray[Any]) -> str:
    """The shape as text: (4, 3), or number."""
    return str(values.shape) if values.ndim else "number"


def grid(values: NDArray[Any]) -> NDArray[Any]:
    """The array as rows and columns; a vector is one row."""
    return np.atleast_2d(values)


def place_in(values: NDArray[Any], row: int, column: int) -> tuple[int, ...]:
    """The indices in the array of what stands at a row and column of its grid.

    >>> place_in(np.zeros(3), 0, 2)
    (2,)
    """
    return (row, column)[2 - values.ndim :]


def levels(values: NDArray[Any]) -> NDArray[Any]:
    """Each element as a share of the largest, -1 to 1."""
    largest = float(np.abs(values).max(initial=0))
    return values / largest if largest else np.zeros(values.shape)


def summary(values: NDArray[Any]) -> str:
    """Range, mean and share of zeros.

    >>> summary(np.array([0.0, 1.0, 2.0, 3.0]))
    'from 0 to 3, mean 1.5, 25% zeros'
    """
    low, high, mean = (number(value, 5) for value in (values.min(), values.max(), values.mean()))
    return f"from {low} to {high}, mean {mean}, {np.mean(values == 0):.0%} zeros"


def colours(values: NDArray[Any]) -> Pixels:
    """A heat map (height, width) in blue for positive and orange for negative, clear at 0."""
    level = levels(grid(values))
    rgb = np.where(level[..., None] > 0, np.array(BLUE), np.array(ORANGE))
    return np.concatenate([rgb, np.rint(255 * np.abs(level))[..., None]], axis=2).astype(np.uint8)


def greys(values: NDArray[Any]) -> Pixels:
    """Pixels (height, width) from black for the smallest to white for the largest."""
    values = values.astype(np.float64)  # as bytes overflow
    low, high = values.min(), values.max()
    grey = np.rint(255 * (grid(values) - low) / max(high - low, 1e-300))
    return np.stack([grey, grey, grey, np.full(grey.shape, 255)], axis=2).astype(np.uint8)


def sheet(images: NDArray[Any], grey: bool, most: int = MOST) -> Pixels:
    """The first of images (count, height, width) side by side, with a clear column between."""
    shown = images[:most]
    pixels = (greys if grey else colours)(np.concatenate(list(shown), axis=1))
    parts = np.split(pixels, len(shown), axis=1)
    gap = np.zeros((pixels.shape[0], 1, 4), np.uint8)
    return np.concatenate([part for image in parts for part in (image, gap)][:-1], axis=1)


def png(pixels: Pixels) -> bytes:
    """A PNG file of the pixels: http://www.w3.org/TR/png."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape[:2]
    rows = np.pad(pixels.reshape(height, -1), ((0, 0), (1, 0))).tobytes()  # each after a 0, for no filter
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
