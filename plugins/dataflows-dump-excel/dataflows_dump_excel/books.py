"""A workbook on its way: a new one, written in bounded memory, or a copy of one that is changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from dataflows_core.errors import AccessError, DataError, FlowError, UnreadableError
from dataflows_core.schema import Schema
from dataflows_dump_excel.cells import MOST_FIELDS, MOST_ROWS, formats
from dataflows_dump_excel.kept import lost_by_changing

__all__ = ["Book", "NewBook", "UpdatedBook", "sheet_names"]

_LONGEST_NAME = 31
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")


class Book(Protocol):
    """A workbook on its way."""

    def add_sheet(self, name: str, schema: Schema, titles: Sequence[str]) -> int:
        """Begin a sheet with its header; returns its number."""
        ...

    def write(self, sheet: int, rows: Iterable[Sequence[Any]]) -> None:
        """Append rows to a sheet."""
        ...

    def close(self) -> None:
        """Write the file."""
        ...

    def discard(self) -> None:
        """Let go of everything: the file is not wanted any more."""
        ...


class _Counted:
    """How far each sheet is."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._next: list[int] = []

    def _begin(self, name: str, schema: Schema) -> int:
        if len(schema) > MOST_FIELDS:
            raise FlowError(
                f"sheet {name!r} has room for {MOST_FIELDS:,} columns, and there are {len(schema):,}"
            )
        self._names.append(name)
        self._next.append(1)
        return len(self._names) - 1

    def _take(self, sheet: int) -> int:
        row = self._next[sheet]
        if row >= MOST_ROWS:
            raise DataError(
                f"sheet {self._names[sheet]!r} has room for {MOST_ROWS - 1:,} rows below its header, "
                "and there are more; write them in another format, or part them first (partition)"
            )
        self._next[sheet] = row + 1
        return row


class NewBook(_Counted):
    """A new workbook; rows leave memory as they come.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        import xlsxwriter

        super().__init__()
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "default_date_format": formats()["date"],
            "tmpdir": str(path.parent),
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        # The same data give the same bytes.
        self._book.set_properties({"created": _EPOCH})
        self._formats = {kind: self._book.add_format({"num_format": f}) for kind, f in formats().items()}
        self._sheets: list[Any] = []
        self._kinds: list[list[Any]] = []

    def add_sheet(self, name: str, schema: Schema, titles: Sequence[str]) -> int:
        """Begin a sheet with its header."""
        number = self._begin(name, schema)
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for column, title in enumerate(titles):
            sheet.write_string(0, column, title)
        self._sheets.append(sheet)
        self._kinds.append([self._formats.get(field.type) for field in schema])
        return number

    def write(self, sheet: int, rows: Iterable[Sequence[Any]]) -> None:
        """Append rows to a sheet."""
        target, kinds = self._sheets[sheet], self._kinds[sheet]
        for row in rows:
            number = self._take(sheet)
            for column, value in enumerate(row):
                if value is None:
                    continue
                if isinstance(value, str):
                    target.write_string(number, column, value)
                elif isinstance(value, bool):
                    target.write_boolean(number, column, value)
                elif isinstance(value, int | float):
                    target.write_number(number, column, value)
                else:
                    target.write_datetime(number, column, value, kinds[column])

    def close(self) -> None:
        """Write the file."""
        from xlsxwriter.exceptions import FileCreateError

        if not self._sheets:
            self._book.add_worksheet()
        try:
            self._book.close()
        except FileCreateError as error:
            raise AccessError(f"the workbook cannot be written: {error}") from error

    def discard(self) -> None:
        """Remove what was written aside."""
        for sheet in self._sheets:
            sheet.row_data_fh.close()
            Path(sheet.row_data_filename).unlink(missing_ok=True)
        self._book.fileclosed = True  # it must not write the file when it is collected


class UpdatedBook(_Counted):
    """A workbook that is there, with some sheets replaced or added; the others stay as they are.

    It is held in memory, as changing it demands.

    Args:
        source: A copy of the workbook that is there.
        name: What messages call it.
        path: Where the changed one is written.

    Raises:
        UnreadableError: It is no xlsx workbook, or has what would be lost.
    """

    def __init__(self, source: Path, name: str, path: Path) -> None:
        import zipfile

        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException

        super().__init__()
        try:
            lost = lost_by_changing(source)
            if lost:
                raise UnreadableError(
                    f"{name} has {', '.join(lost)}, which would be lost if it were changed; write a new "
                    "workbook, or change one without them"
                )
            with source.open("rb") as file:  # its name has no ending that openpyxl could know
                self._book = openpyxl.load_workbook(file, rich_text=True)
        except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
            raise UnreadableError(f"{name} is no xlsx workbook that can be changed: {error}") from error
        self._path = path
        self._sheets: list[Any] = []
        self._kinds: list[list[str | None]] = []

    def add_sheet(self, name: str, schema: Schema, titles: Sequence[str]) -> int:
        """Begin a sheet with its header, in the place of one that has its name."""
        number = self._begin(name, schema)
        place = None
        for index, sheet in enumerate(self._book.worksheets):
            if sheet.title.lower() == name.lower():
                place = index
                self._book.remove(sheet)
        sheet = self._book.create_sheet(name, place)
        for column, title in enumerate(titles, 1):
            _set(sheet.cell(1, column), title)
        sheet.freeze_panes = "A2"
        self._sheets.append(sheet)
        self._kinds.append([formats().get(field.type) for field in schema])
        return number

    def write(self, sheet: int, rows: Iterable[Sequence[Any]]) -> None:
        """Append rows to a sheet."""
        target, kinds = self._sheets[sheet], self._kinds[sheet]
        for row in rows:
            number = self._take(sheet) + 1
            for column, value in enumerate(row, 1):
                if value is not None:
                    cell = target.cell(number, column)
                    _set(cell, value)
                    if kinds[column - 1] and not isinstance(value, str):
                        cell.number_format = kinds[column - 1]

    def close(self) -> None:
        """Write the file."""
        self._book.save(self._path)

    def discard(self) -> None:
        """Let go of the workbook."""
        self._book.close()


def _set(cell: Any, value: Any) -> None:
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"  # a text that begins with "=" is no formula


def sheet_names(names: Iterable[str]) -> list[str]:
    """Names of sheets for resources: what Excel forbids in them is replaced, and no two are the same.

    Examples:
        >>> sheet_names(["data/a", "DATA-A", "a" * 40])
        ['data-a', 'DATA-A (2)', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']
    """
    made: list[str] = []
    for name in names:
        base = _FORBIDDEN.sub("-", name).strip("'")[:_LONGEST_NAME] or "Sheet"
        base = "History-" if base.lower() == "history" else base  # Excel keeps this name for itself
        new, number = base, 1
        while new.lower() in {other.lower() for other in made}:
            number += 1
            suffix = f" ({number})"
            new = base[: _LONGEST_NAME - len(suffix)] + suffix
        made.append(new)
    return made


def _epoch() -> Any:
    import datetime as dt

    return dt.datetime(1980, 1, 1, tzinfo=dt.UTC)


_EPOCH = _epoch()
