"""How networks, reports and data sets show themselves in a notebook; what needs matplotlib is left out without it."""

import base64
from functools import partial
from html import escape

import numpy as np
from numpy.typing import NDArray

from clearprop.data.dataset import Dataset
from clearprop.insight.tracing.shade import png, sheet
from clearprop.pictures.curves import learning_curves
from clearprop.pictures.drawn import can_draw, one_image
from clearprop.training.report import Report

OPEN = 12  # epochs up to which the table is shown unfolded
SHOWN = 12  # images of a data set


def report_html(report: Report) -> str:
    """The curves of a report above its table."""
    table = report.table()._repr_html_()
    if len(report.history) < 2 or not can_draw():
        return table
    folded = f"<details><summary>{len(report.history)} epochs</summary>{table}</details>"
    return f"{curves_html(report)}{table if len(report.history) <= OPEN else folded}"


def curves_html(report: Report) -> str:
    """Loss and, of classes, accuracy side by side."""
    found = ("loss",) if report.last.accuracy is None else ("loss", "accuracy")
    return "".join(one_image(partial(learning_curves, report, what), f"{what} by epoch") for what in found)


def dataset_html(data: Dataset) -> str:
    """What a data set holds, class by class, with some of its images."""
    rows = [("training samples", f"{len(data.train):,}"), ("test samples", f"{len(data.test) if data.test else 0:,}")]
    shape = f" ({data.image_shape[0]}x{data.image_shape[1]} pixels)" if data.image_shape else ""
    rows.append(("features", f"{data.train.x.shape[1]:,}{shape}"))
    if data.names and len(data.names) <= 20:
        rows.append(("names", ", ".join(data.names)))
    if data.classes and data.train.t.ndim == 1:
        counts = np.bincount(data.train.t, minlength=len(data.classes))
        told = [f"{label}: {count:,}" for label, count in zip(data.classes, counts, strict=True)][:20]
        rows.append((f"{len(data.classes)} classes", ", ".join(told) + (", …" if len(data.classes) > 20 else "")))
    rows += [(name, value) for name, value in (("source", data.source), ("licence", data.licence)) if value]
    cells = (f'<tr><th style="text-align:left">{escape(name)}</th>'
             f'<td style="text-align:left">{escape(value)}</td></tr>' for name, value in rows)  # fmt: skip
    pictures = "" if data.image_shape is None else _images(data, *data.image_shape)
    return f"<table><caption>{escape(data.name)}</caption><tbody>{''.join(cells)}</tbody></table>{pictures}"


def _images(data: Dataset, height: int, width: int) -> str:
    """The first images side by side, in pixels that stay sharp; a class after the other where there are classes."""
    x = data.train.x[_one_of_each(data)].astype(np.float64)  # bytes would overflow
    pixels = png(sheet(x.reshape(-1, height, width), grey=True, most=SHOWN))
    shown = min(len(x) * (width + 1) * max(1, 48 // width), 900)
    source = f"data:image/png;base64,{base64.b64encode(pixels).decode()}"
    return f'<img src="{source}" alt="some of the images" style="width:{shown}px;image-rendering:pixelated">'


def _one_of_each(data: Dataset) -> NDArray[np.intp]:
    if data.train.t.ndim == 1 and data.classes:
        return np.unique(data.train.t, return_index=True)[1][:SHOWN]
    return np.arange(min(len(data.train), SHOWN))
