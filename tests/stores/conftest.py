"""Real stores: an S3 server and an SFTP server, started for the tests and ended with them."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pytest

HERE = Path(__file__).parent
SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "ignore:.*utcnow:DeprecationWarning")


@dataclass
class S3:
    """A server, and one bucket in it."""

    port: int
    process: subprocess.Popen[str]
    bucket: str = field(default_factory=lambda: f"bucket-{uuid.uuid4().hex[:8]}")

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> dict[str, Any]:
        return {
            "key": "AKIAIOSFODNN7EXAMPLE",
            "secret": SECRET,
            "client_kwargs": {"endpoint_url": self.endpoint},
            "config_kwargs": {"retries": {"max_attempts": 0}},
        }

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}"

    @property
    def system(self) -> Any:
        system = fsspec.filesystem("s3", **self.options)
        system.invalidate_cache()
        return system

    def ask(self, path: str, data: bytes | None = None, method: str | None = None) -> bytes:
        request = urllib.request.Request(f"{self.endpoint}{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def log(self) -> list[dict[str, Any]]:
        """The requests since the last call."""
        return json.loads(self.ask("/-/log"))

    def fault(self, method: str, path: str, status: int = 403, skip: int = 0) -> None:
        """Answer certain requests with an error; with status 0 the server ends there."""
        said = {"method": method, "path": path, "status": status, "skip": skip}
        self.ask("/-/fault", json.dumps(said).encode())

    def heal(self) -> None:
        self.ask("/-/fault", b"{}")

    def files(self) -> dict[str, bytes]:
        """Everything in the bucket."""
        found = self.system.find(self.bucket)
        return {path.removeprefix(f"{self.bucket}/"): self.system.cat_file(path) for path in found}

    def debris(self) -> list[Any]:
        """The uploads that were begun and not ended."""
        return self.system.list_multipart_uploads(self.bucket)


def start_s3() -> S3:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "s3_server.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    server = S3(int(process.stdout.readline()), process)
    server.ask(f"/{server.bucket}", method="PUT")
    return server


def stop_s3(server: S3) -> None:
    server.process.kill()
    server.process.wait()
    assert server.process.stdout is not None
    server.process.stdout.close()


@pytest.fixture(scope="session")
def _server() -> Iterator[S3]:
    _needs("moto", "s3fs")
    server = start_s3()
    yield server
    stop_s3(server)


@pytest.fixture
def s3(_server: S3) -> Iterator[S3]:
    """A bucket of its own for each test, in one server for all."""
    own = S3(_server.port, _server.process)
    own.ask(f"/{own.bucket}", method="PUT")
    own.log()
    yield own
    own.heal()


@pytest.fixture
def mortal() -> Iterator[S3]:
    """A server that the test may end."""
    _needs("moto", "s3fs")
    server = start_s3()
    yield server
    stop_s3(server)


@pytest.fixture(scope="session")
def needs() -> Callable[..., None]:
    """Skips where a package is not installed, but never in CI."""
    return _needs


def _needs(*modules: str) -> None:
    if missing := [name for name in modules if importlib.util.find_spec(name) is None]:
        message = f"{missing[0]} is not installed; the dependency group 'stores' has it"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
