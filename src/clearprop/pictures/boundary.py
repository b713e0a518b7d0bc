"""Problems in the plane: where a model changes its mind, and the lines that its hidden units draw."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import truth
from clearprop.arrays.errors import DataError, ShapeError
from clearprop.data.dataset import Dataset
from clearprop.layers.dense import Dense
from clearprop.network.model import Model
from clearprop.pictures.answers import checked
from clearprop.pictures.theme import Theme, drawing, shades

FINE = 200  # points along each side of the grid
MARGIN = 0.12  # of the data's extent, around it
MARKS = "os^DvPX*"
MOST = 2000  # samples that are drawn
LINES = 64  # hidden units that are drawn


def boundary(model: Model, data: Any, lines: bool = True, *, ax: Any = None, theme: str | None = None) -> Any:
    """What `model` predicts in the plane of two features, with the samples of `data`: large ones to test on.

    Areas are coloured by class, paler where the model is less sure, or by the predicted value. lines: the units of a
    first Dense layer, each a dashed line on which what it puts out changes its sign.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(2, 4, "tanh", 1), cp.SigmoidCrossEntropy())
    >>> cp.pictures.boundary(model, cp.data.moons()).get_xlabel()
    'x1'
    """
    network, known = checked("boundary", model).network, Dataset.of(data)
    truth("boundary", "lines", lines)
    n = known.train.x.shape[1]
    if n != 2 or network.inputs != 2:
        raise ShapeError("boundary", "data and a model of two features", f"{n} and {network.inputs}", "choose two")
    if network.outputs > 1 and (not model.classifies or model.multi_label):
        raise DataError("boundary", "a model that answers with one class or value", repr(model.loss), "end it with one")
    x = np.concatenate([part.x for part in (known.train, known.test) if part is not None]).astype(np.float64)
    low, high = x.min(axis=0), x.max(axis=0)
    margin = MARGIN * np.maximum(high - low, 1e-6)
    low, high = low - margin, high + margin
    across, up = (np.linspace(a, b, FINE) for a, b in zip(low, high, strict=True))
    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    with drawing(ax, theme, (5.4, 4.8)) as (ax, look):
        extent = (low[0], high[0], low[1], high[1])
        if model.classifies:
            _areas(ax, look, model, points, extent)
        else:
            _values(ax, look, model, points, across, up)
        for a, c in hidden_lines(model) if lines else ():
            ax.axline(tuple(-c * a / (a @ a)), tuple(-c * a / (a @ a) + (-a[1], a[0])), color=look.ink,
                      linewidth=1.0, linestyle="--", alpha=0.55)  # fmt: skip
        _samples(ax, look, model, known)
        names = known.names or ("x1", "x2")
        ax.set(xlabel=names[0], ylabel=names[1], xlim=extent[:2], ylim=extent[2:])
        ax.grid(visible=False)
    return ax


def hidden_lines(model: Model) -> list[tuple[NDArray[np.float64], float]]:
    """For each unit of a first Dense layer its line a.x + c = 0 in the data's own units: a (2,) and c."""
    first = model.network[0]
    if not isinstance(first, Dense) or len(model.network) == 1:
        return []
    name = model.network.names[0]
    W = model.weights[f"{name}.W"].astype(np.float64)
    b = model.weights[f"{name}.b"] if first.bias else np.zeros(first.units)
    scaling = model.scaling
    shift, factor = (0.0, 1.0) if scaling is None else (np.asarray(scaling.shift), np.asarray(scaling.factor))
    normals = W.T * factor  # w . ((x - shift) factor) + b
    found = [(a, float(bias - (a * shift).sum())) for a, bias in zip(normals, b, strict=True)]
    return [(a, c) for a, c in found if a @ a > 1e-20][:LINES]


def _areas(ax: Any, look: Theme, model: Model, points: NDArray[Any], extent: tuple[float, ...]) -> None:
    from matplotlib.colors import to_rgb

    z, share = model(points), model.predict_proba(points)
    if share.shape[1] == 1:
        share = np.concatenate([1 - share, share], axis=1)
    said = model.decide(z)
    colours = np.array([to_rgb(look.cycle[k % len(look.cycle)]) for k in range(share.shape[1])])
    sure = np.clip(share[np.arange(len(said)), said], 0, 1)[:, None]
    strength = 0.08 + 0.3 * (sure - 1 / share.shape[1]) / (1 - 1 / share.shape[1])
    picture = np.array(to_rgb(look.paper)) * (1 - strength) + colours[said] * strength
    ax.imshow(
        np.clip(picture, 0, 1).reshape(FINE, FINE, 3), extent=extent, origin="lower", aspect="auto", zorder=0,
        interpolation="bilinear",
    )  # fmt: skip
    for margin in _margins(z, model.cut):
        if margin.min() < 0 < margin.max():
            ax.contour(margin.reshape(FINE, FINE), [0.0], extent=extent, colors=[look.ink], linewidths=2.0)


def _margins(z: NDArray[Any], cut: float) -> list[NDArray[Any]]:
    """For each class how far it is ahead of the others (points,), so that it is 0 at the edge of its area."""
    if z.shape[1] == 1:
        return [z[:, 0] - cut] if np.isfinite(cut) else []
    return [z[:, k] - np.delete(z, k, axis=1).max(axis=1) for k in range(z.shape[1])]


def _values(ax: Any, look: Theme, model: Model, points: NDArray[Any], across: Any, up: Any) -> None:
    values = model.predict(points).reshape(FINE, FINE)
    drawn = ax.contourf(across, up, values, 14, cmap=shades(look), zorder=0)
    ax.figure.colorbar(drawn, ax=ax, label="predicted")


def _samples(ax: Any, look: Theme, model: Model, data: Dataset) -> None:
    for part, size in (data.train, 22), (data.test, 46):
        if part is None:
            continue
        chosen = part[:MOST]
        t = chosen.t if chosen.t.ndim == 1 else chosen.t.argmax(axis=1)
        style = {"s": size, "edgecolors": look.paper, "linewidths": 0.8, "zorder": 3}
        if not model.classifies:
            ax.scatter(*chosen.x.T, color=look.below, **style)
            continue
        names = data.classes or model.classes
        for k in np.unique(t).astype(int):
            name = str(names[k]) if names else str(k)
            label = name if part is data.train else None
            mark, colour = MARKS[k % len(MARKS)], look.cycle[k % len(look.cycle)]
            ax.scatter(*chosen.x[t == k].T, marker=mark, color=colour, label=label, **style)
    if model.classifies:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), title="class")
