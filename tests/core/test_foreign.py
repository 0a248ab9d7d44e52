"""Columns as other programs write them, as the engine wants them."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import json_text
from dataflows_core.cast import cast_column
from dataflows_core.errors import SchemaError
from dataflows_core.foreign import familiar
from dataflows_core.nested import nested_json
from dataflows_core.schema import Schema

LAYOUTS = [pa.list_, pa.large_list, pa.list_view, pa.large_list_view]


def rows_of(column: pa.Array) -> tuple[str, list[Any]]:
    """The type and the values that a column of a file is loaded as."""
    (field,) = Schema.from_arrow(pa.schema([pa.field("x", column.type)]))
    column = familiar(column)
    if column.type != field.arrow:
        column, errors = cast_column(column, field, missing_values=())
        assert not errors, errors
    if isinstance(column.type, pa.JsonType):
        return field.type, [
            None if text is None else json_text.loads(text) for text in column.storage.to_pylist()
        ]
    return f"{field.type} {field.format}", column.to_pylist()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("item", [pa.int8(), pa.string_view(), pa.large_string(), pa.date32()])
def test_a_list_is_a_list_in_every_layout(layout: Any, item: pa.DataType) -> None:
    one = {pa.int8(): 1, pa.date32(): dt.date(2024, 1, 1)}.get(item, "x")
    values = [[one], None, [], [one, None]]
    column = pa.array(values, layout(item))
    assert rows_of(column) == ("list default", values)
    assert rows_of(column.slice(1, 2)) == ("list default", values[1:3])


def test_lists_of_one_size_are_lists() -> None:
    column = pa.array([[1, 2], None, [3, None]], pa.list_(pa.int32(), 2))
    assert rows_of(column) == ("list default", [[1, 2], None, [3, None]])
    assert rows_of(column.slice(1)) == ("list default", [None, [3, None]])


def test_bytes_are_base64_and_a_uuid_is_its_text() -> None:
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(2)):
        assert rows_of(pa.array([b"\xff\xfe", None], kind)) == ("string binary", ["//4=", None])
    one = uuid.UUID("12345678-1234-5678-1234-567812345678")
    column = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([one.bytes, None], pa.binary(16)))
    assert rows_of(column) == ("string uuid", [str(one), None])


def test_small_floats_runs_and_hundreds_are_numbers() -> None:
    assert rows_of(pa.array([1.5, None], pa.float16())) == ("number default", [1.5, None])
    hundreds = pa.array([Decimal(1500), None], pa.decimal128(10, -2))
    assert rows_of(hundreds) == ("integer default", [Decimal(1500), None])
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["x", None]))
    assert rows_of(runs) == ("string default", ["x", "x", None])
    bools = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0, None], pa.int8()))
    assert rows_of(bools) == ("boolean default", [True, False, None])


def test_records_maps_and_lists_of_them_are_json() -> None:
    record = {
        "n": 1,
        "price": Decimal("1.10"),
        "day": dt.date(2024, 1, 1),
        "took": dt.timedelta(1),
        "raw": b"x",
    }
    said = {"n": 1, "price": 1.1, "day": "2024-01-01", "took": "P1D", "raw": "eA=="}
    nothing = dict.fromkeys(said)
    column = pa.array([record, None, dict.fromkeys(record)])
    assert rows_of(column) == ("object", [said, None, nothing])
    assert rows_of(column.slice(2)) == ("object", [nothing])
    lists = pa.array([[record, None], None, []], pa.list_(column.type))
    assert rows_of(lists) == ("array", [[said, None], None, []])
    maps = pa.array([[("a", 1), ("ü\n", None)], None, []], pa.map_(pa.string(), pa.int64()))
    assert rows_of(maps) == ("object", [{"a": 1, "ü\n": None}, None, {}])
    assert rows_of(maps.slice(1)) == ("object", [None, {}])
    days = pa.array([[(dt.date(2024, 1, 1), [1])]], pa.map_(pa.date32(), pa.list_(pa.int8())))
    assert rows_of(days) == ("object", [{"2024-01-01": [1]}])


def test_what_json_cannot_say_is_an_error_with_its_row() -> None:
    for values, kind in (
        ([None, {"x": 1.0}, {"x": float("nan")}], pa.struct([("x", pa.float64())])),
        ([None, [("a", 1)], [("b", 1), ("a", 1), ("b", 2)]], pa.map_(pa.string(), pa.int8())),
    ):
        column = pa.array(values, kind)
        (field,) = Schema.from_arrow(pa.schema([pa.field("x", kind)]))
        _, errors = cast_column(column, field, missing_values=())
        assert [error.index for error in errors] == [2]


def test_types_without_a_meaning_are_refused_wherever_they_are() -> None:
    pair = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    tensor = pa.fixed_shape_tensor(pa.int32(), [2])
    for kind in (pair.type, pa.list_(pair.type), pa.struct([("t", tensor)]), tensor):
        with pytest.raises(SchemaError, match="'x'"):
            Schema.from_arrow(pa.schema([pa.field("x", kind)]))


scalars = st.none() | st.integers(-(2**63), 2**63 - 1)
texts = st.none() | st.text('a"\\\\\n\x01ü🙂', max_size=4)
records = st.fixed_dictionaries(
    {"i": scalars, "t": texts, "l": st.none() | st.lists(texts, max_size=3), "b": st.booleans()}
)


@given(st.lists(st.none() | st.lists(st.none() | records, max_size=3), max_size=8), st.integers(0, 3))
def test_nested_columns_are_what_json_says_of_them(values: list[Any], begin: int) -> None:
    kind = pa.struct([("i", pa.int64()), ("t", pa.string()), ("l", pa.list_(pa.string())), ("b", pa.bool_())])
    column = pa.array(values, pa.list_(kind)).slice(begin)
    texts = nested_json(column).to_pylist()
    assert [None if text is None else json.loads(text) for text in texts] == values[begin:]
