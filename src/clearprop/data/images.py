"""Small images of ten classes: the digits that come with clearprop, MNIST, and two that look like it."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clearprop.arrays.checks import truth
from clearprop.arrays.errors import DataError, FileError, brief
from clearprop.arrays.files import location, told
from clearprop.data.dataset import Dataset, Samples
from clearprop.data.download import Remote, cache_folder, fetch
from clearprop.data.idx import read_idx
from clearprop.data.scaling import Scaling
from clearprop.data.validation import Class

PARTS = ("train-images", "train-labels", "t10k-images", "t10k-labels")
VARIABLE = "CLEARPROP_DATA"
DIGITS_TEST = 360  # the last of the 1,797; the files are in this order


class _Published(NamedTuple):
    """What is known of a data set in the four files of MNIST."""

    title: str
    classes: tuple[Class, ...]
    source: str
    licence: str
    mirrors: tuple[str, ...]
    files: tuple[Remote, ...]


def _remotes(*known: tuple[Any, ...]) -> tuple[Remote, ...]:
    names = (f"{part}-idx{3 if part.endswith('images') else 1}-ubyte.gz" for part in PARTS)
    return tuple(Remote(name, *values) for name, values in zip(names, known, strict=True))


PUBLISHED = {
    "mnist": _Published(
        "MNIST",
        tuple(range(10)),
        "Yann LeCun, Corinna Cortes, Christopher J. C. Burges: The MNIST database of handwritten digits",
        "CC BY-SA 3.0",
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        _remotes(
            (9912422, "f68b3c2dcbeaaa9fbdd348bbdeb94873",
             "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            (28881, "d53e105ee54ea40749a09fcbcd1e9432",
             "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            (1648877, "9fb629c4189551a2d022fa330f9573f3",
             "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            (4542, "ec29112dd5afa0611ce80d1b7f02629c",
             "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        ),
    ),
    "fashion_mnist": _Published(
        "Fashion-MNIST",
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        "Han Xiao, Kashif Rasul, Roland Vollgraf: Fashion-MNIST, arXiv:1708.07747",
        "MIT",
        (
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        _remotes(
            (26421880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            (29515, "25c81989df183df01b3e8a0aad5dffbe"),
            (4422102, "bef4ecab320f06d8554ea6380940ec79"),
            (5148, "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
    ),
    "kmnist": _Published(
        "Kuzushiji-MNIST",
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        'KMNIST Dataset (created by CODH), adapted from "Kuzushiji Dataset" (created by NIJL and others), '
        "doi:10.20676/00000341",
        "CC BY-SA 4.0",
        (
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/KMNIST/",
        ),
        _remotes(
            (18165135, "bdb82020997e1d708af4cf47b453dcf7"),
            (29497, "e144d726b3acfaa3e44228e80efcd344"),
            (3041136, "5c965bf0a639b31b8f53240b1b52f4d7"),
            (5120, "7320c461ea6c1c855c0b718fb2a4b134"),
        ),
    ),
}  # fmt: skip


def digits() -> Dataset:
    """1,797 handwritten digits of 8x8 pixels between 0 and 16, 360 of them to test on; they come with clearprop.

    E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, https://doi.org/10.24432/C50P49.

    >>> digits()
    <Dataset digits: 1437 train, 360 test, 64 features, 10 classes>
    """
    folder = Path(__file__).parent / "embedded"
    x = read_idx(folder / "images.gz").reshape(-1, 64)
    t = read_idx(folder / "labels.gz")
    return Dataset(
        Samples(x[:-DIGITS_TEST], t[:-DIGITS_TEST]), Samples(x[-DIGITS_TEST:], t[-DIGITS_TEST:]), name="digits",
        image_shape=(8, 8), classes=tuple(range(10)), source="https://doi.org/10.24432/C50P49", licence="CC BY 4.0",
        scaling=Scaling(0.0, 1 / 16),
    )  # fmt: skip


def mnist(folder: Any = None, download: bool = True) -> Dataset:
    """MNIST: 60,000 handwritten digits of 28x28 bytes, and 10,000 to test on.

    From `folder`, if given; else from the folder that CLEARPROP_DATA names, the cache, or a mirror on the internet
    (if `download`), whose bytes are verified. A folder holds the four IDX files, packed or not, or a folder named
    mnist that does. An error where some are missing, or do not hold 28x28 images with labels from 0 to 9.
    """
    return _published("mnist", folder, download)


def mnist_or_digits() -> Dataset:
    """MNIST where it is on this machine already, otherwise the digits that come with clearprop; nothing is downloaded.

    >>> mnist_or_digits().classes
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    """
    try:
        return mnist(download=False)
    except FileError:
        return digits()


def fashion_mnist(folder: Any = None, download: bool = True) -> Dataset:
    """Fashion-MNIST: 60,000 pictures of clothes of 28x28 bytes, and 10,000 to test on. See `mnist`."""
    return _published("fashion_mnist", folder, download)


def kmnist(folder: Any = None, download: bool = True) -> Dataset:
    """Kuzushiji-MNIST: 60,000 hiragana of 28x28 bytes in old cursive, and 10,000 to test on. See `mnist`."""
    return _published("kmnist", folder, download)


def from_folder(folder: Any) -> Dataset:
    """The images, of any one size, and labels in the four IDX files of a folder, named as those of MNIST are."""
    place = _folder(folder, "folder")
    files = _files(place)
    if files is None:
        raise _absent(place, PARTS[0])
    x, t, shape = _part(files[:2])
    test_x, test_t, test_shape = _part(files[2:])
    if test_shape != shape:
        raise DataError(str(files[2]), f"images of {shape}, as for training", str(test_shape), "check both files")
    return Dataset(
        Samples(x, t), Samples(test_x, test_t), name=place.name, image_shape=shape, scaling=Scaling.unit(x),
        classes=tuple(range(max(int(t.max()), int(test_t.max())) + 1)), source=str(place),
    )  # fmt: skip


def _published(name: str, folder: Any, download: bool) -> Dataset:
    truth(name, "download", download)
    data = from_folder(_locate(name, folder, download))
    known = PUBLISHED[name]
    if data.image_shape != (28, 28) or data.classes is None or len(data.classes) > 10:
        raise DataError(
            data.source, "28x28 images with labels from 0 to 9",
            f"{data.image_shape} with labels up to {data.classes[-1] if data.classes else '?'}",
            "give the folder to cp.data.load(...) if these are images of yours",
        )  # fmt: skip
    return Dataset(
        data.train, data.test, name=name, image_shape=data.image_shape, classes=known.classes, source=known.source,
        licence=known.licence, scaling=Scaling(0.0, 1 / 255),
    )  # fmt: skip


def _locate(name: str, folder: Any, download: bool) -> Path:
    """The folder that holds the files, after a download if need be."""
    if folder is not None:
        place = _folder(folder, name)
        found = _within(place, name, direct=True)
        if found is None:
            raise _absent(place, PARTS[0])
        return found
    if os.environ.get(VARIABLE):
        place = _folder(os.environ[VARIABLE], VARIABLE)
        # the files have the same names in all three data sets: the folder's name tells, and if it does not, it is MNIST
        held = next((known for known in PUBLISHED if _folded(known) == _folded(place.name)), "mnist")
        found = _within(place, name, direct=held == name)
        if found is not None:
            return found
    cached = cache_folder() / name
    known = PUBLISHED[name]
    if all((cached / remote.name).is_file() for remote in known.files):
        return cached
    if not download:
        raise _unavailable(name, "neither, and download=False")
    for remote in known.files:
        try:
            fetch(remote, known.mirrors, cached)
        except FileError as error:
            raise _unavailable(name, f"{error.where}: {error.got}") from None
    return cached


def _unavailable(name: str, got: str) -> FileError:
    return FileError(
        f"{PUBLISHED[name].title}", f"its four files in the folder of {VARIABLE}, in the cache or on the internet",
        got, f'give cp.data.{name}("folder"), set {VARIABLE}, or take cp.data.digits(), which needs no download',
    )  # fmt: skip


def _folder(path: Any, where: str) -> Path:
    place = location(path)
    with told(place, "a folder that can be read"):
        if not place.is_dir():
            raise FileError(where, "a folder", brief(str(place)), "check the path")
        return place


def _within(place: Path, name: str, direct: bool) -> Path | None:
    """The folder named `name` in `place`, or `place` itself if `direct`, whichever holds the files."""
    with told(place, "a folder that can be read"):
        inner = sorted(path for path in place.iterdir() if path.is_dir() and _folded(path.name) == _folded(name))
    for folder in [*inner, place] if direct else inner:
        if _files(folder) is not None:
            return folder
    return None


def _files(folder: Path) -> list[Path] | None:
    """The four files in `folder`; None if there are none at all, a FileError if some are missing."""
    found = []
    for part in PARTS:
        kind = f"idx{3 if part.endswith('images') else 1}-ubyte"
        names = [f"{part}{joint}{kind}{ending}" for joint in "-." for ending in ("", ".gz")]
        with told(folder, "a folder that can be read"):
            found.append(next((folder / name for name in names if (folder / name).is_file()), None))
    if not any(found):
        return None
    if None in found:
        raise _absent(folder, PARTS[found.index(None)])
    return [path for path in found if path is not None]


def _absent(folder: Path, part: str) -> FileError:
    kind = f"idx{3 if part.endswith('images') else 1}-ubyte"
    return FileError(
        str(folder), f"a file {part}-{kind}, or the same ending in .gz", "no such file", "check the folder"
    )


def _part(files: list[Path]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[int, int]]:
    """Images (N, pixels), their labels (N,), and the shape of one image."""
    images, labels = map(read_idx, files)
    if images.dtype != np.uint8 or images.ndim != 3 or not images.size:
        raise DataError(str(files[0]), "images, bytes of shape (N, height, width)",
                        f"{images.dtype} {images.shape}", "check the folder")  # fmt: skip
    if labels.dtype != np.uint8 or labels.shape != (len(images),):
        raise DataError(str(files[1]), f"{len(images)} labels, one for each image", f"{labels.dtype} {labels.shape}",
                        "check the folder")  # fmt: skip
    return images.reshape(len(images), -1), labels, (images.shape[1], images.shape[2])


def _folded(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
