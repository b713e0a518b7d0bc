"""The folder of a run: checkpoints that survive any crash, and what was measured.

checkpoints/00000012.safetensors   the last two snapshots of a training, each written whole or not at all
metrics.jsonl                      one line of JSON for each epoch
lock                               held by the process that trains; the system frees it when the process dies
"""

import dataclasses
import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from clearprop.arrays.checks import real
from clearprop.arrays.errors import FileError
from clearprop.arrays.files import atomic, check_writable, location, locked, told
from clearprop.network import model_file
from clearprop.network.model import Model
from clearprop.training.report import Epoch, epoch_of

KEPT = 2  # checkpoints
PYTHON = "python"  # the table in config.toml of a run that the command line did not begin
SUFFIX = ".safetensors"
Snapshot = tuple[dict[str, Any], dict[str, NDArray[Any]]]  # plain data and named arrays


class Keeper:
    """Writes snapshots of a training into its folder every so often, and finds the last good one."""

    def __init__(self, folder: Path, every: float) -> None:
        self.folder, self.every = folder, every
        self._checkpoints = folder / "checkpoints"
        stems = (path.stem for path in self._checkpoints.glob(f"*{SUFFIX}"))
        self._numbers = sorted(int(stem) for stem in stems if stem.isascii() and stem.isdigit())
        self._next = time.monotonic() + every

    def due(self) -> bool:
        """Whether it is time for another checkpoint."""
        return time.monotonic() >= self._next

    def save(self, snapshot: Snapshot) -> None:
        """Write a checkpoint; where that fails training goes on, with a warning, and the last good one stays."""
        number = (self._numbers[-1] if self._numbers else 0) + 1
        if _written("checkpoint", lambda: model_file.write(self._path(number), *snapshot)):
            self._numbers.append(number)
            for old in self._numbers[:-KEPT]:
                with suppress(OSError):
                    self._path(old).unlink()
            del self._numbers[:-KEPT]
        self._next = time.monotonic() + self.every

    def save_model(self, model: Model) -> None:
        """Write the model beside the checkpoints; where that fails the trained model is still there, with a warning."""
        _written("model", lambda: model.save(self.folder / "model.safetensors"))

    def load(self) -> Snapshot | None:
        """The newest checkpoint that is whole, None if there never was one; warns of damaged ones."""
        for number in reversed(self._numbers):
            path = self._path(number)
            try:
                description, arrays = model_file.read(path)
                if not isinstance(description.get("fingerprint"), dict):
                    raise FileError(str(path), "a checkpoint", "another file of the same kind", "remove it")
                return description, arrays
            except FileError as error:
                warnings.warn(f"taking the checkpoint before: {error}", RuntimeWarning, stacklevel=2)
        if self._numbers:
            raise FileError(str(self.folder), "a checkpoint that is whole", "only damaged ones", "begin a new run")
        return None

    def describe(self, settings: Mapping[str, Any]) -> None:
        """Write what is trained and how to config.toml, as Python expressions, unless the command line has done so."""
        path = self.folder / "config.toml"
        if not path.exists():
            lines = (f"{name} = {json.dumps(value)}\n" for name, value in settings.items() if value is not None)
            with atomic(path) as file:
                file.write(f"[{PYTHON}]  # run the same cp.fit again to go on\n{''.join(lines)}".encode())

    def begin(self, history: list[Epoch]) -> None:
        """Make the metrics file hold exactly the epochs of `history`."""
        lines = "".join(_line(epoch) for epoch in history)
        with atomic(self.folder / "metrics.jsonl") as file:
            file.write(lines.encode())

    def note(self, epoch: Epoch) -> None:
        """Add an epoch to the metrics file."""
        try:
            with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
                file.write(_line(epoch))
        except OSError as error:
            warnings.warn(f"epoch {epoch.number} was not noted in metrics.jsonl: {error}", RuntimeWarning, stacklevel=2)

    def _path(self, number: int) -> Path:
        return self._checkpoints / f"{number:08}{SUFFIX}"


def _written(what: str, write: Callable[[], None]) -> bool:
    try:
        write()
    except FileError as error:
        warnings.warn(f"no {what} was written: {error}", RuntimeWarning, stacklevel=3)
        return False
    return True


def _line(epoch: Epoch) -> str:
    return json.dumps(dataclasses.asdict(epoch)) + "\n"


@contextmanager
def run_folder(folder: Any, every: float = 5.0) -> Iterator[Keeper]:
    """The Keeper of a run's folder, made if it is not there; a FileError where another process trains in it.

    every: seconds between checkpoints.
    """
    real("fit", "checkpoint_every", every, low=0.0)
    place = location(folder)
    with told(place, "a folder for a run"):
        (place / "checkpoints").mkdir(parents=True, exist_ok=True)
    check_writable(place)
    with locked(place / "lock") as free:
        if not free:
            raise FileError(str(place), "a folder where nothing trains", "a run under way", "wait, or take another")
        for left in (*place.glob(".clearprop-*.tmp"), *(place / "checkpoints").glob(".clearprop-*.tmp")):
            with suppress(OSError):
                left.unlink()  # by a process that was killed while writing
        yield Keeper(place, every)


def has_checkpoint(folder: Any) -> bool:
    """Whether a run was begun in `folder`."""
    return any((location(folder) / "checkpoints").glob(f"*{SUFFIX}"))


def metrics(folder: Any) -> list[Epoch]:
    """The epochs noted in a run's metrics file; a last line cut short by a crash is left out."""
    place = location(folder) / "metrics.jsonl"
    with told(place, "the metrics of a run"):
        lines = place.read_bytes().splitlines()
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(epoch_of(json.loads(line)))
        except (ValueError, TypeError, RecursionError) as error:
            if number == len(lines):
                break
            raise FileError(f"{place}, line {number}", "an epoch", str(error), "resume the run to mend it") from None
    return found
