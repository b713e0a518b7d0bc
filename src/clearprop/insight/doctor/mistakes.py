"""What a mistake is: a change of named steps of the reference pass; and the steps by the parts that they play."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from clearprop.insight.derivation.lines import Line, broadcast
from clearprop.insight.derivation.steps import Steps
from clearprop.insight.doctor.edits import Edits, Found
from clearprop.layers.dense import Dense
from clearprop.layers.losses import Loss
from clearprop.network.network import Network

CATALOGUE: list["Mistake"] = []


@lru_cache(maxsize=64)
def steps_with(network: Network, loss: Loss, layout: str, weighted: bool) -> Steps:
    """The steps of a network with another loss."""
    return Steps(network, loss, layout, weighted)


def whole(steps: Steps, line: Line) -> str:
    """The code of a line with what Huber calls c, the error that is cut off, written out."""
    return re.sub(r"\bc\b", lambda _: steps["c"].code, line.code) if "c" in steps.shapes else line.code


@dataclass(frozen=True, eq=False)
class Mistake:
    """An entry of the catalogue.

    name: what it is called. says: why it is wrong. mend: what to do. find: its places in a pass and the edits there,
    from which the wrong formula beside the right one follows; with a `number`, find takes that too, and the number is
    found by fitting. source: where it was seen.
    """

    name: str
    says: str
    mend: str
    find: Callable[..., Found]
    source: str
    number: bool = False

    def variants(self, reference: "Pass", number: float = 1.0) -> Iterator["Variant"]:
        """All places of `reference` at which the mistake can be made."""
        for detail, edits in self.find(reference, number) if self.number else self.find(reference):
            if edits:
                yield Variant(self, detail, edits)


def mistake(
    name: str, says: str, mend: str, source: str, number: bool = False
) -> Callable[[Callable[..., Found]], None]:
    """Enter a mistake in the catalogue; the function below it finds its places in a pass."""

    def enter(find: Callable[..., Found]) -> None:
        CATALOGUE.append(Mistake(name, says, mend, find, source, number))

    return enter


@dataclass(frozen=True, eq=False)
class Variant:
    """A mistake at one place, or at several at once."""

    mistake: Mistake
    detail: str
    edits: Edits
    key: tuple[str, str, tuple[str, ...]] = field(init=False)  # what tells it from others

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.mistake.name, self.detail, tuple(sorted(self.edits))))


@dataclass(frozen=True)
class DenseSteps:
    """The names of one Dense layer's arrays: its number, input, parameters, output and their gradients."""

    number: int
    x: str
    z: str
    W: str
    b: str | None
    delta: str
    dW: str  # noqa: N815
    db: str | None
    dx: str | None


class Pass:
    """The steps of a reference pass by the parts that they play, as mistakes need them."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.lines = {line.name: line for line in steps.of("forward", "backward")}
        self.start = steps.of("backward")[0]
        self.denses = [self._dense(i, number) for number, i in enumerate(self._indices(), 1)]
        self.chains = [line for line in steps.of("backward") if line.rule in ("chain", "given") and line.how == "each"
                       and line.layer is not None and line is not self.start and len(line.factors) == 2
                       and line.name != f"dhat{line.name[4:]}"]  # fmt: skip
        self.slopes = [line for line in self.chains if line.rule == "chain"]
        self.weights = [self.lines[dense.dW] for dense in self.denses]
        self.biases = [self.lines[dense.db] for dense in self.denses if dense.db]
        self.scales = [line for line in steps.of("backward") if line.rule == "broadcast" and line not in self.biases]
        self.groups = [group for group in (self.weights, self.biases, self.scales) if group]
        self.activations = [line for line in steps.of("forward") if line.rule == "function"
                            and line.name in steps.outputs and len(line.inputs) == 1]  # fmt: skip
        self.linked = "p" in steps.shapes
        self.softmax = "total" in self.lines and "top" in self.lines

    def _indices(self) -> list[int]:
        return [i for i, layer in enumerate(self.steps.network) if isinstance(layer, Dense)]

    def _dense(self, i: int, number: int) -> DenseSteps:
        names = {(kind, own): name for name, (kind, at, own) in self.steps.where.items() if at == i}
        own = [line for line in self.steps.lines if line.layer == i]
        back = {line.rule: line.name for line in own if line.part == "backward"}
        x, z = self.steps.outputs[i], self.steps.outputs[i + 1]
        delta = next(name for name, (kind, at, _) in self.steps.where.items() if kind == "delta" and at == i + 1)
        return DenseSteps(
            number, x, z, names["weight", "W"], names.get(("weight", "b")), delta, back["right"],
            back.get("broadcast"), back.get("left"),
        )  # fmt: skip

    @property
    def features(self) -> str:
        """The arguments of a sum over features."""
        return self.steps.convention.axis("features")

    @property
    def gradients(self) -> list[str]:
        """dW1, db1, ...: the gradients of all parameters in the order of computation."""
        names = {name for name, (kind, _, _) in self.steps.where.items() if kind == "gradient"}
        return [line.name for line in self.steps.of("backward") if line.name in names]

    def ends(self, line: Line) -> tuple[str, str]:
        """The input x and output y of the layer that an elementwise backward line belongs to."""
        i = line.layer or 0
        return self.steps.outputs[i], self.steps.outputs[i + 1]

    def outputs_of(self, dense: DenseSteps) -> tuple[str, ...]:
        """What comes out of a Dense layer, and out of the layer after it."""
        i = self.steps.outputs.index(dense.z)
        last = ("p",) if self.linked and i == len(self.steps.outputs) - 1 else ()
        return (*self.steps.outputs[i : i + 2], *last)

    def fits(self, *names: str) -> bool:
        """Whether arrays can be combined element by element."""
        shapes = [self.steps.shapes[name] for name in names]
        whole = broadcast(*shapes)
        return all(
            side in (1, target)
            for shape in shapes
            for side, target in zip(shape, whole[len(whole) - len(shape) :], strict=True)
        )
