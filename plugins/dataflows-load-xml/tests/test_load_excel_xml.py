"""Workbooks as Excel 2003 and the programs that followed it write them in XML."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import DataError, RowError, UnreadableError
from dataflows_core.processors import load, load_excel_xml
from dataflows_core.ranges import Range, letters
from dataflows_load_xml import parse

Rows = list[dict[str, Any]]

HEAD = """<?xml version="1.0"?>
<?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"
 xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:x="urn:schemas-microsoft-com:office:excel"
 xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet" xmlns:html="http://www.w3.org/TR/REC-html40">
 <DocumentProperties xmlns="urn:schemas-microsoft-com:office:office"><Author>A</Author></DocumentProperties>
 <Styles><Style ss:ID="Default" ss:Name="Normal"><Alignment ss:Vertical="Bottom"/></Style></Styles>
"""


def cell(value: Any = None, kind: str = "", **attributes: Any) -> str:
    kinds = {str: "String", int: "Number", float: "Number", bool: "Boolean", dt.datetime: "DateTime"}
    said = "".join(f' ss:{name}="{text}"' for name, text in attributes.items())
    if value is None:
        return f"<Cell{said}/>"
    kind = kind or kinds[type(value)]
    text = {"DateTime": lambda: f"{value:%Y-%m-%dT%H:%M:%S}.000", "Boolean": lambda: str(int(value))}
    shown = text[kind]() if kind in text and not isinstance(value, str) else escape(str(value))
    return f'<Cell{said}><Data ss:Type="{kind}">{shown}</Data></Cell>'


def row(*cells: Any, **attributes: Any) -> str:
    said = "".join(f' ss:{name}="{text}"' for name, text in attributes.items())
    inside = [one if isinstance(one, str) and one.startswith("<Cell") else cell(one) for one in cells]
    return f'   <Row{said} ss:AutoFitHeight="0">{"".join(inside)}</Row>\n'


def sheet(name: str, *rows: str, hidden: bool = False) -> str:
    visible = "<Visible>SheetHidden</Visible>" if hidden else ""
    options = f'<WorksheetOptions xmlns="urn:schemas-microsoft-com:office:excel">{visible}</WorksheetOptions>'
    table = f'<Table ss:ExpandedColumnCount="9" x:FullRows="1"><Column ss:Width="9"/>{"".join(rows)}</Table>'
    return f' <Worksheet ss:Name="{name}">{table}{options}</Worksheet>\n'


@pytest.fixture
def book(tmp_path: Path) -> Callable[..., Path]:
    def write(*sheets: str, name: str = "x.xml") -> Path:
        path = tmp_path / name
        path.write_text(f"{HEAD}{''.join(sheets)}</Workbook>", encoding="utf-8")
        return path

    return write


def rows_of(path: Any, **options: Any) -> Rows:
    (rows,) = Flow(load_excel_xml(path, **options)).results().rows
    return rows


def failure(path: Any, **options: Any) -> ProcessorError:
    with pytest.raises(ProcessorError) as caught:
        Flow(load_excel_xml(path, **options)).process()
    return caught.value


def test_cells_keep_their_types_and_numbers_their_digits(book) -> None:
    noon, midnight = dt.datetime(2024, 2, 29, 12, 30), dt.datetime(2024, 2, 29)
    names = ["whole", "part", "tiny", "text", "yes", "at", "day", "clock"]
    path = book(
        sheet(
            "s",
            row(*names),
            row(1, cell("0.10", "Number"), cell("1.5E-3", "Number"), "007", True, noon, midnight,
                cell("1899-12-31T10:20:30.000", "DateTime")),
            row(cell("2.0", "Number"), cell("12345678901234567.25", "Number")),
        )
    )  # fmt: skip
    result = Flow(load(path, format="excel-xml")).results()
    assert result.rows[0] == [
        {
            "whole": 1, "part": Decimal("0.1"), "tiny": Decimal("0.0015"), "text": "007", "yes": True,
            "at": noon, "day": midnight.date(), "clock": dt.time(10, 20, 30),
        },
        {**dict.fromkeys(names), "whole": 2, "part": Decimal("12345678901234567.25")},
    ]  # fmt: skip
    assert [field.type for field in result.package[0].schema] == [
        "integer", "number", "number", "string", "boolean", "datetime", "date", "time",
    ]  # fmt: skip


def test_numbers_of_all_sizes_have_a_type_wherever_they_stand(book) -> None:
    column = [1, 2, *[3] * 3000, cell("0.123456789012345", "Number"), cell("-98765432109", "Number")]
    found = rows_of(book(sheet("s", row("n"), *[row(value) for value in column])))
    assert [row["n"] for row in found[-2:]] == [Decimal("0.123456789012345"), Decimal(-98765432109)]
    column = [cell("12345678901234567890", "Number"), cell("1E+20", "Number")]
    found = rows_of(book(sheet("s", row("n"), *map(row, column))))
    assert [row["n"] for row in found] == [12345678901234567890, 10**20]
    found = rows_of(book(sheet("s", row("n"), row(cell("1E+300", "Number")), row(1.5))))
    assert [row["n"] for row in found] == [1e300, 1.5]


def test_rows_and_cells_that_are_left_out_are_gaps(book) -> None:
    path = book(
        sheet(
            "s",
            row("a", "b", "c", Index=3),
            row(1, cell(3, Index=3)),
            row(),
            row(cell(5, Index=2), Index=9),
            row(7, Span=3),
            row(8),
        )
    )
    whole = [{"a": 1, "b": None, "c": 3}, {"a": None, "b": 5, "c": None}]
    assert rows_of(path) == [*whole, *({"a": n, "b": None, "c": None} for n in (7, 8))]
    assert rows_of(path, headers=3, range="A3:C9") == whole
    assert rows_of(path, skip_rows=[9, 10, 14]) == whole[:1]
    assert rows_of(path, headers=["x", "y"], range="B9:C9", fill_merged_cells=True) == [{"x": 5, "y": None}]


MERGED = sheet(
    "s",
    row("x", cell("sales", MergeAcross=1)),
    row(cell("x", Index=1), "2023", "2024"),
    row(cell("Ulm", MergeDown=2), 1, 2),
    row(cell(3, Index=2), 4, Index=5),
    row("Bonn", cell(5, MergeAcross=1)),
)


def test_merged_cells_have_their_value_once_or_everywhere(book) -> None:
    path = book(MERGED)
    names = ["x", "2023", "2024"]
    once = [["Ulm", 1, 2], [None, 3, 4], ["Bonn", 5, None]]
    assert [list(row.values()) for row in rows_of(path, headers=2)] == once
    filled = rows_of(path, headers=[1, 2], fill_merged_cells=True, multiline_headers_joiner="/")
    assert list(filled[0]) == ["x", "sales/2023", "sales/2024"]
    everywhere = [["Ulm", 1, 2], ["Ulm", None, None], ["Ulm", 3, 4], ["Bonn", 5, 5]]
    assert [list(row.values()) for row in filled] == everywhere
    assert list(rows_of(path, headers=2)[0]) == names


def test_a_merged_range_that_covers_everything_is_refused_when_it_is_to_be_filled(book, monkeypatch) -> None:
    monkeypatch.setattr("dataflows_load_xml.sheets._MOST_FILLED", 1000)
    path = book(sheet("s", row("n"), row(cell(1, MergeDown=2000)), row(cell(2, Index=2), Index=1900)))
    assert "huge=True" in str(failure(path, headers=None, fill_merged_cells=True))
    assert len(rows_of(path, headers=None, fill_merged_cells=True, huge=True)) == 1900
    assert len(rows_of(path, headers=None)) == 3


def test_sheets_are_chosen_by_name_number_list_or_all(book) -> None:
    path = book(
        sheet("Hidden", row("a"), row(0), hidden=True),
        *(sheet(name, row("a"), row(n)) for n, name in enumerate(("One & All", "Two", "Three"), 1)),
    )
    path.write_text(path.read_text().replace("One & All", "One &amp; All"))
    assert rows_of(path) == rows_of(path, sheet=2) == rows_of(path, sheet="One & All") == [{"a": 1}]
    assert rows_of(path, sheet="Hidden") == [{"a": 0}]
    assert Flow(load_excel_xml(path, sheet="*")).results().package.names == ["one-all", "two", "three"]
    results = Flow(load_excel_xml(path, sheet=["Three", 1])).results()
    assert results.package.names == ["three", "hidden"]
    assert results.rows == [[{"a": 3}], [{"a": 0}]]
    for wrong, hint in (("Tow", "Two"), (5, "4 sheets"), (0, "4 sheets")):
        error = failure(path, sheet=wrong)
        assert (error.exit_code, hint in str(error)) == (2, True)


def test_an_error_in_a_cell_is_an_error_unless_it_is_known(book) -> None:
    path = book(sheet("s", row("n", "t"), row(1, "x"), row(cell("#DIV/0!", "Error"), cell("#N/A", "Error"))))
    error = failure(path)
    assert isinstance(error.cause, RowError)
    assert (error.row, error.source) == (2, f"{path}, sheet 's'")
    assert "#DIV/0!" in str(error)
    missing = {"missingValues": ["", "#DIV/0!", "#N/A"]}
    assert rows_of(path, override_schema=missing) == [{"n": 1, "t": "x"}, {"n": None, "t": None}]


def test_kinds_that_are_mixed_are_text_which_is_told(book, caplog) -> None:
    mixed = sheet("s", row("v"), row(0.5), row("n/a"), row(True), row(dt.datetime(2024, 2, 29)))
    with caplog.at_level(logging.WARNING):
        assert [row["v"] for row in rows_of(book(mixed))] == ["0.5", "n/a", "true", "2024-02-29"]
    assert "row 3" in caplog.text
    path = book(sheet("s", row("v"), row(0.5), row("n/a")))
    fields = {"v": {"type": "number"}}
    assert rows_of(path, override_fields=fields, override_schema={"missingValues": ["n/a"]}) == [
        {"v": Decimal("0.5")}, {"v": None},
    ]  # fmt: skip
    assert failure(path, override_fields=fields).row == 2


def test_rich_text_and_comments_in_cells(book) -> None:
    html = "http://www.w3.org/TR/REC-html40"
    rich = (
        f'<Cell><ss:Data ss:Type="String" xmlns="{html}"><B>bold</B> and\nnot</ss:Data>'
        '<Comment ss:Author="A"><ss:Data>a comment</ss:Data></Comment><NamedCell ss:Name="x"/></Cell>'
    )
    assert rows_of(book(sheet("s", row("t"), f"<Row>{rich}</Row>"))) == [{"t": "bold and\nnot"}]


def test_sheets_whose_names_become_the_same_are_numbered(book) -> None:
    path = book(*(sheet(name, row("a"), row(1)) for name in ("A b", "a-B")))
    assert Flow(load_excel_xml(path, sheet="*")).process().package.names == ["a-b", "a-b-2"]


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([row("a", "a"), row(1, 2)], "twice"),
        ([row("a"), row(1, 2)], "column B"),
        ([row("a"), row(cell("x", "Number"))], "cell A2: 'x' is no Number"),
        ([row("a"), row(cell("soon", "DateTime"))], "no DateTime"),
        ([row("a"), row(cell("2", "Boolean"))], "no Boolean"),
        ([row("a"), row(1, cell(1, Index=1))], "out of order"),
        ([row("a"), row(cell(1, Index=99999))], "last column"),
        ([row("a"), row(1, Index=1)], "number 1"),
        ([row("a"), row(1, Index=2_000_000_000)], "Index"),
        ([row("a"), row(1, Index=999_999_999)], "number 999999999"),
    ],
)
def test_sheets_that_make_no_table_are_refused(book, rows: list[str], what: str) -> None:
    error = failure(book(sheet("s", *rows)))
    assert isinstance(error.cause, DataError)
    assert what in str(error)
    assert "sheet 's'" in str(error)


def test_what_is_no_such_workbook_is_refused(tmp_path: Path, book) -> None:
    path = tmp_path / "x.xml"
    path.write_text("<a><b/><b/></a>")
    assert isinstance(failure(path).cause, UnreadableError)
    path = book(MERGED)
    path.write_text(path.read_text()[:-30])
    assert "well-formed" in str(failure(path))
    with pytest.raises(ProcessorError, match="excel-xml"):
        Flow(load(book(MERGED), format="xml")).process()


def test_the_same_sheet_of_several_files_is_one_resource(book) -> None:
    noon = dt.datetime(2024, 2, 29, 12)
    one = book(sheet("s", row("n", "at"), row(1, dt.datetime(2024, 2, 29))), name="d-1.xml")
    two = book(sheet("s", row("n", "at"), row(0.5, noon)), name="d-2.xml")
    wanted = [{"n": Decimal(1), "at": dt.datetime(2024, 2, 29)}, {"n": Decimal("0.5"), "at": noon}]
    assert rows_of([one, two]) == wanted
    assert rows_of([two, one], limit_rows=1) == wanted[1:]
    three = book(sheet("s", row("n"), row(1)), name="d-3.xml")
    assert "other columns" in str(failure([one, three]))


@given(st.integers(0, 16383))
def test_letters_of_columns_are_read_as_they_are_written(index: int) -> None:
    assert Range.of(f"{letters(index)}1:").left == index


values = st.none() | st.integers(-(10**6), 10**6) | st.text(st.sampled_from('a<&"é '), min_size=1, max_size=5)


@settings(max_examples=50)
@given(
    st.lists(st.lists(values, min_size=3, max_size=3), max_size=12), st.sampled_from([11, 1 << 16]), st.data()
)
def test_no_cell_is_lost_or_moved(tmp_path_factory: Any, cells: Any, piece: int, data: st.DataObject) -> None:
    lines = [row("h0", "h1", "h2")]
    number = 1
    for line in cells:
        here, column = [], 0
        for at, value in enumerate(line):
            if value is None and data.draw(st.booleans()):
                continue
            here.append(cell(value, **({"Index": at + 1} if at > column else {})))
            column = at + 1
        number += data.draw(st.integers(1, 3))
        lines.append(row(*here, Index=number))
    path = tmp_path_factory.mktemp("x") / "x.xml"
    path.write_text(f"{HEAD}{sheet('s', *lines)}</Workbook>", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parse, "_PIECE", piece)
        found = rows_of(path, infer_strategy="strings", override_schema={"missingValues": []})
    wanted = [[None if value is None else str(value) for value in line] for line in cells]
    assert [list(row.values()) for row in found] == [
        line for line in wanted if any(v is not None for v in line)
    ]
