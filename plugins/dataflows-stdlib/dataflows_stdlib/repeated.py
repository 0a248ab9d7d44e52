"""What a schema still says when its rows are repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dataflows_core.schema import Field, Schema

__all__ = ["repeated"]


def repeated(schema: Schema, keys: Sequence[str] = ()) -> Schema:
    """The schema of rows that may be there more than once.

    Args:
        schema: The schema of the rows when each was there once.
        keys: Fields that tell apart the rows that were made of one; a primary key gets them.

    Examples:
        >>> repeated(Schema((Field({"name": "id"}),), {"primaryKey": "id"}), ["year"]).properties
        {'primaryKey': ['id', 'year']}
    """
    primary = schema.properties.get("primaryKey")
    names = [primary] if isinstance(primary, str) else list(primary or ())
    key = [*names, *keys] if names and keys else None
    fields = tuple(_not_unique(field) for field in schema)
    return replace(schema, fields=fields).with_properties(primaryKey=key, uniqueKeys=None)


def _not_unique(field: Field) -> Field:
    if "unique" not in field.constraints:
        return field
    rest = {name: value for name, value in field.constraints.items() if name != "unique"}
    return field.update(constraints=rest or None)
