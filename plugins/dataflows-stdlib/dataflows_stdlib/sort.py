"""Rows in another order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from dataflows_core.package import Package, ResourceSelector
from dataflows_core.schema import Schema
from dataflows_core.steps import Step
from dataflows_core.stream import Stream
from dataflows_stdlib.ordering import Key, append_keys, check_key, parse_key
from dataflows_stdlib.outofcore import ORDINAL, Database, check_memory_limit

__all__ = ["sort_rows"]


def sort_rows(
    key: Key,
    resources: ResourceSelector = None,
    reverse: bool = False,
    batch_size: int = 1000,  # noqa: ARG001 - the predecessor's
    *,
    memory_limit: str | int | None = None,
) -> Step:
    """Sort the rows; those with equal keys keep their order, also in reverse.

    Values order as their types do: numbers by size, exactly; texts by code point, objects and arrays by their
    JSON; null before everything else, and last in reverse. A table that does not fit into memory is sorted
    on disk.

    Args:
        key: A field's name, or a SQL expression; several of these in a list or between commas, each with
            ``desc`` behind it if its greatest shall come first. Or a format string such as
            ``"{country}{year}"``: it orders by the fields one after the other; one with a format
            (``"{name:.1}"``) by the text that this gives. Or a function that gets a row and returns a value
            or a tuple of values.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        reverse: Whether to turn the whole order round.
        batch_size: Has no effect; `memory_limit` says what stays in memory.
        memory_limit: What may stay in memory, in bytes or as text such as ``"1GB"``; by default a quarter of
            the machine's memory, or what the environment variable ``DATAFLOWS_MEMORY_LIMIT`` says.

    Raises:
        FlowError: The key, or the memory limit, is none.
        ExpressionError: An expression cannot be parsed, names an unknown field, or is not allowed.
        SchemaError: A format string names an unknown field.
        AccessError: Memory or disk does not suffice.

    Examples:
        >>> from dataflows_core import Flow
        >>> rows = [
        ...     {"country": "Peru", "year": 9},
        ...     {"country": "Chad", "year": 10},
        ...     {"country": "Chad", "year": 9},
        ... ]
        >>> [tuple(row.values()) for row in Flow(rows, sort_rows("year desc, country")).results().rows[0]]
        [('Chad', 10), ('Chad', 9), ('Peru', 9)]
        >>> flow = Flow(rows, sort_rows("{country}{year}", reverse=True))
        >>> [tuple(row.values()) for row in flow.results().rows[0]]
        [('Peru', 9), ('Chad', 10), ('Chad', 9)]
        >>> flow = Flow(rows, sort_rows(lambda row: (row["year"], row["country"])))
        >>> [tuple(row.values()) for row in flow.results().rows[0]]
        [('Chad', 9), ('Peru', 9), ('Chad', 10)]
    """
    check_key(key)
    limit = check_memory_limit(memory_limit)

    def step(package: Package) -> None:
        for resource in package.tables(resources):
            after = resource.schema
            names = append_keys(resource, parse_key(key, after))
            assert resource.stream is not None
            before = resource.stream.schema
            order = [(before.names.index(name), descending != reverse) for name, descending in names]
            sorting = _Sorted(before, after, tuple(order), limit)
            reads = [name for name, _ in names]
            resource.stream = Stream.derive([resource.stream], sorting, after, reads=[reads])

    return step


@dataclass(frozen=True)
class _Sorted:
    """The rows of a stream in the order of some of its columns, without those that were added for it."""

    before: Schema
    after: Schema
    order: tuple[tuple[int, bool], ...]
    memory_limit: int | None

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        columns = ", ".join([f"c{i}" for i in range(len(self.after))] or [ORDINAL])
        order = ", ".join(
            f"c{i} {'DESC NULLS LAST' if descending else 'ASC NULLS FIRST'}" for i, descending in self.order
        )
        with Database(self.memory_limit) as database:
            database.read("input", batches, self.before)
            sql = f"SELECT {columns} FROM input ORDER BY {order}, {ORDINAL}"  # noqa: S608 - SQL of ours
            yield from database.query(sql, self.after)
