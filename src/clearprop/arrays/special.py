"""The error function for NumPy arrays, which NumPy lacks and which alone is no reason to depend on SciPy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969), 631-637.
# erf(x) = x P(x^2) / Q(x^2) near zero; 1 - erf(x) = exp(-x^2) R(x) / S(x) beyond. Highest power first.
P = (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3)
Q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
R = (
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
    8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
)  # fmt: skip
S = (
    1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
)  # fmt: skip
NEAR = 0.46875  # where the two approximations meet
FAR = 6.0  # beyond it erf is +-1 to the last bit of a double
BLOCK = 4096  # elements worked on at a time, so that intermediate arrays stay small however large the batch


def erf(x: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
    """The error function of each element of `x`, within 4e-16 in float64; fills and returns `out`.

    >>> erf(np.array([0.0, 0.5, -30.0]), out=np.empty(3)).round(6).tolist()
    [0.0, 0.5205, -1.0]
    """
    source, target = x.reshape(-1), out.reshape(-1)
    for start in range(0, source.size, BLOCK):
        part = source[start : start + BLOCK]
        size = np.minimum(np.abs(part), FAR)
        square = size * size
        near = size * (_polynomial(P, square) / _polynomial(Q, square))
        far = 1 - np.exp(-square) * (_polynomial(R, size) / _polynomial(S, size))
        target[start : start + BLOCK] = np.copysign(np.where(size < NEAR, near, far), part)
    return out


def _polynomial(coefficients: tuple[float, ...], x: NDArray[Any]) -> NDArray[Any]:
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= x
        value += x.dtype.type(coefficient)
    return value
