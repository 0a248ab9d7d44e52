"""Every type's values come out of columns right, and go back exactly or not at all."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import isodate
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.errors import RowError, SchemaError
from dataflows_core.schema import Field
from dataflows_core.values import YearMonth, value_codec

BERLIN = ZoneInfo("Europe/Berlin")
OFFSET = dt.timezone(dt.timedelta(hours=5, minutes=30))


def field(kind: str, arrow: pa.DataType = None, **more: Any) -> Field:
    return Field({"name": "x", "type": kind, **more}, arrow)


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    high = 10**precision - 1
    return st.integers(-high, high).map(lambda units: Decimal(f"{units}E{-scale}"))


def moments(low: int = 1, high: int = 9999, step: int = 1, zone: dt.tzinfo | None = None) -> Any:
    # A day from the ends, since zones move moments.
    first, last = dt.datetime(low, 1, 2), dt.datetime(high, 12, 30)
    return st.datetimes(first, last).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // step * step, tzinfo=zone)
    )


def times(step: int) -> Any:
    return st.times().map(lambda time: time.replace(microsecond=time.microsecond // step * step))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SPANS = st.timedeltas(dt.timedelta(days=-100_000), dt.timedelta(days=100_000))

TYPES: dict[str, tuple[Field, st.SearchStrategy[Any]]] = {
    "string": (field("string"), WORDS),
    "large string": (field("string", pa.large_string()), WORDS),
    "boolean": (field("boolean"), st.booleans()),
    "integer": (field("integer"), st.integers(-(2**63), 2**63 - 1)),
    "int8": (field("integer", pa.int8()), st.integers(-128, 127)),
    "int32": (field("integer", pa.int32()), st.integers(-(2**31), 2**31 - 1)),
    "uint64": (field("integer", pa.uint64()), st.integers(0, 2**64 - 1)),
    "big integer": (field("integer", pa.decimal128(38, 0)), st.integers(-(10**38) + 1, 10**38 - 1)),
    "hundreds": (field("integer", pa.decimal128(5, -2)), st.integers(-99999, 99999).map(lambda n: n * 100)),
    "year": (field("year"), st.integers(0, 9999)),
    "number": (field("number"), decimals(38, 12)),
    "wide number": (field("number", pa.decimal128(38, 21)), decimals(38, 21)),
    "money": (field("number", pa.decimal128(10, 2)), decimals(10, 2)),
    "small number": (field("number", pa.decimal32(5, 5)), decimals(5, 5)),
    "huge number": (field("number", pa.decimal256(60, 30)), decimals(60, 30)),
    "whole number": (field("number", pa.decimal128(9, 0)), decimals(9, 0)),
    "float": (field("number", floatNumber=True), st.floats(allow_nan=False)),
    "float32": (field("number", pa.float32(), floatNumber=True), st.floats(width=32, allow_nan=False)),
    "date": (field("date"), st.dates()),
    "date64": (field("date", pa.date64()), st.dates()),
    "time": (field("time"), times(1)),
    "time32": (field("time", pa.time32("s")), times(1_000_000)),
    "time in ns": (field("time", pa.time64("ns")), times(1)),
    "datetime": (field("datetime"), moments()),
    "datetime in s": (field("datetime", pa.timestamp("s")), moments(step=1_000_000)),
    "datetime in ms": (field("datetime", pa.timestamp("ms")), moments(step=1000)),
    "datetime in ns": (field("datetime", pa.timestamp("ns")), moments(1678, 2261)),
    "datetime in UTC": (field("datetime", pa.timestamp("us", "UTC")), moments(zone=dt.UTC)),
    "datetime in Berlin": (field("datetime", pa.timestamp("us", "Europe/Berlin")), moments(zone=OFFSET)),
    "datetime at an offset": (
        field("datetime", pa.timestamp("ms", "+05:30")),
        moments(step=1000, zone=BERLIN),
    ),
    "yearmonth": (field("yearmonth"), st.builds(YearMonth, st.integers(0, 9999), st.integers(1, 12))),
    "duration": (field("duration"), SPANS | st.just(dt.timedelta.max) | st.just(dt.timedelta.min)),
    "months": (
        field("duration"),
        st.builds(lambda n, span: isodate.Duration(months=n) + span, st.integers(1, 999), SPANS),
    ),
    "span": (field("duration", pa.duration("us")), SPANS),
    "geopoint": (
        field("geopoint"),
        st.tuples(st.decimals(-180, 180, places=9), st.decimals(-90, 90, places=12)),
    ),
    "list": (field("list"), st.lists(st.none() | WORDS, max_size=4)),
    "list of numbers": (field("list", itemType="number"), st.lists(st.none() | decimals(38, 12), max_size=4)),
    "list of dates": (field("list", itemType="date"), st.lists(st.dates(), max_size=4)),
    "large list": (field("list", pa.large_list(pa.int64()), itemType="integer"), st.lists(st.integers(0, 9))),
    "object": (field("object"), st.dictionaries(st.text(), JSON, max_size=3)),
    "geojson": (field("geojson"), st.just({"type": "Point", "coordinates": [1.5, 2]})),
    "array": (field("array"), st.lists(JSON, max_size=3)),
    "any": (field("any"), JSON.filter(lambda value: value is not None)),
}


@pytest.mark.parametrize("name", TYPES)
@given(data=st.data())
def test_values_go_through_a_column_unchanged(name: str, data: st.DataObject) -> None:
    kind, values = TYPES[name]
    given_ = data.draw(st.lists(st.none() | values, max_size=6))
    codec = value_codec(kind)
    try:
        column = codec.encode(given_)
    except RowError as error:
        # The only texts that cannot be held are those that no file can hold.
        if "surrogate" not in str(error):
            raise
        return
    column.validate(full=True)
    assert column.type == kind.arrow
    found = codec.decode(column)
    assert found == given_
    assert [type(value) for value in found] == [type(value) for value in given_]
    # A part of a column is read as the column is.
    start = data.draw(st.integers(0, len(given_)))
    assert codec.decode(column.slice(start)) == given_[start:]


@given(
    st.lists(st.sampled_from([None, "0", "1.5", "-0.25", "1000000", "0.000000000001"]), max_size=9),
    st.booleans(),
)
def test_many_equal_values_are_read_as_few(texts: list[str | None], carried: bool) -> None:
    codec = value_codec(field("number"))
    texts = [*texts, "2"] * 2000
    column = pa.array(texts)
    if not carried:
        column = column.cast(pa.decimal128(38, 12))
    assert codec.decode(column) == [None if text is None else Decimal(text) for text in texts]


def test_many_different_values_are_read_one_by_one() -> None:
    days = [dt.date(1900, 1, 1) + dt.timedelta(days=n) for n in range(5000)]
    assert value_codec(field("date")).decode(pa.array([*days, None])) == [*days, None]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", "-12", -12),
        ("number", "12.5", Decimal("12.5")),
        ("number", "0", Decimal(0)),
        ("date", "2020-02-29", dt.date(2020, 2, 29)),
        ("year", "0800", 800),
    ],
)
def test_carried_text_is_read_as_its_value(kind: str, text: str, value: Any) -> None:
    found = value_codec(field(kind)).decode(pa.array([text, None]))
    assert (found, type(found[0])) == ([value, None], type(value))


def test_big_carried_integers_are_exact() -> None:
    number = 10**38 - 1
    assert value_codec(field("integer", pa.decimal128(38, 0))).decode(pa.array([str(number)])) == [number]


@given(decimals(38, 12))
def test_a_decimal_looks_the_same_typed_and_carried(number: Decimal) -> None:
    codec = value_codec(field("number"))
    (typed,) = codec.decode(codec.encode([number]))
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    (carried,) = codec.decode(pa.array([text if text not in ("-0", "") else "0"]))
    assert repr(typed) == repr(carried)


def test_zones_are_kept() -> None:
    codec = value_codec(field("datetime", pa.timestamp("us", "Europe/Berlin")))
    summer = dt.datetime(2024, 7, 1, 12, tzinfo=BERLIN)
    (found,) = codec.decode(codec.encode([summer]))
    assert (found.isoformat(), found.tzinfo) == ("2024-07-01T12:00:00+02:00", BERLIN)
    # The hour that the clock shows twice.
    late = dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1)
    (found,) = codec.decode(codec.encode([late]))
    assert (found.fold, found.utcoffset()) == (1, dt.timedelta(hours=1))


# ------------------------------------------------------------------------------ what is taken, what is not


class Index:
    def __index__(self) -> int:
        return 7


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        (field("number"), 3, Decimal(3)),
        (field("number"), 0.1, Decimal("0.1")),
        (field("number"), Decimal("1E+5"), Decimal(100000)),
        (field("number"), Decimal("1.5000000000000000000"), Decimal("1.5")),
        (field("number"), Decimal("0E+400"), Decimal(0)),
        (field("number"), Decimal("-0"), Decimal(0)),
        (field("integer"), Index(), 7),
        (field("number", floatNumber=True), 3, 3.0),
        (field("number", floatNumber=True), 2**60, 2.0**60),
        (field("number", floatNumber=True), math.inf, math.inf),
        (field("number", pa.float32(), floatNumber=True), -math.inf, -math.inf),
        (field("string"), Text("as it is"), "as it is"),
        (field("string"), "", ""),
        (field("yearmonth"), (2024, 2), YearMonth(2024, 2)),
        (field("geopoint"), [4.9, 52], (Decimal("4.9"), Decimal(52))),
        (field("list"), ("a", None), ["a", None]),
        (field("array"), (1, (2,)), [1, [2]]),
        (field("any"), "12", "12"),
        (field("any"), False, False),
    ],
)
def test_what_is_converted_without_loss(kind: Field, value: Any, stored: Any) -> None:
    codec = value_codec(kind)
    (found,) = codec.decode(codec.encode([value]))
    assert (found, type(found)) == (stored, type(stored))


def test_floats_that_are_no_number_stay() -> None:
    codec = value_codec(field("number", floatNumber=True))
    (nan, zero) = codec.decode(codec.encode([math.nan, -0.0]))
    assert math.isnan(nan)
    assert math.copysign(1, zero) == -1


class Endless(dict[str, Any]):
    """Contains itself."""


ENDLESS = Endless()
ENDLESS["self"] = ENDLESS

REFUSED: list[tuple[Field, Any, str]] = [
    (field("string"), 12, "12 is an integer, not text; convert it with str"),
    (field("string"), b"a", "is bytes, not text; decode it"),
    (field("string"), "\ud800", "surrogate"),
    (field("boolean"), 1, "is an integer, not a boolean; convert it with bool"),
    (field("boolean"), "true", "is text, not a boolean"),
    (field("integer"), "12", "'12' is text, not an integer; convert it with int"),
    (field("integer"), 1.0, "is a float, not an integer; convert it with int"),
    (field("integer"), Decimal(1), "is a decimal number, not an integer"),
    (field("integer"), True, "is a boolean, not an integer"),
    (
        field("integer"),
        2**63,
        "does not fit a field of -9223372036854775808 to 9223372036854775807; .*set_type",
    ),
    (field("integer"), 10**5000, "too long to show> does not fit"),
    (field("number"), 10**5000, "has 5001 digits"),
    (field("integer", pa.uint8()), -1, "does not fit a field of 0 to 255"),
    (field("integer", pa.decimal128(38, 0)), 10**38, "does not fit"),
    (field("integer", pa.decimal128(5, -2)), 1234, "no multiple of 100"),
    (field("number"), "1", "is text, not a number; convert it with Decimal"),
    (field("number"), True, "is a boolean, not a number"),
    (field("number"), Fraction(1, 3), "not a number"),
    (field("number"), Decimal("NaN"), "floatNumber"),
    (field("number"), Decimal("-Infinity"), "floatNumber"),
    (field("number"), math.nan, "floatNumber"),
    (field("number"), math.inf, "floatNumber"),
    (
        field("number"),
        Decimal(1) / 3,
        r"has 28 decimals, and the field holds 12; round it: round\(value, 12\), or",
    ),
    (field("number"), 0.1 + 0.2, "has 17 decimals, and the field holds 12"),
    (field("number"), Decimal("1E-400"), "has 400 decimals"),
    (field("number"), 10**26, "has 27 digits before the decimal point, and the field holds 26"),
    (field("number"), Decimal("1E+999999"), "has 1000000 digits"),
    (field("number", pa.decimal128(10, 2)), Decimal("1.005"), "has 3 decimals, and the field holds 2"),
    (field("number", pa.decimal128(10, 2)), 10**8, "has 9 digits"),
    (
        field("number", floatNumber=True),
        Decimal("0.1"),
        "is a decimal number, not a float; convert it with float",
    ),
    (field("number", floatNumber=True), 2**53 + 1, "an integer that no float equals"),
    (field("number", floatNumber=True), 10**400, "an integer that no float equals"),
    (field("number", pa.float32(), floatNumber=True), 1e39, "does not fit a float of 32 bits"),
    (field("date"), dt.datetime(2020, 1, 1), r"a date and time, not a date; .*\.date\(\)"),
    (field("date"), "2020-01-01", "is text, not a date; .*fromisoformat"),
    (field("time"), dt.time(1, tzinfo=dt.UTC), "has a time zone"),
    (field("time"), dt.datetime(2020, 1, 1), r"not a time; .*\.time\(\)"),
    (field("time", pa.time32("s")), dt.time(1, 2, 3, 4), "finer than the field's unit, s"),
    (field("datetime"), dt.date(2020, 1, 1), "is a date, not a date and time; .*combine"),
    (field("datetime"), dt.datetime(2020, 1, 1, tzinfo=dt.UTC), "has a time zone, and the field has none"),
    (field("datetime"), "2020-01-01", "is text, not a date and time"),
    (
        field("datetime", pa.timestamp("us", "UTC")),
        dt.datetime(2020, 1, 1),
        "has no time zone, and the field has UTC",
    ),
    (
        field("datetime", pa.timestamp("s")),
        dt.datetime(2020, 1, 1, 0, 0, 0, 1),
        "finer than the field's unit, s",
    ),
    (field("datetime", pa.timestamp("ns")), dt.datetime(1500, 1, 1), "1678 to 2261"),
    (field("year"), "2020", "is text, not an integer"),
    (field("yearmonth"), "2020-01", "not a pair"),
    (field("yearmonth"), (2020, 13), "not a pair"),
    (field("duration"), 5, "not a duration"),
    (field("duration"), isodate.Duration(months=Decimal("0.5")), "part of a month"),
    (field("duration", pa.duration("s")), dt.timedelta(microseconds=1), "finer than the field's unit, s"),
    (field("duration", pa.duration("s")), isodate.Duration(months=1), "has months"),
    (field("duration", pa.duration("ns")), dt.timedelta(days=200_000), "106751 days"),
    (field("geopoint"), "1,2", "not a pair"),
    (field("geopoint"), (1, None), "not a pair"),
    (field("geopoint"), (181, 0), "longitudes end at 180"),
    (field("geopoint"), (0, "x"), "is text, not a number"),
    (field("list"), "abc", "is text, not a list"),
    (field("list"), [1], "1 is an integer, not text"),
    (field("list", itemType="integer"), [2**63], "does not fit"),
    (field("object"), "{}", "is text, not a dict; parse it"),
    (field("object"), [1], "is a list, not a dict"),
    (field("object"), {1: 2}, "the key 1 is not text"),
    (field("object"), {"a": {"b": math.nan}}, "JSON cannot say"),
    (field("object"), {"a": object()}, "JSON cannot say"),
    (field("object"), ENDLESS, "JSON cannot say"),
    (field("array"), {"a": 1}, "is a dict, not a list"),
    (field("any"), "\udc00", "JSON cannot say"),
]


@pytest.mark.parametrize(("kind", "value", "message"), REFUSED, ids=[str(n) for n in range(len(REFUSED))])
@pytest.mark.parametrize("company", ["before", "after", "none"])
def test_what_a_field_cannot_hold_is_refused_with_a_remedy(
    kind: Field, value: Any, message: str, company: str
) -> None:
    good = {"before": [None, None], "after": [None], "none": []}[company]
    values = [*good, value, None, None] if company != "none" else [value]
    with pytest.raises(RowError, match=message) as caught:
        value_codec(kind).encode(values)
    assert (caught.value.index, caught.value.field) == (len(good), "x")
    assert caught.value.value is value
    assert str(caught.value).startswith("field 'x': ")


def test_the_guilty_value_is_found_among_good_ones() -> None:
    for guilty in (0, 3, 9):
        values: list[Any] = [Decimal(n) for n in range(10)]
        values[guilty] = Decimal("0.0000000000001")
        with pytest.raises(RowError) as caught:
            value_codec(field("number")).encode(values, list(range(100, 110)))
        assert caught.value.index == 100 + guilty


UNREADABLE: list[tuple[Field, pa.Array, str]] = [
    (field("datetime", pa.timestamp("ns")), pa.array([0, 1], pa.timestamp("ns")), "nanoseconds"),
    (field("time", pa.time64("ns")), pa.array([0, 1], pa.time64("ns")), "nanoseconds"),
    (field("duration"), pa.array([(0, 0, 0), (0, 0, 1)], pa.month_day_nano_interval()), "nanoseconds"),
    (field("datetime"), pa.array([0, 2**62], pa.timestamp("us")), "Python cannot hold"),
    (field("date"), pa.array([0, 2**30], pa.int32()).view(pa.date32()), "Python cannot hold"),
    (field("duration", pa.duration("s")), pa.array([0, 2**62], pa.duration("s")), "Python cannot hold"),
    (
        field("any"),
        pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(["1", "{"])),
        "Python cannot hold",
    ),
    (
        field("any"),
        pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(["1", "[" * 100_000])),
        "Python cannot hold",
    ),
    (
        field("any"),
        pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(["1", "9" * 5000])),
        "Python cannot hold",
    ),
]


@pytest.mark.parametrize(
    ("kind", "column", "message"), UNREADABLE, ids=[str(n) for n in range(len(UNREADABLE))]
)
def test_what_python_cannot_hold_is_an_error_and_not_another_value(
    kind: Field, column: pa.Array, message: str
) -> None:
    with pytest.raises(RowError, match=message) as caught:
        value_codec(kind).decode(column)
    assert (caught.value.index, caught.value.field) == (1, "x")


def test_a_physical_type_that_no_row_can_hold_is_refused() -> None:
    with pytest.raises(SchemaError, match="binary"):
        value_codec(field("string", pa.binary()))


def test_json_is_written_as_people_read_it() -> None:
    codec = value_codec(field("any"))
    texts = codec.encode(["ä", {"price": Decimal("1.10"), "day": dt.date(2020, 1, 2)}, 1.0, 10**30]).storage
    assert texts.to_pylist() == ['"ä"', '{"price": 1.10, "day": "2020-01-02"}', "1.0", "1" + "0" * 30]
    assert [json.loads(text) for text in texts.to_pylist()][2:] == [1.0, 10**30]


@pytest.mark.parametrize("number", ["12345678901234567890.123456789012", "1.0000000000000000000001", "1e400"])
def test_numbers_in_json_are_not_rounded(number: str) -> None:
    codec = value_codec(field("array"))
    column = pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array([f"[{number}, 0.1]"]))
    values = codec.decode(column)
    assert values == [[Decimal(number), 0.1]]
    assert codec.decode(codec.encode(values)) == values


def test_each_row_gets_json_of_its_own() -> None:
    column = value_codec(field("array")).encode([[1]] * 3000)
    values = value_codec(field("array")).decode(column)
    values[0].append(2)
    assert values[1] == [1]


def test_negative_durations_have_one_sign() -> None:
    column = value_codec(field("duration")).encode(
        [dt.timedelta(seconds=-1), dt.timedelta(days=-1, seconds=-1)]
    )
    assert [tuple(value) for value in column.to_pylist()] == [(0, 0, -(10**9)), (0, -1, -(10**9))]
