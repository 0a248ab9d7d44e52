"""The sink of one sheet."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataflows_core.carried import typed
from dataflows_core.commit import access_errors
from dataflows_core.schema import Schema
from dataflows_core.sink import Receipt
from dataflows_dump_excel.books import Book
from dataflows_dump_excel.cells import Cells

__all__ = ["SheetSink"]


@dataclass(eq=False)
class SheetSink:
    """Writes one resource into a sheet of a workbook: a `dataflows_core.sink.Sink`.

    Args:
        target: What messages call it.
        name: The name of the sheet.
        schema: The schema of the batches.
        titles: What the columns are called.
        begun: Called in the driver; returns the workbook and a folder for parts.
        take_back: Called in the driver when the run failed.
    """

    target: str
    name: str
    schema: Schema
    titles: Sequence[str]
    begun: Callable[[], tuple[Book, Path]] | None
    take_back: Callable[[], None] | None
    rows: int = 0
    as_text: dict[str, int] = field(default_factory=dict)
    _folder: Path | None = None
    _book: Book | None = None
    _sheet: int = -1
    _cells: Cells | None = None

    def begin(self) -> None:
        """Begin the sheet."""
        assert self.begun is not None
        self._book, scratch = self.begun()
        self._sheet = self._book.add_sheet(self.name, self.schema, self.titles)
        self._cells = Cells(self.schema)
        self.as_text = self._cells.as_text
        self._folder = scratch / str(self._sheet)
        with access_errors(f"write {self.target}"):
            self._folder.mkdir()

    def encode(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch, typed; cells are made in order, since only one thread can write them."""
        return typed(batch, self.schema)

    def append(self, encoded: pa.RecordBatch) -> None:
        """Write the rows behind those that are written."""
        assert self._book is not None
        assert self._cells is not None
        self._book.write(self._sheet, self._cells.rows(encoded))
        self.rows += encoded.num_rows

    def open_part(self, part: int) -> _Part:
        """A file for one part."""
        assert self._folder is not None
        return _Part(self._folder / f"{part:06}", part, self.schema.arrow, self.target)

    def commit(self, receipts: Sequence[Receipt]) -> None:
        """Write the parts, in order."""
        for receipt in sorted(receipts, key=lambda receipt: receipt.part):
            with pa.OSFile(receipt.path) as file, pa.ipc.open_stream(file) as batches:
                for batch in batches:
                    self.append(batch)

    def abort(self) -> None:
        """Remove everything that was begun."""
        if self.take_back is not None:
            self.take_back()

    def __getstate__(self) -> dict[str, Any]:
        # A worker opens parts of its own; the workbook stays with the driver.
        return {**self.__dict__, "begun": None, "take_back": None, "_book": None, "_cells": None}


class _Part:
    """One part of a sheet, as an Arrow stream."""

    def __init__(self, path: Path, part: int, schema: pa.Schema, target: str) -> None:
        self._path, self._part, self._target = path, part, target
        # Two workers may write the same part at once, when one was taken for lost.
        self._own = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        with access_errors(f"write {target}"):
            self._stream = pa.ipc.new_stream(str(self._own), schema)
        self._rows = 0

    def append(self, encoded: pa.RecordBatch) -> None:
        """Write a batch."""
        with access_errors(f"write {self._target}"):
            self._stream.write_batch(encoded)
        self._rows += encoded.num_rows

    def close(self) -> Receipt:
        """Finish the part."""
        with access_errors(f"write {self._target}"):
            self._stream.close()
            size = self._own.stat().st_size
            self._own.replace(self._path)
        return Receipt(self._part, str(self._path), self._rows, size, "")
