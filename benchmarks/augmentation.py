"""What augmentation costs: an epoch of MNIST, 784-512-512-10 at batch 128, plain and distorted by turns in one run."""

import dataclasses
from collections.abc import Iterator

import clearprop as cp
import common

KINDS: dict[str, list[cp.Distortion]] = {
    "plain": [],
    "affine": [cp.Shift(), cp.Rotation(), cp.Scale(), cp.Shear()],
    "elastic": [cp.Elastic()],
    "all five": [cp.Shift(), cp.Rotation(), cp.Scale(), cp.Shear(), cp.Elastic()],
}


def epochs(data: cp.Dataset, kind: str, rounds: int, threads: int | None) -> Iterator[cp.Epoch]:
    """One epoch after the other, each when it is asked for."""
    model = cp.Model(cp.Network(784, 512, "relu", 512, "relu", 10), cp.SoftmaxCrossEntropy())
    return cp.train(model, data, cp.SGD(0.05, 0.9), rounds, 128, threads=threads, augment=KINDS[kind])


def main() -> None:
    cli = common.arguments("What augmentation costs.", rounds=5, contenders=list(KINDS))
    args = cli.parse_args()
    about = common.machine(args.threads)
    print(common.headline(about), flush=True)
    found = common.mnist(args.data)
    data = dataclasses.replace(found or common.random_bytes(), image_shape=(28, 28))
    runs = {kind: epochs(data, kind, args.rounds, args.threads) for kind in args.only}
    seconds: dict[str, list[float]] = {kind: [] for kind in args.only}
    accuracy: dict[str, float | None] = {}
    for _ in range(args.rounds):
        for kind, run in runs.items():
            epoch = next(run)
            seconds[kind].append(epoch.seconds)
            accuracy[kind] = epoch.test_accuracy
    best = {kind: min(times) for kind, times in seconds.items()}
    rows = [
        (kind, f"{best[kind]:.2f}", common.ratio(best[kind], best.get("plain")), f"{accuracy[kind] or 0:.4f}")
        for kind in args.only
    ]
    note = "" if found else ", RANDOM BYTES, as MNIST was not found: accuracy means nothing"
    print(f"784-512-512-10, batch 128, BLAS threads: {about['threads']}{note}")
    print(common.table(("kind", "best epoch, s", "of plain", f"accuracy after {args.rounds}"), rows))
    common.write_json(args.json, about, rounds=args.rounds, mnist=bool(found), seconds=seconds)


if __name__ == "__main__":
    main()
