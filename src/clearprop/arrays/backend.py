"""The array namespace `xp`: the few words in which layers and losses are written.

Every function fills `out`. NumPy is the working backend; PyTorch, CuPy and array-api-strict arrays go through
array-api-compat, and SymPy expressions sit in object arrays, so that the lines that train can also be run
elsewhere and differentiated symbolically. No derivative lives here.

    add subtract multiply divide matmul maximum minimum          two arrays, or an array and a number
    negative abs sign square sqrt exp expm1 log log1p tanh erf   one array, element by element
    greater(a, b)                                                1.0 where a > b, else 0.0
    sum(a, axis)  max(a, axis, scratch)                          along one axis; `out` keeps two dimensions or one
    total(a)                                                     the sum of everything, as a number
    copy(a)  uniform(rng)                                        a itself; random numbers in [0, 1)
"""

import functools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from clearprop.arrays.errors import missing
from clearprop.arrays.special import erf

Array = Any  # an array of whichever namespace is at work
Namespace = Any

UNARY = ("negative", "abs", "sign", "square", "sqrt", "exp", "expm1", "log", "log1p", "tanh")
CACHE_LINE = 64  # bytes
BINARY = ("add", "subtract", "multiply", "divide", "maximum", "minimum")


def namespace(array: Array) -> Namespace:
    """The namespace that `array` belongs to.

    >>> namespace(np.zeros(3)) is NUMPY
    True
    """
    if isinstance(array, np.ndarray):
        return symbolic() if array.dtype == object else NUMPY
    try:
        import array_api_compat
    except ImportError:
        raise missing("array-api-compat", "array", f"computing with {type(array).__name__} arrays") from None
    return _adapter(array_api_compat.array_namespace(array), array_api_compat.device(array))


# NumPy: its own functions, in the form that costs least per call


@functools.lru_cache(maxsize=64)
def _ones(length: int, dtype: Any) -> Array:
    ones = np.ones(length, dtype)
    ones.flags.writeable = False
    return ones


def _sum(a: Array, axis: int, out: Array) -> Array:
    # a product with ones is BLAS, 2 to 6 times as fast as add.reduce on a batch
    if axis == 0:
        return np.dot(_ones(a.shape[0], a.dtype), a, out=out)
    return np.dot(a, _ones(a.shape[1], a.dtype), out=out if out.ndim == 1 else out[:, 0])


def _max(a: Array, axis: int, out: Array, scratch: Array) -> Array:
    # along short rows maximum.reduce is 5 to 10 times as slow as down the columns of the transpose
    if axis == 0:
        return np.maximum.reduce(a, axis=0, out=out)
    across = scratch.reshape(a.shape[::-1])
    np.copyto(across, a.T)
    return np.maximum.reduce(across, axis=0, out=out if out.ndim == 1 else out[:, 0])


def _total(a: Array) -> float:
    if a.size > 4096:  # where pairwise summation is the more exact one
        return float(np.add.reduce(a, axis=None))
    return float(np.dot(_ones(a.size, a.dtype), a.reshape(-1)))


def _uniform(rng: "np.random.Generator", out: Array) -> Array:
    return rng.random(out=out, dtype=out.dtype)


def _zeros(shape: tuple[int, ...], dtype: Any) -> Array:
    # from a cache line's edge, which NumPy does not see to: 15 to 40 % off passes over theta
    kind, size = np.dtype(dtype), math.prod(shape)
    raw = np.zeros(size * kind.itemsize + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + size * kind.itemsize].view(kind).reshape(shape)


NUMPY = SimpleNamespace(
    name="numpy",
    **{name: getattr(np, name) for name in UNARY + BINARY},
    greater=np.greater,
    matmul=np.dot,  # the same for two dimensions, with less overhead
    erf=erf,
    sum=_sum,
    max=_max,
    total=_total,
    copy=lambda a, out: np.copyto(out, a),
    uniform=_uniform,
    empty=_zeros,
    zeros=_zeros,
    asarray=np.asarray,
    reshape=np.reshape,
)


# Any namespace of the array API standard, on one device: compute, then write


@functools.lru_cache(maxsize=8)
def _adapter(api: Any, device: Any) -> Namespace:
    asarray, empty, zeros = (functools.partial(make, device=device) for make in (api.asarray, api.empty, api.zeros))

    def writes(function: Any) -> Any:
        def call(*operands: Any, out: Array) -> None:
            arrays = [asarray(a, dtype=out.dtype) if isinstance(a, (int, float)) else a for a in operands]
            out[...] = api.astype(function(*arrays), out.dtype)

        return call

    def reduces(function: Any) -> Any:
        def call(a: Array, axis: int, out: Array, scratch: Array = None) -> None:
            out[...] = api.reshape(function(a, axis=axis), out.shape)

        return call

    def error_function(a: Array, out: Array) -> None:
        special = getattr(api, "special", None)  # not in the standard, but PyTorch and CuPy have it
        if special is not None:
            out[...] = special.erf(a)
        else:
            values = np.asarray(a)
            out[...] = asarray(erf(values, out=np.empty_like(values)))

    def uniform(rng: "np.random.Generator", out: Array) -> None:
        out[...] = api.astype(asarray(rng.random(tuple(out.shape))), out.dtype)

    return SimpleNamespace(
        name=api.__name__,
        **{name: writes(getattr(api, name)) for name in (*UNARY, *BINARY, "greater", "matmul")},
        erf=error_function,
        sum=reduces(api.sum),
        max=reduces(api.max),
        total=lambda a: float(api.sum(a)),
        copy=lambda a, out: out.__setitem__(..., a),
        uniform=uniform,
        empty=empty,
        zeros=zeros,
        asarray=asarray,
        reshape=api.reshape,
    )


# SymPy: object arrays of expressions


@functools.lru_cache(maxsize=1)
def symbolic() -> Namespace:
    """SymPy's functions over NumPy object arrays; imported on first use."""
    try:
        import sympy
    except ImportError:
        raise missing("sympy", "derive", "computing with symbols") from None

    def writes(function: Any, inputs: int) -> Any:
        elementwise = np.frompyfunc(function, inputs, 1)

        def call(*arrays: Any, out: Array) -> None:
            out[...] = elementwise(*arrays)

        return call

    def matmul(a: Array, b: Array, out: Array) -> None:
        out[...] = np.dot(a, b)

    def reduces(function: Any) -> Any:
        def call(a: Array, axis: int, out: Array, scratch: Array = None) -> None:
            out[...] = np.apply_along_axis(lambda row: function(*row), axis, a).reshape(out.shape)

        return call

    def uniform(rng: "np.random.Generator", out: Array) -> None:
        out[...] = np.vectorize(sympy.Rational, otypes=[object])(rng.integers(0, 64, out.shape), 64)

    one_argument = {
        "negative": lambda a: -a, "abs": sympy.Abs, "sign": sympy.sign, "square": lambda a: a**2,
        "sqrt": sympy.sqrt, "exp": sympy.exp, "expm1": lambda a: sympy.exp(a) - 1, "log": sympy.log,
        "log1p": lambda a: sympy.log(1 + a), "tanh": sympy.tanh, "erf": sympy.erf,
    }  # fmt: skip
    two_arguments = {
        "add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "multiply": lambda a, b: a * b,
        "divide": lambda a, b: a / b, "maximum": sympy.Max, "minimum": sympy.Min,
        "greater": lambda a, b: sympy.Piecewise((1, a > b), (0, True)),
    }  # fmt: skip
    return SimpleNamespace(
        name="sympy",
        **{name: writes(function, 1) for name, function in one_argument.items()},
        **{name: writes(function, 2) for name, function in two_arguments.items()},
        matmul=matmul,
        sum=reduces(sympy.Add),
        max=reduces(sympy.Max),
        total=lambda a: sympy.Add(*np.ravel(a)),
        copy=lambda a, out: out.__setitem__(..., a),
        uniform=uniform,
        empty=np.empty,
        zeros=np.zeros,
        asarray=lambda values, dtype=None: np.asarray(values, dtype=object),
        reshape=np.reshape,
    )
