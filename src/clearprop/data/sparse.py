"""Sparse inputs, of which only the rows of a batch are ever dense."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


class SparseRows:
    """A SciPy CSR matrix (N, n) of finite numbers, in the place of the array x of Samples.

    >>> from scipy.sparse import csr_matrix
    >>> SparseRows(csr_matrix([[0.0, 1.0], [2.0, 0.0]])).take([1], 0, np.empty((1, 2)), "clip")
    array([[2., 0.]])
    """

    ndim = 2

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix
        self.shape: tuple[int, int] = matrix.shape
        self.dtype: np.dtype[Any] = matrix.dtype

    @property
    def size(self) -> int:
        """Number of entries, zeros included."""
        return self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> "SparseRows":
        return SparseRows(self.matrix[rows])

    def take(self, rows: Any, axis: int, out: NDArray[Any], mode: str) -> NDArray[Any]:
        """Fill and return `out` with `rows`, as `ndarray.take` along axis 0 does."""
        self.matrix[rows].toarray(out=out)
        return out

    def chunks(self, size: int) -> Iterator[NDArray[Any]]:
        """The rows as dense arrays of `size` rows each; the last may be smaller."""
        for start in range(0, len(self), size):
            yield self.matrix[start : start + size].toarray()
