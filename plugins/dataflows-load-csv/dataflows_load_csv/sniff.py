"""Telling the dialect of a file from its first bytes.

Each delimiter that occurs is tried: the right one cuts the records into equally many cells, the header among
them. A file of one column has no delimiter, and must not get one because its prose holds commas.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from dataflows_load_csv.dialect import Dialect
from dataflows_load_csv.grammar import Grammar

__all__ = ["sniff_dialect"]

DELIMITERS = (",", ";", "\t", "|")
_NO_DELIMITER = "\x1f"
_RECORDS = 60
_BYTES = 1 << 15
_DECIMAL_COMMA = re.compile(rb"\s*[-+]?[0-9]+,[0-9]+\s*")


def sniff_dialect(sample: bytes, given: Mapping[str, Any], *, first: int = 1) -> Dialect:
    r"""The dialect a file seems to have.

    Args:
        sample: Its first bytes, in UTF-8.
        given: What is known of it, by argument of `Dialect`.
        first: The row, from 1, at which the table begins.

    Examples:
        >>> sniff_dialect(b"a;b\n1,5;2,5\n", {}).delimiter
        ';'
    """
    sample = _whole_lines(sample[:_BYTES])
    given = dict(given)
    if "delimiter" not in given:
        given["delimiter"] = _delimiter(sample, given, first)
    base = Dialect(**given)
    if "quotechar" not in given:
        base = base.replace(quotechar=_quotechar(sample, base, first))
    if base.quotechar is None:
        return base
    if "escapechar" not in given and _escapes(sample, base):
        base = base.replace(escapechar="\\")
    if "skipinitialspace" not in given and _spaces_before_quotes(sample, base):
        base = base.replace(skipinitialspace=True)
    return base


def _whole_lines(sample: bytes) -> bytes:
    end = max(sample.rfind(b"\n"), sample.rfind(b"\r", 0, len(sample) - 1)) + 1
    return sample[:end] or sample


@dataclass(frozen=True)
class _Cut:
    """How a delimiter cuts the sample.

    Attributes:
        width: The number of cells that most records have.
        share: How many of the records have it, from 0 to 1.
        header: The number of cells of the first record.
    """

    width: int
    share: float
    header: int


def _rows(sample: bytes, dialect: Dialect, first: int) -> list[list[bytes]]:
    grammar = Grammar(dialect)
    records = islice(grammar.records(sample), first - 1, first - 1 + _RECORDS)
    rows = [
        (record, grammar.cells(sample[record.start : record.end]))
        for record in records
        if record.kind == "data"
    ]
    # A record that the sample ends in says nothing.
    if len(rows) > 1 and not rows[-1][0].complete:
        rows.pop()
    return [cells for _, cells in rows]


def _cut(rows: Sequence[Sequence[bytes]]) -> _Cut:
    if not rows:
        return _Cut(1, 1.0, 1)
    widths = Counter(map(len, rows))
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    return _Cut(width, count / len(rows), len(rows[0]))


def _is_clean(cell: bytes, delimiter: str) -> bool:
    """Whether a cell does not look like several cells of another delimiter."""
    if _DECIMAL_COMMA.fullmatch(cell):
        return True
    return not any(
        char != delimiter and char.encode() in cell and not (char == "," and b", " in cell)
        for char in DELIMITERS
    )


def _delimiter(sample: bytes, given: Mapping[str, Any], first: int) -> str:
    found: dict[str, tuple[_Cut, list[list[bytes]]]] = {}
    for delimiter in DELIMITERS:
        if delimiter.encode() in sample and delimiter not in given.values():
            rows = _rows(sample, Dialect(**{**given, "delimiter": delimiter}), first)
            cut = _cut(rows)
            if _plausible(cut, rows, delimiter):
                found[delimiter] = cut, rows
    if len(found) == 1:
        return next(iter(found))
    if found:
        return max(found, key=lambda delimiter: _rank(delimiter, *found[delimiter]))
    rows = _rows(sample, Dialect(**given), first)
    return "," if all(len(row) == 1 for row in rows) else _NO_DELIMITER


def _rank(delimiter: str, cut: _Cut, rows: Sequence[Sequence[bytes]]) -> tuple[float, float, int]:
    cells = [cell for row in rows for cell in row]
    clean = sum(_is_clean(cell, delimiter) for cell in cells) / len(cells)
    consistent = cut.share if cut.header == cut.width else cut.share / 2
    return round(consistent + clean, 1), clean, cut.width


def _plausible(cut: _Cut, rows: Sequence[Sequence[bytes]], delimiter: str) -> bool:
    if cut.header > 1:
        # Perhaps ragged; if it is, that is an error in words later on, and no single column.
        return sum(len(row) > 1 for row in rows) * 2 > len(rows)
    if cut.width == 1 or cut.share < 0.7:
        return False
    # A title above the table, or one column of prose or of numbers with decimal commas.
    several = [row for row in rows if len(row) > 1]
    prose = sum(cell.startswith(b" ") for row in several for cell in row[1:])
    numbers = (
        sum(bool(_DECIMAL_COMMA.fullmatch(b",".join(row))) for row in several) if delimiter == "," else 0
    )
    return prose * 2 < sum(len(row) - 1 for row in several) and numbers * 2 < len(several)


def _quotechar(sample: bytes, dialect: Dialect, first: int) -> str | None:
    """The quote character: ``"`` unless the sample speaks against it."""
    if b'"' in sample:
        quoted = _cut(_rows(sample, dialect, first))
        # Quotes that close nothing: tab-separated tables are often written without any. Of other tables, one
        # that ends inside quotes was more likely cut short, and that must not pass unseen.
        end = sample if sample.endswith((b"\n", b"\r")) else sample + b"\n"
        if quoted.share < 1 or (dialect.delimiter == "\t" and Grammar(dialect).open_at_end(end)):
            bare = _cut(_rows(sample, dialect.replace(quotechar=None), first))
            if bare.share == 1 and bare.width > 1:
                return None
        return '"'
    if sample.count(b"'") >= 4:
        rows = _rows(sample, dialect.replace(quotechar=None), first)
        opened = sum(cell.startswith(b"'") for row in rows for cell in row)
        both = sum(
            len(cell) > 1 and cell.startswith(b"'") and cell.endswith(b"'") for row in rows for cell in row
        )
        single = dialect.replace(quotechar="'")
        # A town may be named 's-Hertogenbosch: every opening must have its closing.
        if opened >= 2 and (
            both == opened or _cut(_rows(sample, single, first)).share == 1.0 > _cut(rows).share
        ):
            return "'"
    return '"'


def _escapes(sample: bytes, dialect: Dialect) -> bool:
    """Whether quotes inside quoted cells are written with a backslash."""
    if b"\\" not in sample or dialect.quotechar is None:
        return False
    quote, delimiter = re.escape(dialect.quotechar).encode(), re.escape(dialect.delimiter).encode()
    escaped = len(re.findall(rb"\\" + quote + rb"(?!" + delimiter + rb"|[\r\n]|\Z)", sample))
    doubled = len(re.findall(rb"[^\r\n" + delimiter + rb"]" + quote * 2, sample))
    return escaped > doubled


def _spaces_before_quotes(sample: bytes, dialect: Dialect) -> bool:
    assert dialect.quotechar is not None
    quote, delimiter = dialect.quotechar.encode(), dialect.delimiter.encode()
    return delimiter + b" " + quote in sample and delimiter + quote not in sample
