"""Text columns to typed columns, the fast way: what passes its guard is parsed by Arrow.

`parse` returns nulls for the texts it leaves to the slow path; it never says that a text is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.guards import (
    DATE,
    FRACTION,
    ISO_DATETIME,
    TIME,
    all_match,
    guard,
    literal,
    matches,
    raw_bytes,
)
from dataflows_core.plain import integer_scalar, text_scalar, texts
from dataflows_core.schema import Field
from dataflows_core.tables import item_field

__all__ = ["parse", "parse_dates", "parse_integers", "parse_items", "storage_type"]

_FIRST_DAY = -719162  # 0001-01-01, in days from 1970-01-01: the first date that Python knows
_WORTH_CODING = 1000  # values; dates and times of day repeat, and each need be read once only
_ISO = ("default", "any")  # formats in which ISO 8601 means what it says
_TRUE = ("true", "True", "TRUE", "1")
_FALSE = ("false", "False", "FALSE", "0")


def storage_type(kind: pa.DataType) -> pa.DataType:
    """The type that holds the values of a type; another one for extension types only."""
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def parse(column: pa.Array, field: Field) -> pa.Array:
    """The values of the texts that a guard accepts.

    Args:
        column: A `pa.string()` array; what is missing is null.
        field: The field.

    Returns:
        An array of the storage of `field.arrow`; null where the column is null, and where a text
        needs the slow path.
    """
    parser = _PARSERS.get(field.type)
    result = None if parser is None else parser(column, field)
    return pa.nulls(len(column), storage_type(field.arrow)) if result is None else result


def _accepted(column: pa.Array, pattern: str) -> pa.Array:
    """The column with null for what does not match."""
    if all_match(column, pattern):
        return column
    return pc.if_else(matches(column, pattern), column, None)


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array | None:
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:  # one text in the column that Arrow refuses: all of it takes the slow path
        return None


def _guarded(column: pa.Array, field: Field) -> pa.Array | None:
    pattern = guard(field)
    return None if pattern is None else _cast(_accepted(column, pattern), storage_type(field.arrow))


def _parse_string(column: pa.Array, field: Field) -> pa.Array | None:
    return column if field.format == "default" else _guarded(column, field)


def _parse_number(column: pa.Array, field: Field) -> pa.Array | None:
    kind = field.arrow
    plain = _plain_numbers(column, field)
    if plain is None:
        return None
    pattern = guard(field) or ""
    if pa.types.is_int64(kind) and (values := parse_integers(plain)) is not None:
        return values
    if pa.types.is_floating(kind):
        values = _cast(_accepted(plain, pattern), kind)
        # A number too large for a double becomes infinite in silence.
        return None if values is None else pc.if_else(pc.is_finite(values), values, None)
    if all_match(plain, pattern):
        return _cast(plain, kind)
    plain = pc.ascii_trim_whitespace(plain)
    if pa.types.is_int64(kind) and all_match(plain, "-?[0-9]{1,19}"):
        values = _cast(plain, kind)  # Arrow refuses what overflows
        if values is not None:
            return values
    return _cast(_accepted(plain, pattern), kind)


def _plain_numbers(column: pa.Array, field: Field) -> pa.Array | None:
    """Numbers without group characters, currencies and the like, and with a decimal point."""
    group = field.descriptor.get("groupChar") or ""
    decimal = (field.descriptor.get("decimalChar") or ".") if field.type == "number" else ""
    bare = field.descriptor.get("bareNumber", True) is not False
    if bare and not group and decimal in (".", ""):
        return column
    if group == decimal or any(re.search(r"[\w+-]", char) for char in (group, decimal)):
        return None  # nobody can tell what such a number says; the slow path decides
    body = "-?[0-9]+" + (f"(?:{literal(group)}[0-9]+)*" if group else "")
    body += f"(?:{literal(decimal)}[0-9]+)?" if decimal else ""
    if not bare:
        # A number may begin with its decimal point, which is none of its surroundings.
        around = r"\A[^\p{Nd}.+−" + literal(decimal) + "-]*(" + body + r")[^\p{Nd}]*\z"
        column = pc.replace_substring_regex(column, around, r"\1")
    column = _accepted(column, body)
    if group:
        column = pc.replace_substring(column, group, "")
    return pc.replace_substring(column, decimal, ".") if decimal not in ("", ".") else column


def _parse_boolean(column: pa.Array, field: Field) -> pa.Array:
    trues = _words(field.descriptor.get("trueValues", _TRUE))
    falses = _words(field.descriptor.get("falseValues", _FALSE))
    # A word that is in both lists is true; the first position counts.
    words = list(dict.fromkeys([*trues, *falses]))
    found = pc.index_in(column, texts(words))
    return pc.less(found, integer_scalar(len(trues)))


def _words(values: Sequence[object]) -> list[str]:
    # A text is compared without the spaces around it, so a word with such spaces is never met.
    return [word for word in dict.fromkeys(values) if isinstance(word, str) and word == word.strip()]


def parse_integers(column: pa.Array) -> pa.Array | None:
    """The integers of a column in which every text is one as it would be printed; else None."""
    values = _cast(column, pa.int64())
    if values is None:
        return None
    # What Arrow takes besides has a leading zero: 007, -0, 0x10; or it should have, with a plus sign.
    leading = pc.sum(pc.starts_with(column, "0")).as_py()
    if leading and leading != pc.sum(pc.equal(column, text_scalar("0"))).as_py():
        return None
    data = raw_bytes(column)
    if b"+" in data or (b"-" in data and pc.any(pc.starts_with(column, "-0")).as_py()):
        return None
    return values


def parse_dates(column: pa.Array) -> pa.Array | None:
    """The dates of a column in which every text is a date in the form `YYYY-MM-DD`; else None."""
    lengths = pc.min_max(pc.binary_length(column))
    if lengths["min"].as_py() not in (10, None) or lengths["max"].as_py() not in (10, None):
        return None
    days = _cast(column, pa.date32())
    if days is None:
        return None
    first = pc.min(days.view(pa.int32())).as_py()
    return days if first is None or first >= _FIRST_DAY else None


def _parse_date(column: pa.Array, field: Field) -> pa.Array | None:
    if field.format not in _ISO:
        return _parse_format(column, field)
    days = parse_dates(column) if pa.types.is_date32(field.arrow) else None
    return _guarded(column, field) if days is None else days


def _parse_time(column: pa.Array, field: Field) -> pa.Array | None:
    if field.format not in _ISO:
        return _parse_format(column, field)
    return _times(_accepted(column, TIME + FRACTION), field)


def _times(texts: pa.Array, field: Field) -> pa.Array | None:
    """Arrow casts no text to a time, but it does cast the time of a day."""
    moments = _cast(
        pc.binary_join_element_wise(text_scalar("1970-01-01T"), texts, text_scalar("")), pa.timestamp("us")
    )
    return None if moments is None else _cast(moments, field.arrow)


def _parse_datetime(column: pa.Array, field: Field) -> pa.Array | None:
    if field.format not in _ISO:
        return None if field.arrow.tz else _parse_format(column, field)
    texts = _accepted(column, guard(field) or "")
    return _cast(texts if field.arrow.tz else pc.ascii_rtrim(texts, "Z"), field.arrow)


_DIRECTIVES = {
    "Y": "[0-9]{4}",
    "m": "[0-9]{2}",
    "d": "[0-9]{2}",
    "H": "[0-9]{2}",
    "M": "[0-9]{2}",
    "S": "[0-9]{2}",
    "f": "[0-9]{1,6}",
}


@lru_cache(maxsize=256)
def _format_pattern(form: str, kind: str) -> tuple[str, str] | None:
    """The pattern of a strptime format, and the ISO form of what it matches as a replacement.

    None when the format has directives that only the slow path knows, or lacks a part.
    """
    pattern = ""
    numbers: dict[str, int] = {}
    for percent, directive, other in re.findall(r"(%)(.)|([^%]+)", form, re.DOTALL):
        if not percent:
            pattern += literal(other)
        elif directive == "%":
            pattern += "%"
        elif directive not in _DIRECTIVES or directive in numbers:
            return None
        else:
            numbers[directive] = len(numbers) + 1
            pattern += f"({_DIRECTIVES[directive]})"
    if form.count("%") != 2 * pattern.count("%") + len(numbers):
        return None

    def part(directive: str) -> str:
        return rf"\{numbers[directive]}" if directive in numbers else "00"

    date = rf"{part('Y')}-{part('m')}-{part('d')}"
    time = rf"{part('H')}:{part('M')}:{part('S')}" + (rf".{part('f')}" if "f" in numbers else "")
    if kind != "time" and not {"Y", "m", "d"} <= numbers.keys():
        return None
    return pattern, {"date": date, "time": time, "datetime": f"{date}T{time}"}[kind]


def _parse_format(column: pa.Array, field: Field) -> pa.Array | None:
    found = _format_pattern(field.format.removeprefix("fmt:"), field.type)
    if found is None:
        return None
    if field.type != "datetime" and len(column) >= _WORTH_CODING:
        coded = column.dictionary_encode()
        if len(coded.dictionary) <= len(column) // 2:
            return _reordered(coded.dictionary, *found, field).take(coded.indices)
    return _reordered(column, *found, field)


def _reordered(column: pa.Array, pattern: str, replacement: str, field: Field) -> pa.Array:
    """The values of the texts that match a pattern, whose ISO form is the replacement."""
    iso = pc.replace_substring_regex(_accepted(column, pattern), rf"\A{pattern}\z", replacement)
    if field.type == "time":
        values = _times(_accepted(iso, TIME + FRACTION), field)
    else:
        values = _cast(_accepted(iso, DATE if field.type == "date" else ISO_DATETIME), field.arrow)
    return pa.nulls(len(column), field.arrow) if values is None else values


def _parse_geopoint(column: pa.Array, field: Field) -> pa.Array | None:
    pattern = guard(field)
    if pattern is None:
        return None
    texts = pc.extract_regex(column, rf"\A{pattern}\z")
    kinds = [field.arrow.field(name).type for name in ("lon", "lat")]
    if any(kind != pa.decimal128(38, 12) for kind in kinds):
        return None
    # The pattern leaves at most three digits before the point and twelve behind it.
    lon, lat = (part.cast(kind) for part, kind in zip(texts.flatten(), kinds, strict=True))
    inside = pc.and_(_within(lon, 180), _within(lat, 90))
    return pa.StructArray.from_arrays(
        [lon, lat], fields=list(field.arrow), mask=pc.invert(pc.fill_null(inside, False))
    )


def _within(values: pa.Array, most: int) -> pa.BooleanArray:
    return pc.less_equal(pc.abs(values), pa.scalar(most, pa.decimal128(38, 12)))


def _parse_list(column: pa.Array, field: Field) -> pa.Array:
    delimiter = field.descriptor.get("delimiter") or ","
    # An empty text is an empty list, which the slow path knows.
    return parse_items(pc.split_pattern(pc.if_else(pc.equal(column, ""), None, column), delimiter), field)


def parse_items(parts: pa.ListArray, field: Field) -> pa.Array:
    """Lists of texts as lists of what the texts mean; null where the slow path is needed.

    Args:
        parts: The lists.
        field: The field, of type list.
    """
    items = parse(parts.flatten(), item_field(field))
    failed = pc.list_parent_indices(parts).filter(pc.is_null(items))
    lengths = pc.fill_null(pc.list_value_length(parts), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    bad = parts.is_null()
    if len(failed):
        rows = pa.array(range(len(parts)), failed.type)
        bad = pc.or_(bad, pc.is_in(rows, failed))
    return pa.ListArray.from_arrays(offsets, items, mask=bad).cast(field.arrow)


def _parse_any(column: pa.Array, _: Field) -> pa.Array:
    data = raw_bytes(column)
    if len(data.translate(None, _ESCAPED)) != len(data):
        column = _accepted(column, r'[^"\\\x00-\x1f]*')
    return pc.binary_join_element_wise('"', column, '"', "")


_ESCAPED = bytes(range(0x20)) + b'"\\'  # what JSON does not write as it is

_PARSERS: dict[str, Callable[[pa.Array, Field], pa.Array | None]] = {
    "string": _parse_string,
    "integer": _parse_number,
    "number": _parse_number,
    "boolean": _parse_boolean,
    "date": _parse_date,
    "time": _parse_time,
    "datetime": _parse_datetime,
    "year": _guarded,
    "yearmonth": _guarded,
    "geopoint": _parse_geopoint,
    "list": _parse_list,
    "geojson": _guarded,
    "any": _parse_any,
}
