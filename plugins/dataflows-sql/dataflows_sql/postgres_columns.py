"""The columns of PostgreSQL as fields, and how their values are asked for."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from dataflows_core.errors import FlowError
from dataflows_core.schema import Field
from dataflows_sql.database import quoted
from dataflows_sql.stored import bare

__all__ = ["LOOSE", "column_field", "selected"]

LOOSE = pa.decimal128(38, 38)
"""Stands for a numeric without a scale until it has one."""

# The types of columns by the number that every PostgreSQL has for them.
_TYPES: dict[int, dict[str, Any]] = {
    16: {"type": "boolean"},
    20: {"type": "integer"},
    21: {"type": "integer", "arrow": pa.int16()},
    23: {"type": "integer", "arrow": pa.int32()},
    26: {"type": "integer"},
    700: {"type": "number", "arrow": pa.float32(), "floatNumber": True},
    701: {"type": "number", "floatNumber": True},
    114: {"type": "any"},
    3802: {"type": "any"},
    1082: {"type": "date"},
    1083: {"type": "time"},
    1114: {"type": "datetime"},
    1184: {"type": "datetime", "arrow": pa.timestamp("us", "UTC")},
    1186: {"type": "duration"},
}
_NUMERIC = 1700
_BYTES = 17
_ARRAYS = {
    1000: 16,
    1016: 20,
    1005: 21,
    1007: 23,
    1022: 701,
    1021: 700,
    1231: 1700,
    1182: 1082,
    1183: 1083,
    1115: 1114,
    1185: 1184,
    1009: 25,
    1015: 1043,
    1014: 1042,
    2951: 2950,
}


def selected(field: Field) -> str:
    """The expression that gives a column of the query `q` in the text that `postgres_csv` reads."""
    name = f"q.{quoted(field.name)}"
    if field.type == "duration":
        months = f"extract(year FROM {name}) * 12 + extract(month FROM {name})"
        seconds = f"(extract(hour FROM {name}) * 60 + extract(minute FROM {name})) * 60000000"
        time = f"({seconds} + extract(microseconds FROM {name}))::bigint"
        return f"({months})::bigint || ' ' || extract(day FROM {name}) || ' ' || {time}"
    return f"to_json({name})" if field.type == "list" else name


def column_field(column: Any) -> Field:
    """The field of a column, as psycopg describes it.

    Raises:
        FlowError: It holds bytes.
    """
    name, number = column.name, column.type_code
    if number in _ARRAYS:
        item = _plain(name, _ARRAYS[number], 38, 12)
        return bare(name, "list", pa.list_(item.arrow), itemType=item.type)
    if number == _BYTES:
        raise FlowError(
            f"the column {name!r} holds bytes, for which Table Schema has no type"
            "\n  a query can leave it out, or make it a text: encode(…, 'base64')"
        )
    return _plain(name, number, column.precision, column.scale)


def _plain(name: str, number: int, precision: int | None, scale: int | None) -> Field:
    if number == _NUMERIC:
        if precision is None:
            return bare(name, "number", LOOSE)
        decimals = max(scale or 0, 0)
        digits = max(precision - min(scale or 0, 0), decimals)  # numeric(5,-2) holds 9999900
        if digits <= 38:
            return bare(name, "number" if decimals else "integer", pa.decimal128(digits, decimals))
        return bare(name, "number", pa.decimal128(38, min(decimals, 21)))
    properties = dict(_TYPES.get(number, {"type": "string"}))
    return bare(name, properties.pop("type"), properties.pop("arrow", None), **properties)
