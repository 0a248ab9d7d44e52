from __future__ import annotations

import csv
import io
import pickle

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataflows_core.errors import FlowError
from dataflows_core.schema import Field, Schema
from dataflows_core.text import value_to_text
from dataflows_dump_path import csv_writer
from dataflows_dump_path.csv_writer import CsvWriter

cells = st.none() | st.text(st.sampled_from(list('ab ,;"\r\n\té€😀')), max_size=6)
tables = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), max_size=8).map(
        lambda r: (width, r)
    )
)


def schema_of(width):
    return Schema.from_descriptor({"fields": [{"name": f"c{n}", "type": "string"} for n in range(width)]})


def batch_of(width, rows):
    columns = [pa.array([row[n] for row in rows], pa.string()) for n in range(width)]
    return pa.RecordBatch.from_arrays(columns, names=[f"c{n}" for n in range(width)])


def written(writer, *batches):
    return writer.header() + b"".join(bytes(writer.encode(batch)) for batch in batches) + writer.footer()


def by_the_standard_library(names, rows, delimiter, line_terminator):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=line_terminator)
    writer.writerows([names, *[["" if cell is None else cell for cell in row] for row in rows]])
    return out.getvalue().encode()


@pytest.mark.parametrize("has_eol", [True, False])
@given(tables, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["\r\n", "\n"]), st.integers(0, 8))
@example((1, [[None], [""]]), ",", "\r\n", 1)
def test_the_bytes_are_those_of_the_standard_library(has_eol, table, delimiter, line_terminator, cut):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_writer, "_HAS_EOL", has_eol and csv_writer._HAS_EOL)
        width, rows = table
        writer = CsvWriter(schema_of(width), delimiter=delimiter, line_terminator=line_terminator)
        batch = batch_of(width, rows)
        expected = written(writer, batch)
        if line_terminator == "\r\n" or "\r" not in str(rows).replace("\\r", "\r"):
            # With "\n" some versions of the standard library forget to quote a carriage return.
            assert expected == by_the_standard_library(batch.schema.names, rows, delimiter, line_terminator)
        read = list(csv.reader(io.StringIO(expected.decode(), newline=""), delimiter=delimiter))
        assert read == [batch.schema.names, *[[cell or "" for cell in row] for row in rows]]
        # However the rows are cut into batches; a slice shares its buffers with the rest.
        assert written(writer, batch[:cut], batch[cut:]) == expected


names = st.lists(
    st.text(st.sampled_from(list('ab,"\r\n \ufeff')), max_size=4), min_size=1, max_size=3, unique=True
)


@given(names)
def test_the_header_reads_back(names):
    schema = Schema.from_descriptor({"fields": [{"name": name} for name in names]})
    text = CsvWriter(schema).header().decode("utf-8-sig")
    assert next(csv.reader(io.StringIO(text, newline=""))) == names


TYPES = [
    ({"type": "integer"}, st.integers(-(2**63), 2**63 - 1)),
    ({"type": "number"}, st.decimals(-(10**9), 10**9, places=4)),
    ({"type": "number", "floatNumber": True}, st.floats()),
    ({"type": "boolean"}, st.booleans()),
    ({"type": "date"}, st.dates()),
    ({"type": "time"}, st.times()),
    ({"type": "datetime"}, st.datetimes()),
    ({"type": "year"}, st.integers(0, 9999)),
    ({"type": "list"}, st.lists(st.text("ab \"\n", min_size=1, max_size=3), min_size=1, max_size=3)),
]  # fmt: skip


@pytest.mark.parametrize(("descriptor", "values"), TYPES, ids=str)
@given(data=st.data())
def test_every_type_is_written_as_its_canonical_text(descriptor, values, data):
    field = Field({"name": "x", **descriptor})
    column = data.draw(st.lists(st.none() | values, max_size=6))
    batch = pa.RecordBatch.from_arrays(
        [pa.array(column, field.arrow), pa.array(["z"] * len(column))], names=["x", "y"]
    )
    text = written(CsvWriter(Schema((field, Field({"name": "y"})))), batch).decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert rows == [[value_to_text(value, field) or "", "z"] for value in column]


def test_carried_text_is_written_as_it_is():
    schema = Schema.from_descriptor(
        {"fields": [{"name": "n", "type": "number"}, {"name": "d", "type": "date"}]}
    )
    batch = pa.RecordBatch.from_arrays(
        [pa.array(["1.5", None]), pa.array(["2020-01-02", "1999-12-31"])], names=["n", "d"]
    )
    assert written(CsvWriter(schema), batch) == b"n,d\r\n1.5,2020-01-02\r\n,1999-12-31\r\n"


def test_a_delimiter_that_occurs_in_numbers_and_dates():
    schema = Schema.from_descriptor(
        {"fields": [{"name": "n", "type": "number"}, {"name": "d", "type": "date"}]}
    )
    batch = pa.RecordBatch.from_arrays(
        [pa.array(["1.5", "-2"]), pa.array(["2020-01-02", None])], names=["n", "d"]
    )
    assert written(CsvWriter(schema, delimiter="-"), batch) == b'n-d\r\n1.5-"2020-01-02"\r\n"-2"-\r\n'


def test_large_batches_are_cut(monkeypatch):
    batch = batch_of(2, [[f"a{n}", 'b,"'] for n in range(50)])
    expected = written(CsvWriter(schema_of(2)), batch)
    monkeypatch.setattr(csv_writer, "_TEXT_LIMIT", 100)
    assert written(CsvWriter(schema_of(2)), batch) == expected


def test_a_schema_without_fields():
    assert written(CsvWriter(Schema()), pa.record_batch({})) == b"\r\n"


@pytest.mark.parametrize(
    "options",
    [*({"delimiter": text} for text in ('"', "", ",,", "\n", "é", "\0")), {"line_terminator": "\r"}],
)
def test_what_cannot_be_read_back_is_refused(options):
    with pytest.raises(FlowError):
        CsvWriter(schema_of(1), **options)


def test_a_writer_travels():
    writer = CsvWriter(schema_of(1), delimiter=";")
    assert pickle.loads(pickle.dumps(writer)) == writer
