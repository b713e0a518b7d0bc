"""A learner's update of the parameters, against each version of the optimizer's rule."""

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.insight.derivation.lines import NAME
from clearprop.insight.derivation.steps import Arrays
from clearprop.insight.doctor.adapters import called, method
from clearprop.insight.doctor.diagnosis import Deviation, Diagnosis, Finding, Formula
from clearprop.insight.doctor.latex import latex
from clearprop.insight.doctor.learner import Learner, guarded
from clearprop.insight.doctor.matching import matched
from clearprop.insight.doctor.names import Names, names_of
from clearprop.insight.doctor.problem import Form, Problem
from clearprop.insight.doctor.search import TOLERANCE, Draw, distance
from clearprop.insight.doctor.update_rules import SGD_RULE, STEP, UpdateMistake, UpdateRule, rule_of
from clearprop.training.optimizer import Optimizer

STEPS = 3
UPDATE = ("update", "step", "update_params", "update_parameters", "apply_gradients")


def diagnose_update(learner: Learner, draws: list[Draw], form: Form, optimizer: Optimizer) -> Diagnosis:
    """Three steps of the learner's update with fresh gradients, against each version of the rule."""
    rule = rule_of(optimizer)
    settings = {"rate": optimizer.learning_rate, **{k: v for k, v in vars(optimizer).items() if isinstance(v, float)}}
    names = list(draws[0].steps.parameters)
    gradients = [{name: np.asarray(draw.right[f"d{name}"]) for name in names} for draw in draws]
    start = {name: draws[0].given[name] for name in names}
    theirs = _steps(learner, draws, form, optimizer)
    right = {name: _played(rule.lines, start[name], [g[name] for g in gradients], settings) for name in names}
    errors = {name: _gap(theirs[name], right[name]) for name in names}
    fine = tuple(name for name in names if errors[name] < TOLERANCE)
    found = Diagnosis("correct", part="update", right=fine, agreement=max(errors[n] for n in fine) if fine else 0.0,
                      before=max(errors.values()), draws=STEPS, notes=tuple(learner.notes))  # fmt: skip
    wrong = [name for name in names if name not in fine]
    if not wrong:
        return found
    explained: dict[str, list[UpdateMistake]] = {name: [] for name in wrong}
    reached = 0.0
    for name in wrong:
        for entry in (*rule.mistakes, *_others(rule, name, gradients[0])):
            lines = {**rule.lines, **entry.lines}
            gap = _gap(theirs[name], _played(lines, start[name], [g[name] for g in gradients], settings, gradients))
            if gap < TOLERANCE:
                explained[name].append(entry)
                reached = max(reached, gap)
    kinds = list(dict.fromkeys(tuple(entry.name for entry in explained[name]) for name in wrong))
    if not all(kinds) or len(kinds) > 2:
        says = {name: _says(theirs[name], right[name]) for name in wrong}
        text = tuple(f"{name} = {code}" for name, code in rule.lines.items())
        deviations = tuple(Deviation(name, errors[name], says[name]) for name in wrong)
        return Diagnosis("unknown", part="update", right=fine, deviations=deviations, suspects=text, notes=found.notes)
    groups = [[name for name in wrong if tuple(e.name for e in explained[name]) == kind] for kind in kinds]
    options = [[_finding(entry, rule, group, learner.names) for entry in explained[group[0]]] for group in groups]
    findings = tuple(itertools.product(*options))
    verdict = ("one mistake", "two mistakes")[len(groups) - 1] if len(findings) == 1 else "several hypotheses"
    return Diagnosis(verdict, findings, "update", reached, found.before, STEPS, right=fine, notes=found.notes)


def _steps(learner: Learner, draws: list[Draw], form: Form, optimizer: Optimizer) -> dict[str, list[Any]]:
    """The parameters after each step, in the reference's form."""
    first = Problem(draws[0].steps, draws[0].given, draws[0].right, form)
    params: Arrays = {name: first.array(name) for name in first.steps.parameters}
    with guarded():
        code = learner.made(first)
    kept: dict[str, list[Any]] = {name: [] for name in params}
    for t, draw in enumerate(draws, 1):
        values = {**draw.right, **{name: Problem(draw.steps, draw.given, params, form).array(name) for name in params}}
        problem = Problem(draw.steps, {**draw.given, **params}, values, form)
        before = {name: array.copy() for name, array in params.items()}
        with guarded():
            call: Callable[..., Any] = method(code, UPDATE) or code
            found = called(call, problem, "update", **_known(problem, optimizer, t))
        learner.names = names_of(learner.code, problem)
        given = problem.parameters()
        if found is not None:
            old = {f"d{name}": array for name, array in given.items()}
            given = {name[1:]: v for name, v in matched(found, draw.steps, learner.order, old).items()}
        params = before | given
        arrays = list(params.items())
        for (one, a), (other, b) in itertools.combinations(arrays, 2):
            if np.shares_memory(a, b):
                learner.note(f"{one} and {other} share their memory after the update: they will move together")
        for name in kept:
            kept[name].append(
                np.array(params[name]).reshape(np.shape(draw.right[name]))
                if np.size(params[name]) == np.size(draw.right[name])
                else np.array(params[name])
            )
        params = {name: np.array(values) for name, values in params.items()}
    return kept


def _known(problem: Problem, optimizer: Optimizer, t: int) -> dict[str, Any]:
    params, grads = problem.value("params"), problem.value("grads")
    spelled = {**grads, **{name: grads[f"d{name}"] for name in params}}
    words: dict[str, Any] = dict.fromkeys(
        ("lr", "learning_rate", "alpha", "eta", "rate", "step_size"), optimizer.learning_rate
    )
    words |= dict.fromkeys(("params", "parameters", "w", "weights", "theta", "model"), params)
    words |= dict.fromkeys(("grads", "gradients", "grad", "gradient", "g", "dw"), spelled)
    words = {word: value for word, value in words.items() if not problem.of_one_layer(word)}
    return (
        words
        | {"t": t, "step": t, "iteration": t, "momentum": getattr(optimizer, "momentum", 0.0)}
        | {name: getattr(optimizer, name) for name in ("beta1", "beta2", "epsilon") if hasattr(optimizer, name)}
    )


def _others(rule: UpdateRule, name: str, gradients: Arrays) -> list[UpdateMistake]:
    """Another parameter's gradient of the same shape in the place of this one's."""
    if rule.lines["w"] != STEP:
        return []
    return [
        UpdateMistake(
            f"gradient of {other} used", "Each parameter moves by its own gradient.", f"use d{name}",
            {"w": f"w - rate * all_g['{other}']"},
        )
        for other, values in gradients.items()
        if other != name and np.shape(values) == np.shape(gradients[name])
    ]  # fmt: skip


def _played(
    lines: Mapping[str, str], w: Any, gradients: list[Any], settings: Mapping[str, Any], every: Any = None
) -> list[Any]:
    """The parameter after each step of a rule."""
    space: dict[str, Any] = {"np": np, "w": w, "m": 0.0 * w, "v": 0.0 * w, **settings}
    after = []
    with np.errstate(all="ignore"):
        for t, g in enumerate(gradients, 1):
            space |= {"t": t, "g": g, "all_g": every[t - 1] if every else {}}
            for name, code in lines.items():
                try:
                    space[name] = eval(code, {"__builtins__": {}}, space)
                except ZeroDivisionError:
                    space[name] = np.full_like(w, np.nan)
            after.append(space["w"])
    return after


def _gap(mine: list[Any], theirs: list[Any]) -> float:
    pairs = list(zip(mine, theirs, strict=True))
    if any(np.shape(a) != np.shape(b) for a, b in pairs):
        return float("inf")
    if any(not np.isfinite(a).all() for a, _ in pairs):
        return 0.0 if all(np.array_equal(np.isfinite(a), np.isfinite(b)) for a, b in pairs) else float("inf")
    return max(distance(a, b) for a, b in pairs)


def _says(theirs: list[Any], right: list[Any]) -> str:
    if np.shape(theirs[0]) != np.shape(right[0]):
        return f"of shape {np.shape(theirs[0])} where {np.shape(right[0])} belongs"
    step = next((i for i, (a, b) in enumerate(zip(theirs, right, strict=True), 1) if distance(a, b) > 1e-6), 1)
    return f"wrong from step {step} on, by {distance(theirs[step - 1], right[step - 1]):.2g} (relative)"


def _finding(entry: UpdateMistake, rule: UpdateRule, names: list[str], learners: Names) -> Finding:
    first = names[0]  # stands for all

    def named(code: str) -> str:
        return re.sub(r"\bg\b", f"d{first}", re.sub(r"\bw\b", first, code))

    formulas = tuple(
        _formula(named(name), named(code), named(rule.lines[name]), learners)
        for name, code in entry.lines.items()
        if rule.lines[name] != code
    )
    where = " and ".join(", ".join(map(learners.of, names)).rsplit(", ", 1))
    return Finding(entry.name, "", f"in the update of {where}", entry.says, entry.mend, formulas, entry.source)


def _formula(name: str, wrong: str, right: str, learners: Names) -> Formula:
    return Formula(
        name, learners.of(name), "", "", learners.of(wrong), learners.of(right), latex(wrong), latex(right),
        _line(name, learners),
    )  # fmt: skip


def _line(name: str, learners: Names) -> tuple[int, str] | None:
    """Where a parameter is assigned; else where its gradient is, if that takes the parameter: the wrong name."""
    astray = learners.lines.get(f"d{name}")
    taken = astray is not None and learners.of(name) in NAME.findall(astray[1].partition("=")[2])
    return learners.lines.get(name) or (astray if taken else None)


def unmoved(found: Diagnosis, learner: Learner) -> Diagnosis:
    """The diagnosis of a step: where a gradient seems to be zero, its parameter has not been moved."""
    entry = next(entry for entry in SGD_RULE.mistakes if entry.name == "parameter never updated")

    def told(finding: Finding) -> Finding:
        if finding.name != "never filled":
            return finding
        names = sorted((formula.name[1:] for formula in finding.formulas), key=lambda name: re.findall(r"\d+", name))
        return _finding(entry, SGD_RULE, names, learner.names)

    return replace(found, findings=tuple(tuple(map(told, alternative)) for alternative in found.findings))
