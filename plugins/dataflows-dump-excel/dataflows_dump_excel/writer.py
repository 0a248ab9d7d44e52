"""The writer of `xlsx` files, for `dump_to_path`: a workbook for each resource."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa

from dataflows_core.carried import typed
from dataflows_core.schema import Schema
from dataflows_dump_excel.books import NewBook, sheet_names
from dataflows_dump_excel.cells import Cells

__all__ = ["ExcelWriter"]


class ExcelWriter:
    """Writes an Excel workbook with one sheet.

    Values that a cell cannot hold exactly are written as texts; see `dump_to_excel`.

    Args:
        schema: The schema of the batches.
        sheetname: The name of the sheet.
    """

    extension: ClassVar[str] = "xlsx"
    mediatype: ClassVar[str] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def __init__(self, schema: Schema, sheetname: str = "Sheet1") -> None:
        self.schema = schema
        (self.sheetname,) = sheet_names([sheetname])

    def encode(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch, typed."""
        return typed(batch.rename_columns(list(self.schema.names)), self.schema)

    def open(self, file: BinaryIO) -> _ExcelFile:
        """Begin a file."""
        return _ExcelFile(file, self.schema, self.sheetname)

    def describe(self) -> dict[str, Any]:
        """Format, media type and schema."""
        schema = self.schema.with_properties(missingValues=[""]).descriptor
        return {"format": "xlsx", "mediatype": self.mediatype, "schema": schema}


class _ExcelFile:
    """A workbook on its way; its bytes come all at the end."""

    def __init__(self, file: BinaryIO, schema: Schema, sheet: str) -> None:
        self._file, self._cells = file, Cells(schema)
        self._folder = tempfile.TemporaryDirectory(prefix="dataflows-excel-")
        self._path = Path(self._folder.name, "book.xlsx")
        self._book = NewBook(self._path)
        titles: Sequence[str] = schema.names
        self._sheet = self._book.add_sheet(sheet, schema, titles)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        self._book.write(self._sheet, self._cells.rows(batch))

    def close(self) -> None:
        """Write the file."""
        with self._folder:
            self._book.close()
            with self._path.open("rb") as made:
                shutil.copyfileobj(made, self._file, 1 << 20)

    def discard(self) -> None:
        """Remove what was written aside."""
        self._book.discard()
        self._folder.cleanup()
