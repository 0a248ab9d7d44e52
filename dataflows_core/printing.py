"""Columns of numbers and moments as canonical text, as fast as Arrow allows.

Arrow's own casts to text are exact, but slow for decimals (100 ns a value), dates (37) and timestamps
(84), and a decimal comes with padding zeros or with an exponent. Where a column is long enough to pay for
them, tables of ready-made texts do most of the work: all fractions of four decimals, all days of two
centuries, all seconds of a day.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.guards import raw_bytes
from dataflows_core.plain import integer_scalar, text_scalar, texts

__all__ = ["date_text", "decimal_text", "float_text", "time_text", "timestamp_text", "zone_text"]

_WORTH_A_TABLE = 4096  # values; a table takes a few milliseconds to build, once
_TABLE_DECIMALS = 4
_FIRST_DAY, _LAST_DAY = -25567, 47481  # 1900-01-01 and 2099-12-31, in days from 1970-01-01
_DAY_SECONDS = 86400
_MICROS = 1_000_000
_UTC = frozenset({"UTC", "Etc/UTC", "Z", "+00:00", "Etc/Zulu", "Zulu", "Etc/UCT", "UCT"})


def decimal_text(column: pa.Array) -> pa.Array:
    """Decimals as plain text: no exponent, no padding zeros, no ``-0``; exact.

    Examples:
        >>> from decimal import Decimal
        >>> numbers = [Decimal("1E-10"), Decimal(0), Decimal("-2.50")]
        >>> decimal_text(pa.array(numbers, pa.decimal128(38, 12))).to_pylist()
        ['0.0000000001', '0', '-2.5']
    """
    if len(column) >= _WORTH_A_TABLE or column.type.scale <= 0:
        text = _short_decimal_text(column)
        if text is not None:
            return text
    text = column.cast(pa.string())
    # Arrow writes 0E-12 and 1.00E-10, which the trimming would make other numbers of.
    if b"E" in raw_bytes(text):
        text = pc.if_else(pc.equal(column, pa.scalar(Decimal(0), column.type)), "0", text)
    if b"E" in raw_bytes(text):
        with_exponent = pc.match_substring(text, "E")
        plain = [format(Decimal(value.as_py()), "f") for value in text.filter(with_exponent)]
        text = pc.replace_with_mask(text, with_exponent, pa.array(plain, pa.string()))
    if column.type.scale > 0:
        text = pc.ascii_rtrim(pc.ascii_rtrim(text, "0"), ".")
        text = pc.if_else(pc.is_in(text, texts(["", "-", "-0"])), text_scalar("0"), text)
    return text


def _short_decimal_text(column: pa.Array) -> pa.Array | None:
    """The text of decimals whose digits fit 64 bits, at most four of them decimals; None if they do not."""
    if not pa.types.is_decimal128(column.type):
        return None
    scale = column.type.scale
    if scale < 0:
        return None
    decimals = min(scale, _TABLE_DECIMALS)
    units = _units(column)
    if units is not None and scale - decimals <= 18:
        units = _divided(units, 10 ** (scale - decimals))
    elif scale > decimals:  # large numbers, or many decimals
        # Arrow would refuse to lose decimals, at 400 ns for each value that it refuses.
        narrow = column.cast(pa.decimal128(38, decimals), safe=False)
        if pc.any(pc.not_equal(narrow.cast(column.type), column)).as_py():
            return None
        units = _units(narrow)
    if units is None:
        return None
    if decimals == 0:
        return units.cast(pa.string())
    whole = pc.divide(units, 10**decimals)
    rest = pc.subtract(units, pc.multiply(whole, 10**decimals))
    text = whole.cast(pa.string())
    lost_sign = pc.and_(pc.equal(whole, 0), pc.less(rest, 0))
    if pc.any(lost_sign).as_py():
        text = pc.if_else(lost_sign, "-0", text)
    return pc.binary_join_element_wise(text, _fractions(decimals).take(pc.abs(rest)), "")


def _units(column: pa.Array) -> pa.Array | None:
    """The numbers that the digits of decimals make, without the point; None if one exceeds 64 bits."""
    kind = pa.decimal128(38, 0)
    digits = pa.Array.from_buffers(kind, len(column), column.buffers(), column.null_count, column.offset)
    ends = pc.min_max(digits)
    if max(abs(ends[end].as_py() or 0) for end in ("min", "max")) >= 1 << 63:
        return None
    return digits.cast(pa.int64())


def _divided(units: pa.Array, step: int) -> pa.Array | None:
    """Whole quotients; None if one of them would not be whole."""
    if step == 1:
        return units
    quotients = pc.divide(units, step)
    broken = pc.any(pc.not_equal(pc.multiply(quotients, step), units)).as_py()
    return None if broken else quotients


@cache
def _fractions(decimals: int) -> pa.Array:
    """What follows the whole digits, by the number that the decimals make."""
    texts = (f".{number:0{decimals}d}".rstrip("0").rstrip(".") for number in range(10**decimals))
    return pa.array(list(texts), pa.string())


def float_text(column: pa.Array) -> pa.Array:
    """Doubles as the shortest text that reads back as the same double; ``NaN``, ``INF``, ``-INF``.

    Without an exponent from 0.000001 up to 10**16, without padding zeros.

    Examples:
        >>> float_text(pa.array([5.0, 0.1, 1e300, float("-inf")])).to_pylist()
        ['5', '0.1', '1e+300', '-INF']
    """
    text = column.cast(pa.string())
    # Arrow turns to exponents from 10**10 on, too early for amounts of money.
    size = pc.abs(column)
    large = pc.and_(pc.greater_equal(size, 1e10), pc.less(size, 1e16))
    if pc.any(large).as_py():
        plain = [format(Decimal(value.as_py()), "f") for value in text.filter(large)]
        text = pc.replace_with_mask(text, large, pa.array(plain, pa.string()))
    finite = pc.is_finite(column)
    if pc.all(finite).as_py() is False:
        names = pc.if_else(pc.is_nan(column), "NaN", pc.if_else(pc.greater(column, 0), "INF", "-INF"))
        text = pc.if_else(finite, text, names)
    return text


def date_text(column: pa.Array) -> pa.Array:
    """Dates as `YYYY-MM-DD`."""
    if pa.types.is_date64(column.type):
        column = column.cast(pa.date32())
    if len(column) < _WORTH_A_TABLE:
        return column.cast(pa.string())
    days = column.view(pa.int32())
    ends = pc.min_max(days)
    if ends["min"].as_py() is None or ends["min"].as_py() < _FIRST_DAY or ends["max"].as_py() > _LAST_DAY:
        return column.cast(pa.string())
    return _days().take(pc.subtract(days, pa.scalar(_FIRST_DAY, pa.int32())))


@cache
def _days() -> pa.Array:
    days = pa.array(range(_FIRST_DAY, _LAST_DAY + 1), pa.int32())
    return days.view(pa.date32()).cast(pa.string())


@cache
def _seconds() -> pa.Array:
    return pa.array(range(_DAY_SECONDS), pa.int32()).view(pa.time32("s")).cast(pa.string())


def time_text(column: pa.Array) -> pa.Array:
    """Times of day as `HH:MM:SS`, with six decimals when the second has a fraction."""
    if pa.types.is_time32(column.type):
        column = column.cast(pa.time64("us"))
    whole = pc.cast(column, pa.time32("s"), safe=False)
    text = whole.cast(pa.string())
    return _with_fractions(text, column.view(pa.int64()), column.cast(pa.string()))


def _with_fractions(text: pa.Array, units: pa.Array, full: pa.Array) -> pa.Array:
    """`text`, or `full` where the microseconds in `units` are not whole seconds."""
    seconds = pc.divide(units, integer_scalar(_MICROS))
    broken = pc.not_equal(pc.multiply(seconds, integer_scalar(_MICROS)), units)
    return pc.if_else(broken, full, text) if pc.any(broken).as_py() else text


def timestamp_text(column: pa.Array) -> pa.Array:
    """Timestamps as `YYYY-MM-DDTHH:MM:SS`, a fraction where there is one, the offset when there is a zone.

    The fraction has six digits; nine in a column of nanoseconds that uses them.
    """
    zone = column.type.tz
    if zone is None:
        return _joined(column, None)
    if zone in _UTC:
        return _joined(column.view(pa.timestamp(column.type.unit)), text_scalar("Z"))
    local = pc.local_timestamp(column)
    return _joined(local, _offsets(column, local))


def _joined(column: pa.Array, zone: pa.Array | pa.Scalar | None) -> pa.Array:
    """Timestamps without a zone as text, followed by what says their zone."""
    try:
        column = column.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:  # nanoseconds that a microsecond cannot hold
        text = pc.replace_substring(column.cast(pa.string()), " ", "T", max_replacements=1)
        return text if zone is None else pc.binary_join_element_wise(text, zone, text_scalar(""))
    units = column.view(pa.int64())
    days = column.cast(pa.date32(), safe=False)
    clock = pc.subtract(units, days.cast(pa.timestamp("us")).view(pa.int64()))
    seconds = pc.divide(clock, integer_scalar(_MICROS))
    if len(column) >= _WORTH_A_TABLE:
        times = _seconds().take(seconds)
    else:
        times = seconds.cast(pa.int32()).view(pa.time32("s")).cast(pa.string())
    if _has_fractions(units):
        times = _with_fractions(times, units, clock.view(pa.time64("us")).cast(pa.string()))
    if zone is None:
        return pc.binary_join_element_wise(date_text(days), times, text_scalar("T"))
    return pc.binary_join_element_wise(date_text(days), text_scalar("T"), times, zone, text_scalar(""))


def _has_fractions(units: pa.Array) -> bool:
    whole = pc.multiply(pc.divide(units, integer_scalar(_MICROS)), integer_scalar(_MICROS))
    return pc.all(pc.equal(whole, units)).as_py() is False


def _offsets(column: pa.Array, local: pa.Array) -> pa.Array:
    # As integers: casting to seconds rounds towards zero, and so differently on both sides of 1970.
    coded = pc.subtract(local.view(pa.int64()), column.view(pa.int64())).dictionary_encode()
    a_second = {"s": 1, "ms": 1000, "us": _MICROS, "ns": 10**9}[column.type.unit]
    texts = [zone_text(dt.timedelta(seconds=offset // a_second)) for offset in coded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(coded.indices)


def zone_text(offset: dt.timedelta) -> str:
    """An offset from UTC as ISO 8601 writes it; ``Z`` for none.

    Examples:
        >>> zone_text(dt.timedelta(hours=-3, minutes=-30)), zone_text(dt.timedelta(0))
        ('-03:30', 'Z')
    """
    if not offset:
        return "Z"
    sign = "-" if offset < dt.timedelta(0) else "+"
    minutes, seconds = divmod(abs(offset) // dt.timedelta(seconds=1), 60)
    text = f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{text}:{seconds:02d}" if seconds else text
