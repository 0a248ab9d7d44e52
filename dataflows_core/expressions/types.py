"""DuckDB's types, Arrow's, and the fields that can hold them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from dataflows_core.schema import Field

__all__ = ["arrow_of", "duckdb_type", "field_of"]

_ARROW: dict[str, pa.DataType] = {
    "BOOLEAN": pa.bool_(),
    "BIGINT": pa.int64(),
    "HUGEINT": pa.decimal128(38, 0),
    "DOUBLE": pa.float64(),
    "VARCHAR": pa.string(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "TIMESTAMP": pa.timestamp("us"),
    "TIMESTAMP_S": pa.timestamp("us"),
    "TIMESTAMP_MS": pa.timestamp("us"),
    "TIMESTAMP_NS": pa.timestamp("ns"),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
    "INTERVAL": pa.month_day_nano_interval(),
    '"NULL"': pa.string(),
}
_TABLE_SCHEMA: dict[str, dict[str, Any]] = {
    "BOOLEAN": {"type": "boolean"},
    "BIGINT": {"type": "integer"},
    "HUGEINT": {"type": "integer"},
    "DECIMAL": {"type": "number"},
    "DOUBLE": {"type": "number", "floatNumber": True},
    "VARCHAR": {"type": "string"},
    "DATE": {"type": "date"},
    "TIME": {"type": "time"},
    "INTERVAL": {"type": "duration"},
    '"NULL"': {"type": "string"},
}
_ITEMS = {"VARCHAR": "string", "BIGINT": "integer", "BOOLEAN": "boolean", "DOUBLE": "number", "DATE": "date"}
_SIMPLE: tuple[tuple[Any, str], ...] = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_uint64, "HUGEINT"),
    (pa.types.is_integer, "BIGINT"),
    (pa.types.is_floating, "DOUBLE"),
    (pa.types.is_string, "VARCHAR"),
    (pa.types.is_large_string, "VARCHAR"),
    (pa.types.is_string_view, "VARCHAR"),
    (pa.types.is_null, "VARCHAR"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME"),
    (pa.types.is_interval, "INTERVAL"),
    (pa.types.is_duration, "INTERVAL"),
    (pa.types.is_struct, "STRUCT"),
    (lambda kind: isinstance(kind, pa.JsonType), "VARCHAR"),
)


def duckdb_type(kind: pa.DataType) -> str | None:
    """The type that a column of that Arrow type has in an expression; None when it can have none.

    Examples:
        >>> duckdb_type(pa.decimal128(38, 12))
        'DECIMAL'
        >>> duckdb_type(pa.list_(pa.string()))
        'VARCHAR[]'
    """
    if pa.types.is_dictionary(kind):
        return duckdb_type(kind.value_type)
    if pa.types.is_decimal(kind):
        if kind.scale > 0:
            return "DECIMAL"
        return "BIGINT" if kind.precision - kind.scale <= 18 else "HUGEINT"
    if pa.types.is_timestamp(kind):
        if kind.tz is not None:
            return "TIMESTAMP WITH TIME ZONE"
        return "TIMESTAMP_NS" if kind.unit == "ns" else "TIMESTAMP"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        item = kind.value_type
        if pa.types.is_decimal128(item) and item.scale > 0:
            return f"DECIMAL({item.precision},{item.scale})[]"
        name = duckdb_type(item)
        return f"{name}[]" if name in _ITEMS else None
    return next((name for matches, name in _SIMPLE if matches(kind)), None)


def arrow_of(kind: str, scale: int = 0) -> pa.DataType | None:
    """The Arrow type that values of a DuckDB type travel in; None when there is none.

    Args:
        kind: DuckDB's name of the type.
        scale: Decimals of a DECIMAL.
    """
    if kind == "DECIMAL":
        return pa.decimal128(38, scale)
    if kind.endswith("[]"):
        if kind.startswith("DECIMAL("):
            precision, decimals = kind[len("DECIMAL(") : kind.index(")")].split(",")
            return pa.list_(pa.decimal128(int(precision), int(decimals)))
        item = arrow_of(kind[:-2])
        return None if item is None or kind[:-2] not in _ITEMS else pa.list_(item)
    return _ARROW.get(kind)


def field_of(name: str, kind: str, scale: int = 0) -> Field | None:
    """The field that holds values of a DuckDB type; None when no field can.

    Args:
        name: The field's name.
        kind: DuckDB's name of the type.
        scale: Decimals of a DECIMAL.
    """
    arrow = arrow_of(kind, scale)
    if arrow is None:
        return None
    if kind.endswith("[]"):
        return Field({"name": name, "type": "list", "itemType": _ITEMS.get(kind[:-2], "number")}, arrow)
    properties = _TABLE_SCHEMA.get(kind, {"type": "datetime"})
    return Field({"name": name, **properties}, arrow)
