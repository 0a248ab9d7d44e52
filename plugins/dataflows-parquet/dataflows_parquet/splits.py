"""The engine's splits of a typed file: a range of its row groups, or of its record batches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core import json_text
from dataflows_core.cast import cast_column
from dataflows_core.errors import CastError, DataError, RowError, UnreadableError
from dataflows_core.files import Source
from dataflows_core.files.urls import is_http
from dataflows_core.fit import fit
from dataflows_core.foreign import familiar
from dataflows_core.schema import Field, Schema
from dataflows_parquet.opened import opened_arrow, opened_parquet, whole_stream
from dataflows_parquet.pieces import STEP, Pieces, joined

__all__ = ["ArrowSplit", "Block", "ParquetSplit", "TypedSplit"]

Block = tuple[int, tuple[pa.RecordBatch, ...]]
"""The number of rows of the file before it, and rows, in batches that are one when they are decoded."""


@dataclass(frozen=True)
class TypedSplit:
    """What the splits of both formats share.

    Args:
        file: The file.
        schema: The schema of the batches.
        stored: What the file has of it, typed as it is there; None when that is all, and the same.
        constants: Texts of fields that every row of the file has the same value of, by name.
        begin: The first row group or record batch.
        end: The one behind the last; None for the end of the file.
    """

    file: Source
    schema: Schema
    stored: Schema | None = None
    constants: tuple[tuple[str, str | None], ...] = ()
    begin: int = 0
    end: int | None = None

    @property
    def source(self) -> str:
        """What messages call the file."""
        return self.file.shown

    @property
    def size(self) -> int | None:
        """Not known: how long a block is in the file is no business of its rows."""
        return None

    @property
    def columns(self) -> Schema:
        """The columns that are read from the file."""
        return self.schema if self.stored is None else self.stored

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """The rows of the split, in pieces of a few megabytes, read anew."""

    def select(self, names: Iterable[str]) -> Self:
        """The split with some fields only; the columns of the others are not read."""
        return self.completed(self.schema.select(names))

    def completed(self, schema: Schema) -> Self:
        """The split with the fields of a schema: what the file has of them is read, the others are null."""
        stored = self.columns.select(name for name in self.columns.names if name in schema)
        constants = tuple(item for item in self.constants if item[0] in schema)
        return replace(self, schema=schema, stored=stored, constants=constants)

    def decode(self, block: Block) -> pa.RecordBatch:
        """The rows of a block, with the types of the schema.

        Raises:
            UnreadableError: The block is damaged.
            RowError: A value that is not of the type that the descriptor in the file says, or no JSON where
                the column says so.
        """
        batches = block[1]
        for batch in batches:
            self._check(batch)
        if not self.columns.names:
            rows = sum(batch.num_rows for batch in batches)
            return self._completed(pa.record_batch({"": pa.nulls(rows)}).select([]))
        columns = []
        for position, field in enumerate(self.columns):
            column = familiar(joined(batches, position))
            if column.type != field.arrow:
                column, errors = cast_column(column, field, missing_values=())
                if errors:
                    raise RowError(str(errors[0]), index=errors[0].index, field=field.name)
            elif isinstance(column.type, pa.JsonType):
                _check_json(column, field)
            columns.append(column)
        return self._completed(pa.RecordBatch.from_arrays(columns, names=list(self.columns.names)))

    def locate(self, block: Block, index: int) -> int:
        """The row's number in the file."""
        return block[0] + index + 1

    def _check(self, batch: pa.RecordBatch) -> None:
        # Arrow takes what it reads on trust; kernels that work on broken offsets end the process.
        try:
            batch.validate(full=True)
        except pa.ArrowInvalid as error:
            raise UnreadableError(f"{self.source} is damaged: {error}") from error

    def _completed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The columns of the file as those of the schema."""
        if self.stored is None:
            return batch
        if self.stored.arrow.equals(self.schema.arrow):
            return batch
        if self.stored.arrow.equals(self.schema.arrow):
            return batch
        before = self.stored
        for name, text in self.constants:
            field = self.schema.field(name)
            column, _ = cast_column(pa.array([text], pa.string()), field, missing_values=())
            batch = batch.append_column(field.name, pa.repeat(column[0], batch.num_rows))
            before = before.add(field)
        return fit(before, self.schema)(batch)

    def _refuse_change(self, arrow: pa.Schema) -> None:
        if missing := [name for name in self.columns.names if name not in arrow.names]:
            raise DataError(
                f"{self.source} has changed since the flow was planned: there is no column {missing[0]!r}"
            )

    def _refuse_short(self, announced: int, found: int, what: str) -> None:
        if announced != found:
            raise UnreadableError(
                f"{self.source} is damaged: it says that {what} has {announced:,} rows, and it has {found:,}"
            )


class ParquetSplit(TypedSplit):
    """Row groups of a Parquet file: a `dataflows_core.stream.Split`."""

    @staticmethod
    def arrow_schema(file: Source) -> pa.Schema:
        """The Arrow schema of a file, with its metadata.

        Raises:
            AccessError: It cannot be opened.
            UnreadableError: It is no Parquet file, or a damaged one, or an index of others.
        """
        with opened_parquet(file) as (parquet, _):
            return parquet.schema_arrow

    def blocks(self) -> Iterator[Block]:
        """Batches of a few megabytes, read anew.

        Raises:
            AccessError: The file cannot be opened.
            UnreadableError: It is damaged.
        """
        names = list(self.columns.names)
        with opened_parquet(self.file) as (parquet, size):
            self._refuse_change(parquet.schema_arrow)
            meta = parquet.metadata
            groups = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
            self._refuse_short(meta.num_rows, sum(groups), "the file")
            first = sum(groups[: self.begin])
            pieces = Pieces(self.file, size)
            for group in range(self.begin, len(groups) if self.end is None else self.end):
                end = first + groups[group]
                # Parquet may give the columns in its own order.
                batches = (batch.select(names) for batch in parquet.iter_batches(STEP, [group], names))
                for piece in pieces.of(batches):
                    yield first, piece
                    first += sum(batch.num_rows for batch in piece)
                self._refuse_short(groups[group], first - end + groups[group], f"row group {group + 1}")

    def divide(self, parts: int) -> list[Self]:
        """The split as several, each of some row groups."""
        if self.begin or self.end is not None or not self._is_ranged():
            return [self]
        with opened_parquet(self.file) as (parquet, _):
            groups = parquet.metadata.num_row_groups
        parts = min(parts, groups)
        if parts < 2:
            return [self]
        bounds = [groups * part // parts for part in range(parts + 1)]
        return [replace(self, begin=begin, end=end) for begin, end in pairwise(bounds)]

    def _is_ranged(self) -> bool:
        """Whether a row group can be had without the others."""
        if self.file.local is not None:
            return True
        if is_http(self.file.path):
            return False
        with closing(self.file.open()) as stream:
            return stream.seekable()


class ArrowSplit(TypedSplit):
    """Record batches of an Arrow file: a `dataflows_core.stream.Split`."""

    @staticmethod
    def arrow_schema(file: Source) -> pa.Schema:
        """The Arrow schema of a file, with its metadata.

        Raises:
            AccessError: It cannot be opened.
            UnreadableError: It is no Arrow file, or a damaged one.
        """
        with opened_arrow(file) as (reader, _):
            return reader.schema

    def blocks(self) -> Iterator[Block]:
        """Batches of a few megabytes, read anew.

        Raises:
            AccessError: The file cannot be opened.
            UnreadableError: It is damaged.
        """
        with opened_arrow(self.file, self.columns.names) as (reader, native):
            self._refuse_change(reader.schema)
            positions = [reader.schema.get_field_index(name) for name in self.columns.names]
            pieces = Pieces(self.file, native.size())
            first = 0
            for batch in _batches(reader, native, self.source):
                chosen = batch.select(positions)
                self._check(chosen)
                for piece in pieces.of([chosen]):
                    yield first, piece
                    first += sum(batch.num_rows for batch in piece)


def _check_json(column: pa.Array, field: Field) -> None:
    """Arrow takes any text for JSON."""
    texts = column.storage.dictionary_encode()
    for number, text in enumerate(texts.dictionary.to_pylist()):
        try:
            json_text.loads(text)
        except ValueError:
            index = pc.index(texts.indices, pa.scalar(number, texts.indices.type)).as_py()
            error = CastError(field.name, text, "JSON", index=index)
            raise RowError(str(error), index=index, field=field.name) from None


def _batches(reader: Any, native: pa.NativeFile, source: str) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        return (reader.get_batch(number) for number in range(reader.num_record_batches))
    return whole_stream(reader, native, source)
