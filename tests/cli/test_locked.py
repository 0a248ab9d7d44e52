"""`dataflows run --locked`: core asks the registry before anything else is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

FLOW = """
print("imported")
from dataflows_core import Flow
flow = Flow([{"city": "Lyon"}])
"""
REFUSES = """
from dataflows_core import DataflowsError

def check(folders):
    raise DataflowsError("it drifted from the lock in " + " or ".join(map(str, folders)))
"""


@pytest.fixture(autouse=True)
def flow(folder: Path) -> None:
    (folder / "flow.py").write_text(FLOW, "utf-8")


def test_without_the_registry_a_locked_run_is_refused(cli, install) -> None:
    install("dataflows-registry", files={"nothing.py": ""})  # hides one that is installed
    result = cli("run", "--locked", "flow.py")
    assert result.returncode == 2
    assert "--locked needs dataflows-registry" in result.stderr
    assert "pip install dataflows-registry" in result.stderr
    assert "imported" not in result.stdout


def test_the_check_of_a_stranger_is_not_asked(cli, install) -> None:
    install("dataflows-registry", files={"nothing.py": ""})
    passes = "def check(folders): pass\n"
    install("acme-locks", passes, group="dataflows.locks", check="acme_locks:check")
    result = cli("run", "--locked", "flow.py")
    assert result.returncode == 2
    assert "--locked needs dataflows-registry" in result.stderr


def test_the_check_comes_before_the_flow(cli, install, folder: Path) -> None:
    install("dataflows-registry", REFUSES, group="dataflows.locks", check="dataflows_registry:check")
    result = cli("run", "--locked", "flow.py")
    assert result.returncode == 1
    assert f"it drifted from the lock in {folder}" in result.stderr
    assert "imported" not in result.stdout


def test_what_passes_the_check_is_run(cli, install) -> None:
    passes = "def check(folders): pass\n"
    install("dataflows-registry", passes, group="dataflows.locks", check="dataflows_registry:check")
    result = cli("run", "--locked", "flow.py")
    assert result.returncode == 0, result.stderr
    assert "imported" in result.stdout
