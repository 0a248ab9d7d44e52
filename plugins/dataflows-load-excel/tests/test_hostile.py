"""Workbooks of every format that lie about what is in them, or hold what no spreadsheet program writes."""

from __future__ import annotations

import logging
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
import xlwt
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.processors import load
from dataflows_load_excel.extent import XmlExtent, _letters, column_number

SHEET = "xl/worksheets/sheet1.xml"
CELL = '<c r="A2"><v>1</v></c>'


def rows_of(path: Path, **options: Any) -> list[dict[str, Any]]:
    (rows,) = Flow(load(path, **options)).results().rows
    return rows


def parts_of(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.fixture
def xlsx(tmp_path: Path) -> Callable[..., Path]:
    """Writes a workbook of one field and one row, with something else for a part of its sheet."""

    def write(new: str = CELL, old: str = CELL) -> Path:
        with xlsxwriter.Workbook(tmp_path / "plain.xlsx") as book:
            book.add_worksheet("s").write_column(0, 0, ["n", 1])
        with (
            zipfile.ZipFile(tmp_path / "plain.xlsx") as plain,
            zipfile.ZipFile(tmp_path / "x.xlsx", "w", zipfile.ZIP_DEFLATED) as made,
        ):
            for info in plain.infolist():
                text = plain.read(info).decode()
                assert info.filename != SHEET or old in text
                made.writestr(info.filename, text.replace(old, new) if info.filename == SHEET else text)
        return tmp_path / "x.xlsx"

    return write


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ('<c r="XFD1048576"><v>1</v></c>', "reaches to row 1,048,576 and column 16,384"),
        ("<c\n r = 'xfd200000'><v>1</v></c>", "reaches to row 200,000 and column 16,384"),
        ('<c s="0" r="AAA0001000000"><v>1</v></c>', "reaches to row 1,000,000 and column 703"),
        ('<c r="XFE2"><v>1</v></c>', "is damaged: it has a cell in row 2 or column 16,385"),
        ('<c r="A4294967295"><v>1</v></c>', "is damaged: it has a cell in row 4,294,967,295"),
    ],
)
def test_a_cell_far_away_does_not_take_all_memory(xlsx: Any, cell: str, message: str) -> None:
    with pytest.raises(ProcessorError, match=message) as caught:
        rows_of(xlsx(CELL + cell))
    assert caught.value.exit_code == 1


def test_how_far_a_sheet_may_reach_is_a_matter_of_size(xlsx: Any) -> None:
    path = xlsx(CELL + '<c r="A300000"><v>2</v></c>')
    with pytest.raises(ProcessorError, match=r"row 300,000 and column 1.*\n.*max_size"):
        rows_of(path, max_size=9_000_000)
    assert rows_of(path, max_size=10_000_000) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("cell", ['<c r="XFD1048576" s="0"/>', '<c r="XFD1048576" s="0"></c>'])
def test_cells_that_are_only_formatted_take_no_room(xlsx: Any, cell: str) -> None:
    assert rows_of(xlsx(CELL + cell)) == [{"n": 1}]


@pytest.mark.parametrize("said", ["A1:XFD1048576", "A1", "B7:C8"])
def test_what_the_sheet_says_of_its_size_is_not_believed(xlsx: Any, said: str) -> None:
    assert rows_of(xlsx(f'<dimension ref="{said}"/>', '<dimension ref="A1:A2"/>')) == [{"n": 1}]


@given(st.lists(st.tuples(st.integers(1, 1_048_576), st.integers(1, 16_384)), min_size=1), st.integers(1, 40))
def test_no_cell_lies_beyond_what_is_told_of_a_sheet(cells: list[tuple[int, int]], size: int) -> None:
    text = "".join(f'<c r="{_letters(column)}{row}"><v>1</v></c>' for row, column in cells).encode()
    extent = XmlExtent()
    for start in range(0, len(text), size):
        extent.see(text[max(start - 64, 0) : start + size])
    rows, columns = (max(numbers) for numbers in zip(*cells, strict=True))
    assert rows < extent.rows <= max(10_000, 2 * rows + 1)
    assert extent.columns == columns


@given(st.integers(1, 16_384))
def test_letters_are_numbers(number: int) -> None:
    assert column_number(_letters(number)) == column_number(_letters(number).lower()) == number


def test_formulas_without_their_values_are_missing_and_counted(xlsx: Any, caplog: Any) -> None:
    cells = '<c r="A2"><f>1+1</f></c>', '<c r="A3"><f>1+1</f><v></v></c>', '<c r="A4"><f>1</f><v>1</v></c>'
    empty = '<c r="A5" t="str"><f>""</f><v></v></c>'  # that is its value
    assert rows_of(xlsx("".join([*cells, empty]))) == [{"n": 1}]
    assert "2 formulas were saved without their values" in caplog.text


def test_rich_inline_and_escaped_texts_are_what_a_reader_sees(xlsx: Any) -> None:
    rich = '<c r="A2" t="inlineStr"><is><r><t>in</t></r><r><t xml:space="preserve"> line </t></r></is></c>'
    assert rows_of(xlsx(rich)) == [{"n": "in line "}]
    escaped = '<c r="A2" t="inlineStr"><is><t>a_x000D_&amp;&#10;b</t></is></c>'
    assert rows_of(xlsx(escaped)) == [{"n": "a\r&\nb"}]


@pytest.mark.parametrize("entity", ['"x"', 'SYSTEM "file:///etc/hostname"'])
def test_entities_of_the_file_are_refused(xlsx: Any, entity: str) -> None:
    with pytest.raises(ProcessorError, match="declares entities in xl/worksheets"):
        rows_of(xlsx(f"<!DOCTYPE x [<!ENTITY e {entity}>]><worksheet", "<worksheet"))


@pytest.mark.parametrize("value", ["1&#50;", "<![CDATA[7]]>", "&amp;"])
def test_numbers_that_would_be_read_in_part_are_refused(xlsx: Any, value: str) -> None:
    assert rows_of(xlsx('<c r="A2" t="str"><v>a&amp;b&#33;</v></c>')) == [{"n": "a&b!"}]
    for kind in ("", ' t="n"', ' s="0"'):
        with pytest.raises(ProcessorError, match="spells a number with entities"):
            rows_of(xlsx(f'<c r="A2"{kind}><v>{value}</v></c>'))


def test_something_before_the_archive_opens_no_back_door(xlsx: Any) -> None:
    path = xlsx(CELL + '<c r="XFD1048576"><v>1</v></c>')
    path.write_bytes(b"MZ and something else" + path.read_bytes())
    with pytest.raises(ProcessorError, match="reaches to row"):
        rows_of(path)


def test_sheets_whose_names_differ_in_case_only_have_resources_of_their_own(xlsx: Any) -> None:
    path = xlsx()
    parts = parts_of(path)
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace(
        '<sheet name="s" sheetId="1" r:id="rId1"/>',
        '<sheet name="It\'s" sheetId="1" r:id="rId1"/><sheet name="IT\'S" sheetId="2" r:id="rId1"/>',
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    assert Flow(load(path, sheet="*")).results().package.names == ["it-s", "it-s-2"]
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text.replace("IT'S", "It's"))
    with pytest.raises(ProcessorError, match="several sheets named"):
        rows_of(path)


def xls(path: Path, column: int = 0, *, small: bool = True) -> Path:
    """A workbook of xlwt's, with the number of the column of its one number changed."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("s")
    sheet.write(0, 0, "n")
    sheet.write(1, 0, 12345.678)
    for number in range(0 if small else 5_000):
        sheet.write(2 + number, 0, number + 0.123456789)
    book.save(str(path))
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, data.index(struct.pack("<d", 12345.678)) - 4, column)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("small", [True, False])
def test_xls_files_are_read_and_their_cells_stay_where_cells_are(tmp_path: Path, small: bool) -> None:
    rows = rows_of(xls(tmp_path / "x.xls", small=small))
    assert float(rows[0]["n"]) == 12345.678
    assert len(rows) == (1 if small else 5_001)
    with pytest.raises(ProcessorError, match=r"cell in column 65,536, and an xls file has no more than 256"):
        rows_of(xls(tmp_path / "x.xls", 65_535, small=small))


def test_a_workbook_with_a_password_says_so(tmp_path: Path) -> None:
    data = xls(tmp_path / "x.xls").read_bytes()
    name, other = "Workbook".encode("utf-16-le"), "EncryptedPackage".encode("utf-16-le")
    at = data.index(name + bytes(64 - len(name)))
    entry = other + bytes(64 - len(other)) + struct.pack("<H", len(other) + 2)
    (tmp_path / "x.xlsx").write_bytes(data[:at] + entry + data[at + len(entry) :])
    with pytest.raises(ProcessorError, match="has a password; save it without one"):
        rows_of(tmp_path / "x.xlsx")


@pytest.mark.parametrize("cut", [10, 100, 512, 600, 1500, -600, -100])
def test_a_torn_xls_file_is_an_error(tmp_path: Path, cut: int) -> None:
    path = xls(tmp_path / "x.xls", small=False)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ProcessorError, match=r"no workbook|damaged"):
        rows_of(path)


def xlsb(path: Path, row: int, column: int) -> Path:
    """A workbook of records: a header, and a number somewhere."""

    def record(kind: int, data: bytes = b"") -> bytes:
        kinds = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
        return kinds + bytes([len(data)]) + data

    def text(said: str) -> bytes:
        return struct.pack("<I", len(said)) + said.encode("utf-16-le")

    sheet = record(156, struct.pack("<II", 0, 1) + text("rId1") + text("s"))
    cells = [
        record(0, struct.pack("<I", 0) + bytes(13)),
        record(6, struct.pack("<II", 0, 0) + text("n")),
        record(0, struct.pack("<I", row) + bytes(13)),
        record(5, struct.pack("<IId", column, 0, 1.5)),
    ]
    dimension = record(148, struct.pack("<IIII", 0, row, 0, column))
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.bin", record(131) + record(143) + sheet + record(144) + record(132))
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            f'<?xml version="1.0"?><Relationships xmlns="{relations}"><Relationship Id="rId1" '
            f'Type="{kinds}/worksheet" Target="worksheets/sheet1.bin"/></Relationships>',
        )
        body = record(129) + dimension + record(145) + b"".join(cells) + record(146) + record(130)
        archive.writestr("xl/worksheets/sheet1.bin", body)
    return path


def test_xlsb_files_are_read_and_reach_only_so_far(tmp_path: Path) -> None:
    rows = rows_of(xlsb(tmp_path / "x.xlsb", 1, 0))
    assert [float(row["n"]) for row in rows] == [1.5]
    with pytest.raises(ProcessorError, match="reaches to row 1,048,576 and column 16,384"):
        rows_of(xlsb(tmp_path / "x.xlsb", 1_048_575, 16_383))
    with pytest.raises(ProcessorError, match="is damaged: it has a cell in row 4,294,967,295"):
        rows_of(xlsb(tmp_path / "x.xlsb", 4_294_967_294, 0))


def test_sheets_of_charts_and_very_hidden_ones_are_not_taken(tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    with xlsxwriter.Workbook(tmp_path / "x.xlsx") as book:
        book.add_worksheet("deep").hide()
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=v!$A$2:$A$2"})
        book.add_chartsheet("chart").set_chart(chart)
        sheet = book.add_worksheet("v")
        sheet.write_column(0, 0, ["n", 1])
        sheet.activate()
        sheet.set_first_sheet()
    parts = parts_of(tmp_path / "x.xlsx")
    with zipfile.ZipFile(tmp_path / "y.xlsx", "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text.replace('state="hidden"', 'state="veryHidden"'))
    for path in (tmp_path / "x.xlsx", tmp_path / "y.xlsx"):
        assert rows_of(path) == [{"n": 1}]
        assert Flow(load(path, sheet="*")).results().package.names == ["v"]
