"""Rejected rows: each is kept, with the place it came from, at a cost that does not explode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Field, Flow, Package, ProcessorError, Resource, Schema, Stream
from dataflows_core.branching import branch
from dataflows_core.lineage import Counted, FromSplit, Through
from dataflows_core.operations import Map
from dataflows_core.processors import filter_rows, set_type, validate
from dataflows_core.steps import StepRef

TEXTS = [{"n": number, "s": "x" if number % 3 == 0 else str(number)} for number in range(30)]
STEP = StepRef("step", "1")
SCHEMA = Schema((Field({"name": "n", "type": "integer"}),))


def rejected(*links: Any) -> list[dict[str, Any]]:
    results = Flow(*links).results()
    return results.rows[results.package.names.index("rejected")]


def test_every_rejected_row_is_kept_with_its_number_in_the_source() -> None:
    rows = rejected(
        TEXTS, filter_rows("n > 4"), set_type("s", type="integer", on_error="drop", rejects="rejected")
    )

    assert [row["row"] for row in rows] == [number + 1 for number in range(6, 30, 3)]
    assert [row["values"] for row in rows] == [TEXTS[number] for number in range(6, 30, 3)]
    assert {row["source"] for row in rows} == {"the list"}


def test_behind_a_step_that_may_reorder_the_step_is_named_that_is_counted_from() -> None:
    def turned(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        return reversed(list(rows))

    cast = set_type("s", type="integer", on_error="drop", rejects="rejected")
    rows = rejected(TEXTS, turned, filter_rows("n > 4"), cast)

    assert [row["row"] for row in rows] == [30 - number for number in range(27, 4, -3)]
    assert {row["source"] for row in rows} == {"the rows behind step 2, turned"}


@pytest.mark.parametrize("stop_early", [False, True])
def test_rejected_rows_are_whole_though_a_branch_stops_early(stop_early: bool) -> None:
    side = Flow(lambda rows: iter([next(rows)])) if stop_early else Flow(None)
    rows = rejected(
        TEXTS,
        filter_rows("n >= 0"),
        set_type("s", type="integer", on_error="drop", rejects="rejected"),
        branch(side),
    )

    assert len(rows) == 10


def test_rejected_rows_of_a_resource_that_comes_later_are_kept_too() -> None:
    def cast() -> Any:
        return set_type("s", resources="res_1|res_3", type="integer", on_error="drop", rejects="rejected")

    rows = rejected(
        TEXTS,
        cast(),
        TEXTS,
        set_type("s", resources="res_3", type="integer", on_error="drop", rejects="rejected"),
    )

    assert [row["resource"] for row in rows] == ["res_1"] * 10 + ["res_3"] * 10


def test_the_order_of_resources_stays_though_rejected_rows_are_read_last() -> None:
    results = Flow(TEXTS, validate(rejects="rejected"), [{"later": 1}]).results()

    assert results.package.names == ["res_1", "rejected", "res_3"]
    assert [len(rows) for rows in results.rows] == [30, 0, 1]


class Numbers:
    """A split of one block; record numbers leave some out, as when a loader skips lines."""

    source, size = "numbers", None

    def __init__(self, skipped: int) -> None:
        self.skipped, self.asked = skipped, 0

    def blocks(self) -> Iterator[int]:
        yield 0

    def decode(self, block: int) -> pa.RecordBatch:
        raise NotImplementedError

    def locate(self, block: int, index: int) -> int:
        self.asked += 1
        return index + 1 + (self.skipped if index >= 5 else 0)


def filtered(keep: Sequence[bool]) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """Keeps rows by their value, whatever batch they are in; changes every column."""

    def function(batch: pa.RecordBatch) -> pa.RecordBatch:
        values = [value for value in batch.column(0).to_pylist() if keep[abs(value) % len(keep)]]
        return pa.RecordBatch.from_arrays([pa.array([-value for value in values], pa.int64())], names=["n"])

    return function


def doubled(batch: pa.RecordBatch) -> pa.RecordBatch:
    values = [value for value in batch.column(0).to_pylist() for _ in range(abs(value) % 3)]
    return pa.RecordBatch.from_arrays([pa.array(values, pa.int64())], names=["n"])


def same(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch


@settings(max_examples=100)
@given(
    st.lists(
        st.one_of(st.lists(st.booleans(), min_size=1).map(filtered), st.just(doubled), st.just(same)),
        max_size=4,
    ),
    st.integers(1, 40),
    st.integers(0, 3),
)
def test_a_row_is_found_again_behind_whatever_maps(functions: list[Any], count: int, skipped: int) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(range(count), pa.int64())], names=["n"])
    operations = [Map(STEP, SCHEMA, SCHEMA, function) for function in functions]
    result = batch
    for operation in operations:
        result = operation.apply(result)[0]
    indices = list(range(result.num_rows))

    found = Through(FromSplit(Numbers(skipped), 0), batch, operations).locate(indices)  # type: ignore[arg-type]

    origins = [abs(value) for value in result.column(0).to_pylist()]
    assert found == [("numbers", origin + 1 + (skipped if origin >= 5 else 0)) for origin in origins]
    for index in indices[:3]:
        assert Through(FromSplit(Numbers(skipped), 0), batch, operations).locate([index]) == [found[index]]  # type: ignore[arg-type]


def test_records_without_gaps_are_located_with_two_questions() -> None:
    split = Numbers(0)

    assert FromSplit(split, 0).locate(range(1000)) == [("numbers", number) for number in range(1, 1001)]  # type: ignore[arg-type]
    assert split.asked == 2


def test_many_rows_behind_a_filter_are_found_without_asking_for_each() -> None:
    calls: list[int] = []

    def counted(batch: pa.RecordBatch) -> pa.RecordBatch:
        calls.append(batch.num_rows)
        return batch.slice(0, batch.num_rows)

    batch = pa.RecordBatch.from_arrays([pa.array(range(5000), pa.int64())], names=["n"])
    through = Through(Counted(0, STEP), batch, [Map(STEP, SCHEMA, SCHEMA, counted)] * 3)

    assert through.locate(range(0, 5000, 2))[-1] == ("the rows behind step 1, step", 4999)
    assert calls == [5000, 5000, 5000]


def test_nobody_looks_for_the_places_of_rejected_rows_that_nobody_hears_of() -> None:
    class Unplaced(Numbers):
        def decode(self, block: int) -> pa.RecordBatch:
            return pa.RecordBatch.from_arrays([pa.array(["1", "x"])], names=["n"])

        def locate(self, block: int, index: int) -> int:
            raise AssertionError

    text = Schema((Field({"name": "n", "type": "string"}),))

    def load(package: Package) -> None:
        package.add(Resource("numbers", Stream.of([Unplaced(0)], text)))

    flow = Flow(load, set_type("n", type="integer", on_error="drop"))
    assert flow.process().stats == {"dropped": 1}
    with pytest.raises((AssertionError, ProcessorError)):
        Flow(load, set_type("n", type="integer", on_error="drop", rejects="rejected")).process()
