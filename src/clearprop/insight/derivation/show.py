"""Arrays and shapes as text."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.insight.derivation.lines import Line, Shape

SMALL = 64  # elements that are printed in full
WIDTH = 96  # columns of text


def shape_text(shape: Shape) -> str:
    """A shape, with N for the samples.

    >>> shape_text(("N", 3)), shape_text((3,)), shape_text(())
    ('(N, 3)', '(3,)', 'number')
    """
    if not shape:
        return "number"
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def shapes_text(line: Line, shapes: Mapping[str, Shape]) -> str:
    """The shape of what a line computes and of all that it is computed from.

    >>> from clearprop import Network, SquaredError
    >>> from clearprop.insight.derivation.steps import Steps
    >>> steps = Steps(Network(2, 3, "relu", 1), SquaredError())
    >>> [shapes_text(steps[name], steps.shapes) for name in ("z1", "dW2", "delta1")]
    ['(N, 3) = (N, 2) (2, 3) + (3,)', '(3, 1) = (3, N) (N, 1)', '(N, 3) from da1 (N, 3), z1 (N, 3)']
    """
    if line.how == "product":
        factors = " ".join(
            shape_text(shapes[name.removesuffix(".T")][:: -1 if name.endswith(".T") else 1])
            for name in line.convention.order(*line.factors)
        )
        return f"{shape_text(line.shape)} = {factors}" + (f" + {shape_text(shapes[line.plus])}" if line.plus else "")
    known = (f"{name} {shape_text(shapes[name])}" for name in line.inputs if shapes.get(name))
    return f"{shape_text(line.shape)} from {', '.join(known)}"


def number_texts(values: NDArray[Any], places: int = 8) -> NDArray[Any]:
    """Each number of an array as text, all in one way: whole, with `places` decimals, or with an exponent.

    >>> number_texts(np.array([1.0, -0.0])).tolist(), number_texts(np.array([0.5, -1e-4]), 3).tolist()
    (['1', '0'], ['5.00e-01', '-1.00e-04'])
    """
    sizes = np.abs(values)[values != 0]
    low, high = sizes.min(initial=1), sizes.max(initial=1)
    if np.array_equal(values, np.round(values)) and high < 1e6:
        form = ".0f"
    else:
        form = f".{places}f" if low >= 1e-3 and high < 1e5 else f".{places - 1}e"
    texts = [format(value + 0.0, form) for value in values.ravel().tolist()]  # + 0.0 makes 0 of -0
    return np.array(texts, dtype=str).reshape(values.shape)


def summary_text(values: NDArray[Any]) -> str:
    """What a large array holds, in a line."""
    return (
        f"{values.shape} from {values.min():.6g} to {values.max():.6g}, mean {values.mean():.6g}, "
        f"{np.mean(values == 0):.0%} zeros"
    )


def arrays_in_text(values: NDArray[Any], indent: int = 0, places: int = 8) -> list[str]:
    """The lines of an array: all of a small one, else range, mean and share of zeros.

    >>> arrays_in_text(np.array([[0.5, -0.25], [0.0, 1.0]]))
    [' 0.50000000  -0.25000000', ' 0.00000000   1.00000000']
    """
    if values.size > SMALL:
        return [" " * indent + summary_text(values)]
    texts = np.atleast_2d(number_texts(values, places))
    width = max(map(len, texts.flat), default=0)
    fitting = max(1, (WIDTH - indent + 2) // (width + 2))
    return [
        " " * indent + "  ".join(text.rjust(width) for text in row[start : start + fitting])
        for row in texts.tolist()
        for start in range(0, len(row), fitting)
    ]
