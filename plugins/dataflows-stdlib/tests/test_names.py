"""Fields that are selected and renamed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.processors import filter_rows, rename_fields, select_fields, update_schema

ROW = {"id": 7, "y_1990": 1, "y_1991": 2, "Total (Mt)": 3}


def row_of(*links: Any) -> dict[str, Any]:
    ((row,),) = Flow([ROW], *links).results().rows
    return row


def test_select_fields_follows_the_order_of_its_list() -> None:
    assert list(row_of(select_fields([r"y_\d+", "id"])).items()) == [("y_1990", 1), ("y_1991", 2), ("id", 7)]
    assert row_of(select_fields("Total (Mt)")) == {"Total (Mt)": 3}
    assert row_of(select_fields(["id", ".*"])) == ROW


def test_select_fields_takes_patterns_as_a_whole_and_literally() -> None:
    with pytest.raises(ProcessorError, match="did you mean 'y_199"):
        row_of(select_fields("y_199"))
    with pytest.raises(ProcessorError, match="no field"):
        row_of(select_fields(r"y_\d+", regex=False))


def test_select_fields_refuses_a_resource_that_has_none() -> None:
    with pytest.raises(ProcessorError, match="resource 'res_2' has none of the fields 'id'"):
        Flow([ROW], [{"other": 1}], select_fields("id")).process()
    rows = Flow([ROW], [{"other": 1}], select_fields("id", resources="res_1")).results().rows
    assert rows == [[{"id": 7}], [{"other": 1}]]


def test_a_key_goes_with_its_field_and_is_renamed_with_it() -> None:
    flow = Flow([ROW], update_schema("res_1", primaryKey=["id"]))

    assert "primaryKey" not in (flow | select_fields("y_.*")).package()[0].schema.properties
    renamed = flow | rename_fields({"id": "key"})
    assert renamed.package()[0].schema.properties["primaryKey"] == ["key"]


def test_rename_fields_takes_groups_and_swaps() -> None:
    assert row_of(rename_fields({r"y_(\d+)": r"\1", "Total (Mt)": "total"})) == {
        "id": 7,
        "1990": 1,
        "1991": 2,
        "total": 3,
    }
    assert list(row_of(rename_fields({"id": "y_1990", "y_1990": "id"})))[:2] == ["y_1990", "id"]
    assert "a.b" in row_of(rename_fields({"id": "a.b"}, regex=False))


def test_the_first_pattern_that_matches_counts() -> None:
    assert list(row_of(rename_fields({"y_1990": "first", r"y_(.*)": r"_\1"})))[1:3] == ["first", "_1991"]


@pytest.mark.parametrize("names", [{r"y_\d+": "year"}, {"id": "y_1990"}, {"id": "x", "y_1990": "x"}])
def test_two_fields_of_one_name_are_refused(names: dict[str, str]) -> None:
    with pytest.raises(ProcessorError, match="would be named") as caught:
        row_of(rename_fields(names))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"idd": "x"}, "did you mean 'id'"),
        ({"y_[": "x"}, "no regular expression"),
        ({r"y_(\d+)": r"\2"}, "invalid group reference"),
    ],
)
def test_rename_fields_refuses_what_makes_no_sense(names: dict[str, str], message: str) -> None:
    with pytest.raises(ProcessorError, match=message):
        row_of(rename_fields(names))


def test_values_pass_untouched_below_a_new_name() -> None:
    rows = [{"n": "1.50"}, {"n": None}]
    flow = Flow(rows, rename_fields({"n": "m"}), filter_rows("m is not null"))

    assert flow.results().rows == [[{"m": "1.50"}]]


NAMES = st.lists(st.text("ab_1", min_size=1, max_size=4), min_size=1, max_size=5, unique=True)


@given(
    names=NAMES, old=st.sampled_from(["a(.*)", "(.)_(.*)", "[ab]+", "1"]), new=st.sampled_from(["x", r"z\1"])
)
def test_renaming_is_what_re_says(names: list[str], old: str, new: str) -> None:
    pattern = re.compile(re.escape(old) if old in names else old)
    try:
        expected = [m.expand(new) if (m := pattern.fullmatch(name)) else name for name in names]
    except (re.error, IndexError):
        expected = []
    flow = Flow([dict.fromkeys(names, 1)], rename_fields({old: new}))
    if not any(map(pattern.fullmatch, names)) or len(set(expected)) < len(names):
        with pytest.raises(ProcessorError):
            flow.process()
    else:
        assert list(flow.results().rows[0][0]) == expected
