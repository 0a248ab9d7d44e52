"""The sink of one table: rows are put aside, as the database takes them, until all of them are there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from dataflows_core.commit import access_errors
from dataflows_core.errors import RowError
from dataflows_core.schema import Schema
from dataflows_core.sink import Receipt
from dataflows_sql.database import Database
from dataflows_sql.stored import as_stored

__all__ = ["TableSink"]

Encoded = tuple[int, bytes]
"""A number of rows, and what the database takes for them."""


@dataclass(eq=False)
class TableSink:
    """Puts the rows of one resource aside: a `dataflows_core.sink.Sink`.

    Args:
        target: What messages call the table.
        database: The database.
        schema: The schema of the batches.
        keys: The fields that may not be null.
        begun: Called in the driver; returns a folder, and the columns that are written.
        take_back: Called in the driver when the run failed.

    Attributes:
        rows: How many rows there are.
        files: Where they are, in order.
    """

    target: str
    database: Database
    schema: Schema
    keys: tuple[str, ...]
    begun: Callable[[], tuple[Path, Schema]] | None
    take_back: Callable[[], None] | None
    rows: int = 0
    files: list[Path] = field(default_factory=list)
    _folder: Path | None = None
    _columns: Schema | None = None
    _stored: Schema | None = None
    _own: _Part | None = None

    def begin(self) -> None:
        """See that the table can be written to."""
        assert self.begun is not None
        self._folder, self._columns = self.begun()
        self._stored = Schema(tuple(self.database.stored(field) for field in self.schema))
        self.rows, self.files, self._own = 0, [], None

    def encode(self, batch: pa.RecordBatch) -> Encoded:
        """The rows as the database takes them.

        Raises:
            CastError: A value that its column cannot hold exactly.
            RowError: A key is null, so that nobody can tell which row is meant.
        """
        assert self._columns is not None
        assert self._stored is not None
        made = as_stored(batch, self.schema, self._stored, self._columns)
        for key in self.keys:
            column = made.column(key)
            if column.null_count:
                raise RowError(
                    f"{key!r}, by which rows of {self.target} are found, is null; filter such rows out",
                    index=pa.compute.index(column.is_null(), True).as_py(),
                    field=key,
                )
        return batch.num_rows, self.database.encode(made, self._columns)

    def append(self, encoded: Encoded) -> None:
        """Put rows behind those that are there."""
        if self._own is None:
            self._own = self.open_part(0)
        self._own.append(encoded)

    def open_part(self, part: int) -> _Part:
        """A file for one part."""
        assert self._folder is not None
        return _Part(self._folder / f"{part:06}", part, self.target)

    def commit(self, receipts: Sequence[Receipt]) -> None:
        """Know where all rows are; they are written when everything else of the run is ready."""
        found = [*receipts] if self._own is None else [*receipts, self._own.close()]
        found.sort(key=lambda receipt: receipt.part)
        self.files = [Path(receipt.path) for receipt in found]
        self.rows = sum(receipt.rows for receipt in found)

    def abort(self) -> None:
        """Remove what was put aside."""
        if self._own is not None:
            self._own.discard()
        if self.take_back is not None:
            self.take_back()

    def __getstate__(self) -> dict[str, Any]:
        # A worker opens parts of its own; the dump stays with the driver.
        return {**self.__dict__, "begun": None, "take_back": None, "_own": None}


class _Part:
    """A file of rows."""

    def __init__(self, path: Path, part: int, target: str) -> None:
        self._path, self._part, self._target = path, part, target
        # Two workers may write the same part at once, when one was taken for lost.
        self._own = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        with access_errors(f"put rows of {target} aside"):
            self._file: BinaryIO = self._own.open("wb")
        self._rows = 0

    def append(self, encoded: Encoded) -> None:
        """Write rows."""
        with access_errors(f"put rows of {self._target} aside"):
            self._file.write(encoded[1])
        self._rows += encoded[0]

    def close(self) -> Receipt:
        """Finish the part."""
        with access_errors(f"put rows of {self._target} aside"):
            self._file.close()
            size = self._own.stat().st_size
            self._own.replace(self._path)
        return Receipt(self._part, str(self._path), self._rows, size, "")

    def discard(self) -> None:
        """Let go of the file."""
        self._file.close()
