"""Every data set by its name, for the command line and for those who look around."""

import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from clearprop.arrays.errors import FileError, SettingError, brief, suggest
from clearprop.arrays.files import location, told
from clearprop.data import images, toys
from clearprop.data.dataset import Dataset
from clearprop.data.openml import openml
from clearprop.data.tabular import csv

TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")


class Entry(NamedTuple):
    """A data set that has a name: one line about it, and the function that returns it."""

    about: str
    function: Callable[..., Dataset]


CATALOG = {
    "digits": Entry("1,797 handwritten digits, 8x8; built in", images.digits),
    "mnist": Entry("70,000 handwritten digits, 28x28; downloaded (11 MB)", images.mnist),
    "fashion_mnist": Entry("70,000 pictures of clothes, 28x28; downloaded (31 MB)", images.fashion_mnist),
    "kmnist": Entry("70,000 cursive hiragana, 28x28; downloaded (21 MB)", images.kmnist),
    "xor": Entry("exclusive or, four rows; made up", toys.xor),
    "circles": Entry("a ring within a ring; made up", toys.circles),
    "spirals": Entry("intertwined spirals; made up", toys.spirals),
    "moons": Entry("two half circles; made up", toys.moons),
    "blobs": Entry("normal distributions; made up", toys.blobs),
    "checkerboard": Entry("fields of two colours; made up", toys.checkerboard),
    "sine": Entry("a noisy sine, values to predict; made up", toys.sine),
}


def load(what: Any, **options: Any) -> Dataset:
    """The data set with a name in the catalogue, from openml.org, in a CSV file, or in a folder of IDX files.

    what: a name; "openml:name" or "openml:name:version"; a path that ends in .csv, .tsv or .txt, or the same with
    .gz; or a folder with four files named as those of MNIST. The options go to the function that loads it.

    >>> load("moons", n=40)
    <Dataset moons: 30 train, 10 test, 2 features, 2 classes>
    """
    entry = CATALOG.get(what.lower().replace("-", "_")) if isinstance(what, str) else None
    if entry is not None:
        return _called(entry.function, options)
    if isinstance(what, str) and (match := re.fullmatch(r"openml:([^:]+)(?::([0-9]{1,9}))?", what)):
        known = {"version": int(match[2])} if match[2] else {}
        return _called(openml, known | options, match[1])
    path = location(what)
    with told(path, "a data set"):
        is_folder, exists = path.is_dir(), path.exists()
    if is_folder:
        return _called(images.from_folder, options, path)
    if path.name.lower().endswith(TABLES):
        return _called(csv, options, path)
    if exists:
        raise FileError(str(path), f"a name that ends in {', '.join(TABLES)}", brief(path.name), "rename the file")
    raise SettingError("data", "a name, a CSV file or a folder", brief(what), suggest(str(what).lower(), CATALOG))


def _called(function: Callable[..., Dataset], options: dict[str, Any], *values: Any) -> Dataset:
    known = inspect.signature(function).parameters
    for option in options:
        if option not in list(known)[len(values) :]:
            others = list(known)[len(values) :]
            advice = suggest(option, others) if others else "leave it out"
            raise SettingError(function.__name__, "a known option", option, advice)
    return function(*values, **options)
