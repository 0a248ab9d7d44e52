"""A PostgreSQL server of the test session's own, and the databases that every test can ask for."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

SECRET = "geheim%40wort"  # a password with a character that URLs escape


def _programs() -> Path | None:
    """The folder of the server's programs, installed first if that can be done."""
    found = _installed()
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update"], env=environment, check=False, **quiet)
        subprocess.run(["apt-get", "install", "-y", "postgresql"], env=environment, check=False, **quiet)
        found = _installed()
    return found


def _installed() -> Path | None:
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr/pgsql").glob("*/bin")]
    folders += [Path(which).parent for which in [shutil.which("initdb")] if which]
    folders = [folder for folder in folders if (folder / "initdb").exists()]
    return max(folders, key=lambda f: int((re.findall(r"\d+", str(f)) or [0])[0]), default=None)


def _unavailable(why: str) -> None:
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{why}, and CI must not go without it")
    pytest.skip(f"{why}: install PostgreSQL (apt-get install postgresql) to run these tests")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL server on loopback, without the name of a database."""
    programs = _programs()
    if programs is None:
        _unavailable("no PostgreSQL server can be found or installed")
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    # The server refuses to run as root; Debian's package brings the user it runs as.
    user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, "postgres", "postgres")
    try:
        with Running(programs, folder, user) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Running:
    def __init__(self, programs: Path, folder: Path, user: dict[str, str]) -> None:
        self.programs, self.folder, self.user = programs, folder, user

    def __enter__(self) -> str:
        password = self.folder / "password"
        password.write_text("geheim@wort\n")
        password.chmod(0o644)
        initdb = [self.programs / "initdb", "-D", self.folder / "data", "-U", "me", "-A", "scram-sha-256"]
        subprocess.run(
            [*initdb, "--pwfile", password, "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self.user,
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "fsync": "off",
            "TimeZone": "Asia/Kathmandu",
        }
        options = [part for item in settings.items() for part in ("-c", "=".join(item))]
        self.log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            [self.programs / "postgres", "-D", self.folder / "data", *options],
            stdout=self.log,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            **self.user,
        )
        url = f"postgresql://me:{SECRET}@127.0.0.1:{port}"
        ready = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
        while subprocess.run(ready, check=False).returncode:
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text())
        return url

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.log.close()


@pytest.fixture(params=["postgresql", "sqlite", "duckdb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of each kind."""
    if request.param != "postgresql":
        yield f"{request.param}:///{tmp_path}/data.{request.param}"
        return
    yield from _new_database(request.getfixturevalue("server"))


@pytest.fixture
def postgres(server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    yield from _new_database(server)


def _new_database(server: str) -> Iterator[str]:
    import psycopg

    name = f"d{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield f"{server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


if sys.platform == "win32":
    collect_ignore_glob = ["*"]
