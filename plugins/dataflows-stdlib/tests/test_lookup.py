"""Looking values up in a small table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError
from dataflows_stdlib.lookup import lookup

TABLE = [
    {"code": "PE", "name": "Peru", "people": 34},
    {"code": "TD", "name": "Chad", "people": 18},
    {"code": None, "name": "nowhere", "people": 0},
]
ROWS = [{"country": "TD"}, {"country": "XX"}, {"country": None}, {"country": "PE"}, {"country": "TD"}]


def rows_of(*links: Any) -> list[dict[str, Any]]:
    return list(Flow(*links).results().rows[-1])


@pytest.mark.parametrize("make", [list, pa.Table.from_pylist, iter], ids=["list", "arrow", "iterator"])
def test_a_table_may_be_given(make: Callable[[Any], Any]) -> None:
    flow = Flow(ROWS, lookup(make(TABLE), "code", "country"))
    expected = [
        {"country": "TD", "name": "Chad", "people": 18},
        {"country": "XX", "name": None, "people": None},
        {"country": None, "name": "nowhere", "people": 0},
        {"country": "PE", "name": "Peru", "people": 34},
        {"country": "TD", "name": "Chad", "people": 18},
    ]
    assert flow.results().rows == [expected]
    assert flow.results().rows == [expected]


def test_a_resource_is_a_table_for_several_others() -> None:
    for delete, names in ((True, ["res_1", "res_3"]), (False, ["res_1", "res_2", "res_3"])):
        step = lookup("res_2", "code", "country", {"called": "name"}, source_delete=delete)
        results = Flow(ROWS, TABLE, ROWS[:2], step).results()
        assert results.package.names == names
        assert [row["called"] for row in results.rows[0]] == ["Chad", None, "nowhere", "Peru", "Chad"]
        assert results.rows[-1] == [{"country": "TD", "called": "Chad"}, {"country": "XX", "called": None}]
        assert len(results.rows) == len(names)


def test_keys_of_several_fields_are_not_run_together() -> None:
    table = [{"a": "x", "b": "yz", "n": 1}, {"a": "xy", "b": "z", "n": 2}, {"a": None, "b": "", "n": 3}]
    rows = [{"a": "xy", "b": "z"}, {"a": "x", "b": "yz"}, {"a": None, "b": ""}, {"a": "", "b": None}]
    assert [row["n"] for row in rows_of(rows, lookup(table, ["a", "b"]))] == [2, 1, 3, None]


def test_keys_of_other_types_and_format_strings() -> None:
    table = [{"id": 1, "n": "one"}, {"id": 2, "n": "two"}]
    assert [row["n"] for row in rows_of([{"k": "2"}, {"k": "02"}], lookup(table, "id", "k"))] == ["two", None]
    assert [row["n"] for row in rows_of([{"k": "02"}], lookup(table, "{id:02}", "k"))] == ["two"]


def test_what_is_missing_is_kept_or_cleared_or_an_error() -> None:
    rows = [{"code": "PE", "name": "?"}, {"code": "XX", "name": "my own"}]
    fields = ["name"]
    assert [row["name"] for row in rows_of(rows, lookup(TABLE, "code", fields=fields))] == ["Peru", None]
    kept = rows_of(rows, lookup(TABLE, "code", fields=fields, missing="keep"))
    assert [row["name"] for row in kept] == ["Peru", "my own"]
    with pytest.raises(ProcessorError, match="row 2: 'the table' has no row for the key code='XX'"):
        rows_of(rows, lookup(TABLE, "code", fields=fields, missing="error"))
    assert len(rows_of(rows[:1], lookup(TABLE, "code", fields=fields, missing="error"))) == 1


def test_a_key_that_comes_twice_is_an_error() -> None:
    with pytest.raises(
        ProcessorError, match="code='PE' is in 'the table' twice, in the rows 1 and 4"
    ) as caught:
        rows_of(ROWS, lookup([*TABLE, TABLE[0]], "code", "country"))
    assert caught.value.exit_code == 1


def test_many_batches_are_looked_up() -> None:
    table = [{"k": number, "n": -number} for number in range(1000)]
    rows = [{"k": number % 1500} for number in range(40_000)]
    found = rows_of(rows, lookup(table, "k"))
    assert [row["n"] for row in found] == [-(n % 1500) if n % 1500 < 1000 else None for n in range(40_000)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"table_key": "cod"}, "did you mean 'code'"),
        ({"key": "county"}, "did you mean 'country'"),
        ({"fields": ["nam"]}, "did you mean 'name'"),
        ({"table_key": ["code", "name"]}, "as many fields"),
        ({"table_key": ["#"]}, "no row numbers"),
        ({"resources": "res_9"}, "res_9"),
        ({"table": "res_9"}, "res_9"),
        ({"table": "res_1"}, "besides the table"),
        ({"fields": {"country": "people"}, "missing": "keep"}, "of the type string"),
    ],
)
def test_what_does_not_go_together_is_said_when_planning(arguments: dict[str, Any], message: str) -> None:
    given = {"table": TABLE, "table_key": "code", "key": "country", **arguments}
    if given["table"] == "res_1":
        given |= {"table_key": "country"}
    with pytest.raises(ProcessorError, match=message) as caught:
        Flow(ROWS, lookup(**given)).package()
    assert caught.value.exit_code == 2


def test_an_unknown_way_for_what_is_missing_is_refused() -> None:
    with pytest.raises(FlowError, match="did you mean 'error'"):
        lookup(TABLE, "code", missing="errors")
