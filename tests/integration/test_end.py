"""What a process leaves behind when it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FLOW = """
import asyncio
import fsspec.asyn
from dataflows_core import Flow
from dataflows_core.processors import compute

def ask_a_store(package):
    fsspec.asyn.sync(fsspec.asyn.get_loop(), asyncio.sleep, 0)

flow = Flow([{"a": 1}], compute(b="upper(cast(a as varchar))"), ask_a_store)
"""


def test_nobody_complains_at_the_end(tmp_path: Path) -> None:
    # The thread of a store lives on, and what it holds outlives the interpreter.
    (tmp_path / "flow.py").write_text(FLOW)
    command = [sys.executable, "-m", "dataflows_core.cli", "run", "flow.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "done" in run.stdout
    assert "leaked" not in run.stderr
