"""Resources put together."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dataflows_core import Flow
from dataflows_core.errors import CastError, FlowError, ProcessorError
from dataflows_core.processors import concatenate, load, set_primary_key, set_type, union, update_resource

A = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
B = [{"key": 3, "name": "c", "extra": True}]


def test_rows_follow_each_other_under_the_names_of_the_target() -> None:
    fields = {"id": ["key"], "name": None}
    flow = Flow(A, B, concatenate(fields, {"name": "all", "title": "All"}))
    results = flow.results()
    assert results.rows == [[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]]
    assert results.package["all"].properties == {"path": "data/all.csv", "title": "All"}
    assert flow.results().rows == results.rows


def test_parameters_are_not_changed_and_the_target_has_a_name_of_its_own() -> None:
    fields: dict[str, Any] = {"name": []}
    target: dict[str, Any] = {}
    assert Flow(A, concatenate(fields, target)).package().names == ["concat"]
    assert Flow(A, concatenate(fields)).package()[0].properties == {"path": "data/concat.csv"}
    assert (fields, target) == ({"name": []}, {})


def test_resources_need_not_be_neighbours_and_the_target_takes_the_first_place() -> None:
    flow = Flow(A, [{"other": 1}], A, concatenate({"id": []}, {"name": "res_1"}, ["res_1", "res_3"]))
    results = flow.results()
    assert results.package.names == ["res_1", "res_2"]
    assert results.rows == [[{"id": 1}, {"id": 2}, {"id": 1}, {"id": 2}], [{"other": 1}]]


def test_a_row_of_nothing_and_an_empty_resource_are_rows_and_a_resource() -> None:
    nothing = [{"id": None, "name": None}]
    flow = Flow(A, nothing, A, lambda row: None, set_type("id", resources=None, type="integer"))
    flow = flow | Flow(set_type("name", resources=None, type="string"), concatenate({"id": [], "name": []}))
    assert flow.results().rows == [[*A, *nothing, *A]]


def test_types_are_unified_exactly() -> None:
    rows = Flow([{"n": 2**62}], [{"n": Decimal("0.5")}], concatenate({"n": []})).results()
    assert rows.rows == [[{"n": Decimal(2**62)}, {"n": Decimal("0.5")}]]
    assert rows.package[0].schema.field("n").type == "number"
    with pytest.raises(
        ProcessorError, match=r"is of the type integer in resource 'res_1' and of the type string"
    ):
        Flow([{"n": 1}], [{"n": "x"}], concatenate({"n": []})).package()


def test_a_value_that_the_unified_type_cannot_hold_is_an_error_with_its_row() -> None:
    flow = Flow([{"n": 0.5}], [{"n": 1}, {"n": 2**60 + 1}], concatenate({"n": []}))
    with pytest.raises(ProcessorError) as caught:
        flow.process()
    assert isinstance(caught.value.cause, CastError)
    assert (caught.value.processor, caught.value.row, caught.value.values) == (
        "concatenate",
        2,
        {"n": 2**60 + 1},
    )


def test_of_several_fields_the_first_value_that_there_is_is_taken() -> None:
    rows = [{"a": None, "b": 1, "c": 2}, {"a": 3, "b": None, "c": None}]
    assert Flow(rows, concatenate({"n": ["a", "b"], "c": None})).results().rows == [
        [{"n": 1, "c": 2}, {"n": 3, "c": None}]
    ]


@pytest.mark.parametrize(
    ("on_drift", "expected"),
    [
        ("add", [{"id": 1, "name": "a", "extra": None}, {"id": None, "name": "c", "extra": True}]),
        ("drop", [{"name": "a"}, {"name": "c"}]),
        ("ignore", [{"id": 1, "name": "a"}, {"id": None, "name": "c"}]),
    ],
)
def test_drift(on_drift: Any, expected: Any) -> None:
    step = concatenate({"id": [], "name": [], "extra": []}, on_drift=on_drift)
    assert Flow(A[:1], B, step).results().rows == [expected]
    without_key = [{key: value for key, value in B[0].items() if key != "key"}]
    assert Flow(A[:1], without_key, union(on_drift=on_drift)).results().rows == [expected]


def test_drift_can_be_refused() -> None:
    with pytest.raises(ProcessorError, match=r"resource 'res_2' lacks 'id', which resource 'res_1' has"):
        Flow(A, B, concatenate({"id": [], "name": []}, on_drift="error")).package()
    with pytest.raises(ProcessorError, match=r"resource 'res_2' has 'key', 'extra', which resource 'res_1'"):
        Flow(A, B, union(on_drift="error")).package()
    assert Flow(A, A, union(on_drift="error")).results().rows == [[*A, *A]]


def test_keys_go_with_their_fields_when_all_resources_have_them() -> None:
    both = Flow(A, A, set_primary_key(["id"]), concatenate({"number": ["id"]})).package()
    assert both[0].schema.properties == {"primaryKey": ["number"]}
    one = Flow(A, set_primary_key(["id"]), A, concatenate({"number": ["id"]})).package()
    assert one[0].schema.properties == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: concatenate({}), "needs the fields of the target; union"),
        (lambda: concatenate({"a": ["x"], "b": ["x"]}), "'x' is listed for 'a' and for 'b'"),
        (lambda: concatenate({"a": ["b"], "b": None}), "'b' is listed for 'a' and for 'b'"),
        (lambda: concatenate({"a": []}, {"schema": {}}), "set_type changes it afterwards"),
        (lambda: concatenate({"a": []}, on_drift="ad"), "did you mean 'add'"),  # type: ignore[arg-type]
        (lambda: union(on_drift="none"), "not one of error, add, drop, ignore"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_sense_is_refused_when_the_flow_is_written(make: Any, message: str) -> None:
    with pytest.raises(FlowError, match=message):
        make()


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (concatenate({"nam": []}), "no field 'nam'; did you mean 'name'"),
        (concatenate({"x": ["id", "nam"]}), "no field 'nam'; did you mean 'name'"),
        (concatenate({"name": []}, {"name": "res_2"}, "res_1"), "a resource named 'res_2' is there already"),
        (union("res_7"), "no resource is named 'res_7'"),
    ],
)
def test_what_is_not_there_is_refused(step: Any, message: str) -> None:
    with pytest.raises(ProcessorError, match=message):
        Flow(A, [{"other": 1}], step).package()


def test_nothing_to_put_together_is_refused() -> None:
    with pytest.raises(ProcessorError, match="the package has none here"):
        Flow(union()).package()


def test_files_are_put_together_in_order_whatever_the_runner(tmp_path: Path) -> None:
    for number in (1, 2):
        lines = "".join(f"{number},{row}\n" for row in range(50_000))
        (tmp_path / f"part{number}.csv").write_text(f"part,{'row' if number == 1 else 'line'}\n{lines}")
    flow = Flow(
        load(str(tmp_path / "part1.csv")),
        load(str(tmp_path / "part2.csv")),
        concatenate({"part": [], "row": ["line"]}),
        update_resource(-1, name="all"),
    )
    expected = [{"part": part, "row": row} for part in (1, 2) for row in range(50_000)]
    assert flow.results().rows == [expected]
