"""Division and all arithmetic on exact numbers, against Python's fractions."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dataflows_core.errors import CastError, DataError
from dataflows_core.expressions import plan_query
from dataflows_core.expressions import query as query_module
from dataflows_core.expressions.columns import whole
from dataflows_core.expressions.division import divide, divide_sql, steps_for
from dataflows_core.expressions.emit import Wide
from dataflows_core.expressions.engine import run
from dataflows_core.schema import Field, Schema

SCALE = 12
NUMBER = pa.decimal128(38, SCALE)
SCHEMA = Schema(
    (
        Field({"name": "a", "type": "number"}),
        Field({"name": "b", "type": "number"}),
        Field({"name": "c", "type": "number"}),
        Field({"name": "i", "type": "integer"}),
    )
)


def half_even(value: Fraction, scale: int = SCALE) -> Fraction:
    """The oracle of rounding: Python's round of a fraction is half-even."""
    return Fraction(round(value * 10**scale), 10**scale)


def numbers(digits: int) -> st.SearchStrategy[Decimal]:
    """Numbers of every size up to that, with every number of decimals; a batch shares neither."""
    unscaled = st.integers(1, digits).flatmap(lambda n: st.integers(-(10**n) + 1, 10**n - 1))
    return st.builds(lambda n, s: Decimal(n).scaleb(-s), unscaled, st.integers(0, SCALE))


def batch_of(rows: list[tuple]) -> pa.RecordBatch:
    a, b, c, i = ([row[k] for row in rows] for k in range(4))
    return pa.RecordBatch.from_arrays(
        [pa.array(a, NUMBER), pa.array(b, NUMBER), pa.array(c, NUMBER), pa.array(i, pa.int64())],
        names=list(SCHEMA.names),
    )


def rows_of(digits: int, nulls: bool = True) -> st.SearchStrategy[list[tuple]]:
    number = st.none() | numbers(digits) if nulls else numbers(digits)
    integer = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)
    integer = st.none() | integer if nulls else integer
    return st.lists(st.tuples(number, number, number, integer), min_size=1, max_size=5)


@given(numbers(30), numbers(30), st.integers(0, 21))
def test_divide_is_the_fraction_rounded_half_even(a, b, scale):
    if b == 0:
        assert divide(a, b, scale) is None
    else:
        assert Fraction(divide(a, b, scale)) == half_even(Fraction(a) / Fraction(b), scale)


@given(st.integers(-(10**18), 10**18), st.integers(-(10**6), 10**6))
def test_divide_agrees_with_the_decimal_module(a, b):
    assume(b)
    with_all_digits = Context(prec=60).divide(Decimal(a), Decimal(b))
    # 60 digits decide every tie of numbers this small.
    assert divide(Decimal(a), Decimal(b), 12) == with_all_digits.quantize(
        Decimal("1e-12"), ROUND_HALF_EVEN, Context(prec=60)
    )


@given(st.data())
def test_long_division_in_sql(data):
    shift = data.draw(st.integers(0, 24))
    dividend = data.draw(st.integers(1, 38 - shift).flatmap(lambda n: st.integers(-(10**n) + 1, 10**n - 1)))
    divisor = data.draw(st.integers(1, 34).flatmap(lambda n: st.integers(-(10**n) + 1, 10**n - 1)))
    if data.draw(st.booleans()):
        # Ties and near ties, which numbers drawn blindly never are.
        divisor = data.draw(st.sampled_from([2, 4, 8, 16, 5 * 10**5, 2 * 10 ** (shift + 1)]))
    steps = steps_for(abs(dividend), abs(divisor), shift)
    assume(steps is not None)
    staged: list[str] = []

    def stage(sql: str) -> str:
        staged.append(sql)
        return f"s{len(staged) - 1}"

    sql = divide_sql("a", "b", shift, steps, stage, small=False)
    kind = steps.kind
    source = f"(SELECT CAST('{dividend}' AS {kind}) AS a, CAST('{divisor}' AS {kind}) AS b)"
    for i, text in enumerate(staged):
        source = f"(SELECT *, {text} AS s{i} FROM {source})"
    (result,) = run(f"SELECT CAST({sql} AS DECIMAL(38, 0)) FROM {source}")
    expected = None if divisor == 0 else round(Fraction(dividend * 10**shift, divisor))
    assert result.to_pylist() == [expected]


# Each expression with its meaning in fractions. An operand that is null makes the result null.
MEANINGS = {
    "a + b": lambda a, b, c, i: a + b,
    "a - b - i": lambda a, b, c, i: a - b - i,
    "a * b": lambda a, b, c, i: a * b,
    "round(a * b * c, 12)": lambda a, b, c, i: half_away(a * b * c, 12),
    "a / b": lambda a, b, c, i: quotient(a, b),
    "i / b": lambda a, b, c, i: quotient(i, b),
    "a / i": lambda a, b, c, i: quotient(a, i),
    "a / b / c": lambda a, b, c, i: quotient(quotient(a, b), c),
    "a / (b / c)": lambda a, b, c, i: quotient(a, quotient(b, c)),
    "a / b * c": lambda a, b, c, i: rounded(quotient(a, b), lambda q: q * c),
    "case when b > 0 then a / b else -(a / c) end": lambda a, b, c, i: (
        quotient(a, b) if b > 0 else rounded(quotient(a, c), lambda q: -q)
    ),
    "a % b": lambda a, b, c, i: None if b == 0 else a - b * int(a / b),
    "round(a, 2) + trunc(b, 1)": lambda a, b, c, i: half_away(a, 2) + Fraction(int(b * 10), 10),
    "round(a, -2)": lambda a, b, c, i: half_away(a, -2),
    "floor(a) - ceil(b)": lambda a, b, c, i: Fraction(a.__floor__() - b.__ceil__()),
    "a // b": lambda a, b, c, i: None if b == 0 else Fraction(int(a / b)),
    "abs(a) * sign(b)": lambda a, b, c, i: abs(a) * ((b > 0) - (b < 0)),
    "greatest(a, b, i) - least(a, c)": lambda a, b, c, i: max(a, b, i) - min(a, c),
    "coalesce(nullif(a, b), c)": lambda a, b, c, i: c if a == b else a,
    "cast(cast(a as varchar) as decimal(38, 12))": lambda a, b, c, i: a,
    "try_cast(a as decimal(10, 2))": lambda a, b, c, i: (
        a if (a * 100).denominator == 1 and abs(a) < 10**8 else None
    ),
}
# The result of these may be a value although an operand is null, and DuckDB is not the oracle here.
CHOOSING = {
    "case when b > 0 then a / b else -(a / c) end",
    "greatest(a, b, i) - least(a, c)",
    "coalesce(nullif(a, b), c)",
}


def half_away(value: Fraction, digits: int) -> Fraction:
    power = Fraction(10) ** digits
    shifted = abs(value) * power
    return (1 if value >= 0 else -1) * Fraction((shifted + Fraction(1, 2)).__floor__()) / power


def quotient(a: Fraction, b: Fraction | None) -> Fraction | None:
    return None if a is None or not b else half_even(a / b)


def rounded(value: Fraction | None, then) -> Fraction | None:
    return None if value is None else half_even(then(value))


def expected_of(text: str, row: tuple) -> Fraction | None:
    values = [None if value is None else Fraction(value) for value in row]
    used = [value for name, value in zip("abci", values, strict=True) if re.search(rf"\b{name}\b", text)]
    if any(value is None for value in used):
        return None
    return MEANINGS[text](*values)


PLANS = {text: plan_query(SCHEMA, columns={"r": text}) for text in MEANINGS}


@settings(max_examples=200)
@given(st.data(), st.sampled_from(list(MEANINGS)), st.sampled_from([6, 15, 26]))
def test_arithmetic_is_exact_whatever_the_batch(data, text, digits):
    query, rows = PLANS[text], data.draw(rows_of(digits, nulls=text not in CHOOSING))
    kind = query.schema.field("r").arrow
    scale = kind.scale if pa.types.is_decimal(kind) else 0
    most = 2**63 - 1 if pa.types.is_int64(kind) else 10**38 - 1
    wanted = [expected_of(text, row) for row in rows]
    fits = [v is None or ((v * 10**scale).denominator == 1 and abs(v * 10**scale) <= most) for v in wanted]
    if all(fits):
        column = query(batch_of(rows)).column("r")
        assert fractions(column) == wanted
        # The other way to compute it agrees.
        with patch.object(query_module, "run", side_effect=Wide):
            assert query(batch_of(rows)).column("r").equals(column)
    else:
        with pytest.raises(CastError) as caught:
            query(batch_of(rows))
        assert caught.value.index == fits.index(False)
    # … and so does every other cut, up to rows one by one.
    for row, fit, value in zip(rows, fits, wanted, strict=True):
        if fit:
            assert fractions(query(batch_of([row])).column("r")) == [value]


def fractions(column: pa.Array) -> list[Fraction | None]:
    return [None if value is None else Fraction(value) for value in column.to_pylist()]


@given(rows_of(20))
def test_both_ways_give_the_same_text_and_truth(rows):
    columns = {
        "text": "a || '|' || i || '|' || b",
        "less": "a < b",
        "same": "a = b or i between b and c",
        "member": "i in (1, 2.5, a)",
        "none": "a is null and not (b is not distinct from c)",
        "float": "cast(a as double)",
    }
    query = plan_query(SCHEMA, where="a <> 3 or b is null", columns=columns)
    by_sql = query(batch_of(rows))
    with patch.object(query_module, "run", side_effect=Wide):
        assert query(batch_of(rows)).equals(by_sql)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("121 * 495.44", "59948.24"),
        ("9007199254740993 / 1", "9007199254740993"),
        ("1 / 3", "0.333333333333"),
        ("2 / 3", "0.666666666667"),
        ("-2 / 3", "-0.666666666667"),
        ("0.000000000001 / 2", "0"),
        ("0.000000000003 / 2", "0.000000000002"),
        ("-0.000000000003 / 2", "-0.000000000002"),
        ("1 / 0", None),
        ("1 // 0", None),
        ("1 % 0", None),
        ("-7 // 2", "-3"),
        ("-7 % 2", "-1"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(1250, -2)", "1300"),
        ("1e3 * 1.50", "1500"),
        ("1 / 3 * 3", "0.999999999999"),
        ("99999999999999999999999999 / 0.7", "142857142857142857142855714285714286e-10"),
    ],
)
def test_by_hand(text, value):
    query = plan_query(SCHEMA, columns={"r": text})
    if value is not None and "e" in value:
        with pytest.raises(CastError, match="38 digits"):
            query(batch_of([(None, None, None, 1)]))
        return
    (result,) = query(batch_of([(None, None, None, 1)])).column("r").to_pylist()
    assert result == (None if value is None else Decimal(value))


def test_twenty_one_decimals_when_a_field_has_them():
    schema = Schema((Field({"name": "x", "type": "number"}, pa.decimal128(38, 21)),))
    query = plan_query(schema, columns={"third": "x / 3"})
    batch = pa.RecordBatch.from_arrays([pa.array([Decimal(1)], pa.decimal128(38, 21))], names=["x"])
    assert query(batch).column("third").to_pylist() == [Decimal("0." + "3" * 21)]
    assert query.schema.field("third").arrow == pa.decimal128(38, 21)


@pytest.mark.parametrize("text", ["a * b", "a + 0.0000000000001", "a * b * c"])
def test_more_decimals_than_the_field_has_are_never_rounded(text):
    query = plan_query(SCHEMA, columns={"r": text.replace("0.0000000000001", "b * b")})
    row = (Decimal("0.0000001"), Decimal("0.0000001"), Decimal("0.1"), 1)
    with pytest.raises(CastError, match=r"at most 12 decimals\n  round it, as in round\(…, 12\)") as caught:
        query(batch_of([(Decimal(1), Decimal(1), Decimal(1), 1), row]))
    assert caught.value.index == 1


def test_an_integer_that_does_not_fit_names_the_row_of_the_batch():
    query = plan_query(SCHEMA, where="i > 0", columns={"r": "i * i"})
    rows = [(None, None, None, i) for i in (-1, 5, -2, 2**62)]
    with pytest.raises(CastError, match="64 bits") as caught:
        query(batch_of(rows))
    assert caught.value.index == 3
    types = {"r": {"type": "number", "floatNumber": True}}
    wide = plan_query(SCHEMA, columns={"r": "cast(i as hugeint) * i"}, types=types)
    assert wide(batch_of(rows[-1:])).column("r").to_pylist() == [2.0**124]


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("cast(a as integer)", False),
        ("cast(a as decimal(10, 1))", True),
        ("cast(a as decimal(4, 2))", False),
        ("cast(round(a) as integer)", True),
        ("cast('121.50' as decimal(5, 1))", True),
        ("cast('121.55' as decimal(5, 1))", False),
        ("cast('12a' as integer)", False),
        ("cast('1e2' as integer)", False),
        ("cast('0x10' as integer)", False),
        ("cast('128' as tinyint)", False),
        ("cast('-128' as tinyint)", True),
        ("cast(' 007.00 ' as integer)", True),
        ("cast('' as decimal)", False),
        ("cast('.' as decimal)", False),
        ("cast('-.5' as decimal)", True),
    ],
)
def test_a_cast_is_exact_or_fails(text, good):
    query = plan_query(SCHEMA, columns={"r": text})
    batch = batch_of([(Decimal("121.5"), None, None, 1)])
    if good:
        query(batch)
    else:
        with pytest.raises(DataError, match="is not exactly of the type"):
            query(batch)
    attempt = plan_query(SCHEMA, columns={"r": text.replace("cast(", "try_cast(")})
    (value,) = attempt(batch).column("r").to_pylist()
    assert (value is not None) is good


@given(st.lists(st.none() | numbers(38).filter(lambda n: abs(n) < 10**26), max_size=6), st.integers(0, 14))
def test_narrowed_columns_hold_the_same_numbers(values, hint):
    column = pa.array(values, NUMBER)
    found = whole(column, hint)
    assert all(v is None or abs(v) <= found.bound for v in found.column.to_pylist())
    back = [
        None
        if v is None
        else Fraction(v, 10**found.scale)
        if isinstance(v, int)
        else Fraction(v) / 10**found.scale
        for v in found.column.to_pylist()
    ]
    assert back == [None if v is None else Fraction(v) for v in values]
    assert pa.types.is_int64(found.column.type) is (found.bound < 2**63)
