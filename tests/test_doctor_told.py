"""What cp.diagnose says and shows: in whose names, how wide, which of two explanations, and as a page."""

import re
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop.insight.doctor.latex import latex
from clearprop.insight.doctor.text import WIDTH

MODEL = cp.Model(cp.Network(3, 4, "tanh", 2), cp.SquaredError(), dtype="float64")
SOFTMAX = cp.Model(cp.Network(4, 4), cp.SoftmaxCrossEntropy())


def softmax(Z: Any) -> Any:
    E = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True)


def without_source(text: str, name: str = "backward") -> Any:
    space: dict[str, Any] = {"np": np, "softmax": softmax}
    exec(text, space)
    return space[name]


def jacobian(X, Y, W1, b1):
    P = softmax(X @ W1 + b1)
    E = P - Y
    delta1 = P * (E - np.sum(P * E, axis=1, keepdims=True)) / len(X)
    return X.T @ delta1, delta1.sum(axis=0)


def slope_kept(X, Y, W1, b1):
    P = softmax(X @ W1 + b1)
    delta1 = (P - Y) * P * (1 - P) / len(X)
    return X.T @ delta1, delta1.sum(axis=0)


SLOPE_KEPT = """
def backward(X, Y, W1, b1, m):
    out = softmax(X @ W1 + b1)
    error = (out - Y) * out * (1 - out) / m
    return X.T @ error, error.sum(axis=0)
"""


# whose names


@pytest.mark.parametrize("backward", [slope_kept, without_source(SLOPE_KEPT)])
def test_formulas_and_advice_are_in_the_names_of_the_learner(backward: Any) -> None:
    (finding,) = cp.diagnose(SOFTMAX, backward=backward).findings[0]
    divisor = "N" if backward is slope_kept else "m"
    assert finding.name == "derivative of the link kept with cross-entropy"
    assert finding.formulas[0].right == f"(P - Y) / {divisor}"
    assert finding.mend == f"take delta = (P - Y) / {divisor} for the output, without a further factor"
    assert "together give P - Y: the slope P (1 - P) has cancelled" in finding.says


def test_arrays_that_are_unpacked_are_known_by_name() -> None:
    def forward(X, W1, b1, W2, b2):
        hidden = np.tanh(X @ W1 + b1)
        return hidden, hidden @ W2 + b2

    def backward(X, Y, W1, b1, W2, b2):
        n, k = X.shape[0], Y.shape[1]
        H1, out = forward(X, W1, b1, W2, b2)
        dZ2, _ = (out - Y) / n, k
        dZ1 = dZ2 @ W2.T * (1 - H1**2)
        return X.T @ dZ1, dZ1.sum(axis=0), H1.T @ -dZ2, dZ2.sum(axis=0)

    (finding,) = cp.diagnose(MODEL, backward=backward).findings[0]
    assert finding.formulas[0].found == "-(H1.T @ dZ2)"


def test_an_error_called_e_is_not_the_exponential() -> None:
    def backward(X, Y, W1, b1):
        E = softmax(X @ W1 + b1) - Y
        delta1 = np.sinh(E) / len(X)
        return X.T @ delta1, delta1.sum(axis=0)

    assert "       e = np.exp(Z1 - top)" in str(cp.diagnose(SOFTMAX, backward=backward)).splitlines()


def test_lower_case_stays() -> None:
    text = SLOPE_KEPT.replace("X", "x").replace("Y", "y")
    (finding,) = cp.diagnose(SOFTMAX, backward=without_source(text)).findings[0]
    assert finding.formulas[0].right == "(p - y) / m"


# wording and width


def test_no_line_of_the_formulas_is_wider_than_the_text() -> None:
    found = cp.diagnose(SOFTMAX, backward=jacobian)
    lines = str(found).splitlines()[2:]
    assert max(map(len, lines)) <= WIDTH
    assert lines[1:5] == [
        "yours  delta1 = P * (P - Y - np.sum(P * (P - Y), axis=1, keepdims=True)) / N",
        "right  delta1 = (P - Y) / N",
        "       (N, 4) from p (N, 4), t (N, 4)",
        f"line   {found.findings[0][0].formulas[0].line[0]}: "
        "delta1 = P * (E - np.sum(P * E, axis=1, keepdims=True)) / len(X)",
    ]  # fmt: skip


def test_the_proof_reads_well_where_nothing_can_be_compared() -> None:
    def backward(x, y, A1, Z2, W2):
        d2 = (Z2 - y) / len(x)
        d1 = d2 @ W2.T * (1 - A1**2)
        return x.T @ d1, d1, A1.T @ d2, d2.sum(0)

    told = " ".join(str(cp.diagnose(MODEL, backward=backward)).split())
    assert "on 3 batches; without, some are not finite or of another shape check" in told
    assert told.count("subtracting one from the other broadcasts") == 1


# parameters that are never updated


def step_of(returned: str, line: str = "db1 = dZ1.sum(axis=0)") -> Any:
    return without_source(f"""
def step(X, Y, W1, b1, W2, b2, lr):
    A1 = np.tanh(X @ W1 + b1)
    dZ2 = (A1 @ W2 + b2 - Y) / len(X)
    dZ1 = dZ2 @ W2.T * (1 - A1**2)
    dW1, dW2, db2 = X.T @ dZ1, A1.T @ dZ2, dZ2.sum(axis=0)
    {line}
    return {returned}
""", "step")  # fmt: skip


def test_a_step_that_leaves_a_parameter_as_it_is() -> None:
    found = cp.diagnose(MODEL, step=step_of("W1 - lr * dW1, b1, W2 - lr * dW2, b2 - lr * db2"))
    assert found.verdict == "one mistake"
    assert str(found).startswith(
        "One mistake, in the update of b1: parameter never updated.\nIt comes out as it went in"
    )
    formula = found.findings[0][0].formulas[0]
    assert (formula.found, formula.right) == ("b1", "b1 - lr * db1")
    assert found.right == ("dW2", "db2", "dW1")


def test_a_step_that_moves_nothing_at_all() -> None:
    found = cp.diagnose(MODEL, step=step_of("W1, b1, W2, b2"))
    assert str(found).startswith("One mistake, in the update of W1, b1, W2 and b2: parameter never updated.")
    zeros = {"dW1": np.zeros((3, 4)), "db1": np.zeros(4), "dW2": np.zeros((4, 2)), "db2": np.zeros(2)}
    found = cp.diagnose(MODEL, backward=lambda x, y: zeros)
    assert str(found).startswith("One mistake, in dW2, db2, dW1 and db1: never filled.")


def test_a_gradient_that_is_wrong_in_a_step_keeps_its_name() -> None:
    found = cp.diagnose(MODEL, step=step_of("W1 - lr * dW1, b1 - lr * db1, W2 - lr * dW2, b2 + lr * db2"))
    assert str(found).startswith("One mistake, in db2 (layer 3 of 3): wrong sign.")


def test_the_line_with_the_wrong_name_is_shown() -> None:
    def step(X, Y, W1, b1, W2, b2, lr):
        A1 = np.tanh(X @ W1 + b1)
        dZ2 = (A1 @ W2 + b2 - Y) / len(X)
        dZ1 = dZ2 @ W2.T * (1 - A1**2)
        W1 = W1 - lr * X.T @ dZ1
        db1 = b1 - lr * dZ1.sum(axis=0)
        return {"W1": W1, "b1": b1, "W2": W2 - lr * A1.T @ dZ2, "b2": b2 - lr * dZ2.sum(axis=0), "new": db1}

    (finding,) = cp.diagnose(MODEL, step=step).findings[0]
    assert finding.name == "parameter never updated"
    assert finding.formulas[0].line[1] == "db1 = b1 - lr * dZ1.sum(axis=0)"


# which of two explanations the source shows


def no_slope(X, Y, W1, b1, W2, b2):
    A1 = np.tanh(X @ W1 + b1)
    dZ2 = (A1 @ W2 + b2 - Y) / len(X)
    dZ1 = dZ2 @ W2.T
    return X.T @ dZ1, dZ1.sum(axis=0), A1.T @ dZ2, dZ2.sum(axis=0)


def too_early(X, Y, W1, b1, W2, b2):
    A1 = np.tanh(X @ W1 + b1)
    dZ2 = (A1 @ W2 + b2 - Y) / len(X)
    dA1 = dZ2 @ W2.T
    dZ1 = dA1 * (1 - A1**2)
    dW1, db1 = X.T @ dA1, dA1.sum(axis=0)
    assert dZ1.shape == dA1.shape
    return dW1, db1, A1.T @ dZ2, dZ2.sum(axis=0)


def masked(X, Y, W1, b1, W2, b2):
    A1 = np.tanh(X @ W1 + b1)
    dZ2 = (A1 @ W2 + b2 - Y) / len(X)
    dZ1 = dA1 = dZ2 @ W2.T
    dZ1 = dZ1 * (1 - A1**2)
    return X.T @ dA1, dA1.sum(axis=0), A1.T @ dZ2, dZ2.sum(axis=0)


def written_into(X, Y, W1, b1, W2, b2):
    A1 = np.tanh(X @ W1 + b1)
    dZ2 = (A1 @ W2 + b2 - Y) / len(X)
    before = dZ2 @ W2.T
    dZ1 = dZ2 @ W2.T
    np.multiply(dZ1, 1 - A1**2, out=dZ1)
    dZ1[:] = dZ1
    return X.T @ before, before.sum(axis=0), A1.T @ dZ2, dZ2.sum(axis=0)


MISSING = "derivative of the activation missing"
EARLY = "gradient from the error before the derivative"


@pytest.mark.parametrize(
    ("backward", "expected"),
    [(no_slope, {MISSING}), (too_early, {EARLY}), (masked, {MISSING, EARLY}), (written_into, {MISSING, EARLY})],
)
def test_the_explanation_that_the_source_shows(backward: Any, expected: set[str]) -> None:
    found = cp.diagnose(MODEL, backward=backward)
    assert {one[0].name for one in found.findings} == expected, str(found)
    assert found.verdict == ("one mistake" if len(expected) == 1 else "several hypotheses")


def test_numbers_alone_leave_both_explanations() -> None:
    x, t = np.random.default_rng(0).normal(size=(9, 3)), np.random.default_rng(1).normal(size=(9, 2))
    arrays = no_slope(x, t, *MODEL.weights.values())
    found = cp.diagnose(MODEL, (x, t), gradients=arrays)
    assert {one[0].name for one in found.findings} == {MISSING, EARLY}


def test_one_layer_whose_source_shows_it() -> None:
    def backward(X, T, W, b):
        A = np.tanh(X @ W + b)
        dZ = (A - T) / len(X)
        return X.T @ dZ, dZ.sum(axis=0)

    found = cp.diagnose(cp.Model(cp.Network(3, 2, "tanh"), cp.SquaredError()), backward=backward)
    assert str(found).startswith(f"One mistake, in dZ (layer 2 of 2): {MISSING}.")


def test_an_output_that_is_not_the_prediction_is_no_evidence() -> None:
    def backward(X, Y, W, b):
        A = np.tanh(X @ W + b)
        dA = (A - Y) / len(X)
        dZ = dA * (1 - A**2)
        return X.T @ dZ, dZ.sum(axis=0)

    found = cp.diagnose(cp.Model(cp.Network(5, 3, "tanh"), cp.SigmoidCrossEntropy()), backward=backward)
    assert {"link missing", "gradient of another loss"} == {one[0].name for one in found.findings}


# the page


def test_the_page_says_everything_once() -> None:
    found = cp.diagnose(MODEL, backward=no_slope)
    page = found._repr_html_().split("<details>")[0]
    finding = found.findings[0][0]
    assert page.count(finding.title) == page.count(finding.says) == 1
    number, code = finding.formulas[0].line
    assert f"Your line {number}: <code>{code}</code>" in page
    assert page.count("<code>dZ1 = ") == 3
    cells = re.findall(r"<t[dh][^>]*>", page)
    assert len(cells) == 6
    assert all("padding" in cell for cell in cells)


def test_the_page_of_two_mistakes_and_of_several_explanations() -> None:
    def backward(X, Y, W1, b1, W2, b2):
        dW1, db1, dW2, db2 = too_early(X, Y, W1, b1, W2, b2)
        return dW1, db1, -dW2, db2

    two = cp.diagnose(MODEL, backward=backward)._repr_html_().split("<details>")[0]
    assert [two.count(title) for title in (EARLY, MISSING, "wrong sign")] == [1, 1, 2]
    x, t = np.random.default_rng(0).normal(size=(9, 3)), np.random.default_rng(1).normal(size=(9, 2))
    arrays = no_slope(x, t, *MODEL.weights.values())
    page = cp.diagnose(MODEL, (x, t), gradients=arrays)._repr_html_().split("<details>")[0]
    assert page.count(f"<b>1. {MISSING}") == page.count(MISSING) == 1
    assert page.count("<b>2. gradient from the error") == 1


def test_more_formulas_than_are_shown_are_counted() -> None:
    def backward(X, Y, W1, b1, W2, b2):
        A1 = np.tanh(X @ W1 + b1)
        dZ2 = (A1 @ W2 + b2 - Y) / len(X)
        dZ1 = dZ2 @ W2.T * (1 - A1**2)
        return 2 * X.T @ dZ1, 2 * dZ1.sum(0), 2 * A1.T @ dZ2, 2 * dZ2.sum(0)

    page = cp.diagnose(MODEL, backward=backward)._repr_html_()
    assert "and 1 line more, alike" in page


@pytest.mark.parametrize(
    ("code", "samples", "shown"),
    [
        ("np.sum(delta1, axis=0)", 0, r"\sum_{i} \Delta_{1}^{(i)}"),
        ("np.sum(delta1, axis=1, keepdims=True)", 1, r"\sum_{i} \Delta_{1}^{(i)}"),
        ("np.sum(delta1, axis=1, keepdims=True)", 0, r"\sum_{j} \left(\Delta_{1}\right)_{j}"),
        ("np.sum(x * delta1, axis=0) / N", 0, r"\frac{\sum_{i} \left(X \odot \Delta_{1}\right)^{(i)}}{N}"),
        ("np.sum(delta1)", 0, r"\sum \Delta_{1}"),
        ("np.max(z1, axis=1, keepdims=True)", 0, r"\max_{j} \left(Z_{1}\right)_{j}"),
        ("b1 - rate * db1", 0, r"b_{1} - \mathrm{rate} \cdot \frac{\partial L}{\partial b_{1}}"),
    ],
)
def test_sums_name_what_they_go_over(code: str, samples: int, shown: str) -> None:
    assert latex(code, samples) == shown


def test_columns_sum_over_samples_too() -> None:
    def backward(X, Y, W1, b1, W2, b2):
        A1 = np.tanh(W1 @ X + b1)
        dZ2 = (W2 @ A1 + b2 - Y) / X.shape[1]
        dZ1 = W2.T @ dZ2 * (1 - A1**2)
        return dZ1 @ X.T, dZ1, dZ2 @ A1.T, dZ2.sum(axis=1, keepdims=True)

    (finding,) = cp.diagnose(MODEL, backward=backward).findings[0]
    assert finding.formulas[0].right_latex == r"\sum_{i} \Delta_{1}^{(i)}"
