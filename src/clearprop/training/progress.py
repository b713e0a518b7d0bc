"""What `fit` shows while it trains: a bar in a terminal or notebook, plain lines elsewhere, or nothing."""

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import pairwise
from typing import Any

from clearprop.arrays.checks import truth
from clearprop.training.engine import EpochRun
from clearprop.training.report import Epoch, Report

BLOCKS = "▁▂▃▄▅▆▇█"
ROOMY = 100  # columns of a terminal from which the bar has room for a sparkline
REST = 10  # times as long as it takes to draw the curves, they stay as they are


class Display:
    """Shows nothing; the others follow its outline. live: see `fit`."""

    live: bool | None = None

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


def sparkline(values: Sequence[float], width: int = 8) -> str:
    """The course of `values` in at most `width` characters, each the mean of its share of them.

    >>> sparkline([3.0, 2.0, 1.0, 0.5, 0.25, 0.2]), sparkline([1.0, 1.0])
    ('█▅▃▂▁▁', '▁▁')
    """
    count = min(len(values), width)
    edges = [len(values) * i // count for i in range(count + 1)] if count else [0]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means, default=0.0), max(means, default=0.0)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low and math.isfinite(high - low) else 0.0
    return "".join(BLOCKS[round((mean - low) * scale)] if scale else BLOCKS[0] for mean in means)


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
        self._test = ""  # of the epoch before
        self._losses: list[float] = []
        self._console = console

    @contextmanager
    def open(self, epochs: int, samples: int) -> Iterator[None]:
        self._samples = samples
        self._task = self._progress.add_task("", total=epochs * samples, number=1, epochs=epochs, figures="")
        with self._progress:
            yield

    def batch(self, run: EpochRun) -> None:
        self._show(run.number, run.done, run.loss, run.accuracy)

    def epoch(self, epoch: Epoch) -> None:
        self._losses.append(epoch.loss)
        if epoch.test_accuracy is not None:
            self._test = f"test {epoch.test_accuracy:.2%}"
        elif epoch.test_loss is not None:
            self._test = f"test {epoch.test_loss:.4f}"
        self._show(epoch.number, epoch.samples, epoch.loss, epoch.accuracy)

    def _show(self, number: int, done: int, loss: float, accuracy: float | None) -> None:
        self._progress.update(self._task, completed=(number - 1) * self._samples + done)
        speed = self._progress.tasks[0].speed
        parts = [
            self._sparkline(),
            f"loss {loss:.4f}",
            "" if accuracy is None else f"acc {accuracy:.2%}",
            self._test,
            f"{speed / 1000:,.0f}k/s" if speed else "",
        ]  # short, for a terminal of 80 columns
        self._progress.update(self._task, number=number, figures=" ".join(filter(None, parts)))

    def _sparkline(self) -> str:
        """The losses so far, where there is room or it was asked for."""
        room = self._console.width >= ROOMY if self.live is None else self.live
        return sparkline(self._losses) if room and not self._console.options.ascii_only else ""


class Notebook(Display):
    """A bar in the output of a notebook's cell, which needs no widgets and is saved with the notebook."""

    @contextmanager
    def open(self, epochs: int, samples: int) -> Iterator[None]:
        from IPython.display import HTML, display

        self._epochs, self._samples, self._html = epochs, samples, HTML
        self._shown = display(HTML(""), display_id=True)
        if not self.live:
            yield
            return
        self._history: list[Epoch] = []
        self._next, self._drawn = 0.0, 0
        self._curves = display(HTML(""), display_id=True)
        try:
            yield
        finally:
            self._draw()

    def batch(self, run: EpochRun) -> None:
        accuracy = "" if run.accuracy is None else f"  accuracy {run.accuracy:.2%}"
        self._show(run.number, run.done, f"loss {run.loss:.4f}{accuracy}")

    def epoch(self, epoch: Epoch) -> None:
        self._show(epoch.number, epoch.samples, _figures(epoch))
        if self.live:
            self._history.append(epoch)
            if time.monotonic() >= self._next:
                self._draw()

    def _draw(self) -> None:
        """The curves so far; soon again only if drawing takes little of the time."""
        start = time.monotonic()
        if len(self._history) > max(self._drawn, 1):
            html = import_module("clearprop.pictures.notebook").curves_html(Report({}, self._history))
            self._curves.update(self._html(html))
            self._drawn = len(self._history)
        self._next = time.monotonic() + REST * (time.monotonic() - start)

    def _show(self, number: int, done: int, figures: str) -> None:
        share = ((number - 1) * self._samples + done) / (self._epochs * self._samples)
        bar = f'<progress value="{share:.4f}" max="1"></progress>'
        self._shown.update(self._html(f"{bar} epoch {number}/{self._epochs}&ensp;{figures}"))


def display(verbose: bool | None) -> Display:
    """The display that fits the place: see `fit`."""
    if verbose is None or truth("fit", "verbose", verbose):
        if _in_notebook():
            return Notebook()
        if sys.stderr.isatty():
            from rich.console import Console

            return Bar(Console(stderr=True))
        if verbose:
            return Lines()
    return Display()


def _in_notebook() -> bool:
    """Whether an IPython that shows pages, and not a terminal's, runs this."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def _figures(epoch: Epoch) -> str:
    parts = [f"loss {epoch.loss:.4f}"]
    if epoch.accuracy is not None:
        parts.append(f"accuracy {epoch.accuracy:.2%}")
    if epoch.test_loss is not None:
        parts.append(f"test loss {epoch.test_loss:.4f}")
    if epoch.test_accuracy is not None:
        parts.append(f"test accuracy {epoch.test_accuracy:.2%}")
    return "  ".join([*parts, f"{epoch.samples_per_second:,.0f}/s"])
