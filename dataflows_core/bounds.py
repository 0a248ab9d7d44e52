"""Comparing a typed column with a bound or a list of values, exactly.

A bound is a Python value; a column has the physical type it has, such as decimal128(10, 2) or
timestamp[ms]. Bounds are moved to the column's type, never the column to the bound's: 2.345 as the
maximum of a column with two decimals is 2.34, and a bound beyond the type's range decides without a look.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import operator
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["BOUNDS", "one_of", "within"]

BOUNDS: dict[str, tuple[str, str]] = {
    "minimum": ("greater_equal", "at least"),
    "maximum": ("less_equal", "at most"),
    "exclusiveMinimum": ("greater", "more than"),
    "exclusiveMaximum": ("less", "less than"),
}
"""By constraint: the comparison `value ? bound` that holds for a good value, and how it is said."""

_WHOLE = pa.decimal128(19, 0)
_NANOS_A_DAY = 86_400_000_000_000
_FAR = 200
# https://www.w3.org/TR/xmlschema-2/#duration-order
_REFERENCES = (
    dt.date(1696, 9, 1),
    dt.date(1697, 2, 1),
    dt.date(1903, 3, 1),
    dt.date(1903, 7, 1),
)


def within(column: pa.Array, constraint: str, bound: Any) -> pa.Array:
    """Whether each value keeps the bound; null where the value is null.

    Args:
        column: A typed column whose type has an order.
        constraint: One of `BOUNDS`.
        bound: The bound as a row's value would be: int, Decimal, date, time, datetime, timedelta,
            isodate.Duration, ``YYYY-MM``.

    Examples:
        >>> within(pa.array([1, 2, None]), "exclusiveMaximum", 2).to_pylist()
        [True, False, None]
    """
    comparison = BOUNDS[constraint][0]
    if pa.types.is_interval(column.type):
        return _durations_within(column, comparison, _duration(bound))
    if pa.types.is_string(column.type):
        return _texts_within(column, comparison, bound)
    column = _fine_enough(column)
    scalar = _nearest(column.type, bound, up=comparison in ("greater_equal", "less"))
    if isinstance(scalar, float):
        # Beyond the range of the type: either all values keep the bound, or none.
        verdict = (scalar > 0) == comparison.startswith("less")
        return _same(column, verdict)
    return pc.call_function(comparison, [column, scalar])


def one_of(values: Iterable[Any]) -> Callable[[pa.Array], pa.Array]:
    """A function from a column to whether each value equals one of some values; null where it is null.

    The columns hold text, numbers, booleans, dates and times, durations or points.

    Args:
        values: Values as rows have them.

    Examples:
        >>> one_of([1, 2.5])(pa.array([1, 2, None])).to_pylist()
        [True, False, None]
    """
    wanted = list(values)

    @functools.cache
    def value_set(kind: pa.DataType) -> pa.Array:
        scalars = [_exact(kind, value) for value in wanted]
        return pa.array([scalar.as_py() for scalar in scalars if scalar is not None], kind)

    def test(column: pa.Array) -> pa.Array:
        if pa.types.is_interval(column.type):
            return _durations_equal(column, wanted)
        if pa.types.is_struct(column.type):
            return _any([_equals_point(column, value) for value in wanted], column)
        column = _fine_enough(column)
        found = pc.is_in(column, value_set=value_set(column.type))
        return pc.if_else(pc.is_valid(column), found, None) if column.null_count else found

    return test


def _exact(kind: pa.DataType, value: Any) -> pa.Scalar | None:
    """The value in that type; None when the type cannot hold it, so that no value equals it."""
    down, up = _nearest(kind, value, up=False), _nearest(kind, value, up=True)
    whole = isinstance(down, pa.Scalar) and isinstance(up, pa.Scalar) and down.equals(up)
    return down if whole else None


def _equals_point(column: pa.Array, point: Iterable[Any]) -> pa.Array:
    # Unlike `field`, `flatten` knows of the nulls of the points themselves.
    return pc.and_(*(one_of([value])(part) for part, value in zip(column.flatten(), point, strict=True)))


def _any(masks: list[pa.Array], column: pa.Array) -> pa.Array:
    return functools.reduce(pc.or_, masks) if masks else _same(column, False)


def _same(column: pa.Array, verdict: bool) -> pa.Array:
    """One verdict on all values, and none on nulls."""
    return pc.if_else(pc.is_valid(column), pa.scalar(verdict), pa.scalar(None, pa.bool_()))


def _fine_enough(column: pa.Array) -> pa.Array:
    """Seconds and milliseconds become microseconds, which every bound has at most."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit in ("s", "ms"):
        return column.cast(pa.timestamp("us", kind.tz))
    if pa.types.is_duration(kind) and kind.unit in ("s", "ms"):
        return column.cast(pa.duration("us"))
    if pa.types.is_time32(kind):
        return column.cast(pa.time64("us"))
    if pa.types.is_date64(kind):
        return column.cast(pa.date32())
    return column


def _nearest(kind: pa.DataType, bound: Any, *, up: bool) -> pa.Scalar | float:
    """The bound in that type, moved up or down to the next value it has; infinite when it has none."""
    if pa.types.is_floating(kind):
        return pa.scalar(float(Decimal(bound)), kind)
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return _nearest_number(kind, Decimal(bound), up=up)
    if pa.types.is_timestamp(kind):
        zoned = bound.replace(tzinfo=bound.tzinfo or dt.UTC).astimezone(dt.UTC)
        bound = zoned if kind.tz else zoned.replace(tzinfo=None)
    try:
        return pa.scalar(bound, kind)
    except (pa.ArrowInvalid, OverflowError):
        # Only nanoseconds are this narrow.
        negative = bound.days < 0 if isinstance(bound, dt.timedelta) else bound.year < 1970
        return -math.inf if negative else math.inf


def _nearest_number(kind: pa.DataType, bound: Decimal, *, up: bool) -> pa.Scalar | float:
    if bound.is_infinite() or (bound and bound.adjusted() > _FAR):
        return math.copysign(math.inf, bound)
    if bound and bound.adjusted() < -_FAR:
        # Further decimals say nothing that a column could show.
        bound = Decimal((bound.is_signed(), (1,), -_FAR))
    decimal = pa.types.is_decimal(kind)
    scale = kind.scale if decimal else 0
    exact = Fraction(bound) * Fraction(10) ** scale
    steps = math.ceil(exact) if up else math.floor(exact)
    if decimal:
        lowest, highest = -(10**kind.precision) + 1, 10**kind.precision - 1
    elif pa.types.is_signed_integer(kind):
        lowest, highest = -(1 << kind.bit_width - 1), (1 << kind.bit_width - 1) - 1
    else:
        lowest, highest = 0, (1 << kind.bit_width) - 1
    if not lowest <= steps <= highest:
        return math.copysign(math.inf, steps)
    if not decimal:
        return pa.scalar(steps, kind)
    digits = tuple(int(digit) for digit in str(abs(steps)))
    return pa.scalar(Decimal((steps < 0, digits, -scale)), kind)


def _texts_within(column: pa.Array, comparison: str, bound: str) -> pa.Array:
    """Months as `YYYY-MM`; text has their order as long as years have four digits."""
    lengths = pc.min_max(pc.binary_length(column)).as_py()
    if {lengths["min"], lengths["max"], len(bound)} <= {7, None}:
        return pc.call_function(comparison, [column, pa.scalar(bound)])
    compare, wanted = _PYTHON[comparison], _month(bound)
    return pa.array([None if text is None else compare(_month(text), wanted) for text in column.to_pylist()])


def _month(text: str) -> tuple[int, int]:
    year, _, month = text.rpartition("-")
    return int(year), int(month)


def _duration(value: Any) -> tuple[int, int]:
    """Months and nanoseconds of a timedelta or an isodate.Duration."""
    months = 0
    if not isinstance(value, dt.timedelta):
        total = Fraction(value.years) * 12 + Fraction(value.months)
        if total.denominator != 1:
            raise ValueError("it has a fraction of a month")
        months, value = int(total), value.tdelta
    return months, value // dt.timedelta(microseconds=1) * 1000


def _months_and_nanos(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The parts of an interval column, whose layout is int32 months, int32 days, int64 nanoseconds.

    Days are taken for 24 hours. A timedelta of many years has more nanoseconds than an int64: decimals.
    """
    words = pa.Array.from_buffers(
        pa.int64(), 2 * len(column), [None, column.buffers()[1]], offset=2 * column.offset
    )
    pairs = pa.FixedSizeListArray.from_arrays(words, 2)
    low, nanos = pc.list_element(pairs, 0), pc.list_element(pairs, 1)
    days = pc.shift_right(low, 32)
    months = pc.subtract(low, pc.shift_left(days, 32))
    # The lower half has lost its sign.
    months = pc.subtract(months, pc.multiply(pc.shift_right(months, 31), 1 << 32))
    day = pa.scalar(Decimal(_NANOS_A_DAY))
    total = pc.add(pc.multiply(days.cast(pa.int32()).cast(pa.decimal128(10, 0)), day), nanos.cast(_WHOLE))
    known = pc.is_valid(column)
    return pc.if_else(known, months, None), pc.if_else(known, total, None)


def _durations_equal(column: pa.Array, values: Iterable[Any]) -> pa.Array:
    months, nanos = _months_and_nanos(column)
    wanted = [_duration(value) for value in values]
    masks = [pc.and_(pc.equal(months, m), pc.equal(nanos, pa.scalar(Decimal(n)))) for m, n in wanted]
    return _any(masks, column)


def _durations_within(column: pa.Array, comparison: str, bound: tuple[int, int]) -> pa.Array:
    months, nanos = _months_and_nanos(column)
    if bound[0] == 0 and not pc.any(pc.not_equal(months, 0)).as_py():
        return pc.call_function(comparison, [nanos, pa.scalar(Decimal(bound[1]))])
    compare = _PYTHON[comparison]
    limits = [_from_reference(day, bound) for day in _REFERENCES]

    def keeps(value: tuple[int, int]) -> bool:
        return all(
            compare(_from_reference(day, value), limit)
            for day, limit in zip(_REFERENCES, limits, strict=True)
        )

    pairs = zip(months.to_pylist(), nanos.to_pylist(), strict=True)
    return pa.array([None if m is None else keeps((m, int(n))) for m, n in pairs], pa.bool_())


def _from_reference(day: dt.date, duration: tuple[int, int]) -> int:
    """Nanoseconds of a duration that starts at some day, by which XML Schema orders durations."""
    months, nanos = duration
    years, month = divmod(day.month - 1 + months, 12)
    return _days_from_civil(day.year + years, month + 1) * _NANOS_A_DAY + nanos


def _days_from_civil(year: int, month: int) -> int:
    """Days up to the first of a month, in the Gregorian calendar without end."""
    year -= month <= 2
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5
    return 365 * year + year // 4 - year // 100 + year // 400 + day_of_year


_PYTHON: dict[str, Callable[[Any, Any], bool]] = {
    "greater_equal": operator.ge,
    "less_equal": operator.le,
    "greater": operator.gt,
    "less": operator.lt,
}
