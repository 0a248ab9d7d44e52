"""A workbook, looked at before it is read: what it unpacks to, how far it reaches, what it does not say."""

from __future__ import annotations

import re
import struct
import zipfile
from dataclasses import dataclass
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import UnreadableError
from dataflows_load_excel.compound import MAGIC, is_encrypted, widest_cell
from dataflows_load_excel.extent import MOST_COLUMNS, MOST_ROWS, XmlExtent, corner, corner_of_records

__all__ = ["Tally", "check"]

_ERROR = re.compile(rb'<c\b[^>]* t="e"')
_UNSAVED = re.compile(
    rb'<c\b(?![^>]*\bt="str")[^>]*>\s*<f\b(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>'
)
_SPELLED = re.compile(
    rb'<c\b(?![^>]*\bt="(?!n"))[^>]*>\s*(?:<f\b(?:[^>]*/>|[^>]*>[^<]*</f>)\s*)?<v>[^<&]*(?:&|<!\[CDATA)'
)
_WORDS = r't="e"|<f[ />]|&|<!'
_OVERLAP = 1 << 14  # longer than a cell with a formula
_CELL_SIZE = 32
_MOST_COLUMNS_OF_XLS = 256
_BEGIN_SHEET = b"\x81\x01"


@dataclass
class Tally:
    """What the cells of a workbook do not say, where that is known.

    Attributes:
        errors: How many hold an error such as ``#DIV/0!``.
        unsaved: How many hold a formula without the value that it had.
    """

    errors: int = 0
    unsaved: int = 0


def check(stream: IO[bytes], source: str, max_size: int) -> Tally:
    """Unpack everything once, at no memory: what the index says of sizes may be a lie.

    Args:
        stream: The file, which is left anywhere.
        source: What messages call it.
        max_size: The most bytes that it may unpack to, and that its sheets may take.

    Raises:
        UnreadableError: It is more, has a password, or cells where no sheet has any.
    """
    if not zipfile.is_zipfile(stream):
        stream.seek(0)
        if stream.read(len(MAGIC)) == MAGIC:
            stream.seek(0)
            _check_sectors(stream.read(), source)
        return Tally()
    return _Check(source, max_size).archive(stream)


def _check_sectors(data: bytes, source: str) -> None:
    try:
        if is_encrypted(data):
            raise UnreadableError(f"{source} has a password; save it without one")
        widest = widest_cell(data)
    except (struct.error, IndexError, ValueError) as error:
        raise UnreadableError(f"{source} is no workbook, or a damaged one: {error}") from error
    if widest > _MOST_COLUMNS_OF_XLS:
        raise UnreadableError(
            f"{source} is damaged: it has a cell in column {widest:,}, and an xls file has no more than "
            f"{_MOST_COLUMNS_OF_XLS} columns"
        )


def _found(data: bytes, pattern: str) -> bool:
    """Whether a pattern is there; one search for all that is looked for is what makes this quick."""
    found = pc.match_substring_regex(pa.array([data], pa.large_binary()), pattern=pattern)
    return bool(found[0].as_py())


class _Check:
    def __init__(self, source: str, max_size: int) -> None:
        self._source, self._max_size, self._left = source, max_size, max_size
        self._tally = Tally()

    def archive(self, stream: IO[bytes]) -> Tally:
        with zipfile.ZipFile(stream) as archive:
            for info in archive.infolist():
                if info.flag_bits & 1:
                    raise UnreadableError(f"{self._source} has a password; save it without one")
                self._member(archive, info)
        return self._tally

    def _member(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        head, tail, extent = b"", b"", XmlExtent()
        with archive.open(info) as member:
            while data := member.read(1 << 20):
                self._left -= len(data)
                if self._left < 0:
                    raise UnreadableError(
                        f"{self._source} unpacks to more than {self._max_size:,} bytes; "
                        "max_size=… allows more"
                    )
                head = head or data[:16]
                if _found(tail + data, f"{_WORDS}|{extent.beyond}"):
                    extent.see(tail + data)
                    self._look(tail, data, info.filename)
                tail = data[-_OVERLAP:]
        if head.startswith(_BEGIN_SHEET):
            self._reaches(*corner_of_records(archive.read(info)))
        elif extent.rows > MOST_ROWS or self._is_too_much(extent.rows, extent.columns):
            with archive.open(info) as member:
                self._reaches(*corner(member))

    def _look(self, tail: bytes, data: bytes, name: str) -> None:
        text = tail + data
        if b"<!DOCTYPE" in text and name.lower().endswith((".xml", ".rels")):
            raise UnreadableError(
                f"{self._source} declares entities in {name}, as no workbook does; it is not read"
            )
        if "worksheets/" not in name:
            return
        # The search for a text is much quicker than that for a pattern.
        if (b"&" in text or b"<!" in text) and _SPELLED.search(text):
            raise UnreadableError(
                f"{self._source} spells a number with entities, as no spreadsheet program does; "
                "it is not read"
            )
        if b't="e"' in text:
            self._tally.errors += len(_ERROR.findall(text)) - len(_ERROR.findall(tail))
        if b"<f" in text:
            self._tally.unsaved += len(_UNSAVED.findall(text)) - len(_UNSAVED.findall(tail))

    def _is_too_much(self, rows: int, columns: int) -> bool:
        return columns > MOST_COLUMNS or rows * columns * _CELL_SIZE > self._max_size

    def _reaches(self, rows: int, columns: int) -> None:
        if rows > MOST_ROWS or columns > MOST_COLUMNS:
            raise UnreadableError(
                f"{self._source} is damaged: it has a cell in row {rows:,} or column {columns:,}, and a "
                f"sheet has no more than {MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns"
            )
        if self._is_too_much(rows, columns):
            raise UnreadableError(
                f"{self._source} has a sheet that reaches to row {rows:,} and column {columns:,}; read whole "
                f"it takes more than {self._max_size:,} bytes\n  remove the cells that lie far away, or "
                "allow more (max_size=…)"
            )
