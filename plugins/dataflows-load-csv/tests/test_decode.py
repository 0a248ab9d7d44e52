"""Cells: the same as Python's own parser finds, whatever the size of the blocks."""

from __future__ import annotations

import io
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.errors import RowError
from dataflows_load_csv.blocks import cut
from dataflows_load_csv.decode import Decoder
from dataflows_load_csv.dialect import Dialect
from dataflows_load_csv.grammar import Grammar

CELL = st.text(alphabet='ab,;"\n\r #é\u3000日\0\\', max_size=8)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, int]:
    """The text of a table, written by hand: quoted where it must be, or for no reason, or wrongly."""
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=12))
    styles = draw(st.lists(st.integers(0, 3), min_size=1, max_size=7))
    text, number = "", 0
    for row in rows:
        written = []
        for cell in row:
            style = styles[number % len(styles)]
            number += 1
            plain = not any(char in cell for char in ',\n\r"')
            if style == 0 and plain:
                written.append(cell)
            elif style == 1 and plain:
                written.append(f'{cell or "x"} 5"')  # an inch mark in a plain cell
            elif style == 2:
                written.append('"' + cell.replace('"', '""') + '"tail')
            else:
                written.append('"' + cell.replace('"', '""') + '"')
        text += ",".join(written) + draw(ENDS)
        if draw(st.booleans()) and draw(st.booleans()):
            text += draw(ENDS)
    return (text[:-1] if text.endswith("\n") and draw(st.booleans()) else text), width


def decoded(text: str, width: int, size: int, **options) -> list[list[str | None]]:
    names = tuple(f"f{i}" for i in range(width))
    decoder = Decoder(names, Grammar(Dialect()), strip=False, **options)
    blocks = cut(_Dripping(text.encode(), size), decoder.grammar, size)
    batches = [decoder(block.data) for block in blocks]
    return [list(row.values()) for batch in batches for row in batch.to_pylist()]


class _Dripping(io.BytesIO):
    """Gives a few bytes at a time, so that blocks end anywhere."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(self._size, size or 0) if size and size > 0 else self._size)


@given(tables(), st.integers(1, 60))
def test_cells_are_those_of_the_csv_module_whatever_the_block_size(
    oracle: Callable, table: tuple[str, int], size: int
) -> None:
    text, width = table
    assert decoded(text, width, size) == oracle(text)


@given(
    st.lists(st.lists(st.text(alphabet='ab, "\né', max_size=5), max_size=5), max_size=10), st.integers(1, 40)
)
def test_ragged_rows_are_filled_and_cut(oracle: Callable, rows: list[list[str]], size: int) -> None:
    text = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)
    expected = [(row + [None] * 3)[:3] for row in oracle(text)]
    assert decoded(text, 3, size, ragged="truncate") == expected


@given(st.lists(st.text(alphabet=" a\t\u3000\x1c\x85", max_size=4), min_size=1, max_size=20))
def test_strip_is_that_of_python(cells: list[str]) -> None:
    text = "".join(f'"{cell}",1\n' for cell in cells)
    batch = Decoder(("a", "b"), Grammar(Dialect()))(text.encode())
    assert batch.column("a").to_pylist() == [cell.strip() or None for cell in cells]


@pytest.mark.parametrize(
    ("row", "ragged", "message"),
    [
        (b"3", "raise", "1 cell, and the header has 2"),
        (b"3,c,d", "raise", "3 cells, and the header has 2"),
        (b"3,c,d", "fill", "3 cells, and the header has 2"),
        (b'"3\n",c,d', "raise", "3 cells, and the header has 2"),
        (b"3,caf\xe9", "raise", "0xE9 are not utf-8|0xE9 is not utf-8"),
        (b"caf\xe9", "raise", "0xE9"),
    ],
)
def test_a_bad_record_is_an_error_with_its_index(row: bytes, ragged: str, message: str) -> None:
    decoder = Decoder(("a", "b"), Grammar(Dialect()), ragged=ragged)
    with pytest.raises(RowError, match=message) as caught:
        decoder(b'1,"a\na"\n\n2,b\n' + row + b"\n4,d\n")
    assert caught.value.index == 2


def test_surplus_empty_cells_may_be_left_out() -> None:
    decoder = Decoder(("a", "b"), Grammar(Dialect()), ragged="fill")
    batch = decoder(b"1,a,,\n2\n3,c\n")
    assert batch.to_pylist() == [{"a": "1", "b": "a"}, {"a": "2", "b": None}, {"a": "3", "b": "c"}]


def test_missing_values_become_null_quoted_or_not_and_stripped() -> None:
    decoder = Decoder(("a", "b"), Grammar(Dialect()), missing_values=("", "NA"))
    batch = decoder(b'NA," NA "\n"NA",\n"",x\n')
    assert batch.to_pylist() == [{"a": None, "b": None}, {"a": None, "b": None}, {"a": None, "b": "x"}]
    kept = Decoder(("a", "b"), Grammar(Dialect()), missing_values=())(b'"",\n')
    assert kept.to_pylist() == [{"a": "", "b": ""}]


def test_spaces_before_quotes() -> None:
    grammar = Grammar(Dialect(skipinitialspace=True))
    decoder = Decoder(("a", "b"), grammar, strip=False)
    assert decoder(b'1, "x, y"\n2,  z \n').to_pylist() == [{"a": "1", "b": "x, y"}, {"a": "2", "b": "z "}]
    assert decoder(b"1,  x \n").to_pylist() == [{"a": "1", "b": "x "}]


def test_comments_are_left_out_and_do_not_count() -> None:
    decoder = Decoder(("a", "b"), Grammar(Dialect(comments=("#",))))
    data = b'# one "\n1,x\n#two\n2,"y\n# no comment"\n'
    assert decoder(data).to_pylist() == [{"a": "1", "b": "x"}, {"a": "2", "b": "y\n# no comment"}]
    with pytest.raises(RowError) as caught:
        decoder(data + b"#\n3\n")
    assert caught.value.index == 2


def test_blank_lines_are_rows_where_they_are_kept() -> None:
    decoder = Decoder(("a",), Grammar(Dialect()), keep_blank=True)
    assert decoder(b'x\n\n""\r\n\r\ny\n').column("a").to_pylist() == ["x", None, None, None, "y"]


def test_nul_is_a_character() -> None:
    batch = Decoder(("a", "b"), Grammar(Dialect()))(b"x\0y,\0\n")
    assert batch.to_pylist() == [{"a": "x\0y", "b": "\0"}]
    assert batch.schema.types == [pa.string(), pa.string()]
