"""The table of differences names every processor of the predecessors, and tests that there are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "differences.md"
PROJECT = tomllib.loads(
    (ROOT / "plugins" / "dataflows-stdlib" / "pyproject.toml").read_text(encoding="utf-8")
)
LIBRARY = PROJECT["project"]["entry-points"]["dataflows.processors"]

# What the public modules of dataflows 0.5.12 export as processors, and the step names of
# datapackage-pipelines 2.2.11.
DATAFLOWS = [
    "add_computed_field",
    "add_field",
    "add_metadata",
    "checkpoint",
    "concatenate",
    "conditional",
    "deduplicate",
    "delete_fields",
    "delete_resource",
    "dump_to_path",
    "dump_to_sql",
    "dump_to_zip",
    "duplicate",
    "filter_rows",
    "finalizer",
    "find_replace",
    "join",
    "join_self",
    "join_with_self",
    "load",
    "parallelize",
    "printer",
    "rename_fields",
    "select_fields",
    "set_primary_key",
    "set_type",
    "sort_rows",
    "sources",
    "stream",
    "unpivot",
    "unstream",
    "update_package",
    "update_resource",
    "update_schema",
    "update_stats",
    "validate",
]
PIPELINES = [
    "add_computed_field",
    "add_metadata",
    "add_resource",
    "concatenate",
    "deduplicate",
    "delete_fields",
    "dump.to_path",
    "dump.to_sql",
    "dump.to_zip",
    "dump_to_path",
    "dump_to_sql",
    "dump_to_zip",
    "duplicate",
    "filter",
    "find_replace",
    "join",
    "load",
    "load_metadata",
    "load_resource",
    "printer",
    "set_types",
    "sort",
    "stream_remote_resources",
    "unpivot",
    "update_package",
    "update_resource",
]


def table(heading: str) -> list[list[str]]:
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


@pytest.mark.parametrize(
    ("heading", "names"), [("dataflows", DATAFLOWS), ("datapackage-pipelines", PIPELINES)]
)
def test_every_processor_is_listed_once(heading: str, names: list[str]) -> None:
    assert sorted(row[0].strip("`") for row in table(heading)) == sorted(names)


@pytest.mark.parametrize("row", table("dataflows"), ids=lambda row: row[0].strip("`"))
def test_a_processor_that_there_is_has_tests_that_there_are(row: list[str]) -> None:
    _, ours, difference, shown = row
    named = re.findall(r"`([^`]+)::(\w+)`", shown)
    if ours.strip("`") in LIBRARY:
        assert named, "it names no test"
        assert difference != "—", "it does not say what differs"
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
