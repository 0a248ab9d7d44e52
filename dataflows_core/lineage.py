"""Where a row came from, and which row is to blame: worked out on error, at no cost on success.

A batch travels with its `Lineage`. When an operation fails on a batch, the operations are replayed on
shorter and shorter heads of what entered them, until the one row is found; maps have no memory, so the
replay does what the run did.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pyarrow as pa

from dataflows_core.errors import CastError, ProcessorError, RowError
from dataflows_core.operations import Map, MapRows, Operation, Write
from dataflows_core.report import Rejected
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import StepRef
from dataflows_core.stream import Split

__all__ = ["Counted", "FromSplit", "Lineage", "Through", "blame", "blame_row", "located"]


_FEW = 8  # rows


class Lineage(Protocol):
    """Says where the rows of one batch came from."""

    def locate(self, indices: Sequence[int]) -> list[tuple[str, int]]:
        """For each of some rows, in ascending order: its source, and its 1-based number there."""
        ...


@dataclass(frozen=True)
class FromSplit:
    """The rows of one block of a split."""

    split: Split
    block: Any

    def locate(self, indices: Sequence[int]) -> list[tuple[str, int]]:
        """The split's source, and the records in it."""
        numbers: Sequence[int] = ()
        if len(indices) > 1:
            # Records are numbered upwards: where as many lie between two as rows do, none is left out.
            first, last = (self.split.locate(self.block, index) for index in (indices[0], indices[-1]))
            if last - first == indices[-1] - indices[0]:
                numbers = [first + index - indices[0] for index in indices]
        numbers = numbers or [self.split.locate(self.block, index) for index in indices]
        return [(self.split.source, number) for number in numbers]


@dataclass(frozen=True)
class Counted:
    """Rows whose origin is lost, because a step may have reordered them.

    Attributes:
        first: The number of rows before them.
        step: That step.
    """

    first: int
    step: StepRef

    def locate(self, indices: Sequence[int]) -> list[tuple[str, int]]:
        """The ordinals behind that step."""
        source = f"the rows behind step {self.step.position}, {self.step.name}"
        return [(source, self.first + index + 1) for index in indices]


@dataclass(frozen=True)
class Through:
    """The rows that operations made of a batch."""

    lineage: Lineage
    batch: pa.RecordBatch
    operations: Sequence[Operation]

    def locate(self, indices: Sequence[int]) -> list[tuple[str, int]]:
        """Where the rows came from that these were made of."""
        maps = [operation for operation in self.operations if isinstance(operation, Map)]
        batches = [self.batch]
        for operation in maps:
            batches.append(operation.apply(batches[-1])[0])
        for position in range(len(maps) - 1, -1, -1):
            indices = _positions_before(maps[position], batches[position], batches[position + 1], indices)
        return self.lineage.locate(indices)


def _positions_before(
    operation: Map, batch: pa.RecordBatch, result: pa.RecordBatch, indices: Sequence[int]
) -> Sequence[int]:
    """The positions in `batch` of the rows that those of `result` were made of."""
    if isinstance(operation.function, MapRows) or _share_memory(batch, result):
        return indices
    kept = _kept(operation, batch)
    if kept is not None and len(kept) == result.num_rows:
        return [kept[index] for index in indices]

    # A function may look beyond single rows, and has seen heads only; but many heads cost too much.
    few = len(indices) < _FEW

    def rows(low: int, high: int) -> int:
        count: int = operation.apply(batch[low:high])[0].num_rows
        return count

    def search(low: int, high: int, before: int, wanted: Sequence[int]) -> Iterator[int]:
        """Of the rows from `low` on, whose results begin at `before`, those that gave the wanted ones."""
        if not wanted:
            return
        if high - low == 1:
            yield from [low] * len(wanted)
            return
        middle = (low + high) // 2
        after = rows(0, middle) if few else before + rows(low, middle)
        split = bisect_left(wanted, after)
        yield from search(low, middle, before, wanted[:split])
        yield from search(middle, high, after, wanted[split:])

    return list(search(0, batch.num_rows, 0, indices))


def _share_memory(batch: pa.RecordBatch, result: pa.RecordBatch) -> bool:
    """Whether a column has passed as it was, and so every row kept its place."""
    if batch.num_rows != result.num_rows:
        return False
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    return any(
        name in columns and _places(columns[name]) == _places(column) != ()
        for name, column in zip(result.schema.names, result.columns, strict=True)
    )


def _places(column: pa.Array) -> tuple[int, ...]:
    """Where a column is in memory; nothing if it takes none."""
    addresses = [buffer.address for buffer in column.buffers() if buffer is not None]
    return (column.offset, *addresses) if addresses else ()


def _kept(operation: Map, batch: pa.RecordBatch) -> Sequence[int] | None:
    """The positions of the rows that an operation keeps, where there is a quicker way than to search."""
    from dataflows_core.cast import Cast

    if isinstance(operation.function, Cast):
        report = operation.apply(batch)[1]
        assert report is not None
        dropped = {item.index for item in report.rejected if item.action == "drop"}
        return [index for index in range(batch.num_rows) if index not in dropped]
    if "dataflows_core.expressions" not in sys.modules:
        return None  # nobody can have made a query
    from dataflows_core.expressions import Query

    if not isinstance(operation.function, Query):
        return None
    # The same conditions on the same fields; what passes is each row's position.
    position = Field({"name": _free_name(batch.schema.names), "type": "integer"})
    before = operation.function.before.add(position)
    query = Query(before, Schema((position,)), operation.function.reads, operation.function.conditions)
    numbered = batch.append_column(position.name, pa.array(range(batch.num_rows), pa.int64()))
    kept: list[int] = query(numbered).column(0).to_pylist()
    return kept


def _free_name(names: Sequence[str]) -> str:
    name = "position"
    while name in names:
        name += "_"
    return name


def located(rejected: Sequence[Rejected], lineage: Lineage) -> list[Rejected]:
    """Rejected rows with the places they came from.

    Args:
        rejected: Rows of one batch, in order.
        lineage: Where the rows of that batch came from.
    """
    places = lineage.locate([item.index for item in rejected])
    return [
        replace(item, source=source, row=row) for item, (source, row) in zip(rejected, places, strict=True)
    ]


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
            ((source, row),) = lineage.locate([index])
            step = operations[length - 1].step
            return _processor_error(cause, step, resource, row, source, values)
    last = operations[-1]
    if isinstance(last, Write) and isinstance(error, CastError | RowError):
        return blame_row(error, last.step, resource, Through(lineage, batch, operations), error.index)
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
    ((source, row),) = lineage.locate([index])
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
        resource=step.resource or resource,
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
