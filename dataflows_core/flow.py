"""A flow: a chain of links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from dataflows_core.errors import FlowError
from dataflows_core.links import name_of, step_of
from dataflows_core.package import Package
from dataflows_core.steps import StepRef, blamed, planning

if TYPE_CHECKING:
    import pyarrow as pa

    from dataflows_core.graph import Graph
    from dataflows_core.hooks import Events
    from dataflows_core.resource import Resource
    from dataflows_core.runner import Runner
    from dataflows_core.steps import Step

__all__ = ["Flow", "Processed", "Results"]


class Processed(NamedTuple):
    """What `Flow.process` returns.

    Attributes:
        package: The package as it left the last step; its rows have passed.
        stats: What the steps reported.
    """

    package: Package
    stats: dict[str, Any]


class Results(NamedTuple):
    """What `Flow.results` returns.

    Attributes:
        rows: The rows of each tabular resource, as dicts.
        package: The package as it left the last step; its rows can be read again, from memory.
        stats: What the steps reported.
    """

    rows: list[list[dict[str, Any]]]
    package: Package
    stats: dict[str, Any]


@dataclass(frozen=True)
class Planned:
    """One step as it is planned.

    Attributes:
        ref: Its name and position.
        step: The step.
        link: The link it was made of.
    """

    ref: StepRef
    step: Step
    link: Any


class Flow:
    """A chain of links: sources, steps, sinks, other flows.

    Args:
        *links: Functions with one parameter named `row`, `rows`, `batch`, `resource` or `package` (steps
            are the last of these), iterables of rows, data frames, flows; None is left out.

    Raises:
        FlowError: A link is none of these; says its position and type.

    Examples:
        >>> flow = Flow([{"a": 1}, {"a": 2}], lambda row: row.update(a=row["a"] * 10))
        >>> flow.results().rows
        [[{'a': 10}, {'a': 20}]]
    """

    def __init__(self, *links: Any) -> None:
        self.links = links
        self._steps = [
            Planned(StepRef(name_of(link), str(number)), step, link)
            for number, link in enumerate(links, 1)
            if (step := step_of(link, str(number))) is not None
        ]

    def __repr__(self) -> str:
        return f"Flow({', '.join(planned.ref.name for planned in self._steps)})"

    def __or__(self, other: Any) -> Flow:
        """This flow, then another link."""
        flow = Flow(*self.links, *(other.links if isinstance(other, Flow) else [other]))
        # The steps themselves, since they know whether a generator among the links has been read.
        own = [*self._steps, *(other._steps if isinstance(other, Flow) else flow._steps[len(self._steps) :])]
        flow._steps = [replace(mine, ref=joined.ref) for mine, joined in zip(own, flow._steps, strict=True)]
        return flow

    def steps(self, prefix: str = "") -> Iterator[Planned]:
        """The steps in order, those of nested flows in their place.

        Args:
            prefix: The position of this flow within the one around it.
        """
        for planned in self._steps:
            position = f"{prefix}{planned.ref.position}"
            if isinstance(planned.link, Flow):
                yield from planned.link.steps(f"{position}.")
            else:
                yield Planned(StepRef(planned.ref.name, position), planned.step, planned.link)

    def own_steps(self) -> Sequence[Planned]:
        """The steps in order, each nested flow as one."""
        return tuple(self._steps)

    def graph(self) -> Graph:
        """The steps and what follows what, to be drawn: `graph().mermaid()`, `graph().svg()`."""
        from dataflows_core.graph import graph_of

        return graph_of(self)

    def step(self, position: str) -> Step:
        """The flow as one step of another."""

        def step(package: Package) -> Package:
            return self.plan(package, prefix=f"{position}.")

        return step

    def plan(
        self,
        package: Package | None = None,
        *,
        prefix: str = "",
        limit: int | None = None,
        events: Events | None = None,
        last: int | None = None,
    ) -> Package:
        """Run every step once over a package: descriptors change, operations are appended, no data move.

        Args:
            package: What enters the flow; an empty package by default.
            prefix: The position of this flow within the one around it.
            limit: Read at most so many rows of each source.
            events: Who is told what is planned.
            last: Stop behind so many steps; nested flows count by their own steps.

        Raises:
            ProcessorError: A step refused, or failed.
        """
        package = Package() if package is None else package
        if limit is not None:
            package.limit = limit
        if events is not None:
            package.events = events
        for planned in _needed([*self.steps(prefix)][:last], package):
            package = _plan_step(planned, package)
            if package.events is not None:
                package.events.manager.hook.step_planned(step=planned.ref, package=package)
        return package

    def package(self) -> Package:
        """The planned package; its resources can be read (`rows`, `to_arrow` …). Nothing is written."""
        return self.plan()

    def run(
        self,
        runner: Runner | str | None = None,
        *,
        limit: int | None = None,
        events: Events | None = None,
    ) -> Processed:
        """Run the flow: move the data, write, commit.

        Args:
            runner: Where: the name of an installed runner (``"local"``, ``"processes"``,
                ``"processes:4"``), or a runner; here, in threads, by default.
            limit: Read at most so many rows of each source.
            events: Who is told what happens.

        Raises:
            ProcessorError: A step failed. Nothing that was written before is touched.
        """
        package = self._executed(runner, limit, events)
        for resource in package.resources:
            resource.kept = False
        return Processed(package, package.stats)

    def _executed(
        self,
        runner: Runner | str | None = None,
        limit: int | None = None,
        events: Events | None = None,
        keep: Callable[[Resource, Iterator[pa.RecordBatch]], None] | None = None,
    ) -> Package:
        from dataflows_core.files.listening import heard_by
        from dataflows_core.run import Run
        from dataflows_core.runner import runner_of

        events = events or _installed_events()
        try:
            if events is not None:
                events.manager.hook.flow_started(flow=self)
            with heard_by(None if events is None else events.downloading):
                package = self.plan(limit=limit, events=events)
                with Run(package, runner=runner_of(runner), events=events) as run:
                    run.execute(keep)
        except BaseException as error:
            if events is not None:
                events.flow_failed(self, error)
            raise
        if events is not None:
            events.manager.hook.flow_finished(flow=self, stats=package.stats)
        return package

    def process(self) -> Processed:
        """Run the flow here; the rows are not kept.

        Raises:
            ProcessorError: A step failed. Nothing that was written before is touched.
        """
        return self.run()

    def results(self) -> Results:
        """Run the flow here and keep every row in memory.

        Raises:
            ProcessorError: A step failed. Nothing that was written before is touched.
        """
        from dataflows_core.rows import RowCodec

        kept: dict[Resource, tuple[list[pa.RecordBatch], list[dict[str, Any]]]] = {}

        def keep(resource: Resource, batches: Iterator[pa.RecordBatch]) -> None:
            codec = RowCodec(resource.schema)
            seen, rows = kept.setdefault(resource, ([], []))
            for batch in batches:
                seen.append(batch)
                rows.extend(map(dict, codec.decode(batch)))
            resource.count = len(rows)

        package = self._executed(keep=keep)
        for resource, (batches, _) in kept.items():
            _keep(resource, batches)
        rows = [kept[resource][1] for resource in package.resources if resource in kept]
        return Results(rows, package, package.stats)


def _keep(resource: Resource, batches: list[pa.RecordBatch]) -> None:
    """Let the resource be read again, from memory."""
    import pyarrow as pa

    from dataflows_core.inline import ArrowSplit
    from dataflows_core.stream import Stream

    table = pa.Table.from_batches(batches, resource.schema.arrow)
    resource.stream = Stream.of([ArrowSplit(table, resource.schema, resource.name)], resource.schema)


def _needed(steps: list[Planned], package: Package) -> list[Planned]:
    """The steps that have to be planned: those before one that stands in for them are left out.

    A step that can do so, such as a checkpoint, has a function `__behind__` that gets the steps before it. It
    returns the step to be planned in its place, and whether that makes those before it superfluous. It is
    not asked where a package comes from outside: nobody knows then how it was made.
    """
    if package.resources:
        return steps
    for index in reversed(range(len(steps))):
        behind = getattr(steps[index].step, "__behind__", None)
        if behind is None:
            continue
        with planning(steps[index].ref), blamed(steps[index].ref):
            step, stands_in = behind(steps[:index], package)
        steps[index] = replace(steps[index], step=step)
        if stands_in:
            return steps[index:]
    return steps


def _plan_step(planned: Planned, package: Package) -> Package:
    before = list(package.resources)
    with planning(planned.ref), blamed(planned.ref):
        result = planned.step(package)
        if result is not None and not isinstance(result, Package):
            raise FlowError(f"it returned {type(result).__name__}, and a step returns a package or None")
        if result is not None and result is not package:
            result.replace(package)
            package = result
        package.settle(before)
        if package.limit is not None:
            _limit(package.new_sources(before), package.limit)
    return package


def _limit(resources: list[Resource], limit: int) -> None:
    def head(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        left = limit
        for batch in batches:
            yield batch[:left]
            left -= batch.num_rows
            if left <= 0:
                return

    for resource in resources:
        resource.pipe_batches(head)


def _installed_events() -> Events | None:
    """The hooks, when a plugin is installed that listens; without one, pluggy is not even imported."""
    from dataflows_core.discovery import entries

    if not entries("dataflows"):
        return None
    from dataflows_core.hooks import Events

    return Events()
