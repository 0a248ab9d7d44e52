"""Fields that one table has and another lacks, and types that hold the values of two."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.drift import check_on_drift, meet
from dataflows_core.errors import CastError, FlowError, SchemaError
from dataflows_core.fit import fit
from dataflows_core.schema import Field, Schema
from dataflows_core.unify import unify

NAMES = ("one", "the other")


def schema(*fields: tuple[str, str], **properties: Any) -> Schema:
    return Schema(tuple(Field({"name": name, "type": kind}) for name, kind in fields), properties)


ONE = schema(("id", "integer"), ("old", "string"), primaryKey=["old"], missingValues=["-"])
OTHER = schema(("id", "integer"), ("new", "date"), primaryKey=["old"], missingValues=["-"])


@pytest.mark.parametrize(
    ("policy", "names", "properties"),
    [
        ("add", ("id", "old", "new"), {"primaryKey": ["old"], "missingValues": ["-"]}),
        ("drop", ("id",), {"missingValues": ["-"]}),
        ("ignore", ("id", "old"), {"primaryKey": ["old"], "missingValues": ["-"]}),
    ],
)
def test_what_becomes_of_fields_that_only_one_has(policy: Any, names: Any, properties: Any) -> None:
    met = meet(ONE, OTHER, policy, names=NAMES)
    assert met.names == names
    assert met.properties == properties


def test_drift_as_an_error_says_what_differs_and_guesses_renamed_fields() -> None:
    known, new = schema(("total", "integer"), ("a", "string")), schema(("totals", "integer"), ("a", "string"))
    with pytest.raises(SchemaError) as caught:
        meet(known, new, "error", names=("resource 'a'", "resource 'b'"))
    assert str(caught.value) == (
        "resource 'b' has 'totals', which resource 'a' has not, and lacks 'total', which resource 'a' has\n"
        "  is 'totals' the same as 'total'? rename_fields makes it so\n"
        '  on_drift="add", "drop" or "ignore" says what becomes of such fields'
    )
    assert meet(known, known, "error", names=NAMES) == known


def test_an_unknown_policy_has_near_misses() -> None:
    with pytest.raises(FlowError, match="did you mean 'ignore'"):
        check_on_drift("ignored")


def test_fields_keep_what_both_say_and_may_be_missing_where_one_lacks_them() -> None:
    required = {"required": True, "maxLength": 3}
    one = Schema((Field({"name": "a", "title": "A", "constraints": {"minLength": 1}, "format": "email"}),))
    other = Schema(
        (
            Field({"name": "a", "title": "B", "description": "D", "format": "email"}),
            Field({"name": "b", "constraints": required}),
        )
    )
    both = meet(one, other, "add", names=NAMES)
    assert both.field("a").descriptor == {
        "name": "a",
        "type": "string",
        "title": "A",
        "description": "D",
        "format": "email",
    }
    assert both.field("b").constraints == {"maxLength": 3}


PHYSICAL = [
    ("integer", pa.int8()),
    ("integer", pa.uint16()),
    ("integer", pa.int64()),
    ("integer", pa.uint64()),
    ("integer", pa.decimal128(38, 0)),
    ("number", pa.decimal128(10, 2)),
    ("number", pa.decimal128(38, 12)),
    ("number", pa.decimal128(38, 21)),
    ("number", pa.float32()),
    ("number", pa.float64()),
]


def values(kind: pa.DataType) -> st.SearchStrategy[Any]:
    if pa.types.is_floating(kind):
        return st.floats(width=kind.bit_width, allow_nan=False)
    if pa.types.is_integer(kind):
        low = 0 if pa.types.is_unsigned_integer(kind) else -(2 ** (kind.bit_width - 1))
        return st.integers(low, low + 2**kind.bit_width - 1)
    bound = 10 ** min(kind.precision, 28) - 1
    return st.integers(-bound, bound).map(lambda n: Decimal(n).scaleb(-kind.scale))


@st.composite
def columns(draw: Any) -> tuple[Field, pa.Array]:
    kind, arrow = draw(st.sampled_from(PHYSICAL))
    descriptor = {"name": "n", "type": kind}
    if pa.types.is_floating(arrow):
        descriptor["floatNumber"] = True
    field = Field(descriptor, arrow)
    return field, pa.array(draw(st.lists(st.none() | values(arrow), max_size=4)), arrow)


@given(columns(), columns())
def test_unified_numbers_are_the_same_numbers_or_refused(one: Any, other: Any) -> None:
    kinds = {pa.types.is_floating(one[0].arrow), pa.types.is_floating(other[0].arrow)}
    decimal = pa.types.is_decimal(one[0].arrow) or pa.types.is_decimal(other[0].arrow)
    try:
        field = unify(one[0], other[0])
    except SchemaError:
        assert kinds == {True, False}
        assert decimal
        return
    assert unify(other[0], one[0]).arrow == field.arrow
    for before, column in (one, other):
        function = fit(Schema((before,)), Schema((field,)))
        batch = pa.record_batch([column], names=["n"])
        whole = field.arrow.precision - field.arrow.scale if decimal else 0
        unfit = [
            value for value in column.to_pylist() if value is not None and not _fits(value, whole, decimal)
        ]
        if unfit and field.arrow != before.arrow:
            with pytest.raises(CastError) as caught:
                function(batch)
            assert caught.value.value == unfit[0]
            assert column[caught.value.index].as_py() == unfit[0]
        else:
            assert function(batch).schema.types == [field.arrow]
            assert function(batch).column(0).to_pylist() == column.to_pylist()


def _fits(value: Any, whole: int, decimal: bool) -> bool:
    if decimal:
        return abs(value) < 10**whole
    return isinstance(value, float) or int(float(value)) == value


def fitted(field: Field, other: Field, value: Any) -> tuple[str, Any]:
    unified = unify(field, other)
    column = pa.array([value, None], field.arrow)
    result = fit(Schema((field,)), Schema((unified,)))(pa.record_batch([column], names=["x"])).column(0)
    assert result.type == unified.arrow
    assert result[1].as_py() is None
    return unified.type, result[0].as_py()


def field(kind: str, arrow: pa.DataType = None, **more: Any) -> Field:
    return Field({"name": "x", "type": kind, **more}, arrow)


NOON = dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("one", "other", "value", "expected"),
    [
        (field("string"), field("any"), 'say "hi"', ("any", '"say \\"hi\\""')),
        (field("number"), field("any"), Decimal("1.5"), ("any", "1.5")),
        (field("object"), field("array"), '{"a": 1}', ("any", '{"a": 1}')),
        (field("time", pa.time32("s")), field("time"), dt.time(1, 2, 3), ("time", dt.time(1, 2, 3))),
        (
            field("datetime", pa.timestamp("s", "Asia/Tokyo")),
            field("datetime", pa.timestamp("us", "UTC")),
            NOON,
            ("datetime", NOON),
        ),
        (
            field("list", pa.list_(pa.int64()), itemType="integer"),
            field("list", pa.list_(pa.decimal128(38, 12)), itemType="number"),
            [1, None],
            ("list", [Decimal(1), None]),
        ),
    ],
)
def test_other_types_that_hold_both(one: Field, other: Field, value: Any, expected: Any) -> None:
    assert fitted(one, other, value) == expected
    assert unify(other, one).arrow == unify(one, other).arrow


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (field("string"), field("integer")),
        (field("date"), field("datetime")),
        (field("date"), field("any")),
        (field("boolean"), field("integer")),
        (field("datetime"), field("datetime", pa.timestamp("us", "UTC"))),
        (field("number"), field("number", floatNumber=True)),
        (field("list"), field("list", itemType="date")),
    ],
)
def test_types_that_nothing_holds_are_refused_with_the_remedy(one: Field, other: Field) -> None:
    for pair in ((one, other), (other, one)):
        with pytest.raises(SchemaError, match=r"which no type holds exactly; set_type makes them the same"):
            unify(*pair, names=NAMES)
