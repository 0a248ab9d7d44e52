"""Data Packages as they are published, over the network, in archives; and all that is written loads again."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import isodate
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Flow, commit
from dataflows_core.errors import AccessError, DataError, FlowError, ProcessorError, SchemaError
from dataflows_core.inline import RowsSplit
from dataflows_core.processors import dump_to_path, dump_to_zip, load, load_csv, validate
from dataflows_core.resource import Resource
from dataflows_core.schema import ARROW_TYPES, Field, Schema
from dataflows_core.stream import Stream

V2 = "https://datapackage.org/profiles/2.0/datapackage.json"
CITIES = b"id,city\n1,Ulm\n2,Bonn\n"
SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "city", "type": "string"}]}
ROWS = [{"id": 1, "city": "Ulm"}, {"id": 2, "city": "Bonn"}]


@pytest.fixture
def package(tmp_path: Path) -> Callable[..., Path]:
    """Write a Data Package with some files; returns its folder."""

    def write(*resources: dict, files: dict[str, bytes] | None = None, **properties: Any) -> Path:
        folder = tmp_path / "pack"
        shutil.rmtree(folder, ignore_errors=True)
        for name, content in (files or {"data/cities.csv": CITIES}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        descriptor = {"name": "pack", **properties, "resources": list(resources)}
        (folder / "datapackage.json").write_text(json.dumps(descriptor))
        return folder

    return write


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """The address of a web server over the test's folder, and who asked it for what with which token."""
    asked: list[tuple[str, str | None]] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization")))
            super().do_GET()

    handler = partial(Handler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}", asked
        httpd.shutdown()
        thread.join()


def zipped(folder: Path, target: Path) -> Path:
    with ZipFile(target, "w", 8) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, str(path.relative_to(folder)))
    return target


RESOURCE = {"name": "cities", "path": "data/cities.csv", "schema": SCHEMA}

# Where a package can be


def test_the_same_package_from_everywhere(package, server, tmp_path: Path, monkeypatch) -> None:
    files = {"data/cities.csv": CITIES, "doc/logo.bin": b"\0\1\2", "data/a b#1[2].csv": b"n\n7\n"}
    odd = {"name": "odd", "path": "data/a b#1[2].csv"}
    folder = package(RESOURCE, {"name": "logo", "path": "doc/logo.bin"}, odd, files=files, title="T")
    archive = zipped(folder, tmp_path / "pack.zip")
    url, _ = server
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACK", str(folder))
    places = [
        folder, str(folder) + "/", folder / "datapackage.json", "pack", "pack/datapackage.json", archive,
        "pack.zip", f"zip://datapackage.json::{archive}", f"{url}/pack/datapackage.json", "env://PACK",
        f"{url}/pack/datapackage.json?raw=1", f"{url}/pack.zip", f"{url}/pack.zip?token=x",
        (folder / "datapackage.json").as_uri(), folder.as_uri(),
    ]  # fmt: skip
    for number, place in enumerate(places):
        out = tmp_path / f"out{number}"
        result = Flow(load(place), dump_to_path(out)).results()
        assert result.rows == [ROWS, [{"n": 7}]], place
        assert result.package.properties == {"name": "pack", "title": "T"}
        assert (out / "doc/logo.bin").read_bytes() == b"\0\1\2", place
        assert (out / "data/cities.csv").exists()
    monkeypatch.chdir(folder)
    assert Flow(load("datapackage.json")).results().rows[0] == ROWS
    assert Flow(load(".")).results().rows[0] == ROWS


def test_relative_paths_over_http_and_what_is_not_there(package, server) -> None:
    url, asked = server
    package(RESOURCE, {"name": "none", "path": "data/none.csv", "schema": SCHEMA})
    with pytest.raises(ProcessorError, match=r"/pack/data/none\.csv: the server answered 404") as caught:
        Flow(load(f"{url}/pack/datapackage.json")).process()
    assert isinstance(caught.value.cause, AccessError)
    assert asked[0] == ("/pack/datapackage.json", None)
    assert Flow(load(f"{url}/pack/datapackage.json", resources="cities")).results().rows == [ROWS]


def test_a_local_package_may_name_files_of_the_web(package, server) -> None:
    url, _ = server
    folder = package({**RESOURCE, "path": f"{url}/pack/data/cities.csv?x=[1]*"}, name="x")
    assert Flow(load(folder)).results().rows == [ROWS]


def test_credentials_go_to_no_other_server(package, server) -> None:
    url, asked = server
    other = url.replace("127.0.0.1", "localhost")
    package(RESOURCE, {**RESOURCE, "name": "other", "path": f"{other}/pack/data/cities.csv"})
    token = {"Authorization": "Bearer 123"}
    assert Flow(load(f"{url}/pack/datapackage.json", storage_options=token)).results().rows == [ROWS, ROWS]
    assert {given for _, given in asked[:2]} == {"Bearer 123"}
    assert asked[-1][1] is None


OUTSIDE = ["../secret.csv", "%2e%2e/secret.csv", "..%5csecret.csv", "data/../../secret.csv"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_files_beside_a_package_stay_unread(package, server, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.csv").write_bytes(CITIES)
    url, asked = server
    for resource in ({"name": "x", "path": path, "schema": SCHEMA}, {"name": "x", "path": path}):
        folder = package(resource)
        for place in (folder, f"{url}/pack/datapackage.json", zipped(folder, tmp_path / "evil.zip")):
            with pytest.raises(ProcessorError, match="resource 'x' has the path") as caught:
                Flow(load(place), dump_to_path(tmp_path / "out")).process()
            assert isinstance(caught.value.cause, DataError)
    assert not any("secret" in asked_path for asked_path, _ in asked)
    assert not (tmp_path / "out").exists()


def test_a_member_of_a_zip_file_outside_of_it_is_never_read(package, tmp_path: Path) -> None:
    archive = zipped(package({"name": "x", "path": "a.csv", "schema": SCHEMA}), tmp_path / "evil.zip")
    with ZipFile(archive, "a") as opened:
        opened.writestr("../a.csv", CITIES)
        opened.writestr("/a.csv", CITIES)
    with pytest.raises(ProcessorError, match=r"there is no 'a.csv' in .*evil.zip"):
        Flow(load(archive)).process()


# What is declared, and what is there


def test_parts_are_one_table(package) -> None:
    files = {"1.csv": b"id,city\n1,Ulm\n", "2.csv": b"id,city\n2,Bonn\n"}
    resource = {**RESOURCE, "path": ["1.csv", "2.csv"]}
    assert Flow(load(package(resource, files=files))).results().rows == [ROWS]
    for second, message in (
        (b"id,city\nx,y\n", r"row 1 of .*2.csv:\n.*'x' is not an integer"),
        (b"id\n1\n", r"2.csv has another header than .*1.csv: it lacks 'city'"),
    ):
        with pytest.raises(ProcessorError, match=message):
            Flow(load(package(resource, files=files | {"2.csv": second}))).process()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("id", "it has 'city' besides"),
        ("id town", "it lacks 'town' and has 'city' besides"),
        ("id city country", "it lacks 'country'"),
        ("city id", "it has them in another order"),
        ("ID city", "it lacks 'ID' and has 'id' besides"),
    ],
)
def test_a_schema_that_is_not_that_of_the_file(package, names: str, message: str) -> None:
    schema = {"fields": [{"name": name} for name in names.split()]}
    message = f"is not as the schema declares: {message}\n  the header: id, city"
    with pytest.raises(ProcessorError, match=message) as caught:
        Flow(load(package({**RESOURCE, "schema": schema}))).process()
    assert isinstance(caught.value.cause, SchemaError)


@pytest.mark.parametrize(
    ("mode", "names", "found"),
    [
        ("equal", "city id", {"id", "city"}),
        (["subset"], "city", {"id", "city"}),
        (["superset"], "id city country", {"id", "city"}),
        (["partial"], "country city", {"id", "city"}),
    ],
)
def test_how_strictly_it_must_be_can_be_declared(package, mode: Any, names: str, found: set[str]) -> None:
    schema = {"fields": [{"name": name, "type": "string"} for name in names.split()], "fieldsMatch": mode}
    folder = package({**RESOURCE, "type": "table", "schema": schema}, **{"$schema": V2})
    result = Flow(load(folder)).results()
    assert set(result.rows[0][0]) == found
    assert result.rows[0][0]["city"] == "Ulm"
    assert "fieldsMatch" not in result.package["cities"].schema.properties


def test_version_2_of_a_file(package) -> None:
    tags = {"name": "tags", "type": "list", "itemType": "integer", "delimiter": ";"}
    fields = [{"name": "id", "type": "integer"}, tags]
    resource = {
        "name": "a",
        "type": "table",
        "path": "a.csv",
        "dialect": {
            "$schema": "https://datapackage.org/profiles/2.0/tabledialect.json",
            "delimiter": "|",
            "headerRows": [2, 3],
            "headerJoin": "",
            "commentChar": "#",
            "nullSequence": "NULL",
        },
        "schema": {"fields": fields, "missingValues": [{"value": "-", "label": "none"}], "primaryKey": "id"},
    }
    files = {"a.csv": b"title||\nid|ta\n|gs\n#1|2\n-|1;2\n3|NULL\n"}
    result = Flow(load(package(resource, files=files, **{"$schema": V2}))).results()
    assert result.rows == [[{"id": None, "tags": [1, 2]}, {"id": 3, "tags": None}]]
    descriptor = result.package["a"].descriptor
    assert descriptor["profile"] == "tabular-data-resource"
    assert not {"type", "$schema"} & set(descriptor)


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ({"delimiter": ";", "quoteChar": "'", "doubleQuote": True}, "id;city\n1;'Ulm'\n2;'Bonn'\n"),
        ({"delimiter": "\t", "skipInitialSpace": True}, "id\t city\n1\t Ulm\n2\t Bonn\n"),
        ({"header": False, "csvddfVersion": 1.2}, "1,Ulm\n2,Bonn\n"),
        ({"escapeChar": "\\", "lineTerminator": "\r\n"}, "id,city\r\n1,U\\lm\r\n2,Bonn\r\n"),
        ("dialect.json", "id|city\n1|Ulm\n2|Bonn\n"),
    ],
)
def test_dialects_of_version_1(package, dialect: Any, text: str) -> None:
    files = {"data/cities.csv": text.encode(), "dialect.json": b'{"delimiter": "|"}'}
    assert Flow(load(package({**RESOURCE, "dialect": dialect}, files=files))).results().rows == [ROWS]


def test_what_is_not_declared_is_as_the_specification_says_and_not_guessed(package) -> None:
    text = b"note\n a;b \n'c;d'\n\\;\"\"\n# e\n"
    schema = {"fields": [{"name": "note"}]}
    folder = package({"name": "n", "path": "n.csv", "schema": schema}, files={"n.csv": text})
    assert [row["note"] for row in Flow(load(folder)).results().rows[0]] == [" a;b ", "'c;d'", '\\;""', "# e"]
    assert Flow(load(folder, strip=True)).results().rows[0][0] == {"note": "a;b"}


def test_declared_formats_encodings_and_compressions(package) -> None:
    import gzip

    resources = [
        {"name": "tsv", "path": "a.tsv", "schema": SCHEMA},
        {"name": "told", "path": "b.dat", "format": "CSV", "encoding": "latin-1", "schema": SCHEMA},
        {"name": "media", "path": "c", "mediatype": "text/csv; charset=utf-8"},
        {"name": "packed", "path": "d.csv.gz", "profile": "tabular-data-resource"},
        {"name": "inner", "path": "e.bin", "format": "csv", "compression": "zip", "innerpath": "y.csv"},
    ]
    files = {
        "a.tsv": b"id\tcity\n1\ta,b\n",
        "b.dat": "id,city\n1,Köln\n".encode("latin-1"),
        "c": b"x\n1\n",
        "d.csv.gz": gzip.compress(b"x\n2\n"),
    }
    folder = package(*resources, files=files)
    with ZipFile(folder / "e.bin", "w") as archive:
        archive.writestr("x.csv", "x\n3\n")
        archive.writestr("y.csv", "x\n4\n")
    result = Flow(load(folder)).results()
    assert [rows[0] for rows in result.rows] == [
        {"id": 1, "city": "a,b"}, {"id": 1, "city": "Köln"}, {"x": 1}, {"x": 2}, {"x": 4},
    ]  # fmt: skip


@pytest.mark.parametrize(("encoding", "told"), [("UTF-8", 0), ("latin-1", 1)])
def test_an_encoding_that_a_format_cannot_have_is_told(package, caplog, encoding: str, told: int) -> None:
    resource = {"name": "j", "path": "j.json", "encoding": encoding, "schema": SCHEMA}
    data = json.dumps(ROWS).encode()

    assert Flow(load(package(resource, files={"j.json": data}))).results().rows == [ROWS]

    assert [record.levelname for record in caplog.records] == ["WARNING"] * told


def test_a_table_whose_format_nobody_reads(package) -> None:
    folder = package({"name": "x", "path": "x.sav", "schema": SCHEMA}, files={"x.sav": b""})
    with pytest.raises(
        ProcessorError,
        match=r"x\.sav': tried the ending 'sav' and the content, which is empty\n  installed formats: .*csv",
    ):
        Flow(load(folder)).process()


def test_options_reach_every_loader_and_unknown_ones_none(package) -> None:
    folder = package(RESOURCE, {**RESOURCE, "name": "again"})
    assert Flow(load(folder, limit_rows=1)).results().rows == [ROWS[:1], ROWS[:1]]
    with pytest.raises(ProcessorError, match="no option 'limit_row'; did you mean limit_rows") as caught:
        Flow(load(folder, limit_row=1)).process()
    assert isinstance(caught.value.cause, FlowError)


def test_declared_constraints_are_checked(package) -> None:
    schema = {"fields": [{"name": "id", "type": "integer", "constraints": {"maximum": 1}}, {"name": "city"}]}
    folder = package({**RESOURCE, "schema": schema})
    with pytest.raises(ProcessorError, match=r"row 2 of .*cities.csv:\n.*the value 2 is not at most 1"):
        Flow(load(folder)).process()
    assert Flow(load(folder, on_error="drop"), validate()).results().rows == [ROWS[:1]]


def test_declared_types_are_as_wide_as_the_data(package) -> None:
    fields = [
        {"name": "n", "type": "number"},
        {"name": "c", "type": "number", "decimalChar": ",", "groupChar": "."},
        {"name": "i", "type": "integer"},
        {"name": "z", "type": "datetime"},
        {"name": "p", "type": "datetime", "format": "%d.%m.%Y %H:%M %z"},
    ]
    text = (
        "n;c;i;z;p\n0.003143260708814195;1.234,0000000000005;123456789012345678901;2020-01-01T00:00:00+02:00;"
        "31.12.2020 00:30 +0100\n;;;;\n"
    )
    resource = {"name": "w", "path": "w.csv", "dialect": {"delimiter": ";"}, "schema": {"fields": fields}}
    (rows,) = Flow(load(package(resource, files={"w.csv": text.encode()}))).results().rows
    zone = dt.timezone(dt.timedelta(hours=2))
    assert rows[0] == {
        "n": Decimal("0.003143260708814195"),
        "c": Decimal("1234.0000000000005"),
        "i": 123456789012345678901,
        "z": dt.datetime(2020, 1, 1, tzinfo=zone),
        "p": dt.datetime(2020, 12, 30, 23, 30, tzinfo=dt.UTC),
    }
    assert rows[1] == dict.fromkeys(rows[0])


# Files that are no tables


def test_other_files_pass_through_steps_and_are_copied_as_they_are(package, server, tmp_path: Path) -> None:
    url, _ = server
    files = {"doc/a.pdf": b"%PDF", "doc/b.gz": b"\x1f\x8b\x08broken", "parts/1": b"1", "parts/2": b"2"}
    others = [
        {"name": "pdf", "path": "doc/a.pdf", "title": "Read me", "bytes": 99, "hash": "wrong"},
        {"name": "gz", "path": "doc/b.gz"},
        {"name": "parts", "path": ["parts/1", "parts/2"]},
        {"name": "far", "path": f"{url}/pack/doc/a.pdf?download=1"},
    ]
    folder = package(RESOURCE, *others, files={"data/cities.csv": CITIES, **files})
    sources = [folder, zipped(folder, tmp_path / "pack.zip"), f"{url}/pack/datapackage.json"]
    for number, source in enumerate(sources):
        out = tmp_path / f"out{number}"
        flow = Flow(load(source), lambda row: row.update(city=row["city"].upper()), dump_to_path(out))
        assert [resource.tabular for resource in flow.results().package.resources] == [True] + 4 * [False]
        for name, content in files.items():
            assert (out / name).read_bytes() == content
        assert (out / "a.pdf").read_bytes() == b"%PDF"
        described = json.loads((out / "datapackage.json").read_text())["resources"]
        assert described[1] | {"hash": None} == {
            "name": "pdf", "path": "doc/a.pdf", "title": "Read me", "bytes": 4, "hash": None,
        }  # fmt: skip
        again = Flow(load(out)).results()
        assert again.rows == [[{"id": 1, "city": "ULM"}, {"id": 2, "city": "BONN"}]]


def test_a_file_that_is_missing_fails_the_run_and_leaves_nothing(package, tmp_path: Path) -> None:
    folder = package(RESOURCE, {"name": "gone", "path": "doc/gone.pdf"})
    with pytest.raises(ProcessorError, match=r"there is no file .*gone\.pdf"):
        Flow(load(folder), dump_to_path(tmp_path / "out")).process()
    assert not (tmp_path / "out").exists()


# What is written loads again


def test_an_interrupted_commit_is_finished_by_the_next_load(tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "out"
    Flow([{"x": "old"}], dump_to_path(out)).process()

    def stop(*_: object) -> None:
        raise OSError("the machine stops here")

    with monkeypatch.context() as patch:
        patch.setattr(commit, "_roll_forward", stop)
        with pytest.raises(ProcessorError, match="the machine stops here"):
            Flow([{"x": "new"}], dump_to_path(out)).process()
    assert (out / commit.STAGING / "journal.json").exists()
    assert (out / "res_1.csv").read_text().splitlines() == ["x", "old"]
    assert Flow(load(out / "datapackage.json")).results().rows == [[{"x": "new"}]]
    assert sorted(path.name for path in out.iterdir()) == ["datapackage.json", "res_1.csv"]


ZONE = dt.timezone(dt.timedelta(hours=2))
FINITE = st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**20), max_value=10**20)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
SMALL = st.integers(-9, 9)
JSON_TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
VALUES: dict[str, tuple[dict[str, Any], pa.DataType | None, st.SearchStrategy[Any]]] = {
    "string": ({}, None, TEXT),
    "integer": ({}, None, st.integers(-(2**63), 2**63 - 1)),
    "large integer": ({"type": "integer"}, pa.decimal128(38, 0), st.integers(2**63, 10**38 - 1)),
    "number": ({}, None, FINITE),
    "double": ({"type": "number", "floatNumber": True}, None, st.floats(allow_nan=False)),
    "boolean": ({}, None, st.booleans()),
    "date": ({}, None, st.dates()),
    "time": ({}, None, st.times()),
    "datetime": ({}, None, st.datetimes()),
    "utc": ({"type": "datetime"}, pa.timestamp("us", "UTC"), st.datetimes(timezones=st.just(dt.UTC))),
    "zone": (
        {"type": "datetime"},
        pa.timestamp("us", "+02:00"),
        st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1), timezones=st.just(ZONE)),
    ),
    "year": ({}, None, st.integers(0, 9999)),
    "yearmonth": ({}, None, st.tuples(st.integers(1, 9999), st.integers(1, 12))),
    "duration": (
        {},
        None,
        st.timedeltas(dt.timedelta(-(10**5)), dt.timedelta(10**5))
        | st.builds(lambda y, m: isodate.Duration(years=y, months=m), st.integers(1, 99), st.integers(1, 11)),
    ),
    "geopoint": (
        {},
        None,
        st.tuples(st.decimals(-180, 180, places=6), st.decimals(-90, 90, places=6)),
    ),
    "list": ({}, None, st.lists(st.text("abc \"'ü\n", min_size=1, max_size=5), min_size=1, max_size=3)),
    "list of integers": ({"type": "list", "itemType": "integer"}, None, st.lists(SMALL, min_size=1)),
    "object": ({}, None, st.dictionaries(JSON_TEXT, st.integers() | JSON_TEXT | st.none(), max_size=3)),
    "array": ({}, None, st.lists(st.integers() | JSON_TEXT | st.booleans(), max_size=3)),
    "geojson": (
        {},
        None,
        st.builds(lambda x, y: {"type": "Point", "coordinates": [x, y]}, SMALL, SMALL),
    ),
    "any": ({}, None, TEXT),
}


def table(name: str, rows: list[dict]) -> Callable[[Any], None]:
    """A step that adds a table of one type, and a key beside it."""
    properties, arrow, _ = VALUES[name]
    value = Field({"name": "value", "type": name, **properties}, arrow)
    fields = (Field({"name": "key", "type": "integer"}), value)

    def step(package: Any) -> None:
        schema = Schema(fields)
        package.add(Resource("t", Stream.of([RowsSplit(rows, schema, "rows")], schema)))

    return step


def test_every_type_is_written_and_loaded_in_these_tests() -> None:
    assert {properties.get("type", name) for name, (properties, _, _) in VALUES.items()} == set(ARROW_TYPES)


@pytest.mark.parametrize("name", VALUES)
@settings(max_examples=15)
@given(data=st.data())
def test_what_is_dumped_loads_as_it_was(name: str, data: st.DataObject, tmp_path_factory) -> None:
    values = data.draw(st.lists(st.none() | VALUES[name][2], min_size=1, max_size=5))
    if all(value is None for value in values):
        return  # then nothing tells how wide the type was
    folder = tmp_path_factory.mktemp("round")
    step = table(name, [{"key": key, "value": value} for key, value in enumerate(values)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)  # this is about values, and a disk is slow
        first = Flow(step, dump_to_path(folder / "out"), dump_to_zip(folder / "out.zip")).results()
    for place in (folder / "out", folder / "out.zip"):
        again = Flow(load(place)).results()
        assert again.rows == first.rows
        before, after = first.package["t"].schema, again.package["t"].schema
        assert after.arrow == before.arrow
        # Version 1 has no way but `any` to say that a date and time has parts of a second.
        assert [f.update(format=None) for f in after] == [f.update(format=None) for f in before]


def test_packages_of_several_tables_load_again(tmp_path: Path, shared_data: Path) -> None:
    names = ("co2-fossil-by-nation", "population", "world-cities")
    flow = Flow(*(load(shared_data / name) for name in names))
    first = Flow(flow, dump_to_zip(tmp_path / "all.zip")).results()
    again = Flow(load(tmp_path / "all.zip")).results()
    assert again.rows == first.rows
    for before, after in zip(first.package.resources, again.package.resources, strict=True):
        assert after.schema.descriptor == before.schema.descriptor
    csv = Flow(load_csv(f"zip://data/population.csv::{tmp_path / 'all.zip'}", strip=False)).results()
    assert csv.rows == again.rows[1:2]


def test_what_the_library_reads_of_a_published_package_is_what_we_read(shared_data: Path) -> None:
    import datapackage

    for name in ("co2-fossil-by-nation", "population"):
        folder = shared_data / name
        ours = Flow(load(folder)).results().rows[0]
        theirs = datapackage.Package(str(folder / "datapackage.json")).resources[0].read(keyed=True)
        assert ours == theirs


def test_a_package_whose_descriptor_is_yaml_says_so(shared_data: Path) -> None:
    with pytest.raises(ProcessorError, match=r"holds no datapackage.json, but datapackage.yml"):
        Flow(load(shared_data / "country-codes")).process()


def test_links_that_lead_out_of_a_package_are_refused(tmp_path: Path) -> None:
    inside, outside = tmp_path / "real", tmp_path / "outside"
    for folder in inside, outside:
        folder.mkdir()
        (folder / "a.csv").write_text("x\n1\n")
    (inside / "within.csv").symlink_to("a.csv")
    (inside / "out.csv").symlink_to(outside / "a.csv")
    (inside / "folder").symlink_to(outside)
    behind = tmp_path / "behind"
    behind.symlink_to(inside)

    def rows_of(path: Path) -> list[list[dict]]:
        return Flow(load(path)).results().rows

    def write(path: str) -> None:
        said = {"resources": [{"name": "a", "path": path}]}
        (inside / "datapackage.json").write_text(json.dumps(said))

    for path in "out.csv", "folder/a.csv":
        write(path)
        with pytest.raises(ProcessorError, match=r"(?s)link out of the Data Package.*copy what it leads to"):
            rows_of(behind)
    for path in "a.csv", "within.csv":
        write(path)
        assert rows_of(behind) == rows_of(inside) == [[{"x": 1}]]
    assert rows_of(inside / "out.csv") == [[{"x": 1}]]  # one's own path is one's own business
