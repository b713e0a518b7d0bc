"""TensorBoard events: scalars of each epoch, histograms of weights and gradients of each layer."""

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from clearprop.arrays.errors import missing
from clearprop.arrays.files import check_writable, location, told
from clearprop.network.gradient import Workspace
from clearprop.network.model import Model
from clearprop.training.report import Epoch

SCALARS = ("loss", "accuracy", "test_loss", "test_accuracy", "learning_rate", "samples_per_second")
LIMITS = np.geomspace(1e-12, 1e20, 774)
BINS = np.concatenate([-LIMITS[::-1], [0.0], LIMITS])  # those of TensorFlow


class Board:
    """Writes an epoch at a time for TensorBoard to show; where that fails training goes on, with a warning."""

    def __init__(self, records: Any) -> None:
        self._records, self._failed = records, False

    def note(self, epoch: Epoch, model: Model, work: Workspace) -> None:
        """Add an epoch; the gradient is that of its last batch."""
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.summary import histogram, scalar

        if self._failed:  # a file that ends within an event cannot be added to
            return
        figures = {name: getattr(epoch, name) for name in SCALARS}
        parts = [scalar(name, value) for name, value in figures.items() if value is not None]
        arrays = {f"weights/{name}": values for name, values in model.weights.items()}
        arrays |= {f"gradients/{name}": values for name, values in model.network.theta.named(work.gradient).items()}
        parts += [histogram(name, values, BINS) for name, values in arrays.items()]
        try:
            for part in parts:
                event = Event(wall_time=time.time(), step=epoch.number, summary=part)
                self._records.write(event.SerializeToString())
            self._records.flush()
        except OSError as error:
            self._failed = True
            warnings.warn(f"TensorBoard events end before epoch {epoch.number}: {error}", RuntimeWarning, stacklevel=2)


@contextmanager
def board(folder: Any) -> Iterator[Board]:
    """A Board that writes into `folder`, made if it is not there. Needs tensorboardX (extra "tensorboard")."""
    try:  # its SummaryWriter writes in a thread, for which it would wait forever once the disk is full
        from tensorboardX import record_writer
        from tensorboardX.proto.event_pb2 import Event
    except ImportError:
        raise missing("tensorboardX", "tensorboard", "TensorBoard events") from None
    place = location(folder)
    with told(place, "a folder for TensorBoard events"):
        place.mkdir(parents=True, exist_ok=True)
    check_writable(place)
    import socket

    # two writers in one folder within a second would take the same name
    name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}.{os.urandom(4).hex()}"
    with told(place, "a folder for TensorBoard events"):
        records = record_writer.RecordWriter(str(place / name))
        records.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
    try:
        yield Board(records)
    finally:
        with suppress(OSError):
            records.close()
