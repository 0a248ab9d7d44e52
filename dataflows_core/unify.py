"""Types that hold the values of two types, exactly.

| one | other | result |
|---|---|---|
| integers, numbers of any width | integers, numbers | the wider; up to 38 digits |
| integer | number with `floatNumber` | the latter; an integer that no double equals is an error |
| time, datetime, in coarser units | the same, in finer ones | the finer unit |
| datetime in one zone | datetime in another | datetime in UTC |
| list | list | list of the unified items |
| any, object, array, geojson | those, string, integer, exact number, boolean | any |

Others are an error that names the remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from dataflows_core.errors import SchemaError
from dataflows_core.schema import Field

__all__ = ["item_field", "unify"]

_DIGITS = 38
_INTEGER_DIGITS = {8: 3, 16: 5, 32: 10, 64: 19}
_IN_JSON = frozenset({"any", "object", "array", "geojson"})
_SAID_BY_JSON = _IN_JSON | {"string", "integer", "number", "boolean"}
_UNITS = ("s", "ms", "us", "ns")
_PHYSICAL = ("name", "type", "floatNumber", "itemType")
_DESCRIPTIVE = ("title", "description")


def unify(one: Field, other: Field, *, names: tuple[str, str] = ("one", "the other")) -> Field:
    """The field that holds the values of both, exactly.

    Of what the two say besides their type, that is kept which both say; title and description are those of
    the first that has them.

    Args:
        one: A field.
        other: A field of the same name.
        names: What messages call the tables they are of.

    Raises:
        SchemaError: There is no type for that.

    Examples:
        >>> unify(Field({"name": "n", "type": "integer"}), Field({"name": "n", "type": "number"})).arrow
        Decimal128Type(decimal128(38, 12))
    """
    found = _unified(one, other)
    if found is None:
        raise SchemaError(
            f"the field {one.name!r} is {_described(one)} in {names[0]} and {_described(other)} in "
            f"{names[1]}, which no type holds exactly; set_type makes them the same"
        )
    kind, arrow = found
    said = {
        key: value
        for key, value in one.descriptor.items()
        if key not in _PHYSICAL and (key in _DESCRIPTIVE or other.descriptor.get(key) == value)
    }
    for key in _DESCRIPTIVE:
        if key in other.descriptor:
            said.setdefault(key, other.descriptor[key])
    return Field({"name": one.name, **kind, **said}, arrow)


def _described(field: Field) -> str:
    if _is_floating(field):
        return "a number in floating point"
    if field.type == "datetime" and field.arrow.tz:
        return f"a datetime in the zone {field.arrow.tz}"
    return f"of the type {field.type}"


def _is_floating(field: Field) -> bool:
    return field.type == "number" and bool(pa.types.is_floating(field.arrow))


def _unified(one: Field, other: Field) -> tuple[Mapping[str, Any], pa.DataType] | None:
    """What the descriptor says of the type, and the physical type; None when there is none."""
    if one.type == other.type and one.arrow == other.arrow:
        return {key: one.descriptor[key] for key in _PHYSICAL[1:] if key in one.descriptor}, one.arrow
    kinds = {one.type, other.type}
    if kinds <= {"integer", "number"}:
        return _unified_numbers(one, other)
    if len(kinds) == 1 and one.type in ("time", "datetime"):
        return _unified_times(one, other)
    if kinds == {"list"}:
        item = _unified(item_field(one), item_field(other))
        return item and ({"type": "list", "itemType": item[0]["type"]}, pa.list_(item[1]))
    if kinds & _IN_JSON and kinds <= _SAID_BY_JSON and not (_is_floating(one) or _is_floating(other)):
        return {"type": "any"}, pa.json_(pa.string())
    return None


def _unified_numbers(one: Field, other: Field) -> tuple[Mapping[str, Any], pa.DataType] | None:
    types, a, b = pa.types, one.arrow, other.arrow
    if types.is_floating(a) or types.is_floating(b):
        if types.is_decimal(a) or types.is_decimal(b):
            return None
        return {"type": "number", "floatNumber": True}, a if a == b else pa.float64()
    kind = "integer" if one.type == other.type == "integer" else "number"
    if types.is_integer(a) and types.is_integer(b):
        for arrow in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint64()):
            if _holds(arrow, a) and _holds(arrow, b):
                return {"type": kind}, arrow
    scale = max(_scale(a), _scale(b))
    whole = max(_whole_digits(a), _whole_digits(b))
    return {"type": kind}, pa.decimal128(min(_DIGITS, whole + scale), scale)


def _holds(wide: pa.DataType, narrow: pa.DataType) -> bool:
    signed = pa.types.is_signed_integer
    if signed(wide) == signed(narrow):
        return bool(wide.bit_width >= narrow.bit_width)
    return bool(signed(wide) and wide.bit_width > narrow.bit_width)


def _scale(kind: pa.DataType) -> int:
    return max(0, kind.scale) if pa.types.is_decimal(kind) else 0


def _whole_digits(kind: pa.DataType) -> int:
    if pa.types.is_decimal(kind):
        return int(kind.precision - kind.scale)
    return _INTEGER_DIGITS[kind.bit_width] + int(kind == pa.uint64())


def _unified_times(one: Field, other: Field) -> tuple[Mapping[str, Any], pa.DataType] | None:
    a, b = one.arrow, other.arrow
    unit = max(a.unit, b.unit, key=_UNITS.index)
    if one.type == "time":
        return {"type": "time"}, pa.time64(unit) if unit in ("us", "ns") else pa.time32(unit)
    if (a.tz is None) != (b.tz is None):
        return None
    return {"type": "datetime"}, pa.timestamp(unit, a.tz if a.tz == b.tz else "UTC")


def item_field(field: Field) -> Field:
    """The items of a list, as a field."""
    kind = field.descriptor.get("itemType", "string")
    return Field({"name": field.name, "type": kind}, field.arrow.value_type)
