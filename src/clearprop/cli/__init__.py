"""The command `clearprop`: train, resume, runs, report, evaluate, check, derive, trace, predict, export, info,
data, exercise, grade.

Results go to standard output, progress and advice to standard error. Status: 0, or 1 for what is wrong with a file,
a name, a value or a gradient, 2 for options that do not exist or cannot be read, 130 after Ctrl-C, 141 where the
reader of the output went away.
"""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Sequence

from cyclopts import App, CycloptsError

from clearprop.arrays.errors import ClearpropError
from clearprop.cli import (
    check,
    derive,
    describe,
    evaluate,
    exercise,
    export,
    grade,
    inputs,
    predict,
    report,
    runs,
    trace,
    train,
)
from clearprop.version import __version__

app = App(
    name="clearprop",
    help="Feed-forward neural networks: train one, see how good it is, and use it.",
    help_format="plaintext",
    help_epilogue="Begin with: clearprop train",
    version=__version__,
    suppress_keyboard_interrupt=False,
)
COMMANDS: list[tuple[str, Callable[..., int | None], list[str]]] = [
    ("train", train.run, [
        "clearprop train",
        "clearprop train --data mnist --hidden 100,50 --epochs 5",
        "clearprop train --data flowers.csv --label kind --out flowers.safetensors",
        "clearprop train --config run.toml --seed 1",
        "clearprop train --data mnist --checkpoint run/ --schedule cosine --patience 5",
    ]),
    ("resume", runs.resume, ["clearprop resume run/"]),
    ("runs", runs.runs, ["clearprop runs", "clearprop runs experiments/ --json"]),
    ("report", report.run, ["clearprop report run/", "clearprop report run/ --data flowers.csv --out flowers.html"]),
    ("evaluate", evaluate.run, [
        "clearprop evaluate digits.safetensors --data digits",
        "clearprop evaluate flowers.safetensors --data more.csv --label kind",
    ]),
    ("check", check.run, [
        "clearprop check digits.safetensors --data digits",
        "clearprop check flowers.safetensors --data flowers.csv --label kind --samples 8",
    ]),
    ("derive", derive.run, [
        "clearprop derive 2-3-1 --data xor",
        "clearprop derive 2-3-1 --output sigmoid --loss sigmoid-cross-entropy --to html",
        "clearprop derive 4-5-3 --hidden gelu --layout columns --full --to notebook",
        "clearprop derive digits.safetensors --data digits --to tex",
    ]),
    ("trace", trace.run, [
        "clearprop trace 2-3-1 --data xor",
        "clearprop trace 64-16-10 --data digits --hidden tanh --optimizer adam",
        "clearprop trace flowers.safetensors --data flowers.csv --label kind --samples 2 --all",
    ]),
    ("predict", predict.run, [
        "clearprop predict digits.safetensors seven.png",
        "clearprop predict flowers.safetensors rows.csv > answers.csv",
        "cat rows.csv | clearprop predict flowers.safetensors - --json",
    ]),
    ("export", export.run, [
        "clearprop export digits.safetensors --to onnx",
        "clearprop export digits.safetensors --to python --no-numpy",
    ]),
    ("info", describe.info, ["clearprop info digits.safetensors"]),
    ("data", describe.data, [
        "clearprop data",
        "clearprop data digits",
        "clearprop data flowers.csv --label last",
    ]),
    ("grade", grade.run, [
        "clearprop grade submissions/",
        "clearprop grade submissions/ --out marks/ --seed 7",
        "clearprop grade week3/ --exercise softmax",
    ]),
]  # fmt: skip
for place, (name, command, examples) in enumerate(COMMANDS):
    app.command(command, name=name, sort_key=place, help_epilogue="\n  ".join(["Examples:", *examples]))
app.command(exercise.app)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv`, by default that of the process, and return the exit status."""
    with contextlib.suppress(AttributeError):  # names that the terminal's encoding lacks are no reason to stop
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    words = [inputs.STDIN if word == "-" else word for word in (sys.argv[1:] if argv is None else argv)]
    try:
        status = app(words, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        command = " ".join(["clearprop", *(error.command_chain or ()), "--help"])
        told = re.sub(r"\. ([A-Z])", lambda found: f"; {found[1].lower()}", _lowered(str(error)))
        return _failed(2, f"{told.rstrip('.')}; see {command}")
    except ClearpropError as error:
        return _failed(1, str(error))
    except BrokenPipeError:
        _abandon_output()
        return 141
    except KeyboardInterrupt:
        return _failed(130, "interrupted")
    except MemoryError:
        return _failed(1, "not enough memory; take less data or a smaller network")
    except OSError as error:
        return _failed(1, _lowered(str(error)))
    return status or 0


def _failed(status: int, message: str) -> int:
    print(f"clearprop: {' '.join(message.split())}", file=sys.stderr)
    return status


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _abandon_output() -> None:
    """Send what is still to be flushed at exit to nowhere, as its reader is gone."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
