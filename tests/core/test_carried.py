"""Carried text: only what is canonical is carried, and it is typed without a loss."""

from __future__ import annotations

import datetime as dt
from decimal import Context, Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core.carried import carried_text, may_carry, typed
from dataflows_core.cast import cast_column
from dataflows_core.errors import DataError
from dataflows_core.schema import Field, Schema
from dataflows_core.text import column_to_text, value_to_text

WIDE = Context(prec=60)


def make(type_: str, arrow: pa.DataType | None = None, **options: object) -> Field:
    return Field({"name": "x", "type": type_, **options}, arrow)


FIELDS = [
    make("integer"),
    make("integer", pa.decimal128(38, 0)),
    make("integer", pa.decimal128(3, 0)),
    make("number"),
    make("number", pa.decimal128(38, 21)),
    make("number", pa.decimal128(5, 2)),
    make("number", pa.decimal128(38, 38)),
    make("date"),
]
texts = st.one_of(
    st.text("0123456789.-+xeE \n", min_size=1, max_size=6),
    st.from_regex(r"\A-?[0-9]{1,40}(\.[0-9]{1,40})?\Z"),
    st.integers(-(2**63) - 9, 2**63 + 9).map(str),
    st.dates().map(str),
    st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"),
    st.sampled_from(["0", "-0", "00", "007", "0x10", "-0x1", "+1", "0.0", "1.0", "1.", ".5", "-.5", "1e5"]),
    st.sampled_from(["1\n2", "１", "nan", "inf", "1_0", "0.10", "-0.5", "9" * 38, "9" * 39, "-" + "9" * 38]),
    st.sampled_from(["0000-01-01", "1900-02-29", "2000-02-29", "2020-02-30", "2020-01-01 "]),
)


pointed = st.from_regex(r"\A(0|[0-9]{0,4})\.([0-9]{1,4}|[0-9./-]{0,3})\Z")


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: str(field.arrow))
@settings(max_examples=150)
@given(values=st.lists(st.one_of(st.none(), texts), max_size=4) | st.lists(st.none() | pointed, max_size=4))
def test_carried_is_what_would_be_printed(field: Field, values: list[str | None]) -> None:
    column = pa.array(values, pa.string())
    values_typed, errors = cast_column(column, field, missing_values=[])
    printed = [value_to_text(value, field) for value in values_typed.to_pylist()]
    carried = carried_text(column, field)
    if not errors and printed == values:
        assert carried is not None
    if carried is not None:
        assert not errors
        assert carried.to_pylist() == printed


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: str(field.arrow))
@settings(max_examples=40)
@given(data=st.data())
def test_what_is_printed_is_carried(field: Field, data: st.DataObject) -> None:
    if field.type == "date":
        values = st.dates()
    elif field.arrow == pa.int64():
        values = st.integers(-(2**63), 2**63 - 1)
    else:
        precision, scale = field.arrow.precision, field.arrow.scale
        units = st.integers(-(10**precision) + 1, 10**precision - 1)
        values = units.map(lambda unit: Decimal(unit).scaleb(-scale, WIDE))
    column = pa.array(data.draw(st.lists(st.one_of(st.none(), values), max_size=5)), field.arrow)
    text = column_to_text(column, field)
    padded = pa.concat_arrays([pa.array(["bad"]), text, pa.array(["bad"])]).slice(1, len(text))
    for carried in (text, padded):
        result, errors = cast_column(carried, field, carry=True)
        assert errors == []
        assert pa.types.is_string(result.type) or len(text) == 0
        batch = pa.RecordBatch.from_arrays([result], names=["x"])
        assert typed(batch, Schema((field,))).column(0) == column


@pytest.mark.parametrize(
    "field",
    [
        make("number", floatNumber=True),
        make("number", decimalChar=","),
        make("number", groupChar="."),
        make("integer", groupChar="-"),
        make("date", format="%d/%m/%Y"),
        make("boolean"),
        make("string"),
        make("integer", pa.int32()),
    ],
    ids=lambda field: str(field.descriptor),
)
def test_what_is_not_carried(field: Field) -> None:
    assert not may_carry(field)
    assert carried_text(pa.array(["1"]), field) is None


def test_missing_values_are_null_in_carried_text() -> None:
    column, errors = cast_column(
        pa.array(["1", "", "-99", None]), make("integer"), missing_values=["", "-99"], carry=True
    )
    assert (column.to_pylist(), errors) == (["1", None, None, None], [])
    assert pa.types.is_string(column.type)
    column, errors = cast_column(pa.array(["1", ""]), make("integer"), missing_values=[], carry=True)
    assert [error.index for error in errors] == [1]


def test_typed_converts_what_is_named() -> None:
    schema = Schema.from_descriptor(
        {"fields": [{"name": "i", "type": "integer"}, {"name": "d", "type": "date"}, {"name": "s"}]}
    )
    batch = pa.RecordBatch.from_pydict({"i": ["1"], "d": ["2020-01-02"], "s": ["007"]})
    assert typed(batch, schema, ["d"]).to_pylist() == [{"i": "1", "d": dt.date(2020, 1, 2), "s": "007"}]
    whole = typed(batch, schema)
    assert whole.schema == schema.arrow
    assert typed(whole, schema) is whole
    assert typed(batch, schema, []) is batch


def test_typed_refuses_what_should_not_have_been_carried() -> None:
    batch = pa.RecordBatch.from_pydict({"x": ["yes"]})
    with pytest.raises(DataError, match="carried"):
        typed(batch, Schema((make("boolean"),)))
