"""How values travel through DuckDB when the author of a flow writes the SQL: as DuckDB's own types.

What these cannot hold exactly (nanoseconds of a moment, a number of more than 38 digits) is an error, never
rounded.
"""

from __future__ import annotations

import pyarrow as pa

from dataflows_core.errors import CastError, SchemaError
from dataflows_core.schema import Field
from dataflows_stdlib.outofcore.storage import column_as_typed

__all__ = ["as_natural", "from_natural", "natural_type"]


def natural_type(kind: pa.DataType) -> pa.DataType:
    """The Arrow type of the DuckDB type that means the same.

    Raises:
        SchemaError: DuckDB has none.

    Examples:
        >>> natural_type(pa.timestamp("ns", "Europe/Berlin"))
        TimestampType(timestamp[us, tz=UTC])
    """
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return natural_type(kind.storage_type)
    if types.is_timestamp(kind):
        return pa.timestamp("us", None if kind.tz is None else "UTC")
    if types.is_time(kind):
        return pa.time64("us")
    if types.is_date(kind):
        return pa.date32()
    if types.is_duration(kind) or types.is_interval(kind):
        return pa.month_day_nano_interval()
    if types.is_decimal256(kind):
        raise SchemaError(f"SQL has no type for {kind}: numbers have at most 38 digits")
    if types.is_decimal(kind):
        return pa.decimal128(kind.precision, kind.scale) if kind.scale >= 0 else pa.decimal128(38, 0)
    if types.is_float16(kind):
        return pa.float32()
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_list(kind) or types.is_large_list(kind):
        return pa.list_(natural_type(kind.value_type))
    return kind


def as_natural(column: pa.Array, field: Field, kind: pa.DataType) -> pa.Array:
    """A column as DuckDB's own type.

    Raises:
        CastError: A value that this type cannot hold.
    """
    column = column_as_typed(column, field)
    return _cast(column.storage if isinstance(column, pa.ExtensionArray) else column, field, kind)


def from_natural(column: pa.Array, field: Field) -> pa.Array:
    """A column that DuckDB returned, as its field has it."""
    kind = field.arrow
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, column.cast(kind.storage_type))
    return _cast(column, field, kind)


def _cast(column: pa.Array, field: Field, kind: pa.DataType) -> pa.Array:
    if column.type == kind:
        return _whole_microseconds(column, field) if pa.types.is_interval(kind) else column
    try:
        return column.cast(kind)
    except pa.ArrowInvalid as error:
        for index in range(len(column)):
            try:
                column[index : index + 1].cast(kind)
            except pa.ArrowInvalid:
                raise CastError(field.name, _shown(column, index), _expected(kind), index=index) from error
        raise


def _whole_microseconds(column: pa.Array, field: Field) -> pa.Array:
    for index, value in enumerate(column.to_pylist()):
        if value is not None and value.nanoseconds % 1000:
            raise CastError(field.name, value, "a duration of whole microseconds", index=index)
    return column


def _expected(kind: pa.DataType) -> str:
    return f"a value that SQL can hold exactly ({kind})"


def _shown(column: pa.Array, index: int) -> str:
    if pa.types.is_temporal(column.type):  # Python has no nanoseconds
        return str(column[index : index + 1].cast(pa.string())[0])
    return str(column[index])
