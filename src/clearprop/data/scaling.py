"""Input scaling: a shift and a factor per feature, fixed on the training data and saved with the model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import SettingError, ShapeError, brief

BLOCK = 4096  # rows
Numbers = float | tuple[float, ...]  # one for all features, or one each


@dataclass(frozen=True)
class Scaling:
    """x becomes (x - shift) * factor; each is one number or one per feature.

    >>> Scaling(shift=2.0, factor=0.5).apply(np.array([[2.0, 4.0]]), np.empty((1, 2)))
    array([[0., 1.]])
    """

    shift: Numbers = 0.0
    factor: Numbers = 1.0

    def __post_init__(self) -> None:
        for name in ("shift", "factor"):
            value = getattr(self, name)
            try:
                whole = isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str)
                numbers = tuple(float(v) for v in value) if whole else float(value)
            except (TypeError, ValueError, OverflowError):
                numbers = math.nan
            finite = math.isfinite(numbers) if isinstance(numbers, float) else all(map(math.isfinite, numbers))
            if not finite:
                raise SettingError("Scaling", f"finite numbers for {name}", brief(value), f"change {name}")
            object.__setattr__(self, name, numbers)

    @classmethod
    def unit(cls, x: NDArray[Any]) -> Self:
        """Puts `x` (N, n) as a whole between 0 and 1.

        Bytes are divided by 255, or by the largest if that is 16 or less. One shift and factor for all features, as
        fits the pixels of an image.
        """
        low, high = float(x.min(initial=0)), float(x.max(initial=0))
        if x.dtype == np.uint8:
            low, high = 0.0, 255.0 if high > 16 else max(high, 1.0)
        return cls(low, 1.0 / ((high - low) or 1.0))

    @classmethod
    def standard(cls, x: NDArray[Any]) -> Self:
        """Gives each feature of `x` (N, n) mean 0 and standard deviation 1; constant features become 0."""
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large is told by the constructor
            mean = x.mean(axis=0, dtype=np.float64)
            squares = np.zeros_like(mean)
            for start in range(0, len(x), BLOCK):  # as x.std would, without a float64 copy of all of x
                squares += np.square(x[start : start + BLOCK] - mean).sum(axis=0)
            deviation = np.sqrt(squares / len(x))
        constant = deviation <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
        deviation[constant] = 1.0
        return cls(tuple(mean.tolist()), tuple((1.0 / deviation).tolist()))

    def check_width(self, n: int) -> None:
        """Raise a ShapeError unless this scaling is for inputs `n` wide."""
        for numbers in (self.shift, self.factor):
            if isinstance(numbers, tuple) and len(numbers) != n:
                raise ShapeError(
                    "Scaling", f"{len(numbers)} features", str(n), "give the data that the scaling was made for"
                )

    def apply(self, x: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
        """Fill and return `out` with the scaled `x` (N, n)."""
        if self.shift == 0.0:
            np.multiply(x, self._array("factor", out.dtype), out=out)
            return out
        # the difference is taken in the data's own precision, for columns such as 20250101
        exact = np.result_type(x.dtype, out.dtype)
        np.subtract(x, self._array("shift", exact), out=out, casting="same_kind", dtype=exact)
        np.multiply(out, self._array("factor", out.dtype), out=out)
        return out

    @cached_property
    def _made(self) -> dict[tuple[str, Any], Any]:
        return {}

    def _array(self, name: str, dtype: Any) -> Any:
        """The shift or the factor as an array, made once for each dtype."""
        key = name, dtype
        if key not in self._made:
            self._made[key] = np.asarray(getattr(self, name), dtype)
        return self._made[key]
