"""Named values: frozen dataclasses (layers, losses, initializers, ...) that know their kind by name and go to JSON.

A subclass of a family's root registers itself under its class name, which is all that a new layer or loss needs
to be found by shorthand, read from a model file and named in a suggestion.
"""

import dataclasses
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

from clearprop.arrays.errors import SettingError, brief, suggest

T = TypeVar("T")


class Kind:
    """Root of the families; `class Layer(Value, family="layer")` founds one, whose members are its descendants."""

    family: ClassVar[str]
    members: ClassVar[dict[str, type[Any]]]

    def __init_subclass__(cls, family: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if family:
            cls.family, cls.members = family, {}
        elif hasattr(cls, "members") and not _abstract(cls) and not cls.__name__.startswith("_"):
            cls.members[cls.__name__] = cls

    def keep(self, **checked: Any) -> None:
        """Set fields to what a check made of them: 3 for numpy.int64(3), which JSON does not know."""
        vars(self).update(checked)

    def __repr__(self) -> str:
        """The call that makes this value: fields in order, those at their default left out."""
        given: list[str] = []
        named: list[str] = []
        in_order = True
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if not field.init:
                continue
            if value == _default(field):
                in_order = in_order and field.kw_only is True
            elif in_order and not field.kw_only:
                given.append(repr(value))
            else:
                named.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(given + named)})"

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the kind and every field; the reverse of `from_dict`."""
        fields = (f.name for f in dataclasses.fields(self) if f.init)  # type: ignore[arg-type]
        values = {name: getattr(self, name) for name in fields}
        return {"kind": type(self).__name__} | {
            name: value.to_dict() if isinstance(value, Kind) else value for name, value in values.items()
        }

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """The value that `to_dict` described; anything else is a SettingError. Never runs what it reads."""
        if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
            raise SettingError(cls.family, 'an object with a "kind"', brief(data), "write it with to_dict")
        member = cls.lookup(data["kind"])
        fields = {f.name: f for f in dataclasses.fields(member) if f.init}
        values = {}
        for name, value in data.items():
            if name == "kind":
                continue
            if name not in fields:
                raise SettingError(f"{cls.family} {member.__name__}", "a known field", name, suggest(name, fields))
            family = getattr(member, "parts", {}).get(name)
            values[name] = family.from_dict(value) if family and value is not None else value
        try:
            return member(**values)
        except TypeError as error:
            raise SettingError(
                f"{cls.family} {member.__name__}", "all its fields", str(error), "write it with to_dict"
            ) from None

    @classmethod
    def lookup(cls, name: str) -> type[Any]:
        """The member called `name`; capitals, hyphens and underscores do not matter.

        A SettingError with a suggestion where there is none.
        """
        by_shape = {_folded(known): member for known, member in cls.members.items()}
        try:
            return by_shape[_folded(name)]
        except KeyError:
            raise SettingError(
                cls.family,
                "the name of one (your own must be imported first)",
                brief(name),
                suggest(name.lower(), [known.lower() for known in cls.members]),
            ) from None


@dataclass_transform(frozen_default=True, kw_only_default=False, field_specifiers=(dataclasses.field,))
def value(cls: type[T]) -> type[T]:
    """Make a frozen dataclass of a class below Value, which already has `==`, `hash` and `repr`.

    The same as `dataclass(frozen=True)`, which would write these methods anew for every class and so take a third of
    the time that `import clearprop` takes.
    """
    return dataclasses.dataclass(eq=False, repr=False)(cls)


class Value(Kind):
    """A Kind that never changes: fields are set once, equal fields make equal values."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self):
            raise dataclasses.FrozenInstanceError(f"cannot change {name} of {self!r}; make another with {name}=...")
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))


def _abstract(cls: type[Any]) -> bool:
    """Whether `cls` is an outline only; asked while the class is being made, before Python itself notes it."""
    return any(getattr(getattr(cls, name, None), "__isabstractmethod__", False) for name in dir(cls))


def _folded(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
