import numpy as np
import pytest

from clearprop.arrays.errors import SettingError
from clearprop.data import toys

PLANAR = [toys.circles, toys.spirals, toys.moons, toys.blobs, toys.checkerboard]


def test_xor():
    data = toys.xor()
    assert data.train.x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert data.train.x.dtype == np.float32
    assert data.train.t.tolist() == [0, 1, 1, 0]
    assert data.test is None
    assert data.classes == (0, 1)


@pytest.mark.parametrize("toy", PLANAR)
def test_planar(toy):
    data = toy(n=120, seed=7)
    assert (len(data.train), len(data.test)) == (90, 30)
    assert data.train.x.dtype == np.float32
    assert data.train.x.shape[1] == 2
    assert data.classes == tuple(range(int(data.train.t.max()) + 1))
    assert np.bincount(data.test.t).min() >= 8
    assert np.abs(data.train.x).max() < 2.5
    assert data.name == toy.__name__


@pytest.mark.parametrize("toy", [*PLANAR, toys.sine])
def test_the_seed_decides(toy):
    assert (toy(seed=1).train.x == toy(seed=1).train.x).all()
    assert (toy(seed=1).train.x != toy(seed=2).train.x).any()
    assert (toy(noise=0.1).train.x.shape) == toy(noise=0.3).train.x.shape


@pytest.mark.parametrize("toy", [*PLANAR, toys.sine])
@pytest.mark.parametrize("wrong", [{"n": 3}, {"n": 2.5}, {"noise": -1}, {"noise": None}, {"seed": -1}, {"seed": "a"}])
def test_settings(toy, wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        toy(**wrong)


def test_circles_without_noise_lie_on_two_rings():
    data = toys.circles(noise=0)
    radius = np.hypot(*data.train.x.T)
    np.testing.assert_allclose(radius, np.where(data.train.t == 0, 1.0, 0.5), rtol=1e-6)


def test_spirals_wind_as_often_as_told():
    data = toys.spirals(noise=0, classes=3, turns=2.0)
    assert data.classes == (0, 1, 2)
    radius, angle = np.hypot(*data.train.x.T), np.arctan2(data.train.x[:, 1], data.train.x[:, 0])
    wound = (angle / (2 * np.pi) - 2 * radius - data.train.t / 3) % 1
    assert np.minimum(wound, 1 - wound).max() < 1e-5
    for wrong in ({"classes": 0}, {"turns": -1}, {"n": 11, "classes": 3}):
        with pytest.raises(SettingError):
            toys.spirals(**wrong)


def test_moons_without_noise_are_half_circles():
    data = toys.moons(noise=0)
    upper, lower = (data.train.x[data.train.t == label] for label in (0, 1))
    np.testing.assert_allclose(np.hypot(*upper.T), 1, rtol=1e-6)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1, rtol=1e-6)
    assert upper[:, 1].min() >= 0
    assert lower[:, 1].max() <= 0.5


def test_blobs_without_noise_are_points():
    data = toys.blobs(noise=0, classes=5)
    assert len(np.unique(data.train.x.round(4), axis=0)) == 5


def test_checkerboard_neighbours_differ():
    data = toys.checkerboard(n=1000, squares=2)
    np.testing.assert_array_equal(data.train.t, (data.train.x > 0).sum(axis=1) % 2)
    with pytest.raises(SettingError):
        toys.checkerboard(squares=1)


def test_sine_is_for_regression():
    data = toys.sine(n=80, noise=0)
    assert data.classes is None
    assert data.train.t.dtype == np.float32
    assert data.train.t.shape == (60,)
    np.testing.assert_allclose(data.train.t, np.sin(np.pi * data.train.x[:, 0]), atol=1e-6)
