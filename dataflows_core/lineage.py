"""Where a row came from, and which row is to blame: worked out on error, at no cost on success.

A batch travels with its `Lineage`. When an operation fails on a batch, the operations are replayed on
shorter and shorter heads of what entered them, until the one row is found; maps have no memory, so the
replay does what the run did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from dataflows_core.errors import CastError, ProcessorError, RowError
from dataflows_core.operations import Map, Operation
from dataflows_core.steps import StepRef
from dataflows_core.stream import Split

__all__ = ["Counted", "FromSplit", "Lineage", "Through", "blame", "blame_row"]


class Lineage(Protocol):
    """Says where the rows of one batch came from."""

    def locate(self, index: int) -> tuple[str, int]:
        """The source and the 1-based record of a row; with an empty source, its ordinal in the stream."""
        ...


@dataclass(frozen=True)
class FromSplit:
    """The rows of one block of a split."""

    split: Split
    block: Any

    def locate(self, index: int) -> tuple[str, int]:
        """The record in the split's source."""
        return self.split.source, self.split.locate(self.block, index)


@dataclass(frozen=True)
class Counted:
    """Rows whose origin is lost, because something before them may have reordered them."""

    first: int

    def locate(self, index: int) -> tuple[str, int]:
        """The ordinal in the stream."""
        return "", self.first + index + 1


@dataclass(frozen=True)
class Through:
    """The rows that operations made of a batch."""

    lineage: Lineage
    batch: pa.RecordBatch
    operations: Sequence[Operation]

    def locate(self, index: int) -> tuple[str, int]:
        """Where the row came from that the row `index` was made of."""
        head = _shortest(
            self.batch.num_rows, lambda n: _replay(self.batch[:n], self.operations).num_rows > index
        )
        return self.lineage.locate(head - 1)


def blame(
    error: Exception, operations: Sequence[Operation], batch: pa.RecordBatch, lineage: Lineage, resource: str
) -> ProcessorError:
    """The error of the step that failed, with the row to blame if one is.

    Args:
        error: What the last of `operations` raised.
        operations: What was done to the batch, up to and including the one that failed.
        batch: What entered the first of them.
        lineage: Where its rows came from.
        resource: The resource's name.
    """
    operations = [
        part for operation in operations for part in (getattr(operation, "parts", ()) or (operation,))
    ]
    for length in range(1, len(operations) + 1):
        found = _find(operations[:length], batch)
        if found is not None:
            index, cause, values = found
            source, row = lineage.locate(index)
            step = operations[length - 1].step
            return _processor_error(cause, step, resource, row, source, values)
    # It did not happen again: no row can be named.
    return _processor_error(error, operations[-1].step, resource)


def blame_row(
    error: Exception,
    step: StepRef,
    resource: str,
    lineage: Lineage,
    index: int,
    values: dict[str, Any] | None = None,
) -> ProcessorError:
    """The error of a step that failed at a row that is known."""
    source, row = lineage.locate(index)
    return _processor_error(error, step, resource, row, source, values)


def _processor_error(
    cause: Exception,
    step: StepRef,
    resource: str,
    row: int | None = None,
    source: str = "",
    values: dict[str, Any] | None = None,
) -> ProcessorError:
    return ProcessorError(
        cause,
        processor=step.name,
        position=step.position,
        resource=resource,
        row=row,
        source=source,
        values=values,
    )


def _find(
    operations: Sequence[Operation], batch: pa.RecordBatch
) -> tuple[int, Exception, dict[str, Any]] | None:
    """The first row that makes the operations fail, why, and its values as they reached the last one."""
    if batch.num_rows == 0 or _failure(operations, batch) is None:
        return None
    head = _shortest(batch.num_rows, lambda n: _failure(operations, batch[:n]) is not None)
    alone = batch[head - 1 : head]
    error = _failure(operations, alone) or _failure(operations, batch[:head])
    if error is None:
        return None
    if isinstance(error, CastError | RowError):
        error.index = 0
    reached = _replay(alone, operations[:-1])
    return head - 1, error, _values(reached, operations[-1])


def _failure(operations: Sequence[Operation], batch: pa.RecordBatch) -> Exception | None:
    try:
        _replay(batch, operations)
    except Exception as error:  # noqa: BLE001 - the seam: whatever a step raises is what is being looked for
        return error
    return None


def _replay(batch: pa.RecordBatch, operations: Sequence[Operation]) -> pa.RecordBatch:
    for operation in operations:
        if isinstance(operation, Map):
            batch = operation.apply(batch)[0]
    return batch


def _shortest(length: int, holds: Callable[[int], bool]) -> int:
    """The smallest n in 1..length for which `holds` is true; it is true for `length`, and for all above n."""
    low, high = 1, length
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _values(batch: pa.RecordBatch, operation: Operation) -> dict[str, Any]:
    from dataflows_core.rows import RowCodec

    if batch.num_rows == 0:
        return {}
    return dict(RowCodec(operation.before).decode(batch[:1])[0])
