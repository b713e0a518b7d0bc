import contextlib
import gzip
import hashlib
import os
import struct
import tempfile
from pathlib import Path

import hypothesis.extra.numpy as npst
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from clearprop.arrays.errors import ClearpropError, DataError, FileError
from clearprop.data.idx import read_idx, write_idx

DTYPES = ("u1", "i1", "i2", "i4", "f4", "f8")


def header(code, *lengths, dimensions=None):
    return struct.pack(f">4B{len(lengths)}I", 0, 0, code, len(lengths) if dimensions is None else dimensions, *lengths)


def mnist_folder():
    folder = Path(os.environ.get("CLEARPROP_DATA") or Path(__file__).parents[2] / "shared" / "data" / "mnist")
    if not list(folder.glob("train-images*")):
        pytest.skip("no MNIST: set CLEARPROP_DATA to a folder with its four files")
    return folder


@given(
    st.sampled_from(DTYPES).flatmap(lambda d: npst.arrays(d, npst.array_shapes(max_dims=4, min_side=0, max_side=5))),
    st.booleans(),
)
def test_what_is_written_is_read(array, packed):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.gz" if packed else "a.idx")
        write_idx(path, array)
        again = read_idx(path)
        assert again.dtype == array.dtype
        assert again.flags.writeable
        np.testing.assert_array_equal(again, array)
        assert path.read_bytes().startswith(b"\x1f\x8b") == packed


@given(st.binary(max_size=60) | st.binary(max_size=20).map(lambda tail: header(8, 2, 3) + tail), st.booleans())
def test_broken_bytes_are_a_clearprop_error(content, packed):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a")
        path.write_bytes(gzip.compress(content) if packed else content)
        with contextlib.suppress(ClearpropError):
            assert read_idx(path).nbytes <= len(content)


@given(st.data())
def test_a_gzip_file_with_wrong_bytes_is_a_clearprop_error(data):
    content = bytearray(gzip.compress(header(8, 5, 4) + bytes(range(20)), mtime=0))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(2, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a")
        path.write_bytes(content[: data.draw(st.integers(2, len(content)))])
        with contextlib.suppress(ClearpropError):
            assert read_idx(path).nbytes <= 10**6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (b"\0\0\x08", "begins with 00 00 08"),
        (b"\1\0\x08\1" + b"\0" * 5, "begins with 01"),
        (header(0x0A, 1) + b"\0", "an IDX file"),
        (header(8, dimensions=0), "an IDX file"),
        (header(8, *[1] * 9) + b"\0", "1 to 8 dimensions"),
        (header(8, 1, dimensions=3), "3 lengths in the header, got the end"),
        (header(8, 3) + b"ab", "3 bytes of values"),
        (header(8, 3) + b"abcd", "3 bytes of values, as its header says, got more"),
        (header(0x0C, 2) + b"abcd", "8 bytes of values"),
        (header(8, 2**32 - 1, 2**32 - 1, 2**32 - 1), "fits into memory"),
        (header(8, 0, 2**32 - 1, 2**32 - 1, 2**32 - 1), "fits into memory"),
        (header(8, 2**16, 2**16, 2**16, 2**16), "fits into memory"),  # the product is 0 in 64 bits
        (header(8, 2**31), "2147483648 bytes of values"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_headers_that_lie(tmp_path, content, message, packed):
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(FileError, match=message):
        read_idx(path)


def test_a_gzip_bomb_is_read_no_further_than_its_header_says(tmp_path, monkeypatch):
    class Counting(gzip.GzipFile):
        given = 0

        def read(self, count=-1):
            piece = super().read(count)
            Counting.given += len(piece)
            return piece

    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(header(8, 10) + bytes(50_000_000)))
    monkeypatch.setattr(gzip, "GzipFile", Counting)
    with pytest.raises(FileError, match="got more"):
        read_idx(path)
    assert 0 < Counting.given < 100


def test_missing_and_impossible_paths(tmp_path):
    for path in (tmp_path, tmp_path / "no.idx", None, 5, "a\0"):
        with pytest.raises(FileError):
            read_idx(path)
    for path in (tmp_path, tmp_path / "no" / "a.idx"):
        with pytest.raises(FileError):
            write_idx(path, np.zeros(3, np.uint8))


@pytest.mark.parametrize(
    "array", [np.zeros(2, np.int64), np.zeros(2, complex), "text", np.float32(1), np.zeros([1] * 9)]
)
def test_what_cannot_be_written(tmp_path, array):
    with pytest.raises(DataError):
        write_idx(tmp_path / "a", array)
    assert not list(tmp_path.iterdir())


def test_orders_and_booleans(tmp_path):
    array = np.arange(12, dtype=">i4").reshape(3, 4).T
    write_idx(tmp_path / "a", array)
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), array)
    write_idx(tmp_path / "b", np.array([True, False]))
    assert read_idx(tmp_path / "b").tolist() == [1, 0]
    assert (tmp_path / "b").read_bytes() == header(8, 2) + b"\1\0"


@pytest.mark.parametrize(
    ("code", "letter", "dtype"),
    [(8, "B", "u1"), (9, "b", "i1"), (11, "h", "i2"), (12, "i", "i4"), (13, "f", "f4"), (14, "d", "f8")],
)
def test_the_bytes_are_those_of_the_format(tmp_path, code, letter, dtype):
    content = header(code, 2) + struct.pack(f">2{letter}", 1, 100)
    write_idx(tmp_path / "a", np.array([1, 100], dtype))
    assert (tmp_path / "a").read_bytes() == content
    assert read_idx(tmp_path / "a").tolist() == [1, 100]


def test_nothing_is_allocated_for_a_header_that_lies(tmp_path, monkeypatch):
    monkeypatch.setattr(np, "empty", lambda *arguments: pytest.fail("allocated"))
    for content in (header(8, 10**9) + bytes(10), gzip.compress(header(8, 10**9) + bytes(10))):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(FileError, match="1000000000 bytes"):
            read_idx(tmp_path / "a")


def test_packed_files_are_the_same_every_time(tmp_path):
    write_idx(tmp_path / "a.gz", np.arange(9, dtype=np.uint8))
    write_idx(tmp_path / "b.gz", np.arange(9, dtype=np.uint8))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert (tmp_path / "a.gz").read_bytes()[4:8] == bytes(4)  # no time of day


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        ("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ],
)
def test_the_real_files_come_back_byte_by_byte(tmp_path, name, digest):
    found = next(iter(mnist_folder().glob(f"{name}*")))
    write_idx(tmp_path / name, read_idx(found))
    assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
