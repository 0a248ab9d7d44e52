"""Columns as the values that SQLite stores, and back."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.errors import CastError
from dataflows_core.schema import Field, Schema
from dataflows_core.text import column_to_text
from dataflows_sql.texts import from_text

__all__ = ["column_of", "rows_of"]

_DIGITS = 15
"""As many as every double keeps."""


def rows_of(batch: pa.RecordBatch, schema: Schema) -> Iterable[tuple[Any, ...]]:
    """The rows of a batch."""
    columns = [_values(column, field) for field, column in zip(schema, batch.columns, strict=True)]
    return zip(*columns, strict=True)


def _values(column: pa.Array, field: Field) -> list[Any]:
    """The values that SQLite stores."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return list(column.storage.to_pylist())
    if pa.types.is_decimal(kind):
        return _numbers(column, field)
    if pa.types.is_floating(kind):
        return _doubles(column)
    if pa.types.is_temporal(kind):
        texts = column_to_text(column, field)
        if pa.types.is_timestamp(kind):  # as SQLite's own functions write it
            texts = pc.replace_substring(texts, "T", " ", max_replacements=1)
        return list(texts.to_pylist())
    return list(column.to_pylist())


def _doubles(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if pc.any(pc.is_nan(column)).as_py():
        # SQLite makes NaN null.
        return ["NaN" if value is not None and value != value else value for value in values]
    return values


def _numbers(column: pa.Array, field: Field) -> list[Any]:
    texts = column_to_text(column, field)
    if column.type.scale <= 0:
        return [None if text is None else _integer(text) for text in texts.to_pylist()]
    short = pc.less_equal(pc.utf8_length(texts), _DIGITS)
    doubles = pc.if_else(short, texts, None).cast(pa.float64()).to_pylist()
    if pc.all(short).as_py() is not False:
        return list(doubles)
    pairs = zip(doubles, texts.to_pylist(), strict=True)
    return [double if text is None or double is not None else _number(text) for double, text in pairs]


def _integer(text: str) -> int | bytes:
    number = int(text)
    return number if -(1 << 63) <= number < 1 << 63 else text.encode()


def _number(text: str) -> float | bytes:
    short = len(text.lstrip("-0.").replace(".", "")) <= _DIGITS
    return float(text) if short else text.encode()


def column_of(values: list[Any], field: Field) -> pa.Array:
    """A column of values as SQLite gives them, whatever a column is declared as.

    Raises:
        CastError: A value that the field cannot hold.
    """
    with suppress(pa.ArrowInvalid, OverflowError, CastError):
        if (column := _quick(values, field)) is not None:
            return column
    if pa.types.is_boolean(field.arrow):
        return pa.array([_boolean(value, field, index) for index, value in enumerate(values)], field.arrow)
    texts = [_text(value, field, index) for index, value in enumerate(values)]
    return from_text(pa.array(texts, pa.string()), field)


def _quick(values: list[Any], field: Field) -> pa.Array | None:
    """The column, if all values are as they are declared: Arrow would cut 2.5 to an integer."""
    kind, types = field.arrow, pa.types
    found = {*map(type, values)} - {type(None)}
    if types.is_integer(kind) or types.is_boolean(kind):
        if not found <= {int}:
            return None
        return pa.array(values, kind) if types.is_integer(kind) else _booleans(pa.array(values, pa.int64()))
    if types.is_floating(kind) or types.is_decimal(kind):
        if not found <= {int, float}:
            return None
        return pa.array(values, kind) if types.is_floating(kind) else _decimals(values, kind)
    if not found <= {str}:
        return None
    return from_text(pa.array(values, pa.string()), field)


def _booleans(column: pa.Array) -> pa.Array | None:
    least, most = pc.min_max(column).values()
    outside = least.is_valid and (least.as_py() < 0 or most.as_py() > 1)
    return None if outside else column.cast(pa.bool_())


def _decimals(values: list[Any], kind: pa.DataType) -> pa.Array | None:
    """The numbers as they are printed, where that is no more than the digits that a double keeps."""
    texts = pa.array(values, pa.float64()).cast(pa.string())
    plain = pc.match_substring_regex(texts, rf"^-?[0-9.]{{1,{_DIGITS + 1}}}$")
    return texts.cast(kind) if pc.all(plain).as_py() is not False else None


def _boolean(value: Any, field: Field, index: int) -> bool | None:
    if value is None or value in (0, 1):
        return None if value is None else bool(value)
    raise CastError(field.name, value, "0 or 1, which are SQLite's booleans", index=index)


def _text(value: Any, field: Field, index: int) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return format(
            Decimal(f"{value:.{_DIGITS}g}" if pa.types.is_decimal(field.arrow) else repr(value)), "f"
        )
    if isinstance(value, bytes):
        try:
            return value.decode("ascii" if pa.types.is_decimal(field.arrow) else "utf-8")
        except UnicodeDecodeError:
            raise CastError(field.name, value, f"a {field.type}", index=index) from None
    return str(value)
