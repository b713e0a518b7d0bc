"""Which hints have been shown: a small file in the folder where the learner works."""

import json
from pathlib import Path

from clearprop.arrays.errors import SettingError
from clearprop.arrays.files import atomic
from clearprop.grader.exercise import Exercise

FILE = ".clearprop-hints.json"


def next_hint(one: Exercise, folder: Path, number: int | None = None) -> str:
    """Hint number `number`, or else the next one that has not been shown; the last one again after that."""
    count = len(one.hints)
    if number is not None and not 1 <= number <= count:
        raise SettingError("--number", f"a hint of {one.name}, 1 to {count}", str(number), "leave it out")
    shown = _shown(folder)
    place = number or min(shown.get(one.name, 0) + 1, count)
    if number is None:
        with atomic(folder / FILE) as file:
            file.write(json.dumps(shown | {one.name: place}, indent=1).encode())
    left = f"{count - place} more" if place < count else "the last one"
    return f"{one.name}, hint {place} of {count} ({left}): {one.hints[place - 1]}"


def _shown(folder: Path) -> dict[str, int]:
    """How many hints of each exercise; nothing where the file cannot be understood."""
    try:
        found = json.loads((folder / FILE).read_bytes()[:10_000])
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: count for name, count in found.items() if type(count) is int and 0 <= count < 100}
