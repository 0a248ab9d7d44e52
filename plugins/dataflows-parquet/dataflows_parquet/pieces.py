"""Batches of a few megabytes, however large row groups and record batches are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataflows_core.errors import UnreadableError

__all__ = ["batches_of_stream", "gathered", "small_batches"]

_BYTES = 4 << 20
_FEWEST_ROWS, _MOST_ROWS = 1 << 14, 1 << 16
_STEP = 1 << 12
_BYTES_PER_INDEX = 4
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
_OLD_END_OF_STREAM = bytes(4)


def small_batches(parquet: pq.ParquetFile, group: int, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows of a row group, a few thousand at a time, since nobody knows how long their texts are."""
    for batch in parquet.iter_batches(_STEP, [group], list(names)):
        yield batch.select(list(names))  # Parquet may give the columns in its own order


def gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of about four megabytes, and of 16,384 to 65,536 rows where they are small.

    A dictionary counts as often as its values are used: that is what its rows are going to need.
    """
    waiting: list[pa.RecordBatch] = []
    rows, size = 0, 0.0
    for batch in batches:
        width = _row_bytes(batch)
        step = max(1, min(_MOST_ROWS, int(_BYTES / width)))
        if step < _STEP or batch.num_rows > _MOST_ROWS:
            step = max(step, min(_FEWEST_ROWS, int(_BYTES * 16 / width), _MOST_ROWS))
            pieces = [batch[start : start + max(step, 1)] for start in range(0, batch.num_rows, max(step, 1))]
        else:
            pieces = [batch]
        for piece in pieces:
            waiting.append(piece)
            rows, size = rows + piece.num_rows, size + piece.num_rows * width
            if rows >= _MOST_ROWS - _STEP or (size >= _BYTES and rows >= _FEWEST_ROWS) or size >= 16 * _BYTES:
                yield _one(waiting)
                waiting, rows, size = [], 0, 0.0
    if waiting:
        yield _one(waiting)
