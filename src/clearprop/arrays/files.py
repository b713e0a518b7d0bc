"""Reading and writing files safely: every failure is a FileError, and no reader ever sees half a file."""

import contextlib
import errno
import gzip
import os
import sys
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
def told(path: Path, wanted: str) -> Iterator[None]:
    """What the operating system, or gzip, refuses in this block is told as a FileError about `path`."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileError(str(path), wanted, f"a broken gzip file ({error})", "copy or download it again") from None
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        reason = getattr(error, "strerror", None) or str(error)
        missing = isinstance(error, FileNotFoundError) and not path.parent.is_dir()
        advice = f"create the folder {path.parent} first" if missing else "check the path and its permissions"
        if getattr(error, "errno", None) == errno.ENOSPC:
            advice = "make room on the disk"
        raise FileError(str(path), wanted, reason[:1].lower() + reason[1:], advice) from None


@contextlib.contextmanager
def opened(path: Any) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked while reading if it is a gzip file; what goes wrong inside is a FileError.

    >>> with opened(__file__) as file:
    ...     file.read(3)
    b'\"\"\"'
    """
    place = location(path)
    with told(place, "a file that can be read"):
        if place.exists() and not place.is_file():
            raise FileError(str(place), "a file", "a folder or device", "give the path of a file")
        with place.open("rb") as file:
            packed = file.peek(2).startswith(GZIP)
            yield cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file


def size(path: Any) -> int:
    """The length of a file in bytes; a FileError where there is none."""
    place = location(path)
    with told(place, "a file that can be read"):
        return place.stat().st_size


@contextlib.contextmanager
def atomic(path: Any) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` when the block ends without an error.

    Until then, and after a crash, `path` is what it was. The new file is on the disk when the block is left, and
    has the ordinary permissions of a new file.
    """
    place = location(path)
    with told(place, "a file that can be written"):
        if place.is_dir():
            raise FileError(str(place), "the name of a file to write", "a folder", "add a file name")
        target = place.resolve()  # a link stays, what it points to is replaced
        if target.exists() and not target.is_file():
            raise FileError(str(place), "the name of a file to write", "a device or pipe", "take another name")
        temporary = _unused(target.parent)
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
            _sync_folder(target.parent)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()


@contextlib.contextmanager
def locked(path: Any, wait: bool = False) -> Iterator[bool]:
    """Hold a lock on the file `path` while in the block; yields whether it was free.

    wait: until it is. The system frees the lock of a process that dies.
    """
    place = location(path)
    with told(place, "a lock file"), place.open("ab") as file:
        yield _lock(file.fileno(), wait)


def _lock(descriptor: int, wait: bool) -> bool:
    if sys.platform == "win32":
        import msvcrt

        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError:  # waiting, it gives up after ten seconds
                if not wait:
                    return False
            else:
                return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def check_writable(folder: Any) -> Path:
    """`folder` as a Path if files can be created in it, else a FileError. Asks early, before work is lost."""
    place = location(folder)
    probe = _unused(place)
    with told(place, "a folder that can be written to"):
        probe.touch(exist_ok=False)
        probe.unlink()
    return place


def _unused(folder: Path) -> Path:
    return folder / f".clearprop-{os.getpid()}-{os.urandom(4).hex()}.tmp"


def _sync_folder(folder: Path) -> None:
    """Put the new name itself on the disk; Windows does that by itself and cannot open folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
