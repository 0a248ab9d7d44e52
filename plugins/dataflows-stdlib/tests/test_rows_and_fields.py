"""What holds of all processors of rows and fields."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core import processors as p
from dataflows_core.errors import FlowError
from dataflows_core.operations import Map

ROWS = [
    {"id": 1, "name": "Ada King", "n": 7, "m": None, "day": "29.02.2024"},
    {"id": 2, "name": None, "n": 8, "m": 3, "day": "01.03.2024"},
]

LINKS = {
    "add_computed_field": p.add_computed_field(target="t", operation="sum", source=["n", "m"]),
    "format": p.add_computed_field(target="t", operation="format", with_="{name}: {n:03d}"),
    "cast_all": p.cast_all({"day": {"type": "date", "format": "%d.%m.%Y"}}),
    "coalesce": p.coalesce("t", ["m", "n"]),
    "explode": p.explode("name", " ", index="no"),
    "filter_rows": p.filter_rows(equals=[{"n": 7}]),
    "find_replace": p.find_replace([{"name": "name", "patterns": [{"find": "A(d)a", "replace": r"\1"}]}]),
    "hash_fields": p.hash_fields("name"),
    "merge_fields": p.merge_fields(["n", "name"], "t"),
    "parse_date": p.parse_date("day", "%d.%m.%Y"),
    "rename_fields": p.rename_fields({"n(.*)": r"\1_n"}),
    "select_fields": p.select_fields(["n", "id"]),
    "set_type": p.set_type("n", type="string", transform="n + 1"),
    "split_field": p.split_field("name", ["first", "last"], " "),
    "unpivot": p.unpivot(
        [{"name": "[nm]", "keys": {"k": r"\g<0>"}}], [{"name": "k"}], {"name": "v", "type": "number"}
    ),
    "validate": p.validate("n > 7", on_error="drop", report="errors"),
}
IN_ORDER = {
    "fill_down": p.fill_down("name"),
    "limit": p.limit(1),
    "profile": p.profile(),
    "row_number": p.row_number(),
    "sample": p.sample(1),
    "slice": p.slice(1),
    "validate_all": p.validate("n > 0", limit=9),
}


@pytest.mark.parametrize("name", LINKS)
def test_operations_without_memory_may_run_anywhere(name: str) -> None:
    resource = Flow(ROWS, LINKS[name]).package()[0]
    assert resource.stream is not None
    assert resource.stream.operations
    for operation in resource.stream.operations:
        assert isinstance(operation, Map)
        again = pickle.loads(pickle.dumps(operation.function))
        assert type(again) is type(operation.function)


@pytest.mark.parametrize("name", [*LINKS, *IN_ORDER])
def test_a_flow_runs_twice_with_one_result(name: str) -> None:
    flow = Flow(ROWS, {**LINKS, **IN_ORDER}[name])
    first = flow.results()
    assert first.rows == flow.results().rows
    assert first.stats == flow.results().stats
    assert first.rows[0]


@pytest.mark.parametrize("name", [*LINKS, *IN_ORDER])
def test_an_empty_table_stays_empty_and_gets_the_fields(name: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("id,name,n,m,day\n", encoding="utf-8")
    types = p.set_type("[nm]|id", type="integer")
    link = {**LINKS, **IN_ORDER}[name]
    flow = Flow(p.load(str(path)), types, link)

    assert flow.results().rows[0] == []
    assert flow.package()[0].schema.names == Flow(ROWS, link).package()[0].schema.names


@pytest.mark.parametrize("name", sorted(set(LINKS) - {"validate"}))
def test_a_table_without_fields_has_none_of_those_that_are_named(name: str) -> None:
    with pytest.raises(ProcessorError, match="no field") as caught:
        Flow([{}], LINKS[name]).process()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", sorted(set(IN_ORDER) - {"validate_all", "fill_down"}))
def test_a_table_without_fields_has_rows_all_the_same(name: str) -> None:
    rows: list[dict[str, Any]] = [{}, {}]
    assert Flow(rows, IN_ORDER[name]).results().rows[0]


@pytest.mark.parametrize(
    "link",
    [
        lambda: p.set_type("n", resorces=1),
        lambda: p.add_field("n", "string", resorces=1),
        lambda: p.explode("n", resorces=1),
        lambda: p.add_computed_field(target="t", operation="constant", resorces=1),
    ],
)
def test_a_misspelled_option_is_no_property_of_a_field(link: Any) -> None:
    with pytest.raises(FlowError, match="'resorces'"):
        link()
