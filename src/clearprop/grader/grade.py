"""Grading a folder of submissions: one file per student, or a folder per student with a file per exercise."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from clearprop.arrays.errors import ClearpropError, FileError
from clearprop.arrays.files import location, told
from clearprop.grader import bubblewrap
from clearprop.grader.checking import check
from clearprop.grader.submission import exercise_of, read
from clearprop.grader.table import EXERCISES
from clearprop.grader.verdict import Verdict, clean

SUFFIXES = (".py", ".ipynb")
MOST = 10_000  # submissions
UNKNOWN = "?"


@dataclass(frozen=True)
class Mark:
    """One submission and its verdict."""

    student: str
    exercise: str
    file: str
    verdict: Verdict


@dataclass(frozen=True)
class Grades:
    """All marks of a folder, with the seed of the inputs; `wrapped` where they ran in bubblewrap."""

    folder: str
    seed: int
    wrapped: bool
    marks: tuple[Mark, ...]

    @cached_property
    def students(self) -> list[str]:
        """The students in alphabetical order."""
        return sorted({mark.student for mark in self.marks})

    @cached_property
    def exercises(self) -> list[str]:
        """The exercises that occur, in the order of learning."""
        seen = {mark.exercise for mark in self.marks}
        return [name for name in (*EXERCISES, UNKNOWN) if name in seen]

    @property
    def total(self) -> int:
        """How many exercises there are to pass."""
        return sum(name != UNKNOWN for name in self.exercises)

    @cached_property
    def best(self) -> dict[tuple[str, str], Mark]:
        """The mark of each student for each exercise: of several files the first that passes, or else the first."""
        found: dict[tuple[str, str], Mark] = {}
        for mark in sorted(self.marks, key=lambda mark: not mark.verdict.passed):
            found.setdefault((mark.student, mark.exercise), mark)
        return found

    def score(self, student: str) -> int:
        """How many exercises the student has passed."""
        return sum(mark.verdict.passed for (who, _), mark in self.best.items() if who == student)

    def mistakes(self) -> list[tuple[str, str, int]]:
        """Exercise, mistake and how many students made it, the commonest first."""
        counts = Counter(
            (name, mark.verdict.mistake) for (_, name), mark in self.best.items() if not mark.verdict.passed
        )
        return sorted(
            ((name, what, n) for (name, what), n in counts.items()), key=lambda row: (-row[2], row[0], row[1])
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "seed": self.seed, "bubblewrap": self.wrapped, "exercises": self.exercises,
            "students": [{"student": name, "passed": self.score(name)} for name in self.students],
            "mistakes": [{"exercise": e, "mistake": m, "students": n} for e, m, n in self.mistakes()],
            "marks": [
                {"student": mark.student, "file": mark.file, **mark.verdict.to_dict()} for mark in self.marks
            ],
        }  # fmt: skip


def grade(
    folder: Any, seed: int = 0, name: str | None = None, watch: Callable[[Mark], None] = lambda mark: None,
    wrapped: bool | None = None,
) -> Grades:  # fmt: skip
    """Check every submission below `folder`: student.py or .ipynb, or student/anything.py or .ipynb.

    The same file, seed and exercise always get the same mark. name: the exercise, where files do not say it. watch: is
    told each mark as it is made. Links are not followed.
    """
    place = location(folder)
    marks = []
    wrapped = bubblewrap.works() if wrapped is None else wrapped
    for student, path in submissions(place):
        marks.append(_mark(student, path, path.relative_to(place).as_posix(), seed, name, wrapped))
        watch(marks[-1])
    if not marks:
        raise FileError(str(place), "submissions such as ada.py or ada/softmax.py", "none", "check the folder")
    return Grades(str(folder), seed, wrapped, tuple(sorted(marks, key=lambda mark: (mark.student, mark.file))))


def submissions(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each student with a file, in alphabetical order."""
    with told(folder, "a folder of submissions"):
        inner = sorted(folder.iterdir())
        pairs = [(one.stem, one) for one in inner] + [
            (one.name, file) for one in inner if one.is_dir() and not one.is_symlink() for file in sorted(one.iterdir())
        ]
    count = 0
    for student, path in pairs:
        hidden = student.startswith((".", "__")) or path.name.startswith((".", "__"))
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink() and not hidden:
            count += 1
            if count > MOST:
                raise FileError(str(folder), f"at most {MOST:,} submissions", "more", "grade them in parts")
            yield student, path


def _mark(student: str, path: Path, file: str, seed: int, name: str | None, wrapped: bool) -> Mark:
    try:
        source = read(path)
        exercise = exercise_of(source, path, name)
    except ClearpropError as error:
        verdict = Verdict(UNKNOWN, False, "unreadable", f"wanted {error.wanted}, got {error.got}", error.advice)
        return Mark(clean(student), UNKNOWN, clean(file), verdict)
    return Mark(clean(student), exercise.name, clean(file), check(source, exercise, seed=seed, wrapped=wrapped))
