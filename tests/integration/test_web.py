"""Every loader over the web: kept copies, limits, retries, and no secrets in what flows leave behind."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dataflows_core import Flow
from dataflows_core.errors import ProcessorError, UnreadableError
from dataflows_core.processors import dump_to_path, load

ROWS = [{"city": f"town {number}", "people": number * 1000} for number in range(3000)]
FORMATS = ["csv", "json", "ndjson", "parquet", "arrow", "xlsx"]
SECRET = "s3cr3t"


class Site(SimpleHTTPRequestHandler):
    """An ordinary web server, but for those whom it does not know, and every other request that it drops."""

    asked: list[tuple[str, int]] = []  # noqa: RUF012 - the test reads it
    drops = False

    def log_message(self, *args) -> None:
        pass

    def do_GET(self) -> None:
        known = self.headers["X-Key"] == SECRET and f"token={SECRET}" in self.path
        if self.drops and sum(path == self.path for path, _ in self.asked) == 0:
            self.asked.append((self.path, 0))
            return
        if known and self.headers["Authorization"]:
            super().do_GET()
        else:
            self.send_error(403)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        self.asked.append((self.path, int(code)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    for ending in FORMATS:
        Flow(ROWS, dump_to_path(folder / ending, format=ending)).process()
        (written,) = (path for path in (folder / ending).iterdir() if path.name != "datapackage.json")
        written.rename(folder / f"towns.{ending}")
    return folder


@pytest.fixture
def site(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    monkeypatch.setenv("DATAFLOWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("dataflows_core.files.patience.wait", lambda seconds: None)
    monkeypatch.setattr(Site, "asked", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://me:{SECRET}@127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def far(site: str, ending: str, **options):
    url = f"{site}towns.{ending}?token={SECRET}"
    return load(url, format=ending, storage_options={"X-Key": SECRET}, **options)


@pytest.mark.parametrize("ending", FORMATS)
def test_what_is_kept_is_asked_for_and_not_sent_again(site: str, ending: str, tmp_path: Path) -> None:
    for _ in range(2):
        flow = Flow(far(site, ending, cache=True), dump_to_path(tmp_path / "out"))
        assert flow.results().rows == [ROWS]
    codes = [code for _, code in Site.asked]
    assert codes.count(200) == 1, "planning and running and the next run read one copy"
    assert codes.count(304) == len(codes) - 1 > 0
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert SECRET.encode() not in path.read_bytes()
    (resource,) = json.loads((tmp_path / "out" / "datapackage.json").read_text())["resources"]
    assert resource["name"] == "towns"


@pytest.mark.parametrize("ending", FORMATS)
def test_a_limit_and_a_refusal_are_told_without_secrets(site: str, ending: str, caplog) -> None:
    with pytest.raises(ProcessorError, match="max_size=1000") as caught:
        Flow(far(site, ending, max_size=1000)).process()
    assert isinstance(caught.value.cause, UnreadableError)
    assert urlsplit(site).hostname in str(caught.value)
    with pytest.raises(ProcessorError, match="403 Forbidden") as other:
        Flow(load(f"{site}towns.{ending}?token={SECRET}", format=ending)).process()
    assert SECRET not in f"{caught.value} {other.value} {caplog.text}"


@pytest.mark.parametrize("ending", FORMATS)
def test_a_connection_that_is_dropped_is_made_again(site: str, ending: str, monkeypatch) -> None:
    monkeypatch.setattr(Site, "drops", True)
    assert Flow(far(site, ending)).results().rows == [ROWS]
