"""One row for each key."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dataflows_core.package import Package
from dataflows_core.resource import Resource
from dataflows_core.schema import Schema
from dataflows_core.steps import Step
from dataflows_core.stream import Stream
from dataflows_stdlib.grouping.keys import comparable, key_order, parse_key
from dataflows_stdlib.grouping.plan import Grouping, check_fields, made_fields
from dataflows_stdlib.outofcore import Database, check_memory_limit

__all__ = ["grouped", "join_self", "join_with_self"]


def join_with_self(
    resource_name: str,
    join_key: str | Iterable[str],
    fields: Mapping[str, Mapping[str, Any] | None],
    *,
    memory_limit: str | int | None = None,
) -> Step:
    """Make one row of all rows that have the same key: group them, and aggregate their fields.

    The result has the given fields and no others, one row for each key, in the order of the keys' texts (so
    that 10 comes before 9), null first.

    Args:
        resource_name: The resource.
        join_key: A field's name, a list of names, or a format string; see `join`. With an empty list, all
            rows become one.
        fields: The new fields by name, each with `name` and `aggregate`; see `join`.
        memory_limit: What it may take before it spills to disk, such as ``"1GB"``; a quarter of the machine's
            memory by default.

    Raises:
        FlowError: A resource that is not there, an unknown aggregate, or one that is not for the type.
        SchemaError: A field that is not there; near misses are named.
        DataError: A sum is too great for its field.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"city": "Rome", "price": 2}, {"city": "Oslo", "price": 4}, {"city": "Rome", "price": 3}]
        >>> flow = Flow(
        ...     rows,
        ...     join_with_self(
        ...         "res_1",
        ...         ["city"],
        ...         {
        ...             "city": None,
        ...             "mean": {"name": "price", "aggregate": "avg"},
        ...             "n": {"aggregate": "count"},
        ...         },
        ...     ),
        ... )
        >>> for row in flow.results().rows[0]:
        ...     print({**row, "mean": float(row["mean"])})
        {'city': 'Oslo', 'mean': 4.0, 'n': 1}
        {'city': 'Rome', 'mean': 2.5, 'n': 2}
    """
    check_memory_limit(memory_limit)
    wanted = check_fields(fields)

    def step(package: Package) -> None:
        grouped(package, resource_name, join_key, resource_name, wanted, True, memory_limit)

    return step


def join_self(
    source_name: str,
    source_key: str | Iterable[str],
    target_name: str,
    fields: Mapping[str, Mapping[str, Any] | None],
) -> Step:
    """The same as `join_with_self`, under another name of the resource; deprecated.

    Args:
        source_name: The resource.
        source_key: See `join_with_self`.
        target_name: What it is called afterwards.
        fields: See `join_with_self`.
    """
    warnings.warn("join_self is deprecated; use join_with_self", DeprecationWarning, stacklevel=2)
    wanted = check_fields(fields)

    def step(package: Package) -> None:
        grouped(package, source_name, source_key, target_name, wanted, True, None)

    return step


def grouped(
    package: Package,
    source_name: str,
    source_key: str | Iterable[str],
    target_name: str,
    fields: Mapping[str, Mapping[str, Any]],
    source_delete: bool,
    memory_limit: str | int | None,
) -> None:
    """Plan to group the rows of a resource; the result takes its place, or stands behind it.

    Args:
        package: Where the resource is.
        source_name: The resource.
        source_key: Its key.
        target_name: The name of the result.
        fields: What the result has.
        source_delete: Whether the source goes; it does when both have one name.
        memory_limit: What it may take before it spills to disk.
    """
    (source,) = package.tables([source_name])
    assert source.stream is not None
    key = parse_key(source_key, source.schema, source_name)
    kinds = comparable([key], [source.schema], [source_name])
    grouping = Grouping(source.schema, key, kinds, made_fields(fields, source.schema, source_name))
    stream = source.stream
    place = package.resources.index(source)
    if source_delete or target_name == source_name:
        package.resources.remove(source)
    else:
        source.stream, stream = stream.share()
        place += 1
    after = Schema(grouping.fields)
    stream = grouping.travelling(stream, source_name)
    function = _Grouped(grouping, stream.schema, after, memory_limit)
    derived = Stream.derive([stream], function, after, reads=[grouping.typed])
    package.add(Resource(target_name, derived, {"path": f"data/{target_name}.csv"}))
    package.resources.insert(place, package.resources.pop())


@dataclass(frozen=True)
class _Grouped:
    """The rows of the result."""

    grouping: Grouping
    before: Schema
    schema: Schema
    memory_limit: str | int | None

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with Database(self.memory_limit) as database:
            sql = self.grouping.read(database, batches, self.before)
            order = key_order(self.grouping.kinds)
            for batch in database.raw(f"SELECT * FROM ({sql}) ORDER BY {order}"):  # noqa: S608 - SQL of ours
                columns = self.grouping.finished(batch)
                yield pa.RecordBatch.from_arrays(columns, names=list(self.schema.names))
