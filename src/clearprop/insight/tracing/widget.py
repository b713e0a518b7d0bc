"""A trace as a widget for notebooks, with anywidget; all of it is sent along, so that it works without a kernel."""

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from clearprop.arrays.errors import missing
from clearprop.insight.tracing.shade import grid, is_small, levels, place_in, shape_of, summary
from clearprop.insight.tracing.terms import number
from clearprop.insight.tracing.trace_page import picture

if TYPE_CHECKING:
    from clearprop.insight.tracing.moments import Moment
    from clearprop.insight.tracing.trace import Trace

CORNER = (5, 7)  # rows and columns of a large array that are shown


def widget(trace: "Trace") -> Any:
    """The widget that steps through `trace`."""
    return _kind()(trace=to_show(trace))


@lru_cache
def _kind() -> Any:
    try:
        import anywidget
        import traitlets
    except ImportError:
        raise missing("anywidget", "notebook", "trace.widget()") from None
    here = files("clearprop.insight.tracing")

    class TraceWidget(anywidget.AnyWidget):
        _esm = (here / "widget.js").read_text(encoding="utf-8")
        _css = (here / "widget.css").read_text(encoding="utf-8")
        trace = traitlets.Dict().tag(sync=True)
        position = traitlets.Int(0).tag(sync=True)  # the moment shown, from 0

    return TraceWidget


def to_show(trace: "Trace") -> dict[str, Any]:
    """What widget.js shows, as plain data."""
    needed = dict.fromkeys(name for moment in trace for name in (*moment.inputs, moment.name))
    return {
        "about": trace.about, "notes": list(trace.notes), "arrays": {name: _array(trace, name) for name in needed},
        "moments": [_moment(moment) for moment in trace],
    }  # fmt: skip


def _moment(moment: "Moment") -> dict[str, Any]:
    return {
        "name": moment.name, "text": moment.text, "math": _math(moment), "part": moment.part, "place": moment.place,
        "rule": f"{moment.title}: {moment.says}", "inputs": list(moment.inputs),
    }  # fmt: skip


def _math(moment: "Moment") -> str:
    """The equation as MathML, where there is what makes it."""
    try:
        from clearprop.insight.derivation.formats.mathml import mathml

        return mathml(moment.equation)
    except ImportError:
        return ""


def _array(trace: "Trace", name: str) -> dict[str, Any]:
    values = trace[name]
    rows, columns = _shown(trace, name)
    cells, shares, found = grid(values)[:rows, :columns], grid(levels(values)), picture(trace, name)
    return {
        "shape": shape_of(values) if values.ndim else "", "summary": "" if is_small(values) else summary(values),
        "image": found and {"source": found[0], "width": found[1]},
        "cells": [[number(value) for value in row] for row in cells],
        "levels": [[round(float(share), 3) for share in row] for row in shares[:rows, :columns]],
        "elements": [[_element(trace, name, i, j) for j in range(cells.shape[1])] for i in range(cells.shape[0])],
    }  # fmt: skip


def _shown(trace: "Trace", name: str) -> tuple[int, int]:
    """How many rows and columns of an array are shown."""
    values = trace[name]
    height, width = grid(values).shape
    return (height, width) if is_small(values) else (min(height, CORNER[0]), min(width, CORNER[1]))


def _element(trace: "Trace", name: str, row: int, column: int) -> dict[str, Any]:
    """An element written out, and the rows and columns of those that go in, as far as they are shown."""
    place = place_in(trace[name], row, column)
    sources: dict[str, list[list[int]]] = {}
    for source, places in trace.written(name, place).sources.items():
        rows, columns = _shown(trace, source)
        spots = [list((0, 0, *spot)[-2:]) for spot in places]
        sources[source] = [spot for spot in spots if spot[0] < rows and spot[1] < columns]
    return {"text": trace.element(name, *place), "sources": sources}
