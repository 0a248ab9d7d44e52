"""What `fields` asks for, checked against a schema, and the SQL that groups rows by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dataflows_core.errors import FlowError, SchemaError, near_misses
from dataflows_core.operations import Map, PipeBatches
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import current_step
from dataflows_stdlib.grouping.aggregates import AGGREGATES, Aggregate, Form, form_of, planned
from dataflows_stdlib.grouping.keys import ROW_NUMBER, Key, KeyColumns
from dataflows_stdlib.outofcore import ORDINAL

if TYPE_CHECKING:
    from dataflows_core.stream import Stream
    from dataflows_stdlib.outofcore import Database

__all__ = ["Grouping", "Made", "check_fields", "made_fields"]

REST = "*"
_OPTIONS = ("name", "aggregate")


@dataclass(frozen=True)
class Made:
    """One field of the result.

    Attributes:
        source: The field that its values come from; None when rows are counted.
        aggregate: How it is computed.
    """

    source: Field | None
    aggregate: Aggregate

    @cached_property
    def form(self) -> Form | None:
        """How the values travel; None when none do."""
        return None if self.source is None else form_of(self.aggregate, self.source)


def check_fields(fields: object) -> dict[str, dict[str, Any]]:
    """A copy of the `fields` of a processor: the options of each field of the result, by its name.

    Args:
        fields: What is wanted, by name: ``{"name": …, "aggregate": …}``, both optional, or None. ``"*"``
            stands for all fields that no other one takes.

    Raises:
        FlowError: It is no such mapping, or has an unknown option or aggregate.
    """
    if not isinstance(fields, Mapping):
        raise FlowError(
            "fields is a mapping such as {'total': {'name': 'price', 'aggregate': 'sum'}, 'name': None}, and "
            f"not {fields!r}"
        )
    return {name: _checked(name, {} if options is None else options) for name, options in fields.items()}


def _checked(name: object, options: object) -> dict[str, Any]:
    if not isinstance(name, str):
        raise FlowError(f"the names of fields are texts, and {name!r} is not")
    if not isinstance(options, Mapping):
        raise FlowError(
            f"what field {name!r} is made of is a mapping such as {{'name': …}}, and not {options!r}"
        )
    for option in options:
        if option not in _OPTIONS:
            close = near_misses(str(option), _OPTIONS)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise FlowError(
                f"field {name!r} has the unknown option {option!r}{hint}\n  options: {', '.join(_OPTIONS)}"
            )
    if name == REST and "name" in options:
        raise FlowError("'*' stands for several fields, and takes no name")
    aggregate = options.get("aggregate", "any")
    if aggregate not in AGGREGATES:
        close = near_misses(str(aggregate), AGGREGATES)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise FlowError(
            f"field {name!r} has the unknown aggregate {aggregate!r}{hint}\n"
            f"  known aggregates: {', '.join(AGGREGATES)}"
        )
    return dict(options)


def made_fields(fields: Mapping[str, Mapping[str, Any]], schema: Schema, resource: str) -> tuple[Made, ...]:
    """The fields of the result: in the order of the source's fields of their names, others by name behind.

    Args:
        fields: What is wanted, checked.
        schema: The fields of the source.
        resource: The name of the source.

    Raises:
        FlowError: An aggregate that is not for fields of the type, or a name that comes twice.
        SchemaError: A field that the source has not.
    """
    wanted = dict(fields)
    if REST in wanted:
        rest = wanted.pop(REST)
        taken = {options.get("name", name) for name, options in wanted.items()}
        for name in schema.names:
            if name in taken:
                continue
            if name in wanted:
                raise FlowError(
                    f"two fields would be named {name!r}: the one of {resource!r} that '*' stands for, and "
                    "the one in fields"
                )
            wanted[name] = {**rest, "name": name}
    order = [name for name in schema.names if name in wanted]
    order += sorted(name for name in wanted if name not in schema)
    return tuple(_made(name, wanted[name], schema, resource) for name in order)


def _made(name: str, options: Mapping[str, Any], schema: Schema, resource: str) -> Made:
    aggregate = options.get("aggregate", "any")
    if aggregate == "count" and "name" not in options:
        return Made(None, planned(name, aggregate, None))
    source = options.get("name", name)
    if source not in schema:
        raise SchemaError.unknown_field(source, schema.names, resource)
    return Made(schema.field(source), planned(name, aggregate, schema.field(source)))


@dataclass(frozen=True)
class _Travelling:
    """Makes a batch as it travels: the key's columns, then those that are aggregated."""

    keys: KeyColumns
    columns: tuple[tuple[Field, Form], ...]
    names: tuple[str, ...]

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        values = [form.convert(batch.column(field.name), field) for field, form in self.columns]
        return pa.RecordBatch.from_arrays([*self.keys(batch), *values], names=list(self.names))

    def in_order(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same, for keys with row numbers."""
        keys = replace(self.keys)  # which counts from the first row again
        return map(replace(self, keys=keys), batches)


@dataclass(frozen=True)
class Grouping:
    """How the rows of a source become one for each key.

    Attributes:
        schema: The fields of the source.
        key: What the rows are grouped by.
        kinds: The types of the key's columns.
        made: The fields of the result.
    """

    schema: Schema
    key: Key
    kinds: tuple[pa.DataType, ...]
    made: tuple[Made, ...]

    def travelling(self, stream: Stream, resource: str) -> Stream:
        """The stream of a source as `read` wants it; made in threads or on other machines, like any batch."""
        step = current_step().on(resource)
        keys = KeyColumns(self.key, self.schema, self.kinds)
        columns = tuple(self._columns.values())
        values = (form.field.update(name=f"v{i}") for i, (_, form) in enumerate(columns))
        after = Schema((*keys.fields, *values))
        function = _Travelling(keys, columns, after.names)
        if any(part.field == ROW_NUMBER for part in self.key.parts):
            return stream.then(PipeBatches(step, stream.schema, after, function.in_order))
        looked_at = {source.name for (_, form), (source, _) in self._columns.items() if form != "same"}
        reads = frozenset({*self.key.fields, *looked_at})
        return stream.then(Map(step, stream.schema, after, function, reads))

    @property
    def typed(self) -> list[str]:
        """The columns that travel typed; others may be carried."""
        keys = [f"k{i}" for i in range(len(self.kinds))]
        return [*keys, *(f"v{i}" for i, (_, form) in enumerate(self._columns) if form != "same")]

    @cached_property
    def _columns(self) -> dict[tuple[str, str], tuple[Field, Form]]:
        """The fields that are aggregated, each in the forms that it travels in."""
        return {
            (made.source.name, made.aggregate.form): (made.source, made.form)
            for made in self.made
            if made.source is not None and made.form is not None and self._in_key(made) is None
        }

    def read(self, database: Database, batches: Iterator[pa.RecordBatch], schema: Schema) -> str:
        """Hand the rows of the source to a database; the SQL that groups them.

        The query gives the columns of the key, ``k0`` …, and those of the result, ``r0`` … .

        Args:
            database: Where they are grouped.
            batches: What `travelling` gives.
            schema: Its schema.
        """
        database.read("source", batches, schema)
        renamed = ", ".join([*(f"c{i} AS {name}" for i, name in enumerate(schema.names)), ORDINAL])
        table = f"(SELECT {renamed} FROM source)"  # noqa: S608 - SQL of ours
        if any(made.aggregate.distinct for made in self.made):  # it is read more than once
            database.execute(f"CREATE TABLE records AS {table}")
            table = "records"
        return self._sql(table, {which: f"v{i}" for i, which in enumerate(self._columns)})

    def _sql(self, table: str, names: Mapping[tuple[str, str], str]) -> str:
        keys = ", ".join(f"k{i}" for i in range(len(self.kinds)))
        states: list[str] = []
        results: list[str] = []
        joins: list[str] = []
        for number, made in enumerate(self.made):
            if (place := self._in_key(made)) is not None:
                results.append(f"grouped.k{place} AS r{number}")
                continue
            column = "" if made.source is None else names[made.source.name, made.aggregate.form]
            own = [f"s{number}_{i}" for i in range(len(made.aggregate.states))]
            results.append(f"{made.aggregate.result.format(*own)} AS r{number}")
            if made.aggregate.distinct:
                joins.append(self._distinct(table, keys, column, made.aggregate, own))
            else:
                given = zip(made.aggregate.states, own, strict=True)
                states += [f"{state.format(c=column)} AS {name}" for state, name in given]
        grouped = f"(SELECT {', '.join([keys, *states])} FROM {table} GROUP BY {keys}) AS grouped"  # noqa: S608
        selected = ", ".join([*(f"grouped.k{i}" for i in range(len(self.kinds))), *results])
        return f"SELECT {selected} FROM {' LEFT JOIN '.join([grouped, *joins])}"  # noqa: S608 - SQL of ours

    def _in_key(self, made: Made) -> int | None:
        """Which column of the key has the only value that a field of the result can have, if one has."""
        listed = self.key.plain and len(self.key.parts) == len(self.kinds)
        if not listed or made.source is None or made.aggregate.form not in ("same", "value"):
            return None
        for place, (part, kind) in enumerate(zip(self.key.parts, self.kinds, strict=True)):
            if part.field == made.source.name and kind == made.source.arrow:
                return place
        return None

    def _distinct(self, table: str, keys: str, column: str, aggregate: Aggregate, own: list[str]) -> str:
        """A table of an aggregate of different values, and on what it is joined."""
        value = f"unnest({column})" if aggregate.form == "items" else column
        values = (
            f"SELECT {keys}, v, min(ordinal) AS o, count(*) AS n FROM "  # noqa: S608 - SQL of ours
            f"(SELECT {keys}, {value} AS v, ordinal FROM {table}) WHERE v IS NOT NULL GROUP BY {keys}, v"
        )
        states = ", ".join(
            f"{state.format(o='o', n='n', v='v')} AS {name}"
            for state, name in zip(aggregate.states, own, strict=True)
        )
        alias = f"of_{own[0]}"
        on = " AND ".join(f"grouped.k{i} IS NOT DISTINCT FROM {alias}.k{i}" for i in range(len(self.kinds)))
        return f"(SELECT {keys}, {states} FROM ({values}) GROUP BY {keys}) AS {alias} ON {on}"  # noqa: S608

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields of the result."""
        return tuple(made.aggregate.field for made in self.made)

    def finished(self, batch: pa.RecordBatch) -> list[pa.Array]:
        """The columns of the result, from a batch that has them as ``r0``, ``r1`` …."""
        return [made.aggregate.finished(batch.column(f"r{number}")) for number, made in enumerate(self.made)]
