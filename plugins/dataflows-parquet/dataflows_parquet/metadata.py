"""The descriptor that a file carries: what Table Schema says and column types do not.

A title, a constraint, a primary key, that a text is a duration: it is kept in the metadata of the file under
one key, as the JSON of a Data Resource descriptor with `name` and `schema`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

from dataflows_core.errors import DataflowsError, SchemaError
from dataflows_core.schema import Field, Schema

__all__ = ["KEY", "schema_of", "with_descriptor"]

KEY = b"dataresource"
"""The key of the descriptor in the metadata of a file's schema."""

_LARGEST = 16 << 20


def schema_of(arrow: pa.Schema, fields: Sequence[str] | None = None) -> tuple[Schema, list[str]]:
    """The schema of a file, and what is to be told the user.

    The descriptor in the file is believed where the columns can be what it says; where it contradicts them,
    because another program has changed the file, the columns count, and that is told.

    Args:
        arrow: The file's schema, with its metadata.
        fields: The columns that are wanted, in this order; None for all.

    Raises:
        SchemaError: A column has a type that has no Table Schema type.
    """
    found = _readable(arrow if fields is None else pa.schema([_column(arrow, name) for name in fields]))
    text = (arrow.metadata or {}).get(KEY)
    if text is None:
        return found, []
    try:
        if len(text) > _LARGEST:
            raise SchemaError(f"it is {len(text):,} bytes long")
        said = Schema.from_descriptor(json.loads(text)["schema"])
        if list(said.names) != arrow.names:
            raise SchemaError("it names other fields")
        said = said.select(found.names)
        joined = tuple(_joined(*pair) for pair in zip(said, found, strict=True))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, DataflowsError) as error:
        return found, [f"the descriptor in its metadata does not fit its columns, which count: {error}"]
    return Schema(joined, said.properties), []


def _column(arrow: pa.Schema, name: str) -> pa.Field:
    if len(arrow.get_all_field_indices(name)) > 1:
        raise SchemaError(f"two columns have the name {name!r}, and nothing tells them apart")
    return arrow.field(name)


def _readable(arrow: pa.Schema) -> Schema:
    try:
        return Schema.from_arrow(arrow)
    except SchemaError as error:
        raise SchemaError(f"{error}\n  leave it out: fields=[…] names those to load") from error


def _joined(said: Field, found: Field) -> Field:
    """The field as it is said to be, with the type that its column has."""
    if said.type == found.type or said.arrow == found.arrow:
        return said.with_arrow(found.arrow)
    if found.type == "string" or _is_json(said, found):
        return said  # cast when it is read
    raise SchemaError(f"the field {said.name!r} is said to be {said.type}, and its column is {found.arrow}")


def _is_json(said: Field, found: Field) -> bool:
    return isinstance(said.arrow, pa.JsonType) and isinstance(found.arrow, pa.JsonType)


def with_descriptor(arrow: pa.Schema, schema: Schema) -> pa.Schema:
    """The columns of a file, with a descriptor in their metadata."""
    text = json.dumps({"schema": schema.descriptor}, ensure_ascii=False)
    return arrow.with_metadata({KEY: text.encode()})
