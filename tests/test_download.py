import contextlib
import gzip
import hashlib
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from clearprop.arrays.errors import FileError
from clearprop.data import download
from clearprop.data.download import Remote, cache_folder, fetch

CONTENT = gzip.compress(bytes(range(256)) * 2000, mtime=0)
REMOTE = Remote(
    "a.gz", len(CONTENT), hashlib.md5(CONTENT).hexdigest(), hashlib.sha256(gzip.decompress(CONTENT)).hexdigest()
)


class Mirror(http.server.BaseHTTPRequestHandler):
    """/kind/a.gz, where kind is what is wrong with the answer."""

    asked: list[tuple[str, str | None]]

    def log_message(self, *parts):
        pass

    def do_GET(self):
        kind = self.path.split("/")[1]
        self.asked.append((kind, self.headers.get("Range")))
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        content = {
            "wrong": bytes(len(CONTENT)),
            "longer": CONTENT + b"more",
            "endless": CONTENT * 100,
            "shorter": CONTENT[:-10],
        }.get(kind, CONTENT)
        if kind == "missing":
            return self.send_error(404)
        if kind == "broken":
            self.wfile.write(b"what?\r\n\r\n")
            return None
        if start and kind == "misplaced":  # says 206, but begins elsewhere
            self.send_response(206)
            self.send_header("Content-Range", f"bytes 0-{len(content) - 1}/{len(content)}")
        elif start and kind != "rangeless":
            content = content[start:]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{start + len(content) - 1}/{len(CONTENT)}")
        else:
            self.send_response(200)
        if kind != "lengthless":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(content[: len(content) // 2] if kind == "truncated" else content)
        return None


@pytest.fixture
def mirror(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Mirror.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield lambda *kinds: [f"http://127.0.0.1:{server.server_port}/{kind}/" for kind in kinds]
        server.shutdown()
        thread.join()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["good", "rangeless", "lengthless", "misplaced"])
def test_a_download(tmp_path, mirror, kind):
    path = fetch(REMOTE, mirror(kind), tmp_path / "deep" / "cache")
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["a.gz", "a.gz.lock"]
    assert fetch(REMOTE, mirror("missing"), path.parent) == path  # it is there: no one is asked
    assert Mirror.asked == [(kind, None)]


@pytest.mark.parametrize("kind", ["good", "rangeless", "lengthless", "misplaced"])
def test_resuming(tmp_path, mirror, kind):
    (tmp_path / "a.gz.part").write_bytes(CONTENT[:1000])
    assert fetch(REMOTE, mirror(kind), tmp_path).read_bytes() == CONTENT
    assert Mirror.asked == [(kind, "bytes=1000-")]
    assert names(tmp_path) == ["a.gz", "a.gz.lock"]


def test_a_complete_part_is_taken_as_it_is(tmp_path, mirror):
    (tmp_path / "a.gz.part").write_bytes(CONTENT)
    fetch(REMOTE, mirror("good"), tmp_path)
    assert Mirror.asked == []


@pytest.mark.parametrize("rubbish", [b"x" * 1000, b"x" * len(CONTENT), CONTENT + b"x", b""])
def test_a_corrupt_part_is_thrown_away(tmp_path, mirror, rubbish):
    (tmp_path / "a.gz.part").write_bytes(rubbish)
    assert fetch(REMOTE, mirror("good"), tmp_path).read_bytes() == CONTENT
    assert Mirror.asked[-1] == ("good", None)


@pytest.mark.parametrize("bad", ["missing", "wrong", "longer", "endless", "shorter", "truncated", "broken"])
def test_the_next_mirror(tmp_path, mirror, bad):
    assert fetch(REMOTE, mirror(bad, "good"), tmp_path).read_bytes() == CONTENT
    assert names(tmp_path) == ["a.gz", "a.gz.lock"]
    resumed = {"truncated": len(CONTENT) // 2, "shorter": len(CONTENT) - 10}.get(bad)
    assert Mirror.asked == [(bad, None), ("good", f"bytes={resumed}-" if resumed else None)]


@pytest.mark.parametrize(
    ("bad", "message", "left"),
    [
        ("missing", "404", 0),
        ("wrong", "MD5", 0),
        ("longer", f"more than {len(CONTENT)} bytes", 0),
        ("truncated", f"ended after {len(CONTENT) // 2} of {len(CONTENT)} bytes", len(CONTENT) // 2),
        ("broken", "127.0.0.1", 0),
    ],
)
def test_no_mirror_has_it(tmp_path, mirror, bad, message, left):
    with pytest.raises(FileError, match=message) as caught:
        fetch(REMOTE, mirror(bad), tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "a.gz").exists()
    part = tmp_path / "a.gz.part"
    assert (part.stat().st_size if part.exists() else 0) == left


def test_an_endless_answer_is_not_read_to_its_end(tmp_path, mirror, monkeypatch):
    written = []
    monkeypatch.setattr(download, "_unseen", written.append)
    with pytest.raises(FileError, match="more than"):
        fetch(REMOTE, mirror("endless"), tmp_path)
    assert sum(written) <= len(CONTENT)


def test_the_content_is_verified_too(tmp_path, mirror):
    with pytest.raises(FileError, match="SHA-256"):
        fetch(REMOTE._replace(unpacked="0" * 64), mirror("good"), tmp_path)
    assert names(tmp_path) == ["a.gz.lock"]


def test_no_network(tmp_path):
    with pytest.raises(FileError, match=r"127.0.0.1:9: connection refused|refused") as caught:
        fetch(REMOTE, ["http://127.0.0.1:9/"], tmp_path)
    assert "urlopen" not in str(caught.value)


def test_where_nothing_can_be_written(tmp_path, mirror):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileError, match="a folder for downloads"):
        fetch(REMOTE, mirror("good"), tmp_path / "file" / "cache")


def test_two_threads_and_two_processes_at_once(tmp_path, mirror):
    """All come back with the file; only one of them has asked for it."""
    script = (
        "from clearprop.data.download import Remote, fetch; from pathlib import Path;"
        f"fetch(Remote{tuple(REMOTE)!r}, {mirror('good')!r}, Path({str(tmp_path)!r}))"
    )
    source = str(Path(download.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": source}
    processes = [subprocess.Popen([sys.executable, "-c", script], env=environment) for _ in range(2)]
    threads = [threading.Thread(target=fetch, args=(REMOTE, mirror("good"), tmp_path)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0]
    assert (tmp_path / "a.gz").read_bytes() == CONTENT
    assert Mirror.asked == [("good", None)]


def test_a_bar_for_those_who_watch(tmp_path, mirror, monkeypatch, capsys):
    fetch(REMOTE, mirror("good"), tmp_path / "1")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    fetch(REMOTE, mirror("good"), tmp_path / "2")
    out, err = capsys.readouterr()
    assert not out
    assert "a.gz" in err


@pytest.mark.parametrize(
    ("platform", "variables", "wanted"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/clearprop"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/h/.cache/clearprop"),
        ("linux", {}, "/h/.cache/clearprop"),
        ("darwin", {"XDG_CACHE_HOME": "/x"}, "/h/Library/Caches/clearprop"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/clearprop"),
        ("win32", {}, "/h/AppData/Local/clearprop"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="the paths are written as on POSIX")
def test_cache_folder(monkeypatch, platform, variables, wanted):
    monkeypatch.setattr(download.sys, "platform", platform)
    monkeypatch.setenv("HOME", "/h")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(cache_folder()) == wanted
