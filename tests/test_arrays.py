"""The bottom room: erf, random streams, errors, tables."""

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

import clearprop as cp
from clearprop.arrays.errors import brief, missing, suggest
from clearprop.arrays.seeds import stream
from clearprop.arrays.special import erf
from clearprop.arrays.table import Table


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 4e-16), ("float32", 3e-7)])
def test_erf(dtype: str, tolerance: float) -> None:
    x = np.concatenate([np.linspace(-8, 8, 20_001), [0.46875, -0.46875, 1e-300, -1e-300, 1e30, -1e30, 0.0, -0.0]])
    y = erf(x.astype(dtype), out=np.empty(x.shape, dtype))
    expected = [math.erf(float(value)) for value in x.astype(dtype)]
    np.testing.assert_allclose(y, expected, rtol=2 * tolerance, atol=tolerance)
    assert np.isnan(erf(np.array([np.nan]), out=np.empty(1)))


def test_streams_are_independent_of_one_another_and_stay_what_they_are() -> None:
    draws = {name: stream(3, name).integers(1 << 30, size=4).tolist() for name in ("shuffle", "dropout")}
    assert draws["shuffle"] != draws["dropout"]
    assert stream(4, "shuffle").integers(1 << 30, size=4).tolist() != draws["shuffle"]
    again = "import clearprop.arrays.seeds as s; print(s.stream(3, 'shuffle').integers(1 << 30, size=4).tolist())"
    assert subprocess.check_output([sys.executable, "-c", again], text=True).strip() == str(draws["shuffle"])
    for seed in (-1, 0.5, None, "x", True):
        with pytest.raises(cp.SettingError, match="seed"):
            stream(seed, "shuffle")  # type: ignore[arg-type]


def test_errors_are_sentences_that_travel() -> None:
    error = cp.ShapeError("Dense(10)", "30 inputs", "32", "give Network(30, ...)")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert isinstance(error, ValueError)
    assert isinstance(missing("torch", "array", "this"), ImportError)
    assert str(missing("torch", "array", "this")) == (
        'this: wanted the package torch, got no such package; run: pip install "clearprop[array]"'
    )


def test_suggestions() -> None:
    assert suggest("relü", ["relu", "tanh"]) == "did you mean relu?"
    assert suggest("RELU", ["relu", "elu"]) == "did you mean relu?"
    assert suggest("", ["a", "b"]) == "choose one of a, b"


def test_brief_survives_hostile_objects() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert brief(Hostile()) == "a Hostile"
    assert len(brief("x" * 1000)) == 60


def test_table() -> None:
    from rich.console import Console

    table = Table(("name", "size"), [("[a]", "1"), ("<b>", "20")], caption="two", right=(1,))
    assert str(table).splitlines() == ["name  size", "----------", "[a]      1", "<b>     20", "two"]
    assert "&lt;b&gt;" in table._repr_html_()
    console = Console(width=60, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(table)
    console.file.close()
    assert "[a]" in console.export_text()


def test_import_stays_light() -> None:
    """Nothing heavy is loaded before it is used."""
    heavy = ["rich", "cyclopts", "msgspec", "safetensors", "sympy", "sklearn", "scipy", "polars", "PIL", "numpy.random",
             "threadpoolctl", "torch", "urllib.request", "hashlib"]  # fmt: skip
    program = f"import numpy, sys; import clearprop; print([name for name in {heavy!r} if name in sys.modules])"
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).strip()
    before = f"import numpy, sys; print([name for name in {heavy!r} if name in sys.modules])"
    assert loaded == subprocess.check_output([sys.executable, "-c", before], text=True).strip()
