"""Python objects as sources: every row is read, and a second reading of what can be read once says so."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from dataflows_core import Flow, ProcessorError

ROWS = [{"n": number} for number in range(5000)]
Row = dict[str, Any]


class Returned:
    """Returns the same iterator whoever asks."""

    def __init__(self) -> None:
        self.rows = iter(ROWS)

    def __iter__(self) -> Iterator[Row]:
        return self.rows


class Cursor:
    """A new iterator for whoever asks, which goes on where the one before it was: as database cursors do."""

    def __init__(self) -> None:
        self.rows = iter(ROWS)

    def __iter__(self) -> Iterator[Row]:
        yield from self.rows


class Anew:
    """Rows that can be read as often as one likes, though nobody knows how many."""

    def __iter__(self) -> Iterator[Row]:
        return iter(ROWS)


@pytest.mark.parametrize("make", [Returned, Cursor, Anew, lambda: iter(ROWS), lambda: ROWS])
def test_every_row_is_read(make: Any) -> None:
    assert Flow(make()).results().rows == [ROWS]


@pytest.mark.parametrize(
    "make",
    [
        Returned,
        lambda: (row for row in ROWS),
        lambda: map(dict, ROWS),
        lambda: csv.DictReader(io.StringIO("n\n1\n2\n")),
        lambda: pa.Table.from_pylist(ROWS).to_reader(),
    ],
)
@pytest.mark.parametrize("joined", [False, True])
def test_what_can_be_read_once_says_so_the_second_time(make: Any, joined: bool) -> None:
    flow = Flow(make())
    assert flow.results().rows[0]

    again = flow | (lambda row: None) if joined else flow
    with pytest.raises(ProcessorError, match="it can be run once"):
        again.results()


def test_a_flow_is_joined_behind_one_whose_source_was_read() -> None:
    rows = (row for row in ROWS)
    left, right = Flow(None), Flow(None, rows)
    right.process()

    with pytest.raises(ProcessorError, match=r"step 3, .*\s.*can be run once"):
        (left | right).process()


def test_a_generator_that_another_flow_has_read_says_so() -> None:
    rows = (row for row in ROWS)
    Flow(rows).process()

    with pytest.raises(ProcessorError, match="it can be run once"):
        Flow(rows).process()


def test_planning_reads_nothing_of_a_reader() -> None:
    flow = Flow(pa.Table.from_pylist(ROWS).to_reader())
    assert flow.package()[0].schema.names == ("n",)

    assert flow.results().rows == [ROWS]


def test_a_planned_package_of_a_generator_can_be_read() -> None:
    package = Flow(row for row in ROWS).package()

    assert list(package[0].rows()) == ROWS
    with pytest.raises(ProcessorError, match="it can be run once"):
        list(package[0].rows())


@pytest.mark.parametrize("at", [0, 500, 4000])
def test_a_source_that_raises_midway_is_blamed(at: int) -> None:
    def rows() -> Iterator[Row]:
        yield from ROWS[:at]
        raise OSError("the line is dead")

    with pytest.raises(ProcessorError, match="the line is dead") as caught:
        Flow(rows(), lambda row: None).process()
    assert caught.value.position == "1"
