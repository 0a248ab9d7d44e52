"""Flows that part and meet: `branch` and `sources`."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from dataflows_core.errors import FlowError
from dataflows_core.flow import Flow
from dataflows_core.package import Package
from dataflows_core.steps import Source, Step, current_step

if TYPE_CHECKING:
    from dataflows_core.stream import Stream

__all__ = ["branch", "sources"]


def branch(*flows: Any) -> Step:
    """Send the package down several flows besides this one.

    Every flow gets all resources as they are here, and what it does to them stays its own; behind the
    branch this flow goes on with the resources as they were. Rows are computed once and spooled to disk
    for the others.

    Args:
        *flows: Flows, or single links.

    Raises:
        FlowError: No flow is given, or one is no link.

    Examples:
        >>> totals = []
        >>> rows = [{"n": 1}, {"n": 2}]
        >>> side = Flow(lambda row: row.update(n=row["n"] * 10), lambda row: totals.append(row["n"]))
        >>> Flow(rows, branch(side)).results().rows, totals
        ([[{'n': 1}, {'n': 2}]], [10, 20])
    """
    branches = [flow if isinstance(flow, Flow) else Flow(flow) for flow in flows]
    if not branches:
        raise FlowError("branch() needs at least one flow")

    def step(package: Package) -> None:
        position = current_step().position
        copies = [package.beside() for _ in branches]
        for copy in copies:
            copy.properties = deepcopy(package.properties)
        for resource in package.resources:
            twins: list[Stream | None] = [None] * len(branches)
            if resource.stream is not None:
                resource.stream, *others = resource.stream.share(len(branches) + 1)
                twins = [*others]
            for copy, stream in zip(copies, twins, strict=True):
                copy.add(resource.twin(stream))
        for number, (flow, copy) in enumerate(zip(branches, copies, strict=True), 1):
            done = flow.plan(copy, prefix=f"{position}.{number}.")
            package.absorb(done)
            package.removed += done.resources

    step.__branches__ = tuple(branches)  # type: ignore[attr-defined] # for the graph
    return step


def sources(*links: Any) -> Source:
    """Bring in the resources of several flows, behind those that are there; none sees the others'.

    Args:
        *links: Flows, or single links such as `load` or a list of rows.

    Raises:
        FlowError: No source is given, or two bring in resources of one name.

    Examples:
        >>> Flow(sources([{"a": 1}], Flow([{"b": 2}], lambda row: row.update(b=3)))).results().rows
        [[{'a': 1}], [{'b': 3}]]
    """
    flows = [link if isinstance(link, Flow) else Flow(link) for link in links]
    if not flows:
        raise FlowError("sources() needs at least one source")

    def step(package: Package) -> None:
        position = current_step().position
        for number, flow in enumerate(flows, 1):
            done = flow.plan(package.beside(), prefix=f"{position}.{number}.")
            package.absorb(done)
            for key, value in done.properties.items():
                package.properties.setdefault(key, value)
            for resource in done.resources:
                if resource.name in package.names and resource.unnamed:
                    resource.name = package.free_name()
                package.add(resource)

    step.__sources__ = tuple(flows)  # type: ignore[attr-defined] # for the graph
    return step
