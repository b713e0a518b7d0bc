"""`clearprop report`."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from clearprop.arrays.errors import ClearpropError, FileError, MissingExtra
from clearprop.arrays.files import atomic, location, size, told
from clearprop.cli import inputs, show, train
from clearprop.cli.settings import DATA, OUTPUT, Settings, Source, from_toml, read_toml
from clearprop.data.dataset import Dataset
from clearprop.network.loading import load
from clearprop.network.model import Model
from clearprop.training.checkpoint import PYTHON, metrics
from clearprop.training.report import Report

NOTHING = Source()
SUFFIXES = (".html", ".htm")


def run(
    run: Annotated[str, Parameter(metavar="RUN", help="The folder that train --checkpoint or fit(checkpoint=) wrote")],
    /,
    *,
    data: Annotated[
        str | None,
        Parameter(group=DATA, metavar="NAME|FILE", help="What it was trained on [as its config.toml says]"),
    ] = None,
    source: Annotated[Source, Parameter(name="*")] = NOTHING,
    out: Annotated[
        str | None, Parameter(group=OUTPUT, metavar="FILE", help="The page to write or replace [report.html in RUN]")
    ] = None,
    json: Annotated[
        bool, Parameter(group=OUTPUT, negative=(), show_default=False, help="Print one JSON document")
    ] = False,
) -> int:
    """Write one HTML page of a run: configuration, network, curves, confusion matrix, mistakes, weights, timings.

    It needs no network to be opened. What needs data that is not found is left out, and the page says so.
    """
    from clearprop.pictures.page import Run, page

    folder = location(run)
    if not (folder / "metrics.jsonl").is_file():
        raise FileError(run, "the folder of a run, with metrics.jsonl", "none", "begin one with train --checkpoint")
    target = _target(out, folder)
    notes: list[str] = []
    config, chosen = _settings(folder / train.CONFIG)
    model, known = _model(folder, notes), _data(data, source, config, notes)
    name = " on ".join([f"Run {folder.absolute().name}", *([known.name] if known else [])])
    report = Report(chosen, metrics(folder))
    text = page(Run(name=name, report=report, settings=chosen, model=model, data=known, notes=notes))
    with atomic(target) as file:
        file.write(text.encode())
    if json:
        show.document({"file": str(target), "bytes": size(target), "notes": notes})
    else:
        show.put(f"{target}: {size(target):,} bytes")
        for note in notes:
            show.say(note)
    return 0


def _settings(path: Path) -> tuple[Settings | None, dict[str, Any]]:
    """The settings of a run that `clearprop train` began, and what to show of those of any run."""
    if not path.is_file():
        return None, {}
    begun = read_toml(path).get(PYTHON)
    if isinstance(begun, dict):
        return None, begun
    config = from_toml(path)
    said = ((name.replace("_", "-"), value) for name, value in vars(config).items() if value is not None)
    return config, {name: ", ".join(map(str, value)) if isinstance(value, tuple) else value for name, value in said}


def _model(folder: Path, notes: list[str]) -> Model | None:
    """The model that the run ended with."""
    path = folder / f"model{train.SUFFIX}"
    if not path.is_file():
        notes.append("The run has not ended, so there is no model yet: network, mistakes and weights are left out.")
        return None
    return load(path)


def _data(named: str | None, source: Source, config: Settings | None, notes: list[str]) -> Dataset | None:
    """The data as it was in training; with what is said on the command line an error where it cannot be read."""
    if named is None:
        for option, value in vars(source).items():
            if value is not None:
                raise FileError(f"--{option}", "--data with it", str(value), "name the data")
    else:
        said = {name: value for name, value in vars(source).items() if value is not None}
        begun = {name: getattr(config or NOTHING, name) for name in vars(source)}  # such as the part to test on
        return inputs.dataset(named, Source(**(begun | said)))
    if config is None or config.data is None:
        notes.append("Nothing says where the data of the run is: mistakes are left out. Name it with --data.")
        return None
    try:
        return inputs.dataset(config.data, config)
    except MissingExtra:
        raise
    except ClearpropError as error:
        notes.append(f"The data was not found again: mistakes are left out. {error}")
        return None


def _target(out: Any, folder: Path) -> Path:
    path = location(folder / "report.html" if out is None else out)
    if path.suffix.lower() not in SUFFIXES:  # which keeps --out from replacing a model or data
        raise FileError(str(path), "a name that ends in .html", path.name, f"such as {path.with_suffix('.html')}")
    with told(path, "a file that can be written"):
        if path.is_dir():
            raise FileError(str(path), "the name of a file to write", "a folder", "add a file name")
    return path
