"""Nested columns as JSON texts, column by column: no value is ever a Python object."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.foreign import element_type, familiar, is_list, lists
from dataflows_core.guards import raw_bytes
from dataflows_core.schema import Field, Schema

__all__ = ["nested_json", "quoted"]

_ESCAPES = {"\\": "\\\\", '"': '\\"', **{chr(code): json.dumps(chr(code))[1:-1] for code in range(32)}}
_SPECIAL = "".join(_ESCAPES).encode()


def nested_json(column: pa.Array) -> pa.Array:
    """What the values of a column are in JSON.

    Numbers are written digit by digit, dates and times as ISO 8601 texts, bytes as base64, the keys of maps
    as texts.

    Args:
        column: Of any type, also nested ones.

    Returns:
        A `pa.string()` array; null where the column is null, and where JSON cannot say the value: a number
        that is not finite, a map that has a key twice.

    Examples:
        >>> nested_json(pa.array([{"a": [1, None], "b": "x"}, None])).to_pylist()
        ['{"a": [1, null], "b": "x"}', None]
    """
    return pc.if_else(column.is_valid(), _texts(column), None)


def _texts(column: pa.Array) -> pa.Array:
    if element_type(column.type) != column.type or not is_list(column.type):
        column = familiar(column)
    kind = column.type
    if pa.types.is_struct(kind):
        return _objects(column)
    if pa.types.is_map(kind):
        return _maps(column)
    if is_list(kind):
        return _joined(lists(column, _parts(column.flatten())), "[", "]")
    return _scalars(column)


def _parts(column: pa.Array) -> pa.Array:
    """Texts of what stands within other values, where null is said; null where it cannot be said."""
    return pc.if_else(column.is_null(), "null", _texts(column))


def _objects(column: pa.StructArray) -> pa.Array:
    if column.type.num_fields == 0:
        return pa.repeat(pa.scalar("{}"), len(column))
    pieces: list[pa.Array | str] = []
    for field, part in zip(column.type, column.flatten(), strict=True):
        opening = "{" if not pieces else ", "
        pieces += [f"{opening}{json.dumps(field.name, ensure_ascii=False)}: ", _parts(part)]
    return pc.binary_join_element_wise(*pieces, "}", "")


def _maps(column: pa.MapArray) -> pa.Array:
    kind = column.type
    entries = column.cast(pa.list_(pa.struct([pa.field("k", kind.key_type, False), ("v", kind.item_type)])))
    keys, values = entries.flatten().flatten()
    names = _parts(keys)
    names = pc.if_else(pc.starts_with(names, '"'), names, pc.binary_join_element_wise('"', names, '"', ""))
    said = _joined(lists(entries, pc.binary_join_element_wise(names, _parts(values), ": ")), "{", "}")
    parents = pc.list_parent_indices(entries)
    owned = pc.binary_join_element_wise(parents.cast(pa.string()), names, " ").dictionary_encode()
    if len(owned.dictionary) < len(owned):
        counts = pc.value_counts(owned.indices)
        twice = pc.is_in(owned.indices, counts.field("values").filter(pc.greater(counts.field("counts"), 1)))
        rows = pa.array(range(len(column)), parents.type)
        said = pc.if_else(pc.is_in(rows, parents.filter(twice)), None, said)
    return said


def _joined(items: pa.ListArray, opening: str, closing: str) -> pa.Array:
    return pc.binary_join_element_wise(opening, pc.binary_join(items, ", "), closing, "")


def _scalars(column: pa.Array) -> pa.Array:
    from dataflows_core.text import column_to_text

    kind = column.type
    if pa.types.is_null(kind):
        return pa.nulls(len(column), pa.string())
    if isinstance(kind, pa.JsonType):
        return column.storage.cast(pa.string())
    (field,) = Schema.from_arrow(pa.schema([pa.field("part", kind)]))
    text = column_to_text(column, Field({"name": "part", "type": field.type}, kind))
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(column), text, None)
    return text if field.type in ("integer", "number", "boolean") else quoted(text)


def quoted(text: pa.Array) -> pa.Array:
    """Texts as texts of JSON; nulls stay null.

    Examples:
        >>> quoted(pa.array(["Lyon", None])).to_pylist()
        ['"Lyon"', None]
    """
    found = raw_bytes(text)
    if len(found.translate(None, _SPECIAL)) != len(found):
        for char, escape in _ESCAPES.items():  # the backslash first
            if char.encode() in found:
                text = pc.replace_substring(text, char, escape)
    return pc.binary_join_element_wise('"', text, '"', "")
