"""Writing a model as one Python file that predicts without clearprop: one row for each kind of layer."""

import base64
import math
import os
import pprint
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import truth
from clearprop.arrays.errors import SettingError
from clearprop.arrays.files import atomic
from clearprop.export import standalone_text as text
from clearprop.layers.activations import (
    ELU,
    GELU,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
)
from clearprop.layers.base import Layer
from clearprop.layers.dense import Dense
from clearprop.layers.dropout import Dropout
from clearprop.layers.losses import Loss, Poisson, SigmoidCrossEntropy, SoftmaxCrossEntropy
from clearprop.layers.normalization import BatchNorm, LayerNorm
from clearprop.network.model import Model
from clearprop.version import __version__

LARGEST = 2**26  # bytes of weights: Python reads the whole file before it runs
LINE = 100  # characters of base64
MODULES = ("base64", "csv", "io", "math", "operator", "struct", "sys")

Row = Callable[[Any, str], tuple[str, str]]
"""From a layer and its name to two expressions: of x (N, n) in NumPy, of one row x, a list, in plain Python."""


def _dense(layer: Dense, n: str) -> tuple[str, str]:
    if layer.bias:
        return f'x @ w["{n}.W"] + w["{n}.b"]', f'dense(x, w["{n}.W"], w["{n}.b"])'
    return f'x @ w["{n}.W"]', f'dense(x, w["{n}.W"], [0.0] * {layer.units})'


def _norm(kind: str, fields: tuple[str, ...]) -> Row:
    def row(layer: Any, n: str) -> tuple[str, str]:
        arrays = ", ".join(f'w["{n}.{field}"]' for field in fields)
        return (f"{kind}(x, {arrays}, {layer.epsilon!r})",) * 2

    return row


ROWS: dict[type[Layer], Row] = {
    Dense: _dense,
    Identity: lambda layer, n: ("x", "x"),
    Sigmoid: lambda layer, n: ("sigmoid(x)", "[sigmoid(v) for v in x]"),
    Tanh: lambda layer, n: ("np.tanh(x)", "[math.tanh(v) for v in x]"),
    ReLU: lambda layer, n: ("np.maximum(x, 0)", "[max(v, 0.0) for v in x]"),
    LeakyReLU: lambda layer, n: (
        f"np.maximum(x, 0) + {layer.negative_slope!r} * np.minimum(x, 0)",
        f"[max(v, 0.0) + {layer.negative_slope!r} * min(v, 0.0) for v in x]",
    ),
    ELU: lambda layer, n: (
        f"np.maximum(x, 0) + {layer.alpha!r} * np.expm1(np.minimum(x, 0))",
        f"[max(v, 0.0) + {layer.alpha!r} * math.expm1(min(v, 0.0)) for v in x]",
    ),
    GELU: lambda layer, n: ("gelu(x)", "[gelu(v) for v in x]"),
    SiLU: lambda layer, n: ("x * sigmoid(x)", "[v * sigmoid(v) for v in x]"),
    Softplus: lambda layer, n: (
        "np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))",
        "[max(v, 0.0) + math.log1p(math.exp(-abs(v))) for v in x]",
    ),
    Softsign: lambda layer, n: ("x / (1 + np.abs(x))", "[v / (1 + abs(v)) for v in x]"),
    Dropout: lambda layer, n: ("x", "x"),  # drops nothing when predicting
    BatchNorm: _norm("batch_norm", ("gamma", "beta", "mean", "variance")),
    LayerNorm: _norm("layer_norm", ("gamma", "beta")),
}

LINKS: dict[type[Loss], tuple[str, str]] = {
    SoftmaxCrossEntropy: ("softmax(z)", "softmax(z)"),
    SigmoidCrossEntropy: ("sigmoid(z)", "[sigmoid(v) for v in z]"),
    Poisson: ("np.exp(z)", "[math.exp(v) for v in z]"),
}


def to_python(model: Model, path: str | os.PathLike[str], *, numpy: bool = True) -> None:
    """Write `model` as one Python file, weights included, that needs NumPy only, or with numpy=False nothing.

    The file has `predict(x)` and `predict_proba(x)`, which answer as the model does, with arrays in NumPy and lists
    else (computed in double precision), and is a program that reads CSV rows from standard input. The same model
    gives the same file.

    A SettingError for a layer or loss without a row and for more than 64 MiB of weights; a FileError where the file
    cannot be written.
    """
    truth("to_python", "numpy", numpy)
    size = model.theta.nbytes + model.state.nbytes
    if size > LARGEST:
        raise SettingError("to_python", "at most 64 MiB of weights", f"{size / 2**20:.0f} MiB", "use to_onnx")
    content = source(model, numpy).encode()
    with atomic(path) as file:
        file.write(content)


def source(model: Model, numpy: bool = True) -> str:
    """The text of the file that `to_python` writes."""
    code = [_constants(model, numpy), _network(model, numpy), _probabilities(model, numpy), _predict(model, numpy)]
    helpers = text.NUMPY_HELPERS if numpy else text.PLAIN_HELPERS
    code += [helper for name, helper in helpers.items() if f"{name}(" in "".join(code)]
    code += [text.NUMPY_CHECKED, text.NUMPY_ARRAY] if numpy else [text.PLAIN_CHECKED, text.PLAIN_ARRAY]
    code += [_table(model, numpy), text.MAIN]
    modules = [f"import {name}" for name in MODULES if f"{name}." in "".join(code)]
    imports = "\n".join([*modules, *(["", "import numpy as np"] if numpy else [])])
    code = [_header(model, numpy), imports, *code, _weights(model), 'if __name__ == "__main__":\n    main()']
    return "\n\n\n".join(part.strip("\n") for part in code) + "\n"


def _header(model: Model, numpy: bool) -> str:
    n, network = model.network.inputs, textwrap.fill(repr(model.network), 100)
    needed = "Python and NumPy" if numpy else "Python"
    return f'''"""A trained neural network, written by clearprop {__version__}. It needs {needed} only.

{network}

As a module it has predict(x) and predict_proba(x), for rows x of {n} numbers.
As a program it reads rows of {n} numbers, with commas between them, and writes a prediction for each:
    python THIS_FILE < rows.csv
"""'''


def _constants(model: Model, numpy: bool) -> str:
    lines = [f"INPUTS, OUTPUTS = {model.network.inputs}, {model.network.outputs}"]
    if numpy:
        lines.append(f'DTYPE = "{model.dtype}"')
    if model.classes is not None:
        lines.append(f"CLASSES = {pprint.pformat(list(model.classes), width=100, compact=True)}")
    if model.classifies and (model.network.outputs == 1 or model.multi_label):
        cut = repr(model.cut) if math.isfinite(model.cut) else f'float("{model.cut}")'
        lines.append(f"CUT = {cut}  # from this output on, the probability is at least {model.threshold!r}")
    return "\n".join([*lines, f"COLUMNS = {_columns(model)}"])


def _columns(model: Model) -> str:
    """The names of what `table` puts out, as `clearprop predict` has them."""
    k = model.network.outputs
    names = f"range({k if model.multi_label else max(k, 2)})" if model.classes is None else "CLASSES"
    probabilities = f", *(f'probability_{{name}}' for name in {names})" if model.loss.classifies else ""
    if k > 1 and (model.multi_label or not model.classifies):
        return f"[*(f'prediction_{{i}}' for i in range({k})){probabilities}]"
    return f"['prediction'{probabilities}]"


def _network(model: Model, numpy: bool) -> str:
    n, k = model.network.inputs, model.network.outputs
    about = f"The outputs (N, {k}) for x (N, {n})." if numpy else f"The {k} outputs for a row x of {n} numbers."
    lines = [*_scaling(model, numpy), *_layers(model, numpy), "return x"]
    return "\n    ".join(["def network(x):", f'"""{about}"""', *lines])


def _scaling(model: Model, numpy: bool) -> Iterator[str]:
    scaling = model.scaling
    if scaling is None:
        if numpy:
            yield "x = x.astype(DTYPE)"
    elif _shifts(model):
        yield (
            'x = (x - w["shift"].astype(x.dtype)).astype(DTYPE) * w["factor"].astype(DTYPE)' if numpy
            else 'x = [(v - s) * f for v, s, f in zip(x, w["shift"], w["factor"])]'
        )  # fmt: skip
    else:
        shift, factor = scaling.shift, scaling.factor
        yield (
            f"x = (x - {shift!r}).astype(DTYPE) * {factor!r}" if numpy
            else f"x = [(v - {shift!r}) * {factor!r} for v in x]"
        )  # fmt: skip


def _layers(model: Model, numpy: bool) -> Iterator[str]:
    network = model.network
    for i, (layer, name) in enumerate(zip(network.layers, network.names, strict=True)):
        row = ROWS.get(type(layer))
        if row is None:
            raise SettingError(network.place(i), "a layer with a row for Python", "none", f"add one: {__name__}.ROWS")
        expression = row(layer, name)[0 if numpy else 1]
        yield f"# {name} changes nothing here" if expression == "x" else f"x = {expression}  # {name}"


def _link(loss: Loss) -> tuple[str, str]:
    if type(loss) not in LINKS and type(loss).link is not Loss.link:
        raise SettingError(repr(loss), "a loss with a row for Python", "none", f"add one: {__name__}.LINKS")
    return LINKS.get(type(loss), ("z", "z"))


def _probabilities(model: Model, numpy: bool) -> str:
    about = "Probabilities" if model.loss.classifies else "Outputs"
    head = f'def predict_proba(x):\n    """{about} (N, {model.network.outputs}) for x (N, INPUTS)."""\n    '
    return head + _of_outputs(*_link(model.loss), numpy)


def _of_outputs(array: str, row: str, numpy: bool) -> str:
    """The lines of a function that return `array` of all outputs z (N, k) in NumPy, or a list with `row` of each z."""
    if numpy:
        return f"z = network(checked(x))\n    return {array}"
    return f"return [{row} for z in map(network, checked(x))]"


def _predict(model: Model, numpy: bool) -> str:
    k = model.network.outputs
    if not model.classifies:
        about, (array, row) = "The value", _link(model.loss)
        if k == 1:
            array, row = f"{array}[:, 0]", f"{row}[0]"
    elif model.multi_label:
        about, array, row = "0 or 1 for each label", "(z >= CUT).astype(int)", "[int(v >= CUT) for v in z]"
    elif k == 1:
        about, array, row = "The class", "(z[:, 0] >= CUT).astype(int)", "int(z[0] >= CUT)"
    else:
        about, array, row = "The class", "z.argmax(axis=1)", "max(range(OUTPUTS), key=z.__getitem__)"
    if model.classes is not None:
        array, row = f"np.array(CLASSES)[{array}]", f"CLASSES[{row}]"
    return f'def predict(x):\n    """{about}, for each row of x (N, INPUTS)."""\n    {_of_outputs(array, row, numpy)}'


def _table(model: Model, numpy: bool) -> str:
    """The function of the file that gives the rows of its answer."""
    several = model.network.outputs > 1 and (model.multi_label or not model.classifies)
    probabilities = ", *p" if model.loss.classifies else ""
    if probabilities and model.network.outputs == 1:
        probabilities = ", 1 - p[0], p[0]"
    listed = ".tolist()" if numpy else ""
    return f'''def table(x):
    """What `main` writes for rows x."""
    for answer, p in zip(predict(x){listed}, predict_proba(x){listed}):
        yield [{"*" if several else ""}answer{probabilities}]'''


def _weights(model: Model) -> str:
    lines = [_array(name, values) for name, values in (model.arrays() | _shifts(model)).items()]
    return "\n".join(["w = {", *lines, "}"])


def _shifts(model: Model) -> dict[str, NDArray[Any]]:
    """Shift and factor of the scaling, where they are not the same for all features."""
    scaling, n = model.scaling, model.network.inputs
    if scaling is None or not (isinstance(scaling.shift, tuple) or isinstance(scaling.factor, tuple)):
        return {}
    return {name: np.broadcast_to(np.asarray(getattr(scaling, name)), n) for name in ("shift", "factor")}


def _array(name: str, values: NDArray[Any]) -> str:
    kind = "<f" if values.dtype == np.float32 else "<d"
    written = base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()
    lines = "\n".join(written[i : i + LINE] for i in range(0, len(written), LINE))
    return f'    "{name}": array("{kind}", {values.shape}, """\n{lines}\n"""),'
