"""The first processors: what they do, and what they refuse."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import CastError, FlowError
from dataflows_core.processors import (
    add_field,
    compute,
    delete_fields,
    filter_rows,
    printer,
    set_type,
    validate,
)

ROWS = [
    {"name": "ann", "age": 31, "city": "Oslo"},
    {"name": "bob", "age": None, "city": "Rome"},
    {"name": "cem", "age": 17, "city": None},
]


def rows_of(*links: Any) -> list[dict[str, Any]]:
    (rows,) = Flow(ROWS, *links).results().rows
    return rows


def names_of(*links: Any) -> list[str]:
    return [row["name"] for row in rows_of(*links)]


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ({"condition": "age > 18"}, ["ann"]),
        ({"condition": "age is null or city = 'Oslo'"}, ["ann", "bob"]),
        ({"condition": lambda row: row["city"]}, ["ann", "bob"]),
        ({"equals": [{"city": "Oslo"}, {"age": 17}]}, ["ann", "cem"]),
        ({"equals": [{"city": None}]}, ["cem"]),
        ({"not_equals": [{"city": "Oslo"}]}, ["bob", "cem"]),
        ({"not_equals": [{"age": None}]}, ["ann", "cem"]),
        ({"equals": [{"city": "Oslo"}], "not_equals": [{"age": None}]}, ["ann", "cem"]),
    ],
)
def test_filter_rows_keeps_what_is_asked_for(arguments: dict[str, Any], kept: list[str]) -> None:
    assert names_of(filter_rows(**arguments)) == kept


@pytest.mark.parametrize(
    "arguments", [{}, {"condition": "true", "equals": [{"age": 1}]}, {"condition": 7}, {"equals": [{}]}]
)
def test_filter_rows_refuses_nothing_and_too_much(arguments: dict[str, Any]) -> None:
    with pytest.raises(FlowError):
        filter_rows(**arguments)


def test_filter_rows_names_near_misses_of_a_field() -> None:
    for link in (filter_rows("ages > 18"), filter_rows(equals=[{"ages": 18}])):
        with pytest.raises(ProcessorError, match="age") as caught:
            Flow(ROWS, link).process()
        assert caught.value.exit_code == 2


def test_compute_adds_typed_exact_fields() -> None:
    rows = [{"quantity": 121, "price": Decimal("495.44"), "day": dt.date(2024, 2, 29)}]
    flow = Flow(
        rows,
        compute(
            {"in words": "quantity || ' × ' || price"},
            total="quantity * price",
            share="quantity / price",
            month={"expression": "month(day)", "type": "integer", "title": "Month"},
        ),
    )

    (row,) = flow.results().rows[0]

    assert row["total"] == Decimal("59948.24")
    assert row["in words"] == "121 × 495.44"
    assert row["share"] == (Decimal(121) / Decimal("495.44")).quantize(Decimal("1e-12"))
    assert row["month"] == 2
    assert flow.package()[0].schema.field("month").descriptor["title"] == "Month"


def test_compute_refuses_nothing_and_what_is_no_expression() -> None:
    with pytest.raises(FlowError, match="at least one column"):
        compute()
    with pytest.raises(FlowError, match="needs an expression"):
        compute(total={"type": "number"})


def test_add_field_gives_every_row_a_value() -> None:
    rows = rows_of(
        add_field("unit", "string", "kt"),
        add_field("since", "date", "2020-02-29"),
        add_field("empty", "number"),
        add_field("initial", "string", lambda row: row["name"][0], title="Initial"),
    )

    assert rows[1] == {
        **ROWS[1],
        "unit": "kt",
        "since": dt.date(2020, 2, 29),
        "empty": None,
        "initial": "b",
    }


def test_add_field_refuses_a_name_that_is_there_and_a_value_of_another_type() -> None:
    with pytest.raises(ProcessorError, match="has a field 'age' already"):
        Flow(ROWS, add_field("age", "integer", 1)).process()
    with pytest.raises(ProcessorError, match="not a date"):
        Flow(ROWS, add_field("since", "date", "yesterday")).process()


def test_delete_fields_takes_names_and_patterns() -> None:
    assert rows_of(delete_fields(["age", "c.ty"]))[0] == {"name": "ann"}
    assert rows_of(delete_fields("name", regex=False))[0] == {"age": 31, "city": "Oslo"}


def test_delete_fields_takes_a_name_that_is_no_pattern_of_itself() -> None:
    rows = Flow([{"Total (Mt)": 1, "x": 2}], delete_fields("Total (Mt)")).results().rows

    assert rows == [[{"x": 2}]]


def test_delete_fields_refuses_unknown_fields_and_broken_patterns() -> None:
    with pytest.raises(ProcessorError, match="did you mean 'city'"):
        Flow(ROWS, delete_fields("cty")).process()
    with pytest.raises(ProcessorError, match="no regular expression"):
        Flow(ROWS, delete_fields("a[")).process()


def test_set_type_casts_and_keeps_what_else_the_field_says() -> None:
    flow = Flow(
        [{"d": "29/02/2024", "n": "1.234,5"}], set_type("d", type="date", format="%d/%m/%Y", title="Day")
    )
    flow |= set_type("n", type="number", groupChar=".", decimalChar=",")

    assert flow.results().rows == [[{"d": dt.date(2024, 2, 29), "n": Decimal("1234.5")}]]
    assert flow.package()[0].schema.field("d").descriptor["title"] == "Day"


GOOD_AND_BAD = [*({"n": str(number)} for number in range(150)), {"n": "n/a"}]


def test_set_type_raises_with_everything_there_is_to_say() -> None:
    with pytest.raises(ProcessorError) as caught:
        Flow(GOOD_AND_BAD, set_type("n", type="integer")).process()
    error = caught.value

    assert (error.processor, error.position, error.resource, error.row) == ("set_type", "2", "res_1", 151)
    assert isinstance(error.cause, CastError)
    assert (error.cause.field, error.cause.value, error.cause.expected) == ("n", "n/a", "an integer")
    assert error.exit_code == 1


@pytest.mark.parametrize(
    ("on_error", "last", "stats"),
    [
        ("drop", 149, {"dropped": 1}),
        ("clear", None, {"cleared": 1}),
        (lambda error: "drop" if error.value == "n/a" else "raise", 149, {"dropped": 1}),
    ],
)
def test_set_type_counts_what_it_forgives(on_error: Any, last: int | None, stats: dict[str, int]) -> None:
    results = Flow(GOOD_AND_BAD, set_type("n", type="integer", on_error=on_error)).results()

    assert results.rows[0][-1]["n"] == last
    assert results.stats == stats


def test_rejected_rows_can_be_kept() -> None:
    flow = Flow(GOOD_AND_BAD, set_type("n", type="integer", on_error="drop", rejects="rejected"))

    ((rejected,),) = flow.results().rows[1:]

    assert {key: rejected[key] for key in ("resource", "step", "row", "field", "value", "action")} == {
        "resource": "res_1",
        "step": "set_type",
        "row": 151,
        "field": "n",
        "value": "n/a",
        "action": "drop",
    }
    assert rejected["values"] == {"n": "n/a"}


def test_set_type_transforms_before_it_casts() -> None:
    def tidy(value: str, field_name: str, row: dict[str, Any]) -> str | int | None:
        assert row[field_name] == value
        return None if value == "?" else len(value) if value == "xxx" else value.strip("€ ")

    rows = (
        Flow([{"p": "€ 12"}, {"p": "?"}, {"p": "xxx"}], set_type("p", type="integer", transform=tidy))
        .results()
        .rows
    )

    assert [row["p"] for row in rows[0]] == [12, None, 3]


def test_set_type_checks_constraints() -> None:
    with pytest.raises(ProcessorError, match="constraint minimum") as caught:
        Flow(ROWS, set_type("age", type="integer", constraints={"minimum": 18})).process()
    assert caught.value.row == 3


def test_validate_checks_constraints_expressions_functions_and_fields() -> None:
    adults = set_type("age", type="integer", constraints={"minimum": 18}, on_error="ignore")
    for check in (
        validate(),
        validate("age >= 18 or age is null"),
        validate(lambda row: row["age"] != 17),
        validate("age", lambda age: age != 17),
    ):
        with pytest.raises(ProcessorError, match="17") as caught:
            Flow(ROWS, adults, check).process()
        assert (caught.value.processor, caught.value.row) == ("validate", 3)


def test_validate_drops_and_clears() -> None:
    assert names_of(validate("age > 18", on_error="drop")) == ["ann"]
    assert [row["age"] for row in rows_of(validate("age", lambda age: age != 17, on_error="clear"))] == [
        31,
        None,
        None,
    ]


@pytest.mark.parametrize("checks", [(7,), ("age", "age > 1", "a"), ("a", len, len), (len, "a")])
def test_validate_refuses_other_checks(checks: tuple[Any, ...]) -> None:
    with pytest.raises(FlowError):
        validate(*checks)


def test_printer_shows_both_ends_and_passes_everything_on(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"n": number, "s": "x" * number} for number in range(1, 101)]

    (passed,) = Flow(rows, printer(2, 1, max_cell_size=20)).results().rows

    assert passed == rows
    assert capsys.readouterr().out.splitlines() == [
        "res_1: 100 rows",
        "  #        n  s",
        "     integer  string",
        "───  ───────  ────────────────────",
        "  1        1  x",
        "  2        2  xx",
        "…",
        "100      100  xxxxxxxxxxxxxxxxxxx…",
    ]


def test_printer_says_nothing_of_a_run_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ProcessorError):
        Flow(ROWS, printer(), lambda row: 1 / 0).process()

    assert capsys.readouterr().out == ""


def test_printer_takes_fields_and_short_tables(capsys: pytest.CaptureFixture[str]) -> None:
    Flow(ROWS, printer(5, fields=["name"])).process()

    assert [line.split() for line in capsys.readouterr().out.splitlines()[4:]] == [
        ["1", "ann"],
        ["2", "bob"],
        ["3", "cem"],
    ]
