"""One forward and backward pass through the one door, with every array under its name."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.arrays.errors import DataError, SettingError, brief
from clearprop.arrays.seeds import stream
from clearprop.data.dataset import Dataset
from clearprop.insight.derivation.steps import Arrays, Steps
from clearprop.network.gradient import Workspace, loss_and_gradient
from clearprop.network.model import Model


@dataclass(frozen=True, eq=False)
class Record:
    """What the library computed in float64: `given` before the pass, `made` by it, by name and in the convention."""

    model: Model
    data: Dataset
    steps: Steps
    work: Workspace
    given: Arrays
    made: Arrays


def record(where: str, model: Model, batch: Any, layout: str = "rows", full: bool = False) -> Record:
    """The pass of `model` over `batch` (Samples, (x, t), or the training part of a Dataset) as in training.

    The model is not changed; where it has no scaling yet, its inputs are scaled as the data says, as training would do.
    The gradient by the inputs is not taken, as training does not need it.
    """
    if not isinstance(model, Model):
        raise SettingError(where, "a Model", brief(model), "make one with cp.Model(network, loss)")
    data, model = Dataset.of(batch), copy.copy(model)
    model.adopt(data)
    steps = Steps(model.network, model.loss, layout, data.train.weight is not None, full)
    theta = model.theta.astype(np.float64)
    work = Workspace(model, len(data.train), like=theta, rng=stream(model.seed, "dropout"))
    work.load(model, data.train, data.classes)
    with np.errstate(over="ignore", invalid="ignore"):
        loss = loss_and_gradient(model, theta, work.batch, work)
    if not np.isfinite(loss):
        raise DataError(where, "a finite loss of the batch", str(loss), "scale the inputs")
    weights, gradients = (model.network.theta.views(flat, len(model.network)) for flat in (theta, work.gradient))
    places: dict[str, Any] = {
        "input": lambda i, name: work.outputs[0],
        "target": lambda i, name: work.batch.t,
        "share": lambda i, name: work.batch.share,
        "output": lambda i, name: work.outputs[i],
        "delta": lambda i, name: work.deltas[i],
        "weight": lambda i, name: getattr(weights[i], name),
        "gradient": lambda i, name: getattr(gradients[i], name),
        "memo": lambda i, name: getattr(work.memos[i], name),
    }
    given: Arrays = {}
    made: Arrays = {"loss": np.asarray(loss)}
    computed = {line.name for line in steps.lines}
    for name, (kind, i, own) in steps.where.items():
        values = places[kind](i, own)
        if values is not None:
            (made if name in computed else given)[name] = np.array(steps.as_rows(values))
    return Record(model, data, steps, work, given, {name: made[name] for name in made if name in computed})
