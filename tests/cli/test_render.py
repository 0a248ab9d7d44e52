from __future__ import annotations

import html
import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.render import Column, cut, display_width, printable, table_html, table_text

texts = st.text(max_size=60)
tables = st.integers(1, 8).flatmap(
    lambda count: st.tuples(
        st.lists(
            st.builds(Column, st.text(max_size=20), st.text(max_size=8), st.booleans()),
            min_size=count,
            max_size=count,
        ),
        st.lists(st.none() | st.lists(st.none() | texts, min_size=count, max_size=count), max_size=6),
    )
)


@given(texts)
def test_nothing_printable_acts_on_a_terminal(text: str) -> None:
    shown = printable(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", shown)


@given(texts)
def test_ordinary_text_is_left_alone(text: str) -> None:
    if text.isprintable():
        assert printable(text) == text


def test_escapes_are_those_of_python() -> None:
    assert printable("a\nb\tc\x1b[31m\u202e\ud800\x9b") == r"a\nb\tc\x1b[31m\u202e\ud800\x9b"
    assert printable("two\nlines", keep="\n") == "two\nlines"


@given(texts, st.integers(1, 30))
def test_cut_fits(text: str, width: int) -> None:
    shown = cut(printable(text), width)
    assert display_width(shown) <= width
    assert shown == printable(text) or shown.endswith("…")


@given(tables, st.integers(10, 120))
def test_every_line_fits_the_terminal(
    table: tuple[list[Column], list[list[str | None] | None]], width: int
) -> None:
    columns, rows = table
    lines = table_text(columns, rows, width).split("\n")
    assert max(map(display_width, lines)) <= width
    heads = 3 if any(column.subtitle for column in columns) else 2
    assert len(lines) - heads - len(rows) in (0, 1)


@given(tables)
def test_columns_are_aligned(table: tuple[list[Column], list[list[str | None] | None]]) -> None:
    columns, rows = table
    rows = [row for row in rows if row is not None]
    lines = table_text(columns, rows).split("\n")
    rule = lines[2 if any(column.subtitle for column in columns) else 1]
    starts = [match.span() for match in re.finditer("─+", rule)]
    for line, row in zip(lines[-len(rows) :] if rows else [], rows, strict=True):
        spread = "".join(c + "\0" * (display_width(c) - 1) if display_width(c) else "" for c in line).ljust(
            len(rule)
        )
        for (start, stop), cell in zip(starts, row, strict=True):
            text = "" if cell is None else printable(cell) or '""'
            visible = "".join(
                c + "\0" * (display_width(c) - 1) for c in cut(text, stop - start) if display_width(c)
            )
            assert spread[start:stop].strip(" ") == visible.strip(" ")


def test_absent_and_empty_differ_and_gaps_are_shown() -> None:
    assert table_text(
        [Column("a"), Column("n", "integer", right=True)], [[None, "1"], None, ["", None]]
    ).split("\n") == [
        "a         n",
        "    integer",
        "──  ───────",
        "          1",
        "…",
        '""',
    ]


def test_wide_tables_lose_columns_at_the_right_and_name_them() -> None:
    columns = [Column(f"column {number}") for number in range(20)]
    text = table_text(columns, [["x" * 30] * 20], 46)
    lines = text.split("\n")
    assert lines[0] == "column 0    column 1    column 2    column 3"
    assert lines[-1].startswith("… and 16 more: column 4, column 5, ")


def test_texts_are_cut_before_numbers() -> None:
    columns = [Column("text"), Column("number", right=True)]
    text = table_text(columns, [["t" * 50, "1234567890.123456"]], 40)
    assert "1234567890.123456" in text
    assert "tttt…" in text


@given(tables)
def test_html_holds_nothing_but_text(table: tuple[list[Column], list[list[str | None] | None]]) -> None:
    columns, rows = table
    text = table_html(columns, rows)
    rest = re.sub(r'</?(?:table|thead|tbody|tr|th|td|small|br)(?: style="text-align: right")?>', "", text)
    assert "<" not in rest
    assert ">" not in rest
    cells = re.findall(r"<td[^>]*>(.*?)</td>", text)
    expected = [
        "…" if row is None else "" if cell is None else printable(cell) or '""'
        for row in rows
        for cell in (row or [None] * len(columns))
    ]
    assert [html.unescape(cell) for cell in cells] == expected
