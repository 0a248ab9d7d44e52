"""Types that are set, one by one and all at once; rows that are filtered by values."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError
from dataflows_core.processors import (
    add_field,
    cast_all,
    filter_rows,
    find_replace,
    load,
    set_type,
    sort_rows,
)


def rows_of(rows: Any, *links: Any) -> list[dict[str, Any]]:
    (found,) = Flow(rows, *links).results().rows
    return found


def test_a_transform_may_be_an_expression_over_the_row() -> None:
    rows = [{"n": "€ 7", "unit": "k"}, {"n": None, "unit": "k"}]
    link = set_type("n", type="integer", transform="replace(n, '€ ', '') || '00'")
    assert [row["n"] for row in rows_of(rows, link)] == [700, None]
    with pytest.raises(ProcessorError, match="'€ 7' is not an integer") as caught:
        rows_of(rows, set_type("n", type="integer", transform="n || ''"))
    assert caught.value.row == 1
    dropped = rows_of(rows, set_type("n", type="integer", transform="n || ''", on_error="drop"))
    assert dropped == [{"n": None, "unit": "k"}]


@pytest.mark.parametrize("transform", ["upper(m)", "upper(", "sum(n)"])
def test_an_expression_that_makes_no_sense_is_refused_when_planned(transform: str) -> None:
    with pytest.raises(ProcessorError, match="in the expression"):
        Flow([{"n": "1"}], set_type("n", transform=transform)).package()


def test_set_type_means_the_last_resource_unless_told() -> None:
    flow = Flow([{"n": "1"}], [{"n": "2"}], set_type("n", type="integer"))
    assert flow.results().rows == [[{"n": "1"}], [{"n": 2}]]
    flow = Flow([{"n": "1"}], [{"n": "2"}], set_type("n", None, type="integer"))
    assert flow.results().rows == [[{"n": 1}], [{"n": 2}]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"typ": "integer"}, "did you mean 'type'"),
        ({"frmat": "%Y"}, "did you mean 'format'"),
        ({"transform": 7}, "an expression or a function"),
        ({"on_error": "skip"}, "on_error"),
    ],
)
def test_set_type_refuses_misspelled_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FlowError, match=message):
        set_type("n", **options)
    assert (
        Flow([{"n": "1"}], set_type("n", **{"es:boost": 2}))
        .package()[0]
        .schema.field("n")
        .descriptor["es:boost"]
    )
    with pytest.raises(FlowError, match="did you mean 'constraints'"):
        add_field("x", "string", constraint={})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("m", {}, "no field 'm'"),
        ("n[", {}, "no regular expression"),
        ("n", {"type": "intger"}, "not a Table Schema type"),
        ("n", {"constraints": {"maximun": 1}}, "did you mean maximum"),
    ],
)
def test_set_type_refuses_what_makes_no_sense(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ProcessorError, match=message):
        Flow([{"n": "1"}], set_type(name, **options)).package()


TEXTS = [
    {"n": "7", "day": "2024-02-29", "code": "007", "p": "1.50", "b": "true", "e": None},
    dict.fromkeys("nbpe"),
]


def test_all_fields_get_the_types_of_their_texts() -> None:
    found = rows_of(TEXTS, cast_all())
    assert found[0] == {
        "n": 7,
        "day": dt.date(2024, 2, 29),
        "code": "007",
        "p": Decimal("1.5"),
        "b": True,
        "e": None,
    }


def test_types_are_inferred_behind_what_cleans_the_texts(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("n,s\n€ 7,a\n€ 8,b\n", encoding="utf-8")
    tidy = find_replace([{"name": "n", "patterns": [{"find": "€ ", "replace": ""}]}])
    assert Flow(load(str(path)), tidy, cast_all()).results().rows == [
        [{"n": 7, "s": "a"}, {"n": 8, "s": "b"}]
    ]
    generated = ({"n": "1"} for _ in range(3))
    assert rows_of(generated, cast_all({".*": "integer"})) == [{"n": 1}] * 3


def test_types_are_not_inferred_where_rows_pass_once() -> None:
    for link in (lambda row: None, sort_rows("n")):
        with pytest.raises(ProcessorError, match=r"cast_all\(\) cannot infer types here: step 2"):
            Flow([{"n": "1"}], link, cast_all()).process()
        assert rows_of([{"n": "1"}], link, cast_all("integer")) == [{"n": 1}]


def test_a_late_value_of_another_type_is_an_error_or_dealt_with() -> None:
    rows = [*({"n": str(i)} for i in range(12_000)), {"n": "x"}]
    with pytest.raises(ProcessorError, match="'x' is not an integer") as caught:
        rows_of(rows, cast_all())
    assert caught.value.row == 12_001
    results = Flow(rows, cast_all(on_error="drop", rejects="bad")).results()
    assert (len(results.rows[0]), results.rows[1][0]["value"]) == (12_000, "x")


def test_given_types_are_by_name_or_pattern() -> None:
    rows = [{"a1": "1", "a2": "2", "b": "29.02.2024"}]
    link = cast_all({"a1": "number", "a.": "integer", "b": {"type": "date", "format": "%d.%m.%Y"}})
    assert rows_of(rows, link) == [{"a1": Decimal(1), "a2": 2, "b": dt.date(2024, 2, 29)}]
    with pytest.raises(ProcessorError, match=r"no field 'a\."):
        rows_of(rows, cast_all({"a.": "integer"}, regex=False))
    with pytest.raises(ProcessorError, match="no field 'a3'"):
        rows_of(rows, cast_all({"a3": "integer"}))


def test_filter_rows_casts_texts_and_compares_json() -> None:
    rows = [
        {"day": dt.date(2024, 2, 29), "j": {"a": [1]}, "n": 1},
        {"day": None, "j": None, "n": 2},
        {"day": dt.date(2024, 3, 1), "j": {"a": [2]}, "n": 3},
    ]

    def kept(**values: Any) -> list[int]:
        return [row["n"] for row in rows_of(rows, filter_rows(**values))]

    assert kept(equals=[{"day": "2024-02-29"}]) == [1]
    assert kept(equals=[{"j": {"a": [2]}}, {"n": "1"}]) == [1, 3]
    assert kept(not_equals=[{"j": {"a": [2]}}]) == [1, 2]
    assert kept(not_equals=[{"j": None}]) == [1, 3]
    with pytest.raises(ProcessorError, match="'soon' is not a date"):
        kept(equals=[{"day": "soon"}])
