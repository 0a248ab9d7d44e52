"""Fields that come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dataflows_core.constraints import violations
from dataflows_core.errors import FlowError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step
from dataflows_stdlib.constants import constant, repeat
from dataflows_stdlib.match import matching_fields
from dataflows_stdlib.properties import check_properties

__all__ = ["add_field", "delete_fields"]


def add_field(
    name: str,
    type: str = "string",
    default: object | Callable[[dict[str, Any]], object] = None,
    resources: ResourceSelector = None,
    **options: Any,
) -> Step:
    """Add a field behind the others.

    Args:
        name: The new field's name.
        type: Its Table Schema type.
        default: Its value in every row; text is cast to the type. Or a function that gets a row and
            returns the row's value.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        **options: Other properties of the field: `title`, `format`, `constraints` …

    Raises:
        FlowError: A resource has a field of that name.
        CastError: The value is not of the type, or breaks a constraint of the field.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"n": 2}], add_field("unit", "string", "kt")).results().rows
        [[{'n': 2, 'unit': 'kt'}]]
        >>> Flow([{"n": 2}], add_field("square", "integer", lambda row: row["n"] ** 2)).results().rows
        [[{'n': 2, 'square': 4}]]
    """
    check_properties(options, ("default", "resources"))
    field = Field({"name": name, "type": type, **options})

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            if name in resource.schema:
                raise FlowError(
                    f"resource {resource.name!r} has a field {name!r} already; set_type changes its type, "
                    "compute or a row function its values"
                )
            if callable(default):
                add_valued(resource, field, default)
            else:
                add_constant(resource, field, default)

    return step


def add_constant(resource: Resource, field: Field, value: object) -> None:
    """Append a field with one value in all rows."""
    schema, column = resource.schema.add(field), constant(value, field)
    for broken in violations(column, field):
        raise broken
    resource.map_batches(_Constant(column, schema), schema, reads=())


def add_valued(resource: Resource, field: Field, function: Callable[[dict[str, Any]], object]) -> None:
    """Append a field with what a function returns for each row."""
    resource.each_row(_valued(field.name, function), resource.schema.add(field))


def _valued(name: str, function: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], None]:
    def value(row: dict[str, Any]) -> None:
        row[name] = function(row)

    return value


@dataclass(frozen=True)
class _Constant:
    """Adds a column with one value."""

    value: pa.Array
    schema: Schema

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        column = repeat(self.value, batch.num_rows)
        return pa.RecordBatch.from_arrays([*batch.columns, column], names=list(self.schema.names))


def delete_fields(
    fields: str | Iterable[str], resources: ResourceSelector = None, regex: bool = True
) -> Step:
    """Remove fields.

    Args:
        fields: Names, or regular expressions that names match as a whole.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        regex: Whether `fields` are regular expressions.

    Raises:
        SchemaError: A field that none of the resources has; near misses are named.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"a": 1, "b": 2, "b2": 3}], delete_fields(["b.*"])).results().rows
        [[{'a': 1}]]
    """
    wanted = [fields] if isinstance(fields, str) else list(fields)

    def step(package: Package) -> None:
        for resource, names in matching_fields(package, resources, wanted, regex):
            resource.select_fields(resource.schema.drop(names).names)

    return step
