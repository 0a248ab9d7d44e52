"""Rows in the text that PostgreSQL's COPY reads and writes.

It is CSV with one rule more: what is in quotes is a text, even an empty one, and what is empty without
quotes is null.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from dataflows_core.errors import CastError
from dataflows_core.schema import Field, Schema
from dataflows_core.text import column_to_text
from dataflows_core.unify import item_field
from dataflows_sql.texts import from_text

__all__ = ["from_csv", "to_csv"]

_LONGEST = (1 << 63) // 1000  # microseconds, which Arrow counts in nanoseconds
_ESCAPED_NULL = r"(?:^|[^\\])(?:\\\\)*\\u0000"


def to_csv(batch: pa.RecordBatch, schema: Schema) -> bytes:
    """Rows as COPY reads them.

    Raises:
        CastError: A text, or one within a list or JSON, with the character U+0000.
    """
    columns = [_written(column, field) for field, column in zip(schema, batch.columns, strict=True)]
    target = io.BytesIO()
    options = pa.csv.WriteOptions(include_header=False, quoting_style="needed")
    pa.csv.write_csv(pa.RecordBatch.from_arrays(columns, names=list(schema.names)), target, options)
    return target.getvalue()


def from_csv(block: bytes, schema: Schema) -> pa.RecordBatch:
    """The rows that COPY has written.

    Raises:
        CastError: A value that its field cannot hold.
    """
    names = [str(position) for position in range(len(schema))]
    kinds = [_parsed_as(field.arrow) for field in schema]
    table = pa.csv.read_csv(
        pa.BufferReader(block),
        pa.csv.ReadOptions(column_names=names, use_threads=False, block_size=max(len(block), 1)),
        pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        pa.csv.ConvertOptions(
            column_types=dict(zip(names, kinds, strict=True)),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    columns = [
        _intervals(column, field) if field.type == "duration" else from_text(column, field)
        for field, column in zip(schema, map(_whole, table.columns), strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names=list(schema.names))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _parsed_as(kind: pa.DataType) -> pa.DataType:
    types = pa.types
    direct = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    return kind if direct else pa.string()


def _written(column: pa.Array, field: Field) -> pa.Array:
    """A column that Arrow's CSV writer writes as PostgreSQL reads it."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        _refuse(pc.match_substring_regex(column.storage, _ESCAPED_NULL), column.storage, field)
        return column.storage
    if pa.types.is_string(kind):
        _refuse(pc.match_substring(column, "\0"), column, field)
        return column
    if pa.types.is_list(kind):
        texts = pa.array([_array_text(items) for items in _item_texts(column, field)], pa.string())
        _refuse(pc.match_substring(texts, "\0"), texts, field)
        return texts
    return _interval_texts(column) if pa.types.is_interval(kind) else column


def _refuse(found: pa.BooleanArray, column: pa.Array, field: Field) -> None:
    """Refuse the first of the values that hold U+0000, if there is one."""
    if not pc.any(found).as_py():
        return
    index = pc.index(found, True).as_py()
    expected = "a text that PostgreSQL can hold: it has the character U+0000"
    raise CastError(field.name, column[index].as_py(), expected, index=index)


def _interval_texts(column: pa.Array) -> pa.Array:
    """Intervals in words: in ISO 8601 there is no sign that PostgreSQL and everybody else read alike."""
    texts = (
        value and f"{value.months} mons {value.days} days {value.nanoseconds // 1000} microseconds"
        for value in column.to_pylist()
    )
    return pa.array(texts, pa.string())


def _intervals(column: pa.Array, field: Field) -> pa.Array:
    """What `postgres_columns.selected` makes of intervals: months, days and microseconds."""
    values: list[tuple[int, int, int] | None] = []
    for index, text in enumerate(column.to_pylist()):
        if text is None:
            values.append(None)
            continue
        months, days, microseconds = map(int, text.split())
        if abs(microseconds) >= _LONGEST:
            shown = f"{months} months {days} days {microseconds} microseconds"
            remedy = "a query can make it one: justify_hours(…), or extract(epoch FROM …)"
            expected = "an interval with at most 292 years in hours and smaller units"
            raise CastError(field.name, shown, expected, index=index, remedy=remedy)
        values.append((months, days, microseconds * 1000))
    return pa.array(values, pa.month_day_nano_interval())


def _item_texts(column: pa.Array, field: Field) -> Iterator[list[str | None] | None]:
    texts = column_to_text(column.flatten(), item_field(field)).to_pylist()
    start = 0
    for length in pc.list_value_length(column).to_pylist():
        yield None if length is None else texts[start : start + length]
        start += length or 0


def _array_text(items: Sequence[str | None] | None) -> str | None:
    if items is None:
        return None
    escaped = (
        "NULL" if item is None else '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for item in items
    )
    return "{" + ",".join(escaped) + "}"
