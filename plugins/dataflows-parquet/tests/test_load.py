"""Where files lie, how they are cut, and what is refused."""

from __future__ import annotations

import datetime as dt
import gzip
import os
from decimal import Decimal
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError
from dataflows_core.files import Source
from dataflows_core.processors import load, load_arrow, load_parquet
from dataflows_core.schema import Field, Schema
from dataflows_parquet.splits import ParquetSplit
from dataflows_parquet.write import ParquetWriter

INTEGERS = Schema((Field({"name": "n", "type": "integer"}),))


def numbers(path: Path, first: int, count: int, *, group: int = 100) -> Path:
    pq.write_table(pa.table({"n": range(first, first + count)}), path, row_group_size=group)
    return path


def values(*links: object) -> list[int]:
    (rows,) = Flow(*links).results().rows
    return [row["n"] for row in rows]


def test_several_files_make_one_resource_or_many(tmp_path: Path) -> None:
    for number in (2, 1):
        numbers(tmp_path / f"n-{number}.parquet", number * 10, 3)
    assert values(load(str(tmp_path / "n-*.parquet"))) == [10, 11, 12, 20, 21, 22]
    package = Flow(load(str(tmp_path / "n-*.parquet"), many=True)).results().package
    assert package.names == ["n-1", "n-2"]


def test_files_of_other_fields_are_refused_or_completed(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": [1], "a": ["x"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"n": [2], "b": [True]}), tmp_path / "2.parquet")
    pattern = str(tmp_path / "*.parquet")
    with pytest.raises(ProcessorError, match=r"2\.parquet has 'b', which .*1\.parquet has not") as caught:
        Flow(load(pattern)).process()
    assert caught.value.exit_code == 2
    assert "many=True" in str(caught.value)
    assert Flow(load(pattern, on_drift="add")).results().rows == [
        [{"n": 1, "a": "x", "b": None}, {"n": 2, "a": None, "b": True}]
    ]
    assert Flow(load(pattern, on_drift="add", fields=["b", "n"])).results().rows == [
        [{"b": None, "n": 1}, {"b": True, "n": 2}]
    ]
    assert values(load(pattern, on_drift="drop")) == [1, 2]
    assert values(load(pattern, fields=["n"])) == [1, 2]


def test_files_become_of_types_that_hold_all_their_values(tmp_path: Path) -> None:
    columns = [
        {"d": pa.array([1], pa.int8()), "n": pa.nulls(1), "t": ["x"]},
        {"t": ["y"], "n": [2], "d": pa.array([Decimal("0.5")], pa.decimal128(3, 1))},
        {"d": pa.array([2**40]), "t": pa.array(["z"]).dictionary_encode(), "n": pa.nulls(1)},
    ]
    for number, one in enumerate(columns):
        pq.write_table(pa.table(one), tmp_path / f"{number}.parquet")
    result = Flow(load(str(tmp_path / "*.parquet"))).results()
    assert result.rows == [
        [
            {"d": 1, "n": None, "t": "x"},
            {"d": Decimal("0.5"), "n": 2, "t": "y"},
            {"d": 2**40, "n": None, "t": "z"},
        ]
    ]
    assert [field.type for field in result.package.resources[0].schema] == ["number", "integer", "string"]
    pq.write_table(pa.table({"d": ["x"], "n": [1], "t": ["x"]}), tmp_path / "9.parquet")
    with pytest.raises(ProcessorError, match="'d' is of the type number"):
        Flow(load(str(tmp_path / "*.parquet"))).process()


def test_a_folder_is_its_files_and_the_names_of_folders_are_fields(tmp_path: Path) -> None:
    for year, place, n in (
        (2023, "Lyon", 1),
        (2024, "Le%20Mans", 2),
        (2024, "__HIVE_DEFAULT_PARTITION__", 3),
    ):
        folder = tmp_path / "sales" / f"year={year}" / f"place={place}"
        folder.mkdir(parents=True)
        numbers(folder / "part.parquet", n, 1)
    (tmp_path / "sales" / "_SUCCESS").touch()
    (tmp_path / "sales" / "_metadata.parquet").touch()
    rows = [
        {"n": 1, "year": 2023, "place": "Lyon"},
        {"n": 2, "year": 2024, "place": "Le Mans"},
        {"n": 3, "year": 2024, "place": None},
    ]
    for source in (tmp_path / "sales", str(tmp_path / "sales/year=*/*/*.parquet")):
        (found,) = Flow(load_parquet(source)).results().rows
        assert sorted(found, key=lambda row: row["n"]) == rows
    (found,) = Flow(load_parquet(tmp_path / "sales", fields=["year"])).results().rows
    assert sorted(row["year"] for row in found) == [2023, 2024, 2024]
    assert len(values(load_parquet(tmp_path / "sales", hive_partitioning=False))) == 3
    with pytest.raises(ProcessorError, match=r"no file in .* that ends with \.arrow"):
        Flow(load_arrow(tmp_path / "sales")).process()


@pytest.mark.parametrize(
    ("fields", "message"), [("n", "a list of names"), ([1], "a list of names"), (["n", "n"], "'n' twice")]
)
def test_fields_that_make_no_sense_are_refused(fields: object, message: str) -> None:
    with pytest.raises(FlowError, match=message):
        load_parquet("x.parquet", fields=fields)  # type: ignore[arg-type]


def test_a_selection_may_be_any_iterable_or_nothing(tmp_path: Path) -> None:
    path = numbers(tmp_path / "x.parquet", 0, 3)
    assert values(load(path, fields=(name for name in ["n"]))) == [0, 1, 2]
    assert Flow(load(path, fields=[])).results().rows == [[{}, {}, {}]]


def test_a_limit_reads_no_more(tmp_path: Path) -> None:
    assert values(load(numbers(tmp_path / "x.parquet", 0, 1000), limit_rows=7)) == list(range(7))


def test_a_file_far_away_or_packed_is_kept_aside(tmp_path: Path) -> None:
    path = numbers(tmp_path / "x.parquet", 0, 5)
    packed = tmp_path / "x.parquet.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert values(load(packed)) == list(range(5))
    with fsspec.open("memory://bucket/x.parquet", "wb") as file:
        file.write(path.read_bytes())
    assert values(load("memory://bucket/x.parquet")) == list(range(5))
    with pytest.raises(ProcessorError, match="max_size"):
        Flow(load("memory://bucket/x.parquet", max_size=10)).process()


def test_arrow_streams_and_files_are_told_apart(tmp_path: Path) -> None:
    table = pa.table({"n": [1, 2]})
    pa.feather.write_feather(table, tmp_path / "x.feather")
    with pa.OSFile(str(tmp_path / "x.arrows"), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    assert values(load(tmp_path / "x.feather")) == values(load(tmp_path / "x.arrows")) == [1, 2]


@pytest.mark.parametrize("loader", [load_parquet, load_arrow])
@pytest.mark.parametrize("data", [b"", b"n\n1\n", b"PAR1", b"ARROW1\0\0"])
def test_another_file_is_no_such_file(loader, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ProcessorError, match=r"is no (Parquet|Arrow) file, or a damaged one"):
        Flow(loader(tmp_path / "x")).process()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_torn_file_is_an_error_and_no_short_table(share: float, tmp_path: Path) -> None:
    data = numbers(tmp_path / "x.parquet", 0, 10_000).read_bytes()
    (tmp_path / "x.parquet").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ProcessorError, match="damaged"):
        Flow(load(tmp_path / "x.parquet")).process()


def test_a_damaged_page_is_an_error(tmp_path: Path) -> None:
    path = numbers(tmp_path / "x.parquet", 0, 100_000, group=10_000)
    data = bytearray(path.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    with pytest.raises(ProcessorError, match="damaged"):
        Flow(load(path)).process()


def test_unknown_fields_have_near_misses(tmp_path: Path) -> None:
    pq.write_table(pa.table({"people": [1]}), tmp_path / "x.parquet")
    with pytest.raises(ProcessorError, match="did you mean 'people'"):
        Flow(load(tmp_path / "x.parquet", fields=["peopel"])).process()


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 50])
def test_a_divided_split_is_the_same_rows_in_order(parts: int, tmp_path: Path) -> None:
    split = ParquetSplit(Source.of(numbers(tmp_path / "x.parquet", 0, 1050)), INTEGERS)
    pieces = split.divide(parts)
    assert len(pieces) == min(parts, 11)
    found = [(piece.locate(block, 0), piece.decode(block)) for piece in pieces for block in piece.blocks()]
    assert [n for _, batch in found for n in batch["n"].to_pylist()] == list(range(1050))
    assert all(place == batch["n"][0].as_py() + 1 for place, batch in found)


def test_a_process_runner_gives_the_same(tmp_path: Path) -> None:
    path = numbers(tmp_path / "x.parquet", 0, 5000)
    total: list[int] = []
    Flow(load(path), lambda row: total.append(row["n"])).run("processes:2")
    assert total == list(range(5000))


def test_damage_that_arrow_does_not_look_for_ends_no_process_and_gives_no_rows(tmp_path: Path) -> None:
    table = pa.table({"l": [[1, 2], [3]], "s": ["x", "y"]})
    with pa.ipc.new_file(str(tmp_path / "x.arrow"), table.schema) as file:
        file.write_table(table)
    data = bytearray((tmp_path / "x.arrow").read_bytes())
    offsets = data.index(bytes([0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]))
    data[offsets + 4 : offsets + 8] = b"\xff\xff\xff\x7f"
    (tmp_path / "x.arrow").write_bytes(data)
    with pytest.raises(ProcessorError, match="damaged"):
        Flow(load(tmp_path / "x.arrow")).results()


def test_every_changed_byte_of_a_page_is_found_in_files_with_checksums(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    with path.open("wb") as file:
        writer = ParquetWriter(INTEGERS)
        opened = writer.open(file)
        opened.write(writer.encode(pa.record_batch({"n": [n * n for n in range(1000)]})))
        opened.close()
    data = path.read_bytes()
    (column,) = pq.read_metadata(path).row_group(0).to_dict()["columns"]
    pages = range(4, column["total_compressed_size"])
    for place in pages[:: len(pages) // 30]:
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
        with pytest.raises(ProcessorError, match="damaged"):
            Flow(load(path)).process()


@pytest.mark.parametrize(("change", "message"), [(-8, "cut short"), (8, "more follows"), (-100, "damaged")])
def test_an_arrow_stream_has_to_end_with_its_mark(change: int, message: str, tmp_path: Path) -> None:
    table = pa.table({"n": range(100)})
    with pa.OSFile(str(tmp_path / "x"), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table, 10)
    data = (tmp_path / "x").read_bytes()
    (tmp_path / "x.arrows").write_bytes(data[:change] if change < 0 else data + bytes(change))
    with pytest.raises(ProcessorError, match=message):
        Flow(load(tmp_path / "x.arrows")).process()


def test_a_file_that_says_less_rows_than_it_has_is_damaged(tmp_path: Path) -> None:
    path = numbers(tmp_path / "x.parquet", 0, 3000, group=1000)
    data = path.read_bytes()
    three_thousand = bytes([0x16, 0xF0, 0x2E])  # the field num_rows: an i64, zigzag
    assert data.count(three_thousand) == 1
    path.write_bytes(data.replace(three_thousand, bytes([0x16, 0xEE, 0x2E])))
    with pytest.raises(ProcessorError, match="says that the file has 2,999 rows, and it has 3,000"):
        Flow(load(path)).process()


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_bomb_of_one_text_many_times_is_refused(kind: str, tmp_path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), 1_000_000), ["x" * 10_000])
    table = pa.table({"s": texts})
    path = tmp_path / f"x.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        pa.feather.write_feather(table, path, compression="zstd")
    with pytest.raises(ProcessorError, match="a bomb") as caught:
        Flow(load(path)).process()
    assert "max_size" in str(caught.value)


def test_an_index_of_other_files_holds_no_rows(tmp_path: Path) -> None:
    meta = pq.read_metadata(numbers(tmp_path / "x.parquet", 0, 3))
    meta.set_file_path("x.parquet")
    pq.write_metadata(pa.schema({"n": pa.int64()}), tmp_path / "_metadata", metadata_collector=[meta])
    with pytest.raises(ProcessorError, match=r"index of other files, such as 'x\.parquet'"):
        Flow(load(tmp_path / "_metadata", format="parquet")).process()


def test_dates_far_away_in_old_timestamps_are_themselves(tmp_path: Path) -> None:
    days = [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31), dt.datetime(2024, 1, 1, 1, 2, 3, 4)]
    pq.write_table(pa.table({"at": days}), tmp_path / "x.parquet", use_deprecated_int96_timestamps=True)
    (rows,) = Flow(load(tmp_path / "x.parquet")).results().rows
    assert [row["at"] for row in rows] == days


def test_a_large_row_group_is_never_held_whole(tmp_path: Path) -> None:
    path, count = tmp_path / "x.parquet", 2_000_000
    noise = pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(os.urandom(8 * count))])
    pq.write_table(pa.table({"n": noise}), path, row_group_size=count, use_dictionary=False)
    split = ParquetSplit(Source.of(path), INTEGERS)
    before = pa.total_allocated_bytes()
    most = max(pa.total_allocated_bytes() - before for _ in split.blocks())
    assert pq.read_metadata(path).row_group(0).total_byte_size > 8 * most
