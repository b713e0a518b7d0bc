"""`clearprop train`."""

import dataclasses
import re
import shlex
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from clearprop.arrays.errors import FileError
from clearprop.arrays.files import check_writable, location
from clearprop.cli import build, inputs, show
from clearprop.cli.settings import OUTPUT, Settings, combined, from_toml, to_toml
from clearprop.data.dataset import Dataset
from clearprop.network.metrics import Evaluation
from clearprop.network.model import Model
from clearprop.network.network import Network
from clearprop.training.checkpoint import has_checkpoint, run_folder
from clearprop.training.lbfgs import CHUNK, LBFGS
from clearprop.training.loop import fit
from clearprop.training.report import Report

SUFFIX = ".safetensors"
SHARE = 0.2  # of data without a test part, to test on
FEW = 20  # samples below which nothing is held out
CONFIG = "config.toml"  # in the folder of a run
NOTHING = Settings()


def run(
    *,
    settings: Annotated[Settings, Parameter(name="*")] = NOTHING,
    config: Annotated[
        Path | None, Parameter(group=OUTPUT, metavar="FILE", help="Take options from a TOML file; those given here win")
    ] = None,
    json: Annotated[
        bool, Parameter(group=OUTPUT, negative=(), show_default=False, help="Print one JSON document")
    ] = False,
) -> int:
    """Train a network on data, show how good it is, and save it.

    Without options it learns to read the handwritten digits that come with clearprop.
    """
    chosen = combined(from_toml(config), settings) if config else combined(settings)
    if chosen.checkpoint and has_checkpoint(chosen.checkpoint):
        advice = f"go on with it by clearprop resume {shlex.quote(chosen.checkpoint)}, or take another folder"
        raise FileError(chosen.checkpoint, "a folder without a run", "one that has begun", advice)
    return carry_out(chosen, json)


def carry_out(chosen: Settings, json: bool) -> int:
    """Train as `chosen` says, go on if the run has begun, and answer; the exit status."""
    optimizer, activation, loss = build.optimizer(chosen), build.activation(chosen), build.loss(chosen)
    rules = build.rules(chosen)
    if chosen.checkpoint:
        with run_folder(chosen.checkpoint) as keeper:  # that it can be written to is asked before the work begins
            folder = keeper.folder
    else:
        folder = check_writable(".") if chosen.out is None else _target(chosen.out).parent
    data = inputs.dataset(chosen.data or "", chosen)
    if data.test is None and chosen.test is None and len(data.train) >= FEW:
        chosen = dataclasses.replace(chosen, test=SHARE)
        data = inputs.parted(data, SHARE, chosen.seed or 0)
    name = "model" if chosen.checkpoint else re.sub(r"[^\w.-]", "_", data.name)
    out, target = chosen.out, _target(chosen.out or folder / (name + SUFFIX))
    outputs, loss = build.outputs_and_loss(data, loss)
    layers = build.hidden(chosen, activation)
    model = Model(Network(data.train.x.shape[1], *layers, outputs), loss, chosen.seed or 0)
    whole = isinstance(optimizer, LBFGS)  # all samples are one step
    batch = build.batch(chosen, len(data.train), CHUNK) if whole else build.batch(chosen, len(data.train))
    chosen = dataclasses.replace(
        chosen, loss=type(loss).__name__, learning_rate=getattr(optimizer, "learning_rate", None), batch=batch,
        epochs=build.epochs(chosen, len(data.train), batch), out=str(target),
    )  # fmt: skip
    for rule in rules["stopping"]:
        rule.check(chosen.epochs or 0, data.test is not None, model.classifies)
    if not json:
        test = "no test part" if data.test is None else f"{len(data.test):,} to test on"
        show.put(f"{model.network.summary()}\n")
        show.say(f"{data.name}: {len(data.train):,} samples to train on, {test}; {loss!r}, {optimizer!r}")
        if data.target:
            kind = "values" if data.classes is None else f"{len(data.classes)} classes"
            show.say(f"predicting {data.target} ({kind}); --label takes another column")
    if chosen.checkpoint and not has_checkpoint(chosen.checkpoint):
        to_toml(folder / CONFIG, _anywhere(dataclasses.replace(chosen, out=out)))
    report = fit(
        model, data, optimizer, chosen.epochs or 0, batch, chosen.seed or 0, chosen.threads,
        checkpoint=chosen.checkpoint, tensorboard=chosen.tensorboard, **rules,
    )  # fmt: skip
    model.save(target)
    outcome = Outcome(chosen, data, model, report, model.evaluate(data))
    if json:
        show.document(outcome.document())
    else:
        outcome.show()
    return 130 if outcome.early else 0


def _anywhere(chosen: Settings) -> Settings:
    """The settings with whole paths, to be read from another folder."""
    paths = {name: getattr(chosen, name) for name in ("data", "test", "out")}
    whole = {name: str(location(path).absolute()) for name, path in paths.items() if _is_path(path)}
    return Settings(**(vars(chosen) | {"checkpoint": None} | whole))


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and (location(value).exists() or value.endswith(SUFFIX))


def _target(name: Any) -> Path:
    """The file to save the model in, once it is clear that this can be done."""
    path = location(name)
    if path.is_dir():
        raise FileError(str(path), "the name of a file to write", "a folder", "add a file name")
    if path.suffix != SUFFIX:  # which keeps --out from replacing data
        raise FileError(str(path), f"a name that ends in {SUFFIX}", path.name, f"such as {path.with_suffix(SUFFIX)}")
    check_writable(path.parent)
    return path


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A training run that has ended."""

    chosen: Settings
    data: Dataset
    model: Model
    report: Report
    found: Evaluation

    @property
    def early(self) -> bool:
        """Whether Ctrl-C ended it."""
        return self.report.interrupted

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "model": self.chosen.out,
            "settings": {name.replace("_", "-"): value for name, value in vars(self.chosen).items()},
            "network": repr(self.model.network),
            "parameters": self.model.network.size,
            "seconds": self.report.seconds,
            "interrupted": self.early,
            "history": self.report.history,
            "measured_on": "train" if self.data.test is None else "test",
            "metrics": show.evaluation(self.found),
        }

    def show(self) -> None:
        """Print how good the model is, where it is, and what to do with it."""
        show.put(*show.quality(self.found, "training" if self.data.test is None else "test"))
        done, epochs, file = len(self.report.history), self.chosen.epochs, shlex.quote(str(self.chosen.out))
        early = f", stopped in epoch {done} of {epochs}" if self.early else ""
        show.say(f"\n{self.report.seconds:.1f} s of training{early}; saved as {self.chosen.out}. Next:")
        show.say(f"  clearprop info {file}")
        names = ("data", "label", "test", *(["seed"] if self.chosen.test and self.chosen.seed else []))
        given = ((f"--{name}", str(getattr(self.chosen, name))) for name in names if getattr(self.chosen, name))
        show.say(f"  clearprop evaluate {file} {shlex.join(word for pair in given for word in pair)}")
        show.say(f"  clearprop predict {file} {'picture.png' if self.data.image_shape else 'rows.csv'}")
