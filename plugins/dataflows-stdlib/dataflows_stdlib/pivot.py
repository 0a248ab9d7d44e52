"""Rows to columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.cast import cast_column
from dataflows_core.errors import CastError, DataError, FlowError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step
from dataflows_core.stream import Stream
from dataflows_core.text import column_to_text
from dataflows_stdlib.outofcore import Database, check_memory_limit

__all__ = ["pivot"]

_AGGREGATES = {
    "first": "arg_min(v, o)",
    "last": "arg_max(v, o)",
    "min": "min(v)",
    "max": "max(v)",
    "sum": "sum(v)",
    "count": "count(v)",
}
_SUMMED = frozenset({"integer", "number", "year"})
_PLACE = "pivot: column"


def pivot(
    names: str,
    values: str,
    columns: Iterable[Any] | Mapping[str, Any],
    resources: ResourceSelector = None,
    *,
    keys: str | Iterable[str] | None = None,
    aggregate: str | None = None,
    others: str = "raise",
    memory_limit: str | int | None = None,
) -> Step:
    """Turn rows to columns: the opposite of unpivot.

    The rows of one key become one row, at the place of the first; each of `columns` is a field of it. A field
    is null where no row has its value.

    Args:
        names: The field whose values become the names of fields.
        values: The field whose values become the values of these fields.
        columns: The values of `names` that become fields, in order: a flow knows its fields before it reads
            the data. Or a mapping from the name of the field to the value.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        keys: The fields that say which rows belong together, and stay; by default all but `names` and
            `values`.
        aggregate: What becomes of several values for one field of one row: `first`, `last`, `min`, `max`,
            `sum` or `count`; by default they are an error.
        others: What becomes of a row whose `names` is none of `columns`: ``"raise"`` or ``"drop"``.
        memory_limit: What may stay in memory, in bytes or as text such as ``"1GB"``; by default a quarter of
            the machine's memory, or what the environment variable ``DATAFLOWS_MEMORY_LIMIT`` says.

    Raises:
        FlowError: No columns, or two with one name; an aggregate that is unknown or makes no sense.
        SchemaError: A field that a resource has not.
        CastError: A value of `columns` is none of the field `names`; or a row has another one.
        DataError: Two rows have a value for one field of one row.
        AccessError: Memory or disk does not suffice.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [
        ...     {"country": "Peru", "year": 2020, "total": 7},
        ...     {"country": "Chad", "year": 2021, "total": 5},
        ...     {"country": "Peru", "year": 2021, "total": 8},
        ... ]
        >>> for row in Flow(rows, pivot("year", "total", columns=[2020, 2021])).results().rows[0]:
        ...     print(row)
        {'country': 'Peru', '2020': 7, '2021': 8}
        {'country': 'Chad', '2020': None, '2021': 5}
    """
    wanted = dict(columns) if isinstance(columns, Mapping) else list(columns)
    if isinstance(columns, str) or not wanted:
        raise FlowError(f"columns are the values of {names!r} that become fields, such as [2020, 2021]")
    if aggregate is not None and aggregate not in _AGGREGATES:
        raise FlowError(f"there is no aggregate {aggregate!r}; there are {', '.join(_AGGREGATES)}")
    if others not in ("raise", "drop"):
        raise FlowError(f'others is "raise" or "drop", and not {others!r}')
    named = None if keys is None else [keys] if isinstance(keys, str) else list(keys)
    limit = check_memory_limit(memory_limit)

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            _append(resource, names, values, wanted, named, aggregate, others, limit)

    return step


def _append(
    resource: Resource,
    names: str,
    values: str,
    wanted: dict[str, Any] | list[Any],
    named: list[str] | None,
    aggregate: str | None,
    others: str,
    limit: int | None,
) -> None:
    schema = resource.schema
    name_field, value_field = schema.field(names), schema.field(values)
    rest = [field for field in schema.names if field not in (names, values)] if named is None else named
    kept = schema.select(rest)
    if {names, values} & set(kept.names):
        raise FlowError(f"keys cannot have the fields {names!r} and {values!r}, which go")
    if aggregate == "sum" and value_field.type not in _SUMMED:
        raise FlowError(f"the field {values!r} is of the type {value_field.type}, which has no sum")
    given = list(wanted.values()) if isinstance(wanted, dict) else wanted
    column = _column(given, name_field)
    titles = list(wanted) if isinstance(wanted, dict) else column_to_text(column, name_field).to_pylist()
    result = {"type": "integer"} if aggregate == "count" else dict(value_field.descriptor)
    arrow = pa.int64() if aggregate == "count" else value_field.arrow
    made = [Field({**result, "name": title}, arrow).update(title=None, constraints=None) for title in titles]
    if twice := [title for title in titles if titles.count(title) > 1 or title in kept]:
        raise FlowError(
            f"two fields would have the name {twice[0]!r}; give columns as a mapping of names to values"
        )
    placed = Schema((*kept, value_field, Field({"name": _PLACE, "type": "integer"}, pa.int32())))
    function = _Placed(schema, placed, names, column, others == "drop")
    resource.map_batches(function, placed, reads=[names])
    after = Schema((*kept, *made), kept.properties)
    assert resource.stream is not None
    pivoted = _Pivoted(placed, after, aggregate, limit)
    resource.stream = Stream.derive([resource.stream], pivoted, after)


def _column(values: list[Any], field: Field) -> pa.Array:
    """The values that become fields, as the column has them."""
    if all(isinstance(value, str) for value in values) and field.type != "string":
        column, failures = cast_column(pa.array(values, pa.string()), field)
        if failures:
            raise failures[0]
        return column
    return RowCodec(Schema((field,))).encode([{field.name: value} for value in values]).column(0)


@dataclass(frozen=True)
class _Placed:
    """Replaces the names of fields by their places."""

    before: Schema
    after: Schema
    names: str
    wanted: pa.Array
    drop: bool

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        column = batch.column(self.names)
        places = pc.index_in(_plain(column), _plain(self.wanted))
        if places.null_count and not self.drop:
            index = places.is_null().index(pa.scalar(True)).as_py()
            known = ", ".join(map(str, _plain(self.wanted).to_pylist()))
            raise CastError(
                self.names,
                RowCodec(self.before.select([self.names])).decode(batch.select([self.names]))[index][
                    self.names
                ],
                f"one of the columns ({known})",
                index=index,
                remedy='add it to columns, or leave such rows out with others="drop"',
            )
        columns = [batch.column(name) for name in self.after.names[:-1]]
        result = pa.RecordBatch.from_arrays([*columns, places], names=list(self.after.names))
        return result.filter(places.is_valid()) if places.null_count else result


def _plain(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column, pa.ExtensionArray) else column


@dataclass(frozen=True)
class _Pivoted:
    """One row for each key."""

    before: Schema
    after: Schema
    aggregate: str | None
    memory_limit: int | None

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        width = len(self.before) - 2
        fields = len(self.after) - width
        keys = "".join(f"c{i}, " for i in range(width))
        value = _AGGREGATES[self.aggregate or "first"]
        if self.aggregate == "sum" and pa.types.is_floating(self.before.fields[width].arrow):
            value = "sum(v ORDER BY o)"  # a sum of doubles depends on the order
        made = ", ".join(f"any_value(v) FILTER (p = {i})" for i in range(fields))
        grouped = f"GROUP BY {keys[:-2]}" if keys else "HAVING count(*) > 0"
        with Database(self.memory_limit) as database:
            database.read("input", batches, self.before)
            # Cells first, then rows: each cell is computed once, however many fields there are.
            renamed = f"SELECT {keys}c{width} AS v, c{width + 1} AS p, ordinal AS o FROM input"  # noqa: S608
            made_of = f"{keys}p, {value} AS v, min(o) AS o, max(o) AS last, count(*) AS n"
            database.execute(
                f"CREATE TABLE cells AS SELECT {made_of} FROM ({renamed}) GROUP BY {keys}p"  # noqa: S608
            )
            if self.aggregate is None:
                self._check(database)
            sql = f"SELECT {keys}{made} FROM cells {grouped} ORDER BY min(o)"  # noqa: S608 - SQL of ours
            yield from database.query(sql, self.after)

    def _check(self, database: Database) -> None:
        twice = database.execute("SELECT p, o, last FROM cells WHERE n > 1 ORDER BY o LIMIT 1")
        for place, first, last in twice:
            name = self.after.names[len(self.before) - 2 + place]
            raise DataError(
                f"rows {first + 1} and {last + 1} both have a value for the field {name!r} of one row\n  say "
                'which counts, as in aggregate="first", or name more keys'
            )
