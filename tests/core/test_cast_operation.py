"""The operation that casts batches: what becomes of values that are wrong."""

from __future__ import annotations

import datetime as dt
import pickle
import warnings
from decimal import Decimal

import pyarrow as pa
import pytest

from dataflows_core.cast import Cast, cast_column
from dataflows_core.errors import CastError, FlowError, SchemaError
from dataflows_core.schema import Field, Schema

with warnings.catch_warnings():
    warnings.simplefilter("ignore")


def make(type_: str, arrow: pa.DataType | None = None, **options: object) -> Field:
    return Field({"name": "x", "type": type_, **options}, arrow)


# --- the operation ---------------------------------------------------------------------------------------

SCHEMA = Schema(
    (make("integer").update(name="id"), Field({"name": "n", "type": "number", "constraints": {"minimum": 0}}))
)
BATCH = pa.RecordBatch.from_pydict({"id": ["1", "x", "3", "4", "y"], "n": ["1.5", "2", "-3", "z", "w"]})
ROWS = [{"id": 1, "n": Decimal("1.5")}, {"id": None, "n": Decimal(2)}, {"id": 3, "n": None}]


def test_cast_raises_the_error_of_the_first_row() -> None:
    with pytest.raises(CastError) as caught:
        Cast(SCHEMA)(BATCH)
    assert (caught.value.field, caught.value.index, caught.value.value) == ("id", 1, "x")


def test_cast_drops_rows_once_and_keeps_them_as_they_were() -> None:
    batch, report = Cast(SCHEMA, on_error="drop", carry=False)(BATCH)
    assert batch.to_pylist() == ROWS[:1]
    assert report.counts == {"dropped": 4}
    assert [(r.index, r.action, r.values) for r in report.rejected] == [
        (index, "drop", BATCH.slice(index, 1).to_pylist()[0]) for index in (1, 2, 3, 4)
    ]
    assert report.rejected[1].error.constraint == "minimum"


def test_cast_clears_values() -> None:
    batch, report = Cast(SCHEMA, on_error="clear")(BATCH)
    assert batch.num_rows == 5
    assert batch.column("n").null_count == 3
    assert batch.column("id").null_count == 2
    assert report.counts == {"cleared": 5}
    assert [r.index for r in report.rejected] == [1, 2, 3, 4, 4]


def test_cast_ignores_broken_constraints_only() -> None:
    good = BATCH.take(pa.array([0, 2]))
    batch, report = Cast(SCHEMA, on_error="ignore", carry=False)(good)
    assert batch.column("n").to_pylist() == [Decimal("1.5"), Decimal(-3)]
    assert (report.counts, report.rejected) == ({"ignored": 1}, [])
    with pytest.raises(CastError, match="cannot be ignored"):
        Cast(SCHEMA, on_error="ignore")(BATCH)


def test_cast_asks_a_function() -> None:
    batch, report = Cast(SCHEMA, on_error=lambda error: "drop" if error.field == "id" else "clear")(BATCH)
    assert report.counts == {"dropped": 2, "cleared": 2}
    assert batch.num_rows == 3
    with pytest.raises(FlowError, match="returned None"):
        Cast(SCHEMA, on_error=lambda error: None)(BATCH)  # type: ignore[arg-type, return-value]
    with pytest.raises(FlowError, match="sometimes"):
        Cast(SCHEMA, on_error="sometimes")


def test_cast_some_fields_of_a_batch_and_across_processes() -> None:
    cast = pickle.loads(pickle.dumps(Cast(SCHEMA, fields=("n",), on_error="drop", check_constraints=False)))
    batch, report = cast(BATCH)
    assert batch.column("id").to_pylist() == ["1", "x", "3"]
    assert report.counts == {"dropped": 2}
    with pytest.raises(FlowError, match="no field 'm'"):
        Cast(SCHEMA, fields=("m",))


def test_cast_of_carried_columns_goes_by_their_own_schema() -> None:
    before = Schema((make("date"),))
    after = Schema((make("date", format="%d/%m/%Y"),))
    carried = pa.RecordBatch.from_pydict({"x": ["2020-01-02"]})
    batch, _ = Cast(after, source=before)(carried)
    assert batch.column("x").to_pylist() == [dt.date(2020, 1, 2)]
    with pytest.raises(CastError, match=r"a date \(format %d/%m/%Y\)"):
        Cast(after)(carried)


def test_errors_say_what_was_expected_in_plain_words() -> None:
    expected = [
        (make("number"), "a number"),
        (make("integer"), "an integer"),
        (make("date", format="%d/%m/%Y"), "a date (format %d/%m/%Y)"),
        (make("date"), "a date (YYYY-MM-DD)"),
        (make("boolean", trueValues=["ja"], falseValues=["nein"]), "a boolean (ja, nein)"),
        (make("string", format="email"), "a text of the format email"),
        (make("list", itemType="integer"), "a list whose items are each an integer"),
        (make("number", decimalChar=","), "a number (decimalChar ',')"),
    ]
    for field, words_ in expected:
        assert cast_column(pa.array(["?"]), field)[1][0].expected == words_


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"constraints": {"minimun": 1}}, "there is no constraint 'minimun'; did you mean minimum"),
        ({"constraints": {"maximum": "ten"}}, "ten"),
        ({"type": "list", "itemType": "intger"}, "itemType 'intger', which is not a Table Schema type"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused_before_data_move(more: dict, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Cast(Schema((Field({"name": "n", "type": "integer", **more}),)))
