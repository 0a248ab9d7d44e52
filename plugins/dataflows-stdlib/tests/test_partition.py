"""One resource for each value."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Flow
from dataflows_core.errors import ExpressionError, FlowError, ProcessorError, RowError
from dataflows_core.processors import partition, set_type, update_resource

ROWS = [
    {"country": "Peru", "n": 1},
    {"country": None, "n": 2},
    {"country": "Chad", "n": 3},
    {"country": "Peru", "n": 4},
]
CITIES = Flow(ROWS, update_resource(0, name="cities", path="data/cities.csv", title="Cities"))


def test_each_value_has_a_resource_in_the_place_of_the_first_one() -> None:
    results = Flow(
        CITIES, [{"x": 1}], partition("country", ["Peru", None, "Chad", "Mali"], "cities")
    ).results()
    names = ["cities_peru", "cities_null", "cities_chad", "cities_mali"]
    assert results.package.names == [*names, "res_2"]
    assert results.rows == [[ROWS[0], ROWS[3]], [ROWS[1]], [ROWS[2]], [], [{"x": 1}]]
    first = results.package.resources[0]
    assert first.properties == {"path": "cities_peru.csv", "title": "Cities"}
    assert first.schema.names == ("country", "n")


def test_names_can_be_given_and_the_rest_has_one() -> None:
    flow = Flow(CITIES, partition("country", {"Peru": "home"}, rest="abroad"))
    assert flow.package().names == ["home", "abroad"]
    assert flow.results().rows == [[ROWS[0], ROWS[3]], [ROWS[1], ROWS[2]]]


def test_another_value_is_an_error_with_its_row() -> None:
    with pytest.raises(ProcessorError, match="'country' is None, which is none of the values") as caught:
        Flow(CITIES, partition("country", ["Peru", "Chad"])).process()
    assert isinstance(caught.value.cause, RowError)
    assert (caught.value.row, caught.value.values) == (2, ROWS[1])


def test_fields_that_declare_their_values_need_none() -> None:
    enum = set_type("country", constraints={"enum": ["Peru", "Chad"]})
    flow = Flow(CITIES, enum, partition("country", rest="other"))
    assert flow.package().names == ["cities_peru", "cities_chad", "other"]
    categories = set_type("country", categories=["Chad", {"value": "Peru", "label": "P"}])
    assert Flow(CITIES, categories, partition("country", rest="r")).package().names == [
        "cities_chad",
        "cities_peru",
        "r",
    ]
    assert Flow(CITIES, partition("n > 2")).results().rows == [ROWS[2:], ROWS[:2]]


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (Decimal("1.50"), "1.5"), (dt.date(2024, 2, 29), "2024-02-29"), (True, "true"), (0.1, "0.1")],
)
def test_values_may_be_written_as_texts(value: Any, text: str) -> None:
    for one in (value, text):
        flow = Flow([{"x": value}, {"x": None}], partition("x", [one, None]))
        assert flow.results().rows == [[{"x": value}], [{"x": None}]]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            partition("country"),
            r"is not known before its rows are read; give them \(values=\[…\]\), or declare",
        ),
        (partition("country", ["Peru", "peru"]), "two resources would be named 'cities_peru'"),
        (partition("country", {"Peru": "other"}), "two resources would be named 'other'"),
        (partition("n", ["1", 1]), "two of the values of 'n' are the same"),
        (partition("n", ["one"]), "the value 'one' is not an integer"),
        (partition("contry", ["Peru"]), "contry"),
    ],
)
def test_what_makes_no_sense_is_refused_when_the_flow_is_planned(step: Any, message: str) -> None:
    with pytest.raises(ProcessorError, match=message):
        Flow(CITIES, [{"country": "Peru", "n": 1}], update_resource(-1, name="other"), step).package()


def test_what_no_kernel_compares_is_refused() -> None:
    with pytest.raises(ProcessorError, match="cannot be parted by 'x', which is of the type array"):
        Flow([{"x": [1]}], partition("x", ["[1]"])).package()


def test_values_twice_none_at_all_and_unknown_fields_are_refused() -> None:
    with pytest.raises(FlowError, match="the value 'a' twice"):
        partition("x", ["a", "a"])
    with pytest.raises(FlowError, match="at least one value"):
        partition("x", [])
    with pytest.raises(ProcessorError) as caught:
        Flow(CITIES, partition("contry = 'Peru'")).package()
    assert isinstance(caught.value.cause, ExpressionError)


@settings(max_examples=25)
@given(st.lists(st.none() | st.sampled_from("abc")))
def test_every_row_is_in_the_resource_of_its_value_in_order(keys: list[str | None]) -> None:
    rows = [{"key": key, "n": number} for number, key in enumerate(keys)]
    found = defaultdict(list)
    for row in rows:
        found[row["key"]].append(row)
    wanted = ["a", "b", None]
    flow = Flow(
        rows or [{"key": None, "n": 0}], set_type("key", type="string"), partition("key", wanted, rest="r")
    )
    if rows:
        assert flow.results().rows == [*(found[key] for key in wanted), found["c"]]
