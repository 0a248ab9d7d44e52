"""Fields that are computed by named operations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from math import prod
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError, UnknownNameError
from dataflows_core.processors import add_computed_field

ROWS = [
    {"a": 1, "b": 2, "c": Decimal("0.1"), "s": "x", "day": dt.date(2024, 2, 29), "ok": True},
    {"a": None, "b": None, "c": None, "s": None, "day": None, "ok": None},
    {"a": 3, "b": None, "c": Decimal("2.5"), "s": "z", "day": dt.date(999, 1, 1), "ok": False},
]


def computed(*arguments: Any, **spec: Any) -> list[Any]:
    (rows,) = Flow(ROWS, add_computed_field(*arguments, **{"target": "t", **spec})).results().rows
    return [row["t"] for row in rows]


def type_of(**spec: Any) -> str:
    return str(Flow(ROWS, add_computed_field(target="t", **spec)).package()[0].schema.field("t").type)


@pytest.mark.parametrize(
    ("operation", "source", "values", "kind"),
    [
        ("sum", ["a", "b"], [3, 0, 3], "integer"),
        ("sum", ["a", "c"], [Decimal("1.1"), 0, Decimal("5.5")], "number"),
        ("avg", ["a", "b"], [Decimal("1.5"), None, 3], "number"),
        ("max", ["a", "b"], [2, None, 3], "integer"),
        ("min", ["a", "c"], [Decimal("0.1"), None, Decimal("2.5")], "number"),
        ("max", ["s"], ["x", None, "z"], "string"),
        ("min", ["day"], [dt.date(2024, 2, 29), None, dt.date(999, 1, 1)], "date"),
        ("multiply", ["a", "b"], [2, None, 3], "integer"),
        ("multiply", ["a", "c"], [Decimal("0.1"), None, Decimal("7.5")], "number"),
    ],
)
def test_operations_on_numbers(operation: str, source: list[str], values: list[Any], kind: str) -> None:
    assert computed(operation=operation, source=source) == values
    assert type_of(operation=operation, source=source) == kind


def test_texts_are_joined_and_formatted() -> None:
    assert computed(operation="join", source=["s", "a", "c", "ok"], with_="-") == [
        "x-1-0.1-true",
        "",
        "z-3-2.5-false",
    ]
    assert computed(operation="format", **{"with": "{s}/{day}: {c:.2f}"}) == [
        "x/2024-02-29: 0.10",
        None,
        "z/0999-01-01: 2.50",
    ]
    assert computed(operation="format", with_="{s!r:>5}{{}}") == ["  'x'{}", None, "  'z'{}"]
    assert computed(operation="format", with_="all the same") == ["all the same"] * 3


def test_constants_functions_and_expressions() -> None:
    assert computed(operation="constant", with_=7) == [7, 7, 7]
    assert type_of(operation="constant", with_=7) == "integer"
    assert computed(operation="constant", target={"name": "t", "type": "date"}, with_="2024-02-29")[
        0
    ] == dt.date(2024, 2, 29)
    assert computed(operation=lambda row: row["a"], target={"name": "t", "type": "integer"}) == [1, None, 3]
    assert computed(expression="upper(s) || a") == ["X1", None, "Z3"]


def test_a_target_may_be_a_field_of_another_type() -> None:
    target = {"name": "t", "type": "string", "title": "Sum"}
    flow = Flow(ROWS, add_computed_field(target=target, operation="sum", source=["a", "b"]))
    assert [row["t"] for row in flow.results().rows[0]] == ["3", "0", "3"]
    assert flow.package()[0].schema.field("t").descriptor["title"] == "Sum"
    assert target == {"name": "t", "type": "string", "title": "Sum"}
    assert computed(operation="join", source=["a"], target={"name": "t", "type": "integer"}) == [1, None, 3]


def test_later_fields_may_use_earlier_ones_and_the_list_is_left_alone() -> None:
    specs = [
        {"target": "ab", "operation": "sum", "source": ["a", "b"]},
        {"target": {"name": "twice", "type": "number"}, "operation": "multiply", "source": ["ab", "ab"]},
    ]
    rows = Flow(ROWS, add_computed_field(specs)).results().rows[0]

    assert [row["twice"] for row in rows] == [9, 0, 9]
    assert specs[0]["target"] == "ab"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"operation": "total", "source": ["a"]}, "no operation named"),
        ({"operation": "summ", "source": ["a"]}, "did you mean sum"),
        ({"operation": "sum"}, "needs a source"),
        ({"operation": "sum", "sources": ["a"]}, "did you mean 'source'"),
        ({"operation": "format", "with_": "{"}, "no format string"),
        ({"operation": "format", "with_": "{}"}, "names its fields"),
        ({"operation": "format"}, "needs a format string"),
        ({"operation": "join", "source": ["s"], "with_": 7}, "joined with a text"),
        ({}, "needs an operation or an expression"),
        ({"operation": "sum", "source": ["a"], "expression": "a"}, "one of the two"),
        ({"operation": "sum", "source": ["a"], "target": {"type": "number"}}, "needs a target"),
    ],
)
def test_what_makes_no_sense_is_refused_when_written(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(FlowError, match=message):
        add_computed_field(**{"target": "t", **spec})
    assert issubclass(UnknownNameError, FlowError)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"operation": "sum", "source": ["a", "bb"]}, "did you mean 'b'"),
        ({"operation": "sum", "source": ["a", "s"]}, "'s' is of the type string: sum needs numbers"),
        ({"operation": "format", "with_": "{ss}"}, "no field 'ss'"),
        ({"operation": "format", "with_": "{s.__class__}"}, "no field 's.__class__'"),
        ({"operation": "sum", "source": ["a"], "target": "s"}, "has a field 's' already"),
        ({"expression": "upper(s"}, "in the expression"),
        ({"expression": "upper(sss)"}, "no field 'sss'"),
    ],
)
def test_what_makes_no_sense_is_refused_when_planned(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ProcessorError, match=message) as caught:
        Flow(ROWS, add_computed_field(**{"target": "t", **spec})).package()
    assert caught.value.exit_code == 2


def test_a_value_that_a_format_cannot_write_is_an_error_with_its_row() -> None:
    with pytest.raises(ProcessorError, match=r"is not one that \{:d\} can write") as caught:
        computed(operation="format", with_="{c:d}")
    assert caught.value.row == 1


NUMBERS = st.none() | st.integers(-999, 999) | st.decimals(-99, 99, places=2)


def reduced(operation: str, values: Sequence[Any]) -> Any:
    found = [Decimal(value) for value in values if value is not None]
    if operation == "sum":
        return sum(found, Decimal(0))
    if not found:
        return None
    if operation == "avg":
        return (sum(found) / len(found)).quantize(Decimal("1e-12"), ROUND_HALF_EVEN)
    return {"max": max, "min": min, "multiply": prod}[operation](found)


@given(
    rows=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=6),
    operation=st.sampled_from(["sum", "avg", "max", "min", "multiply"]),
)
def test_operations_are_those_of_python_on_decimals(rows: list[tuple[Any, ...]], operation: str) -> None:
    kind = pa.decimal128(38, 12)
    table = pa.table({name: pa.array([row[i] for row in rows], kind) for i, name in enumerate("abc")})
    link = add_computed_field(target="t", operation=operation, source=["a", "b", "c"])

    results = Flow(table, link).results().rows[0]

    assert [row["t"] for row in results] == [reduced(operation, row) for row in rows]
