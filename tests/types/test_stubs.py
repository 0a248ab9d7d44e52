"""What type checkers make of the stubs that `dataflows registry stubs` writes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy is not installed; `nox -s types` brings it")

FLOW = """
from dataflows_core import Flow
from dataflows_core.processors import add_field, filter_rows, load, step, untyped

Flow(load("x.csv"), filter_rows("a > 1"), add_field("b", "integer"), untyped("x", limit=3)).process()
step("load_csv", "x.csv")
"""
MISTAKES = """
from dataflows_core.processors import add_field, filter_rows, no_such_processor, untyped

add_field(1)
filter_rows(equals=3)
untyped("x", limmit=3)
"""
UNTYPED = """
from dataflows_core.steps import Step
from elsewhere import Thing

def untyped(path: str, thing: Thing = None, *, limit: int | None = None) -> Step:
    ...
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """An environment with all that is installed here, a distribution without types, and the stubs."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    packages = next(folder.glob("lib/*/site-packages"))
    (packages / "here.pth").write_text("".join(f"{place}\n" for place in sys.path if Path(place).is_dir()))
    (packages / "without_types.py").write_text(UNTYPED)
    info = packages / "dataflows_untyped-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.3\nName: dataflows-untyped\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dataflows.processors]\nuntyped = without_types:untyped\n")
    command = [python, "-m", "dataflows_core.cli", "registry", "stubs"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """A folder with a flow that is right, and one that is not."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "flow.py").write_text(FLOW)
    (folder / "mistakes.py").write_text(MISTAKES)
    return folder


def complaints(folder: Path, *command: str | Path) -> str:
    """What a type checker says of the programs."""
    words = [*command, "flow.py", "mistakes.py"]
    result = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result
    return result.stdout


def test_mypy_accepts_what_is_right_and_refuses_wrong_names_and_parameters(environment, programs):
    python = environment / "bin" / "python"
    found = complaints(programs, sys.executable, "-m", "mypy", "--strict", "--python-executable", python)

    assert "mistakes.py:2: error: Module " in found
    assert 'has no attribute "no_such_processor"' in found
    assert 'mistakes.py:4: error: Argument 1 to "add_field" has incompatible type "int"' in found
    assert 'mistakes.py:5: error: Argument "equals" to "filter_rows" has incompatible type "int"' in found
    assert 'mistakes.py:6: error: Unexpected keyword argument "limmit" for "untyped"' in found
    assert "Found 4 errors in 1 file (checked 2 source files)" in found


@pytest.mark.skipif(shutil.which("basedpyright") is None, reason="basedpyright is not installed")
def test_pyright_agrees(environment, programs):
    python = environment / "bin" / "python"
    found = complaints(programs, "basedpyright", "--level", "error", "--pythonpath", python)

    assert [f"mistakes.py:{line}:" in found for line in (2, 4, 5, 6)] == [True] * 4
    assert "4 errors" in found


def test_the_stub_is_up_to_date_until_something_is_installed(environment):
    python = environment / "bin" / "python"
    command = [python, "-m", "dataflows_core.cli", "registry", "stubs", "--check"]

    assert subprocess.run(command, capture_output=True, check=False).returncode == 0

    info = next(environment.glob("lib/*/site-packages/dataflows_untyped-1.0.dist-info"))
    (info / "entry_points.txt").write_text("[dataflows.processors]\n")

    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
