"""Code that does not behave, in its own process: each kind ends as a clear verdict, in time, and not as a pass."""

import dataclasses
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clearprop.grader import bubblewrap
from clearprop.grader.checking import check
from clearprop.grader.exercise import Exercise
from clearprop.grader.messages import Refused, arrays_of, header_of, header_size
from clearprop.grader.table import EXERCISES
from clearprop.grader.verdict import Verdict

if sys.platform == "win32":
    pytest.skip("the sandbox needs limits of POSIX", allow_module_level=True)

SGD = dataclasses.replace(EXERCISES["sgd"], seconds=1.0, memory=2**29)
PATIENT = dataclasses.replace(SGD, seconds=30.0)
GOOD = "def step(w, g, rate):\n    return w - rate * g\n"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="processes are counted in /proc")
BOUND = 20.0  # seconds for any of these
MODES = [
    pytest.param(False, id="plain"),
    pytest.param(True, id="bubblewrap", marks=pytest.mark.skipif(
        not shutil.which("bwrap") or not bubblewrap.works(), reason="no bubblewrap")),
]  # fmt: skip


@pytest.fixture(params=MODES)
def wrapped(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < BOUND


def body(*lines: str) -> str:
    """A right solution that does something else first."""
    inside = "".join(f"    {line}\n" for line in lines)
    return f"import os, sys, time\nimport numpy as np\ndef step(w, g, rate):\n{inside}    return w - rate * g\n"


def ended(source: str, wrapped: bool, one: Exercise = PATIENT) -> Verdict:
    verdict = check(source, one, wrapped=wrapped)
    assert not verdict.passed
    assert len(str(verdict).splitlines()[1]) < 500
    return verdict


def running(mark: str) -> list[str]:
    """Processes whose command holds `mark`."""
    text = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True).stdout
    return [line for line in text.splitlines() if mark in line]


@pytest.mark.parametrize("name", list(EXERCISES))
def test_solutions_pass_and_mistakes_are_named(name: str) -> None:
    one = EXERCISES[name]
    assert check("import numpy as np\n" + one.solution, one)
    wrong = one.wrong[0]
    source = one.variant(wrong)
    assert source is not None
    assert check("import numpy as np\n" + source, one, seed=0).mistake == wrong.name


def test_the_good_one_passes(wrapped: bool) -> None:
    assert check(GOOD, PATIENT, wrapped=wrapped)


# the list of the hostile


@pytest.mark.parametrize("source", ["while True: pass", body("while True: pass"), body("time.sleep(1000)")])
def test_an_endless_loop(source: str, wrapped: bool) -> None:
    start = time.monotonic()
    verdict = ended(source, wrapped, SGD)
    assert verdict.mistake == "time limit"
    assert "1 seconds" in verdict.says
    assert time.monotonic() - start < 6


def test_a_loop_that_no_signal_ends(wrapped: bool) -> None:
    lines = ["import signal", "for s in range(1, 32):", "    try: signal.signal(s, signal.SIG_IGN)",
             "    except (OSError, ValueError): pass", "while True: pass"]  # fmt: skip
    assert ended(body(*lines), wrapped, SGD).mistake == "time limit"


@LINUX
@pytest.mark.parametrize("leave", ["", "os.setsid(); os.fork() and os._exit(0)"])
def test_dozens_of_processes_left_behind(wrapped: bool, leave: str) -> None:
    mark = f"600.{time.time_ns()}"
    source = f"""
import os
def step(w, g, rate):
    if not os.path.exists("once"):
        open("once", "w").close()
        for _ in range(24):
            if os.fork() == 0:
                {leave or "pass"}
                os.execvp("sleep", ["sleep", "{mark}"])
    return w - rate * g
"""
    assert ended(source, wrapped).mistake in ("leaves processes behind", "too many processes")
    assert not running(mark)


@LINUX
def test_processes_without_end(wrapped: bool) -> None:
    mistake = ended(body("while True: os.fork()"), wrapped).mistake
    assert mistake in ("too many processes", "leaves processes behind")  # whichever limit comes first


@pytest.mark.parametrize("how", ["os._exit(0)", "sys.exit(0)", "raise SystemExit", "quit()"])
def test_leaving_in_the_middle(how: str, wrapped: bool) -> None:
    assert ended(body(how), wrapped).mistake in ("ends itself", "an error")


def test_leaving_while_it_is_loaded(wrapped: bool) -> None:
    assert ended(GOOD + "import os\nos._exit(0)\n", wrapped).mistake == "ends itself"
    assert ended(GOOD + "raise KeyboardInterrupt\n", wrapped).mistake == "ends itself"


@pytest.mark.parametrize("how", ["x = np.zeros(10**9)", "x = [bytearray(10**7) for _ in range(10**6)]"])
def test_more_memory_than_allowed(how: str, wrapped: bool) -> None:
    assert ended(body(how), wrapped).mistake == "memory limit"


@LINUX
def test_more_memory_than_allowed_in_several_processes(wrapped: bool) -> None:
    lines = ["for _ in range(8):", "    if os.fork() == 0:", "        x = bytearray(200 * 2**20); time.sleep(60)",
             "time.sleep(10)"]  # fmt: skip
    assert ended(body(*lines), wrapped).mistake == "memory limit"


@pytest.mark.parametrize("how", ["while True: print('x' * 1000)", "while True: os.write(2, b'x' * 1000)"])
def test_printing_without_end(how: str, wrapped: bool) -> None:
    verdict = ended(body(how), wrapped)
    assert verdict.mistake == "prints too much"
    assert len(verdict.printed) <= 2**16
    assert len(str(verdict)) < 2000


@pytest.mark.parametrize("how", ["input()", "sys.stdin.read()", "list(sys.stdin)"])
def test_reading_standard_input(how: str, wrapped: bool) -> None:
    assert ended(body(how), wrapped).mistake == "reads standard input"
    assert ended(body("try:", f"    {how}", "except BaseException: pass"), wrapped).mistake == "reads standard input"


def test_reading_the_descriptor_of_standard_input(wrapped: bool) -> None:
    assert "Bad file descriptor" in ended(body("os.read(0, 1)"), wrapped).says


PATCHES = [
    "import numpy as np\nnp.allclose = np.array_equal = np.isclose = lambda *a, **k: True\n",
    "import numpy as np\nreal = np.asarray\nnp.asarray = lambda x, *a: real(x) * 0\nnp.frombuffer = np.asarray\n",
    "import clearprop, clearprop.insight.checking.check as c, clearprop.insight.checking.function as f\n"
    "clearprop.check = c.check = f.check_gradient = c.compare = lambda *a, **k: True\n",
    "import builtins\nbuiltins.all = builtins.any = builtins.isinstance = lambda *a: True\n",
    "import json\njson.dumps = lambda *a, **k: '{}'\n",
    "import sys\nm = sys.modules['__main__']\nm.Channel.send = m.attempt = lambda *a: None\n",
]


@pytest.mark.parametrize("patch", PATCHES)
def test_patching_to_fake_a_pass(patch: str, wrapped: bool) -> None:
    ended(f"{patch}def step(w, g, rate):\n    return w * 0\n", wrapped, SGD)


LIARS = [
    "class Liar:\n    __eq__ = lambda s, o: True\n    __ne__ = lambda s, o: False\n    __sub__ = lambda s, o: 0\n"
    "def step(w, g, rate):\n    return Liar()\n",
    "import numpy as np\nclass Liar(np.ndarray):\n    __eq__ = lambda s, o: np.True_\n"
    "    __array_ufunc__ = lambda s, *a, **k: np.True_\ndef step(w, g, rate):\n    return w.view(Liar)\n",
    "import os\nclass Liar:\n    __array__ = lambda s, *a, **k: os._exit(0)\n"
    "def step(w, g, rate):\n    return Liar()\n",
    "class Liar:\n    def __getattribute__(s, n): raise SystemExit\ndef step(w, g, rate):\n    return Liar()\n",
    "class Liar:\n    def __array__(s, *a, **k):\n        while True: pass\ndef step(w, g, rate):\n    return Liar()\n",
    "import numpy as np\ndef step(w, g, rate):\n    return np.array([None] * 3)\n",
    "import numpy as np\ndef step(w, g, rate):\n    return (w - rate * g).astype(complex)\n",
    "class E(Exception):\n    def __str__(s): raise E\ndef step(w, g, rate):\n    raise E\n",
]


@pytest.mark.parametrize("liar", LIARS)
def test_results_that_misbehave_when_compared(liar: str, wrapped: bool) -> None:
    ended(liar, wrapped, SGD)


@pytest.mark.parametrize("liar", [LIARS[0], LIARS[5], LIARS[6]])
def test_what_is_no_array_of_numbers_is_told_as_that(liar: str) -> None:
    assert ended(liar, False).mistake == "wrong form"


# the way to the grader


@LINUX
def test_attacks_on_the_supervisor(wrapped: bool) -> None:
    assert ended(body("os.kill(os.getppid(), 9)", "time.sleep(5)"), wrapped).mistake == "ends itself"
    assert ended(body("os.closerange(3, 200)"), wrapped).mistake == "ends itself"
    stopped = check(body("os.kill(os.getppid(), 19)"), PATIENT, wrapped=wrapped)
    assert stopped.passed or stopped.mistake == "ends itself"  # its numbers are right, after all


def test_forged_answers(wrapped: bool) -> None:
    lines = [
        "for fd in range(3, 64):",
        "    try: os.write(fd, b'\\x02\\x00\\x00\\x00{}' * 99)",
        "    except OSError: pass",
    ]
    assert ended(body(*lines), wrapped).mistake in ("no answer", "ends itself")
    huge = ended("import numpy as np\ndef step(w, g, rate):\n    return np.zeros(2 * 10**7)\n", wrapped)
    assert "arrays of more than" in huge.says


def test_messages_are_bounded_and_checked() -> None:
    with pytest.raises(Refused):
        header_size(b"\xff\xff\xff\xff")
    for text in (b"", b"[]", b"{}", b'{"shapes": [], "asked": 1, "error": null}', b"[" * 60_000):
        with pytest.raises(Refused):
            header_of(text)
    for shape in ('["|O8", [1]]', '["<f8", [-1]]', '["<f8", [99999999]]', '["<f8", [1,1,1,1,1,1,1,1,1]]'):
        with pytest.raises(Refused):
            header_of(f'{{"shapes": [{shape}], "asked": false, "error": null}}'.encode())
    header, size = header_of(b'{"shapes": [["<f8", [0, 3]], ["<i2", [2]]], "asked": false, "error": null}')
    assert size == 4
    empty, pair = arrays_of(header, b"\x01\x00\x02\x00")
    assert empty.shape == (0, 3)
    assert pair.tolist() == [1, 2]


def test_crashes_and_errors_are_told(wrapped: bool) -> None:
    assert ended(body("import ctypes; ctypes.string_at(0)"), wrapped).mistake == "crashes"
    error = ended(body("raise ValueError('\\x1b[31m' + 'x' * 10**6)"), wrapped)
    assert error.mistake == "an error"
    assert "line 4" in error.mend
    assert "\x1b" not in str(error)
    assert "SyntaxError" in ended("def step(:", wrapped).says
    assert "there is no function step" in ended("x = 1", wrapped).says
    assert "is there a return?" in ended("def step(w, g, rate):\n    w - g\n", wrapped).says
    assert "two calls" not in str(ended("raise ValueError('\\ud800')", wrapped))


def test_the_environment_is_clean(wrapped: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLEARPROP_SECRET", "x")
    (tmp_path / "numpy.py").write_text("raise SystemExit")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    source = """
import os, sys
assert "CLEARPROP_SECRET" not in os.environ and "PYTHONPATH" not in os.environ
assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
assert os.getcwd() == os.environ["HOME"] and not os.listdir()
open("mine", "w").write("x")
import clearprop
try:
    from clearprop.grader.table import EXERCISES
    raise SystemExit
except ImportError:
    pass
def step(w, g, rate):
    return w - rate * g
"""
    verdict = check(source, PATIENT, wrapped=wrapped)
    assert verdict.passed, verdict
    assert sorted(path.name for path in tmp_path.iterdir()) == ["numpy.py"]


def test_files_are_bounded(wrapped: bool) -> None:
    assert "File too large" in ended(body("open('big', 'wb').write(bytes(2**25))"), wrapped).says
    assert "Too many open files" in ended(body("x = [open('/dev/null') for _ in range(99)]"), wrapped).says


def test_bubblewrap_hides_files_network_and_solutions(tmp_path: Path) -> None:
    if not bubblewrap.works():
        pytest.skip("no bubblewrap")
    secret = tmp_path / "secret"
    secret.write_text("x")
    server = socket.create_server(("127.0.0.1", 0))
    connect = f"import socket; socket.create_connection({server.getsockname()}, 1)"
    for line in (f"open({str(secret)!r})", "open('/etc/passwd')", connect, "import clearprop.grader.table",
                 f"open({str(secret)!r}, 'w')"):  # fmt: skip
        assert ended(body(line), True).mistake == "an error"
    server.close()
    assert secret.read_text() == "x"
    assert ended(body("assert len([p for p in os.listdir('/proc') if p.isdigit()]) > 9"), True).mistake == "an error"


def test_where_bubblewrap_does_not_work_the_rest_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "_runs", lambda command: False)
    bubblewrap.works.cache_clear()
    try:
        assert not bubblewrap.works()
        assert check(GOOD, PATIENT)
    finally:
        bubblewrap.works.cache_clear()


def test_nothing_is_left_over() -> None:
    place = Path(tempfile.gettempdir())
    before = set(place.glob("clearprop-*"))
    check(GOOD, PATIENT)
    check("while True: pass", SGD)
    assert set(place.glob("clearprop-*")) <= before
