"""Running a learner's code where it can do little harm, and hearing only numbers from it."""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from clearprop.arrays.errors import SettingError
from clearprop.grader import bubblewrap
from clearprop.grader.exercise import Call, Code, Exercise, Outcome
from clearprop.grader.messages import Answer, Error, Refused, arrays_of, header_of, header_size, packed

LARGEST_OUTPUT = 2**16  # bytes that may be printed
GRACE = 4.0  # seconds to end everything
THREADS = ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM", "NUMEXPR")
LARGE = 2**24  # bytes of inputs that do not come back to be compared


class Stopped(Exception):
    """The code did not answer: what happened, in the words of `verdict.STOPS`, with a detail."""

    def __init__(self, what: str, detail: str = "", line: int = 0) -> None:
        super().__init__(what, detail, line)
        self.what, self.detail, self.line = what, detail, line


@dataclass(frozen=True)
class Limits:
    """What the code may use: seconds on the clock, and bytes of memory."""

    seconds: float = 10.0
    memory: int = 2**30


class Run(NamedTuple):
    """The outcomes of calls, why they ended early if they did, and the beginning of what was printed."""

    outcomes: list[Outcome]
    stopped: Stopped | None
    printed: str


def run(source: str, exercise: Exercise, calls: Sequence[Call], *, wrapped: bool | None = None) -> Run:
    """Call a learner's functions in a process of their own.

    wrapped: whether in bubblewrap; by default where that works. The code sees the inputs of a call when it is called,
    and never a right answer.
    """
    if sys.platform == "win32":
        raise SettingError("exercise", "Linux or macOS to run code within limits", "Windows", "use WSL")
    limits = Limits(exercise.seconds, exercise.memory)
    outcomes: list[Outcome] = []
    stopped = None
    with Process(limits, bubblewrap.works() if wrapped is None else wrapped) as process:
        try:
            error = _understood(process.answer({"source": source, "file": f"{exercise.name}.py"})[0])
            if error is not None:
                raise Stopped("an error", f"{error.kind}: {error.text}", error.line)
            outcomes += [_outcome(process, call, exercise.returns[call.function]) for call in calls]
            process.end()
        except Stopped as stop:
            stopped = stop
    return Run(outcomes, stopped, process.printed.decode(errors="replace"))


def _outcome(process: "Process", call: Call, returns: Sequence[str]) -> Outcome:
    arrays = {name: value for name, value in call.inputs.items() if isinstance(value, np.ndarray)}
    code = {name: value.text for name, value in call.inputs.items() if isinstance(value, Code)}
    header = {
        "function": call.function, "returns": returns, "order": list(call.inputs), "arrays": list(arrays), "code": code,
        "numbers": {name: value for name, value in call.inputs.items() if name not in arrays and name not in code},
        "keeps": sum(array.nbytes for array in arrays.values()) < LARGE,
    }  # fmt: skip
    answer, found = process.answer(header, list(arrays.values()))
    error = _understood(answer)
    if error is not None:
        where = f"line {error.line}: {error.source}" if error.line else ""
        return Outcome(error=f"{error.kind}: {error.text}".rstrip(": "), where=where)
    after = found[len(returns) :]
    if answer.results != len(returns) or len(after) != (len(arrays) if header["keeps"] else 0):
        raise Stopped("no answer")
    return Outcome(tuple(found[: len(returns)]), dict(zip(arrays, after, strict=False)))


def _understood(answer: Answer) -> Error | None:
    """The error of an answer, unless it is one that ends everything."""
    error = answer.error
    if answer.asked:
        raise Stopped("reads standard input")
    if error is None:
        return None
    if error.kind == "MemoryError":
        raise Stopped("memory limit", error.text, error.line)
    if error.kind in ("SystemExit", "KeyboardInterrupt", "GeneratorExit"):
        raise Stopped("ends itself", f"{error.kind} {error.text}".strip(), error.line)
    if error.kind == "WrongForm":
        raise Stopped("wrong form", error.text, error.line)
    if error.kind == "NotImplementedError":
        raise Stopped("not written yet", error.text, error.line)
    return error


class Process:
    """The supervisor and the worker below it, with a channel to the worker and a pipe for what is printed."""

    def __init__(self, limits: Limits, wrapped: bool) -> None:
        self.limits, self.deadline = limits, time.monotonic() + limits.seconds
        self.printed = b""
        self.folder = tempfile.TemporaryDirectory(prefix="clearprop-", ignore_cleanup_errors=True)
        self.channel, theirs = socket.socketpair()
        self.output, printing = os.pipe()
        self.report, reporting = socket.socketpair()
        options = {
            "channel": theirs.fileno(), "report": reporting.fileno(), "seconds": limits.seconds,
            "memory": limits.memory, "folders": bubblewrap.folders(), "tasks": _tasks(),
        }  # fmt: skip
        program = files("clearprop.grader").joinpath("worker.py").read_text(encoding="utf-8")
        command = [*bubblewrap.python(program), json.dumps(options)]
        nothing = os.open(os.devnull, os.O_WRONLY)  # reading it is an error
        try:
            self.process = subprocess.Popen(
                [*bubblewrap.wrapping(self.folder.name), *command] if wrapped else command,
                stdin=nothing, stdout=printing, stderr=printing, pass_fds=(theirs.fileno(), reporting.fileno()),
                cwd=self.folder.name, env=_environment(self.folder.name), start_new_session=True,
            )  # fmt: skip
        finally:
            theirs.close()
            reporting.close()
            os.close(nothing)
            os.close(printing)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.channel, selectors.EVENT_READ)
        self.selector.register(self.output, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the supervisor, which ends all below it."""
        self._reported(patience=0)
        self.selector.close()
        self.channel.close()
        self.report.close()
        os.close(self.output)
        self.folder.cleanup()

    def answer(self, header: dict[str, Any], arrays: Sequence[Any] = ()) -> tuple[Answer, list[Any]]:
        """Send a message, and wait for what comes back."""
        try:
            for piece in packed(header, arrays):
                self.channel.settimeout(max(self.deadline - time.monotonic(), 1e-3))
                self.channel.sendall(piece)
            found, size = header_of(self._exactly(header_size(self._exactly(4))))
            return found, arrays_of(found, self._exactly(size))
        except TimeoutError:
            raise Stopped("time limit", f"{self.limits.seconds:g} seconds") from None
        except Refused as refused:
            raise Stopped("no answer", str(refused)) from None
        except OSError:  # the channel was closed
            raise self._ended() from None

    def end(self) -> None:
        """Say that nothing more is wanted; what still runs then was left behind."""
        self.channel.shutdown(socket.SHUT_WR)
        report = self._reported()
        if report.get("left"):
            raise Stopped("leaves processes behind", f"{report['left']}")
        if report.get("status") != 0:
            raise self._reason(report)

    def _exactly(self, count: int) -> bytes:
        """The next bytes of the channel, while what is printed is kept."""
        content = bytearray()
        while len(content) < count:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise Stopped("time limit", f"{self.limits.seconds:g} seconds")
            for key, _ in self.selector.select(left):
                if key.fileobj is self.channel:
                    piece = self.channel.recv(min(count - len(content), 2**20))
                    if not piece:
                        raise self._ended()
                    content += piece
                else:
                    self._print(os.read(self.output, 2**16))
        return bytes(content)

    def _print(self, piece: bytes) -> None:
        if not piece:
            self.selector.unregister(self.output)
        self.printed += piece
        if len(self.printed) > LARGEST_OUTPUT:
            self.printed = self.printed[:LARGEST_OUTPUT]
            raise Stopped("prints too much", f"{LARGEST_OUTPUT:,} bytes")

    def _ended(self) -> Stopped:
        """Why there is no answer."""
        return self._reason(self._reported())

    def _reason(self, report: dict[str, Any]) -> Stopped:
        why, status = report.get("why"), report.get("status")
        if why == "told to":  # it did not end when nothing more was wanted
            return Stopped("time limit", f"{self.limits.seconds:g} seconds")
        if why:
            return Stopped(why, f"{self.limits.memory / 2**20:.0f} MiB" if why == "memory limit" else "")
        if status == -getattr(signal, "SIGXCPU", 0):
            return Stopped("time limit", f"{self.limits.seconds:g} seconds")
        if isinstance(status, int) and status < 0:
            return Stopped("crashes", f"signal {-status}")
        return Stopped("ends itself", "" if status is None else f"exit status {status}")

    def _reported(self, patience: float = 1.0) -> dict[str, Any]:
        """What the supervisor tells at its end, to which it comes by itself or is told to; nothing if it was killed."""
        self.process.send_signal(signal.SIGCONT)  # should the code have stopped it
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        with contextlib.suppress(OSError):
            self.report.shutdown(socket.SHUT_WR)
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.set_blocking(self.output, False)
        self.report.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            self.printed = (self.printed + os.read(self.output, LARGEST_OUTPUT))[:LARGEST_OUTPUT]
        try:
            found = json.loads(self.report.recv(4096))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _environment(folder: str) -> dict[str, str]:
    """A clean one: nothing of the user's, and one thread."""
    threads = {f"{name}_NUM_THREADS": "1" for name in THREADS}
    own = {"PATH": "/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
    return own | threads | {"PYTHONIOENCODING": "utf-8:backslashreplace"}


def _tasks() -> int:
    """How many threads this user has; 0 for root, whom no limit binds, and where nobody tells."""
    if os.getuid() == 0:
        return 0
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.getuid():
                count += sum(1 for _ in (folder / "task").iterdir())
    return count
