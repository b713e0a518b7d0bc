"""clearprop's MLPClassifier beside scikit-learn's: the same call, how right and how fast. See README.md.

Both get the same arrays: MNIST in float32, the digits in float64, as scikit-learn has them, where both end with the
same network. Times are of `fit` with `max_iter` epochs, in turn, the best of several rounds.
"""

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import neural_network
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

import common
from clearprop.sklearn import MLPClassifier
from common import ratio

CLASSES = {"clearprop": MLPClassifier, "scikit-learn": neural_network.MLPClassifier}
BATCHES = (32, 200)
SEEDS = {"digits": 40, "images": 5}
Data = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]  # x, its labels, test x, its labels


def digits(seed: int) -> Data:
    x, t = load_digits(return_X_y=True)
    train, test, t_train, t_test = train_test_split(x / 16, t, random_state=seed, stratify=t)
    return train, t_train, test, t_test


def images(data: Any) -> Data:
    """A Dataset of bytes as float32 from 0 to 1; noise is its own test part."""
    train, test = data.train, data.test or data.train[:1000]
    return np.float32(train.x) / 255, train.t, np.float32(test.x) / 255, test.t


def fitted(kind: str, x: NDArray[Any], t: NDArray[Any], **settings: Any) -> tuple[Any, float]:
    """An estimator after `fit`, and the seconds that it took."""
    estimator = CLASSES[kind](**settings)
    start = time.perf_counter()
    estimator.fit(x, t)
    return estimator, time.perf_counter() - start


def accuracies(split: Callable[[int], Data], names: list[str], epochs: int, seeds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(seeds):
        x, t, x_test, t_test = split(seed)
        for name in names:
            estimator, _ = fitted(name, x, t, max_iter=epochs, random_state=seed)
            found[name].append(estimator.score(x_test, t_test))
    return found


def seconds(data: Data, names: list[str], batch: int, rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            found[name].append(fitted(name, *data[:2], max_iter=1, batch_size=batch, random_state=0)[1])
    return found


def show_accuracy(found: dict[str, list[float]]) -> str:
    rows = [
        (name, f"{statistics.mean(values):.4f}", f"{min(values):.4f}", f"{max(values):.4f}")
        for name, values in found.items()
    ]
    return common.table(("test accuracy", "mean", "lowest", "highest"), rows)


def show_seconds(found: dict[str, list[float]]) -> str:
    best = min(found.get("clearprop", [0.0]))
    rows = [
        (name, f"{min(values):.3f}", ratio(min(values), best), f"{statistics.median(values):.3f}")
        for name, values in found.items()
    ]
    return common.table(("one epoch of fit", "seconds", "x clearprop", "median"), rows)


def main() -> None:
    cli = common.arguments("MLPClassifier, side by side.", rounds=5, contenders=list(CLASSES))
    cli.add_argument("--epochs", type=int, default=5, help="of MNIST for the accuracy (%(default)s); 0 leaves it out")
    args = cli.parse_args()
    about = common.machine(args.threads)
    print(common.headline(about), flush=True)
    common.limit(args.threads)
    mnist = common.mnist(args.data)
    large, name = images(mnist or common.random_bytes()), "MNIST" if mnist else "random bytes"
    accuracy, times = {}, {}
    with warnings.catch_warnings(), threadpool_limits(args.threads):
        warnings.simplefilter("ignore", ConvergenceWarning)
        for batch in BATCHES:
            times[batch] = seconds(large, args.only, batch, args.rounds)
            print(f"\n{name}, batch {batch}\n{show_seconds(times[batch])}", flush=True)
        splits: list[tuple[str, Callable[[int], Data], int, int]] = [
            ("digits", digits, 200, SEEDS["digits"]), (name, lambda _: large, args.epochs, SEEDS["images"])
        ]  # fmt: skip
        for title, split, epochs, seeds in splits:
            if epochs:
                accuracy[title] = accuracies(split, args.only, epochs, seeds)
                print(f"\n{title}, {seeds} seeds, {epochs} epochs\n{show_accuracy(accuracy[title])}", flush=True)
    common.write_json(args.json, about, rounds=args.rounds, mnist=mnist is not None, fit=times, accuracy=accuracy)


if __name__ == "__main__":
    main()
