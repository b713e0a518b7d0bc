"""What `fit` shows while it trains: a bar in a terminal or notebook, plain lines elsewhere, or nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clearprop.arrays.checks import truth
from clearprop.training.engine import EpochRun
from clearprop.training.report import Epoch


class Display:
    """Shows nothing; the others follow its outline."""

    @contextmanager
    def open(self, epochs: int, samples: int) -> Iterator[None]:
        """Begin to show a training of `epochs` times `samples`."""
        yield

    def batch(self, run: EpochRun) -> None:
        """Look at the epoch under way."""

    def epoch(self, epoch: Epoch) -> None:
        """Take note of a finished epoch."""


class Lines(Display):
    """A line for each epoch, on standard error."""

    def epoch(self, epoch: Epoch) -> None:
        print(f"epoch {epoch.number}: {_figures(epoch)}", file=sys.stderr, flush=True)


class Bar(Display):
    """A bar with loss, accuracy, samples per second and time left."""

    def __init__(self, console: Any) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("epoch {task.fields[number]}/{task.fields[epochs]}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            expand=True,
        )
        self._last = ""

    @contextmanager
    def open(self, epochs: int, samples: int) -> Iterator[None]:
        self._samples = samples
        self._task = self._progress.add_task("", total=epochs * samples, number=1, epochs=epochs, figures="")
        with self._progress:
            yield

    def batch(self, run: EpochRun) -> None:
        done = (run.number - 1) * self._samples + run.done
        self._progress.update(self._task, completed=done)
        speed = self._progress.tasks[0].speed
        parts = [f"loss {run.loss:.4f}"]
        if run.accuracy is not None:
            parts.append(f"accuracy {run.accuracy:.2%}")
        if self._last:
            parts.append(self._last)
        if speed:
            parts.append(f"{speed:,.0f}/s")
        self._progress.update(self._task, number=run.number, figures="  ".join(parts))

    def epoch(self, epoch: Epoch) -> None:
        if epoch.test_accuracy is not None:
            self._last = f"test {epoch.test_accuracy:.2%}"
        elif epoch.test_loss is not None:
            self._last = f"test {epoch.test_loss:.4f}"
        self._progress.update(self._task, figures=_figures(epoch))


def display(verbose: bool | None) -> Display:
    """The display that fits the place: see `fit`."""
    if verbose is None or truth("fit", "verbose", verbose):
        if sys.stderr.isatty() or "ipykernel" in sys.modules:
            from rich.console import Console

            return Bar(Console(stderr="ipykernel" not in sys.modules))
        if verbose:
            return Lines()
    return Display()


def _figures(epoch: Epoch) -> str:
    parts = [f"loss {epoch.loss:.4f}"]
    if epoch.accuracy is not None:
        parts.append(f"accuracy {epoch.accuracy:.2%}")
    if epoch.test_loss is not None:
        parts.append(f"test loss {epoch.test_loss:.4f}")
    if epoch.test_accuracy is not None:
        parts.append(f"test accuracy {epoch.test_accuracy:.2%}")
    return "  ".join([*parts, f"{epoch.samples_per_second:,.0f}/s"])
