"""Every writer and every loader on S3: what is dumped is loaded again, the same rows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from dataflows_core import Flow
from dataflows_core.processors import dump_to_excel, dump_to_path, dump_to_zip, load, update_schema

ROWS = [
    {
        "id": number,
        "name": f"täxt, \"{number}\"" if number % 3 else None,
        "amount": Decimal(number) / 4,
        "day": dt.date(1999, 12, 31) + dt.timedelta(number),
    }
    for number in range(1, 501)
]


def rows_of(*links):
    return Flow(*links).results().rows


@pytest.mark.parametrize("format", ["csv", "tsv", "json", "ndjson", "parquet", "arrow", "xlsx"])
def test_what_is_dumped_is_loaded_again(s3, format):
    out = f"{s3.url}/deep/out"
    stats = Flow(ROWS, dump_to_path(out, format=format, storage_options=s3.options)).process().stats
    assert stats["count_of_rows"] == len(ROWS)
    names = sorted(s3.files())
    assert names == ["deep/out/datapackage.json", f"deep/out/res_1.{format}"]
    assert s3.debris() == []
    assert rows_of(load(f"{out}/datapackage.json", storage_options=s3.options)) == [ROWS]
    alone = rows_of(load(f"{out}/res_1.{format}", storage_options=s3.options))
    assert [row["id"] for row in alone[0]] == [row["id"] for row in ROWS]
