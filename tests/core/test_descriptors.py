"""Descriptors of Data Packages: every fault in words, and nothing hostile gets through."""

from __future__ import annotations

import datetime as dt
import json
import logging
import posixpath
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow, load
from dataflows_core.descriptor_versions import as_version_1
from dataflows_core.descriptors import read_descriptor
from dataflows_core.errors import AccessError, DataError, DataflowsError, ProcessorError, SchemaError
from dataflows_core.locations import Place
from dataflows_core.schema import ARROW_TYPES, Schema

V2 = "https://datapackage.org/profiles/2.0/datapackage.json"


@pytest.fixture
def package(tmp_path: Path):
    """Write a descriptor; returns its folder."""

    def write(*resources: Any, **properties: Any) -> Path:
        (tmp_path / "datapackage.json").write_text(json.dumps({**properties, "resources": list(resources)}))
        return tmp_path

    return write


def rows_of(source: Any, **options: Any) -> list[list[dict]]:
    return Flow(load(source, **options)).results().rows


DATA = {"name": "a", "data": [{"x": 1}]}

# Where paths lead


HOSTILE = [
    "../a.csv", "data/../../a.csv", "/etc/passwd", "~/a.csv", "~root/.ssh/id_rsa",
    "\\\\host\\share\\a.csv", "..\\a.csv", "data\\a.csv", "C:\\a.csv", "C:/a.csv", "c:a.csv",
    "//example.org/a.csv", "%2e%2e/a.csv", "..%2fa.csv", "%2e%2e%2fa.csv", "%252e%252e%252fa.csv",
    "..%5ca.csv", "%5c%5chost%5ca.csv", "%2fetc/passwd", "%7e/a.csv", "a%00.csv", "a\n.csv", "a\0.csv",
    "file:///etc/passwd", "FILE:///etc/passwd", "file:/etc/passwd", "zip://a.csv::/etc/x.zip",
    "s3://bucket/a.csv", "ftp://example.org/a.csv", "env://HOME", "simplecache::a.csv", "a.csv::b.zip",
    "local:///etc/passwd", "javascript:alert(1)", ".", "", "data/", "..", "%" + "25" * 9 + "2e",
    "data:text/csv;base64,YQ==", "memory://a.csv", "/%2e%2e/a", "a/%2e%2e/%2e%2e/b",
]  # fmt: skip


PLACES = [
    Place(""),
    Place("pack"),
    Place("", "x.zip"),
    Place("sub", "x.zip"),
    Place("http://example.org/pack"),
]


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_that_leads_out_is_refused(place: Place, path: str) -> None:
    with pytest.raises(DataError, match="whoever publishes a Data Package must not choose"):
        place.join(path, "resource 'x'")


@pytest.mark.parametrize("path", [path for path in HOSTILE if path])
def test_a_package_with_such_a_path_is_not_loaded_also_not_for_its_schema(package, path: str) -> None:
    for resource in (
        {"name": "x", "path": path},
        {"name": "x", "path": ["a.csv", path]},
        {"name": "x", "path": "a.csv", "schema": path},
        {"name": "x", "path": "a.csv", "dialect": path},
    ):
        with pytest.raises(ProcessorError, match="resource 'x' has the path") as caught:
            rows_of(package(resource))
        assert isinstance(caught.value.cause, DataError)


@pytest.mark.parametrize(
    ("place", "path", "location"),
    [
        (Place(""), "data/a.csv", "data/a.csv"),
        (Place("pack"), "./data//a.csv", "pack/data/a.csv"),
        (Place("", "x.zip"), "./a b.csv", "zip://a b.csv::x.zip"),
        (Place("sub", "http://h/x.zip"), "a.csv", "zip://sub/a.csv::http://h/x.zip"),
        (Place("http://h/p"), "a b#1[2].csv", "http://h/p/a%20b%231%5B2%5D.csv"),
        (Place("http://h/p"), "a%20b.csv?x=1&y=*", "http://h/p/a%20b.csv?x=1&y=*"),
        (Place("http://h/p"), "HTTPS://other/a.csv", "HTTPS://other/a.csv"),
        (Place("s3://bucket/p"), "a%20b.csv", "s3://bucket/p/a%20b.csv"),
        (Place("s3://bucket/p"), "s3://bucket/q/a.csv", "s3://bucket/q/a.csv"),
        (Place("pack"), "50%.csv", "pack/50%.csv"),
        (Place("pack"), "a..b/...csv", "pack/a..b/...csv"),
    ],
)
def test_where_a_path_leads(place: Place, path: str, location: str) -> None:
    assert place.join(path, "resource 'x'") == location


PARTS = st.sampled_from(
    [
        "a",
        "b.csv",
        "..",
        ".",
        "",
        "~",
        "%2e",
        "%2E%2e",
        "%252e",
        "%2f",
        "%5c",
        "\\",
        "/",
        ":",
        "::",
        "C:",
        "*",
        "?",
    ]
)


@given(st.lists(PARTS, max_size=6), st.sampled_from(["/", "%2f", ""]))
def test_whatever_is_let_through_stays_inside_however_it_is_decoded(parts: list[str], joint: str) -> None:
    path = joint.join(parts)
    for place in (Place("/home/pack"), Place("http://example.org/home/pack")):
        try:
            location = place.join(path, "x")
        except DataError:
            continue
        where = urlsplit(location).path if place.folder.startswith("http") else location
        for _ in range(4):
            assert posixpath.normpath(where.replace("\\", "/")).startswith("/home/pack/")
            where = unquote(where)


@given(st.text(alphabet="abc .-_()äß%", min_size=1, max_size=12))
def test_names_of_files_are_what_a_server_decodes(name: str) -> None:
    try:
        location = Place("http://h/p").join(name, "x")
    except DataError:
        return
    served = unquote(urlsplit(location).path.removeprefix("/p/"))
    assert served == unquote(quote(name, safe="%"))


def test_credentials_are_for_the_server_of_the_package_alone() -> None:
    home = Place("https://example.org/pack")
    assert home.is_home_of("https://example.org/other/a.csv")
    for foreign in (
        "https://evil.example/a.csv",
        "http://example.org/a.csv",
        "https://example.org:444/a.csv",
    ):
        assert not home.is_home_of(foreign)
    assert not Place("", "https://example.org/x.zip").is_home_of("https://evil.example/a.csv")
    assert Place("", "https://example.org/x.zip").is_home_of("zip://a.csv::https://example.org/x.zip")


# Faults


FAULTS = [
    ([7], "resource 1: it is 7, and must be an object"),
    ([{"path": "a"}], "resource 1: it has no name"),
    ([{"name": 3, "path": "a"}], "resource 1: its name is 3"),
    ([{"name": "a"}], "resource 'a': it has neither a path nor data"),
    ([{"name": "a", "path": []}], "resource 'a': it has neither a path nor data"),
    ([{"name": "a", "path": ["x", 3]}], "resource 'a': path is"),
    ([{"name": "a", "path": {"x": 1}}], "resource 'a': path is"),
    ([{"name": "a", "path": "x", "data": []}], "resource 'a': it has both a path and data"),
    ([DATA, DATA], "2 resources have the name 'a'"),
    ([{**DATA, "encoding": 8}], "resource 'a': encoding is 8, and must be a text"),
    ([{**DATA, "dialect": [1]}], r"resource 'a': dialect is \[1\], and must be an object"),
    ([{**DATA, "schema": 8}], "resource 'a': schema is 8, and must be an object"),
    ([{**DATA, "schema": {"field": []}}], "resource 'a': its schema has no list of fields"),
]
FIELDS = [
    ({"fields": [{"nme": "x"}]}, "field 1 has no name"),
    ({"fields": ["x"]}, "field 1 is 'x', and must be an object"),
    ({"fields": [{"name": "x"}, {"name": "x"}]}, "2 fields have the name 'x'"),
    ({"fields": [{"name": "x", "type": "int"}]}, "field 'x' has the unknown type 'int'.*integer"),
    ({"fields": [{"name": "x", "type": ["integer"]}]}, "field 'x' has the unknown type"),
    ({"fields": [{"name": "x", "type": "list", "itemType": "rope"}]}, "itemType is 'rope', which is no type"),
    ({"fields": [{"name": "x", "type": "date", "format": 1}]}, "field 'x': format is 1, and must be a text"),
    ({"fields": [{"name": "x", "bareNumber": "no"}]}, "bareNumber is 'no', and must be true or false"),
    (
        {"fields": [{"name": "x", "constraints": {"minimun": 1}}]},
        "constraint 'minimun'; did you mean minimum",
    ),
    (
        {"fields": [{"name": "x", "type": "date", "constraints": {"minimum": "y"}}]},
        "'y' of minimum is",
    ),
    ({"fields": [{"name": "x"}], "missingValues": "-"}, "missingValues is '-', and must list texts"),
    ({"fields": [{"name": "x"}], "missingValues": [{"label": "-"}]}, "missingValues is"),
    (
        {"fields": [{"name": "x"}], "primaryKey": ["y"]},
        "primaryKey names the field 'y', which",
    ),
    ({"fields": [{"name": "x"}], "foreignKeys": ["x"]}, "a foreign key is 'x', and must have fields and a"),
    ({"fields": [{"name": "x"}], "uniqueKeys": [[3]]}, r"uniqueKeys names \[3\], and must name fields"),
    (
        {"fields": [{"name": "x"}], "fieldsMatch": "mostly"},
        "fieldsMatch is 'mostly', and must be",
    ),
]


@pytest.mark.parametrize(
    ("resources", "message"), FAULTS + [([{**DATA, "schema": schema}], message) for schema, message in FIELDS]
)
def test_a_fault_is_told_in_words(package, resources: list, message: str) -> None:
    with pytest.raises(ProcessorError, match=message) as caught:
        rows_of(package(*resources))
    assert isinstance(caught.value.cause, DataError)
    assert "datapackage.json is not a valid Data Package:" in str(caught.value)


def test_all_faults_are_told_at_once(package) -> None:
    folder = package(
        {"name": "a"}, {"path": "b"}, {**DATA, "name": "c", "schema": {"fields": [{}, {"name": 1}]}}
    )
    with pytest.raises(DataError) as caught:
        read_descriptor(folder)
    assert str(caught.value).splitlines()[1:] == [
        "  resource 'a': it has neither a path nor data",
        "  resource 2: it has no name",
        "  resource 'c': field 1 has no name",
        "  resource 'c': field 2 has no name",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no JSON"),
        ('{"resources": [', "is no JSON"),
        ('{"resources": NaN}', "NaN is not JSON"),
        ("[" * 100_000, "is no JSON"),
        (b"\xff\xfe\xfa", "is no JSON"),
        ("[]", "is no Data Package: it has no list of resources"),
        ('{"name": "x"}', "it has no list of resources"),
        ('{"resources": {"a": 1}}', "it has no list of resources"),
    ],
)
def test_what_is_no_descriptor(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = tmp_path / "datapackage.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message):
        read_descriptor(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def some(required: dict[str, Any], *others: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some properties as they should be, and some others that may be anything."""
    return st.fixed_dictionaries(required, optional=dict.fromkeys(others, JSON))


FIELD = some(
    {"name": st.sampled_from("xyz")} | {"type": st.sampled_from([*ARROW_TYPES, "int"])},
    *(
        "format",
        "constraints",
        "missingValues",
        "itemType",
        "trueValues",
        "groupChar",
        "floatNumber",
        "categories",
    ),
)
SCHEMA = some(
    {"fields": st.lists(FIELD, max_size=3)}, "missingValues", "primaryKey", "foreignKeys", "uniqueKeys"
)
ROWS = st.lists(st.dictionaries(st.sampled_from("xyz"), JSON), min_size=1, max_size=2) | st.just(
    [["x"], ["1"]]
)
RESOURCE = some(
    {"name": st.just("a"), "data": ROWS, "schema": SCHEMA}, "dialect", "profile", "format", "encoding"
)


@pytest.mark.parametrize("keys", ["foreignKeys", "uniqueKeys", "primaryKey"])
def test_keys_that_are_null_are_none(keys: str) -> None:
    schema = Schema.from_descriptor({"fields": [{"name": "x", "type": "string"}, {"name": "y"}], keys: None})
    assert schema.select(["x"]).names == ("x",)
    assert schema.rename({"x": "z"}).names == ("z", "y")


@given(
    JSON
    | st.builds(
        lambda one, more: {"resources": [one], **more},
        RESOURCE | JSON,
        some({}, "title", "sources", "profile", "contributors", "$schema"),
    )
)
def test_no_descriptor_breaks_the_reader(tmp_path_factory, descriptor: Any) -> None:
    folder = tmp_path_factory.mktemp("pack")
    (folder / "datapackage.json").write_text(json.dumps(descriptor))
    try:
        Flow(load(folder)).package()
    except ProcessorError as error:
        assert isinstance(error.cause, DataflowsError), error  # noqa: PT017 - most are refused, some are good


def test_faults_of_the_metadata_are_a_warning_for_each(package, caplog) -> None:
    package(DATA, title=3, licenses=[], sources=[{"path": "x"}])
    with caplog.at_level(logging.WARNING, "dataflows.load"):
        assert rows_of(package(DATA, title=3, keywords=[])) == [[{"x": 1}]]
    (record,) = caplog.records
    assert "title: 3 is not of type 'string'" in record.getMessage()
    assert "keywords: []" in record.getMessage()  # "is too short" in older releases of jsonschema


def test_a_profile_that_is_not_known_is_told_and_not_fetched(package, caplog) -> None:
    assert rows_of(package(DATA, profile="http://127.0.0.1:1/profile.json")) == [[{"x": 1}]]
    assert "what it adds is not checked" in caplog.text
    caplog.clear()
    rows_of(package(DATA, **{"$schema": "https://fiscal.example/3.0/datapackage.json"}))
    assert "the package has the profile 'https://fiscal.example/3.0/datapackage.json'" in caplog.text


# References, and inline data


def test_schemas_and_dialects_may_be_elsewhere(package, tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/x.json").write_text('{"fields": [{"name": "x", "type": "string"}]}')
    folder = package(
        {"name": "file", "data": [{"x": "1"}], "schema": "schemas/x.json"},
        {"name": "pointer", "data": [{"x": "1"}], "schema": "#/own/a~1b"},
        own={"a/b": {"fields": [{"name": "x", "type": "number"}]}},
    )
    assert rows_of(folder) == [[{"x": "1"}], [{"x": Decimal(1)}]]
    with pytest.raises(ProcessorError, match="refers to '#/own/c', which the descriptor does not have"):
        rows_of(package({**DATA, "schema": "#/own/c"}, own={}))
    with pytest.raises(ProcessorError, match=r"there is no file .*none.json"):
        rows_of(package({**DATA, "schema": "none.json"}))
    (tmp_path / "schemas/x.json").write_text('{"fields": [{"name": 3}]}')
    with pytest.raises(ProcessorError, match="resource 'a': field 1 has no name"):
        rows_of(package({**DATA, "schema": "schemas/x.json"}))


TYPED = {
    "fields": [
        {"name": "n", "type": "number"},
        {"name": "b", "type": "boolean", "trueValues": ["ja"], "falseValues": ["nein"]},
        {"name": "d", "type": "date", "format": "%d.%m.%Y"},
        {"name": "o", "type": "object"},
    ],
    "missingValues": ["", "-"],
}


def test_inline_data_are_exact_and_typed_as_declared(package) -> None:
    values = {"n": 0.10000000000000000001, "b": True, "d": "31.01.2020", "o": {"k": [1.5, None]}}
    expected = {"n": Decimal("0.1"), "b": True, "d": dt.date(2020, 1, 31), "o": {"k": [Decimal("1.5"), None]}}
    nothing = dict.fromkeys(values)
    objects = [values, {"n": "-", "d": ""}, {**nothing, "n": "2.50"}]
    lists = [list(values), list(values.values()), ["-", None, "", None], ["2.50", None, None, None]]
    for data in (objects, lists):
        (rows,) = rows_of(package({"name": "a", "data": data, "schema": TYPED}))
        assert rows == [expected, nothing, {**nothing, "n": Decimal("2.5")}]


def test_numbers_of_inline_data_are_not_made_doubles(package, tmp_path: Path) -> None:
    text = '{"resources": [{"name": "a", "data": [{"n": 1234567890.123456789012}, {"n": 0.1}]}]}'
    (tmp_path / "datapackage.json").write_text(text)
    assert rows_of(tmp_path) == [[{"n": Decimal("1234567890.123456789012")}, {"n": Decimal("0.1")}]]
    text = text.replace(', "data"', ', "schema": {"fields": [{"name": "n", "type": "number"}]}, "data"')
    (tmp_path / "datapackage.json").write_text(text.replace("012}", "012345}"))
    assert rows_of(tmp_path)[0][0] == {"n": Decimal("1234567890.123456789012345")}


ONLY_A = {"fields": [{"name": "a", "type": "integer"}]}


@pytest.mark.parametrize(
    ("resource", "message", "kind"),
    [
        ({"data": "a,b\n1,2", "schema": ONLY_A}, "which is no table", DataError),
        ({"data": [1, 2], "profile": "tabular-data-resource"}, "which is no table", DataError),
        ({"data": [["a", "b"], [1]]}, "row 1 of the data of resource 'a' has 1 values", DataError),
        ({"data": [["a", "a"], [1, 2]]}, "is no header", DataError),
        ({"data": [[1, 2]]}, "is no header", DataError),
        ({"data": []}, "have no rows, and no schema says", DataError),
        (
            {"data": [{"a": 1, "b": 2}], "schema": {"fields": [{"name": "a"}]}},
            "they have 'b' besides",
            SchemaError,
        ),
        (
            {"data": [{"b": 2}], "schema": {"fields": [{"name": "a"}]}},
            "have 'b' besides and lack 'a'",
            SchemaError,
        ),
        (
            {"data": [{"a": "x"}], "schema": {"fields": [{"name": "a", "type": "integer"}]}},
            "'x' is not an",
            DataError,
        ),
    ],
)
def test_inline_data_that_are_not_as_declared(package, resource: dict, message: str, kind: type) -> None:
    with pytest.raises(ProcessorError, match=message) as caught:
        rows_of(package({"name": "a", **resource}))
    assert isinstance(caught.value.cause, kind)


def test_a_row_without_header_and_options(package) -> None:
    data = [[1, "x"], [2, "y"], ["z", "w"]]
    schema = {"fields": [{"name": "n", "type": "integer"}, {"name": "t"}]}
    folder = package({"name": "a", "data": data, "schema": schema, "dialect": {"header": False}})
    assert rows_of(folder, limit_rows=1) == [[{"n": 1, "t": "x"}]]
    result = Flow(load(folder, on_error="drop")).results()
    assert (result.rows[0][-1], result.stats["dropped"]) == ({"n": 2, "t": "y"}, 1)
    with pytest.raises(ProcessorError, match="'encoding' does not apply to resource 'a'"):
        rows_of(folder, encoding="utf-8")


def test_other_inline_data_pass_through(package) -> None:
    package = Flow(load(package({"name": "doc", "data": {"k": [1]}}, DATA))).results().package
    assert not package["doc"].tabular
    assert package["doc"].properties["data"] == {"k": [1]}


# Choosing, and version 2


def test_resources_are_chosen_and_one_may_be_named(package) -> None:
    folder = package(*({"name": name, "data": [{"x": name}]} for name in ("a1", "a2", "b")), title="T")
    assert rows_of(folder, resources="a.") == [[{"x": "a1"}], [{"x": "a2"}]]
    assert rows_of(folder, resources=["b"]) == [[{"x": "b"}]]
    result = Flow(load(folder, "mine", resources=-1)).results()
    assert (result.package.names, result.rows) == (["mine"], [[{"x": "b"}]])
    assert result.package.properties == {"title": "T"}
    with pytest.raises(ProcessorError, match="holds 3 resources, and name='mine' can name one"):
        rows_of(folder, name="mine")
    with pytest.raises(ProcessorError, match=r"no resource is named 'a3'\n  known resources: a1, a2, b"):
        rows_of(folder, resources="a3")
    with pytest.raises(ProcessorError, match="a resource named 'a1' is there already"):
        Flow(load(folder), load(folder)).process()


def test_properties_of_the_package_in_hand_stay(package) -> None:
    folder = package(DATA, title="theirs", version="1", hash="x", count_of_rows=3, profile="data-package")

    def mine(package) -> None:
        package.properties["title"] = "mine"

    assert Flow(mine, load(folder)).results().package.properties == {"title": "mine", "version": "1"}


def test_version_2_is_read(package) -> None:
    schema = {
        "$schema": "https://datapackage.org/profiles/2.0/tableschema.json",
        "fields": [
            {"name": "id", "type": "integer", "missingValues": ["n/a"]},
            {"name": "tags", "type": "list", "itemType": "integer", "delimiter": ";"},
            {"name": "size", "categories": [{"value": "S"}, {"value": "L"}]},
        ],
        "missingValues": [{"value": "-", "label": "not asked"}],
        "primaryKey": "id",
        "foreignKeys": [{"fields": "id", "reference": {"fields": "id"}}],
        "fieldsMatch": ["superset"],
    }
    data = [["id", "size"], ["1", "S"], ["n/a", "-"]]
    resource = {"name": "a", "type": "table", "data": data, "schema": schema}
    people = [{"givenName": "Ada", "familyName": "L.", "roles": ["author"]}, {"title": "B"}]
    folder = package(resource, **{"$schema": V2}, contributors=people, sources=[{"path": "x.csv"}])
    result = Flow(load(folder)).results()
    assert result.rows == [[{"id": 1, "size": "S"}, {"id": None, "size": None}]]
    assert result.package.properties == {
        "contributors": [{"title": "Ada L.", **people[0], "role": "author"}, {"title": "B"}],
        "sources": [{"title": "x.csv", "path": "x.csv"}],
    }
    assert result.package["a"].schema.properties["foreignKeys"][0]["reference"]["resource"] == ""
    bad = package({**resource, "data": [["id", "size"], ["1", "M"]]}, **{"$schema": V2})
    with pytest.raises(ProcessorError, match="'M' is not"):
        rows_of(bad)


def test_version_1_is_left_as_it_is() -> None:
    descriptor = {"resources": [{"name": "a", "type": "table", "path": "x"}], "sources": [{"path": "y"}]}
    assert as_version_1(descriptor) == descriptor


# Zip files


def test_a_zip_file_with_the_descriptor_at_its_root(tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("datapackage.json", json.dumps({"resources": [{**DATA, "schema": "sub/s.json"}]}))
        archive.writestr("sub/s.json", '{"fields": [{"name": "x", "type": "string"}]}')
    assert rows_of(path) == [[{"x": "1"}]]
    assert rows_of(f"zip://datapackage.json::{path}") == [[{"x": "1"}]]


def test_a_zip_file_with_the_descriptor_deeper_says_how_to_load_it(tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("pack-main/datapackage.json", json.dumps({"resources": [DATA]}))
    inside = f"zip://pack-main/datapackage.json::{path}"
    with pytest.raises(ProcessorError, match=r"not at its root: write 'zip://pack-main/datapackage.json::"):
        rows_of(path)
    assert rows_of(inside) == [[{"x": 1}]]


def test_a_descriptor_that_unpacks_to_too_much_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with ZipFile(path, "w", 8) as archive:
        archive.writestr("datapackage.json", b" " * (65 << 20))
    with pytest.raises(AccessError, match="is longer than 67,108,864 bytes"):
        read_descriptor(path)
