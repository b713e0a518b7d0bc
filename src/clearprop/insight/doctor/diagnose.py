"""`cp.diagnose`: which mistake is in a learner's code."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clearprop.arrays.errors import ClearpropError, SettingError, brief
from clearprop.insight.derivation.record import record
from clearprop.insight.doctor import forwards, losses, updates
from clearprop.insight.doctor.diagnosis import Diagnosis
from clearprop.insight.doctor.draws import random_draw
from clearprop.insight.doctor.learner import Learner, Stopped, checked_forms, repeated, step_of
from clearprop.insight.doctor.matching import fit, matched
from clearprop.insight.doctor.problem import Form
from clearprop.insight.doctor.search import TOLERANCE, Draw
from clearprop.insight.doctor.starts import diagnose_start
from clearprop.insight.doctor.verdict import uncleared, verdict
from clearprop.network.model import Model
from clearprop.training.optimizer import Optimizer
from clearprop.training.optimizers import SGD

DRAWS = 3
MORE = 2  # draws that are added where several hypotheses remain


def diagnose(
    model: Model,
    batch: Any = None,
    *,
    gradients: Any = None,
    backward: Any = None,
    step: Any = None,
    forward: Any = None,
    loss: Any = None,
    update: Any = None,
    parameters: Any = None,
    optimizer: Optimizer | None = None,
    layout: str | None = None,
    order: Sequence[str] | None = None,
    labels: bool = False,
    per_sample: str | None = None,
    seed: int = 0,
) -> Diagnosis:
    """Compare a learner's work with the right one, and name the mistake that gives exactly their numbers.

    model: the network and loss that the learner's code is for.

    - gradients: arrays of the gradient on `batch`, (x, t): a mapping (dW1, grad_b2, dense1.W, ...) or in order.
    - backward: their code, called on inputs of the doctor's choosing: a function of x, y, params, W1, b1, Z1, A1,
      cache, m, ... by these names, function(params, x, y), or a class or object with forward and backward. The arrays
      of a single layer need no number: W, b, Z, dW.
    - step: a training step of the same arguments and lr, which gives the new parameters or changes them.
    - forward: a function of x and parameters, or an object with forward. loss: a function of prediction and target.
    - update: a function of parameters, gradients and lr; `optimizer` is what it should do, cp.SGD by default.
    - parameters: the arrays that they start with, seen with `batch`. With nothing else, the model's own and the batch.

    layout: "rows" (samples x features) or "columns", else found out. order: names of what comes back, such as ["dW2",
    "db2", "dW1", "db1"]. labels: targets as class indices instead of one-hot rows. per_sample: "sum" or "mean" for code
    that takes one sample at a time.

    A finding means that the reference with that mistake agrees with every number to 1e-6, on three draws where code is
    given, and that the right ones are far off. Where several mistakes give the same numbers all are listed, less those
    that the source of a function speaks against.

    >>> import clearprop as cp
    >>> model = cp.Model(cp.Network(2, 3, "tanh", 1), cp.SquaredError())
    >>> def backward(x, y, A1, W2, Z2):
    ...     delta2 = Z2 - y                               # and where is 1 / m?
    ...     delta1 = delta2 @ W2.T * (1 - A1**2)
    ...     return {"W1": x.T @ delta1, "b1": delta1.sum(0), "W2": A1.T @ delta2, "b2": delta2.sum(0)}
    >>> print(diagnose(model, backward=backward))  # doctest: +ELLIPSIS
    One mistake, in delta2 (the derivative of the loss): no 1/N.
    The loss is a mean over the samples, so its gradient has the factor 1/N; ...
    """
    if not isinstance(model, Model):
        raise SettingError("diagnose", "a Model", brief(model), "make one with cp.Model(network, loss)")
    if per_sample not in (None, "sum", "mean"):
        raise SettingError("diagnose", 'per_sample to be "sum" or "mean"', brief(per_sample), "change it")
    forms = checked_forms(model, layout, labels, per_sample)
    found: dict[str, Diagnosis] = {}
    codes = {"forward": forward, "loss": loss, "backward": backward, "update": update}
    nothing = gradients is None and step is None and all(code is None for code in codes.values())
    if parameters is not None or (nothing and batch is not None):
        found["start"] = diagnose_start(record("diagnose", model, _given(batch), forms[0].layout), parameters)
    if gradients is not None:
        found["gradients"] = _of_arrays(model, _given(batch), gradients, forms, order)
    if step is not None:
        learner = Learner(step, order, call=step_of)
        found["step"] = updates.unmoved(_Code(model, forms, seed).gradient(learner), learner)
    for part, code in codes.items():
        if code is not None:
            found[part] = _of_code(part, code, _Code(model, forms, seed), order, per_sample, optimizer)
    if not found:
        raise SettingError(
            "diagnose", "gradients, backward, forward, loss, update or a batch", "none", "give one of them"
        )
    return _joined(found)


def _given(batch: Any) -> Any:
    if batch is None:
        raise SettingError("diagnose", "the batch that the arrays belong to", "none", "give batch=(x, t)")
    return batch


def _joined(found: dict[str, Diagnosis]) -> Diagnosis:
    """One diagnosis: of the first part that is not correct, with the others behind it."""
    note = losses.together(found) if {"loss", "backward"} <= found.keys() else ""
    parts = sorted(found.values(), key=bool)
    first = dataclasses.replace(parts[0], notes=(*parts[0].notes, note)) if note else parts[0]
    return dataclasses.replace(first, also=tuple(parts[1:]))


def _of_arrays(model: Model, batch: Any, gradients: Any, forms: list[Form], order: Sequence[str] | None) -> Diagnosis:
    candidates = []
    for form in forms:
        found = record("diagnose", model, batch, form.layout)
        draw, learner = Draw.of(found.steps, found.given), Learner(None, order)
        learner.shared(gradients)
        theirs = learner.shaped(draw, matched(gradients, draw.steps, order, draw.right), form)
        candidates.append((dataclasses.replace(draw, theirs=theirs), learner))
    draw, learner = max(candidates, key=lambda one: fit(one[0]))
    return verdict([draw], learner)


def _of_code(
    part: str,
    code: Any,
    calls: "_Code",
    order: Sequence[str] | None,
    per_sample: str | None,
    optimizer: Optimizer | None,
) -> Diagnosis:
    if part == "backward":
        return calls.gradient(Learner(code, order, per_sample))
    if part == "update":
        return calls.update(Learner(code, order), optimizer or SGD(0.1))
    if part == "forward":
        return calls.values(Learner(code, call=forwards.outputs_of, named=forwards.named), part, forwards.stability)
    learner = Learner(code, call=losses.loss_of, named=losses.named)
    found = calls.values(learner, part)
    if calls.form is not None and not found.stopped:
        losses.habits(learner, calls.draw(calls.form, 0), calls.form)
    return dataclasses.replace(found, notes=tuple(learner.notes))


def _again(one: tuple[Form, Draw], others: list[tuple[Form, Draw]]) -> bool:
    """Whether the code gave the very same arrays in another form of this layout."""
    return any(
        form.layout == one[0].layout
        and draw.theirs.keys() == one[1].theirs.keys()
        and all(np.array_equal(values, draw.theirs[name]) for name, values in one[1].theirs.items())
        for form, draw in others
    )


class _Code:
    """Calls of a learner's code on draws of one model, in the form that fits it."""

    def __init__(self, model: Model, forms: list[Form], seed: int) -> None:
        self.model, self.forms, self.seed = model, forms, seed
        self.form: Form | None = None
        self.draws: dict[tuple[str, int], Draw] = {}

    def draw(self, form: Form, number: int) -> Draw:
        """The draw of this number in the form's layout."""
        key = form.layout, number
        if key not in self.draws:
            self.draws[key] = random_draw(self.model, form.layout, self.seed, number)
        return self.draws[key]

    def gradient(self, learner: Learner) -> Diagnosis:
        """The verdict on code that gives gradients."""
        return self._first_known(learner, "backward", self._gradient)

    def values(self, learner: Learner, part: str, then: Callable[..., Diagnosis] | None = None) -> Diagnosis:
        """The verdict on a forward pass or a loss."""

        def of(learner: Learner, form: Form) -> Diagnosis:
            found = self._verdict(learner, form, part)
            return found if then is None else then(learner, self.draw(form, 0), form, found)

        return self._first_known(learner, part, of)

    def _first_known(self, learner: Learner, part: str, of: Callable[[Learner, Form], Diagnosis]) -> Diagnosis:
        """The verdict in the form that fits best, or in the next one if it is unknown there."""
        first: Diagnosis | None = None
        try:
            for form in self._fitting(learner):
                learner.notes.clear()
                found = of(learner, form)
                if first is None or found.verdict != "unknown":
                    first, self.form = found, form
                if found.verdict != "unknown":
                    break
        except Stopped as problem:
            return first or Diagnosis("unknown", part=part, stopped=str(problem), notes=tuple(learner.notes))
        assert first is not None
        return first

    def _gradient(self, learner: Learner, form: Form) -> Diagnosis:
        adding = repeated(learner, self.draw(form, 0), form)[1]
        if adding is None:
            return self._verdict(learner, form, "backward")
        draws = [repeated(learner, self.draw(form, number), form)[0] for number in range(DRAWS)]
        return uncleared(verdict(draws, learner), adding)

    def update(self, learner: Learner, optimizer: Optimizer) -> Diagnosis:
        """The verdict on an update, in the first form that it takes."""
        form, problem = self.forms[0], ""
        for form in self.forms:
            try:
                draws = [self.draw(form, number) for number in range(updates.STEPS)]
                return updates.diagnose_update(learner, draws, form, optimizer)
            except Stopped as stopped:
                problem = problem or str(stopped)
        return Diagnosis("unknown", part="update", stopped=problem, layout=form.layout)

    def _verdict(self, learner: Learner, form: Form, part: str) -> Diagnosis:
        draws = [learner.answer(self.draw(form, number), form) for number in range(DRAWS)]
        found = verdict(draws, learner, part)
        if found.verdict == "several hypotheses":  # fresh numbers may tell them apart
            draws += [learner.answer(self.draw(form, DRAWS + number), form) for number in range(MORE)]
            found = verdict(draws, learner, part, found.hypotheses)
        return found

    def _fitting(self, learner: Learner) -> list[Form]:
        """The forms in which the code runs and its arrays have the right shapes, the best first."""
        answers: list[tuple[Form, Draw]] = []
        problems: list[Exception] = []
        for form in self.forms:
            try:
                trial = dataclasses.replace(learner, notes=[])
                answers.append((form, trial.answer(self.draw(form, 0), form)))
            except (Stopped, ClearpropError) as problem:
                problems.append(problem)
            if answers and fit(answers[-1][1])[2] > -TOLERANCE:
                return [answers[-1][0]]  # right in this form
        if not answers:
            raise next((one for one in problems if isinstance(one, ClearpropError)), problems[0])
        best = max(fit(draw)[:2] for _, draw in answers)
        fitting = [one for i, one in enumerate(answers) if fit(one[1])[:2] == best and not _again(one, answers[:i])]
        return [form for form, draw in sorted(fitting, key=lambda one: -fit(one[1])[2])]
