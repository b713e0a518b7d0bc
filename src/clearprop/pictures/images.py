"""Pictures made of images, and the confusion matrix."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import several, whole
from clearprop.arrays.errors import DataError, SettingError, brief, suggest
from clearprop.arrays.seeds import stream
from clearprop.data.augmentation import Distorter, Distortion
from clearprop.data.dataset import Dataset
from clearprop.layers.dense import Dense
from clearprop.network.metrics import Evaluation
from clearprop.network.model import Model
from clearprop.pictures.answers import Answers, answers, checked
from clearprop.pictures.theme import drawing, shades

GAP = 2  # pixels between images
WIDE = 10  # most images in a row
UNITS = 8  # the same for the weights of units, which are larger
WRITTEN = 20  # classes up to which the counts of a confusion matrix are written into it
SQUARE = 8  # side from which the inputs of a first layer are taken for an image


def samples(
    model: Model, data: Any, count: int = 24, image_shape: tuple[int, int] | None = None, *, ax: Any = None,
    theme: str | None = None,
) -> Any:  # fmt: skip
    """`count` images with what the model says of them, the worst mistakes first: "9 → 4 98%" is a 9 taken for a 4.

    data: of it the test part, where there is one. Where a mistake is worst the true class got the lowest probability.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(64, 10), cp.SoftmaxCrossEntropy())
    >>> report = cp.fit(model, cp.data.digits(), epochs=1)
    >>> len(cp.pictures.samples(model, cp.data.digits(), count=8).texts)
    8
    """
    count, known = whole("samples", "count", count, high=1000), Dataset.of(data)
    shape = _image_shape("samples", known, image_shape)
    found = answers("samples", model, known)
    rows = found.worst(count)
    sheet, corners = tiled(found.samples.x[rows].reshape(-1, *shape), shape[0] // 2 + GAP)
    bottom, across = len(sheet) + 0.5 * shape[0], max(float(_across(len(rows), WIDE)), 4.6)
    with drawing(ax, theme, (across, across * bottom / sheet.shape[1] + 0.4)) as (ax, look):
        ax.imshow(sheet, cmap="gray", interpolation="nearest")
        for i, (top, left) in zip(rows, corners, strict=True):
            ax.text(
                left + shape[1] / 2 - 0.5, top + shape[0] + 0.02 * shape[0], _told(found, i, model.loss.classifies),
                ha="center", va="top", fontsize=10.5, color=look.below if found.wrong[i] else look.above, linespacing=1,
            )  # fmt: skip
        ax.set_ylim(bottom, -0.5)
        wrong = int(found.wrong.sum())
        ax.set(title=f"{wrong:,} of {len(found.true):,} wrong, the worst first: true → predicted")
        ax.set_axis_off()
    return ax


def _told(found: Answers, i: int, sure: bool) -> str:
    true, predicted = (found.names[k] for k in (found.true[i], found.predicted[i]))
    share = f" {found.sure(i):.0%}" if sure else ""
    if not found.wrong[i]:
        return f"{_short(true)}{share}"
    if max(len(true), len(predicted)) > 2:
        return f"{_short(true)} →\n{_short(predicted)}{share}"
    return f"{true} → {predicted}{share}"


def _short(name: str) -> str:
    return name if len(name) <= 9 else f"{name[:8]}…"


def weights(
    model: Model, layer: str | None = None, image_shape: tuple[int, int] | None = None, most: int = 60, *,
    ax: Any = None, theme: str | None = None,
) -> Any:  # fmt: skip
    """The weights W of a Dense layer, by default the first: blue above zero, orange below.

    A layer that sees images, of `image_shape` or square, is shown unit by unit as images, `most` of them; another as
    its matrix, with a row for each input and a column for each unit.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(64, 12, "relu", 10), cp.SoftmaxCrossEntropy())
    >>> cp.pictures.weights(model, "dense2").get_xlabel()
    'unit'
    """
    network, most = checked("weights", model).network, whole("weights", "most", most, high=10_000)
    dense = [name for name, kind in zip(network.names, network, strict=True) if isinstance(kind, Dense)]
    if layer is not None and layer not in dense:
        raise SettingError("weights", "the name of a Dense layer", brief(layer), suggest(str(layer), dense or ["none"]))
    if not dense:
        raise SettingError("weights", "a network with a Dense layer", "none", "such as cp.Network(64, 10)")
    name = layer or dense[0]
    W = model.weights[f"{name}.W"]
    shape = _shape_of_inputs(W.shape[0], image_shape, first=network.names.index(name) == 0)
    largest = float(np.abs(W).max()) or 1.0
    shown = W if shape is None else tiled(W.T[:most].reshape(-1, *shape), 1, 1, wide=UNITS)[0]
    what = f"{W.shape[1]} units of {W.shape[0]} inputs"
    if shape is not None:
        cut = f"first {most} of " if W.shape[1] > most else ""
        what = f"{cut}{W.shape[1]} units as {shape[0]}x{shape[1]} images"
    height, width = shown.shape
    tall = 0.16 * height + 0.4 if shape is None else 7.0 * height / width
    with drawing(ax, theme, (7.0, min(max(tall, 1.5), 7.0) + 0.6)) as (ax, look):
        ax.imshow(shown, cmap=shades(look, both=True), vmin=-largest, vmax=largest, interpolation="nearest")
        ax.set(title=f"{name}.W: {what}, {W.min():.3g} to {W.max():.3g}")
        ax.grid(visible=False)
        if shape is None:
            ax.set(xlabel="unit", ylabel="input", aspect="auto")
            _whole_ticks(ax)
        else:
            ax.set_facecolor(look.line)  # shows between the images, where there is nothing
            ax.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
            ax.spines[:].set_visible(False)
    return ax


def confusion(model: Any, data: Any = None, *, ax: Any = None, theme: str | None = None) -> Any:
    """The confusion matrix, row the true class, column the predicted one: right answers blue, mistakes orange.

    model: an Evaluation, or a Model with the `data` to evaluate it on. The shade is the share of the row, of mistakes
    its root, so that few can be seen.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(64, 10), cp.SoftmaxCrossEntropy())
    >>> cp.pictures.confusion(model.evaluate(cp.data.digits())).get_xlabel()
    'predicted class'
    """
    if isinstance(model, Evaluation):
        found = model
    elif data is None:
        raise DataError("confusion", "data to evaluate the model on", "none", "give it, or an Evaluation")
    else:
        found = checked("confusion", model).evaluate(data)
    if found.confusion is None:
        raise DataError("confusion", "one class for each sample", "values or several labels", "use the loss")
    counts, size = found.confusion, len(found.confusion)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shade = np.where(np.eye(size, dtype=bool), share, -np.sqrt(share))
    side = min(max(0.5 * size, 3.2), 8.0)
    with drawing(ax, theme, (side + 0.9, side + 0.9)) as (ax, look):
        ax.imshow(shade, cmap=shades(look, both=True), vmin=-1, vmax=1, interpolation="nearest")
        ax.grid(visible=False)
        names = [str(name) for name in found.classes or range(size)]
        if size <= WRITTEN:
            for (row, column), count in np.ndenumerate(counts):
                colour = look.paper if abs(shade[row, column]) > 0.55 else look.ink if count else look.soft
                text = f"{count:,}" if count else "·"
                ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=11)
            upright = max(map(len, names)) > 3
            ax.set_xticks(range(size), names, rotation=45 if upright else 0, ha="right" if upright else "center")
            ax.set_yticks(range(size), names)
        title = f"{int(np.trace(counts)):,} of {counts.sum():,} right ({found.accuracy:.2%})"
        ax.set(xlabel="predicted class", ylabel="true class", title=title)
    return ax


def augmentation(
    data: Dataset, distortions: Distortion | Sequence[Distortion], images: int = 10, rows: int = 3, seed: int = 0,
    ax: Any = None, theme: str | None = None,
) -> Any:  # fmt: skip
    """The first `images` of `data`, and under each of them `rows` distorted copies.

    >>> import clearprop as cp
    >>> cp.pictures.augmentation(cp.data.digits(), [cp.Shift(1), cp.Rotation(10)]).get_title("left")
    'above as they are, below with Shift(1.0), Rotation(10.0)'
    """
    kinds = several(Distortion, distortions, "pictures.augmentation")
    height, width = _image_shape("pictures.augmentation", data, None)
    rows = whole("pictures.augmentation", "rows", rows)
    x = data.train.x[: whole("pictures.augmentation", "images", images)]
    distort, rng = Distorter((height, width), kinds), stream(seed, "augment")
    sheet = np.full(((rows + 1) * (height + GAP) + GAP, len(x) * (width + GAP) - GAP), np.nan)
    for row in range(rows + 1):
        top = row * (height + GAP) + (GAP if row else 0)  # more room below the first row
        for column, image in enumerate(distort(x, rng) if row else x):
            left = column * (width + GAP)
            sheet[top : top + height, left : left + width] = image.reshape(height, width)
    with drawing(ax, theme, (max(0.7 * len(x), 6.0), 0.75 * (rows + 1) + 0.4)) as (ax, _):
        ax.imshow(sheet, cmap="gray", interpolation="nearest")
        ax.set(title=f"above as they are, below with {', '.join(map(repr, kinds))}")
        ax.set_axis_off()
    return ax


def tiled(
    images: NDArray[Any], below: int, beside: int = GAP, wide: int = WIDE
) -> tuple[NDArray[Any], list[tuple[int, int]]]:
    """Images (count, height, width) in rows of at most `wide` on one sheet, NaN between them, and where each begins.

    below, beside: pixels of room.

    >>> sheet, corners = tiled(np.ones((3, 2, 2)), below=1)
    >>> sheet.shape, corners
    ((2, 10), [(0, 0), (0, 4), (0, 8)])
    """
    count, height, width = images.shape
    across = _across(count, wide)
    down = -(-count // across)
    sheet = np.full((down * (height + below) - below, across * (width + beside) - beside), np.nan)
    corners = [(i // across * (height + below), i % across * (width + beside)) for i in range(count)]
    for image, (top, left) in zip(images, corners, strict=True):
        sheet[top : top + height, left : left + width] = image
    return sheet, corners


def _across(count: int, wide: int) -> int:
    """How many of `count` images go into a row of at most `wide`, so that the last row is as full as can be."""
    return count if count <= wide else min(range(wide, wide // 2, -1), key=lambda across: -count % across)


def _image_shape(where: str, data: Any, given: Any) -> tuple[int, int]:
    """The (height, width) of the images of `data`, or as `given`."""
    if isinstance(data, Dataset) and given is not None:
        data = Dataset.of(data, image_shape=given)
    if not isinstance(data, Dataset) or data.image_shape is None:
        raise SettingError(where, "a Dataset of images", brief(data), "such as cp.data.digits(), or with image_shape")
    return data.image_shape


def _shape_of_inputs(n: int, given: Any, first: bool) -> tuple[int, int] | None:
    side = round(n**0.5)
    if given is None:
        return (side, side) if first and side >= SQUARE and side * side == n else None
    try:
        height, width = given
        fits = whole("weights", "image_shape", height) * whole("weights", "image_shape", width) == n
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise SettingError("weights", f"an image_shape of two numbers, {n} pixels", brief(given), "change image_shape")
    return height, width


def _whole_ticks(ax: Any) -> None:
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_major_locator().set_params(integer=True)
