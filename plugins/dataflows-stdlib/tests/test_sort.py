"""sort_rows: typed keys, exact numbers, stable, larger than memory."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Flow, Package, ProcessorError
from dataflows_core.processors import load, set_type, sort_rows
from dataflows_stdlib.sortable import sortable


def in_order(rows: list[dict[str, Any]], *args: Any, **options: Any) -> list[Any]:
    """The values of the last field, behind a sort."""
    return [list(row.values())[-1] for row in Flow(rows, sort_rows(*args, **options)).results().rows[0]]


def numbered(*values: Any) -> list[dict[str, Any]]:
    return [{"v": value, "n": number} for number, value in enumerate(values)]


RECORDS = st.lists(
    st.fixed_dictionaries({"a": st.none() | st.integers(-3, 3), "b": st.none() | st.sampled_from("xyzé")}),
    min_size=1,
    max_size=12,
).filter(lambda rows: any(row["a"] is not None for row in rows) and any(row["b"] for row in rows))
KEYS = st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), min_size=1, max_size=2)


@settings(max_examples=50)
@given(RECORDS, KEYS, st.booleans())
def test_rows_come_in_the_order_of_their_keys_and_ties_as_they_were(
    records: list[dict[str, Any]], keys: list[tuple[str, bool]], reverse: bool
) -> None:
    rows = [{**row, "n": number} for number, row in enumerate(records)]
    expected = list(rows)
    for name, descending in reversed(keys):  # stable sorts, the least important key first

        def key(row: dict[str, Any], name: str = name) -> tuple[bool, Any]:
            return (row[name] is not None, row[name] or (0 if name == "a" else ""))

        if descending != reverse:
            expected = sorted(expected, key=key, reverse=True)  # stable in reverse, too
        else:
            expected = sorted(expected, key=key)
    text = [f"{name} desc" if descending else name for name, descending in keys]
    assert in_order(rows, text, reverse=reverse) == [row["n"] for row in expected]


@settings(max_examples=20)
@given(RECORDS)
def test_fields_formats_expressions_and_functions_agree(rows: list[dict[str, Any]]) -> None:
    rows = [{**row, "n": number} for number, row in enumerate(rows)]
    expected = in_order(rows, ["a", "b"])
    assert in_order(rows, "{a}{b}") == expected
    assert in_order(rows, "a, b") == expected
    assert in_order(rows, lambda row: (row["a"], row["b"])) == expected
    assert in_order(rows, "a + 0, b || ''") == expected


SCALARS = (
    st.integers() | st.floats(allow_nan=False) | st.decimals(allow_nan=False) | st.booleans(),
    st.text(),
    st.binary(),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.timezones()),
    st.times(),
    st.timedeltas(),
    st.tuples(st.integers(), st.text()),
    st.lists(st.integers()).map(tuple),
)


@given(st.one_of([st.tuples(scalar, scalar) for scalar in SCALARS]))
def test_bytes_order_as_the_values_do(pair: tuple[Any, Any]) -> None:
    one, two = pair
    assert (sortable(one) < sortable(two)) == (one < two)
    assert (sortable(one) == sortable(two)) == (one == two)
    assert (sortable((one, 2)) < sortable((two, 1))) == ((one, 2) < (two, 1))


@pytest.mark.parametrize(
    ("values", "order"),
    [
        ([2**53 + 1, 2**53, -1, None], [3, 2, 1, 0]),  # doubles cannot tell these apart
        ([Decimal("1E+30"), Decimal("-0.1"), Decimal("0.1")], [1, 2, 0]),
        ([10, 9, 100], [1, 0, 2]),
        (["b", "a", "B", "é", None], [4, 2, 1, 0, 3]),
        ([dt.date(2020, 1, 2), dt.date(999, 1, 1)], [1, 0]),
        ([float("nan"), 1.0, float("-inf")], [2, 1, 0]),
        ([True, False, None], [2, 1, 0]),
        ([[2], [1, 5], [1]], [1, 2, 0]),
    ],
)
def test_values_order_by_their_types(values: list[Any], order: list[int]) -> None:
    """Lists order by their JSON text."""
    assert in_order(numbered(*values), "{v}") == order
    assert in_order(numbered(*values), "v", reverse=True) == order[::-1]


def test_fields_are_compared_one_after_the_other_and_not_as_one_text() -> None:
    rows = [{"a": "ab", "b": "a", "n": 0}, {"a": "a", "b": "z", "n": 1}]
    assert in_order(rows, ["a", "b"]) == [1, 0]


def test_a_formatted_field_orders_by_its_text() -> None:
    rows = numbered("ba", "ab", "bb", "aa", None)
    assert in_order(rows, "{v:.1}") == [4, 1, 3, 0, 2]
    assert in_order(numbered(10, 9, 100), "{v!s}") == [0, 2, 1]


def test_a_name_that_looks_like_an_expression_is_the_field() -> None:
    rows = [{"a desc": 2, "n": 0}, {"a desc": 1, "n": 1}]
    assert in_order(rows, "a desc") == [1, 0]
    assert in_order(rows, '"a desc" desc') == [0, 1]
    assert in_order([{"Solid Fuel": 2, "n": 0}, {"Solid Fuel": 1, "n": 1}], "Solid Fuel") == [1, 0]


def test_every_column_comes_back_as_it_was(tmp_path: Path) -> None:
    """Those that nobody reads are still the text of the file when they are sorted."""
    path = tmp_path / "t.csv"
    path.write_text("k,price,day,id,note\n" + "".join(
        f"{-n},{n}.{n % 100:02d},2020-01-{n % 28 + 1:02d},{n},n{n}\n" for n in range(1, 40_000)))  # fmt: skip
    flow = Flow(load(str(path)), sort_rows("k"), set_type("id", type="string"))
    rows = flow.results().rows[0]
    assert rows[0]["k"] == -39_999
    assert rows[-1] == {
        "k": -1,
        "price": Decimal("1.01"),
        "day": dt.date(2020, 1, 2),
        "id": "1",
        "note": "n1",
    }
    assert [row["k"] for row in rows] == sorted(row["k"] for row in rows)


def test_a_table_may_be_larger_than_the_memory_limit() -> None:
    count = 400_000
    column = pa.array([n * 7919 % count for n in range(count)])
    texts = pa.array(["x" * 60 + str(n) for n in range(count)])
    table = pa.table({"k": column, "t": texts})
    package = Flow(table, sort_rows("k", memory_limit="32MB")).package()
    assert package[0].to_arrow().column("k").equals(pa.chunked_array([pa.array(range(count))]))


def test_an_empty_resource_and_one_of_nulls() -> None:
    schema = pa.schema([("a", pa.int64()), ("b", pa.string())])
    assert Flow(schema.empty_table(), sort_rows("b")).results().rows == [[]]
    assert in_order(numbered(1, 2), lambda row: None) == [0, 1]


def test_keys_and_properties_of_the_schema_stay() -> None:
    def describe(package: Package) -> None:
        package[0].schema = package[0].schema.with_properties(primaryKey=["n"])

    descriptor = Flow(numbered(2, 1), describe, sort_rows("v + 1")).package()[0].schema.descriptor
    assert [field["name"] for field in descriptor["fields"]] == ["v", "n"]
    assert descriptor["primaryKey"] == ["n"]


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("", "a key to sort by"),
        ([], "a key to sort by"),
        (7, "a key to sort by"),
        (["a", 1], "a key to sort by"),
        ("valu", "did you mean|known fields: value, n"),
        ("{valu}", "did you mean 'value'"),
        ("{}", "no field ''"),
        ("{value", "cannot be read"),
        ("{{value}}", "names no field"),
        ("value +", "expression"),
        ("value, (select 1)", "expression"),
        (["value", "nope"], "known fields: value, n"),
    ],
)
def test_what_is_no_key(key: Any, problem: str) -> None:
    with pytest.raises((ProcessorError, Exception), match=problem) as caught:
        Flow([{"value": 1, "n": 2}], sort_rows(key)).process()
    assert getattr(caught.value, "exit_code", None) == 2


def test_a_key_function_that_fails_says_at_which_row() -> None:
    with pytest.raises(ProcessorError, match=r"step 2, sort_rows.*row 3[\s\S]*KeyError: 'x'"):
        in_order(numbered(1, 2, 3), lambda row: row["n"] if row["n"] < 2 else row["x"])
    with pytest.raises(ProcessorError, match="of the type dict have no order"):
        in_order(numbered(1), lambda row: {})


def test_an_error_above_a_sort_is_blamed_on_its_step() -> None:
    def fail(row: dict[str, Any]) -> None:
        if row["n"] == 30_000:
            raise ValueError("no")

    with pytest.raises(ProcessorError, match=r"step 2, .*row 30001[\s\S]*ValueError: no"):
        Flow(({"n": n} for n in range(100_000)), fail, sort_rows("n")).process()


def test_a_value_above_a_sort_that_does_not_fit_says_row_field_and_value(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,code\n" + "".join(f"{n},c{n if n != 7000 else 'x'}\n" for n in range(1, 9000)))
    integer = set_type("code", type="integer", transform=lambda code: code[1:])
    with pytest.raises(ProcessorError, match="'x' is not an integer") as caught:
        Flow(load(str(path)), integer, sort_rows("code")).process()
    error = caught.value
    assert (error.position, error.processor, error.row) == ("2", "set_type", 7000)
    assert error.values == {"id": 7000, "code": "cx"}


@pytest.mark.parametrize("limit", ["a lot", 5, -1, 1.5])
def test_a_memory_limit_that_is_none(limit: Any) -> None:
    with pytest.raises(Exception, match="memory_limit"):
        sort_rows("n", memory_limit=limit)
