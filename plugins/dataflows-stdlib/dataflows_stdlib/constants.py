"""One value as a column."""

from __future__ import annotations

import pyarrow as pa

from dataflows_core.cast import cast_column
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema

__all__ = ["constant", "repeat"]


def constant(value: object, field: Field) -> pa.Array:
    """A column of one row with a value of a field; a text is cast to the field's type.

    Raises:
        CastError: A text that is not of the type.
        RowError: Another value that is not.

    Examples:
        >>> constant("2024-02-29", Field({"name": "day", "type": "date"})).to_pylist()
        [datetime.date(2024, 2, 29)]
    """
    if isinstance(value, str) and field.type != "string":
        column, failures = cast_column(pa.array([value], pa.string()), field)
        if failures:
            raise failures[0]
        return column
    return RowCodec(Schema((field,))).encode([{field.name: value}]).column(0)


def repeat(value: pa.Array, count: int) -> pa.Array:
    """A column of one row, repeated."""
    return value.take(pa.repeat(pa.scalar(0, pa.int32()), count))
