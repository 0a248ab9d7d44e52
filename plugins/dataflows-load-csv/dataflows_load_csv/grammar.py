"""Where records end.

Two recognisers of one grammar, which is the one that Python's `csv` and Arrow's parser follow: a quote
opens a quoted cell only where a cell begins; after the closing quote the rest of the cell is plain; in a
plain cell a quote is a character like any other (``5" pipe``).

* `Grammar.last_end` finds the last record end in a block. Whether a line end lies outside of every quoted
  cell depends on all quotes before it, and counting them proves nothing (``5" pipe`` has one). So the lines
  that hold quotes are read by an automaton (RE2, about 500 MB/s, without the interpreter's lock), from the
  beginning of the block, which is known to be the beginning of a record.
  Where quotes are rare, a search for cells that are not as a writer would have them is quicker.
* `Grammar.records` walks record by record with Python's `re`, where offsets are needed: headers, limits,
  errors. Its quantifiers are possessive, so it takes linear time.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_load_csv.dialect import Dialect

__all__ = ["Grammar", "Record", "one_value"]

_PROBE = 1 << 14
_BYTES_PER_QUOTE = 24


@dataclass(frozen=True, slots=True)
class Record:
    """One record, blank line or comment, as it lies in the bytes.

    Attributes:
        start: Offset of its first byte.
        end: Offset behind its line end.
        kind: ``"data"``, ``"blank"`` or ``"comment"``.
        complete: Whether it ends with a line end, and one that cannot be cut in two (a CR that ends the
            data may be the first half of a CRLF).
    """

    start: int
    end: int
    kind: str
    complete: bool


class Grammar:
    r"""The record grammar of a dialect, over UTF-8 bytes.

    Args:
        dialect: The dialect.

    Examples:
        >>> Grammar(Dialect()).last_end(b'a,"x\ny"\nb,"x\n')
        8
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._quote = (dialect.quotechar or "").encode()
        self._escape = (dialect.escapechar or "").encode()
        self._comments = tuple(prefix.encode() for prefix in dialect.comments)

    def has_quotes(self, data: bytes) -> bool:
        """Whether there is a quote or an escape in the data, so that a line end may be part of a cell."""
        return bool(self._quote and self._quote in data) or bool(self._escape and self._escape in data)

    def has_comments(self, data: bytes) -> bool:
        """Whether some line of the data begins like a comment."""
        return any(
            data.startswith(prefix) or b"\n" + prefix in data or b"\r" + prefix in data
            for prefix in self._comments
        )

    def last_end(self, data: bytes) -> int:
        """The offset behind the last complete record; 0 when there is none.

        Args:
            data: Bytes that begin where a record begins.
        """
        if data.endswith(b"\r"):
            data = data[:-1]  # perhaps the first half of a CRLF
        if not self.has_quotes(data):
            return _line_end(data)
        if self.has_comments(data):
            # A quote in a comment is no quote; the automaton does not know comments.
            return max((record.end for record in self.records(data) if record.complete), default=0)
        if self._has_few_quotes(data) and (end := self._end_between_quotes(data)) is not None:
            return end
        start, stop = self._doubtful(data)
        view = memoryview(data)[start:stop]
        rest = pc.binary_length(pc.replace_substring_regex(one_value(view), self._records_at_start, ""))[
            0
        ].as_py()
        if rest == 0 and stop < len(data):
            return _line_end(data)
        # With something left over, a quoted cell is open, and no quote follows that could close it.
        return start + len(view) - rest if rest < len(view) else start

    def _has_few_quotes(self, data: bytes) -> bool:
        """Whether a search costs less than the automaton, by the first bytes."""
        dialect = self.dialect
        if self._escape or not self._quote or not dialect.doublequote or dialect.skipinitialspace:
            return False
        return data.count(self._quote, 0, _PROBE) * _BYTES_PER_QUOTE < min(len(data), _PROBE)

    def _end_between_quotes(self, data: bytes) -> int | None:
        """The last record end, if every quote is where a writer would put it; None if one is not.

        Then the quotes, taken in pairs, are around cells, or double one inside of a cell.
        """
        found = self._cells_as_written.fullmatch(data)
        if found is None:
            return None
        stop = len(data) if found["open"] is None else found.start("open")
        while True:
            begin = data.rfind(self._quote, 0, stop) + 1
            end = _line_end(data, stop, begin)
            if end or not begin:
                return end
            stop = data.rfind(self._quote, 0, begin - 1)

    @cached_property
    def _cells_as_written(self) -> re.Pattern[bytes]:
        """Quoted cells from edge to edge, with anything without quotes between them; the last may be open."""
        d, q = _hex(self.dialect.delimiter), _hex(self.dialect.quotechar)
        cell = f"(?<![^{d}\\r\\n]){q}[^{q}]*+(?:{q}{q}[^{q}]*+)*+"
        pattern = f"[^{q}]*+(?:{cell}{q}(?![^{d}\\r\\n])[^{q}]*+)*+(?P<open>{cell})?+"
        return re.compile(pattern.encode("ascii"))

    def well_formed(self, data: bytes) -> bool:
        """Whether every quote is where a writer would put it: around a cell, or doubled inside of one.

        Args:
            data: What is taken for whole records; the dialect has no escape character.
        """
        return bool(pc.match_substring_regex(one_value(data), self._written)[0].as_py())

    @cached_property
    def _written(self) -> str:
        d, q = _hex(self.dialect.delimiter), _hex(self.dialect.quotechar)
        space = "\\x20*" if self.dialect.skipinitialspace else ""
        cell = f"(?:[^{d}{q}\\r\\n]*|{space}{q}(?:[^{q}]|{q}{q})*{q})"
        return f"\\A(?:{cell}(?:{d}{cell})*[\\r\\n])+\\z"

    def _doubtful(self, data: bytes) -> tuple[int, int]:
        """From the first line with a quote to the last; around them every line end ends a record."""
        chars = [char for char in (self._quote, self._escape) if char]
        first = min(place for char in chars if (place := data.find(char)) >= 0)
        last = max(data.rfind(char) for char in chars)
        # One byte further: an escape may stand before a line end.
        ends = [place for char in (b"\n", b"\r") if (place := data.find(char, last + 2)) >= 0]
        return _line_end(data, first), min(ends) + 1 if ends else len(data)

    @cached_property
    def _records_at_start(self) -> str:
        """For RE2, which knows no priority between readings: no text may have two."""
        dialect = self.dialect
        d, q, e = _hex(dialect.delimiter), _hex(dialect.quotechar), _hex(dialect.escapechar)
        escaped = f"|{e}(?s:.)" if e else ""
        space = "\\x20" if dialect.skipinitialspace else ""
        plain = f"(?:[^{d}{e}\\r\\n]{escaped})*"
        cell = f"(?:(?:[^{d}{e}{q}{space}\\r\\n]{escaped}){plain})?"
        if q:
            doubled = f"|{q}{q}" if dialect.doublequote else ""
            # What follows the closing quote must not begin with another one, if two stand for one.
            after = f"(?:(?:[^{d}{e}{q}\\r\\n]{escaped}){plain})?" if doubled else plain
            cell = f"(?:{cell}|{q}(?:[^{q}{e}]{escaped}{doubled})*{q}{after})"
        if space:
            cell = f"{space}*{cell}"
        return f"\\A(?:{cell}(?:{d}{cell})*[\\r\\n])+"

    def records(self, data: bytes, start: int = 0) -> Iterator[Record]:
        """Every record, blank line and comment of the data, in order; the last may be incomplete.

        Args:
            data: Bytes in which a record begins at `start`.
            start: Where to begin.
        """
        match, size = self._record.match, len(data)
        while start < size:
            found = match(data, start)
            assert found is not None, "every alternative of the pattern may end at the end of the data"
            end = found.end()
            line_end = found["end"]
            kind = "data"
            if found["comment"] is not None:
                kind = "comment"
            elif end - start == len(line_end):
                kind = "blank"
            yield Record(start, end, kind, bool(line_end) and not (end == size and line_end == b"\r"))
            start = end

    @cached_property
    def _record(self) -> re.Pattern[bytes]:
        cell, d = self._cell_pattern(), _hex(self.dialect.delimiter)
        prefixes = "|".join(map(_hex, self.dialect.comments)) or "(?!)"
        comment = f"(?P<comment>(?:{prefixes})[^\\r\\n]*+)"
        pattern = f"(?:{comment}|{cell}(?:{d}{cell})*+)(?P<end>\\r\\n|\\n|\\r|\\Z)"
        return re.compile(pattern.encode("ascii"), re.DOTALL)

    def _cell_pattern(self, *, groups: bool = False) -> str:
        """A cell, for `re`; with groups, its quoted part and its plain part are captured."""
        dialect = self.dialect
        d, q, e = _hex(dialect.delimiter), _hex(dialect.quotechar), _hex(dialect.escapechar)
        escaped = f"|{e}(?:.|\\Z)" if e else ""
        plain = f"({'' if groups else '?:'}(?:[^{d}{e}\\r\\n]++{escaped})*+)"
        cell = plain
        if q:
            doubled = f"|{q}{q}" if dialect.doublequote else ""
            quoted = f"({'' if groups else '?:'}(?:[^{q}{e}]++{escaped}{doubled})*+)(?:{q}|\\Z)"
            cell = f"(?:{q}{quoted})?+{plain}"
        elif groups:
            cell = f"((?!))?{plain}"
        return f"\\x20*+{cell}" if dialect.skipinitialspace else cell

    def cells(self, record: bytes) -> list[bytes]:
        """The cells of one record, without quotes and escapes.

        Args:
            record: One record, with or without its line end.
        """
        match, cells, place = self._cell.match, [], 0
        while True:
            found = match(record, place)
            assert found is not None, "every part of the pattern may be empty"
            inside, rest, more = found.groups()
            plain = self._unescape(rest or b"")
            cells.append(plain if inside is None else self._unquote(inside) + plain)
            if not more:
                return cells
            place = found.end()

    @cached_property
    def _cell(self) -> re.Pattern[bytes]:
        return re.compile(
            f"{self._cell_pattern(groups=True)}({_hex(self.dialect.delimiter)})?".encode(), re.DOTALL
        )

    def _unescape(self, text: bytes) -> bytes:
        if self._escape and self._escape in text:
            return re.sub(re.escape(self._escape) + b"(.?)", rb"\1", text, flags=re.DOTALL)
        return text

    def _unquote(self, text: bytes) -> bytes:
        if not self._quote or self._quote not in text:
            return self._unescape(text)
        quote = re.escape(self._quote)
        doubled = quote + b"(" + quote + b")"
        if not self._escape:
            return re.sub(doubled, rb"\1", text)
        return re.sub(re.escape(self._escape) + b"(.?)|" + doubled, _either, text, flags=re.DOTALL)

    def open_at_end(self, data: bytes) -> bool:
        """Whether the last record of the data, which is the last of its file, is not finished.

        Args:
            data: Bytes that begin where a record begins, and end with a line end.
        """
        if not self.has_quotes(data):
            return False
        # A LF cannot be the first half of anything.
        data = data[:-1] + b"\n" if data.endswith(b"\r") else data
        return self.last_end(data) < len(data)

    def __reduce__(self) -> tuple[type[Grammar], tuple[Dialect]]:
        return Grammar, (self.dialect,)


def _either(found: re.Match[bytes]) -> bytes:
    return found[1] if found[1] is not None else found[2]


def one_value(data: bytes | memoryview) -> pa.Array:
    """An array of one value, without copying it."""
    offsets = pa.py_buffer(bytes(4) + len(data).to_bytes(4, sys.byteorder))
    return pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(data)])


def _hex(text: str | None) -> str:
    return "".join(f"\\x{byte:02x}" for byte in (text or "").encode("ascii"))


def _line_end(data: bytes, stop: int | None = None, start: int = 0) -> int:
    """The offset behind the last line end between `start` and `stop`; 0 when there is none."""
    return max(data.rfind(b"\n", start, stop), data.rfind(b"\r", start, stop)) + 1
