"""GeoJSON and lists, written and loaded again."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Flow, Package, Schema, Stream
from dataflows_core.inline import RowsSplit
from dataflows_core.processors import dump_to_path, load
from dataflows_core.resource import Resource
from dataflows_core.schema import Field

LINE = {"type": "LineString", "coordinates": [[0, 0], [1.5, Decimal("-12345678901234567.25")]]}
PLACE = (Decimal("-0.123456789012"), Decimal("89.5"))


def declared(rows: list[dict[str, Any]], **types: str | dict[str, Any]) -> Any:
    """A step that brings rows of these types."""
    kinds = {name: {"type": kind} if isinstance(kind, str) else kind for name, kind in types.items()}
    schema = Schema(tuple(Field({"name": name, **kind}) for name, kind in kinds.items()))

    def step(package: Package) -> None:
        package.add(Resource("places", Stream.of([RowsSplit(rows, schema, "rows")], schema)))

    return step


@pytest.mark.parametrize(
    ("types", "rows", "options"),
    [
        ({"n": "integer", "shape": "geojson", "s": "string"}, [{"n": 1, "shape": LINE, "s": ""}], {}),
        ({"shape": "geojson", "id": "string"}, [{"shape": None, "id": "7"}, {"shape": LINE, "id": None}], {}),
        ({"place": "geopoint", "id": "integer"}, [{"place": PLACE, "id": 1}, {"place": None, "id": 2}], {}),
        ({"a": "geojson", "b": "geopoint"}, [{"a": LINE, "b": PLACE}], {"geometry": "a"}),
        ({"a": "geojson", "b": "geopoint"}, [{"a": LINE, "b": PLACE}], {"geometry": "b"}),
        ({"geometry": "geojson", "b": "geojson"}, [{"geometry": LINE, "b": LINE}], {"geometry": "geometry"}),
        ({"place": {"type": "geopoint", "format": "array"}}, [{"place": PLACE}], {}),
    ],
)
@pytest.mark.parametrize("format", ["geojson", "geojsonl"])
def test_features_come_back_as_the_rows_that_they_were(
    tmp_path: Path, format: str, types: dict[str, Any], rows: list[dict[str, Any]], options: dict[str, str]
) -> None:
    Flow(declared(rows, **types), dump_to_path(tmp_path, format=format, **options)).process()
    results = Flow(load(str(tmp_path))).results()
    assert results.rows == [rows]
    assert [(f.name, f.type) for f in results.package.resources[0].schema] == [
        (name, kind if isinstance(kind, str) else kind["type"]) for name, kind in types.items()
    ]


@pytest.mark.parametrize("format", ["geojson", "geojsonl"])
def test_the_file_alone_has_its_geometry_as_geojson(tmp_path: Path, format: str) -> None:
    rows = [{"city": "Ulm", "place": (Decimal(10), Decimal("48.5"))}] * 2
    Flow(declared(rows, city="string", place="geopoint"), dump_to_path(tmp_path, format=format)).process()
    (tmp_path / f"places.{format}").rename(tmp_path / "export")
    results = Flow(load(str(tmp_path / "export"))).results()
    assert results.rows == [[{"city": "Ulm", "geometry": {"type": "Point", "coordinates": [10, 48.5]}}] * 2]
    assert results.package.resources[0].schema.field("geometry").type == "geojson"


ITEMS = {
    "string": st.text(st.sampled_from('a,;"\\ []'), max_size=4),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.decimals(-1000, 1000, places=6),
    "boolean": st.booleans(),
    "date": st.dates(dt.date(1, 1, 1)),
}


@pytest.mark.parametrize("kind", sorted(ITEMS))
@pytest.mark.parametrize("format", ["json", "ndjson"])
def test_lists_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, format: str, kind: str
) -> None:
    place = tmp_path_factory.mktemp("lists")
    item = st.none() | ITEMS[kind] if kind != "string" else ITEMS[kind]

    @settings(max_examples=5)
    @given(st.lists(st.none() | st.lists(item, max_size=3), min_size=1, max_size=40))
    def check(lists: list[list[Any] | None]) -> None:
        rows = [{"n": number, "x": value} for number, value in enumerate(lists)]
        step = declared(rows, n="integer", x={"type": "list", "itemType": kind})
        Flow(step, dump_to_path(place, format=format)).process()
        assert Flow(load(str(place))).results().rows == [rows]
        lines = (place / f"places.{format}").read_text(encoding="utf-8")
        written = (
            [json.loads(line) for line in lines.splitlines()] if format == "ndjson" else json.loads(lines)
        )
        assert [isinstance(row["x"], list) for row in written] == [value is not None for value in lists]

    check()
