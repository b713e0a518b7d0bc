"""Contenders at work: each in a process of its own that stays alive and does its turn when asked.

So the libraries' thread pools cannot disturb one another, and yet all are measured in turn, in one run.
"""

import multiprocessing
import sys
import timeit
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import common
from contenders import CONTENDERS

WORKLOADS = {
    "784-100-10/32": ((784, 100, 10), 32),
    "784-16-10/32": ((784, 16, 10), 32),
    "784-512-512-10/128": ((784, 512, 512, 10), 128),
    "784-100-10/1024": ((784, 100, 10), 1024),
}

_here: dict[str, Any] = {}  # in the worker's process: its contender and the test samples


def prepare(name: str, workload: str, folder: Path | None, threads: int | None) -> bool:
    """Load the data and build the contender; False where random bytes stand in for MNIST."""
    data = common.mnist(folder)
    sizes, batch = WORKLOADS[workload]
    _here["data"] = data or common.random_bytes()
    train = _here["data"].train
    _here["contender"] = CONTENDERS[name](sizes, batch, train.x, train.t, threads)
    return data is not None


def epoch() -> tuple[float, float | None]:
    """Seconds by the wall clock, and by the library's own account if it has one."""
    contender = _here["contender"]
    return contender.epoch(), contender.reported


def accuracy() -> float:
    """The share of test images told right."""
    return _here["contender"].accuracy(_here["data"].test or _here["data"].train)


def prediction() -> float:
    """Seconds for the class of one image, the mean of as many as take a fifth of a second."""
    contender = _here["contender"]
    image = contender.inputs(_here["data"].train.x[:1])
    number, seconds = timeit.Timer(lambda: contender.predict(image)).autorange()
    return seconds / number


def memory() -> int:
    """The most bytes that the process has held in memory so far."""
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


class Worker:
    """A process with one contender, which has trained its first epoch, in `first` seconds; that one compiles."""

    def __init__(self, name: str, workload: str, folder: Path | None, threads: int | None) -> None:
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        try:
            self.real = self.call(prepare, name, workload, folder, threads)
            self.first = self.call(epoch)[0]
        except Exception:
            self.close()
            raise

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._pool.submit(function, *arguments).result()

    def close(self) -> None:
        self._pool.shutdown()


def start(names: list[str], *arguments: Any) -> dict[str, Worker]:
    """A worker for each contender that runs here; says which do not, and why."""
    workers = {}
    for name in names:
        if not common.installed(CONTENDERS[name].module):
            print(f"{name}: left out, {CONTENDERS[name].module} is not installed")
            continue
        try:
            workers[name] = Worker(name, *arguments)
        except Exception as error:  # whatever a peer raises, the others go on
            print(f"{name}: left out, {type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
    return workers
