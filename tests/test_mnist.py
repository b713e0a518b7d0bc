"""The real MNIST, where it is: from CLEARPROP_DATA or ../shared/data/mnist beside the checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import clearprop as cp

PLACES = [os.environ.get("CLEARPROP_DATA", ""), str(Path(__file__).parents[2] / "shared" / "data" / "mnist")]


@pytest.fixture(scope="module")
def folder() -> str:
    for place in filter(None, PLACES):
        for name in (place, str(Path(place) / "mnist")):
            if list(Path(name).glob("train-images*")):
                return name
    pytest.skip("the real MNIST is not here: set CLEARPROP_DATA to a folder with its four files")


def test_reaches_97_and_a_half_percent_in_ten_epochs(folder: str) -> None:
    mnist = cp.data.mnist(folder)
    model = cp.Model(cp.Network(784, 100, "relu", 10), cp.SoftmaxCrossEntropy(), seed=0)
    report = cp.fit(model, mnist, cp.SGD(0.05, 0.9), epochs=10, batch=128)
    assert report.last.test_accuracy is not None
    assert report.last.test_accuracy >= 0.975
    assert mnist.train.x.dtype == "uint8"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_training_stays_below_250_mb(folder: str) -> None:
    program = f"""
import clearprop as cp
model = cp.Model(cp.Network(784, 100, "relu", 10), cp.SoftmaxCrossEntropy())
cp.fit(model, cp.data.mnist({folder!r}), cp.Adam(), epochs=1, batch=128)
print(*[line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")])
"""
    # of this process alone: the resource module would report the peak of the parent, too
    kilobytes = int(subprocess.check_output([sys.executable, "-c", program], text=True))
    assert kilobytes < 250 * 1024
