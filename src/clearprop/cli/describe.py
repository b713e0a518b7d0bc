"""`clearprop info` and `clearprop data`: what a model and a data set are."""

import dataclasses
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from clearprop.arrays.files import size
from clearprop.arrays.table import Table
from clearprop.cli import inputs, show
from clearprop.cli.settings import Source
from clearprop.data import CATALOG
from clearprop.data.dataset import Dataset, Samples
from clearprop.network import model_file
from clearprop.network.loading import load
from clearprop.network.model import Model

MANY = 40  # classes from which they are not listed

Json = Annotated[bool, Parameter(negative=(), show_default=False, help="Print one JSON document")]


def info(
    model: Annotated[str, Parameter(metavar="MODEL", help="A file that clearprop train wrote")],
    /,
    *,
    json: Json = False,
) -> None:
    """Describe a model: its network, loss, classes and scaling."""
    trained = load(model)
    facts = {
        "file": model, "bytes": size(model), "version": _version(model), "loss": repr(trained.loss),
        "classes": trained.classes, "threshold": trained.threshold if _binary(trained) else None,
        "scaling": _scaling(trained), "parameters": trained.network.size, "precision": str(trained.dtype),
        "seed": trained.seed,
    }  # fmt: skip
    if json:
        scaling = trained.scaling and dataclasses.asdict(trained.scaling)
        show.document(facts | {"network": trained.network.to_dict(), "scaling": scaling})
        return
    facts |= {"bytes": f"{facts['bytes']:,}", "parameters": f"{trained.network.size:,}"}
    if trained.classes:
        facts["classes"] = _listed(trained.classes)
    show.put(trained.network.summary(), _facts(facts))


def data(
    name: Annotated[str | None, Parameter(metavar="NAME|FILE", help="A name, a CSV file or a folder")] = None,
    /,
    *,
    label: Annotated[
        str | None, Parameter(metavar="COLUMN", help="Of a CSV file, what to predict: first, last or a name [first]")
    ] = None,
    header: Annotated[
        bool | None, Parameter(help="Whether the first line of a CSV file holds names [found out]")
    ] = None,
    json: Json = False,
) -> None:
    """List the data sets that have a name, or describe one."""
    if name is None:
        if json:
            show.document({name: entry.about for name, entry in CATALOG.items()})
            return
        show.put(Table(("name", "what it is"), [(name, entry.about) for name, entry in CATALOG.items()]))
        show.say("\nDescribe one: clearprop data NAME. Train on it: clearprop train --data NAME")
        return
    found = inputs.dataset(name, Source(label=label, header=header))
    facts = {
        "name": found.name, "train": len(found.train), "test": None if found.test is None else len(found.test),
        "features": found.train.x.shape[1], "images": found.image_shape, "names": found.names,
        "classes": found.classes, "source": found.source or None, "licence": found.licence or None,
    }  # fmt: skip
    if json:
        show.document(facts | {"counts": _counts(found.train, found)})
        return
    if found.image_shape:
        facts["images"] = "x".join(map(str, found.image_shape))
    if found.names:
        facts["names"] = _listed(found.names)
    if found.classes:
        facts["classes"] = len(found.classes)
    facts |= {name: f"{facts[name]:,}" for name in ("train", "test", "features") if facts[name] is not None}
    parts: list[object] = [_facts(facts)]
    if found.classes and len(found.classes) <= MANY:
        parts.append(_class_table(found))
    if found.image_shape:
        parts.append("\n".join(show.images(found.train.x[:12], found.image_shape)))
    show.put(*parts)


def _facts(facts: dict[str, Any]) -> str:
    """A line for each fact that there is."""
    known = {name: value for name, value in facts.items() if value is not None}
    widest = max(map(len, known))
    return "\n".join(f"{name.ljust(widest)}  {value}" for name, value in known.items())


def _listed(names: tuple[Any, ...]) -> str:
    shown = ", ".join(map(str, names[:12]))
    return shown if len(names) <= 12 else f"{shown}, ... ({len(names)} in all)"


def _version(path: str) -> str:
    """Which version of clearprop wrote a file that `load` has found sound."""
    return str(model_file.read(path)[0]["version"])


def _binary(model: Model) -> bool:
    return model.classifies and (model.network.outputs == 1 or model.multi_label)


def _scaling(model: Model) -> str | None:
    """The scaling of inputs in words."""
    scaling = model.scaling
    if scaling is None:
        return None
    if isinstance(scaling.shift, tuple) or isinstance(scaling.factor, tuple):
        return "each feature by a shift and a factor of its own"
    return f"(x - {scaling.shift:g}) * {scaling.factor:.6g}" if scaling.shift else f"x * {scaling.factor:.6g}"


def _counts(samples: Samples | None, data: Dataset) -> dict[str, int] | None:
    if data.classes is None or samples is None:
        return None
    counts = np.bincount(samples.t, minlength=len(data.classes))
    return dict(zip(map(str, data.classes), counts.tolist(), strict=True))


def _class_table(data: Dataset) -> Table:
    train, test = _counts(data.train, data) or {}, _counts(data.test, data)
    columns = ["class", "train", *(["test"] if test else [])]
    rows = [[name, f"{count:,}", *([f"{test[name]:,}"] if test else [])] for name, count in train.items()]
    return Table(columns, rows, right=(1, 2))
