"""Resources from SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from dataflows_core.errors import DataError, ExpressionError, FlowError, SchemaError
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Step
from dataflows_core.stream import Stream
from dataflows_stdlib.match import quoted
from dataflows_stdlib.outofcore import Database, check_memory_limit
from dataflows_stdlib.outofcore.natural import from_natural, natural_type
from dataflows_stdlib.select import Select, parse_select

__all__ = ["sql"]


def sql(
    query: str,
    name: str = "result",
    resources: ResourceSelector = None,
    *,
    source_delete: bool = False,
    memory_limit: str | int | None = None,
) -> Step:
    """Add a resource that a SELECT makes of the package's resources.

    The statement is DuckDB's SQL: joins, groups, windows, WITH, UNION and so on, over the resources by their
    names (in double quotes if they are no plain words). It reads nothing else: no files, no settings, no
    functions that give something else each time. Numbers are decimals: sums and products are exact or an
    error; ``avg`` and ``/`` are floating-point numbers. Columns that are passed on keep their descriptors.

    The rows come in the same order each time, also where ORDER BY leaves it open; what selects rows of one
    resource keeps their order. That takes one thread: sort_rows, join and deduplicate are faster.

    Args:
        query: One SELECT statement.
        name: The name of the new resource.
        resources: Which resources it may read: None for all, a regular expression, a position or a list of
            names.
        source_delete: Whether to remove the resources that it reads.
        memory_limit: What may stay in memory, in bytes or as text such as ``"1GB"``; by default a quarter of
            the machine's memory, or what the environment variable ``DATAFLOWS_MEMORY_LIMIT`` says.

    Raises:
        ExpressionError: The statement cannot be parsed, is no SELECT, reads what is not there, or uses what
            is not allowed.
        SchemaError: A column of the result has no type of Table Schema, or two have one name.
        DataError: A value cannot be computed: a sum overflows, a text is no date.
        AccessError: Memory or disk does not suffice.

    Examples:
        >>> from dataflows_core import Flow
        >>> sales = [{"country": "Peru", "n": 2}, {"country": "Chad", "n": 1}, {"country": "Peru", "n": 3}]
        >>> query = "SELECT country, sum(n) AS total FROM res_1 GROUP BY country ORDER BY total DESC"
        >>> Flow(sales, sql(query, source_delete=True)).results().rows
        [[{'country': 'Peru', 'total': 5}, {'country': 'Chad', 'total': 1}]]
    """
    limit = check_memory_limit(memory_limit)

    def step(package: Package) -> None:
        visible = package.tables(resources)
        select = parse_select(query, {resource.name: resource.schema.names for resource in visible})
        sources = [resource for resource in visible if resource.name in select.tables]
        for source in sources:
            _check_names(source)
        schemas = tuple(source.schema for source in sources)
        names = tuple(source.name for source in sources)
        after = _planned(select, names, schemas)
        streams = [_reader(source, source_delete) for source in sources]
        if source_delete:
            package.resources = [one for one in package.resources if one not in sources]
        function = _Selected(query, names, schemas, after, limit)
        package.add(Resource(name, Stream.derive(streams, function, after)))

    return step


def _check_names(resource: Resource) -> None:
    names = resource.schema.names
    if not names:
        raise FlowError(f"resource {resource.name!r} has no fields, so that SQL cannot read it")
    folded: dict[str, str] = {}
    for name in names:
        if not name:
            raise FlowError(
                f"resource {resource.name!r} has a field without a name; rename_fields gives it one"
            )
        if (other := folded.setdefault(name.lower(), name)) != name:
            raise FlowError(
                f"the fields {other!r} and {name!r} of {resource.name!r} differ only in case, which SQL does "
                "not tell apart; rename_fields renames one of them"
            )


def _reader(resource: Resource, last: bool) -> Stream:
    assert resource.stream is not None
    if last:
        return resource.stream
    resource.stream, reader = resource.stream.share()
    return reader


def _load(database: Database, table: str, batches: Iterator[pa.RecordBatch], schema: Schema) -> None:
    """Make a table of a stream, which a statement may read more than once."""
    stream = f"the stream of {table}"  # a name that no resource has, and no statement can read
    database.read(stream, batches, schema, natural=True)
    columns = ", ".join(f"c{i} AS {quoted(field.name)}" for i, field in enumerate(schema))
    database.execute(f"CREATE TABLE {quoted(table)} AS SELECT {columns} FROM {quoted(stream)}")  # noqa: S608


def _planned(select: Select, names: Sequence[str], schemas: Sequence[Schema]) -> Schema:
    """The schema of the result, found with empty tables."""
    with Database(ordered=True) as database:
        for name, schema in zip(names, schemas, strict=True):
            _load(database, name, iter(()), schema)
        try:
            found = database.columns(select.text)
        except DataError as error:
            known = [field.name for schema in schemas for field in schema]
            raise ExpressionError(select.text, str(error), known=known) from error
    kept = _passed_on(select, schemas, found.names)
    return Schema(tuple(map(_field, found, kept)))


def _passed_on(select: Select, schemas: Sequence[Schema], names: Sequence[str]) -> list[Field | None]:
    """For each column of the result, the field that it is, if it is certain to be one."""
    fields = [field for schema in schemas for field in schema]
    items: Sequence[str | None] | None = names if select.items == ("*",) else select.items
    if items is None or len(items) != len(names):
        return [None] * len(names)
    found: list[Field | None] = []
    for item in items:
        same = [field for field in fields if item is not None and field.name.lower() == item.lower()]
        found.append(same[0] if len(same) == 1 else None)
    return found


def _field(column: pa.Field, source: Field | None) -> Field:
    if source is not None and natural_type(source.arrow) == column.type:
        # What a join or a union does to its rows, constraints need not outlive.
        return source.update(name=column.name, constraints=None)
    if pa.types.is_struct(column.type) or pa.types.is_map(column.type):
        raise SchemaError(
            f"the column {column.name!r} of the result is a structure ({column.type}), which no field can "
            "hold; select its members, or cast it to text"
        )
    (field,) = Schema.from_arrow(pa.schema([column]))
    return field


@dataclass(frozen=True)
class _Selected:
    """The rows that a checked SELECT gives."""

    query: str
    names: tuple[str, ...]
    schemas: tuple[Schema, ...]
    after: Schema
    memory_limit: int | None

    def __call__(self, *inputs: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with Database(self.memory_limit, ordered=True) as database:
            for name, batches, schema in zip(self.names, inputs, self.schemas, strict=True):
                _load(database, name, batches, schema)
            for batch in database.raw(self.query):
                columns = [
                    from_natural(column, field)
                    for column, field in zip(batch.columns, self.after, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(columns, names=list(self.after.names))
