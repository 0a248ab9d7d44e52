"""Nulls that are filled, lists that become rows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError
from dataflows_core.processors import coalesce, explode, fill_down, load, set_type, update_schema
from dataflows_core.schema import Schema
from dataflows_stdlib.fill import _Filled


def rows_of(rows: Any, *links: Any) -> list[dict[str, Any]]:
    (found,) = Flow(rows, *links).results().rows
    return found


def test_nulls_get_the_value_above() -> None:
    rows = [{"a": None, "b": 1}, {"a": "x", "b": None}, {"a": None, "b": None}, {"a": "y", "b": 4}]

    assert [row["a"] for row in rows_of(rows, fill_down("a"))] == [None, "x", "x", "y"]
    assert [tuple(row.values()) for row in rows_of(rows, fill_down())] == [
        (None, 1),
        ("x", 1),
        ("x", 1),
        ("y", 4),
    ]


def test_values_of_any_type_are_filled() -> None:
    rows = [{"j": {"a": [1]}, "t": dt.timedelta(days=1), "l": [1]}, {"j": None, "t": None, "l": None}]
    assert rows_of(rows, fill_down())[1] == rows[0]


def test_fill_down_refuses_an_unknown_field_and_passes_what_is_empty() -> None:
    with pytest.raises(ProcessorError, match="did you mean 'region'"):
        rows_of([{"region": 1}], fill_down("regoin"))
    assert rows_of([{}], fill_down()) == [{}]


@given(parts=st.lists(st.lists(st.none() | st.integers(0, 9), max_size=4), max_size=5))
def test_filling_does_not_depend_on_batches(parts: list[list[int | None]]) -> None:
    schema = Schema.from_arrow(pa.schema([("n", pa.int64())]))
    batches = [pa.record_batch([pa.array(part, pa.int64())], names=["n"]) for part in parts]
    expected: list[int | None] = []
    for value in (value for part in parts for value in part):
        expected.append(value if value is not None else expected[-1] if expected else None)

    found = [
        value for batch in _Filled(schema, ("n",))(iter(batches)) for value in batch.column(0).to_pylist()
    ]
    assert found == expected


def test_the_first_value_that_is_not_null() -> None:
    rows = [{"a b": None, "c": 2}, {"a b": 1, "c": 3}, {"a b": None, "c": None}]

    assert [row["x"] for row in rows_of(rows, coalesce("x", ["a b", "c"]))] == [2, 1, None]
    assert [row["c"] for row in rows_of(rows, coalesce("c", ["c", "a b"], "0"))] == [2, 3, 0]
    assert rows_of(rows, coalesce("c", ["c", "a b"], lambda row: 9))[2]["c"] == 9
    nested = rows_of([{"a": None, "b": {"k": [1]}}, {"a": {}, "b": None}], coalesce("x", ["a", "b"]))
    assert [row["x"] for row in nested] == [{"k": [1]}, {}]
    mixed = rows_of(
        [{"a": None, "b": [1], "c": None}, {"a": {}, "b": None, "c": None}], coalesce("a", ["c", "a", "b"])
    )
    assert [row["a"] for row in mixed] == [[1], {}]
    with pytest.raises(ProcessorError, match="a number and text in one place"):
        rows_of([{"a": 1, "b": {}}], coalesce("x", ["a", "b"]))
    target = {"name": "x", "type": "string", "title": "X"}
    assert [row["x"] for row in rows_of(rows, coalesce(target, ["a b", "c"]))] == ["2", "1", None]
    assert target["name"] == "x"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", ["a", "cc"]), "did you mean 'c'"),
        (("x", ["a", "c"], "now("), "in the expression"),
    ],
)
def test_coalesce_refuses_what_makes_no_sense(arguments: Any, message: str) -> None:
    with pytest.raises(ProcessorError, match=message):
        rows_of([{"a": 1, "c": 2}], coalesce(*arguments))
    with pytest.raises(FlowError, match="at least one field"):
        coalesce("x", [])


ROWS = [{"id": 1, "tags": "a; b;;c"}, {"id": 2, "tags": None}, {"id": 3, "tags": "d"}]


def test_parts_of_a_text_become_rows() -> None:
    found = rows_of(ROWS, explode("tags", ";", index="no"))
    assert [tuple(row.values()) for row in found] == [
        (1, "a", 1),
        (1, "b", 2),
        (1, None, 3),
        (1, "c", 4),
        (2, None, None),
        (3, "d", 1),
    ]
    assert [row["id"] for row in rows_of(ROWS, explode("tags", ";", keep_empty=False))] == [1, 1, 1, 1, 3]
    assert rows_of(ROWS, explode("tags", ";", strip=False))[1]["tags"] == " b"


def test_parts_are_cast_and_a_bad_one_is_an_error_with_its_row() -> None:
    rows = [{"n": "1,2"}, {"n": "3,x"}]
    assert [row["n"] for row in rows_of(rows[:1], explode("n", ",", type="integer"))] == [1, 2]
    with pytest.raises(ProcessorError, match="'x' is not an integer") as caught:
        rows_of(rows, explode("n", ",", type="integer"))
    assert caught.value.row == 2


def test_arrays_and_lists_become_rows() -> None:
    rows = [{"v": [1, None, "x"]}, {"v": []}, {"v": None}, {"v": [[2]]}]
    assert [row["v"] for row in rows_of(rows, explode("v"))] == [1, None, "x", None, None, [2]]
    typed = rows_of([{"v": [1, 2.5]}, {"v": ["3"]}], explode("v", type="number"))
    assert [row["v"] for row in typed] == [Decimal(1), Decimal("2.5"), Decimal(3)]
    dates = [{"v": "2024-02-29,2024-03-01"}, {"v": None}]
    listed = rows_of(dates, set_type("v", type="list", itemType="date"), explode("v"))
    assert [row["v"] for row in listed] == [dt.date(2024, 2, 29), dt.date(2024, 3, 1), None]


def test_what_was_unique_is_not_declared_to_be() -> None:
    flow = Flow(ROWS, update_schema("res_1", primaryKey="id"), explode("tags", ";"))
    assert "primaryKey" not in flow.package()[0].schema.properties


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (explode("tag", ";"), "did you mean 'tags'"),
        (explode("tags"), "name a delimiter"),
        (explode("id"), "holds no list"),
        (explode("id", ";"), "it has no delimiter"),
        (explode("tags", ";", index="id"), "has a field 'id' already"),
        (explode("tags", ";", type="intger"), "not a Table Schema type"),
    ],
)
def test_explode_refuses_what_makes_no_sense(link: Any, message: str) -> None:
    with pytest.raises(ProcessorError, match=message):
        Flow(ROWS, link).package()
    with pytest.raises(FlowError, match="delimiter"):
        explode("tags", "")


def test_an_object_among_arrays_is_an_error() -> None:
    with pytest.raises(ProcessorError, match="not a JSON array"):
        rows_of([{"v": [1]}, {"v": {"a": 1}}], explode("v"))


@given(
    lists=st.lists(st.none() | st.lists(st.none() | st.integers(0, 9), max_size=3), max_size=6),
    keep=st.booleans(),
)
def test_explode_does_what_a_loop_does(lists: list[list[int | None] | None], keep: bool) -> None:
    table = pa.table(
        {"id": pa.array(range(len(lists)), pa.int64()), "v": pa.array(lists, pa.list_(pa.int64()))}
    )
    expected = [
        {"id": number, "v": value, "no": place}
        for number, items in enumerate(lists)
        for place, value in list(enumerate(items or (), 1)) or ([(None, None)] if keep else [])
    ]

    assert Flow(table, explode("v", index="no", keep_empty=keep)).results().rows == [expected]


def test_empty_files_are_empty_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("a,b\n", encoding="utf-8")
    links = (fill_down(), coalesce("c", ["a", "b"]), explode("a", ";", index="no"))
    flow = Flow(load(str(path)), *links)

    assert flow.results().rows == [[]]
    assert flow.package()[0].schema.names == ("a", "b", "c", "no")


def test_items_of_an_array_are_not_rounded() -> None:
    number = Decimal("12345678901234567890.123456789012")
    assert rows_of([{"a": [number, 1.5]}], explode("a", type="number")) == [
        {"a": number},
        {"a": Decimal("1.5")},
    ]
