"""Files whose names say nothing of their format, or something wrong, with the loaders that there are."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from decimal import Decimal
from pathlib import Path

import fsspec
import pytest

from dataflows_core import Flow
from dataflows_core.errors import ProcessorError, UnreadableError
from dataflows_core.processors import dump_to_path, dump_to_zip, load

ROWS = [
    {"id": 1, "city": "Ulm", "share": Decimal("0.25")},
    {"id": 2, "city": "Bonn", "share": Decimal("1.75")},
]


def rows_of(source: str | Path, **options: object) -> list[dict]:
    return Flow(load(str(source), **options)).results().rows[0]


@pytest.mark.parametrize("name", ["export", "export.dat", "export.download"])
@pytest.mark.parametrize("format", ["arrow", "csv", "json", "ndjson", "parquet", "tsv", "xlsx"])
def test_what_a_dump_wrote_is_loaded_under_any_name(tmp_path: Path, format: str, name: str) -> None:
    Flow(ROWS, dump_to_path(tmp_path, format=format)).process()
    shutil.copy(tmp_path / f"res_1.{format}", tmp_path / name)
    assert rows_of(tmp_path / name) == ROWS
    (tmp_path / name).write_bytes(gzip.compress((tmp_path / f"res_1.{format}").read_bytes()))
    if format != "xlsx":  # a workbook that is packed once more says so by its ending
        assert rows_of(tmp_path / name) == ROWS


def test_databases_and_data_packages_too(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "store") as database:
        database.execute("CREATE TABLE cities (id INTEGER, city TEXT)")
        database.execute("INSERT INTO cities VALUES (1, 'Ulm')")
    database.close()
    assert rows_of(tmp_path / "store") == [{"id": 1, "city": "Ulm"}]
    Flow(ROWS, dump_to_zip(tmp_path / "package.zip")).process()
    shutil.move(tmp_path / "package.zip", tmp_path / "package")
    assert rows_of(tmp_path / "package") == ROWS


@pytest.mark.parametrize(
    ("name", "format", "message"),
    [
        (
            "a.csv",
            "xlsx",
            r"has the ending of csv, but it is an Excel workbook \(xlsx\); write format='xlsx'",
        ),
        ("a.xlsx", "csv", "has the ending of xlsx, but it looks like a delimited table; write format='csv'"),
        ("a.xls", "ndjson", "has the ending of xls, but it is NDJSON; write format='ndjson'"),
        ("a.parquet", "json", "has the ending of parquet, but it is JSON; write format='json'"),
        ("a.json", "parquet", "has the ending of json, but it is a Parquet file; write format='parquet'"),
    ],
)
def test_the_ending_wins_and_the_error_says_what_the_file_is(
    tmp_path: Path, name: str, format: str, message: str
) -> None:
    Flow(ROWS, dump_to_path(tmp_path, format=format)).process()
    shutil.copy(tmp_path / f"res_1.{format}", tmp_path / name)
    with pytest.raises(ProcessorError, match=message) as caught:
        rows_of(tmp_path / name)
    assert isinstance(caught.value.cause, UnreadableError)
    assert rows_of(tmp_path / name, format=format) == ROWS


PAGE = "<table border=1>\n<tr><th>id</th><th>city</th></tr>\n<tr><td>1</td><td>Ulm</td></tr></table>\n"
RECORDS = (
    '<?xml version="1.0"?>\n<cities><city><id>1</id><city>Ulm</city></city><city><id>2</id></city></cities>'
)
WORKBOOK = """<?xml version="1.0"?>
<?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"
 xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="Cities"><Table>
 <Row><Cell><Data ss:Type="String">id</Data></Cell><Cell><Data ss:Type="String">city</Data></Cell></Row>
 <Row><Cell><Data ss:Type="Number">1</Data></Cell><Cell><Data ss:Type="String">Ulm</Data></Cell></Row>
</Table></Worksheet></Workbook>"""


@pytest.mark.parametrize(("text", "format"), [(PAGE, "html"), (RECORDS, "xml"), (WORKBOOK, "excel-xml")])
def test_what_systems_export_as_xls_is_often_none(tmp_path: Path, text: str, format: str) -> None:
    for name in ("export.xls", "export"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert rows_of(tmp_path / "export")[0] == {"id": 1, "city": "Ulm"}
    with pytest.raises(ProcessorError, match=f"has the ending of xls, but it is .*; write format='{format}'"):
        rows_of(tmp_path / "export.xls")
    assert rows_of(tmp_path / "export.xls", format=format)[0] == {"id": 1, "city": "Ulm"}


def test_a_page_without_tables_is_not_taken_for_xml(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<p>no table here")
    with pytest.raises(ProcessorError, match=r"page\.html has no table") as caught:
        Flow(load(path)).process()
    assert "XML" not in str(caught.value)


def test_a_workbook_of_another_kind_than_its_ending_says_is_loaded(tmp_path: Path) -> None:
    Flow(ROWS, dump_to_path(tmp_path, format="xlsx")).process()
    shutil.copy(tmp_path / "res_1.xlsx", tmp_path / "a.xls")
    assert rows_of(tmp_path / "a.xls") == ROWS


def test_a_data_package_in_a_store_and_files_without_an_ending_there(tmp_path: Path) -> None:
    Flow(ROWS, dump_to_path(tmp_path, format="parquet")).process()
    store = fsspec.filesystem("memory")
    store.put(f"{tmp_path}/", "/content/out/", recursive=True)
    store.pipe("/content/export", (tmp_path / "res_1.parquet").read_bytes())
    try:
        assert rows_of("memory://content/out/datapackage.json") == ROWS
        assert rows_of("memory://content/export") == ROWS
    finally:
        store.rm("/content", recursive=True)


def test_a_resource_of_a_data_package_that_declares_no_format(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("id,city\n1,Ulm\n")
    (tmp_path / "datapackage.json").write_text(
        '{"resources": [{"name": "a", "path": "a.txt", "profile": "tabular-data-resource",'
        ' "schema": {"fields": [{"name": "id", "type": "string"}, {"name": "city"}]}}]}'
    )
    assert rows_of(tmp_path) == [{"id": "1", "city": "Ulm"}]
