"""What a run promises: nothing lost, everything blamed, the same again the second time."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from dataflows_core import Field, Flow, FlowError, Package, ProcessorError
from dataflows_core.errors import near_misses

ROWS = [{"n": number, "s": str(number)} for number in range(1, 200)]


def test_the_same_flow_runs_twice() -> None:
    flow = Flow(ROWS, lambda row: row.update(n=row["n"] + 1))

    assert flow.results().rows == flow.results().rows
    assert flow.results().rows[0][0] == {"n": 2, "s": "1"}


def test_a_generator_runs_once_and_says_so() -> None:
    flow = Flow(row for row in ROWS)
    flow.process()

    with pytest.raises(ProcessorError, match="it can be run once"):
        flow.process()


def test_the_innermost_step_is_blamed_with_its_row() -> None:
    def fail(row: dict[str, Any]) -> None:
        if row["n"] == 151:
            raise ValueError("no such thing")

    flow = Flow(ROWS, lambda row: None, fail, lambda row: None, lambda rows: list(rows))

    with pytest.raises(ProcessorError) as caught:
        flow.process()
    error = caught.value
    assert (error.processor, error.position, error.resource, error.row) == ("fail", "3", "res_1", 151)
    assert error.values == {"n": 151, "s": "151"}
    assert isinstance(error.__cause__, ValueError)
    assert "no such thing" in str(error)


def test_a_map_is_blamed_with_the_row_of_the_source_behind_a_filter() -> None:
    import pyarrow.compute as pc

    def odd(batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.filter(pc.equal(pc.bit_wise_and(batch.column("n"), 1), 1))

    def fail(batch: pa.RecordBatch) -> pa.RecordBatch:
        if 151 in batch.column("n").to_pylist():
            raise ValueError("no such thing")
        return batch

    def step(package: Package) -> None:
        for resource in package.tables():
            resource.map_batches(odd)
            resource.map_batches(fail)

    with pytest.raises(ProcessorError) as caught:
        Flow(ROWS, step).process()
    assert caught.value.row == 151
    assert caught.value.values == {"n": 151, "s": "151"}


def test_an_error_crosses_a_process_boundary_whole() -> None:
    with pytest.raises(ProcessorError) as caught:
        Flow(ROWS, lambda row: row["missing"]).process()
    again = pickle.loads(pickle.dumps(caught.value))

    assert str(again) == str(caught.value)
    assert (again.row, again.values, again.exit_code) == (1, ROWS[0], 1)
    assert isinstance(again.__cause__, KeyError)


def test_a_function_that_swallows_the_errors_of_its_rows_does_not_save_the_run() -> None:
    def swallow(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        try:
            yield from rows
        except Exception:
            return

    with pytest.raises(ProcessorError) as caught:
        Flow(ROWS, lambda row: row["missing"], swallow).process()
    assert caught.value.position == "2"


def test_a_new_key_is_an_error_that_names_add_field() -> None:
    with pytest.raises(ProcessorError, match="add_field"):
        Flow(ROWS, lambda row: row.update(new=1)).process()


def test_rows_may_be_dropped_added_and_remembered() -> None:
    def running(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        total = 0
        for row in rows:
            total += row["n"]
            if row["n"] % 2 == 0:
                yield {**row, "n": total}
                yield row

    rows = Flow(ROWS[:4], running).results().rows[0]

    assert [row["n"] for row in rows] == [3, 2, 10, 4]


def test_a_step_that_stops_early_does_not_cut_short_what_is_read_before_it() -> None:
    seen: list[int] = []

    def remember(batch: pa.RecordBatch) -> bytes:
        seen.extend(batch.column("n").to_pylist())
        return b""

    class Memory:
        begun = committed = False

        def begin(self) -> None:
            self.begun = True

        encode = staticmethod(remember)

        def append(self, encoded: bytes) -> None: ...

        def commit(self, receipts: list[Any]) -> None:
            self.committed = True

        def abort(self) -> None: ...

    sink: Any = Memory()
    many = [{"n": number} for number in range(100_000)]

    def write(package: Package) -> None:
        package[0].write(sink)

    rows = (
        Flow(many, write, lambda rows: (row for row, _ in zip(rows, range(3), strict=False))).results().rows
    )

    assert len(rows[0]) == 3
    assert sorted(seen) == list(range(100_000))
    assert sink.committed


def test_removed_resources_are_read_to_their_end() -> None:
    seen: list[int] = []

    def remember(row: dict[str, Any]) -> None:
        seen.append(row["n"])

    def remove(package: Package) -> None:
        package.remove(package[0])

    results = Flow(ROWS, remember, remove, [{"m": 1}]).results()

    assert seen == [row["n"] for row in ROWS]
    assert results.package.names == ["res_1"]


def test_finish_functions_run_in_order_after_the_last_row_and_not_after_a_failure() -> None:
    called: list[str] = []

    def watch(name: str) -> Any:
        def step(package: Package) -> None:
            package.on_finish(lambda: called.append(name))

        return step

    Flow(
        ROWS, watch("first"), watch("second"), lambda row: called.append("row") if row["n"] == 1 else None
    ).process()
    assert called == ["row", "first", "second"]

    called.clear()
    with pytest.raises(ProcessorError):
        Flow(ROWS, watch("first"), lambda row: 1 / 0).process()
    assert called == []


def test_process_keeps_no_rows_and_says_so_while_results_does() -> None:
    flow = Flow(ROWS)

    with pytest.raises(FlowError, match="results"):
        flow.process().package[0].to_arrow()
    assert flow.results().package[0].to_arrow().num_rows == len(ROWS)
    assert flow.package()[0].to_arrow().to_pylist() == ROWS


def test_two_readers_share_one_stream_that_is_computed_once() -> None:
    from dataflows_core import Resource, Stream

    seen: list[int] = []

    def share(package: Package) -> None:
        stream = package[0].stream
        assert stream is not None
        left, right = stream.share()
        package[0].stream = left
        other = package.add(Resource("other", right))

        def interleave(
            ours: Iterator[pa.RecordBatch], theirs: Iterator[pa.RecordBatch]
        ) -> Iterator[pa.RecordBatch]:
            for one, two in zip(ours, theirs, strict=True):
                assert one.equals(two)
                yield one

        other.stream = Stream.derive([left, right], interleave, left.schema)

    many = [{"n": number} for number in range(50_000)]
    rows = Flow(many, lambda row: seen.append(row["n"]), share).results().rows

    assert rows[0] == rows[1] == many
    assert len(seen) == len(many)


def test_a_derived_stream_gets_typed_what_it_reads_and_returns_the_rest_as_it_came() -> None:
    from dataflows_core.stream import Stream

    seen: list[pa.DataType] = []

    def carry(package: Package) -> None:
        package[0].map_batches(
            lambda batch: batch.set_column(1, "m", batch.column(1).cast(pa.string())), reads=()
        )

    def derive(package: Package) -> None:
        def through(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                seen.extend(batch.schema.types)
                yield batch

        stream = package[0].stream
        assert stream is not None
        package[0].stream = Stream.derive([stream], through, stream.schema, reads=[{"n"}])

    rows = [{"n": 1, "m": 2}]

    assert Flow(rows, carry, derive).results().rows == [rows]
    assert seen == [pa.int64(), pa.string()]


def test_a_schema_may_say_more_but_not_change_columns_by_itself() -> None:
    def describe(package: Package) -> None:
        schema = package[0].schema
        package[0].schema = schema.add(schema.field("n").update(title="The number"))

    def retype(package: Package) -> None:
        package[0].schema = package[0].schema.add(Field({"name": "n", "type": "string"}))

    assert Flow(ROWS, describe).package()[0].schema.field("n").descriptor["title"] == "The number"
    with pytest.raises(ProcessorError, match="other fields or types"):
        Flow(ROWS, retype).process()


def test_a_limit_reads_no_more_of_each_source() -> None:
    pulled: list[int] = []

    def endless() -> Iterator[dict[str, Any]]:
        number = 0
        while True:
            pulled.append(number)
            yield {"n": number}
            number += 1

    flow = Flow(endless(), lambda row: row.update(n=row["n"] * 2))
    seen: list[int] = []
    (flow | (lambda row: seen.append(row["n"]))).run(limit=5)

    assert seen == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("wrong", ["nope", 7, ["res_1", "nope"]])
def test_a_resource_that_is_not_there_is_named_with_those_that_are(wrong: Any) -> None:
    with pytest.raises(ProcessorError, match=r"res_1|position 7"):
        Flow(ROWS, lambda package: package.select(wrong) and None).process()


def test_a_package_is_iterated_by_its_resources() -> None:
    package = Flow([{"a": 1}], [{"b": 2}]).process().package
    assert [resource.name for resource in package] == package.names


def test_a_name_in_another_case_is_a_near_miss() -> None:
    assert near_misses("A", ["b", "a"]) == ["a"]
    assert near_misses("TOTAL", ["totals", "total", "x"]) == ["total"]
