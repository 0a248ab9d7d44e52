"""pivot: rows to columns, nothing lost."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Flow, FlowError, ProcessorError
from dataflows_core.processors import pivot

ROWS = [
    {"country": "Peru", "year": 2020, "total": Decimal("7.5")},
    {"country": "Chad", "year": 2021, "total": Decimal(5)},
    {"country": "Peru", "year": 2021, "total": None},
]


def pivoted(rows: list[dict[str, Any]], *args: Any, **options: Any) -> list[dict[str, Any]]:
    return Flow(rows, pivot(*args, **options)).results().rows[0]


def test_rows_of_one_key_become_one_row_at_the_place_of_the_first() -> None:
    assert pivoted(ROWS, "year", "total", [2021, 2020]) == [
        {"country": "Peru", "2021": None, "2020": Decimal("7.5")},
        {"country": "Chad", "2021": Decimal(5), "2020": None},
    ]


def test_columns_may_be_named_and_given_as_text() -> None:
    assert pivoted(ROWS, "year", "total", {"y20": "2020", "y21": "2021"}, keys=["country"])[1] == {
        "country": "Chad", "y20": None, "y21": Decimal(5),
    }  # fmt: skip
    days = [{"id": 1, "day": dt.date(2020, 1, 2), "n": 3}]
    assert pivoted(days, "day", "n", ["2020-01-02"]) == [{"id": 1, "2020-01-02": 3}]


CELLS = st.lists(
    st.tuples(st.sampled_from("xyz"), st.sampled_from("ab"), st.none() | st.integers(-9, 9)),
    min_size=1,
    max_size=12,
).filter(lambda cells: any(cell[2] is not None for cell in cells))
ORACLE = {
    "first": lambda values: next(iter(values), None),
    "last": lambda values: next(reversed(values), None),
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "sum": lambda values: sum(values) if values else None,
    "count": len,
}


@settings(max_examples=40)
@given(CELLS, st.sampled_from(sorted(ORACLE)))
def test_several_values_are_aggregated(cells: list[tuple[str, str, int | None]], aggregate: str) -> None:
    rows = [{"key": key, "name": name, "value": value} for key, name, value in cells]
    expected = []
    for key in dict.fromkeys(key for key, _, _ in cells):
        row: dict[str, Any] = {"key": key}
        for name in "ab":
            values = [v for k, n, v in cells if (k, n) == (key, name)]
            known = [v for v in values if v is not None]
            row[name] = ORACLE[aggregate](known) if values else None
        expected.append(row)
    assert pivoted(rows, "name", "value", ["a", "b"], aggregate=aggregate) == expected


def test_two_values_for_one_cell_are_an_error() -> None:
    rows = [*ROWS, {"country": "Chad", "year": 2021, "total": 6}]
    with pytest.raises(ProcessorError, match=r"rows 2 and 4 both have a value for the field '2021'"):
        pivoted(rows, "year", "total", [2020, 2021])


def test_a_value_that_is_no_column_is_an_error_unless_it_is_dropped() -> None:
    with pytest.raises(
        ProcessorError, match=r"row 2[\s\S]*the value 2021 is not one of the columns \(2020\)"
    ):
        pivoted(ROWS, "year", "total", [2020])
    assert pivoted(ROWS, "year", "total", [2020], others="drop") == [
        {"country": "Peru", "2020": Decimal("7.5")}
    ]


def test_a_sum_that_does_not_fit_is_an_error() -> None:
    rows = [{"k": "a", "v": 2**62}, {"k": "a", "v": 2**62}]
    with pytest.raises(ProcessorError, match="does not fit its field"):
        pivoted(rows, "k", "v", ["a"], aggregate="sum")


def test_without_keys_there_is_one_row() -> None:
    rows = [{"k": "a", "v": 1}, {"k": "b", "v": 2}]
    assert pivoted(rows, "k", "v", ["a", "b"]) == [{"a": 1, "b": 2}]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"names": "yaer"}, "did you mean 'year'"),
        ({"values": "totl"}, "did you mean 'total'"),
        ({"keys": "contry"}, "did you mean 'country'"),
        ({"keys": ["year"]}, "which go"),
        ({"columns": [2020, 2020]}, "two fields would have the name '2020'"),
        ({"columns": {"country": 2020}, "keys": ["country"]}, "two fields would have the name 'country'"),
        ({"columns": ["x"]}, "'x' is not an integer"),
        ({"columns": []}, "columns are the values"),
        ({"columns": "2020"}, "columns are the values"),
        ({"aggregate": "average"}, "no aggregate 'average'"),
        ({"aggregate": "sum", "values": "country", "keys": ["total"]}, "has no sum"),
        ({"others": "keep"}, "others is"),
    ],
)
def test_what_is_refused(options: dict[str, Any], problem: str) -> None:
    given = {"names": "year", "values": "total", "columns": [2020], **options}
    with pytest.raises((FlowError, ProcessorError), match=problem):
        pivoted(ROWS, **given)
