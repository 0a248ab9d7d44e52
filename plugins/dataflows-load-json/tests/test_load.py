"""Documents of every shape, exact values, and what is refused."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError, json_text
from dataflows_core.errors import FlowError
from dataflows_core.processors import load, load_json
from dataflows_load_json.surrogates import HalfCharacterError, SurrogateGuard, has_half

Rows = list[dict[str, Any]]
WANTED = [{"n": 1, "t": "x"}, {"n": 2, "t": None}]


@pytest.fixture
def document(tmp_path: Path) -> Any:
    """Writes a document: text, or what is to be said in JSON."""

    def write(said: Any, name: str = "x.json") -> Path:
        path = tmp_path / name
        path.write_bytes(said if isinstance(said, bytes) else json.dumps(said, ensure_ascii=False).encode())
        return path

    return write


def rows_of(*links: Any) -> Rows:
    (rows,) = Flow(*links).results().rows
    return rows


@pytest.mark.parametrize(
    ("said", "options"),
    [
        ([{"n": 1, "t": "x"}, {"n": 2}], {}),
        ([["n", "t"], [1, "x"], [2, None]], {}),
        ({"ok": True, "rows": [{"n": 1, "t": "x"}, {"t": None, "n": 2}]}, {}),
        ({"a": [], "data": {"rows": [{"n": 1, "t": "x"}, {"n": 2}]}}, {"property": "data.rows"}),
        (b'{"n": 1, "t": "x"}\n\n{"n": 2}\n', {}),
        (b'["n", "t"]\n[1, "x"]\n[2, null]', {}),
        (b'\xef\xbb\xbf[{"n": 1, "t": "x"}, {"n": 2}]', {}),
    ],
)
def test_rows_are_found_in_documents_of_every_shape(
    document: Any, said: Any, options: dict[str, Any]
) -> None:
    assert rows_of(load(document(said), **options)) == WANTED


def test_keys_become_a_field(document: Any) -> None:
    path = document({"a": {"n": 1}, "b": {"n": 2}})
    assert rows_of(load(path, keyed="id")) == [{"id": "a", "n": 1}, {"id": "b", "n": 2}]


@pytest.mark.parametrize("first", [True, False])
def test_features_become_their_properties_and_geometry(document: Any, first: bool) -> None:
    point = {"type": "Point", "coordinates": [1.5, 2]}
    features = [{"type": "Feature", "id": 7, "properties": {"city": "Lyon"}, "geometry": point}]
    head = {"type": "FeatureCollection"}
    said = {**head, "features": features} if first else {"features": features, **head}
    fields = {"geometry": {"type": "geojson"}}
    assert rows_of(load(document(said, "x.geojson"), override_fields=fields)) == [
        {"city": "Lyon", "id": 7, "geometry": point}
    ]


@pytest.mark.parametrize("name", ["x.ndjson", "x.jsonl"])
def test_an_ending_says_that_each_line_is_a_document(document: Any, name: str) -> None:
    assert rows_of(load(document(b'{"n": 1}', name))) == [{"n": 1}]


@given(st.data(), st.sampled_from(["list", "lines"]))
def test_every_value_comes_back_exactly(tmp_path_factory: Any, data: st.DataObject, form: str) -> None:
    kinds = [
        st.text(max_size=9), st.integers(-(2**63), 2**63 - 1), st.booleans(),
        st.decimals(-(10**9), 10**9, places=9), st.lists(st.integers(0, 9), max_size=3),
        st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    ]  # fmt: skip
    chosen = {name: data.draw(st.sampled_from(kinds)) for name in "abc"}
    rows = data.draw(st.lists(st.fixed_dictionaries(chosen), min_size=1, max_size=6))
    texts = [json_text.dumps(row) for row in rows]
    path = tmp_path_factory.mktemp("x") / "x.json"
    path.write_text("[" + ",".join(texts) + "]" if form == "list" else "\n".join([*texts, ""]))
    assert rows_of(load(path, lines=form == "lines")) == rows


@settings(max_examples=30)
@given(st.integers(0, 40), st.text('[]{}\\"', max_size=300))
def test_brackets_in_texts_are_no_depth(tmp_path_factory: Any, times: int, text: str) -> None:
    path = tmp_path_factory.mktemp("x") / "x.json"
    rows = [{"t": text + "[" * 100} for _ in range(times + 1)]
    path.write_text(json.dumps(rows, indent=times % 3))
    assert rows_of(load(path, lines=False)) == rows


def test_numbers_are_read_digit_by_digit(document: Any) -> None:
    said = b'[{"n": 0.1, "m": 12345678901234567890123.25, "i": 12345678901234567890}]'
    assert rows_of(load(document(said))) == [
        {"n": Decimal("0.1"), "m": Decimal("12345678901234567890123.25"), "i": 12345678901234567890}
    ]


def test_a_number_that_only_a_double_holds_is_a_double(document: Any) -> None:
    assert rows_of(load(document(b'[{"n": 1e-300}, {"n": 1.5}]'))) == [{"n": 1e-300}, {"n": 1.5}]


def test_declared_types_are_cast(document: Any) -> None:
    path = document([{"d": "2024-02-29", "n": "7", "x": "n/a"}])
    options = {
        "override_fields": {"d": {"type": "date"}, "n": {"type": "integer"}},
        "override_schema": {"missingValues": ["n/a"]},
    }
    assert rows_of(load(path, **options)) == [{"d": dt.date(2024, 2, 29), "n": 7, "x": None}]
    schema = {"fields": [{"name": "d", "type": "date"}, {"name": "n"}, {"name": "x"}, {"name": "more"}]}
    assert rows_of(load(path, schema=schema)) == [
        {"d": dt.date(2024, 2, 29), "n": "7", "x": "n/a", "more": None}
    ]


def test_an_empty_text_is_no_missing_value(document: Any) -> None:
    assert rows_of(load(document([{"t": ""}, {"t": None}]))) == [{"t": ""}, {"t": None}]


@pytest.mark.parametrize("lines", [True, False])
def test_a_late_key_is_an_error_with_its_row_or_left_out(document: Any, lines: bool) -> None:
    rows = [*({"n": n} for n in range(2000)), {"n": 1, "nn": 2}]
    path = document("\n".join(map(json.dumps, rows)).encode() if lines else rows)
    with pytest.raises(ProcessorError, match=r"row 2001 of .*\n.*key 'nn'.*did you mean 'n'"):
        Flow(load(path)).process()
    assert len(rows_of(load(path, extra="ignore"))) == 2001
    assert rows_of(load(path, sample_size=3000))[-1] == {"n": 1, "nn": 2}


def test_a_value_of_another_type_names_its_row(document: Any) -> None:
    rows = [*({"n": n} for n in range(1500)), {"n": "many"}]
    with pytest.raises(ProcessorError, match="row 1501 of") as caught:
        Flow(load(document(rows))).process()
    assert "'many' is not an integer" in str(caught.value)
    assert len(rows_of(load(document(rows), on_error="drop"))) == 1500


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (b"", "is empty|not JSON"),
        (b"   \n", "is empty|not JSON"),
        (b'[{"n": 1}', "not JSON, or is cut short"),
        (b'[{"n": 1}, {"n": NaN}]', "not JSON"),
        (b"n,m\n1,2\n", "not JSON"),
        (b'{"n": 1}\n{"n": \n', "the line is not JSON"),
        (b"[1, 2]", "a row is an object"),
        (b"3", "neither a list of rows"),
        (b'{"a": [1], "b": [2]}', "these lists: a, b"),
        (b'{"a": {"b": 1}}', "holds no list"),
        (b"\xff\xfe[\x00", "not in UTF-8"),
        (b'[{"t": "\xff"}]', "not JSON"),
        (b"[" * 100_000, "nests deeper than 1,000"),
        (b'{"a":' * 5_000 + b"[]" + b"}" * 5_000, "nests deeper than 1,000"),
        (b'[{"a": ' + b"[1," * 3_000 + b"2" + b"]" * 3_000 + b"}]", "nests deeper than 1,000"),
        (b'{"a": 1}\n{"a": ' + b"[" * 100_000 + b"}", "not JSON|nests"),
        (b'[["a", "a"], [1, 2]]', "no header"),
        (b'[["a", "b"], [1]]', "has 1 values"),
    ],
)
def test_what_holds_no_rows_is_refused(document: Any, said: bytes, message: str) -> None:
    with pytest.raises(ProcessorError, match=message):
        Flow(load(document(said))).process()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"property": "data.rwos"}, "did you mean 'rows'"),
        ({"property": "data.rows.x"}, "has no 'x'"),
        ({"sample_size": 0}, "from 1"),
        ({"extra": "drop"}, "extra="),
        ({"keyed": "id", "lines": True}, "contradict"),
        ({"proprety": "x"}, "did you mean property"),
    ],
)
def test_options_that_make_no_sense_are_refused(document: Any, options: dict[str, Any], message: str) -> None:
    path = document({"data": {"rows": [{"n": 1}]}})
    with pytest.raises((FlowError, ProcessorError), match=message) as caught:
        Flow(load(path, **options)).process()
    assert caught.value.exit_code == 2


def test_several_files_and_packed_ones_make_one_resource(document: Any, tmp_path: Path) -> None:
    document([{"n": 1}], "1.json")
    (tmp_path / "2.json").write_bytes(gzip.compress(b'[{"n": 2.5}]'))
    flow = Flow(load(str(tmp_path / "*.json")))
    assert flow.results().rows == flow.results().rows == [[{"n": 1}, {"n": Decimal("2.5")}]]
    assert rows_of(load_json([tmp_path / "2.json", tmp_path / "1.json"], limit_rows=1)) == [
        {"n": Decimal("2.5")}
    ]


def test_a_process_runner_gives_the_same(document: Any) -> None:
    seen: list[int] = []
    path = document([{"n": n} for n in range(9000)])
    Flow(load(path), lambda row: seen.append(row["n"])).run("processes:2")
    assert seen == list(range(9000))


def test_declared_types_are_as_wide_as_the_data(document: Any) -> None:
    said = b'[{"n": 0.003143260708814195, "i": 123456789012345678901, "z": "2020-01-01T00:00:00Z"}]'
    fields = [{"name": "n", "type": "number"}, {"name": "i", "type": "integer"}]
    schema = {"fields": [*fields, {"name": "z", "type": "datetime"}, {"name": "o", "type": "object"}]}
    assert rows_of(load(document(said), schema=schema)) == [
        {
            "n": Decimal("0.003143260708814195"),
            "i": 123456789012345678901,
            "z": dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
            "o": None,
        }
    ]


def test_years_before_1000_are_numbers_like_others(document: Any) -> None:
    schema = {"fields": [{"name": "y", "type": "year"}]}
    assert rows_of(load(document([{"y": 7}, {"y": 1990}]), schema=schema)) == [{"y": 7}, {"y": 1990}]
    with pytest.raises(ProcessorError, match="not a year"):
        rows_of(load(document([{"y": 10000}]), schema=schema))


def test_lists_are_arrays_or_texts_with_a_delimiter(document: Any) -> None:
    said = [{"x": ["a,b", ""]}, {"x": []}, {"x": "c,d"}, {"x": ""}, {"x": None}, {"x": [None, 1]}]
    strings = {"x": {"type": "list"}}
    found = rows_of(load(document(said), override_fields=strings))
    assert [row["x"] for row in found] == [["a,b", ""], [], ["c", "d"], [], None, [None, "1"]]
    integers = {"x": {"type": "list", "itemType": "integer", "delimiter": ";", "missingValues": ["-"]}}
    said = [{"x": [1, None]}, {"x": "2;3"}, {"x": "-"}, {"x": 4}]
    found = rows_of(load(document(said), override_fields=integers))
    assert [row["x"] for row in found] == [[1, None], [2, 3], None, [4]]
    with pytest.raises(
        ProcessorError, match=r"row 2 of .*x.json:\n.*'x': .*list whose items are each an integer"
    ):
        rows_of(load(document([{"x": [1]}, {"x": [1.5]}]), override_fields=integers))


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def test_a_geometry_gets_the_name_and_the_type_that_the_schema_has_for_it(document: Any) -> None:
    points = [{"type": "Point", "coordinates": [n, -0.5]} for n in range(2)]
    said = {"type": "FeatureCollection", "features": [feature(p, city="Ulm") for p in points]}
    path = document(said, "x.geojson")
    fields = [{"name": "place", "type": "geopoint"}, {"name": "city"}]
    rows = rows_of(load(path, schema={"fields": fields, "fieldsMatch": "exact"}))
    assert rows == [{"place": (n, Decimal("-0.5")), "city": "Ulm"} for n in range(2)]
    package = Flow(load(path)).results().package
    assert [(f.name, f.type) for f in package.resources[0].schema] == [
        ("city", "string"),
        ("geometry", "geojson"),
    ]
    high = document({"features": [feature({"type": "Point", "coordinates": [1, 2, 3]})]}, "y.geojson")
    with pytest.raises(ProcessorError, match="is not a geopoint"):
        rows_of(load(high, schema={"fields": fields[:1]}))


@pytest.mark.parametrize("behind", [True, False])
@pytest.mark.parametrize(
    ("crs", "told"),
    [
        ("urn:ogc:def:crs:EPSG::3857", True),
        ("EPSG:14326", True),
        ("EPSG:4326", False),
        ("urn:ogc:def:crs:EPSG::4326", False),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", False),
    ],
)
def test_another_coordinate_reference_system_is_told_once(
    document: Any, caplog: pytest.LogCaptureFixture, crs: str, told: bool, behind: bool
) -> None:
    features = [feature({"type": "Point", "coordinates": [1, 2]}, crs={"type": "none"})]
    member = {"crs": {"type": "name", "properties": {"name": crs}}}
    said = {"type": "FeatureCollection", **({} if behind else member), "features": features, **member}
    assert len(rows_of(load(document(said, "x.geojson")))) == 1
    assert [crs in record.getMessage() for record in caplog.records] == [True] * told


def test_members_of_features_that_become_no_field_are_told_once(
    document: Any, caplog: pytest.LogCaptureFixture
) -> None:
    features = [{**feature(None, n=n), "bbox": [], "style": "red", "crs": None} for n in range(3)]
    said = {"type": "FeatureCollection", "crs": None, "features": features}
    lines = "\n".join(map(json.dumps, features)).encode()
    fields = {"geometry": {"type": "geojson"}}
    for path in document(said, "x.geojson"), document(lines, "x.geojsonl"):
        caplog.clear()
        assert [row["n"] for row in rows_of(load(path, override_fields=fields))] == [0, 1, 2]
        told = [r.getMessage() for r in caplog.records if "members" in r.getMessage()]
        assert ["'crs', 'style'" in message for message in told] == [True]
        assert "crs' says" not in caplog.text


@pytest.mark.parametrize("member", ["id", "geometry"])
def test_no_property_hides_the_id_or_the_geometry_of_a_feature(document: Any, member: str) -> None:
    point = {"type": "Point", "coordinates": [1, 2]}
    same = {**feature(point), "properties": {member: point}, member: point}
    other = {**same, "properties": {member: None}}
    clash = f"(?s)row 2 of .*property {member!r} of another value"
    assert rows_of(load(document({"type": "FeatureCollection", "features": [same]}, "x.geojson"))) == [
        {"geometry": point} | {member: point}
    ]
    path = document({"type": "FeatureCollection", "features": [same, other]}, "y.geojson")
    with pytest.raises(ProcessorError, match=clash):
        rows_of(load(path))
    assert rows_of(load(path, property="features"))[1]["properties"] == {member: None}
    lines = path.with_suffix(".geojsonl")
    lines.write_text(f"{json.dumps(same)}\n{json.dumps(other)}\n")
    with pytest.raises(ProcessorError, match=clash):
        rows_of(load(lines))


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("bad", [b'{"a": 1, "n": 1, "a": 1}', b'{"n": 1, "a": {"x": [{"a": 1, "a": 2}]}}'])
def test_a_key_twice_in_a_line_is_an_error_with_its_row(document: Any, early: bool, bad: bytes) -> None:
    good = b'{"n": 1, "a": 1}'
    path = document(b"\n".join([*[good] * (1 if early else 2000), bad, good]))
    with pytest.raises(ProcessorError, match=rf"row {2 if early else 2001:} of .*x\.json") as caught:
        Flow(load(path)).process()
    assert "the key 'a' twice" in str(caught.value)


def test_a_key_twice_in_a_document_is_an_error_with_its_row(document: Any) -> None:
    for said in (
        b'[{"a": 1}, {"a": 1, "b": {"x": 1, "x": 2}}]',
        b'{"v": 1, "rows": [{"a": 1}, {"x": 1, "x": 1}]}',
    ):
        with pytest.raises(ProcessorError, match=r"row 2 of .*x\.json: an object has the key 'x' twice"):
            Flow(load(document(said))).process()


@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize("rows", [1, 3000])
@pytest.mark.parametrize(
    "bad", [rb"x\ud800", rb"\udc00y", rb"\ud83d\ud83d", rb"\uD800\n\uDC00", rb"\\\ud83d\\udc00"]
)
def test_half_a_character_is_an_error_with_its_row_and_field(
    document: Any, bad: bytes, rows: int, lines: bool
) -> None:
    good = rb'{"n": 1, "t": "\ud83d\ude00 \\ud800 \u00e9"}'
    all_rows = [*[good] * rows, b'{"n": 2, "t": "' + bad + b'"}', good]
    path = document(b"\n".join(all_rows) if lines else b"[" + b",".join(all_rows) + b"]")
    with pytest.raises(ProcessorError, match=rf"row {rows + 1} of .*x\.json") as caught:
        Flow(load(path, lines=lines)).process()
    assert "half a character" in str(caught.value)
    assert "field 't'" in str(caught.value)
    path = document(b"\n".join([good] * rows) if lines else b"[" + b",".join([good] * rows) + b"]")
    assert rows_of(load(path, lines=lines)) == [{"n": 1, "t": "\U0001f600 \\ud800 \u00e9"}] * rows


PARTS = st.sampled_from(["\\ud83d", "\\ude00", "\\\\", "\\n", "\\u00e9", "x", "ud83d"])


@given(st.lists(PARTS), st.integers(1, 20))
def test_halves_are_found_wherever_bytes_are_divided(parts: list[str], size: int) -> None:
    text = '"' + "".join(parts) + '"'
    guard, data = SurrogateGuard(), text.encode()
    found = False
    try:
        for start in range(0, len(data), size):
            guard.see(data[start : start + size])
    except HalfCharacterError:
        found = True
    assert found == has_half(json.loads(text))


def test_a_line_that_is_no_json_is_named_while_the_flow_is_planned(document: Any) -> None:
    with pytest.raises(ProcessorError, match=r"row 2 of .*x\.ndjson: the line is not JSON"):
        Flow(load(document(b'{"n": 1}\n{"n": \n', "x.ndjson"))).process()
