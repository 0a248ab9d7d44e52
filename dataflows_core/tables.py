"""One value at a time, as Table Schema means it.

This is the slow path of casting: what no guard accepts comes here, once per distinct text. The
predecessors' `tableschema` decides what a text means. The exceptions are listed here, and nowhere else:

* What it does not know, because Table Schema got it with version 2: `list`, `groupChar` of an integer,
  fractions and zones of a default `datetime`, fractions of a default `time`.
* ``bareNumber: false`` takes away what surrounds a number; tableschema takes the minus sign and the
  decimal point with it, so that ``-5 %`` becomes 5 and ``.5`` becomes 5. Here both stay.
* The format `any` of dates and times completes what a text leaves out from today's date, and zone names
  from the machine it runs on; here a text must say it all, and a zone must be UTC or an offset.
* JSON is JSON, without ``NaN``; numbers of a geopoint in JSON are decimals, not doubles.
"""

from __future__ import annotations

import datetime as dt
import re
import threading
import warnings
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

import pyarrow as pa

from dataflows_core import json_text
from dataflows_core.schema import Field

__all__ = ["Refusal", "caster", "expected_text", "item_field", "physical"]

_ANY_HINT = "write the day, the month and the year in full, and a zone as Z or an offset, or declare a format"
_NO_REMEDY = ""
_NAMES = {
    "string": "a text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean",
    "date": "a date",
    "time": "a time",
    "datetime": "a date and time",
    "year": "a year (four digits)",
    "yearmonth": "a year and month (YYYY-MM)",
    "duration": "a duration (ISO 8601, such as P1DT2H)",
    "geopoint": "a geopoint",
    "list": "a list",
    "object": "a JSON object",
    "array": "a JSON array",
    "geojson": "a GeoJSON object",
    "any": "a value that JSON can say",
}
_FORMATS = {
    ("date", "default"): "YYYY-MM-DD",
    ("time", "default"): "HH:MM:SS",
    ("datetime", "default"): "YYYY-MM-DDTHH:MM:SS",
    ("geopoint", "default"): "longitude, latitude",
    ("geopoint", "array"): "[longitude, latitude]",
    ("geopoint", "object"): '{"lon": longitude, "lat": latitude}',
}
_OPTIONS = ("decimalChar", "groupChar", "trueValues", "falseValues")


class Refusal(Exception):
    """A value is not of its field's type.

    Args:
        expected: What was expected, in words.
        remedy: What the author of the flow can do.
    """

    def __init__(self, expected: str, remedy: str = "") -> None:
        self.expected, self.remedy = expected, remedy
        super().__init__(expected)


_importing = threading.Lock()


@cache
def _tableschema() -> Any:
    """tableschema, imported at its first use; that takes 200 ms, and warns of its own dependencies."""
    # Warning filters belong to the whole process: two threads at once would mix them up for good.
    with _importing, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tableschema
    return tableschema


def expected_text(field: Field) -> str:
    """What a value of a field looks like, in the words of an error message.

    Examples:
        >>> expected_text(Field({"name": "born", "type": "date", "format": "%d/%m/%Y"}))
        'a date (format %d/%m/%Y)'
    """
    name = _NAMES[field.type]
    form = field.format.removeprefix("fmt:")
    if field.type == "string":
        return name if form == "default" else f"a text of the format {form}"
    if (field.type, form) in _FORMATS:
        return f"{name} ({_FORMATS[field.type, form]})"
    if field.type in ("date", "time", "datetime"):
        return f"{name} that says it all" if form == "any" else f"{name} (format {form})"
    if field.type == "boolean":
        words = [*_words(field, "trueValues", ("true", "1")), *_words(field, "falseValues", ("false", "0"))]
        return f"{name} ({', '.join(words)})"
    if field.type == "list":
        return f"a list whose items are each {expected_text(item_field(field))}"
    said = [f"{key} {value!r}" for key, value in field.descriptor.items() if key in _OPTIONS and value]
    return f"{name} ({', '.join(said)})" if field.type in ("integer", "number") and said else name


def _words(field: Field, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(str, field.descriptor.get(name, default)))


def item_field(field: Field) -> Field:
    """The field that each item of a list is a value of."""
    kind = field.arrow.value_type if pa.types.is_list(field.arrow) else None
    return Field({"name": field.name, "type": field.descriptor.get("itemType", "string")}, kind)


def caster(field: Field) -> Callable[[object], Any]:
    """The function that casts one value of a field to what Arrow takes for the field's type.

    Args:
        field: The field.

    Returns:
        A function of one value that is not missing. It returns what `pyarrow.array` accepts for the
        storage of `field.arrow`, and raises `Refusal` when the value is not of the field's type.
    """
    logical = _logical(field)

    def cast(value: object) -> Any:
        try:
            return physical(logical(value), field, value)
        except (ValueError, ArithmeticError, TypeError, OverflowError) as error:
            raise Refusal(expected_text(field), _NO_REMEDY) from error

    return cast


def _logical(field: Field) -> Callable[[object], Any]:
    kind, form = field.type, field.format
    if kind == "list":
        return _list_caster(field)
    if kind == "geopoint":
        return lambda value: _geopoint(value, form)
    if kind in ("object", "array", "geojson"):
        return _json_caster(field)
    if kind in ("integer", "number"):
        return _number_caster(field)
    if kind in ("date", "time", "datetime"):
        return _temporal_caster(field)
    return _known(field)


def _known(field: Field, expected: str = "") -> Callable[[object], Any]:
    """The cast of tableschema itself; what it refuses was to be as `expected` says."""
    module = _tableschema()
    options = {key: value for key, value in field.descriptor.items() if key in _OPTIONS and value is not None}
    form = field.format.removeprefix("fmt:")
    descriptor = {"name": field.name, "type": field.type, "format": form, **options}
    known = module.Field(descriptor, missing_values=[])

    def cast(value: object) -> Any:
        try:
            return known.cast_value(value, constraints=False)
        except module.exceptions.CastError:
            raise Refusal(expected or expected_text(field)) from None

    return cast


def _json_caster(field: Field) -> Callable[[object], Any]:
    known = _known(field)

    def cast(value: object) -> Any:
        said = json_text.loads(value) if isinstance(value, str) else value
        if said is None:  # the JSON null, which tableschema lets pass
            raise Refusal(expected_text(field))
        return known(said)

    return cast


_SIGNS = "-−"  # the hyphen and the minus sign proper


def _bare(text: str) -> str:
    """The number in a text, without what surrounds it, but with its sign and its decimal point."""
    found = re.match(r"(\D*)(.*?)\D*\Z", text, re.DOTALL)
    assert found is not None  # the pattern matches every text
    before, number = found[1].strip(), found[2]
    if not number:
        return text.strip()
    point = "." if before.strip(_SIGNS + "+ ") == "." else ""
    negative = before[:1] in _SIGNS if before[:1] else False
    negative = negative or (bool(before) and before.rstrip(".")[-1:] in tuple(_SIGNS))
    return ("-" if negative else "") + point + number


def _number_caster(field: Field) -> Callable[[object], Any]:
    known = _known(field)
    group = field.descriptor.get("groupChar") or ""
    bare = field.descriptor.get("bareNumber", True) is False
    decimal = field.descriptor.get("decimalChar") or "."
    if field.type == "number" and (bare or decimal != "." or group):
        # Spaces are of no account, and group characters are taken away before the decimal character
        # is read, as tableschema does.
        plain = _known(Field({"name": field.name, "type": "number"}), expected_text(field))

        def number(value: object) -> Any:
            if not isinstance(value, str):
                return known(value)
            whole, found, fraction = re.sub(r"\s", "", value).partition(decimal)
            text = whole.replace(group, "") if group else whole
            text += ("." + (fraction.replace(group, "") if group else fraction)) if found else ""
            return plain(_bare(text) if bare else text)

        return number
    if field.type == "integer":

        def integer(value: object) -> Any:
            if isinstance(value, str):
                value = value.replace(group, "") if group else value
                value = _bare(value) if bare else value
            return known(value)

        return integer
    return known


def _temporal_caster(field: Field) -> Callable[[object], Any]:
    known = _known(field)
    if field.format == "any":
        return lambda value: _any_moment(value, field.type) if isinstance(value, str) else known(value)
    if field.format == "default" and field.type in ("time", "datetime"):
        return lambda value: _iso(value, field.type, known)
    return known


_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ISO_TIME = re.compile(r"\d{2}:\d{2}:\d{2}(?:\.\d{1,6}0*)?", re.ASCII)
_ISO_DATETIME = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,6})0*)?(Z|[+-]\d{2}:\d{2})?", re.ASCII
)


def _iso(value: object, kind: str, known: Callable[[object], Any]) -> Any:
    """What version 2 allows in the default format, and tableschema does not know."""
    if not isinstance(value, str):
        return known(value)
    if kind == "time" and _ISO_TIME.fullmatch(value):
        return dt.time.fromisoformat(value[:15])
    if kind == "datetime" and (found := _ISO_DATETIME.fullmatch(value)):
        fraction = f".{found[2]}" if found[2] else ""
        return dt.datetime.fromisoformat(found[1] + fraction + (found[3] or ""))
    return known(value)


def _zone(name: str | None, offset: int | None) -> dt.tzinfo | None:
    if offset is None:
        if name is None:
            return None
        raise ValueError(f"the zone {name!r} is ambiguous")
    return dt.timezone(dt.timedelta(seconds=offset))


def _any_moment(text: str, kind: str) -> Any:
    """A date or time in any format, provided that the text leaves nothing open."""
    # What we write ourselves comes first: dateutil guesses at years before 1000.
    for pattern in (_ISO_DATE, _ISO_DATETIME) if kind != "time" else ():
        if pattern.fullmatch(text):
            moment = dt.datetime.fromisoformat(text)
            return moment.date() if kind == "date" else moment
    from dateutil import parser

    # What a text leaves out is taken from the default; what differs between two defaults was left out.
    defaults = map(dt.datetime.fromisoformat, ("2000-01-01T01:01:01", "2001-02-02T02:02:02", "2000-01-01"))
    first, second, whole = (parser.parse(text, default=default, tzinfos=_zone) for default in defaults)
    # Of a time, only the hour must be said: the smaller parts are zero when they are not.
    parts = (first.hour, second.hour) if kind == "time" else (first.date(), second.date())
    if parts[0] != parts[1]:
        raise Refusal(f"{_NAMES[kind]} that says it all", _ANY_HINT)
    if kind == "date":
        return whole.date()
    return whole.time() if kind == "time" else whole


def _geopoint(value: object, form: str) -> tuple[Decimal, Decimal]:
    if isinstance(value, str):
        if form == "default":
            value = value.split(",")
        else:
            import json

            value = json.loads(value, parse_float=Decimal)
    if isinstance(value, dict):
        if set(value) != {"lon", "lat"}:
            raise ValueError("a geopoint has lon and lat")
        value = (value["lon"], value["lat"])
    lon, lat = (_coordinate(part) for part in value)  # type: ignore[attr-defined]
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise ValueError("a longitude is within 180 degrees, a latitude within 90")
    return lon, lat


def _coordinate(value: object) -> Decimal:
    if isinstance(value, bool):
        raise TypeError("a boolean is no coordinate")
    return Decimal(value.strip()) if isinstance(value, str) else Decimal(str(value))


def _list_caster(field: Field) -> Callable[[object], Any]:
    item = caster(item_field(field))
    delimiter = field.descriptor.get("delimiter") or ","

    def cast(value: object) -> list[Any]:
        if isinstance(value, str):
            value = value.split(delimiter) if value else []
        if not isinstance(value, list | tuple):
            raise Refusal(expected_text(field))
        try:
            return [None if part is None else item(part) for part in value]
        except Refusal as refusal:
            raise Refusal(f"a list whose items are each {refusal.expected}", refusal.remedy) from refusal

    return cast


def physical(value: Any, field: Field, source: object = None) -> Any:
    """A row's value as `pyarrow.array` takes it for the storage of the field's type.

    Args:
        value: The value, of the Python type that the field's type has.
        field: The field.
        source: What the value was cast from; the text of a JSON value is kept as it was written.

    Raises:
        Refusal: The value is of the type, and yet the column cannot hold it without loss.
        TypeError, ValueError: JSON cannot say the value.
    """
    kind = field.type
    if kind in ("object", "array", "geojson"):
        return source.strip(" \t\r\n") if isinstance(source, str) else json_text.dumps(value)
    if kind == "any":
        return json_text.dumps(value)
    if kind in ("integer", "number"):
        return _fit_number(value, field)
    if kind == "datetime":
        return _fit_zone(value, field)
    if kind == "yearmonth":
        return f"{value[0]:04d}-{value[1]:02d}"
    if kind == "duration":
        return _fit_duration(value)
    if kind == "geopoint":
        part = Field({"name": field.name, "type": "number"}, field.arrow.field("lon").type)
        return {"lon": _fit_number(value[0], part), "lat": _fit_number(value[1], part)}
    return value


def _fit_number(value: Any, field: Field) -> Any:
    arrow = field.arrow
    if pa.types.is_floating(arrow):
        number = float(value)
        if number in (float("inf"), float("-inf")) and value != number:
            raise Refusal("a number that a double can hold", "declare the field as a string to keep it")
        return number
    exact = value if isinstance(value, Decimal) else Decimal(value)
    if not exact.is_finite():
        raise Refusal("a finite number", "declare the field with floatNumber: true, which holds NaN and INF")
    if pa.types.is_integer(arrow):
        if not -(1 << (arrow.bit_width - 1)) <= exact < 1 << (arrow.bit_width - 1):
            raise Refusal(
                f"an integer of at most {arrow.bit_width} bits",
                "declare the field as a number, which holds 26 digits, or as a string",
            )
        return int(exact)
    return _fit_decimal(exact, field)


def _fit_decimal(exact: Decimal, field: Field) -> Decimal:
    precision, scale = field.arrow.precision, field.arrow.scale
    _, digits, exponent = exact.as_tuple()
    assert isinstance(exponent, int)  # the number is finite
    significant = "".join(map(str, digits)).lstrip("0")
    if not significant:
        return Decimal(0)
    stripped = significant.rstrip("0")
    decimals = -(exponent + len(significant) - len(stripped))
    whole = len(significant) + exponent
    if decimals > scale:
        what = f"a number of at most {scale} decimals" if scale > 0 else "an integer"
        raise Refusal(what, "declare the field with floatNumber: true for the nearest double, or as a string")
    if whole > precision - scale:
        what = f"a number of at most {precision - scale} digits before the decimal point"
        if field.type == "integer":
            what = f"an integer of at most {precision - scale} digits"
        raise Refusal(what, "declare the field as a number with floatNumber: true, or as a string")
    # Without an exponent; the guard above keeps it short.
    return Decimal(format(exact, "f"))


def _fit_zone(value: dt.datetime, field: Field) -> dt.datetime:
    if value.microsecond % {"s": 1_000_000, "ms": 1000}.get(field.arrow.unit, 1):
        raise Refusal(
            f"a date and time of whole {field.arrow.unit}", "declare the field's type again with set_type"
        )
    if field.arrow.tz:
        if value.tzinfo is None:
            raise Refusal("a date and time with a time zone", "write the zone: Z or an offset such as +02:00")
        return value
    if value.tzinfo is None:
        return value
    if value.utcoffset() != dt.timedelta(0):
        raise Refusal(
            "a date and time without a time zone, or in UTC",
            "the field holds no zone: let its type be inferred, or declare it as a string",
        )
    return value.replace(tzinfo=None)


_DAY = dt.timedelta(days=1)
_MICROSECOND = dt.timedelta(microseconds=1)


def _fit_duration(value: Any) -> tuple[int, int, int]:
    months, rest = 0, value
    if not isinstance(value, dt.timedelta):
        exact = Decimal(value.years) * 12 + Decimal(value.months)
        if exact != int(exact):
            raise Refusal("a duration of whole months", "write a fraction of a month in days")
        months, rest = int(exact), value.tdelta
    # Days and what is left have one sign, so that equal durations are equal to Arrow.
    micros = rest // _MICROSECOND
    sign = -1 if micros < 0 else 1
    days, left = divmod(abs(micros), _DAY // _MICROSECOND)
    if abs(months) >= 1 << 31 or days >= 1 << 31:
        raise Refusal("a duration of less than 2**31 months and days", "declare the field as a string")
    return months, sign * days, sign * left * 1000
