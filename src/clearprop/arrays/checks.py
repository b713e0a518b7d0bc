"""Checks of single settings, so that every class states its bounds in one line."""

import math
import operator
from typing import Any

from clearprop.arrays.errors import SettingError, brief


def whole(where: str, name: str, value: Any, low: int = 1, high: int = 2**31 - 1) -> int:
    """`value` as an int within low..high, else a SettingError.

    >>> whole("Dense", "units", 3)
    3
    """
    try:
        number = operator.index(value)
    except Exception:  # what an object of a user's raises when it is asked for its value
        number = None
    if number is None or isinstance(value, bool) or not low <= number <= high:
        raise SettingError(where, f"{name} to be a whole number from {low} to {high}", brief(value), f"change {name}")
    return number


def real(
    where: str, name: str, value: Any, low: float = -math.inf, high: float = math.inf, open_low: bool = False
) -> float:
    """`value` as a finite float within low..high (without `low` itself if `open_low`), else a SettingError."""
    try:
        number = math.nan if isinstance(value, (bool, str, bytes)) else float(value)
    except Exception:  # what an object of a user's raises when it is asked for its value
        number = math.nan
    if not (math.isfinite(number) and low <= number <= high and not (open_low and number == low)):
        lower = "" if low == -math.inf else f" above {low:g}" if open_low else f" of at least {low:g}"
        upper = "" if high == math.inf else f"{' and' if lower else ''} at most {high:g}"
        raise SettingError(where, f"{name} to be a finite number{lower}{upper}", brief(value), f"change {name}")
    return number


def truth(where: str, name: str, value: Any) -> bool:
    """`value` if it is True or False, else a SettingError."""
    if not isinstance(value, bool):
        raise SettingError(where, f"{name} to be True or False", brief(value), f"change {name}")
    return value


def several(family: Any, values: Any, where: str) -> tuple[Any, ...]:
    """One value of a family, or a sequence of them, as a tuple; a SettingError for anything else."""
    made = tuple(values) if isinstance(values, (list, tuple)) else (values,)
    for one in made:
        if not isinstance(one, family):
            name = family.__name__
            raise SettingError(where, f"{name.lower()} values", brief(one), f"give a {name}, or a list of them")
    return made
