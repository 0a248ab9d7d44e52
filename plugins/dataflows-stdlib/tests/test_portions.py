"""Parts of tables, and numbers of rows."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError
from dataflows_core.processors import dump_to_path, limit, load, row_number, sample, slice  # noqa: A004
from dataflows_stdlib.portions import _Drawn, _Numbered, _Share, _Sliced

ROWS = [{"n": n} for n in range(1000)]


def numbers(*links: Any) -> list[int]:
    return [row["n"] for row in Flow(ROWS, *links).results().rows[0]]


def test_the_first_rows_and_a_slice() -> None:
    assert numbers(limit(3)) == [0, 1, 2]
    assert numbers(limit(0)) == []
    assert numbers(limit(5000)) == list(range(1000))
    assert numbers(slice(990)) == list(range(990, 1000))
    assert numbers(slice(10, 20, 4)) == [10, 14, 18]


def test_what_is_written_above_a_limit_is_whole(tmp_path: Path) -> None:
    Flow(ROWS, dump_to_path(str(tmp_path / "all")), limit(2), dump_to_path(str(tmp_path / "two"))).process()

    assert (tmp_path / "all" / "res_1.csv").read_text(encoding="utf-8").count("\n") == 1001
    assert (tmp_path / "two" / "res_1.csv").read_text(encoding="utf-8").count("\n") == 3


def test_a_limit_ends_an_endless_source() -> None:
    def endless() -> Any:
        number = 0
        while True:
            yield {"n": number}
            number += 1

    assert len(Flow(endless(), limit(2)).results().rows[0]) == 2


def batches(lengths: list[int]) -> list[pa.RecordBatch]:
    made, start = [], 0
    for length in lengths:
        made.append(pa.record_batch([pa.array(range(start, start + length), pa.int64())], names=["n"]))
        start += length
    return made


def read(found: Any) -> list[int]:
    return [value for batch in found for value in batch.column(0).to_pylist()]


LENGTHS = st.lists(st.integers(0, 9), max_size=6)


@given(
    lengths=LENGTHS, start=st.integers(0, 30), stop=st.none() | st.integers(0, 40), every=st.integers(1, 7)
)
def test_slices_are_those_of_python(lengths: list[int], start: int, stop: int | None, every: int) -> None:
    expected = list(islice(range(sum(lengths)), start, stop, every))
    assert read(_Sliced(start, stop, every)(iter(batches(lengths)))) == expected


@given(lengths=LENGTHS, count=st.integers(0, 40), seed=st.integers())
def test_a_sample_depends_on_positions_alone(lengths: list[int], count: int, seed: int) -> None:
    total = sum(lengths)
    found = read(_Drawn(count, seed)(iter(batches(lengths))))

    assert found == sorted(set(found))
    assert len(found) == min(count, total)
    assert found == read(_Drawn(count, seed)(iter(batches([total]))))
    share = read(_Share(0.5, seed)(iter(batches(lengths))))
    assert share == read(_Share(0.5, seed)(iter(batches([total]))))


def test_every_row_is_as_likely_as_any_other() -> None:
    hits = [0] * 20
    for seed in range(2000):
        for row in read(_Drawn(5, seed)(iter(batches([20])))):
            hits[row] += 1
    # 500 each, with a standard deviation of 19: five of them either way.
    assert all(400 < hit < 600 for hit in hits)


def test_samples_of_many_rows() -> None:
    assert len(numbers(sample(100))) == 100
    assert numbers(sample(100)) == numbers(sample(100)) != numbers(sample(100, seed=1))
    assert numbers(sample(5000)) == list(range(1000))
    assert numbers(sample(fraction=1)) == list(range(1000))
    assert numbers(sample(fraction=0)) == []
    assert 400 < len(numbers(sample(fraction=0.5))) < 600


def test_a_small_sample_of_many_rows_is_pruned_on_the_way() -> None:
    many = batches([5000] * 6)
    assert read(_Drawn(3, 7)(iter(many))) == read(_Drawn(3, 7)(iter(batches([30_000]))))


def test_rows_are_numbered_on_and_on() -> None:
    (rows,) = Flow(ROWS, row_number("no", 10)).results().rows
    assert [row["no"] for row in rows] == list(range(10, 1010))
    with pytest.raises(ProcessorError, match="has a field 'n' already"):
        Flow(ROWS, row_number("n")).process()


@given(lengths=LENGTHS)
def test_numbers_do_not_depend_on_batches(lengths: list[int]) -> None:
    from dataflows_core.schema import Schema

    schema = Schema.from_arrow(pa.schema([("n", pa.int64()), ("no", pa.int64())]))
    found = list(_Numbered(schema, 0)(iter(batches(lengths))))
    assert read(found) == [value for batch in found for value in batch.column(1).to_pylist()]


@pytest.mark.parametrize(
    "link",
    [
        lambda: limit(-1),
        lambda: limit("2"),
        lambda: limit(True),
        lambda: slice(-5),
        lambda: slice(0, -1),
        lambda: slice(0, 5, 0),
        lambda: sample(),
        lambda: sample(1, 0.5),
        lambda: sample(-1),
        lambda: sample(fraction=1.5),
        lambda: sample(1, seed="x"),
        lambda: row_number("x", "1"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(link: Any) -> None:
    with pytest.raises(FlowError):
        link()


def test_empty_tables_and_tables_without_fields(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("a,b\n", encoding="utf-8")
    links = (limit(1), slice(1), sample(1), sample(fraction=0.5))

    assert Flow(load(str(path)), *links, row_number("no")).results().rows == [[]]
    assert Flow([{}, {}], limit(1), row_number("no")).results().rows == [[{"no": 1}]]
