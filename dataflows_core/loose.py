"""Typed columns to the type of a field, when the meaning is the same and nothing is lost.

Sources such as data frames bring integers, floats, dates, dictionaries and nested values whose types are
not those of the schema. `convert` knows what whole columns can do; single values it leaves to the slow path.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.foreign import is_list, is_nested
from dataflows_core.parsing import parse_items, storage_type
from dataflows_core.printing import date_text, decimal_text, float_text, time_text, timestamp_text
from dataflows_core.schema import Field

__all__ = ["as_text", "convert"]


def as_text(column: pa.Array, field: Field) -> pa.Array | None:
    """The texts that a column is to be cast from; None if it is to be cast from its values.

    Texts in other clothes (large, views) are texts. JSON is cast to other types from what it says, and a
    double to an exact number from the shortest text that means the same double.
    """
    kind = column.type
    if pa.types.is_string(kind):
        return column
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if isinstance(kind, pa.JsonType) and field.arrow != kind:
        from dataflows_core.text import column_to_text

        return column_to_text(column, Field({"name": field.name, "type": "any"}))
    if pa.types.is_floating(kind) and field.type == "number" and pa.types.is_decimal(field.arrow):
        return float_text(column)
    return None


def convert(column: pa.Array, field: Field) -> pa.Array:
    """The values of a typed column that can be converted as a column.

    Args:
        column: A column that is not text.
        field: The field.

    Returns:
        An array of the storage of `field.arrow`; null where the column is null, and where a value
        needs the slow path.
    """
    result = _convert(column, field)
    return pa.nulls(len(column), storage_type(field.arrow)) if result is None else result


def _convert(column: pa.Array, field: Field) -> pa.Array | None:
    kind, target = column.type, field.arrow
    if isinstance(kind, pa.JsonType) and kind == target:
        return _json(column.storage, field)
    if isinstance(target, pa.JsonType) and is_nested(kind):
        return _nested(column, field)
    if field.type == "string":
        return _scalar_text(column) if field.format == "default" else None
    if field.type == "any":
        return _any(column)
    if field.type == "year" and pa.types.is_integer(kind):
        inside = pc.and_(pc.greater_equal(column, 0), pc.less_equal(column, 9999))
        return pc.if_else(inside, column, None).cast(target)
    if field.type == "list" and (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        if kind.value_type == target.value_type:
            return _cast(column, target)
        return parse_items(column, field) if pa.types.is_string(kind.value_type) else None
    if kind == target:
        return column
    return _cast(column, target) if _same_meaning(kind, field) else None


def _same_meaning(kind: pa.DataType, field: Field) -> bool:
    types, target = pa.types, field.arrow
    if field.type in ("integer", "number"):
        if types.is_integer(kind) or types.is_decimal(kind):
            return True
        return types.is_floating(kind) and not types.is_decimal(target)
    if field.type == "date":
        # A timestamp is a date at midnight only; the cast refuses the others.
        return types.is_date(kind) or (types.is_timestamp(kind) and kind.tz is None)
    if field.type == "datetime":
        return types.is_timestamp(kind) and (kind.tz is None) == (target.tz is None)
    return field.type == "time" and types.is_time(kind)


def _cast(column: pa.Array, target: pa.DataType) -> pa.Array | None:
    # A field with `floatNumber` holds the nearest double, from whatever number.
    exact = not pa.types.is_floating(target)
    if not exact and pa.types.is_decimal(column.type):
        return decimal_text(column).cast(target)
    try:
        if exact and pa.types.is_timestamp(column.type) and pa.types.is_date(target):
            return _midnights(column, target)
        return column.cast(target, safe=exact)
    except pa.ArrowInvalid:  # a value that does not fit; the slow path finds it
        return None


def _midnights(column: pa.Array, target: pa.DataType) -> pa.Array:
    days = column.cast(target, safe=False)
    return pc.if_else(pc.equal(days.cast(column.type), column), days, None)


def _scalar_text(column: pa.Array) -> pa.Array | None:
    """Numbers, booleans and moments as canonical text: the text says the same."""
    types, kind = pa.types, column.type
    if types.is_decimal(kind):
        return decimal_text(column)
    if types.is_integer(kind):
        return column.cast(pa.string())
    if types.is_floating(kind):
        return float_text(column)
    if types.is_boolean(kind):
        return pc.if_else(column, "true", "false")
    if types.is_date(kind):
        return date_text(column)
    if types.is_time(kind):
        return time_text(column)
    return timestamp_text(column) if types.is_timestamp(kind) else None


def _any(column: pa.Array) -> pa.Array | None:
    text = _scalar_text(column)
    if text is None:
        return None
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_finite(column), text, None)
    if pa.types.is_temporal(column.type):
        return pc.binary_join_element_wise('"', text, '"', "")
    return text


def _nested(column: pa.Array, field: Field) -> pa.Array | None:
    if field.type not in ("any", "array" if is_list(column.type) else "object"):
        return None
    from dataflows_core.nested import nested_json

    return nested_json(column)


def _json(storage: pa.Array, field: Field) -> pa.Array:
    """JSON that is JSON already; it remains to see whether it is an object, or an array."""
    opening = {"object": "{", "geojson": "{", "array": "["}.get(field.type)
    if opening is None:
        return storage
    return pc.if_else(pc.starts_with(pc.utf8_ltrim_whitespace(storage), opening), storage, None)
