"""Values in the places of nulls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import FlowError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step
from dataflows_stdlib.match import matching_fields, quoted

__all__ = ["coalesce", "fill_down"]


def fill_down(
    fields: str | Iterable[str] = ".*", resources: ResourceSelector = None, regex: bool = True
) -> Step:
    """Give nulls the value that the field had last, in the rows above.

    That is what sheets need whose groups are named in their first row only. Nulls above the first value
    stay null.

    Args:
        fields: Names, or regular expressions that names match as a whole; all fields by default.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        regex: Whether `fields` are regular expressions.

    Raises:
        SchemaError: A field that none of the resources has.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"region": "Asia", "n": 1}, {"region": None, "n": 2}, {"region": "Europe", "n": 3}]
        >>> Flow(rows, fill_down("region")).results().rows[0][1]
        {'region': 'Asia', 'n': 2}
    """
    wanted = [fields] if isinstance(fields, str) else list(fields)

    def step(package: Package) -> None:
        if wanted == [".*"] and not any(len(resource.schema) for resource in package.tables(resources)):
            return
        for resource, names in matching_fields(package, resources, wanted, regex):
            resource.pipe_batches(_Filled(resource.schema, tuple(names)))

    return step


@dataclass(frozen=True)
class _Filled:
    """Fills batch after batch, and remembers the last values."""

    schema: Schema
    names: tuple[str, ...]

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        last = {name: pa.nulls(1, self.schema.field(name).arrow) for name in self.names}
        for batch in batches:
            for name in self.names:
                position = batch.schema.get_field_index(name)
                filled = _filled(last[name], batch.column(position))
                batch = batch.set_column(position, name, filled)
                if batch.num_rows:
                    last[name] = filled.slice(len(filled) - 1)
            yield batch


def _filled(last: pa.Array, column: pa.Array) -> pa.Array:
    if not column.null_count:
        return column
    # Places can be filled whatever the type of what is there.
    places = pc.if_else(column.is_valid(), pa.array(range(1, len(column) + 1), pa.int64()), None)
    sources = pc.fill_null(pc.fill_null_forward(places), 0)
    return pa.concat_arrays([last, column]).take(sources)


def coalesce(
    target: str | Mapping[str, Any],
    fields: Iterable[str],
    default: str | Callable[[dict[str, Any]], object] | None = None,
    resources: ResourceSelector = None,
) -> Step:
    """Take the first value that is not null, in the order of some fields.

    Args:
        target: The field that gets it, a name or a Table Schema field; one of that name is replaced.
        fields: The fields, in the order in which they are asked. Their types must have one in common, as
            integers and numbers have.
        default: What the rows get where all are null: a SQL expression, such as ``"'unknown'"`` or
            ``"year - 1"``, or a function of the row.
        resources: Which resources: None for all, a regular expression, a position or a list of names.

    Raises:
        ExpressionError: A field that a resource has not, types that have nothing in common, or a default
            that is no expression.
        FlowError: No field is given.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"mobile": None, "home": "555-1"}, {"mobile": None, "home": None}]
        >>> Flow(rows, coalesce("phone", ["mobile", "home"], "'none'")).results().rows[0][1]
        {'mobile': None, 'home': None, 'phone': 'none'}
    """
    properties = {"name": target} if isinstance(target, str) else dict(target)
    name = properties.pop("name", None)
    sources = [fields] if isinstance(fields, str) else list(fields)
    if not isinstance(name, str) or not sources:
        raise FlowError("coalesce() needs the name of a target, and at least one field")

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            known = [resource.schema.field(source) for source in sources]
            if all(isinstance(field.arrow, pa.JsonType) for field in known):
                if properties or isinstance(default, str):
                    raise FlowError("coalesce() of JSON takes no properties, and a function as its default")
                _append_json(resource, name, known)
            else:
                parts = [*(quoted(field.name) for field in known)]
                parts += [f"({default})"] if isinstance(default, str) else []
                types = {name: properties} if properties else {}
                resource.map_sql(columns={name: f"coalesce({', '.join(parts)})"}, types=types)
            if callable(default):
                resource.each_row(_filled_by(name, default))

    return step


def _append_json(resource: Resource, name: str, fields: list[Field]) -> None:
    """JSON is taken as it is: expressions know it as text alone."""
    kinds = {field.type for field in fields}
    after = resource.schema.add(Field({"name": name, "type": kinds.pop() if len(kinds) == 1 else "any"}))
    names = tuple(field.name for field in fields)
    resource.map_batches(_FirstOf(names, name), after, reads=names)


@dataclass(frozen=True)
class _FirstOf:
    """Takes the first value of several columns of one type."""

    sources: tuple[str, ...]
    name: str

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = [batch.column(source) for source in self.sources]
        rows = pa.array(range(batch.num_rows), pa.int64())
        places = [
            pc.if_else(column.is_valid(), pc.add(rows, number * batch.num_rows), None)
            for number, column in enumerate(columns)
        ]
        column = pa.concat_arrays(columns).take(pc.coalesce(*places))
        position = batch.schema.get_field_index(self.name)
        if position < 0:
            return batch.append_column(self.name, column)
        return batch.set_column(position, self.name, column)


def _filled_by(name: str, default: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], None]:
    def fill(row: dict[str, Any]) -> None:
        if row[name] is None:
            row[name] = default(row)

    return fill
