"""Canonical text: columns against values, exactness of digits, and the way there and back."""

# Datetimes without a zone are the subject here, and the rows of a table stay rows.
# ruff: noqa: E501

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core.cast import cast_column
from dataflows_core.errors import CastError
from dataflows_core.schema import Field
from dataflows_core.text import column_to_text, text_field, value_to_text

ENOUGH = 5000  # values; columns of this length are printed with tables


def make(type_: str, arrow: pa.DataType | None = None, **options: object) -> Field:
    return Field({"name": "x", "type": type_, **options}, arrow)


def row_value(value: object, field: Field) -> object:
    """A value of `to_pylist` as it appears in a row."""
    if value is not None and field.type in ("object", "array", "geojson", "any"):
        return json.loads(value)
    if value is not None and field.type == "yearmonth":
        return int(value[:4]), int(value[5:])
    return value


micro_datetimes = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
durations = st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 86399).map(lambda s: s * 10**9))


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    whole = st.integers(-(10**precision) + 1, 10**precision - 1)
    small = st.integers(-120, 120)
    return st.one_of(whole, small).map(lambda n: Decimal((n < 0, tuple(map(int, str(abs(n)))), -scale)))


CASES: list[tuple[Field, st.SearchStrategy[object]]] = [
    (make("string"), st.text(max_size=5)),
    (make("integer"), st.integers(-(2**63), 2**63 - 1)),
    (make("integer", pa.int8()), st.integers(-128, 127)),
    (make("integer", pa.decimal128(38, 0)), decimals(38, 0)),
    (make("number"), decimals(38, 12)),
    (make("number", pa.decimal128(38, 21)), decimals(38, 21)),
    (make("number", pa.decimal128(5, 2)), decimals(5, 2)),
    (make("number", pa.decimal128(38, 38)), decimals(38, 38)),
    (make("number", pa.decimal256(50, 30)), decimals(50, 30)),
    (make("number", floatNumber=True), st.floats()),
    (make("number", pa.float32(), floatNumber=True), st.floats(width=32)),
    (make("boolean"), st.booleans()),
    (make("date"), st.dates()),
    (make("time"), st.times()),
    (make("datetime"), micro_datetimes),
    (make("datetime", pa.timestamp("s")), micro_datetimes.map(lambda m: m.replace(microsecond=0))),
    (make("datetime", pa.timestamp("us", "UTC")), micro_datetimes.map(lambda m: m.replace(tzinfo=dt.UTC))),
    (make("datetime", pa.timestamp("us", "+05:30")), st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1)).map(lambda m: m.replace(tzinfo=dt.UTC))),
    (make("datetime", pa.timestamp("us", "America/St_Johns")), st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2030, 1, 1)).map(lambda m: m.replace(tzinfo=dt.UTC))),
    (make("year"), st.integers(0, 9999)),
    (make("yearmonth"), st.builds("{:04d}-{:02d}".format, st.integers(0, 9999), st.integers(1, 12))),
    (make("duration"), durations),
    (make("list"), st.lists(st.text("ab c", min_size=1), min_size=1)),
    (make("list", itemType="number", delimiter="|"), st.lists(decimals(30, 4), min_size=1)),
    (make("list", itemType="date"), st.lists(st.dates(), min_size=1)),
    (make("geopoint"), st.fixed_dictionaries({"lon": st.decimals(-180, 180, places=5), "lat": st.decimals(-90, 90, places=3)})),
    (make("object"), st.dictionaries(st.text(max_size=3), json_values).map(json.dumps)),
    (make("array"), st.lists(json_values).map(lambda v: json.dumps(v, ensure_ascii=False))),
    (make("any"), json_values.filter(lambda v: v is not None).map(json.dumps)),
]  # fmt: skip


def said(text: str | None, field: Field) -> object:
    try:
        return text and json.loads(text)
    except ValueError:
        assert field.type == "any"  # a text that is no JSON text
        return text


def build(values: list[object], field: Field) -> pa.Array:
    if isinstance(field.arrow, pa.JsonType):
        return pa.ExtensionArray.from_storage(field.arrow, pa.array(values, pa.string()))
    if field.type == "duration":
        values = [None if value is None else pa.MonthDayNano(value) for value in values]
    return pa.array(values, field.arrow)


@pytest.mark.parametrize(
    ("field", "values"), CASES, ids=lambda x: str(x.arrow) if isinstance(x, Field) else ""
)
@settings(max_examples=30)
@given(data=st.data())
def test_columns_print_what_values_print(
    field: Field, values: st.SearchStrategy[object], data: st.DataObject
) -> None:
    column = build(data.draw(st.lists(st.one_of(st.none(), values), max_size=6)), field)
    text = column_to_text(column, field)
    assert text.type == pa.string()
    expected = [value_to_text(row_value(value, field), field) for value in column.to_pylist()]
    if isinstance(field.arrow, pa.JsonType):
        # JSON is written as it was read, so its spaces and escapes may differ.
        assert [said(t, field) for t in text.to_pylist()] == [said(t, field) for t in expected]
    else:
        assert text.to_pylist() == expected
    start = data.draw(st.integers(0, len(column)))
    assert column_to_text(column.slice(start, 2), field) == text.slice(start, 2)


@pytest.mark.parametrize(
    ("field", "values"), CASES, ids=lambda x: str(x.arrow) if isinstance(x, Field) else ""
)
@settings(max_examples=30)
@given(data=st.data())
def test_there_and_back(field: Field, values: st.SearchStrategy[object], data: st.DataObject) -> None:
    column = build(data.draw(st.lists(st.one_of(st.none(), values), max_size=6)), field)
    if field.type == "any":  # a text cannot tell the number 5 from the text "5"
        column = cast_column(column_to_text(column, field), field)[0]
    text = column_to_text(column, field)
    reader = text_field(field).with_arrow(field.arrow)
    # By default an empty text is null to a reader.
    again, errors = cast_column(text, reader, missing_values=[])
    assert [str(error) for error in errors] == []
    assert column_to_text(again, reader) == text
    if not pa.types.is_floating(column.type):  # NaN differs from itself
        assert again == column


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([Decimal(n) / 10**4 for n in range(-ENOUGH, ENOUGH)], pa.decimal128(38, 12)),
        ([Decimal(n) / 10**2 for n in range(-ENOUGH, ENOUGH)], pa.decimal128(10, 2)),
        ([Decimal(n) for n in range(ENOUGH)], pa.decimal128(38, 12)),
        ([Decimal(n) / 10**7 for n in range(ENOUGH)], pa.decimal128(38, 12)),
        ([Decimal(n) * 10**21 + 1 for n in range(ENOUGH)], pa.decimal128(38, 12)),
        ([Decimal(n) / 10**21 for n in range(-3, ENOUGH)], pa.decimal128(38, 21)),
        ([Decimal(n) / 10**38 for n in range(-3, ENOUGH)], pa.decimal128(38, 38)),
        ([dt.date(2099, 12, 31) - dt.timedelta(n) for n in range(ENOUGH)], pa.date32()),
        ([dt.date(1900, 1, 10) - dt.timedelta(n) for n in range(ENOUGH)], pa.date32()),
        (
            [dt.datetime(1900, 1, 1) + dt.timedelta(days=n, seconds=n * 17) for n in range(ENOUGH)],
            pa.timestamp("us"),
        ),
        ([dt.datetime(1969, 1, 1) + dt.timedelta(n, n, n % 2) for n in range(ENOUGH)], pa.timestamp("us")),
        (
            [dt.datetime(2020, 1, 1) + dt.timedelta(n) for n in range(ENOUGH)],
            pa.timestamp("us", "Europe/Berlin"),
        ),
    ],
    ids=[f"{row}" for row in range(12)],
)
def test_long_columns_print_the_same(values: list[object], kind: pa.DataType) -> None:
    type_ = {"decimal128": "number", "date32": "date"}.get(str(kind).split("(")[0].split("[")[0], "datetime")
    field = make(type_, kind)
    column = pa.array([None, *values, None], kind)
    expected = [value_to_text(value, field) for value in column.to_pylist()]
    assert column_to_text(column, field).to_pylist() == expected
    assert column_to_text(column.slice(2, ENOUGH - 100), field).to_pylist() == expected[2 : ENOUGH - 98]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1E-10", "0.0000000001"),
        ("1E-12", "0.000000000001"),
        ("0E-12", "0"),
        ("-0.0", "0"),
        ("-0.5", "-0.5"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("-1.10", "-1.1"),
        ("99999999999999999999999999.999999999999", "99999999999999999999999999.999999999999"),
    ],
)
def test_decimals_are_plain(value: str, text: str) -> None:
    field = make("number")
    assert value_to_text(Decimal(value), field) == text
    for length in (1, ENOUGH):
        column = pa.array([Decimal(value)] * length, field.arrow)
        assert set(column_to_text(column, field).to_pylist()) == {text}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"), (5.0, "5"), (-0.0, "-0"), (1e15, "1000000000000000"), (1e16, "1e+16"), (12345678901.5, "12345678901.5"),
        (1e-6, "0.000001"), (1e-7, "1e-7"), (1.5e300, "1.5e+300"), (float("inf"), "INF"), (float("-inf"), "-INF"),
    ],
)  # fmt: skip
def test_doubles_are_short(value: float, text: str) -> None:
    field = make("number", floatNumber=True)
    assert value_to_text(value, field) == text
    assert column_to_text(pa.array([value]), field).to_pylist() == [text]
    assert float(text.replace("INF", "inf")) == value


def test_durations_of_rows_print_like_columns() -> None:
    import isodate

    field = make("duration")
    cases = {
        "P1DT2H": dt.timedelta(hours=26),
        "-P1DT12H": -dt.timedelta(hours=36),
        "PT0.5S": dt.timedelta(milliseconds=500),
        "P1Y2M3DT4H5M6S": isodate.Duration(years=1, months=2, days=3, hours=4, minutes=5, seconds=6),
        "P0D": dt.timedelta(0),
    }
    for text, value in cases.items():
        assert value_to_text(value, field) == text
        column, errors = cast_column(pa.array([text]), field)
        assert (errors, column_to_text(column, field).to_pylist()) == ([], [text])


def test_a_list_is_not_written_when_it_would_read_as_another() -> None:
    column = pa.array([["a"], None, ["b", "c,d"]])
    with pytest.raises(CastError, match="delimiter") as caught:
        column_to_text(column, make("list"))
    assert (caught.value.index, caught.value.value) == (2, "c,d")
    assert column_to_text(column, make("list", delimiter="|")).to_pylist() == ["a", None, "b|c,d"]


@pytest.mark.parametrize(
    ("items", "item"), [([["a"], None, [], ["b", None]], "string"), ([[1]] * 3 + [[None]], "integer")]
)
def test_a_list_with_a_null_item_is_not_written(items: list[list[object]], item: str) -> None:
    with pytest.raises(CastError, match=r"without null items.*\n?.*make the field an array") as caught:
        column_to_text(pa.array(items), make("list", itemType=item))
    assert (caught.value.index, caught.value.value) == (3, items[3])


def test_carried_and_dictionary_columns() -> None:
    carried = pa.array(["1.5", None])
    assert column_to_text(carried, make("number")) is carried
    assert column_to_text(pa.array([1, 1]).dictionary_encode(), make("integer")).to_pylist() == ["1", "1"]


def test_text_fields_describe_canonical_text() -> None:
    field = make("number", groupChar=".", decimalChar=",", bareNumber=False, title="Total")
    assert text_field(field).descriptor == {"name": "x", "type": "number", "title": "Total"}
    assert text_field(make("date", format="%d/%m/%Y")).format == "default"
    assert text_field(make("string", format="email")).format == "email"


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([0, 10**8], pa.int32()).view(pa.date32()), "100000000 as date32"),
        (pa.array([0, -719163], pa.int32()).view(pa.date32()), "the years 1 to 9999"),
        (pa.array([0, 10**15]).view(pa.timestamp("s")), "1000000000000000 as timestamp"),
        (pa.array([0, 253402300800]).view(pa.timestamp("s")), "the years 1 to 9999"),
        (pa.array([0, 86400], pa.int32()).view(pa.time32("s")), "a time of a day"),
        (pa.array([None, -1]).view(pa.time64("us")), "a time of a day"),
    ],
)
def test_what_has_no_date_or_time_is_not_written(column: pa.Array, message: str) -> None:
    kind = {"d": "date", "t": "time"}[str(column.type)[0]] if "stamp" not in str(column.type) else "datetime"
    with pytest.raises(CastError, match=message) as caught:
        column_to_text(column, Field({"name": "x", "type": kind}, column.type))
    assert caught.value.index == 1


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_the_first_and_the_last_moment_are_written(unit: str) -> None:
    ends = [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59), None]
    column = pa.array(ends, pa.timestamp(unit))
    texts = column_to_text(column, Field({"name": "x", "type": "datetime"}, column.type))
    assert texts.to_pylist() == ["0001-01-01T00:00:00", "9999-12-31T23:59:59", None]
