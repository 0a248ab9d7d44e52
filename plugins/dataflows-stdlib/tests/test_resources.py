"""Resources that come and go."""

from __future__ import annotations

from typing import Any

import pytest

from dataflows_core import Flow
from dataflows_core.errors import FlowError, ProcessorError
from dataflows_core.processors import delete_resource, duplicate, load, update_resource

ROWS = [{"n": number} for number in range(5)]


def test_a_copy_is_put_behind_its_source_and_is_its_own() -> None:
    flow = Flow(ROWS, [{"other": 1}], update_resource(0, name="a", title="A"), duplicate("a"))
    results = Flow(flow, update_resource("a_copy", title="B")).results()
    assert results.package.names == ["a", "a_copy", "res_2"]
    assert results.rows == [ROWS, ROWS, [{"other": 1}]]
    assert [one.properties.get("title") for one in results.package.resources] == ["A", "B", None]
    assert results.package["a_copy"].descriptor["path"] == "a_copy.csv"


def test_a_copy_can_be_named_and_put_to_the_end() -> None:
    flow = Flow(
        ROWS, [{"other": 1}], duplicate(target_name="c", target_path="data/c.csv", duplicate_to_end=True)
    )
    package = flow.package()
    assert package.names == ["res_1", "res_2", "c"]
    assert package["c"].properties["path"] == "data/c.csv"


def test_rows_of_a_copy_are_computed_once_and_changed_apart() -> None:
    seen: list[int] = []

    def watch(row: Any) -> None:
        seen.append(row["n"])

    def change(resource: Any) -> None:
        if resource.name == "copy":
            resource.map_rows(lambda row: {"n": row["n"] * 10})

    rows = Flow(ROWS, watch, duplicate(target_name="copy"), change).results().rows
    assert rows == [ROWS, [{"n": number * 10} for number in range(5)]]
    assert seen == list(range(5))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (duplicate("res1"), "no resource is named 'res1'; did you mean 'res_1'"),
        (duplicate(target_name="res_1"), "a resource named 'res_1' is there already"),
        (delete_resource("res1"), "no resource is named 'res1'; did you mean 'res_1'"),
        (delete_resource(7), "no resource at position 7"),
    ],
)
def test_unknown_and_taken_names_are_refused(step: Any, message: str) -> None:
    with pytest.raises(ProcessorError, match=message):
        Flow(ROWS, step).package()


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(FlowError, match="batch_size must be a whole number from 1"):
        duplicate(batch_size=0)


def test_a_deleted_resource_is_read_to_its_end() -> None:
    seen: list[int] = []
    flow = Flow(ROWS, lambda row: seen.append(row["n"]), [{"other": 1}], delete_resource("res_1"))
    assert flow.results().rows == [[{"other": 1}]]
    assert seen == list(range(5))


def test_files_that_are_no_tables_can_be_copied_and_deleted(tmp_path: Any) -> None:
    (tmp_path / "note.txt").write_text("hello")
    (tmp_path / "datapackage.json").write_text('{"resources": [{"name": "note", "path": "note.txt"}]}')
    flow = Flow(load(str(tmp_path / "datapackage.json")), duplicate("note"))
    package = flow.package()
    assert package.names == ["note", "note_copy"]
    assert package["note"].source == package["note_copy"].source
    assert Flow(flow, delete_resource(None)).package().names == []
