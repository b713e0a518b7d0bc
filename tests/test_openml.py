import builtins
import urllib.error

import numpy as np
import pytest

from clearprop.arrays.errors import DataError, FileError, MissingExtra, SettingError
from clearprop.data.openml import openml

pandas = pytest.importorskip("pandas")
datasets = pytest.importorskip("sklearn.datasets")


@pytest.fixture
def served(monkeypatch):
    """Say what fetch_openml returns."""

    def serve(frame, target, **details):
        def fetch(name, *, version, as_frame):
            assert as_frame is True
            if isinstance(frame, Exception):
                raise frame
            known = {"name": name, "version": str(version), "licence": "CC0"} | details
            return {"data": frame, "target": target, "details": known, "url": "https://www.openml.org/d/61"}

        monkeypatch.setattr(datasets, "fetch_openml", fetch)

    return serve


def test_numbers_and_categories(served):
    kinds = pandas.Series(["x", "y", "x", "z"], dtype="category")
    frame = pandas.DataFrame({"size": [1.5, 2, 3, 4], "kind": kinds, "old": [True, False, True, False]})
    served(frame, pandas.Series(["no", "yes", "no", "no"], dtype="category"))
    data = openml("things", version=2)
    assert data.names == ("size", "kind=x", "kind=y", "kind=z", "old")
    assert data.train.x.tolist() == [[1.5, 1, 0, 0, 1], [2, 0, 1, 0, 0], [3, 1, 0, 0, 1], [4, 0, 0, 1, 0]]
    assert data.train.x.dtype == np.float32
    assert (data.classes, data.train.t.tolist()) == (("no", "yes"), [0, 1, 0, 0])
    assert (data.name, data.source, data.licence) == ("things", "https://www.openml.org/d/61", "CC0")
    assert data.test is None


def test_images_of_bytes(served):
    served(
        pandas.DataFrame(np.arange(128).reshape(2, 64) * 2),
        pandas.Series(["5", "0"], dtype="category"),
    )
    data = openml("mnist_784")
    assert data.train.x.dtype == np.uint8
    assert data.image_shape == (8, 8)
    assert data.classes == (0, 5)


def test_values_and_a_share_to_test_on(served):
    served(pandas.DataFrame({"a": np.arange(40) + 2**24}), pandas.Series(np.arange(40) / 2))
    data = openml("houses", test=0.25, scale=None)
    assert data.classes is None
    assert (len(data.train), len(data.test)) == (30, 10)
    assert data.train.x.dtype == np.float64
    assert data.scaling is None


@pytest.mark.parametrize(
    ("frame", "target", "message"),
    [
        ({"a": [1, None]}, ["x", "y"], "d, column a, row 1: wanted a value"),
        ({"a": [1, 2]}, ["x", None], "d, target, row 1: wanted a value"),
        ({"a": ["x", "y"]}, ["x", "y"], "d, column a: wanted numbers or categories"),
        ({"a": np.array(["2020", "2021"], "M8[s]")}, ["x", "y"], "d, column a: wanted numbers or categories"),
        ({"a": [1.0, np.inf]}, ["x", "y"], "finite"),
        ({}, ["x", "y"], "at least one feature"),
        ({"a": [1, 2]}, None, "one target column"),
    ],
)
def test_what_cannot_be_used(served, frame, target, message):
    served(pandas.DataFrame(frame), None if target is None else pandas.Series(target))
    with pytest.raises(DataError, match=message):
        openml("d")


def test_several_targets_and_too_many_categories(served):
    served(pandas.DataFrame({"a": [1, 2]}), pandas.DataFrame({"b": [1, 2], "c": [1, 2]}))
    with pytest.raises(DataError, match="one target column"):
        openml("d")
    many = pandas.Series([str(i) for i in range(10_001)], dtype="category")
    served(pandas.DataFrame({"a": many}), pandas.Series(np.arange(10_001)))
    with pytest.raises(DataError, match="at most 10000 columns"):
        openml("d")


@pytest.mark.parametrize(
    "error", [ValueError("Dataset nope with version active not found."), urllib.error.URLError("no\nroute")]
)
def test_nothing_to_be_had(served, error):
    served(error, None)
    with pytest.raises(FileError, match=r"not found|no route") as caught:
        openml("nope")
    assert "\n" not in str(caught.value)


def test_without_pandas(served):
    served(ImportError("pandas"), None)
    with pytest.raises(MissingExtra, match=r"package pandas.*clearprop\[sklearn\]"):
        openml("iris")


def test_without_scikit_learn(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"package scikit-learn.*clearprop\[sklearn\]"):
        openml("iris")


@pytest.mark.parametrize("wrong", [{"version": 0}, {"version": "x"}, {"scale": "x"}, {"test": 0}, {"test": 2}])
def test_settings(wrong):
    with pytest.raises(SettingError):
        openml("iris", **wrong)


@pytest.mark.parametrize("name", ["", 3, None])
def test_names(name):
    with pytest.raises(SettingError):
        openml(name)
