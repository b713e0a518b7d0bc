"""Augmentation: each distortion against SciPy's own transform, images kept apart, streams of their own."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import clearprop as cp
from clearprop.arrays.kinds import value
from clearprop.data.augmentation import TOGETHER, Distorter, Distortion, Points
from clearprop.training.augmented import AugmentedFeed

RNG = np.random.default_rng(0)
KINDS = list(Distortion.members.values())
DIGITS = cp.data.digits()
SHAPE = (9, 7)
IMAGES = RNG.integers(0, 256, (5, 63)).astype(np.uint8)


class Fixed:
    """A random stream whose draws are all the upper bound."""

    def uniform(self, low: float, high: float, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return np.full(shape, high)


def distorted(*distortions: Distortion, x: NDArray[np.float64]) -> NDArray[np.float64]:
    return Distorter(SHAPE, distortions)(x, Fixed())  # type: ignore[arg-type]


def looked_up(matrix: list[list[float]], x: NDArray[np.float64], shift: tuple[float, float] = (0, 0)) -> list[object]:
    """SciPy's transform around the middle of each image."""
    middle = (np.array(SHAPE) - 1) / 2
    offset = middle - np.array(matrix) @ middle - np.array(shift)
    transform = ndimage.affine_transform
    return [transform(one.reshape(SHAPE), matrix, offset, order=1, mode="nearest").ravel() for one in x]


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_nothing_to_do_changes_no_bit(dtype: str) -> None:
    x = IMAGES.astype(dtype)
    out = Distorter(SHAPE, [kind(0.0) for kind in KINDS])(x, np.random.default_rng(0))
    assert out.dtype == dtype
    assert np.array_equal(out, x)


def test_each_against_scipy() -> None:
    x = RNG.normal(size=(4, 63))
    c, s, t = np.cos(np.radians(30)), np.sin(np.radians(30)), np.tan(np.radians(20))
    cases = [
        (cp.Shift(1.3), looked_up([[1, 0], [0, 1]], x, (1.3, 1.3))),
        (cp.Rotation(30.0), looked_up([[c, -s], [s, c]], x)),
        (cp.Scale(0.25), looked_up([[0.8, 0], [0, 0.8]], x)),
        (cp.Shear(20.0), looked_up([[1, 0], [t, 1]], x)),
    ]
    assert {type(kind) for kind, _ in cases} | {cp.Elastic} == set(KINDS)
    for kind, expected in cases:
        np.testing.assert_allclose(distorted(kind, x=x), expected, atol=1e-5, err_msg=repr(kind))


def test_the_first_distortion_comes_first() -> None:
    x = RNG.normal(size=(2, 63))
    c, s = np.cos(np.radians(40)), np.sin(np.radians(40))
    turned = np.array(looked_up([[c, -s], [s, c]], x, (c - s, s + c)))  # p -> R (p - 1) for the lookup: shifted first
    np.testing.assert_allclose(distorted(cp.Rotation(40.0), cp.Shift(1.0), x=x), turned, atol=1e-5)
    assert not np.allclose(distorted(cp.Shift(1.0), cp.Rotation(40.0), x=x), turned, atol=1e-2)


def test_elastic_is_gaussian_smoothing_of_even_noise() -> None:
    elastic, shape = cp.Elastic(3.0, 2.0), (11, 8)
    points = np.zeros((2, 3, *shape), np.float32)
    elastic.move(np.random.default_rng(1), points)
    noise = np.random.default_rng(1).integers(0, 256, points.shape, np.uint8) / 127.5 - 1
    smooth = ndimage.gaussian_filter(noise, (0, 0, 2.0, 2.0), mode="constant", truncate=6)
    np.testing.assert_allclose(points, 3.0 * smooth, atol=1e-5)


def test_the_measure_that_elastic_documents() -> None:
    points = np.zeros((2, 64, 28, 28), np.float32)
    cp.Elastic().move(np.random.default_rng(0), points)
    assert np.sqrt(np.square(points[..., 8:20, 8:20]).mean()) == pytest.approx(34 / 24, rel=0.1)


@value
class _Far(Distortion):  # not a member of the family
    """Looks far outside."""

    down: float = 1e3

    def move(self, rng: np.random.Generator, points: Points) -> None:
        points[0] += self.down


@pytest.mark.parametrize("down", [-1e3, 1e3])
def test_no_image_looks_into_its_neighbour(down: float) -> None:
    x = np.arange(TOGETHER * 2 + 3, dtype=np.float32)[:, None] * np.ones(63, np.float32)
    assert np.array_equal(Distorter(SHAPE, [_Far(down)])(x, np.random.default_rng(0)), x)


def curve(seed: int = 0, **options: object) -> cp.Model:
    model = cp.Model(cp.Network(64, 16, "relu", 10), cp.SoftmaxCrossEntropy())
    cp.fit(model, DIGITS, epochs=2, batch=50, seed=seed, threads=1, verbose=False, **options)  # type: ignore[arg-type]
    return model


def test_the_same_seed_gives_the_same_bits() -> None:
    kinds = [kind() for kind in KINDS]
    assert np.array_equal(curve(augment=kinds).theta, curve(augment=kinds).theta)
    assert not np.array_equal(curve(augment=kinds).theta, curve(seed=1, augment=kinds).theta)
    assert not np.array_equal(curve(augment=kinds).theta, curve().theta)


def test_nothing_else_that_is_random_changes() -> None:
    assert np.array_equal(curve(augment=cp.Shift(0.0)).theta, curve().theta)


def test_drawn_anew_each_epoch_ahead_or_not() -> None:
    model = cp.Model(cp.Network(64, 10), cp.SoftmaxCrossEntropy())
    model.adopt(DIGITS)
    work, rows = cp.Workspace(model, 20), np.arange(20)

    def seen(*ahead: tuple[int, int], at: tuple[int, int]) -> NDArray[np.float32]:
        feed = AugmentedFeed(model, DIGITS, DIGITS.train, [cp.Shift(1.0)], seed=0)
        for moment in ahead:
            feed.prepare(rows, moment)
        feed.fill(rows, work, at)
        return work.batch.x.copy()

    first = seen((1, 0), at=(1, 0))
    assert np.array_equal(first, seen(at=(1, 0)))
    assert np.array_equal(first, seen((1, 20), (2, 0), at=(1, 0)))
    assert not np.array_equal(first, seen((2, 0), at=(2, 0)))
    assert not np.array_equal(first, seen((1, 20), at=(1, 20)))


def test_it_helps_where_images_are_moved() -> None:
    """A network that has seen shifted digits reads shifted digits better."""
    moved = Distorter((8, 8), [cp.Shift(1.5)])(DIGITS.test.x, np.random.default_rng(9))
    data = dataclasses.replace(DIGITS, test=cp.Samples(moved, DIGITS.test.t))
    accuracy = {}
    for name, kinds in ("plain", ()), ("augmented", cp.Shift(1.5)):
        model = cp.Model(cp.Network(64, 64, "relu", 10), cp.SoftmaxCrossEntropy())
        cp.fit(model, DIGITS, cp.Adam(0.003), epochs=15, threads=1, augment=kinds, verbose=False)
        accuracy[name] = model.evaluate(data).accuracy or 0.0
    assert accuracy["augmented"] > accuracy["plain"] + 0.1


def test_what_is_no_image() -> None:
    model = cp.Model(cp.Network(64, 10), cp.SoftmaxCrossEntropy())
    with pytest.raises(cp.SettingError, match=r"augment: wanted a data set of images.*image_shape"):
        cp.fit(model, (DIGITS.train.x, DIGITS.train.t), augment=cp.Shift())
    with pytest.raises(cp.SettingError, match="distortion values"):
        cp.fit(model, DIGITS, augment="shift")  # type: ignore[arg-type]
    with pytest.raises(cp.SettingError, match="LBFGS"):
        cp.fit(model, DIGITS, cp.LBFGS(), augment=cp.Shift())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [-1.0, float("nan"), float("inf"), "two"])
def test_sizes_are_checked(kind: type[Distortion], size: object) -> None:
    with pytest.raises(cp.SettingError, match=kind.__name__):
        kind(size)  # type: ignore[call-arg]
