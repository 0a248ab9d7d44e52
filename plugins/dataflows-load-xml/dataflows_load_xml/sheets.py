"""Workbooks of Excel 2003 in XML (SpreadsheetML): their sheets, rows and cells, read as a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from dataflows_core.errors import DataError, UnreadableError, shorten
from dataflows_core.ranges import letters
from dataflows_load_xml.grid import Row
from dataflows_load_xml.parse import Document, Element, local_name
from dataflows_load_xml.path import Path

__all__ = ["Cell", "Sheet", "read_rows", "sheets_of"]

_NAMESPACE = "{urn:schemas-microsoft-com:office:spreadsheet}"
_ROW = Path("/Workbook/Worksheet/Table/Row")
_MOST_ROWS, _MOST_COLUMNS = 1 << 20, 1 << 14
_MOST_FILLED = 10_000_000
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,6}))?[0-9]*Z?")


class Cell(NamedTuple):
    """What a cell holds.

    Attributes:
        kind: ``"number"``, ``"datetime"``, ``"boolean"``, ``"string"`` or ``"error"``.
        text: The text of it, as Table Schema writes such values.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Sheet:
    """A worksheet.

    Attributes:
        name: Its name.
        visible: Whether a reader of the workbook sees it.
    """

    name: str
    visible: bool


def sheets_of(document: Document) -> list[Sheet]:
    """The worksheets of a workbook, in order; the file is read to its end.

    Raises:
        AccessError: It cannot be read.
        UnreadableError: It is no workbook.
        DataError: It is not well-formed, or two sheets have one name.
    """
    source = document.file.shown
    if document.root().name != "Workbook":
        raise UnreadableError(
            f"{source} is no workbook of Excel 2003 in XML: its root is <{document.root().name}>; other XML "
            "is loaded "
            "by load_xml"
        )
    found: dict[str, bool] = {}
    name = ""
    for event, element in document.events(("{*}Worksheet", "{*}Visible", "{*}Row"), _ROW.matcher()):
        kind = local_name(element)
        if event == "start" and kind == "Worksheet":
            name = _attribute(element, "Name") or f"Sheet{len(found) + 1}"
            if name in found:
                raise DataError(f"{source} has two sheets named {name!r}")
            found[name] = True
        elif event == "end" and kind == "Visible" and name:
            found[name] = (element.text or "").strip() not in ("SheetHidden", "SheetVeryHidden")
    return [Sheet(name, visible) for name, visible in found.items()]


def read_rows(document: Document, sheet: str, *, fill_merged: bool) -> Iterator[Row]:
    """The rows of a sheet, with their numbers; those that the file leaves out are blank, and left out.

    Args:
        document: The workbook.
        sheet: The name of the sheet.
        fill_merged: Whether every cell of a merged range has the value of the range.

    Raises:
        AccessError: It cannot be read.
        DataError: It is not well-formed, or a cell holds what it says it does not.
    """
    is_row, reader = _ROW.matcher(), _Reader(document, sheet, fill_merged)
    names = 0
    name = None
    for event, element in document.events(("{*}Worksheet", "{*}Row"), is_row):
        kind = local_name(element)
        if kind == "Worksheet" and event == "start":
            names += 1
            name = _attribute(element, "Name") or f"Sheet{names}"
        elif kind == "Worksheet" and name == sheet:
            return
        elif event == "end" and kind == "Row" and name == sheet and is_row(element):
            yield from reader.rows(element)


class _Reader:
    """Reads the rows of one sheet."""

    def __init__(self, document: Document, sheet: str, fill_merged: bool) -> None:
        self._where, self._fill = f"{document.file.shown}, sheet {sheet!r}", fill_merged
        self._huge = document.huge
        self._number = 0
        self._merged: dict[int, tuple[int, Cell]] = {}  # by column: the last row, and the value
        self._filled_cells = 0

    def rows(self, row: Element) -> Iterator[Row]:
        number = self._count(row, "Index", self._number + 1)
        if not self._number < number <= _MOST_ROWS:
            raise DataError(f"{self._where}: row {self._number + 1} says that it is number {number}")
        last = max((last for last, _ in self._merged.values()), default=0)
        for left_out in range(self._number + 1, min(number, last + 1)):
            yield left_out, self._filled(left_out, [])
        self._number = number
        cells = self._cells(row, number)
        yield number, self._filled(number, cells) if self._merged else cells
        self._number += self._count(row, "Span", 0)

    def _cells(self, row: Element, number: int) -> list[Cell | None]:
        cells: list[Cell | None] = []
        for element in row:
            if local_name(element) != "Cell":
                continue
            column = self._count(element, "Index", len(cells) + 1) - 1
            across = self._count(element, "MergeAcross", 0)
            place = f"{self._where}, cell {letters(column)}{number}"
            if column < len(cells) or column + across >= _MOST_COLUMNS:
                raise DataError(f"{place}: the cell is out of order, or beyond the last column of a sheet")
            value = _cell(element, place)
            cells += [None] * (column - len(cells))
            cells += [value, *([value if self._fill else None] * across)]
            if self._fill and value is not None and (down := self._count(element, "MergeDown", 0)):
                area = dict.fromkeys(range(column, column + across + 1), (number + down, value))
                self._merged.update(area)
        while cells and cells[-1] is None:
            cells.pop()
        return cells

    def _filled(self, number: int, cells: list[Cell | None]) -> list[Cell | None]:
        self._merged = {column: area for column, area in self._merged.items() if area[0] >= number}
        cells += [None] * (max(self._merged, default=-1) + 1 - len(cells))
        for column, (_, value) in self._merged.items():
            cells[column] = value
        self._filled_cells += len(self._merged)
        if self._filled_cells > _MOST_FILLED and not self._huge:
            raise DataError(
                f"{self._where}: merged ranges have more than {_MOST_FILLED:,} cells; huge=True lifts the "
                "limit, "
                "for files that you trust"
            )
        return cells

    def _count(self, element: Element, name: str, otherwise: int) -> int:
        text = _attribute(element, name)
        if text is None:
            return otherwise
        if not re.fullmatch("[0-9]{1,9}", text.strip()):
            raise DataError(f"{self._where}: {name}={text!r} of a {local_name(element)} is no number")
        return int(text)


def _attribute(element: Element, name: str) -> str | None:
    found: str | None = element.get(_NAMESPACE + name)
    return found if found is not None else element.get(name)


def _cell(element: Element, place: str) -> Cell | None:
    data = next((child for child in element if local_name(child) == "Data"), None)
    text = "" if data is None else "".join(data.itertext())
    if not text:
        return None
    kind = _attribute(data, "Type") or "String"
    if kind == "String":
        return Cell("string", text)
    if kind == "Number":
        return Cell("number", _number(text.strip(), place))
    if kind == "DateTime":
        return Cell("datetime", _moment(text.strip(), place))
    if kind == "Boolean" and text.strip() in ("0", "1"):
        return Cell("boolean", "true" if text.strip() == "1" else "false")
    if kind == "Error":
        return Cell("error", text.strip())
    raise DataError(f"{place}: {shorten(text)} is no {kind}")


def _number(text: str, place: str) -> str:
    """The number without an exponent, where its digits fit into one; a whole one without a point."""
    if text.isdigit():
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise DataError(f"{place}: {shorten(text)} is no Number") from None
    if not number.is_finite() or not -30 <= number.adjusted() <= 30:
        return text
    if number == number.to_integral_value():
        return str(int(number))
    return format(number, "f")


def _moment(text: str, place: str) -> str:
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise DataError(f"{place}: {shorten(text)} is no DateTime")
    fraction = (found[2] or "").rstrip("0")
    return f"{found[1]}.{fraction}" if fraction else found[1]
