"""What tabulator opens, with real files; and what it must not do in silence."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import AccessError, FlowError
from dataflows_core.processors import load, load_tabulator
from dataflows_load_tabulator.place import places
from dataflows_load_tabulator.reader import Reader

Rows = list[dict[str, Any]]


def rows_of(*links: Any) -> Rows:
    (rows,) = Flow(*links).results().rows
    return rows


def failure(*links: Any) -> ProcessorError:
    with pytest.raises(ProcessorError) as caught:
        Flow(*links).process()
    return caught.value


def test_ods_with_numbers_dates_and_sheets(tmp_path: Path) -> None:
    ezodf = pytest.importorskip("ezodf")
    book = ezodf.newdoc("ods", str(tmp_path / "x.ods"))
    sheet = ezodf.Sheet("one", size=(3, 4))
    for row, cells in enumerate([["n", "x", "t", "b"], [1, 0.1, "007", True], [2, 2.0, "a", False]]):
        for column, cell in enumerate(cells):
            sheet[row, column].set_value(cell)
    book.sheets += ezodf.Sheet("none", size=(1, 1))
    book.sheets += sheet
    book.save()
    assert rows_of(load_tabulator(tmp_path / "x.ods", sheet="one")) == [
        {"n": 1, "x": Decimal("0.1"), "t": "007", "b": True},
        {"n": 2, "x": Decimal(2), "t": "a", "b": False},
    ]


def test_xlsx_with_merged_cells(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [
        ["d", "n", None],
        [dt.datetime(2024, 2, 29), 0.1, None],
        [dt.datetime(2024, 3, 1), 3, None],
    ]:
        book.active.append(row)
    book.active.merge_cells("B2:B3")
    book.save(tmp_path / "x.xlsx")
    given = {"override_fields": {"d": {"type": "date"}}, "fill_merged_cells": True}
    assert rows_of(load_tabulator(tmp_path / "x.xlsx", **given)) == [
        {"d": dt.date(2024, 2, 29), "n": Decimal("0.1")},
        {"d": dt.date(2024, 3, 1), "n": Decimal("0.1")},
    ]


def test_html(write: Any) -> None:
    pytest.importorskip("pyquery")
    page = "<html><table id='a'><tr><th>n<th>t<tr><td>1<td>x</table><table><tr><td>m<tr><td>2</table>"
    assert rows_of(load_tabulator(write("x.html", page))) == [{"n": 1, "t": "x"}]
    assert rows_of(load_tabulator(write("x.html", page), selector="table:not([id])")) == [{"m": 2}]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x.csv", 'n,t\n1,"a\r\nb"\n2,\n'),
        ("x.tsv", "n\tt\n1\ta\\r\\nb\n2\t\\N\n"),
        ("x.json", '[{"n": 1, "t": "a\\r\\nb"}, {"n": 2}]'),
        ("x.ndjson", '{"n": 1, "t": "a\\r\\nb"}\n{"n": 2}'),
    ],
)
def test_texts(write: Any, name: str, said: str) -> None:
    expected = [{"n": 1, "t": "a\r\nb"}, {"n": 2, "t": None}]
    assert rows_of(load_tabulator(write(name, said))) == expected
    assert rows_of(load_tabulator(io.BytesIO(said.encode()), format=name[2:])) == expected


def test_a_text_is_its_own_source() -> None:
    assert rows_of(load_tabulator("text://n,t\n1,x", format="csv")) == [{"n": 1, "t": "x"}]


def test_a_stream_is_read_again_and_left_open(write: Any) -> None:
    with write("x.csv", "n\n1\n").open("rb") as stream:
        flow = Flow(load_tabulator(stream))
        assert flow.results().rows == flow.results().rows == [[{"n": 1}]]
        assert not stream.closed


def test_two_readers_of_one_stream_do_not_move_each_other() -> None:
    stream = io.BytesIO(b"n\n" + b"".join(b"%d\n" % n for n in range(50_000)))
    place = places(stream, scheme=None, format="csv", parsers={}, loaders={}, opening={})[0]
    reader = Reader(headers=1, options={})
    with closing(reader.open(place)) as one, closing(reader.open(place)) as other:
        pairs = list(zip(one.rows(), other.rows(), strict=True))
    assert pairs == [([str(n)], [str(n)]) for n in range(50_000)]


def test_types_can_be_left_alone_or_declared(write: Any) -> None:
    path = write("x.csv", "n,d\n7,29.2.2024\n")
    assert rows_of(load_tabulator(path, infer_strategy="pytypes")) == [{"n": "7", "d": "29.2.2024"}]
    assert rows_of(load_tabulator(path, cast_strategy="strings")) == [{"n": "7", "d": "29.2.2024"}]
    fields = {"d": {"type": "date", "format": "%d.%m.%Y"}}
    assert rows_of(load_tabulator(path, override_fields=fields)) == [{"n": 7, "d": dt.date(2024, 2, 29)}]


def test_a_late_value_of_another_type_names_its_row(write: Any) -> None:
    path = write("x.csv", "n\n" + "1\n" * 5000 + "many\n")
    error = failure(load_tabulator(path))
    assert "row 5001 of" in str(error)
    assert "'many' is not an integer" in str(error)
    assert len(rows_of(load_tabulator(path, on_error="drop"))) == 5000


@pytest.mark.parametrize("format", ["csv", "json"])
def test_no_row_is_lost_however_many(write: Any, format: str) -> None:
    texts = {
        "csv": "n\n" + "".join(f"{n}\n" for n in range(9000)),
        "json": "[" + ",".join(f'{{"n": {n}}}' for n in range(9000)) + "]",
    }
    for size in (1, 1000, 10_000):
        found = rows_of(load_tabulator(write(f"x.{format}", texts[format]), sample_size=size))
        assert [row["n"] for row in found] == list(range(9000))


TITLED = "Title\n\na;b;c\nx;y;z\n#note;;\n1;2;3\n4;5;6\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"headers": 3, "skip_rows": ["#", "x"]}, [{"a": 1, "b": 2, "c": 3}, {"a": 4, "b": 5, "c": 6}]),
        ({"headers": [3, 4], "skip_rows": ["#"], "pick_fields": ["a x", "c z"], "limit_rows": 1},
         [{"a x": 1, "c z": 3}]),
        ({"headers": [3, 4], "skip_rows": ["#", -1], "skip_fields": [2], "multiline_headers_joiner": "/"},
         [{"a/x": 1, "c/z": 3}]),
        ({"headers": 1, "skip_rows": [{"type": "preset", "value": "auto"}, "#", "x"], "offset_rows": 1,
          "limit_fields": 2}, [{"a": 4, "b": 5}]),
        ({"headers": ["p", "q", "r"], "pick_rows": [{"type": "regex", "value": "[0-9]"}]},
         [{"p": 1, "q": 2, "r": 3}, {"p": 4, "q": 5, "r": 6}]),
    ],
)  # fmt: skip
def test_they_keep_their_names_and_meaning(write: Any, options: Any, expected: Rows) -> None:
    path = write("x.csv", TITLED)
    assert rows_of(load_tabulator(path, delimiter=";", **options)) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"skip_row": [1]}, "did you mean skip_rows"),
        ({"delimitr": ";"}, "did you mean delimiter"),
        ({"sheet": 1}, "has an option 'sheet'"),
        ({"limit_row": 1}, "did you mean limit_rows"),
        ({"hashing_algorithm": "md5"}, "no hash is made"),
        ({"custom_writers": {}}, "dump_to_path"),
        ({"skip_rows": [{"type": "preset", "value": "x"}]}, "Not supported skip rows"),
        ({"pick_fields": ["N"]}, "did you mean 'n'"),
        ({"skip_fields": ["m"]}, "has no 'm'"),
        ({"headers": 0}, "from 1"),
        ({"headers": "n"}, "names, or None"),
        ({"headers": [1, "n"]}, "names, or None"),
        ({"sample_size": 0}, "from 1"),
        ({"encoding": "utf8000"}, "no encoding"),
        ({"compression": "gzp"}, "did you mean"),
        ({"infer_strategy": "pytype"}, "did you mean pytypes"),
        ({"ragged": "cut"}, "ragged="),
        ({"deduplicate_headers_format": "x"}, "needs one %s"),
    ],
)
def test_what_makes_no_sense_is_refused(write: Any, options: Any, message: str) -> None:
    path = write("x.csv", "n,t\n1,x\n")
    with pytest.raises((FlowError, ProcessorError), match=message) as caught:
        Flow(load_tabulator(path, **options)).process()
    assert caught.value.exit_code == 2


def test_rows_that_are_too_long_or_short_are_errors_or_mended(write: Any) -> None:
    path = write("x.csv", "a,b\n1,2\n\n3\n4,5,\n6,7,8\n")
    assert "row 2 of" in str(failure(load_tabulator(path)))
    assert "row 4 of" in str(failure(load_tabulator(path, ragged="fill")))
    found = rows_of(load_tabulator(path, ragged="truncate"))
    assert found == [{"a": 1, "b": 2}, {"a": 3, "b": None}, {"a": 4, "b": 5}, {"a": 6, "b": 7}]


def test_names_that_are_blank_or_occur_twice(write: Any) -> None:
    path = write("x.csv", "a,,A,a,\n1,2,3,4,\n")
    assert "no name in column 2" in str(failure(load_tabulator(path)))
    assert rows_of(load_tabulator(path, deduplicate_headers=True)) == [
        {"a (1)": 1, "field2": 2, "A": 3, "a (2)": 4}
    ]
    given = {"deduplicate_headers_case_sensitive": False, "deduplicate_headers_format": "_%s"}
    found = rows_of(load_tabulator(path, deduplicate_headers=True, ignore_blank_headers=True, **given))
    assert found == [{"a_1": 1, "A_2": 3, "a_3": 4}]


def test_a_margin_that_gets_a_value_later_is_an_error(write: Any) -> None:
    path = write("x.csv", "a,\n" + "1,\n" * 2000 + "1,2\n")
    assert "row 2001 of" in str(failure(load_tabulator(path)))


@pytest.mark.parametrize(
    ("name", "said", "message"),
    [
        ("x.csv", b"", "is empty"),
        ("x.json", b"[]", "is empty"),
        ("x.json", b'[{"n": 1}, {"n": ', "IncompleteJSONError"),
        ("x.json", b"[1, 2]", "list or dict"),
        ("x.csv", b"<!doctype html><html><p>Sign in", "page of HTML"),
        ("x.xlsx", b"PK\x03\x04 and no more", "cannot be read"),
        ("x.xls", b"no workbook", "cannot be read"),
        ("x.csv", b"n\n" + b"abc\n" * 9000 + "caf\xe9\n".encode("latin-1"), "0xE9 are no text"),
        ("x.ndjson", b'{"n": 1}\n{"n": \n', "cannot be read"),
        ("x.foo", b"n\n1\n", "tabulator knows no format 'foo'"),
        ("x", b"n\n1\n", "no format without a name"),
        ("x.ndjso", b"n\n1\n", "did you mean format='ndjson'"),
        ("datapackage.json", b"{}", r"load\(\) reads Data Packages"),
    ],
)
def test_what_cannot_be_read_says_why(write: Any, name: str, said: bytes, message: str) -> None:
    with pytest.raises(ProcessorError, match=message) as caught:
        Flow(load_tabulator(write(name, said))).process()
    assert name in str(caught.value)


@pytest.mark.parametrize("sample", [1, 1000])
def test_a_torn_file_is_an_error_and_never_a_short_table(write: Any, sample: int) -> None:
    packed = gzip.compress(b"n\n" + b"".join(b"%d\n" % n for n in range(50_000)))
    error = failure(load_tabulator(write("x.csv.gz", packed[:-1000]), sample_size=sample))
    assert isinstance(error.cause, AccessError)
    assert "cut short" in str(error)


def test_a_file_that_changes_between_planning_and_running(write: Any) -> None:
    path = write("x.csv", "n\n1\n")
    changed = lambda package: path.write_text("m\n1\n") and None  # noqa: E731
    assert "has changed since" in str(failure(load_tabulator(path), changed))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([{"n": 1}], "stand in a flow by themselves"),
        ((row for row in [{"n": 1}]), "stand in a flow by themselves"),
        (io.StringIO("n\n"), "open it with 'rb'"),
        (3, "not int"),
    ],
)
def test_other_sources_are_refused(source: Any, message: str) -> None:
    error = failure(load_tabulator(source, format="csv"))
    assert message in str(error)
    assert error.exit_code == 2


def test_databases_are_refused_without_their_password() -> None:
    assert "load_sql" in str(failure(load_tabulator("sqlite:///x.db", table="t")))
    error = failure(load_tabulator("postgresql://me:secret@127.0.0.1/x", table="t"))
    assert "load_sql" in str(error)
    assert "secret" not in str(error)


def test_a_library_that_is_missing_is_named(write: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "ezodf", None)
    monkeypatch.delitem(sys.modules, "tabulator.parsers.ods", raising=False)
    error = failure(load_tabulator(write("x.ods", b"PK")))
    assert "dataflows-load-tabulator[ods]" in str(error)
    assert error.exit_code == 2


def test_an_empty_source_with_a_schema_has_no_rows(write: Any) -> None:
    schema = {"fields": [{"name": "n", "type": "integer"}]}
    assert rows_of(load_tabulator(write("x.json", "[]"), schema=schema)) == []


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"n\n1\n2\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + (1000 if "torn" in self.path else 0)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_urls_are_opened_by_dataflows(url: str) -> None:
    assert rows_of(load_tabulator(f"{url}/x.csv?a=1")) == [{"n": 1}, {"n": 2}]
    assert rows_of(load_tabulator(f"{url}/x?format=csv")) == [{"n": 1}, {"n": 2}]


def test_a_torn_download_is_an_error(url: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("dataflows_core.files.patience.wait", lambda seconds: None)
    assert isinstance(failure(load_tabulator(f"{url}/torn.csv")).cause, AccessError)


@pytest.mark.parametrize("load_it", [load, load_tabulator])
def test_a_sheet_of_google_is_asked_for_as_csv(monkeypatch: Any, load_it: Any) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    error = failure(load_it("https://docs.google.com/spreadsheets/d/1AbC-x_9/edit?usp=sharing#gid=7"))
    assert isinstance(error.cause, AccessError)
    assert "docs.google.com/spreadsheets/d/1AbC-x_9/export?format=csv&gid=7" in str(error)
