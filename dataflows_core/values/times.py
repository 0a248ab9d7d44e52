"""Dates, times, and spans of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa

from dataflows_core.errors import shorten
from dataflows_core.schema import Field
from dataflows_core.values.codec import Refused, ValueCodec, as_type, each, never, refuse, types

__all__ = ["YearMonth", "date", "datetime", "duration", "time", "yearmonth"]


class YearMonth(NamedTuple):
    """The value of a `yearmonth` field."""

    year: int
    month: int


_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - the zone is added where the field has one
_FIRST_DAY = _EPOCH.toordinal()
_UNIT_MICROSECONDS = {"s": 1_000_000, "ms": 1000, "us": 1, "ns": 1}


def date(field: Field) -> ValueCodec:
    """Dates, in days or in milliseconds."""

    def check(value: Any) -> dt.date:
        if isinstance(value, dt.datetime):
            refuse(value, "a date", "take its date with .date()")
        if not isinstance(value, dt.date):
            refuse(
                value, "a date", "convert it with date.fromisoformat(...)" if isinstance(value, str) else ""
            )
        return value

    def read(column: pa.Array) -> list[Any]:
        days = as_type(column, pa.date32()).view(pa.int32())
        return each(days, lambda day: dt.date.fromordinal(day + _FIRST_DAY))

    return ValueCodec(field, read, types(dt.date), check, partial(pa.array, type=field.arrow), cost=3)


def time(field: Field) -> ValueCodec:
    """Times, without a zone, in any unit."""
    step = _UNIT_MICROSECONDS[field.arrow.unit]

    def check(value: Any) -> dt.time:
        if not isinstance(value, dt.time):
            refuse(value, "a time", "take its time with .time()" if isinstance(value, dt.datetime) else "")
        if value.tzinfo is not None:
            raise Refused(f"{shorten(value)} has a time zone, which times do not; use .replace(tzinfo=None)")
        if value.microsecond % step:
            raise Refused(f"{shorten(value)} is finer than the field's unit, {field.arrow.unit}; round it")
        return value

    def read(column: pa.Array) -> list[Any]:
        return each(
            column.cast(pa.time64("us")).view(pa.int64()), lambda us: (_EPOCH + _microseconds(us)).time()
        )

    def store(values: Sequence[Any]) -> pa.Array:
        return as_type(pa.array(values, pa.time64("us")), field.arrow)

    return ValueCodec(field, read, never, check, store, cost=4)


def datetime(field: Field) -> ValueCodec:
    """Dates with times, in any unit; with a zone when the physical type has one."""
    kind = field.arrow
    step = _UNIT_MICROSECONDS[kind.unit]
    zone = _zone(kind.tz) if kind.tz else None
    wide = pa.timestamp("us", kind.tz)

    def ready(values: Sequence[Any]) -> bool:
        return (
            zone is None
            and kind.unit == "us"
            and types(dt.datetime)(values)
            and all(value is None or value.tzinfo is None for value in values)
        )

    def check(value: Any) -> dt.datetime:
        if not isinstance(value, dt.datetime) or value != value:  # pandas' NaT is a datetime, but not itself
            is_date = isinstance(value, dt.date) and not isinstance(value, dt.datetime)
            refuse(value, "a date and time", "use datetime.combine(value, time())" if is_date else "")
        aware = value.utcoffset() is not None
        if aware and zone is None:
            raise Refused(
                f"{shorten(value)} has a time zone, and the field has none; use .replace(tzinfo=None)"
            )
        if not aware and zone is not None:
            raise Refused(
                f"{shorten(value)} has no time zone, and the field has {kind.tz}; "
                f"use .replace(tzinfo=ZoneInfo({kind.tz!r}))"
            )
        if value.microsecond % step or getattr(value, "nanosecond", 0):
            raise Refused(f"{shorten(value)} is finer than the field's unit, {kind.unit}; round it")
        if kind.unit == "ns" and not 1678 <= value.year <= 2261:
            raise Refused(f"{shorten(value)} is outside of 1678 to 2261, the years of a field of nanoseconds")
        return value

    def convert(us: int) -> dt.datetime:
        if zone is None:
            return _EPOCH + _microseconds(us)
        return (_EPOCH + _microseconds(us)).replace(tzinfo=dt.UTC).astimezone(zone)

    def read(column: pa.Array) -> list[Any]:
        return each(column.cast(wide).view(pa.int64()), convert)

    def store(values: Sequence[Any]) -> pa.Array:
        return as_type(pa.array(values, wide), kind)

    return ValueCodec(field, read, ready, check, store, cost=4)


def _zone(name: str) -> dt.tzinfo:
    """The zone of an Arrow type: a name of the time zone database, or an offset such as `+02:00`."""
    if name[0] in "+-":
        return dt.datetime.strptime(name, "%z").tzinfo or dt.UTC
    return ZoneInfo(name)


def _microseconds(number: int) -> dt.timedelta:
    return dt.timedelta(microseconds=number)


def yearmonth(field: Field) -> ValueCodec:
    """A `YearMonth`."""

    def check(value: Any) -> str:
        pair = isinstance(value, tuple) and len(value) == 2 and all(type(part) is int for part in value)
        if not pair or not (0 <= value[0] <= 9999 and 1 <= value[1] <= 12):
            refuse(value, "a pair (year, month)", "such as YearMonth(2024, 2)")
        return f"{value[0]:04}-{value[1]:02}"

    def convert(text: str) -> YearMonth:
        return YearMonth(int(text[:-3]), int(text[-2:]))

    return ValueCodec(
        field, lambda column: each(column, convert), never, check, partial(pa.array, type=field.arrow), cost=3
    )


def duration(field: Field) -> ValueCodec:
    """A timedelta, or isodate.Duration when there are months."""
    kind = field.arrow
    calendar = pa.types.is_interval(kind)

    def check(value: Any) -> Any:
        months = 0
        span = value
        if not isinstance(value, dt.timedelta):
            if type(value).__name__ != "Duration" or not hasattr(value, "tdelta"):  # isodate.Duration
                refuse(value, "a duration", "such as a timedelta")
            total = value.years * 12 + value.months
            if total != int(total):
                raise Refused(f"{shorten(value)} has a part of a month, which a duration does not; use days")
            months, span = int(total), value.tdelta
        if not calendar:
            if months:
                raise Refused(f"{shorten(value)} has months, which the field's physical type {kind} has not")
            if span % dt.timedelta(microseconds=_UNIT_MICROSECONDS[kind.unit]):
                raise Refused(f"{shorten(value)} is finer than the field's unit, {kind.unit}; round it")
            if kind.unit == "ns" and abs(span) > dt.timedelta(days=106751):
                raise Refused(
                    f"{shorten(value)} is longer than 106751 days, the most that nanoseconds can count"
                )
            return span
        if abs(months) >= 2**31:
            raise Refused(f"{shorten(value)} has more months than a duration can hold")
        # Both parts get the sign of the whole: minus one second is -PT1S, not a day less 86399 seconds.
        sign = -1 if span < dt.timedelta(0) else 1
        size = abs(span)
        return months, sign * size.days, sign * (size.seconds * 1_000_000 + size.microseconds) * 1000

    def read(column: pa.Array) -> list[Any]:
        if calendar:
            return [None if value is None else _from_interval(*value) for value in column.to_pylist()]
        return each(column.cast(pa.duration("us")).view(pa.int64()), _microseconds)

    def store(values: Sequence[Any]) -> pa.Array:
        return pa.array(values, kind) if calendar else as_type(pa.array(values, pa.duration("us")), kind)

    return ValueCodec(field, read, never, check, store, lossy=calendar, cost=5)


def _from_interval(months: int, days: int, nanoseconds: int) -> Any:
    if nanoseconds % 1000:
        raise ValueError(f"would lose data: {nanoseconds} nanoseconds")
    span = dt.timedelta(days=days, microseconds=nanoseconds // 1000)
    if not months:
        return span
    import isodate

    duration = isodate.Duration(years=abs(months) // 12, months=abs(months) % 12)
    return (duration if months > 0 else -duration) + span
