"""Rows as bytes: Arrow streams, strung together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa

from dataflows_core.schema import Schema

__all__ = ["from_files", "to_bytes"]


def to_bytes(batch: pa.RecordBatch, schema: Schema) -> bytes:
    """A batch as an Arrow stream of its own."""
    target = pa.BufferOutputStream()
    with pa.ipc.new_stream(target, schema.arrow) as stream:
        stream.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema.arrow))
    made: bytes = target.getvalue().to_pybytes()
    return made


def from_files(files: Sequence[BinaryIO]) -> Iterator[pa.RecordBatch]:
    """The batches of files that hold such streams, one after the other."""
    for file in files:
        native = pa.PythonFile(file, mode="r")
        while file.peek(1):  # type: ignore[attr-defined]
            yield from pa.ipc.open_stream(native)
