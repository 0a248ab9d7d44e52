"""A workbook: a file that is safe to open, its sheets, and their cells."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import IO, Any

import python_calamine as calamine

from dataflows_core.errors import FlowError, UnreadableError, near_misses
from dataflows_core.files import Source
from dataflows_load_excel.check import Tally, check

__all__ = ["Cell", "Workbook", "opened"]

Cell = Any
"""What a cell holds: a text, a float, an int, a bool, a date, a datetime, a time or a timedelta; ``""`` when
there is nothing in it."""

_MAX_UNPACKED = 2 << 30  # a workbook is held in memory


class Workbook:
    """The sheets of an open workbook.

    Args:
        book: The workbook as calamine has it.
        source: What messages call the file.
        tally: What its cells do not say.
    """

    def __init__(self, book: calamine.CalamineWorkbook, source: str, tally: Tally) -> None:
        self._book, self.source, self.tally = book, source, tally

    @property
    def names(self) -> list[str]:
        """The names of the worksheets, in order; charts and macros are none."""
        kinds = calamine.SheetTypeEnum
        return [sheet.name for sheet in self._book.sheets_metadata if sheet.typ == kinds.WorkSheet]

    @property
    def visible(self) -> list[str]:
        """The names of the worksheets that a reader of the workbook sees."""
        shown = {
            sheet.name
            for sheet in self._book.sheets_metadata
            if sheet.visible == calamine.SheetVisibleEnum.Visible
        }
        return [name for name in self.names if name in shown]

    def find(self, sheet: str | int) -> str:
        """The name of a sheet.

        Args:
            sheet: Its name, or its number from 1 among the worksheets.

        Raises:
            FlowError: There is none.
        """
        names = self.names
        if isinstance(sheet, int):
            if 1 <= sheet <= len(names):
                return names[sheet - 1]
            raise FlowError(
                f"{self.source} has {len(names)} sheet{'s' * (len(names) != 1)}, numbered from 1, "
                f"and none is number {sheet}"
            )
        if sheet in names:
            return sheet
        close = near_misses(sheet, names)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise FlowError(f"{self.source} has no sheet {sheet!r}{hint}\n  its sheets: {', '.join(names)}")

    def rows(self, sheet: str, *, fill_merged: bool = False) -> list[list[Cell]]:
        """The cells of a sheet, from its top left corner, all rows equally long.

        Args:
            sheet: Its name.
            fill_merged: Whether every cell of a merged range has the value of the range.

        Raises:
            UnreadableError: There are several of that name.
        """
        if self.names.count(sheet) > 1:
            raise UnreadableError(f"{self.source} is damaged: it has several sheets named {sheet!r}")
        found = self._book.get_sheet_by_name(sheet)
        rows = found.to_python(skip_empty_area=False)
        if fill_merged:
            ranges = found.merged_cell_ranges
            if ranges is None:
                raise FlowError(f"{self.source}: only xlsx and xls files say which cells are merged")
            _fill(rows, ranges)
        return rows


def _fill(rows: list[list[Cell]], ranges: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    height, width = len(rows), len(rows[0]) if rows else 0
    for (top, left), (bottom, right) in ranges:
        if top >= height or left >= width:
            continue
        value = rows[top][left]
        for row in rows[top : bottom + 1]:
            row[left : right + 1] = [value] * len(row[left : right + 1])


@contextmanager
def opened(file: Source) -> Iterator[Workbook]:
    """A workbook, open.

    Args:
        file: The file; a compression is looked for only when its name ends in one.

    Raises:
        AccessError: It cannot be opened.
        UnreadableError: It is no workbook, a damaged one, one with a password, or one that unpacks to
            too much.
    """
    plain = file if file.compression or file.member or _is_packed(file) else replace(file, compression="none")
    with closing(plain.open_seekable()) as stream:
        try:
            tally = check(stream, file.shown, file.max_size or _MAX_UNPACKED)
            stream.seek(0)
            with calamine.load_workbook(_Whole(stream)) as book:
                yield Workbook(book, file.shown, tally)
        except calamine.PasswordError as error:
            raise UnreadableError(f"{file.shown} has a password; save it without one") from error
        except (calamine.CalamineError, zipfile.BadZipFile, NotImplementedError, EOFError) as error:
            raise UnreadableError(
                f"{file.shown} is no workbook (xlsx, xls, xlsb, ods), or a damaged one: {error}"
            ) from error
        except BaseException as error:
            # What Rust did not expect is no Exception, and no class of it can be imported.
            if type(error).__name__ != "PanicException":
                raise
            raise UnreadableError(f"{file.shown} is a damaged workbook: {error}") from error


def _is_packed(file: Source) -> bool:
    return file.path.lower().endswith((".gz", ".bz2", ".xz", ".zst", ".zstd", ".zip"))


class _Whole(io.RawIOBase):
    """A stream as calamine wants it: `read` and `seek`, and an error of ours passes through."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size)
