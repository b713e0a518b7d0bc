"""The loss over a plane through the space of all parameters, and the way that training took over it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import real, whole
from clearprop.arrays.errors import DataError, SettingError, brief
from clearprop.arrays.seeds import stream
from clearprop.data.dataset import Dataset
from clearprop.network.gradient import Workspace, forward
from clearprop.network.model import Model
from clearprop.pictures.answers import checked
from clearprop.pictures.recorder import Recorder
from clearprop.pictures.theme import drawing, shades

LEVELS = 18
ROOM = 0.25  # around the path, as a share of its extent
SAMPLES = 512

Plane = tuple[NDArray[np.float64], NDArray[np.float64]]  # a point theta (P,) and two directions (2, P)


def surface(
    model: Model, data: Any = None, path: Recorder | None = None, span: float = 1.0, points: int = 31, seed: int = 0, *,
    ax: Any = None, theme: str | None = None,
) -> Any:  # fmt: skip
    """The loss of `model` on a plane around its parameters, bluer where it is lower.

    With the `path` that a Recorder kept: the plane in which the path extends most (its two principal directions), and
    the path on it. Else two random directions, each array of them as long as the model's own, as by Li et al. 2018:
    `span` lengths to each side. data: at most 512 of its training samples; those of the Recorder, where there is one.
    Dropout is off, and normalization layers keep the running statistics of the end.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(2, 8, "tanh", 1), cp.SigmoidCrossEntropy())
    >>> cp.pictures.surface(model, cp.data.moons(), points=5).get_title("left")
    'loss on a plane of two random directions'
    """
    points, span = whole("surface", "points", points, low=3, high=301), real("surface", "span", span, 0, 1e6, True)
    theta = checked("surface", model).theta.astype(np.float64)
    if path is not None and not (isinstance(path, Recorder) and path.model is model and len(path.moments) > 1):
        raise SettingError("surface", "the Recorder of this model's training", brief(path), "train with watch=recorder")
    if path is None:
        if data is None:
            raise DataError("surface", "data, or the path of a Recorder", "none", "give one of them")
        known = Dataset.of(data)
        samples, classes = known.take(min(SAMPLES, len(known.train)), seed).train, known.classes
        plane, title = (theta, random_directions(model, seed)), "loss on a plane of two random directions"
        way, box = None, np.array([[-span, span]] * 2)
    else:
        samples, classes = path.samples, path.data.classes
        steps = np.stack([moment.theta for moment in path.moments]).astype(np.float64) - theta
        directions, share = principal(steps)
        plane, way = (theta, directions), steps @ directions.T
        title = f"loss on the plane that holds {share:.0%} of the path"
        box = np.stack([way.min(axis=0), way.max(axis=0)], axis=1)
        room = max(ROOM * float(np.ptp(box, axis=1).max()), 1e-3)
        box = box + np.array([-room, room]) * span
    across, up = (np.linspace(side[0], side[1], points) for side in box)
    losses = losses_on(model, plane, samples, classes, across, up)
    with drawing(ax, theme, (5.8, 4.6)) as (ax, look):
        drawn = ax.contourf(across, up, losses, _levels(losses), cmap=shades(look).reversed(), norm="log")
        ax.figure.colorbar(drawn, ax=ax, label="loss", format="%.2g")
        if way is not None:
            ax.plot(*way.T, "-", color=look.below, linewidth=2.2)
            ax.plot(*way.T, ".", color=look.below, markersize=5)
            ax.plot(*way[0], "o", color=look.paper, markeredgecolor=look.below, markeredgewidth=2, label="start")
        ax.plot(0, 0, "*", color=look.below, markeredgecolor=look.paper, markersize=15, label="the model")
        ax.set(xlabel="first direction", ylabel="second direction", title=title)
        ax.grid(visible=False)
        ax.locator_params(nbins=6)
        ax.legend(frameon=True, framealpha=0.85)
    return ax


def principal(steps: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The two directions (2, P) along which `steps` (moments, P) extend most, and their share of all of it."""
    if steps.shape[1] < 2:
        raise DataError("surface", "a model of at least two parameters", str(steps.shape[1]), "take a larger one")
    _, sizes, directions = np.linalg.svd(steps, full_matrices=False)
    if len(directions) < 2 or sizes[1] <= 1e-12 * sizes[0]:
        other = stream(0, "surface").standard_normal(steps.shape[1])
        other -= directions[0] * (directions[0] @ other)
        directions = np.stack([directions[0], other / np.linalg.norm(other)])
    total = float(np.square(sizes).sum())
    return directions[:2], float(np.square(sizes[:2]).sum()) / total if total else 1.0


def random_directions(model: Model, seed: int) -> NDArray[np.float64]:
    """Two random directions (2, P), each named array of them as long as the model's own, or 1 where that is 0."""
    rng = stream(seed, "surface")
    directions = rng.standard_normal((2, model.network.size))
    for slot in model.network.theta:
        own = float(np.linalg.norm(model.theta[slot.start : slot.stop])) or 1.0
        part = directions[:, slot.start : slot.stop]
        part *= own / np.linalg.norm(part, axis=1, keepdims=True)
    return directions


def losses_on(
    model: Model, plane: Plane, samples: Any, classes: Any, across: NDArray[Any], up: NDArray[Any]
) -> NDArray[np.float64]:
    """The loss at every point of a grid (up, across) on the plane; what is not finite takes the largest other one."""
    centre, directions = plane
    theta = np.empty_like(centre)
    work = Workspace(model, len(samples), like=theta, training=False)
    work.load(model, samples, classes)
    work.bind(theta)
    batch, found = work.batch, np.empty((len(up), len(across)))
    with np.errstate(over="ignore", invalid="ignore"):
        for i, b in enumerate(up):
            for j, a in enumerate(across):
                theta[...] = centre + a * directions[0] + b * directions[1]
                z = forward(work)
                found[i, j] = model.loss.value_and_gradient(
                    work.xp, z, batch.t, batch.share, work.deltas[-1], work.loss_memo
                )
    finite = np.isfinite(found)
    return np.where(finite, found, found[finite].max(initial=1.0))


def _levels(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels on a logarithmic scale; a loss of 0 or below is drawn as a tiny one."""
    high = max(float(losses.max()), 1e-12)
    low = max(float(losses.min()), 1e-6 * high)
    np.maximum(losses, low, out=losses)
    return np.geomspace(low, high * (1 + 1e-9) if high > low else 2 * low, LEVELS)
