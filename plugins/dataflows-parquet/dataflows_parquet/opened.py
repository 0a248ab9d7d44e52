"""Files as Arrow reads them; what Arrow says of damage is said in our words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataflows_core.errors import UnreadableError
from dataflows_core.files import Source
from dataflows_parquet.pieces import dictionaries

__all__ = ["opened_arrow", "opened_parquet", "whole_stream"]

_FILE = b"ARROW1"
_FEATHER_1 = b"FEA1"
_CONTINUATION = b"\xff\xff\xff\xff"
_END_OF_STREAM = _CONTINUATION + bytes(4)
_BUFFER = 1 << 18
_FAR_BUFFER = 4 << 20  # of each column; in a store every read is a request
_ENCRYPTED = ("decrypt", "encrypted")


@contextmanager
def opened_parquet(file: Source) -> Iterator[tuple[pq.ParquetFile, int]]:
    """A Parquet file, open, and its length. Pages that have a checksum are compared with it.

    Raises:
        AccessError: It cannot be opened.
        UnreadableError: It is no Parquet file, a damaged or encrypted one, or an index of others.
    """
    with _readable(file, "Parquet") as native:
        meta = pq.read_metadata(native)
        if file_path := _elsewhere(meta):
            raise UnreadableError(
                f"{file.shown} is an index of other files, such as {file_path!r}; load those"
            )
        with pq.ParquetFile(
            native,
            metadata=meta,
            read_dictionary=dictionaries(meta),
            page_checksum_verification=True,
            pre_buffer=False,  # which holds a whole row group, as reading without a buffer does
            buffer_size=_BUFFER if file.local is not None else _FAR_BUFFER,
            coerce_int96_timestamp_unit="us",  # whose nanoseconds end in the year 2262, without an error
        ) as parquet:
            yield parquet, native.size()


def _elsewhere(meta: pq.FileMetaData) -> str:
    if meta.num_row_groups == 0 or meta.num_columns == 0:
        return ""
    return meta.row_group(0).column(0).file_path  # type: ignore[no-any-return]


@contextmanager
def opened_arrow(file: Source, names: Sequence[str] = ()) -> Iterator[tuple[Any, pa.NativeFile]]:
    """A reader of an Arrow file, of the random-access form (Feather) or of the stream form; and the file.

    Args:
        file: The file.
        names: The columns that are wanted; the others of the random-access form are not read. All by default.

    Raises:
        AccessError: It cannot be opened.
        UnreadableError: It is no Arrow file, or a damaged one.
    """
    with _readable(file, "Arrow") as native:
        magic = native.read(6)
        native.seek(0)
        if magic.startswith(_FEATHER_1):
            raise UnreadableError(
                f"{file.shown} is a Feather file of version 1, which only old programs read; write it anew "
                "with one of them, as version 2"
            )
        if magic != _FILE:
            yield pa.ipc.open_stream(native), native
            return
        reader = pa.ipc.open_file(native)
        wanted = [number for number, name in enumerate(reader.schema.names) if name in names]
        if len(names) == len(wanted) < len(reader.schema):
            reader = pa.ipc.open_file(native, options=pa.ipc.IpcReadOptions(included_fields=wanted))
        yield reader, native


def whole_stream(
    reader: pa.RecordBatchStreamReader, native: pa.NativeFile, source: str
) -> Iterator[pa.RecordBatch]:
    """The batches of a stream, which has to end with its mark: without it, nobody knows what is missing.

    Args:
        reader: The reader.
        native: What it reads from.
        source: What messages call it.

    Raises:
        UnreadableError: The mark is not there, or more follows behind it.
    """
    yield from reader
    end = native.tell()
    native.seek(0)
    marked = native.read(4) == _CONTINUATION  # before Arrow 0.15, the mark was but four zeros
    native.seek(max(0, end - 8))
    if native.read(8) != _END_OF_STREAM and marked:
        raise UnreadableError(f"{source} is cut short: an Arrow stream ends with a mark, and there is none")
    if native.read(1):
        raise UnreadableError(f"{source} is damaged: more follows behind the end of its Arrow stream")


@contextmanager
def _readable(file: Source, what: str) -> Iterator[pa.NativeFile]:
    with closing(file.open_seekable()) as stream:
        local = file.local
        plain = local is not None and getattr(stream, "compression", None) == ""
        try:
            yield pa.OSFile(str(local)) if plain else pa.PythonFile(stream, mode="r")
        except MemoryError as error:  # of Arrow: it could not get so much at once
            raise UnreadableError(
                f"{file.shown} needs more memory than there is: {error}\n  it is damaged, or meant to do harm"
            ) from error
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if any(word in str(error).lower() for word in _ENCRYPTED):
                raise UnreadableError(f"{file.shown} is encrypted, and no key is known: {error}") from error
            raise UnreadableError(f"{file.shown} is no {what} file, or a damaged one: {error}") from error
