"""Sources that are Python objects: iterables of rows, data frames, anything with an Arrow stream."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from dataflows_core.errors import FlowError, RowError
from dataflows_core.infer import infer_rows
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Schema
from dataflows_core.stream import Stream

__all__ = ["OnceIterable", "OnceReader", "arrow_stream", "rows_stream"]

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
        # A generator that has ended, in another flow perhaps, has no frame.
        if self._rows is None or getattr(self._rows, "gi_frame", self) is None:
            raise _was_read(self.name, "Give a list")
        rows, self._rows = self._rows, None
        return rows


class OnceReader:
    """A `pyarrow.RecordBatchReader`, which can be read once; the second reading says so.

    Args:
        reader: The reader.
    """

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self.schema: pa.Schema = reader.schema
        self._reader: pa.RecordBatchReader | None = reader

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        if self._reader is None:
            raise _was_read("the RecordBatchReader", "Give a table")
        reader, self._reader = self._reader, None
        return reader.__arrow_c_stream__(requested_schema)


def _was_read(name: str, remedy: str) -> FlowError:
    return FlowError(
        f"{name} was a source, and has been read: it can be run once. {remedy}, or make the "
        "flow in a function that is called for each run"
    )


class _Begun:
    """An iterable whose first rows were looked at: its first reading goes on from there."""

    def __init__(self, rows: Iterable[Any], begun: Iterator[Any]) -> None:
        self._rows = rows
        self._begun: Iterator[Any] | None = begun

    def __iter__(self) -> Iterator[Any]:
        begun, self._begun = self._begun, None
        return iter(self._rows) if begun is None else begun


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
    portable = False

    def blocks(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Batches, with the number of rows before them."""
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
    begun = chain(sample, iterator)
    if isinstance(rows, OnceIterable):
        rows = OnceIterable(begun, name)
    elif not isinstance(rows, Collection):  # it may go on where it was: a cursor does
        rows = _Begun(rows, begun)
    schema = infer_rows([_as_mapping(row, None, index) for index, row in enumerate(sample)])
    return Stream.of([RowsSplit(rows, schema, name)], schema)


def arrow_stream(table: Any) -> Stream:
    """The stream of an object with an Arrow stream (`__arrow_c_stream__`).

    Raises:
        SchemaError: A column's type has no Table Schema type.
    """
    arrow = getattr(table, "schema", None)
    if not isinstance(arrow, pa.Schema):
        arrow = pa.RecordBatchReader.from_stream(table).schema
    schema = Schema.from_arrow(arrow)
    name = "RecordBatchReader" if isinstance(table, OnceReader) else type(table).__name__
    return Stream.of([ArrowSplit(table, schema, f"the {name}")], schema)


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
