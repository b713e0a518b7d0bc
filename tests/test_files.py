import gzip
import os
import stat
import sys
from pathlib import Path

import pytest

from clearprop.arrays.errors import FileError
from clearprop.arrays.files import atomic, check_writable, location, opened, size


@pytest.mark.parametrize("path", [None, 3, "", "a\0b", b"a\0b", ["a"]])
def test_what_is_no_path(path):
    with pytest.raises(FileError, match="the name of a file or folder"):
        location(path)


def test_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert location("~/x") == tmp_path / "x"


def test_atomic_writes_and_leaves_nothing_else(tmp_path):
    with atomic(tmp_path / "a.bin") as file:
        file.write(b"one")
        assert not (tmp_path / "a.bin").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"one"


def test_atomic_keeps_the_old_file_when_the_block_fails(tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def interrupted():
        with atomic(target) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_atomic_tells_of_a_full_disk(tmp_path):
    with pytest.raises(FileError, match="no space left"), atomic(tmp_path / "a.bin"):
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are those of POSIX")
def test_atomic_gives_ordinary_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        with atomic(tmp_path / "a.bin"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.bin").stat().st_mode) == 0o640


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_atomic_writes_through_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "a.bin")
    with atomic(tmp_path / "link") as file:
        file.write(b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a.bin").read_bytes() == b"x"


def test_atomic_takes_the_longest_names(tmp_path):
    with atomic(tmp_path / ("a" * 255)):
        pass
    with pytest.raises(FileError, match="name too long"), atomic(tmp_path / ("a" * 256)):
        pass
    assert len(list(tmp_path.iterdir())) == 1


def test_atomic_into_what_is_no_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for path, message in [
        (tmp_path, "got a folder"),
        (tmp_path / "no" / "a", "create the folder"),
        (tmp_path / "file" / "a", "not a directory"),
    ]:
        with pytest.raises(FileError, match=message), atomic(path):
            pass


def test_check_writable(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert check_writable(str(tmp_path)) == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    for path in (tmp_path / "file", tmp_path / "no", tmp_path / "no" / "deeper", Path("/proc/1")):
        with pytest.raises(FileError, match="a folder that can be written to"):
            check_writable(path)


def test_opened_unpacks_whatever_the_name(tmp_path):
    (tmp_path / "a").write_bytes(gzip.compress(b"text"))
    (tmp_path / "b.gz").write_bytes(b"text")
    for name in ("a", "b.gz"):
        with opened(tmp_path / name) as file:
            assert file.read() == b"text"


def test_opened_tells_what_is_wrong(tmp_path):
    packed = gzip.compress(b"text" * 100)
    for content, message in [
        (packed[:-9], "broken gzip"),
        (packed[:20] + b"\xff\xff" + packed[22:], "broken gzip"),
        (packed[:-8] + bytes(4) + packed[-4:], "broken gzip"),
        (packed + b"rubbish", "broken gzip"),
    ]:
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(FileError, match=message), opened(tmp_path / "a") as file:
            file.read()
    for path, message in [(tmp_path, "a folder or device"), (tmp_path / "no", "no such file")]:
        with pytest.raises(FileError, match=message), opened(path):
            pass


def test_size(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert size(tmp_path / "a") == 3
    with pytest.raises(FileError, match="no such file"):
        size(tmp_path / "b")
