"""Code of strangers that leaves a trace when it is run: everything is read, and no trace appears."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from dataflows_registry.index import Index
from dataflows_registry.index.build import build_index
from dataflows_registry.search.ranking import search
from dataflows_registry.search.reader import Head
from dataflows_registry.sources.wheels import WheelFolder

ENTRIES = "[dataflows.processors]\nsing = dataflows_canary:sing\n"
DEED = {
    "writes": "import pathlib; pathlib.Path(CANARY).write_text('sung')",
    "sleeps": "import pathlib, time; pathlib.Path(CANARY).write_text('sung'); time.sleep(3600)",
    "raises": "import pathlib; pathlib.Path(CANARY).write_text('sung'); raise SystemExit(99)",
}
FIRST = (
    "from dataflows_registry.sources import Memory, Reading, open_source; "
    "release = next(open_source('installed').read(Memory(), Reading())); "
    "assert release.distribution == 'dataflows-canary'"
)
"""Describes what is first on the path."""


def module(canary, deed: str) -> str:
    return f'''
CANARY = {str(canary)!r}
{DEED[deed]}

def _default():
    {DEED[deed].replace("CANARY", repr(str(canary)))}

def sing(song: str = _default(), *, volume: "int | None" = 3) -> "Source":
    """Sing a song.

    Args:
        song: Which one.

    Examples:
        >>> sing("la")
    """
'''


@pytest.mark.parametrize("deed", DEED)
@pytest.mark.parametrize("kind", ["wheel", "sdist", "installed"])
def test_code_that_leaves_a_trace_is_described_and_leaves_none(make_wheel, make_sdist, tmp_path, kind, deed):
    canary = tmp_path / "canary"
    text = module(canary, deed)
    if kind == "sdist":
        setup = f"CANARY = {str(canary)!r}\n{DEED[deed]}\n"
        project = "[project.entry-points.'dataflows.processors']\nsing = 'dataflows_canary:sing'\n"
        files = {"setup.py": setup, "pyproject.toml": project, "src/dataflows_canary/__init__.py": text}
        make_sdist("dataflows-canary", "1.0", files)
    else:
        files = {"dataflows_canary/__init__.py": text, "dataflows_canary.pth": DEED[deed]}
        make_wheel("dataflows-canary", files=files, entry_points=ENTRIES)
    if kind == "installed":
        found = _installed(tmp_path)
    else:
        build_index([WheelFolder(tmp_path / "wheels")], tmp_path / "index")
        head = Head(tmp_path / "index" / "head.sqlite", "x")
        assert [hit.found.name for hit in search([head], "sing")] == ["sing"]
        (processor,) = Index(tmp_path / "index").distribution("dataflows-canary").latest.processors
        found = processor.to_json()

    assert (found["name"], found["kind"], found["summary"]) == ("sing", "source", "Sing a song.")
    assert [p["name"] for p in found["parameters"]] == ["song", "volume"]
    assert found["parameters"][0]["default"] == "_default()"
    assert not canary.exists()


def _installed(tmp_path) -> dict:
    """What another interpreter describes that has the package on its path."""
    code = (
        f"import json, sys; {FIRST}; assert 'dataflows_canary' not in sys.modules; "
        "print(json.dumps(release.processors[0].to_json()))"
    )
    (wheel,) = (tmp_path / "wheels").iterdir()
    site = tmp_path / "site"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(site)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    found: dict = json.loads(done.stdout)
    return found


def test_an_editable_package_is_found_without_importing_it(make_wheel, tmp_path):
    canary = tmp_path / "canary"
    files = {"dataflows_canary/__init__.py": module(canary, "raises")}
    make_wheel("dataflows-canary", files=files, entry_points=ENTRIES)
    (wheel,) = (tmp_path / "wheels").iterdir()
    site, checkout = tmp_path / "site", tmp_path / "checkout"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(site)], check=True)
    checkout.mkdir()
    (site / "dataflows_canary").rename(checkout / "dataflows_canary")
    code = f"{FIRST}; print(release.processors[0].summary)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(checkout)])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "Sing a song."
    assert not canary.exists()
