"""`clearprop predict`."""

import csv
import sys
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray

from clearprop.arrays.errors import SettingError
from clearprop.cli import inputs, show
from clearprop.network.loading import load
from clearprop.network.model import Model


def run(
    model: Annotated[str, Parameter(metavar="MODEL", help="A file that clearprop train wrote")],
    /,
    *files: Annotated[
        str,
        Parameter(name="INPUT", required=True, help="CSV files, .npy files or pictures of digits; - is standard input"),
    ],
    label: Annotated[
        str | None, Parameter(metavar="COLUMN", help="Column of a CSV file to leave out: first, last or a name")
    ] = None,
    header: Annotated[
        bool | None, Parameter(help="Whether the first line of a CSV file holds names [found out]")
    ] = None,
    json: Annotated[bool, Parameter(negative=(), show_default=False, help="Print one JSON document")] = False,
) -> None:
    """Predict each row of a file, or the digit in a picture.

    The answer is CSV: the prediction, and the probability of each class.
    Pictures may be of any size, dark on bright or bright on dark.
    """
    if files.count(inputs.STDIN) > 1:
        raise SettingError("predict", "standard input once", "- twice", "give it once")
    trained = load(model)
    parts = [(file, _answers(trained, inputs.rows(file, trained, label, header))) for file in files]
    named = len(files) > 1 or inputs.is_picture(files[0])
    columns = _columns(trained)
    answers = (
        ({"file": file} if named else {}) | dict(zip(columns, row, strict=True))
        for file, (predicted, probabilities) in parts
        for row in map(_row, predicted, probabilities)
    )
    if json:
        show.document({"model": model, "predictions": list(answers)})
        return
    writer = csv.DictWriter(sys.stdout, (["file"] if named else []) + columns, lineterminator="\n")
    writer.writeheader()
    for answer in answers:
        writer.writerow({name: f"{v:.7g}" if isinstance(v, float) else v for name, v in answer.items()})


def _columns(model: Model) -> list[str]:
    """Names of the columns: what is predicted, and probabilities."""
    outputs = model.network.outputs
    names = model.classes or range(2 if outputs == 1 else outputs)
    probabilities = [f"probability_{name}" for name in names] if model.loss.classifies else []
    if outputs == 1 or (model.classifies and not model.multi_label):
        return ["prediction", *probabilities]
    return [*(f"prediction_{i}" for i in range(outputs)), *probabilities]


def _answers(model: Model, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Predictions and probabilities for x (N, n), in the order of `_columns`."""
    predicted = model.predict(x)
    if predicted.ndim == 1:
        predicted = predicted[:, None]
    probabilities = np.empty((len(x), 0))
    if model.loss.classifies:
        probabilities = model.predict_proba(x)
        if model.network.outputs == 1:
            probabilities = np.concatenate([1 - probabilities, probabilities], axis=1)
    return predicted, probabilities


def _row(predicted: NDArray[Any], probabilities: NDArray[Any]) -> list[Any]:
    return [*predicted.tolist(), *probabilities.tolist()]
