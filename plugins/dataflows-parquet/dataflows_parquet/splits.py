"""The engine's splits of a typed file: a range of its row groups, or of its record batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataflows_core.cast import cast_column
from dataflows_core.errors import DataError, RowError, UnreadableError
from dataflows_core.files import Source
from dataflows_core.schema import Schema

__all__ = ["ArrowSplit", "Block", "ParquetSplit", "TypedSplit"]

_BATCH_BYTES = 4 << 20
_FEWEST_ROWS, _MOST_ROWS = 1 << 14, 1 << 16

Block = tuple[int, pa.RecordBatch]
"""The number of rows of the file before it, and rows."""


@contextmanager
def _readable(file: Source, what: str) -> Iterator[pa.NativeFile]:
    """The bytes of a file as Arrow reads them; what Arrow says of damage is said in our words."""
    with closing(file.open_seekable()) as stream:
        local = file.local
        plain = local is not None and getattr(stream, "compression", None) == ""
        try:
            yield pa.OSFile(str(local)) if plain else pa.PythonFile(stream, mode="r")
        except (pa.ArrowException, OSError) as error:
            raise UnreadableError(f"{file.shown} is no {what} file, or a damaged one: {error}") from error


@contextmanager
def _opened_parquet(file: Source) -> Iterator[pq.ParquetFile]:
    """A Parquet file, open.

    Raises:
        AccessError: It cannot be opened.
        UnreadableError: It is no Parquet file, or a damaged one.
    """
    with _readable(file, "Parquet") as native, pq.ParquetFile(native) as parquet:
        yield parquet


@contextmanager
def _opened_arrow(file: Source) -> Iterator[Any]:
    """A reader of an Arrow file: of the random-access form (Feather), or of the stream form.

    Raises:
        AccessError: It cannot be opened.
        UnreadableError: It is no Arrow file, or a damaged one.
    """
    with _readable(file, "Arrow") as native:
        magic = native.read(6)
        native.seek(0)
        yield pa.ipc.open_file(native) if magic == b"ARROW1" else pa.ipc.open_stream(native)


@dataclass(frozen=True)
class TypedSplit:
    """What the splits of both formats share.

    Args:
        file: The file.
        schema: The schema of the batches.
        begin: The first row group or record batch.
        end: The one behind the last; None for the end of the file.
    """

    file: Source
    schema: Schema
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

    def decode(self, block: Block) -> pa.RecordBatch:
        """The rows of a block, with the types of the schema.

        Raises:
            RowError: A value that is not of the type that the descriptor in the file says.
        """
        columns = []
        for field, column in zip(self.schema, block[1].columns, strict=True):
            if column.type != field.arrow:
                column, errors = cast_column(column, field, missing_values=())
                if errors:
                    raise RowError(str(errors[0]), index=errors[0].index, field=field.name)
            columns.append(column)
        return pa.RecordBatch.from_arrays(columns, names=list(self.schema.names))

    def locate(self, block: Block, index: int) -> int:
        """The row's number in the file."""
        return block[0] + index + 1

    def _refuse_change(self, arrow: pa.Schema) -> None:
        if missing := [name for name in self.schema.names if name not in arrow.names]:
            raise DataError(
                f"{self.source} has changed since the flow was planned: there is no column {missing[0]!r}"
            )


class ParquetSplit(TypedSplit):
    """Row groups of a Parquet file: a `dataflows_core.stream.Split`."""

    @staticmethod
    def arrow_schema(file: Source) -> pa.Schema:
        """The Arrow schema of a file, with its metadata.

        Raises:
            AccessError: It cannot be opened.
            UnreadableError: It is no Parquet file, or a damaged one.
        """
        with _opened_parquet(file) as parquet:
            return parquet.schema_arrow

    def blocks(self) -> Iterator[Block]:
        """Batches of a few megabytes, read anew.

        Raises:
            AccessError: The file cannot be opened.
            UnreadableError: It is damaged.
        """
        with _opened_parquet(self.file) as parquet:
            self._refuse_change(parquet.schema_arrow)
            meta = parquet.metadata
            groups = range(self.begin, meta.num_row_groups if self.end is None else self.end)
            first = sum(meta.row_group(number).num_rows for number in range(self.begin))
            for group in groups:
                rows, size = meta.row_group(group).num_rows, meta.row_group(group).total_byte_size
                wanted = max(_FEWEST_ROWS, min(_MOST_ROWS, _BATCH_BYTES * rows // max(size, 1)))
                for batch in parquet.iter_batches(wanted, [group], list(self.schema.names)):
                    # Parquet may give the columns in its own order.
                    yield first, batch.select(list(self.schema.names))
                    first += batch.num_rows

    def divide(self, parts: int) -> list[ParquetSplit]:
        """The split as several, each of some row groups."""
        if self.begin or self.end is not None or self.file.local is None:
            return [self]
        with _opened_parquet(self.file) as parquet:
            groups = parquet.metadata.num_row_groups
        parts = min(parts, groups)
        if parts < 2:
            return [self]
        bounds = [groups * part // parts for part in range(parts + 1)]
        return [replace(self, begin=begin, end=end) for begin, end in pairwise(bounds)]


class ArrowSplit(TypedSplit):
    """Record batches of an Arrow file: a `dataflows_core.stream.Split`."""

    @staticmethod
    def arrow_schema(file: Source) -> pa.Schema:
        """The Arrow schema of a file, with its metadata.

        Raises:
            AccessError: It cannot be opened.
            UnreadableError: It is no Arrow file, or a damaged one.
        """
        with _opened_arrow(file) as reader:
            return reader.schema

    def blocks(self) -> Iterator[Block]:
        """Batches of at most 65,536 rows, read anew.

        Raises:
            AccessError: The file cannot be opened.
            UnreadableError: It is damaged.
        """
        with _opened_arrow(self.file) as reader:
            self._refuse_change(reader.schema)
            first = 0
            for batch in _batches(reader):
                chosen = batch.select(list(self.schema.names))
                for start in range(0, chosen.num_rows, _MOST_ROWS):
                    yield first + start, chosen[start : start + _MOST_ROWS]
                first += batch.num_rows


def _batches(reader: Any) -> Iterator[pa.RecordBatch]:
    if hasattr(reader, "num_record_batches"):
        return (reader.get_batch(number) for number in range(reader.num_record_batches))
    return iter(reader)
