"""Rows that cannot become a batch are named; codecs and the collector behind them."""

from __future__ import annotations

import datetime as dt
import gc
import json
import pickle
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core.collector import CollectorAtRest
from dataflows_core.errors import RowError
from dataflows_core.row import Row
from dataflows_core.rows import RowCodec, rows_to_batches
from dataflows_core.schema import Field, Schema

SCHEMA = Schema(
    (
        Field({"name": "id", "type": "integer"}),
        Field({"name": "price", "type": "number"}),
        Field({"name": "title", "type": "string"}),
        Field({"name": "day", "type": "date"}),
        Field({"name": "tags", "type": "array"}),
    )
)
CARRIED = {"id": ["1", "2", None], "price": ["1.5", None, "-0.25"], "day": ["2020-02-29", "1999-12-31", None]}


def batch_of(columns: dict[str, list[Any]], schema: Schema = SCHEMA) -> pa.RecordBatch:
    arrays = []
    for field in schema:
        values = columns[field.name]
        carried = field.name in CARRIED and any(isinstance(value, str) for value in values)
        kind = pa.string() if carried else field.arrow
        if isinstance(kind, pa.JsonType):
            texts = [None if value is None else json.dumps(value) for value in values]
            arrays.append(pa.ExtensionArray.from_storage(kind, pa.array(texts, pa.string())))
        else:
            arrays.append(pa.array(values, kind))
    return pa.RecordBatch.from_arrays(arrays, names=list(schema.names))


def example() -> pa.RecordBatch:
    return batch_of({**CARRIED, "title": ["a", "", None], "tags": [[1], None, {"b": [2.5]}]})


def plain() -> list[dict[str, Any]]:
    return [
        {"id": 1, "price": Decimal("1.5"), "title": "a", "day": dt.date(2020, 2, 29), "tags": [1]},
        {"id": 2, "price": None, "title": "", "day": dt.date(1999, 12, 31), "tags": None},
        {"id": None, "price": Decimal("-0.25"), "title": None, "day": None, "tags": {"b": [2.5]}},
    ]


def rows_after(*touched: str) -> list[Row]:
    """Rows of which some columns are filled in beforehand, as after batches in which they were asked for."""
    codec = RowCodec(SCHEMA)
    for _ in range(3):
        rows = codec.decode(example())
        for name in touched:
            for row in rows:
                row[name]
    return codec.decode(example())


def spoilt() -> pa.RecordBatch:
    """A batch whose `price` and `day` cannot be read: reading them would fail."""
    return batch_of(
        {"id": ["1", "2"], "price": ["no", "no"], "title": ["a", "b"], "day": ["no", "no"], "tags": [[1], []]}
    )


# ------------------------------------------------------------------------------------------ faults


@pytest.mark.parametrize("turns", [0, 1, 4])
@pytest.mark.parametrize("guilty", [0, 2])
def test_a_key_without_a_field_is_found_in_one_row_of_many(turns: int, guilty: int) -> None:
    codec = RowCodec(SCHEMA)
    for turn in range(turns + 1):
        batch = example()
        rows = codec.decode(batch)
        for row in rows:
            row["title"] = "x"
        if turn == turns:
            rows[guilty]["totle"] = 1
    with pytest.raises(RowError) as caught:
        codec.encode(rows, batch)
    assert (caught.value.index, caught.value.field, caught.value.value) == (guilty, "totle", 1)
    assert "add_field('totle', 'integer')" in str(caught.value)
    assert "did you mean 'title'" in str(caught.value)


@pytest.mark.parametrize("touched", [(), SCHEMA.names])
def test_a_renamed_key_is_no_field_though_the_row_is_as_long_as_before(touched: tuple[str, ...]) -> None:
    rows = rows_after(*touched)
    rows[0]["x"] = rows[0].pop("title")
    with pytest.raises(RowError, match="no field 'x'"):
        RowCodec(SCHEMA).encode(rows)


@pytest.mark.parametrize("touched", [(), SCHEMA.names])
def test_one_row_that_lost_a_key_does_not_hide_one_that_got_one(touched: tuple[str, ...]) -> None:
    rows = rows_after(*touched)
    del rows[0]["id"]
    rows[1]["x"] = 1
    with pytest.raises(RowError, match="no field 'x'") as caught:
        RowCodec(SCHEMA).encode(rows)
    assert caught.value.index == 1


def test_a_wrong_value_is_named_with_its_row() -> None:
    codec = RowCodec(SCHEMA)
    for _ in range(4):
        batch = example()
        rows = codec.decode(batch)
        rows[1]["id"] = "12"
        with pytest.raises(
            RowError, match="'id': '12' is text, not an integer; convert it with int"
        ) as caught:
            codec.encode(rows, batch)
        assert (caught.value.index, caught.value.field, caught.value.value) == (1, "id", "12")


def test_a_wrong_value_is_named_by_its_place_among_mixed_rows() -> None:
    codec = RowCodec(SCHEMA)
    one, two = codec.decode(example()), codec.decode(example())
    two[0]["tags"] = object()
    with pytest.raises(RowError, match="'tags'") as caught:
        codec.encode([{"id": 1}, one[0], {"id": 2}, two[0]])
    assert caught.value.index == 3


@pytest.mark.parametrize("guilty", [1, None, "text", ["a"], ("a", 1)])
def test_what_is_no_mapping_is_no_row(guilty: Any) -> None:
    codec = RowCodec(SCHEMA)
    batch = example()
    rows = codec.decode(batch)
    with pytest.raises(RowError, match="must be a dict") as caught:
        codec.encode([rows[0], guilty, rows[2]], batch)
    assert caught.value.index == 1


def test_a_value_that_cannot_be_read_is_named_when_it_is_asked_for() -> None:
    (row, _) = RowCodec(SCHEMA).decode(spoilt())
    assert row["title"] == "a"
    with pytest.raises(RowError, match="'price'") as caught:
        row["price"]
    assert caught.value.index == 0


# -------------------------------------------------------------------------------- codecs and threads


def test_a_codec_pickles() -> None:
    codec = pickle.loads(pickle.dumps(RowCodec(SCHEMA)))
    assert codec.decode(example()) == plain()


def test_a_codec_serves_several_threads() -> None:
    codec = RowCodec(SCHEMA)
    failures: list[object] = []

    def work(name: str) -> None:
        for turn in range(100):
            batch = example()
            rows = codec.decode(batch)
            for row in rows:
                row["title"] = f"{name}{turn}{row['id']}"
            made = codec.encode(rows, batch).column("title").to_pylist()
            if made != [f"{name}{turn}{number}" for number in (1, 2, None)]:
                failures.append(made)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert gc.isenabled()


@settings(max_examples=20)
@given(st.lists(st.booleans(), max_size=6))
def test_the_collector_runs_again_when_all_have_left(nesting: list[bool]) -> None:
    contexts = [CollectorAtRest() for _ in nesting]
    assert gc.isenabled()
    for context in contexts:
        context.__enter__()
        assert not gc.isenabled()
    for context in contexts:
        assert not gc.isenabled()
        context.__exit__(None, None, None)
    assert gc.isenabled()


def test_the_collector_stays_off_for_who_turned_it_off() -> None:
    gc.disable()
    try:
        RowCodec(SCHEMA).decode(example())
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_collector_runs_again_after_an_error() -> None:
    codec = RowCodec(SCHEMA)
    with pytest.raises(RowError):
        codec.encode([{"nothing": 1}])

    def broken() -> Iterator[dict[str, Any]]:
        yield {"id": 1}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(rows_to_batches(broken(), codec))
    assert gc.isenabled()
