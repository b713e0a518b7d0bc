"""What training reports: an Epoch at a time, and the whole history at the end."""

import dataclasses
import json
import math
import os
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from clearprop.arrays.checks import truth
from clearprop.arrays.errors import DataError, FileError, brief
from clearprop.arrays.files import atomic
from clearprop.arrays.table import Table


@dataclass(frozen=True)
class Epoch:
    """One pass over the training samples.

    seconds: training alone, without evaluation. loss, accuracy: means over the epoch, each batch taken before its
    step. test_loss, test_accuracy: after the epoch, None without a test part. Accuracies are None where values are
    predicted. learning_rate: of the last step. interrupted: ended early, after `samples` samples.
    """

    number: int
    seconds: float
    samples: int
    loss: float
    accuracy: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    learning_rate: float | None = None
    interrupted: bool = False

    @property
    def samples_per_second(self) -> float:
        """Training speed."""
        return self.samples / max(self.seconds, 1e-9)


@dataclass(repr=False)
class Report:
    """The history of a training run. `table()` shows it, `to_json` and `to_csv` write it.

    settings: what was trained and how. interrupted: ended early, as by Ctrl-C.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    history: list[Epoch] = field(default_factory=list)
    interrupted: bool = False

    @property
    def seconds(self) -> float:
        """Time spent training, without evaluation."""
        return sum(epoch.seconds for epoch in self.history)

    @property
    def last(self) -> Epoch:
        """The last epoch."""
        if not self.history:
            raise DataError("Report", "at least one epoch", "none", "train first")
        return self.history[-1]

    @property
    def best(self) -> Epoch:
        """The epoch with the highest test accuracy, else the lowest test loss, else the lowest training loss.

        The earlier one where two are equal.
        """
        last = self.last
        if last.test_accuracy is not None:
            return max(self.history, key=lambda epoch: epoch.test_accuracy or 0.0)
        if last.test_loss is not None:
            return min(self.history, key=lambda epoch: _rank(epoch.test_loss))
        return min(self.history, key=lambda epoch: _rank(epoch.loss))

    def to_dict(self) -> dict[str, Any]:
        """Plain data: settings, seconds, best epoch and history."""
        return {
            "settings": self.settings,
            "seconds": self.seconds,
            "interrupted": self.interrupted,
            "best": self.best.number if self.history else None,
            "history": [dataclasses.asdict(epoch) for epoch in self.history],
        }

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as JSON text, also written to `path` if one is given."""
        return _written(json.dumps(self.to_dict(), indent=2), path)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Report":
        """The report that `to_json` wrote; a FileError for anything else."""
        try:
            data = json.loads(text)
            history = [epoch_of(epoch) for epoch in data["history"]]
            return cls(dict(data["settings"]), history, truth("report", "interrupted", data["interrupted"]))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise FileError("report", "JSON written by Report.to_json", brief(str(error), 200), "train again") from None

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """The history as CSV text, one row for each epoch, also written to `path` if one is given."""
        import csv
        import io

        text = io.StringIO()
        names = [column.name for column in dataclasses.fields(Epoch)]
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(dataclasses.asdict(epoch) for epoch in self.history)
        return _written(text.getvalue(), path)

    def table(self) -> Table:
        """One row for each epoch, the best one marked."""
        best = self.best.number if self.history else None
        rows = [
            (
                f"{epoch.number}{' *' if epoch.number == best else ''}",
                *map(_figure, (epoch.loss, epoch.accuracy, epoch.test_loss, epoch.test_accuracy)),
                f"{epoch.seconds:.3g}",
            )
            for epoch in self.history
        ]
        columns = ("epoch", "loss", "accuracy", "test loss", "test accuracy", "seconds")
        caption = f"* best epoch; {self.seconds:.3g} s of training{', interrupted' if self.interrupted else ''}"
        return Table(columns, rows, caption=caption, right=tuple(range(6)))

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        """The learning curves, where matplotlib is installed, and the table."""
        html: str = import_module("clearprop.pictures.notebook").report_html(self)
        return html


def epoch_of(data: Any) -> Epoch:
    """The Epoch that `dataclasses.asdict` made plain; a TypeError or ValueError for anything else."""
    import msgspec

    known = {column.name for column in dataclasses.fields(Epoch)}
    if isinstance(data, dict) and not known.issuperset(data):
        raise TypeError(f"unknown {sorted(data.keys() - known)}")
    return msgspec.convert(data, Epoch)


def _rank(loss: float | None) -> float:
    return math.inf if loss is None or math.isnan(loss) else loss


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _written(text: str, path: str | os.PathLike[str] | None) -> str:
    if path is not None:
        with atomic(path) as file:
            file.write(text.encode())
    return text
