"""All errors of a validation: as a resource, and in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError
from dataflows_core.processors import (
    concatenate,
    dump_to_path,
    join,
    load,
    set_type,
    update_resource,
    update_schema,
    validate,
)
from dataflows_stdlib.validation import ValidationError

ROWS = [{"year": 1990 + i, "name": "x" * (i % 3 + 1)} for i in range(200)]
TYPED = (
    set_type("year", constraints={"maximum": 2185, "enum": list(range(1990, 2190))}, on_error="ignore"),
    set_type("name", constraints={"minLength": 2}, on_error="ignore"),
)


def test_all_errors_of_the_schema_are_the_rows_of_a_resource() -> None:
    results = Flow(ROWS, *TYPED, validate(report="errors")).results()
    passed, errors = results.rows

    assert passed == ROWS
    wrong_names = [i + 1 for i in range(200) if i % 3 == 0]
    wrong_years = [197, 198, 199, 200]
    assert [error["row"] for error in errors if error["field"] == "name"] == wrong_names
    assert [error["row"] for error in errors if error["field"] == "year"] == wrong_years
    assert [error["row"] for error in errors] == sorted(wrong_names + wrong_years)
    last = errors[-1]
    assert (last["value"], last["action"], last["values"]) == ("2189", "ignore", ROWS[-1])
    summary = results.stats["validation"]["errors"]
    assert summary.splitlines()[0] == "71 errors in resource 'res_1'"
    assert (
        "name: 67 values are not at least 2 characters long (constraint minLength); the first in row 1"
        in summary
    )


def test_a_limit_bounds_what_is_kept_and_not_what_is_counted() -> None:
    results = Flow(ROWS, validate("year < 2000", report="errors", limit=3)).results()

    assert [error["row"] for error in results.rows[1]] == [11, 12, 13]
    assert "190 errors" in results.stats["validation"]["errors"]
    assert "the first 3 of them are in the resource 'errors'" in results.stats["validation"]["errors"]
    assert results.stats["ignored"] == 190


def test_a_run_with_a_limit_fails_with_a_summary_and_leaves_no_output(tmp_path: Path) -> None:
    with pytest.raises(ProcessorError) as caught:
        Flow(ROWS, *TYPED, validate(limit=1000), dump_to_path(str(tmp_path / "out"))).process()

    assert isinstance(caught.value.cause, ValidationError)
    assert caught.value.cause.count == 71
    assert caught.value.processor == "validate"
    assert caught.value.exit_code == 1
    assert "71 errors in resource 'res_1'" in str(caught.value)
    assert "year: 4 values are not at most 2185" in str(caught.value)
    assert not (tmp_path / "out" / "datapackage.json").exists()


def test_a_run_ends_where_the_limit_is_reached() -> None:
    def endless() -> Any:
        while True:
            yield {"n": 1}

    with pytest.raises(ProcessorError, match="the limit of 5; what comes behind was not looked at"):
        Flow(endless(), validate("n < 0", limit=5)).process()


def test_good_rows_pass_with_a_limit_and_with_a_report() -> None:
    results = Flow(ROWS, validate("year > 0", limit=5), validate(lambda row: True, report="errors")).results()
    assert results.rows == [ROWS, []]
    assert results.stats["validation"] == {"errors": "no errors"}


@pytest.mark.parametrize(
    ("on_error", "kept", "value"), [("drop", 10, None), ("clear", 200, None), ("ignore", 200, 2189)]
)
def test_a_report_tells_what_was_done(on_error: str, kept: int, value: int | None) -> None:
    link = validate("year", lambda year: year < 2000, on_error=on_error, report="errors")
    rows, errors = Flow(ROWS, link).results().rows

    assert len(rows) == kept
    assert {error["action"] for error in errors} == {on_error}
    assert len(errors) == 190
    if kept == 200:
        assert rows[-1]["year"] == value


def test_all_errors_of_a_dropped_row_are_told() -> None:
    rows = [{"a": 9, "b": 9}, {"a": 1, "b": 1}]
    bounds = [set_type(name, constraints={"maximum": 5}, on_error="ignore") for name in "ab"]
    results = Flow(rows, *bounds, validate(on_error="drop", report="errors")).results()

    assert results.rows[0] == [{"a": 1, "b": 1}]
    assert [(error["row"], error["field"]) for error in results.rows[1]] == [(1, "a"), (1, "b")]


def test_a_field_may_be_checked_by_an_expression_that_names_others() -> None:
    link = validate("name", "length(name) > 1 or year < 2000", on_error="clear")
    rows = Flow(ROWS, link).results().rows[0]
    assert [row["name"] for row in rows[9:13]] == ["x", "xx", "xxx", None]


def test_places_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "years.csv"
    path.write_text("year,name\n" + "".join(f"{1990 + i},n\n" for i in range(50)), encoding="utf-8")
    results = Flow(load(str(path)), validate("year <> 2000 and year <> 2030", report="errors")).results()

    places = [(error["row"], Path(error["source"]).name) for error in results.rows[1]]
    assert places == [(11, "years.csv"), (41, "years.csv")]


def test_resources_that_are_not_meant_pass() -> None:
    results = Flow(ROWS, [{"year": 1}], validate("year > 1000", resources="res_1")).results()
    assert results.rows == [ROWS, [{"year": 1}]]


@pytest.mark.parametrize(
    "arguments",
    [
        {"limit": 0},
        {"limit": "5"},
        {"report": "errors", "on_error": "raise"},
        {"report": "errors", "rejects": "bad"},
        {"limit": 5, "on_error": "drop"},
        {"limit": 5, "rejects": "bad"},
    ],
)
def test_parameters_that_contradict_each_other_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(FlowError):
        validate(**arguments)


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        (("yeer > 1",), "did you mean"),
        (("yeer", lambda year: year), "did you mean 'year'"),
        (("year + 1",), "no condition"),
        (("year >",), "in the expression"),
    ],
)
def test_checks_are_checked_when_planned(checks: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ProcessorError, match=message):
        Flow(ROWS, validate(*checks)).package()


def test_a_report_needs_a_name_of_its_own() -> None:
    with pytest.raises(ProcessorError, match="there already"):
        Flow(ROWS, validate("year > 0", report="res_1")).process()


@given(values=st.lists(st.none() | st.integers(0, 9), max_size=20), bound=st.integers(0, 9))
def test_a_report_has_what_a_loop_finds(values: list[int | None], bound: int) -> None:
    rows = [{"n": 0}, *({"n": value} for value in values)]
    expected = [i for i, row in enumerate(rows, 1) if row["n"] is None or row["n"] > bound]
    for check in (f"n <= {bound}", lambda row: row["n"] is not None and row["n"] <= bound):
        errors = Flow(rows, validate(check, report="errors")).results().rows[1]
        assert [error["row"] for error in errors] == expected


def test_a_schema_without_constraints_has_no_errors() -> None:
    assert Flow(ROWS, update_schema("res_1", title="x"), validate(limit=3)).results().rows == [ROWS]


@pytest.mark.parametrize(
    "later",
    [
        update_resource(0, name="other"),
        concatenate({"n": []}, {"name": "other"}),
        join("res_1", ["n"], "res_2", ["n"]),
    ],
    ids=["renamed", "concatenated", "joined"],
)
def test_what_becomes_of_a_resource_later_hides_no_errors(later: Any) -> None:
    with pytest.raises(ProcessorError, match="1 error in resource 'res_1'") as caught:
        Flow([{"n": 1}, {"n": None}], validate("n is not null", limit=5), [{"n": 1}], later).process()
    assert caught.value.resource == "res_1"
