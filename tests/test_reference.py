"""The reference names everything that is public, and nothing that is not there."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import clearprop as cp

PAGES = sorted((Path(__file__).parents[1] / "docs" / "reference").glob("*.md"))
BLOCK = re.compile(r"\.\. currentmodule:: (\S+)\n((?:(?!```).*\n)*)")
NAMES = [
    (module, name)
    for page in PAGES
    for module, block in BLOCK.findall(page.read_text(encoding="utf-8"))
    for name in re.findall(r"\.\. auto\w+:: (\w+)", block)
]


def public(found: object, module: ModuleType) -> bool:
    """Whether it is a function that `module` itself brings."""
    return inspect.isfunction(found) and found.__module__ == module.__name__ and not found.__name__.startswith("_")


@pytest.mark.parametrize(
    ("module", "public"),
    [
        ("clearprop", {*cp.__all__} - {"__version__", "data", "metrics", "pictures"}),
        (
            "clearprop.metrics",
            {"accuracy", "confusion_matrix", "mean_absolute_error", "precision_recall_f1", "r2", "top_k"},
        ),
        ("clearprop.data", {*cp.data.__all__} - {"CATALOG", "Dataset", "Samples", "Scaling", "one_hot"}),
        ("clearprop.pictures", {*cp.pictures.__all__}),
        ("clearprop.sklearn", {"MLPClassifier", "MLPRegressor"}),
    ],
)
def test_what_is_public_is_in_the_reference(module: str, public: set[str]) -> None:
    assert {name for place, name in NAMES if place == module} == public


def test_each_name_is_there_once_and_documented() -> None:
    assert len(NAMES) == len(set(NAMES))
    for module, name in NAMES:
        assert getattr(cp.metrics if module == "clearprop.metrics" else import_module(module), name).__doc__, name
