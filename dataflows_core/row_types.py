"""What the fields of Python rows are, told from their values.

| values | field |
|---|---|
| str | string |
| bool | boolean |
| int | integer; decimal128(38, 0) beyond int64; `any` beyond 38 digits |
| Decimal | number, with 12 decimals, 21 or what the values need |
| float | number with `floatNumber`, so that doubles stay what they are |
| int and Decimal | number |
| int and float | number with `floatNumber`; `any` with an int that no double equals |
| Decimal and float | number: the decimals a float prints; `floatNumber` when 38 digits cannot hold them |
| date, time, datetime, timedelta or isodate.Duration | date, time, datetime, duration |
| datetime with a zone | datetime in that zone; in UTC when there are several |
| list, tuple | array |
| dict, any mapping | object |
| a mixture of all others, or only None | any |

None says nothing, and numpy's scalars count for the Python types they stand for. Bytes, Decimals of more
than 38 digits and values of other classes have no form in a table: an error says so.
"""

from __future__ import annotations

import datetime as dt
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from dataflows_core.errors import SchemaError, shorten
from dataflows_core.schema import NUMBER_SCALE, WIDE_NUMBER_SCALE, Field, Schema

__all__ = ["decimal_field", "infer_rows"]

_DIGITS = 38
_EXACT_INTEGER = 1 << 53
# By order: bool is an int, and datetime a date.
_KINDS: tuple[tuple[type, str], ...] = (
    (str, "string"),
    (bool, "boolean"),
    (numbers.Integral, "integer"),
    (Decimal, "number"),
    (dt.datetime, "datetime"),
    (dt.date, "date"),
    (dt.time, "time"),
    (dt.timedelta, "duration"),
    (Mapping, "object"),
    (list, "array"),
    (tuple, "array"),
)
_NUMERIC = {"integer", "number", "float"}


def infer_rows(rows: Sequence[Mapping[str, Any]]) -> Schema:
    """The schema that some rows suggest, by the table above.

    Args:
        rows: Rows as Python values; a key that a row lacks counts as None there.

    Returns:
        A schema of all keys, in the order in which they are first seen.

    Raises:
        SchemaError: A key that is not text, or a value that has no form in a table.

    Examples:
        >>> infer_rows([{"id": 1, "price": Decimal("1.50")}, {"id": 2, "note": "new"}]).names
        ('id', 'price', 'note')
    """
    values: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            if name not in values:
                values[name] = []
            if value is not None:
                values[name].append(value)
    for name in values:
        if not isinstance(name, str):
            raise SchemaError(
                f"the keys of rows are names of fields, which are text, and this is not: {shorten(name)}"
            )
    return Schema(tuple(_field(name, seen) for name, seen in values.items()))


def decimal_field(name: str, whole: int, decimals: int, doubles: Callable[[], bool]) -> Field | None:
    """A number that holds so many digits before and after the point; None when only text can.

    Args:
        name: The field's name.
        whole: Digits before the point, at most.
        decimals: Digits after it, at most.
        doubles: Tells whether the numbers are doubles, printed; asked when they have an unusual size.

    Examples:
        >>> decimal_field("total", 30, 2, lambda: False).arrow
        Decimal128Type(decimal128(38, 5))
    """
    field = Field({"name": name, "type": "number"})
    scale = NUMBER_SCALE if decimals <= NUMBER_SCALE else WIDE_NUMBER_SCALE
    if decimals <= scale and whole <= _DIGITS - scale:
        return field.with_arrow(pa.decimal128(_DIGITS, scale))
    if doubles():
        return field.update(floatNumber=True)
    spare = _DIGITS - whole - decimals
    return field.with_arrow(pa.decimal128(_DIGITS, decimals + spare // 2)) if spare >= 0 else None


def _field(name: str, values: list[Any]) -> Field:
    classes: set[type] = {type(value) for value in values}
    kinds = {_kind(kind) for kind in classes}
    if "" in kinds:
        raise _no_form(name, next(value for value in values if not _kind(type(value))))
    if kinds and kinds <= _NUMERIC:
        return _number(name, kinds, values) or Field({"name": name, "type": "any"})
    if len(kinds) != 1:
        return Field({"name": name, "type": "any"})
    field = Field({"name": name, "type": kinds.pop()})
    if field.type == "datetime":
        return _datetime(field, values)
    if field.type == "time" and any(value.tzinfo is not None for value in values):
        raise _no_form(name, next(value for value in values if value.tzinfo is not None))
    return field


def _kind(kind: type) -> str:
    for known, name in _KINDS:
        if issubclass(kind, known):
            return name
    if issubclass(kind, numbers.Real) and not issubclass(kind, numbers.Rational):
        return "float"
    if (kind.__module__, kind.__name__) == ("isodate.duration", "Duration"):
        return "duration"
    return "boolean" if (kind.__module__, kind.__name__) == ("numpy", "bool") else ""


def _no_form(name: str, value: Any) -> SchemaError:
    remedy = "convert it before it enters the flow, to text for example"
    if isinstance(value, bytes | bytearray | memoryview):
        remedy = "make it text before it enters the flow: value.decode(), or base64.b64encode(value).decode()"
    if isinstance(value, Decimal):
        remedy = "a number has 38 digits at most: round it, or convert it to text or float"
    if isinstance(value, dt.time):
        remedy = "a time of day has no zone in a table: use a datetime, or value.replace(tzinfo=None)"
    return SchemaError(
        f"field {name!r}: the value {shorten(value)}, of class {type(value).__name__}, has no form in a table"
        f"\n  {remedy}"
    )


def _number(name: str, kinds: set[str], values: list[Any]) -> Field | None:
    if kinds == {"integer"}:
        largest = max(map(abs, map(int, values)))
        if largest >= 10**_DIGITS:
            return None
        field = Field({"name": name, "type": "integer"})
        fits = min(values) >= -(1 << 63) and max(values) < 1 << 63
        return field if fits else field.with_arrow(pa.decimal128(_DIGITS, 0))
    floating = Field({"name": name, "type": "number", "floatNumber": True})
    if "number" not in kinds:
        return floating if _are_doubles(values) else None
    exact = [value if isinstance(value, Decimal) else _exact(value) for value in values]
    if all(value.is_finite() for value in exact):
        decimal = decimal_field(name, *_digits(exact), doubles=lambda: False)
        if decimal is not None:
            return decimal
        if "float" not in kinds:
            raise _no_form(name, max(values, key=lambda value: sum(_digits([Decimal(value)]))))
    return floating


def _are_doubles(values: Iterable[Any]) -> bool:
    integers = (int(value) for value in values if isinstance(value, numbers.Integral))
    return all(abs(value) <= _EXACT_INTEGER for value in integers)


def _exact(value: Any) -> Decimal:
    return Decimal(int(value)) if isinstance(value, numbers.Integral) else Decimal(repr(float(value)))


def _digits(values: Iterable[Decimal]) -> tuple[int, int]:
    """The most digits before and after the point."""
    whole = decimals = 0
    for value in values:
        whole = max(whole, value.adjusted() + 1)
        decimals = max(decimals, -int(value.as_tuple().exponent))
    return whole, decimals


def _datetime(field: Field, values: list[Any]) -> Field:
    zones = {pa.scalar(value).type.tz if value.tzinfo is not None else None for value in values}
    if zones == {None}:
        return field
    if None in zones:
        # With a zone and without: no common point to count from.
        return Field({"name": field.name, "type": "any"})
    return field.with_arrow(pa.timestamp("us", zones.pop() if len(zones) == 1 else "UTC"))
