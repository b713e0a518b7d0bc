"""A learner's code, called with care: its prints are swallowed, its faults told in a sentence, its habits noted."""

import contextlib
import copy
import dataclasses
import inspect
import io
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.arrays.errors import ClearpropError, SettingError
from clearprop.insight.derivation.steps import Arrays
from clearprop.insight.doctor.adapters import called, gradients_of, made
from clearprop.insight.doctor.matching import matched, squeezed
from clearprop.insight.doctor.names import Names, keys_of, names_of
from clearprop.insight.doctor.problem import RATE, Form, Problem
from clearprop.insight.doctor.search import Draw, distance
from clearprop.layers.dense import Dense
from clearprop.network.model import Model


class Stopped(Exception):
    """The learner's code did not come to an end; the sentence says why."""


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Learners' code runs inside: what it raises becomes Stopped, what it prints or warns of is dropped."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    except ClearpropError:
        raise
    except (Exception, SystemExit) as error:  # whatever the learner's code may raise
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "clearprop" not in frame.filename]
        frame = next((frame for frame in reversed(frames) if "site-packages" not in frame.filename), None)
        where = "" if frame is None else f" in line {frame.lineno}" + (f", `{frame.line}`" if frame.line else "")
        says = " ".join(str(error).split())
        raise Stopped(
            f"your code stopped with {type(error).__name__}{where}" + (f": {says[:200]}" if says else "")
        ) from None


@dataclass(eq=False)
class Learner:
    """Code that gives gradients, and how it is called."""

    code: Any
    order: Sequence[str] | None = None
    per_sample: str | None = None
    call: Callable[..., Any] = gradients_of
    named: Callable[[Any, Draw, Form], Arrays] | None = None  # how what it gives is told apart; None: as gradients
    notes: list[str] = field(default_factory=list)
    names: Names = field(default_factory=Names)
    form: Form = field(default_factory=Form)  # of the last answer

    def note(self, says: str) -> None:
        """Something worth knowing, once."""
        if says not in self.notes:
            self.notes.append(says)

    def answer(self, draw: Draw, form: Form, code: Any = None) -> Draw:
        """The draw with what the code gives there; Stopped or a ClearpropError where it gives nothing of use."""
        problem = Problem(draw.steps, draw.given, draw.right, form)
        with guarded():
            if code is None:
                code = self.made(problem)
            found = self.call(code, problem, self.per_sample)
        if found is None:
            raise Stopped("your code returned None; end it with return, or keep the gradients as dW1, db1, ...")
        self.shared(found)
        self._changed(problem)
        if self.named is None:
            theirs = matched(_copied(found), draw.steps, self.order, draw.right)
        else:
            theirs = self.named(_copied(found), draw, form)
        keys = keys_of(found, theirs, problem) if isinstance(found, Mapping) else {}
        self.names, self.form = names_of(self.code, problem, keys), form
        return dataclasses.replace(draw, theirs=self.shaped(draw, theirs, form))

    def made(self, problem: Problem) -> Any:
        """An object that is the learner's own for as long as it is called."""
        if inspect.isclass(self.code):
            return made(self.code, problem)
        if callable(self.code) and not hasattr(self.code, "backward"):
            return self.code
        try:
            return copy.deepcopy(self.code)
        except Exception:
            return self.code

    def shaped(self, draw: Draw, theirs: Arrays, form: Form) -> Arrays:
        """Vectors in the reference's shape, weights as the reference has them; notes on what broadcasts or is whole."""
        shaped = {}
        for name, values in theirs.items():
            right = np.asarray(draw.right[name])
            if form.transposed and name.startswith("dW"):
                values = values.T
            vector = 1 in (values.ndim, right.ndim) or not name.startswith("dW")
            if vector and values.shape != right.shape and squeezed(values.shape) == squeezed(right.shape):
                if right.ndim == 2 and not form.flat and (values.ndim == 2 or form.layout == "columns"):
                    self._broadcasts(name, values.shape, right.shape)
                values = values.reshape(right.shape)
            elif values.shape != right.shape and _broadcasts(values.shape, right.shape):
                self._broadcasts(name, values.shape, right.shape)
            shaped[name] = values
        return shaped

    def _broadcasts(self, name: str, has: tuple[int, ...], wanted: tuple[int, ...]) -> None:
        if not any(note.startswith(f"{name} has the shape ") for note in self.notes):
            self.note(
                f"{name} has the shape {has} where its parameter has {wanted}: subtracting one from the other "
                "broadcasts without a word; reshape it, or sum with keepdims=True"
            )

    def shared(self, found: Any) -> None:
        """Notes on gradients that are one and the same array, or that cannot hold decimals."""
        arrays = dict(_arrays(found))
        names = list(arrays)
        for name in (name for name in names if arrays[name].dtype.kind in "iu"):
            self.note(f"{name} holds whole numbers, so decimals are cut off: make it with dtype=float")
        for i, one in enumerate(names):
            for other in names[i + 1 :]:
                if arrays[one].size and np.shares_memory(arrays[one], arrays[other]):
                    self.note(
                        f"{one} and {other} share their memory: writing one changes the other; make an array for each"
                    )

    def _changed(self, problem: Problem) -> None:
        for name, given in problem.handed:
            if not np.array_equal(given, problem.array(name)):
                self.note(
                    f"your code changes {problem.names.get(name, name)} in place: whoever uses it afterwards, "
                    "such as the layer before, sees the changed one"
                )


def _broadcasts(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether arrays of these shapes are combined without a word."""
    try:
        return np.broadcast_shapes(one, other) is not None
    except ValueError:
        return False


def _arrays(found: Any, name: str = "gradient") -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    if isinstance(found, Mapping):
        for key, value in found.items():
            yield from _arrays(value, str(key))
    elif isinstance(found, (list, tuple)):
        for i, value in enumerate(found, 1):
            yield from _arrays(value, f"{name} {i}")
    elif isinstance(found, np.ndarray):
        yield name, found


def _copied(found: Any) -> Any:
    if isinstance(found, Mapping):
        return {key: _copied(value) for key, value in found.items()}
    if isinstance(found, (list, tuple)):
        return [_copied(value) for value in found]
    return found.copy() if isinstance(found, np.ndarray) else found


def repeated(learner: Learner, draw: Draw, form: Form) -> tuple[Draw, float | None]:
    """The draw with what the code gives beyond what it had; and, if calls add up, how far two calls are from doubling.

    The same batch is given three times to the same object. Equal answers: None. Answers that grow by equal steps: the
    gradients are not cleared, and the step is the gradient. Anything else: it is random, which is noted.
    """
    problem = Problem(draw.steps, draw.given, draw.right, form)
    with guarded():
        code = learner.made(problem)
    first, second, third = (learner.answer(draw, form, code) for _ in range(3))
    if _gap(first, second) < 1e-9:
        return first, None
    steps = {name: second.theirs[name] - first.theirs[name] for name in first.theirs}
    again = {name: third.theirs[name] - second.theirs[name] for name in first.theirs}
    more, other = dataclasses.replace(draw, theirs=steps), dataclasses.replace(draw, theirs=again)
    if _gap(more, other) < 1e-6 and any(values.any() for values in steps.values()):
        return more, _gap(more, other)
    learner.note("called twice with the same arrays, your code gives other numbers: keep random masks as they are")
    return first, None


def step_of(code: Any, problem: Problem, per_sample: str | None = None) -> Any:
    """The gradients that a training step has used: old parameters less new ones, over the learning rate."""
    found = called(code, problem, "step")
    new = problem.parameters()
    if found is not None:
        old = {f"d{name}": problem.array(name) for name in problem.steps.parameters}
        new |= {name[1:]: values for name, values in matched(found, problem.steps, None, old).items()}
    problem.handed.clear()
    return {f"d{name}": (problem.array(name) - values) / RATE for name, values in new.items()}


def _gap(one: Draw, other: Draw) -> float:
    if any(one.theirs[name].shape != other.theirs[name].shape for name in one.theirs):
        return float("inf")
    return max(distance(one.theirs[name], other.theirs[name], one.floor) for name in one.theirs)


def checked_forms(model: Model, layout: str | None, labels: bool, per_sample: str | None) -> list[Form]:
    """The forms that are tried, the likeliest first."""
    if layout is not None and layout not in ("rows", "columns"):
        raise SettingError("diagnose", "the layout rows or columns", repr(layout), "leave it out to have it found out")
    layouts = [layout] if layout else ["rows", "columns"]
    forms = [Form(name, False, False, labels) for name in layouts]
    forms += [] if layout else [Form("rows", True, False, labels)]
    forms += [Form(name, False, True, labels) for name in layouts] if per_sample else []
    single = sum(isinstance(layer, Dense) for layer in model.network) == 1
    return forms + ([dataclasses.replace(form, plain=True) for form in forms] if single else [])
