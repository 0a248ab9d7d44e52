"""Texts that are found and replaced."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import CastError, FlowError
from dataflows_core.processors import find_replace
from dataflows_stdlib.replace import _re2_template, _Substitution


def replaced(rows: list[dict[str, Any]], *patterns: tuple[Any, Any], **options: Any) -> list[Any]:
    given = [{"find": find, "replace": replace} for find, replace in patterns]
    (found,) = Flow(rows, find_replace([{"name": "x", "patterns": given}], **options)).results().rows
    return [row["x"] for row in found]


def test_null_stays_null() -> None:
    assert replaced([{"x": "None"}, {"x": None}], ("None", "nobody")) == ["nobody", None]


def test_patterns_are_applied_one_after_the_other() -> None:
    assert replaced([{"x": "abc"}], ("a", "b"), ("bb", "-")) == ["-c"]


def test_groups_and_functions_replace() -> None:
    assert replaced([{"x": "York, New"}], (r"(\w+), (\w+)", r"\2 \g<1>")) == ["New York"]
    assert replaced([{"x": "a1b22"}], (r"\d+", lambda match: f"<{len(match[0])}>")) == ["a<1>b<2>"]


def test_what_is_no_text_is_searched_as_text_and_keeps_its_type() -> None:
    assert replaced([{"x": 1234}, {"x": None}], ("3", "9")) == [1294, None]
    assert replaced([{"x": Decimal("1.50")}], (r"\.5$", ".75")) == [Decimal("1.75")]
    assert replaced([{"x": dt.date(2024, 2, 29)}], ("^2024", "2020")) == [dt.date(2020, 2, 29)]
    assert replaced([{"x": {"a": 1}}], ("1", "2")) == [{"a": 2}]


def test_a_new_value_of_another_type_is_an_error_with_its_row() -> None:
    rows = [{"x": 1}, {"x": 23}]
    with pytest.raises(ProcessorError, match="'2-' is not an integer") as caught:
        replaced(rows, ("3", "-"))
    assert caught.value.row == 2
    assert isinstance(caught.value.cause, CastError)
    assert replaced(rows, ("3", "-"), on_error="drop") == [1]
    assert replaced(rows, ("3", "-"), on_error="clear") == [1, None]


def test_the_parameters_are_left_alone() -> None:
    given = [{"name": "x", "patterns": [{"find": "a", "replace": "b"}]}]
    Flow([{"x": "a"}], find_replace(given)).process()
    assert given == [{"name": "x", "patterns": [{"find": "a", "replace": "b"}]}]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"name": "x", "pattern": []}, "did you mean 'patterns'"),
        ({"name": "x"}, "needs 'patterns'"),
        ({"name": "x", "patterns": [{"find": "["}]}, "needs 'replace'"),
        ({"name": "x", "patterns": [{"find": "[", "replace": ""}]}, "cannot be replaced"),
        ({"name": "x", "patterns": [{"find": "a", "replace": r"\1"}]}, "invalid group reference"),
        ({"name": "x", "patterns": [{"find": "a", "replace": r"\g<b>"}]}, "cannot be replaced"),
    ],
)
def test_what_makes_no_sense_is_refused(field: dict[str, Any], message: str) -> None:
    with pytest.raises(FlowError, match=message):
        find_replace([field])


def test_an_unknown_field_is_refused_with_near_misses() -> None:
    link = find_replace([{"name": "xy", "patterns": []}])
    with pytest.raises(ProcessorError, match="did you mean 'xyz'"):
        Flow([{"xyz": 1}], link).process()


PATTERNS = st.sampled_from(
    ["a", "a+", "a*", "[ab]", "^a", "b$", ".", r"\d", r"\w+", r"\s", "(a)(b)?", "(a|ab)(c|bcd)", "a|b", ""]
) | st.sampled_from(
    ["(ab)*", r"\.", "(?i)A", r"\bA", "a{2}", "[^a]", "(?P<n>b)", "a??b", "(.)(.)", "é", r"(\d)(?=b)"]
)
TEMPLATES = st.sampled_from(["", "x", r"\1", r"[\1]", r"\\", r"\g<0>", r"\n", "$1", r"\1\1", r"\0", r"\11"])
TEXTS = st.lists(st.none() | st.text("ab1 .é\nAc٣", max_size=8), max_size=6)


@given(find=PATTERNS, replace=TEMPLATES, texts=TEXTS)
@example(find="a*", replace="-", texts=["baac"])
@example(find="b$", replace="-", texts=["ab\n"])
def test_columns_are_replaced_as_re_does(find: str, replace: str, texts: list[str | None]) -> None:
    try:
        substitution = _Substitution(find, replace)
    except FlowError:
        with pytest.raises((re.error, IndexError)):
            re.sub(f"{find}|", replace, "")
        return
    expected = [None if text is None else re.sub(find, replace, text) for text in texts]

    assert substitution(pa.array(texts, pa.string())).to_pylist() == expected


@pytest.mark.parametrize("find", ["a+", "(a)(b)", "[ab]c"])
def test_plain_patterns_are_replaced_as_columns(find: str) -> None:
    assert _re2_template(find, "x") == "x"


@pytest.mark.parametrize("find", ["a*", "b$", r"\bA", "(?=a)b"])
def test_patterns_that_differ_are_not(find: str) -> None:
    assert _re2_template(find, "x") is None
