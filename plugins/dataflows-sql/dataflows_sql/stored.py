"""Fields as the columns of a database hold them, and columns of values made into such.

| field | column |
|---|---|
| integer, number | the same, with as many digits; whole numbers of 64 bits without sign have 20 digits |
| year | integer |
| yearmonth, geopoint | text |
| duration | interval; text where there are none |
| datetime with a time zone | the moment, in UTC |
| list | array; JSON where there are none |
| object, array, geojson, any | JSON |
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.carried import typed
from dataflows_core.cast import cast_column
from dataflows_core.errors import CastError
from dataflows_core.fit import Fit
from dataflows_core.schema import Field, Schema
from dataflows_core.text import column_to_text
from dataflows_core.unify import item_field
from dataflows_core.values import value_codec

__all__ = ["as_stored", "bare", "stored_field"]


def bare(name: str, type: str, arrow: pa.DataType = None, **more: object) -> Field:
    """A field of which nothing but its type is known."""
    return Field({"name": name, "type": type, **more}, arrow)


def stored_field(field: Field, *, arrays: bool, intervals: bool) -> Field:
    """The field as a column holds it.

    Args:
        field: The field.
        arrays: Whether the database has arrays.
        intervals: Whether it has intervals of months, days and seconds.
    """
    name, kind = field.name, field.arrow
    match field.type:
        case "string" | "boolean" | "date":
            return bare(name, field.type)
        case "time":
            return bare(name, "time")
        case "datetime":
            return bare(name, "datetime", pa.timestamp("us", "UTC" if kind.tz else None))
        case "year":
            return bare(name, "integer", pa.int32())
        case "integer" | "number":
            return _number(field)
        case "duration" if intervals:
            return bare(name, "duration")
        case "list" if arrays:
            item = stored_field(item_field(field), arrays=False, intervals=intervals)
            if item.type in ("string", "integer", "number", "boolean", "date", "time", "datetime"):
                return bare(name, "list", pa.list_(item.arrow), itemType=item.type)
            return bare(name, "any")
        case "yearmonth" | "geopoint" | "duration":
            return bare(name, "string")
    return bare(name, "any")


def _number(field: Field) -> Field:
    kind, types = field.arrow, pa.types
    if types.is_floating(kind):
        return bare(field.name, "number", pa.float64(), floatNumber=True)
    if types.is_decimal(kind):
        scale = max(kind.scale, 0)
        digits = min(38, max(kind.precision, scale) - min(kind.scale, 0))
        return bare(field.name, "number" if scale else "integer", pa.decimal128(digits, scale))
    if kind == pa.uint64():
        return bare(field.name, "integer", pa.decimal128(20, 0))
    for width in (pa.int16(), pa.int32()):
        if kind.bit_width + pa.types.is_unsigned_integer(kind) <= width.bit_width:
            return bare(field.name, "integer", width)
    return bare(field.name, "integer", pa.int64())


def as_stored(batch: pa.RecordBatch, schema: Schema, stored: Schema, columns: Schema) -> pa.RecordBatch:
    """A batch as the columns of a table hold it.

    Args:
        batch: The batch; may hold carried text.
        schema: Its schema.
        stored: The same fields as the database would hold them.
        columns: Those of its fields that are written, with the types of the table's columns.

    Raises:
        CastError: A value that a column cannot hold exactly.
    """
    wanted = [stored.names.index(name) for name in columns.names]
    batch = typed(batch.rename_columns(list(schema.names)), schema).select(wanted)
    made = [
        _column(batch.column(position), schema.field(field.name), stored.field(field.name), field)
        for position, field in enumerate(columns)
    ]
    if not made:
        return batch
    return pa.RecordBatch.from_arrays(made, names=list(columns.names))


def _column(column: pa.Array, field: Field, stored: Field, target: Field) -> pa.Array:
    if column.type != stored.arrow:
        column = _converted(column, field, stored)
    if stored.arrow == target.arrow:
        return column
    fitted = Fit(Schema((stored,)), Schema((target,)), {target.name: (target.name,)})
    return fitted(pa.RecordBatch.from_arrays([column], [target.name])).column(0)


def _converted(column: pa.Array, field: Field, stored: Field) -> pa.Array:
    if isinstance(stored.arrow, pa.BaseExtensionType) and isinstance(column.type, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(stored.arrow, column.storage.cast(pa.string()))
    if stored.type == "any":
        return value_codec(stored).encode(value_codec(field).decode(column))
    if stored.type == "string":
        return column_to_text(column, field)
    if pa.types.is_timestamp(column.type):
        return _moments(column, stored)
    if pa.types.is_duration(column.type) and pa.types.is_interval(stored.arrow):
        return value_codec(stored).encode(value_codec(field).decode(column))
    if stored.type == "list":
        items = _converted(column.flatten(), item_field(field), item_field(stored))
        return _relisted(column, items)
    result, errors = cast_column(column, stored, missing_values=())
    if errors:
        raise errors[0]
    return result


def _moments(column: pa.Array, stored: Field) -> pa.Array:
    try:
        return column.cast(stored.arrow)
    except pa.ArrowInvalid:
        for index, value in enumerate(column):
            try:
                value.cast(stored.arrow)
            except pa.ArrowInvalid:
                raise CastError(
                    stored.name,
                    str(value.cast(pa.string())),
                    "a moment in whole microseconds, which is what databases hold",
                    index=index,
                ) from None
        raise


def _relisted(lists: pa.Array, items: pa.Array) -> pa.Array:
    offsets: list[int | None] = []
    total = 0
    for length in pc.list_value_length(lists).to_pylist():
        offsets.append(None if length is None else total)
        total += length or 0
    return pa.ListArray.from_arrays(pa.array([*offsets, total], pa.int32()), items)
