"""Workbooks that XlsxWriter, odfpy and others wrote, as people give them to us."""

from __future__ import annotations

import datetime as dt
import logging
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import FlowError
from dataflows_core.processors import load, load_excel
from dataflows_core.ranges import Range, letters
from dataflows_load_excel.area import table_of

Rows = list[dict[str, Any]]


@pytest.fixture
def book(tmp_path: Path) -> Callable[..., Path]:
    """Writes a workbook of sheets, each a list of rows; None leaves a cell blank."""

    def write(*, path: str = "book.xlsx", **sheets: Any) -> Path:
        with xlsxwriter.Workbook(tmp_path / path) as workbook:
            formats = {
                dt.datetime: workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
                dt.date: workbook.add_format({"num_format": "yyyy-mm-dd"}),
                dt.time: workbook.add_format({"num_format": "hh:mm:ss"}),
                dt.timedelta: workbook.add_format({"num_format": "[h]:mm:ss"}),
            }
            for name, rows in sheets.items():
                sheet = workbook.add_worksheet(name)
                for y, row in enumerate(rows):
                    for x, value in enumerate(row):
                        if value is not None:
                            sheet.write(y, x, value, formats.get(type(value)))
        return tmp_path / path

    return write


def rows_of(*links: Any) -> Rows:
    (rows,) = Flow(*links).results().rows
    return rows


def test_cells_keep_their_types(book) -> None:
    values = {
        "whole": 1, "part": 0.1, "text": "007", "yes": True, "day": dt.date(2024, 2, 29),
        "at": dt.datetime(2024, 2, 29, 1, 2, 3), "clock": dt.time(1, 2, 3), "span": dt.timedelta(hours=30),
    }  # fmt: skip
    result = Flow(load(book(data=[list(values), list(values.values()), [None]]))).results()
    assert result.rows[0][0] == {**values, "part": Decimal("0.1")}
    assert [field.type for field in result.package[0].schema] == [
        "integer", "number", "string", "boolean", "date", "datetime", "time", "duration",
    ]  # fmt: skip


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=20))
def test_numbers_are_the_shortest_text_of_the_double(tmp_path_factory: Any, numbers: list[float]) -> None:
    path = tmp_path_factory.mktemp("x") / "x.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write(0, 0, "n")
        for row, number in enumerate(numbers, 1):
            sheet.write_number(row, 0, number)
    assert [float(row["n"]) for row in rows_of(load(path))] == pytest.approx(numbers, rel=1e-15, abs=0)


def test_sheets_are_chosen_by_name_number_list_or_all(book) -> None:
    path = book(One=[["a"], [1]], Two=[["a"], [2]], Three=[["a"], [3]])
    assert rows_of(load(path)) == rows_of(load(path, sheet=1)) == [{"a": 1}]
    assert rows_of(load(path, sheet="Two")) == [{"a": 2}]
    package = Flow(load(path, sheet="*")).results().package
    assert package.names == ["one", "two", "three"]
    assert Flow(load(path, sheet=["Three", 1])).results().package.names == ["three", "one"]
    for wrong in ("Tow", 4, 0):
        with pytest.raises(ProcessorError, match="sheet") as caught:
            Flow(load(path, sheet=wrong)).process()
        assert caught.value.exit_code == 2
    with pytest.raises(ProcessorError, match="has 1 sheet, numbered from 1"):
        Flow(load(book(One=[["a"], [1]]), sheet=2)).process()


def test_hidden_sheets_are_left_out_unless_named(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "x.xlsx") as workbook:
        for name, hidden in (("h", True), ("v", False)):
            sheet = workbook.add_worksheet(name)
            sheet.write_column(0, 0, [name, 1])
            if hidden:
                sheet.hide()
            else:
                sheet.activate()
                sheet.set_first_sheet()
    assert rows_of(load(tmp_path / "x.xlsx")) == [{"v": 1}]
    assert Flow(load(tmp_path / "x.xlsx", sheet="*")).results().package.names == ["v"]
    assert rows_of(load(tmp_path / "x.xlsx", sheet="h")) == [{"h": 1}]


TITLED = [
    ["Report"],
    [],
    [None, "Sales", None],
    [None, "2023", "2024"],
    [],
    [None, 1, 2],
    [None, 3, 4],
    ["note: x"],
]


def test_ranges_headers_and_rows_to_skip(book) -> None:
    path = book(x=TITLED)
    wanted = [{"2023": 1, "2024": 2}, {"2023": 3, "2024": 4}]
    assert rows_of(load(path, range="B4:C7")) == wanted
    assert rows_of(load(path, range="B:C", headers=4)) == wanted
    assert rows_of(load(path, range="B3:C7", headers=[3, 4])) == [
        {"Sales 2023": 1, "2024": 2},
        {"Sales 2023": 3, "2024": 4},
    ]
    assert rows_of(load(path, range="B6:C7", headers=["p", "q"])) == [{"p": 1, "q": 2}, {"p": 3, "q": 4}]
    assert rows_of(load(path, range="B6:C7", headers=None, limit_rows=1)) == [{"field1": 1, "field2": 2}]
    assert rows_of(load(path, range="B:C", headers=4, skip_rows=[6])) == wanted[1:]


def test_merged_cells_have_their_value_once_or_everywhere(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "x.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["place", "n"])
        sheet.merge_range("A2:A4", "Rome")
        sheet.write_column(1, 1, [1, 2, 3])
    assert [row["place"] for row in rows_of(load(tmp_path / "x.xlsx"))] == ["Rome", None, None]
    filled = rows_of(load(tmp_path / "x.xlsx", fill_merged_cells=True))
    assert [row["place"] for row in filled] == ["Rome"] * 3


def test_a_column_of_mixed_cells_is_text_and_is_told(book, caplog) -> None:
    path = book(x=[["n", "m"], [1, 1], ["n/a", 2.5], [2.5, None]])
    assert rows_of(load(path)) == [
        {"n": "1", "m": 1},
        {"n": "n/a", "m": Decimal("2.5")},
        {"n": "2.5", "m": None},
    ]
    assert "'n' mixes numbers (row 2), text (row 3)" in caplog.text
    declared = {"override_schema": {"missingValues": ["n/a"]}, "override_fields": {"n": {"type": "number"}}}
    assert [row["n"] for row in rows_of(load(path, **declared))] == [1, None, Decimal("2.5")]


@pytest.mark.parametrize("text", ["1850-01-01T01:02:03", "2020-01-01T01:02:03.000456"])
def test_midnight_is_a_moment_beside_moments_that_are_texts(book, text: str) -> None:
    path = book(x=[["at"], [text], [dt.datetime(2020, 1, 1)]])
    moments = [dt.datetime.fromisoformat(text), dt.datetime(2020, 1, 1)]
    assert [row["at"] for row in rows_of(load(path, override_fields={"at": {"type": "datetime"}}))] == moments
    days = book(x=[["at"], ["unknown"], [dt.date(2020, 1, 1)]])
    assert [row["at"] for row in rows_of(load(days))] == ["unknown", "2020-01-01"]


def test_a_declared_type_that_a_cell_is_not_names_the_row(book) -> None:
    path = book(x=[["n"], [1], ["x"]])
    with pytest.raises(ProcessorError, match=r"row 2 of .*sheet 'x'") as caught:
        Flow(load(path, override_fields={"n": {"type": "integer"}})).process()
    assert "the value 'x' is not an integer" in str(caught.value)
    kept = rows_of(load(path, override_fields={"n": {"type": "integer"}}, on_error="drop"))
    assert kept == [{"n": 1}]


def test_cells_with_errors_are_missing_and_counted(tmp_path: Path, caplog) -> None:
    with xlsxwriter.Workbook(tmp_path / "x.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_column(0, 0, ["n", 1])
        sheet.write_formula(2, 0, "=1/0", None, "#DIV/0!")
    assert rows_of(load(tmp_path / "x.xlsx")) == [{"n": 1}]
    assert "1 cells hold errors" in caplog.text


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["a", None], [1, 2]], "column B has values and no name"),
        ([["a", "a"], [1, 2]], "'a' is in the header twice, again in column B"),
    ],
)
def test_a_header_that_names_nothing_or_twice_is_refused(book, rows: list[Any], message: str) -> None:
    with pytest.raises(ProcessorError, match=message):
        Flow(load(book(x=rows))).process()


def test_names_that_occur_twice_can_be_numbered(book) -> None:
    assert rows_of(load(book(x=[["a", "a", "a (1)"], [1, 2, 3]]), deduplicate_headers=True)) == [
        {"a": 1, "a (2)": 2, "a (1)": 3}
    ]


def test_empty_sheets_give_empty_resources(book) -> None:
    assert Flow(load(book(x=[]))).results().rows == [[]]
    assert Flow(load(book(x=[["a", "b"]]))).results().rows == [[]]


def test_the_same_sheet_of_several_files_makes_one_resource(book, tmp_path: Path) -> None:
    book(path="1.xlsx", s=[["n", "t"], [1, "x"]])
    book(path="2.xlsx", s=[["n", "t"], [2.5, 7]])
    flow = Flow(load(str(tmp_path / "*.xlsx")))
    wanted = [{"n": 1, "t": "x"}, {"n": Decimal("2.5"), "t": "7"}]
    assert flow.results().rows == [wanted]
    assert flow.results().rows == [wanted]  # a second run reads the files again
    book(path="3.xlsx", s=[["m"], [1]])
    with pytest.raises(ProcessorError, match="has other columns"):
        flow.process()


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b"PK\x03\x04 torn", b"\xd0\xcf\x11\xe0\xa1\xb1"])
def test_another_file_is_no_workbook(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(data)
    with pytest.raises(ProcessorError, match="is no workbook"):
        Flow(load(tmp_path / "x.xlsx")).process()


def test_a_torn_workbook_is_an_error(book) -> None:
    path = book(x=[["n"], *([n] for n in range(1000))])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ProcessorError, match="damaged"):
        Flow(load(path)).process()


def test_a_workbook_that_unpacks_to_too_much_is_refused(book) -> None:
    path = book(x=[["n"], [1]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/bomb", bytes(50_000_000))
    with pytest.raises(ProcessorError, match="unpacks to more than 1,000,000 bytes; max_size"):
        Flow(load(path, max_size=1_000_000)).process()
    assert rows_of(load(path)) == [{"n": 1}]


def test_an_entity_bomb_is_not_expanded(book) -> None:
    path = book(x=[["n"], ["MARK"]])
    bomb = '<!DOCTYPE x [<!ENTITY a "' + "x" * 1000 + '">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(8)
    ) + "]>"  # fmt: skip
    parts = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            parts[info.filename] = archive.read(info)
    strings = parts["xl/sharedStrings.xml"].decode()
    head, _, body = strings.partition("?>")
    parts["xl/sharedStrings.xml"] = (head + "?>" + bomb + body.replace("MARK", "&i;")).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    try:
        rows = rows_of(load(path))
    except ProcessorError:
        return
    assert all(len(str(row["n"])) < 10_000 for row in rows)


@pytest.mark.parametrize(
    "options",
    [{"range": "B3-F4"}, {"range": ""}, {"range": "C1:B2"}, {"range": "A5:A2"}, {"headers": "second"},
     {"headers": 0}, {"headers": [1, "a"]}, {"limit_rows": 0}, {"sheet": "*", "name": "x"}, {"shet": 1}],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(book, options: dict[str, Any]) -> None:
    path = book(x=[["n"], [1]])
    with pytest.raises((FlowError, ProcessorError)) as caught:
        Flow(load(path, **options)).process()
    assert caught.value.exit_code == 2


@given(st.integers(0, 18_277))
def test_letters_of_columns_are_read_as_they_are_written(index: int) -> None:
    found = Range.of(f"{letters(index)}1:")
    assert found.left == index


@given(st.lists(st.lists(st.sampled_from(["", "a", 1.0]), min_size=3, max_size=3), max_size=8))
def test_no_cell_below_the_header_is_lost(cells: list[list[Any]]) -> None:
    table = table_of(cells, Range(), ["p", "q", "r"]) if any(any(c != "" for c in r) for r in cells) else None
    found = [cell for row in table.rows for cell in row if cell != ""] if table else []
    assert found == [cell for row in cells for cell in row if cell != ""]


def test_a_process_runner_gives_the_same(book) -> None:
    seen: list[int] = []
    Flow(load(book(x=[["n"], *([n] for n in range(100))])), lambda row: seen.append(row["n"])).run(
        "processes:2"
    )
    assert seen == list(range(100))


def test_load_excel_is_found_by_every_ending_it_reads(book, caplog) -> None:
    caplog.set_level(logging.INFO)
    path = book(x=[["n"], [1]])
    assert rows_of(load_excel(path)) == rows_of(load(path, format="excel")) == [{"n": 1}]


def test_declared_types_are_as_wide_as_the_data(book) -> None:
    path = book(data=[["n", "i", "x"], ["0.003143260708814195", "123456789012345678901", 1.5], [0.1, 7, 2]])
    fields = [{"name": "n", "type": "number"}, {"name": "i", "type": "integer"}]
    rows = rows_of(load(path, schema={"fields": [*fields, {"name": "x", "type": "number"}]}))
    assert rows == [
        {"n": Decimal("0.003143260708814195"), "i": 123456789012345678901, "x": Decimal("1.5")},
        {"n": Decimal("0.1"), "i": 7, "x": Decimal(2)},
    ]


def test_moments_that_are_all_at_midnight_are_moments_where_that_is_known(book) -> None:
    midnight, noon = dt.datetime(2024, 2, 29), dt.datetime(2024, 2, 29, 12)
    one = book(path="at-1.xlsx", data=[["at"], [midnight], [None]])
    two = book(path="at-2.xlsx", data=[["at"], [noon]])
    declared = {"override_fields": {"at": {"type": "datetime"}}}
    assert rows_of(load(one)) == [{"at": dt.date(2024, 2, 29)}]
    assert rows_of(load(one, **declared)) == [{"at": midnight}]
    for options in ({}, declared):
        assert rows_of(load_excel([one, two], **options)) == [{"at": midnight}, {"at": noon}]
