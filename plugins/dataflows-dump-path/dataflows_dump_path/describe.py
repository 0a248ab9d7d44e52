"""What a written file's descriptor says, so that it reads back as the same values."""

from __future__ import annotations

from typing import Any

from dataflows_core.constraint_values import cast_constraint
from dataflows_core.schema import Field, Schema
from dataflows_core.text import text_field, value_to_text

__all__ = ["written_schema"]

_RESPELLED = ("number", "integer", "boolean", "date", "time", "datetime")


def written_schema(schema: Schema, *, missing_values: list[str] | None = None) -> dict[str, Any]:
    """The Table Schema of canonical text.

    What described only how the values were read is left out: characters within numbers, formats of dates,
    spellings of booleans, missing values. Constraints that were spelled that way are spelled anew.

    Args:
        schema: The schema of the rows.
        missing_values: The texts that mean null, when they are not Table Schema's default, the empty one.
    """
    fields = [_written_field(field) for field in schema]
    properties = {key: value for key, value in schema.properties.items() if key != "missingValues"}
    if missing_values is not None:
        properties["missingValues"] = missing_values
    return {"fields": fields, **properties}


def _written_field(field: Field) -> dict[str, Any]:
    written = dict(text_field(field).descriptor)
    written.pop("missingValues", None)
    respelled = any(written.get(key) != value for key, value in field.descriptor.items())
    if respelled and field.constraints and field.type in _RESPELLED:
        written["constraints"] = {
            name: _respelled(field, name, value) for name, value in field.constraints.items()
        }
    order = ["name", "type", "format"]
    ordered = {key: written[key] for key in order if key in written}
    return {**ordered, **written}


def _respelled(field: Field, name: str, value: Any) -> Any:
    if name == "enum":
        return [_text(field, name, item) for item in value]
    if name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        return _text(field, name, value)
    return value


def _text(field: Field, constraint: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return value_to_text(cast_constraint(field, constraint, value), field)
