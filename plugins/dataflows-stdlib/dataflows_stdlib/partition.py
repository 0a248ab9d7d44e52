"""One resource for each value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import FlowError, RowError, shorten
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step
from dataflows_stdlib.constants import constant

__all__ = ["partition"]


def partition(
    by: str,
    values: Iterable[Any] | Mapping[Any, str] | None = None,
    resources: ResourceSelector = None,
    *,
    rest: str | None = None,
) -> Step:
    """Make of a resource one for each value of a field or an expression, in its place.

    Which resources there are has to be known when the flow is planned, since later steps name them, and no
    row is read then. So the values are given here, or the field declares them: by its constraint `enum`, its
    `categories`, or as a boolean.

    The rows are computed once, and kept on disk for the resources that are read later.

    Args:
        by: A field, or a SQL expression.
        values: Its values, None for null; or names of resources by value. By default what the field declares.
            A name that is not given is made of the resource's and the value's: ``"cities_peru"``.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        rest: The name of a resource for rows with other values; by default such a row is an error.

    Raises:
        FlowError: The values are not known, or one comes twice; two resources would have one name.
        ExpressionError: The expression cannot be parsed, or names an unknown field.
        RowError: A row has another value, and there is no `rest`.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"n": 1}, {"n": 2}, {"n": 3}]
        >>> flow = Flow(rows, partition("n % 2 = 0", {True: "even", False: "odd"}))
        >>> flow.package().names, flow.results().rows
        (['even', 'odd'], [[{'n': 2}], [{'n': 1}, {'n': 3}]])
    """
    given: dict[Any, str | None] | None = None
    if values is not None:
        given = dict(values) if isinstance(values, Mapping) else _once(values)
        if not given:
            raise FlowError("partition() needs at least one value")

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            _partition(package, resource, by, given, rest)

    return step


def _once(values: Iterable[Any]) -> dict[Any, str | None]:
    found: dict[Any, str | None] = {}
    for value in [values] if isinstance(values, str) else values:
        if value in found:
            raise FlowError(f"partition() was given the value {shorten(value)} twice")
        found[value] = None
    return found


def _partition(
    package: Package, resource: Resource, by: str, given: Mapping[Any, str | None] | None, rest: str | None
) -> None:
    schema = resource.schema
    name = by if by in schema else _free("key", schema)
    if by not in schema:
        resource.map_sql(columns={name: by})
    field = resource.schema.field(name)
    wanted = given if given is not None else dict.fromkeys(_declared(field, by))
    names = [chosen or _name(resource.name, value) for value, chosen in wanted.items()]
    names += [rest] if rest is not None else []

    number = Field({"name": _free("part", resource.schema), "type": "integer"}, pa.int32())
    numbered = Schema((*schema.fields, number), schema.properties)
    column = _column(field, list(wanted), by)
    _check_names(package, resource, names)
    function = _Numbered(numbered.names, name, by, column, rest is not None)
    resource.map_batches(function, numbered, reads={name})
    assert resource.stream is not None
    place = package.resources.index(resource)
    made = []
    for index, stream in enumerate(resource.stream.share(len(names))):
        part = resource.twin(stream)
        part.name, part.unnamed = names[index], False
        if "path" in part.properties:
            part.properties["path"] = f"{part.name}.csv"
        part.map_batches(_Part(number.name, index), schema, reads={number.name})
        made.append(part)
    package.resources[place : place + 1] = made


def _free(name: str, schema: Schema) -> str:
    while name in schema:
        name += "_"
    return name


def _declared(field: Field, by: str) -> list[Any]:
    """The values that a field says it has."""
    if field.type == "boolean":
        return [True, False]
    categories = field.descriptor.get("categories")
    if categories:
        return [item["value"] if isinstance(item, Mapping) else item for item in categories]
    if field.constraints.get("enum"):
        return list(field.constraints["enum"])
    raise FlowError(
        f"which values {by!r} has is not known before its rows are read; give them (values=[…]), or declare "
        f"them (set_type({field.name!r}, constraints={{'enum': […]}}))"
    )


def _name(resource: str, value: Any) -> str:
    text = "null" if value is None else re.sub(r"[^\w.-]+", "-", str(value).lower()).strip("-")
    return f"{resource}_{text or 'empty'}"


def _check_names(package: Package, resource: Resource, names: list[str]) -> None:
    taken = {one.name for one in package.resources if one is not resource}
    for name in names:
        if name in taken:
            raise FlowError(
                f"two resources would be named {name!r}; name them by value (values={{value: name}})"
            )
        taken.add(name)


def _column(field: Field, values: list[Any], by: str) -> pa.Array:
    """The values, as a column of the field."""
    kind, types = field.arrow, pa.types
    if isinstance(kind, pa.BaseExtensionType) or types.is_nested(kind) or types.is_interval(kind):
        raise FlowError(f"rows cannot be parted by {by!r}, which is of the type {field.type}")
    column = pa.concat_arrays([constant(value, field) for value in values])
    if len(column.unique()) < len(column):
        raise FlowError(f"two of the values of {by!r} are the same: {shorten(values)}")
    return column


@dataclass(frozen=True)
class _Numbered:
    """Adds the number of the resource that each row belongs to.

    Attributes:
        names: The fields of the result.
        key: The field with the value.
        by: What the user calls it.
        values: The value of each resource.
        rest: Whether there is one more, for other values.
    """

    names: tuple[str, ...]
    key: str
    by: str
    values: pa.Array
    rest: bool

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        column = batch.column(self.key)
        numbers = pc.index_in(column, value_set=self.values)
        if numbers.null_count:
            if not self.rest:
                index = pc.index(numbers.is_null(), True).as_py()
                raise RowError(
                    f"{self.by!r} is {shorten(column[index].as_py())}, which is none of the values; "
                    "name a resource for such rows (rest=…)",
                    index=index,
                )
            numbers = pc.fill_null(numbers, len(self.values))
        columns = [batch.column(name) for name in self.names[:-1]]
        return pa.RecordBatch.from_arrays([*columns, numbers], names=list(self.names))


@dataclass(frozen=True)
class _Part:
    """Keeps the rows of one resource.

    Attributes:
        field: The field with its number.
        number: Its number.
    """

    field: str
    number: int

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        kept = batch.filter(pc.equal(batch.column(self.field), pa.scalar(self.number, pa.int32())))
        return kept.drop_columns([self.field])
