"""The processes in which a learner's code runs; this text is given to `python -c`, and imports nothing of clearprop.

The supervisor outlives the code, ends everything that the code started, and tells how it went. Its child, the worker,
loads the code and calls its functions. Nothing that comes from here is believed.
"""

import contextlib
import ctypes
import io
import json
import linecache
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
import traceback
import types
from pathlib import Path
from typing import Any

MOST_PROCESSES = 32
WATCH = 0.1  # seconds between two looks at what runs
TEXT = 2000  # characters of an error
SUBREAPER, DEATH_SIGNAL = 36, 1
PLAIN = "biuf"  # kinds of numbers

# the supervisor


def supervise(options: dict[str, Any]) -> None:
    """Start the worker, wait for it, end everything below, and report how it went."""
    control(SUBREAPER, 1)  # what loses its parent becomes a child of this process
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    worker = os.fork()
    if worker == 0:
        os.close(options["report"])
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        control(DEATH_SIGNAL, signal.SIGKILL)
        try:
            work(options)
        finally:
            os._exit(0)
    os.close(options["channel"])
    report = watch(worker, options)
    report["left"] = end_all(worker)
    with contextlib.suppress(OSError):
        os.write(options["report"], json.dumps(report).encode())


def watch(worker: int, options: dict[str, Any]) -> dict[str, Any]:
    """How the worker ended, or why it has to."""
    while True:
        pid, status = reaped()
        if pid == worker:
            return {"status": os.waitstatus_to_exitcode(status)}
        below = descendants()
        if len(below) > MOST_PROCESSES:
            return {"why": "too many processes"}
        if sum(map(resident, below)) > options["memory"]:
            return {"why": "memory limit"}
        if select.select([options["report"]], [], [], 0)[0]:  # closed: the grader wants no more, or is gone
            return {"why": "told to"}
        if not pid:
            pause()


def pause() -> None:
    """Wait for a child to end, but not for long."""
    if hasattr(signal, "sigtimedwait"):
        signal.sigtimedwait({signal.SIGCHLD}, WATCH)
    else:
        time.sleep(WATCH / 10)


def reaped() -> tuple[int, int]:
    """The id and status of a child that has ended; zeros if there is none."""
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return 0, 0


def end_all(worker: int) -> int:
    """Kill what runs below, until nothing does; returns how many processes there were besides the worker."""
    seen: set[int] = set()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        below = descendants()
        for sign in (signal.SIGSTOP, signal.SIGKILL):  # stopped first, so that none starts others meanwhile
            for pid in below:
                with contextlib.suppress(OSError):
                    os.kill(pid, sign)
        group = False
        with contextlib.suppress(OSError):
            os.killpg(worker, signal.SIGKILL)  # all there is where there is no /proc
            group = True
        seen |= below - {worker} or ({-1} if group and worker not in below else set())
        while reaped()[0]:
            pass
        if not below and not group:
            break
        time.sleep(0.002)
    return len(seen)


def descendants() -> set[int]:
    """The processes below this one that have not ended."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (folder / "stat").read_bytes().rpartition(b")")[2].split()[:2]
            if state != b"Z":
                parents[int(folder.name)] = int(parent)
    own = os.getpid()
    found, grown = {own}, {own}
    while grown:
        grown = {pid for pid, parent in parents.items() if parent in grown} - found
        found |= grown
    return found - {own}


def resident(pid: int) -> int:
    """Bytes of memory that a process has for itself."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_bytes().split()
        return (int(pages[1]) - int(pages[2])) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def control(code: int, value: int) -> None:
    """prctl, where there is one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(code, value, 0, 0, 0)


# the worker


def work(options: dict[str, Any]) -> None:
    """Load the code that comes through the channel, and answer calls until it closes."""
    sys.path += [folder for folder in options["folders"] if folder not in sys.path]
    import numpy as np

    channel = Channel(options["channel"], np)
    bound(options)
    sys.modules["clearprop.grader"] = None  # type: ignore[assignment]  # where the solutions are
    asked = sys.stdin = NoInput()
    header, _ = channel.receive()
    file = header["file"]
    module = sys.modules["submission"] = types.ModuleType("submission")
    space = vars(module)
    seed = np.random.seed
    error = attempt(lambda: load(header["source"], file, space), file)
    channel.send({"error": error, "asked": asked.asked}, [])
    while True:
        header, arrays = channel.receive()
        if not header:
            return
        inputs = {**dict(zip(header["arrays"], arrays, strict=True)), **header["numbers"]}
        inputs |= {name: eval(text, {"np": np}) for name, text in header["code"].items()}
        seed(0)
        results: list[Any] = []
        error = attempt(lambda: results.extend(channel.called(space, header, inputs)), file)  # noqa: B023
        after = [inputs[name] for name in header["arrays"]] if header["keeps"] and not error else []
        channel.send({"error": error, "asked": asked.asked, "results": len(results)}, results + after)


class NoInput(io.TextIOBase):
    """Standard input, of which there is none."""

    asked = False

    def readable(self) -> bool:
        return True

    def read(self, *arguments: Any) -> Any:
        self.asked = True
        raise EOFError("there is no standard input")

    readline = readlines = __next__ = read

    def fileno(self) -> int:
        return 0


def bound(options: dict[str, Any]) -> None:
    """The system's limits on memory, time, files and processes."""
    limits = {"AS": options["memory"], "CPU": int(options["seconds"]) + 2, "FSIZE": 2**24, "NOFILE": 64, "CORE": 0}
    if options["tasks"]:
        limits["NPROC"] = options["tasks"] + 2 * MOST_PROCESSES
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            most = resource.getrlimit(kind)[1]
            value = value if most == resource.RLIM_INFINITY else min(value, most)
            with contextlib.suppress(OSError, ValueError):  # macOS does not limit the address space
                resource.setrlimit(kind, (value, value))


def load(text: str, file: str, space: dict[str, Any]) -> None:
    """Run the code, with its lines known to tracebacks."""
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), space)


def attempt(action: Any, file: str) -> dict[str, Any] | None:
    """What stopped `action`: the kind of error, its text, and the line of the code; None if nothing did."""
    try:
        action()
    except BaseException as error:
        return describe(error, file)
    return None


def describe(error: BaseException, file: str) -> dict[str, Any]:
    """An error as plain data."""
    try:
        text = str(error)[:TEXT].encode(errors="replace").decode()
    except BaseException:
        text = ""
    line, source = 0, ""
    if isinstance(error, SyntaxError):
        line, source, text = error.lineno or 0, error.text or "", str(error.msg)[:TEXT]
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == file:
            line, source = frame.lineno or 0, frame.line or ""
    kind = "MemoryError" if isinstance(error, MemoryError) else type(error).__name__[:100]
    return {"kind": kind, "text": text, "line": line, "source": source.strip()[:200].encode(errors="replace").decode()}


class WrongForm(Exception):
    """A result that is not what was asked for."""


class Channel:
    """The way to the parent: the length of a JSON header, the header, and the bytes of the arrays that it lists."""

    def __init__(self, descriptor: int, np: Any) -> None:
        self.socket = socket.socket(fileno=descriptor)
        self.asarray, self.frombuffer, self.array = np.asarray, np.frombuffer, np.ndarray  # whatever the code does

    def called(self, space: dict[str, Any], header: dict[str, Any], inputs: dict[str, Any]) -> list[Any]:
        """The results of one call, as arrays of plain numbers."""
        function = space.get(header["function"])
        if not callable(function):
            raise WrongForm(f"there is no function {header['function']}")
        found, names = function(**{name: inputs[name] for name in header["order"]}), header["returns"]
        if len(names) == 1:
            return [self.taken(names[0], found)]
        if isinstance(found, dict):
            missing = [name for name in names if name not in found]
            if missing:
                raise WrongForm(f"the result has nothing called {', '.join(missing)}")
            return [self.taken(name, found[name]) for name in names]
        if not isinstance(found, (tuple, list)) or len(found) != len(names):
            got = f"{len(found)} things" if isinstance(found, (tuple, list)) else f"one {type(found).__name__}"
            raise WrongForm(f"{header['function']} returns {got} where {', '.join(names)} are wanted")
        return [self.taken(name, value) for name, value in zip(names, found, strict=True)]

    def taken(self, name: str, value: Any) -> Any:
        """A result as an array."""
        if value is None:
            raise WrongForm(f"{name} is None: is there a return?")
        array = self.asarray(value)
        if type(array) is not self.array or array.dtype.kind not in PLAIN or array.dtype.itemsize > 8:
            raise WrongForm(f"{name} is no array of real numbers but a {type(value).__name__}")
        return array

    def send(self, header: dict[str, Any], arrays: list[Any]) -> None:
        """One message."""
        arrays = [array.astype(array.dtype.newbyteorder("<")) for array in arrays]
        header["shapes"] = [[array.dtype.str, list(array.shape)] for array in arrays]
        text = json.dumps(header).encode()
        self.socket.sendall(struct.pack("<I", len(text)) + text)
        for array in arrays:
            self.socket.sendall(array.tobytes())

    def receive(self) -> tuple[dict[str, Any], list[Any]]:
        """The next message; an empty header at the end."""
        start = self.exactly(4)
        if not start:
            return {}, []
        header = json.loads(self.exactly(*struct.unpack("<I", start)))
        arrays = []
        for kind, shape in header["shapes"]:
            size = int(kind[2:])
            for length in shape:
                size *= length
            arrays.append(self.frombuffer(self.exactly(size), kind).reshape(shape))
        return header, arrays

    def exactly(self, count: int) -> bytearray:
        """The next `count` bytes, which may be written to; none at the end."""
        content = bytearray(count)
        view = memoryview(content)
        while view:
            got = self.socket.recv_into(view)
            if not got:
                return bytearray()
            view = view[got:]
        return content


if __name__ == "__main__":
    supervise(json.loads(sys.argv[1]))
