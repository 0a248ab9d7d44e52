"""What the tests of the core share."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


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

    def secret(self) -> None:
        if self.headers.get("Authorization") != "Bearer 123":
            self.missing()
        else:
            self.good()

    def avro(self) -> None:
        if "Bearer" in self.headers.get("Authorization", "Bearer"):
            self._send(b"Obj\x01\x04\x14avro.codec")
        else:
            self.missing()

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
