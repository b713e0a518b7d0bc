"""TensorBoard events, read back record by record."""

import struct
from pathlib import Path

import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event

import clearprop as cp

X = np.random.default_rng(0).normal(size=(40, 3))
DATA = cp.Dataset.of((X, (X[:, 0] > 0).astype(int))).split(0.25)


def events(folder: Path) -> list[Event]:
    """The records of a folder's event files: length, checksum, content, checksum."""
    found = []
    for path in sorted(folder.iterdir()):
        raw, place = path.read_bytes(), 0
        while place < len(raw):
            (length,) = struct.unpack_from("<Q", raw, place)
            found.append(Event.FromString(raw[place + 12 : place + 12 + length]))
            place += 16 + length
    return found


def test_scalars_and_histograms_of_every_epoch(tmp_path: Path) -> None:
    model = cp.Model(cp.Network(3, 4, "tanh", 2), cp.SoftmaxCrossEntropy())
    report = cp.fit(model, DATA, cp.Adam(0.01), epochs=3, tensorboard=tmp_path / "events")
    values = [(event.step, value) for event in events(tmp_path / "events") for value in event.summary.value]
    losses = [value.simple_value for _, value in values if value.tag == "loss"]
    np.testing.assert_allclose(losses, [epoch.loss for epoch in report.history], rtol=1e-6)
    assert [step for step, value in values if value.tag == "test_accuracy"] == [1, 2, 3]
    histograms = {value.tag: value.histo for step, value in values if step == 3 and value.HasField("histo")}
    names = list(model.weights)
    assert set(histograms) == {f"{kind}/{name}" for kind in ("weights", "gradients") for name in names}
    assert histograms["weights/dense1.W"].num == 12
    assert histograms["weights/dense1.W"].max == pytest.approx(float(model.weights["dense1.W"].max()))


def test_two_runs_at_once_write_two_files(tmp_path: Path) -> None:
    for _ in range(2):
        cp.fit(cp.Model(cp.Network(3, 2), cp.SoftmaxCrossEntropy()), DATA, epochs=1, tensorboard=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_without_the_package_or_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = cp.Model(cp.Network(3, 2), cp.SoftmaxCrossEntropy())
    (tmp_path / "file").write_text("")
    with pytest.raises(cp.FileError, match="folder for TensorBoard"):
        cp.fit(model, DATA, tensorboard=tmp_path / "file")
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(cp.MissingExtra, match="tensorboard"):
        cp.fit(model, DATA, tensorboard=tmp_path)
