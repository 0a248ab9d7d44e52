"""Every wheel of this repository, a real index server, and new environments: what a user meets."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT, ROOT / "registry", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


class Server:
    """pypiserver on loopback, over a folder of wheels."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free_port()
        self.url = f"http://127.0.0.1:{self.port}/simple/"
        options = ["-i", "127.0.0.1", "-p", str(self.port), "--disable-fallback", "--backend", "simple-dir"]
        command = [sys.executable, "-m", "pypiserver", "run", *options, str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        deadline = time.monotonic() + 30
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            assert self.process.poll() is None, "the index server ended"
            try:
                opener.open(self.url).close()
            except urllib.error.URLError:
                assert time.monotonic() < deadline, "the index server does not answer"
            else:
                return

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


class Machine:
    """A user's machine: an environment, a configuration and a folder to work in."""

    def __init__(self, place: Path) -> None:
        self.work, self.home = place / "work", place / "home"
        self.work.mkdir(parents=True)
        self.python = place / "venv" / "bin" / "python"

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs `dataflows …`."""
        return self._run(str(self.python.with_name("dataflows")), *arguments, **variables)

    def registry(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs `dataflows registry …`."""
        return self.run("registry", *arguments, **variables)

    def python_code(self, code: str) -> subprocess.CompletedProcess[str]:
        """Runs a line of Python."""
        return self._run(str(self.python), "-c", code)

    def _run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.work,
            env={**clean_environment(), "DATAFLOWS_HOME": str(self.home), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )


def clean_environment() -> dict[str, str]:
    """This process's, without what would lead into this environment or past the loopback server."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "DATAFLOWS_POLICY")}
    return {**kept, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every distribution of this repository, built."""
    from hatchling.builders.wheel import WheelBuilder

    folder = tmp_path_factory.mktemp("wheels")
    for one in FOLDERS:
        list(WheelBuilder(str(one)).build(directory=str(folder), versions=["standard"]))
    names = {tomllib.loads((one / "pyproject.toml").read_text("utf-8"))["project"]["name"] for one in FOLDERS}
    assert {path.name.partition("-")[0].replace("_", "-") for path in folder.iterdir()} == names
    return folder


@pytest.fixture(scope="session")
def server(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The index of all wheels."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(wheels, folder, dirs_exist_ok=True)
    started = Server(folder)
    try:
        started.wait()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def machine(wheels: Path, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A new environment with core and the registry alone, which knows the index."""
    place = tmp_path_factory.mktemp("machine")
    subprocess.run([sys.executable, "-m", "venv", str(place / "venv")], check=True)
    made = Machine(place)
    ours = [next(wheels.glob(f"{name}-*.whl")) for name in ("dataflows_core", "dataflows_registry")]
    install = [str(made.python), "-m", "pip", "install", "--quiet", "--no-compile"]
    subprocess.run([*install, *map(str, ours)], check=True, env=clean_environment())
    return made
