"""Reading and writing files safely: every failure is a FileError, and no reader ever sees half a file."""

import contextlib
import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from clearprop.arrays.errors import FileError, brief

GZIP = b"\x1f\x8b"


def location(path: Any) -> Path:
    """`path` as a Path, with ~ for the home folder; a FileError if it is none.

    >>> location("data/train.csv").name
    'train.csv'
    """
    try:
        text = os.fsdecode(path)
    except TypeError:
        text = ""
    if not text or "\0" in text:
        raise FileError("path", "the name of a file or folder", brief(path), "give a str or a pathlib.Path")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # no home folder
        return Path(text)


@contextlib.contextmanager
def opened(path: Any) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked while reading if it is a gzip file; what goes wrong inside is a FileError.

    >>> with opened(__file__) as file:
    ...     file.read(3)
    b'\"\"\"'
    """
    place = location(path)
    try:
        if place.exists() and not place.is_file():
            raise FileError(str(place), "a file", "a folder or device", "give the path of a file")
        with place.open("rb") as file:
            packed = file.peek(2).startswith(GZIP)
            yield cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file
    except (OSError, EOFError, zlib.error) as error:
        raise unusable(place, "a file that can be read", error) from None


def size(path: Any) -> int:
    """The length of a file in bytes; a FileError where there is none."""
    file = location(path)
    try:
        return file.stat().st_size
    except OSError as error:
        raise unusable(file, "a file that can be read", error) from None


@contextlib.contextmanager
def atomic(path: Any) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` when the block ends without an error.

    Until then, and after a crash, `path` is what it was. The new file is on the disk when the block is left, and
    has the ordinary permissions of a new file.
    """
    target = location(path)
    if target.is_dir():
        raise FileError(str(target), "the name of a file to write", "a folder", "add a file name")
    target = Path(os.path.realpath(target))  # a link stays, what it points to is replaced
    temporary = target.parent / f".clearprop-{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise unusable(location(path), "a file that can be written", error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def check_writable(folder: Any) -> Path:
    """`folder` as a Path if files can be created in it, else a FileError. Asks early, before work is lost."""
    place = location(folder)
    probe = place / f".clearprop-{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise unusable(place, "a folder that can be written to", error) from None
    return place


def unusable(path: Path, wanted: str, error: Exception) -> FileError:
    """The FileError for what the operating system, or gzip, said about `path`."""
    if isinstance(error, (EOFError, zlib.error, gzip.BadGzipFile)):
        got = f"a broken gzip file ({error})"
        advice = "copy or download it again"
    else:
        reason = getattr(error, "strerror", None) or str(error)
        got = reason[:1].lower() + reason[1:]
        missing = isinstance(error, FileNotFoundError) and not path.parent.is_dir()
        advice = f"create the folder {path.parent} first" if missing else "check the path and its permissions"
    return FileError(str(path), wanted, got, advice)


def _sync_folder(folder: Path) -> None:
    """Put the new name itself on the disk; Windows does that by itself and cannot open folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
