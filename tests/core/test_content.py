"""What a file is by its content: real files of each kind, and texts that may be taken for something else."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import duckdb
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.content import content_of, look
from dataflows_core.errors import AccessError
from dataflows_core.files import Source

TABLE = pa.table({"PAR1": [1, 2], "DUCK": ["a", "b"]})
CSV = b"id,city\n1,Ulm\n2,Bonn\n"


def write_parquet(path: Path) -> None:
    pa.parquet.write_table(TABLE, path)


def write_arrow(path: Path) -> None:
    pa.feather.write_feather(TABLE, str(path), compression="uncompressed")


def write_stream(path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, TABLE.schema) as writer:
        writer.write_table(TABLE)


def write_sqlite(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE a (x)")
    database.close()


def write_duckdb(path: Path) -> None:
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE TABLE a (x INTEGER)")


@pytest.mark.parametrize(
    ("write", "format"),
    [
        (write_parquet, "parquet"),
        (write_arrow, "arrow"),
        (write_stream, "arrows"),
        (write_sqlite, "sqlite"),
        (write_duckdb, "duckdb"),
    ],
)
def test_files_that_begin_with_a_signature(tmp_path: Path, write, format: str) -> None:
    path = tmp_path / "file"
    write(path)
    found = look(Source(str(path)))
    assert (found.formats[0], found.certain) == (format, True)
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert look(Source(str(packed))) == found


SPREADSHEET = '<?mso-application?>\n<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">'


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("<!doctype HTML>\n<title>Log in</title>", "an HTML page"),
        ("<!-- saved --> <HTML lang=en>", "an HTML page"),
        ("<table border=1><tr><td>1</td></tr></table>", "an HTML page"),
        ('<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html>', "an HTML page"),
        (f'<?xml version="1.0"?>\n{SPREADSHEET}', "an Excel 2003 workbook in XML"),
        ('<?xml version="1.0"?>\n<table><row/></table>', "XML"),
        ("<records><record a='1'/></records>", "XML"),
        ('{"a": [1, 2], "b": {}}', "JSON"),
        ('\n[ {"a": 1},\n {"a": 2}]', "JSON"),
        ("[[1, 2], [3, 4]]", "JSON"),
        ('{"a": "<html>"}\n{"a": 2}\n', "NDJSON"),
        ('[1, "a"]\n[2, "b"]\n', "NDJSON"),
        ('{"type": "FeatureCollection", "features": []}', "GeoJSON"),
        ('{"name": "x", "type" : "FeatureCollection", "features": []}', "GeoJSON"),
        ("city;people\nUlm;1,5\nBonn;2,5\n", "a delimited table"),
        ("a\tb\r\n1\t2\r\n", "a delimited table"),
        ("a|b\r1|2\r", "a delimited table"),
        ('a,b\n"x,\n\ny",2\n3,4\n', "a delimited table"),
        ("PAR1,ORC\n1,2\n", "a delimited table"),
        ("name,b\nDUCK,2\n", "a delimited table"),
        ("[id],[name]\n1,a\n", "a delimited table"),
        ("<DATE>\t<OPEN>\n20240101\t1.5\n", "a delimited table"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_texts_in_any_encoding(text: str, looks: str, encoding: str) -> None:
    found = content_of(text.encode(encoding), complete=True)
    assert found.looks == looks
    assert found.formats


@pytest.mark.parametrize(
    ("head", "looks"),
    [
        (b" \n", "empty"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a picture"),
        (b"a.txt".ljust(257, b"\0") + b"ustar\0", "a tar archive"),
        (b"\x01\x02\xff\xfe" * 20, "binary, and begins with the bytes 01 02 ff fe 01 02 ff fe"),
        (b"# Notes\n\nDear all, this is prose.\nIt has, as prose does, some commas.\n", "text in which no"),
        (b"id\n1\n2\n", "text in which no columns are seen; format='csv'"),
        (b"[2024-01-01] started\n[2024-01-02] stopped\n", "text in which no"),
        ("naïve\nÅ\n".encode("latin-1"), "text in which no"),
    ],
)
def test_what_is_no_table_is_called_what_it_is(head: bytes, looks: str) -> None:
    found = content_of(head, complete=True)
    assert found.looks.startswith(looks)
    assert not found.formats


@pytest.mark.parametrize(
    "part", [b"<!---->", b"<??>", b"<!--", b'{"', b"[{", b"<a ", b'"\\', b"PK\x03\x04", b" "]
)
def test_hostile_repetitions_are_looked_at_once(part: bytes) -> None:
    for end in (b"", b"x", b"<x", b"\n"):
        assert content_of(part * ((1 << 14) // len(part)) + end).looks


def zip_of(path: Path, *names: str, first: bytes = b"") -> Source:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, first or CSV, compress_type=0 if first else None)
    return Source(str(path))


@pytest.mark.parametrize(
    ("names", "format"),
    [
        (("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"), "xlsx"),
        (("[Content_Types].xml", "xl/workbook.bin", "xl/worksheets/sheet1.bin"), "xlsb"),
        (("mimetype", "content.xml"), "ods"),
        (("data/a.csv", "datapackage.json"), "datapackage"),
        (("data",), "csv"),
        (("[Content_Types].xml", "word/document.xml"), None),
        (("a.kml", "b.png"), None),
        ((), None),
    ],
)
def test_zip_files_by_what_is_in_them(tmp_path: Path, names: tuple[str, ...], format: str | None) -> None:
    found = look(zip_of(tmp_path / "file", *names))
    assert found.formats[:1] == (() if format is None else (format,))


def test_an_opendocument_text_is_no_workbook(tmp_path: Path) -> None:
    text = zip_of(tmp_path / "a", "mimetype", "content.xml", first=b"application/vnd.oasis.opendocument.text")
    assert look(text).looks == "an OpenDocument file, and no workbook"


def test_a_file_in_a_zip_file_and_one_that_is_packed_twice(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", "x", "y")
    assert look(Source.of(f"zip://y::{archive.path}")).looks == "a delimited table"
    assert look(archive).members == ("x", "y")
    for pack in (bz2.compress, lzma.compress, gzip.compress):
        (tmp_path / "packed").write_bytes(pack(CSV * 5000))
        assert look(Source(str(tmp_path / "packed"))).formats == ("csv",)
    assert look(Source(str(tmp_path / "packed"), compression="none")).formats == ()


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_the_bytes_there_is_an_answer(head: bytes) -> None:
    assert content_of(head).looks


scalars = st.none() | st.integers() | st.text(max_size=4)


@given(scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=4), scalars, max_size=3))
def test_a_json_object_is_certain_however_it_is_written(value: object) -> None:
    for text in (json.dumps({"x": value}), json.dumps([{"": value}], indent=2, ensure_ascii=False)):
        found = content_of(text.encode("utf-8", "surrogatepass"))
        assert found.certain
        assert found.formats[-1] == "json"


class Endless(BaseHTTPRequestHandler):
    """Sends more than anybody wants of a file that is too long to come twice."""

    size = 1 << 26
    sent = 0
    begin = b""

    def log_message(self, *args) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(self.size))
        self.end_headers()
        Endless.sent = 0
        block = self.begin or CSV * 3000
        try:
            while Endless.sent < self.size:
                Endless.sent += self.wfile.write(block)
                block = CSV * 3000
        except ConnectionError:
            pass
        finally:
            self.server.done.set()  # type: ignore[attr-defined]


@pytest.fixture
def endless() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as httpd:
        httpd.done = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}/export?id=3"
        assert httpd.done.wait(20)  # type: ignore[attr-defined]
        httpd.shutdown()
        thread.join()
    assert Endless.sent < Endless.size


def test_of_a_remote_file_only_the_beginning_is_read(endless: str) -> None:
    assert look(Source(endless)).formats == ("csv",)


def test_of_a_remote_zip_file_too(endless: str, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        archive.writestr("docProps/app.xml", "<x/>")
        archive.writestr("xl/workbook.xml", "<x/>")
    monkeypatch.setattr(Endless, "begin", buffer.getvalue())
    assert look(Source(endless)).formats == ("xlsx",)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="there is no file"):
        look(Source(str(tmp_path / "none")))
