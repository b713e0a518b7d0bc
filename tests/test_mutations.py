"""The gradient tests can fail: a wrong sign put into any one array that a backward pass fills is noticed."""

from typing import Any

import pytest

import clearprop as cp
from layer_table import LAYERS, LOSSES, LayerRow, LossRow
from pieces import problem
from test_layers import around, assert_gradient

FILLED = [(row, array) for row in LAYERS for array in ("dx", *row.layer.shapes(row.n).parameters)]


@pytest.mark.parametrize(("row", "array"), FILLED, ids=lambda value: getattr(value, "id", value))
def test_wrong_sign_in_a_layer_is_noticed(row: LayerRow, array: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = type(row.layer).backward

    def wrong(self: Any, xp: Any, w: Any, x: Any, y: Any, dy: Any, dx: Any, dw: Any, memo: Any) -> None:
        right(self, xp, w, x, y, dy, dx, dw, memo)
        if self is row.layer:
            filled = dx if array == "dx" else getattr(dw, array)
            filled *= -1

    model, samples = problem(around(row.layer, row.n, 2), cp.SquaredError(), "values", weighted=True)
    assert_gradient(model, samples)
    monkeypatch.setattr(type(row.layer), "backward", wrong)
    with pytest.raises(AssertionError):
        assert_gradient(model, samples)


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.id)
def test_wrong_sign_in_a_loss_is_noticed(row: LossRow, monkeypatch: pytest.MonkeyPatch) -> None:
    right = type(row.loss).value_and_gradient

    def wrong(self: Any, xp: Any, z: Any, t: Any, share: Any, dz: Any, memo: Any) -> float:
        value = right(self, xp, z, t, share, dz, memo)
        dz *= -1
        return value

    model, samples = problem(cp.Network(4, 5, "tanh", row.outputs), row.loss, row.targets)
    monkeypatch.setattr(type(row.loss), "value_and_gradient", wrong)
    with pytest.raises(AssertionError):
        assert_gradient(model, samples)
