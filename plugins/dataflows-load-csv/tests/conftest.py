"""What the tests of this plugin share."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dataflows_core import Flow
from dataflows_core.files import Source
from dataflows_load_csv.plan import Options, plan
from dataflows_load_csv.split import CsvSplit

Cells = list[list[str | None]]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits here before a download is tried again."""
    monkeypatch.setattr("dataflows_core.files.patience.wait", lambda seconds: None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data, which is no part of the repository; it lies beside the checkout."""
    folder = Path(__file__).parents[4] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data are not beside the checkout: there is no folder {folder}")
    return folder


@pytest.fixture
def rows_of() -> Callable[..., list[dict]]:
    """The rows that a loader brings in, as one resource."""

    def rows(step) -> list[dict]:
        (found,) = Flow(step).results().rows
        return found

    return rows


@pytest.fixture
def planned() -> Callable[..., CsvSplit]:
    """The split that reads a file."""

    def split(path: Path | str, **options) -> CsvSplit:
        (only,) = plan([Source(str(path))], Options(**options)).splits
        return only

    return split


@pytest.fixture
def cells_of() -> Callable[[CsvSplit], Cells]:
    """All cells that a split decodes, row by row."""

    def cells(split: CsvSplit) -> Cells:
        return [list(row.values()) for block in split.blocks() for row in split.decode(block).to_pylist()]

    return cells


@pytest.fixture(scope="session")
def oracle() -> Callable[..., Cells]:
    """The cells of a CSV text as Python's own parser reads them; empty ones are null."""

    def cells(text: str, **dialect) -> Cells:
        rows = csv.reader(io.StringIO(text, newline=""), **dialect)
        return [[cell or None for cell in row] for row in rows if row]

    return cells


class Handler(BaseHTTPRequestHandler):
    """A web server that can misbehave."""

    body = b"id,city\n" + b"".join(b"%d,town %d\n" % (i, i) for i in range(20_000))

    def log_message(self, *args) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.strip("/").partition("?")[0].partition(".")[0]
        getattr(self, name)()

    def _send(self, body: bytes, length: int | None = None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def good(self) -> None:
        self._send(self.body, len(self.body))

    def torn(self) -> None:
        self._send(self.body[: len(self.body) // 2], len(self.body))

    def archive(self) -> None:
        from zipfile import ZipFile

        buffer = io.BytesIO()
        with ZipFile(buffer, "w") as archive:
            archive.writestr("towns.csv", self.body)
        self._send(buffer.getvalue(), len(buffer.getvalue()))

    def page(self) -> None:
        self._send(b"\n<!DOCTYPE html><html><body>Please log in</body></html>")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a web server that can misbehave."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()
