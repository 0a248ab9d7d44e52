"""What packages, resources and schemas say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from dataflows_core import Flow
from dataflows_core.errors import FlowError, ProcessorError
from dataflows_core.processors import (
    add_metadata,
    filter_rows,
    load,
    set_primary_key,
    update_package,
    update_resource,
    update_schema,
    update_stats,
)

ROWS = [{"id": 1, "note": "-"}, {"id": 2, "note": "n/a"}]


@pytest.mark.parametrize("processor", [update_package, add_metadata])
def test_a_package_gets_properties_and_loses_them(processor: Any) -> None:
    flow = Flow(ROWS, processor(name="p", title="old"), processor(title=None, keywords=["k"]))
    descriptor = flow.package().descriptor
    assert (descriptor["name"], descriptor["keywords"]) == ("p", ["k"])
    assert "title" not in descriptor


def test_resources_cannot_be_overwritten_with_the_package() -> None:
    with pytest.raises(FlowError, match="update_resource and update_schema do"):
        update_package(resources=[])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (update_package, "was given none"),
        (lambda: update_resource(None), "was given none"),
        (lambda: update_resource(None, schema={}), "update_schema and set_type"),
        (lambda: update_resource(None, name=""), "is a text, and not ''"),
        (lambda: update_schema(None, fields=[]), "set_type, add_field"),
        (lambda: update_stats([("a", 1)]), "takes a mapping, and not list"),
    ],
)
def test_what_would_do_nothing_or_harm_is_refused(make: Any, message: str) -> None:
    with pytest.raises(FlowError, match=message):
        make()


def test_resources_are_renamed_and_described_wherever_they_are() -> None:
    flow = Flow(
        ROWS, ROWS, update_resource(0, name="first", title="First"), update_resource(None, encoding="utf-8")
    )
    first, second = flow.package().resources
    assert (first.name, first.properties) == ("first", {"title": "First", "encoding": "utf-8"})
    assert (second.name, second.properties) == ("res_2", {"encoding": "utf-8"})


def test_two_resources_of_one_name_are_refused() -> None:
    with pytest.raises(ProcessorError, match=r"update_resource.*\n.*two resources are named 'same'"):
        Flow(ROWS, ROWS, update_resource(None, name="same")).package()


def test_an_unknown_resource_is_refused_with_near_misses() -> None:
    with pytest.raises(ProcessorError, match="did you mean 'res_1'"):
        Flow(ROWS, update_resource("res1", title="x")).package()


def test_missing_values_become_null_where_they_are_declared() -> None:
    flow = Flow(ROWS, update_schema(-1, missingValues=["", "-", "n/a"]))
    results = flow.results()
    assert results.rows == [[{"id": 1, "note": None}, {"id": 2, "note": None}]]
    assert results.package[0].schema.properties == {"missingValues": ["", "-", "n/a"]}


def test_missing_values_behind_load_are_compared_with_the_text_of_the_source(tmp_path: Any) -> None:
    (tmp_path / "a.csv").write_text("n\n1\n-999\n")
    source = str(tmp_path / "a.csv")
    assert Flow(load(source), update_schema(None, missingValues=["-999"])).results().rows == [
        [{"n": 1}, {"n": None}]
    ]


def test_other_properties_of_schemas_pass_and_go() -> None:
    flow = Flow(ROWS, update_schema(0, uniqueKeys=[["id"]], custom=1), update_schema(0, custom=None))
    assert flow.package()[0].schema.properties == {"uniqueKeys": [["id"]]}


def test_a_primary_key_is_set_and_removed() -> None:
    flow = Flow(ROWS, set_primary_key(["id"]))
    assert flow.package()[0].descriptor["schema"]["primaryKey"] == ["id"]
    for nothing in (None, [], ""):
        removed = Flow(ROWS, set_primary_key("id"), set_primary_key(nothing)).package()
        assert "primaryKey" not in removed[0].descriptor["schema"]


def test_a_key_of_unknown_fields_is_refused() -> None:
    for step in (set_primary_key(["ident", "nota"]), update_schema(None, primaryKey=["nota"])):
        with pytest.raises(ProcessorError, match=r"did you mean 'note'|no field 'ident'"):
            Flow(ROWS, step).package()


def test_stats_are_merged_in_the_order_of_the_steps() -> None:
    stats = {"a": 1, "b": 1}
    flow = Flow(ROWS, update_stats(stats), filter_rows("id > 1"), update_stats({"b": 2}))
    assert flow.process().stats == {"a": 1, "b": 2}
    assert flow.process().stats == {"a": 1, "b": 2}
    assert stats == {"a": 1, "b": 1}
