"""How far the cells of a sheet reach.

A sheet is read into a grid of all cells between its corners, so that one cell in the last corner, in a file
of a kilobyte, would cost more memory than there is. The corners are looked for before that.
"""

from __future__ import annotations

import re
from functools import cache
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["MOST_COLUMNS", "MOST_ROWS", "XmlExtent", "column_number", "corner", "corner_of_records"]

MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
"""How many a sheet has."""

_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]+)([0-9]+)""")
# A cell without a value takes no room; many files have some that are only formatted.
_CELL = re.compile(rb"""<(?:\w+:)?c\s(?:[^<>]*?\s)?r\s*=\s*["']([A-Za-z]+)([0-9]+)["'][^<>]*(?<!/)>(?!</)""")
_PIECE = 1 << 20
_LAST_CELL = 11  # of the kinds of records; 0 begins a row


def column_number(letters: str) -> int:
    """The number of a column from 1; its letters may be small.

    Examples:
        >>> column_number("A"), column_number("XFD")
        (1, 16384)
    """
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


class XmlExtent:
    """How far the cells of a sheet reach at most, as XML passes; no cell is looked at alone.

    Attributes:
        rows: A number that all rows are below.
        columns: A number that no column is above.
    """

    def __init__(self) -> None:
        self.rows, self.columns = 10_000, 1

    @property
    def beyond(self) -> str:
        """A pattern, as Arrow has them, of what lies further away than has been seen."""
        return _pattern(self.rows, self.columns)

    def see(self, data: bytes) -> None:
        """The next bytes; what one piece ends with, the next has to begin with."""
        while found := _beyond(data, self.rows, self.columns):
            letters, digits = found
            self.columns = max(self.columns, column_number(letters))
            row = int(digits)
            if row >= self.rows:
                step = 10 ** (len(str(row)) - 1)
                self.rows = (row // step + 1) * step


def _beyond(data: bytes, rows: int, columns: int) -> tuple[str, str] | None:
    """The reference of a cell that lies further away than that."""
    array = pa.array([data], pa.large_binary())
    index = pc.find_substring_regex(array, pattern=_pattern(rows, columns))[0].as_py()
    match = _REFERENCE.match(data, index) if index >= 0 else None
    return (match[1].decode(), match[2].decode()) if match else None


@cache
def _pattern(rows: int, columns: int) -> str:
    """What matches a reference from a row on, whose number is a digit and zeros, or beyond a column."""
    text = str(rows)
    head, zeros = int(text[0]), len(text) - 1
    lead = f"[{head}-9]" if head > 1 else "[1-9]"
    row = rf"(?:{lead}[0-9]{{{zeros}}}|[1-9][0-9]{{{zeros + 1},}})"
    letters = _letters(columns)
    longer = f"[A-Za-z]{{{len(letters) + 1},}}"
    later = [
        "".join(_either(letter) for letter in letters[:index])
        + f"[{chr(ord(letter) + 1)}-Z{chr(ord(letter) + 1).lower()}-z]"
        + f"[A-Za-z]{{{len(letters) - index - 1}}}"
        for index, letter in enumerate(letters)
        if letter != "Z"
    ]
    column = "|".join([longer, *(f"{part}[0-9]" for part in later)])
    return rf"""\sr\s*=\s*["'](?:{column}|[A-Za-z]+0*{row})"""


def _either(letter: str) -> str:
    return f"[{letter}{letter.lower()}]"


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def corner(stream: IO[bytes]) -> tuple[int, int]:
    """The last row and the last column that have a value, in a sheet of XML.

    Args:
        stream: The sheet.
    """
    rows = columns = 0
    tail = b""
    while data := stream.read(_PIECE):
        data = tail + data
        for letters, digits in set(_CELL.findall(data)):
            rows, columns = max(rows, int(digits)), max(columns, column_number(letters.decode()))
        tail = data[data.rfind(b"<") :]
    return rows, columns


def corner_of_records(data: bytes) -> tuple[int, int]:
    """The last row and the last column, in a sheet of an xlsb file.

    Args:
        data: The sheet.
    """
    rows = columns = place = 0
    while place + 2 <= len(data):
        kind, place = _number(data, place, 2)
        length, place = _number(data, place, 4)
        if kind <= _LAST_CELL and length >= 4 and place + 4 <= len(data):
            value = int.from_bytes(data[place : place + 4], "little") + 1
            if kind == 0:
                rows = max(rows, value)
            else:
                columns = max(columns, value)
        place += length
    return rows, columns


def _number(data: bytes, place: int, most: int) -> tuple[int, int]:
    """A number of up to so many bytes, and where it ends."""
    value = 0
    for index, byte in enumerate(data[place : place + most]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, place + index + 1
    return value, place + most
