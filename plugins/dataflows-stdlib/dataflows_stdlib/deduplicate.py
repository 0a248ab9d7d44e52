"""Rows that come once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import FlowError
from dataflows_core.operations import Map, Selected
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.schema import Schema
from dataflows_core.steps import Step, current_step
from dataflows_core.stream import Stream
from dataflows_stdlib.outofcore import Database, check_memory_limit

__all__ = ["deduplicate"]


def deduplicate(
    resources: ResourceSelector = None,
    *,
    keys: str | Iterable[str] | None = None,
    memory_limit: str | int | None = None,
) -> Step:
    """Keep the first of the rows that have one key, in their order.

    Nulls count as equal. Without `keys`, the key is the primary key of each resource; those that have none
    are passed on as they are, unless `resources` asks for them.

    Args:
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        keys: The fields that make the key; ``"*"`` means all, so that rows must differ in something.
        memory_limit: What may stay in memory, in bytes or as text such as ``"1GB"``; by default a quarter of
            the machine's memory, or what the environment variable ``DATAFLOWS_MEMORY_LIMIT`` says.

    Raises:
        FlowError: No key is given, and a resource that is asked for (or each of all) has no primary key.
        SchemaError: A field of the key that a resource has not.
        AccessError: Memory or disk does not suffice.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [{"id": 1, "n": "a"}, {"id": 2, "n": "b"}, {"id": 1, "n": "c"}]
        >>> Flow(rows, deduplicate(keys="id")).results().rows
        [[{'id': 1, 'n': 'a'}, {'id': 2, 'n': 'b'}]]
    """
    named = [keys] if isinstance(keys, str) else None if keys is None else list(keys)
    if named == []:
        raise FlowError('deduplicate(keys=[]) names no field; keys="*" means all of them')
    limit = check_memory_limit(memory_limit)

    def step(package: Package) -> None:
        chosen = {resource.name: _key(resource, named) for resource in package.tables(resources)}
        without = [name for name, key in chosen.items() if not key and named is None]
        if without and (resources is not None or len(without) == len(chosen)):
            raise FlowError(
                f"resource {without[0]!r} has no primary key to deduplicate by\n  give the fields that make "
                'it, as in deduplicate(keys=["id"]) or set_primary_key(["id"]); keys="*" compares whole rows'
            )
        for name, key in chosen.items():
            if key or named is not None:
                _append(package[name], key, limit)

    return step


def _key(resource: Resource, named: list[str] | None) -> list[str]:
    schema = resource.schema
    if named == ["*"] and "*" not in schema:
        return list(schema.names)
    if named is not None:
        return list(schema.select(named).names)
    primary = schema.properties.get("primaryKey") or []
    return [primary] if isinstance(primary, str) else list(primary)


def _append(resource: Resource, key: list[str], limit: int | None) -> None:
    assert resource.stream is not None
    schema = resource.schema
    first, second = resource.stream.share()
    only_keys = schema.select(key)
    first = first.then(
        Map(current_step().on(resource.name), schema, only_keys, Selected(only_keys.names), frozenset())
    )
    firsts = _Firsts(only_keys, limit)
    resource.stream = Stream.derive([first, second], firsts, schema, reads=[key, ()])


@dataclass(frozen=True)
class _Firsts:
    """The first row of each key. Only keys reach the database; rows wait on disk until it has decided."""

    keys: Schema
    memory_limit: int | None

    def __call__(
        self, keys: Iterator[pa.RecordBatch], rows: Iterator[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch]:
        columns = ", ".join(f"c{i}" for i in range(len(self.keys))) or "true"  # rows of nothing are equal
        with Database(self.memory_limit) as database:
            database.read("input", keys, self.keys)
            sql = f"SELECT min(ordinal) AS first FROM input GROUP BY {columns} ORDER BY first"  # noqa: S608
            yield from _taken(rows, (batch.column(0) for batch in database.raw(sql)))


def _taken(batches: Iterator[pa.RecordBatch], places: Iterator[pa.Array]) -> Iterator[pa.RecordBatch]:
    """The rows of a stream at some places.

    Args:
        batches: The stream.
        places: The numbers of the rows from 0, in order.
    """
    start, waiting = 0, pa.array([], pa.int64())
    for batch in batches:
        end = start + batch.num_rows
        parts = []
        while waiting is not None:
            within = pc.sum(pc.less(waiting, end)).as_py() or 0
            parts.append(waiting[:within])
            waiting = waiting[within:]
            if len(waiting):
                break
            waiting = next(places, None)
        taken = pa.concat_arrays(parts) if parts else pa.array([], pa.int64())
        yield batch if len(taken) == batch.num_rows else batch.take(pc.subtract(taken, start))
        start = end
