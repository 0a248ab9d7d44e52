"""Columns to Python values and back, one field at a time.

What row functions get for a value of each type, and what they may write in its place. Writing is exact:
a value is stored as it is, or refused with what to do about it. The conversions that happen by themselves
lose nothing and surprise nobody:

* an int in a number field, and a float in one, taken as the decimal that Python prints for it (0.1 is 0.1);
* an int in a `floatNumber` field, when a float can hold it;
* what is no int but stands for exactly one (`__index__`: numpy's integers) in an integer field;
* in JSON, decimals as numbers, dates and times as ISO 8601 texts, tuples as arrays.

A Decimal is refused in an integer field even when it is whole: whether it is depends on the data.
A 32-bit float column rounds to 32 bits, as such columns do.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from dataflows_core.errors import SchemaError
from dataflows_core.schema import Field
from dataflows_core.values.codec import ValueCodec
from dataflows_core.values.nested import geopoint, json_value, typed_list
from dataflows_core.values.scalars import boolean, floating, integer, number, string
from dataflows_core.values.times import YearMonth, date, datetime, duration, time, yearmonth

__all__ = ["ValueCodec", "YearMonth", "value_codec"]


def value_codec(field: Field) -> ValueCodec:
    """The codec of a field, by its physical type first and its Table Schema type second.

    Raises:
        SchemaError: No row can hold the physical type.

    Examples:
        >>> codec = value_codec(Field({"name": "price", "type": "number"}))
        >>> codec.decode(codec.encode([1, None, 0.25]))
        [Decimal('1'), None, Decimal('0.25')]
    """
    kind = field.arrow
    if isinstance(kind, pa.JsonType) or field.type in ("object", "array", "geojson", "any"):
        return json_value(field)
    if pa.types.is_struct(kind) and field.type == "geopoint":
        return geopoint(field, [value_codec(_part(part.name, "number", part.type)) for part in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        item = _part(field.name, field.descriptor.get("itemType", "string"), kind.value_type)
        return typed_list(field, value_codec(item))
    for matches, make in _MAKERS:
        if matches(kind):
            return make(field)
    raise SchemaError(f"the field {field.name!r} has the physical type {kind}, which rows cannot hold")


def _part(name: str, kind: str, arrow: pa.DataType) -> Field:
    return Field({"name": name, "type": kind}, arrow)


def _text(field: Field) -> ValueCodec:
    return yearmonth(field) if field.type == "yearmonth" else string(field)


def _decimal(field: Field) -> ValueCodec:
    return integer(field) if field.type == "integer" else number(field)


_MAKERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Field], ValueCodec]], ...] = (
    (pa.types.is_string, _text),
    (pa.types.is_large_string, _text),
    (pa.types.is_boolean, boolean),
    (pa.types.is_integer, integer),
    (pa.types.is_decimal, _decimal),
    (pa.types.is_floating, floating),
    (pa.types.is_date, date),
    (pa.types.is_time, time),
    (pa.types.is_timestamp, datetime),
    (pa.types.is_duration, duration),
    (pa.types.is_interval, duration),
)
