"""Pictures: what they show, and that nothing of the user's changes."""

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot

import clearprop as cp
from clearprop.training.schedules import Schedule

DIGITS = cp.data.digits()


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    pyplot.close("all")


@pytest.mark.parametrize("kind", Schedule.members.values())
def test_a_schedule_as_it_is_trained(kind: type[Schedule]) -> None:
    """The curve passes through the rates of a real training at the beginning of each epoch."""
    schedule = kind()
    (line,) = cp.pictures.schedule(schedule, epochs=4, learning_rate=0.5, samples=8).lines
    drawn = dict(zip(*line.get_data(), strict=True))
    x = np.zeros((8, 1))
    model = cp.Model(cp.Network(1, 1), cp.MeanSquaredError())
    rates = [epoch.learning_rate for epoch in cp.train(model, (x, x), cp.SGD(0.5), 4, batch=8, schedule=schedule)]
    np.testing.assert_allclose([drawn[epoch] for epoch in range(4)], rates, rtol=1e-12)


def test_plateau_as_if_nothing_were_gained() -> None:
    (line,) = cp.pictures.schedule(cp.ReduceOnPlateau(0.1, patience=2), epochs=6).lines
    np.testing.assert_allclose(np.unique(line.get_ydata()), [0.01, 0.1, 1.0])


def test_augmentation_shows_before_and_after() -> None:
    ax = cp.pictures.augmentation(DIGITS, cp.Shift(1.0), images=3, rows=2)
    sheet = ax.images[0].get_array()
    assert np.array_equal(sheet[:8, 10:18], DIGITS.train.x[1].reshape(8, 8))
    after = sheet[12:20, 10:18]
    assert after.max() > 0
    assert not np.array_equal(after, DIGITS.train.x[1].reshape(8, 8))


def test_the_users_settings_and_axes_stay() -> None:
    before = dict(mpl.rcParams)
    _, mine = pyplot.subplots()
    assert cp.pictures.schedule(cp.Cosine(), ax=mine) is mine
    assert cp.pictures.augmentation(DIGITS, cp.Shift(), ax=mine) is mine
    assert dict(mpl.rcParams) == before


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(cp.SettingError, match="schedule: wanted a schedule"):
        cp.pictures.schedule("cosine")  # type: ignore[arg-type]
    with pytest.raises(cp.SettingError, match="a Dataset of images"):
        cp.pictures.augmentation(cp.data.xor(), cp.Shift())
    with pytest.raises(cp.SettingError, match="distortion values"):
        cp.pictures.augmentation(DIGITS, "shift")  # type: ignore[arg-type]
