"""What the tests of the core share."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from dataflows_core.files import patience


@dataclass
class Act:
    """How one request is answered: as a good server would, but for what is said here."""

    body: bytes = b""
    etag: str | None = None
    modified: str | None = None
    ranges: bool = True
    heeds: bool = True  # whether a part is of the wanted version only
    stop: int | None = None  # bytes of the answer's body after which the connection is cut
    shift: int = 0  # how far the part is from what was asked for
    most: int | None = None  # the longest part that is sent
    status: int | None = None
    length: str | None = ""  # what is announced; "" for the truth, None for nothing
    headers: dict[str, str] = field(default_factory=dict)

    def continues(self, wanted: str | None, version: str | None) -> bool:
        """Whether a part is sent to who wants it."""
        same = not self.heeds or version in (None, self.etag, self.modified)
        return self.ranges and wanted is not None and same


@dataclass
class Stage:
    """A place on the server where the acts are played one after the other, the last one again and again."""

    url: str
    acts: list[Act]
    asked: list[dict[str, str]] = field(default_factory=list)

    def next(self, asked: dict[str, str]) -> Act:
        self.asked.append(asked)
        return self.acts[min(len(self.asked), len(self.acts)) - 1]


class Handler(BaseHTTPRequestHandler):
    """A web server that can misbehave."""

    body = b"id,city\n" + b"".join(b"%d,town %d\n" % (i, i) for i in range(20_000))

    def log_message(self, *args) -> None:
        pass

    stages: ClassVar[dict[str, Stage]] = {}

    def do_GET(self) -> None:
        place = self.path.partition("?")[0]
        if place in self.stages:
            self._play(self.stages[place].next({key.lower(): value for key, value in self.headers.items()}))
            return
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

    def _play(self, act: Act) -> None:
        asked, first = self.headers, 0
        body, status = act.body, act.status or 200
        if act.status is None and asked["If-None-Match"] and asked["If-None-Match"] == act.etag:
            status, body = 304, b""
        elif act.status is None and act.continues(asked["Range"], asked["If-Range"]):
            first = int(asked["Range"].removeprefix("bytes=").rstrip("-")) + act.shift
            status, body = (206, act.body[first:][: act.most]) if first < len(act.body) else (416, b"")
        self.send_response(status)
        for name, value in {"ETag": act.etag, "Last-Modified": act.modified, **act.headers}.items():
            if value is not None:
                self.send_header(name, value)
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/{len(act.body)}")
        if act.length is not None:
            self.send_header("Content-Length", act.length or str(len(body)))
        self.end_headers()
        self.wfile.write(body[: act.stop])

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


@pytest.fixture
def play(server: str) -> Callable[..., Stage]:
    """Sets up a place on the server, with what is played there."""

    def play(*acts: Act, name: str = "x.csv") -> Stage:
        place = f"/stage-{len(Handler.stages)}/{name}"
        Handler.stages[place] = Stage(server + place, list(acts))
        return Handler.stages[place]

    return play


@pytest.fixture
def act() -> type[Act]:
    """How a request is answered."""
    return Act


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited before something was tried again."""
    seconds: list[float] = []
    monkeypatch.setattr(patience, "wait", seconds.append)
    return seconds
