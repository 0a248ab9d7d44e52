from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from dataflows_core import Flow
from dataflows_core.errors import AccessError, ProcessorError, RowError
from dataflows_core.sink import Encoded, PartWriter, Receipt, Sink

ROWS = [{"id": n} for n in range(5)]


@dataclass(eq=False)
class Memory:
    """Keeps what it is given, and writes down who called it."""

    name: str
    calls: list[str]
    rows: list[int] = field(default_factory=list)

    def begin(self) -> None:
        self.calls.append(f"{self.name} begin")

    def encode(self, batch: pa.RecordBatch) -> Encoded:
        return batch.column(0).cast(pa.int64()).to_pylist()

    def append(self, encoded: Encoded) -> None:
        self.rows += encoded

    def open_part(self, part: int) -> PartWriter:
        raise NotImplementedError

    def commit(self, receipts: Sequence[Receipt]) -> None:
        assert not receipts
        self.calls.append(f"{self.name} commit")

    def abort(self) -> None:
        self.calls.append(f"{self.name} abort")


class Failing(Memory):
    """Fails in the method it is named after."""

    def begin(self) -> None:
        super().begin()
        self._fail("begin")

    def encode(self, batch: pa.RecordBatch) -> Encoded:
        self._fail("encode")
        return super().encode(batch)

    def append(self, encoded: Encoded) -> None:
        self._fail("append")
        super().append(encoded)

    def commit(self, receipts: Sequence[Receipt]) -> None:
        super().commit(receipts)
        self._fail("commit")

    def _fail(self, method: str) -> None:
        if method == self.name:
            raise AccessError(f"no {method}")


def into(sink: Sink, calls: list[str]):
    def step(package):
        package["res_1"].write(sink)
        package.on_finish(lambda: calls.append("finish"))
        package.on_abort(lambda: calls.append("abort of the package"))

    return step


def test_a_run_calls_begin_then_append_in_order_then_commit_then_what_finishes():
    calls: list[str] = []
    first, second = Memory("first", calls), Memory("second", calls)
    Flow(ROWS, into(first, calls), lambda row: row.update(id=row["id"] * 10), into(second, calls)).process()
    assert first.rows == [0, 1, 2, 3, 4]
    assert second.rows == [0, 10, 20, 30, 40]
    assert calls == ["first begin", "second begin", "first commit", "second commit", "finish", "finish"]


@pytest.mark.parametrize("method", ["begin", "encode", "append", "commit"])
def test_a_sink_that_fails_aborts_every_sink(method):
    calls: list[str] = []
    sink = Failing(method, calls)
    with pytest.raises((AccessError, ProcessorError), match=f"no {method}"):
        Flow(ROWS, into(Memory("first", calls), calls), into(sink, calls)).process()
    assert "finish" not in calls
    assert calls[-4:] == ["first abort", f"{method} abort", "abort of the package", "abort of the package"]
    assert ("first commit" in calls) == (method == "commit")


def test_reading_a_package_writes_nothing():
    calls: list[str] = []
    sink = Memory("first", calls)
    assert list(Flow(ROWS, into(sink, calls)).package()["res_1"].rows()) == ROWS
    assert (calls, sink.rows) == ([], [])


def test_a_row_that_a_sink_refuses_is_named():
    class Refusing(Memory):
        def encode(self, batch):
            raise RowError("not that one", index=1)

    calls: list[str] = []
    with pytest.raises(ProcessorError, match="row 2") as caught:
        Flow(ROWS, into(Refusing("first", calls), calls)).process()
    assert isinstance(caught.value.cause, RowError)
