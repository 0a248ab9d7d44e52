"""Tiny wheels, indexes of them, and an environment of its own to install them in."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dataflows_registry.model import Distribution, File, Processor, Release, dumps
from dataflows_registry.search.head import write_head
from dataflows_registry.store import ConfiguredIndex, Store

SHOUT = '''
"""A plugin."""


def shout(field: str):
    """Write a field in capitals."""

    def step(package):
        pass

    return step
'''


def _write_wheel(
    folder: Path,
    name: str = "acme-shout",
    version: str = "1.0",
    *,
    code: str = SHOUT,
    metadata: str = "",
    tag: str = "py3-none-any",
) -> Path:
    """A real wheel: one module with one processor of the module's name."""
    module = name.replace("-", "_")
    short = module.rpartition("_")[2]
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{metadata}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/entry_points.txt": f"[dataflows.processors]\n{short} = {module}:{short}\n",
    }
    lines = []
    for path, text in files.items():
        value = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={value},{len(text.encode())}")
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return wheel


def _release_of(wheel: Path, **facts: Any) -> Release:
    """What an index says of a wheel of `_write_wheel`."""
    module, version, _ = wheel.name.split("-", 2)
    name, short = module.replace("_", "-"), module.rpartition("_")[2]
    file = File(wheel.name, wheel.stat().st_size, hashlib.sha256(wheel.read_bytes()).hexdigest())
    found = Processor(short, f"{name}.{short}", object=f"{module}:{short}", kind="step")
    return Release(name, version, **{"licence": "MIT", "files": (file,), "processors": (found,), **facts})


@pytest.fixture
def shout() -> str:
    """The code of the plugin."""
    return SHOUT


@pytest.fixture
def write_wheel(tmp_path: Path) -> Callable[..., Path]:
    """Writes a wheel into the folder of wheels."""
    return partial(_write_wheel, tmp_path / "wheels")


@pytest.fixture
def release_of() -> Callable[..., Release]:
    """What an index says of a wheel."""
    return _release_of


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A configuration of its own, in this process and in those that it starts."""
    monkeypatch.setenv("DATAFLOWS_HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return Store()


@pytest.fixture
def add_index(store: Store, tmp_path: Path) -> Callable[..., None]:
    """Adds an index of releases whose files are in a folder."""

    def add(
        name: str, releases: Iterable[Release], source: Path = tmp_path / "wheels", **removed: str
    ) -> None:
        folder = store.index_folder(name)
        (folder / "dist").mkdir(parents=True, exist_ok=True)
        found: dict[str, list[Release]] = {}
        for release in releases:
            found.setdefault(release.distribution, []).append(release)
        known = [Distribution(key, tuple(reversed(value))) for key, value in found.items()]
        for one in known:
            (folder / "dist" / f"{one.name}.json").write_text(dumps(one), "utf-8")
        listed = {one.name: {"file": f"dist/{one.name}.json"} for one in known}
        root = {"format": 1, "name": name, "sources": [], "distributions": listed}
        (folder / "index.json").write_text(json.dumps(root), "utf-8")
        (folder / "removed.json").write_text(json.dumps(removed), "utf-8")
        write_head(folder / "head.sqlite", known)
        if name not in [index.name for index in store.indexes()]:
            store.add(ConfiguredIndex(name, str(source)))

    return add


class Environment:
    """A Python environment that sees the packages of this one, and installs into itself."""

    def __init__(self, folder: Path, work: Path) -> None:
        venv.create(folder, symlinks=True)
        self.python, self.work = folder / "bin" / "python", work
        self.site = Path(
            sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
        )
        shared = [path for path in sys.path if path and Path(path).is_dir()]
        (self.site / "shared.pth").write_text("\n".join(shared) + "\n", "utf-8")

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs the command `dataflows` there."""
        environment = {**os.environ, "PIP_NO_INDEX": "1", **variables}
        environment.pop("PIP_FIND_LINKS", None)
        return subprocess.run(
            [str(self.python), "-m", "dataflows_core.cli", *arguments],
            cwd=self.work,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    def registry(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs `dataflows registry` there."""
        return self.run("registry", *arguments, **variables)


@pytest.fixture
def environment(store: Store, tmp_path: Path) -> Environment:
    """An empty environment."""
    return Environment(tmp_path / "venv", tmp_path / "work")
