"""The descriptor that a file carries: what Table Schema says and column types do not.

A title, a licence, a constraint, a primary key, that a text is a duration: it is kept in the metadata of the
file under one key, as the JSON of a Data Resource descriptor, without what the file itself says better.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from dataflows_core.errors import DataflowsError, FlowError, SchemaError, shorten
from dataflows_core.metadata import metadata_of
from dataflows_core.schema import Field, Schema

__all__ = ["KEY", "Described", "described", "with_descriptor"]

KEY = b"dataresource"
"""The key of the descriptor in the metadata of a file's schema."""

_LARGEST = 16 << 20
_DEEPEST = 64
_KINDS: Mapping[str, tuple[type, str]] = {
    "title": (str, "a text"),
    "description": (str, "a text"),
    "sources": (list, "a list of objects"),
    "licenses": (list, "a list of objects"),
}
_FAULTS = (ValueError, KeyError, TypeError, AttributeError, RecursionError, DataflowsError)


@dataclass(frozen=True)
class Described:
    """What a file says of itself.

    Attributes:
        schema: The schema of its rows.
        properties: What the descriptor in it says of the resource, such as its title.
        notes: What is to be told the user.
    """

    schema: Schema
    properties: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def described(arrow: pa.Schema, fields: Sequence[str] | None = None) -> Described:
    """What a file says of itself.

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
        return Described(found)
    try:
        descriptor = _parsed(text)
        properties, notes = _properties(descriptor)
    except _FAULTS as error:
        return Described(found, notes=[f"the descriptor in its metadata is of no use: {_said(error)}"])
    try:
        schema = _fitting(Schema.from_descriptor(descriptor["schema"]), found, arrow.names)
    except _FAULTS as error:
        note = f"the descriptor in its metadata does not fit its columns, which count: {_said(error)}"
        return Described(found, properties, [*notes, note])
    return Described(schema, properties, notes)


def _parsed(text: bytes) -> dict[str, Any]:
    """The descriptor; whatever goes on with it can copy it and write it as JSON again."""
    if len(text) > _LARGEST:
        raise SchemaError(f"it is {len(text):,} bytes long")
    descriptor = json.loads(text)
    if not isinstance(descriptor, dict):
        raise SchemaError("it is no object")
    _refuse_deep(descriptor, _DEEPEST)
    _encoded(descriptor)
    return descriptor


def _refuse_deep(value: Any, left: int) -> None:
    if not left:
        raise SchemaError(f"it nests deeper than {_DEEPEST} levels")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refuse_deep(part, left - 1)


def _encoded(descriptor: Mapping[str, Any]) -> bytes:
    return json.dumps(descriptor, ensure_ascii=False, allow_nan=False).encode()


def _properties(descriptor: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What it says of the resource, without what is not as the specification says; and notes on that."""
    properties, notes = metadata_of(descriptor), []
    for key, (kind, words) in _KINDS.items():
        value = properties.get(key)
        objects = not isinstance(value, list) or all(isinstance(item, dict) for item in value)
        if key in properties and not (isinstance(value, kind) and objects):
            notes.append(f"{key} in its metadata is {shorten(properties.pop(key))}, and no {words[2:]}")
    return properties, notes


def _fitting(said: Schema, found: Schema, names: Sequence[str]) -> Schema:
    """The schema that is said, with the types of the columns.

    Raises:
        SchemaError: It contradicts them.
    """
    if list(said.names) != list(names):
        raise SchemaError("it names other fields")
    said = said.select(found.names)
    return Schema(tuple(_joined(*pair) for pair in zip(said, found, strict=True)), said.properties)


def _said(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)


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


def with_descriptor(arrow: pa.Schema, schema: Schema, properties: Mapping[str, Any]) -> pa.Schema:
    """The columns of a file, with a descriptor in their metadata.

    Args:
        arrow: The columns.
        schema: The schema of the rows.
        properties: What else is known of the resource.

    Raises:
        FlowError: JSON cannot say it.
    """
    try:
        text = _encoded({**properties, "schema": schema.descriptor})
    except (TypeError, ValueError, RecursionError) as error:
        raise FlowError(f"the descriptor cannot be kept in the file, as JSON: {error}") from error
    return arrow.with_metadata({KEY: text})
