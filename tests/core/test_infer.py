from __future__ import annotations

import csv
import datetime as dt
import json
from collections import UserDict
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import isodate
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.cast import cast_column
from dataflows_core.errors import SchemaError
from dataflows_core.infer import infer_rows, infer_schema
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field
from dataflows_core.text import column_to_text


def infer(*texts, **options):
    """The field of one column, and the notes."""
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts, pa.string())})
    schema, notes = infer_schema([batch], **options)
    return schema.field("x"), notes


NUMBER, WIDE, BIG = pa.decimal128(38, 12), pa.decimal128(38, 21), pa.decimal128(38, 0)

EXAMPLES = [
    (["1", "-20", "0"], "integer", pa.int64()),
    (["1", "", None, "2"], "integer", pa.int64()),
    (["1", "0"], "integer", pa.int64()),
    (["2020", "1999"], "integer", pa.int64()),
    (["9223372036854775807", "-9223372036854775808"], "integer", pa.int64()),
    (["9223372036854775808"], "integer", BIG),
    (["1", "-9223372036854775809"], "integer", BIG),
    (["9" * 38], "integer", BIG),
    (["9" * 39], "string", pa.string()),
    (["007", "12"], "string", pa.string()),
    (["-07"], "string", pa.string()),
    (["12", "00.5"], "string", pa.string()),
    (["+1"], "string", pa.string()),
    (["1,000"], "string", pa.string()),
    (["1 000"], "string", pa.string()),
    (["1_000"], "string", pa.string()),
    (["٣"], "string", pa.string()),
    (["1", "２"], "string", pa.string()),
    ([" 1", "2"], "string", pa.string()),
    (["0x10"], "string", pa.string()),
    (["1", "x"], "string", pa.string()),
    (["1"] * 50 + ["x"], "string", pa.string()),
    (["1"] * 50 + ["2.5"], "number", NUMBER),
    (["0", "0.5", "-.5", "1."], "number", NUMBER),
    (["0.1234567890123"], "number", WIDE),
    (["12345678901234567.012345678901234567890"], "number", WIDE),
    (["123456789012345678901234567890.12"], "number", pa.decimal128(38, 5)),
    (["0." + "1234567890" * 3], "number", pa.decimal128(38, 33)),
    (["12345678901234567890." + "1234567890" * 3], "string", pa.string()),
    (["0.0000000000000000000000123"], "number", pa.float64()),
    (["1e5", "2"], "number", pa.float64()),
    (["1.5E-10"], "number", pa.float64()),
    (["1", "NaN", "-INF"], "number", pa.float64()),
    (["NaN"], "string", pa.string()),
    (["nan", "1"], "string", pa.string()),
    (["1e999"], "string", pa.string()),
    (["true", "False"], "boolean", pa.bool_()),
    (["TRUE"], "boolean", pa.bool_()),
    (["T", "F"], "string", pa.string()),
    (["yes", "no"], "string", pa.string()),
    (["true", "1"], "string", pa.string()),
    (["2020-02-29", "0001-01-01"], "date", pa.date32()),
    (["2021-02-29"], "string", pa.string()),
    (["0000-01-01"], "string", pa.string()),
    (["2020-1-1"], "string", pa.string()),
    (["01/02/2020"], "string", pa.string()),
    (["2020-01"], "string", pa.string()),
    (["23:59:59"], "time", pa.time64("us")),
    (["23:59:59.25"], "time", pa.time64("us")),
    (["24:00:00"], "string", pa.string()),
    (["12:30"], "string", pa.string()),
    (["2020-01-01T00:00:00"], "datetime", pa.timestamp("us")),
    (["2020-01-01T00:00:00.123456", "2020-01-01T00:00:00"], "datetime", pa.timestamp("us")),
    (["2020-01-01T00:00:00.1234567"], "string", pa.string()),
    (["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.5+00:00"], "datetime", pa.timestamp("us", "UTC")),
    (["2020-01-01T00:00:00+05:30"], "datetime", pa.timestamp("us", "+05:30")),
    (["2020-01-01T00:00:00Z", "2020-01-01T00:00:00+05:30"], "datetime", pa.timestamp("us", "UTC")),
    (["2020-01-01T00:00:00Z", "2020-01-01T00:00:00"], "string", pa.string()),
    (["2020-01-01 00:00:00"], "datetime", pa.timestamp("us")),
    (["2020-01-01 00:00:00.5"], "datetime", pa.timestamp("us")),
    (["2020-01-01 00:00:00.5", "2020-01-01 00:00:00"], "string", pa.string()),
    (["2020-01-01", "2020-01-01T00:00:00"], "string", pa.string()),
    (['{"a": [1]}', "{}"], "object", pa.json_(pa.string())),
    (["[1]", "[]"], "array", pa.json_(pa.string())),
    (["[1]", "{}"], "string", pa.string()),
    (["[1", "[2]"], "string", pa.string()),
    (["[NaN]"], "string", pa.string()),
    (["[" * 100_000], "string", pa.string()),
    (["{x}"], "string", pa.string()),
    (["1\n2"], "string", pa.string()),
    (["\x001"], "string", pa.string()),
    (["name"], "string", pa.string()),
]


@pytest.mark.parametrize(("texts", "kind", "arrow"), EXAMPLES)
def test_examples(texts, kind, arrow):
    field, _ = infer(*texts)
    assert (field.type, field.arrow) == (kind, arrow)
    assert bool(field.descriptor.get("floatNumber")) == (arrow == pa.float64())
    assert_castable(texts, field)


def test_a_space_between_date_and_time_is_a_format():
    assert infer("2020-01-01 00:00:00")[0].format == "%Y-%m-%d %H:%M:%S"
    assert infer("2020-01-01 00:00:00.5")[0].format == "%Y-%m-%d %H:%M:%S.%f"


@pytest.mark.parametrize(
    ("texts", "note"),
    [
        (["", None], "field 'x' is blank throughout the sample; it is read as text; declare its type"),
        (["1.12345678901234567890e0"], "lose digits"),
        (["9" * 39], "more digits than a number can hold"),
        (["2020-01-01T00:00:00Z", "2020-01-01T00:00:00+05:30"], r"several zones (+00:00, +05:30)"),
    ],
)
def test_notes_say_what_the_user_may_want_to_know(texts, note):
    assert [note in text for text in infer(*texts)[1]] == [True]


def test_usual_columns_need_no_note():
    assert [infer(text)[1] for text in ("a", "1", "1.5", "1e5", "2020-01-01T00:00:00Z")] == [[]] * 5


def test_missing_values_do_not_count():
    assert infer("-", "n/a", "1", missing_values=("-", "n/a"))[0].type == "integer"
    assert infer("-", "", "1", missing_values=("-",))[0].type == "string"
    assert infer("-", missing_values=("-",))[1] != []


def test_samples_are_read_together():
    head = pa.RecordBatch.from_pydict(
        {"a": ["", ""], "b": ["1", "2"]}, pa.schema({"a": "string", "b": "string"})
    )
    deep = pa.RecordBatch.from_pydict({"a": ["0.12345678901234567"], "b": ["x"]}, head.schema)
    schema, notes = infer_schema([head, head.slice(1), deep])
    assert [(field.name, field.type, field.arrow) for field in schema] == [
        ("a", "number", WIDE),
        ("b", "string", pa.string()),
    ]
    assert notes == []
    assert infer_schema([]) == (infer_rows([]), [])


def exact(text, field):
    """A text as a value that says all it says, and nothing of how it was written."""
    if field.type in ("integer", "number"):
        return float(text) if "floatNumber" in field.descriptor else Decimal(text)
    if field.type == "boolean":
        return text.lower()
    if field.type == "time":
        return dt.time.fromisoformat(text)
    if field.type == "datetime":
        return dt.datetime.fromisoformat(text)
    return json.loads(text) if field.type in ("object", "array") else text


def assert_castable(texts, field):
    """Every text can be cast to the field, and what is printed for it says the same."""
    column, errors = cast_column(pa.array(texts, pa.string()), field)
    assert errors == []
    for text, again in zip(texts, column_to_text(column, field).to_pylist(), strict=True):
        if not text:
            assert again is None
        elif text == "NaN":
            assert again == text
        else:
            assert exact(again, field) == exact(text, field)


DIGITS = st.text("0123456789", min_size=1, max_size=30)
NUMBERS = st.integers().map(str) | st.floats().map(repr) | st.floats(0, 1).map(repr) | st.decimals().map(str)
NUMBERS |= st.builds("{}.{}".format, st.integers(), DIGITS) | st.sampled_from(
    ["NaN", "INF", "-INF", "-0", "1e-7"]
)
DATES = st.dates().map(str) | st.datetimes().map(dt.datetime.isoformat) | st.datetimes().map(str)
DATES |= st.datetimes(timezones=st.sampled_from([dt.UTC, ZoneInfo("Asia/Kolkata")])).map(
    dt.datetime.isoformat
)
OTHERS = st.times().map(str) | st.sampled_from(
    ["true", "FALSE", "[1]", '{"a": 1.50}', "2020-02-30", "25:00:00", "1:2"]
)
COLUMN = st.one_of(
    *(
        st.lists(kind | st.just(""), max_size=5)
        for kind in (NUMBERS, DATES, OTHERS, st.text(), NUMBERS | DATES)
    ),
    st.lists(st.text("0123456789.-+eE", max_size=6), max_size=3),
    st.lists(st.datetimes(timezones=st.timezones()).map(dt.datetime.isoformat), max_size=2),
)


@given(COLUMN)
def test_what_is_inferred_can_be_cast_and_loses_nothing(texts):
    assert_castable(texts, infer(*texts)[0])


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    columns = zip(*rows, strict=True)
    return pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in columns], names=header)


FILES = {
    "co2-fossil-by-nation/data/fossil-fuel-co2-emissions-by-nation.csv": {
        "Country": "string",
        "Per Capita": "number",
    },
    "population/data/population.csv": {"Country Name": "string", "Country Code": "string"},
    "world-cities/data/world-cities.csv": {"name": "string", "country": "string", "subcountry": "string"},
}


@pytest.mark.parametrize("path", FILES)
def test_real_files_load_right_from_a_sample(shared_data, path):
    batch = table(shared_data / path)
    blocks = [batch.slice(0, 1000), *(batch.slice(start, 200) for start in range(1000, len(batch), 4000))]
    schema, notes = infer_schema(blocks)
    assert {field.name: field.type for field in schema} == dict.fromkeys(schema.names, "integer") | FILES[
        path
    ]
    assert notes == []
    for field in schema:
        assert_castable(batch.column(field.name).to_pylist(), field)


def test_codes_with_leading_zeros_are_text(shared_data):
    batch = table(shared_data / "country-codes/data/country-codes.csv")
    schema, _ = infer_schema([batch])
    leading = [
        name
        for name in schema.names
        if pc.any(pc.match_substring_regex(batch.column(name), "^0[0-9]")).as_py()
    ]
    assert "ISO4217-currency_numeric_code" in leading
    assert {schema.field(name).type for name in leading} == {"string"}
    for field in schema:
        assert_castable(batch.column(field.name).to_pylist(), field)


def test_a_head_that_is_blank_is_reported(shared_data):
    batch = table(shared_data / next(iter(FILES)))
    schema, notes = infer_schema([batch.slice(0, 4770)])
    assert schema.field("Per Capita").type == "string"
    assert any("'Per Capita' is blank throughout the sample" in note for note in notes)


EAST = dt.timezone(dt.timedelta(hours=9))
TOKYO, ROME = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Rome")
NOON = dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)
VALUES = [
    (["a", None], "string", pa.string()),
    ([True], "boolean", pa.bool_()),
    ([True, 1], "any", None),
    ([1, -(2**63)], "integer", pa.int64()),
    ([2**63], "integer", BIG),
    ([10**38], "any", None),
    ([Decimal("1.50"), 2], "number", NUMBER),
    ([Decimal("1E+3")], "number", NUMBER),
    ([Decimal("0.1234567890123")], "number", WIDE),
    ([Decimal("123456789012345678901234567890.12")], "number", pa.decimal128(38, 5)),
    ([Decimal("0E-25")], "number", pa.decimal128(38, 31)),
    ([Decimal("NaN"), Decimal(1)], "number", pa.float64()),
    ([1.5, float("nan")], "number", pa.float64()),
    ([1.5, 2**53], "number", pa.float64()),
    ([1.5, 2**53 + 1], "any", None),
    ([1.5, Decimal("0.10000000000000000001"), 7], "number", WIDE),
    ([0.1, Decimal("0.1")], "number", NUMBER),
    ([1e300, Decimal("0.1")], "number", pa.float64()),
    ([float("inf"), Decimal("0.1")], "number", pa.float64()),
    ([dt.date(2020, 1, 1)], "date", pa.date32()),
    ([dt.date(2020, 1, 1), NOON], "any", None),
    ([NOON.replace(tzinfo=None)], "datetime", pa.timestamp("us")),
    ([NOON, NOON], "datetime", pa.timestamp("us", "UTC")),
    ([NOON.astimezone(TOKYO)], "datetime", pa.timestamp("us", "Asia/Tokyo")),
    ([NOON.astimezone(dt.timezone(dt.timedelta(hours=2)))], "datetime", pa.timestamp("us", "+02:00")),
    ([NOON.astimezone(TOKYO), NOON.astimezone(ROME)], "datetime", pa.timestamp("us", "UTC")),
    ([NOON, NOON.replace(tzinfo=None)], "any", None),
    ([dt.time(1)], "time", pa.time64("us")),
    ([dt.timedelta(1), isodate.Duration(months=1)], "duration", pa.month_day_nano_interval()),
    ([[1], (2,)], "array", None),
    ([{"a": 1}, UserDict(b=2)], "object", None),
    ([None, None], "any", None),
    (["a", 1], "any", None),
]


@pytest.mark.parametrize(("values", "kind", "arrow"), VALUES)
def test_values_of_rows(values, kind, arrow):
    field = infer_rows([{"x": value} for value in values]).field("x")
    assert (field.type, field.arrow) == (kind, arrow or pa.json_(pa.string()))


def test_scalars_of_numpy_are_numbers():
    numpy = pytest.importorskip("numpy")
    row = {"i": numpy.int32(1), "f": numpy.float32(1.5), "b": numpy.bool_(True), "d": numpy.float64(1)}
    assert [field.type for field in infer_rows([row])] == ["integer", "number", "boolean", "number"]


@given(
    st.lists(st.integers(-(10**38) + 1, 10**38 - 1), min_size=1)
    | st.lists(
        st.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=-(10**17), max_value=10**17),
        min_size=1,
    )
    | st.lists(st.decimals(-1000, 1000, places=25) | st.integers(-9, 9), min_size=1)
    | st.lists(st.floats(allow_nan=False) | st.integers(-(2**53), 2**53), min_size=1)
    | st.lists(st.dates() | st.none())
    | st.lists(st.datetimes(timezones=st.sampled_from([dt.UTC, EAST])))
)
def test_the_column_that_is_inferred_holds_the_values(values):
    schema = infer_rows([{"x": value} for value in values])
    for field in schema:
        if field.type == "any":
            assert set(values) <= {None}
        else:
            rows = [{"x": value} for value in values]
            assert RowCodec(schema).decode(RowCodec(schema).encode(rows)) == rows


def test_keys_are_fields_in_the_order_of_their_first_sight():
    rows = [{"b": 1}, {"a": "x", "b": 2}, {}, {"c": None, "a": "y"}]
    schema = infer_rows(rows)
    assert [(field.name, field.type) for field in schema] == [("b", "integer"), ("a", "string"), ("c", "any")]


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (b"x", "value.decode()"),
        (memoryview(b"x"), "value.decode()"),
        ({1}, "convert it"),
        (1j, "convert it"),
        (Fraction(1, 3), "convert it"),
        (object(), "convert it"),
        (Decimal("1E-40"), "38 digits"),
        (Decimal(10**38), "38 digits"),
        (dt.time(1, tzinfo=dt.UTC), "no zone"),
    ],
)
def test_values_without_a_form_are_refused_with_a_remedy(value, remedy):
    with pytest.raises(SchemaError, match=remedy) as caught:
        infer_rows([{"x": None}, {"x": value}])
    assert "field 'x'" in str(caught.value)
    assert type(value).__name__ in str(caught.value)


def test_keys_must_be_text():
    with pytest.raises(SchemaError, match="are text, and this is not"):
        infer_rows([{1: "x"}])


def test_fields_have_what_their_descriptors_say():
    for texts in (["1.5"], ["1"], ["a"], ["true"]):
        field, _ = infer(*texts)
        assert field == Field(dict(field.descriptor))
