"""The end of a pipe that is read from."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn, TypeAlias

import pyarrow as pa

from dataflows_core.commit import access_errors
from dataflows_core.errors import DataError, FlowError
from dataflows_core.schema import Schema
from dataflows_core.spool import Spool
from dataflows_stdlib.streams.wire import batch_of, value_of

__all__ = ["Inlet", "TableSplit"]

_LINES = 16_384
"""Lines that make one block."""

Block: TypeAlias = tuple[int, pa.RecordBatch]
"""The number of rows before it, and its rows: a batch, or a column of lines."""


class Inlet:
    """Where a package is read from.

    Its tables come one after the other; who asks for a later one has those before it kept on disk.

    Args:
        source: A path, or an open file; None is the standard input.

    Attributes:
        header: What the first line says.
        arrow: Whether batches of Arrow follow, and not lines of JSON.

    Raises:
        DataError: What comes is no package.
        AccessError: It cannot be read.
    """

    def __init__(self, source: str | Path | IO[Any] | None) -> None:
        self.name = str(source) if isinstance(source, str | Path) else "the stream"
        self._file = _Bytes(source, self.name)
        self._lock = threading.Lock()
        self.header = self._first_line()
        self.arrow = "dataflows-stream" in self.header
        self._tables = 0
        self._current = 0
        self._rows: list[int] = []
        self._kept: list[_Kept] = []
        self._reading = 0
        self._reader: Any = None

    def _first_line(self) -> Mapping[str, Any]:
        line = self._file.line()
        self._file.suspend()
        if not line.endswith(b"\n"):
            self._cut_off("before its first line ended" if line else "before it began")
        try:
            header = value_of(line)
        except ValueError:
            header = None
        if not isinstance(header, dict):
            raise DataError(f"{self.name} begins with no descriptor: {line[:80]!r}")
        if header.get("dataflows-stream", 1) != 1:
            raise DataError(f"{self.name} was written by a later version of this program")
        return header

    def expect(self, tables: int) -> None:
        """Say how many tables follow."""
        self._tables = tables
        self._rows = [0] * tables
        self._kept = [_Kept() for _ in range(tables)]

    def blocks(self, table: int) -> Iterator[Block]:
        """The blocks of a table, in order."""
        self._reading += 1
        try:
            while (block := self._next(table)) is not None:
                yield block
        finally:
            self._reading -= 1
            if not self._reading:
                self._file.suspend()

    def _next(self, table: int) -> Block | None:
        with self._lock:
            if (kept := self._kept[table].take()) is not None:
                return kept
            while self._current <= table:
                current = self._current
                block = self._batch() if self.arrow else self._lines()
                if block is None:
                    self._end_table()
                elif current == table:
                    return block
                else:
                    self._kept[current].add(block)
            return None

    def _end_table(self) -> None:
        self._current += 1
        if self.arrow and self._current == self._tables:
            line = self._file.line()
            try:
                counted = value_of(line)["rows"] if line.endswith(b"\n") else None
            except (ValueError, TypeError, KeyError):
                counted = None
            if counted != self._rows:
                self._cut_off(f"behind {sum(self._rows)} rows")

    def _lines(self) -> Block | None:
        first = self._rows[self._current]
        lines: list[bytes] = []
        while len(lines) < _LINES:
            line = self._file.line()
            if not line.endswith(b"\n"):
                self._cut_off(f"behind {first + len(lines)} rows of its table {self._current + 1}")
            if not line.strip():
                if lines:
                    self._file.back(line)
                    break
                return None
            lines.append(line)
        self._rows[self._current] += len(lines)
        return first, pa.record_batch([pa.array(lines, pa.binary())], names=["line"])

    def _batch(self) -> Block | None:
        first = self._rows[self._current]
        try:
            if self._reader is None:
                self._reader = pa.ipc.open_stream(self._file)
            batch = self._reader.read_next_batch()
        except StopIteration:
            self._reader = None
            return None
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(
                f"{self.name} is damaged, or was cut off, behind {first} rows of its table "
                f"{self._current + 1}: {error}"
            ) from error
        self._rows[self._current] += batch.num_rows
        return first, batch

    def _cut_off(self, where: str) -> NoReturn:
        raise DataError(f"{self.name} was cut off {where}; what writes it may have failed")


class _Kept:
    """Blocks of a table that came before they were asked for."""

    def __init__(self) -> None:
        self._firsts: deque[tuple[int, int]] = deque()
        self._spool: Spool | None = None

    def add(self, block: Block) -> None:
        first, batch = block
        if self._spool is None:
            self._spool = Spool()
        self._firsts.append((first, len(self._spool)))
        self._spool.append(batch)

    def take(self) -> Block | None:
        if not self._firsts or self._spool is None:
            return None
        first, index = self._firsts.popleft()
        return first, self._spool[index]


class _Bytes:
    """The bytes of a source. A file with a path is open only while it is read."""

    def __init__(self, source: str | Path | IO[Any] | None, name: str) -> None:
        self._path = source if isinstance(source, str | Path) else None
        file = sys.stdin if source is None else source
        self._file: IO[Any] | None = None if self._path is not None else getattr(file, "buffer", file)  # type: ignore[arg-type]
        self._name, self._position, self._pushed = name, 0, b""
        self.closed = False

    def _open(self) -> IO[Any]:
        if self._file is None:
            assert self._path is not None
            self._file = Path(self._path).open("rb")  # noqa: SIM115 - `suspend` closes it
            self._file.seek(self._position)
        return self._file

    def suspend(self) -> None:
        """Close a file with a path; it is opened again where it was."""
        if self._path is not None and self._file is not None:
            self._file.close()
            self._file = None

    def line(self) -> bytes:
        """The next line, with its end if it has one."""
        if self._pushed:
            pushed, self._pushed = self._pushed, b""
            return pushed
        with access_errors(f"read {self._name}"):
            return self._counted(self._open().readline())

    def back(self, line: bytes) -> None:
        """Have a line read again."""
        self._pushed = line

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        return self._counted(self._open().read(size))

    def _counted(self, data: Any) -> bytes:
        if isinstance(data, str):
            data = data.encode()
        self._position += len(data)
        return bytes(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return False


@dataclass
class TableSplit:
    """One table of a package that is read from a pipe.

    Attributes:
        inlet: Where it is read from.
        table: Its number.
        schema: Its schema.
        source: What messages call it.
    """

    inlet: Inlet
    table: int
    schema: Schema
    source: str
    size: int | None = None
    portable = False
    _read: bool = False

    def blocks(self) -> Iterator[Block]:
        """Batches, or columns of lines, with the number of rows before them."""
        if self._read:
            raise FlowError(f"{self.source} has been read; a stream can be run once")
        self._read = True
        return self.inlet.blocks(self.table)

    def decode(self, block: Block) -> pa.RecordBatch:
        """The rows of a block."""
        if self.inlet.arrow:
            return block[1]
        missing: Sequence[Any] = self.schema.properties.get("missingValues", ("",))
        return batch_of(block[1].column(0).to_pylist(), self.schema, missing)

    def locate(self, block: Block, index: int) -> int:
        """The row's number in its table."""
        return block[0] + index + 1
