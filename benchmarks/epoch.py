"""One epoch of 60,000 MNIST images, clearprop beside a bare NumPy loop and every peer that is installed.

Each contender trains one epoch whenever its turn comes, round after round, so that all see the same machine. See
README.md.
"""

import statistics
import time
from typing import Any

import common
import workers
from common import ratio
from contenders import CONTENDERS
from workers import WORKLOADS, Worker

PAUSE = 0.25  # seconds between turns, until the threads of the one before have stopped spinning
HEADER = ("", "s/epoch", "x clearprop", "x bare", "median", "first", "accuracy")


def measure(running: dict[str, Worker], rounds: int) -> dict[str, Any]:
    """Contender -> its figures, all measured in turn."""
    turns: dict[str, list[tuple[float, float | None]]] = {name: [] for name in running}
    for _ in range(rounds):
        for name, worker in running.items():
            time.sleep(PAUSE)
            turns[name].append(worker.call(workers.epoch))
    return {name: figures(worker, turns[name]) for name, worker in running.items()}


def figures(worker: Worker, turns: list[tuple[float, float | None]]) -> dict[str, Any]:
    seconds, reported = zip(*turns, strict=True)
    return {
        "seconds": min(seconds),
        "median": statistics.median(seconds),
        "first": worker.first,
        "reported": min((own for own in reported if own), default=None),
        "accuracy": worker.call(workers.accuracy) if worker.real else None,
    }


def show(found: dict[str, Any]) -> str:
    """The table, fastest first."""
    clearprop, bare = (found.get(name, {}).get("seconds") for name in ("clearprop", "bare"))
    rows = [
        (
            name,
            f"{row['seconds']:.3f}",
            ratio(row["seconds"], clearprop),
            ratio(row["seconds"], bare),
            f"{row['median']:.3f}",
            f"{row['first']:.2f}",
            "-" if row["accuracy"] is None else f"{row['accuracy']:.4f}",
        )
        for name, row in sorted(found.items(), key=lambda item: item[1]["seconds"])
    ]
    return common.table(HEADER, rows)


def main() -> None:
    cli = common.arguments("One epoch of MNIST, side by side.", rounds=5, contenders=list(CONTENDERS))
    cli.add_argument("--workloads", **common.several(list(WORKLOADS)))
    args = cli.parse_args()
    about = common.machine(args.threads)
    print(common.headline(about), flush=True)
    common.limit(args.threads)
    results = {}
    for workload in args.workloads:
        running = workers.start(args.only, workload, args.data, args.threads)
        found = results[workload] = measure(running, args.rounds)
        real = all(worker.real for worker in running.values())
        for worker in running.values():
            worker.close()
        noise = "" if real else ", RANDOM BYTES, as MNIST was not found: the times are valid, accuracy is not"
        print(f"\n{workload.replace('/', ', batch ')}, threads: {about['threads']}{noise}\n{show(found)}", flush=True)
        if own := found.get("clearprop", {}).get("reported"):
            print(f"clearprop's own Epoch.seconds: {own:.3f}", flush=True)
    common.write_json(args.json, about, rounds=args.rounds, mnist=real, epochs=results)


if __name__ == "__main__":
    main()
