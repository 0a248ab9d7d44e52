"""Files as Arrow reads them; what Arrow says of damage is said in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataflows_core.errors import UnreadableError
from dataflows_core.files import Source

__all__ = ["opened_arrow", "opened_parquet"]

_FILE = b"ARROW1"
_FEATHER_1 = b"FEA1"
_ENCRYPTED = ("decrypt", "encrypted")


@contextmanager
def opened_parquet(file: Source) -> Iterator[pq.ParquetFile]:
    """A Parquet file, open. Pages that have a checksum are compared with it.

    Raises:
        AccessError: It cannot be opened.
        UnreadableError: It is no Parquet file, a damaged or encrypted one, or an index of others.
    """
    with _readable(file, "Parquet") as native, _metadata_of(native) as parquet:
        if file_path := _elsewhere(parquet.metadata):
            raise UnreadableError(
                f"{file.shown} holds no rows: it is an index of other files, such as {file_path!r}; load those"
            )
        yield parquet


def _metadata_of(native: pa.NativeFile) -> pq.ParquetFile:
    return pq.ParquetFile(native, page_checksum_verification=True)


def _elsewhere(meta: pq.FileMetaData) -> str:
    if meta.num_row_groups == 0 or meta.num_columns == 0:
        return ""
    return meta.row_group(0).column(0).file_path  # type: ignore[no-any-return]


@contextmanager
def opened_arrow(file: Source) -> Iterator[tuple[Any, pa.NativeFile]]:
    """A reader of an Arrow file, of the random-access form (Feather) or of the stream form; and the file.

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
        yield (pa.ipc.open_file(native) if magic == _FILE else pa.ipc.open_stream(native)), native


@contextmanager
def _readable(file: Source, what: str) -> Iterator[pa.NativeFile]:
    with closing(file.open_seekable()) as stream:
        local = file.local
        plain = local is not None and getattr(stream, "compression", None) == ""
        try:
            yield pa.OSFile(str(local)) if plain else pa.PythonFile(stream, mode="r")
        except MemoryError as error:  # of Arrow: it could not get so much at once
            raise UnreadableError(
                f"{file.shown} needs more memory than there is: {error}\n  it is damaged, or was made to do harm"
            ) from error
        except (pa.ArrowException, OSError) as error:
            if any(word in str(error).lower() for word in _ENCRYPTED):
                raise UnreadableError(f"{file.shown} is encrypted, which is not supported: {error}") from error
            raise UnreadableError(f"{file.shown} is no {what} file, or a damaged one: {error}") from error
