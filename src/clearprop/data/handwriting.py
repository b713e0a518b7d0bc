"""A picture of a digit, a photo or a drawing, made into what MNIST and the built-in digits are made of."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import DataError, FileError, brief, missing
from clearprop.arrays.files import opened, size

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MOST_PIXELS = 2**26
LARGEST_FILE = 2**28  # bytes
FAINTEST = 24  # grey levels between ink and background
SPECK = 0.15  # of full ink; what is fainter does not count when the digit is cut out


def picture(path: Any, side: int, full: float = 255.0) -> NDArray[np.float32]:
    """The digit in a picture file of any size as side * side pixels, 0 where there is no ink and `full` in its middle.

    The brightness of the border tells whether the ink is dark or bright. The digit is cut out, brought to the size it
    has in MNIST (20 of 28 pixels) or in the built-in digits (all of 8) and centred by its mass (LeCun et al. 1998).
    Needs Pillow (extra "images").
    """
    return normalized(_grey(path), side, str(path)) * np.float32(full)


def normalized(grey: NDArray[np.uint8], side: int, where: str = "picture") -> NDArray[np.float32]:
    """The digit in an image of grey levels (height, width) as side * side pixels from 0 to 1; see `picture`."""
    from PIL import Image

    ink = _ink(grey, where)
    drawn = ink > SPECK
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    room = round(side * 20 / 28) if side > 16 else side
    scale = room / max(box.shape)
    height, width = (max(1, round(length * scale)) for length in box.shape)
    small = np.asarray(Image.fromarray(box).resize((width, height), Image.Resampling.BOX))
    small = small / small.max()
    top, left = (_start(small.sum(axis=axis), side) for axis in (1, 0))
    placed = np.zeros((side, side), np.float32)
    placed[top : top + height, left : left + width] = small
    return placed.ravel()


def _start(mass: NDArray[np.float32], side: int) -> int:
    """Where to put `mass` (length,) among `side` places for its centre to be in the middle."""
    centre = float(mass @ np.arange(len(mass))) / float(mass.sum())
    return int(np.clip(round((side - 1) / 2 - centre), 0, side - len(mass)))


def _ink(grey: NDArray[np.uint8], where: str) -> NDArray[np.float32]:
    """How much ink there is in each pixel, from 0 to 1, whichever of ink and background is the brighter."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    background = float(np.median(border))
    darker, brighter = background - float(grey.min()), float(grey.max()) - background
    most = max(darker, brighter)
    if most < FAINTEST:
        raise DataError(where, "a digit that stands out from its background", "one even colour",
                        "draw it in black on white, or white on black")  # fmt: skip
    sign = -1.0 if darker >= brighter else 1.0
    return np.clip(sign * (grey.astype(np.float32) - background) / most, 0, 1)


def _grey(path: Any) -> NDArray[np.uint8]:
    """The grey levels (height, width) of a picture file, what is clear in it as white, or as black for white ink."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError:
        raise missing("Pillow", "images", f"picture {path}") from None
    if size(path) > LARGEST_FILE:
        raise FileError(str(path), f"a picture of at most {LARGEST_FILE} bytes", str(size(path)), "make it smaller")
    with opened(path) as file:
        content = file.read(LARGEST_FILE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata; the number of pixels is checked below
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                pixels = image.width * image.height
                if pixels > MOST_PIXELS:
                    raise FileError(str(path), f"at most {MOST_PIXELS:,} pixels", f"{pixels:,}", "make it smaller")
                image.load()
                turned = ImageOps.exif_transpose(image)
                if turned.mode.startswith("I"):  # 16 bits of grey
                    return (np.asarray(turned).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8)
                if turned.mode == "F":
                    raise FileError(str(path), "8 or 16 bits for each pixel", "32", "save it as PNG")
                clear = turned.convert("RGBA")
                for paper in ("white", "black"):  # black only where white ink would vanish in white
                    grey = np.asarray(Image.alpha_composite(Image.new("RGBA", clear.size, paper), clear).convert("L"))
                    if grey.max() - grey.min() >= FAINTEST:
                        break
                return grey
        except FileError:
            raise
        except UnidentifiedImageError:
            got = f"something else in {Path(str(path)).name}"
            raise FileError(str(path), f"a picture ({', '.join(FORMATS)})", got, "save it as PNG") from None
        except Exception as error:  # Pillow tells of broken files in many ways: OSError, SyntaxError, struct.error ...
            got = f"a broken one ({brief(str(error))})"
            raise FileError(str(path), "a picture", got, "save it again as PNG") from None
