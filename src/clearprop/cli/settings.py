"""The settings of a training run, each of them once: an option of `clearprop train` and a key of its TOML file."""

import dataclasses
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
from cyclopts import Group, Parameter, Token

from clearprop.arrays.checks import whole
from clearprop.arrays.errors import FileError, SettingError, brief, suggest
from clearprop.arrays.files import atomic, opened
from clearprop.training.checkpoint import PYTHON

DATA = Group.create_ordered("Data")
NETWORK = Group.create_ordered("Network")
TRAINING = Group.create_ordered("Training")
RULES = Group.create_ordered("Rules")
OUTPUT = Group.create_ordered("Output")

LARGEST_FILE = 2**16  # bytes of TOML
KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", tuple: "a list of whole numbers"}


def integer(kind: Any, tokens: Sequence[Token]) -> int:
    """A whole number; cyclopts itself would round."""
    text = tokens[0].value
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise ValueError(f"wanted a whole number, got {brief(text)}")
    return int(text)


def widths(kind: Any, tokens: Sequence[Token]) -> tuple[int, ...]:
    """Widths of layers from text such as 100,50; none from an empty text or "none"."""
    text = ",".join(token.value for token in tokens).strip()
    if text.lower() in ("", "none"):
        return ()
    if not re.fullmatch(r"\s*[0-9]{1,9}\s*(,\s*[0-9]{1,9}\s*)*", text):
        raise ValueError(f"wanted widths with commas between, such as 100,50, or none, got {brief(text)}")
    return tuple(int(part) for part in text.split(","))


@dataclass(frozen=True, kw_only=True)
class Source:
    """How data is read and parted; None where nothing was said."""

    label: Annotated[
        str | None,
        Parameter(group=DATA, metavar="COLUMN", help="Of a CSV file, what to predict: first, last or a name [first]"),
    ] = None
    header: Annotated[
        bool | None,
        Parameter(group=DATA, help="Whether the first line of a CSV file holds names [found out]"),
    ] = None
    values: Annotated[
        bool | None,
        Parameter(group=DATA, negative=(), help="Predict the numbers of a CSV file's label, not classes [found out]"),
    ] = None
    test: Annotated[
        float | str | None,
        Parameter(
            group=DATA, metavar="SHARE|FILE",
            help="What to test on where the data has no test part: a share, or another CSV file [train: 0.2]",
        ),
    ] = None  # fmt: skip
    seed: Annotated[
        int | None, Parameter(group=DATA, metavar="N", converter=integer, help="Of everything that is random [0]")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Settings(Source):
    """What is trained, on what and how; None where nothing was said."""

    data: Annotated[
        str | None,
        Parameter(group=DATA, metavar="NAME|FILE", help="A name (see clearprop data), a CSV file or a folder [digits]"),
    ] = None
    hidden: Annotated[
        tuple[int, ...] | None,
        Parameter(
            group=NETWORK, metavar="WIDTHS", converter=widths, n_tokens=1, negative=(),
            help="Widths of the hidden layers, such as 100,50, or none [128]",
        ),
    ] = None  # fmt: skip
    activation: Annotated[
        str | None, Parameter(group=NETWORK, metavar="NAME", help="After each hidden layer: tanh, gelu, ... [relu]")
    ] = None
    batch_norm: Annotated[
        bool | None, Parameter(group=NETWORK, help="Whether to normalize what each hidden layer puts out [no]")
    ] = None
    dropout: Annotated[
        float | None, Parameter(group=NETWORK, metavar="SHARE", help="Share of hidden values to drop in training [0]")
    ] = None
    loss: Annotated[
        str | None,
        Parameter(
            group=NETWORK, metavar="NAME", help="softmax-cross-entropy, mean-squared-error, ... [what fits the data]"
        ),
    ] = None
    optimizer: Annotated[
        str | None, Parameter(group=TRAINING, metavar="NAME", help="adam, sgd, l-bfgs, ... [adam]")
    ] = None
    learning_rate: Annotated[
        float | None, Parameter(group=TRAINING, metavar="RATE", help="Length of a step [what suits the optimizer]")
    ] = None
    momentum: Annotated[float | None, Parameter(group=TRAINING, metavar="SHARE", help="Of sgd, below 1 [0]")] = None
    epochs: Annotated[
        int | None,
        Parameter(
            group=TRAINING, metavar="N", converter=integer, help="Passes over the data [as many as make 3000 steps]"
        ),
    ] = None
    batch: Annotated[
        int | None, Parameter(group=TRAINING, metavar="N", converter=integer, help="Samples for each step [32]")
    ] = None
    l1: Annotated[float | None, Parameter(group=RULES, metavar="S", help="Add S sum abs(w) to the loss")] = None
    l2: Annotated[float | None, Parameter(group=RULES, metavar="S", help="Add S/2 sum w^2 to the loss")] = None
    weight_decay: Annotated[
        float | None, Parameter(group=RULES, metavar="S", help="Shrink weights by rate S w at each step")
    ] = None
    max_norm: Annotated[
        float | None, Parameter(group=RULES, metavar="LENGTH", help="Longest that the weights into a unit may be")
    ] = None
    clip_norm: Annotated[
        float | None, Parameter(group=RULES, metavar="LENGTH", help="Longest that the gradient may be")
    ] = None
    clip_value: Annotated[
        float | None, Parameter(group=RULES, metavar="SIZE", help="Largest that an element of the gradient may be")
    ] = None
    schedule: Annotated[
        str | None,
        Parameter(group=RULES, metavar="NAME", help="How the rate changes: cosine, one-cycle, step-decay, ..."),
    ] = None
    patience: Annotated[
        int | None,
        Parameter(
            group=RULES, metavar="N", converter=integer,
            help="Stop after N epochs without gain, and take the best weights",
        ),
    ] = None  # fmt: skip
    time_limit: Annotated[
        float | None, Parameter(group=RULES, metavar="SECONDS", help="Stop after the epoch that reaches it")
    ] = None
    balanced: Annotated[
        bool | None, Parameter(group=RULES, negative=(), help="Let every class count as much as any other")
    ] = None
    augment: Annotated[
        str | None,
        Parameter(
            group=RULES, metavar="NAMES",
            help="Distort images anew each time by shift, rotation, scale, shear, elastic; sizes as in shift=3,shear=5",
        ),
    ] = None  # fmt: skip
    threads: Annotated[
        int | None,
        Parameter(group=TRAINING, metavar="N", converter=integer, help="Processor cores to use [what suits its size]"),
    ] = None
    checkpoint: Annotated[
        str | None,
        Parameter(group=OUTPUT, metavar="FOLDER", help="Keep the run in a folder, from which it can be resumed"),
    ] = None
    tensorboard: Annotated[
        str | None, Parameter(group=OUTPUT, metavar="FOLDER", help="Write TensorBoard events there")
    ] = None
    out: Annotated[
        str | None, Parameter(group=OUTPUT, metavar="FILE", help="Where to save the model [NAME.safetensors]")
    ] = None


USUAL = Settings(
    data="digits", hidden=(128,), activation="relu", batch_norm=False, dropout=0.0, optimizer="adam", seed=0
)


def combined(*layers: Settings) -> Settings:
    """For each setting what the last of `layers` that says anything says, else what is usual."""
    said = {name: value for layer in layers for name, value in vars(layer).items() if value is not None}
    for name in ("epochs", "batch", "threads"):
        whole("train", name, said.get(name, 1))
    return dataclasses.replace(USUAL, **said)


def from_toml(path: Path) -> Settings:
    """The settings in a TOML file, under the names of the options; wrong keys and types are errors that name them."""
    table = read_toml(path)
    if PYTHON in table:
        advice = "go on with it by the same cp.fit(..., checkpoint=...)"
        raise FileError(str(path), "a run of clearprop train", "one that was begun in Python", advice)
    hints = get_type_hints(Settings)
    found: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in hints or name in found:
            got = f"{key} twice" if name in found else key
            known = [known.replace("_", "-") for known in hints]
            raise SettingError(str(path), "the names of options, each once", got, suggest(key, known))
        try:
            found[name] = msgspec.convert(value, hints[name])
        except msgspec.ValidationError:
            raise SettingError(f"{path}, {key}", _kinds(hints[name]), brief(value), f"change {key}") from None
    return Settings(**found)


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds; a FileError where it is none or too large."""
    with opened(path) as file:
        content = file.read(LARGEST_FILE + 1)
    try:
        if len(content) > LARGEST_FILE:
            raise FileError(str(path), f"at most {LARGEST_FILE} bytes of TOML", "more", "check the path")
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(str(path), "TOML text", brief(str(error)), "write lines such as epochs = 5") from None


def to_toml(path: Path, chosen: Settings) -> None:
    """Write settings as a TOML file that `from_toml` reads; what was left open is left out."""
    lines = (
        f"{name.replace('_', '-')} = {json.dumps(value)}\n" for name, value in vars(chosen).items() if value is not None
    )
    with atomic(path) as file:
        file.write("".join(lines).encode())


def _kinds(hint: Any) -> str:
    """How errors call the types of a setting."""
    kinds = [getattr(kind, "__origin__", kind) for kind in hint.__args__]
    return " or ".join(KINDS[kind] for kind in kinds if kind is not type(None))
