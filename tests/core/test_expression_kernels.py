"""Kernels compute what the engine and Python compute: on random expressions, over random rows."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.expressions.columns import Source, decimals_of, read
from dataflows_core.expressions.kernels import Kernels, Unsuited, suits
from dataflows_core.expressions.query import Query, plan_query
from dataflows_core.schema import Field, Schema

SCHEMA = Schema(
    (
        Field({"name": "q", "type": "integer"}),
        Field({"name": "p", "type": "number"}),
        Field({"name": "c", "type": "string"}),
        Field({"name": "b", "type": "boolean"}),
    )
)
INTEGERS = st.sampled_from([0, 1, -1, 3, 50, 2**31, 2**63 - 1, -(2**63)]) | st.integers(-100, 100)
DECIMALS = st.decimals(-1000, 1000, places=2) | st.decimals(-(10**20), 10**20, places=9)
TEXTS = st.sampled_from(["", "Peru", "Peru ", "peru", "é", "z", "\U0001f600"])
ROWS = st.fixed_dictionaries(
    {
        "q": st.none() | INTEGERS,
        "p": st.none() | DECIMALS,
        "c": st.none() | TEXTS,
        "b": st.none() | st.booleans(),
    }
)
NUMBERS = st.recursive(
    st.sampled_from(["q", "p"])
    | st.integers(-60, 60).map(str)
    | st.decimals(-9, 9, places=3).map("{:f}".format),
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*"), inner).map("({0[0]} {0[1]} {0[2]})".format)
        | inner.map("abs({})".format)
        | inner.map("(- {})".format)
    ),
    max_leaves=4,
)
WORDS = st.just("c") | TEXTS.map("'{}'".format)
COMPARISONS = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])


def _compared(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.tuples(values, COMPARISONS, values).map("{0[0]} {0[1]} {0[2]}".format)
        | st.tuples(values, values, values).map("{0[0]} BETWEEN {0[1]} AND {0[2]}".format)
        | st.tuples(values, values, values).map("{0[0]} IN ({0[1]}, {0[2]})".format)
        | st.tuples(values, st.sampled_from(["IS NULL", "IS NOT NULL"])).map("{0[0]} {0[1]}".format)
    )


CONDITIONS = st.recursive(
    _compared(NUMBERS) | _compared(WORDS) | st.just("b"),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map("({0[0]} {0[1]} {0[2]})".format)
        | inner.map("(NOT {})".format)
    ),
    max_leaves=4,
)


def _batch(rows: list[dict[str, object]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, SCHEMA.arrow)


def _by_engine(query: Query) -> Query:
    query.__dict__["_suits_kernels"] = False
    return query


@given(CONDITIONS, NUMBERS, st.lists(ROWS, min_size=1, max_size=12))
def test_kernels_agree_with_the_engine(condition: str, number: str, rows: list[dict[str, object]]) -> None:
    def query() -> Query:
        return plan_query(SCHEMA, where=condition, columns={"x": number, "y": condition})

    batch = _batch(rows)
    try:
        expected = _by_engine(query())(batch)
    except Exception as error:
        with pytest.raises(type(error)):
            query()(batch)
    else:
        assert query()(batch).equals(expected)


@given(CONDITIONS, st.lists(ROWS, min_size=1, max_size=12))
def test_kernels_agree_with_python(condition: str, rows: list[dict[str, object]]) -> None:
    query = plan_query(SCHEMA, where=condition)
    source = Source(_batch(rows), SCHEMA, query._paths, {})
    assert query._suits_kernels
    try:
        kept, _ = query._by_kernels(source, ())
    except Unsuited:
        return
    assert kept.to_pylist() == query._by_python(source, ())[0].to_pylist()


@pytest.mark.parametrize(
    "text",
    [
        "q / 2 > 1",
        "c LIKE 'P%'",
        "q IS DISTINCT FROM 1",
        f"q IN ({', '.join(map(str, range(30)))})",
        "b = true",
    ],
)
def test_what_else_there_is_is_left_to_the_engine(text: str) -> None:
    assert not suits(plan_query(SCHEMA, where=text).conditions[0].root)


def test_numbers_beyond_64_bits_are_left_to_the_engine() -> None:
    query = plan_query(SCHEMA, columns={"x": "q * q * q * p"})
    source = Source(_batch([{"q": 2**25, "p": Decimal(1)}]), SCHEMA, query._paths, {})
    with pytest.raises(Unsuited):
        Kernels(source).result(query.columns[0].bound.root)
    assert query(_batch([{"q": 2**25, "p": Decimal(1)}])).column("x").to_pylist() == [2**75]


@given(
    st.lists(st.none() | st.decimals(-(10**17), 10**17, allow_nan=False) | st.decimals(-99, 99, places=2)),
    st.integers(0, 6),
)
def test_decimals_are_read_as_they_are_written(numbers: list[Decimal | None], hint: int) -> None:
    texts = [None if number is None else _canonical(number) for number in numbers]
    found = read(pa.array(texts, pa.string()), hint)
    if found is not None:
        assert decimals_of(found) == [None if text is None else Decimal(text) for text in texts]
        assert all(abs(number) <= found.bound for number in found.column.to_pylist() if number is not None)
    elif texts:
        assert max(len(text or "") for text in texts) > 8


def test_more_decimals_than_expected_are_read_or_refused() -> None:
    some = pa.array(["1.25"] * 70 + ["1.2345"])
    assert read(some).scale == 4
    assert read(pa.array(["1.25"] * 70 + ["1.2345678901234"])) is None
    assert read(pa.array(["0.1", "1234567890.1234567"])) is None


def _canonical(number: Decimal) -> str:
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text
