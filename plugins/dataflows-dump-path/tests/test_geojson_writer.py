from __future__ import annotations

import json
import pickle
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow
from dataflows_core.errors import CastError, FlowError, ProcessorError
from dataflows_core.schema import Field, Schema
from dataflows_dump_path import dump_to_path
from dataflows_dump_path.geojson_writer import _USUAL, GeoJsonLinesWriter, GeoJsonWriter, _fault

POINT = {"type": "Point", "coordinates": [1, Decimal("2.5")]}
NAMED = Schema(
    (
        Field({"name": "id", "type": "integer"}),
        Field({"name": "shape", "type": "geojson"}),
        Field({"name": "share", "type": "number"}),
    )
)


def encoded(value):
    return None if value is None else json.dumps(value, default=float)


def batch_of(schema, *columns):
    arrays = []
    for field, values in zip(schema, columns, strict=True):
        if isinstance(field.arrow, pa.JsonType):
            storage = pa.array([encoded(value) for value in values], pa.string())
            arrays.append(pa.ExtensionArray.from_storage(field.arrow, storage))
        else:
            arrays.append(pa.array(values, field.arrow))
    return pa.RecordBatch.from_arrays(arrays, names=list(schema.names))


def written(writer, *batches):
    """As a sink puts it together."""
    rows = [bytes(writer.encode(batch)) for batch in batches if batch.num_rows]
    return writer.header() + writer.separator.join(rows) + writer.footer()


def test_what_is_written():
    batch = batch_of(NAMED, [7, None], [POINT, None], [Decimal("0.10"), None])
    expected = (
        '{"type": "FeatureCollection", "features": [\n'
        '{"type": "Feature", "id": 7, "properties": {"share": 0.1}, '
        '"geometry": {"type": "Point", "coordinates": [1, 2.5]}},\n'
        '{"type": "Feature", "properties": {"share": null}, "geometry": null}\n'
        "]}\n"
    )
    writer = GeoJsonWriter(NAMED)
    assert written(writer, batch).decode() == expected
    assert written(pickle.loads(pickle.dumps(writer)), batch[:1], batch[1:]).decode() == expected
    assert json.loads(written(writer)) == {"type": "FeatureCollection", "features": []}
    said = writer.describe()
    assert (said["format"], said["mediatype"]) == ("geojson", "application/geo+json")
    assert [field["name"] for field in said["schema"]["fields"]] == ["id", "shape", "share"]


def test_a_feature_a_line():
    batch = batch_of(NAMED, [7, None], [POINT, None], [Decimal("0.10"), None])
    writer = GeoJsonLinesWriter(NAMED)
    whole = written(GeoJsonWriter(NAMED), batch).decode().split("\n")[1:-2]
    lines = written(writer, batch[:1], batch[1:]).decode()
    assert (
        lines == "".join(f"{line.removesuffix(',')}\n" for line in whole) == written(writer, batch).decode()
    )
    assert written(writer) == b""
    with pytest.raises(FlowError, match="GeoJSON needs a geometry"):
        GeoJsonLinesWriter(schema_of(a="string"))


@given(st.lists(st.none() | st.tuples(st.decimals(-180, 180, places=12), st.decimals(-90, 90, places=12))))
def test_geopoints_are_points_in_every_digit(points):
    schema = Schema((Field({"name": "place", "type": "geopoint"}),))
    storage = [None if p is None else {"lon": p[0], "lat": p[1]} for p in points]
    batch = batch_of(schema, storage)
    features = json.loads(written(GeoJsonWriter(schema), batch), parse_float=Decimal)["features"]
    assert [f["properties"] for f in features] == [{}] * len(points)
    for feature, point in zip(features, points, strict=True):
        expected = None if point is None else {"type": "Point", "coordinates": list(point)}
        assert feature["geometry"] == expected


@pytest.mark.parametrize(
    ("kind", "values", "member"),
    [
        ({"type": "string"}, ["007", ""], ["007", ""]),
        ({"type": "number"}, [Decimal("1.50"), None], [Decimal("1.5"), None]),
        ({"type": "boolean"}, [True, None], None),
        ({"type": "object"}, [{"a": 1}, None], None),
    ],
)
def test_an_id_is_a_member_where_it_can_be_one_and_a_property_otherwise(kind, values, member):
    schema = Schema((Field({"name": "g", "type": "geojson"}), Field({"name": "id", **kind})))
    data = written(GeoJsonWriter(schema), batch_of(schema, [None, None], values))
    features = json.loads(data, parse_float=Decimal)["features"]
    if member is None:
        assert [f["properties"]["id"] for f in features] == values
    else:
        assert [f.get("id") for f in features] == member
        assert all("id" in f for f, value in zip(features, values, strict=True) if value is not None)


numbers = st.sampled_from([0, -180, 2.5, -1e-9, 1e300])
junk = st.sampled_from([None, True, "1", [], {}])
positions = st.lists(numbers, min_size=2, max_size=3) | st.lists(numbers | junk, max_size=4)
lines = st.lists(positions, max_size=2)
areas = st.lists(lines, max_size=2)
coordinates = st.one_of(positions, lines, areas, st.lists(areas, max_size=2), numbers, junk)
kinds = st.sampled_from(
    ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "Box"]
)
geometries = st.fixed_dictionaries({"type": kinds, "coordinates": coordinates})


@given(st.lists(geometries, max_size=8))
def test_the_quick_look_takes_nothing_that_the_careful_one_refuses(values):
    quick = pc.match_substring_regex(pa.array(map(json.dumps, values), pa.string()), _USUAL).to_pylist()
    for value, taken in zip(values, quick, strict=True):
        assert not (taken and _fault(value)), value


LINE = [[0, 0], [1.5, -1e-7], [2, 2, 100]]


@pytest.mark.parametrize(
    "value",
    [
        {"type": "Point", "coordinates": [0, 0]},
        {"type": "Polygon", "coordinates": [LINE, LINE]},
        {"type": "MultiPolygon", "coordinates": [[LINE], [LINE, LINE]]},
        {"coordinates": LINE, "type": "LineString", "bbox": [0, 0, 2, 2]},
        {"type": "MultiPoint", "coordinates": []},
        {"type": "GeometryCollection", "geometries": [POINT, {"type": "MultiPoint", "coordinates": LINE}]},
    ],
)
def test_geometries_are_written_as_they_are(value):
    batch = batch_of(NAMED, [1], [value], [None])
    (feature,) = json.loads(written(GeoJsonWriter(NAMED), batch))["features"]
    assert feature["geometry"] == json.loads(encoded(value))


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        ({"type": "Feature", "properties": {}, "geometry": None}, "this is a Feature around one"),
        ({"type": "Circle", "coordinates": [0, 0]}, "its type is one of Point, MultiPoint"),
        ({"coordinates": [0, 0]}, "its type is one of Point"),
        ([0, 0], "its type is one of Point"),
        ({"type": "Point"}, r"coordinates of a Point are a position: \[longitude, latitude\]"),
        ({"type": "Point", "coordinates": ["0", "0"]}, "coordinates of a Point"),
        (
            {"type": "Polygon", "coordinates": LINE},
            "coordinates of a Polygon are a list of lists of positions",
        ),
        ({"type": "Point", "coordinates": [0, 0], "crs": {}}, "RFC 7946 has no crs"),
        ({"type": "GeometryCollection", "geometries": [POINT, {"type": "Box"}]}, "its type is one of"),
        ({"type": "GeometryCollection"}, "has a list of geometries"),
    ],
)
def test_what_is_no_geometry_is_refused_with_its_row(value, remedy):
    batch = batch_of(NAMED, [1, 2, 3], [POINT, None, value], [None] * 3)
    with pytest.raises(
        CastError, match=rf"(?s)field 'shape': .* is not a geometry of GeoJSON.*{remedy}"
    ) as caught:
        GeoJsonWriter(NAMED).encode(batch)
    assert caught.value.index == 2


def schema_of(**types):
    return Schema(tuple(Field({"name": name, "type": kind}) for name, kind in types.items()))


@pytest.mark.parametrize(
    ("schema", "options", "message"),
    [
        (schema_of(a="string"), {}, "there is no field of type geojson or geopoint: declare one"),
        (schema_of(a="geojson", b="geopoint"), {}, r"several .*: 'a', 'b'; say which one \(geometry='a'\)"),
        (schema_of(place="geojson"), {"geometry": "plce"}, "names no field .*; did you mean 'place'"),
        (
            schema_of(a="string"),
            {"geometry": "a"},
            "geometry='a' names no field of type geojson or geopoint$",
        ),
        (
            schema_of(a="geopoint", geometry="string"),
            {},
            "could not tell it from the field 'geometry'; rename",
        ),
        (Schema((Field({"name": "a", "type": "geojson", "format": "topojson"}),)), {}, "holds TopoJSON"),
    ],
)
def test_a_geometry_has_to_be_found(schema, options, message):
    with pytest.raises(FlowError, match=message):
        GeoJsonWriter(schema, **options)


def test_of_several_the_one_that_is_named():
    schema = schema_of(a="geojson", b="geopoint")
    batch = batch_of(schema, [POINT], [{"lon": Decimal(3), "lat": Decimal("-4.50")}])
    (feature,) = json.loads(written(GeoJsonWriter(schema, geometry="b"), batch))["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [3, -4.5]}
    assert feature["properties"] == {"a": {"type": "Point", "coordinates": [1, 2.5]}}


def test_in_a_dump_a_fault_names_resource_row_and_field(tmp_path):
    def declared(package):
        resource = package.resources[0]
        resource.cast(resource.schema.add(Field({"name": "g", "type": "geojson"})))

    rows = [{"g": {"type": "Point", "coordinates": [n, n]}} for n in range(3)] + [{"g": {"type": "Point"}}]
    good = Flow(rows[:3], declared, dump_to_path(tmp_path, format="geojson")).process().package
    assert good.resources[0].descriptor
    assert len(json.loads((tmp_path / "res_1.geojson").read_bytes())["features"]) == 3
    with pytest.raises(ProcessorError, match="resource 'res_1', row 4") as caught:
        Flow(rows, declared, dump_to_path(tmp_path, format="geojson")).process()
    assert "field 'g'" in str(caught.value)
    assert len(json.loads((tmp_path / "res_1.geojson").read_bytes())["features"]) == 3
