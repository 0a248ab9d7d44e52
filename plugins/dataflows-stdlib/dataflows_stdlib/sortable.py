"""Python values as bytes that order as the values do.

Numbers of all kinds order among each other, exactly: ``1 < Decimal("1.5") < 2.5``, whatever their size.
Values of different kinds order by kind: None, numbers, text, bytes, dates, local times, moments, times of
day, spans of time, lists.
"""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

from dataflows_core.errors import DataError, shorten

__all__ = ["sortable"]

_NONE, _NUMBER, _TEXT, _BYTES, _DATE, _LOCAL, _MOMENT, _TIME, _SPAN, _LIST = (
    bytes([n]) for n in range(1, 11)
)
_END = b"\0"
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - times without a zone are measured from one without
_MICROSECOND = dt.timedelta(microseconds=1)
_COMPLEMENT = bytes(255 - byte for byte in range(256))
_BIAS = 2**63


def sortable(value: object) -> bytes:
    """The bytes of a value.

    Args:
        value: None, a number, text, bytes, a date or time, or a tuple or list of these.

    Raises:
        DataError: Values of its type have no order.

    Examples:
        >>> sortable((2, "b")) < sortable((10, "a")) < sortable((10, "aa"))
        True
        >>> sortable(None) < sortable(float("-inf")) < sortable(10**30)
        True
    """
    match value:
        case None:
            return _NONE
        case bool() | int() | float() | Decimal():
            return _NUMBER + _number(value)
        case str():
            return _TEXT + _ended(value.encode("utf-8", "surrogatepass"))
        case bytes():
            return _BYTES + _ended(value)
        case dt.datetime() if value.tzinfo is None:
            return _LOCAL + _whole((value - _EPOCH) // _MICROSECOND)
        case dt.datetime():
            return _MOMENT + _whole((value - _EPOCH.replace(tzinfo=dt.UTC)) // _MICROSECOND)
        case dt.date():
            return _DATE + _whole(value.toordinal())
        case dt.time() if value.tzinfo is None:
            seconds = (value.hour * 60 + value.minute) * 60 + value.second
            return _TIME + _whole(seconds * 10**6 + value.microsecond)
        case dt.timedelta():
            return _SPAN + _number(value // _MICROSECOND)
        case tuple() | list():
            return _LIST + b"".join(map(sortable, value)) + _END
    raise DataError(
        f"the key function returned {shorten(value)}, and values of the type {type(value).__name__} have no "
        "order"
    )


def _ended(data: bytes) -> bytes:
    """Bytes with an end that orders before every other byte."""
    return data.replace(b"\0", b"\0\xff") + b"\0\0"


def _whole(number: int) -> bytes:
    return (number + _BIAS).to_bytes(8, "big")


def _number(value: float | Decimal) -> bytes:
    """Sign, exponent and digits; what is negative in complement."""
    if not isinstance(value, int) and not math.isfinite(value):
        return b"\4" if math.isnan(value) else b"\3\xff" if value > 0 else b"\1\0"
    sign, digits, exponent = Decimal(value).as_tuple()
    assert isinstance(exponent, int)
    text = bytes(digit + 1 for digit in digits).lstrip(b"\1")
    if not text:
        return b"\2"
    size = _whole(exponent + len(text))
    data = b"\x7f" + size + text.rstrip(b"\1") + _END
    return b"\1" + data.translate(_COMPLEMENT) if sign else b"\3" + data
