"""Splits: records are found again, files are divided, limits hold, faults come last."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflows_core.errors import AccessError, DataError, RowError
from dataflows_core.stream import Split
from dataflows_load_csv import split as module

CELL = st.text(alphabet='ab,"\n\r é', max_size=6)
TABLES = st.lists(st.tuples(CELL, CELL), min_size=1, max_size=40)


def text_of(rows: list[tuple[str, str]]) -> str:
    quoted = ['"' + cell.replace('"', '""') + '"' for row in rows for cell in row]
    return "a,b\n" + "".join(f"{one},{two}\n" for one, two in zip(quoted[::2], quoted[1::2], strict=True))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TABLES, st.integers(8, 60), st.booleans())
def test_every_row_is_located_where_it_is(
    planned, tmp_path: Path, rows: list, size: int, fresh: bool
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(text_of(rows).encode())
    split = replace(planned(path), block_size=size)
    assert isinstance(split, Split)
    number = 0
    for block in split.blocks():
        if not fresh:
            split.decode(block)
        for index in range(split.decoder(block.data).num_rows):
            number += 1
            # Another process has the block, and has decoded none of those before it.
            where = pickle.loads(pickle.dumps((split, block))) if fresh else (split, block)
            assert where[0].locate(where[1], index) == number
    assert number == len(rows)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SMALLEST_PART", 100)
    monkeypatch.setattr(module, "_HEAD", 16)


@pytest.mark.usefixtures("small_parts")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TABLES, st.integers(2, 9), st.integers(8, 200), st.binary(max_size=0) | st.just(b"\xef\xbb\xbf"))
def test_the_parts_of_a_divided_file_are_the_file(
    planned, cells_of, tmp_path, rows, parts, size, mark
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(mark + text_of(rows).encode())
    split = replace(planned(path), block_size=size)
    pieces = split.divide(parts)
    assert 1 <= len(pieces) <= parts
    assert [row for piece in pieces for row in cells_of(piece)] == cells_of(split)
    numbers = [
        piece.locate(block, index)
        for piece in pieces
        for block in piece.blocks()
        for index in range(piece.decode(block).num_rows)
    ]
    assert numbers == list(range(1, len(rows) + 1))
    assert sum(piece.size for piece in pieces) <= split.size


@pytest.mark.usefixtures("small_parts")
def test_a_file_is_really_divided(planned, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(text_of([("x\ny", "z")] * 200).encode())
    pieces = replace(planned(path), block_size=64).divide(4)
    assert len(pieces) == 4
    assert all(abs(piece.size - 500) < 250 for piece in pieces)


@pytest.mark.usefixtures("small_parts")
def test_what_is_before_a_part_is_counted_once(planned, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(text_of([("x", "z")] * 400).encode())
    part = replace(planned(path), block_size=64).divide(2)[1]
    blocks = list(part.blocks())
    rows = [part.decode(block).num_rows for block in blocks]
    first = part.locate(blocks[0], 0)
    assert first > 1

    monkeypatch.setattr(type(part.file), "open", None)  # it is not opened again
    assert [part.locate(block, 0) for block in blocks] == [first + sum(rows[:k]) for k in range(len(rows))]


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("reason", ["compressed", "transcoded", "limited", "small", "skipping"])
def test_what_cannot_be_divided_safely_is_not(reason: str, planned, tmp_path: Path) -> None:
    import gzip

    from dataflows_load_csv.header import Layout

    path = tmp_path / "x.csv"
    text = "a,b\n" + "1,2\n" * (500 if reason != "small" else 10)
    data = text.encode("utf-16") if reason == "transcoded" else text.encode()
    path.write_bytes(gzip.compress(data) if reason == "compressed" else data)
    options = {"limited": {"limit": 400}, "skipping": {"layout": Layout(skip=(3,))}}.get(reason, {})
    split = planned(path, **options)
    assert split.divide(4) == [split]


@pytest.mark.parametrize("limit", [1, 7, 999, 1000, 1001])
@pytest.mark.parametrize("size", [16, 1 << 20])
def test_a_limit_is_kept_and_nothing_behind_it_matters(
    limit: int, size: int, planned, cells_of, tmp_path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + '1,"x\ny"\n\n' * 1000 + "broken\n")
    split = replace(planned(path, limit=limit), block_size=size)
    if limit > 1000:
        with pytest.raises(RowError):
            cells_of(split)
    else:
        assert cells_of(split) == [["1", "x\ny"]] * limit


@pytest.mark.parametrize("size", [16, 1 << 20])
def test_a_quote_that_is_never_closed_is_an_error_at_its_record(size: int, planned, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "1,x\n" * 300 + '2,"open\n' + "3,y\n" * 300)
    split = replace(planned(path), block_size=size)
    *whole, broken = split.blocks()
    assert sum(split.decode(block).num_rows for block in whole) == 300
    with pytest.raises(RowError, match="never closed"):
        split.decode(broken)
    assert split.locate(broken, 0) == 301


def test_memory_is_not_filled_by_a_quote_that_is_never_closed(planned, tmp_path, monkeypatch) -> None:
    from dataflows_load_csv import blocks

    monkeypatch.setattr(blocks, "LONGEST_RECORD", 1 << 20)
    path = tmp_path / "x.csv"
    path.write_bytes(b'a,b\n1,"open\n' + b"x,y\n" * 3_000_000)
    split = replace(planned(path), block_size=1 << 16)
    *_, last = split.blocks()
    assert len(last) < 4 << 20
    with pytest.raises(RowError, match="never closed"):
        split.decode(last)


def test_a_record_without_an_end_is_not_blamed_on_quotes(planned, tmp_path, monkeypatch) -> None:
    from dataflows_load_csv import blocks

    monkeypatch.setattr(blocks, "LONGEST_RECORD", 1 << 20)
    path = tmp_path / "x.csv"
    path.write_bytes(b"a\n" + b"1," * 3_000_000)
    *_, last = replace(planned(path), block_size=1 << 16).blocks()
    assert last.fault is not None
    assert "there is no line end" in str(last.fault)
    assert "quoted" not in str(last.fault)


def test_a_cell_of_many_megabytes(planned, cells_of, tmp_path: Path) -> None:
    big = "x,\n" * 2_000_000
    path = tmp_path / "x.csv"
    path.write_text(f'a,b\n1,s\n2,"{big}"\n3,t\n')
    split = planned(path)
    assert cells_of(replace(split, decoder=replace(split.decoder, strip=False))) == [
        ["1", "s"],
        ["2", big],
        ["3", "t"],
    ]


def test_a_header_that_changed_is_an_error(planned, cells_of, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    split = planned(path)
    path.write_text("b,a\n1,2\n")
    with pytest.raises(DataError, match="has changed since the flow was planned: it was a, b and is b, a"):
        cells_of(split)


def test_a_file_that_is_gone_is_an_error(planned, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    split = planned(path)
    path.unlink()
    assert split.size is None
    with pytest.raises(AccessError, match="there is no file"):
        list(split.blocks())


def test_an_unread_stream_is_closed(planned, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "1,2\n" * 10_000)
    blocks = replace(planned(path), block_size=64).blocks()
    next(blocks)
    blocks.close()  # an open file would be a ResourceWarning, which is an error here
