"""Resources that come and go."""

from __future__ import annotations

from dataflows_core.package import Package, ResourceSelector
from dataflows_core.steps import Step
from dataflows_stdlib.numbers import whole

__all__ = ["delete_resource", "duplicate"]


def duplicate(
    source: str | None = None,
    target_name: str | None = None,
    target_path: str | None = None,
    batch_size: int = 1000,
    duplicate_to_end: bool = False,
) -> Step:
    """Make a copy of a resource, for another use of the same rows.

    The rows are computed once; those that one of the two has read first are kept on disk for the other.

    Args:
        source: The name of the resource; the first one by default.
        target_name: The name of the copy; ``<source>_copy`` by default.
        target_path: The path of the copy; ``<target_name>.csv`` by default.
        batch_size: How many rows the predecessor kept together; it makes no difference any more.
        duplicate_to_end: Whether the copy comes behind all resources, and not right behind its source.

    Raises:
        FlowError: There is no such resource, or the copy's name is taken; `batch_size` is no number above 0.

    Examples:
        >>> from dataflows_core import Flow
        >>> flow = Flow([{"n": 1}], duplicate(target_name="same"))
        >>> flow.results().rows, flow.package().names
        ([[{'n': 1}], [{'n': 1}]], ['res_1', 'same'])
    """
    whole(batch_size, "batch_size", 1)

    def step(package: Package) -> None:
        original = package[0 if source is None else source]
        stream = None
        if original.stream is not None:
            original.stream, stream = original.stream.share()
        copy = original.twin(stream)
        copy.name, copy.unnamed = target_name or f"{original.name}_copy", False
        if original.tabular or target_path is not None:
            copy.properties["path"] = target_path or f"{copy.name}.csv"
        package.add(copy)
        if not duplicate_to_end:
            package.resources.remove(copy)
            package.resources.insert(package.resources.index(original) + 1, copy)

    return step


def delete_resource(resources: ResourceSelector) -> Step:
    """Take resources out of the package.

    Their rows are read to the end all the same: what is written or checked above this step is whole.

    Args:
        resources: Which resources: None for all, a regular expression, a position or a list of names.

    Raises:
        FlowError: There is no such resource; near misses are named.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"a": 1}], [{"b": 2}], delete_resource("res_1")).results().rows
        [[{'b': 2}]]
    """

    def step(package: Package) -> None:
        for resource in package.select(resources):
            package.remove(resource)

    return step
