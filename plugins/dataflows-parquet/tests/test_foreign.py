"""Files of other programs, with what other programs put into them."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.processors import load

COLUMNS: list[tuple[pa.Array, list[Any]]] = [
    (pa.array([[{"a": 1}], None, []]), [[{"a": 1}], None, []]),
    (pa.array([[[1], []], None, []]), [[[1], []], None, []]),
    (pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())), [{"a": 1}, None, {}]),
    (pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)), [[1, 2], None, [3, 4]]),
    (pa.array([[1], None, [2, None]], pa.list_view(pa.int64())), [[1], None, [2, None]]),
    (pa.array([["x"], None, []], pa.list_(pa.string_view())), [["x"], None, []]),
    (pa.array([b"\xff", None, b""]), ["/w==", None, ""]),
    (pa.array([1.5, None, 0], pa.float16()), [1.5, None, 0]),
    (pa.array([Decimal("1.50"), None, Decimal(0)], pa.decimal256(60, 2)), [Decimal("1.5"), None, Decimal(0)]),
    (pa.array([2**64 - 1, None, 0], pa.uint64()), [2**64 - 1, None, 0]),
    (pa.nulls(3), [None] * 3),
]


@pytest.mark.parametrize(("column", "values"), COLUMNS)
def test_columns_of_other_programs_are_loaded(column: pa.Array, values: list[Any], tmp_path: Path) -> None:
    table = pa.table({"x": column})
    files = [written(table, tmp_path / "x.arrow")]
    with suppress(pa.ArrowNotImplementedError):  # Arrow 24 writes some of them into no Parquet file
        files.append(written(table, tmp_path / "x.parquet"))
    for path in files:
        (rows,) = Flow(load(path)).results().rows
        assert [row["x"] for row in rows] == values


def test_a_time_that_no_day_has_is_no_other_time(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"t": pa.array([86_400], pa.int32()).view(pa.time32("s"))}), tmp_path / "x.parquet"
    )
    with pytest.raises(ProcessorError, match=r"damaged: .*not within the acceptable range"):
        Flow(load(tmp_path / "x.parquet")).results()


def test_a_column_whose_name_is_there_twice_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "x.parquet")
    for fields in (None, ["a"]):
        with pytest.raises(ProcessorError, match="have the name 'a'"):
            Flow(load(tmp_path / "x.parquet", fields=fields)).process()


def written(table: pa.Table, path: Path) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(str(path), table.schema) as file:
            file.write_table(table)
    return path


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_time_zone_that_nobody_knows_is_refused_before_rows_are_read(
    name: str, nested: bool, tmp_path: Path
) -> None:
    times = pa.array([0], pa.timestamp("us", "Mars/Olympus"))
    column = pa.StructArray.from_arrays([times], ["part"]) if nested else times
    path = written(pa.table({"at": column, "n": [1]}), tmp_path / name)
    with pytest.raises(ProcessorError, match="'at' has the time zone 'Mars/Olympus', which is not known"):
        Flow(load(path)).results()
    assert Flow(load(path, fields=["n"])).results().rows == [[{"n": 1}]]


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow"])
@pytest.mark.parametrize("bad", ["{", "NaN", '{"a": 1} 2', "", "'a'", "[" * 100_000])
def test_json_that_is_none_is_an_error_with_its_row(name: str, bad: str, tmp_path: Path) -> None:
    def table(*texts: str | None) -> pa.Table:
        return pa.table({"x": pa.ExtensionArray.from_storage(pa.json_(), pa.array(texts, pa.string()))})

    good = ['{"a": [1]}', None, '{"a": [1]}']
    path = written(table(*good, bad), tmp_path / name)
    with pytest.raises(ProcessorError, match=r"row 4 of .*x\.") as caught:
        Flow(load(path)).process()
    assert "is not JSON" in str(caught.value)
    path = written(table(*good), tmp_path / f"good-{name}")
    assert Flow(load(path)).results().rows == [[{"x": {"a": [1]}}, {"x": None}, {"x": {"a": [1]}}]]
