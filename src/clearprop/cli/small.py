"""A small network from a line such as 2-3-1, or a model file, for the commands that look inside."""

import dataclasses
import re
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from clearprop.arrays.errors import SettingError, brief
from clearprop.arrays.files import location
from clearprop.cli import build
from clearprop.cli.settings import NETWORK
from clearprop.data.dataset import Dataset
from clearprop.layers.activations import Activation
from clearprop.layers.losses import Loss, MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from clearprop.network.loading import load
from clearprop.network.model import Model
from clearprop.network.network import Network

WIDTHS = re.compile(r"[0-9]{1,9}(?:[-,][0-9]{1,9})+")

What = Annotated[
    str, Parameter(metavar="WIDTHS|MODEL", help="Widths from input to output, such as 2-3-1, or a model's file")
]


@dataclass(frozen=True, kw_only=True)
class Structure:
    """What is said of a network beside its widths; None where nothing was."""

    hidden: Annotated[
        str | None, Parameter(group=NETWORK, metavar="NAME", help="After each hidden layer: tanh, gelu, ... [relu]")
    ] = None
    output: Annotated[
        str | None,
        Parameter(
            group=NETWORK, metavar="NAME", help="After the last layer: softmax, sigmoid, identity, ... [the loss's]"
        ),
    ] = None
    loss: Annotated[
        str | None,
        Parameter(group=NETWORK, metavar="NAME", help="softmax-cross-entropy, squared-error, ... [what fits]"),
    ] = None


def model(what: str, said: Structure, data: Dataset | None, seed: int) -> Model:
    """The model in a file, or a new one of these widths."""
    if WIDTHS.fullmatch(what):
        made = Model(*_network([int(width) for width in re.split("[-,]", what)], said, data), seed)
        if data is not None:
            made.adopt(data)
        return made
    if not location(what).exists():
        raise SettingError("network", "widths or the file of a model", brief(what), "give widths such as 2-3-1")
    for option, value in dataclasses.asdict(said).items():
        if value is not None:
            raise SettingError(f"--{option}", "the widths of a new network", f"the model {what}", "leave it out")
    return load(what)


def _network(widths: list[int], said: Structure, data: Dataset | None) -> tuple[Network, Loss]:
    hidden: type[Any] = build.known(Activation, "hidden", said.hidden or "relu")
    loss: Loss | None = build.known(Loss, "loss", said.loss)() if said.loss else None
    output = (said.output or "").lower()
    if loss is None:
        loss = _fitting(output, widths[-1], data)
    layers: list[Any] = [layer for width in widths[1:-1] for layer in (width, hidden())]
    return Network(widths[0], *layers, widths[-1], *_last(output, loss)), loss


def _fitting(output: str, width: int, data: Dataset | None) -> Loss:
    """The loss for an output that is called so, or else for the targets of the data."""
    if output or (data is not None and data.classes is None):
        return {"softmax": SoftmaxCrossEntropy(), "sigmoid": SigmoidCrossEntropy()}.get(output, MeanSquaredError())
    return SoftmaxCrossEntropy() if width > 1 else SigmoidCrossEntropy()


def _last(output: str, loss: Loss) -> list[Any]:
    """The activation after the last layer; none where the loss brings it, as its link."""
    link = {SoftmaxCrossEntropy: "softmax", SigmoidCrossEntropy: "sigmoid"}.get(type(loss))
    if output in ("", link, "identity"):
        return []
    if output == "softmax":
        got = f"{output} with {type(loss).__name__}"
        raise SettingError(
            "--output", "an activation, or the link of the loss", got, "add --loss softmax-cross-entropy"
        )
    kind: type[Any] = build.known(Activation, "output", output)
    return [kind()]
