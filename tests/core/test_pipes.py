"""Functions of rows: who is blamed for what, and what a function may return."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dataflows_core import Flow, ProcessorError

Row = dict[str, Any]
MANY = [{"n": number, "s": str(number)} for number in range(1, 100_001)]


def blamed(*links: Any) -> ProcessorError:
    with pytest.raises(ProcessorError) as caught:
        Flow(*links).process()
    return caught.value


@pytest.mark.parametrize("at", [1, 151, 70_000, 100_000])
def test_a_row_function_that_raises_stop_iteration_is_blamed_with_its_row(at: int) -> None:
    def nothing_left(row: Row) -> None:
        if row["n"] == at:
            next(iter(()))

    error = blamed(MANY, nothing_left)

    assert (error.processor, error.row, error.values) == ("nothing_left", at, {"n": at, "s": str(at)})
    assert "StopIteration" in str(error)


@pytest.mark.parametrize("at", [1, 5, 65_536, 65_537, 100_000])
@pytest.mark.parametrize("wrong", ["text", 1.5, [1]])
def test_the_row_that_a_function_returned_is_blamed_not_the_one_it_read_last(at: int, wrong: Any) -> None:
    def spoil(rows: Iterator[Row]) -> Iterator[Row]:
        yield {"n": 0, "s": "new"}
        for row in rows:
            yield {**row, "n": wrong} if row["n"] == at else row

    error = blamed(MANY, spoil)

    assert (error.processor, error.row, error.source) == ("spoil", at + 1, "what it returned")
    assert error.values == {"n": wrong, "s": str(at)}


def test_a_function_that_fails_is_blamed_with_the_row_it_read_last() -> None:
    def fail(rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            if row["n"] == 80_000:
                raise ValueError("no")
            yield row

    error = blamed(MANY, fail)

    assert (error.processor, error.row, error.values) == ("fail", 80_000, {"n": 80_000, "s": "80000"})


def test_the_step_that_failed_is_blamed_though_a_later_one_makes_another_error_of_it() -> None:
    def convert(rows: Iterator[Row]) -> Iterator[Row]:
        try:
            yield from rows
        except Exception as error:
            raise RuntimeError("mine") from error

    error = blamed(MANY, lambda row: row["missing"], convert, convert)

    assert (error.position, error.row) == ("2", 1)
    assert isinstance(error.cause, KeyError)


def test_a_flow_that_fails_inside_a_function_is_the_cause_not_the_step() -> None:
    def nested(rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            Flow([row], lambda row: row["missing"]).process()
            yield row

    error = blamed(MANY, None, nested)

    assert (error.processor, error.position) == ("nested", "3")
    assert isinstance(error.cause, ProcessorError)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda rows: None, "returned None; a function of rows returns an iterable of rows"),
        (lambda rows: 7, "int"),
        (lambda rows: [7], "a row must be a dict, and this one is 7"),
        (lambda rows: [[1, "a"]], "a row must be a dict"),
        (lambda rows: [None], "a row must be a dict"),
        (lambda row: 7, "a row must be a dict, and this one is 7"),
        (lambda row: True, "a row must be a dict, and this one is True"),
        (lambda row: [], "a row must be a dict"),
        (lambda row: "text", "a row must be a dict"),
    ],
)
def test_what_is_no_row_is_refused(function: Any, message: str) -> None:
    assert message in str(blamed(MANY[:3], function))


def test_rows_of_earlier_batches_may_be_returned_late_and_twice() -> None:
    def delayed(rows: Iterator[Row]) -> Iterator[Row]:
        kept: list[Row] = []
        for row in rows:
            kept.append(row)
            if len(kept) > 40_000:
                yield kept.pop(0)
                yield {**kept[0], "s": "copy"}
        yield from kept

    rows = Flow(MANY, delayed).results().rows[0]

    assert [row for row in rows if row["s"] != "copy"] == MANY
    assert [row["n"] for row in rows if row["s"] == "copy"] == list(range(2, 60_002))
