"""One run of a planned package: pull every stream, feed the sinks, commit once.

This is the loop of dataflows. Per stream: the source's blocks are decoded, and the maps behind them done,
in an ordered thread pool; barriers run here, on the flow's own thread; what leaves the last operation is
dropped, because whoever wanted it has written it. Nothing in the pool waits for the pool.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pyarrow as pa

from dataflows_core.carried import typed
from dataflows_core.errors import FlowError, ProcessorError
from dataflows_core.lineage import Counted, located
from dataflows_core.operations import (
    EachRow,
    InWorkers,
    Map,
    Operation,
    PipeBatches,
    PipeRows,
    Write,
    conform,
)
from dataflows_core.pipes import Chunk, each_row, pipe_batches, pipe_rows
from dataflows_core.report import Report
from dataflows_core.segment import Outcome, blocks, decode, push
from dataflows_core.spool import Shared, Spooled
from dataflows_core.steps import StepRef, blamed
from dataflows_core.stream import Derived, Split, Splits, Stream

if TYPE_CHECKING:
    from dataflows_core.hooks import Events
    from dataflows_core.package import Package
    from dataflows_core.resource import Resource
    from dataflows_core.runner import Runner
    from dataflows_core.sink import Receipt

__all__ = ["Run", "writes_of"]

T = TypeVar("T")
R = TypeVar("R")


class Run:
    """One run of a planned package.

    Args:
        package: What was planned.
        runner: Where the splits are worked on; None means here, in threads.
        sinks: Whether anything is written; a preview leaves that out.
        events: Who is told what happens.
    """

    def __init__(
        self,
        package: Package,
        *,
        runner: Runner | None = None,
        sinks: bool = True,
        events: Events | None = None,
    ) -> None:
        self.package, self.runner, self.sinks, self.events = package, runner, sinks, events
        self.reports: dict[tuple[StepRef, str], Report] = {}
        self.receipts: dict[int, list[Receipt]] = {}
        self.passed = 0  # rows that left the resource that is being drained
        self._spooled: dict[Shared, Spooled] = {}
        self._opened: list[Generator[Any]] = []  # what holds files, processes, or a user's generator
        threads = max(2, min(os.cpu_count() or 2, 8))
        self._ahead = threads + 1
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="dataflows")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        _call_all(self._closing(), error)

    def execute(self, keep: Callable[[Resource, Iterator[pa.RecordBatch]], None] | None = None) -> None:
        """Pull every stream to its end, then commit what was written.

        Args:
            keep: Gets each resource that stays, and its typed batches; must read them all.

        Raises:
            ProcessorError: A step failed. What was written is taken back.
        """
        writes = writes_of(self.package) if self.sinks else []
        try:
            for write in writes:
                with blamed(write.step):
                    write.sink.begin()
            for resource in self._in_order():
                if keep is None or resource.stream is None or resource in self.package.removed:
                    self._drain(resource)
                else:
                    keep(resource, self.batches(resource))
            self._add_reports()
            for write in writes:
                with blamed(write.step):
                    write.sink.commit(self.receipts.get(id(write.sink), []))
            if self.sinks:
                self.package.finish()
        except BaseException as error:
            aborting = [*(write.sink.abort for write in writes), *self.package.aborting()]
            _call_all([*self._closing(), *aborting], error)
            if isinstance(error, SystemExit):  # its code may say that all is well
                raise FlowError(
                    "a function of the flow ended the program (sys.exit); raise an error"
                ) from error
            raise

    def _in_order(self) -> list[Resource]:
        """The resources in the order in which they are read; those of rejected rows last."""
        resources = [*self.package.removed, *self.package.resources]
        if self.package.rejects:
            from dataflows_core.rejects import reads_rejects

            resources.sort(key=reads_rejects)
        return resources

    def _closing(self) -> list[Callable[[], object]]:
        """What ends all work that goes on. Without it, an error's traceback would keep generators alive."""
        generators = [generator.close for generator in reversed(self._opened)]
        self._opened.clear()
        return [lambda: self._pool.shutdown(wait=True, cancel_futures=True), *generators]

    def batches(self, resource: Resource) -> Iterator[pa.RecordBatch]:
        """The typed batches of one resource."""
        assert resource.stream is not None
        schema = resource.stream.schema
        for chunk in self._chunks(resource.stream, resource.name):
            yield typed(chunk.batch, schema)

    def _drain(self, resource: Resource) -> None:
        if resource.stream is not None:
            self.passed = 0
            for chunk in self._chunks(resource.stream, resource.name, wanted=False):
                self.passed += chunk.batch.num_rows
            resource.count = self.passed

    def _chunks(self, stream: Stream, resource: str, *, wanted: bool = True) -> Iterator[Chunk]:
        (_, segment), *rest = _stages(stream.operations)
        chunks = self._origin(stream.origin, segment, resource, wanted=wanted or bool(rest))
        above = Stream(stream.origin, tuple(segment))
        for barrier, segment in rest:
            chunks = self._closed(self._barrier(chunks, barrier, resource, drain=above.writes and self.sinks))
            above = replace(above, operations=(*above.operations, *segment))
            if segment:
                chunks = self._segment(chunks, segment, resource)
        return chunks

    def _origin(
        self, origin: Splits | Derived, segment: list[Operation], resource: str, *, wanted: bool
    ) -> Iterator[Chunk]:
        if isinstance(origin, Derived):
            derived = self._shared if isinstance(origin.function, Shared) else self._derived
            return self._segment(self._closed(derived(origin, resource)), segment, resource)
        portable = all(getattr(split, "portable", True) for split in origin.splits)
        if self.runner is not None and self.sinks and portable:
            from dataflows_core.distribute import distributed

            return self._closed(distributed(self, self.runner, origin, segment, resource, wanted=wanted))
        return self._splits(origin, segment, resource)

    def _splits(self, origin: Splits, segment: list[Operation], resource: str) -> Iterator[Chunk]:
        sized = self.events is not None and all(split.size is not None for split in origin.splits)

        def work(item: tuple[Split, Any]) -> Outcome:
            split, block = item
            batch, lineage = decode(split, block, origin.schema, origin.step, resource)
            outcome = push(batch, lineage, segment, resource, sinks=self.sinks)
            outcome.size = len(block) if sized else None
            return outcome

        items = self._closed(self._blocks(origin, resource))
        return self._settle(self._ordered(work, items), resource, source=True)

    def _closed(self, generator: Generator[T]) -> Generator[T]:
        """The generator, which will be closed when the run ends."""
        self._opened.append(generator)
        return generator

    def _blocks(self, origin: Splits, resource: str) -> Generator[tuple[Split, Any]]:
        for split in origin.splits:
            for block in blocks(split, origin.step, resource):
                yield split, block

    def _derived(self, origin: Derived, resource: str) -> Generator[Chunk]:
        from dataflows_core.lineage import blame

        # An error that passes through DuckDB or another engine loses its cause: keep it here.
        failures: list[BaseException] = []
        reads = origin.reads or [None] * len(origin.inputs)
        inputs = [
            self._typed(stream, names, resource, failures)
            for stream, names in zip(origin.inputs, reads, strict=True)
        ]
        count = 0
        try:
            for batch in origin.function(*inputs):
                batch = conform(batch, origin.schema, carried=bool(origin.reads))
                yield Chunk(batch, Counted(count, origin.step))
                count += batch.num_rows
            for stream, batches in zip(origin.inputs, inputs, strict=True):
                if stream.writes and self.sinks:
                    for _ in batches:
                        pass
            if failures:
                raise failures[0]
        except ProcessorError:
            raise
        except Exception as error:  # the seam: a step may raise anything
            if failures:
                raise failures[0] from None
            operation = Operation(origin.step, origin.schema, origin.schema)
            raise blame(error, [operation], pa.record_batch({}), Counted(0, origin.step), resource) from error

    def _shared(self, origin: Derived, resource: str) -> Generator[Chunk]:
        """One reader's view of a stream that has several, and is computed once in a run."""
        assert isinstance(origin.function, Shared)
        (stream,) = origin.inputs
        batches = (chunk.batch for chunk in self._chunks(stream, resource))
        count = 0
        for batch in self._spooled.setdefault(origin.function, Spooled(batches)):
            yield Chunk(batch, Counted(count, origin.step))
            count += batch.num_rows

    def _typed(
        self, stream: Stream, names: frozenset[str] | None, resource: str, failures: list[BaseException]
    ) -> Iterator[pa.RecordBatch]:
        try:
            for chunk in self._chunks(stream, resource):
                yield typed(chunk.batch, stream.schema, names)
        except GeneratorExit:
            raise
        except BaseException as error:
            failures.append(error)
            raise

    def _segment(self, chunks: Iterator[Chunk], segment: list[Operation], resource: str) -> Iterator[Chunk]:
        if not segment:
            return chunks

        def work(chunk: Chunk) -> Outcome:
            return push(chunk.batch, chunk.lineage, segment, resource, sinks=self.sinks)

        return self._settle(self._ordered(work, chunks), resource)

    def _barrier(
        self, chunks: Iterator[Chunk], operation: Operation | None, resource: str, *, drain: bool
    ) -> Generator[Chunk]:
        if isinstance(operation, EachRow):
            yield from each_row(chunks, operation, resource)
        elif isinstance(operation, PipeRows):
            yield from pipe_rows(chunks, operation, resource)
        elif isinstance(operation, PipeBatches):
            yield from pipe_batches(chunks, operation, resource)
        elif isinstance(operation, InWorkers):
            from dataflows_core.workers import in_workers

            yield from in_workers(chunks, operation, resource)
        if drain:
            # A function that stops early must not cut short what is written above it.
            for _ in chunks:
                pass

    def _settle(self, outcomes: Iterator[Outcome], resource: str, *, source: bool = False) -> Iterator[Chunk]:
        """Do, in order and on this thread, what the pool could not."""
        for outcome in outcomes:
            for write, encoded in outcome.encoded:
                with blamed(write.step, resource):
                    write.sink.append(encoded)
            for step, report, lineage in outcome.reports:
                if report.rejected and self.hears(step):
                    report = Report(report.counts, located(report.rejected, lineage))
                self.note(step, resource, report)
            if source:
                self.arrived(resource, outcome.arrived, outcome.size)
            if outcome.batch.num_rows:
                yield Chunk(outcome.batch, outcome.lineage)

    def arrived(self, resource: str, rows: int, size: int | None) -> None:
        """Tell of rows that were read from a source."""
        if self.events is not None:
            self.events.progress(resource, rows, size)

    def hears(self, step: StepRef) -> bool:
        """Whether somebody wants to know the rows that a step rejects, and not only their number."""
        return step in self.package.rejects or (self.events is not None and self.events.hears_rejected)

    def note(self, step: StepRef, resource: str, report: Report) -> None:
        """Take in what an operation reports; rejected rows that somebody hears of have their places."""
        resource = step.resource or resource
        counts = self.reports.setdefault((step, resource), Report())
        counts.add(Report(report.counts))
        if not self.hears(step):
            return
        if step in self.package.rejects:
            self.package.rejects[step].add(step, resource, report.rejected)
        if self.events is not None:
            for rejected in report.rejected:
                self.events.row_rejected(step, resource, rejected)

    def _add_reports(self) -> None:
        for report in self.reports.values():
            for name, number in report.counts.items():
                self.package.stats[name] = self.package.stats.get(name, 0) + number

    def _ordered(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The results of `work`, in the order of `items`; a few are worked on ahead, in the pool."""
        pending: deque[Future[R]] = deque()
        waiting = iter(items)
        failure: Exception | None = None
        try:
            while True:
                try:
                    item = next(waiting)
                except StopIteration:
                    break
                except Exception as error:  # noqa: BLE001 - the seam: it has its place behind what is pending
                    failure = error
                    break
                pending.append(self._pool.submit(work, item))
                if len(pending) >= self._ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
            if failure is not None:
                raise failure
        finally:
            for future in pending:
                future.cancel()


def _call_all(functions: Iterable[Callable[[], object]], error: BaseException | None) -> None:
    """Call every function, also when some fail: each failure is noted at `error`, or else raised."""
    for function in functions:
        try:
            function()
        except Exception as other:  # the seam: sinks, steps and generators may raise anything
            if error is None:
                raise
            error.add_note(f"while this was taken back: {type(other).__name__}: {other}")


def _stages(operations: Sequence[Operation]) -> list[tuple[Operation | None, list[Operation]]]:
    """The operations as barriers, each with the maps and writes behind it; the first has no barrier."""
    stages: list[tuple[Operation | None, list[Operation]]] = [(None, [])]
    for operation in operations:
        if isinstance(operation, Map | Write):
            stages[-1][1].append(operation)
        else:
            stages.append((operation, []))
    return stages


def writes_of(package: Package) -> list[Write]:
    """Every write that was planned, once, in planning order."""
    found: dict[int, Write] = {}
    for resource in (*package.removed, *package.resources):
        for stream in resource.stream.upstream() if resource.stream is not None else ():
            for operation in stream.operations:
                if isinstance(operation, Write):
                    found.setdefault(id(operation.sink), operation)
    return sorted(found.values(), key=lambda write: [int(part) for part in write.step.position.split(".")])
