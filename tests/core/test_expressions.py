"""Planning and running expressions: names, types, rows, order, errors, fusing."""

from __future__ import annotations

import datetime as dt
import pickle
import threading
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.errors import CastError, DataError, ExpressionError, SchemaError
from dataflows_core.expressions import Query, fuse, plan_query
from dataflows_core.schema import Field, Schema

NUMBER = pa.decimal128(38, 12)
MOMENT = pa.timestamp("us")
SPAN = pa.month_day_nano_interval()
UTC = dt.UTC


def schema_of(**types) -> Schema:
    return Schema(
        tuple(
            Field({"name": name, **(kind if isinstance(kind, dict) else {"type": kind})})
            for name, kind in types.items()
        )
    )


def batch_of(schema: Schema, **columns) -> pa.RecordBatch:
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, schema.field(name).arrow)
        for name, column in columns.items()
    ]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


SCHEMA = schema_of(
    i="integer", n="number", t="string", d="date", f={"type": "number", "floatNumber": True}, b="boolean",
    dt="datetime",
    time="time", words="list", y="year", place="geopoint", doc="object", span="duration",
)  # fmt: skip
ROWS = {
    "i": [1, 2, None],
    "n": [Decimal("121.5"), Decimal(3), None],
    "t": ["12", "x", None],
    "d": [dt.date(2020, 1, 31), dt.date(1969, 12, 31), None],
    "f": [0.1, 2.5, None],
    "b": [True, False, None],
    "dt": [datetime(2020, 1, 31, 12, 30), datetime(1900, 1, 1), None],
    "time": [dt.time(12, 30), dt.time(0), None],
    "words": [["a", "b"], [], None],
    "y": [1990, 2020, None],
    "place": [{"lon": Decimal(5), "lat": Decimal("52.25")}, {"lon": None, "lat": Decimal(0)}, None],
    "span": [pa.scalar((1, 2, 3), pa.month_day_nano_interval()).as_py(), None, None],
}


def all_columns(schema: Schema = SCHEMA) -> pa.RecordBatch:
    doc = pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(['{"a": 1}', "[]", None]))
    return batch_of(schema, **{name: doc if name == "doc" else ROWS[name] for name in schema.names})


BATCH = all_columns()

# Each with its Table Schema type, its Arrow type, and its values for the three rows.
RESULTS = [
    ("i + 1", "integer", pa.int64(), [2, 3, None]),
    ("y + i", "integer", pa.int64(), [1991, 2022, None]),
    ("cast(i as hugeint)", "integer", pa.decimal128(38, 0), [Decimal(1), Decimal(2), None]),
    ("i / 4", "number", NUMBER, [Decimal("0.25"), Decimal("0.5"), None]),
    ("n * i", "number", NUMBER, [Decimal("121.5"), Decimal(6), None]),
    ("n * 0.5", "number", NUMBER, [Decimal("60.75"), Decimal("1.5"), None]),
    ("floor(n)", "integer", pa.decimal128(38, 0), [Decimal(121), Decimal(3), None]),
    ("round(n, -1)", "integer", pa.decimal128(38, 0), [Decimal(120), Decimal(0), None]),
    ("f * 2", "number", pa.float64(), [0.2, 5.0, None]),
    ("n + f", "number", pa.float64(), [121.6, 5.5, None]),
    ("f / 0", "number", pa.float64(), [None, None, None]),
    ("sqrt(i)", "number", pa.float64(), [1.0, 2**0.5, None]),
    ("i ** 2", "number", pa.float64(), [1.0, 4.0, None]),
    ("upper(t) || '!'", "string", pa.string(), ["12!", "X!", None]),
    ("n || ' of ' || i", "string", pa.string(), ["121.5 of 1", "3 of 2", None]),
    ("concat(t, n, b)", "string", pa.string(), ["12121.5true", "x3false", ""]),
    ("cast(n as text)", "string", pa.string(), ["121.5", "3", None]),
    ("case when b then 'yes' else t end", "string", pa.string(), ["yes", "x", None]),
    ("t like '1%'", "boolean", pa.bool_(), [True, False, None]),
    ("t ilike 'X'", "boolean", pa.bool_(), [False, True, None]),
    ("t similar to '[0-9]+'", "boolean", pa.bool_(), [True, False, None]),
    ("regexp_matches(t, '^x$')", "boolean", pa.bool_(), [False, True, None]),
    ("n > i and not b", "boolean", pa.bool_(), [False, True, None]),
    ("b is null", "boolean", pa.bool_(), [False, False, True]),
    ("place is null", "boolean", pa.bool_(), [False, False, True]),
    ("i in (1, 3)", "boolean", pa.bool_(), [True, False, None]),
    ("n between 3 and 4", "boolean", pa.bool_(), [False, True, None]),
    ("d > '2000-01-01'", "boolean", pa.bool_(), [True, False, None]),
    ("d < dt", "boolean", pa.bool_(), [True, False, None]),
    ("b = true", "boolean", pa.bool_(), [True, False, None]),
    ("list_contains(words, 'a')", "boolean", pa.bool_(), [True, False, None]),
    ("words[1]", "string", pa.string(), ["a", None, None]),
    ("len(words)", "integer", pa.int64(), [2, 0, None]),
    ("string_split(t, '2')", "list", pa.list_(pa.string()), [["1", ""], ["x"], None]),
    ("place.lat * 4", "number", NUMBER, [Decimal(209), Decimal(0), None]),
    ("json_extract_string(doc, '$.a')", "string", pa.string(), ["1", None, None]),
    ("year(d) - 2000", "integer", pa.int64(), [20, -31, None]),
    ("extract(month from d)", "integer", pa.int64(), [1, 12, None]),
    ("d + 1", "date", pa.date32(), [dt.date(2020, 2, 1), dt.date(1970, 1, 1), None]),
    ("d + i", "date", pa.date32(), [dt.date(2020, 2, 1), dt.date(1970, 1, 2), None]),
    ("d - d", "integer", pa.int64(), [0, 0, None]),
    ("cast(dt as date)", "date", pa.date32(), [dt.date(2020, 1, 31), dt.date(1900, 1, 1), None]),
    ("d + interval 1 month", "datetime", MOMENT, [datetime(2020, 2, 29), datetime(1970, 1, 31), None]),
    ("d + interval '1' day", "datetime", MOMENT, [datetime(2020, 2, 1), datetime(1970, 1, 1), None]),
    ("date_trunc('month', d)", "datetime", MOMENT, [datetime(2020, 1, 1), datetime(1969, 12, 1), None]),
    ("date_diff('day', d, dt)", "integer", pa.int64(), [0, -25566, None]),
    ("strftime(d, '%d.%m.%Y')", "string", pa.string(), ["31.01.2020", "31.12.1969", None]),
    ("strptime('31.01.2020', '%d.%m.%Y')", "datetime", MOMENT, [datetime(2020, 1, 31)] * 3),
    (
        "dt at time zone 'Europe/Berlin'",
        "datetime",
        pa.timestamp("us", "UTC"),
        [datetime(2020, 1, 31, 11, 30, tzinfo=UTC), datetime(1899, 12, 31, 23, tzinfo=UTC), None],
    ),
    ("cast(dt as time)", "time", pa.time64("us"), [dt.time(12, 30), dt.time(0), None]),
    ("interval 2 day", "duration", SPAN, [pa.MonthDayNano([0, 2, 0])] * 3),
    ("to_days(i)", "duration", SPAN, [pa.MonthDayNano([0, 1, 0]), pa.MonthDayNano([0, 2, 0]), None]),
    ("coalesce(i, 7)", "integer", pa.int64(), [1, 2, 7]),
    ("coalesce(i, n, 0)", "number", NUMBER, [Decimal(1), Decimal(2), Decimal(0)]),
    ("greatest(i, n)", "number", NUMBER, [Decimal("121.5"), Decimal(3), None]),
    ("nullif(t, 'x')", "string", pa.string(), ["12", None, None]),
    ("ifnull(t, '-')", "string", pa.string(), ["12", "x", "-"]),
    ("if(i > 1, 1, 0)", "integer", pa.int64(), [0, 1, 0]),
    ("cast(b as integer)", "integer", pa.int64(), [1, 0, None]),
    ("cast(i - 1 as boolean)", "boolean", pa.bool_(), [False, True, None]),
    ("try_cast(t as integer)", "integer", pa.int64(), [12, None, None]),
    ("cast(f as decimal(4, 1))", "number", NUMBER, [Decimal("0.1"), Decimal("2.5"), None]),
    ("cast(d as varchar)", "string", pa.string(), ["2020-01-31", "1969-12-31", None]),
    ("null", "string", pa.string(), [None, None, None]),
    ("'it''s'", "string", pa.string(), ["it's"] * 3),
    ("1.50", "number", NUMBER, [Decimal("1.5")] * 3),
    ("1e3", "number", NUMBER, [Decimal(1000)] * 3),
    ("lpad(t, 4, '0')", "string", pa.string(), ["0012", "000x", None]),
    ("position('2' in t)", "integer", pa.int64(), [2, 0, None]),
    ("trim(both '1' from t)", "string", pa.string(), ["2", "x", None]),
    ("substring(t from 2 for 1)", "string", pa.string(), ["2", "", None]),
    ("left(t, i)", "string", pa.string(), ["1", "x", None]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "arrow", "values"), RESULTS, ids=[row[0] for row in RESULTS])
def test_types_and_values(text, kind, arrow, values, monkeypatch):
    monkeypatch.setattr(Query, "_by_python", None)
    query = plan_query(SCHEMA, columns={"r": text})
    field = query.schema.field("r")
    assert (field.type, field.arrow) == (kind, arrow)
    assert field.descriptor.get("floatNumber", False) is (arrow == pa.float64())
    result = query(BATCH)
    assert result.schema.equals(query.schema.arrow)
    assert result.column("r").to_pylist() == values


@pytest.mark.parametrize(
    ("text", "values"), [(row[0], row[3]) for row in RESULTS], ids=[row[0] for row in RESULTS]
)
def test_the_slow_way_gives_the_same(text, values, monkeypatch):
    monkeypatch.setattr(Query, "_by_sql", Query._by_python)
    query = plan_query(SCHEMA, columns={"r": text})
    result = query(BATCH)
    assert result.schema.equals(query.schema.arrow)
    assert result.column("r").to_pylist() == values


@pytest.mark.parametrize("name", SCHEMA.names)
def test_a_copied_field_keeps_its_type(name):
    query = plan_query(SCHEMA, where="i = 2", columns={"copy": name})
    assert query.schema.field("copy").arrow == SCHEMA.field(name).arrow
    assert query.schema.field("copy").type == SCHEMA.field(name).type
    assert query(BATCH).column("copy").equals(BATCH.column(name).slice(1, 1))


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_any_number_of_rows(count):
    query = plan_query(
        SCHEMA, where="n > 0 or n is null", columns={"r": "n / 3", "s": "t || i"}, drop=["d", "doc"]
    )
    result = query(BATCH.slice(0, count))
    assert result.schema.equals(query.schema.arrow)
    assert result.num_rows == count


def test_untouched_columns_are_the_same_arrays_and_may_be_text():
    schema = schema_of(i="integer", n="number", d="date")
    carried = batch_of(schema, i=[1, 2], n=pa.array(["1.5", "2"]), d=pa.array(["2020-01-01", None]))
    query = plan_query(schema, columns={"r": "i + 1"})
    assert query.reads == {"i"}
    result = query(carried)
    assert result.column("n").buffers() == carried.column("n").buffers()
    assert result.column("d").type == pa.string()
    filtered = plan_query(schema, where="i = 2")(carried)
    assert filtered.to_pylist() == [{"i": 2, "n": "2", "d": None}]


def test_columns_see_the_input_and_are_replaced_in_place():
    query = plan_query(
        schema_of(a="integer", b="integer"), columns={"a": "b", "c": "a * 10", "b": "a"}, drop=["c"]
    )
    assert query.schema.names == ("a", "b")
    schema = schema_of(a="integer", b="integer")
    query = plan_query(schema, columns={"c": "a * 10", "a": "b", "b": "a"})
    assert query.schema.names == ("a", "b", "c")
    assert query(batch_of(schema, a=[1], b=[2])).to_pylist() == [{"a": 2, "b": 1, "c": 10}]


def test_all_columns_dropped_still_has_rows():
    schema = schema_of(a="integer")
    assert plan_query(schema, where="a > 1", drop=["a"])(batch_of(schema, a=[1, 2, 3])).num_rows == 2
    assert plan_query(schema)(batch_of(schema, a=[1, 2])).to_pylist() == [{"a": 1}, {"a": 2}]


def test_unknown_names():
    with pytest.raises(SchemaError, match="there is no field 'zzz'"):
        plan_query(SCHEMA, drop=["zzz"])
    with pytest.raises(SchemaError, match="there is no field 'zzz'"):
        plan_query(SCHEMA, columns={"r": "1"}, types={"zzz": {"type": "string"}})
    with pytest.raises(ExpressionError, match="not computed"):
        plan_query(SCHEMA, columns={"r": "1"}, types={"i": {"type": "string"}})


# Rows


@given(
    st.lists(st.tuples(st.none() | st.integers(-3, 3), st.none() | st.booleans()), max_size=20),
    st.integers(1, 20),
)
def test_rows_kept_and_their_order(rows, cut):
    schema = schema_of(a="integer", b="boolean", at="integer")
    a, b = [row[0] for row in rows], [row[1] for row in rows]
    batch = batch_of(schema, a=a, b=b, at=list(range(len(rows))))
    query = KEPT
    expected = [
        {"a": a, "b": b, "at": i, "r": None if a is None else a * 2}
        for i, (a, b) in enumerate(rows)
        if (a is not None and a > 0) or b
    ]
    assert query(batch).to_pylist() == expected
    pieces = [query(batch.slice(i, cut)).to_pylist() for i in range(0, len(rows), cut)]
    assert [row for piece in pieces for row in piece] == expected


KEPT = plan_query(
    schema_of(a="integer", b="boolean", at="integer"), where="a > 0 or b", columns={"r": "a * 2"}
)


def test_order_is_kept_in_a_batch_of_many_vectors():
    schema = schema_of(a="integer")
    numbers = list(range(100_000))
    result = plan_query(schema, where="a % 3 = 0", columns={"r": "-a"})(batch_of(schema, a=numbers))
    assert result.column("r").to_pylist() == [-a for a in numbers if a % 3 == 0]


def test_columns_are_computed_for_kept_rows_only():
    schema = schema_of(t="string")
    batch = batch_of(schema, t=["1", "x", "3"])
    query = plan_query(schema, where="t <> 'x'", columns={"r": "cast(t as integer)"})
    assert query(batch).column("r").to_pylist() == [1, 3]


@pytest.mark.parametrize(
    "text",
    [
        "t ~ '^[0-9]+$' and cast(t as integer) > 1",
        "not (not regexp_full_match(t, '[0-9]+') or cast(t as integer) < 2)",
        "case when t ~ '^[0-9]+$' then cast(t as integer) / 2 > 0.5 end",
        "coalesce(try_cast(t as integer), 0) > 1",
        "case when t = 'x' then false when t = 'y' then null else 7 / cast(t as integer) < 7 end",
        "t ~ '^[0-9]+$' and cast(t as integer) > 1 and cast(t as integer) < 5 and t <> '4'",
        "t ~ '^[0-9]+$' and (cast(t as integer) = 0 or cast(t as integer) > 2 or t is null)",
    ],
)
def test_what_a_guard_excludes_is_not_computed(text):
    schema = schema_of(t="string")
    values = ["1", "x", "3", None, "y"] * 50
    query = plan_query(schema, where=text)
    assert query(batch_of(schema, t=values)).column("t").to_pylist() == ["3"] * 50


def test_a_long_chain_of_guards():
    schema = schema_of(t="string")
    text = "t ~ '^[0-9]+$' and (" + " or ".join(f"cast(t as integer) = {i}" for i in range(300)) + ")"
    assert plan_query(schema, where=text)(batch_of(schema, t=["x", "299", "300"])).to_pylist() == [
        {"t": "299"}
    ]


# Names


@pytest.mark.parametrize(
    "name",
    [
        "Bunker fuels (Not in Total)",
        'say "hi"',
        "select",
        "user",
        "a.b",
        "é",
        "c0",
        "s0",
        "batch",
        "x;y",
        "it's",
        " ",
    ],
)
def test_odd_names(name):
    schema = schema_of(**{name: "integer", "other": "integer"})
    written = '"' + name.replace('"', '""') + '"'
    query = plan_query(schema, where=f"{written} > 1", columns={name + "!": f"{written} / 2"})
    assert query.reads == {name}
    batch = batch_of(schema, **{name: [1, 2], "other": [3, 4]})
    assert query(batch).to_pylist() == [{name: 2, "other": 4, name + "!": Decimal(1)}]


def test_names_are_exact_and_a_message_says_what_is_near():
    schema = schema_of(Year="integer", **{"Solid Fuel": "number"})
    with pytest.raises(ExpressionError, match=r"there is no field 'year'; did you mean Year\?") as caught:
        plan_query(schema, where="1 < year")
    assert caught.value.position == 4
    assert caught.value.known == ["Year", "Solid Fuel"]
    with pytest.raises(ExpressionError, match=r'did you mean "Solid Fuel"\?'):
        plan_query(schema, where='"Solid fuel" > 1')
    assert plan_query(schema, where="Year > 1").reads == {"Year"}


def test_names_that_differ_only_in_case():
    schema = schema_of(Year="integer", year="integer")
    with pytest.raises(ExpressionError, match="'Year' and 'year' differ only in upper and lower case"):
        plan_query(schema, where="Year = year")
    batch = batch_of(schema, Year=[1, 2], year=[10, 20])
    assert plan_query(schema, columns={"r": "year"})(batch).column("r").to_pylist() == [10, 20]
    query = plan_query(schema, columns={"r": "Year + 1", "s": "year + 1"})
    assert query(batch).to_pylist()[0] == {"Year": 1, "year": 10, "r": 2, "s": 11}


# Types that do not go together


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n > '2'", "a number and text in one place; write the number without quotes"),
        ("t > 2", "a number and text in one place; cast one of them"),
        ("t + 1", "computes with text"),
        ("t * n", "computes with text"),
        ("b = 1", "a number and BOOLEAN"),
        ("d = t", "DATE and text in one place"),
        ("d > 'yesterday'", "invalid date"),
        ("coalesce(d, 1)", "a number and DATE"),
        ("case when i then 1 end", "a condition is needed here"),
        ("b and i", "a condition is needed here"),
        ("f // 2", r"floor\(a / b\)"),
        ("round(n, i)", "must be a whole literal"),
        ("cast(d as integer)", "DATE cannot be cast to INTEGER"),
        ("cast(i as date)", "a number cannot be cast to DATE"),
        ("upper(i)", "upper: No function matches"),
        ("interval '1.5' day", "not a whole number of days"),
        ("place || 'x'", "name one of them"),
        ("coalesce(place, place)", "the result is STRUCT, which no field can hold"),
    ],
)
def test_types_that_do_not_go_together(text, message):
    with pytest.raises(ExpressionError, match=message):
        plan_query(SCHEMA, columns={"r": text})


def test_a_condition_is_true_or_false():
    with pytest.raises(ExpressionError, match="a condition must be true or false, and this is BIGINT"):
        plan_query(SCHEMA, where="i + 1")


# Announced types


@pytest.mark.parametrize(
    ("text", "properties", "arrow", "values"),
    [
        ("n * 2", {"type": "integer"}, pa.int64(), [243, 6, None]),
        ("i", {"type": "number"}, NUMBER, [Decimal(1), Decimal(2), None]),
        ("i / 4", {"type": "number", "floatNumber": True}, pa.float64(), [0.25, 0.5, None]),
        ("n", {"type": "string"}, pa.string(), ["121.5", "3", None]),
        ("d", {"type": "string"}, pa.string(), ["2020-01-31", "1969-12-31", None]),
        ("'2020-' || '01-01'", {"type": "date"}, pa.date32(), [dt.date(2020, 1, 1)] * 3),
        ("null", {"type": "integer"}, pa.int64(), [None] * 3),
        ("year(d)", {"type": "year"}, pa.int32(), [2020, 1969, None]),
        ("i", {"title": "An integer"}, pa.int64(), [1, 2, None]),
    ],
)
def test_types_may_be_asked_for(text, properties, arrow, values):
    query = plan_query(SCHEMA, columns={"r": text}, types={"r": properties})
    assert query.schema.field("r").arrow == arrow
    assert query.schema.field("r").descriptor.items() >= properties.items()
    assert query(BATCH).column("r").to_pylist() == values


def test_a_type_asked_for_that_does_not_fit_names_the_row():
    query = plan_query(SCHEMA, where="i is not null", columns={"r": "n"}, types={"r": {"type": "integer"}})
    with pytest.raises(CastError) as caught:
        query(all_columns().take(pa.array([2, 1, 0])))
    assert (caught.value.field, caught.value.index) == ("r", 2)


# Errors of the data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cast(t as integer)", "the value 'x' is not exactly of the type INTEGER"),
        ("cast(t as date)", "invalid date"),
        ("strptime(t, '%Y')", "Could not parse"),
        ("make_date(2020, i + 11, 1)", "make_date|range"),
    ],
)
def test_an_error_names_the_expression_and_the_reason(text, message):
    query = plan_query(SCHEMA, columns={"fine": "i + 1", "r": text})
    with pytest.raises(DataError, match=message) as caught:
        query(BATCH)
    assert "'r'" in str(caught.value)
    assert text in str(caught.value)
    # The row is found by cutting; the same row fails alone, and the others do not.
    fails = []
    for i in range(3):
        try:
            query(BATCH.slice(i, 1))
        except DataError:
            fails.append(i)
    assert fails
    assert set(fails) < {0, 1, 2}


# Pickling, threads, processes


def test_queries_pickle_and_are_equal():
    query = plan_query(SCHEMA, where="n > 1", columns={"r": "n / 7 || t"}, drop=["words"])
    query(BATCH)
    again = pickle.loads(pickle.dumps(query))
    assert again == query
    assert again(BATCH).equals(query(BATCH))


def test_many_threads_share_a_query():
    schema = schema_of(a="integer")
    query = plan_query(schema, where="a % 2 = 0", columns={"r": "a / 3"})
    batches = [batch_of(schema, a=list(range(i, i + 5000))) for i in range(8)]
    results: dict[int, pa.RecordBatch] = {}

    def work(i):
        results[i] = query(batches[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(results[i].equals(query(batches[i])) for i in range(8))


# Physical types that are not the usual ones


@pytest.mark.parametrize(
    ("column", "text", "values"),
    [
        (pa.array([1, 2], pa.uint8()), "x * 200", [200, 400]),
        (pa.array([2**64 - 1], pa.uint64()), "x + 1", [2**64]),
        (pa.array([1, -1], pa.int8()), "x * 1000", [1000, -1000]),
        (pa.array([Decimal("1.25")], pa.decimal128(10, 2)), "x / 3", [Decimal("0.416666666667")]),
        (pa.array([Decimal("1.25")], pa.decimal32(5, 2)), "x * x", [Decimal("1.5625")]),
        (pa.array([Decimal("1.25")], pa.decimal256(60, 2)), "x * 2", [Decimal("2.5")]),
        (pa.array([Decimal(10**30)], pa.decimal128(38, 0)), "x + 1", [10**30 + 1]),
        (pa.array([Decimal("1e-20")], pa.decimal128(38, 20)), "x * 2", [Decimal("2e-20")]),
        (pa.array([0.1], pa.float32()), "x = x", [True]),
        (pa.array(["a", "b"]).dictionary_encode(), "x || '!'", ["a!", "b!"]),
        (pa.array([Decimal("1.5")] * 2).dictionary_encode(), "x * 2", [Decimal(3)] * 2),
        (pa.array(["a"], pa.large_string()), "upper(x)", ["A"]),
        (pa.array(["a"], pa.string_view()), "upper(x)", ["A"]),
        (
            pa.array([datetime(2020, 1, 1)], pa.timestamp("s")),
            "x + interval 1 day",
            [datetime(2020, 1, 2)],
        ),
        (pa.array([datetime(2020, 1, 1)], pa.timestamp("ms", "Europe/Berlin")), "year(x)", [2020]),
        (pa.array([dt.timedelta(days=1)], pa.duration("s")), "x > interval 2 hour", [True]),
        (pa.array([dt.time(1, 2)], pa.time32("s")), "x < time '02:00:00'", [True]),
        (pa.array([dt.date(2020, 1, 1)], pa.date64()), "year(x)", [2020]),
        (pa.array([["a"], None], pa.large_list(pa.string())), "len(x)", [1, None]),
    ],
)
def test_physical_types(column, text, values):
    schema = Schema.from_arrow(pa.schema([("x", column.type)]))
    schema = Schema((schema.field("x").with_arrow(column.type),))
    batch = pa.RecordBatch.from_arrays([column], names=["x"])
    query = plan_query(schema, columns={"r": text})
    result = query(batch)
    assert result.column("r").to_pylist() == values
    assert result.column("r").type == query.schema.field("r").arrow
    assert result.column("x").type == column.type


def test_nanoseconds_are_not_cut_off():
    kind = pa.timestamp("ns", "UTC")
    schema = Schema((Field({"name": "x", "type": "datetime"}, kind),))
    batch = pa.RecordBatch.from_arrays([pa.array([1], pa.int64()).cast(kind)], names=["x"])
    with pytest.raises(DataError, match="nanoseconds"):
        plan_query(schema, columns={"r": "year(x)"})(batch)


# Fusing

FUSABLE = [
    ({"where": "i > 0"}, {"where": "cast(t as integer) > 1"}),
    ({"where": "t <> 'x'"}, {"where": "i < 2", "columns": {"r": "cast(t as integer)"}}),
    ({"where": "i > 0"}, {"columns": {"i": "i + 1"}, "drop": ["t"]}),
    ({"columns": {"r": "i + 1"}}, {"columns": {"s": "n / 2"}, "drop": ["i"]}),
    ({"where": "i = 1", "drop": ["d"]}, {"columns": {"d": "t"}}),
    ({"drop": ["d"]}, {"where": "b"}),
]
APART = [
    ({"columns": {"r": "i + 1"}}, {"where": "r > 1"}),
    ({"columns": {"r": "i + 1"}}, {"where": "i > 1"}),
    ({"columns": {"r": "i + 1"}}, {"columns": {"s": "r * 2"}}),
    ({"columns": {"i": "i + 1"}}, {"columns": {"s": "i * 2"}}),
    ({"columns": {"r": "cast(t as integer)"}}, {"columns": {"r": "i"}}),
    ({"columns": {"r": "cast(t as integer)"}}, {"drop": ["r"]}),
]


def outcome(queries, batch):
    try:
        for query in queries:
            batch = query(batch)
    except DataError as error:
        return type(error), str(error), getattr(error, "index", None) if len(queries) == 1 else None
    return batch


@pytest.mark.parametrize(("first", "second"), FUSABLE)
def test_fused_queries_do_what_two_do(first, second):
    one = plan_query(SCHEMA, **first)
    two = plan_query(one.schema, **second)
    fused = fuse(one, two)
    assert fused is not None
    assert fused.schema == two.schema
    assert fused.reads >= one.reads
    for i in range(3):
        for count in range(1, 4 - i):
            apart, together = (
                outcome([one, two], BATCH.slice(i, count)),
                outcome([fused], BATCH.slice(i, count)),
            )
            if isinstance(apart, tuple):
                assert together[:2] == apart[:2]
            else:
                assert together.equals(apart)


@pytest.mark.parametrize(("first", "second"), APART)
def test_what_could_differ_is_not_fused(first, second):
    one = plan_query(SCHEMA, **first)
    assert fuse(one, plan_query(one.schema, **second)) is None


def test_three_fuse():
    one = plan_query(SCHEMA, where="i > 0")
    two = plan_query(one.schema, where="n > 10")
    three = plan_query(two.schema, columns={"r": "n / i"}, drop=["doc"])
    fused = fuse(fuse(one, two), three)
    assert fused(BATCH).equals(three(two(one(BATCH))))
