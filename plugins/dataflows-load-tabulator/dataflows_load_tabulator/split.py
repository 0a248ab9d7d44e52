"""The engine's split: one source, its rows as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from dataflows_core.errors import DataError, RowError
from dataflows_core.schema import Schema
from dataflows_load_tabulator.columns import Spelling
from dataflows_load_tabulator.header import Header, is_blank
from dataflows_load_tabulator.place import Place
from dataflows_load_tabulator.reader import Reader

__all__ = ["RAGGED", "Shape", "TabulatorSplit"]

RAGGED = ("raise", "fill", "truncate")

_BLOCK_ROWS = 1 << 12


@dataclass(frozen=True)
class Shape:
    """How rows are made of what a parser gives.

    Args:
        ragged: What is done with rows that have fewer or more cells than the header.
        strip: Whether blanks around texts are left out.
        empty: Whether a row without any cell is one of missing values, and not none.
    """

    ragged: str = "raise"
    strip: bool = True
    empty: bool = False

    def wanted(self, row: Sequence[Any]) -> bool:
        """Whether it is a row."""
        return bool(row) or self.empty

    def row(self, row: Sequence[Any], header: Header, index: int = 0) -> list[Any]:
        """The cells that are wanted.

        Raises:
            RowError: It is longer or shorter than the header.
        """
        length = len(row)
        if length != header.width:
            surplus = self.ragged != "truncate" and not all(map(is_blank, row[header.width :]))
            if row and (self.ragged == "raise" or surplus):
                raise RowError(
                    f"the row has {length} cells, and the header has {header.width}\n  ragged='fill' "
                    "completes short rows, ragged='truncate' cuts long ones as well\n  when titles stand "
                    "above the header, headers=N says where it is",
                    index=index,
                )
            row = [*row[: header.width], *([None] * (header.width - length))]
        cells = row if len(header.kept) == header.width else self._without_margin(row, header, index)
        if self.strip:
            return [cell.strip() if isinstance(cell, str) else cell for cell in cells]
        return list(cells)

    def _without_margin(self, row: Sequence[Any], header: Header, index: int) -> list[Any]:
        for position in set(range(header.width)) - set(header.kept):
            if not is_blank(row[position]):
                raise RowError(
                    f"the row has a value in column {position + 1}, which has no name, and had no value in "
                    "the sample\n  deduplicate_headers=True gives it a name; ignore_blank_headers=True "
                    "leaves it out",
                    index=index,
                    value=row[position],
                )
        return [row[position] for position in header.kept]


@dataclass(frozen=True)
class TabulatorSplit:
    """One source: a `dataflows_core.stream.Split`.

    Args:
        place: The source.
        reader: How it is opened.
        shape: How rows are made of what the parser gives.
        header: The header that was planned with.
        spellings: How the values of each field are spelled.
    """

    place: Place
    reader: Reader
    shape: Shape
    header: Header
    spellings: tuple[Spelling, ...]

    size: int | None = None

    @property
    def source(self) -> str:
        """What messages call the source."""
        return self.place.shown

    @property
    def portable(self) -> bool:
        """Whether another process can read it."""
        return self.place.portable

    @property
    def schema(self) -> Schema:
        """The schema of the batches."""
        return Schema(tuple(spelling.spelled for spelling in self.spellings))

    def blocks(self) -> Iterator[tuple[int, list[list[Any]]]]:
        """Rows as they are, with the number of rows before them.

        Raises:
            AccessError: The source cannot be read to its end.
            DataError: It is damaged, or its header is not the one that was planned with.
        """
        with closing(self.reader.open(self.place)) as table:
            if table.header != self.header:
                raise DataError(
                    f"the header of {self.source} has changed since the flow was planned: it was "
                    f"{', '.join(self.header.names)} and is {', '.join(table.header.names)}"
                )
            rows, first = filter(self.shape.wanted, table.rows()), 0
            while block := list(islice(rows, _BLOCK_ROWS)):
                yield first, block
                first += len(block)

    def decode(self, block: tuple[int, list[list[Any]]]) -> pa.RecordBatch:
        """The rows, as texts and as JSON.

        Raises:
            RowError: A row is longer or shorter than the header, or a value has no form in a table.
        """
        rows = [self.shape.row(row, self.header, index) for index, row in enumerate(block[1])]
        columns = [
            spelling.column([row[index] for row in rows]) for index, spelling in enumerate(self.spellings)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema.arrow)

    def locate(self, block: tuple[int, list[list[Any]]], index: int) -> int:
        """The number of the record below the header, from 1; blank lines do not count."""
        return block[0] + index + 1
