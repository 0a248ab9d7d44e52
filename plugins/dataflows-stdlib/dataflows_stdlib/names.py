"""Which fields stay, and what they are called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dataflows_core.errors import FlowError, SchemaError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.steps import Step
from dataflows_stdlib.match import field_pattern, matching_fields

__all__ = ["expanded", "rename_fields", "select_fields"]


def select_fields(
    fields: str | Iterable[str], resources: ResourceSelector = None, regex: bool = True
) -> Step:
    """Keep some fields, in the order in which they are named.

    The fields that one regular expression matches keep their order among themselves.

    Args:
        fields: Names, or regular expressions that names match as a whole.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        regex: Whether `fields` are regular expressions.

    Raises:
        SchemaError: A field that none of the resources has, or a resource that has none of the fields.
        FlowError: No field is named, or one is no regular expression.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"id": 7, "a1": 1, "a2": 2, "b": 3}], select_fields(["a.", "id"])).results().rows
        [[{'a1': 1, 'a2': 2, 'id': 7}]]
    """
    wanted = [fields] if isinstance(fields, str) else list(fields)
    if not wanted:
        raise FlowError("select_fields() needs at least one field; delete_resource removes a whole resource")

    def step(package: Package) -> None:
        found = {id(resource) for resource, _ in matching_fields(package, resources, wanted, regex)}
        for resource in package.tables(resources):
            if id(resource) not in found:
                names = ", ".join(resource.schema.names) or "(none)"
                raise SchemaError(
                    f"resource {resource.name!r} has none of the fields {', '.join(map(repr, wanted))}"
                    f"\n  known fields: {names}\n  name the resources that are meant (resources=…)"
                )
            patterns = [field_pattern(name, resource.schema.names, regex) for name in wanted]
            names_in_order = [
                name for pattern in patterns for name in resource.schema.names if pattern.fullmatch(name)
            ]
            resource.select_fields(dict.fromkeys(names_in_order))

    return step


def rename_fields(fields: Mapping[str, str], resources: ResourceSelector = None, regex: bool = True) -> Step:
    r"""Give fields other names; the keys of the schema follow.

    Args:
        fields: New names by old name, or by a regular expression that old names match as a whole. The new
            name may then hold its groups, as in ``{"(.+) %": r"\1_percent"}``. The first that matches counts.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        regex: Whether the old names are regular expressions.

    Raises:
        SchemaError: A field that none of the resources has, or two fields would have one name.
        FlowError: A regular expression, or a group in a new name, that makes no sense.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"y_1990": 1, "y_1991": 2, "name": "x"}]
        >>> Flow(rows, rename_fields({r"y_(\d+)": r"\1", "name": "country"})).results().rows
        [[{'1990': 1, '1991': 2, 'country': 'x'}]]
    """
    wanted: dict[str, Any] = dict(fields)
    for old, new in wanted.items():
        if not isinstance(new, str) or not new:
            raise FlowError(f"the new name of {old!r} must be a text, and {new!r} is none")

    def step(package: Package) -> None:
        for resource, _ in matching_fields(package, resources, wanted, regex):
            names = _new_names(resource, wanted, regex)
            schema = resource.schema.rename(names)
            resource.map_batches(_Renamed(schema.names), schema, reads=())

    return step


def _new_names(resource: Resource, wanted: Mapping[str, str], regex: bool) -> dict[str, str]:
    known = resource.schema.names
    patterns = [(field_pattern(old, known, regex), new) for old, new in wanted.items()]
    names: dict[str, str] = {}
    for name in known:
        for pattern, new in patterns:
            if match := pattern.fullmatch(name):
                names[name] = expanded(match, new) if regex else new
                break
    taken: dict[str, str] = {}
    for name in known:
        new = names.get(name, name)
        if new in taken:
            raise SchemaError(
                f"both {taken[new]!r} and {name!r} of resource {resource.name!r} would be named {new!r}; "
                "rename or delete one of them first"
            )
        taken[new] = name
    return names


def expanded(match: re.Match[str], template: str) -> str:
    r"""A text with the groups of a match in the places of ``\1``, ``\2`` and so on.

    Raises:
        FlowError: A group that the expression has not.
    """
    try:
        return match.expand(template)
    except (re.error, IndexError) as error:
        raise FlowError(f"{template!r} is no text for what {match.re.pattern!r} matches: {error}") from error


@dataclass(frozen=True)
class _Renamed:
    """Calls the columns what they are to be called."""

    names: tuple[str, ...]

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.rename_columns(list(self.names))
