"""The first segment of a stream, given to a runner: one task per split, settled in the order of the splits.

A task pushes its split through the segment and leaves behind, in files, what the rest of the run needs:
the parts that its sinks wrote, and, when a barrier follows, the batches. So results are small, may come
in any order, and a task that is run twice leaves the same files.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from dataflows_core.carried import typed
from dataflows_core.commit import access_errors
from dataflows_core.errors import AccessError
from dataflows_core.lineage import FromSplit, Through, located
from dataflows_core.operations import Operation, Write, conform
from dataflows_core.pipes import Chunk
from dataflows_core.report import Report
from dataflows_core.schema import Schema
from dataflows_core.segment import blocks, decode, push
from dataflows_core.steps import StepRef, blamed
from dataflows_core.stream import Split, Splits

if TYPE_CHECKING:
    from dataflows_core.run import Run
    from dataflows_core.runner import Runner
    from dataflows_core.sink import PartWriter, Receipt

__all__ = ["PartResult", "SplitTask", "distributed"]


@dataclass
class PartResult:
    """What a task leaves behind.

    Attributes:
        receipts: What its sinks wrote, in the order of the segment's writes.
        reports: What its operations reported.
        arrived: Rows of the split.
        passed: Rows that left the segment.
        blocks: Number of the block that each kept batch came from.
    """

    receipts: list[Receipt] = field(default_factory=list)
    reports: list[tuple[StepRef, Report]] = field(default_factory=list)
    arrived: int = 0
    passed: int = 0
    blocks: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class SplitTask:
    """One split pushed through a segment.

    Attributes:
        name: What messages call it.
        split: What is read.
        step: The step that brought the split.
        arriving: The schema of the split's batches.
        operations: The segment.
        schema: The schema of the batches that leave it.
        resource: The resource's name.
        part: The split's number, from 0; the number of the parts it writes.
        heard: The steps of which somebody wants the rejected rows.
        keep: The file that the batches are kept in, for what follows; None when nothing does.
    """

    name: str
    split: Split
    step: StepRef
    arriving: Schema
    operations: tuple[Operation, ...]
    schema: Schema
    resource: str
    part: int
    heard: frozenset[StepRef]
    keep: Path | None

    def __call__(self) -> PartResult:
        """Do it."""
        result = PartResult()
        writers: dict[int, tuple[Write, PartWriter]] = {}
        for operation in self.operations:
            if isinstance(operation, Write):
                with blamed(operation.step, self.resource):
                    writers[id(operation)] = operation, operation.sink.open_part(self.part)
        kept = pa.ipc.new_stream(str(self.keep), self.schema.arrow) if self.keep else None
        for number, block in enumerate(blocks(self.split, self.step, self.resource)):
            batch, lineage = decode(self.split, block, self.arriving, self.step, self.resource)
            outcome = push(batch, lineage, self.operations, self.resource)
            for write, encoded in outcome.encoded:
                with blamed(write.step, self.resource):
                    writers[id(write)][1].append(encoded)
            for step, report, before in outcome.reports:
                rejected = located(report.rejected, before) if step in self.heard else []
                result.reports.append((step, Report(report.counts, rejected)))
            result.arrived += outcome.arrived
            result.passed += outcome.batch.num_rows
            if kept is not None and outcome.batch.num_rows:
                with access_errors("keep rows in a temporary file"):
                    kept.write_batch(typed(outcome.batch, self.schema))
                result.blocks.append(number)
        for write, writer in writers.values():
            with blamed(write.step, self.resource):
                result.receipts.append(writer.close())
        if kept is not None:
            with access_errors("keep rows in a temporary file"):
                kept.close()
        return result


@dataclass(frozen=True)
class _Reread:
    """The rows that a task made of one block; the block is read again when somebody asks."""

    split: Split
    number: int
    arriving: Schema
    operations: tuple[Operation, ...]

    def locate(self, indices: Sequence[int]) -> list[tuple[str, int]]:
        """The split's source, and the records in it."""
        for number, block in enumerate(self.split.blocks()):
            if number == self.number:
                lineage = FromSplit(self.split, block)
                batch = conform(self.split.decode(block), self.arriving, carried=True)
                return Through(lineage, batch, self.operations).locate(indices)
        raise AccessError(f"{self.split.source} has changed while it was read")


def distributed(
    run: Run, runner: Runner, origin: Splits, segment: list[Operation], resource: str, *, wanted: bool
) -> Generator[Chunk]:
    """The batches of a stream's first segment, worked on by a runner.

    Args:
        run: The run it belongs to; gets reports and receipts, in the order of the splits.
        runner: Where the tasks run.
        origin: The splits.
        segment: Maps and writes.
        resource: The resource's name.
        wanted: Whether anything follows that needs the batches.
    """
    schema = segment[-1].after if segment else origin.schema
    folder = Path(tempfile.mkdtemp(prefix="dataflows-run-"))
    try:
        tasks = [
            SplitTask(
                name=_task_name(origin, segment, split, resource),
                split=split,
                step=origin.step,
                arriving=origin.schema,
                operations=tuple(segment),
                schema=schema,
                resource=resource,
                part=part,
                heard=frozenset(operation.step for operation in segment if run.hears(operation.step)),
                keep=folder / f"{part:06}.arrow" if wanted else None,
            )
            for part, split in enumerate(_divided(origin.splits, getattr(runner, "workers", 1)))
        ]
        waiting: dict[int, PartResult] = {}
        following = 0
        for index, result in runner.run(tasks):
            waiting[index] = result
            while following in waiting:
                yield from _settled(run, tasks[following], waiting.pop(following))
                following += 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settled(run: Run, task: SplitTask, result: PartResult) -> Iterator[Chunk]:
    writes = [operation for operation in task.operations if isinstance(operation, Write)]
    for write, receipt in zip(writes, result.receipts, strict=True):
        run.receipts.setdefault(id(write.sink), []).append(receipt)
    for step, report in result.reports:
        run.note(step, task.resource, report)
    run.arrived(task.resource, result.arrived, task.split.size)
    if task.keep is None:
        run.passed += result.passed
    else:
        with pa.OSFile(str(task.keep)) as file, pa.ipc.open_stream(file) as reader:
            for number, batch in zip(result.blocks, reader, strict=True):
                yield Chunk(batch, _Reread(task.split, number, task.arriving, task.operations))
        task.keep.unlink()


def _divided(splits: tuple[Split, ...], workers: int) -> list[Split]:
    """The same splits, cut smaller where they can be, so that every worker has something to do."""
    parts = -(-2 * workers // max(1, len(splits)))
    pieces: list[Split] = []
    for split in splits:
        divide = getattr(split, "divide", None)
        pieces += divide(parts) if divide is not None and parts > 1 else [split]
    return pieces


def _task_name(origin: Splits, segment: list[Operation], split: Split, resource: str) -> str:
    steps = dict.fromkeys([origin.step.name, *(operation.step.name for operation in segment)])
    return f"{' → '.join(steps)} of resource {resource!r}, on {split.source}"
