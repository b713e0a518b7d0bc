"""Distortions of images for training, drawn anew for every batch: shift, rotation, scale, shear, elastic."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import real
from clearprop.arrays.errors import missing
from clearprop.arrays.kinds import Value, value

if TYPE_CHECKING:
    from numpy.random import Generator

TOGETHER = 64  # images at a time: their points stay in the cache, and float32 tells those of a tall stack apart

Points = NDArray[np.float32]  # (2, N, height, width): where each pixel of N images is looked up, from the middle


@value
class Distortion(Value, ABC, family="distortion"):
    """A random change of images.

    A new one is a class with `@cp.value` on it and `move`; its first field is how strong it is.
    """

    @abstractmethod
    def move(self, rng: "Generator", points: Points) -> None:
        """Move the points (2, N, height, width) in place: what stands there before is where to look in an image."""


@value
class Shift(Distortion):
    """Up to `pixels` in each direction, evenly drawn, fractions included."""

    pixels: float = 2.0

    def __post_init__(self) -> None:
        self.keep(pixels=real("Shift", "pixels", self.pixels, low=0.0, high=1e4))

    def move(self, rng: "Generator", points: Points) -> None:
        points -= _drawn(rng, self.pixels, (2, points.shape[1]))


@value
class Rotation(Distortion):
    """Around the middle by up to `degrees`, either way."""

    degrees: float = 15.0

    def __post_init__(self) -> None:
        self.keep(degrees=real("Rotation", "degrees", self.degrees, low=0.0, high=180.0))

    def move(self, rng: "Generator", points: Points) -> None:
        angle = _drawn(rng, math.radians(self.degrees), (points.shape[1],))
        sine, cosine = np.sin(angle), np.cos(angle)
        rows, columns = points
        turned = cosine * rows - sine * columns
        columns *= cosine
        columns += sine * rows
        rows[...] = turned


@value
class Scale(Distortion):
    """Larger or smaller by up to the share `ratio`, the same along rows and columns."""

    ratio: float = 0.1

    def __post_init__(self) -> None:
        self.keep(ratio=real("Scale", "ratio", self.ratio, low=0.0, high=0.95))

    def move(self, rng: "Generator", points: Points) -> None:
        points /= 1 + _drawn(rng, self.ratio, (points.shape[1],))


@value
class Shear(Distortion):
    """Slanted by up to `degrees`, either way: rows move sideways against one another."""

    degrees: float = 10.0

    def __post_init__(self) -> None:
        self.keep(degrees=real("Shear", "degrees", self.degrees, low=0.0, high=80.0))

    def move(self, rng: "Generator", points: Points) -> None:
        angle = _drawn(rng, math.radians(self.degrees), (points.shape[1],))
        points[1] += np.tan(angle) * points[0]


@value
class Elastic(Distortion):
    """Every pixel moves its own way, neighbours alike: noise in -1..1, smoothed over `sigma` pixels, times `alpha`.

    Simard, Steinkraus and Platt 2003, section 2, with a Gaussian of weight one; their best for MNIST are the defaults.
    A pixel moves by about alpha / (6 sigma), 1.4 with the defaults.
    """

    alpha: float = 34.0
    sigma: float = 4.0

    def __post_init__(self) -> None:
        self.keep(alpha=real("Elastic", "alpha", self.alpha, low=0.0, high=1e6))
        self.keep(sigma=real("Elastic", "sigma", self.sigma, low=0.0, high=1e4, open_low=True))

    def move(self, rng: "Generator", points: Points) -> None:
        noise = rng.integers(0, 256, points.shape, np.uint8).astype(
            np.float32
        )  # in 256 steps, which smoothing makes finer
        noise -= 127.5
        noise *= self.alpha / 127.5
        points += _smoothed(_smoothed(noise, self.sigma), self.sigma)


def _smoothed(fields: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """`fields` (2, N, a, b) smoothed along their last axis, with the last two axes exchanged: (2, N, b, a)."""
    side = fields.shape[3]
    smooth: NDArray[np.float32] = (fields.reshape(-1, side) @ _gaussian(side, sigma)).reshape(fields.shape)
    return smooth.swapaxes(2, 3)


def _drawn(rng: "Generator", bound: float, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Even random numbers within +-`bound`, to be combined with (*shape, height, width)."""
    return rng.uniform(-bound, bound, (*shape, 1, 1)).astype(np.float32)


@lru_cache(maxsize=16)
def _gaussian(side: int, sigma: float) -> NDArray[np.float32]:
    """The symmetric matrix (side, side) whose product smooths along an axis; there is nothing beyond the border."""
    steps = np.arange(-side, side + 1)
    total = np.exp(-0.5 * np.square(np.arange(-math.ceil(6 * sigma), math.ceil(6 * sigma) + 1) / sigma)).sum()
    weights = np.exp(-0.5 * np.square(steps / sigma)) / total
    at = np.arange(side)
    return weights[side + at[:, None] - at].astype(np.float32)


class Distorter:
    """Applies `distortions`, the first one first, to batches of images of `shape`, in one interpolation.

    Linear interpolation by SciPy; what comes in from outside an image is its border. The type stays as it is.
    """

    def __init__(self, shape: tuple[int, int], distortions: Sequence[Distortion]) -> None:
        try:
            from scipy.ndimage import map_coordinates
        except ImportError:
            raise missing("scipy", "images", "distorting images") from None
        self._interpolate = map_coordinates
        self.shape, self.distortions = shape, tuple(distortions)
        sides = [np.arange(side, dtype=np.float32) - (side - 1) / 2 for side in shape]
        self._home = np.stack(np.meshgrid(*sides, indexing="ij"))[:, None]  # (2, 1, height, width)

    def __call__(self, x: NDArray[Any], rng: "Generator", out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Fill and return `out` (N, height x width) with distorted copies of the images `x`."""
        out = np.empty_like(x) if out is None else out
        for start in range(0, len(x), TOGETHER):
            self._piece(x[start : start + TOGETHER], rng, out[start : start + TOGETHER])
        return out

    def _piece(self, x: NDArray[Any], rng: "Generator", out: NDArray[Any]) -> None:
        count, (height, width) = len(x), self.shape
        points = np.empty((2, count, height, width), np.float32)
        points[...] = self._home
        for distortion in reversed(self.distortions):
            distortion.move(rng, points)
        rows, columns = points
        for along, side in (rows, height), (columns, width):
            along += (side - 1) / 2
            np.clip(along, 0, side - 1, out=along)
        rows += (np.arange(count) * height)[:, None, None]  # the images are one tall one, which is one call
        self._interpolate(
            x.reshape(count * height, width), points.reshape(2, -1), out.reshape(-1), order=1, mode="nearest",
            prefilter=False,
        )  # fmt: skip
