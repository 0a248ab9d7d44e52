"""The command as its users call it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import dataflows_core

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Install = Callable[..., Path]

COMMAND = (sys.executable, "-m", "dataflows_core.cli")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of the processes; `plugins` is a place where tiny distributions are installed."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")}
    core = str(Path(dataflows_core.__file__).parents[1])
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([core, str(plugins)]),
        "PYTHONUTF8": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "COLUMNS": "100",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The current folder of the processes."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def cli(environment: Mapping[str, str], folder: Path) -> Run:
    """Runs the command and returns its exit code and what it printed."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=folder,
            env={**environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Installs a distribution: real files, as pip leaves them."""

    def install(
        name: str,
        source: str = "",
        *,
        group: str = "dataflows.processors",
        files: Mapping[str, str] | None = None,
        **entries: str,
    ) -> Path:
        place = tmp_path / "plugins"
        module = name.replace("-", "_")
        written = {f"{module}.py": source} if files is None else files
        for path, text in written.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text, "utf-8")
        info = place / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n", "utf-8")
        lines = [f"{entry} = {value}" for entry, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]), "utf-8")
        return place / next(iter(written))

    return install
