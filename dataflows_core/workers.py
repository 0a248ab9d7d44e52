"""The barrier that has its batches worked on by processes of its own (`InWorkers`).

A batch is cut into pieces, so that all workers have something to do. A worker that dies costs its piece
again, not the run; the row that kills it is found by halving the piece.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa

from dataflows_core.carried import typed
from dataflows_core.errors import ProcessorError, WorkerError
from dataflows_core.lineage import blame_row
from dataflows_core.operations import InWorkers, conform
from dataflows_core.pipes import Chunk
from dataflows_core.processes import ProcessRunner
from dataflows_core.rows import RowCodec

__all__ = ["in_workers"]

_MOST = 4096  # rows of a piece


@dataclass(frozen=True)
class _Piece:
    """A part of a chunk, as a task."""

    name: str
    function: Callable[[pa.RecordBatch], pa.RecordBatch]
    batch: pa.RecordBatch

    def __call__(self) -> pa.RecordBatch:
        return self.function(self.batch)

    def part(self, begin: int, end: int) -> _Piece:
        return _Piece(self.name, self.function, self.batch[begin:end])


class _Sent:
    """The chunks that are cut into pieces and sent, and the pieces that are not back."""

    def __init__(self, chunks: Iterator[Chunk], operation: InWorkers, resource: str, workers: int) -> None:
        self._chunks, self._operation, self._resource, self._workers = chunks, operation, resource, workers
        self.pieces: deque[tuple[Chunk, int, _Piece]] = deque()
        self.failure: BaseException | None = None

    def tasks(self) -> Iterator[_Piece]:
        step = self._operation.step
        name = f"{step.name} on rows of resource {step.resource or self._resource!r}"
        while (chunk := self._next()) is not None:
            batch = typed(chunk.batch, self._operation.before)
            size = min(_MOST, -(-batch.num_rows // (2 * self._workers)))
            for first in range(0, batch.num_rows, size):
                piece = _Piece(name, self._operation.function, batch[first : first + size])
                self.pieces.append((chunk, first, piece))
                yield piece

    def _next(self) -> Chunk | None:
        try:
            return next(self._chunks, None)
        except BaseException as error:
            self.failure = error
            raise


def in_workers(chunks: Iterator[Chunk], operation: InWorkers, resource: str) -> Generator[Chunk]:
    """Have all batches worked on by worker processes, in order.

    Args:
        chunks: The batches.
        operation: The operation.
        resource: The resource's name.

    Raises:
        ProcessorError: A row failed, or kills the worker that works on it.
    """
    runner = ProcessRunner(operation.workers or os.cpu_count() or 1)
    sent = _Sent(chunks, operation, resource, runner.workers)
    done: list[pa.RecordBatch] = []
    with closing(runner.in_order(sent.tasks())) as results:  # type: ignore[type-var] # it is a generator
        while True:
            try:
                batch = next(results, None)
                if batch is None:
                    return
                chunk, first, _ = sent.pieces[0]
                done.append(conform(batch, operation.after))
            except Exception as error:
                if error is sent.failure or not sent.pieces:
                    raise
                raise _blamed(error, operation, resource, runner, *sent.pieces[0]) from error
            sent.pieces.popleft()
            if first + batch.num_rows == chunk.batch.num_rows:
                yield Chunk(pa.concat_batches(done), chunk.lineage)
                done = []


def _blamed(
    error: Exception,
    operation: InWorkers,
    resource: str,
    runner: ProcessRunner,
    chunk: Chunk,
    first: int,
    piece: _Piece,
) -> ProcessorError:
    """The error of a piece that failed, with the row to blame."""
    if isinstance(error, ProcessorError) and error.row is not None:
        index, cause = error.row - 1, error.cause
    elif isinstance(error, WorkerError):
        index, cause = _deadly(piece, runner), error
    else:
        step = operation.step
        return ProcessorError(
            error, processor=step.name, position=step.position, resource=step.resource or resource
        )
    row = typed(piece.batch[index : index + 1], operation.before)
    values = dict(RowCodec(operation.before).decode(row)[0])
    return blame_row(_as_error(cause), operation.step, resource, chunk.lineage, first + index, values)


def _as_error(cause: BaseException) -> Exception:
    return cause if isinstance(cause, Exception) else RuntimeError(repr(cause))


def _deadly(piece: _Piece, runner: ProcessRunner) -> int:
    """The first row of a piece that kills its worker."""
    begin, end = 0, piece.batch.num_rows
    while end - begin > 1:
        middle = (begin + end) // 2
        try:
            runner.alone(piece.part(begin, middle), retries=1)
        except WorkerError:
            end = middle
        else:
            begin = middle
    return begin
