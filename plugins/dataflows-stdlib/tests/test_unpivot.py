"""Columns that become rows."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError
from dataflows_core.processors import dump_to_path, load, unpivot, update_schema

YEARS = [{"name": r"y(\d+)", "keys": {"year": r"\1"}}]
YEAR = [{"name": "year", "type": "year"}]
VALUE = {"name": "value", "type": "number"}
ROWS = [
    {"country": "Peru", "y1990": Decimal("1.5"), "y1991": None},
    {"country": None, "y1990": Decimal(2), "y1991": Decimal("-3.25")},
]


def rows_of(rows: Any, *arguments: Any, **options: Any) -> list[dict[str, Any]]:
    (found,) = Flow(rows, unpivot(*arguments, **options)).results().rows
    return found


def test_every_value_gets_a_row() -> None:
    assert rows_of(ROWS, YEARS, YEAR, VALUE) == [
        {"country": "Peru", "year": 1990, "value": Decimal("1.5")},
        {"country": "Peru", "year": 1991, "value": None},
        {"country": None, "year": 1990, "value": Decimal(2)},
        {"country": None, "year": 1991, "value": Decimal("-3.25")},
    ]


def test_fields_may_be_named_one_by_one_with_keys_of_several_types() -> None:
    fields = [
        {"name": "y1990", "keys": {"day": "1990-01-01", "kind": "old"}},
        {"name": "y1991", "keys": {"day": dt.date(1991, 1, 1)}},
    ]
    keys = [{"name": "day", "type": "date"}, {"name": "kind", "type": "string"}]

    found = rows_of(ROWS, fields, keys, VALUE, regex=False)

    assert found[0] == {
        "country": "Peru",
        "day": dt.date(1990, 1, 1),
        "kind": "old",
        "value": Decimal("1.5"),
    }
    assert found[1]["kind"] is None


def test_values_are_cast_to_the_field_of_the_value() -> None:
    rows = [{"a": 1, "b": Decimal("2.5"), "c": "7", "d": None}]
    fields = [{"name": ".", "keys": {"key": r"\g<0>"}}]

    found = rows_of(rows, fields, [{"name": "key"}], {"name": "value", "type": "number"})
    assert [row["value"] for row in found] == [Decimal(1), Decimal("2.5"), Decimal(7), None]
    found = rows_of(rows, fields, [{"name": "key"}], {"name": "value", "type": "string"})
    assert [row["value"] for row in found] == ["1", "2.5", "7", None]


def test_a_value_of_another_type_is_an_error_with_its_row() -> None:
    rows = [{"id": 1, "a": "1"}, {"id": 2, "a": "x"}]
    with pytest.raises(ProcessorError, match="'x' is not an integer") as caught:
        rows_of(rows, [{"name": "a", "keys": {}}], [], {"name": "v", "type": "integer"})
    assert caught.value.row == 2


def test_a_pattern_that_matches_nothing_twice_gives_its_text_once() -> None:
    found = rows_of([{"abc": 1}], [{"name": ".*", "keys": {"k": "x"}}], [{"name": "k"}], VALUE)
    assert found[0]["k"] == "x"


def test_the_primary_key_gets_the_extra_keys() -> None:
    flow = Flow(
        ROWS,
        update_schema("res_1", primaryKey=["country"], uniqueKeys=[["country"]]),
        unpivot(YEARS, YEAR, VALUE),
    )
    properties = flow.package()[0].schema.properties

    assert properties["primaryKey"] == ["country", "year"]
    assert "uniqueKeys" not in properties


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([{"name": "y1989", "keys": {}}], YEAR, VALUE), "did you mean 'y199"),
        (([{"name": "y[", "keys": {}}], YEAR, VALUE), "no regular expression"),
        ((YEARS, [{"name": "year"}, {"name": "year"}], VALUE), "two of the new fields are named 'year'"),
        ((YEARS, YEAR, {"name": "country"}), "has a field 'country' already"),
        ((YEARS, YEAR, {"name": "year"}), "two of the new fields"),
        (([{"name": "y(.*)", "keys": {"year": r"\2"}}], YEAR, VALUE), "invalid group reference"),
        (([{"name": "y(.*)", "keys": {"year": "old"}}], YEAR, VALUE), "not a year"),
    ],
)
def test_what_makes_no_sense_is_refused_when_planned(arguments: Any, message: str) -> None:
    with pytest.raises(ProcessorError, match=message):
        Flow(ROWS, unpivot(*arguments)).package()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([{"name": "y.*", "keys": {"yaer": 1}}], YEAR, VALUE), "did you mean 'year'"),
        (([{"name": "y.*"}], YEAR, VALUE), "needs 'keys'"),
        ((YEARS, [{"name": "year", "type": "yeer"}], VALUE), "not a Table Schema type"),
    ],
)
def test_what_makes_no_sense_is_refused_when_written(arguments: Any, message: str) -> None:
    with pytest.raises(FlowError, match=message):
        unpivot(*arguments)


def test_resources_without_the_fields_stay_as_they_are() -> None:
    rows = Flow(ROWS, [{"x": 1}], unpivot(YEARS, YEAR, VALUE)).results().rows
    assert len(rows[0]) == 4
    assert rows[1] == [{"x": 1}]


def test_a_file_with_no_rows_and_with_carried_text(tmp_path: Path) -> None:
    source, empty = tmp_path / "source.csv", tmp_path / "empty.csv"
    source.write_text("id,y1990,y1991\n1,1.50,\n2,007.2,3\n3,1000,-0\n", encoding="utf-8")
    empty.write_text("id,y1990,y1991\n", encoding="utf-8")
    links = (unpivot(YEARS, YEAR, {"name": "value", "type": "number"}),)

    Flow(
        load(str(source), name="x", override_fields={"y1990": {"type": "number"}}),
        *links,
        dump_to_path(str(tmp_path / "out")),
    ).process()
    assert (tmp_path / "out" / "x.csv").read_text(encoding="utf-8").split() == [
        "id,year,value", "1,1990,1.5", "1,1991,", "2,1990,7.2", "2,1991,3", "3,1990,1000", "3,1991,0",
    ]  # fmt: skip
    assert Flow(load(str(empty)), *links).results().rows == [[]]


def naive(rows: list[dict[str, Any]], pattern: str) -> list[dict[str, Any]]:
    return [
        {**{k: v for k, v in row.items() if not re.fullmatch(pattern, k)}, "key": name, "value": row[name]}
        for row in rows
        for name in sorted(row)
        if re.fullmatch(pattern, name)
    ]


@given(
    rows=st.lists(
        st.fixed_dictionaries({name: st.none() | st.integers(0, 99) for name in "abcd"}), max_size=7
    ),
    pattern=st.sampled_from(["[ab]", "[bd]", "d", ".", "[^b]"]),
)
def test_unpivot_does_what_a_loop_does(rows: list[dict[str, Any]], pattern: str) -> None:
    link = unpivot(
        [{"name": pattern, "keys": {"key": r"\g<0>"}}],
        [{"name": "key"}],
        {"name": "value", "type": "integer"},
    )
    table = pa.table({name: pa.array([row[name] for row in rows], pa.int64()) for name in "abcd"})

    assert Flow(table, link).results().rows[0] == naive(rows, pattern)
