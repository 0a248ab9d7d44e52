"""Batches kept on disk, for streams that are read more than once."""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Iterator
from typing import IO

import pyarrow as pa

from dataflows_core.commit import access_errors
from dataflows_core.errors import FlowError
from dataflows_core.stream import Derived, Stream

__all__ = ["Shared", "Spool", "Spooled", "share"]


class Spool:
    """A growing list of batches in a temporary file, which goes when the last reader lets go of it.

    Batches keep the types they come with. Several threads may read while one appends.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="dataflows-spool-")  # noqa: SIM115 - kept open
        weakref.finalize(self, self._file.close)
        self._places: list[tuple[int, int, pa.Schema]] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._places)

    def append(self, batch: pa.RecordBatch) -> None:
        """Keep a batch."""
        message = batch.serialize()
        with self._lock, access_errors("keep rows in a temporary file"):
            start = self._file.seek(0, 2)
            self._file.write(message)
            self._places.append((start, message.size, batch.schema))

    def __getitem__(self, index: int) -> pa.RecordBatch:
        start, size, schema = self._places[index]
        with self._lock:
            self._file.seek(start)
            message = self._file.read(size)
        return pa.ipc.read_record_batch(pa.py_buffer(message), schema)


class Spooled:
    """Batches for several readers. Whoever reaches their end drives the source on, one batch at a time.

    Args:
        batches: The source; it is read once.
    """

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches, self._spool = batches, Spool()
        self._done = False
        self._failure: BaseException | None = None
        self._lock = threading.RLock()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """One reader's view: all batches, from the first."""
        position = 0
        while position < len(self._spool) or self._advance(position):
            yield self._spool[position]
            position += 1

    def _advance(self, position: int) -> bool:
        """Make batch `position` be there; False at the end of the stream."""
        with self._lock:
            if position < len(self._spool):
                return True
            if self._failure is not None:
                raise FlowError("the stream this one shares its rows with has failed") from self._failure
            if self._done:
                return False
            try:
                self._spool.append(next(self._batches))
            except StopIteration:
                self._done = True
                return False
            except BaseException as error:
                self._failure = error
                raise
            return True


class Shared:
    """Stands, in a plan, for the rows that several streams have in common; each run has them anew."""

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows for somebody who reads one of the streams alone."""
        return batches


def share(stream: Stream, readers: int) -> tuple[Stream, ...]:
    """Several streams of the same rows; see `Stream.share`."""
    derived = Derived((stream,), Shared(), stream.schema, stream.origin.step)
    return tuple(Stream(derived) for _ in range(readers))
