"""The barriers: functions that see a stream whole and in order, on the flow's own thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dataflows_core.carried import typed
from dataflows_core.collector import CollectorAtRest
from dataflows_core.errors import CastError, FlowError, ProcessorError, RowError
from dataflows_core.lineage import Counted, Lineage, blame_row
from dataflows_core.operations import EachRow, Operation, PipeBatches, PipeRows, conform
from dataflows_core.rows import RowCodec, rows_to_batches

__all__ = ["Chunk", "each_row", "pipe_batches", "pipe_rows"]


@dataclass(frozen=True)
class Chunk:
    """A batch on its way, and where its rows came from."""

    batch: pa.RecordBatch
    lineage: Lineage


def each_row(chunks: Iterator[Chunk], operation: EachRow, resource: str) -> Iterator[Chunk]:
    """Call a function on every row."""
    codec, after = RowCodec(operation.before), RowCodec(operation.after)
    for chunk in chunks:
        with CollectorAtRest():
            rows = codec.decode(chunk.batch)
            results: list[Mapping[str, Any] | None] = []
            try:
                results.extend(map(operation.function, rows))
                if len(results) < len(rows):
                    raise RuntimeError("it raised StopIteration; next(…, None) does not")
            except Exception as error:  # the seam: a user's function may raise anything
                index = len(results)
                raise _blame_row(error, operation, codec, chunk, index, resource) from error
            if results.count(None) == len(rows):
                changed: Sequence[Mapping[str, Any]] = rows
            else:
                changed = [row if new is None else new for row, new in zip(rows, results, strict=True)]
            try:
                batch = after.encode(changed, chunk.batch)
            except (RowError, CastError) as error:
                raise _blame_row(error, operation, codec, chunk, error.index, resource) from error
        yield Chunk(batch, chunk.lineage)


def _blame_row(
    error: Exception, operation: Operation, codec: RowCodec, chunk: Chunk, index: int, resource: str
) -> ProcessorError:
    """The error of a function that failed at a row, with the row as it reached the function."""
    values = dict(codec.decode(chunk.batch[index : index + 1])[0])
    return blame_row(error, operation.step, resource, chunk.lineage, index, values)


class _Reading:
    """What a piped function has read so far, so that its failure can be placed."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self.chunk: Chunk | None = None
        self.index = 0
        self.row: Mapping[str, Any] | None = None

    def rows(self, chunks: Iterator[Chunk], codec: RowCodec) -> Iterator[dict[str, Any]]:
        for chunk in self.batches(chunks):
            for index, row in enumerate(codec.decode(chunk.batch)):
                self.index, self.row = index, row
                yield row
        self.chunk = self.row = None

    def batches(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        while True:
            try:
                chunk = next(chunks, None)
            except BaseException as error:
                # The function may swallow what passes through it; the run must fail all the same.
                self.failure = error
                raise
            if chunk is None:
                return
            self.chunk = chunk
            yield chunk

    def blame(self, error: Exception, operation: Operation, resource: str) -> ProcessorError:
        if self.chunk is None or self.row is None:
            return ProcessorError(
                error,
                processor=operation.step.name,
                position=operation.step.position,
                resource=operation.step.resource or resource,
            )
        return blame_row(error, operation.step, resource, self.chunk.lineage, self.index, dict(self.row))


class _Returned(RowCodec):
    """Encodes the rows that a function returned, and keeps those that it is at, to show the one to blame."""

    rows: Sequence[Mapping[str, Any]] = ()

    def encode(self, rows: Sequence[Mapping[str, Any]], base: pa.RecordBatch | None = None) -> pa.RecordBatch:
        self.rows = rows
        batch = super().encode(rows, base)
        self.rows = ()
        return batch

    def blame(
        self, error: RowError | CastError, operation: Operation, resource: str, count: int
    ) -> ProcessorError:
        row: Any = self.rows[error.index]
        return ProcessorError(
            error,
            processor=operation.step.name,
            position=operation.step.position,
            resource=operation.step.resource or resource,
            row=count + error.index + 1,
            source="what it returned",
            values=dict(row) if isinstance(row, Mapping) else None,
        )


def pipe_rows(chunks: Iterator[Chunk], operation: PipeRows, resource: str) -> Iterator[Chunk]:
    """Hand all rows to a function, in order."""
    reading = _Reading()
    before, after = RowCodec(operation.before), _Returned(operation.after)

    def run() -> Iterable[pa.RecordBatch]:
        rows: Iterable[Mapping[str, Any]] | None = operation.function(reading.rows(chunks, before))
        if rows is None:
            raise FlowError(
                "it returned None; a function of rows returns an iterable of rows, or yields them"
            )
        return rows_to_batches(rows, after)

    yield from _counted(run, reading, operation, resource, after)


def pipe_batches(chunks: Iterator[Chunk], operation: PipeBatches, resource: str) -> Iterator[Chunk]:
    """Hand all batches to a function, in order."""
    reading = _Reading()

    def run() -> Iterable[pa.RecordBatch]:
        batches = (typed(chunk.batch, operation.before) for chunk in reading.batches(chunks))
        return (conform(batch, operation.after) for batch in operation.function(batches))

    yield from _counted(run, reading, operation, resource)


def _counted(
    run: Callable[[], Iterable[pa.RecordBatch]],
    reading: _Reading,
    operation: Operation,
    resource: str,
    returned: _Returned | None = None,
) -> Iterator[Chunk]:
    """The batches of a piped function, with rows counted from here on: it may have reordered them."""
    count = 0
    try:
        for batch in run():
            yield Chunk(batch, Counted(count, operation.step))
            count += batch.num_rows
    except Exception as error:  # the seam: a user's function may raise anything
        if reading.failure is not None:  # the function may have made another error of it
            raise reading.failure  # noqa: B904 - it has a cause of its own
        if returned is not None and returned.rows and isinstance(error, RowError | CastError):
            raise returned.blame(error, operation, resource, count) from error
        raise reading.blame(error, operation, resource) from error
    if reading.failure is not None:
        raise reading.failure
