"""Batches kept on disk, for streams that are read more than once."""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

import pyarrow as pa

from dataflows_core.errors import FlowError
from dataflows_core.stream import Derived, Stream

__all__ = ["Spool", "share"]


class Spool:
    """A growing list of batches in a temporary file, which goes when the last reader lets go of it.

    Batches keep the types they come with. Several threads may read while one appends.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="dataflows-spool-")
        weakref.finalize(self, self._file.close)
        self._places: list[tuple[int, int, pa.Schema]] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._places)

    def append(self, batch: pa.RecordBatch) -> None:
        """Keep a batch."""
        message = batch.serialize()
        with self._lock:
            start = self._file.seek(0, 2)
            self._file.write(message)
            self._places.append((start, message.size, batch.schema))

    def __getitem__(self, index: int) -> pa.RecordBatch:
        start, size, schema = self._places[index]
        with self._lock:
            self._file.seek(start)
            message = self._file.read(size)
        return pa.ipc.read_record_batch(pa.py_buffer(message), schema)


@dataclass
class _Shared:
    """The source of several readers. The first to reach its end drives it on, one batch at a time."""

    spool: Spool | None = None
    upstream: Iterator[pa.RecordBatch] | None = None
    done: bool = False
    failure: BaseException | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def read(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """One reader's view. The iterator of the first one becomes the upstream of all."""
        with self.lock:
            if self.upstream is None:
                self.upstream, self.spool = batches, Spool()
        assert self.spool is not None
        position = 0
        while position < len(self.spool) or self._advance(position):
            yield self.spool[position]
            position += 1

    def _advance(self, position: int) -> bool:
        """Make batch `position` be there; False at the end of the stream."""
        assert self.spool is not None and self.upstream is not None
        with self.lock:
            if position < len(self.spool):
                return True
            if self.failure is not None:
                raise FlowError("the stream this one shares its rows with has failed") from self.failure
            if self.done:
                return False
            try:
                self.spool.append(next(self.upstream))
            except StopIteration:
                self.done = True
                return False
            except BaseException as error:
                self.failure = error
                raise
            return True


@dataclass(frozen=True)
class _Reader:
    shared: _Shared

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        return self.shared.read(batches)


def share(stream: Stream, readers: int) -> tuple[Stream, ...]:
    """Several streams of the same rows; see `Stream.share`."""
    shared = _Shared()
    return tuple(
        Stream(Derived((stream,), _Reader(shared), stream.schema, stream.origin.step)) for _ in range(readers)
    )
