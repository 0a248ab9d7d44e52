"""Halves of characters: JSON can escape one, and no text can hold it.

The parser of documents puts a question mark in its place, and says nothing. So the bytes are looked at before
it gets them, which costs next to nothing where no half is escaped.
"""

from __future__ import annotations

import re

from dataflows_core import json_text

__all__ = ["HalfCharacterError", "SurrogateGuard", "has_half"]

_ESCAPE = re.compile(rb"\\(?:u(....)|[^u])", re.DOTALL)
_UNFINISHED = re.compile(rb"\\+(?:u.{0,3})?\Z", re.DOTALL)
_HIGH, _LOW = (b"8", b"9", b"a", b"b"), (b"c", b"d", b"e", b"f")


class HalfCharacterError(Exception):
    """The next bytes escape half a character."""


class SurrogateGuard:
    """Sees the bytes of a document pass, and stops at half a character."""

    def __init__(self) -> None:
        self._rest = b""  # begins with a backslash that no other one escapes

    def see(self, data: bytes) -> None:
        """The next bytes.

        Raises:
            HalfCharacterError: They escape one.
        """
        data = self._rest + data
        if b"\\ud" in data or b"\\uD" in data:
            self._rest = data[_end_of_pairs(data) :]
        else:
            self._rest = b""
        if not self._rest and b"\\" in data[-5:] and (unfinished := _UNFINISHED.search(data)):
            self._rest = unfinished[0]


def _end_of_pairs(data: bytes) -> int:
    """Where the first half begins whose other half may still come; the end when there is none."""
    begin = end = -1  # of a first half
    for escape in _ESCAPE.finditer(data):
        code = (escape[1] or b"").lower()
        half = code[1:2] if code.startswith(b"d") else b""
        if (half in _LOW) != (begin >= 0) or (begin >= 0 and escape.start() != end):
            raise HalfCharacterError
        begin, end = escape.span() if half in _HIGH else (-1, -1)
    if begin < 0:
        return len(data)
    if data[end : end + 1] not in (b"", b"\\"):
        raise HalfCharacterError
    return begin


def has_half(value: object) -> bool:
    """Whether half a character is in a text of a value."""
    try:
        json_text.dumps(value).encode()
    except UnicodeEncodeError:
        return True
    except ValueError:  # JSON cannot say it, for another reason
        return False
    return False
