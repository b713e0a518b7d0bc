"""One HTML page of a run that needs nothing else: no scripts, no network, light and dark."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from html import escape
from importlib.resources import files
from typing import Any

from clearprop.arrays.errors import ClearpropError
from clearprop.arrays.table import Table
from clearprop.data.dataset import Dataset
from clearprop.layers.dense import Dense
from clearprop.network.metrics import Evaluation
from clearprop.network.model import Model
from clearprop.pictures.answers import answers
from clearprop.pictures.boundary import boundary
from clearprop.pictures.curves import calibration, learning_curves
from clearprop.pictures.diagram import diagram
from clearprop.pictures.drawn import image
from clearprop.pictures.images import confusion, samples, weights
from clearprop.training.report import Report

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
ROWS = 400  # of the table of epochs; of longer runs every second, third, ...
MISTAKES, FEATURES = 15, 8  # rows and columns of the table of mistakes
CLASSES = 100  # up to which each has a row


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a page is made of. notes: what is missing, and why."""

    name: str
    report: Report
    settings: Mapping[str, Any] = field(default_factory=dict)
    model: Model | None = None
    data: Dataset | None = None
    notes: Sequence[str] = ()


def page(run: Run) -> str:
    """The whole page as HTML: configuration, network, curves, confusion matrix, worst mistakes, weights, timings.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(64, 10), cp.SoftmaxCrossEntropy())
    >>> report = cp.fit(model, cp.data.digits(), epochs=2)
    >>> "Worst mistakes" in page(Run(name="first", report=report, model=model, data=cp.data.digits()))
    True
    """
    notes = list(run.notes)
    model: Any = run.model  # where it is None, so are `found` and `data`
    found = _tried(notes, "evaluation", lambda: model.evaluate(run.data)) if model and run.data else None
    data = run.data if found else None
    if found and data and data.test and not _noted(found, run.report):
        notes.append("The loss on this data is none that was noted in training: it may be other data than then.")
    parts = [
        ("Configuration", _settings(run.settings or run.report.settings)),
        ("Network", _network(model) if model else ""),
        ("Learning curves", _curves(run.report)),
        ("Confusion matrix", _confusion(found) if found else ""),
        ("Worst mistakes", _mistakes(model, data) if data else ""),
        ("Decision boundary", _plane(model, data) if data else ""),
        ("Calibration", _calibration(model, data) if data else ""),
        ("Weights", _weights(model, run.data) if model else ""),
        ("Timings", _timings(run.report)),
    ]
    body = "\n".join(f"<section>\n<h2>{title}</h2>\n{text}\n</section>" for title, text in parts if text)
    style = files("clearprop.pictures").joinpath("page.css").read_text(encoding="utf-8")
    told = "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(run.name)}</title>
<style>
{style}</style>
</head>
<body>
<main>
<header><h1>{escape(run.name)}</h1>{_figures(run.report, found, data)}{told}</header>
{body}
</main>
</body>
</html>
"""


def _tried(notes: list[str], what: str, make: Callable[[], Any]) -> Any:
    """What `make` gives; where the parts of a run do not fit together, a note and None."""
    try:
        return make()
    except ClearpropError as error:
        notes.append(f"Left out: {what}. {error}")
        return None


def _noted(found: Evaluation, report: Report) -> bool:
    losses = [epoch.test_loss for epoch in report.history if epoch.test_loss is not None]
    return not losses or any(math.isclose(found.loss, loss, rel_tol=1e-3) for loss in losses)


def _figures(report: Report, found: Evaluation | None, data: Dataset | None) -> str:
    shown: list[tuple[str, str]] = []
    if found and data:
        part = "test part" if data.test else "training part"
        if found.accuracy is not None:
            shown.append((f"accuracy on the {part}", f"{found.accuracy:.2%}"))
        elif found.r2 is not None:
            shown.append((f"R2 on the {part}", f"{found.r2:.4f}"))
        shown.append((f"loss on the {part}", f"{found.loss:.4f}"))
    if report.history:
        shown += [("epochs", f"{len(report.history):,}"), ("seconds of training", f"{report.seconds:.3g}")]
    return f'<dl class="figures">{"".join(f"<div><dd>{b}</dd><dt>{a}</dt></div>" for a, b in shown)}</dl>'


def _settings(settings: Mapping[str, Any]) -> str:
    rows = (f"<tr><th>{escape(str(a))}</th><td>{escape(str(b))}</td></tr>" for a, b in settings.items())
    return f'<table class="settings"><tbody>{"".join(rows)}</tbody></table>' if settings else ""


def _network(model: Model) -> str:
    drawn = diagram(model).svg
    return (
        f'<div class="side"><div class="scroll narrow">{drawn}</div>'
        f'<div><div class="scroll">{model.network.summary()._repr_html_()}</div>'
        f'<p class="soft">{escape(repr(model.loss))}, {model.dtype}</p></div></div>'
    )


def _curves(report: Report) -> str:
    if not report.history:
        return ""
    kinds = ["loss"] + (["accuracy"] if report.last.accuracy is not None else [])
    drawn = (image(partial(learning_curves, report, what), f"{what} by epoch") for what in kinds)
    return f'<div class="side">{"".join(f"<figure>{one}</figure>" for one in drawn)}</div>'


def _confusion(found: Evaluation) -> str:
    if found.confusion is None:
        return ""
    drawn = image(partial(confusion, found), "confusion matrix: true class by predicted class")
    table = found.per_class()._repr_html_() if len(found.confusion) <= CLASSES else ""
    return f'<div class="side"><figure>{drawn}</figure><div class="scroll">{table}</div></div>'


def _mistakes(model: Any, data: Dataset) -> str:
    if not model.classifies or model.multi_label:
        return ""
    if data.image_shape is not None:
        drawn = image(partial(samples, model, data), "samples and predictions, worst mistakes first")
        return f'<div class="scroll">{drawn}</div>'
    found = answers("mistakes", model, data)
    rows = [i for i in found.worst(MISTAKES) if found.wrong[i]]
    if not rows:
        return "<p>None: every answer is right.</p>"
    x = found.samples.x
    names = (data.names or tuple(f"x{j + 1}" for j in range(x.shape[1])))[:FEATURES]
    cells = [
        (str(i), found.names[found.true[i]], found.names[found.predicted[i]], f"{found.sure(i):.1%}",
         *(f"{value:.5g}" for value in x[i, :FEATURES]))
        for i in rows
    ]  # fmt: skip
    more = f"; the first {FEATURES} of {x.shape[1]} features" if x.shape[1] > FEATURES else ""
    caption = f"{int(found.wrong.sum()):,} of {len(found.true):,} wrong{more}"
    return f'<div class="scroll">{_table(("sample", "true", "predicted", "sure", *names), cells, caption)}</div>'


def _plane(model: Any, data: Dataset) -> str:
    if model.network.inputs != 2 or model.multi_label or (model.network.outputs > 1 and not model.classifies):
        return ""
    return image(partial(boundary, model, data), "predictions in the plane of both features")


def _calibration(model: Any, data: Dataset) -> str:
    if not model.loss.classifies or model.multi_label:
        return ""
    return image(partial(calibration, model, data), "how often it is right by how sure it is")


def _weights(model: Any, data: Dataset | None) -> str:
    first = model.network[0]
    if not any(isinstance(layer, Dense) for layer in model.network):
        return ""
    fits = data is not None and isinstance(first, Dense) and data.train.x.shape[1] == model.network.inputs
    shape = data.image_shape if data and fits else None
    return image(partial(weights, model, image_shape=shape), "weights of the first layer")


def _timings(report: Report) -> str:
    if not report.history:
        return ""
    every = -(-len(report.history) // ROWS)
    shown = Report({}, report.history[::every]).table()
    best, seconds, count = report.best.number, report.seconds, len(report.history)
    samples_seen = sum(epoch.samples for epoch in report.history)
    rows = [
        ("training, without evaluation", f"{seconds:.4g} s"),
        ("an epoch, in the mean", f"{seconds / count:.4g} s"),
        ("samples per second", f"{samples_seen / max(seconds, 1e-9):,.0f}"),
        ("best epoch", str(best)),
    ]
    which = "every epoch" if every == 1 else f"every {every}th epoch"
    lines = [[cell.removesuffix(" *") for cell in row] for row in shown.rows]
    table = _table((*shown.columns,), lines, "")
    return f'{_settings(dict(rows))}<details><summary>{which}</summary><div class="scroll">{table}</div></details>'


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    return Table(tuple(columns), rows, caption=caption)._repr_html_()
