"""The pages in docs do what they say: each is one session from top to bottom, run in an empty folder."""

import doctest
import re
from pathlib import Path

import pytest

import clearprop as cp
from clearprop.export import onnx, standalone
from clearprop.insight.derivation import layer_rules, loss_rules
from test_readme import Near

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if ">>> " in page.read_text(encoding="utf-8"))
FENCE = re.compile(r"^ *```.*$", re.MULTILINE)
NEEDS = {"gpu-arrays": "torch"}  # page -> module that `pip install clearprop[dev]` does not bring
TABLES = [
    (cp.Layer, "members"), (cp.Loss, "members"), (layer_rules, "LAYER_RULES"), (loss_rules, "LOSS_RULES"),
    (onnx, "ROWS"), (onnx, "LINKS"), (standalone, "ROWS"), (standalone, "LINKS"),
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).with_suffix("").as_posix())
def test_its_python_lines_give_the_output_shown(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.stem in NEEDS:
        pytest.importorskip(NEEDS[page.stem])
    for owner, name in TABLES:  # a page may add rows, which other tests must not see
        monkeypatch.setattr(owner, name, dict(getattr(owner, name)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLEARPROP_DATA", raising=False)
    text = FENCE.sub("", page.read_text(encoding="utf-8"))  # else it would be part of the output expected
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    said: list[str] = []
    result = doctest.DocTestRunner(checker=Near()).run(test, out=said.append)
    assert result.failed == 0, "".join(said)


def test_every_how_to_is_run() -> None:
    assert set((DOCS / "how-to").glob("*.md")) <= set(PAGES)
