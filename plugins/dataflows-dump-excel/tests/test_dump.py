"""What is written is what calamine and openpyxl find."""

from __future__ import annotations

import datetime as dt
import io
import struct
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError
from dataflows_core.processors import dump_to_excel
from dataflows_core.rows import RowCodec
from dataflows_core.schema import Field, Schema
from dataflows_dump_excel import books
from dataflows_dump_excel.cells import Cells
from dataflows_dump_excel.writer import ExcelWriter


def _part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


DOT = b"\x89PNG\r\n\x1a\n" + b"".join(
    [
        _part(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
        _part(b"IDAT", zlib.compress(b"\0\xff\0\0")),
        _part(b"IEND", b""),
    ]
)
"""A picture."""


def cells(path: Path, sheet: str | None = None) -> list[tuple[Any, ...]]:
    book = openpyxl.load_workbook(path)
    found = book[sheet] if sheet else book.active
    return [tuple(row) for row in found.iter_rows(values_only=True)]


def dump(path: Path, *resources: Any, **options: Any) -> list[tuple[Any, ...]]:
    Flow(*resources, dump_to_excel(path, **options)).process()
    return cells(path)


def test_values_become_cells_of_their_types(tmp_path: Path) -> None:
    row = {
        "i": 7, "n": Decimal("0.10"), "s": "007", "b": True, "d": dt.date(2024, 2, 29),
        "at": dt.datetime(2024, 2, 29, 1, 2, 3), "none": None, "o": {"a": [1]}, "l": "=1+1",
    }  # fmt: skip
    head, found = dump(tmp_path / "x.xlsx", [row, dict.fromkeys(row)])[:2]
    assert head == tuple(row)
    assert found == (
        7, 0.1, "007", True, dt.datetime(2024, 2, 29), dt.datetime(2024, 2, 29, 1, 2, 3),
        None, '{"a": [1]}', "=1+1",
    )  # fmt: skip
    assert openpyxl.load_workbook(tmp_path / "x.xlsx").active["I2"].data_type == "s"


@given(st.decimals(-(10**25), 10**25, places=12), st.integers(-(2**63), 2**63 - 1))
def test_every_number_is_exact_as_a_number_or_as_a_text(number: Decimal, integer: int) -> None:
    schema = Schema((Field({"name": "n", "type": "number"}), Field({"name": "i", "type": "integer"})))
    batch = RowCodec(schema).encode([{"n": number, "i": integer}])
    ((n, i),) = Cells(schema).rows(batch)
    assert Decimal(n if isinstance(n, str) else f"{n:.15G}") == number
    assert int(i if isinstance(i, str) else f"{i:.15G}".replace("+", "")) == integer or isinstance(i, int)
    assert isinstance(i, str) == (abs(integer) >= 10**15)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (dt.date(1899, 12, 31), "1899-12-31"),
        (dt.datetime(2024, 1, 1, 0, 0, 0, 1), "2024-01-01T00:00:00.000001"),
        (dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "2024-01-01T00:00:00Z"),
        (2**60, "1152921504606846976"),
        (Decimal("12345678901234567.89"), "12345678901234567.89"),
    ],
)
def test_what_a_cell_cannot_hold_is_text_and_is_told(value: Any, cell: str, tmp_path: Path, caplog) -> None:
    assert dump(tmp_path / "x.xlsx", [{"v": value}])[1] == (cell,)
    assert "1 values of 'v' are texts" in caplog.text


def test_a_sheet_for_each_resource(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    Flow([{"a": 1}], [{"b": 2}], dump_to_excel(path, sheet_names={"res_2": "Second one"})).process()
    assert openpyxl.load_workbook(path).sheetnames == ["res_1", "Second one"]
    assert cells(path, "Second one") == [("b",), (2,)]


def test_titles_are_used_where_there_are_some(tmp_path: Path) -> None:
    def titled(package: Any) -> None:
        first, second = package[0].schema
        package[0].schema = Schema((first.update(title="The A"), second))

    assert dump(tmp_path / "x.xlsx", [{"a": 1, "b": 2}], titled, use_titles=True)[0] == ("The A", "b")


def test_a_workbook_that_is_there_keeps_its_other_sheets(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    book = openpyxl.Workbook()
    book.active.title = "notes"
    book.active["A1"] = "=SUM(1,2)"
    book.create_sheet("RES_1")["A1"] = "old"
    book.create_sheet("last")
    book.save(path)
    dump(path, [{"a": 1, "t": "=2"}], update_existing=True)
    assert openpyxl.load_workbook(path).sheetnames == ["notes", "res_1", "last"]
    assert cells(path, "res_1") == [("a", "t"), (1, "=2")]
    assert cells(path, "notes") == [("=SUM(1,2)",)]


def furnished(path: Path, furnish: Any = None) -> Path:
    """A workbook with all that may stand in a sheet, and something more."""
    with xlsxwriter.Workbook(path) as book:
        sheet, loud = book.add_worksheet("keep"), book.add_format({"bold": True, "num_format": "0.00"})
        sheet.write(0, 0, 1.5, loud)
        sheet.write_formula(1, 0, "=A1*2", None, 3)
        sheet.write_rich_string(2, 0, "plain ", loud, "bold")
        sheet.merge_range("C1:D2", "merged")
        sheet.set_column(0, 0, 33)
        sheet.conditional_format("A1:A9", {"type": "cell", "criteria": ">", "value": 1, "format": loud})
        sheet.data_validation("B1", {"validate": "list", "source": ["a", "b"]})
        sheet.write_comment("A1", "why")
        sheet.write_url("A5", "https://example.org/")
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=keep!$A$1:$A$2"})
        sheet.insert_chart("H1", chart)
        book.define_name("mine", "=keep!$A$1")
        book.add_worksheet("data").write(0, 0, "old")
        book.add_worksheet("deep").hide()
        if furnish is not None:
            furnish(book, sheet)
    return path


def test_what_is_in_other_sheets_stays(tmp_path: Path) -> None:
    path = furnished(tmp_path / "x.xlsx")
    dump(path, [{"a": 1}], update_existing=True, sheet_names={"res_1": "data"})
    book = openpyxl.load_workbook(path, rich_text=True)
    sheet = book["keep"]
    assert [one.sheet_state for one in book] == ["visible", "visible", "hidden"]
    assert (sheet["A1"].font.b, sheet["A1"].number_format) == (True, "0.00")
    assert sheet["A2"].value == "=A1*2"
    assert [getattr(part, "text", part) for part in sheet["A3"].value] == ["plain ", "bold"]
    assert str(sheet.merged_cells) == "C1:D2"
    assert round(sheet.column_dimensions["A"].width) == 34
    assert len(sheet.conditional_formatting) == sheet.data_validations.count == len(sheet._charts) == 1
    assert sheet["A1"].comment.text == "why"
    assert sheet["A5"].hyperlink.target == "https://example.org/"
    assert list(book.defined_names) == ["mine"]
    assert cells(path, "data") == [("a",), (1,)]


@pytest.mark.parametrize(
    ("furnish", "lost"),
    [
        (lambda book, sheet: sheet.insert_textbox("F1", "text"), "shapes or text boxes"),
        (lambda book, sheet: sheet.add_sparkline("M1", {"range": "keep!A1:A2"}), "sparklines"),
        (
            lambda book, sheet: sheet.insert_image("H9", "dot.png", {"image_data": io.BytesIO(DOT)}),
            "pictures",
        ),
    ],
)
def test_a_workbook_with_what_would_be_lost_is_not_changed(furnish: Any, lost: str, tmp_path: Path) -> None:
    path = furnished(tmp_path / "x.xlsx", furnish)
    before = path.read_bytes()
    with pytest.raises(ProcessorError, match=f"{lost}, which would be lost"):
        dump(path, [{"a": 1}], update_existing=True, sheet_names={"res_1": "data"})
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["x.xlsx"]


def test_what_is_no_workbook_cannot_be_changed(tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_text("no")
    with pytest.raises(ProcessorError, match="no xlsx workbook"):
        dump(tmp_path / "x.xlsx", [{"a": 1}], update_existing=True)
    assert (tmp_path / "x.xlsx").read_text() == "no"
    assert [path.name for path in tmp_path.iterdir()] == ["x.xlsx"]


def test_a_failed_run_leaves_the_previous_workbook_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    dump(path, [{"a": 1}])
    before = path.read_bytes()

    def fail(row: dict[str, Any]) -> None:
        raise ValueError("no")

    with pytest.raises(ProcessorError):
        Flow([{"a": n} for n in range(1000)], dump_to_excel(path), fail).process()
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["x.xlsx"]


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        dump(tmp_path / name, [{"n": n, "t": str(n)} for n in range(100)])
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_a_sheet_has_room_for_so_much_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "MOST_ROWS", 4)
    dump(tmp_path / "x.xlsx", [{"a": 1}] * 3)
    with pytest.raises(ProcessorError, match="room for 3 rows"):
        dump(tmp_path / "y.xlsx", [{"a": 1}] * 4)
    with pytest.raises(ProcessorError, match="room for 16,384 columns"):
        dump(tmp_path / "z.xlsx", [{f"c{n}": 1 for n in range(16_385)}])


def test_a_text_longer_than_a_cell_names_its_row(tmp_path: Path) -> None:
    dump(tmp_path / "x.xlsx", [{"t": "x" * 32_767}])
    with pytest.raises(ProcessorError, match=r"a text that a cell has room for"):
        dump(tmp_path / "x.xlsx", [{"t": "y"}, {"t": "x" * 32_768}])


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ({"res_1": "a/b"}, "1 to 31 characters.*'a-b' would do"),
        ({"res_1": "x" * 32}, "1 to 31 characters"),
        ({"res_1": "res_2"}, "two sheets"),
        ({"nobody": "x"}, "nobody"),
    ],
)
def test_names_that_excel_does_not_allow_are_refused(names: dict[str, str], why: str, tmp_path: Path) -> None:
    with pytest.raises(ProcessorError, match=why) as caught:
        Flow([{"a": 1}], [{"b": 1}], dump_to_excel(tmp_path / "x.xlsx", sheet_names=names)).process()
    assert caught.value.exit_code == 2
    with pytest.raises(FlowError, match="xlsx"):
        dump_to_excel("x.xls")


@given(st.lists(st.text(max_size=40), max_size=8))
def test_every_name_becomes_a_name_of_a_sheet(names: list[str]) -> None:
    made = books.sheet_names(names)
    assert len({name.lower() for name in made}) == len(names)
    assert all(0 < len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in made)


def test_the_writer_makes_a_workbook_of_batches() -> None:
    schema = Schema((Field({"name": "n", "type": "integer"}),))
    writer, file = ExcelWriter(schema, sheetname="Numbers"), io.BytesIO()
    opened = writer.open(file)
    for start in (0, 2):
        opened.write(writer.encode(RowCodec(schema).encode([{"n": start}, {"n": start + 1}])))
    opened.close()
    book = openpyxl.load_workbook(file)
    assert book.sheetnames == ["Numbers"]
    assert [row[0].value for row in book.active.iter_rows()] == ["n", 0, 1, 2, 3]


def test_a_writer_that_is_not_wanted_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened = ExcelWriter(Schema((Field({"name": "n"}),))).open(io.BytesIO())
    assert list(tmp_path.iterdir())
    opened.discard()
    assert not list(tmp_path.iterdir())
