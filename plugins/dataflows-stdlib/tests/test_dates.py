"""Dates in the forms that people write."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError
from dataflows_core.processors import format_date, parse_date


def values(rows: list[Any], link: Any) -> list[Any]:
    (found,) = Flow([{"x": value} for value in rows], link).results().rows
    return [row["x"] for row in found]


def test_dates_times_and_both_are_read() -> None:
    assert values(["29.02.2024", None], parse_date("x", "%d.%m.%Y")) == [dt.date(2024, 2, 29), None]
    assert values(["5:07 PM"], parse_date("x", "%I:%M %p")) == [dt.time(17, 7)]
    assert values(["2024-02-29 17:07"], parse_date("x", "%Y-%m-%d %H:%M")) == [
        dt.datetime(2024, 2, 29, 17, 7)
    ]
    assert values([20240229], parse_date("x", "%Y%m%d")) == [dt.date(2024, 2, 29)]
    assert values(["29.02.2024"], parse_date("x", "%d.%m.%Y", type="datetime")) == [dt.datetime(2024, 2, 29)]


def test_a_zone_is_kept_as_a_moment() -> None:
    (found,) = values(["2024-02-29 17:07 +0200"], parse_date("x", "%Y-%m-%d %H:%M %z"))
    assert found == dt.datetime(2024, 2, 29, 15, 7, tzinfo=dt.UTC)


def test_the_first_format_that_fits_counts() -> None:
    link = parse_date("x", ["%d/%m/%Y", "%m/%d/%Y", "%b %d, %Y"])
    found = values(["01/02/2024", "12/31/2024", "Mar 05, 2024", None], link)
    assert found == [dt.date(2024, 2, 1), dt.date(2024, 12, 31), dt.date(2024, 3, 5), None]


def test_what_is_no_date_is_an_error_with_its_row_or_dealt_with() -> None:
    rows = ["29.02.2024", "29.02.2023"]
    with pytest.raises(ProcessorError, match=r"'29.02.2023' is not a date") as caught:
        values(rows, parse_date("x", "%d.%m.%Y"))
    assert caught.value.row == 2
    assert values(rows, parse_date("x", "%d.%m.%Y", on_error="drop")) == [dt.date(2024, 2, 29)]
    with pytest.raises(ProcessorError, match="in one of the formats"):
        values(rows, parse_date("x", ["%d.%m.%Y", "%Y-%m-%d"]))
    results = Flow([{"x": "no"}], parse_date("x", on_error="clear", rejects="bad")).results()
    assert results.rows[0] == [{"x": None}]
    assert results.rows[1][0]["value"] == "no"


def test_the_field_keeps_its_title_and_says_no_format() -> None:
    from dataflows_core.processors import set_type

    flow = Flow([{"x": "29.02.2024"}], set_type("x", title="Day"), parse_date("x", "%d.%m.%Y"))
    assert dict(flow.package()[0].schema.field("x").descriptor) == {
        "name": "x",
        "type": "date",
        "title": "Day",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"format": "%Q"}, "%Q"),
        ({"format": "%d.%m."}, "leaves out the year"),
        ({"format": "%Y"}, "leaves out"),
        ({"format": "dd.mm.yyyy"}, "leaves out"),
        ({"format": "%M", "type": "time"}, "leaves out the hour"),
        ({"format": "%Y-%m-%d %H", "type": "date"}, "says nothing of a date"),
        ({"format": "%Y-%m-%d", "type": "year"}, "no 'year'"),
        ({"format": "%Y-%m-%d%"}, "%"),
    ],
)
def test_formats_are_checked_when_written(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(FlowError, match=message):
        parse_date("x", **arguments)


def test_fields_are_checked_when_planned() -> None:
    with pytest.raises(ProcessorError, match="did you mean 'day'"):
        Flow([{"day": "x"}], parse_date("dya")).package()
    with pytest.raises(ProcessorError, match="is of the type date already"):
        Flow([{"day": dt.date(2024, 1, 1)}], parse_date("day")).package()
    with pytest.raises(ProcessorError, match="has no dates"):
        Flow([{"day": "x"}], format_date("day", "%Y")).package()
    with pytest.raises(ProcessorError, match="%H"):
        Flow([{"day": dt.date(2024, 1, 1)}], format_date("day", "%H")).package()
    for wrong in ("%x", "%-d", "no directive", "%"):
        with pytest.raises(FlowError):
            format_date("day", wrong)


def test_moments_that_are_equal_are_written_in_their_zones() -> None:
    moment = dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)
    east = moment.astimezone(dt.timezone(dt.timedelta(hours=2)))
    assert moment == east
    assert values([moment], format_date("x", "%H:%M %z")) == ["12:00 +0000"]
    assert values([east], format_date("x", "%H:%M %z")) == ["14:00 +0200"]


def test_dates_are_written() -> None:
    assert values([dt.date(999, 3, 1), None], format_date("x", "%A %d %b %Y")) == ["Friday 01 Mar 0999", None]
    assert values([dt.datetime(2024, 2, 29, 17, 7, 5, 12)], format_date("x", "%I:%M %p %f %%Y")) == [
        "05:07 PM 000012 %Y"
    ]
    assert values([dt.time(0, 7)], format_date("x", "%H.%M %p")) == ["00.07 AM"]


FORMATS = ["%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%B %d, %Y", "%a %d %b %Y", "%Y-%j", "%d/%m/%y"]


@given(
    days=st.lists(st.none() | st.dates(dt.date(1969, 1, 1), dt.date(2068, 12, 31)), max_size=5),
    form=st.sampled_from(FORMATS),
)
def test_what_is_written_is_read_again(days: list[dt.date | None], form: str) -> None:
    rows = [{"x": dt.date(2000, 1, 1)}, *({"x": day} for day in days)]
    (found,) = Flow(rows, format_date("x", form)).results().rows
    (again,) = Flow(found, parse_date("x", form)).results().rows
    assert again == rows
