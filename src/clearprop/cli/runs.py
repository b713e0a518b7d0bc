"""`clearprop resume` and `clearprop runs`: training runs that lie in folders."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from clearprop.arrays.errors import FileError
from clearprop.arrays.files import location, told
from clearprop.arrays.table import Table
from clearprop.cli import show, train
from clearprop.cli.settings import OUTPUT, combined, from_toml, read_toml
from clearprop.training.checkpoint import PYTHON, metrics
from clearprop.training.report import Report


def resume(
    run: Annotated[str, Parameter(metavar="RUN", help="The folder that clearprop train --checkpoint wrote")],
    /,
    *,
    json: Annotated[
        bool, Parameter(group=OUTPUT, negative=(), show_default=False, help="Print one JSON document")
    ] = False,
) -> int:
    """Go on with a training run that a crash, Ctrl-C or a switched-off machine ended.

    It ends with the very weights of a run that was never interrupted.
    """
    config = location(run) / train.CONFIG
    with told(config, "the folder of a run"):
        begun = config.is_file()
    if not begun:
        raise FileError(run, f"the folder of a run, with {train.CONFIG}", "none", "begin one with train --checkpoint")
    return train.carry_out(dataclasses.replace(combined(from_toml(config)), checkpoint=run), json)


def runs(
    *folders: Annotated[str, Parameter(name="FOLDER", help="Folders of runs, or folders that hold such [.]")],
    json: Annotated[bool, Parameter(negative=(), show_default=False, help="Print one JSON document")] = False,
) -> None:
    """List training runs and compare them, the best first."""
    found = [_described(path) for folder in folders or (".",) for path in _runs_in(location(folder))]
    if not found:
        raise FileError(", ".join(folders or (".",)), "folders of runs", "none", "begin one with train --checkpoint")
    found.sort(key=_rank)
    if json:
        show.document({"runs": found})
        return
    rows = [
        (
            str(run["run"]), str(run["data"]), str(run["hidden"]), f"{run['epochs']}/{run['of']}",
            *(("" if run[name] is None else f"{run[name]:.4f}") for name in ("loss", "test_loss", "test_accuracy")),
            f"{run['seconds']:.3g}",
        )
        for run in found
    ]  # fmt: skip
    columns = ("run", "data", "network", "epochs", "loss", "test loss", "test accuracy", "seconds")
    show.put(Table(columns, rows, caption="figures of the best epoch", right=(3, 4, 5, 6, 7)))


def _runs_in(folder: Path) -> list[Path]:
    with told(folder, "a folder of runs"):
        if (folder / "metrics.jsonl").is_file():
            return [folder]
    return sorted(path.parent for path in folder.glob("*/metrics.jsonl"))


def _rank(run: dict[str, Any]) -> tuple[float, float]:
    return -(run["test_accuracy"] or run["accuracy"] or 0.0), run["test_loss"] or run["loss"] or 0.0


def _described(folder: Path) -> dict[str, Any]:
    report = Report({}, metrics(folder))
    data, structure, epochs = _settings(folder / train.CONFIG)
    best = dataclasses.asdict(report.best) if report.history else {}
    return {
        "run": str(folder), "data": data, "hidden": structure, "epochs": len(report.history),
        "of": epochs or len(report.history), "seconds": report.seconds,
        **{name: best.get(name) for name in ("number", "loss", "accuracy", "test_loss", "test_accuracy")},
    }  # fmt: skip


def _settings(path: Path) -> tuple[str, str, int | None]:
    """The data, the hidden layers (of a run begun in Python the network) and the epochs that a run was to have."""
    if not path.is_file():
        return "", "", None
    begun = read_toml(path).get(PYTHON)
    if isinstance(begun, dict):
        epochs = begun.get("epochs")
        return str(begun.get("data", "")), str(begun.get("network", "")), epochs if isinstance(epochs, int) else None
    config = from_toml(path)
    return config.data or "", ",".join(map(str, config.hidden or ())), config.epochs
