import gzip
import hashlib
import http.server
import os
import threading
from pathlib import Path

import numpy as np
import pytest

import clearprop.data
from clearprop.arrays.errors import ClearpropError, DataError, FileError, SettingError, ShapeError
from clearprop.data import CATALOG, Scaling, digits, fashion_mnist, images, kmnist, load, mnist, write_idx
from clearprop.data.download import Remote

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
RNG = np.random.default_rng(0)
ARRAYS = (
    RNG.integers(0, 256, (20, 28, 28), np.uint8),
    np.arange(20, dtype=np.uint8) % 10,
    RNG.integers(0, 256, (10, 28, 28), np.uint8),
    np.arange(10, dtype=np.uint8),
)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path_factory):
    """An empty cache, no folder named by the environment, and no mirror."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(images, "cache_folder", lambda: cache)
    monkeypatch.delenv("CLEARPROP_DATA", raising=False)
    unreachable = {name: known._replace(mirrors=("http://127.0.0.1:9/",)) for name, known in images.PUBLISHED.items()}
    monkeypatch.setattr(images, "PUBLISHED", unreachable)
    return cache


def fill(folder, arrays=ARRAYS, ending="", joint="-"):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(NAMES, arrays, strict=True):
        write_idx(folder / (name.replace("-idx", f"{joint}idx") + ending), array)
    return folder


# digits


def test_digits():
    data = digits()
    assert (len(data.train), len(data.test)) == (1437, 360)
    assert data.train.x.dtype == np.uint8
    assert (data.train.x.min(), data.train.x.max()) == (0, 16)
    assert data.classes == tuple(range(10))
    assert data.image_shape == (8, 8)
    assert data.scaling == Scaling(0.0, 1 / 16)
    assert np.bincount(data.test.t).tolist() == [36, 37, 35, 37, 36, 36, 37, 36, 34, 36]
    assert "CC BY 4.0" in data.licence
    assert "10.24432/C50P49" in data.source


def test_digits_stay_as_they_are():
    """The same samples in the same parts for ever: results that were published stay comparable."""
    data = digits()
    parts = [part.x.tobytes() + part.t.astype(np.uint8).tobytes() for part in (data.train, data.test)]
    assert [hashlib.sha256(part).hexdigest()[:16] for part in parts] == ["557af302cb3ca3f5", "6acea88b947cc1de"]


def test_digits_are_those_of_scikit_learn():
    known = pytest.importorskip("sklearn.datasets").load_digits()
    data = digits()
    ours = np.column_stack([np.vstack([data.train.x, data.test.x]), np.concatenate([data.train.t, data.test.t])])
    theirs = np.column_stack([known.data, known.target]).astype(int)
    assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, theirs.tolist()))


def test_digits_are_small_and_name_their_makers():
    folder = Path(images.__file__).parent / "embedded"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 100_000
    text = (folder / "ATTRIBUTION.md").read_text()
    for word in ("Alpaydin", "Kaynak", "10.24432/C50P49", "CC BY 4.0", "What was changed"):
        assert word in text


# from a folder


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("joint", ["-", "."])
@pytest.mark.parametrize("inner", ["", "mnist", "MNIST"])
def test_mnist_from_a_folder(tmp_path, ending, joint, inner):
    fill(tmp_path / inner, ending=ending, joint=joint)
    data = mnist(str(tmp_path))
    np.testing.assert_array_equal(data.train.x, ARRAYS[0].reshape(20, 784))
    np.testing.assert_array_equal(data.test.t, ARRAYS[3])
    assert (data.name, data.image_shape, data.classes) == ("mnist", (28, 28), tuple(range(10)))
    assert data.scaling == Scaling(0.0, 1 / 255)
    assert data.source
    assert data.licence


def test_the_classes_have_names(tmp_path):
    fill(tmp_path)
    assert fashion_mnist(tmp_path).classes[9] == "Ankle boot"
    assert kmnist(tmp_path).classes == ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


def test_the_environment_names_a_folder(tmp_path, monkeypatch):
    fill(tmp_path / "kmnist")
    fill(tmp_path / "Fashion-MNIST")
    monkeypatch.setenv("CLEARPROP_DATA", str(tmp_path))
    assert kmnist().name == "kmnist"
    assert fashion_mnist().name == "fashion_mnist"
    with pytest.raises(FileError, match="MNIST: wanted its four files"):
        mnist()
    fill(tmp_path)
    assert len(mnist().train) == 20


@pytest.mark.parametrize(("folder", "held"), [("mnist", mnist), ("any", mnist), ("FashionMNIST", fashion_mnist)])
def test_files_beside_one_another_are_what_their_folder_is_called(tmp_path, monkeypatch, folder, held):
    fill(tmp_path / folder)
    monkeypatch.setenv("CLEARPROP_DATA", str(tmp_path / folder))
    for function in (mnist, fashion_mnist, kmnist):
        if function is held:
            assert len(function().train) == 20
        else:
            with pytest.raises(FileError, match="four files"):
                function(download=False)


def test_the_environment_names_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEARPROP_DATA", str(tmp_path / "no"))
    with pytest.raises(FileError, match="CLEARPROP_DATA: wanted a folder"):
        mnist()


def test_a_folder_that_lacks_something(tmp_path):
    with pytest.raises(FileError, match=r"train-images-idx3-ubyte, or the same ending in \.gz, got no such file"):
        mnist(tmp_path)
    fill(tmp_path)
    (tmp_path / NAMES[3]).unlink()
    with pytest.raises(FileError, match="t10k-labels-idx1-ubyte"):
        mnist(tmp_path)
    for wrong in (tmp_path / "no", tmp_path / NAMES[0], "", 3):
        with pytest.raises(FileError):
            mnist(wrong)


@pytest.mark.parametrize(
    ("part", "array", "message"),
    [
        (0, ARRAYS[1], "images, bytes of shape"),
        (0, ARRAYS[0].astype(np.int32), "images, bytes of shape"),
        (0, ARRAYS[0][:0], "images, bytes of shape"),
        (0, ARRAYS[0][:, :, :27], "images of"),
        (1, ARRAYS[1][:7], "20 labels, one for each image"),
        (1, ARRAYS[0], "20 labels, one for each image"),
        (1, ARRAYS[1] + 1, "28x28 images with labels from 0 to 9, got .* up to 10"),
        (3, ARRAYS[3] + 1, "28x28 images with labels from 0 to 9"),
    ],
)
def test_a_folder_that_holds_something_else(tmp_path, part, array, message):
    fill(tmp_path, [array if i == part else known for i, known in enumerate(ARRAYS)])
    with pytest.raises((DataError, ShapeError), match=message):
        mnist(tmp_path)


def test_broken_files_are_named(tmp_path):
    fill(tmp_path, ending=".gz")
    path = tmp_path / f"{NAMES[2]}.gz"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FileError, match=r"t10k-images.*broken gzip"):
        mnist(tmp_path)


def test_real_mnist():
    folder = Path(__file__).parents[2] / "shared" / "data" / "mnist"
    if not folder.is_dir():
        pytest.skip("no MNIST beside the repository")
    data = mnist(folder)
    assert (data.train.x.shape, data.test.x.shape) == ((60000, 784), (10000, 784))
    assert np.bincount(data.test.t).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


# from the internet


def test_nowhere_to_be_found():
    for download, reason in (True, "127.0.0.1:9"), (False, "download=False"):
        with pytest.raises(FileError, match=reason) as caught:
            mnist(download=download)
        for advice in ('cp.data.mnist("folder")', "CLEARPROP_DATA", "cp.data.digits()"):
            assert advice in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(SettingError):
        mnist(download="yes")


def test_downloaded_once_and_kept(tmp_path, nowhere, monkeypatch):
    fill(tmp_path, ending=".gz")
    asked = []

    class Files(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *rest):
            super().__init__(*rest, directory=str(tmp_path))

        def log_message(self, *parts):
            asked.append(self.path)

    files = []
    for name in NAMES:
        content = (tmp_path / f"{name}.gz").read_bytes()
        sha256 = hashlib.sha256(gzip.decompress(content)).hexdigest()
        files.append(Remote(f"{name}.gz", len(content), hashlib.md5(content).hexdigest(), sha256))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        mirrors = (f"http://127.0.0.1:{server.server_port}/",)
        known = images.PUBLISHED["mnist"]._replace(mirrors=mirrors, files=tuple(files))
        monkeypatch.setitem(images.PUBLISHED, "mnist", known)
        data = mnist()
        server.shutdown()
        thread.join()
    assert len(asked) == 4
    assert sorted(path.name for path in (nowhere / "mnist").glob("*.gz")) == sorted(f"{name}.gz" for name in NAMES)
    assert (mnist(download=False).train.x == data.train.x).all()  # from the cache, without the server


def test_what_is_published_is_complete():
    for known in images.PUBLISHED.values():
        assert len(known.classes) == 10
        assert [remote.name for remote in known.files] == [f"{name}.gz" for name in NAMES]
        for remote in known.files:
            assert len(remote.md5) == 32
            assert len(remote.unpacked) in (0, 64)


# by name


def test_every_name_in_the_catalogue():
    for name, entry in CATALOG.items():
        assert entry.about
        if "download" in entry.about:
            with pytest.raises(FileError):
                load(name, download=False)
        else:
            assert load(name).name == name


def test_load(tmp_path, monkeypatch):
    assert load("Fashion-MNIST", folder=fill(tmp_path / "f")).name == "fashion_mnist"
    assert load("moons", n=40).name == "moons"
    assert load(str(tmp_path / "f")).classes == tuple(range(10))
    assert load(tmp_path / "f").image_shape == (28, 28)
    (tmp_path / "a.TSV").write_text("1\t2.5\n0\t3.5\n")
    assert load(tmp_path / "a.TSV", scale=None).scaling is None
    called = []
    monkeypatch.setattr("clearprop.data.catalog.openml", lambda name, version="active": called.append((name, version)))
    load("openml:iris")
    load("openml:iris:2")
    load("openml:iris", version=3)
    assert called == [("iris", "active"), ("iris", 2), ("iris", 3)]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("mnits", "did you mean mnist"),
        ("nope", "choose one of digits, mnist"),
        ("no.csv", "no.csv: .*no such file"),
        ("openml:", "choose one of"),
        (3, "the name of a file or folder"),
        (None, "the name of a file or folder"),
        ("", "the name of a file or folder"),
        ("x" * 5000, "name too long"),
    ],
)
def test_names_that_are_none(what, message):
    with pytest.raises(ClearpropError, match=message):
        load(what)


def test_files_and_options_that_are_none(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"")
    with pytest.raises(FileError, match=r"ends in \.csv, \.tsv"):
        load(tmp_path / "a.xlsx")
    with pytest.raises(FileError, match="train-images"):
        load(tmp_path)
    for options, advice in [({"nose": 1}, "did you mean noise"), ({"name": 1}, "choose one of n, noise, seed")]:
        with pytest.raises(SettingError, match=advice):
            load("moons", **options)
    with pytest.raises(SettingError, match="leave it out"):
        load("xor", n=3)
    with pytest.raises(SettingError, match="path"):
        load(tmp_path / "a.csv", path="b.csv")


def test_images_of_any_size(tmp_path):
    small = [array[:, :3, :5] if array.ndim == 3 else array * 2 for array in ARRAYS]
    data = load(fill(tmp_path / "small", small))
    assert (data.name, data.image_shape, len(data.classes)) == ("small", (3, 5), 19)


def test_public_names():
    assert all(hasattr(clearprop.data, name) for name in clearprop.data.__all__)
    assert callable(clearprop.data.openml)
    assert callable(clearprop.data.digits)


def test_importing_is_cheap():
    import subprocess
    import sys

    script = "import sys, clearprop.data; print(*sys.modules)"
    source = str(Path(clearprop.data.__file__).parents[2])
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": source},
    ).stdout.split()  # fmt: skip
    assert not {"polars", "sklearn", "pandas", "urllib.request", "http.client"} & set(loaded)


def test_mnist_or_digits_takes_mnist_where_it_is_and_downloads_nothing(nowhere, monkeypatch, tmp_path):
    assert images.mnist_or_digits().name == "digits"
    fill(tmp_path / "mnist")
    monkeypatch.setenv("CLEARPROP_DATA", str(tmp_path))
    assert images.mnist_or_digits().name == "mnist"
