"""The end of a pipe that is written to."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from dataflows_core.carried import typed
from dataflows_core.commit import access_errors
from dataflows_core.errors import FlowError
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Schema
from dataflows_core.sink import Receipt
from dataflows_stdlib.streams.wire import line_of

__all__ = ["END_OF_ARROW", "Framing", "Outlet", "TableSink", "arrow_bytes", "json_lines"]

END_OF_ARROW = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_CHUNK = 1 << 20


def arrow_bytes(schema: Schema, batch: pa.RecordBatch) -> bytes:
    """A batch as a message of an Arrow IPC stream."""
    return typed(batch, schema).serialize().to_pybytes()  # type: ignore[no-any-return]


def json_lines(schema: Schema, batch: pa.RecordBatch) -> bytes:
    """A batch as lines of JSON."""
    return b"".join(line_of(dict(row)) for row in RowCodec(schema).decode(typed(batch, schema)))


@dataclass(frozen=True)
class Framing:
    """What is around the batches of a package.

    Attributes:
        header: What comes first.
        opening: What is before each table.
        closing: What is behind each table.
        trailer: What comes last, by the numbers of rows.
    """

    header: bytes
    opening: Sequence[bytes]
    closing: bytes
    trailer: Callable[[list[int]], bytes]


class Outlet:
    """Where a package is written to, in the driver.

    The first table is written as it passes; those behind it are kept in files until their turn comes, since
    tables may be computed at the same time.

    Args:
        target: A path, or an open file; None is the standard output.
        framing: What is around the batches.
    """

    def __init__(self, target: str | Path | IO[Any] | None, framing: Framing) -> None:
        self._target, self._framing = target, framing
        self.rows = [0] * len(framing.opening)
        self.folder: Path | None = None
        self._kept: list[IO[bytes]] = []
        self._file: IO[Any] | None = None
        self._draft: Path | None = None

    def begin(self) -> Path:
        """Open it, and write the header; returns a folder for parts."""
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="dataflows-stream-"))
            with access_errors(f"write {self._name}"):
                self._file = self._open()
                self._kept = [
                    (self.folder / f"table-{number}").open("w+b") for number in range(1, len(self.rows))
                ]
                self._put(self._framing.header)
                if self.rows:
                    self._put(self._framing.opening[0])
        return self.folder

    @property
    def _name(self) -> str:
        return str(self._target) if isinstance(self._target, str | Path) else "the stream"

    def _open(self) -> IO[Any]:
        if isinstance(self._target, str | Path):
            path = Path(self._target)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
            return self._draft.open("wb")
        file = sys.stdout if self._target is None else self._target
        return getattr(file, "buffer", file)

    def _put(self, data: bytes) -> None:
        assert self._file is not None
        try:
            self._file.write(data)
        except TypeError:  # a file of text
            try:
                self._file.write(data.decode())
            except UnicodeDecodeError:
                raise FlowError("Arrow is written to a file of bytes, and this is one of text") from None
        self._file.flush()

    def append(self, number: int, data: bytes, rows: int) -> None:
        """Write bytes of a table behind those that are written."""
        with access_errors(f"write {self._name}"):
            if number == 0:
                self._put(data)
            else:
                self._kept[number - 1].write(data)
        self.rows[number] += rows

    def finish(self) -> None:
        """Write what is kept, and the end."""
        self.begin()
        with access_errors(f"write {self._name}"):
            for number in range(len(self.rows)):
                if number:
                    self._put(self._framing.opening[number])
                    kept = self._kept[number - 1]
                    kept.seek(0)
                    while data := kept.read(_CHUNK):
                        self._put(data)
                self._put(self._framing.closing)
            self._put(self._framing.trailer(self.rows))
            if self._draft is not None and self._file is not None:
                os.fsync(self._file.fileno())
                self._file.close()
                self._draft.replace(str(self._target))
                self._draft = None
        self.abort()

    def abort(self) -> None:
        """Remove what is kept, and a file that is not finished."""
        for kept in self._kept:
            kept.close()
        if self._draft is not None and self._file is not None:
            self._file.close()
            self._draft.unlink(missing_ok=True)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._kept, self._file, self._draft, self.folder = [], None, None, None


@dataclass(eq=False)
class TableSink:
    """Writes one table of a package to a pipe.

    Args:
        target: What messages call it.
        number: The number of the table.
        schema: Its schema.
        encoder: Makes bytes of a batch.
        outlet: Where they go; None in a worker.
    """

    target: str
    number: int
    schema: Schema
    encoder: Callable[[Schema, pa.RecordBatch], bytes]
    outlet: Outlet | None
    folder: Path | None = None

    def begin(self) -> None:
        """Open the pipe."""
        assert self.outlet is not None
        self.folder = self.outlet.begin()

    def encode(self, batch: pa.RecordBatch) -> tuple[bytes, int]:
        """The bytes of a batch, and its rows."""
        return (self.encoder(self.schema, batch) if batch.num_rows else b""), batch.num_rows

    def append(self, encoded: tuple[bytes, int]) -> None:
        """Write them."""
        assert self.outlet is not None
        self.outlet.append(self.number, *encoded)

    def open_part(self, part: int) -> _Part:
        """A file for one part."""
        assert self.folder is not None
        return _Part(self.folder / f"{self.number}-{part:06}", part)

    def commit(self, receipts: Sequence[Receipt]) -> None:
        """Write the parts, in order."""
        assert self.outlet is not None
        for receipt in sorted(receipts, key=lambda one: one.part):
            with Path(receipt.path).open("rb") as file:
                while data := file.read(_CHUNK):
                    self.outlet.append(self.number, data, 0)
            self.outlet.append(self.number, b"", receipt.rows)

    def abort(self) -> None:
        """Leave it as it is: what has been said to a pipe cannot be taken back."""
        if self.outlet is not None:
            self.outlet.abort()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "outlet": None}


class _Part:
    """One part of a table; it gets its name when it is finished."""

    def __init__(self, path: Path, part: int) -> None:
        self._path, self._part, self._rows = path, part, 0
        self._draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        self._file = self._draft.open("wb")

    def append(self, encoded: tuple[bytes, int]) -> None:
        """Write the bytes of a batch behind those that are written."""
        data, rows = encoded
        with access_errors("keep rows in a temporary file"):
            self._file.write(data)
        self._rows += rows

    def close(self) -> Receipt:
        """Finish the part."""
        with access_errors("keep rows in a temporary file"):
            self._file.close()
            self._draft.replace(self._path)
        return Receipt(self._part, str(self._path), self._rows, self._path.stat().st_size, "")
