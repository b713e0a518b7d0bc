import numpy as np
import pytest

from clearprop.arrays.errors import SettingError, ShapeError
from clearprop.data.scaling import Scaling


def applied(scaling, x, dtype=np.float64):
    return scaling.apply(x, np.empty(x.shape, dtype))


def test_unit_of_bytes():
    assert Scaling.unit(np.array([[0, 255]], np.uint8)) == Scaling(0.0, 1 / 255)
    assert Scaling.unit(np.array([[3, 17]], np.uint8)) == Scaling(0.0, 1 / 255)
    assert Scaling.unit(np.array([[0, 16]], np.uint8)) == Scaling(0.0, 1 / 16)
    assert Scaling.unit(np.zeros((2, 2), np.uint8)) == Scaling(0.0, 1.0)


def test_unit_of_floats_lies_between_0_and_1():
    x = np.array([[-3.0, 5.0], [1.0, 2.0]])
    scaled = applied(Scaling.unit(x), x)
    assert scaled.min() == 0
    assert scaled.max() == 1


@pytest.mark.parametrize("rows", [3, 4096, 10_000])
def test_standard_is_what_numpy_says(rows):
    x = np.random.default_rng(0).normal(5, 3, (rows, 4)).astype(np.float32)
    scaled = applied(Scaling.standard(x), x)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-6)


def test_standard_of_constant_features_is_0():
    x = np.array([[0.1, 7, 1e9], [0.1, 7, 1e9], [0.1, 7, 1e9]], np.float32)
    assert not applied(Scaling.standard(x), x).any()


def test_standard_keeps_what_dates_differ_in():
    x = np.array([[20250101.0], [20250102.0]])
    assert applied(Scaling.standard(x), x, np.float32).ravel().tolist() == [-1, 1]


def test_standard_of_bytes_and_of_far_too_large_numbers():
    x = np.array([[0, 10], [4, 30]], np.uint8)
    assert Scaling.standard(x) == Scaling((2.0, 20.0), (0.5, 0.1))
    with pytest.raises(SettingError, match="finite"):
        Scaling.standard(np.array([[1.7e308], [1.7e308]]))


def test_apply_fills_out():
    x, out = np.array([[3, 4]], np.uint8), np.empty((1, 2), np.float32)
    assert Scaling((1, 2), (1, 2)).apply(x, out) is out
    assert out.tolist() == [[2, 4]]
    assert Scaling(0.0, 2.0).apply(x, out) is out
    assert out.tolist() == [[6, 8]]
    assert x.tolist() == [[3, 4]]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "a", [1, None], (1, float("nan")), {}])
def test_what_cannot_be(value):
    with pytest.raises(SettingError, match="finite numbers for shift"):
        Scaling(shift=value)


def test_width():
    Scaling().check_width(5)
    Scaling((1, 2)).check_width(2)
    with pytest.raises(ShapeError, match="2 features"):
        Scaling((1, 2)).check_width(3)


def test_scalings_are_values():
    assert Scaling(np.array([1, 2]), 3) == Scaling((1.0, 2.0), 3.0)
    assert hash(Scaling([1, 2])) == hash(Scaling((1.0, 2.0)))
