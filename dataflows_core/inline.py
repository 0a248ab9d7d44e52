"""Sources that are Python objects: iterables of rows, data frames, anything with an Arrow stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from dataflows_core.errors import FlowError, RowError
from dataflows_core.infer import infer_rows
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Schema
from dataflows_core.stream import Stream

__all__ = ["OnceIterable", "arrow_stream", "rows_stream"]

SAMPLE_ROWS = 1000
"""Rows of an iterable that its schema is inferred from."""

BLOCK_ROWS = 16_384
"""Rows of an iterable that make one block."""


class OnceIterable:
    """An iterator, which can be read once; the second reading says so.

    Args:
        rows: The iterator.
        name: What messages call it.
    """

    def __init__(self, rows: Iterator[Any], name: str) -> None:
        self._rows: Iterator[Any] | None = rows
        self.name = name

    def __iter__(self) -> Iterator[Any]:
        if self._rows is None:
            raise FlowError(
                f"{self.name} was a source, and has been read: it can be run once. Give a list, or make the "
                "flow in a function that is called for each run"
            )
        rows, self._rows = self._rows, None
        return rows


@dataclass
class RowsSplit:
    """The rows of an iterable of dicts, lists or tuples."""

    rows: Iterable[Any]
    schema: Schema
    source: str
    size: int | None = None
    portable = False

    def blocks(self) -> Iterator[tuple[int, list[Any]]]:
        """Lists of rows, with the number of rows before them."""
        rows, first = iter(self.rows), 0
        while block := list(islice(rows, BLOCK_ROWS)):
            yield first, block
            first += len(block)

    def decode(self, block: tuple[int, list[Any]]) -> pa.RecordBatch:
        """The rows, typed by the schema."""
        rows = [_as_mapping(row, self.schema.names, index) for index, row in enumerate(block[1])]
        return RowCodec(self.schema).encode(rows)

    def locate(self, block: tuple[int, list[Any]], index: int) -> int:
        """The row's number in the iterable."""
        return block[0] + index + 1


@dataclass
class ArrowSplit:
    """The batches of an object with an Arrow stream: a table, a data frame, a relation."""

    table: Any
    schema: Schema
    source: str
    size: int | None = None
    once: bool = False
    used: bool = field(default=False, compare=False)
    portable = False

    def blocks(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Batches, with the number of rows before them."""
        if self.once and self.used:
            raise FlowError(
                f"{self.source} was a source, and has been read: a reader can be run once. Give a table"
            )
        self.used = True
        reader, first = pa.RecordBatchReader.from_stream(self.table), 0
        for batch in reader:
            for start in range(0, batch.num_rows, 65_536):
                piece = batch[start : start + 65_536]
                yield first + start, piece
            first += batch.num_rows

    def decode(self, block: tuple[int, pa.RecordBatch]) -> pa.RecordBatch:
        """The batch, with the types of the schema."""
        from dataflows_core.cast import cast_column

        columns = []
        for declared, column in zip(self.schema, block[1].columns, strict=True):
            cast, failures = cast_column(column, declared, missing_values=())
            if failures:
                raise RowError(str(failures[0]), index=failures[0].index, field=declared.name)
            columns.append(cast)
        return pa.RecordBatch.from_arrays(columns, names=list(self.schema.names))

    def locate(self, block: tuple[int, pa.RecordBatch], index: int) -> int:
        """The row's number in the table."""
        return block[0] + index + 1


def rows_stream(rows: Iterable[Any]) -> Stream:
    """The stream of an iterable of dicts, lists or tuples.

    Args:
        rows: The rows. The schema is inferred from the first 1000; lists and tuples get the fields
            `col0`, `col1` …

    Raises:
        FlowError: Something in it is no row.
    """
    name = rows.name if isinstance(rows, OnceIterable) else f"the {type(rows).__name__}"
    iterator = iter(rows)
    sample = list(islice(iterator, SAMPLE_ROWS))
    if iterator is rows or isinstance(rows, OnceIterable):
        rows = OnceIterable(chain(sample, iterator), name)
    schema = infer_rows([_as_mapping(row, None, index) for index, row in enumerate(sample)])
    return Stream.of([RowsSplit(rows, schema, name)], schema)


def arrow_stream(table: Any) -> Stream:
    """The stream of an object with an Arrow stream (`__arrow_c_stream__`).

    Raises:
        SchemaError: A column's type has no Table Schema type.
    """
    reader = isinstance(table, pa.RecordBatchReader)
    arrow = table.schema if isinstance(table, pa.Table | pa.RecordBatch | pa.RecordBatchReader) else None
    if arrow is None:
        arrow = pa.RecordBatchReader.from_stream(table).schema
    schema = Schema.from_arrow(arrow)
    return Stream.of([ArrowSplit(table, schema, f"the {type(table).__name__}", once=reader)], schema)


def _as_mapping(row: Any, names: Sequence[str] | None, index: int) -> Mapping[str, Any]:
    if isinstance(row, Mapping):
        return row
    if isinstance(row, list | tuple):
        if names is not None and len(row) != len(names):
            raise RowError(
                f"the row has {len(row)} values, and the first rows have {len(names)}", index=index
            )
        return dict(zip(names or [f"col{column}" for column in range(len(row))], row, strict=True))
    raise RowError(
        f"a row is a dict, a list or a tuple, and this one is {type(row).__name__}: {row!r}", index=index
    )
