"""Made-up data: small problems in the plane that show what a network can and cannot do."""

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import real, whole
from clearprop.arrays.seeds import stream
from clearprop.data.dataset import Dataset, Samples

SHARE = 0.25  # of the samples, to test on
LICENCE = "public domain"


def xor() -> Dataset:
    """The four rows of exclusive or, which no single layer can learn. x (4, 2) of 0 and 1; no test part.

    >>> xor().train.t.tolist()
    [0, 1, 1, 0]
    """
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    return Dataset(
        Samples(x, np.array([0, 1, 1, 0])), name="xor", names=("x1", "x2"), classes=(0, 1), source="truth table",
        licence=LICENCE,
    )  # fmt: skip


def circles(n: int = 400, noise: float = 0.05, seed: int = 0) -> Dataset:
    """A ring of radius 0.5 within one of radius 1: `n` points, a quarter of them to test on.

    noise: the standard deviation added to both coordinates, as in all of these.

    >>> circles()
    <Dataset circles: 300 train, 100 test, 2 features, 2 classes>
    """
    rng, labels = _start("circles", n, noise, seed, 2)
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = np.array([1.0, 0.5])[labels]
    return _planar("circles", _polar(radius, angle), labels, noise, seed, rng)


def spirals(n: int = 400, noise: float = 0.02, seed: int = 0, classes: int = 2, turns: float = 1.0) -> Dataset:
    """As many spirals as classes, each winding `turns` times from the middle to radius 1."""
    rng, labels = _start("spirals", n, noise, seed, classes)
    real("spirals", "turns", turns, low=0.0, high=10.0)
    along = np.sqrt(rng.uniform(0.01, 1, n))
    angle = 2 * np.pi * (turns * along + labels / classes)
    return _planar("spirals", _polar(along, angle), labels, noise, seed, rng)


def moons(n: int = 400, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Two half circles of radius 1 that reach into each other."""
    rng, labels = _start("moons", n, noise, seed, 2)
    points = _polar(np.ones(n), rng.uniform(0, np.pi, n))
    points[labels == 1] = np.array([1.0, 0.5]) - points[labels == 1]
    return _planar("moons", points, labels, noise, seed, rng)


def blobs(n: int = 400, noise: float = 0.2, seed: int = 0, classes: int = 3) -> Dataset:
    """Normal distributions around as many centres as classes, evenly spaced on the circle of radius 1."""
    rng, labels = _start("blobs", n, noise, seed, classes)
    return _planar("blobs", _polar(np.ones(n), 2 * np.pi * labels / classes), labels, noise, seed, rng)


def checkerboard(n: int = 400, noise: float = 0.0, seed: int = 0, squares: int = 4) -> Dataset:
    """Points between -1 and 1, in two classes by the colour of their field on a board of squares x squares."""
    rng, _ = _start("checkerboard", n, noise, seed, 2)
    whole("checkerboard", "squares", squares, low=2, high=100)
    points = rng.uniform(-1, 1, (n, 2))
    fields = np.floor((points + 1) / 2 * squares).astype(np.intp)
    return _planar("checkerboard", points, fields.sum(axis=1) % 2, noise, seed, rng)


def sine(n: int = 200, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Values to predict: t = sin(pi x) plus noise, for x (n, 1) between -1 and 1; t (n,)."""
    rng, _ = _start("sine", n, noise, seed, 1)
    x = rng.uniform(-1, 1, (n, 1))
    t = np.sin(np.pi * x[:, 0]) + noise * rng.standard_normal(n)
    data = Dataset(
        Samples(x.astype(np.float32), t.astype(np.float32)), name="sine", names=("x",), source="made up",
        licence=LICENCE,
    )  # fmt: skip
    return data.split(SHARE, seed)


def _start(name: str, n: int, noise: float, seed: int, classes: int) -> "tuple[np.random.Generator, NDArray[np.intp]]":
    """Check the settings; a random stream, and n labels that take turns."""
    whole(name, "classes", classes, low=1, high=1000)
    whole(name, "n", n, low=4 * classes, high=10**8)
    real(name, "noise", noise, low=0.0)
    return stream(seed, name), np.arange(n) % classes


def _polar(radius: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _planar(
    name: str, points: NDArray[np.float64], labels: NDArray[np.intp], noise: float, seed: int,
    rng: "np.random.Generator",
) -> Dataset:  # fmt: skip
    x = (points + noise * rng.standard_normal(points.shape)).astype(np.float32)
    data = Dataset(
        Samples(x, labels), name=name, names=("x1", "x2"), classes=tuple(range(int(labels.max()) + 1)),
        source="made up", licence=LICENCE,
    )  # fmt: skip
    return data.split(SHARE, seed)
