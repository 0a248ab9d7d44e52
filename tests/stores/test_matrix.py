"""Every writer and every loader on S3: what is dumped is loaded again, the same rows."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataflows_core import Flow
from dataflows_core.processes import ProcessRunner
from dataflows_core.processors import (
    dump_to_excel,
    dump_to_path,
    dump_to_zip,
    load,
    load_csv,
    update_resource,
)

ROWS = [
    {
        "id": number,
        "name": f'täxt, "{number}"' if number % 3 else None,
        "amount": Decimal(number) / 4,
        "day": dt.date(1999, 12, 31) + dt.timedelta(number),
    }
    for number in range(1, 301)
]
OTHER = [{"city": "Ulm"}, {"city": "Bonn"}]


def rows_of(*links):
    return Flow(*links).results().rows


@pytest.mark.parametrize("format", ["csv", "tsv", "json", "ndjson", "parquet", "arrow", "xlsx"])
def test_what_is_dumped_is_loaded_again(s3, format):
    out = f"{s3.url}/deep/out"
    stats = Flow(ROWS, dump_to_path(out, format=format, storage_options=s3.options)).process().stats
    assert stats["count_of_rows"] == len(ROWS)
    assert sorted(s3.files()) == ["deep/out/datapackage.json", f"deep/out/res_1.{format}"]
    assert s3.debris() == []
    assert rows_of(load(f"{out}/datapackage.json", storage_options=s3.options)) == [ROWS]
    alone = rows_of(load(f"{out}/res_1.{format}", storage_options=s3.options))
    assert [row["id"] for row in alone[0]] == [row["id"] for row in ROWS]


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_zip_file(s3, format):
    url = f"{s3.url}/x.zip"
    Flow(ROWS, OTHER, dump_to_zip(url, format=format, storage_options=s3.options)).process()
    assert list(s3.files()) == ["x.zip"]
    assert rows_of(load(url, storage_options=s3.options)) == [ROWS, OTHER]
    member = load(f"zip://res_2.{format}::{url}", storage_options=s3.options)
    assert rows_of(member) == [OTHER]


def test_a_workbook(s3):
    url = f"{s3.url}/books/x.xlsx"
    Flow(ROWS, dump_to_excel(url, storage_options=s3.options)).process()
    update = dump_to_excel(url, update_existing=True, storage_options=s3.options)
    Flow(OTHER, update_resource(None, name="more"), update).process()
    assert list(s3.files()) == ["books/x.xlsx"]
    assert rows_of(load(url, sheet="more", storage_options=s3.options)) == [OTHER]
    found = rows_of(load(url, sheet="res_1", storage_options=s3.options))[0]
    assert [row["amount"] for row in found] == [row["amount"] for row in ROWS]


def test_a_folder_a_pattern_and_other_files(s3, tmp_path):
    Path(tmp_path / "read.me").write_text("as it is")
    Path(tmp_path / "datapackage.json").write_text('{"resources": [{"name": "readme", "path": "read.me"}]}')
    dump = dump_to_path(f"{s3.url}/v1.0/out/", storage_options=s3.options)
    Flow(load(tmp_path / "datapackage.json"), ROWS, OTHER, dump).process()
    assert s3.files()["v1.0/out/read.me"] == b"as it is"
    assert rows_of(load(f"{s3.url}/v1.0/out", resources=["res_3"], storage_options=s3.options)) == [OTHER]
    copy = dump_to_path(tmp_path / "copy")
    Flow(load(f"{s3.url}/v1.0/out", resources=["readme"], storage_options=s3.options), copy).process()
    assert Path(tmp_path / "copy" / "read.me").read_text() == "as it is"
    both = load(f"{s3.url}/v1.0/out/res_3.cs*", name="all", format="csv", storage_options=s3.options)
    assert rows_of(both) == [OTHER]


def test_worker_processes_read_and_write(s3):
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), file, row_group_size=50)
    s3.system.pipe(f"{s3.bucket}/big.parquet", file.getvalue())
    source = load(f"{s3.url}/big.parquet", storage_options=s3.options)
    Flow(source, dump_to_path(f"{s3.url}/out", storage_options=s3.options)).run(runner=ProcessRunner(2))
    assert rows_of(load(f"{s3.url}/out", storage_options=s3.options)) == [ROWS]


def test_the_credentials_of_the_environment(s3, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.options["key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.options["secret"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    Flow(OTHER, dump_to_path(s3.url)).process()
    assert rows_of(load_csv(f"{s3.url}/res_1.csv")) == [OTHER]
