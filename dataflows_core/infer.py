"""What a table's fields are, told from a sample of its text.

A column gets the first type of this list that all values of its sample have, blank ones apart:

| type | texts |
|---|---|
| boolean | `true`, `false`, in lower or upper case or with a capital; never `T`, `yes` or `1` |
| integer | digits with a minus perhaps; years too, and `0` and `1` |
| number | digits with a point; with an exponent, `NaN`, `INF` or `-INF` among them: `floatNumber` |
| date | `2024-02-29` |
| datetime | `2024-02-29T12:00:00`, with parts of a second and a zone perhaps; or a space for the T |
| time | `12:00:00`, with parts of a second perhaps |
| object, array | JSON |
| string | all else |

Text is what loses nothing, so doubt decides for it: a leading zero (`007`), a plus sign, group
characters, surrounding blanks and more digits than a number can hold make a column text. What Table
Schema has besides (year, yearmonth, duration, geopoint, ...) is for the author to declare.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.guards import DATE, ISO_DATETIME, TIME, ZONE, all_match
from dataflows_core.plain import integer_scalar, text_scalar, texts
from dataflows_core.row_types import decimal_field, infer_rows
from dataflows_core.schema import Field, Schema

__all__ = ["infer_rows", "infer_schema"]

_BOOLEAN = "true|false|True|False|TRUE|FALSE"
_INTEGER = "-?(?:0|[1-9][0-9]*)"
_NUMBER = rf"(?:{_INTEGER}(?:\.[0-9]*)?|-?\.[0-9]+)"
_FLOAT = rf"(?:{_NUMBER}(?:[eE][+-]?[0-9]{{1,4}})?|NaN|-?INF)"
_FRACTION = r"\.[0-9]{1,6}"
_PROBE = 32
_INT64_DIGITS = 19
_MOST_DIGITS = 38

Guess = tuple[Field, str]
"""A field, and a note for the user or nothing."""


def infer_schema(
    samples: Sequence[pa.RecordBatch], *, missing_values: Sequence[str] = ("",)
) -> tuple[Schema, list[str]]:
    """The schema that a sample of a text table suggests.

    Args:
        samples: Batches of the same text columns, from the head of the table and from elsewhere.
        missing_values: The texts that stand for a missing value.

    Returns:
        The schema, by which every value of the sample can be cast without loss; and notes for the user,
        such as that a field is blank throughout the sample.

    Examples:
        >>> batch = pa.RecordBatch.from_pydict({"code": ["007", "12"], "total": ["1", "2.50"]})
        >>> [field.type for field in infer_schema([batch])[0]]
        ['string', 'number']
    """
    if not samples:
        return Schema(), []
    missing = texts(missing_values)
    guesses = []
    for name in samples[0].schema.names:
        column = pa.concat_arrays([batch.column(name).cast(pa.string()) for batch in samples])
        blank = pc.is_in(column, value_set=missing)
        if pc.any(blank).as_py():
            column = column.filter(pc.invert(blank))
        guesses.append(_guess(name, column.drop_null()))
    return Schema(tuple(field for field, _ in guesses)), [note for _, note in guesses if note]


def _guess(name: str, values: pa.Array) -> Guess:
    if len(values) == 0:
        note = f"field {name!r} is blank throughout the sample; it is read as text; "
        return Field({"name": name, "type": "string"}), note + "declare its type to change that"
    # The first character rules most types out, at no cost.
    for try_type in _BY_FIRST_CHARACTER.get(values[0].as_py()[:1], ()):
        guess = try_type(name, values)
        if guess is not None:
            return guess
    return Field({"name": name, "type": "string"}), ""


def _all(values: pa.Array, pattern: str) -> bool:
    return all_match(values.slice(0, _PROBE), pattern) and all_match(values, pattern)


def _boolean(name: str, values: pa.Array) -> Guess | None:
    return (Field({"name": name, "type": "boolean"}), "") if _all(values, _BOOLEAN) else None


def _number(name: str, values: pa.Array) -> Guess | None:
    if not all_match(values.slice(0, _PROBE), _FLOAT):
        return None
    if _all(values, _INTEGER):
        return _integer_guess(name, values)
    if _all(values, _NUMBER):
        return _decimal_guess(name, values)
    return _float_guess(name, values) if all_match(values, _FLOAT) else None


def _integer_guess(name: str, values: pa.Array) -> Guess:
    field = Field({"name": name, "type": "integer"})
    digits = pc.utf8_ltrim(values, characters="-")
    lengths = pc.binary_length(digits)
    longest = pc.max(lengths).as_py()
    if longest > _MOST_DIGITS:
        return _text_of_digits(name)
    if longest > _INT64_DIGITS:
        return field.with_arrow(pa.decimal128(_MOST_DIGITS, 0)), ""
    if longest == _INT64_DIGITS:
        longs = values.filter(pc.equal(lengths, integer_scalar(_INT64_DIGITS))).to_pylist()
        if not all(-(1 << 63) <= int(text) < 1 << 63 for text in longs):
            return field.with_arrow(pa.decimal128(_MOST_DIGITS, 0)), ""
    return field, ""


def _decimal_guess(name: str, values: pa.Array) -> Guess:
    point = pc.find_substring(values, ".")
    length = pc.binary_length(values)
    has_point = pc.greater_equal(point, integer_scalar(0))
    behind = pc.subtract(pc.subtract(length, point), integer_scalar(1))
    decimals = pc.max(pc.if_else(has_point, behind, integer_scalar(0))).as_py()
    sign = pc.starts_with(values, "-").cast(pa.int32())
    whole = pc.max(pc.subtract(pc.if_else(has_point, point, length), sign)).as_py()
    field = decimal_field(name, whole, decimals, doubles=lambda: _are_doubles(values))
    return (field, "") if field is not None else _text_of_digits(name)


def _float_guess(name: str, values: pa.Array) -> Guess | None:
    finite = values.filter(pc.invert(pc.match_substring_regex(values, "[NI]")))
    # A column of nothing but NaN says nothing, and 1e999 is no double.
    if len(finite) == 0 or not pc.all(pc.is_finite(finite.cast(pa.float64()))).as_py():
        return None
    note = ""
    if not _are_doubles(finite):
        note = f"field {name!r} is read as floating-point numbers, which lose digits that its sample has; "
        note += "declare it as text or as a number to keep them"
    return Field({"name": name, "type": "number", "floatNumber": True}), note


def _are_doubles(values: pa.Array) -> bool:
    """Whether reading the numbers as doubles and printing them again gives the same numbers."""
    # Up to 15 digits always come back, and Arrow prints most of the others as they were.
    longs = values.filter(pc.greater(pc.binary_length(values), integer_scalar(15)))
    again = longs.cast(pa.float64()).cast(pa.string())
    others = pc.unique(longs.filter(pc.not_equal(longs, again)))
    return all(_is_double(text) for text in others.to_pylist())


def _is_double(text: str) -> bool:
    double = float(text)
    if repr(double) == text:
        return True
    exact = Decimal(text)
    return exact in (Decimal(repr(double)), Decimal(double))


def _text_of_digits(name: str) -> Guess:
    note = f"field {name!r} has numbers of more digits than a number can hold; it is read as text"
    return Field({"name": name, "type": "string"}), note


def _date(name: str, values: pa.Array) -> Guess | None:
    return (Field({"name": name, "type": "date"}), "") if _all(values, DATE) else None


def _time(name: str, values: pa.Array) -> Guess | None:
    return (Field({"name": name, "type": "time"}), "") if _all(values, f"{TIME}(?:{_FRACTION})?") else None


def _datetime(name: str, values: pa.Array) -> Guess | None:
    field = Field({"name": name, "type": "datetime"})
    if _all(values, ISO_DATETIME):
        return field, ""
    if _all(values, ISO_DATETIME + ZONE):
        return _zoned_guess(field, values)
    if _all(values, f"{DATE} {TIME}"):
        return field.update(format="%Y-%m-%d %H:%M:%S"), ""
    if _all(values, f"{DATE} {TIME}{_FRACTION}"):
        return field.update(format="%Y-%m-%d %H:%M:%S.%f"), ""
    return None


def _zoned_guess(field: Field, values: pa.Array) -> Guess:
    utc = text_scalar("+00:00")
    ends = pc.if_else(pc.ends_with(values, "Z"), utc, pc.utf8_slice_codeunits(values, -6))
    zones = pc.unique(pc.if_else(pc.equal(ends, text_scalar("-00:00")), utc, ends)).to_pylist()
    if zones == ["+00:00"]:
        return field.with_arrow(pa.timestamp("us", "UTC")), ""
    if len(zones) == 1:
        return field.with_arrow(pa.timestamp("us", zones[0])), ""
    shown = ", ".join(sorted(zones)[:5])
    note = f"field {field.name!r} has times of several zones ({shown}); they are kept in UTC"
    return field.with_arrow(pa.timestamp("us", "UTC")), note


def _json(name: str, values: pa.Array) -> Guess | None:
    kind = {"{": dict, "[": list}[values[0].as_py()[0]]
    try:
        for text in values.to_pylist():
            if not isinstance(_DECODER.decode(text), kind):
                return None
    except (ValueError, RecursionError):
        return None
    return Field({"name": name, "type": "object" if kind is dict else "array"}), ""


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)

_NUMERIC = (_number,)
_DIGIT_FIRST = (_number, _date, _datetime, _time)
_BY_FIRST_CHARACTER: dict[str, tuple[Callable[[str, pa.Array], Guess | None], ...]] = {
    **dict.fromkeys("0123456789", _DIGIT_FIRST),
    **dict.fromkeys("-.NI", _NUMERIC),
    **dict.fromkeys("tfTF", (_boolean,)),
    **dict.fromkeys("{[", (_json,)),
}
