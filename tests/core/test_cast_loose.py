"""Columns that are typed already, as data frames bring them, are cast without a loss or refused."""

# ruff: noqa: E501 - a table
from __future__ import annotations

import datetime as dt
import warnings
from decimal import Decimal

import pyarrow as pa
import pytest

from dataflows_core.cast import cast_column
from dataflows_core.schema import Field

with warnings.catch_warnings():
    warnings.simplefilter("ignore")

REFUSED = "refused"
E32 = pa.array([0.1], pa.float32())


def make(type_: str, arrow: pa.DataType | None = None, **options: object) -> Field:
    return Field({"name": "x", "type": type_, **options}, arrow)


@pytest.mark.parametrize(
    ("column", "field", "values"),
    [
        (pa.array([1, 2**62]), make("number"), [Decimal(1), Decimal(2**62)]),
        (pa.array([1], pa.uint8()), make("integer"), [1]),
        (pa.array([2**63], pa.uint64()), make("integer"), [REFUSED]),
        (pa.array([2**63], pa.uint64()), make("integer", pa.decimal128(38, 0)), [Decimal(2**63)]),
        (pa.array([0.1, 1e-7, 1e300, float("nan"), None]), make("number"),
         [Decimal("0.1"), Decimal("1e-7"), REFUSED, REFUSED, None]),
        (E32, make("number"), [Decimal("0.1")]),
        (pa.array([2.0, 2.5, 1e30]), make("integer"), [2, REFUSED, REFUSED]),
        (pa.array([Decimal("2.0"), Decimal("2.5")]), make("integer"), [2, REFUSED]),
        (pa.array([Decimal("1.23"), None], pa.decimal128(10, 2)), make("number"), [Decimal("1.23"), None]),
        (pa.array([Decimal("1e-20"), Decimal("0.5")], pa.decimal128(38, 20)), make("number"), [REFUSED, Decimal("0.5")]),
        (pa.array([Decimal("0.1")]), make("number", floatNumber=True), [0.1]),
        (pa.array([2, 2**53 + 1]), make("number", floatNumber=True), [2.0, float(2**53)]),
        (pa.array([True]), make("integer"), [REFUSED]),
        (pa.array([1]), make("boolean"), [REFUSED]),
        (pa.array([True, None]), make("boolean"), [True, None]),
        (pa.array([dt.datetime(2020, 1, 2), dt.datetime(2020, 1, 2, 3)]), make("date"), [dt.date(2020, 1, 2), REFUSED]),
        (pa.array([dt.date(2020, 1, 2)], pa.date64()), make("date"), [dt.date(2020, 1, 2)]),
        (pa.array([dt.date(2020, 1, 2)]), make("datetime"), [REFUSED]),
        (pa.array([dt.datetime(2020, 1, 2)], pa.timestamp("ns")), make("datetime"), [dt.datetime(2020, 1, 2)]),
        (pa.array([1, 1000], pa.timestamp("ns")), make("datetime"), [REFUSED, dt.datetime(1970, 1, 1, 0, 0, 0, 1)]),
        (pa.array([0], pa.timestamp("us", "Europe/Berlin")), make("datetime"), [REFUSED]),
        (pa.array([0], pa.timestamp("us", "UTC")), make("datetime"), [dt.datetime(1970, 1, 1)]),
        (pa.array([0], pa.timestamp("us")), make("datetime", pa.timestamp("us", "UTC")), [REFUSED]),
        (pa.array([5], pa.time32("s")), make("time"), [dt.time(0, 0, 5)]),
        (pa.array([dt.timedelta(hours=36)]), make("duration"), [(0, 1, 43200 * 10**9)]),
        (pa.array([2020, -1, 10000]), make("year"), [2020, REFUSED, REFUSED]),
        (pa.array([5, None]), make("string"), ["5", None]),
        (pa.array([Decimal("1.50")]), make("string"), ["1.5"]),
        (pa.array([b"x"]), make("string"), [REFUSED]),
        (pa.array([[1, 2], None]), make("list", itemType="integer"), [[1, 2], None]),
        (pa.array([["1"], ["x"]]), make("list", itemType="integer"), [[1], REFUSED]),
        (pa.array([[1, None]]), make("array"), ["[1, null]"]),
        (pa.array([{"a": Decimal("1.10")}]), make("object"), ['{"a": 1.1}']),
        (pa.array([{"a": 1}]), make("array"), [REFUSED]),
        (pa.array([{"lon": 1.5, "lat": 2.0}]), make("geopoint"), [{"lon": Decimal("1.5"), "lat": Decimal(2)}]),
        (pa.array([[1, 200]]), make("geopoint"), [REFUSED]),
        (pa.array([1.5, float("nan")]), make("any"), ["1.5", REFUSED]),
        (pa.array([dt.date(2020, 1, 2)]), make("any"), ['"2020-01-02"']),
        (pa.array([["a"]]), make("any"), ['["a"]']),
        (pa.array(["1", "2", "1"]).dictionary_encode(), make("integer"), [1, 2, 1]),
    ],
)  # fmt: skip
def test_loose_columns(column: pa.Array, field: Field, values: list[object]) -> None:
    for part, expected in ((column, values), (column.slice(1), values[1:])):
        result, errors = cast_column(part, field)
        assert result.type == field.arrow
        got = result.to_pylist()
        for error in errors:
            got[error.index] = REFUSED
        assert got == expected


def test_json_columns_are_cast_from_what_they_say() -> None:
    anything = cast_column(pa.array(["1", "x", "{}"]), make("any"))[0]
    column, errors = cast_column(anything, make("integer"))
    assert (column.to_pylist(), [error.index for error in errors]) == ([1, None, None], [1, 2])
    objects = cast_column(pa.array(['{"a": 1}', "{}"]), make("object"))[0]
    assert cast_column(objects, make("object")) == (objects, [])
    assert len(cast_column(objects, make("array"))[1]) == 2
