"""The engine's split: one sheet of a workbook in XML."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import pyarrow as pa

from dataflows_core.errors import DataError, RowError
from dataflows_core.schema import Field, Schema
from dataflows_load_xml.grid import Layout, Row
from dataflows_load_xml.kinds import Kinds, spelled
from dataflows_load_xml.parse import Document
from dataflows_load_xml.sheets import Cell, read_rows

__all__ = ["Column", "Place", "SheetSplit", "SheetTable"]

_BLOCK_ROWS = 1 << 12
_BLOCK_CELLS = 1 << 18

Cells = list[Cell | None]


@dataclass(frozen=True)
class Column:
    """A column of a sheet.

    Attributes:
        index: Its place among the cells of a row.
        name: Its name.
        kinds: What its cells are.
    """

    index: int
    name: str
    kinds: Kinds


@dataclass(frozen=True)
class SheetTable:
    """The table in a sheet.

    Attributes:
        columns: Its columns.
    """

    columns: tuple[Column, ...]

    @property
    def travelling(self) -> Schema:
        """The schema of what the split gives: all texts, which are cast behind it."""
        return Schema(tuple(Field({"name": column.name, "type": "string"}) for column in self.columns))

    def notes(self, names: Collection[str]) -> list[str]:
        """What the user is to be told of some columns."""
        notes = [column.kinds.note(column.name) for column in self.columns if column.name in names]
        return [note for note in notes if note]

    def texts(self, names: Collection[str]) -> pa.RecordBatch:
        """The telling texts of some columns, which say how wide their values are."""
        found = {column.name: column.kinds.telling for column in self.columns if column.name in names}
        longest = max(map(len, found.values()), default=0)
        return pa.RecordBatch.from_pydict(
            {
                name: pa.array([*texts, *[None] * (longest - len(texts))], pa.string())
                for name, texts in found.items()
            }
        )

    def with_kinds_of(self, others: Iterable[SheetTable]) -> SheetTable:
        """The table, with what its columns and those of other tables hold together."""
        columns = list(self.columns)
        for other in others:
            pairs = zip(columns, other.columns, strict=True)
            columns = [replace(mine, kinds=mine.kinds.joined(its.kinds)) for mine, its in pairs]
        return SheetTable(tuple(columns))


@dataclass(frozen=True)
class Place:
    """A sheet of a file, and where the table is in it.

    Args:
        document: The file.
        sheet: The name of the sheet.
        layout: Where the table is.
        fill_merged: Whether every cell of a merged range has its value.
        limit: The most rows to read.
    """

    document: Document
    sheet: str
    layout: Layout
    fill_merged: bool
    limit: int | None

    @property
    def source(self) -> str:
        """What messages call it."""
        return f"{self.document.file.shown}, sheet {self.sheet!r}"

    def parts(self) -> tuple[list[list[str]], Iterator[Row]]:
        """The texts of the header, and the rows below it.

        Raises:
            AccessError: The file cannot be read.
            DataError: It is not well-formed, or the header is not there.
        """
        rows = read_rows(self.document, self.sheet, fill_merged=self.fill_merged)
        heads, body = self.layout.parts(rows)
        return [[_name(cell) for cell in cells] for cells in heads], islice(body, self.limit)

    def scan(self) -> SheetTable:
        """Look at all cells of the table.

        Raises:
            As `parts`; and if the header makes no table.
        """
        heads, body = self.parts()
        area = self.layout.area
        kinds = [Kinds() for _ in range((area.right or area.left) - area.left)]
        for number, cells in body:
            while len(kinds) < len(cells):
                kinds.append(Kinds())
            for cell, kind in zip(cells, kinds, strict=False):
                if cell is not None:
                    kind.see(cell, number)
        named = self.layout.columns(heads, [kind.used for kind in kinds])
        return SheetTable(
            tuple(
                Column(index, name, kinds[index] if index < len(kinds) else Kinds()) for index, name in named
            )
        )


def _name(cell: Cell | None) -> str:
    return (
        "" if cell is None else cell.text.removesuffix("T00:00:00") if cell.kind == "datetime" else cell.text
    )


@dataclass(frozen=True)
class SheetSplit:
    """One sheet of a workbook: a `dataflows_core.stream.Split`.

    Args:
        place: The sheet.
        table: The table in it.
        missing: Texts that stand for a missing value; errors among them are none.
    """

    place: Place
    table: SheetTable
    missing: tuple[str, ...] = ("",)

    size: int | None = None

    @property
    def source(self) -> str:
        """What messages call it."""
        return self.place.source

    def blocks(self) -> Iterator[tuple[int, list[Cells]]]:
        """Rows of cells, with the number of rows before them.

        Raises:
            AccessError: The file cannot be read to its end.
            DataError: It is not well-formed, or its header is not the one that was planned with.
        """
        heads, body = self.place.parts()
        planned = [(column.index, column.name) for column in self.table.columns]
        if heads and self.place.layout.columns(heads, []) != planned:
            raise DataError(f"the header of {self.source} has changed since the flow was planned")
        first, width = 0, 0
        block: list[Cells] = []
        for _, cells in body:
            block.append(cells)
            width += len(cells)
            if len(block) >= _BLOCK_ROWS or width >= _BLOCK_CELLS:
                yield first, block
                first, width, block = first + len(block), 0, []
        if block:
            yield first, block

    def decode(self, block: tuple[int, list[Cells]]) -> pa.RecordBatch:
        """The cells, as texts.

        Raises:
            RowError: One holds an error.
        """
        arrays = [self._texts(column, block[1]) for column in self.table.columns]
        return pa.RecordBatch.from_arrays(arrays, schema=self.table.travelling.arrow)

    def _texts(self, column: Column, rows: Sequence[Cells]) -> pa.Array:
        at, form = column.index, column.kinds.form
        cells = [cells[at] if at < len(cells) else None for cells in rows]
        for index, cell in enumerate(cells):
            if cell is not None and cell.kind == "error" and cell.text not in self.missing:
                raise RowError(
                    f"field {column.name!r}: the cell holds the error {cell.text}\n  mend it in the "
                    "workbook, or read "
                    f"such cells as null: override_schema={{'missingValues': ['', {cell.text!r}]}}",
                    index=index,
                    field=column.name,
                    value=cell.text,
                )
        return pa.array([spelled(cell, form) for cell in cells], pa.string())

    def locate(self, block: tuple[int, list[Cells]], index: int) -> int:
        """The number of the record below the header, from 1; blank rows do not count."""
        return block[0] + index + 1
