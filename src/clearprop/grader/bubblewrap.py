"""bubblewrap, where it is installed and allowed: a file system and a network of the code's own, both nearly empty."""

import functools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SYSTEM = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store", "/etc/ld.so.cache")
OWN = Path(__file__).parents[1]  # clearprop


def folders() -> list[str]:
    """The folders from which the process imports NumPy and clearprop."""
    return list(dict.fromkeys([str(Path(np.__file__).parents[1]), str(OWN.parent)]))


def wrapping(work: str) -> list[str]:
    """The command that runs what follows it with nothing to see but Python, and nothing to write to but `work`."""
    shown = [*SYSTEM, sys.base_prefix, sys.exec_prefix, sys.prefix, str(Path(np.__file__).parents[1]), str(OWN)]
    command = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
    command += ["--cap-drop", "ALL", "--tmpfs", "/tmp"]
    for place in dict.fromkeys(shown):
        command += ["--ro-bind-try", place, place]
    command += ["--tmpfs", str(OWN / "grader")]  # where the solutions are
    return [*command, "--proc", "/proc", "--dev", "/dev", "--bind", work, work, "--chdir", work, "--"]


@functools.cache
def works() -> bool:
    """Whether it is there, and Python with NumPy runs in it."""
    if not shutil.which("bwrap"):
        return False
    with tempfile.TemporaryDirectory(prefix="clearprop-") as work:
        return _runs([*wrapping(work), *python(f"import sys; sys.path += {folders()!r}; import numpy")])


def python(program: str) -> list[str]:
    """The command that runs a program with the packages that are installed, and nothing of the user's own."""
    return [sys.executable, "-s", "-P", "-B", "-u", "-c", program]


def _runs(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, env={}, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
