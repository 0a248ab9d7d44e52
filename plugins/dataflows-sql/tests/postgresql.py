"""A PostgreSQL server on loopback, for as long as somebody needs one; read by path, by whoever does."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "geheim@wort"  # with a character that URLs escape


class NoServer(RuntimeError):
    """There is none, and none can be installed."""


@contextmanager
def running() -> Iterator[str]:
    """A server; gives its URL, without the name of a database.

    Raises:
        NoServer: There is none.
    """
    programs = _programs()
    if programs is None:
        raise NoServer("no PostgreSQL server can be found or installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    # The server refuses to run as root; Debian's package brings the user it runs as.
    user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, "postgres", "postgres")
    try:
        _initialize(programs, folder, user)
        with _started(programs, folder, user) as port:
            yield f"postgresql://me:{PASSWORD.replace('@', '%40')}@127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(server: str) -> Iterator[str]:
    """An empty database in a server; gives its URL."""
    import psycopg

    name = f"d{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield f"{server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


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


def _initialize(programs: Path, folder: Path, user: dict[str, str]) -> None:
    password = folder / "password"
    password.write_text(f"{PASSWORD}\n")
    password.chmod(0o644)
    initdb = [programs / "initdb", "-D", folder / "data", "-U", "me", "-A", "scram-sha-256"]
    subprocess.run(
        [*initdb, "--pwfile", password, "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"],
        check=True,
        capture_output=True,
        cwd=folder,
        **user,
    )


@contextmanager
def _started(programs: Path, folder: Path, user: dict[str, str]) -> Iterator[int]:
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
    command = [programs / "postgres", "-D", folder / "data", *options]
    ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, **user)
        try:
            while subprocess.run(ready, check=False).returncode:
                if process.poll() is not None:
                    raise RuntimeError((folder / "log").read_text())
            yield port
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
