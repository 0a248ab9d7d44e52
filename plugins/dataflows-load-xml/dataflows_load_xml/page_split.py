"""The engine's split: one table of a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import pyarrow as pa

from dataflows_core.errors import DataError, RowError
from dataflows_core.files import Source
from dataflows_core.schema import Field, Schema
from dataflows_load_xml.grid import Layout
from dataflows_load_xml.page import Page, read_page
from dataflows_load_xml.page_tables import Cell, HtmlTable, tables_of

__all__ = ["Place", "Rows", "TableSplit"]

_BLOCK_ROWS = 1 << 12

Row = list[str | None]


@dataclass(frozen=True)
class Rows:
    """The rows of a table, as texts.

    Attributes:
        names: The names of the columns.
        rows: The texts; a fault in place of a row that cannot be one.
        several: The columns that are lists, as JSON.
    """

    names: tuple[str, ...]
    rows: list[Row | str]
    several: frozenset[str]

    @property
    def texts(self) -> pa.RecordBatch:
        """The rows that are none of the faults."""
        return batch(self.names, [row for row in self.rows if not isinstance(row, str)])


def batch(names: Sequence[str], rows: Sequence[Row]) -> pa.RecordBatch:
    """Rows as columns of text."""
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return pa.RecordBatch.from_arrays(
        [pa.array(list(column), pa.string()) for column in columns], schema=travelling(names).arrow
    )


def travelling(names: Sequence[str]) -> Schema:
    """The schema of what the split gives: all texts, which are cast behind it."""
    return Schema(tuple(Field({"name": name, "type": "string"}) for name in names))


@dataclass(frozen=True)
class Place:
    """A table of a page, and how it is read.

    Args:
        file: The page.
        number: The number of the table in it.
        layout: Where the header is.
        ragged: What becomes of rows that have fewer or more cells than the header.
        filled: Whether a cell that spans several rows or columns is in all of them.
        links: Whether there is a field for where links lead to.
        hidden: Whether what readers of the page do not see is read too.
        encoding: The encoding of the page, if it is known.
        huge: Whether the parser's limits are lifted.
        limit: The most rows to read.
    """

    file: Source
    number: int
    layout: Layout
    ragged: str = "raise"
    filled: bool = True
    links: bool = False
    hidden: bool = False
    encoding: str | None = None
    huge: bool = False
    limit: int | None = None

    @property
    def source(self) -> str:
        """What messages call it."""
        return f"{self.file.shown}, table {self.number}"

    def read(self, page: Page | None = None) -> Rows:
        """The rows of the table.

        Args:
            page: The page, if it has been read.

        Raises:
            AccessError: The page cannot be read.
            DataError: It is hostile or cut short, or has no such table any more; the header makes no table.
        """
        page = page or read_page(self.file, self.encoding, huge=self.huge)
        tables = tables_of(page, hidden=self.hidden)
        if self.number > len(tables):
            raise DataError(
                f"{self.file.shown} has changed since the flow was planned: it has no table {self.number}"
            )
        table = tables[self.number - 1]
        grid = table.grid(filled=self.filled, huge=self.huge)
        try:
            heads, body = self._parts(table, grid)
            width = max([1, *map(len, heads)]) if heads else max(map(len, body), default=0)
            used = [any(at < len(cells) and cells[at] is not None for cells in body) for at in range(width)]
            columns = self.layout.columns(
                [[cell.text if cell else "" for cell in cells] for cells in heads], used
            )
        except DataError as error:
            raise DataError(f"{self.source}: {error}") from error
        rows = [self._row(cells, columns, width, page) for cells in body[: self.limit]]
        return self._with_links(columns, rows, body[: self.limit]) if self.links else _rows(columns, rows)

    def _parts(
        self, table: HtmlTable, grid: list[list[Cell | None]]
    ) -> tuple[list[list[Cell | None]], list[list[Cell | None]]]:
        """The rows of the header, and those below it that are not blank."""
        marked = self._marked(table, grid)
        if self.layout.headers == "first" and marked:
            heads, rest = grid[:marked], enumerate(grid[marked:], marked + 1)
            return heads, [cells for number, cells in rest if number not in self.layout.skip and any(cells)]
        first = marked if self.layout.names is not None else 0
        found, body = self.layout.parts(
            (number, cells) for number, cells in enumerate(grid[first:], first + 1)
        )
        return found, [cells for _, cells in body]

    @staticmethod
    def _marked(table: HtmlTable, grid: Sequence[Sequence[Cell | None]]) -> int:
        """How many rows are marked as the header: its own group, or nothing but header cells."""
        own = sum(group == "thead" for group, _ in table.rows)
        if any(map(any, grid[:own])):
            return own
        leading = takewhile(lambda row: row[1] and all(cell.tag == "th" for cell in row[1]), table.rows)
        count = len(list(leading))
        return count if count < len(grid) else min(count, 1)

    def _row(
        self, cells: Sequence[Cell | None], columns: Sequence[tuple[int, str]], width: int, page: Page
    ) -> Row | str:
        if len(cells) != width and self.ragged == "raise":
            return (
                f"the row has {len(cells)} cells, and the header {width}\n  ragged='fill' puts null where "
                "cells are "
                "missing, ragged='truncate' leaves surplus ones out too"
            )
        if self.ragged != "truncate" and any(cells[width:]):
            return (
                f"the row has {len(cells)} cells, and the header {width}; ragged='truncate' leaves them out"
            )
        found: Row = [cell.text if at < len(cells) and (cell := cells[at]) else None for at, _ in columns]
        if page.flawed and any(text and "\ufffd" in text for text in found):
            return f"the row has bytes that are no text in {page.encoding}; encoding=… names another"
        return found

    def _with_links(
        self, columns: Sequence[tuple[int, str]], rows: list[Row | str], body: Sequence[Sequence[Cell | None]]
    ) -> Rows:
        names: list[str] = []
        lists: list[list[str | None]] = []
        several: set[str] = set()
        for place, (at, name) in enumerate(columns):
            names.append(name)
            lists.append([None if isinstance(row, str) else row[place] for row in rows])
            found = [cells[at].links if at < len(cells) and cells[at] else () for cells in body]  # type: ignore[union-attr]
            if not any(found):
                continue
            names.append(f"{name}_href")
            if max(map(len, found)) > 1:
                several.add(names[-1])
                lists.append([json.dumps(links, ensure_ascii=False) if links else None for links in found])
            else:
                lists.append([links[0] if links else None for links in found])
        made = [list(row) for row in zip(*lists, strict=True)]
        faulty = [old if isinstance(old, str) else new for old, new in zip(rows, made, strict=True)]
        if len(set(names)) < len(names):
            raise DataError(
                f"{self.source}: a column has the name that links of another would have; name the columns"
            )
        return Rows(tuple(names), faulty, frozenset(several))


def _rows(columns: Sequence[tuple[int, str]], rows: list[Row | str]) -> Rows:
    return Rows(tuple(name for _, name in columns), rows, frozenset())


@dataclass
class TableSplit:
    """One table of a page: a `dataflows_core.stream.Split`.

    Args:
        place: The table.
        names: The names of its columns.
        planned: What planning has read; the first reading uses it up.
    """

    place: Place
    names: tuple[str, ...]
    planned: Rows | None = field(default=None, repr=False)

    size: int | None = None

    @property
    def source(self) -> str:
        """What messages call it."""
        return self.place.source

    def blocks(self) -> Iterator[tuple[int, list[Row | str]]]:
        """Rows, with the number of rows before them.

        Raises:
            AccessError: The page cannot be read.
            DataError: It is not the one that was planned with.
        """
        found, self.planned = self.planned, None
        found = found or self.place.read()
        if found.names != self.names:
            raise DataError(
                f"the header of {self.source} has changed since the flow was planned: it was "
                f"{', '.join(self.names)} and is {', '.join(found.names)}"
            )
        for start in range(0, len(found.rows), _BLOCK_ROWS):
            yield start, found.rows[start : start + _BLOCK_ROWS]

    def decode(self, block: tuple[int, list[Row | str]]) -> pa.RecordBatch:
        """The rows, as texts.

        Raises:
            RowError: One has other cells than the header.
        """
        rows: list[Row] = []
        for index, row in enumerate(block[1]):
            if isinstance(row, str):
                raise RowError(row, index=index)
            rows.append(row)
        return batch(self.names, rows)

    def locate(self, block: tuple[int, list[Row | str]], index: int) -> int:
        """The number of the record below the header, from 1; blank rows do not count."""
        return block[0] + index + 1

    def __getstate__(self) -> dict[str, Any]:
        # Another process reads the page for itself.
        return {**self.__dict__, "planned": None}
