"""Does cp.diagnose find what was planted? Every mistake and many pairs, in generated code of four styles.

python benchmarks/doctor.py [--pairs 1500] [--seed 0] [--quick]
"""

import argparse
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

import clearprop as cp
from clearprop.insight.doctor.draws import random_draw
from clearprop.insight.doctor.search import FAR, TOLERANCE, Draw, Hypothesis, Search, distance
from doctor_styles import STYLES, learner

ACTIVATIONS = [
    cp.Sigmoid(),
    cp.Tanh(),
    cp.ReLU(),
    cp.LeakyReLU(0.2),
    cp.ELU(),
    cp.GELU(),
    cp.SiLU(),
    cp.Softplus(),
    cp.Softsign(),
]
LOSSES = [
    (cp.SquaredError(), 3),
    (cp.MeanSquaredError(), 2),
    (cp.MeanAbsoluteError(), 3),
    (cp.Huber(), 2),
    (cp.Poisson(), 2),
    (cp.SoftmaxCrossEntropy(), 4),
    (cp.SigmoidCrossEntropy(), 1),
    (cp.SigmoidCrossEntropy(), 3),
    (cp.SquaredError(), 1),
]
WIDTHS = (5, 6, 4, 3)
COLUMNS = ("exactly", "listed", "same numbers", "unknown", "wrong")


@dataclass(frozen=True)
class Case:
    network: cp.Network
    loss: cp.Loss
    layout: str

    @property
    def styles(self) -> list[str]:
        norms = any(isinstance(layer, cp.BatchNorm | cp.LayerNorm) for layer in self.network)
        return list(STYLES)[: 2 if norms else 4]


def cases() -> Iterator[Case]:
    """Every activation with every loss, in turn at depths 1 to 4 and in both layouts; and the other layers."""
    pairs = list(itertools.product(ACTIVATIONS, LOSSES))
    for i, (activation, (loss, outputs)) in enumerate(pairs):
        depth = i % 4 + 1
        yield Case(network(depth, activation, outputs, i), loss, ("rows", "columns")[i // 4 % 2])
    for i, layer in enumerate([cp.Dropout(0.4), cp.BatchNorm(), cp.LayerNorm()]):
        for layout in ("rows", "columns"):
            yield Case(cp.Network(5, 6, layer, "tanh", 4, "relu", 3), LOSSES[i][0], layout)
    for layout in ("rows", "columns"):
        yield Case(cp.Network(4, 4, "tanh", 4, "sigmoid", 4, "tanh", 4), cp.SoftmaxCrossEntropy(), layout)
        yield Case(cp.Network(5, 6, "tanh", 3, "sigmoid"), cp.SquaredError(), layout)


def network(depth: int, activation: cp.Layer, outputs: int, i: int) -> cp.Network:
    """A network of that many Dense layers; each fourth also with the activation behind the last."""
    layers: list[cp.Layer | int] = []
    for width in WIDTHS[1:depth]:
        layers += [width, activation]
    last = [outputs, activation] if depth == 1 or i % 4 == 3 else [outputs]
    return cp.Network(WIDTHS[0], *layers, *last)


class Bench:
    """Plants mistakes in one case and compares verdicts with what was planted, on fresh draws."""

    def __init__(self, case: Case, seed: int) -> None:
        self.case = case
        self.model = cp.Model(case.network, case.loss)
        draws = [random_draw(self.model, case.layout, 1000 + seed, number) for number in range(3)]
        names = [f"d{name}" for name in draws[0].steps.parameters]
        self.draws = [
            Draw(d.steps, d.given, d.right, {n: np.asarray(d.right[n]) for n in names}, d.floor) for d in draws
        ]
        self.search = Search(self.draws)

    def outcomes(self, hypothesis: Hypothesis) -> list[dict] | None:
        found = [self.search.outcome(draw, hypothesis) for draw in self.draws]
        return None if any(one is None for one in found) else found

    def same(self, one: list[dict], other: list[dict] | None) -> bool:
        return other is not None and all(
            distance(a[name], b[name], draw.floor) < 10 * TOLERANCE
            for draw, a, b in zip(self.draws, one, other, strict=True)
            for name in self.search.names
        )

    def code(self, style: str, hypothesis: Hypothesis) -> object:
        edited = self.search.edited(hypothesis)
        return learner(
            style,
            self.search.reference.steps,
            [edited.get(line.name, line) for line in self.search.reference.lines.values()],
        )

    def plant(self, hypothesis: Hypothesis, style: str) -> tuple[str, float]:
        """What became of it: a column of the table, or why it does not count."""
        planted = self.outcomes(hypothesis)
        if planted is None:
            return "code does not run", 0.0
        right = [draw.right for draw in self.draws]
        gap = max(
            distance(a[n], r[n], d.floor)
            for a, r, d in zip(planted, right, self.draws, strict=True)
            for n in self.search.names
        )
        if gap < FAR * TOLERANCE:
            return "is no mistake", 0.0
        start = time.process_time()
        found = cp.diagnose(self.model, backward=self.code(style, hypothesis), layout=self.case.layout)
        seconds = time.process_time() - start
        if found.verdict == "correct":
            return "wrong", seconds
        if found.verdict == "unknown":
            return "unknown", seconds
        if not all(self.same(planted, self.outcomes(one)) for one in found.hypotheses):
            return "wrong", seconds
        keys = [frozenset(variant.key for variant in one) for one in found.hypotheses]
        own = frozenset(variant.key for variant in hypothesis)
        return ("exactly" if keys == [own] else "listed" if own in keys else "same numbers"), seconds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", type=int, default=1500, help="how many random pairs (default 1500)")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--rows", default="single,all,random", help="which rows of the table (default: all three)")
    options.add_argument("--quick", action="store_true", help="each tenth case only")
    options.add_argument("--verbose", action="store_true", help="name what was not found")
    chosen = options.parse_args()
    rng = np.random.default_rng(chosen.seed)
    benches = [Bench(case, chosen.seed) for case in list(cases())[:: 10 if chosen.quick else 1]]
    rows: dict[str, Counter[str]] = {}
    times: dict[str, list[float]] = {}

    def count(row: str, bench: Bench, hypothesis: Hypothesis, style: str) -> None:
        found, seconds = bench.plant(hypothesis, style)
        rows.setdefault(row, Counter())[found] += 1
        times.setdefault(row, []).append(seconds)
        if chosen.verbose and found in ("unknown", "wrong"):
            print(found, bench.case, style, [variant.key for variant in hypothesis], flush=True)

    right: Counter[bool] = Counter()
    for bench in benches:
        for style in bench.case.styles:
            right[bool(cp.diagnose(bench.model, backward=bench.code(style, ())))] += 1
    for bench in benches if "single" in chosen.rows else []:
        for i, variant in enumerate(bench.search.variants):
            count("single mistakes", bench, (variant,), bench.case.styles[i % len(bench.case.styles)])
    small = sorted(benches, key=lambda bench: len(bench.search.variants))[:3:2]
    for bench in small if "all" in chosen.rows else []:
        for i, pair in enumerate(itertools.combinations(bench.search.variants, 2)):
            count(
                f"all pairs of mistakes, the {len(small)} networks with the fewest",
                bench,
                pair,
                bench.case.styles[i % len(bench.case.styles)],
            )
    for i in range(chosen.pairs if "random" in chosen.rows else 0):
        bench = benches[rng.integers(len(benches))]
        first, second = rng.choice(len(bench.search.variants), 2, replace=False)
        pair = (bench.search.variants[first], bench.search.variants[second])
        count(f"{chosen.pairs} random pairs, all networks", bench, pair, bench.case.styles[i % len(bench.case.styles)])
    print(f"correct code called correct: {right[True]} of {sum(right.values())}\n")
    print(f"| {len(benches)} networks | planted | {' | '.join(COLUMNS)} | named | longest |")
    print(f"|---|{'---|' * (len(COLUMNS) + 3)}")
    for row, found in rows.items():
        planted = sum(found[column] for column in COLUMNS)
        named = 1 - (found["unknown"] + found["wrong"]) / planted
        cells = " | ".join(f"{found[column]:,}" for column in COLUMNS)
        print(f"| {row} | {planted:,} | {cells} | {named:.2%} | {max(times[row]):.2f} s |")
    skipped = Counter(kind for found in rows.values() for kind in found.elements() if kind not in COLUMNS)
    print(f"\nnot planted: {', '.join(f'{count:,} {kind}' for kind, count in skipped.items())}")


if __name__ == "__main__":
    main()
