"""Data sets: built in, from files, downloaded, or made up."""

from clearprop.data.catalog import CATALOG, load
from clearprop.data.dataset import Dataset, Samples, one_hot
from clearprop.data.handwriting import picture
from clearprop.data.idx import read_idx, write_idx
from clearprop.data.images import digits, fashion_mnist, kmnist, mnist, mnist_or_digits
from clearprop.data.openml import openml
from clearprop.data.scaling import Scaling
from clearprop.data.tabular import csv
from clearprop.data.toys import blobs, checkerboard, circles, moons, sine, spirals, xor

__all__ = [
    "CATALOG", "Dataset", "Samples", "Scaling", "blobs", "checkerboard", "circles", "csv", "digits", "fashion_mnist",
    "kmnist", "load", "mnist", "mnist_or_digits", "moons", "one_hot", "openml", "picture", "read_idx", "sine",
    "spirals", "write_idx", "xor",
]  # fmt: skip
