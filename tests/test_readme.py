"""The README does what it says: its Python lines give the output shown, its code is the library's."""

import doctest
import inspect
import os
import re
from pathlib import Path

import pytest

import clearprop as cp

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"\d+\.\d+")


class Near(doctest.OutputChecker):
    """Decimals may differ by a little from machine to machine, nothing else may."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        mine, theirs = map(float, NUMBER.findall(got)), map(float, NUMBER.findall(want))
        same_text = NUMBER.sub("#", got) == NUMBER.sub("#", want)
        return same_text and all(abs(a - b) <= 0.15 * abs(b) for a, b in zip(mine, theirs, strict=True))


def test_its_python_lines_give_the_output_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(README, {}, "README.md", "README.md", 0)
    assert len(test.examples) > 10
    said: list[str] = []
    result = doctest.DocTestRunner(checker=Near()).run(test, out=said.append)
    assert result.failed == 0, "".join(said)
    assert cp.load("digits.safetensors").network.inputs == 64


def test_its_backward_pass_is_the_librarys() -> None:
    assert inspect.getsource(cp.Dense.backward) in README


def test_its_commands_are_the_ones_that_ci_calls() -> None:
    commands = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    assert [command.split("&&")[-1].strip() for command in commands] == [
        ".venv/bin/clearprop train",
        ".venv/bin/pytest",
        ".venv/bin/sphinx-build -q -W -c docs . build/site",
    ]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "readme 'clearprop train'" in ci
    assert "readme 'pytest'" in ci
    assert "readme 'build/site'" in ci
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_every_public_name_is_there_and_documented() -> None:
    for name in cp.__all__:
        assert getattr(cp, name) is not None
        if inspect.isclass(getattr(cp, name)) or inspect.isfunction(getattr(cp, name)):
            assert getattr(cp, name).__doc__, name
    table = README[README.index("| layers |") : README.index("All parameters are one vector")]
    for family in (cp.Layer, cp.Loss, cp.Initializer, cp.Optimizer):
        for name, kind in family.members.items():
            if kind.__module__.startswith("clearprop."):
                assert f"`{name}`" in table
                assert name in cp.__all__
