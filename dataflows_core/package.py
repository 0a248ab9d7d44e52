"""A package: the descriptor, the resources and the stats that steps work on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from dataflows_core.errors import FlowError, near_misses
from dataflows_core.resource import Resource
from dataflows_core.steps import blamed, current_step

if TYPE_CHECKING:
    from dataflows_core.hooks import Events
    from dataflows_core.rejects import Rejects
    from dataflows_core.steps import StepRef

__all__ = ["Package", "ResourceSelector"]

ResourceSelector: TypeAlias = "str | int | Iterable[str] | None"
"""Which resources: None for all, a regular expression that a name matches as a whole, a position from 0
(from the end when negative), or a list of names."""


def _origins(resources: list[Resource]) -> set[int]:
    """Which beginnings of streams some resources go back to."""
    found: set[int] = set()
    for resource in resources:
        if resource.stream is not None:
            found.update(id(stream.origin) for stream in resource.stream.upstream())
    return found


class Package:
    """What flows from step to step: descriptor, resources in order, stats.

    Args:
        properties: What the Data Package descriptor says besides `resources`.

    Attributes:
        properties: The same; may be changed.
        resources: The resources, in order.
        removed: Resources that a step took out; their streams are read to the end all the same, so that
            what is written or checked above that step is whole.
        stats: What the steps report, merged in their order.
        limit: How many rows of each source are read; None for all.
        events: Who is told what is planned; None for nobody.
        rejects: Where the rows that a step rejects are kept, for steps that asked for it.
    """

    def __init__(self, properties: Mapping[str, Any] | None = None) -> None:
        self.properties: dict[str, Any] = dict(properties or {})
        self.resources: list[Resource] = []
        self.removed: list[Resource] = []
        self.stats: dict[str, Any] = {}
        self.limit: int | None = None
        self.events: Events | None = None
        self.rejects: dict[StepRef, Rejects] = {}
        self._on_finish: list[tuple[StepRef, Callable[[], object]]] = []
        self._on_end: list[tuple[StepRef, Callable[[], object]]] = []
        self._on_abort: list[Callable[[], object]] = []

    def __repr__(self) -> str:
        return f"Package({', '.join(resource.name for resource in self.resources)})"

    @property
    def descriptor(self) -> dict[str, Any]:
        """The Data Package descriptor (v1), a new one at each call."""
        return {
            "profile": "data-package",
            **self.properties,
            "resources": [resource.descriptor for resource in self.resources],
        }

    @property
    def names(self) -> list[str]:
        """The names of the resources, in order."""
        return [resource.name for resource in self.resources]

    def __iter__(self) -> Iterator[Resource]:
        """The resources, in order."""
        return iter(self.resources)

    def __getitem__(self, name: str | int) -> Resource:
        """The resource of that name, or at that position.

        Raises:
            FlowError: There is none.
        """
        (resource,) = self.select(name if isinstance(name, int) else [name])
        return resource

    def select(self, resources: ResourceSelector = None) -> list[Resource]:
        """The resources that a step is meant for, in the order of the package.

        Args:
            resources: None for all; a regular expression that a name matches as a whole; a position, from
                the end when negative; a list of names.

        Raises:
            FlowError: Nothing is selected, though something was asked for.
        """
        if resources is None:
            return list(self.resources)
        if isinstance(resources, str):
            try:
                pattern = re.compile(resources)
            except re.error as error:
                raise FlowError(
                    f"{resources!r} is not a regular expression for resource names: {error}"
                ) from error
            found = [resource for resource in self.resources if pattern.fullmatch(resource.name)]
            if not found:
                raise self._unknown(resources)
            return found
        if isinstance(resources, int):
            try:
                return [self.resources[resources]]
            except IndexError:
                raise FlowError(
                    f"there is no resource at position {resources}: the package has {len(self.resources)}"
                ) from None
        wanted = list(resources)
        for name in wanted:
            if name not in self.names:
                raise self._unknown(name)
        return [resource for resource in self.resources if resource.name in wanted]

    def tables(self, resources: ResourceSelector = None) -> list[Resource]:
        """The tabular ones among the selected resources.

        Raises:
            FlowError: Nothing tabular is selected, though something was asked for.
        """
        selected = self.select(resources)
        found = [resource for resource in selected if resource.tabular]
        if resources is not None and not found:
            raise FlowError(f"{', '.join(repr(resource.name) for resource in selected)} is not tabular")
        return found

    def _unknown(self, name: object) -> FlowError:
        message = f"no resource is named {name!r}"
        if close := near_misses(str(name), self.names):
            message += f"; did you mean {' or '.join(map(repr, close))}?"
        return FlowError(f"{message}\n  known resources: {', '.join(self.names) or '(none)'}")

    def add(self, resource: Resource) -> Resource:
        """Append a resource.

        Raises:
            FlowError: Another one has its name.
        """
        if resource.name in self.names:
            raise FlowError(
                f"a resource named {resource.name!r} is there already; give this one another name (name=…)"
            )
        self.resources.append(resource)
        return resource

    def remove(self, resource: Resource) -> None:
        """Take a resource out; its stream is read to the end all the same."""
        self.resources.remove(resource)
        self.removed.append(resource)

    def free_name(self) -> str:
        """A name for a resource that has none, such as ``"res_1"``."""
        number = len(self.resources) + 1
        while f"res_{number}" in self.names:
            number += 1
        return f"res_{number}"

    def beside(self) -> Package:
        """An empty package for a flow that runs beside this one; its stats, limit and events are the same."""
        other = Package()
        other.stats, other.limit, other.events = self.stats, self.limit, self.events
        return other

    def replace(self, other: Package) -> None:
        """Stand in for the package that a step was given: what that has to do is done all the same."""
        other.stats.update(self.stats)
        self.stats, self.limit, self.events = other.stats, other.limit, other.events
        self.rejects = {**other.rejects, **self.rejects}
        self.removed = [*other.removed, *(one for one in self.removed if one not in other.removed)]
        self._on_finish = [*other._on_finish, *self._on_finish]
        self._on_end = [*other._on_end, *self._on_end]
        self._on_abort = [*other._on_abort, *self._on_abort]

    def settle(self, before: list[Resource]) -> None:
        """Make good what a step may have left undone.

        A resource that is gone, and that no other one goes on with, is read to its end all the same.

        Args:
            before: The resources that there were before the step.

        Raises:
            FlowError: Two resources have one name.
        """
        for number, name in enumerate(self.names):
            if name in self.names[:number]:
                raise FlowError(f"two resources are named {name!r} behind this step")
        read = _origins([*self.removed, *self.resources])
        self.removed += [one for one in before if not _origins([one]) <= read]

    def new_sources(self, before: list[Resource]) -> list[Resource]:
        """The resources that are read from outside, and were not among those before."""
        from dataflows_core.stream import Splits

        known = _origins(before)
        return [
            resource
            for resource in self.resources
            if resource.stream is not None
            and isinstance(resource.stream.origin, Splits)
            and id(resource.stream.origin) not in known
        ]

    def absorb(self, other: Package) -> None:
        """Take over what another package has to do besides its resources."""
        self.removed += other.removed
        self.rejects.update(other.rejects)
        self._on_finish += other._on_finish
        self._on_end += other._on_end
        self._on_abort += other._on_abort

    def on_finish(self, function: Callable[[], object], *, last: bool = False) -> None:
        """Call a function once, after every stream has ended well; it may add to `stats`.

        Functions are called in the order of their steps. One that raises fails the run.

        Args:
            function: What is called.
            last: Whether it is called behind those of all steps that do not ask for this: what they write
                is in its place then, and `stats` are complete.
        """
        (self._on_end if last else self._on_finish).append((current_step(), function))

    def on_abort(self, function: Callable[[], object]) -> None:
        """Call a function once when the run fails, to take back what its step has begun."""
        self._on_abort.append(function)

    def finish(self) -> None:
        """Call what `on_finish` was given; for runs."""
        for step, function in (*self._on_finish, *self._on_end):
            with blamed(step):
                function()

    def aborting(self) -> list[Callable[[], object]]:
        """What `on_abort` was given, the last first; for runs."""
        return self._on_abort[::-1]
