"""Physical types for declared fields: what is declared stays, how wide its values are the data say."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from dataflows_core.cast import cast_column
from dataflows_core.infer import infer_schema
from dataflows_core.schema import WIDE_NUMBER_SCALE, Field, Schema, arrow_type

__all__ = ["as_wide", "fitted"]

_WIDER = {
    "integer": pa.decimal128(38, 0),
    "number": pa.decimal128(38, WIDE_NUMBER_SCALE),
    "datetime": pa.timestamp("us", "UTC"),
}


def fitted(schema: Schema, samples: Sequence[pa.RecordBatch]) -> Schema:
    """A declared schema with physical types that the values of a sample fit into.

    A number gets 21 decimals when the sample shows more than 12, an integer 38 digits when it shows more
    than 64 bits hold, a date and time its zone when it has one. Types and formats are left as declared.

    Args:
        schema: The schema; fields whose physical type is not the usual one are left alone.
        samples: Batches of text columns, some of the schema's by name.

    Examples:
        >>> batch = pa.RecordBatch.from_pydict({"share": ["0.003143260708814195"]})
        >>> declared = Schema((Field({"name": "share", "type": "number"}),))
        >>> fitted(declared, [batch]).field("share").arrow
        Decimal128Type(decimal128(38, 21))
    """
    samples = [batch for batch in samples if batch.num_rows]
    known = samples[0].schema.names if samples else []
    open_fields = [
        field
        for field in schema
        if field.type in _WIDER and field.name in known and field.arrow == arrow_type(field.descriptor)
        if not pa.types.is_floating(field.arrow)
    ]
    if not open_fields:
        return schema
    names = [field.name for field in open_fields]
    missing = schema.properties.get("missingValues", ("",))
    texts = [item if isinstance(item, str) else item["value"] for item in missing]
    inferred, _ = infer_schema([batch.select(names) for batch in samples], missing_values=texts)
    found = []
    for field in open_fields:
        guess = inferred.field(field.name)
        if guess.type == field.type and not pa.types.is_floating(guess.arrow):
            found.append(field.with_arrow(guess.arrow))
        elif not (guess.type == "integer" and field.type == "number" and guess.arrow == pa.int64()):
            column = pa.concat_arrays([batch.column(field.name) for batch in samples])
            found.append(_tried(field, column, texts))
    return schema.add(*found)


def as_wide(schema: Schema, found: Schema) -> Schema:
    """A declared schema with the physical types of typed columns that hold what is declared.

    Args:
        schema: The schema as it is declared.
        found: What the columns are; those of another type are passed over.

    Examples:
        >>> found = Schema((Field({"name": "share", "type": "number"}, pa.decimal128(10, 2)),))
        >>> as_wide(Schema((Field({"name": "share", "type": "number"}),)), found).field("share").arrow
        Decimal128Type(decimal128(10, 2))
    """
    typed = [field for field in schema if field.type in _WIDER and field.name in found]
    return schema.add(
        *(
            field.with_arrow(other.arrow)
            for field in typed
            if (other := found.field(field.name)).type == field.type
            if pa.types.is_floating(other.arrow) == pa.types.is_floating(field.arrow)
        )
    )


def _tried(field: Field, column: pa.Array, missing: Sequence[str]) -> Field:
    """The field with the narrowest type that as many values of a sample are cast to as to any.

    For values that inference does not understand: in formats of their own, with group characters, with what
    is missing spelled in its own way, or that are not of the type at all.
    """
    wider = field.with_arrow(_WIDER[field.type])
    _, errors = cast_column(column, field, missing_values=missing)
    if not errors:
        return field
    _, fewer = cast_column(column.take([error.index for error in errors]), wider, missing_values=missing)
    return wider if len(fewer) < len(errors) else field
