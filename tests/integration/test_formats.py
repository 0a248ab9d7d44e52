"""Every type through every installed format; the page of the documentation says what comes back."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType

import pytest

from dataflows_core.schema import ARROW_TYPES

DOCS = Path(__file__).parents[2] / "docs"

TYPED = {"arrow", "parquet"}
JSON = {"geojson", "geojsonl", "json", "ndjson"}
CELLS = {"csv", "tsv", "xlsx"}
"""Formats that have no empty text beside null, and no lists."""

REFUSED = {"list, a comma in an item", "list, a null item"}
CONVERTED = {"datetime, a zone with summer time"}
BLANK = {"any", "list, empty", "string, empty"}
UNTYPED = {"year", "yearmonth", "duration", "geopoint", "list", "object", "array", "geojson"}
"""Types that some database has not."""


@pytest.fixture(scope="module")
def formats() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        return importlib.import_module("formats")


def test_every_type_and_every_format_is_on_the_page(formats: ModuleType) -> None:
    assert {case.type for case in formats.CASES} == set(ARROW_TYPES)
    assert set(formats.formats()) == TYPED | JSON | CELLS


@pytest.mark.parametrize("format", sorted(TYPED | JSON | CELLS))
def test_with_its_descriptor_a_value_changes_only_where_it_is_known_to(
    formats: ModuleType, format: str
) -> None:
    changed = formats.changes(format)[0]

    found = {case.title: change for case, change in zip(formats.CASES, changed, strict=True) if change}
    assert {title for title, change in found.items() if change == formats.REFUSED} == (
        REFUSED if format in CELLS else set()
    )
    assert set(found) - REFUSED == (
        set() if format in TYPED else CONVERTED | (BLANK if format in CELLS else set())
    )


@pytest.mark.parametrize("format", sorted(TYPED))
def test_typed_files_need_no_descriptor(formats: ModuleType, format: str) -> None:
    assert not any(formats.changes(format)[1])


@pytest.mark.parametrize("database", ["duckdb", "sqlite"])
def test_a_database_keeps_every_value_though_not_every_type(formats: ModuleType, database: str) -> None:
    found = list(zip(formats.CASES, formats.changes_in(database), strict=True))

    assert {case.title for case, change in found if "→" in change} == CONVERTED
    assert {case.type for case, change in found if change and "→" not in change} <= UNTYPED


def test_the_page_is_up_to_date(formats: ModuleType) -> None:
    """`nox -s docs -- --write` renews it."""
    try:
        page = formats.page()
    except RuntimeError as error:  # as the module that starts PostgreSQL says it
        if os.environ.get("CI", "").lower() == "true":
            raise
        pytest.skip(str(error))
    written = (DOCS / "reference" / "formats.md").read_text(encoding="utf-8")

    assert written == page
