from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MODULE = '''
from dataflows_core.steps import Step


def shout(field: str, marks: int = 1, *, resources=None) -> Step:
    """Write a field in capitals.

    Args:
        field: Which one.
        marks: How many marks follow.
    """

    def step(package):
        for resource in package.tables(resources):
            resource.each_row(lambda row: row.update({field: row[field].upper() + "!" * marks}))

    return step
'''


def metadata(name: str, version: str, more: str = "") -> str:
    return f"Metadata-Version: 2.3\nName: {name}\nVersion: {version}\nSummary: Shouts.\n{more}\n"


def wheel_content(
    name: str, version: str, files: Mapping[str, str | bytes], entry_points: str, more: str = ""
) -> bytes:
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in {
            **files,
            f"{info}/METADATA": metadata(name, version, more),
            f"{info}/entry_points.txt": entry_points,
        }.items():
            archive.writestr(zipfile.ZipInfo(path), text, zipfile.ZIP_DEFLATED)
    return content.getvalue()


@pytest.fixture
def make_wheel(tmp_path) -> Callable[..., Path]:
    """Writes a wheel: by default one with the processor `shout`."""

    def make(
        name="dataflows-shout",
        version="1.0",
        files=None,
        entry_points=None,
        more="",
        folder=None,
    ) -> Path:
        top = name.replace("-", "_")
        content = wheel_content(
            name,
            version,
            {f"{top}.py": MODULE} if files is None else files,
            f"[dataflows.processors]\nshout = {top}:shout\n" if entry_points is None else entry_points,
            more,
        )
        path = (folder or tmp_path / "wheels") / f"{top}-{version}-py3-none-any.whl"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(content)
        return path

    return make


@pytest.fixture
def make_sdist(tmp_path) -> Callable[..., Path]:
    """Writes an sdist from texts by path."""

    def make(name: str, version: str, files: Mapping[str, str], folder=None) -> Path:
        stem = f"{name.replace('-', '_')}-{version}"
        path = (folder or tmp_path / "wheels") / f"{stem}.tar.gz"
        path.parent.mkdir(exist_ok=True, parents=True)
        with tarfile.open(path, "w:gz") as archive:
            for inner, text in {"PKG-INFO": metadata(name, version), **files}.items():
                member = tarfile.TarInfo(f"{stem}/{inner}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        return path

    return make


@pytest.fixture(scope="session")
def own_wheels(tmp_path_factory) -> Path:
    """A folder with the wheels of this repository."""
    folder = tmp_path_factory.mktemp("own-wheels")
    code = "import sys; sys.path.insert(0, sys.argv[1]); import bundle; from pathlib import Path; "
    code += "bundle.build_wheels(Path(sys.argv[2]))"
    subprocess.run([sys.executable, "-c", code, str(ROOT / "registry"), str(folder)], check=True)
    return folder


@pytest.fixture(scope="session")
def few_wheels(own_wheels, tmp_path_factory) -> Path:
    """Some of them, with processors, loaders and writers."""
    folder = tmp_path_factory.mktemp("few-wheels")
    for name in ("core", "load_csv", "dump_path"):
        (wheel,) = own_wheels.glob(f"dataflows_{name}-*.whl")
        (folder / wheel.name).write_bytes(wheel.read_bytes())
    return folder


class Server:
    """Serves what `pages` holds by path, with validators; keeps a record of requests."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.requests: list[tuple[str, int]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, content = outer.pages.get(self.path, ("", b""))
                tag = f'"{hash(content)}"'
                status = 404 if not kind else 304 if self.headers.get("If-None-Match") == tag else 200
                outer.requests.append((self.path, status))
                self.send_response(status)
                if status == 200:
                    self.send_header("Content-Type", kind)
                    self.send_header("ETag", tag)
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if status == 200:
                    self.wfile.write(content)

            def log_message(self, *_) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    served = Server()
    thread = threading.Thread(target=served.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield served
    served.http.shutdown()
    served.http.server_close()
    thread.join()
