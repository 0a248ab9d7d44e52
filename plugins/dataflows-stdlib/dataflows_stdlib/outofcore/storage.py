"""How values travel through DuckDB: as types that it returns bit by bit, and orders as ours.

| Arrow | in DuckDB |
|---|---|
| strings, booleans, integers, floats, decimals of at most 38 digits, structs of these | themselves |
| dates, times, timestamps, durations of a fixed unit | BIGINT or INTEGER: the number that Arrow keeps |
| durations with months and days | STRUCT: their length in days and nanoseconds, and Arrow's 16 bytes |
| decimals of more than 38 digits | BLOB: 32 bytes that order as the numbers do |
| JSON | VARCHAR: its text |
| lists | lists of the above |

DuckDB's own temporal types would lose time zones, nanoseconds and months. Columns that come as carried text
stay text.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.carried import may_carry, typed
from dataflows_core.schema import Field, Schema
from dataflows_core.text import column_to_text

__all__ = ["decoded", "from_storage", "is_text_of", "ordinals", "storage_type", "to_storage", "travelling"]

_DAY = 86_400 * 10**9
_INTERVAL = pa.struct([("days", pa.int64()), ("nanoseconds", pa.int64()), ("bytes", pa.binary())])
_NARROW_DECIMALS = (pa.types.is_decimal32, pa.types.is_decimal64)
_INT_BITS = {32: pa.int32(), 64: pa.int64()}


def storage_type(kind: pa.DataType) -> pa.DataType:
    """The Arrow type that values of a type have on their way through DuckDB.

    Examples:
        >>> storage_type(pa.timestamp("us", "Europe/Berlin"))
        DataType(int64)
        >>> storage_type(pa.decimal128(38, 12))
        Decimal128Type(decimal128(38, 12))
    """
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return storage_type(kind.storage_type)
    if types.is_interval(kind):
        return _INTERVAL
    if types.is_temporal(kind):
        return _INT_BITS[kind.bit_width]
    if types.is_decimal256(kind):
        return pa.binary()
    if any(narrow(kind) for narrow in _NARROW_DECIMALS):
        return storage_type(pa.decimal128(kind.precision, kind.scale))
    if types.is_decimal128(kind):
        return kind if 0 <= kind.scale <= kind.precision else pa.decimal128(38, 0)
    if types.is_float16(kind):
        return pa.float32()
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_list(kind) or types.is_large_list(kind):
        return pa.list_(storage_type(kind.value_type))
    return kind


def to_storage(column: pa.Array) -> pa.Array:
    """A column as it travels."""
    kind, stored = column.type, storage_type(column.type)
    if kind == stored:
        return column
    if isinstance(kind, pa.BaseExtensionType):
        return to_storage(column.storage)
    if pa.types.is_interval(kind):
        return _interval_to_storage(column)
    if pa.types.is_temporal(kind):
        return column.view(stored)
    if pa.types.is_decimal256(kind):
        return _ordered_bytes(column)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        column = column.cast(pa.list_(kind.value_type))
        items = to_storage(column.values)
        return _list(column, items)
    if pa.types.is_decimal128(kind):
        return _reinterpreted(column, stored)
    if pa.types.is_decimal(kind):
        return to_storage(column.cast(pa.decimal128(kind.precision, kind.scale)))
    return column.cast(stored)


def from_storage(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """A column as it was.

    Args:
        column: The column as DuckDB returned it.
        kind: The type it had.
    """
    stored = storage_type(kind)
    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind):
        items = from_storage(column.values, kind.value_type)
        return _list(column, items).cast(kind)
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, from_storage(column, kind.storage_type))
    if types.is_interval(kind):
        return column.field("bytes").cast(pa.binary(16)).view(kind)
    if types.is_decimal256(kind):
        return _from_ordered_bytes(column, kind)
    if column.type != stored:
        column = column.cast(stored)
    if kind == stored:
        return column
    if types.is_temporal(kind):
        return column.view(kind)
    if types.is_decimal128(kind):
        return _reinterpreted(column, kind)
    if types.is_decimal(kind):
        return from_storage(column, pa.decimal128(kind.precision, kind.scale)).cast(kind)
    return column.cast(kind)


def is_text_of(field: Field, kind: pa.DataType) -> bool:
    """Whether a type is that of the field's carried text (see `dataflows_core.carried`)."""
    return pa.types.is_string(kind) and may_carry(field)


def travelling(column: pa.Array, field: Field, kind: pa.DataType) -> pa.Array:
    """A column as it travels.

    Args:
        column: The column, typed or carried.
        field: Its field.
        kind: The type that the columns of all batches travel as: the field's, or text.
    """
    if is_text_of(field, kind):
        if pa.types.is_string(column.type):
            return column
        return column_to_text(column.cast(field.arrow), field)
    return to_storage(column_as_typed(column, field))


def column_as_typed(column: pa.Array, field: Field) -> pa.Array:
    """A column that may be carried, as its field has it."""
    if column.type == field.arrow:
        return column
    batch = pa.RecordBatch.from_arrays([column], names=[field.name])
    return typed(batch, Schema((field,))).column(0)


def decoded(batch: pa.RecordBatch, schema: Schema) -> pa.RecordBatch:
    """A batch of a schema.

    Args:
        batch: What DuckDB returned: the columns of the schema, in its order; more are left out.
        schema: The schema.
    """
    columns = [
        column if is_text_of(field, column.type) else from_storage(column, field.arrow)
        for field, column in zip(schema, batch.columns, strict=False)
    ]
    if not columns:  # a batch without columns still has rows
        return pa.RecordBatch.from_struct_array(pa.array([{}] * batch.num_rows, pa.struct([])))
    return pa.RecordBatch.from_arrays(columns, names=list(schema.names))


def ordinals(start: int, count: int) -> pa.Array:
    """The numbers from `start` on."""
    return pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), count), start=start - 1)


def _list(column: pa.Array, items: pa.Array) -> pa.Array:
    """A list column with other items in the same places."""
    return pa.Array.from_buffers(
        pa.list_(items.type), len(column), column.buffers()[:2], offset=column.offset, children=[items]
    )


def _reinterpreted(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, len(column), column.buffers(), offset=column.offset)


def _interval_to_storage(column: pa.Array) -> pa.Array:
    count, start = len(column), column.offset
    data = column.buffers()[1]
    narrow = pa.Array.from_buffers(pa.int32(), 4 * count, [None, data], offset=4 * start)
    wide = pa.Array.from_buffers(pa.int64(), 2 * count, [None, data], offset=2 * start)
    rows = ordinals(0, count)
    months = narrow.take(pc.multiply(rows, 4)).cast(pa.int64())
    days = narrow.take(pc.add(pc.multiply(rows, 4), 1)).cast(pa.int64())
    nanoseconds = wide.take(pc.add(pc.multiply(rows, 2), 1))
    whole = pc.divide(nanoseconds, _DAY)
    rest = pc.subtract(nanoseconds, pc.multiply(whole, _DAY))
    below = pc.less(rest, 0)
    whole = pc.subtract(whole, below.cast(pa.int64()))
    rest = pc.if_else(below, pc.add(rest, _DAY), rest)
    length = pc.add(pc.add(pc.multiply(months, 30), days), whole)
    parts = [length, rest, column.view(pa.binary(16)).cast(pa.binary())]
    return pa.StructArray.from_arrays(parts, fields=list(_INTERVAL), mask=column.is_null())


_FLIPPED = bytes(byte ^ 0x80 for byte in range(256))


def _ordered_bytes(column: pa.Array) -> pa.Array:
    """Numbers of 256 bits with the highest byte first and the sign turned, so that bytes order as numbers."""
    data = memoryview(column.buffers()[1])[32 * column.offset : 32 * (column.offset + len(column))]
    turned = bytearray(data[::-1])
    turned[0::32] = turned[0::32].translate(_FLIPPED)
    return _backwards(turned, column).cast(pa.binary())


def _from_ordered_bytes(column: pa.Array, kind: pa.DataType) -> pa.Array:
    fixed = column.fill_null(bytes(32)).cast(pa.binary(32))
    data = memoryview(fixed.buffers()[1])[32 * fixed.offset : 32 * (fixed.offset + len(fixed))]
    turned = bytearray(data)
    turned[0::32] = turned[0::32].translate(_FLIPPED)
    return _reinterpreted(_backwards(turned[::-1], column), kind)


def _backwards(data: Any, column: pa.Array) -> pa.Array:
    """Values of 32 bytes in reversed order, with the nulls of a column."""
    count = len(column)
    values = pa.Array.from_buffers(pa.binary(32), count, [None, pa.py_buffer(bytes(data))])
    places = pc.if_else(column.is_null(), None, pc.subtract(count - 1, ordinals(0, count)))
    return values.take(places)
