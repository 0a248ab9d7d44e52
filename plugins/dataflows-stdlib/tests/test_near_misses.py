"""What is nearly right is understood, or refused in words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError
from dataflows_core.processors import (
    add_field,
    compute,
    deduplicate,
    filter_rows,
    find_replace,
    parallelize,
    sample,
    select_fields,
    set_type,
    update_schema,
)

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def rows_of(*links: Any) -> list[dict[str, Any]]:
    return Flow(*links).results().rows[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: filter_rows(equals=["a"]), "equals takes values by field"),
        (lambda: sample(fraction="0.5"), "fraction must be from 0 to 1"),  # type: ignore[arg-type]
        (lambda: find_replace("a"), "a field of find_replace is a mapping"),
        (lambda: find_replace([{"name": "a", "patterns": "x"}]), "a pattern of find_replace is a mapping"),
        (lambda: select_fields([]), "at least one field"),
        (lambda: compute(x=5), "an expression as text, a function"),
        (lambda: compute(x={"expression": "a", "typ": "integer"}), "did you mean 'type'"),
        (lambda: update_schema(None, missingValue=["-"]), "a schema has no property 'missingValue'"),
    ],
)
def test_parameters_are_refused_when_the_flow_is_written(make: Any, message: str) -> None:
    with pytest.raises(FlowError, match=message):
        make()


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (parallelize(dict, 1, None, "a + 3"), "a predicate must be true or false"),
        (add_field("c", "integer", 5, constraints={"maximum": 3}), "at most 3"),
        (compute(a=lambda row: 1), "has a field 'a' already"),
    ],
)
def test_steps_are_refused_when_the_flow_is_planned(link: Any, message: str) -> None:
    with pytest.raises(ProcessorError, match=message) as caught:
        Flow(ROWS, link).package()
    assert caught.value.position == "2"


def test_one_mapping_is_as_good_as_a_list_of_one() -> None:
    assert rows_of(ROWS, filter_rows(equals={"a": 2})) == ROWS[1:]
    pattern = {"find": "x", "replace": "y"}
    assert rows_of(ROWS, find_replace({"name": "b", "patterns": pattern}))[0]["b"] == "y"


def test_a_transform_may_be_built_in() -> None:
    assert [row["a"] for row in rows_of(ROWS, set_type("a", type="string", transform=str))] == ["1", "2"]
    assert rows_of([{"a": "7"}], set_type("a", type="integer", transform=int)) == [{"a": 7}]


def test_rows_without_fields_are_equal() -> None:
    assert rows_of([{}, {}], deduplicate(keys="*")) == [{}]
    assert rows_of([], deduplicate(keys="*")) == []


def test_a_column_may_be_computed_by_a_function() -> None:
    half = {"expression": lambda row: Decimal(row["a"]) / 2, "type": "number"}
    computed = rows_of(ROWS, compute({"half": half, "more": "a + 1", "copy": lambda row: row["b"]}))
    assert list(computed[0]) == ["a", "b", "half", "more", "copy"]
    assert [list(row.values())[2:] for row in computed] == [[Decimal("0.5"), 2, "x"], [1, 3, None]]
