"""Pictures of digits: any size, either polarity, and what is wrong with a file is told in one sentence."""

import io
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import clearprop as cp
from clearprop.data.handwriting import normalized, picture


def drawn(size: int = 200, ink: int = 0, paper: int = 255, at: tuple[float, float] = (0.5, 0.5)) -> Image.Image:
    """A ring, which is a zero, around the place `at`."""
    image = Image.new("L", (size, size), paper)
    x, y = at[0] * size, at[1] * size
    box = (x - 0.15 * size, y - 0.25 * size, x + 0.15 * size, y + 0.25 * size)
    ImageDraw.Draw(image).ellipse(box, outline=ink, width=max(2, size // 15))
    return image


def test_ink_is_bright_whatever_the_polarity(tmp_path: Path) -> None:
    for ink, paper in ((0, 255), (255, 0), (40, 200), (220, 90)):
        drawn(ink=ink, paper=paper).save(tmp_path / f"{ink}.png")
        digit = picture(tmp_path / f"{ink}.png", 28).reshape(28, 28)
        assert digit.dtype == np.float32
        assert digit.max() == 255
        assert digit[0].max() == digit[:, 0].max() == 0  # nothing at the border
        assert digit[14, 14] < 30  # nor within the ring


def test_ink_of_any_colour_on_nothing(tmp_path: Path) -> None:
    for ink in (0, 128, 255):
        alpha = Image.eval(drawn(), lambda grey: 255 - grey)
        image = Image.merge("LA", (Image.new("L", alpha.size, ink), alpha))
        image.save(tmp_path / "clear.png")
        assert np.abs(picture(tmp_path / "clear.png", 28) - normalized(np.asarray(drawn()), 28) * 255).mean() < 1


def test_size_and_place_do_not_matter() -> None:
    digits = [
        normalized(np.asarray(drawn(size, at=at)), 28) for size in (60, 200, 900) for at in ((0.5, 0.5), (0.3, 0.6))
    ]
    for digit in digits[1:]:
        assert np.abs(digit - digits[0]).mean() < 0.03


def test_digit_fills_twenty_pixels_of_28_with_its_mass_in_the_middle() -> None:
    digit = normalized(np.asarray(drawn()), 28).reshape(28, 28)
    rows = np.flatnonzero(digit.any(axis=1))
    assert rows[-1] - rows[0] + 1 == 20
    centre = np.array([np.average(np.arange(28), weights=digit.sum(axis=axis)) for axis in (0, 1)])
    assert np.abs(centre - 13.5).max() <= 0.5


def test_built_in_digits_come_back(tmp_path: Path) -> None:
    """Enlarged, white on black and black on white, they are what they were, and one the negative of the other."""
    samples = cp.data.digits().test[:40]
    close = 0
    for row in samples.x:
        grey = np.pad((row.reshape(8, 8) * 15.9375).astype(np.uint8).repeat(20, 0).repeat(20, 1), 30)
        bright, dark = normalized(grey, 8), normalized(255 - grey, 8)
        assert np.array_equal(bright, dark)
        close += np.abs(bright * 16 - row).mean() < 1.0
    assert close >= 30  # the others lose a faint row at the rim, and are enlarged


def test_kinds_of_pictures_agree(tmp_path: Path) -> None:
    grey = drawn()
    clear = Image.new("RGBA", grey.size, (0, 0, 0, 0))
    clear.putalpha(Image.eval(grey, lambda level: 255 - level))  # black ink on nothing
    sixteen = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    turned = grey.rotate(-90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 8  # "turn by 90 degrees to the left", as phones write it
    for name, image, options in (
        ("grey.png", grey, {}), ("rgb.bmp", grey.convert("RGB"), {}), ("clear.png", clear, {}),
        ("palette.gif", grey.convert("P"), {}), ("sixteen.png", sixteen, {}), ("one.png", grey.convert("1"), {}),
        ("fine.jpg", grey, {"quality": 95}), ("turned.jpg", turned, {"quality": 95, "exif": exif}),
        ("small.tif", grey, {}), ("plain.pgm", grey, {}), ("web.webp", grey.convert("RGB"), {"lossless": True}),
    ):  # fmt: skip
        image.save(tmp_path / name, **options)
        assert np.abs(picture(tmp_path / name, 28, 1.0) - normalized(np.asarray(grey), 28)).max() < 0.1, name


def sentence(error: pytest.ExceptionInfo[Any]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_bad_files_are_told_in_a_sentence(tmp_path: Path) -> None:
    good = io.BytesIO()
    drawn(400).save(good, "PNG")
    for name, content, words in (
        ("cut.png", good.getvalue()[:-200], "a broken one"),
        ("text.png", b"not a picture", "something else"),
        ("empty.png", b"", "something else"),
        ("drawing.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "something else"),  # runs programs
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(cp.FileError) as error:
            picture(tmp_path / name, 28)
        assert words in sentence(error)
    with pytest.raises(cp.FileError) as error:
        picture(tmp_path / "none.png", 28)
    assert "no such file" in sentence(error)
    drawn(ink=250).save(tmp_path / "blank.png")
    with pytest.raises(cp.DataError, match="stands out"):
        picture(tmp_path / "blank.png", 28)


@pytest.mark.parametrize("side", [9000, 2**14, 2**31 - 1])
def test_bombs_are_not_unpacked(tmp_path: Path, side: int) -> None:
    """A header that claims a huge picture is refused before its pixels are made."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    with pytest.raises(cp.FileError) as error:
        picture(tmp_path / "bomb.png", 28)
    assert "pixels" in sentence(error)


def test_without_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn().save(tmp_path / "zero.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(cp.MissingExtra, match=r'pip install "clearprop\[images\]"'):
        picture(tmp_path / "zero.png", 28)
