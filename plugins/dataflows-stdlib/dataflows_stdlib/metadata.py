"""What a package, its resources and their schemas say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dataflows_core.errors import FlowError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.steps import Step
from dataflows_stdlib.properties import SCHEMA, check_properties

__all__ = [
    "add_metadata",
    "set_primary_key",
    "update_package",
    "update_resource",
    "update_schema",
    "update_stats",
]


def update_package(**metadata: Any) -> Step:
    """Set properties of the package: `name`, `title`, `licenses`, `version`, and others.

    Args:
        **metadata: Properties of the Data Package descriptor; None removes one.

    Raises:
        FlowError: Nothing is given, or `resources`, which `update_resource` changes.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"n": 1}], update_package(name="numbers", title="Numbers")).package().properties
        {'name': 'numbers', 'title': 'Numbers'}
    """
    return _package_step("update_package", metadata)


def add_metadata(**metadata: Any) -> Step:
    """Set properties of the package; another name of `update_package`.

    Args:
        **metadata: Properties of the Data Package descriptor; None removes one.

    Raises:
        FlowError: Nothing is given, or `resources`, which `update_resource` changes.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"n": 1}], add_metadata(title="Numbers")).package().properties
        {'title': 'Numbers'}
    """
    return _package_step("add_metadata", metadata)


def _package_step(processor: str, metadata: Mapping[str, Any]) -> Step:
    if "resources" in metadata:
        raise FlowError(f"{processor}() does not change resources; update_resource and update_schema do")
    _not_empty(processor, metadata)

    def step(package: Package) -> None:
        _update(package.properties, metadata)

    return step


def update_resource(resources: ResourceSelector, **metadata: Any) -> Step:
    """Set properties of resources: `name`, `path`, `title`, `description`, and others.

    Args:
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        **metadata: Properties of the Data Resource descriptor; None removes one.

    Raises:
        FlowError: Nothing is given; no resource is meant; two resources get one name; or `schema` or `data`
            are given, which other processors change.

    Examples:
        >>> from dataflows_core import Flow
        >>> flow = Flow([{"n": 1}], update_resource(-1, name="numbers", title="Numbers"))
        >>> flow.package()["numbers"].properties
        {'title': 'Numbers'}
    """
    _not_empty("update_resource", metadata)
    for name, instead in (("schema", "update_schema and set_type"), ("data", "a source of its own")):
        if name in metadata:
            raise FlowError(f"update_resource() does not change the {name} of a resource; use {instead}")
    if "name" in metadata and not (isinstance(metadata["name"], str) and metadata["name"]):
        raise FlowError(f"the name of a resource is a text, and not {metadata['name']!r}")
    properties = {key: value for key, value in metadata.items() if key != "name"}

    def step(package: Package) -> None:
        for resource in _selected(package, resources):
            _update(resource.properties, properties)
            if "name" in metadata:
                resource.name, resource.unnamed = metadata["name"], False

    return step


def update_schema(resources: ResourceSelector, **metadata: Any) -> Step:
    """Set properties of schemas: `missingValues`, `foreignKeys`, `uniqueKeys`, and others.

    Values that new `missingValues` name become null: directly behind `load` as the source spells them, and
    otherwise where they are texts.

    Args:
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        **metadata: Properties of the Table Schema descriptor; None removes one.

    Raises:
        FlowError: Nothing is given; no resource is meant; a property that is nearly one of Table Schema's;
            or `fields` are given, which other processors change.
        SchemaError: A key names a field that a resource has not.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"note": "fine"}, {"note": "-"}]
        >>> Flow(rows, update_schema(None, missingValues=["", "-"])).results().rows
        [[{'note': 'fine'}, {'note': None}]]
    """
    _not_empty("update_schema", metadata)
    if "fields" in metadata:
        raise FlowError(
            "update_schema() does not change fields; set_type, add_field, select_fields and rename_fields do"
        )
    check_properties(metadata, of="schema", properties=SCHEMA)

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            if "primaryKey" in metadata:
                _check_key(resource, metadata["primaryKey"])
            if "missingValues" in metadata:
                resource.cast(resource.schema.fields, properties=metadata)
            else:
                resource.schema = resource.schema.with_properties(**metadata)

    return step


def set_primary_key(primary_key: str | Iterable[str] | None, resources: ResourceSelector = None) -> Step:
    """Declare which fields are the primary key; `check_keys` checks that it is one.

    Args:
        primary_key: The names of its fields; None, or none at all, removes it.
        resources: Which resources: None for all, a regular expression, a position or a list of names.

    Raises:
        SchemaError: A field that a resource has not; near misses are named.

    Examples:
        >>> from dataflows_core import Flow
        >>> package = Flow([{"id": 1, "n": 2}], set_primary_key(["id"])).package()
        >>> package[0].schema.properties
        {'primaryKey': ['id']}
    """
    names = [primary_key] if primary_key and isinstance(primary_key, str) else list(primary_key or ())

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            _check_key(resource, names)
            resource.schema = resource.schema.with_properties(primaryKey=names or None)

    return step


def update_stats(stats: Mapping[str, Any]) -> Step:
    """Add to the stats that a run returns.

    Args:
        stats: What is added. What a later step says of the same name replaces it.

    Raises:
        FlowError: It is no mapping.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"n": 1}], update_stats({"source": "survey"})).process().stats
        {'source': 'survey'}
    """
    if not isinstance(stats, Mapping):
        raise FlowError(f"update_stats() takes a mapping, and not {type(stats).__name__}")
    added = dict(stats)

    def step(package: Package) -> None:
        package.stats.update(added)

    return step


def _selected(package: Package, resources: ResourceSelector) -> list[Resource]:
    found = package.select(resources)
    if not found:
        raise FlowError("there is no resource here; put the step behind one that brings resources in")
    return found


def _check_key(resource: Resource, key: str | Iterable[str] | None) -> None:
    for name in [key] if isinstance(key, str) else key or ():
        resource.schema.field(name)


def _not_empty(processor: str, metadata: Mapping[str, Any]) -> None:
    if not metadata:
        raise FlowError(f"{processor}() takes properties, such as title=…, and was given none")


def _update(properties: dict[str, Any], metadata: Mapping[str, Any]) -> None:
    for name, value in metadata.items():
        if value is None:
            properties.pop(name, None)
        else:
            properties[name] = value
