"""Data frames, relations and tables go in as links, and come out of results."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from dataflows_core import Flow
from dataflows_core.package import Package
from dataflows_core.schema import Field

ROWS = [
    {"n": 1, "s": "å", "d": Decimal("1.50"), "day": dt.date(1899, 12, 31), "f": 0.1, "b": True},
    {"n": None, "s": None, "d": None, "day": None, "f": None, "b": None},
]
TABLE = pa.Table.from_pylist(
    ROWS,
    pa.schema(
        [
            ("n", pa.int64()),
            ("s", pa.string()),
            ("d", pa.decimal128(10, 2)),
            ("day", pa.date32()),
            ("f", pa.float64()),
            ("b", pa.bool_()),
        ]
    ),
)


def _duckdb() -> Any:
    duckdb = pytest.importorskip("duckdb")
    return duckdb.connect().from_arrow(TABLE)


def _pandas() -> Any:
    pandas = pytest.importorskip("pandas")
    return TABLE.to_pandas(types_mapper=pandas.ArrowDtype)


def _polars() -> Any:
    return pytest.importorskip("polars").from_arrow(TABLE)


@pytest.mark.parametrize(
    "make",
    [lambda: TABLE, _pandas, _polars, _duckdb, lambda: TABLE.to_batches()[0], lambda: TABLE.to_reader()],
)
def test_a_frame_of_every_kind_is_a_source(make: Any) -> None:
    assert Flow(make()).results().rows == [ROWS]


def test_categories_of_polars_are_text_that_can_be_cast() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"n": ["1", None, "3", "1"]}, schema={"n": polars.Categorical})
    integer = Field({"name": "n", "type": "integer"})

    def cast(package: Package) -> None:
        package["res_1"].cast([integer])

    assert [row["n"] for row in Flow(frame).results().rows[0]] == ["1", None, "3", "1"]
    assert [row["n"] for row in Flow(frame, cast).results().rows[0]] == [1, None, 3, 1]


@pytest.mark.parametrize("make", [lambda: TABLE, _pandas, _polars, _duckdb])
def test_a_frame_can_be_run_twice(make: Any) -> None:
    flow = Flow(make(), lambda row: row.update(s="x"))

    assert flow.results().rows == flow.results().rows


def test_types_stay_what_they_are() -> None:
    schema = Flow(TABLE).package()[0].schema

    assert [field.type for field in schema] == ["integer", "string", "number", "date", "number", "boolean"]
    assert schema.field("d").arrow == pa.decimal128(10, 2)
    assert schema.field("f").descriptor["floatNumber"] is True


def test_results_come_out_as_frames() -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    resource = Flow(TABLE, lambda row: row.update(s=(row["s"] or "").upper())).results().package[0]

    assert resource.to_arrow().to_pylist() == [{**ROWS[0], "s": "Å"}, {**ROWS[1], "s": ""}]
    frame = resource.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["d"].tolist()[0] == Decimal("1.50")
    assert isinstance(resource.to_polars(), polars.DataFrame)
    assert resource.to_polars()["day"].to_list() == [dt.date(1899, 12, 31), None]


def test_ordinary_pandas_frames_are_sources_too() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"n": [1, 2], "s": ["a", None], "when": pandas.to_datetime(["2024-01-01", None])}
    )

    (rows,) = Flow(frame).results().rows

    assert rows == [
        {"n": 1, "s": "a", "when": dt.datetime(2024, 1, 1)},
        {"n": 2, "s": None, "when": None},
    ]


def test_floats_from_a_frame_stay_the_same_doubles() -> None:
    table = pa.table({"f": [0.1, 1e300, -0.0, float("inf")]})

    (rows,) = Flow(table).results().rows

    assert [row["f"] for row in rows] == [0.1, 1e300, -0.0, float("inf")]
