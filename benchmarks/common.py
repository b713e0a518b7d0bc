"""What the benchmarks share: data, threads, options, tables, JSON and the description of the machine."""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import clearprop as cp

NEIGHBOUR = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"
PACKAGES = ("clearprop", "numpy", "torch", "jax", "jaxlib", "scikit-learn", "keras")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def mnist(folder: Path | None) -> cp.Dataset | None:
    """MNIST from `folder`, CLEARPROP_DATA, a folder beside the repository or the cache; None where it is not."""
    if folder is None and "CLEARPROP_DATA" not in os.environ and NEIGHBOUR.is_dir():
        folder = NEIGHBOUR
    try:
        return cp.data.mnist(folder, download=False)
    except cp.FileError:
        return None


def random_bytes() -> cp.Dataset:
    """Noise in the shape of MNIST: good for times, worthless for accuracy."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60_000, 784), np.uint8)
    return cp.Dataset(cp.Samples(x, rng.integers(0, 10, len(x))), scaling=cp.Scaling(0.0, 1 / 255))


def installed(module: str) -> bool:
    return importlib.util.find_spec(module.partition(".")[0]) is not None


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit(threads: int | None) -> None:
    """Hold this process and those it starts to as many threads, and as many cores where the system can do that."""
    if threads is None:
        return
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def machine(threads: int | None) -> dict[str, Any]:
    """The computer and the versions, as text."""
    versions = {name: version for name in PACKAGES if (version := _version(name))}
    return {
        "cpu": _cpu(),
        "cores": cores(),
        "os": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "threads": threads or "auto",
        "versions": versions,
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def headline(about: dict[str, Any]) -> str:
    """The machine in two lines."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    where = f"{about['cpu']}, {about['cores']} cores, {about['os']}, Python {about['python']}"
    return f"{where}, threads: {about['threads']}\n{versions}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Aligned text: the first column to the left, numbers to the right."""
    lines = [header, *rows]
    first, *others = (max(map(len, column)) for column in zip(*lines, strict=True))
    return "\n".join("  ".join([name.ljust(first), *map(str.rjust, cells, others)]) for name, *cells in lines)


def ratio(value: float, other: float | None) -> str:
    return f"{value / other:.2f}" if other else "-"


def arguments(about: str, rounds: int, contenders: Sequence[str]) -> argparse.ArgumentParser:
    """The options that both benchmarks have."""
    cli = argparse.ArgumentParser(description=about)
    cli.add_argument("--data", type=Path, help="folder with the IDX files of MNIST")
    cli.add_argument("--rounds", type=int, default=rounds, help="how often each is measured (%(default)s)")
    cli.add_argument("--threads", type=_threads, default=1, help="a number (%(default)s), or auto: each as it comes")
    cli.add_argument("--only", **several(contenders))
    cli.add_argument("--json", type=Path, help="also write the results to this file")
    return cli


def several(choices: Sequence[str]) -> dict[str, Any]:
    """What `add_argument` needs for an option that takes some of `choices`, with commas between them."""

    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := set(chosen) - set(choices):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose from {', '.join(choices)}")
        return chosen

    return {"type": parse, "default": list(choices), "help": f"some of {','.join(choices)}, with commas (all)"}


def _threads(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= cores():
        raise argparse.ArgumentTypeError(f"wanted auto or 1 to {cores()}, the cores there are")
    return int(text)


def write_json(path: Path | None, about: dict[str, Any], **results: Any) -> None:
    if path:
        path.write_text(json.dumps({"machine": about} | results, indent=2) + "\n")
