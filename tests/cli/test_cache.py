"""`dataflows cache`, and how far a download is, on a terminal."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dataflows_core import Flow
from dataflows_core.cli import progress
from dataflows_core.files import expand
from dataflows_core.hooks import Events

FLOW = """
from dataflows_core import Flow
from dataflows_core.files import expand

def source(package):
    assert expand({url!r}, cache=True)[0].open().read(4) == b"a,b\\n"

flow = Flow(source)
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A file of an ordinary web server."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "x.csv").write_bytes(b"a,b\n" + b"1,2\n" * 100_000)
    handler = partial(Quiet, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/x.csv?token=s3cr3t"
        server.shutdown()
        thread.join()


def test_what_is_kept_is_listed_and_cleared(cli, folder: Path, tmp_path: Path, url: str) -> None:
    assert cli("cache", "list").stdout.startswith("0 downloads, 0 bytes, in ")
    (folder / "flow.py").write_text(FLOW.format(url=url))
    for _ in range(2):
        ended = cli("run", "flow.py")
        assert ended.returncode == 0, ended.stderr
        assert "downloading" not in ended.stdout + ended.stderr, "no terminal, no bar"
    said = json.loads(cli("cache", "list", "--json").stdout)
    assert said["folder"] == str(tmp_path / "cache" / "dataflows" / "downloads")
    (kept,) = said["downloads"]
    assert kept["url"] == url.replace("s3cr3t", "***")
    assert 400_004 <= kept["size"] == said["size"] < 401_000
    shown = cli("cache", "list").stdout
    assert "just now" in shown
    assert "1 downloads, 400." in shown
    assert "1 downloads removed, 400." in cli("cache", "clear").stdout
    assert json.loads(cli("cache", "clear", "--json").stdout)["removed"] == 0
    assert json.loads(cli("cache", "list", "--json").stdout)["downloads"] == []


def test_a_folder_of_ones_own(cli, tmp_path: Path) -> None:
    own = tmp_path / "own"
    assert json.loads(cli("cache", "list", "--json", DATAFLOWS_CACHE=str(own)).stdout)["folder"] == str(
        own / "downloads"
    )


def test_a_terminal_sees_how_far_a_download_is(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATAFLOWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(progress, "REDRAW", 0)
    terminal = io.StringIO()
    Flow(lambda package: [*expand(url, cache=True)] and None).run(events=Events(progress.Bar(terminal)))
    drawn = terminal.getvalue().split("\r")
    assert "100%  400.0 of 400.0 kB" in drawn[-1]
    assert drawn[-1].startswith("downloading x.csv  ━")
    assert "s3cr3t" not in terminal.getvalue()
    assert len(drawn) > 3
