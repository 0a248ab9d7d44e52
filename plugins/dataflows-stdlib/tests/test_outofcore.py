"""DuckDB as an engine that keeps every value, and every error, as it was."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core.errors import AccessError, CastError, DataError, FlowError
from dataflows_core.schema import Field, Schema
from dataflows_stdlib.outofcore import Database, from_storage, storage_type, to_storage
from dataflows_stdlib.outofcore.memory import bytes_of

TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
INT64 = st.integers(-(2**63), 2**63 - 1)
TYPES: dict[str, tuple[pa.DataType, st.SearchStrategy[object]]] = {
    "string": (pa.string(), TEXT),
    "large string": (pa.large_string(), TEXT),
    "integer": (pa.int64(), INT64),
    "small integer": (pa.uint8(), st.integers(0, 255)),
    "great integer": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "long integer": (pa.decimal128(38, 0), st.integers(-(10**38) + 1, 10**38 - 1).map(Decimal)),
    "number": (pa.decimal128(38, 12), st.decimals(-(10**25), 10**25, places=12)),
    "price": (pa.decimal128(10, 2), st.decimals(-(10**7), 10**7, places=2)),
    "tiny number": (pa.decimal64(10, 2), st.decimals(-(10**7), 10**7, places=2)),
    "longest number": (pa.decimal256(60, 10), st.decimals(-(10**40), 10**40, places=10)),
    "rounded number": (pa.decimal128(5, -2), st.integers(-9999, 9999).map(lambda n: Decimal(n).scaleb(2))),
    "float": (pa.float64(), st.floats()),
    "single": (pa.float32(), st.floats(width=32)),
    "half": (pa.float16(), st.floats(width=16)),
    "boolean": (pa.bool_(), st.booleans()),
    "date": (pa.date32(), st.dates()),
    "date64": (pa.date64(), st.dates()),
    "time": (pa.time64("us"), st.times()),
    "seconds": (pa.time32("s"), st.times().map(lambda time: time.replace(microsecond=0))),
    "datetime": (pa.timestamp("us"), st.datetimes()),
    "zoned": (pa.timestamp("us", "Europe/Berlin"), INT64),
    "nanoseconds": (pa.timestamp("ns", "UTC"), INT64),
    "elapsed": (pa.duration("us"), INT64),
    "duration": (
        pa.month_day_nano_interval(),
        st.tuples(*[st.integers(-(2**31), 2**31 - 1)] * 2, INT64).map(pa.MonthDayNano),
    ),
    "geopoint": (
        pa.struct([("lon", pa.decimal128(38, 12)), ("lat", pa.decimal128(38, 12))]),
        st.fixed_dictionaries(
            {"lon": st.decimals(-180, 180, places=12), "lat": st.decimals(-90, 90, places=12)}
        ),
    ),
    "object": (pa.json_(pa.string()), st.sampled_from(['{"a": 1.10}', "[]", "null", '"ü"'])),
    "texts": (pa.list_(pa.string()), st.lists(st.none() | TEXT, max_size=3)),
    "moments": (pa.list_(pa.timestamp("ns", "Asia/Tokyo")), st.lists(st.none() | INT64, max_size=3)),
    "lists of times": (pa.list_(pa.time64("us")), st.lists(st.times(), max_size=2)),
}


@st.composite
def tables(draw: st.DrawFn) -> list[pa.RecordBatch]:
    """Batches of any schema; some are slices, as they are behind a limit."""
    names = draw(st.lists(st.sampled_from(sorted(TYPES)), max_size=4))
    count = draw(st.integers(0, 8))
    columns = [
        pa.array(draw(st.lists(st.none() | TYPES[name][1], min_size=count, max_size=count)), TYPES[name][0])
        for name in names
    ]
    if not columns:
        return [pa.RecordBatch.from_struct_array(pa.array([{}] * count, pa.struct([])))]
    batch = pa.RecordBatch.from_arrays(columns, names=[f"{i} {name}" for i, name in enumerate(names)])
    cut = draw(st.integers(0, count))
    return [batch[:cut], batch[cut:]]


def schema_of(batch: pa.RecordBatch) -> Schema:
    return Schema(tuple(Field({"name": field.name}, field.type) for field in batch.schema))


def bits(batches: list[pa.RecordBatch]) -> list[str]:
    """What can be compared where NaN is, and moments that are none of Python's."""
    rows = []
    for batch in batches:
        columns = [to_storage(column).to_pylist() for column in batch.columns]
        rows += [str(row) for row in zip(*columns, strict=True)]
    return rows


@settings(max_examples=50)
@given(tables())
def test_any_rows_of_any_schema_come_back_as_they_were(batches: list[pa.RecordBatch]) -> None:
    schema = schema_of(batches[0])
    names = "".join(f"c{i}, " for i in range(len(schema)))
    with Database() as database:
        database.read("input", iter(batches), schema)
        result = list(database.query(f"SELECT {names} ordinal FROM input ORDER BY ordinal", schema))
    for batch in result:
        assert batch.schema.types == batches[0].schema.types
        batch.validate(full=True)
    kept = [batch for batch in batches if batch.num_columns]
    assert bits(result) == bits(kept) if kept else sum(map(len, result)) == sum(map(len, batches))


ORDERED = ["longest number", "rounded number", "zoned", "date64", "time", "number", "great integer"]


@settings(max_examples=25)
@given(st.data(), st.sampled_from(ORDERED))
def test_stored_values_order_as_the_values_do(data: st.DataObject, name: str) -> None:
    kind, values = TYPES[name]
    column = pa.array(data.draw(st.lists(values, min_size=1)), kind)
    schema = Schema((Field({"name": name}, kind),))
    with Database() as database:
        database.read("input", iter([pa.record_batch([column], names=[name])]), schema)
        (batch,) = database.query("SELECT c0 FROM input ORDER BY c0, ordinal", schema)
    if kind == pa.timestamp("us", "Europe/Berlin"):  # some of them are none of Python's
        batch, column = batch.set_column(0, name, batch.column(0).view(pa.int64())), column.view(pa.int64())
    assert batch.column(0).to_pylist() == sorted(column.to_pylist())


def test_durations_order_by_their_length() -> None:
    day = 86_400 * 10**9
    values = [(0, 31, 0), (1, 0, 0), (0, 0, -1), (0, 29, day - 1), (0, 0, 0), (0, 30, 0), (-1, 0, 5)]
    column = to_storage(pa.array([pa.MonthDayNano(value) for value in values], pa.month_day_nano_interval()))
    lengths = [(value["days"], value["nanoseconds"]) for value in column.to_pylist()]
    assert lengths == [(31, 0), (30, 0), (-1, day - 1), (29, day - 1), (0, 0), (30, 0), (-30, 5)]


@pytest.mark.parametrize("name", sorted(TYPES))
def test_an_empty_column_keeps_its_type(name: str) -> None:
    kind, _ = TYPES[name]
    stored = to_storage(pa.array([], kind))
    assert stored.type == storage_type(kind)
    assert from_storage(stored, kind).type == kind


NUMBERS = Schema((Field({"name": "n", "type": "integer"}),))


def numbers(count: int, size: int = 50_000) -> list[pa.RecordBatch]:
    return [
        pa.record_batch([pa.array(range(at, min(at + size, count)))], names=["n"])
        for at in range(0, count, size)
    ]


def test_streams_are_pulled_on_the_thread_that_asks() -> None:
    seen = set()

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in numbers(200_000):
            seen.add(threading.get_ident())
            yield batch

    with Database() as database:
        database.read("a", batches(), NUMBERS)
        database.read("b", batches(), NUMBERS)
        ((count,),) = database.execute("SELECT count(*) FROM a JOIN b USING (c0)")
    assert count == 200_000
    assert seen == {threading.get_ident()}


def test_the_error_of_a_stream_comes_out_as_it_was() -> None:
    error = CastError("n", "x", "an integer", index=7)

    def batches() -> Iterator[pa.RecordBatch]:
        yield from numbers(100_000)
        raise error

    with Database() as database:
        database.read("input", batches(), NUMBERS)
        with pytest.raises(CastError) as caught:
            list(database.query("SELECT c0 FROM input ORDER BY c0", NUMBERS))
    assert caught.value is error


def test_a_stream_is_read_once() -> None:
    with Database() as database:
        database.read("input", iter(numbers(10)), NUMBERS)
        with pytest.raises(RuntimeError, match="only once"):
            database.execute("SELECT count(*) FROM input a JOIN input b USING (c0)")


def test_work_that_is_given_up_leaves_no_thread_and_no_folder() -> None:
    threads = threading.active_count()
    with Database() as database:
        folder = Path(database.folder)
        assert folder.is_dir()
        database.read("input", iter(numbers(2_000_000)), NUMBERS)
        next(database.query("SELECT c0 FROM input", NUMBERS))
    assert threading.active_count() == threads
    assert not folder.exists()


def test_a_sum_that_overflows_is_an_error() -> None:
    schema = Schema((Field({"name": "n"}, pa.decimal128(38, 0)),))
    batch = pa.record_batch([pa.array([Decimal("9" * 38)] * 3, pa.decimal128(38, 0))], names=["n"])
    with Database() as database:
        database.read("input", iter([batch]), schema)
        with pytest.raises(DataError, match=r"(?i)overflow|out of range"):
            database.execute("SELECT sum(c0) FROM input")


def test_what_does_not_fit_into_memory_spills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spilled = 0
    with Database("40MB") as database:
        database.read("input", iter(numbers(2_000_000)), NUMBERS)
        last = -1
        for batch in database.query("SELECT c0 FROM input ORDER BY hash(c0), ordinal", NUMBERS):
            spilled = max(spilled, sum(file.stat().st_size for file in Path(database.folder).iterdir()))
            last += batch.num_rows
    assert last == 1_999_999
    assert spilled > 0
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        "import sys\nfrom dataflows_stdlib.outofcore import Database\n"
        "with Database() as database: print(database.folder, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with Database():
            assert folder.is_dir()
        process.kill()
    assert folder.is_dir()
    with Database() as database:
        assert list(tmp_path.iterdir()) == [Path(database.folder)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_a_disk_that_takes_no_more_is_told_in_words() -> None:
    program = """
import resource, signal
import pyarrow as pa
from dataflows_core import Flow
from dataflows_core.processors import sort_rows

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
table = pa.table({"n": range(400_000), "s": ["a rather long text " * 8] * 400_000})
Flow(table, sort_rows("n desc", memory_limit="40MB")).process()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "step 2, sort_rows" in done.stderr
    assert "what does not fit into memory" in done.stderr
    assert "TMPDIR" in done.stderr


def test_too_little_memory_is_told_in_words() -> None:
    with Database("32MB") as database:
        database.read("input", iter(numbers(2_000_000)), NUMBERS)
        with pytest.raises(AccessError, match="memory_limit"):
            database.execute("SELECT list(c0 ORDER BY hash(c0)) FROM input")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "ATTACH '/tmp/x.db'",
        "SET memory_limit = '100GB'",
        "INSTALL httpfs",
    ],
)
def test_it_is_locked(sql: str) -> None:
    with Database() as database, pytest.raises((DataError, AccessError)):
        database.execute(sql)


SIZES = {
    "1GB": 10**9,
    " 512 mib": 2**29,
    10**8: 10**8,
    "1e9": None,
    "5": None,
    True: None,
    "": None,
    "-1GB": None,
}


@pytest.mark.parametrize(("size", "expected"), SIZES.items())
def test_sizes(size: str | int, expected: int | None) -> None:
    if expected is None:
        with pytest.raises(FlowError, match="memory_limit"):
            bytes_of(size)
    else:
        assert bytes_of(size) == expected


def test_the_environment_sets_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAFLOWS_MEMORY_LIMIT", "100 MB")
    with Database() as database:
        assert database.execute("SELECT current_setting('memory_limit')") == [("95.3 MiB",)]
    monkeypatch.setenv("DATAFLOWS_MEMORY_LIMIT", "lots")
    with pytest.raises(FlowError, match="DATAFLOWS_MEMORY_LIMIT"):
        Database()
