"""The writers of Parquet and Arrow files, for `dump_to_path` and `dump_to_zip`."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, BinaryIO, ClassVar, Self

import pyarrow as pa
import pyarrow.parquet as pq

from dataflows_core.errors import FlowError
from dataflows_core.schema import Schema
from dataflows_parquet.metadata import with_descriptor
from dataflows_parquet.physical import Stored

__all__ = ["ArrowWriter", "ParquetWriter"]

_GROUP_BYTES = 64 << 20
_PARQUET = ("zstd", "snappy", "gzip", "brotli", "lz4", "none")
_ARROW = ("zstd", "lz4", "none")


class _TypedWriter:
    """What the writers of both formats share."""

    extension: ClassVar[str]
    mediatype: ClassVar[str]

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._columns = with_descriptor(stored.arrow, stored.schema, {})

    def with_properties(self, properties: Mapping[str, Any]) -> Self:
        """The writer of a resource of which this is known besides its schema.

        Raises:
            FlowError: JSON cannot say it.
        """
        writer = copy(self)
        writer._columns = with_descriptor(self._stored.arrow, self._stored.schema, properties)
        return writer

    def encode(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with the types that it is stored with."""
        return self._stored(batch)

    def describe(self) -> dict[str, Any]:
        """Format, media type and schema."""
        # No text means null among typed values, so none is missing.
        schema = self._stored.schema.with_properties(missingValues=[])
        return {"format": self.extension, "mediatype": self.mediatype, "schema": schema.descriptor}


class ParquetWriter(_TypedWriter):
    """Writes a Parquet file; decimals, dates and times keep their exact types.

    The resource's descriptor (schema, title, licences, custom properties) is kept in the file's metadata, so
    that the file alone reads back as the same resource.

    Args:
        schema: The schema of the batches.
        compression: How pages are packed: ``"zstd"``, ``"snappy"``, ``"gzip"``, ``"brotli"``, ``"lz4"`` or
            ``"none"``.
        row_group_rows: The most rows of a row group, the piece that readers skip or share out. A group is
            finished earlier when it holds 64 MB.

    Raises:
        FlowError: The compression is not known, or the number of rows makes no sense.
    """

    extension: ClassVar[str] = "parquet"
    mediatype: ClassVar[str] = "application/vnd.apache.parquet"

    def __init__(self, schema: Schema, compression: str = "zstd", row_group_rows: int = 1 << 20) -> None:
        if row_group_rows < 1:
            raise FlowError(f"row_group_rows={row_group_rows!r} must be a number from 1")
        self.compression = _one_of(compression, _PARQUET)
        self.row_group_rows = row_group_rows
        super().__init__(Stored(schema, as_text=True))

    def open(self, file: BinaryIO) -> _ParquetFile:
        """Begin a file."""
        writer = pq.ParquetWriter(file, self._columns, compression=self.compression, write_page_checksum=True)
        return _ParquetFile(writer, self.row_group_rows)


class _ParquetFile:
    """A Parquet file on its way: batches are gathered until they make a row group."""

    def __init__(self, writer: pq.ParquetWriter, rows: int) -> None:
        self._writer, self._most = writer, rows
        self._batches: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        while batch.num_rows:
            piece = batch[: self._most - self._rows]
            self._batches.append(piece)
            self._rows += piece.num_rows
            self._bytes += piece.nbytes
            if self._rows >= self._most or self._bytes >= _GROUP_BYTES:
                self._flush()
            batch = batch[piece.num_rows :]

    def close(self) -> None:
        """Write the last row group and the index."""
        self._flush()
        self._writer.close()

    def discard(self) -> None:
        """Forget the rows that are gathered."""
        self._batches.clear()
        self._writer.is_open = False  # nothing more is to be written, not even when it is collected

    def _flush(self) -> None:
        if self._batches:
            table = pa.Table.from_batches(self._batches)
            self._writer.write_table(table.cast(self._writer.schema), row_group_size=self._rows)
            self._batches.clear()
            self._rows = self._bytes = 0


class ArrowWriter(_TypedWriter):
    """Writes an Arrow IPC file, which is also called Feather version 2, with the resource's descriptor.

    Args:
        schema: The schema of the batches.
        compression: How buffers are packed: ``"zstd"``, ``"lz4"`` or ``"none"``.

    Raises:
        FlowError: The compression is not known.
    """

    extension: ClassVar[str] = "arrow"
    mediatype: ClassVar[str] = "application/vnd.apache.arrow.file"

    def __init__(self, schema: Schema, compression: str = "zstd") -> None:
        self.compression = _one_of(compression, _ARROW)
        super().__init__(Stored(schema, as_text=False))

    def open(self, file: BinaryIO) -> _ArrowFile:
        """Begin a file."""
        packed = None if self.compression == "none" else self.compression
        options = pa.ipc.IpcWriteOptions(compression=packed)
        return _ArrowFile(pa.ipc.new_file(file, self._columns, options=options), self._columns)


class _ArrowFile:
    """An Arrow file on its way."""

    def __init__(self, writer: pa.RecordBatchFileWriter, schema: pa.Schema) -> None:
        self._writer, self._schema = writer, schema

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        self._writer.write_batch(batch.replace_schema_metadata(self._schema.metadata))

    def close(self) -> None:
        """Write the index."""
        self._writer.close()

    def discard(self) -> None:
        """Nothing is gathered."""


def _one_of(compression: str, known: tuple[str, ...]) -> str:
    if compression not in known:
        raise FlowError(f"compression={compression!r} is not known; it can be {', '.join(known)}")
    return compression
