from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.schema import Field, Schema
from dataflows_core.text import value_to_text
from dataflows_dump_path import json_writer
from dataflows_dump_path.json_writer import JsonWriter, NdjsonWriter


def written(writer, *batches):
    """As a sink puts it together."""
    rows = [bytes(writer.encode(batch)) for batch in batches if batch.num_rows]
    return writer.header() + writer.separator.join(rows) + writer.footer()


def read(writer, data):
    if isinstance(writer, NdjsonWriter):
        return [json.loads(line, parse_float=Decimal) for line in data.decode().split("\n")[:-1]]
    return json.loads(data, parse_float=Decimal)


texts = st.text(st.sampled_from([*'ab"\\/{}[],: é€😀', *map(chr, range(32)), "\x7f", "\u2028"]), max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("writer_class", [JsonWriter, NdjsonWriter])
@given(
    st.lists(st.tuples(st.none() | texts, st.none() | json_values), max_size=8),
    texts.filter(bool),
    st.integers(0, 8),
)
def test_texts_and_objects_read_back(writer_class, rows, name, cut):
    schema = Schema((Field({"name": name}), Field({"name": f"{name}2", "type": "object"})))
    objects = [None if value is None else json.dumps(value, indent=1) for _, value in rows]
    columns = [pa.array([text for text, _ in rows], pa.string()), pa.array(objects, pa.string())]
    columns[1] = columns[1].cast(schema.fields[1].arrow)
    batch = pa.RecordBatch.from_arrays(columns, names=list(schema.names))
    writer = writer_class(schema)
    expected = [dict(zip(schema.names, row, strict=True)) for row in rows]
    assert read(writer, written(writer, batch)) == expected
    assert written(writer, batch[:cut], batch[cut:]) == written(writer, batch)


numbers = [
    ({"type": "integer"}, st.integers(-(2**63), 2**63 - 1)),
    ({"type": "number"}, st.decimals(-(10**25), 10**25, places=12)),
]


@pytest.mark.parametrize(("descriptor", "values"), numbers, ids=str)
@given(data=st.data())
def test_numbers_are_exact(descriptor, values, data):
    field = Field({"name": "x", **descriptor})
    column = data.draw(st.lists(st.none() | values, max_size=6))
    batch = pa.RecordBatch.from_arrays([pa.array(column, field.arrow)], names=["x"])
    writer = JsonWriter(Schema((field,)))
    read_back = json.loads(written(writer, batch), parse_float=Decimal, parse_int=Decimal)
    assert [row["x"] for row in read_back] == column


@given(st.lists(st.none() | st.floats(), max_size=6))
def test_floats_are_numbers_or_the_texts_that_table_schema_has_for_them(column):
    field = Field({"name": "x", "type": "number", "floatNumber": True})
    batch = pa.RecordBatch.from_arrays([pa.array(column, pa.float64())], names=["x"])
    data = json.loads(written(JsonWriter(Schema((field,))), batch), parse_int=float)
    for row, value in zip(data, column, strict=True):
        if value is None or math.isfinite(value):
            assert row["x"] == value
        else:
            assert row["x"] == value_to_text(value, field)


def test_the_other_types():
    cases = [
        ({"type": "boolean"}, True, True),
        ({"type": "date"}, dt.date(2020, 1, 2), "2020-01-02"),
        ({"type": "time"}, dt.time(1, 2, 3), "01:02:03"),
        ({"type": "datetime"}, dt.datetime(2020, 1, 2, 3, 4, 5, 6), "2020-01-02T03:04:05.000006"),
        ({"type": "year"}, 999, 999),
        ({"type": "yearmonth"}, "2020-01", "2020-01"),
        ({"type": "list"}, ["a,", "b"], ["a,", "b"]),
        ({"type": "list", "itemType": "integer"}, [1, None], [1, None]),
        ({"type": "list", "itemType": "date"}, [], []),
    ]
    for descriptor, value, expected in cases:
        field = Field({"name": "x", **descriptor})
        batch = pa.RecordBatch.from_arrays([pa.array([value, None], field.arrow)], names=["x"])
        assert read(JsonWriter(Schema((field,))), written(JsonWriter(Schema((field,))), batch)) == [
            {"x": expected},
            {"x": None},
        ]


def test_carried_text_is_a_number_all_the_same():
    schema = Schema.from_descriptor(
        {"fields": [{"name": "n", "type": "number"}, {"name": "d", "type": "date"}]}
    )
    batch = pa.RecordBatch.from_arrays(
        [pa.array(["1.5", None]), pa.array(["2020-01-02", None])], names=["n", "d"]
    )
    expected = b'{"n": 1.5, "d": "2020-01-02"}\n{"n": null, "d": null}\n'
    assert written(NdjsonWriter(schema), batch) == expected


def test_no_rows():
    schema = Schema.from_descriptor({"fields": [{"name": "n"}]})
    batch = pa.record_batch({"n": pa.array([], pa.string())})
    assert json.loads(written(JsonWriter(schema), batch)) == []
    assert written(NdjsonWriter(schema), batch) == b""


def test_large_batches_are_cut(monkeypatch):
    schema = Schema.from_descriptor({"fields": [{"name": "n"}]})
    batch = pa.record_batch({"n": pa.array([f'a"{n}' for n in range(50)])})
    expected = {kind: written(kind(schema), batch) for kind in (JsonWriter, NdjsonWriter)}
    monkeypatch.setattr(json_writer, "_TEXT_LIMIT", 100)
    for kind, data in expected.items():
        assert written(kind(schema), batch) == data
