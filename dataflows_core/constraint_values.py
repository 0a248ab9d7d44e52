"""Values of constraints: JSON in a descriptor, values of the field's type to those who compare."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

from dataflows_core.errors import SchemaError, shorten
from dataflows_core.schema import Field

__all__ = ["cast_constraint"]

_INTEGER = re.compile(r"-?[0-9]{1,1000}")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"\d\d:\d\d:\d\d(\.\d{1,6})?", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_UNREADABLE = object()


def cast_constraint(field: Field, constraint: str, value: Any) -> Any:
    """The value of a constraint as a value of the field's type.

    Plain spellings are read here; all others by tableschema, whose import takes longer than a small flow.

    Args:
        field: The field that has the constraint.
        constraint: Its name, for the error.
        value: What the descriptor says: JSON, or a Python value when it was written in Python.

    Returns:
        What a row would hold; None for a missing value; a month as ``YYYY-MM``.

    Raises:
        SchemaError: The value is not of the field's type.

    Examples:
        >>> cast_constraint(Field({"name": "total", "type": "number"}), "maximum", 0.1)
        Decimal('0.1')
    """
    result = _plain(field, value)
    if result is _UNREADABLE:
        result = _items(field, value) if field.type == "list" else _by_tableschema(field, value)
    if result is _UNREADABLE:
        raise SchemaError(
            f"field {field.name!r}: the value {shorten(value)} of {constraint} is not of the field's type, "
            f"{field.type}"
        )
    if field.type == "yearmonth" and isinstance(result, tuple):
        return f"{result[0]:04d}-{result[1]:02d}"
    return result


def _plain(field: Field, value: Any) -> Any:
    kind, text = field.type, isinstance(value, str)
    try:
        if kind in ("integer", "year") and isinstance(value, int) and not isinstance(value, bool):
            return value if kind == "integer" or 0 <= value <= 9999 else _UNREADABLE
        if kind == "integer" and text and _INTEGER.fullmatch(value):
            return int(value)
        if kind == "number" and isinstance(value, int | float) and not isinstance(value, bool):
            return Decimal(str(value))
        if kind == "number" and text and _NUMBER.fullmatch(value) and _plain_number(field):
            return Decimal(value)
        if not text or field.format not in ("default", "any"):
            return _UNREADABLE
        if kind == "string" and field.format == "default":
            return value
        if kind == "date" and _DATE.fullmatch(value):
            return dt.date.fromisoformat(value)
        if kind == "time" and _TIME.fullmatch(value):
            return dt.time.fromisoformat(value)
        if kind == "datetime" and _DATETIME.fullmatch(value):
            return dt.datetime.fromisoformat(value)
    except ValueError:
        return _UNREADABLE
    return _UNREADABLE


def _plain_number(field: Field) -> bool:
    return not any(key in field.descriptor for key in ("decimalChar", "groupChar", "bareNumber"))


def _by_tableschema(field: Field, value: Any) -> Any:
    import tableschema

    descriptor = {key: part for key, part in field.descriptor.items() if key != "constraints"}
    try:
        return tableschema.Field(descriptor).cast_value(value, constraints=False)
    except (tableschema.exceptions.CastError, TypeError):
        return _UNREADABLE


def _items(field: Field, value: Any) -> Any:
    """A list, from its items or from text as a cell has it."""
    if isinstance(value, str):
        value = value.split(field.descriptor.get("delimiter", ",")) if value else []
    if not isinstance(value, list | tuple):
        return _UNREADABLE
    item = Field({"name": field.name, "type": field.descriptor.get("itemType", "string")})
    return [cast_constraint(item, "enum", each) for each in value]
