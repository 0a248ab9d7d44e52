"""One stream with several readers: computed once in each run, and written once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dataflows_core import Flow, Package, ProcessorError
from dataflows_core.branching import branch
from dataflows_core.sink import Receipt

MANY = [{"n": number} for number in range(50_000)]


class Memory:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def begin(self) -> None: ...

    def encode(self, batch: Any) -> list[int]:
        return batch.column("n").to_pylist()

    def append(self, encoded: list[int]) -> None:
        self.rows += encoded

    def commit(self, receipts: Sequence[Receipt]) -> None: ...

    def abort(self) -> None: ...


def into(sink: Any) -> Any:
    return lambda package: package[0].write(sink)


def first(rows: Any) -> Any:
    yield next(rows)


@pytest.mark.parametrize(
    "flows", [(Flow(None),), (Flow(first),), (Flow(None), Flow(first)), (Flow(first), Flow(first))]
)
def test_what_is_written_above_a_branch_is_written_once(flows: tuple[Flow, ...]) -> None:
    sink = Memory()

    Flow(MANY, into(sink), branch(*flows)).process()

    assert sink.rows == [row["n"] for row in MANY]


def test_a_source_that_can_be_read_once_can_be_branched() -> None:
    sink = Memory()

    rows = Flow((row for row in MANY), into(sink), branch(Flow(None)), first).results().rows

    assert rows == [[{"n": 0}]]
    assert len(sink.rows) == len(MANY)


def test_a_planned_package_can_be_read_again_after_a_reading_that_was_given_up() -> None:
    package = Flow(MANY, branch(Flow(None))).package()
    reading = package[0].rows()
    next(reading)
    reading.close()  # type: ignore[attr-defined]

    assert list(package[0].rows()) == MANY
    assert package[0].to_arrow().num_rows == len(MANY)


def test_a_failure_above_a_branch_blames_the_step_that_failed() -> None:
    with pytest.raises(ProcessorError) as caught:
        Flow(
            MANY, lambda row: row.update(n=1 // (row["n"] - 40_000)), branch(Flow(first), Flow(None))
        ).process()

    assert (caught.value.position, caught.value.row) == ("2", 40_001)


def test_branches_within_branches_read_what_they_share() -> None:
    seen: list[str] = []

    def note(name: str) -> Any:
        def row_function(row: dict[str, Any]) -> None:
            if row["n"] == 49_999:
                seen.append(name)

        return row_function

    def step(package: Package) -> None:
        package[0].each_row(note("outer"))

    inner = Flow(branch(Flow(note("a")), Flow(note("b"))), note("c"))
    Flow(MANY, step, branch(inner, Flow(first)), note("d")).process()

    assert sorted(seen) == ["a", "b", "c", "d", "outer"]
