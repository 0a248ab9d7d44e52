"""What is written reads back as the same schema and the same values."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError
from dataflows_core.processors import load
from dataflows_core.schema import Field, Schema
from dataflows_parquet.write import ArrowWriter, ParquetWriter

OPAQUE = pa.opaque(pa.string(), "shape", "somebody")
INTEGERS = Schema((Field({"name": "n", "type": "integer"}),))


def test_every_type_comes_back_with_its_values_and_its_description(write, every_type) -> None:
    schema, rows = every_type
    result = Flow(load(write(schema, rows, batch=3))).results()
    assert result.rows == [rows]
    assert result.package["data"].schema.descriptor == schema.descriptor


KNOWN = {
    "title": "Å city",
    "description": "Of\nCairo",
    "sources": [{"title": "Registry", "path": "https://example.org/x"}],
    "licenses": [{"name": "CC0-1.0"}],
    "unit": {"of": ["persons", 1, 2.5, None, True]},
}


def test_what_is_known_of_the_resource_comes_back(write: Callable[..., Path]) -> None:
    path = write(INTEGERS, [{"n": 1}], properties=KNOWN)
    assert Flow(load(path)).results().package["data"].properties.items() >= KNOWN.items()


@pytest.mark.parametrize("value", [float("nan"), "\ud800", {1, 2}])
def test_what_json_cannot_say_is_refused(value: Any, write: Callable[..., Path]) -> None:
    with pytest.raises(FlowError, match="cannot be kept in the file, as JSON"):
        write(INTEGERS, [], properties={"note": value})


def test_of_several_files_counts_what_all_say(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, more in (("a", {"title": "A"}), ("b", {"title": "B"}), ("c", {"title": "B", "more": 1})):
        said = {"unit": "km", **more, "schema": INTEGERS.descriptor}
        table = pa.table({"n": [1]}).replace_schema_metadata({b"dataresource": json.dumps(said)})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    package = Flow(load(f"{tmp_path}/*.parquet", name="x")).results().package
    assert package["x"].properties == {"unit": "km", "path": "x.parquet", "format": "parquet"}
    assert "the files do not say the same of more, title: left out" in caplog.text


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"title": 3, "description": ["x"], "unit": "km"}, {"unit": "km"}),
        ({"sources": [3], "licenses": "MIT"}, {}),
        ({"path": "../../etc/passwd", "data": [1], "name": "y", "format": "csv", "dialect": {}}, {}),
    ],
)
def test_a_property_that_the_specification_does_not_allow_is_told_and_left_out(
    said: dict[str, Any], kept: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = json.dumps({**said, "schema": INTEGERS.descriptor})
    table = pa.table({"n": [1]}).replace_schema_metadata({b"dataresource": text})
    pq.write_table(table, tmp_path / "x.parquet")
    package = Flow(load(tmp_path / "x.parquet")).results().package
    assert package["x"].properties == {**kept, "path": "x.parquet", "format": "parquet"}
    for key in said.keys() & {"title", "description", "sources", "licenses"}:
        assert f"{key} in its metadata is" in caplog.text


@pytest.mark.parametrize("value", ["[" * 100 + "]" * 100, "NaN", "1e999", r'"\ud800"', "9" * 5000])
def test_a_descriptor_that_could_not_be_written_again_is_told_and_not_used(
    value: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = f'{{"title": "T", "x": {value}, "schema": {json.dumps(INTEGERS.descriptor)}}}'
    table = pa.table({"n": [1]}).replace_schema_metadata({b"dataresource": text})
    pq.write_table(table, tmp_path / "x.parquet")
    package = Flow(load(tmp_path / "x.parquet")).results().package
    assert package["x"].properties == {"path": "x.parquet", "format": "parquet"}
    assert "is of no use" in caplog.text


def test_a_table_without_rows_or_fields_comes_back(write) -> None:
    assert Flow(load(write(INTEGERS, []))).results().rows == [[]]
    assert Flow(load(write(Schema(), [], name="none"))).results().rows == [[]]


def test_physical_types_are_kept(tmp_path: Path) -> None:
    table = pa.table(
        {
            "price": pa.array([Decimal("1.50")], pa.decimal128(10, 2)),
            "small": pa.array([1], pa.int16()),
            "at": pa.array([dt.datetime(1850, 1, 1)], pa.timestamp("us", "Europe/Berlin")),
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    result = Flow(load(tmp_path / "x.parquet")).results()
    arrow = result.package["x"].to_arrow().schema
    assert (arrow.field("price").type, arrow.field("small").type) == (pa.decimal128(10, 2), pa.int16())
    assert str(arrow.field("at").type) == "timestamp[us, tz=Europe/Berlin]"


def test_batches_are_gathered_into_row_groups(tmp_path: Path) -> None:
    writer = ParquetWriter(INTEGERS, row_group_rows=1000)
    batch = pa.record_batch({"n": list(range(300))})
    with (tmp_path / "x.parquet").open("wb") as file:
        opened = writer.open(file)
        for _ in range(10):
            opened.write(writer.encode(batch))
        opened.close()
    meta = pq.ParquetFile(tmp_path / "x.parquet").metadata
    assert [meta.row_group(i).num_rows for i in range(meta.num_row_groups)] == [1000, 1000, 1000]


@pytest.mark.parametrize("writer", [ParquetWriter, ArrowWriter])
def test_options_that_make_no_sense_are_refused(writer: Any) -> None:
    with pytest.raises(FlowError, match="it can be zstd"):
        writer(INTEGERS, compression="zip")
    with pytest.raises(FlowError, match="from 1"):
        ParquetWriter(INTEGERS, row_group_rows=0)


def test_files_of_other_programs_are_read_as_they_are(tmp_path: Path) -> None:
    table = pa.table({"c": pa.array(["x", "y", "x"]).dictionary_encode(), "s": [{"a": 1}, None, {"a": 2}]})
    pq.write_table(table, tmp_path / "x.parquet")
    assert Flow(load(tmp_path / "x.parquet")).results().rows == [
        [{"c": "x", "s": {"a": 1}}, {"c": "y", "s": None}, {"c": "x", "s": {"a": 2}}]
    ]


def test_a_column_that_has_no_type_is_named_and_can_be_left_out(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"raw": pa.ExtensionArray.from_storage(OPAQUE, pa.array(["x"])), "n": [1]}),
        tmp_path / "x.parquet",
    )
    with pytest.raises(ProcessorError, match=r"'raw' has the type extension.*\n.*fields="):
        Flow(load(tmp_path / "x.parquet")).results()
    assert Flow(load(tmp_path / "x.parquet", fields=["n"])).results().rows == [[{"n": 1}]]


@pytest.mark.parametrize(
    "text",
    [b"{", b"[]", b'{"schema": 3}', b'{"schema": {"fields": [{"name": "m"}]}}', b"\xff", b"[" * 100_000],
)
def test_a_descriptor_that_does_not_fit_is_told_and_the_columns_count(
    text: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = pa.table({"n": [1]}).replace_schema_metadata({b"dataresource": text})
    pq.write_table(table, tmp_path / "x.parquet")
    assert Flow(load(tmp_path / "x.parquet")).results().rows == [[{"n": 1}]]
    assert "is of no use" in caplog.text or "which count" in caplog.text


def test_a_descriptor_of_another_type_does_not_change_values(tmp_path: Path, caplog) -> None:
    said = b'{"schema": {"fields": [{"name": "n", "type": "date"}]}}'
    pq.write_table(
        pa.table({"n": [1]}).replace_schema_metadata({b"dataresource": said}), tmp_path / "x.parquet"
    )
    assert Flow(load(tmp_path / "x.parquet")).results().rows == [[{"n": 1}]]
    assert "'n' is said to be date, and its column is int64" in caplog.text


def test_a_text_that_is_not_what_the_descriptor_says_is_an_error_with_its_row(tmp_path: Path) -> None:
    said = b'{"schema": {"fields": [{"name": "n", "type": "date"}]}}'
    table = pa.table({"n": ["2024-01-01", "yesterday"]}).replace_schema_metadata({b"dataresource": said})
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(ProcessorError, match=r"row 2 of .*x\.parquet") as caught:
        Flow(load(tmp_path / "x.parquet")).results()
    assert "'yesterday' is not a date" in str(caught.value)


def test_keys_that_lose_a_field_go(write: Callable[..., Path], every_type: Any) -> None:
    schema, rows = every_type
    path = write(schema, rows)
    part = Flow(load(path, fields=["string", "integer"])).results()
    assert part.rows == [[{"string": row["string"], "integer": row["integer"]} for row in rows]]
    assert part.package["data"].schema.properties["primaryKey"] == ["integer"]
    alone = Flow(load(path, fields=["string"])).results()
    assert "primaryKey" not in alone.package["data"].schema.properties
