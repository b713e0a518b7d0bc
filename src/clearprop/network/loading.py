"""A model from its file."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.errors import ClearpropError, FileError, ShapeError, brief
from clearprop.data.scaling import Scaling
from clearprop.layers.losses import Loss
from clearprop.network import model_file
from clearprop.network.model import Model
from clearprop.network.network import Network


def load(path: str | os.PathLike[str]) -> Model:
    """The model that `Model.save` wrote to `path`, ready to predict and to train on.

    A FileError in one sentence where the file is absent, truncated, altered, of another kind, or of a newer version.
    """
    description, arrays = model_file.read(path)
    try:
        network, dtype = Network.from_dict(description["network"]), description["dtype"]
        _check_arrays(network, dtype, arrays)  # before anything of the size that it claims is allocated
        scaling, classes = description["scaling"], description["classes"]
        model = Model(
            network, Loss.from_dict(description["loss"]), description["seed"], dtype,
            classes=None if classes is None else tuple(classes), threshold=description["threshold"],
            scaling=None if scaling is None else Scaling(scaling["shift"], scaling["factor"]),
        )  # fmt: skip
    except (ClearpropError, KeyError, TypeError, ValueError) as error:
        raise FileError(
            f"model file {path}", "a model that this version knows", brief(str(error), 300), model_file.ADVICE
        ) from None
    for name, values in model.arrays().items():
        if not np.isfinite(arrays[name]).all():
            raise FileError(f"model file {path}", "finite weights", f"NaN or infinity in {name}", "train again")
        values[...] = arrays[name]
    return model


def _check_arrays(network: Network, dtype: str, arrays: dict[str, NDArray[Any]]) -> None:
    wanted = {(slot.name, slot.shape, dtype) for slot in (*network.theta, *network.state)}
    got = {(name, values.shape, str(values.dtype)) for name, values in arrays.items()}
    if wanted != got:
        name = min(wanted ^ got)[0]
        raise ShapeError(
            "arrays", f"the {dtype} arrays of its network", f"another {brief(name)}, or none", "save again"
        )
