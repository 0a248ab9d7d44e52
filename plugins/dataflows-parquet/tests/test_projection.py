"""Columns that the steps behind a load leave out are not read: here they are damaged."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.processors import compute, delete_fields, filter_rows, load, select_fields


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A file whose column `z` cannot be read."""
    table = pa.table(
        {"a": range(100), "z": [f"text {n}" for n in range(100)], "b": [n % 7 for n in range(100)]}
    )
    path = tmp_path / "x.parquet"
    pq.write_table(table, path, write_page_checksum=True)
    column = pq.read_metadata(path).row_group(0).column(1)
    data = bytearray(path.read_bytes())
    data[column.dictionary_page_offset + 40] ^= 1
    path.write_bytes(data)
    return path


SELECTIONS = [
    [select_fields(["b", "a"])],
    [delete_fields(["z"]), select_fields(["b", "a"])],
    [filter_rows("a >= 0"), select_fields(["b", "a"])],
    [delete_fields(["z"])],
    [filter_rows("b < 7"), filter_rows("a >= 0"), delete_fields(["z"]), select_fields(["b", "a"])],
]


@pytest.mark.parametrize("steps", SELECTIONS)
def test_what_is_left_out_is_not_read(steps: list[object], damaged: Path) -> None:
    (rows,) = Flow(load(damaged), *steps).results().rows
    assert [(row["b"], row["a"]) for row in rows] == [(n % 7, n) for n in range(100)]
    assert all(len(row) == 2 for row in rows)


@pytest.mark.parametrize(
    "steps", [[], [filter_rows("a >= 0")], [filter_rows("z <> ''"), select_fields(["a"])]]
)
def test_what_is_needed_is_read(steps: list[object], damaged: Path) -> None:
    with pytest.raises(ProcessorError, match="damaged"):
        Flow(load(damaged), *steps).results()


def test_what_a_function_of_rows_might_look_at_is_read(damaged: Path) -> None:
    with pytest.raises(ProcessorError, match="damaged"):
        Flow(load(damaged), lambda row: None, select_fields(["a"])).results()


def test_a_fault_is_blamed_on_its_step_and_row(damaged: Path) -> None:
    steps = [
        filter_rows("a > 49"),
        compute(c="CAST(CASE WHEN a = 60 THEN 'x' ELSE '1' END AS INTEGER)"),
        select_fields(["a", "c"]),
    ]
    with pytest.raises(ProcessorError, match=r"step 3, compute.*row 61 of .*x\.parquet"):
        Flow(load(damaged), *steps).results()
    (rows,) = Flow(load(damaged), compute(c="a + b"), select_fields(["c"])).results().rows
    assert rows[8] == {"c": 9}
