"""What clearprop costs where the arithmetic is next to nothing: a tiny step, one prediction, importing, memory.

See README.md.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

import numpy as np

import clearprop as cp
import common
import workers
from common import ratio
from contenders import CONTENDERS, glorot

RATE = 1.0
BATCH = 4
COPIES = 1000  # of the four rows of exclusive or, for an epoch of many steps
STEPS = 4000  # in a measurement
IMPORT = "import time; {} start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


class BareXor:
    """2-3-1 with tanh and sigmoid cross-entropy, as a NumPy loop with nothing around it."""

    def __init__(self, x: Any, t: Any) -> None:
        self.x, self.t, self.rng = x, t[:, None].astype(np.float32), np.random.default_rng(0)
        self.W1, self.W2 = glorot((2, 3, 1))
        self.b1, self.b2 = np.zeros(3, np.float32), np.zeros(1, np.float32)
        self.dW1, self.dW2, self.db1, self.db2 = map(np.empty_like, (self.W1, self.W2, self.b1, self.b2))
        self.xb, self.p, self.tb = (np.empty((BATCH, width), np.float32) for width in (2, 1, 1))
        self.h, self.dh, self.slope = (np.empty((BATCH, 3), np.float32) for _ in range(3))

    def epoch(self) -> None:
        order = self.rng.permutation(len(self.x))
        for start in range(0, len(order), BATCH):
            self.step(order[start : start + BATCH])

    def step(self, rows: Any) -> None:
        x, h, p, dh, slope = self.xb, self.h, self.p, self.dh, self.slope
        self.x.take(rows, 0, x, "clip")
        self.t.take(rows, 0, self.tb, "clip")
        np.dot(x, self.W1, out=h)
        h += self.b1
        np.tanh(h, out=h)
        np.dot(h, self.W2, out=p)
        p += self.b2
        np.negative(p, out=p)
        np.exp(p, out=p)
        p += 1
        np.reciprocal(p, out=p)  # sigmoid, and from here the gradient of the loss
        p -= self.tb
        p *= 1 / BATCH
        np.dot(h.T, p, out=self.dW2)
        p.sum(axis=0, out=self.db2)
        np.dot(p, self.W2.T, out=dh)
        np.multiply(h, h, out=slope)
        np.subtract(1, slope, out=slope)
        dh *= slope
        np.dot(x.T, dh, out=self.dW1)
        dh.sum(axis=0, out=self.db1)
        for parameter, gradient in (
            (self.W1, self.dW1), (self.b1, self.db1), (self.W2, self.dW2), (self.b2, self.db2),
        ):  # fmt: skip
            gradient *= RATE
            parameter -= gradient


def epochs_of_clearprop(data: cp.Dataset) -> Iterator[Any]:
    model = cp.Model(cp.Network(2, 3, "tanh", 1), cp.SigmoidCrossEntropy())
    return cp.train(model, data, cp.SGD(RATE), epochs=10**6, batch=BATCH, threads=1)


def seconds(function: Callable[[], Any], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        function()
    return time.perf_counter() - start


def xor(copies: int, rounds: int) -> dict[str, float]:
    """Microseconds for a step on exclusive or, with `copies` steps in an epoch."""
    rows = cp.data.xor().train
    x, t = np.tile(rows.x, (copies, 1)), np.tile(rows.t, copies)
    epochs, bare = epochs_of_clearprop(cp.Dataset.of((x, t))), BareXor(x, t)
    ways = {"clearprop": lambda: next(epochs), "bare": bare.epoch}
    best = dict.fromkeys(ways, np.inf)
    for _ in range(rounds):
        for name, epoch in ways.items():
            best[name] = min(best[name], seconds(epoch, STEPS // copies))
    return {name: 1e6 * least / STEPS for name, least in best.items()}


def imports(names: list[str], rounds: int) -> dict[str, float]:
    """Milliseconds to import NumPy in a fresh Python, and the others in one that has NumPy already."""
    modules = dict.fromkeys(CONTENDERS[name].module for name in names)
    commands = {module: IMPORT.format("import numpy;", module) for module in modules if common.installed(module)}
    commands["numpy"] = IMPORT.format("", "numpy")
    best = dict.fromkeys(commands, np.inf)
    for _ in range(1 + rounds):  # the first writes the bytecode
        for module, command in commands.items():
            best[module] = min(best[module], float(fresh_python(command)))
    return {module: 1e3 * least for module, least in best.items()}


def fresh_python(command: str) -> str:
    """What `command` prints, with bytecode caching on."""
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command_line = [sys.executable, "-c", command]
    return subprocess.run(command_line, env=surroundings, capture_output=True, check=True, text=True).stdout


def at_work(names: list[str], rounds: int, *arguments: Any) -> tuple[dict[str, float], dict[str, float]]:
    """Megabytes at most of loading the data and an epoch of 784-100-10, and microseconds for one prediction."""
    running = workers.start(names, "784-100-10/32", *arguments)
    megabytes = {name: worker.call(workers.memory) / 1e6 for name, worker in running.items()}
    microseconds = dict.fromkeys(running, np.inf)
    for _ in range(rounds):
        for name, worker in running.items():
            microseconds[name] = min(microseconds[name], 1e6 * worker.call(workers.prediction))
    for worker in running.values():
        worker.close()
    return megabytes, microseconds


def show(found: dict[str, float]) -> str:
    """The table, least first."""
    ours = found.get("clearprop")
    rows = [(name, f"{value:.1f}", ratio(value, ours)) for name, value in sorted(found.items(), key=itemgetter(1))]
    return common.table(("", "", "x clearprop"), rows)


def main() -> None:
    cli = common.arguments("Overhead, side by side.", rounds=10, contenders=list(CONTENDERS))
    args = cli.parse_args()
    about = common.machine(args.threads)
    print(common.headline(about), flush=True)
    common.limit(args.threads)
    results = {
        "us for a step of 2-3-1 on exclusive or, one step an epoch": xor(1, args.rounds),
        f"us for a step of 2-3-1 on exclusive or, {COPIES} steps an epoch": xor(COPIES, args.rounds),
        "ms to import NumPy itself, and the others on top of it": imports(args.only, args.rounds),
    }
    megabytes, microseconds = at_work(args.only, args.rounds, args.data, args.threads)
    results["us for one prediction of one image by 784-100-10"] = microseconds
    results["MB at most, to load MNIST and train 784-100-10 for one epoch"] = megabytes
    for title, found in results.items():
        print(f"\n{title}, threads: {about['threads']}\n{show(found)}")
    common.write_json(args.json, about, rounds=args.rounds, overhead=results)


if __name__ == "__main__":
    main()
