from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal

import isodate
import pyarrow as pa
import pytest
import tableschema
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dataflows_core.constraints import CONSTRAINTS, check_constraints_declared, violations
from dataflows_core.errors import SchemaError
from dataflows_core.patterns import compile_pattern, to_re2
from dataflows_core.schema import Field

# Each of these tests runs for many types, and tableschema takes its time to construct a field.
FEW = settings(max_examples=40)
NEW_YEAR = dt.datetime.fromisoformat("2020-01-01")
DAY, MICRO = dt.timedelta(days=1), dt.timedelta(microseconds=1)
SMALL = st.integers(-3, 3)
DECIMALS = st.decimals(-5, 5, places=1) | st.decimals(-(10**20), 10**20, places=12)
DAYS = st.dates(dt.date(2020, 1, 1), dt.date(2020, 1, 5)) | st.dates()
# How text of each type looks in a cell, and in a descriptor.
TEXTS = {
    "string": st.text("abä\n", max_size=4),
    "integer": (SMALL | st.integers(-(2**63), 2**63 - 1)).map(str),
    "number": DECIMALS.map(lambda number: format(number, "f")),
    "boolean": st.sampled_from(["true", "false"]),
    "date": DAYS.map(dt.date.isoformat),
    "time": st.times().map(lambda time: time.replace(microsecond=0).isoformat()),
    "datetime": st.datetimes(NEW_YEAR, NEW_YEAR + 2 * DAY).map(
        lambda time: time.replace(microsecond=0).isoformat() + "Z"
    ),
    "year": st.integers(2015, 2020).map(str) | st.integers(0, 9999).map("{:04}".format),
    "yearmonth": st.builds("{:04}-{:02}".format, st.integers(2019, 2020), st.integers(1, 12)),
    "duration": st.timedeltas(dt.timedelta(-5), dt.timedelta(5)).map(isodate.duration_isoformat),
    "geopoint": st.builds("{},{}".format, SMALL, st.decimals(-2, 2, places=1)),
    "object": st.dictionaries(st.sampled_from("abc"), SMALL, max_size=3).map(json.dumps),
    "array": st.lists(SMALL, max_size=3).map(json.dumps),
    "any": st.sampled_from(["a", "b", "1"]),
}
ORDERED = sorted(CONSTRAINTS["minimum"])


def typed_column(texts, field):
    """Cells as tableschema casts them, in the column that carries them."""
    oracle = tableschema.Field({k: v for k, v in field.descriptor.items() if k != "constraints"})
    values = [oracle.cast_value(text, constraints=False) for text in texts]
    if isinstance(field.arrow, pa.JsonType):
        storage = [None if value is None else json.dumps(value) for value in values]
        return pa.ExtensionArray.from_storage(field.arrow, pa.array(storage, pa.string()))
    if field.type == "yearmonth":
        values = [None if value is None else "{:04}-{:02}".format(*value) for value in values]
    if field.type == "duration":
        values = [
            None if value is None else (0, value.days, (value - dt.timedelta(value.days)) // MICRO * 1000)
            for value in values
        ]
    if field.type == "geopoint":
        values = [None if value is None else {"lon": value.lon, "lat": value.lat} for value in values]
    return pa.array(values, field.arrow)


def broken(column, field):
    return [error.index for error in violations(column, field)]


def agree(field, texts):
    """Our verdicts are tableschema's, on a slice too."""
    column = typed_column(texts, field)
    oracle = tableschema.Field(dict(field.descriptor))
    expected = [
        i for i, text in enumerate(texts) if not oracle.test_value(text, constraints=list(field.constraints))
    ]
    assert broken(column, field) == expected
    assert broken(column.slice(1), field) == [i - 1 for i in expected if i >= 1]


def cells(kind):
    return st.lists(TEXTS[kind] | st.just(""), min_size=1, max_size=8)


@FEW
@given(st.data())
@pytest.mark.parametrize("name", ["minimum", "maximum"])
@pytest.mark.parametrize("kind", ORDERED)
def test_bounds_are_those_of_tableschema(kind, name, data):
    bound = data.draw(TEXTS[kind])
    agree(Field({"name": "x", "type": kind, "constraints": {name: bound}}), [*data.draw(cells(kind)), bound])


@FEW
@given(st.data())
@pytest.mark.parametrize("kind", ORDERED)
def test_exclusive_bounds_leave_out_the_bound(kind, data):
    bound, texts = data.draw(TEXTS[kind]), data.draw(cells(kind))
    for name in ("minimum", "maximum"):
        inclusive = Field({"name": "x", "type": kind, "constraints": {name: bound}})
        strict = Field({"name": "x", "type": kind, "constraints": {f"exclusive{name.title()}": bound}})
        only = Field({"name": "x", "type": kind, "constraints": {"enum": [bound]}})
        column = typed_column([*texts, bound], strict)
        equal = (
            set(range(len(column))) - set(broken(column, only)) - {i for i, t in enumerate(texts) if t == ""}
        )
        assert len(texts) in equal
        assert set(broken(column, strict)) == set(broken(column, inclusive)) | equal


@FEW
@given(st.data())
@pytest.mark.parametrize("kind", sorted(TEXTS))
def test_enum_is_that_of_tableschema(kind, data):
    texts = data.draw(cells(kind))
    # It cannot construct a field that lists a blank.
    choice = st.one_of(TEXTS[kind].filter(bool), *(st.just(text) for text in texts if text))
    listed = data.draw(st.lists(choice, min_size=1))
    agree(Field({"name": "x", "type": kind, "constraints": {"enum": listed}}), texts)


@FEW
@given(st.data())
@pytest.mark.parametrize("name", ["minLength", "maxLength"])
@pytest.mark.parametrize("kind", ["string", "object", "array"])
def test_lengths_are_those_of_tableschema(kind, name, data):
    field = Field({"name": "x", "type": kind, "constraints": {name: data.draw(st.integers(0, 4))}})
    agree(field, data.draw(cells(kind)))


@FEW
@given(st.data())
@pytest.mark.parametrize("kind", sorted(TEXTS))
def test_required_is_that_of_tableschema(kind, data):
    field = Field({"name": "x", "type": kind, "constraints": {"required": data.draw(st.booleans())}})
    agree(field, data.draw(cells(kind)))


@given(
    cells("string"), st.sampled_from(["a+", "[ab]*", ".b", "ä?a{1,2}", r"\w+", r"(a|b)b*", r"[^a]*", "^a.*$"])
)
def test_pattern_is_that_of_tableschema(texts, pattern):
    # Its `$` lets a line feed follow, which is not a whole match.
    assume(not any(text.endswith("\n") for text in texts))
    agree(Field({"name": "x", "type": "string", "constraints": {"pattern": pattern}}), texts)


PARTS = st.sampled_from(
    [r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", "a", ".", r"\.", "^", "$", "a$b", "a{2}", "{a"]
) | (
    st.sampled_from(
        ["[a-c]", "[^a]", r"[\d.]", r"[\w\-]", "[]a]", "[^]a]", "[[a]", r"[+\s]", r"[\x41-Z]", "[&&a]"]
    )
    | st.sampled_from(["[a-]", "[-a]", r"[^\s\d]", r"[\D]", r"[\W]", "[ab]{2,3}", r"\u0061", r"\é", r"\bа"])
    | st.sampled_from(["(a|b)", "(?:ab)", "(?=a)", "(?i:A)", "(a*)*", "(?P<n>a)", r"\1", r"\Z", r"\n"])
)
COUNTS = st.sampled_from(["", "*", "+", "?", "{2}", "{1,}", "{,2}", "*?", "++", "|"])
PATTERNS = st.lists(st.builds(str.__add__, PARTS, COUNTS), min_size=1, max_size=4).map("".join)
ODD = st.text("aAbc1٣_-é +.\n\r\x1c\x85\u00a0\u2028]^&[²ⅷ한\u0301", max_size=6)


PLAIN = st.text("ab1.", min_size=1, max_size=3)


@given(PATTERNS, st.lists(ODD | st.none(), max_size=8) | st.lists(PLAIN | st.none(), max_size=3))
def test_patterns_mean_what_python_says(pattern, texts):
    try:
        expression = re.compile(pattern)
    except (re.error, FutureWarning):
        assume(False)
    expected = [None if text is None else expression.fullmatch(text) is not None for text in texts]
    assert compile_pattern(pattern)(pa.array(texts, pa.string())).to_pylist() == expected


def test_usual_patterns_need_no_python_loop():
    usual = [
        r"\d{4}-\d\d",
        "[A-Z]{2,3}",
        r"^[\w.-]+@[\w-]+\.[a-z]+$".replace(r"[\w-]", r"[\w\-]"),
        "(a|b)*c",
        r"\S+",
    ]
    assert all(to_re2(pattern) is not None for pattern in usual)


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"\p{Lu}\p{Ll}*", "Éa", "éa"),
        (r"\i\c*", "a-b.1", "1a"),
        (r"[\c]+", "a:b", "a b"),
        (r"\P{L}+", "12", "1a"),
    ],
)
def test_patterns_have_what_only_xml_schema_has(pattern, good, bad):
    assert compile_pattern(pattern)(pa.array([good, bad])).to_pylist() == [True, False]


@given(st.data())
def test_bounds_finer_or_wider_than_the_column_are_kept_exactly(data):
    kind = data.draw(st.sampled_from([pa.decimal128(4, 2), pa.int8(), pa.uint8(), pa.decimal128(38, 0)]))
    limit = 99 if pa.types.is_decimal(kind) else 100
    numbers = st.integers(0, limit).map(Decimal)
    if getattr(kind, "scale", 0):
        numbers |= st.decimals(-99, 99, places=2)
    values = data.draw(st.lists(numbers, max_size=6))
    bound = data.draw(
        st.decimals(-100, 100, places=4)
        | st.sampled_from([Decimal("1e300"), Decimal("-1e-999999"), Decimal("-INF")])
        | st.sampled_from([Decimal("99.9901"), Decimal("-99.995"), Decimal("127.5"), Decimal("255.5")])
    )
    column = pa.array(values if pa.types.is_decimal(kind) else [int(value) for value in values], kind)
    tests = {
        "minimum": lambda value: value >= bound,
        "maximum": lambda value: value <= bound,
        "exclusiveMinimum": lambda value: value > bound,
        "exclusiveMaximum": lambda value: value < bound,
        "enum": lambda value: value == bound,
    }
    for name, keeps in tests.items():
        constraint = [str(bound)] if name == "enum" else str(bound)
        field = Field({"name": "x", "type": "number", "constraints": {name: constraint}}, kind)
        assert broken(column, field) == [i for i, value in enumerate(values) if not keeps(value)]


@pytest.mark.parametrize(
    ("arrow", "values", "bound", "expected"),
    [
        (pa.float64(), [0.1, 0.2, float("nan"), float("inf"), None], 0.1, [1, 2, 3]),
        (
            pa.timestamp("s"),
            [NEW_YEAR, NEW_YEAR + DAY],
            "2020-01-01T00:00:00.5Z",
            [1],
        ),
        (pa.timestamp("ns"), [NEW_YEAR], "9000-01-01T00:00:00Z", []),
        (pa.timestamp("ns"), [NEW_YEAR], "0900-01-01T00:00:00Z", [0]),
        (
            pa.timestamp("us", "Asia/Tokyo"),
            [NEW_YEAR.replace(tzinfo=dt.UTC)],
            "2020-01-01T08:59:59+09:00",
            [0],
        ),
        (
            pa.timestamp("us", "Asia/Tokyo"),
            [NEW_YEAR.replace(tzinfo=dt.UTC)],
            "2020-01-01T09:00:00+09:00",
            [],
        ),
        (pa.time32("s"), [dt.time(1), dt.time(2)], "01:00:00.5", [1]),
        (pa.duration("s"), [dt.timedelta(1), dt.timedelta(2)], "P1D", [1]),
        (pa.date64(), [dt.date(2020, 1, 1), dt.date(2020, 1, 2)], "2020-01-01", [1]),
    ],
)
def test_bounds_of_columns_from_typed_sources(arrow, values, bound, expected):
    kinds = {
        pa.float64(): "number",
        pa.date64(): "date",
        pa.time32("s"): "time",
        pa.duration("s"): "duration",
    }
    kind = kinds.get(arrow, "datetime")
    field = Field({"name": "x", "type": kind, "constraints": {"maximum": bound}}, arrow)
    assert broken(pa.array(values, arrow), field) == expected


def test_durations_with_months_have_the_partial_order_of_xml_schema():
    column = pa.array(
        [(1, 0, 0), (0, 31, 0), (0, 27, 0), (0, 30, 0), None, (-1, 0, 0), (14, 0, 0)],
        pa.month_day_nano_interval(),
    )
    field = Field({"name": "x", "type": "duration", "constraints": {"exclusiveMaximum": "P1M"}})
    # 30 days are neither more nor less than a month; 31 are not less in any case.
    assert broken(column, field) == [0, 1, 3, 6]
    assert broken(column, field.update(constraints={"enum": ["P1M", "P1Y2M"]})) == [1, 2, 3, 5]
    long = pa.array([(0, 999_999_999, 0)], pa.month_day_nano_interval())
    assert broken(long, field.update(constraints={"maximum": "P300000Y"})) == [0]
    assert broken(long, field.update(constraints={"maximum": "P999999998D"})) == [0]
    assert broken(long, field.update(constraints={"maximum": "P999999999D"})) == []


def test_yearmonths_beyond_four_digits_are_ordered_by_number():
    field = Field({"name": "x", "type": "yearmonth", "constraints": {"maximum": "2020-06"}})
    assert broken(pa.array(["12020-01", "2020-06", None, "2020-07"]), field) == [0, 3]


def test_lists_have_lengths_and_enums():
    field = Field(
        {
            "name": "x",
            "type": "list",
            "itemType": "integer",
            "constraints": {"minLength": 1, "enum": [[1, 2], "3"]},
        }
    )
    column = pa.array([[1, 2], [3], [], None, [2, 1]], field.arrow)
    assert [(e.index, e.constraint) for e in violations(column, field)] == [(2, "enum"), (4, "enum")]
    assert broken(column, field.update(constraints={"minLength": 2})) == [1, 2]


def test_json_schema():
    schema = {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"maximum": 1}}}
    field = Field({"name": "x", "type": "object", "constraints": {"jsonSchema": schema}})
    column = pa.ExtensionArray.from_storage(field.arrow, pa.array(['{"n": 1}', '{"n": 2}', None, '{"n": 2}']))
    errors = violations(column, field)
    assert [error.index for error in errors] == [1, 3]
    assert "2 is greater than the maximum of 1 (constraint jsonSchema)" in str(errors[0])


@pytest.mark.parametrize("categories", [["a", "b"], [{"value": "a", "label": "A"}, {"value": "b"}]])
def test_categories(categories):
    field = Field({"name": "x", "type": "string", "categories": categories})
    errors = violations(pa.array(["a", "c", None, "b"]), field)
    assert [(error.index, error.constraint) for error in errors] == [(1, "categories")]


def test_an_error_says_what_was_expected_and_a_value_has_one_error():
    constraints = {"required": True, "maximum": 10, "enum": [1, 20], "exclusiveMinimum": 0.5}
    field = Field({"name": "x", "type": "number", "constraints": constraints})
    errors = violations(
        pa.array([Decimal("10.50"), None, Decimal(1), Decimal(20), Decimal(0)], field.arrow), field
    )
    assert [str(error) for error in errors] == [
        "field 'x': the value Decimal('10.5') is not one of 1, 20 (constraint enum)",
        "field 'x': the value None is not filled in (constraint required)",
        "field 'x': the value Decimal('20') is not at most 10 (constraint maximum)",
        "field 'x': the value Decimal('0') is not one of 1, 20 (constraint enum)",
    ]
    assert [error.constraint for error in errors] == ["enum", "required", "maximum", "enum"]


@pytest.mark.parametrize("kind", sorted(TEXTS))
def test_an_empty_column_and_one_of_nulls_break_nothing(kind):
    names = [
        name for name, kinds in CONSTRAINTS.items() if kind in kinds and name not in ("required", "unique")
    ]
    samples = {"pattern": "a", "minLength": 1, "maxLength": 1, "jsonSchema": {}}
    text = {"string": "a", "boolean": "true", "geopoint": "1,1", "object": "{}", "array": "[]", "any": "a"}
    plain = {"date": "2020-01-01", "time": "00:00:00", "datetime": "2020-01-01T00:00:00Z", "duration": "P1D"}
    value = (text | plain | {"yearmonth": "2020-01", "year": "2020"}).get(kind, "1")
    constraints = {name: samples.get(name, [value] if name == "enum" else value) for name in names}
    field = Field({"name": "x", "type": kind, "constraints": constraints})
    assert violations(pa.array([], field.arrow), field) == []
    assert violations(pa.nulls(3, field.arrow), field) == []


NONSENSE = [
    ({"type": "boolean"}, {"maximum": 1}, "maximum does not apply to the type boolean"),
    ({"type": "integer"}, {"pattern": "1"}, "pattern does not apply"),
    ({"type": "string"}, {"maxLenght": 1}, "did you mean maxLength"),
    ({"type": "string"}, {"maxLength": -1}, "whole number"),
    ({"type": "string"}, {"maxLength": True}, "whole number"),
    ({"type": "string"}, {"minLength": "3"}, "whole number"),
    ({"type": "string"}, {"pattern": "(a"}, r"'x': the pattern '\(a' is not a regular expression"),
    ({"type": "string"}, {"pattern": "[a-z-[aeiou]]"}, "subtracts"),
    ({"type": "string"}, {"pattern": 1}, "pattern"),
    ({"type": "string"}, {"required": "yes"}, "true or false"),
    ({"type": "string"}, {"enum": []}, "at least one"),
    ({"type": "string"}, {"enum": "ab"}, "list"),
    ({"type": "integer"}, {"enum": [1, "b"]}, "'b' of enum is not of the field's type, integer"),
    ({"type": "integer"}, {"maximum": 1.5}, "1.5 of maximum"),
    ({"type": "integer"}, {"maximum": ""}, "maximum must be a value"),
    ({"type": "number"}, {"minimum": "NaN"}, "minimum must be a value"),
    ({"type": "date"}, {"maximum": "2020-02-30"}, "2020-02-30"),
    ({"type": "date"}, {"maximum": None}, "maximum"),
    ({"type": "duration"}, {"maximum": "P0.5Y0.3M"}, "maximum"),
    ({"type": "datetime"}, {"maximum": "0001-01-01T00:00:00+01:00"}, "maximum"),
    ({"type": "object"}, {"jsonSchema": {"type": "thing"}}, "not a JSON Schema"),
    ({"type": "object"}, {"jsonSchema": []}, "must be an object"),
    ({"type": "array"}, {"jsonSchema": {"items": {"$ref": "file:///etc/passwd"}}}, "another document"),
    ({"type": "boolean", "categories": ["a"]}, {}, "categories do not apply"),
    ({"type": "string", "categories": []}, {}, "categories must list"),
    ({"type": "string", "categories": [{"label": "A"}]}, {}, "categories must list"),
    ({"type": "string"}, ["required"], "must be an object"),
]


@pytest.mark.parametrize(("properties", "constraints", "message"), NONSENSE)
def test_nonsense_is_refused_when_the_schema_is_planned(properties, constraints, message):
    field = Field({"name": "x", **properties, "constraints": constraints})
    with pytest.raises(SchemaError, match=message) as caught:
        check_constraints_declared(field)
    assert "'x'" in str(caught.value)


def test_what_the_specification_allows_is_not_refused():
    for kind in set().union(*CONSTRAINTS.values()):
        check_constraints_declared(
            Field({"name": "x", "type": kind, "constraints": {"required": True, "unique": True}})
        )
