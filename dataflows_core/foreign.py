"""Columns of types that the engine has no use for, as columns of types that it has.

Other programs write lists in five layouts, records within lists, maps, bytes and floats of 16 bits. What
comes from outside passes here before it is cast:

| Arrow | becomes | Table Schema |
|---|---|---|
| dictionary, run ends | the values | that of the values |
| list of any layout, of one-piece values | list | list |
| struct, map, list of lists or of structs | JSON text | object, object, array |
| binary of any layout | base64 text | string, format binary |
| uuid | its text | string, format uuid |
| half float | float32 | number |
| decimal with a negative scale | decimal with the scale 0 | integer |
| bool8 | bool | boolean |
"""

from __future__ import annotations

import base64
import uuid
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["element_type", "engine_type", "familiar", "is_binary", "is_list", "is_nested", "lists"]


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is a list, in any layout."""
    types = pa.types
    return bool(
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    )


def is_nested(kind: pa.DataType) -> bool:
    """Whether values of a type have parts, so that JSON is what says them."""
    return bool(is_list(kind) or pa.types.is_struct(kind) or pa.types.is_map(kind))


def is_binary(kind: pa.DataType) -> bool:
    """Whether a type is bytes, in any layout."""
    types = pa.types
    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    )


def element_type(kind: pa.DataType) -> pa.DataType:
    """The type of the values that a dictionary or run ends stand for; any other type itself."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return kind.value_type
    return kind


def engine_type(kind: pa.DataType) -> pa.DataType:
    """The type of what `familiar` makes of a column, as far as it makes another."""
    kind = element_type(kind)
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_decimal(kind) and kind.scale < 0:
        digits = kind.precision - kind.scale
        return pa.decimal128(digits, 0) if digits <= 38 else pa.decimal256(digits, 0)
    if isinstance(kind, pa.Bool8Type):
        return pa.bool_()
    if is_binary(kind) or isinstance(kind, pa.UuidType) or _is_text(kind):
        return pa.string()
    if is_list(kind):
        return pa.list_(engine_type(kind.value_type))
    return kind


def familiar(column: pa.Array) -> pa.Array:
    """The column, of a type that the engine knows; nested values but lists of values are left alone.

    Examples:
        >>> familiar(pa.array([b"abc", None])).to_pylist()
        ['YWJj', None]
        >>> familiar(pa.array([[1, 2], None], pa.list_(pa.int8(), 2))).type
        ListType(list<item: int8>)
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        values = column.dictionary
        if pa.types.is_string_view(values.type):  # Arrow cannot take from it
            values = values.cast(pa.string())
        return familiar(values).take(column.indices)
    if pa.types.is_run_end_encoded(kind):
        return familiar(pc.run_end_decode(column))
    target = engine_type(kind)
    if kind == target or _is_text(kind):  # which casts of text know better
        return column
    if isinstance(kind, pa.UuidType):
        return _texts(column.storage, lambda data: str(uuid.UUID(bytes=data)))
    if is_binary(kind):
        return _texts(column, lambda data: base64.b64encode(data).decode())
    if is_list(kind):
        return _list(column, target)
    return (column.storage if isinstance(kind, pa.BaseExtensionType) else column).cast(target)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _list(column: pa.Array, target: pa.DataType) -> pa.Array:
    # Not by a cast: Arrow 26 makes empty lists of views.
    items = familiar(column.flatten())
    if items.type != target.value_type:
        if is_nested(target.value_type) or isinstance(target.value_type, pa.BaseExtensionType):
            return column
        items = items.cast(target.value_type)
    return lists(column, items)


def lists(column: pa.Array, items: pa.Array) -> pa.ListArray:
    """The lists of a column with other items.

    Args:
        column: Lists, in any layout.
        items: One for each item of the flattened column.
    """
    lengths = pc.fill_null(pc.list_value_length(column), 0).cast(pa.int32())
    ends = pc.cumulative_sum_checked(lengths)  # no cast behind it: Arrow 24 would expect nulls among them
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    return pa.ListArray.from_arrays(offsets, items, mask=column.is_null())


def _texts(column: pa.Array, text: Any) -> pa.Array:
    return pa.array([None if data is None else text(data) for data in column.to_pylist()], pa.string())
