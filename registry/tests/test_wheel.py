"""What is in the registry's own wheel."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parents[1]
BUNDLED = "dataflows_registry/index/bundled/"


def test_the_wheel_carries_the_whole_bundled_index(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    run = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        index = json.loads(archive.read(f"{BUNDLED}index.json"))
    assert index["distributions"]
    assert {BUNDLED + entry["file"] for entry in index["distributions"].values()} <= names
