"""A derivation as a Jupyter notebook that runs on NumPy alone."""

import base64
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clearprop.insight.derivation.formats import markdown, words
from clearprop.insight.derivation.lines import Shape
from clearprop.layers.losses import Poisson, SigmoidCrossEntropy, SoftmaxCrossEntropy

if TYPE_CHECKING:
    from clearprop.insight.derivation.derive import Derivation

WRITTEN = 1000  # elements of an array that are written as numbers
SAMPLES = 5  # to draw where there is no batch
SEED = 0
CHECK = """
given = {given}
gradients = {gradients}
home, h = loss_of(**given), 1e-5
rng = np.random.default_rng(0)
for name, gradient in gradients.items():
    worst, kinks, places = 0.0, 0, rng.permutation(gradient.size)[:40]  # at most 40 elements of each
    for place in places:
        i = np.unravel_index(place, gradient.shape)
        ahead, behind = (loss_of(**given | {{name: changed(given[name], i, step)}}) for step in (h, -h))
        if abs(ahead - 2 * home + behind) > 1e-3 * h:  # the slopes of both sides differ
            kinks += 1
            continue
        worst = max(worst, abs((ahead - behind) / (2 * h) - gradient[i]))
    print(f"{{name}}: {{places.size - kinks}} differences, largest gap {{worst:.1e}}, {{kinks}} passed over at kinks")
    assert worst < 1e-6 * max(1, abs(gradient).max()), name"""


def to_notebook(derivation: "Derivation") -> str:
    """The JSON of a notebook, format 4.5."""
    cells = [
        _markdown("title", markdown.heading(derivation)),
        _markdown("given", ["## Given", _origin(derivation)]),
        _code("arrays", _arrays(derivation)),
    ]
    for place, (heading, lines) in enumerate(words.sections(derivation)):
        cells.append(_markdown(f"part-{place}", [f"## {heading}"]))
        for number, line in lines:
            cells.append(_markdown(f"equation-{number}", markdown.equation(derivation, number, line)))
            cells.append(_code(f"line-{number}", f"{line.text}\n{line.name}"))
    cells += [
        _markdown("check", ["## Check", "Every gradient against central differences of the loss."]),
        _code("differences", _check(derivation)),
        _markdown("rules", markdown.rules(derivation)),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = {
        "cells": cells, "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _markdown(identity: str, blocks: list[str]) -> dict[str, Any]:
    source = "\n\n".join(blocks).splitlines(keepends=True)
    return {"cell_type": "markdown", "id": identity, "metadata": {}, "source": source}


def _code(identity: str, text: str) -> dict[str, Any]:
    return {
        "cell_type": "code", "id": identity, "metadata": {}, "execution_count": None, "outputs": [],
        "source": text.splitlines(keepends=True),
    }  # fmt: skip


def _origin(derivation: "Derivation") -> str:
    return "The batch and the weights." if derivation.given else f"Small random arrays, drawn with the seed {SEED}."


def _arrays(derivation: "Derivation") -> str:
    steps = derivation.steps
    packed = any(values.size > WRITTEN for values in derivation.given.values())
    text = [*(["import base64\n"] if packed else []), "import numpy as np", *steps.preamble.values()]
    if derivation.given:
        text += [f"{name} = {_written(values)}" for name, values in derivation.given.items()]
        text.append(f"N = x.shape[{steps.convention.samples}]  # samples")
    else:
        text += [f"rng = np.random.default_rng({SEED})", f"N = {SAMPLES}  # samples"]
        text += [f"{name} = {_drawn(derivation, name, shape)}" for name, shape in words.given(derivation).items()]
    return "\n".join(text)


def _written(values: NDArray[Any]) -> str:
    """An array as NumPy text, bit by bit the same; a large one in base 64."""
    values = np.asarray(values, np.float64) + 0.0
    if values.size <= WRITTEN:
        return f"np.array({json.dumps(values.tolist()).replace('], [', '],' + chr(10) + '    [')})"
    packed = base64.b64encode(values.astype("<f8").tobytes()).decode()
    return f'np.frombuffer(base64.b64decode("{packed}"), "<f8").reshape({values.shape})'


def _drawn(derivation: "Derivation", name: str, shape: Shape) -> str:
    steps = derivation.steps
    size = f"({', '.join(map(str, shape))},)"
    kind, i, own = steps.where[name]
    if kind == "target":
        return _targets(derivation, size)
    if kind == "memo":
        keep = 1 - float(vars(steps.network[i])["rate"])
        return f"(rng.random({size}) < {keep!r}) / {keep!r}"
    if own == "gamma":
        return f"1 + 0.1 * rng.normal(size={size})"
    return f"0.5 * rng.normal(size={size})"


def _targets(derivation: "Derivation", size: str) -> str:
    loss, outputs = derivation.steps.loss, derivation.steps.network.outputs
    if isinstance(loss, SoftmaxCrossEntropy):
        rows = f"np.eye({outputs})[rng.integers({outputs}, size=N)]"
        return rows if derivation.steps.convention.samples == 0 else f"{rows}.T"
    if isinstance(loss, SigmoidCrossEntropy):
        return f"1.0 * rng.integers(2, size={size})"
    return f"1.0 * rng.poisson(2, size={size})" if isinstance(loss, Poisson) else f"rng.normal(size={size})"


def _check(derivation: "Derivation") -> str:
    steps, names = derivation.steps, list(words.given(derivation))
    body = [f"N = x.shape[{steps.convention.samples}]"]
    body += [line.text for line in steps.of("forward")]
    function = [f"def loss_of({', '.join(names)}):", *(f"    {line}" for line in body), "    return loss", "", ""]
    changed = ["def changed(array, place, step):", "    array = array.copy()", "    array[place] += step",
               "    return array", ""]  # fmt: skip
    gradients = [
        (line.of, line.name) for line in steps.lines if line.part == "backward" and line.of in steps.parameters
    ]
    return "\n".join([*function, *changed]) + CHECK.format(
        given=f"dict({', '.join(f'{name}={name}' for name in names)})",
        gradients=f"dict({', '.join(f'{of}={name}' for of, name in gradients)})",
    )
