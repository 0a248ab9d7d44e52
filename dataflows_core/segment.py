"""A segment: the maps and writes between two barriers, done to one batch in one go.

A segment needs nothing but the batch and the operations, so that it runs in a pool thread or in a worker
process alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from dataflows_core.errors import RowError
from dataflows_core.lineage import FromSplit, Lineage, Through, blame, blame_row
from dataflows_core.operations import Map, Operation, Write, conform
from dataflows_core.report import Report
from dataflows_core.schema import Schema
from dataflows_core.steps import StepRef, blamed
from dataflows_core.stream import Split

__all__ = ["Outcome", "blocks", "decode", "push"]


@dataclass
class Outcome:
    """What a segment made of one batch.

    Attributes:
        batch: The batch that leaves.
        lineage: Where its rows came from.
        arrived: Number of rows that entered.
        encoded: What is to be appended to the sinks, in order.
        reports: What the operations reported, and where the rows of the batch came from that they got.
        size: Bytes of the block that it was made of; None when that is not known.
    """

    batch: pa.RecordBatch
    lineage: Lineage
    arrived: int
    encoded: list[tuple[Write, Any]] = field(default_factory=list)
    reports: list[tuple[StepRef, Report, Lineage]] = field(default_factory=list)
    size: int | None = None


def blocks(split: Split, step: StepRef, resource: str) -> Iterator[Any]:
    """The blocks of a split.

    Raises:
        ProcessorError: The split cannot be read; names the loader.
    """
    with blamed(step, resource):
        yield from split.blocks()


def decode(
    split: Split, block: Any, schema: Schema, step: StepRef, resource: str
) -> tuple[pa.RecordBatch, Lineage]:
    """The rows of a block, and where they came from.

    Args:
        split: What the block is of.
        block: One of its blocks.
        schema: What the loader announced.
        step: The loader.
        resource: The resource's name.

    Raises:
        ProcessorError: The block cannot be read; names the loader, and the record if one is to blame.
    """
    lineage = FromSplit(split, block)
    try:
        return conform(split.decode(block), schema, carried=True), lineage
    except RowError as error:
        raise blame_row(error, step, resource, lineage, error.index) from error
    except Exception as error:  # the seam: a loader may raise anything
        raise blame(error, [Operation(step, None, None)], pa.record_batch({}), lineage, resource) from error  # type: ignore[arg-type]


def push(
    batch: pa.RecordBatch,
    lineage: Lineage,
    operations: Sequence[Operation],
    resource: str,
    *,
    sinks: bool = True,
) -> Outcome:
    """Do the operations to a batch.

    Args:
        batch: The batch that enters.
        lineage: Where its rows came from.
        operations: `Map`s and `Write`s.
        resource: The resource's name.
        sinks: Whether writes are done; a preview leaves them out.

    Raises:
        ProcessorError: An operation failed; names its step, and the row if one is to blame.
    """
    outcome = Outcome(batch, lineage, batch.num_rows)
    for index, operation in enumerate(operations):
        try:
            if isinstance(operation, Map):
                outcome.batch, report = operation.apply(outcome.batch)
                if report is not None:
                    before = Through(lineage, batch, operations[:index]) if index else lineage
                    outcome.reports.append((operation.step, report, before))
            elif isinstance(operation, Write) and sinks:
                outcome.encoded.append((operation, operation.sink.encode(outcome.batch)))
        except Exception as error:  # the seam: a step may raise anything
            raise blame(error, operations[: index + 1], batch, lineage, resource) from error
    if any(isinstance(operation, Map) for operation in operations):
        outcome.lineage = Through(lineage, batch, operations)
    return outcome
