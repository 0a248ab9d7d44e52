"""The writers of Parquet and Arrow files, for `dump_to_path` and `dump_to_zip`."""

from __future__ import annotations

from typing import Any, BinaryIO, ClassVar

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


class ParquetWriter:
    """Writes a Parquet file; decimals, dates and times keep their exact types.

    The Table Schema is kept in the file's metadata, so that the file alone reads back as the same resource.

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
        self.schema = schema
        self._stored = Stored(schema, as_text=True)

    def encode(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with the types that it is stored with."""
        return self._stored(batch)

    def open(self, file: BinaryIO) -> _ParquetFile:
        """Begin a file."""
        schema = with_descriptor(self._stored.arrow, self.schema)
        writer = pq.ParquetWriter(file, schema, compression=self.compression, write_page_checksum=True)
        return _ParquetFile(writer, self.row_group_rows)

    def describe(self) -> dict[str, Any]:
        """Format, media type and schema."""
        return {"format": "parquet", "mediatype": self.mediatype, "schema": _said(self.schema)}


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


class ArrowWriter:
    """Writes an Arrow IPC file, which is also called Feather version 2.

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
        self.schema = schema
        self._stored = Stored(schema, as_text=False)

    def encode(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch, typed."""
        return self._stored(batch)

    def open(self, file: BinaryIO) -> _ArrowFile:
        """Begin a file."""
        schema = with_descriptor(self._stored.arrow, self.schema)
        packed = None if self.compression == "none" else self.compression
        options = pa.ipc.IpcWriteOptions(compression=packed)
        return _ArrowFile(pa.ipc.new_file(file, schema, options=options), schema)

    def describe(self) -> dict[str, Any]:
        """Format, media type and schema."""
        return {"format": "arrow", "mediatype": self.mediatype, "schema": _said(self.schema)}


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


def _said(schema: Schema) -> dict[str, Any]:
    """The descriptor of typed values: no text means null, so none is missing."""
    return schema.with_properties(missingValues=[]).descriptor
