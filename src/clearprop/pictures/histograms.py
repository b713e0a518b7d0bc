"""How the numbers in a network are spread, layer by layer, while it trains."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import DataError, SettingError, brief, suggest
from clearprop.pictures.recorder import KINDS, Recorder
from clearprop.pictures.theme import drawing, shades

BINS = 48
TAILS = 0.5  # per cent of the values at either end that are left out
GAP = 0.25  # between layers, whose own height is 1
MOST = 12  # layers


def histograms(
    recorder: Recorder, what: str = "activations", layer: str | None = None, *, ax: Any = None, theme: str | None = None
) -> Any:
    """The "activations", "gradients" or "weights" of each layer as a band of histograms over time, the first on top.

    Each column of a band is the histogram of one moment, bluer where there are more values. layer: show only the
    arrays whose names begin with that of a layer.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(2, 8, "tanh", 1), cp.SigmoidCrossEntropy())
    >>> recorder = cp.pictures.Recorder(model, cp.data.moons())
    >>> for epoch in cp.train(model, cp.data.moons(), cp.SGD(0.5), epochs=5, watch=recorder):
    ...     pass
    >>> [label.get_text() for label in cp.pictures.histograms(recorder, "gradients", "dense1").texts]
    ['dense1.W', 'dense1.b']
    """
    if not isinstance(recorder, Recorder):
        raise SettingError("histograms", "a Recorder", brief(recorder), "train with watch=cp.pictures.Recorder(...)")
    if what not in KINDS:
        raise SettingError("histograms", " or ".join(KINDS), brief(what), suggest(str(what), KINDS))
    moments = recorder.moments
    if len(moments) < 2:
        raise DataError("histograms", "at least two moments", str(len(moments)), "train with watch=recorder")
    known = list(moments[0].values[what])
    names = [name for name in known if layer is None or name.partition(".")[0] == layer]
    if not names:
        layers = list(dict.fromkeys(name.partition(".")[0] for name in known))
        raise SettingError("histograms", "the name of a layer", brief(layer), suggest(str(layer), layers))
    names = names[:MOST]
    at = np.array([moment.at for moment in moments])
    edges = np.concatenate([at[:1], (at[:-1] + at[1:]) / 2, at[-1:]])
    height = len(names) * (1 + GAP)
    ticks, labels = [], []
    with drawing(ax, theme, (6.4, 0.9 * height + 1.0)) as (ax, look):
        for i, name in enumerate(names):
            low, high, counts = _spread([moment.values[what][name] for moment in moments])
            bottom = height - (i + 1) * (1 + GAP)
            ax.pcolormesh(
                edges, np.linspace(bottom, bottom + 1, BINS + 1), np.sqrt(counts.T), cmap=shades(look), vmin=0,
                rasterized=True,
            )  # fmt: skip
            ticks += [bottom, bottom + 1]
            labels += [f"{low:.2g}", f"{high:.2g}"]
            if low < 0 < high:
                ax.plot(edges[[0, -1]], [bottom - low / (high - low)] * 2, color=look.soft, linewidth=0.8, alpha=0.7)
            ax.text(1.01, bottom + 0.5, name, transform=ax.get_yaxis_transform(), va="center", fontsize=11)
        ax.set_yticks(ticks, labels, fontsize=9)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set(xlabel="epoch", title=f"{what} over time", xlim=edges[[0, -1]], ylim=(-0.05, height - GAP + 0.05))
        ax.grid(visible=False)
    return ax


def _spread(columns: list[NDArray[np.float32]]) -> tuple[float, float, NDArray[np.float64]]:
    """The range shown, and the share of the values in each bin (moments, BINS), the fullest bin of a moment 1."""
    low, high = (float(x) for x in np.percentile(np.concatenate(columns), [TAILS, 100 - TAILS]))
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-300):
        low, high = low - 0.5, high + 0.5
    counts = np.stack([np.histogram(values, BINS, (low, high))[0] for values in columns]).astype(np.float64)
    return low, high, counts / np.maximum(counts.max(axis=1, keepdims=True), 1)
