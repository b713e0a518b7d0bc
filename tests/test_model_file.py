"""The model file: what is saved comes back, and nothing else is taken for it."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import clearprop as cp
from layer_table import LAYERS, LayerRow


def model_of(layer: cp.Layer | None = None, dtype: str = "float32") -> cp.Model:
    network = cp.Network(4, 5, layer or cp.BatchNorm(), 3)
    model = cp.Model(
        network, cp.SoftmaxCrossEntropy(0.1), 7, dtype, classes=("ä", "b", "c"), scaling=cp.Scaling((1, 2, 3, 4), 0.1)
    )
    model.threshold = 0.25
    model.state[...] = np.random.default_rng(0).uniform(0.5, 1.5, model.state.shape)
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.id)
def test_what_is_saved_comes_back(row: LayerRow, dtype: str, tmp_path: Path) -> None:
    model = model_of(row.layer, dtype)
    model.save(tmp_path / "model.safetensors")
    other = cp.load(tmp_path / "model.safetensors")
    assert (other.network, other.loss, other.classes, other.scaling) == (
        model.network, model.loss, model.classes, model.scaling,
    )  # fmt: skip
    assert (other.threshold, other.seed, other.dtype) == (0.25, 7, np.dtype(dtype))
    assert np.array_equal(other.theta, model.theta)
    assert np.array_equal(other.state, model.state)
    x = np.random.default_rng(1).normal(size=(6, 4))
    assert np.array_equal(other.predict_proba(x), model.predict_proba(x))


def test_file_is_read_by_others(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = model_of()
    model.save(str(path))
    tensors = load_file(path)
    assert set(tensors) == {*model.weights, "batchnorm1.mean", "batchnorm1.variance"}
    assert np.array_equal(tensors["dense1.W"], model.weights["dense1.W"])
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


def test_saving_again_replaces_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model_of().save(path)
    first = path.read_bytes()
    model_of(cp.ReLU()).save(path)
    assert path.read_bytes() != first
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_killed_save_leaves_the_old_file(tmp_path: Path) -> None:
    """SIGKILL at any moment of saving over and over: the file is always whole."""
    path = tmp_path / "model.safetensors"
    program = f"""
import clearprop as cp
model = cp.Model(cp.Network(300, 300, 10), cp.SoftmaxCrossEntropy())
print("ready", flush=True)
while True:
    model.theta = model.theta + 1
    model.save({str(path)!r})
"""
    rng = np.random.default_rng(0)
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(rng.uniform(0.05, 0.3))
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
        process.stdout.close()
        if path.exists():
            assert cp.load(path).network.size == 93310


def test_nowhere_to_write(tmp_path: Path) -> None:
    with pytest.raises(cp.FileError, match="folder"):
        model_of().save(tmp_path)
    with pytest.raises(cp.FileError, match="create the folder"):
        model_of().save(tmp_path / "no" / "model.safetensors")
    with pytest.raises(cp.FileError, match="path"):
        model_of().save(3)  # type: ignore[arg-type]


def altered(path: Path, **changes: object) -> Path:
    """The same file with other entries in its description, and a checksum that fits them."""
    from clearprop.network import model_file

    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    described = json.loads(raw[8 : 8 + length])["__metadata__"]["clearprop"]
    text = json.dumps(json.loads(described) | changes)
    tensors = load_file(path)
    save_file(tensors, path, {"clearprop": text, "sha256": model_file._digest(text, tensors)})
    return path


DENSE = {"kind": "Dense", "units": 3}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": 99, "version": "9.9"}, "upgrade clearprop"),
        ({"format": "x"}, "upgrade clearprop"),
        ({"network": {"inputs": 4, "layers": [DENSE]}}, "arrays of its network"),
        ({"network": {"inputs": 2**30, "layers": [{"kind": "Dense", "units": 2**30}]}}, "parameters"),
        ({"network": {"inputs": 2**15, "layers": [{"kind": "Dense", "units": 2**15}]}}, "arrays of its network"),
        ({"network": {"inputs": 4, "layers": [{"kind": "Dens", "units": 3}]}}, "did you mean dense"),
        ({"network": 3}, "inputs"),
        ({"loss": {"kind": "Nope"}}, "choose one of"),
        ({"loss": {"kind": "SquaredError", "x": 1}}, "known field"),
        ({"dtype": "float16"}, "arrays of its network"),
        ({"dtype": ["float32"]}, "model that this version knows"),
        ({"classes": ["a", "b"]}, "3 labels"),
        ({"classes": 5}, "model that this version knows"),
        ({"classes": [[1], [2], [3]]}, "model that this version knows"),
        ({"scaling": {"shift": [1.0], "factor": 1.0}}, "1 features"),
        ({"scaling": {"shift": "x", "factor": 1.0}}, "finite numbers"),
        ({"scaling": [1]}, "model that this version knows"),
        ({"seed": "x"}, "seed"),
        ({"threshold": None}, "threshold"),
    ],
)
def test_a_description_that_cannot_be_is_refused(changes: dict[str, object], says: str, tmp_path: Path) -> None:
    model_of().save(tmp_path / "m.safetensors")
    with pytest.raises(cp.FileError, match=says):
        cp.load(altered(tmp_path / "m.safetensors", **changes))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty file"),
        (b"x", "another kind of file"),
        (b"PK\x03\x04" + bytes(100), "another kind of file"),
        (struct.pack("<Q", 2**62) + b"{}", "another kind of file"),
        (struct.pack("<Q", 1000) + b"{}", "truncated"),
        (struct.pack("<Q", 2) + b"{}", "another program"),
        (struct.pack("<Q", 2) + b"{x", "sound safetensors"),
        (struct.pack("<Q", 4) + b'{"":', "sound safetensors"),
        (struct.pack("<Q", 26) + b'{"a": {"data_offsets": 3}}', "sound safetensors"),
    ],
)
def test_a_foreign_file_is_refused(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(cp.FileError, match=says):
        cp.load(path)


def test_files_of_other_programs(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_file({"a": np.ones(3)}, path)
    with pytest.raises(cp.FileError, match="another program"):
        cp.load(path)
    with pytest.raises(cp.FileError, match="no such file"):
        cp.load(tmp_path / "nothing")
    with pytest.raises(cp.FileError, match="a folder"):
        cp.load(tmp_path)


def test_not_a_number_is_refused(tmp_path: Path) -> None:
    model = model_of()
    model.theta[0] = np.nan
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(cp.FileError, match="finite weights"):
        cp.load(tmp_path / "m.safetensors")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "m.safetensors"
    model_of().save(path)
    return path.read_bytes()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_changed_byte_and_every_cut_is_noticed(data: st.DataObject, sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    place = data.draw(st.integers(0, len(sound) - 1))
    if data.draw(st.booleans()):
        content = sound[:place]
    else:
        byte = data.draw(st.integers(0, 255).filter(lambda value: value != sound[place]))
        content = sound[:place] + bytes([byte]) + sound[place + 1 :]
    path.write_bytes(content)
    with pytest.raises(cp.FileError):
        cp.load(path)
