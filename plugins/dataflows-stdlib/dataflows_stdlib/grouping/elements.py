"""Values as items of a JSON array: what the aggregates array, set and counters keep."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core import json_text
from dataflows_core.errors import CastError
from dataflows_core.guards import raw_bytes
from dataflows_core.plain import text_scalar
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema
from dataflows_core.text import column_to_text

__all__ = ["json_elements"]

_BARE = ("integer", "boolean", "year")


def json_elements(column: pa.Array, field: Field) -> pa.Array:
    r"""The JSON text of each value of a column: exact numbers as such, dates and times as ISO 8601 texts.

    Args:
        column: A typed column.
        field: Its field.

    Returns:
        A `pa.string()` array; nulls stay null.

    Raises:
        CastError: JSON cannot say a value: it has no ``NaN`` and no infinity.

    Examples:
        >>> json_elements(pa.array(["a", 'say "b"']), Field({"name": "x"})).to_pylist()
        ['"a"', '"say \\"b\\""']
    """
    if isinstance(column.type, pa.JsonType):
        return column.storage.cast(pa.string())
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type) or field.type == "geopoint":
        return _by_value(column, field)
    text = column_to_text(column, field).cast(pa.string())
    if pa.types.is_floating(column.type):
        return _floats(column, text, field)
    if field.type in _BARE or pa.types.is_decimal(column.type):
        return text
    return _quoted(text)


def _quoted(text: pa.Array) -> pa.Array:
    data = raw_bytes(text)
    if b'"' in data or b"\\" in data or min(data, default=32) < 32:
        quoted = [
            None if value is None else json.dumps(value, ensure_ascii=False) for value in text.to_pylist()
        ]
        return pa.array(quoted, pa.string())
    mark = text_scalar('"')
    return pc.binary_join_element_wise(mark, text, mark, text_scalar(""))


def _floats(column: pa.Array, text: pa.Array, field: Field) -> pa.Array:
    finite = pc.fill_null(pc.is_finite(column), True)
    if not pc.all(finite).as_py():
        index = pc.index(finite, False).as_py()
        raise CastError(
            field.name,
            column[index].as_py(),
            "a number that JSON has",
            index=index,
            remedy="aggregate it otherwise, or clear such values before",
        )
    whole = pc.match_substring_regex(text, "^-?[0-9]+$")
    return pc.if_else(whole, pc.binary_join_element_wise(text, text_scalar(".0"), text_scalar("")), text)


def _by_value(column: pa.Array, field: Field) -> pa.Array:
    rows = RowCodec(Schema((field,))).decode(pa.RecordBatch.from_arrays([column], names=[field.name]))
    values = [row[field.name] for row in rows]
    return pa.array([None if value is None else json_text.dumps(value) for value in values], pa.string())
