"""derivation.prove(): what SymPy shows, what it is asked to show, and that a wrong gradient is not proved."""

import copy
import dataclasses
import os
import sys
from typing import Any

import numpy as np
import pytest
import sympy

import clearprop as cp
from clearprop.arrays.backend import symbolic
from clearprop.insight.derivation.derive import Derivation
from clearprop.insight.derivation.prove import Proof
from clearprop.insight.derivation.symbols import CONSTANTS, Point, derivative, exact
from clearprop.insight.derivation.zero import Exp, Held, Root, Zero
from layer_table import LAYERS, LOSSES, LayerRow, LossRow

LONG = bool(os.environ.get("CLEARPROP_PROOFS"))  # also the proofs that take long


def prove(network: cp.Network, loss: cp.Loss, seconds: float = 60.0, **options: Any) -> Proof:
    return cp.derive(network, loss, **options).prove(seconds)


def assert_symbolic(proof: Proof) -> None:
    assert proof, proof
    assert {row.how for row in proof.rows} == {"symbolically"}, proof


@pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.id)
def test_every_layer(row: LayerRow) -> None:
    proof = prove(cp.Network(2, 2, row.layer, 1), cp.SquaredError(), layout="columns")
    assert_symbolic(proof)
    assert proof.seconds < 10


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.id)
def test_every_loss(row: LossRow) -> None:
    assert_symbolic(prove(cp.Network(2, row.outputs), row.loss, full=True))


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_2_3_1_within_ten_seconds(layout: str) -> None:
    proof = prove(cp.Network(2, 3, "relu", 1), cp.SigmoidCrossEntropy(), layout=layout)
    assert_symbolic(proof)
    assert proof.seconds < 10
    assert [row.what for row in proof.rows] == [
        "slope of ReLU()", "gradient of SigmoidCrossEntropy()", "lines of z1, z2",
        "dense1.W, 6 derivatives", "dense1.b, 3 derivatives", "dense2.W, 3 derivatives", "dense2.b, 1 derivative",
    ]  # fmt: skip
    assert proof["slope of ReLU()"].note == "for every z but 0"
    assert proof["dense1.W"].note.endswith("between kinks, all seen from both sides")


def test_weights_dropout_and_several_layers() -> None:
    network = cp.Network(2, 2, cp.Dropout(0.4), "softsign", 2, "elu", 2)
    model = cp.Model(network, cp.SoftmaxCrossEntropy(0.1))
    weighted = cp.Samples([[0.1, 0.2], [0.3, 0.4]], [0, 1], [0.5, 1.0])
    proof = cp.derive(model, None, weighted).prove()
    assert_symbolic(proof)
    assert proof["dense1.b"].note.endswith("masks as drawn")


@pytest.mark.skipif(not LONG, reason="takes minutes: set CLEARPROP_PROOFS")
@pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.id)
def test_every_layer_twice(row: LayerRow) -> None:
    network = cp.Network(2, 3, row.layer, 2, row.layer, 2)
    assert_symbolic(prove(network, cp.SoftmaxCrossEntropy(), 1000.0))


# What is not shown is not said to be


def test_larger_networks_are_compared_with_differences() -> None:
    proof = prove(cp.Network(4, 8, "relu", cp.BatchNorm(), 3), cp.SoftmaxCrossEntropy())
    assert proof
    assert proof["slope of ReLU()"].how == "symbolically"
    assert proof["dense1.W"].how == "numerically"
    assert proof["lines of z1"].note == "more than 60 parameters"
    assert "3 outputs" not in proof["gradient of SoftmaxCrossEntropy()"].note
    wide = prove(cp.Network(1, 5), cp.SoftmaxCrossEntropy())
    assert wide["gradient of SoftmaxCrossEntropy()"].note == "for every z and t, of 3 outputs"


def test_what_there_is_no_time_for_is_compared_with_differences() -> None:
    proof = prove(cp.Network(2, 3, "relu", 1), cp.SquaredError(), seconds=0)
    assert proof
    assert proof["dense2.W"][:3] == ("dense2.W, 3 derivatives", "numerically", "the time was up")
    with pytest.raises(cp.SettingError, match="prove: wanted seconds"):
        prove(cp.Network(2, 1), cp.SquaredError(), seconds=-1)


def test_what_algebra_does_not_decide_is_not_called_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Zero, "__call__", lambda self, expression: False)
    proof = prove(cp.Network(1, 1, "tanh"), cp.SquaredError())
    assert {row.how for row in proof.rows} == {"not proved", "numerically"}
    assert proof["slope of Tanh()"].how == "not proved"
    assert proof["dense1.W"].note == "dense1.W[0, 0] is not decided by algebra"


@pytest.mark.parametrize(("network", "how"), [((2, 3, "tanh", 1), 7), ((4, 12, "tanh", 1), 7)])
def test_a_wrong_slope_is_not_proved(network: Any, how: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Any, xp: Any, x: Any, y: Any, dy: Any, dx: Any, memo: Any) -> None:
        xp.subtract(1.0, y, out=dx)
        xp.multiply(dx, dy, out=dx)

    monkeypatch.setattr(cp.Tanh, "slope", wrong)
    proof = prove(cp.Network(*network), cp.SquaredError())
    assert not proof
    failed = [row.what.split(",")[0] for row in proof.rows if row.how == "not proved"]
    assert failed == ["slope of Tanh()", "dense1.W", "dense1.b"]
    assert proof.summary().startswith("not proved: slope of Tanh(): the slope of the forward pass at z = -1: ")


def test_the_first_wrong_derivative_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    right = cp.Dense.backward

    def wrong(self: Any, xp: Any, w: Any, x: Any, y: Any, dy: Any, dx: Any, dw: Any, memo: Any) -> None:
        right(self, xp, w, x, y, dy, dx, dw, memo)
        dw.W[1, 0] = dw.W[1, 0] * 2

    monkeypatch.setattr(cp.Dense, "backward", wrong)
    proof = prove(cp.Network(2, 3, "relu", 1), cp.SquaredError())
    assert proof["dense1.W"].how == "not proved"
    assert proof["dense1.W"].note.startswith("dense1.W[1, 0]: ")
    assert proof["dense1.b"].how == "symbolically"


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.id)
def test_a_wrong_loss_is_not_proved(row: LossRow, monkeypatch: pytest.MonkeyPatch) -> None:
    right = type(row.loss).value_and_gradient

    def wrong(self: Any, xp: Any, z: Any, t: Any, share: Any, dz: Any, memo: Any) -> Any:
        value = right(self, xp, z, t, share, dz, memo)
        dz *= 2
        return value

    monkeypatch.setattr(type(row.loss), "value_and_gradient", wrong)
    proof = prove(cp.Network(1, row.outputs), row.loss)
    assert {row.how for row in proof.rows if not row.what.startswith("lines")} == {"not proved"}


MODELS = [(cp.Network(1, 1, "tanh", 1), cp.SquaredError()), (cp.Network(1, 1, "relu", 1), cp.Poisson())]
if LONG:
    MODELS.append((cp.Network(1, 1, "gelu", 2), cp.MeanSquaredError()))
    MODELS.append((cp.Network(1, 2, cp.LayerNorm(), 1), cp.SquaredError()))
    MODELS.append((cp.Network(1, 1, cp.BatchNorm(), 1), cp.SigmoidCrossEntropy()))
    MODELS.append((cp.Network(1, 1, "relu", 2), cp.SoftmaxCrossEntropy()))


@pytest.mark.parametrize(("network", "loss"), MODELS, ids=str)
def test_a_factor_left_out_of_a_line_is_not_proved(network: cp.Network, loss: cp.Loss) -> None:
    steps = cp.derive(network, loss, full=True).steps
    for line in steps.lines:
        for i, factor in enumerate(line.factors if line.of and len(line.factors) > 1 else ()):
            instead = () if factor.startswith("/") else (f"np.ones_like({factor})",)  # of the same shape
            wrong = dataclasses.replace(line, factors=(*line.factors[:i], *instead, *line.factors[i + 1 :]))
            changed = copy.copy(steps)
            changed.lines = [wrong if one is line else one for one in steps.lines]
            assert not Derivation(changed).prove(), wrong.text


# How it is shown


def test_proof_prints_as_a_table() -> None:
    proof = prove(cp.Network(1, 1), cp.SquaredError())
    lines = str(proof).splitlines()
    assert lines[0].split() == ["what", "proved", "where", "seconds"]
    assert lines[2].split()[:4] == ["gradient", "of", "SquaredError()", "symbolically"]
    assert lines[-1].startswith("proved 4 symbolically, in ")
    assert "<td" in proof._repr_html_()
    document = proof.to_dict()
    assert document["ok"]
    assert document["rows"][2]["what"] == "dense1.W, 1 derivative"


def test_missing_sympy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    derivation = cp.derive(cp.Network(1, 1), cp.SquaredError())
    symbolic.cache_clear()
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(cp.MissingExtra, match=r'pip install "clearprop\[derive\]"'):
        derivation.prove()


# Deciding


def test_decimals_stand_for_numbers() -> None:
    for constant in CONSTANTS:
        assert exact(float(constant)) == constant
    decimals = {0.25: "1/4", 1 / 3: "1/3", 1e-30: "1e-30", 1e-5: "1/100000", 0.123456789: "0.123456789"}
    for number, text in decimals.items():
        assert exact(number) == sympy.Rational(text)
        assert float(exact(number)) == pytest.approx(number, rel=1e-15)


def test_what_is_zero() -> None:
    a, b = sympy.symbols("a b", real=True)
    zero = Zero()
    assert zero(1 / (1 + Exp(a)) + 1 / (1 + Exp(-a)) - 1)
    assert zero(1 / (1 + Exp(a) + Exp(b)) + (Exp(a) + Exp(b)) / (1 + Exp(a) + Exp(b)) - 1)
    assert zero(1 / (1 + a) - (1 + b) / (1 + a) / (1 + b))
    assert zero(Exp(sympy.log(1 + Exp(a)) + b) - Exp(b) * (1 + Exp(a)))
    assert zero(sympy.diff(Root(a**2 + 1), a) - a / Root(a**2 + 1))
    assert not zero(1 / (1 + Exp(a)) + 1 / (1 + Exp(-b)) - 1)
    assert not zero(sympy.tanh(a) - sympy.tanh(b))
    assert not zero(Exp(2 * a) - Exp(a))


def test_what_is_too_long_is_not_decided() -> None:
    letters = sympy.symbols("a:z")
    assert not Zero()(sympy.Add(*letters) ** 40 - sympy.Add(*letters) ** 40 * (1 + letters[0]))


def test_held_symbols_keep_their_derivatives() -> None:
    x = sympy.Symbol("x")
    inner = Held.of("h", x**2)
    outer = Held.of("g", sympy.sin(inner) + inner)
    assert sympy.diff(outer * x, x) == outer + x * (2 * x * sympy.cos(inner) + 2 * x)
    assert sympy.diff(inner**2, inner) == 2 * inner
    assert sympy.diff(inner, sympy.Symbol("y")) == 0


def test_a_point_tells_values_apart() -> None:
    point = Point()
    (a,) = point.symbols("a", np.array([2.0]))
    assert point.same(a * a, a**2) == ""
    assert point.same(a * a, a) == "4, not 2"
    assert point.same(derivative(abs(-a) * 3, a), 3) == ""
    assert (a > 1) is True
    assert abs(-a).value == 2
