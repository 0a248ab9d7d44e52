"""Tables of pages as they are found in the wild."""

from __future__ import annotations

import html
import logging
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import DataError, RowError, UnreadableError
from dataflows_core.processors import load, load_html

Rows = list[dict[str, Any]]


@pytest.fixture
def page(tmp_path: Path) -> Any:
    def write(text: str | bytes, name: str = "x.html") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def rows_of(path: Any, **options: Any) -> Rows:
    (rows,) = Flow(load(path, **options)).results().rows
    return rows


def failure(path: Any, **options: Any) -> ProcessorError:
    with pytest.raises(ProcessorError) as caught:
        Flow(load(path, **options)).process()
    return caught.value


WANTED = [{"city": "Ulm", "people": 126_405}, {"city": "Bonn", "people": None}]


ROWS = "<tr><td>Ulm</td><td>126405</td></tr><tr><td>Bonn</td><td></td></tr>"
WRITTEN = {
    "well": f"<table><tr><th>city</th><th>people</th></tr>{ROWS}</table>",
    "without ends": "<TABLE><TR><TD>city<TD>people<TR><TD>Ulm<TD>126405<TR><TD>Bonn<TD></TABLE>",
    "with a head": f"<table><thead><tr><td>city<td>people<tbody>{ROWS}</table>",
    "in a page": f"<body><p><b>x<table><caption>c</caption><col><tr><th>city<th>people<tr>{ROWS}</table>",
    "in a form": f"<table><form><tr><td>city<td>people</tr>{ROWS}</form></table>",
    "without rows": "<table><td>city<td>people<tr><td>Ulm<td>126405</tr><td>Bonn<td></table>",
    "with other things": "<table><tr><td>city<td>people<tr><td> Ulm\n<script>1</script><!-- x --><td>"
    "<b>126</b><i>405</i><tr><th>Bonn<td>&nbsp;</body></html>",
    "upside down": "<table><tfoot><tr><td>Bonn</td><td></td></tr></tfoot><tbody><tr><td>Ulm</td><td>126405"
    "</td></tr></tbody><thead><tr><th>city</th><th>people</th></tr></thead></table>",
    "as XHTML": '<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><body><table><tr>'
    f"<th>city</th><th>people</th></tr>{ROWS}</table></body></html>",
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_table_is_read_however_it_is_written(page: Any, how: str) -> None:
    assert rows_of(page(WRITTEN[how])) == WANTED
    assert rows_of(page(WRITTEN[how], "x.htm")) == WANTED


SPANS = """<table><thead><tr><th rowspan=2>city<th colspan=2>people<tr><th>2023<th>2024</thead>
<tr><td rowspan=2>Ulm<td>1<td>2<tr><td colspan=2>3</table>"""


def test_cells_that_span_are_filled_as_the_page_shows_them(page: Any) -> None:
    names = ["city", "people 2023", "people 2024"]
    filled = rows_of(page(SPANS))
    assert list(filled[0]) == names
    assert [list(row.values()) for row in filled] == [["Ulm", 1, 2], ["Ulm", 3, 3]]
    once = rows_of(page(SPANS), fill_merged_cells=False, multiline_headers_joiner="/")
    assert [list(row.values()) for row in once] == [["Ulm", 1, 2], [None, 3, None]]
    assert list(once[0]) == ["city", "people/2023", "people/2024"]


def test_headers_can_be_named_numbered_or_missing(page: Any) -> None:
    plain = page("<table><tr><td>1<td>x<tr><td>2<td>y</table>")
    assert rows_of(plain) == [{"1": 2, "x": "y"}]
    assert rows_of(plain, headers=None) == [{"field1": 1, "field2": "x"}, {"field1": 2, "field2": "y"}]
    assert rows_of(plain, headers=["n", "t"]) == [{"n": 1, "t": "x"}, {"n": 2, "t": "y"}]
    assert [list(row) for row in rows_of(page(SPANS), headers=["c", "a", "b"])] == [["c", "a", "b"]] * 2
    titled = page("<table><tr><td colspan=2>Title<tr><td>n<td>t<tr><td>1<td>x<tr><td>sum<td></table>")
    assert rows_of(titled, headers=2, skip_rows=[4]) == [{"n": 1, "t": "x"}]
    for wrong in (0, ["a"], [1, "a"], 9):
        with pytest.raises(Exception, match=r"headers|row 9|columns"):
            Flow(load(titled, headers=wrong)).process()


@pytest.mark.parametrize(("header", "what"), [("<th><th>b", "column A"), ("<th>a<th>a", "twice")])
def test_a_header_without_a_name_or_with_one_twice_is_refused(page: Any, header: str, what: str) -> None:
    path = page(f"<table><tr>{header}<tr><td>1<td>2</table>")
    error = failure(path)
    assert isinstance(error.cause, DataError)
    assert what in str(error)
    assert rows_of(path, headers=["x", "y"]) == [{"x": 1, "y": 2}]
    if what == "twice":
        assert rows_of(path, deduplicate_headers=True) == [{"a": 1, "a (1)": 2}]


def test_ragged_rows_are_refused_filled_or_cut(page: Any) -> None:
    head = "<table><tr><th>a<th>b<tr><td>1<td>2<tr>"
    short, long, blank = (page(f"{head}{cells}</table>", f"{n}.html") for n, cells in
                          enumerate(["<td>3", "<td>3<td>4<td>5", "<td>3<td>4<td>"]))  # fmt: skip
    for path in (short, long, blank):
        error = failure(path)
        assert isinstance(error.cause, RowError)
        assert error.row == 2
        assert "ragged" in str(error)
    assert rows_of(short, ragged="fill")[1] == {"a": 3, "b": None}
    assert rows_of(blank, ragged="fill")[1] == {"a": 3, "b": 4}
    assert "ragged='truncate'" in str(failure(long, ragged="fill"))
    assert rows_of(long, ragged="truncate")[1] == {"a": 3, "b": 4}


SEVERAL = """<table><tr><td>menu<table id=menu><tr><td>x<td>y<tr><td>1<td>2</table></table>
<table class="wikitable sortable"><caption>The <b>cities</b></caption><tr><th>city<tr><td>Ulm</table>
<table style="display:none"><tr><td>hidden<tr><td>1</table>
<table class=wikitable><tr><th>river<tr><td>Rhine</table><table></table>"""


@pytest.mark.parametrize(
    "table", [3, "The cities", ".sortable", "table.sortable", "//table[caption]", "(//table)[3]"]
)
def test_a_table_is_chosen_in_many_ways(page: Any, table: str | int) -> None:
    assert rows_of(page(SEVERAL), table=table) == [{"city": "Ulm"}]


def test_several_tables_are_listed_or_all_loaded(page: Any) -> None:
    error = failure(page(SEVERAL))
    assert isinstance(error.cause, UnreadableError)
    assert "table=3 'The cities': 2 rows" in str(error)
    assert "table=2 #menu" in str(error)
    assert "table=1" not in str(error)
    result = Flow(load(page(SEVERAL), table="*")).results()
    assert result.package.names == ["menu", "the-cities", "table-5"]
    assert result.rows == [[{"x": 1, "y": 2}], [{"city": "Ulm"}], [{"river": "Rhine"}]]
    assert Flow(load(page(SEVERAL), table=[5, "#menu"])).results().package.names == ["table-5", "menu"]
    assert rows_of(page(SEVERAL), table=4, hidden=True) == [{"hidden": 1}]


@pytest.mark.parametrize(
    ("table", "what"),
    [("The citys", "The cities"), (7, "6 tables"), (0, "6 tables"), (".wikitable", "several"), ("//[",
    "XPath"),
     ("count(//table)", "no table"), ("/html/x", "no table")],
)  # fmt: skip
def test_a_table_that_is_not_there_is_the_authors_fault(page: Any, table: str | int, what: str) -> None:
    error = failure(page(SEVERAL), table=table)
    assert error.exit_code == 2
    assert what in str(error)


def test_a_page_without_tables_and_one_that_is_cut_short(page: Any) -> None:
    assert "no table" in str(failure(page("<p>x")))
    assert "is empty" in str(failure(page(" ")))
    script = "<script>x = '<tr><td>'</script>"
    assert rows_of(page(f"<table><tr><th>a<tr><td>1</table>{script}<!-- <td> -->")) == [{"a": 1}]
    assert "cut short" in str(failure(page("<table><tr><th>a<tr><td>1<tr><td>2")))


def test_text_is_what_a_reader_sees(page: Any) -> None:
    cell = "<p>one<br>two</p> three\n four <span style='Display : None'>no</span><i hidden>no</i>"
    cell += "<ul><li>x<li>y</ul>"
    path = page(f"<table><tr><th>a\n<br>b<tr><td>{cell}&lt;&eacute;&#8364;&nbsp;</table>")
    assert rows_of(path) == [{"a b": "one\ntwo\nthree four\nx\ny\n<é€"}]
    assert "no" in rows_of(path, hidden=True)[0]["a b"]


def test_links_are_fields_of_their_own(page: Any) -> None:
    path = page(
        "<table><tr><th>a<th>b<tr><td><a href='/x?1&amp;2'>t</a><td>1<tr><td><a name=y>u</a><td>2</table>"
    )
    assert rows_of(path) == [{"a": "t", "b": 1}, {"a": "u", "b": 2}]
    assert rows_of(path, links=True) == [
        {"a": "t", "a_href": "/x?1&2", "b": 1},
        {"a": "u", "a_href": None, "b": 2},
    ]
    path = page(
        "<table><tr><th>a<tr><td><a href=x>t</a>, <a href=y>u</a><tr><td><a href=z>v</a><tr><td>w</table>"
    )
    assert [row["a_href"] for row in rows_of(path, links=True)] == [["x", "y"], ["z"], None]


@pytest.mark.parametrize(
    ("head", "encoding", "text"),
    [
        ("", "utf-8", "日本"),
        ("", "utf-8-sig", "日本"),
        ("", "utf-16", "日本"),
        ("", "windows-1252", "Zoë €"),
        ("<meta charset=utf-8>", "utf-8", "日本"),
        ("<META http-equiv='Content-Type' content='text/html; charset=ISO-8859-1'>", "windows-1252", "Zoë €"),
        ("<meta charset='Shift_JIS'>", "cp932", "日本"),
        ("<meta charset=gb2312>", "gb18030", "汉"),
        ("<meta charset=utf-16>", "utf-8", "日本"),
        ("<?xml version='1.0' encoding='iso-8859-2'?>", "iso-8859-2", "Łódź"),
        ("<!-- <meta charset=latin1> -->", "utf-8", "日本"),
    ],
)
def test_encodings_are_those_that_browsers_find(page: Any, head: str, encoding: str, text: str) -> None:
    said = f"{head}<table><tr><th>a<tr><td>{text}</table>"
    assert rows_of(page(said.encode(encoding))) == [{"a": text}]


def test_bytes_that_are_no_text_are_an_error_where_they_are_wanted(page: Any) -> None:
    said = "<meta charset=utf-8>é<table><tr><th>a<tr><td>é</table>".encode("windows-1252")
    error = failure(page(said))
    assert error.row == 1
    assert "encoding=" in str(error)
    assert rows_of(page(said), encoding="windows-1252") == [{"a": "é"}]
    outside = said.replace(b"<td>\xe9", b"<td>x")
    assert rows_of(page(outside)) == [{"a": "x"}]
    assert "klingon" in str(failure(page(said), encoding="klingon"))


def test_types_are_told_from_texts(page: Any) -> None:
    path = page("<table><tr><th>n<th>z<th>j<tr><td>0.10<td>007<td>[1]<tr><td>2<td>1<td>[2]</table>")
    assert rows_of(path)[0] == {"n": Decimal("0.1"), "z": "007", "j": "[1]"}
    assert rows_of(path, override_fields={"n": {"type": "string"}})[0]["n"] == "0.10"
    bad = page("<table><tr><th>n<tr><td>1<tr><td>x</table>")
    assert failure(bad, override_fields={"n": {"type": "integer"}}).row == 2
    comma = page("<table><tr><th>n<tr><td>1,234</table>")
    assert rows_of(comma, override_fields={"n": {"type": "integer", "groupChar": ","}}) == [{"n": 1234}]


def test_several_pages_are_one_resource(page: Any, tmp_path: Path) -> None:
    for n in (1, 2):
        body = "".join(f"<tr><td>{n}<td>{at}" for at in range(3000))
        page(f"<table><tr><th>page<th>at{body}</table>", f"p-{n}.html")
    flow = Flow(load(str(tmp_path / "p-*.html")))
    wanted = [{"page": n, "at": at} for n in (1, 2) for at in range(3000)]
    assert flow.results().rows[0] == flow.results().rows[0] == wanted
    assert rows_of([tmp_path / "p-2.html", tmp_path / "p-1.html"], limit_rows=3001)[-1] == {
        "page": 1,
        "at": 0,
    }
    page("<table><tr><th>other<tr><td>1</table>", "p-3.html")
    assert "other columns" in str(failure(str(tmp_path / "p-*.html")))


def test_what_it_takes_for_the_encoding_is_told(page: Any, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING, "dataflows.load_html"):
        Flow(load_html(page("<table><tr><th>a<tr><td>é</table>".encode("latin-1")))).process()
    assert "windows-1252" in caplog.text


@settings(max_examples=60)
@given(st.integers(1, 5), st.integers(0, 6), st.randoms(use_true_random=False), st.booleans())
def test_random_spans_cover_what_they_say(
    tmp_path_factory: Any, width: int, height: int, chance: random.Random, closed: bool
) -> None:
    """A grid is tiled with random rectangles; the page is written from it, and must give it back."""
    grid: list[list[str | None]] = [[None] * width for _ in range(height)]
    lines: list[list[str]] = [[] for _ in range(height)]
    for y in range(height):
        for x in range(width):
            if grid[y][x] is not None:
                continue
            wide = high = 1
            while chance.random() < 0.4 and x + wide < width and grid[y][x + wide] is None:
                wide += 1
            while chance.random() < 0.3 and y + high < height:
                high += 1
            text = f"{x}<{y}"
            for line in grid[y : y + high]:
                line[x : x + wide] = [text] * wide
            end = "</td>" if closed else ""
            lines[y].append(f"<td colspan={wide} rowspan='{high}'>{html.escape(text)}{end}")
    end = "</tr>" if closed else ""
    head = "<tr>" + "".join(f"<th>h{x}" for x in range(width)) + "</tr>"
    path = tmp_path_factory.mktemp("x") / "x.html"
    path.write_text(f"<table>{head}{''.join(f'<tr>{chr(10).join(line)}{end}' for line in lines)}</table>")
    assert [list(row.values()) for row in rows_of(path)] == grid
