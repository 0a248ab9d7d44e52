"""Every kind of link works; anything else is refused with its position and type."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from dataflows_core import Flow, FlowError, Package, ProcessorError, Resource

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def doubled(row: dict[str, Any]) -> None:
    row["a"] *= 2


def add(amount: int, row: dict[str, Any]) -> None:
    row["a"] += amount


class Doubler:
    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "a": row["a"] * 2}

    def method(self, row: dict[str, Any]) -> None:
        row["a"] *= 2

    @staticmethod
    def static(row: dict[str, Any]) -> None:
        row["a"] *= 2

    @classmethod
    def of_class(cls, row: dict[str, Any]) -> None:
        row["a"] *= 2


def doubled_rows(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        row["a"] *= 2
        yield row


def doubled_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow.compute as pc

    return batch.set_column(0, "a", pc.multiply(batch.column("a"), 2))


def doubled_resource(resource: Any) -> None:
    resource.each_row(doubled)


def doubled_package(package: Package) -> Package:
    for resource in package.tables():
        resource.each_row(doubled)
    return package


def keyword_only(*, row: dict[str, Any]) -> None:
    row["a"] *= 2


def with_option(row: dict[str, Any], factor: int = 2) -> None:
    row["a"] *= factor


@pytest.mark.parametrize(
    "link",
    [
        doubled,
        lambda row: row.update(a=row["a"] * 2),
        lambda row: {**row, "a": row["a"] * 2},
        Doubler(),
        Doubler().method,
        Doubler.static,
        Doubler.of_class,
        with_option,
        doubled_rows,
        lambda rows: ({**row, "a": row["a"] * 2} for row in rows),
        doubled_batch,
        doubled_resource,
        doubled_package,
        functools.partial(doubled_rows),
        Flow(doubled),
        Flow(Flow(doubled), None),
    ],
)
def test_a_step_of_every_kind_changes_the_rows(link: Any) -> None:
    rows = Flow(ROWS, link).results().rows

    assert rows == [[{"a": 2, "b": "x"}, {"a": 4, "b": "y"}]]


def test_a_partial_keeps_its_bound_arguments() -> None:
    rows = Flow(ROWS, functools.partial(add, 10)).results().rows

    assert [row["a"] for row in rows[0]] == [11, 12]


def test_none_is_left_out_and_positions_still_count_it() -> None:
    flow = Flow(None, ROWS, None, lambda row: row["missing"])

    with pytest.raises(Exception, match="step 4, function"):
        flow.process()


@pytest.mark.parametrize(
    "source",
    [
        ROWS,
        tuple(ROWS),
        iter(ROWS),
        (row for row in ROWS),
        {1: ROWS[0], 2: ROWS[1]}.values(),
        pa.Table.from_pylist(ROWS),
        pa.RecordBatch.from_pylist(ROWS),
        pa.Table.from_pylist(ROWS).to_reader(),
    ],
)
def test_a_source_of_every_kind_gives_its_rows(source: Any) -> None:
    assert Flow(source).results().rows == [ROWS]


def test_lists_and_tuples_are_rows_with_numbered_fields() -> None:
    assert Flow([(1, "x"), (2, "y")]).results().rows == [[{"col0": 1, "col1": "x"}, {"col0": 2, "col1": "y"}]]


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (42, "int"),
        (object(), "object"),
        ("emissions.csv", r'load\("emissions.csv"\)'),
        (b"bytes", "bytes"),
        ({"a": 1}, "dict"),
        (lambda line: line, "one required parameter is named 'line'"),
        (lambda row, other: row, "2 required parameters"),
        (lambda: None, "no required parameter; if it is a processor, call it"),
        (Doubler, "it is a class"),
        (3.5, "float"),
        (pa.Table, "it is a class"),
        (keyword_only, "must be positional"),
    ],
)
def test_anything_else_is_refused_with_position_and_type(link: Any, expected: str) -> None:
    with pytest.raises(FlowError, match=expected) as caught:
        Flow(ROWS, link)

    assert "link 2 of the flow" in str(caught.value)
    assert type(link).__name__ in str(caught.value)


def test_flows_join_with_a_bar() -> None:
    flow = Flow(ROWS) | doubled | Flow(doubled)

    assert [row["a"] for row in flow.results().rows[0]] == [4, 8]


def test_positions_of_nested_flows_are_paths() -> None:
    flow = Flow(ROWS, Flow(doubled, Flow(doubled, lambda row: 1 / 0)))

    with pytest.raises(Exception, match=r"step 2\.2\.2, function"):
        flow.process()


@pytest.mark.parametrize("result", [7, [1], pa.table({"a": [1]})])
def test_a_function_of_a_resource_returns_nothing_else(result: Any) -> None:
    with pytest.raises(ProcessorError, match=f"it returned {type(result).__name__}") as caught:
        Flow(ROWS, lambda resource: result).process()
    assert (caught.value.position, caught.value.exit_code) == ("2", 2)
    assert Flow(ROWS, lambda resource: resource).results().rows == [ROWS]


def test_a_step_for_what_is_not_tabular_is_not_skipped_in_silence() -> None:
    def image(package: Package) -> None:
        package.add(Resource("image"))

    with pytest.raises(ProcessorError, match="'image' is not tabular"):
        Flow(ROWS, image, lambda package: package.tables("image") and None).process()
    assert Flow(image, doubled).process().package.names == ["image"]


def test_a_function_of_batches_cannot_read_a_field_that_is_not_there() -> None:
    with pytest.raises(ProcessorError, match="there is no field 'A'"):
        Flow(ROWS, lambda package: package[0].map_batches(lambda batch: batch, reads=["A"])).process()
