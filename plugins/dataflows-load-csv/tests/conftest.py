"""What the tests of this plugin share."""

from __future__ import annotations

import csv
import gzip
import io
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import settings

from dataflows_core import Flow
from dataflows_load_csv.plan import Options, plan
from dataflows_load_csv.source import Source
from dataflows_load_csv.split import CsvSplit

# How long an example takes says nothing on a machine that others use too.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

Cells = list[list[str | None]]


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

    def _send(self, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(200)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def good(self) -> None:
        self._send(self.body, len(self.body))

    def torn(self) -> None:
        self._send(self.body[: len(self.body) // 2], len(self.body))

    def chunked(self) -> None:
        self._chunks(end=True)

    def chunks_torn(self) -> None:
        self._chunks(end=False)

    def _chunks(self, *, end: bool) -> None:
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        for start in range(0, len(self.body), 50_000):
            part = self.body[start : start + 50_000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if end:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def moved(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/good.csv")
        self.end_headers()

    def zipped(self) -> None:
        body = gzip.compress(self.body)
        self._send(body, len(body), Content_Encoding="gzip")

    def zipped_torn(self) -> None:
        self._send(gzip.compress(self.body)[:-2000], Content_Encoding="gzip")

    def archive(self) -> None:
        from zipfile import ZipFile

        buffer = io.BytesIO()
        with ZipFile(buffer, "w") as archive:
            archive.writestr("towns.csv", self.body)
        self._send(buffer.getvalue(), len(buffer.getvalue()))

    def page(self) -> None:
        self._send(b"\n<!DOCTYPE html><html><body>Please log in</body></html>")

    def secret(self) -> None:
        if self.headers.get("Authorization") != "Bearer 123":
            self.missing()
        else:
            self.good()

    def missing(self) -> None:
        self.send_error(404)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a web server that can misbehave."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()
