"""Casting against tableschema as the oracle: the same texts are accepted, with the same values.

Where dataflows differs on purpose, the difference has a name here (`DEVIATIONS`) and a reason. Everything
else that tableschema accepts is accepted too, `1_000` and full-width digits included: it is the authority.
"""

# Datetimes without a zone are the subject here, and the rows of a table stay rows.
# ruff: noqa: E501

from __future__ import annotations

import ast
import datetime as dt
import re
import warnings
from decimal import Decimal
from functools import lru_cache

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core.carried import typed
from dataflows_core.cast import cast_column, missing_texts
from dataflows_core.schema import Field, Schema

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import tableschema

REFUSED = "refused"


def make(type_: str, arrow: pa.DataType | None = None, **options: object) -> Field:
    return Field({"name": "x", "type": type_, **options}, arrow)


@lru_cache
def oracle(descriptor: str) -> tableschema.Field:
    return tableschema.Field(ast.literal_eval(descriptor), missing_values=[""])


def ask(field: Field, text: str) -> object:
    """What tableschema says."""
    try:
        value = oracle(repr(field.descriptor)).cast_value(text, constraints=False)
    except tableschema.exceptions.CastError:
        return REFUSED
    except (ArithmeticError, ValueError):  # it crashes on some texts, which is no acceptance
        return REFUSED
    return value


def told(value: object, field: Field) -> object:
    """A value of tableschema as Arrow gives it back."""
    if value is REFUSED or value is None:
        return value
    if field.type == "yearmonth":
        return f"{value[0]:04d}-{value[1]:02d}"
    if field.type == "duration":
        return duration(value)
    if field.type == "geopoint":
        return {"lon": value[0], "lat": value[1]}
    if field.arrow == pa.float64():
        return value if value.is_snan() else repr(float(value))
    return value


def duration(value: object) -> tuple[int, int, int]:
    months, rest = (
        (0, value) if isinstance(value, dt.timedelta) else (value.years * 12 + value.months, value.tdelta)
    )
    micros = rest // dt.timedelta(microseconds=1)
    sign = -1 if micros < 0 else 1
    days, left = divmod(abs(micros), 86_400_000_000)
    return int(months), sign * days, sign * left * 1000


def seen(field: Field, texts: list[str]) -> list[object]:
    column, errors = cast_column(pa.array(texts, pa.string()), field)
    assert column.type == field.arrow
    assert [error.index for error in errors] == sorted({error.index for error in errors})
    values = column.to_pylist()
    if field.arrow == pa.float64():
        values = [None if value is None else repr(value) for value in values]
    for error in errors:
        assert values[error.index] is None
        assert (error.field, error.value) == ("x", texts[error.index])
        values[error.index] = REFUSED
    return values


def too_much(number: object) -> bool:
    """A number with more decimals or digits than the type holds, or one that is not finite."""
    if not isinstance(number, Decimal):
        return False
    if not number.is_finite():
        return True
    _, digits, exponent = number.as_tuple()
    significant = "".join(map(str, digits)).lstrip("0")
    decimals = -exponent - (len(significant) - len(significant.rstrip("0")))
    return bool(significant) and (decimals > 12 or len(significant) + exponent > 26)


DEVIATIONS = {
    "exact numbers only": lambda f, t: f.type == "number" and f.arrow != pa.float64() and too_much(ask(f, t)),
    "a double is not infinite by accident": lambda f, t: (
        f.arrow == pa.float64() and told(ask(f, t), f) in ("inf", "-inf") and "e" in t.lower()
    ),
    "a signalling NaN is no number": lambda f, t: f.type == "number" and "snan" in t.lower(),
    "integers of 64 bits": lambda f, t: (
        f.type == "integer" and ask(f, t) is not REFUSED and not -(2**63) <= ask(f, t) < 2**63
    ),
    # The minus sign and the decimal point are not what surrounds a number.
    "bareNumber keeps the sign": lambda f, t: (
        f.descriptor.get("bareNumber") is False and re.match(r"\D*[-−.,]\D*\d", t) is not None
    ),
    "fractions and zones of version 2": lambda f, t: (
        f.type in ("time", "datetime") and re.search(r"[.]\d|[+-]\d\d:\d\d$|T[\d:]+$", t) is not None
    ),
    "coordinates are decimals": lambda f, t: (
        f.type == "geopoint" and (f.format != "default" or ask(f, t) is REFUSED or any(map(far, ask(f, t))))
    ),
    "JSON has no NaN": lambda f, t: (
        f.type in ("object", "array", "geojson") and re.search("NaN|Infinity", t) is not None
    ),
    "whole months": lambda f, t: f.type == "duration" and re.search(r"[.,]\d*[YM]", t) is not None,
}


def far(coordinate: Decimal) -> bool:
    return not coordinate.is_finite() or -coordinate.as_tuple().exponent > 12


def check(field: Field, texts: list[str]) -> None:
    for text, value in zip(texts, seen(field, texts), strict=True):
        expected = told(ask(field, text), field)
        if value != expected and not any(differs(field, text) for differs in DEVIATIONS.values()):
            raise AssertionError(f"{field.descriptor}: {text!r} is {value!r}, to tableschema {expected!r}")


digits = st.integers(-(10**20), 10**20).map(str)
plain = st.decimals(allow_nan=False, allow_infinity=False, places=4).map(str)
odd = st.text("0123456789.-+eE_ xXaNinf,٣１\n\t%€−", max_size=8)
numbers = st.one_of(
    digits,
    plain,
    odd,
    st.floats().map(str),
    st.from_regex(r"\A-?[0-9]{1,40}(\.[0-9]{1,30})?\Z"),
    st.sampled_from(
        ["", "007", "-0", "0x10", "1_000", "1e400", "1e5", " 5", "5 ", "١٢", "１２", "NaN", "INF", "sNaN"]
    ),
)


@pytest.mark.parametrize(
    "field",
    [
        make("number"),
        make("number", floatNumber=True),
        make("integer"),
        make("integer", bareNumber=False),
        make("number", bareNumber=False),
    ],
    ids=lambda field: "-".join(map(str, field.descriptor.values())),
)
@given(data=st.data())
def test_numbers(field: Field, data: st.DataObject) -> None:
    check(field, data.draw(st.lists(numbers, max_size=6)))


@pytest.mark.parametrize(
    "options",
    [
        {"decimalChar": ","},
        {"groupChar": ","},
        {"groupChar": " "},
        {"decimalChar": ",", "groupChar": "."},
        {"decimalChar": ",", "groupChar": ".", "bareNumber": False},
        {"decimalChar": "·", "groupChar": "'"},
    ],
    ids=str,
)
@settings(max_examples=60)
@given(data=st.data())
def test_numbers_with_characters(options: dict[str, object], data: st.DataObject) -> None:
    chars = "0123" + "".join(value for value in options.values() if isinstance(value, str))
    grouped = st.text(chars + "-.e 5", max_size=10)
    nice = st.integers(0, 10**8).map(lambda n: f"{n:,}".replace(",", options.get("groupChar", "")))
    check(make("number", **options), data.draw(st.lists(st.one_of(grouped, nice, numbers), max_size=6)))


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        ({"bareNumber": False}, "-5 %", "-5"),
        ({"bareNumber": False}, "€ -5.5", "-5.5"),
        ({"bareNumber": False}, "-€5", "-5"),
        ({"bareNumber": False}, "−5 kg", "-5"),
        ({"bareNumber": False}, ".5", "0.5"),
        ({"bareNumber": False}, "Fr. 5", "5"),
        ({"bareNumber": False, "groupChar": ","}, "$1,234.50", "1234.5"),
        ({"decimalChar": ",", "groupChar": "."}, "-1.234,5", "-1234.5"),
    ],
)
def test_a_sign_survives_what_surrounds_a_number(options: dict[str, object], text: str, value: str) -> None:
    assert seen(make("number", **options), [text]) == [Decimal(value)]
    # In a column that needs the slow path as well, nothing changes.
    assert seen(make("number", **options), [text, "١"])[0] == Decimal(value)


@given(st.lists(st.one_of(st.integers(-(2**63) - 3, 2**63 + 3), st.integers(-9, 9)), min_size=1))
def test_integers_with_group_characters(values: list[int]) -> None:
    texts = [f"{value:,}" for value in values]
    fits = [value if -(2**63) <= value < 2**63 else REFUSED for value in values]
    assert seen(make("integer", groupChar=","), texts) == fits
    assert seen(make("integer", pa.decimal128(38, 0), groupChar=","), texts) == [Decimal(v) for v in values]


@given(
    st.lists(st.from_regex(r"\A-?[0-9]{1,45}(\.[0-9]{0,45})?\Z"), min_size=1),
    st.sampled_from([0, 2, 12, 21, 38]),
)
def test_a_number_is_never_rounded(texts: list[str], scale: int) -> None:
    kind = pa.decimal128(38, scale)
    column, errors = cast_column(pa.array(texts), make("number", kind))
    failed = {error.index: error for error in errors}
    for index, (text, value) in enumerate(zip(texts, column.to_pylist(), strict=True)):
        _, figures, exponent = Decimal(text).as_tuple()
        significant = "".join(map(str, figures)).lstrip("0")
        decimals = -exponent - (len(significant) - len(significant.rstrip("0"))) if significant else 0
        fits = decimals <= scale and len(significant) + exponent <= 38 - scale
        assert (index not in failed) == fits
        assert value == Decimal(text) if fits else "floatNumber" in failed[index].remedy


def test_what_does_not_fit_names_a_remedy() -> None:
    _, errors = cast_column(pa.array(["9223372036854775808"]), make("integer"))
    assert "number" in errors[0].remedy
    _, errors = cast_column(pa.array(["1e400"]), make("number", floatNumber=True))
    assert "string" in errors[0].remedy
    _, errors = cast_column(pa.array(["NaN"]), make("number"))
    assert "floatNumber" in errors[0].remedy


dates = st.one_of(
    st.dates().map(str),
    st.from_regex(r"\A[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\Z"),
    st.sampled_from(
        ["0000-01-01", "1900-02-29", "2000-02-29", "2020-02-30", " 2020-01-01", "20200101", "２０２０-01-01"]
    ),
)
times = st.one_of(
    st.times().map(lambda t: t.strftime("%H:%M:%S")),
    st.from_regex(r"\A[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}Z?\Z"),
    st.sampled_from(["24:00:00", "23:59:60", "1:2:3", "12:00"]),
)


@given(st.lists(st.one_of(dates, st.just("")), max_size=6))
def test_dates(texts: list[str]) -> None:
    check(make("date"), texts)


@given(st.lists(times, max_size=6))
def test_times(texts: list[str]) -> None:
    check(make("time"), texts)


@given(st.lists(st.builds("{}T{}{}".format, dates, times, st.sampled_from(["", "Z"])), max_size=6))
def test_datetimes(texts: list[str]) -> None:
    check(make("datetime"), texts)


FORMATS = [
    ("date", "%d/%m/%Y"),
    ("date", "%m/%d/%y"),
    ("date", "fmt:%d.%m.%Y"),
    ("date", "%Y%m%d"),
    ("date", "%d %b %Y"),
    ("date", "100%% %Y-%m-%d"),
    ("date", "%Y"),
    ("time", "%H:%M"),
    ("time", "%I:%M %p"),
    ("time", "%H.%M.%S.%f"),
    ("datetime", "%d/%m/%Y %H:%M"),
    ("datetime", "%Y-%m-%d %H:%M:%S.%f"),
    ("datetime", "(%d) %Y [%m]"),
]


@pytest.mark.parametrize(("type_", "form"), FORMATS)
@settings(max_examples=40)
@given(data=st.data())
def test_formats(type_: str, form: str, data: st.DataObject) -> None:
    moments = st.datetimes(dt.datetime(1000, 1, 1)).map(lambda m: m.strftime(form.removeprefix("fmt:")))
    broken = st.builds(
        lambda text, at, char: text[:at] + char + text[at + 1 :], moments, st.integers(0, 12), odd
    )
    texts = data.draw(st.lists(st.one_of(moments, broken, dates), max_size=6))
    field = make(type_, format=form)
    plain = make(type_, format=form.removeprefix("fmt:"))
    for text, value in zip(texts, seen(field, texts), strict=True):
        assert value == ask(plain, text), text


def test_datetimes_of_version_2() -> None:
    texts = [
        "2020-01-02T03:04:05.25",
        "2020-01-02T03:04:05Z",
        "2020-01-02T03:04:05",
        "2020-01-02T03:04:05+02:00",
    ]
    start = dt.datetime(2020, 1, 2, 3, 4, 5)
    assert seen(make("datetime"), texts) == [start.replace(microsecond=250000), start, start, REFUSED]
    utc = dt.UTC
    zoned = seen(make("datetime", pa.timestamp("us", "UTC")), texts)
    assert zoned == [REFUSED, start.replace(tzinfo=utc), REFUSED, start.replace(hour=1, tzinfo=utc)]
    assert seen(make("time"), ["03:04:05.000001", "03:04:05.0000001"]) == [dt.time(3, 4, 5, 1), REFUSED]


def test_any_date_must_say_it_all() -> None:
    texts = ["1 Jan 2020", "2020-01-01T10:00:00Z", "10:00", "January 2020", "5", "never"]
    assert seen(make("date", format="any"), texts) == [dt.date(2020, 1, 1)] * 2 + [REFUSED] * 4
    assert seen(make("time", format="any"), ["10pm", "10:30", "2020-01-01"]) == [
        dt.time(22),
        dt.time(10, 30),
        REFUSED,
    ]
    zones = ["2020-01-01 10:00 +02:00", "2020-01-01 10:00 EST", "2020-01-01 10:00 UTC"]
    here = dt.datetime(2020, 1, 1, 10)
    assert seen(make("datetime", format="any"), zones) == [REFUSED, REFUSED, here]


words = st.one_of(
    st.sampled_from(["true", "True", "TRUE", "1", "false", "0", "yes", "no", " true", "tRue", ""]),
    st.text(max_size=3),
)


@given(st.lists(words), st.lists(words, min_size=1), st.lists(words, min_size=1))
def test_booleans(texts: list[str], trues: list[str], falses: list[str]) -> None:
    check(make("boolean"), texts)
    check(make("boolean", trueValues=trues, falseValues=falses), texts + trues + falses)


@given(st.lists(st.one_of(st.from_regex(r"\A[0-9]{1,5}\Z"), odd), max_size=6))
def test_years(texts: list[str]) -> None:
    check(make("year"), texts)


@given(st.lists(st.one_of(st.from_regex(r"\A[0-9]{1,4}-[0-9]{1,2}\Z"), odd), max_size=6))
def test_yearmonths(texts: list[str]) -> None:
    check(make("yearmonth"), texts)


@given(
    st.lists(
        st.one_of(st.from_regex(r"\A-?P(\d{1,3}Y)?(\d{1,3}M)?(\d{1,3}D)?(T(\d{1,3}H)?(\d{1,2}M)?)?\Z"), odd),
        max_size=6,
    )
)
def test_durations(texts: list[str]) -> None:
    check(make("duration"), texts)


STRINGS = {
    "email": st.text("ab@. \n", max_size=8),
    "uri": st.one_of(
        st.text("aZ1:/?#[]@%.+- ", max_size=12), st.text("ab/.?", max_size=8).map("http://a.b/{}".format)
    ),
    "uuid": st.one_of(
        st.uuids().map(str), st.uuids().map(lambda u: f"{{{u}}}"), st.text("0123456789abcdefg-", max_size=36)
    ),
    "binary": st.text("abAB01+/= ", max_size=9),
    "default": st.text(max_size=8),
    "unheard-of": st.text(max_size=8),
}


@pytest.mark.parametrize("form", STRINGS)
@given(data=st.data())
def test_strings(form: str, data: st.DataObject) -> None:
    check(make("string", format=form), data.draw(st.lists(STRINGS[form], max_size=6)))


def test_a_pattern_is_matched_value_by_value() -> None:
    # Two halves of an address in two values are no address.
    check(make("string", format="email"), ["a@", "b.c"])


coordinates = st.one_of(
    st.decimals(-200, 200, places=3).map(str),
    st.sampled_from(["180", "-90", "90.0000000000001", " 1", "NaN", "1e1"]),
)


@given(
    st.lists(
        st.builds("{}{}{}".format, coordinates, st.sampled_from([",", ", ", ";"]), coordinates), max_size=6
    )
)
def test_geopoints(texts: list[str]) -> None:
    check(make("geopoint"), texts)


@given(st.lists(st.tuples(st.decimals(-200, 200, places=3), st.decimals(-100, 100, places=3)), max_size=6))
def test_geopoints_in_json(points: list[tuple[Decimal, Decimal]]) -> None:
    inside = [
        {"lon": lon, "lat": lat} if abs(lon) <= 180 and abs(lat) <= 90 else REFUSED for lon, lat in points
    ]
    assert seen(make("geopoint", format="array"), [f"[{lon}, {lat}]" for lon, lat in points]) == inside
    objects = [f'{{"lon": {lon}, "lat": {lat}}}' for lon, lat in points]
    assert seen(make("geopoint", format="object"), objects) == inside
    assert seen(
        make("geopoint", format="object"), ['{"lat": 2, "lon": 1}', '{"lon": 01, "lat": 2}', "{}"]
    ) == [
        {"lon": 1, "lat": 2},
        REFUSED,
        REFUSED,
    ]


json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("type_", ["object", "array"])
@given(
    values=st.lists(json_values, max_size=4), junk=st.lists(st.text('{}[]":1,Na ', max_size=8), max_size=4)
)
def test_json(type_: str, values: list[object], junk: list[str]) -> None:
    import json

    texts = [json.dumps(value) for value in values] + [json.dumps(value, indent=1) for value in values] + junk
    field = make(type_)
    column, errors = cast_column(pa.array(texts, pa.string()), field)
    failed = {error.index for error in errors}
    for index, text in enumerate(texts):
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)
        expected = REFUSED if "NaN" in bare or "Infinity" in bare else ask(field, text)
        if text == "":
            assert column[index].as_py() is None
        elif expected is REFUSED:
            assert index in failed
        else:
            # As it was written, so that no digit of a number is lost.
            assert column.storage[index].as_py() == text.strip(" \t\r\n")


def test_hostile_json_is_refused() -> None:
    texts = ["[" * 100_000, '{"a": NaN}', "[Infinity]", '{"a": 1} {"b": 2}', "[1]]"]
    assert seen(make("object"), texts) == [REFUSED] * 5
    assert seen(make("array"), texts) == [REFUSED] * 5


def test_geojson() -> None:
    point = '{"type": "Point", "coordinates": [1.5, 2]}'
    assert (
        seen(make("geojson"), [point, '{"type": "Point"}', '{"type":"Nowhere"}', "[]"])
        == [point] + [REFUSED] * 3
    )
    assert seen(make("geojson", format="topojson"), ['{"type":"Topology"}', "1"]) == [
        '{"type":"Topology"}',
        REFUSED,
    ]


@given(st.lists(st.one_of(st.text(max_size=6), st.sampled_from(['"', "\\", "\n", "5", "null"])), max_size=6))
def test_any_text_is_that_text(texts: list[str]) -> None:
    import json

    column, errors = cast_column(pa.array(texts, pa.string()), make("any"))
    assert not errors
    assert [None if v is None else json.loads(v) for v in column.storage.to_pylist()] == [
        t or None for t in texts
    ]


ITEMS = {"string": str, "integer": int, "boolean": lambda t: t == "true", "date": dt.date.fromisoformat}


@pytest.mark.parametrize("item", ITEMS)
@given(data=st.data())
def test_lists(item: str, data: st.DataObject) -> None:
    makers = {
        "string": st.text("ab ", min_size=1, max_size=3),
        "integer": st.integers(-99, 99).map(str),
        "boolean": st.sampled_from(["true", "false"]),
        "date": st.dates().map(str),
    }
    rows = data.draw(st.lists(st.lists(makers[item], min_size=1, max_size=4), max_size=5))
    field = make("list", itemType=item, delimiter=";")
    assert seen(field, [";".join(row) for row in rows]) == [
        [ITEMS[item](part) for part in row] for row in rows
    ]


def test_one_bad_item_spoils_its_list_alone() -> None:
    texts = ["1,2", "3,x", "４", "", "5"]
    assert seen(make("list", itemType="integer"), texts) == [[1, 2], REFUSED, [4], None, [5]]
    column, errors = cast_column(pa.array(["", "a"]), make("list"), missing_values=[])
    assert (column.to_pylist(), errors) == ([[], ["a"]], [])


def test_missing_values() -> None:
    texts = pa.array(["", "-", "n/a", "1", None])
    column, errors = cast_column(
        texts, make("integer"), missing_values=["-", {"value": "n/a", "label": "none"}]
    )
    assert column.to_pylist() == [None, None, None, 1, None]
    assert [error.index for error in errors] == [0]
    own = make("integer", missingValues=[{"value": "1"}, "2", "3", "4", "5"])
    assert missing_texts(own, ["-"]) == ("1", "2", "3", "4", "5")
    column, errors = cast_column(texts, own, missing_values=["", "-"])
    assert [error.index for error in errors] == [0, 1, 2]
    assert cast_column(pa.array(["a", ""]), make("string"))[0].to_pylist() == ["a", None]


ALL = {
    "string": "a", "integer": "1", "number": "1.5", "boolean": "true", "date": "2020-01-02", "time": "01:02:03",
    "datetime": "2020-01-02T03:04:05", "year": "2020", "yearmonth": "2020-01", "duration": "P1D", "geopoint": "1, 2",
    "list": "a,b", "object": "{}", "array": "[]", "geojson": '{"type": "Point", "coordinates": [1, 2]}', "any": "x",
}  # fmt: skip


@pytest.mark.parametrize("type_", ALL)
def test_empty_null_and_sliced_columns(type_: str) -> None:
    field, text = make(type_), ALL[type_]
    whole = pa.array(["bad", None, text, "", text, "bad", None])
    one = cast_column(pa.array([text]), field)[0]
    for kind in (
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.null(),
        pa.dictionary(pa.int32(), pa.string()),
    ):
        column, errors = cast_column(pa.array([], kind), field)
        assert (column.type, len(column), errors) == (field.arrow, 0, [])
        column, errors = cast_column(pa.nulls(3, kind), field)
        assert (column.type, column.null_count, errors) == (field.arrow, 3, [])
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        column, errors = cast_column(whole.cast(kind).slice(1, 4), field)
        assert errors == []
        assert column.to_pylist() == [None, one[0].as_py(), None, one[0].as_py()]
    column, errors = cast_column(whole.slice(4, 3), field, carry=True)
    assert len(errors) == (0 if type_ in ("string", "any", "list") else 1)
    assert column[0].as_py() in (one[0].as_py(), text)
    for again in (one, one.slice(1)):
        if not pa.types.is_string(again.type):
            column, errors = cast_column(again, field)
            assert (column, errors) == (again, [])


@given(st.data())
def test_what_is_carried_is_the_same_in_the_end(data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.one_of(numbers, dates, st.none()), max_size=5))
    for field in (make("integer"), make("number"), make("date"), make("integer", pa.decimal128(38, 0))):
        plain, errors = cast_column(pa.array(texts, pa.string()), field)
        carried, same = cast_column(pa.array(texts, pa.string()), field, carry=True)
        assert [error.args for error in errors] == [error.args for error in same]
        batch = pa.RecordBatch.from_arrays([carried], names=["x"])
        assert typed(batch, Schema((field,))).column(0) == plain
