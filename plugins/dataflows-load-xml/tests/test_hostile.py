"""Documents and pages made to do harm: nothing outside of them is read, nothing grows without end."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import DataError
from dataflows_core.processors import load
from dataflows_load_xml import parse

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMBS = {
    "billion laughs": f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a><t>&l9;</t></a>',
    "in an attribute": f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a><t x="&l9;"/></a>',
    "quadratic": f'<!DOCTYPE a [<!ENTITY l "{"x" * 50_000}">]><a><t>{"&l;" * 5_000}</t></a>',
    "each other": '<!DOCTYPE a [<!ENTITY x "&y;"><!ENTITY y "&x;">]><a><t>&x;</t></a>',
}


@pytest.fixture
def document(tmp_path: Path) -> Any:
    def write(text: str, name: str = "x.xml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def failure(path: Path, **options: Any) -> ProcessorError:
    with pytest.raises(ProcessorError) as caught:
        Flow(load(path, **options)).process()
    assert isinstance(caught.value.cause, DataError)
    return caught.value


def rows_of(path: Path, **options: Any) -> list[dict[str, Any]]:
    return Flow(load(path, **options)).results().rows[0]


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """Notes who asks for what."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<!ENTITY e 'fetched'>")

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/", asked
        running.shutdown()


@pytest.mark.parametrize("huge", [False, True])
@pytest.mark.parametrize("bomb", BOMBS)
def test_entity_bombs_are_not_expanded(document: Any, bomb: str, huge: bool) -> None:
    error = failure(document(BOMBS[bomb]), record="t", huge=huge)
    assert "entit" in str(error)
    assert "write them out" in str(error)
    assert "line 1" in str(error)


def test_harmless_entities_of_the_document_itself_work(document: Any) -> None:
    head = '<!DOCTYPE a [<!ENTITY eacute "é"><!ENTITY both "&eacute;&eacute;"><!ENTITY m "<b>1</b>">]>'
    path = document(f'{head}<a><r t="x&eacute;">a&both;b&#65;&lt;</r><r t="y"/></a>')
    assert rows_of(path) == [{"t": "xé", "r": "aééb<"[:4] + "A<"}, {"t": "y", "r": None}]
    assert rows_of(document(f"{head}<a><r>&m;</r><r>&m;</r></a>")) == [{"b": 1}, {"b": 1}]


OUTSIDE = {
    "a file": '<!DOCTYPE a [<!ENTITY e SYSTEM "{file}">]><a><t>x&e;y</t></a>',
    "a file in an attribute": '<!DOCTYPE a [<!ENTITY e SYSTEM "{file}">]><a><t x="&e;"/></a>',
    "a file by a parameter": '<!DOCTYPE a [<!ENTITY % p SYSTEM "{file}"> %p;]><a><t>&e;</t></a>',
    "a page": '<!DOCTYPE a [<!ENTITY e SYSTEM "{url}">]><a><t>x&e;y</t></a>',
    "a page by a parameter": '<!DOCTYPE a [<!ENTITY % p SYSTEM "{url}"> %p;]><a><t>&e;</t></a>',
    "a DTD": '<!DOCTYPE a SYSTEM "{url}"><a><t>x&e;y</t></a>',
    "a DTD in an attribute": '<!DOCTYPE a SYSTEM "{url}"><a><t x="1&e;2"/></a>',
    "a local DTD": '<!DOCTYPE a SYSTEM "{file}"><a><t>x&e;y</t></a>',
    "XInclude": '<a xmlns:xi="http://www.w3.org/2001/XInclude"><t>1</t><xi:include href="{url}"/></a>',
    "XInclude in a record": '<t xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="{file}"/></t>',
    "nowhere": "<a><t>x&nbsp;y</t></a>",
}


@pytest.mark.parametrize("huge", [False, True])
@pytest.mark.parametrize("what", OUTSIDE)
def test_nothing_outside_of_a_document_is_read_and_nothing_of_it_lost(
    document: Any, tmp_path: Path, server: Any, what: str, huge: bool
) -> None:
    url, asked = server
    secret = tmp_path / "secret"
    secret.write_text("<!ENTITY e 'the secret'>")
    text = OUTSIDE[what].replace("{file}", secret.as_uri()).replace("{url}", url)
    error = failure(document(text), record="//t", huge=huge)
    assert "nothing outside of" in str(error)
    assert "the secret" not in str(error)
    assert not asked


def test_a_dtd_that_nothing_is_needed_of_is_left_alone(document: Any, server: Any) -> None:
    url, asked = server
    assert rows_of(document(f'<!DOCTYPE a SYSTEM "{url}"><a><t>1</t><t>2</t></a>')) == [{"t": 1}, {"t": 2}]
    assert not asked


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<a><t>" + "<b>" * 300 + "</b>" * 300 + "</t></a>", "depth"),
        ("<a><t>" + "x" * 10_100_000 + "</t></a>", "long"),
        ('<a><t x="' + "x" * 10_100_000 + '"/></a>', ""),
        ("<a><!--" + "x" * 10_100_000 + "--><t/></a>", ""),
    ],
)
def test_limits_of_the_parser_are_refused_with_what_lifts_them(document: Any, text: str, what: str) -> None:
    error = failure(document(text), record="t")
    assert "huge=True" in str(error)
    assert what in str(error).lower()


def test_they_can_be_lifted(document: Any) -> None:
    path = document("<a><t>" + "x" * 10_100_000 + "</t></a>")
    assert len(rows_of(path, record="t", huge=True)[0]["t"]) == 10_100_000
    deep = document("<a><t>" + "<b>" * 400 + "</b>" * 400 + "</t></a>")
    assert "200 levels" in str(failure(deep, record="t", huge=True))


def test_a_record_that_never_ends_is_refused(document: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(parse, "LONGEST_RECORD", 1 << 16)
    path = document("<a><list>" + "<r>1</r>" * 20_000 + "</list></a>")
    error = failure(path, record="list")
    assert "record of more than 65,536 bytes" in str(error)
    assert len(rows_of(path, record="list/r")) == 20_000
    assert len(rows_of(path, record="list", huge=True)) == 1


def test_a_document_that_never_ends_is_refused(document: Any) -> None:
    path = document("<a>" + "<r>1</r>" * 1000 + "</a>")
    with pytest.raises(ProcessorError, match="max_size"):
        Flow(load(path, max_size=1000)).process()


BROKEN = {
    "cut": ("<a><r>1</r>\n<r>2</r>\n", 3),
    "cut in a tag": ("<a><r>1</r>\n<r>2</r", 2),
    "mismatch": ("<a><r>1</r>\n<r>2</q></a>", 2),
    "two roots": ("<a><r>1</r><r/></a>\n<a/>", 2),
    "a character": ("<a><r>1</r>\n<r>\x01</r></a>", 2),
    "no prefix": ("<a><r>1</r>\n<x:r>2</x:r></a>", 2),
    "no prefix at the root": ("<x:a>\n<r>1</r></x:a>", 1),
    "twice": ('<a><r>1</r>\n<r b="1" b="2"/></a>', 2),
    "ampersand": ("<a><r>1</r>\n<r>a & b</r></a>", 2),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_not_well_formed_has_its_place_and_no_rows_pass_for_all(document: Any, what: str) -> None:
    text, line = BROKEN[what]
    seen: list[Any] = []
    with pytest.raises(ProcessorError) as caught:
        Flow(load(document(text), record="r"), lambda row: seen.append(row)).process()
    assert isinstance(caught.value.cause, DataError)
    assert f"x.xml, line {line}, column" in str(caught.value)


def test_it_is_an_error_however_far_behind_it_is(document: Any, tmp_path: Path) -> None:
    path = document("<a>" + "<r>1</r>" * 50_000 + "</b>")
    with pytest.raises(ProcessorError, match="line 1, column 4000"):
        Flow(load(path)).process()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("a,b\n1,2\n", "no XML"),
        ("<!-- x -->", "no XML"),
        ("<a", "not well-formed"),
    ],
)
def test_what_is_no_document_is_said_to_be_none(document: Any, text: str, what: str) -> None:
    with pytest.raises(ProcessorError, match=what):
        Flow(load(document(text), record="r")).process()


PROGRAM = """
import resource, sys
from dataflows_core import Flow
from dataflows_core.processors import load_xml
Flow(load_xml(sys.argv[1], record=sys.argv[2])).process()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_document(tmp_path: Path) -> None:
    def peak(times: int) -> int:
        path = tmp_path / f"{times}.xml"
        with path.open("w") as file:
            file.write("<a><others>")
            for _ in range(times):
                file.write(f"<other>{'<x>y</x>' * 5000}</other>" + "<!-- c -->" * 1000)
            file.write("</others><list>")
            for _ in range(times):
                file.write(f"<r><n>1</n><t>{'z' * 90}</t></r>" * 200)
            file.write("</list></a>")
        command = [sys.executable, "-c", PROGRAM, str(path), "list/r"]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    # As a tree, the larger file is more than 60 MB.
    assert peak(60) < peak(2) + 30_000


HTML_HOSTILE = {
    "deep": ("<table><tr><td>" + "<div>" * 400 + "x" + "</div>" * 400 + "</table>", "huge=True"),
    "long": ("<table><tr><td>" + "x" * 10_100_000 + "</table>", "huge=True"),
    "spans": ("<table>" + "<tr><td colspan=1000>x" * 11 + "</table>", "huge=True"),
}


@pytest.mark.parametrize("what", HTML_HOSTILE)
def test_hostile_pages_are_refused_with_what_lifts_the_limit(
    document: Any, what: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr("dataflows_load_xml.page_tables._MOST_CELLS", 10_000)
    text, remedy = HTML_HOSTILE[what]
    path = document(text, "x.html")
    assert remedy in str(failure(path))
    assert rows_of(path, headers=None, huge=True)


def test_pages_read_nothing_outside_either_and_have_a_size(
    document: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    text = f'<!DOCTYPE html [<!ENTITY e SYSTEM "{secret.as_uri()}">]><table><tr><th>a<tr><td>x&e;y</table>'
    assert rows_of(document(text, "x.html")) == [{"a": "x&e;y"}]
    monkeypatch.setattr("dataflows_load_xml.page.LONGEST_PAGE", 10)
    assert "max_size" in str(failure(document(text, "x.html")))
    assert rows_of(document(text, "x.html"), max_size=1000)
