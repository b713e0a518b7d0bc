"""What a layer is: a frozen value that says its shapes and computes forward and backward into given buffers."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, ClassVar

from clearprop.arrays.backend import Array, Namespace
from clearprop.arrays.errors import SettingError, brief
from clearprop.arrays.kinds import Kind, Value, value

if TYPE_CHECKING:
    from numpy.random import Generator

Shape = tuple[int, ...]
Views = SimpleNamespace  # the layer's own named arrays: w.W, w.b; dw.W, dw.b


@dataclass(frozen=True)
class LayerShapes:
    """What a layer needs for an input of a given width.

    width: features it puts out. parameters, state: name -> shape; state is kept but not trained.
    scratch: name -> columns of a buffer with one row per sample. fixed: name -> shape of a buffer that does not depend
    on the batch. flops: forward, per sample.
    """

    width: int
    parameters: Mapping[str, Shape] = field(default_factory=dict)
    state: Mapping[str, Shape] = field(default_factory=dict)
    scratch: Mapping[str, int] = field(default_factory=dict)
    fixed: Mapping[str, Shape] = field(default_factory=dict)
    flops: int = 0


class Memo(SimpleNamespace):
    """What one layer keeps between forward and backward of one batch, beside its input and output.

    training: whether dropout drops and batch statistics are used. rng: the stream for random layers.
    The layer's state, scratch and fixed arrays are attributes under their names.
    """

    training: bool
    rng: "Generator"


@value
class Layer(Value, ABC, family="layer"):
    """A step of a network, from x (N, n) to y (N, width).

    A new layer is a class below this one with `@cp.value` on it: `shapes`, `forward`, `backward`, and `initialize`
    where it has parameters. It keeps nothing; every array that it reads or fills is an argument.
    """

    name: str | None = field(default=None, kw_only=True)

    kinks: ClassVar[tuple[float, ...]] = ()  # inputs at which the derivative jumps: finite differences step aside
    parts: ClassVar[dict[str, type[Kind]]] = {}  # fields that are themselves named values, for reading JSON

    def __post_init__(self) -> None:
        valid = self.name is None or (isinstance(self.name, str) and self.name.isidentifier() and len(self.name) <= 100)
        if not valid:
            raise SettingError(
                type(self).__name__, "name to be letters, digits and _", brief(self.name), 'such as name="hidden"'
            )

    @abstractmethod
    def shapes(self, n: int) -> LayerShapes:
        """What the layer needs for inputs `n` wide."""

    def initialize(self, rng: "Generator", w: Views) -> None:
        """Fill the parameters `w` at the start of training."""

    def initial_state(self, state: Views) -> None:
        """Fill the state at the start of training."""

    @abstractmethod
    def forward(self, xp: Namespace, w: Views, x: Array, y: Array, memo: Memo) -> None:
        """Fill y (N, width) from x (N, n)."""

    @abstractmethod
    def backward(
        self, xp: Namespace, w: Views, x: Array, y: Array, dy: Array, dx: Array | None, dw: Views, memo: Memo
    ) -> None:
        """Fill dw, and dx (N, n) unless it is None, from dy (N, width), the gradient of the loss wrt y."""

    def renamed(self, name: str | None) -> "Layer":
        """The same layer under another name."""
        return dataclasses.replace(self, name=name)
