"""What a package says of a resource is kept in its Parquet and Arrow files."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataflows_core import Flow
from dataflows_core.processors import dump_to_path, load, update_resource

KNOWN = {
    "title": "Å city",
    "description": "Of\nCairo",
    "sources": [{"title": "Registry", "path": "https://example.org/x"}],
    "licenses": [{"name": "CC0-1.0"}],
    "unit": {"of": ["persons", 1, 2.5, None, True]},
}


@pytest.fixture(params=["parquet", "arrow"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each format."""
    return str(request.param)


def test_the_descriptor_comes_back_from_the_file_alone(tmp_path: Path, kind: str) -> None:
    given = {**KNOWN, "path": "elsewhere.csv", "hash": "abc", "bytes": 3, "encoding": "latin-1"}
    dump = dump_to_path(tmp_path, format=kind)
    Flow([{"n": 1}], update_resource(None, **given), dump).process()
    (path,) = tmp_path.glob(f"*.{kind}")
    path = path.rename(tmp_path / f"alone.{kind}")
    properties = Flow(load(path)).results().package["alone"].properties
    assert properties == {**KNOWN, "path": f"alone.{kind}", "format": kind}


def test_a_worker_writes_the_descriptor_as_well(tmp_path: Path, kind: str) -> None:
    Flow([{"n": 1}], update_resource(None, **KNOWN), dump_to_path(tmp_path, format=kind)).run(
        runner="processes"
    )
    properties = Flow(load(tmp_path / f"res_1.{kind}")).results().package["res_1"].properties
    assert properties.items() >= KNOWN.items()
