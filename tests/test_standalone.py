"""A model as one Python file: it answers as the model does, with NumPy or with nothing, and is plain to read."""

import csv
import importlib.util
import io
import re
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import clearprop as cp
from clearprop.arrays.errors import FileError, SettingError
from clearprop.cli import export, main
from clearprop.export import standalone
from clearprop.export.standalone import LINKS, ROWS, source, to_python
from layer_table import LAYERS, LOSSES, LayerRow, LossRow
from random_models import around, close, models, often, samples, shaken

NEEDS = pytest.mark.parametrize("numpy", [True, False], ids=["with NumPy", "with Python only"])


def loaded(path: Path) -> ModuleType:
    """The module in a file, made with every warning an error."""
    spec = importlib.util.spec_from_file_location("standalone_model", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spec.loader.exec_module(module)
    return module


def written(model: cp.Model, path: Path, numpy: bool) -> ModuleType:
    to_python(model, path, numpy=numpy)
    return loaded(path)


def execute(path: Path, rows: str, numpy: bool, status: int = 0) -> str:
    """What a file as a program answers; without NumPy it runs without any installed package."""
    options = ["-W", "error", "-X", "utf8", *([] if numpy else ["-I", "-S"])]
    ran = subprocess.run([sys.executable, *options, str(path)], input=rows.encode(), capture_output=True, check=False)
    assert ran.returncode == status, ran.stderr
    assert b"Traceback" not in ran.stderr
    return (ran.stderr if status else ran.stdout).decode()


def test_every_layer_and_link_has_a_row() -> None:
    own = {kind for kind in cp.Layer.members.values() if kind.__module__.startswith("clearprop.")}
    assert own <= set(ROWS)
    links = {kind for kind in cp.Loss.members.values() if kind.link is not cp.Loss.link}
    assert {kind for kind in links if kind.__module__.startswith("clearprop.")} == set(LINKS)


@NEEDS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.id)
def test_each_layer(row: LayerRow, dtype: str, numpy: bool, tmp_path: Path) -> None:
    model = around(row.layer, dtype)
    module, x = written(model, tmp_path / "model.py", numpy), samples(model)
    tolerance = 1e-6 if dtype == "float32" else 1e-12
    assert close(module.predict_proba(x), model.predict_proba(x), tolerance)
    assert list(module.predict(x)) == model.predict(x).tolist()


@NEEDS
@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.id)
def test_each_link(row: LossRow, numpy: bool, tmp_path: Path) -> None:
    model = shaken(cp.Model(cp.Network(4, 5, "tanh", row.outputs), row.loss, dtype="float64"))
    module, x = written(model, tmp_path / "model.py", numpy), samples(model)
    assert close(module.predict_proba(x), model.predict_proba(x), 1e-12)
    assert close(module.predict(x), model.predict(x), 1e-12)


def doubled(model: cp.Model) -> cp.Model:
    """The same model in float64, in which a file without NumPy computes."""
    other = cp.Model(
        model.network, model.loss, dtype="float64", classes=model.classes, scaling=model.scaling,
        threshold=model.threshold,
    )  # fmt: skip
    other.theta, other.state[...] = model.theta, model.state
    return other


@often
@given(model=models())
def test_random_models(model: cp.Model, tmp_path: Path) -> None:
    x = samples(model)
    for numpy, reference in ((True, model), (False, doubled(model))):
        module = written(model, tmp_path / "model.py", numpy)
        tolerance = 1e-6 if reference.dtype == np.float32 else 1e-12
        assert close(module.predict_proba(x), reference.predict_proba(x), tolerance)
        if model.classifies:
            assert np.array_equal(module.predict(x), reference.predict(x))
        else:
            assert close(module.predict(x), reference.predict(x), tolerance)


@NEEDS
@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("outputs", [1, 2])
def test_the_threshold(outputs: int, threshold: float, numpy: bool, tmp_path: Path) -> None:
    model = cp.Model(cp.Network(1, outputs), cp.SigmoidCrossEntropy(), threshold=threshold)
    module, x = written(model, tmp_path / "model.py", numpy), np.linspace(-50, 50, 201)[:, None]
    assert np.array_equal(module.predict(x), model.predict(x))


def test_with_numpy_the_answers_are_arrays_of_the_same_kind(tmp_path: Path) -> None:
    model = around(cp.ReLU(), classes=None)
    module = written(model, tmp_path / "model.py", True)
    for x in (samples(model), samples(model).tolist(), np.eye(4, dtype=np.uint8), np.ones((2, 2, 2))):
        assert module.predict_proba(x).dtype == np.float32
        assert close(module.predict_proba(x), model.predict_proba(x), 1e-6)
        assert np.array_equal(module.predict(x), model.predict(x))


def test_large_whole_numbers_keep_their_differences(tmp_path: Path) -> None:
    """Dates such as 20250101 are shifted before they become float32, as the model does it."""
    x = 20250101.0 + np.arange(12.0).reshape(3, 4)
    for shift in (20250101.0, (20250101.0,) * 4):
        model = around(cp.ReLU(), scaling=cp.Scaling(shift, 0.1))
        for numpy in (True, False):
            module = written(model, tmp_path / "model.py", numpy)
            assert close(module.predict_proba(x), model.predict_proba(x), 1e-6)


NETWORKS = {
    "classes": cp.Model(cp.Network(2, 3), cp.SoftmaxCrossEntropy(), classes=("a", "b", "c")),
    "numbered": cp.Model(cp.Network(2, 3), cp.SoftmaxCrossEntropy()),
    "two": cp.Model(cp.Network(2, 1), cp.SigmoidCrossEntropy(), classes=("no", "yes"), threshold=0.7),
    "labels": cp.Model(cp.Network(2, 3), cp.SigmoidCrossEntropy()),
    "value": cp.Model(cp.Network(2, 1), cp.MeanSquaredError()),
    "values": cp.Model(cp.Network(2, 2), cp.MeanSquaredError()),
}


@NEEDS
@pytest.mark.parametrize("kind", NETWORKS)
def test_program_answers_as_the_command_does(
    kind: str, numpy: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = NETWORKS[kind]
    rows = "\ufeffwidth,height\n0.5,1\n-3,2e-1\n\n10,-10\n"
    Path("rows.csv").write_text(rows, encoding="utf-8")
    model.save("model.safetensors")
    to_python(model, "model.py", numpy=numpy)
    assert main(["predict", "model.safetensors", "rows.csv"]) == 0
    theirs = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    ours = list(csv.reader(io.StringIO(execute(Path("model.py"), rows, numpy))))
    assert ours[0] == theirs[0]
    assert len(ours) == 4
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        for a, b in zip(mine, other, strict=True):
            assert a == b or float(a) == pytest.approx(float(b), rel=1e-5, abs=1e-7)


def test_a_byte_order_mark_is_no_column_name(tmp_path: Path) -> None:
    to_python(NETWORKS["value"], tmp_path / "model.py", numpy=False)
    assert execute(tmp_path / "model.py", "\ufeff1,2\n", False).count("\n") == 2


@NEEDS
@pytest.mark.parametrize(
    ("rows", "words"),
    [("1,2\n3\n", "wanted 2 numbers .* got 3$"), ("1,2\nx,2\n", "got x,2$"), ("1,nan\n", "got 1,nan$"),
     ("a,b\n", "got none"), ("", "got none"), ("1,x\n", "got 1,x$")],
)  # fmt: skip
def test_program_tells_what_is_wrong(rows: str, words: str, numpy: bool, tmp_path: Path) -> None:
    to_python(NETWORKS["classes"], tmp_path / "model.py", numpy=numpy)
    said = execute(tmp_path / "model.py", rows, numpy, status=1)
    assert re.search(words, said.strip())


@NEEDS
@pytest.mark.parametrize("x", [[[1.0]], [[1.0, 2.0, 3.0]], [[1.0, float("nan")]], [[float("inf"), 1.0]]])
def test_module_refuses_what_does_not_fit(x: list[Any], numpy: bool, tmp_path: Path) -> None:
    module = written(NETWORKS["classes"], tmp_path / "model.py", numpy)
    for function in (module.predict, module.predict_proba):
        with pytest.raises(ValueError, match="wanted rows of 2 finite numbers"):
            function(x)


@NEEDS
def test_any_names_of_classes(numpy: bool, tmp_path: Path) -> None:
    names = ('"""', "a\\", "'''\n__import__('os')", "ü 数\u2028", "{x}", "\ud800")
    model = cp.Model(cp.Network(2, 6), cp.SoftmaxCrossEntropy(), classes=names)
    module = written(model, tmp_path / "model.py", numpy)
    assert tuple(module.CLASSES) == names


@NEEDS
def test_the_same_model_gives_the_same_readable_file(numpy: bool, tmp_path: Path) -> None:
    model = around(cp.LayerNorm())
    text = source(model, numpy)
    to_python(model, tmp_path / "model.py", numpy=numpy)
    assert (tmp_path / "model.py").read_text(encoding="utf-8") == text
    assert source(model, numpy) == text
    assert text.startswith('"""A trained neural network, written by clearprop')
    assert max(map(len, text.splitlines())) <= 120
    assert not re.search(r"\b(eval|exec|pickle|clearprop\.)\b", text)
    assert ("numpy" in text) == numpy
    assert "def sigmoid" not in text  # only what is called
    assert [file.name for file in tmp_path.iterdir()] == ["model.py"]


class _Cube(cp.Activation):
    def forward(self, *arrays: Any) -> None: ...

    def slope(self, *arrays: Any) -> None: ...


class _Doubled(cp.SquaredError):
    def link(self, *arrays: Any) -> None: ...


def test_a_layer_of_ones_own_needs_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, model = tmp_path / "model.py", cp.Model(cp.Network(2, _Cube()), cp.SquaredError())
    path.write_text("old")
    with pytest.raises(SettingError, match="layer 1 of 1"):
        to_python(model, path)
    with pytest.raises(SettingError, match="a loss with a row"):
        to_python(cp.Model(cp.Network(2, 2), _Doubled()), path)
    assert path.read_text() == "old"
    monkeypatch.setitem(ROWS, _Cube, lambda layer, name: ("x**3", "[v**3 for v in x]"))
    for numpy in (True, False):
        assert np.array_equal(written(model, path, numpy).predict([[2.0, -1.0]]), [[8.0, -1.0]])


def test_too_large_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standalone, "LARGEST", 10)
    with pytest.raises(SettingError, match="weights"):
        to_python(around(cp.ReLU()), tmp_path / "model.py")
    monkeypatch.undo()
    with pytest.raises(FileError, match="folder"):
        to_python(around(cp.ReLU()), tmp_path)


# The command


def test_command_writes_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = NETWORKS["two"]
    model.save("two.safetensors")
    export.run("two.safetensors", to="python")
    said = capsys.readouterr()
    assert re.fullmatch(r"two\.py: [\d,]+ bytes\n", said.out)
    assert "two.py < rows.csv" in said.err
    assert loaded(Path("two.py")).predict([[1.0, 2.0]]).tolist() == model.predict([[1.0, 2.0]]).tolist()
    with pytest.raises(FileError, match=r"--out two\.py"):
        export.run("two.safetensors", to="python")
    export.run("two.safetensors", to="python", out="two.py", numpy=False, json=True)
    assert '"format": "python"' in capsys.readouterr().out
    assert "numpy" not in Path("two.py").read_text()


def test_command_writes_onnx(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    NETWORKS["labels"].save(tmp_path / "model.safetensors")
    export.run(str(tmp_path / "model.safetensors"), to="onnx")
    assert "model.onnx: " in capsys.readouterr().out


def test_command_refuses(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(FileError, match="no such file"):
        export.run(str(path), to="python")
    NETWORKS["labels"].save(path)
    with pytest.raises(SettingError, match="--to python"):
        export.run(str(path), to="onnx", numpy=False)
    with pytest.raises(FileError, match=r"ends in \.onnx"):
        export.run(str(path), to="onnx", out=str(tmp_path / "rows.csv"))
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]
