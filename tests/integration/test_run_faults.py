"""When a run fails: everything that was begun is taken back, and the error is the one that was first."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataflows_core import Field, Flow, Package, ProcessorError, Resource, Schema, Stream
from dataflows_core.errors import AccessError, FlowError
from dataflows_core.sink import Receipt

ROWS = [{"n": number} for number in range(5)]
NUMBERS = Schema((Field({"name": "n", "type": "integer"}),))


class Sink:
    """Writes down who called it; takes nothing back when told so."""

    def __init__(self, name: str, calls: list[str], *, stubborn: bool = False) -> None:
        self.name, self.calls, self.stubborn = name, calls, stubborn

    def begin(self) -> None: ...

    def encode(self, batch: pa.RecordBatch) -> None: ...

    def append(self, encoded: None) -> None: ...

    def commit(self, receipts: Sequence[Receipt]) -> None: ...

    def abort(self) -> None:
        self.calls.append(self.name)
        if self.stubborn:
            raise AccessError(f"{self.name} cannot be taken back")


def into(sink: Any, calls: list[str]) -> Any:
    def undo() -> None:
        calls.append(f"undo {sink.name}")
        raise OSError("no")

    def step(package: Package) -> None:
        package[0].write(sink)
        package.on_abort(undo)

    return step


def test_everything_is_taken_back_though_some_of_it_fails_and_the_first_error_stays() -> None:
    calls: list[str] = []

    with pytest.raises(ProcessorError, match="ZeroDivisionError") as caught:
        Flow(
            ROWS,
            into(Sink("a", calls, stubborn=True), calls),
            into(Sink("b", calls), calls),
            lambda row: row.update(n=1 // 0),
        ).process()

    assert calls == ["a", "b", "undo b", "undo a"]
    notes = "\n".join(caught.value.__notes__)
    assert "a cannot be taken back" in notes
    assert "OSError: no" in notes


def test_sinks_begin_in_the_order_of_their_steps() -> None:
    begun: list[str] = []

    class Beginning(Sink):
        def begin(self) -> None:
            begun.append(self.name)

    def write(name: str, resource: int) -> Any:
        return lambda package: package[resource].write(Beginning(name, []))

    twelve = [write(str(number), number % 2) for number in range(12)]
    Flow(ROWS, ROWS, *twelve, lambda package: package.remove(package[1])).process()

    assert begun == [str(number) for number in range(12)]


@pytest.mark.parametrize(
    "step", [lambda row: sys.exit(), lambda rows: sys.exit(0), lambda package: package[0].map_rows(sys.exit)]
)
def test_a_function_that_ends_the_program_fails_the_run(step: Any) -> None:
    calls: list[str] = []

    with pytest.raises(FlowError, match=r"sys\.exit"):
        Flow(ROWS, into(Sink("a", calls), calls), step).process()
    assert calls == ["a", "undo a"]


def test_what_fails_first_in_the_order_of_the_stream_is_blamed() -> None:
    def broken() -> Iterator[dict[str, Any]]:
        for number in range(20_000):
            yield {"n": number}
        raise OSError("the line is dead")

    with pytest.raises(ProcessorError) as caught:
        Flow(broken(), lambda row: row.update(n=1 // (row["n"] - 3))).process()
    assert (caught.value.position, caught.value.row) == ("2", 4)
    with pytest.raises(ProcessorError, match="the line is dead"):
        Flow(broken(), lambda row: None).process()
    # Nobody asked for the rows that cannot be read.
    assert len(Flow(broken(), lambda rows: islice(rows, 5)).results().rows[0]) == 5


class Opened:
    """A split whose file is open while it is read."""

    source, size, portable = "numbers", None, False
    closed = False

    def blocks(self) -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            self.closed = True

    def decode(self, block: int) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([pa.array([block])], names=["n"])

    def locate(self, block: int, index: int) -> int:
        return block


def test_sources_and_generators_are_closed_before_anything_is_taken_back() -> None:
    split, closed = Opened(), []

    def source(package: Package) -> None:
        package.add(Resource("numbers", Stream.of([split], NUMBERS)))
        package.on_abort(lambda: closed.extend([split.closed, *seen]))

    seen: list[str] = []

    def careful(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        try:
            yield from rows
        finally:
            seen.append("careful")

    with pytest.raises(ProcessorError, match="ZeroDivisionError"):
        Flow(source, careful, lambda row: row.update(n=1 // (row["n"] - 3))).process()

    assert closed == [True, "careful"]


def test_workers_and_their_files_are_gone_when_a_step_behind_them_fails(tmp_path: Path) -> None:
    # In a process of its own: its children and its temporary folder are nobody else's.
    (tmp_path / "numbers.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(300_000)), "utf-8")
    (tmp_path / "temporary").mkdir()
    (tmp_path / "run.py").write_text(
        """
import multiprocessing, os, tempfile, sys
from dataflows_core import Flow
from dataflows_core.processors import load

if __name__ == "__main__":
    flow = Flow(load("numbers.csv"), lambda row: row.update(n=1 // (row["n"] - 3)))
    try:
        flow.run("processes:2")
    except Exception as caught:
        error = caught  # holds the traceback, and all its frames
    for worker in multiprocessing.active_children():
        worker.join(30)  # one that was killed needs a moment; one that was not stays
    print(type(error).__name__, multiprocessing.active_children(), os.listdir(tempfile.gettempdir()))
""",
        "utf-8",
    )

    done = subprocess.run(
        [sys.executable, "run.py"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert done.stdout == "ProcessorError [] []\n", done.stderr
