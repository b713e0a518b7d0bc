"""What commands write: tables and documents on standard output, messages on standard error."""

import shutil
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.table import Table
from clearprop.network.metrics import Evaluation, precision_recall_f1

MISTAKES = 10  # listed where the confusion table would be too wide
SHADES = (" ░▒▓█", " .:#@")


def say(message: str = "") -> None:
    """Write a message to standard error."""
    sys.stdout.flush()  # where both go to one place, in the order of writing
    print(message, file=sys.stderr, flush=True)


def put(*texts: object) -> None:
    """Write `texts` to standard output, with an empty line between them."""
    print(*texts, sep="\n\n")


def document(value: Any) -> None:
    """Write `value` to standard output as JSON; what is not finite becomes null."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=0).decode())


def width() -> int:
    """Columns of the terminal, or many where standard output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 200


def evaluation(found: Evaluation) -> dict[str, Any]:
    """An Evaluation for JSON, with precision, recall and F1 of each class."""
    result = found.to_dict()
    if found.confusion is not None:
        names = found.classes or range(len(found.confusion))
        scores = precision_recall_f1(found.confusion).tolist()
        counts = found.confusion.sum(axis=1).tolist()
        columns = ("class", "precision", "recall", "f1", "samples")
        result["per_class"] = [
            dict(zip(columns, (name, *row, count), strict=True))
            for name, row, count in zip(names, scores, counts, strict=True)
        ]
    return result


def quality(found: Evaluation, part: str, per_class: bool = False) -> Iterator[object]:
    """How good a model is on `part`: a line, the table of classes if `per_class`, and the confusion table."""
    if found.accuracy is not None:
        figures = f"accuracy {found.accuracy:.2%}"
    else:
        figures = f"R2 {found.r2:.4f}, mean absolute error {found.mean_absolute_error:.4g}"
    yield f"{part}: {figures}, loss {found.loss:.4f}, on {found.samples:,} samples"
    if found.confusion is not None:
        if per_class:
            yield found.per_class()
        yield _confusion(found.confusion, found)


def _confusion(counts: NDArray[np.intp], found: Evaluation) -> Table:
    """The confusion table; where it would be wider than the terminal, the most frequent mistakes."""
    table = found.confusion_table()
    if max(map(len, str(table).splitlines())) <= width():
        return table
    names = found.classes or tuple(range(len(counts)))
    wrong = counts * (1 - np.eye(len(names), dtype=np.intp))
    order = np.argsort(wrong, axis=None, kind="stable")[::-1][:MISTAKES]
    places = zip(*np.unravel_index(order, wrong.shape), strict=True)
    rows = [(str(names[i]), str(names[j]), str(wrong[i, j])) for i, j in places if wrong[i, j]]
    return Table(("true", "predicted", "times"), rows, caption="the most frequent mistakes", right=(2,))


def images(x: NDArray[Any], shape: tuple[int, int]) -> Iterator[str]:
    """Lines that show images x (N, pixels) side by side, as many as fit."""
    shades = SHADES[0] if _can_write(SHADES[0]) else SHADES[1]
    values = x.reshape(-1, *shape).astype(np.float64)
    if shape[0] > 14:  # a character is about twice as high as wide
        values = values[:, : shape[0] // 2 * 2].reshape(len(x), shape[0] // 2, 2, shape[1]).mean(axis=2)
    else:
        values = values.repeat(2, axis=2)
    fitting = max(1, (min(width(), 80) + 2) // (values.shape[2] + 2))
    values = values[:fitting]
    low, high = values.min(), values.max()
    levels = np.rint((values - low) / max(high - low, 1e-12) * (len(shades) - 1)).astype(int)
    for lines in levels.transpose(1, 0, 2):
        yield "  ".join("".join(shades[level] for level in line) for line in lines).rstrip()


def _can_write(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
