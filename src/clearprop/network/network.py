"""The structure of a network, and where each of its parameters lies in the flat vector theta."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from clearprop.arrays.backend import Array, namespace
from clearprop.arrays.checks import whole
from clearprop.arrays.errors import SettingError, ShapeError, brief, suggest
from clearprop.arrays.table import Table
from clearprop.data.validation import array_of, check_finite
from clearprop.layers.base import Layer, LayerShapes, Shape, Views
from clearprop.layers.dense import Dense

MOST_PARAMETERS = 2**31 - 1
MOST_LAYERS = 1000


@dataclass(frozen=True)
class Slot:
    """Where one named array lies: elements start..stop of the flat vector, in `shape`, for layer number `layer`."""

    name: str
    layer: int
    field: str
    shape: Shape
    start: int
    stop: int


class Layout(tuple[Slot, ...]):
    """The named arrays of one flat vector, in order, without gaps."""

    @property
    def size(self) -> int:
        """Length of the flat vector."""
        return self[-1].stop if self else 0

    def views(self, flat: Array, layers: int) -> list[Views]:
        """For each layer its own arrays by short name (W, b), as views into `flat`."""
        views = [Views() for _ in range(layers)]
        for slot in self:
            setattr(views[slot.layer], slot.field, view(flat, slot))
        return views

    def named(self, flat: Array) -> dict[str, Array]:
        """All arrays by full name (dense1.W), as views into `flat`."""
        return {slot.name: view(flat, slot) for slot in self}


def view(flat: Array, slot: Slot) -> Array:
    """The array that lies in `slot` of the vector `flat`; writing into it changes the vector."""
    return namespace(flat).reshape(flat[slot.start : slot.stop], slot.shape)


class Named(Mapping[str, Array]):
    """The named arrays of one flat vector, as views: writing into one changes the vector."""

    def __init__(self, layout: Layout, flat: Array) -> None:
        self._arrays = layout.named(flat)

    def __getitem__(self, name: str) -> Array:
        try:
            return self._arrays[name]
        except KeyError:
            raise SettingError("weights", "a known name", brief(name), suggest(str(name), self._arrays)) from None

    def __setitem__(self, name: str, values: ArrayLike) -> None:
        """Copy `values`, of the same shape, into the array called `name`."""
        target, source = self[name], array_of(values, name)
        if source.shape != target.shape or source.dtype.kind not in "biuf":
            raise ShapeError(name, f"numbers of shape {target.shape}", f"{source.dtype} {source.shape}", "reshape")
        with np.errstate(over="ignore"):
            source = source.astype(target.dtype)
        check_finite(source, name, "give finite weights")
        target[...] = source

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return "\n".join(f"{name} {array.shape}" for name, array in self._arrays.items())


@dataclass(frozen=True, init=False, repr=False)
class Network:
    """An input width and the layers that follow: a value without arrays, equal to every other of the same structure.

    A number stands for a Dense of that width, a name for an activation.

    >>> network = Network(784, 100, "relu", 10)
    >>> network
    Network(784, Dense(100), ReLU(), Dense(10))
    >>> network.size, network.outputs, [slot.name for slot in network.theta]
    (79510, 10, ['dense1.W', 'dense1.b', 'dense2.W', 'dense2.b'])
    """

    inputs: int
    layers: tuple[Layer, ...]

    def __init__(self, inputs: int, *layers: Layer | int | str) -> None:
        if isinstance(inputs, Layer):
            raise SettingError(
                "Network", "the width of the input first", brief(inputs), "such as Network(784, cp.Dense(10))"
            )
        if len(layers) == 1 and isinstance(layers[0], (list, tuple)):
            layers = tuple(layers[0])
        whole("Network", "the width of the input", inputs)
        if not 0 < len(layers) <= MOST_LAYERS:
            raise SettingError(
                "Network", f"1 to {MOST_LAYERS} layers", str(len(layers)), "such as Network(784, cp.Dense(10))"
            )
        object.__setattr__(self, "inputs", int(inputs))
        object.__setattr__(self, "layers", tuple(_layer(item, i) for i, item in enumerate(layers, 1)))
        if self.size > MOST_PARAMETERS:
            raise SettingError(
                "Network", f"at most {MOST_PARAMETERS} parameters", str(self.size), "make the layers narrower"
            )

    @cached_property
    def shapes(self) -> tuple[LayerShapes, ...]:
        """What each layer needs, for the input width that it gets."""
        shapes, width = [], self.inputs
        for layer in self.layers:
            shapes.append(layer.shapes(width))
            width = shapes[-1].width
        return tuple(shapes)

    @property
    def outputs(self) -> int:
        """Width of the last layer."""
        return self.shapes[-1].width

    @property
    def size(self) -> int:
        """Number of parameters, P."""
        return self.theta.size

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A name for each layer: its own, else its kind and number, such as dense1."""
        given = [layer.name for layer in self.layers if layer.name]
        twice = [name for name, count in Counter(given).items() if count > 1]
        if twice:
            raise SettingError("Network", "a different name for each layer", f"{twice[0]} twice", "rename one")
        names, counts = [], Counter[str]()
        for layer in self.layers:
            kind = type(layer).__name__.lower()
            counts[kind] += 1
            while layer.name is None and f"{kind}{counts[kind]}" in given:
                counts[kind] += 1
            names.append(layer.name or f"{kind}{counts[kind]}")
        return tuple(names)

    @cached_property
    def theta(self) -> Layout:
        """Where each parameter lies in theta."""
        return self._layout([shapes.parameters for shapes in self.shapes])

    @cached_property
    def state(self) -> Layout:
        """Where each running statistic lies in the state vector."""
        return self._layout([shapes.state for shapes in self.shapes])

    def _layout(self, arrays: list[Any]) -> Layout:
        slots, start = [], 0
        for i, (name, shapes) in enumerate(zip(self.names, arrays, strict=True)):
            for field, shape in shapes.items():
                stop = start + math.prod(shape)
                slots.append(Slot(f"{name}.{field}", i, field, shape, start, stop))
                start = stop
        return Layout(slots)

    def place(self, i: int) -> str:
        """How errors call layer number `i` (from 0): `Dense(10), layer 3 of 3`."""
        return f"{self.layers[i]!r}, layer {i + 1} of {len(self.layers)}"

    def check_input(self, n: int) -> None:
        """Raise a ShapeError unless the input is `n` wide."""
        if n != self.inputs:
            first = self.place(0)
            raise ShapeError(
                f"input of {first}", f"{self.inputs} features", str(n),
                f"give Network({n}, ...), or the {self.inputs} features that this network was made for",
            )  # fmt: skip

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, i: int) -> Layer:
        return self.layers[i]

    def __repr__(self) -> str:
        return f"Network({', '.join([str(self.inputs), *map(repr, self.layers)])})"

    def _repr_svg_(self) -> str:
        """A diagram for notebooks."""
        # by name, as pictures know networks and networks know nothing of pictures
        svg: str = import_module("clearprop.pictures.diagram").diagram(self).svg
        return svg

    def summary(self) -> Table:
        """A table of the layers with output shapes, parameters, memory in float32 and FLOPs per sample (forward).

        Memory counts parameters, and for each sample the outputs and their gradients.
        """
        rows = [("", "input", f"(N, {self.inputs})", "", "", "")]
        for layer, name, shapes in zip(self.layers, self.names, self.shapes, strict=True):
            parameters = sum(math.prod(shape) for shape in shapes.parameters.values())
            per_sample = 4 * (2 * shapes.width + sum(shapes.scratch.values()))
            row = (name, repr(layer), f"(N, {shapes.width})", f"{parameters:,}", f"{per_sample:,}", f"{shapes.flops:,}")
            rows.append(row)
        flops = sum(shapes.flops for shapes in self.shapes)
        total = f"{self.size:,} parameters, {4 * self.size / 1024:,.1f} KiB in float32; {flops:,} FLOPs per sample"
        columns = ("name", "layer", "output", "parameters", "bytes/sample", "FLOPs/sample")
        return Table(columns, rows, caption=total, right=(3, 4, 5))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, the reverse of `from_dict`."""
        return {"inputs": self.inputs, "layers": [layer.to_dict() for layer in self.layers]}

    def to_json(self) -> str:
        """JSON text, the reverse of `from_json`."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """The network that `to_dict` described; a SettingError for anything else."""
        if not (isinstance(data, dict) and set(data) == {"inputs", "layers"} and isinstance(data["layers"], list)):
            raise SettingError("network", '"inputs" and "layers"', brief(data), "write it with Network.to_json")
        return cls(data["inputs"], *[Layer.from_dict(item) for item in data["layers"]])

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The network that `to_json` wrote; a SettingError for anything else."""
        try:
            data = json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise SettingError("network", "JSON text", brief(str(error)), "write it with Network.to_json") from None
        return cls.from_dict(data)


def _layer(item: Any, position: int) -> Layer:
    """The layer that one argument of Network stands for."""
    if isinstance(item, Layer):
        return item
    if isinstance(item, str):
        try:
            return Layer.lookup(item)()
        except TypeError:
            kind = Layer.lookup(item).__name__
            raise SettingError(
                f"layer {position} of Network", "a layer that needs no settings", brief(item), f"write cp.{kind}(...)"
            ) from None
    if isinstance(item, type) and issubclass(item, Layer):
        raise SettingError(
            f"layer {position} of Network", "a layer", f"the class {item.__name__}", f"write cp.{item.__name__}()"
        )
    try:
        return Dense(item)
    except SettingError:
        raise SettingError(
            f"layer {position} of Network", "a layer, a width or the name of an activation", brief(item),
            suggest("", ["cp.Dense(10)", "10", '"relu"']),
        ) from None  # fmt: skip
