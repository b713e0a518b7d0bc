"""TensorBoard events: scalars of each epoch, histograms of weights and gradients of each layer."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clearprop.arrays.errors import missing
from clearprop.arrays.files import check_writable, location, told
from clearprop.network.gradient import Workspace
from clearprop.network.model import Model
from clearprop.training.report import Epoch

SCALARS = ("loss", "accuracy", "test_loss", "test_accuracy", "learning_rate", "samples_per_second")


class Board:
    """Writes an epoch at a time for TensorBoard to show."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def note(self, epoch: Epoch, model: Model, work: Workspace) -> None:
        """Add an epoch; the gradient is that of its last batch."""
        for name in SCALARS:
            value = getattr(epoch, name)
            if value is not None:
                self._writer.add_scalar(name, value, epoch.number)
        for name, values in model.weights.items():
            self._writer.add_histogram(f"weights/{name}", values, epoch.number)
        for name, values in model.network.theta.named(work.gradient).items():
            self._writer.add_histogram(f"gradients/{name}", values, epoch.number)


@contextmanager
def board(folder: Any) -> Iterator[Board]:
    """A Board that writes into `folder`, made if it is not there. Needs tensorboardX (extra "tensorboard")."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise missing("tensorboardX", "tensorboard", "TensorBoard events") from None
    place = location(folder)
    with told(place, "a folder for TensorBoard events"):
        place.mkdir(parents=True, exist_ok=True)
    check_writable(place)
    # two writers in one folder within a second would take the same name
    writer = SummaryWriter(str(place), filename_suffix=f".{os.getpid()}.{os.urandom(4).hex()}")
    try:
        yield Board(writer)
    finally:
        writer.close()
