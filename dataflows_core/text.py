"""Typed columns and values as text: what CSV holds, and what people read.

Every value has one canonical text, whatever text it was read from. `column_to_text` writes columns,
`value_to_text` writes one value as it appears in a row; both write the same.

| type | text |
|---|---|
| number, integer | plain decimal: no exponent, no padding zeros, no ``-0`` |
| number with `floatNumber` | shortest text that reads back as the same double; ``NaN``, ``INF``, ``-INF`` |
| boolean | ``true``, ``false`` |
| date, time, datetime | ISO 8601; a fraction of six digits if there is one; ``Z`` or the offset with a zone |
| year, yearmonth | ``YYYY``, ``YYYY-MM`` |
| duration | ISO 8601: ``P1Y2M3DT4H5M6.5S`` |
| geopoint | ``lon, lat`` |
| list | the items' texts, joined by the field's `delimiter` |
| object, array, geojson | JSON as it was read |
| any | the text itself if it is a text, else JSON |
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core import json_text
from dataflows_core.errors import CastError
from dataflows_core.guards import raw_bytes
from dataflows_core.plain import text_scalar
from dataflows_core.printing import date_text, decimal_text, float_text, time_text, timestamp_text, zone_text
from dataflows_core.schema import Field
from dataflows_core.tables import item_field

__all__ = ["column_to_text", "text_field", "value_to_text"]

_FIRST_DAY, _LAST_DAY = -719162, 2932896  # 0001-01-01 and 9999-12-31, in days from 1970-01-01
_AS_READ = ("decimalChar", "groupChar", "bareNumber", "trueValues", "falseValues")


def text_field(field: Field) -> Field:
    """The field as it describes the canonical texts: without what only described how it was read.

    Formats and characters such as `decimalChar` are dropped, since canonical text does not use them.

    Examples:
        >>> sorted(text_field(Field({"name": "x", "type": "number", "decimalChar": ","})).descriptor)
        ['name', 'type']
    """
    changes: dict[str, Any] = {name: None for name in _AS_READ if name in field.descriptor}
    if field.type in ("date", "time", "geopoint"):
        changes["format"] = None
    if field.type == "datetime":
        # Version 1 has no default format for fractions, nor for a datetime that is not in UTC.
        changes["format"] = "any"
    return field.update(**changes) if changes else field


def column_to_text(column: pa.Array, field: Field) -> pa.Array:
    """A typed or carried column as canonical text.

    Args:
        column: The column; its physical type is what counts.
        field: The field it belongs to.

    Returns:
        A `pa.string()` array; nulls stay null.

    Raises:
        CastError: An item of a list holds the delimiter or is null, so that the text would say something
            else; a date that is not in the years 1 to 9999, or a time that no day has.

    Examples:
        >>> column_to_text(pa.array([True, None]), Field({"name": "x", "type": "boolean"})).to_pylist()
        ['true', None]
    """
    kind = column.type
    if pa.types.is_string(kind):
        return column
    if isinstance(kind, pa.BaseExtensionType):
        storage = column.storage.cast(pa.string())
        return _any_text(storage) if field.type == "any" else storage
    if pa.types.is_dictionary(kind):
        return column_to_text(column.cast(kind.value_type), field)
    if field.type == "year" and pa.types.is_integer(kind):
        return pc.utf8_lpad(column.cast(pa.string()), 4, "0")
    if pa.types.is_temporal(kind):
        _refuse_out_of_reach(column, field)
    for is_kind, write in _WRITERS:
        if is_kind(kind):
            return write(column)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _list_text(column, field)
    if pa.types.is_struct(kind) and field.type == "geopoint":
        lon, lat = (decimal_text(part) for part in column.flatten())
        return pc.binary_join_element_wise(lon, lat, ", ")
    return pa.array([value_to_text(value.as_py(), field) for value in column], pa.string())


def _cast(column: pa.Array) -> pa.Array:
    return column.cast(pa.string())


_WRITERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.Array]], ...] = (
    (pa.types.is_decimal, decimal_text),
    (pa.types.is_integer, _cast),
    (pa.types.is_boolean, lambda column: pc.if_else(column, text_scalar("true"), text_scalar("false"))),
    (pa.types.is_floating, float_text),
    (pa.types.is_date, date_text),
    (pa.types.is_time, time_text),
    (pa.types.is_timestamp, timestamp_text),
    (pa.types.is_large_string, _cast),
    (pa.types.is_string_view, _cast),
    (pa.types.is_null, _cast),
)


def _refuse_out_of_reach(column: pa.Array, field: Field) -> None:
    """Arrow writes a remark in place of what it has no text for.

    Raises:
        CastError: There is such a value.
    """
    reach = _reach(column.type)
    if reach is None:
        return
    units = column.view(pa.int32() if column.type.bit_width == 32 else pa.int64())
    ends = pc.min_max(units)
    if not column.null_count < len(column) or (
        reach[0] <= ends["min"].as_py() and ends["max"].as_py() <= reach[1]
    ):
        return
    inside = pc.and_(pc.greater_equal(units, reach[0]), pc.less_equal(units, reach[1]))
    index = pc.index(inside, False).as_py()
    what = "a time of a day" if pa.types.is_time(column.type) else "a date in the years 1 to 9999"
    raise CastError(field.name, f"{units[index]} as {column.type}", what, index=index)


def _reach(kind: pa.DataType) -> tuple[int, int] | None:
    """The first and the last value that ISO 8601 has a text for; None for durations."""
    if pa.types.is_date32(kind):
        return _FIRST_DAY, _LAST_DAY
    if not (pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_timestamp(kind)):
        return None
    day = 86400 * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[getattr(kind, "unit", "ms")]
    if pa.types.is_time(kind):
        return 0, day - 1
    return max(_FIRST_DAY * day, -(2**63)), min((_LAST_DAY + 1) * day - 1, 2**63 - 1)


def _any_text(storage: pa.Array) -> pa.Array:
    """The texts that JSON texts hold; other JSON values stay as they are."""
    quoted = pc.starts_with(storage, '"')
    if not pc.any(quoted).as_py():
        return storage
    if b"\\" in raw_bytes(storage):
        texts = [
            json_text.loads(text) if text is not None and text.startswith('"') else text
            for text in storage.to_pylist()
        ]
        return pa.array(texts, pa.string())
    # A JSON text without escapes holds quotes at its ends alone.
    return pc.if_else(quoted, pc.ascii_trim(storage, '"'), storage)


def _list_text(column: pa.Array, field: Field) -> pa.Array:
    delimiter = field.descriptor.get("delimiter") or ","
    items = column_to_text(column.flatten(), item_field(field))
    if items.null_count:
        index = pc.list_parent_indices(column)[pc.index(items.is_null(), True).as_py()].as_py()
        expected = "a list without null items, which text has nothing to write for"
        remedy = "make the field an array, or leave these items out"
        raise CastError(field.name, column[index].as_py(), expected, index=index, remedy=remedy)
    clash = pc.match_substring(items, delimiter)
    if pc.any(clash).as_py():
        position = pc.index(clash, True).as_py()
        raise CastError(
            field.name,
            items[position].as_py(),
            f"an item of a list that is written with the delimiter {delimiter!r}",
            index=pc.list_parent_indices(column)[position].as_py(),
            remedy="declare another delimiter for the field, or make it an array",
        )
    lengths = pc.list_value_length(column)
    ends = pc.cumulative_sum(pc.fill_null(lengths, 0)).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, items), delimiter)
    return pc.if_else(column.is_valid(), joined, None)


def value_to_text(value: object, field: Field) -> str | None:
    """One value, as it appears in a row, as canonical text.

    Args:
        value: The value; None is null.
        field: The field it belongs to.

    Raises:
        TypeError, ValueError: JSON cannot say the value, or a number of it is not finite.

    Examples:
        >>> value_to_text(Decimal("1E+3"), Field({"name": "x", "type": "number"}))
        '1000'
    """
    if value is None:
        return None
    kind = field.type
    if kind in ("object", "array", "geojson") or (kind == "any" and not isinstance(value, str)):
        return json_text.dumps(value)
    if kind == "geopoint":
        parts: Any = value.values() if isinstance(value, dict) else value
        return ", ".join(_number_text(part) for part in parts)
    if kind == "list":
        delimiter: str = field.descriptor.get("delimiter") or ","
        item = item_field(field)
        return delimiter.join(value_to_text(part, item) or "" for part in value)  # type: ignore[attr-defined]
    if kind == "yearmonth" and not isinstance(value, str):
        return f"{value[0]:04d}-{value[1]:02d}"  # type: ignore[index]
    if kind == "year" and isinstance(value, int):
        return f"{value:04d}"
    return _scalar_text(value, field)


def _scalar_text(value: Any, field: Field) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(value, single=pa.types.is_float32(field.arrow))
    if isinstance(value, int | Decimal):
        return _number_text(value)
    if isinstance(value, dt.datetime):
        return _datetime_text(value, field)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return _duration_text(value)


def _number_text(value: int | Decimal) -> str:
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _float_text(value: float, single: bool) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "INF" if value > 0 else "-INF"
    exact = Decimal(_shortest_single(value) if single else repr(value))
    if Decimal("1e-6") <= abs(exact) < 10**16 or value == 0:
        text = format(exact, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    sign, digits, _ = exact.as_tuple()
    spelled = "".join(map(str, digits)).rstrip("0")
    fraction = f".{spelled[1:]}" if len(spelled) > 1 else ""
    return f"{'-' if sign else ''}{spelled[0]}{fraction}e{exact.adjusted():+d}"


def _shortest_single(value: float) -> str:
    """The shortest text that reads back as the same number of 32 bits."""
    stored = struct.pack("f", value)
    texts = (f"{value:.{digits}g}" for digits in range(1, 10))
    return next(text for text in texts if struct.pack("f", float(text)) == stored)


def _datetime_text(value: dt.datetime, field: Field) -> str:
    zone = field.arrow.tz if pa.types.is_timestamp(field.arrow) else None
    offset = value.utcoffset()
    if offset is None:
        return value.isoformat()
    if zone is not None:
        value = pa.scalar(value, field.arrow).as_py()
        offset = value.utcoffset()
    return value.replace(tzinfo=None).isoformat() + zone_text(offset or dt.timedelta(0))


def _duration_text(value: Any) -> str:
    """A duration, given as a timedelta, as an `isodate.Duration` or as Arrow's three counts."""
    if isinstance(value, tuple):
        months, days, micros = value[0], value[1], value[2] / Decimal(1000)
    else:
        rest = value if isinstance(value, dt.timedelta) else value.tdelta
        months = 0 if rest is value else int(value.years * 12 + value.months)
        total = rest // dt.timedelta(microseconds=1)
        days, left = divmod(abs(total), 86_400_000_000)
        sign = -1 if total < 0 else 1
        days, micros = sign * days, Decimal(sign * left)
    # One sign before the whole if all parts share it, as in -P1DT2H; else each part has its own.
    negative = min(months, days, micros) < 0 and max(months, days, micros) <= 0
    if negative:
        months, days, micros = -months, -days, -micros
    return ("-" if negative else "") + _unsigned_duration(months, days, micros)


def _unsigned_duration(months: int, days: int, micros: Decimal) -> str:
    def part(number: int, unit: str) -> str:
        return f"{number}{unit}" if number else ""

    sign = -1 if micros < 0 else 1
    all_minutes, rest = divmod(abs(micros) / 1_000_000, 60)
    hours, minutes = divmod(int(all_minutes), 60)
    month_sign = -1 if months < 0 else 1
    years, months = divmod(abs(months), 12)
    text = part(month_sign * years, "Y") + part(month_sign * months, "M") + part(days, "D")
    clock = part(sign * hours, "H") + part(sign * minutes, "M")
    if rest:
        clock += f"{_number_text(sign * rest)}S"
    if clock:
        return f"P{text}T{clock}"
    return f"P{text}" if text else "P0D"
