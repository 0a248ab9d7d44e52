"""Reading from a store: only what is needed, to the end, and with nobody else's credentials."""

from __future__ import annotations

import io
import json
import random

import fsspec
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from dataflows_core import Flow
from dataflows_core.errors import AccessError, DataflowsError, UnreadableError
from dataflows_core.files import Source, expand
from dataflows_core.processors import load, load_arrow, load_csv, load_parquet

ROWS = 100_000
FIELDS = 10


@pytest.fixture(scope="module")
def table() -> pa.Table:
    numbers = random.Random(1)
    columns = {
        f"c{number}": pa.array([numbers.getrandbits(60) for _ in range(ROWS)]) for number in range(FIELDS)
    }
    return pa.table(columns)


def fetched(s3):
    gets = [entry for entry in s3.log() if entry["method"] == "GET" and "list-type" not in entry["url"]]
    return len(gets), sum(entry["bytes"] for entry in gets)


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_two_columns_of_ten_are_a_fifth_of_the_bytes(s3, table, kind):
    file = io.BytesIO()
    if kind == "parquet":
        pq.write_table(table, file, row_group_size=ROWS // 2)
    else:
        pyarrow.feather.write_feather(table, file, compression="uncompressed")
    s3.system.pipe(f"{s3.bucket}/t.{kind}", file.getvalue())
    s3.log()
    loader = {"parquet": load_parquet, "arrow": load_arrow}[kind]
    source = loader(f"{s3.url}/t.{kind}", fields=["c7", "c2"], storage_options=s3.options)
    rows = Flow(source).results().rows[0]
    requests, size = fetched(s3)
    assert [row["c2"] for row in rows] == table["c2"].to_pylist()
    assert size < 0.2 * len(file.getvalue()) + (1 << 20)
    assert requests < 20


def test_a_type_that_shows_late_in_a_file_is_seen(s3):
    rows = [f"{number},{number}{'.5' if number > 190_000 else ''}\n" for number in range(200_000)]
    text = "id,value\n" + "".join(rows)
    s3.system.pipe(f"{s3.bucket}/late.csv", text.encode())
    flow = Flow(load_csv(f"{s3.url}/late.csv", storage_options=s3.options))
    schema = flow.process().package.descriptor["resources"][0]["schema"]
    assert [field["type"] for field in schema["fields"]] == ["integer", "number"]


def test_any_place_can_be_gone_to(s3):
    data = random.Random(2).randbytes(1_000_000)
    s3.system.pipe(f"{s3.bucket}/x.bin", data)
    s3.log()
    with Source(f"{s3.url}/x.bin", s3.options, "none").open() as stream:
        assert stream.seekable()
        assert stream.read(10) == data[:10]
        for place, size in [(500_000, 70_000), (570_000, 10), (3, 5), (999_990, 100), (0, 1_000_000)]:
            stream.seek(place)
            assert stream.read(size) == data[place : place + size]
        stream.seek(-5, 2)
        assert stream.read() == data[-5:]
        assert stream.read(1) == b""
    assert fetched(s3)[0] < 10


def test_a_file_that_changes_while_it_is_read_is_an_error(s3):
    s3.system.pipe(f"{s3.bucket}/x.bin", bytes(3_000_000))
    with Source(f"{s3.url}/x.bin", s3.options, "none").open() as stream:
        stream.read(10)
        s3.system.pipe(f"{s3.bucket}/x.bin", b"1" * 3_000_000)
        with pytest.raises(AccessError, match=r"x.bin cannot be read to its end"):
            stream.read(2_000_000)


def test_what_is_longer_than_max_size_is_refused(s3):
    s3.system.pipe(f"{s3.bucket}/x.csv", b"a\n" * 1000)
    with pytest.raises(UnreadableError, match="2,000 bytes, and max_size=100"):
        Source(f"{s3.url}/x.csv", s3.options, max_size=100).open()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.csv", "there is no file s3://"),
        ("-/none.csv", "bucket does not exist"),
        ("*.csv", "no file matches"),
    ],
)
def test_what_is_not_there(s3, path, message):
    url = f"{s3.url}{path}" if path.startswith("-") else f"{s3.url}/{path}"
    with pytest.raises(DataflowsError, match=message):
        Flow(load(url, storage_options=s3.options)).process()


def test_what_may_not_be_read(s3):
    s3.system.pipe(f"{s3.bucket}/x.csv", b"a\n1\n")
    s3.fault("GET", "/x.csv")
    with pytest.raises(DataflowsError, match=r"x.csv cannot be .*Access Denied"):
        Flow(load(f"{s3.url}/x.csv", storage_options=s3.options)).process()


def test_credentials_are_for_their_own_bucket(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    other = f"{s3.bucket}-other"
    s3.ask(f"/{other}", method="PUT")
    s3.system.pipe(f"{other}/x.csv", b"a\n1\n")
    resource = {"name": "x", "path": f"s3://{other}/x.csv", "profile": "tabular-data-resource"}
    descriptor = {"resources": [{**resource, "schema": {"fields": [{"name": "a", "type": "integer"}]}}]}
    s3.system.pipe(f"{s3.bucket}/datapackage.json", json.dumps(descriptor).encode())
    s3.log()
    with pytest.raises(DataflowsError, match="Unable to locate credentials"):
        Flow(load(f"{s3.url}/datapackage.json", storage_options=s3.options)).process()
    assert not [entry for entry in s3.log() if other in entry["url"]]


def test_brackets_in_names_are_no_pattern_in_packages(s3):
    s3.system.pipe(f"{s3.bucket}/a [1].csv", b"a\n1\n")
    assert [source.path for source in expand(f"{s3.url}/a *.csv", s3.options)] == [f"{s3.url}/a [1].csv"]
