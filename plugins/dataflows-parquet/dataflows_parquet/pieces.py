"""Pieces of a few megabytes, however large row groups and record batches are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataflows_core.errors import UnreadableError
from dataflows_core.files import Source
from dataflows_core.files.limits import HARMLESS

__all__ = ["STEP", "Pieces", "dictionaries", "joined"]

STEP = 1 << 12
"""Rows that are read at once: few, since nobody knows how long their texts are."""

_BYTES, _MOST_BYTES = 4 << 20, 64 << 20
_FEWEST_ROWS, _MOST_ROWS = 1 << 14, 1 << 16
_BYTES_OF_AN_INDEX = 4
_MOST_RATIO = 10_000
"""Columns that say one value a million times are packed better than any data by compression."""


def dictionaries(meta: pq.FileMetaData) -> list[str]:
    """The columns of text that are stored as numbers of a few values, and are read faster as such.

    Where the values are too many, a writer goes on with plain texts; these have five bytes or more.
    """
    found = []
    for number in range(meta.num_columns if meta.num_row_groups else 0):
        chunks = [meta.row_group(group).column(number) for group in range(meta.num_row_groups)]
        size = sum(chunk.total_uncompressed_size for chunk in chunks)
        if (
            chunks[0].physical_type == "BYTE_ARRAY"
            and all(chunk.has_dictionary_page for chunk in chunks)
            and size < _BYTES_OF_AN_INDEX * sum(chunk.num_values for chunk in chunks)
        ):
            found.append(chunks[0].path_in_schema)
    return found


class Pieces:
    """Makes pieces of the batches of one file, as long as they are data and no bomb.

    Args:
        file: The file.
        packed: Its length in bytes.
    """

    def __init__(self, file: Source, packed: int) -> None:
        self._file, self._packed = file, packed
        self._most = max(HARMLESS, _MOST_RATIO * packed) if file.max_size is None else None
        self._bytes = 0

    def of(self, batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[pa.RecordBatch, ...]]:
        """The same rows, in groups of batches that make one of four megabytes and 16,384 to 65,536 rows.

        Of long rows there are fewer. The values of a dictionary count as often as they are used, since that
        is what its rows are going to need.

        Raises:
            UnreadableError: A small file holds more than data can be packed to.
        """
        waiting: list[pa.RecordBatch] = []
        rows = 0
        for batch in batches:
            wanted = self._rows_wanted(batch)
            while batch.num_rows:
                piece = batch[: max(1, wanted - rows)]
                waiting.append(piece)
                rows += piece.num_rows
                batch = batch[piece.num_rows :]
                if rows >= wanted:
                    yield tuple(waiting)
                    waiting, rows = [], 0
        if waiting:
            yield tuple(waiting)

    def _rows_wanted(self, batch: pa.RecordBatch) -> int:
        size = sum(map(_bytes, batch.columns))
        self._bytes += size
        if self._most is not None and self._bytes > self._most:
            raise UnreadableError(
                f"{self._file.shown} has {self._packed:,} bytes, and holds more than {self._most:,}: that is "
                "no data, but a bomb\n  if it is meant to be so, max_size=… says how many bytes it may have"
            )
        width = max(1, size // max(1, batch.num_rows))
        wanted = min(max(_FEWEST_ROWS, _BYTES // width), _MOST_ROWS, max(1, _MOST_BYTES // width))
        return int(wanted if wanted < STEP else wanted // STEP * STEP)


def joined(batches: Sequence[pa.RecordBatch], position: int) -> pa.Array:
    """One column of several batches."""
    columns = [batch.column(position) for batch in batches]
    if len(columns) == 1:
        return columns[0]
    if pa.types.is_dictionary(columns[0].type):  # whose dictionaries may differ
        columns = [column.dictionary.take(column.indices) for column in columns]
    return pa.chunked_array(columns).combine_chunks()


def _bytes(column: pa.Array) -> int:
    kind = column.type
    if not pa.types.is_dictionary(kind):
        return int(column.nbytes)
    if pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type):
        return pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0
    return int(column.indices.nbytes)
