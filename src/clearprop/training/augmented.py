"""Training on distorted images: a Feed that draws the next batch in the background while the network learns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import SettingError, brief
from clearprop.arrays.seeds import stream
from clearprop.data.augmentation import Distorter, Distortion
from clearprop.data.dataset import Dataset, Samples
from clearprop.network.gradient import Feed, Moment
from clearprop.network.model import Model

if TYPE_CHECKING:
    from concurrent.futures import Future


class AugmentedFeed(Feed):
    """A Feed of `samples` of `data`, each time distorted anew.

    What is drawn depends on seed, epoch and position alone, so a resumed run draws the same. SciPy interpolates
    without Python's lock, so the thread that draws the next batch takes a core of its own.
    """

    def __init__(
        self, model: Model, data: Dataset, samples: Samples, distortions: Sequence[Distortion], seed: int
    ) -> None:
        from concurrent.futures import ThreadPoolExecutor

        super().__init__(model, samples, model.dtype, data.classes)
        if data.image_shape is None or not isinstance(samples.x, np.ndarray):
            raise SettingError(
                "augment", "a data set of images", f"{brief(data.name)} without an image_shape",
                "such as cp.Dataset.of((x, t), image_shape=(28, 28))",
            )  # fmt: skip
        self.distort, self.seed = Distorter(data.image_shape, distortions), seed
        self._thread = ThreadPoolExecutor(1, "augment")
        self._next: tuple[Moment, Future[NDArray[Any]]] | None = None

    def prepare(self, rows: NDArray[np.intp], at: Moment) -> None:
        self._next = (at, self._thread.submit(self._drawn, rows, at)) if len(rows) else None

    def _drawn(self, rows: NDArray[np.intp], at: Moment) -> NDArray[Any]:
        epoch, done = at
        return self.distort(self.samples.x[rows], stream(self.seed, f"augment {epoch} {done}"))

    def _inputs(self, rows: NDArray[np.intp], raw: NDArray[Any], out: NDArray[Any], at: Moment) -> None:
        ready = self._next
        x = ready[1].result() if ready and ready[0] == at else self._drawn(rows, at)
        out[...] = x if self.scaling is None else self.scaling.apply(x, out)
