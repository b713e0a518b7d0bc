"""Downloads that can be trusted: checked, resumed, from the next mirror if need be, and never half a file."""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from clearprop.arrays.errors import FileError
from clearprop.arrays.files import check_writable, location, locked, opened, told

if TYPE_CHECKING:
    from http.client import HTTPResponse

PIECE = 2**16
PATIENCE = 30  # seconds without an answer


class Remote(NamedTuple):
    """A file that mirrors hold: its name, length in bytes and published MD5; SHA-256 of its unpacked content."""

    name: str
    size: int
    md5: str
    unpacked: str = ""


class _RefusedError(Exception):
    """What a mirror sent is not the file."""


def cache_folder() -> Path:
    """Where downloads are kept: the platform's folder for such things, and in it `clearprop`."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or location("~/AppData/Local"))
    elif sys.platform == "darwin":
        base = location("~/Library/Caches")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = base if base.is_absolute() else location("~/.cache")  # as the XDG specification asks
    return base / "clearprop"


def fetch(remote: Remote, mirrors: Sequence[str], folder: Path) -> Path:
    """The path of `remote` in `folder`, downloaded from the first of the mirrors (addresses ending in /) that has it.

    The bytes gather in a .part file, which a later call continues; the name appears once they have been verified.
    Processes that want the same file wait for one another. A FileError tells what each mirror answered.
    """
    target, part = folder / remote.name, folder / f"{remote.name}.part"
    answers = []
    with told(folder, "a folder for downloads"):
        folder.mkdir(parents=True, exist_ok=True)
        check_writable(folder)
        with locked(folder / f"{remote.name}.lock", wait=True):
            if target.exists():
                return target
            for mirror in mirrors:
                answer = _from_mirror(mirror + remote.name, remote, part)
                if answer is None:
                    part.replace(target)
                    return target
                answers.append(f"{mirror.split('/')[2]}: {answer}")
    raise FileError(remote.name, "a download", "; ".join(answers), "try again later")


def _from_mirror(url: str, remote: Remote, part: Path) -> str | None:
    """Fill and verify `part`; None, or what went wrong. Without an answer `part` stays, with a wrong one it goes."""
    from http.client import HTTPException

    while True:
        resumed = part.exists() and part.stat().st_size > 0
        try:
            _receive(url, remote, part)
            _verify(remote, part)
        except _RefusedError as error:
            part.unlink(missing_ok=True)
            if not resumed:
                return str(error)
            # what was there before may have been at fault: once more from the start
        except (OSError, HTTPException) as error:
            return _reason(error)
        else:
            return None


def _receive(url: str, remote: Remote, part: Path) -> None:
    """Add to `part` what is missing."""
    import urllib.request

    with part.open("ab") as file:
        done = file.tell()
        if done == remote.size:
            return
        if done > remote.size:
            raise _RefusedError(f"more than {remote.size} bytes")
        headers = {"User-Agent": "clearprop"} | ({"Range": f"bytes={done}-"} if done else {})
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            if done and not _continues(response, done):
                done = 0
                file.truncate(0)
            with _progress(remote, done) as advance:
                while piece := response.read(PIECE):
                    done += len(piece)
                    if done > remote.size:
                        raise _RefusedError(f"more than {remote.size} bytes")
                    file.write(piece)
                    advance(len(piece))
        file.flush()
        os.fsync(file.fileno())
    if done < remote.size:
        raise OSError(f"the connection ended after {done} of {remote.size} bytes")


def _reason(error: Exception) -> str:
    """What to tell of a failed connection; urllib wraps the system's own error."""
    cause = getattr(error, "reason", None)
    error = cause if isinstance(cause, Exception) else error
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())[:100]


def _continues(response: "HTTPResponse", done: int) -> bool:
    """Whether the server sends the rest from byte `done` on; some send everything again."""
    begin = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return response.status == 206 and begin is not None and int(begin[1]) == done


def _verify(remote: Remote, part: Path) -> None:
    with part.open("rb") as file:
        if _digest(file, "md5") != remote.md5:
            raise _RefusedError("its MD5 is not the published one")
    if remote.unpacked:
        with opened(part) as file:
            if _digest(file, "sha256") != remote.unpacked:
                raise _RefusedError("the SHA-256 of its content is not the published one")


def _digest(file: BinaryIO, algorithm: str) -> str:
    import hashlib

    digest = hashlib.new(algorithm, usedforsecurity=False)
    while piece := file.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _unseen(count: int) -> None:
    """Progress that nobody watches."""


@contextlib.contextmanager
def _progress(remote: Remote, done: int) -> Iterator[Callable[[int], object]]:
    """A function to call with the number of bytes received; draws a bar if someone is watching."""
    if not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(remote.name, total=remote.size, completed=done)
        yield lambda count: bar.advance(task, count)
