"""The engine's split: one sheet of a workbook."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from dataflows_core.errors import DataError
from dataflows_core.files import Source
from dataflows_core.ranges import Range
from dataflows_load_excel.area import Headers, Table, table_of
from dataflows_load_excel.cells import Column, column_of
from dataflows_load_excel.workbook import Workbook, opened

__all__ = ["Layout", "SheetSplit", "read_sheet", "shown"]

_BLOCK_ROWS = 1 << 14


@dataclass(frozen=True)
class Layout:
    """Where the table is in a sheet; see `table_of`."""

    area: Range = field(default_factory=Range)
    headers: Headers = "first"
    joiner: str = " "
    skip: tuple[int, ...] = ()
    deduplicate: str | None = None
    fill_merged: bool = False
    limit: int | None = None

    def table(self, book: Workbook, sheet: str) -> Table:
        """The table of a sheet."""
        cells = book.rows(sheet, fill_merged=self.fill_merged)
        try:
            table = table_of(
                cells,
                self.area,
                self.headers,
                joiner=self.joiner,
                skip=self.skip,
                deduplicate=self.deduplicate,
            )
        except DataError as error:
            raise DataError(f"{book.source}, sheet {sheet!r}: {error}") from error
        return replace(table, rows=table.rows[: self.limit])


def read_sheet(book: Workbook, name: str, layout: Layout) -> list[Column]:
    """Read a sheet whole, as the format wants it.

    Raises:
        DataError: Its header makes no table.
    """
    with _no_collections():
        table = layout.table(book, name)
        cells: Iterable[Any] = zip(*table.rows, strict=True) if table.rows else [()] * len(table.names)
        return [column_of(*pair, table.numbers) for pair in zip(table.names, cells, strict=True)]


@contextmanager
def _no_collections() -> Iterator[None]:
    """Spares rows by the hundred thousand from being looked at for cycles again and again."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def shown(file: Source, sheet: str) -> str:
    """What messages call a sheet."""
    return f"{file.shown}, sheet {sheet!r}"


@dataclass
class SheetSplit:
    """One sheet of a workbook: a `dataflows_core.stream.Split`.

    Args:
        file: The workbook.
        sheet: The name of the sheet.
        layout: Where the table is in it.
        arrow: The columns of the batches. Where one is a text and the cells are something else, their texts
            are given: another file of the same resource has other cells there.
        planned: What planning has read; the first reading uses it up.
    """

    file: Source
    sheet: str
    layout: Layout
    arrow: pa.Schema
    planned: list[Column] | None = field(default=None, repr=False)

    size: int | None = None

    @property
    def source(self) -> str:
        """What messages call it."""
        return shown(self.file, self.sheet)

    def blocks(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Batches of values, with the number of rows before them.

        Raises:
            AccessError: The file cannot be opened.
            UnreadableError: It is damaged.
            DataError: Its header is not the one that was planned with, or its cells are of other kinds.
        """
        columns, self.planned = self.planned, None
        if columns is None:
            with opened(self.file) as book:
                columns = read_sheet(book, self.sheet, self.layout)
        names = [column.field.name for column in columns]
        if names != self.arrow.names:
            raise DataError(
                f"the header of {self.source} has changed since the flow was planned: it was "
                f"{', '.join(self.arrow.names)} and is {', '.join(names)}"
            )
        values = [self._values(*pair) for pair in zip(columns, self.arrow, strict=True)]
        batch = pa.RecordBatch.from_arrays(values, schema=self.arrow)
        for start in range(0, batch.num_rows, _BLOCK_ROWS):
            yield start, batch[start : start + _BLOCK_ROWS]

    def _values(self, column: Column, planned: pa.Field) -> pa.Array:
        if pa.types.is_string(planned.type):
            return column.as_text()
        if column.values.null_count == len(column.values):
            return pa.nulls(len(column.values), planned.type)
        if pa.types.is_date(column.values.type) and pa.types.is_timestamp(planned.type):
            return column.values.cast(planned.type)  # all at midnight
        if column.values.type != planned.type:
            raise DataError(
                f"the cells of {column.field.name!r} in {self.source} were {planned.type} when the flow was "
                f"planned, and are {column.values.type}"
            )
        return column.values

    def decode(self, block: tuple[int, pa.RecordBatch]) -> pa.RecordBatch:
        """The values; the step behind casts them."""
        return block[1]

    def locate(self, block: tuple[int, pa.RecordBatch], index: int) -> int:
        """The number of the record below the header, from 1; blank rows do not count."""
        return block[0] + index + 1

    def __getstate__(self) -> dict[str, Any]:
        # Another process reads the file for itself.
        return {**self.__dict__, "planned": None}
