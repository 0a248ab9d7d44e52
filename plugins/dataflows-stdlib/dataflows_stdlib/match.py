"""Which fields a processor means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dataflows_core.errors import FlowError, SchemaError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource

__all__ = ["field_pattern", "free_field", "matching_fields", "quoted"]


def matching_fields(
    package: Package, resources: ResourceSelector, fields: str | Iterable[str], regex: bool
) -> list[tuple[Resource, list[str]]]:
    """The fields that are meant, by resource; resources that have none of them are left out.

    Args:
        package: Where to look.
        resources: Which resources to look at.
        fields: Names, or regular expressions that names match as a whole. A name that is there is meant
            even when it is no regular expression of itself, such as ``"Total (Mt)"``.
        regex: Whether they are regular expressions.

    Raises:
        SchemaError: One of them is in no resource; near misses are named.
        FlowError: One of them is no regular expression.
    """
    wanted = [fields] if isinstance(fields, str) else list(fields)
    tables = package.tables(resources)
    found: dict[int, set[str]] = {id(resource): set() for resource in tables}
    for name in wanted:
        hits = {id(resource): _hits(name, resource.schema.names, regex) for resource in tables}
        if not any(hits.values()):
            known = dict.fromkeys(known for resource in tables for known in resource.schema.names)
            where = tables[0].name if len(tables) == 1 else ""
            raise SchemaError.unknown_field(name, known, where)
        for key, names in hits.items():
            found[key].update(names)
    return [
        (resource, [name for name in resource.schema.names if name in found[id(resource)]])
        for resource in tables
        if found[id(resource)]
    ]


def _hits(name: str, names: Sequence[str], regex: bool) -> list[str]:
    pattern = field_pattern(name, names, regex)
    return [known for known in names if pattern.fullmatch(known)]


def field_pattern(name: str, names: Sequence[str], regex: bool) -> re.Pattern[str]:
    """The regular expression for the fields that `name` means.

    Args:
        name: A name, or a regular expression.
        names: The fields there are; one of them that is `name` to the letter is meant alone.
        regex: Whether `name` may be a regular expression.

    Raises:
        FlowError: It is no regular expression.
    """
    if not isinstance(name, str):
        raise FlowError(f"a field is named by a text, not by {name!r}")
    if name in names or not regex:
        return re.compile(re.escape(name))
    try:
        return re.compile(name)
    except re.error as error:
        raise FlowError(
            f"{name!r} is no regular expression for field names: {error} (regex=False takes it literally)"
        ) from error


def free_field(resource: Resource, name: str) -> None:
    """Refuse a new field whose name another one has.

    Raises:
        FlowError: The resource has such a field already.
    """
    if name in resource.schema:
        raise FlowError(
            f"resource {resource.name!r} has a field {name!r} already; choose another name, or rename or "
            "delete that one first"
        )


def quoted(name: str) -> str:
    """A field's name, as an expression takes it whatever signs it has.

    Examples:
        >>> quoted("Solid Fuel")
        '"Solid Fuel"'
    """
    return '"' + name.replace('"', '""') + '"'
