"""`derivation.prove()`: SymPy's derivative of the forward pass beside the gradient by hand and the printed lines."""

import functools
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clearprop.arrays.backend import symbolic
from clearprop.arrays.checks import real
from clearprop.arrays.table import Table
from clearprop.data.dataset import Samples
from clearprop.insight.checking.check import check
from clearprop.insight.derivation.steps import Steps
from clearprop.layers.activations import Activation
from clearprop.layers.dropout import Dropout
from clearprop.network.model import Model

if TYPE_CHECKING:
    from clearprop.insight.derivation.proving import Finding, Side

PARAMETERS = 60  # of a network that is written out
SAMPLES = 16  # of random data, for what is not
DRAWS = 20  # points tried, to see each kink from both sides


class Proved(NamedTuple):
    """How something was proved: "symbolically", "numerically" or "not proved". note: where it holds, or fails."""

    what: str
    how: str
    note: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, repr=False)
class Proof:
    """What was proved of a derivation, and how; true in an `if` unless something failed. Prints as a table."""

    rows: tuple[Proved, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether nothing is left that is not proved."""
        return all(row.how != "not proved" for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    def __getitem__(self, what: str) -> Proved:
        """The row of that name, or of a parameter by its name; a KeyError where there is none."""
        return {row.what.split(",")[0]: row for row in self.rows}[what]

    def summary(self) -> str:
        """The finding in one sentence."""
        counts = {how: sum(row.how == how for row in self.rows) for how in ("symbolically", "numerically")}
        failed = [row for row in self.rows if row.how == "not proved"]
        if failed:
            return f"not proved: {failed[0].what}: {failed[0].note}"
        told = " and ".join(f"{count} {how}" for how, count in counts.items() if count)
        return f"proved {told}, in {self.seconds:.1f} s"

    def table(self) -> Table:
        """One line for each function, loss and parameter."""
        rows = [(row.what, row.how, row.note, f"{row.seconds:.2f}") for row in self.rows]
        return Table(("what", "proved", "where", "seconds"), rows, self.summary(), right=(3,))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"ok": self.ok, "seconds": self.seconds, "rows": [row._asdict() for row in self.rows]}

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def prove(steps: Steps, seconds: float = 60.0) -> Proof:
    """See `Derivation.prove`."""
    symbolic()  # a MissingExtra where there is no SymPy
    from clearprop.insight.derivation import proving

    began, rows, loss = time.perf_counter(), [], steps.loss
    until = began + real("prove", "seconds", seconds, low=0.0)
    for i, layer in enumerate(steps.network):
        if isinstance(layer, Activation) and layer not in steps.network.layers[:i]:
            but = f" but {', '.join(f'{kink:g}' for kink in layer.kinks)}" if layer.kinks else ""
            rows.append(_Tally(proving.function(steps, i)).row(f"slope of {layer!r}", f"for every z{but}"))
    k = proving.outputs_of(steps)
    note = "for every z and t" + (" but at the kinks" if loss.kinks else "")
    note += f", of {k} outputs" if k < steps.network.outputs else ""
    rows.append(_Tally(proving.loss(steps)).row(f"gradient of {loss!r}", note))
    rows += _parameters(steps, until)
    return Proof(tuple(rows), time.perf_counter() - began)


class _Tally:
    """What came of some findings: the first that is wrong, and the first that was left undecided."""

    def __init__(self, findings: "Iterable[Finding]" = ()) -> None:
        self.failed, self.undecided, self.seconds = "", "", 0.0
        self.add(findings)

    def add(self, findings: "Iterable[Finding]", until: float = math.inf) -> None:
        began = time.perf_counter()
        if began > until:
            self.undecided = "the time was up"
            return
        for what, differs in findings:
            if differs:
                self.failed = self.failed or f"{what}: {differs}"
            elif differs is None:
                self.undecided = self.undecided or f"{what} is not decided by algebra"
            if time.perf_counter() > until:
                self.undecided = self.undecided or f"{what}: the time was up"
            if self.failed or self.undecided:
                break
        self.seconds += time.perf_counter() - began

    def row(self, what: str, note: str, numeric: "Callable[[], str] | None" = None) -> Proved:
        """The row; what is undecided is left to `numeric`, which says what is wrong."""
        if self.failed or not self.undecided:
            return Proved(what, "not proved" if self.failed else "symbolically", self.failed or note, self.seconds)
        began = time.perf_counter()
        wrong = numeric() if numeric else self.undecided
        took = self.seconds + time.perf_counter() - began
        return Proved(what, "not proved" if wrong else "numerically", wrong or self.undecided, took)


def _parameters(steps: Steps, until: float) -> list[Proved]:
    """A row for the forward lines of layers with parameters, and one for each of their parameters."""
    slots = steps.network.theta
    if not slots:
        return []
    tallies = {name: _Tally() for name in ("forward", *(slot.name for slot in slots))}
    if steps.network.size > PARAMETERS:
        note = ""
        for tally in tallies.values():
            tally.undecided = f"more than {PARAMETERS} parameters"
    else:
        note = _written_out(steps, tallies, until)
    numeric = functools.cache(functools.partial(_numerically, steps))
    names = ", ".join(dict.fromkeys(steps.outputs[slot.layer + 1] for slot in slots))
    rows = [tallies["forward"].row(f"lines of {names}", note, lambda: numeric()["forward"])]
    for slot in slots:
        count = slot.stop - slot.start
        what = f"{slot.name}, {count} derivative{'s' if count > 1 else ''}"
        rows.append(tallies[slot.name].row(what, note, functools.partial(lambda name: numeric()[name], slot.name)))
    return rows


def _written_out(steps: Steps, tallies: "dict[str, _Tally]", until: float) -> str:
    """Prove the network in regions between kinks until each kink was seen from both sides; where it was proved."""
    from clearprop.insight.derivation.proving import Pass

    began, regions = time.perf_counter(), 0
    sides: set[Side] = set()
    for seed in range(DRAWS):
        if regions and time.perf_counter() + (time.perf_counter() - began) / regions > until:
            break  # a region is begun only if there is time to finish it
        found = Pass(steps, seed)
        if regions and found.sides <= sides:
            continue
        sides |= found.sides
        tallies["forward"].add(found.forward_lines())
        for slot in reversed(steps.network.theta):  # what takes the least time comes first
            tallies[slot.name].add(found.derivatives(slot), math.inf if regions else until)
        regions += 1
        if all((*kink, not above) in sides for *kink, above in sides):
            break
    return _where(regions, sides) + (
        ", masks as drawn" if any(isinstance(one, Dropout) for one in steps.network) else ""
    )


def _where(regions: int, sides: "set[Side]") -> str:
    if not sides:
        return "for all values"
    kinks = {side[:-1] for side in sides}
    both = sum({(*kink, True), (*kink, False)} <= sides for kink in kinks)
    count = "in one region" if regions == 1 else f"in {regions} regions"
    return f"{count} between kinks, {'all' if both == len(kinks) else f'{both} of {len(kinks)}'} seen from both sides"


def _numerically(steps: Steps) -> dict[str, str]:
    """What is wrong with each parameter's gradient, and with the lines, on random data; nothing where it is right."""
    from clearprop.insight.derivation.derive import derive
    from clearprop.insight.derivation.proving import targets

    rng, network = np.random.default_rng(0), steps.network
    model = Model(network, steps.loss, dtype="float64")
    model.theta = model.theta + 0.1 * rng.normal(size=network.size)
    weight = rng.uniform(0.2, 2.0, SAMPLES) if steps.weighted else None
    t = targets(steps.loss, (SAMPLES, network.outputs), rng)
    samples = Samples(rng.normal(size=(SAMPLES, network.inputs)), t, weight)
    found, live = check(model, samples), derive(model, None, samples, layout=steps.convention.name).live
    line = {where[1:]: name for name, where in steps.where.items() if where[0] == "gradient"}
    wrong = {"forward": next((f"{name} differs" for name in steps.outputs[1:] if live[name].ok is False), "")}
    for slot in network.theta:
        good = found[slot.name].ok and live[line[slot.layer, slot.field]].ok
        wrong[slot.name] = "" if good else f"differences say: {found[slot.name].verdict}"
    return wrong
