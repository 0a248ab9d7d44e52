"""What a text must look like before Arrow's parser sees it.

Arrow's parsers accept more than Table Schema does (``0x10`` is an integer to them, ``20`` a year) and
overflow in silence (a decimal of too many digits becomes another number). So a text reaches them only
when it matches the guard of its field; the rest goes through tableschema, one distinct text at a time.

A guard never decides what is wrong. It accepts texts that certainly mean to Arrow what they mean to
Table Schema, and may leave out any number of others.

The patterns are RE2's. Matching one against each value costs some 70 ns a value, nearly all of it spent
on starting; `all_match` therefore joins a column into one text and runs the automaton once, 2 ns a byte.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.plain import integers, text_scalar
from dataflows_core.schema import Field

__all__ = [
    "DATE",
    "FRACTION",
    "ISO_DATETIME",
    "TIME",
    "ZONE",
    "all_match",
    "guard",
    "literal",
    "matches",
    "padded_number",
    "plain_number",
    "raw_bytes",
]

_DAY = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9][0-9]|[0-9][1-9][0-9]{2}|[1-9][0-9]{3})"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
DATE = f"(?:{_YEAR}-{_DAY}|{_LEAP_YEAR}-02-29)"
"""A date of the proleptic Gregorian calendar that exists, `YYYY-MM-DD`, from year 1."""
TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
"""A time of day, `HH:MM:SS`."""
ZONE = "(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"
"""A zone as ISO 8601 writes it."""
FRACTION = r"(?:\.[0-9]{1,6})?"
"""Parts of a second that a microsecond can hold."""
ISO_DATETIME = f"{DATE}T{TIME}{FRACTION}"
"""A date and time without a zone."""

_PLAIN = r"-?[0-9]+(?:\.[0-9]+)?"
_GUARDS = {
    "date": DATE,
    "time": TIME + FRACTION,
    "year": "[0-9]{4}",
    "yearmonth": "[0-9]{4}-(?:0[1-9]|1[0-2])",
}
_POINT = r'\{{"type": ?"Point", ?"coordinates": ?\[{0}, ?{0}\]\}}'
_STRING_GUARDS = {
    "email": r"[^@\n]+@[^@\n]+[.][^@\n]+",
    "uri": "[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9.-]+(?:[/][A-Za-z0-9._~/-]*)?(?:[?][A-Za-z0-9._~=&-]*)?",
    "uuid": "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
    "binary": "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
}
_COORDINATE = r"-?[0-9]{1,3}(?:\.[0-9]{1,12})?"
_GAP = r"[ \t\r\n]*"
_GEOPOINT_GUARDS = {
    "default": _GAP + "(?P<lon>{0})" + _GAP + "," + _GAP + "(?P<lat>{0})" + _GAP,
    "array": _GAP + r"\[" + _GAP + "(?P<lon>{0})" + _GAP + "," + _GAP + "(?P<lat>{0})" + _GAP + r"\]" + _GAP,
    "object": _GAP.join(
        ("", r"\{{", '"lon"', ":", "(?P<lon>{0})", ",", '"lat"', ":", "(?P<lat>{0})", r"\}}", "")
    ),
}
# JSON has no leading zeros, so neither may a coordinate that is written in it.
_JSON_COORDINATE = r"-?(?:0|[1-9][0-9]{0,2})(?:\.[0-9]{1,12})?"


_SAFE_DIGITS = {8: 2, 16: 4, 32: 9, 64: 18}
"""Digits that certainly fit an integer, by its bits."""


def plain_number(kind: pa.DataType) -> str:
    r"""The pattern of plain decimals that fit a decimal or integer type, digits counted.

    Examples:
        >>> plain_number(pa.decimal128(5, 2))
        '-?[0-9]{1,3}(?:\\.[0-9]{1,2})?'
    """
    if pa.types.is_integer(kind):
        sign = "-?" if pa.types.is_signed_integer(kind) else ""
        return f"{sign}[0-9]{{1,{_SAFE_DIGITS[kind.bit_width]}}}"
    whole, decimals = kind.precision - kind.scale, kind.scale
    fraction = rf"(?:\.[0-9]{{1,{decimals}}})?" if decimals else ""
    return f"-?[0-9]{{1,{whole}}}{fraction}" if whole else rf"-?0?\.[0-9]{{1,{decimals}}}"


def padded_number(kind: pa.DataType) -> str:
    """The pattern of what is printed for the values of a decimal type, with or without padding zeros."""
    whole, decimals = kind.precision - kind.scale, kind.scale
    leading = f"(?:0|[1-9][0-9]{{0,{whole - 1}}})" if whole else "0"
    return rf"-?{leading}(?:\.[0-9]{{1,{decimals}}})?" if decimals else f"-?{leading}"


@lru_cache(maxsize=512)
def _guard(kind: str, form: str, arrow: pa.DataType) -> str | None:
    if kind in ("integer", "number"):
        if pa.types.is_floating(arrow):
            return _PLAIN + "(?:[eE][+-]?[0-9]{1,4})?"
        return plain_number(arrow)
    if kind == "string":
        return _STRING_GUARDS.get(form)
    if kind == "geopoint" and form in _GEOPOINT_GUARDS:
        return _GEOPOINT_GUARDS[form].format(_COORDINATE if form == "default" else _JSON_COORDINATE)
    if kind == "datetime" and form in ("default", "any"):
        return ISO_DATETIME + (ZONE if arrow.tz else "Z?")
    if kind == "geojson":
        return _POINT.format(_JSON_COORDINATE)
    if kind in ("date", "time") and form not in ("default", "any"):
        return None
    return _GUARDS.get(kind)


def guard(field: Field) -> str | None:
    """The pattern of a field's texts that Arrow may parse; None when its type has none."""
    return _guard(field.type, field.format, field.arrow)


def raw_bytes(column: pa.Array) -> bytes:
    """The bytes of all values of a text column, one after the other, its slice respected."""
    if len(column) == 0:
        return b""
    _, offsets, data = column.buffers()
    if data is None:
        return b""
    # The first and last offsets of the slice; the buffer may hold more on both sides.
    view = memoryview(offsets).cast("i")
    start, stop = view[column.offset], view[column.offset + len(column)]
    return memoryview(data)[start:stop].tobytes()


def matches(column: pa.Array, pattern: str) -> pa.BooleanArray:
    """Which values of a text column match a pattern as a whole; null where the value is."""
    return pc.match_substring_regex(column, rf"\A(?:{pattern})\z")


def all_match(column: pa.Array, pattern: str) -> bool:
    r"""Whether every value that is not null matches a pattern as a whole.

    Args:
        column: A `pa.string()` array.
        pattern: An RE2 pattern that matches no text with a line feed, and not the empty text.

    Returns:
        True only if they do; False also where a null hides a text, as in no array that Arrow computed.

    Examples:
        >>> all_match(pa.array(["1", None, "22"]), "[0-9]+"), all_match(pa.array(["1\n2"]), "[0-9]+")
        (True, False)
    """
    if column.null_count == len(column):
        return True
    data = raw_bytes(column)
    if b"\n" in data or pc.min(pc.binary_length(column)).as_py() == 0:
        return False
    if column.null_count:
        # Without its validity the column has an empty text, nearly always, for each null; those may
        # match as well, since all that are not null are known not to be empty.
        _, offsets, values = column.buffers()
        column = pa.StringArray.from_buffers(len(column), offsets, values, None, 0, column.offset)
        pattern = f"(?:{pattern})?"
    whole = pa.LargeListArray.from_arrays(integers([0, len(column)]), column)
    joined = pc.binary_join(whole, text_scalar("\n"))
    found: Any = pc.match_substring_regex(joined, rf"\A(?:{pattern})(?:\n(?:{pattern}))*\z")
    return bool(found[0].as_py())


def literal(text: str) -> str:
    """A text as a pattern that matches just it, to RE2 as to Python."""
    return "".join(re.escape(char) if char.isascii() else char for char in text)
