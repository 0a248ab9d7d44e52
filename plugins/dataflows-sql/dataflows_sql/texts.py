"""Columns of text, as databases write values, made into typed columns."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.cast import cast_column
from dataflows_core.errors import CastError
from dataflows_core.schema import Field
from dataflows_core.unify import item_field

__all__ = ["from_text"]

_SAFE_DIGITS = 28  # beyond, Arrow's own parser overflows in silence
_REMEDY = "a query can make it one: cast(… as …), or null"


def from_text(column: pa.Array, field: Field) -> pa.Array:
    """The values that texts mean.

    Args:
        column: Texts, as a database writes values of the type.
        field: The field.

    Raises:
        CastError: A value that the field cannot hold, such as a date of infinity or a number of more digits.

    Examples:
        >>> from_text(pa.array(["2024-02-29", None]), Field({"name": "day", "type": "date"})).to_pylist()
        [datetime.date(2024, 2, 29), None]
    """
    kind = field.arrow
    if column.type == kind:
        return column
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, column)
    if field.type == "list":
        return _lists(column, field)
    if pa.types.is_interval(kind) or pa.types.is_time(kind):
        values, errors = cast_column(column, field, missing_values=())
        if errors:
            raise errors[0]
        return values
    if pa.types.is_decimal(kind) and (pc.max(pc.binary_length(column)).as_py() or 0) > _SAFE_DIGITS:
        return _long_numbers(column, field)
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        raise _to_blame(column, field) from None


def _long_numbers(column: pa.Array, field: Field) -> pa.Array:
    values, errors = cast_column(column, field, missing_values=())
    if errors:
        error = errors[0]
        raise CastError(field.name, error.value, error.expected, index=error.index, remedy=_REMEDY)
    return values


def _to_blame(column: pa.Array, field: Field) -> CastError:
    for index, value in enumerate(column):
        try:
            value.cast(field.arrow)
        except pa.ArrowInvalid:
            return CastError(
                field.name,
                value.as_py(),
                f"a value that the type {field.arrow} holds",
                index=index,
                remedy=_REMEDY,
            )
    raise AssertionError("a column that cannot be cast has a value that cannot be cast")


def _lists(column: pa.Array, field: Field) -> pa.Array:
    """JSON arrays of plain values."""
    offsets: list[int | None] = []
    items: list[str | None] = []
    for index, text in enumerate(column.to_pylist()):
        offsets.append(None if text is None else len(items))
        for item in [] if text is None else json.loads(text, parse_float=Decimal, parse_constant=str):
            if isinstance(item, list | dict):
                raise CastError(field.name, text, "a list of plain values", index=index)
            items.append(_item_text(item))
    try:
        values = from_text(pa.array(items, pa.string()), item_field(field))
    except CastError as error:
        row = max(row for row, first in enumerate(offsets) if first is not None and first <= error.index)
        raise CastError(field.name, error.value, error.expected, index=row, remedy=error.remedy) from None
    return pa.ListArray.from_arrays(pa.array([*offsets, len(items)], pa.int32()), values)


def _item_text(item: Any) -> str | None:
    if item is None or isinstance(item, str):
        return item
    return str(item).lower() if isinstance(item, bool) else str(item)
