"""Documents of every shape, against the standard library's own reading of them."""

from __future__ import annotations

import datetime as dt
import gzip
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core import Flow, ProcessorError
from dataflows_core.errors import DataError, FlowError, RowError, UnreadableError
from dataflows_core.processors import load, load_xml
from dataflows_load_xml import parse

Rows = list[dict[str, Any]]


@pytest.fixture
def document(tmp_path: Path) -> Any:
    def write(text: str | bytes, name: str = "x.xml") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def rows_of(*links: Any) -> Rows:
    (rows,) = Flow(*links).results().rows
    return rows


def failure(*links: Any) -> ProcessorError:
    with pytest.raises(ProcessorError) as caught:
        Flow(*links).process()
    return caught.value


SHOPS = """<shops><made>2024</made><list>
  <shop id="1"><name>Ulm</name></shop><shop id="2"><name>Bonn</name></shop>
</list></shops>"""


@pytest.mark.parametrize(
    "record", [None, "list/shop", "/shops/list/shop", "//shop", "*/shop", "list/*", "//list/*"]
)
def test_records_are_found_by_a_path_or_because_they_repeat(document: Any, record: str | None) -> None:
    assert rows_of(load(document(SHOPS), record=record)) == [
        {"id": 1, "name": "Ulm"},
        {"id": 2, "name": "Bonn"},
    ]


def test_a_record_can_be_the_root_and_may_have_records_in_it(document: Any) -> None:
    assert rows_of(load(document("<a><b>1</b></a>"), record="/a")) == [{"b": 1}]
    path = document("<a><b><n>1</n><b><n>2</n></b></b><b><n>3</n></b></a>")
    assert rows_of(load(path, record="//b")) == [{"n": 1, "b": {"n": "2"}}, {"n": 3, "b": None}]


def test_several_lists_are_refused_with_what_there_is_to_choose(document: Any) -> None:
    error = failure(load(document("<a><x><b/><b/></x><c/><c/></a>")))
    assert isinstance(error.cause, UnreadableError)
    assert "record='x/b'" in str(error)
    assert "record='c'" in str(error)


def test_nothing_that_repeats_is_refused_with_what_there_is(document: Any) -> None:
    error = failure(load(document("<a><b><c>1</c></b></a>")))
    assert isinstance(error.cause, UnreadableError)
    assert "record='b/c'" in str(error)


def test_a_second_list_far_behind_the_first_is_no_silent_loss(document: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("dataflows_load_xml.survey._HEAD", 100)
    monkeypatch.setattr(parse, "_PIECE", 64)
    path = document("<a><bs>" + "<b>1</b>" * 50 + "</bs><cs>" + "<c>2</c>" * 50 + "</cs></a>")
    error = failure(load(path))
    assert isinstance(error.cause, DataError)
    assert "'cs/c'" in str(error)
    assert len(rows_of(load(path, record="bs/b"))) == 50


@pytest.mark.parametrize(
    ("record", "what"),
    [("lst/shop", "record='list/shop'"), ("shop", "record='list'"), ("a[1]", "no name"), ("", "no path")],
)
def test_a_path_that_leads_nowhere_is_the_authors_fault(document: Any, record: str, what: str) -> None:
    path = document(SHOPS)
    with pytest.raises((FlowError, ProcessorError)) as caught:
        Flow(load(path, record=record)).process()
    assert caught.value.exit_code == 2
    assert what in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [{"flatten": ""}, {"encoding": "klingon"}, {"mixed": "txt"}, {"extra": "x"}, {"sample_size": 0}],
)
def test_options_that_mean_nothing_are_refused(document: Any, options: dict[str, Any]) -> None:
    with pytest.raises(FlowError, match=next(iter(options))):
        load_xml(document(SHOPS), **options)


def test_a_file_without_records_needs_a_schema(document: Any) -> None:
    path = document("<a></a>")
    assert failure(load(path, record="b")).exit_code == 2
    assert rows_of(load(path, record="b", schema={"fields": [{"name": "n", "type": "integer"}]})) == []


def test_types_are_told_from_texts_and_nothing_is_rounded(document: Any) -> None:
    record = "<r><i>1</i><n>0.10</n><z>007</z><d>2024-02-29</d><b>true</b>"
    record += "<m>12345678901234567890.25</m><j>[1]</j></r>"
    assert rows_of(load(document(f"<a>{record}{record}</a>")))[0] == {
        "i": 1, "n": Decimal("0.1"), "z": "007", "d": dt.date(2024, 2, 29), "b": True,
        "m": Decimal("12345678901234567890.25"), "j": "[1]",
    }  # fmt: skip


def test_blanks_comments_instructions_cdata_and_references(document: Any) -> None:
    path = document("<a><t> 1<!-- c -->2<?pi x?><![CDATA[<3>]]>&amp;&#233;\n</t><t>  </t><t/></a>")
    assert rows_of(load(path)) == [{"t": "12<3>&é"}, {"t": None}, {"t": None}]
    unstripped = rows_of(load(path, strip=False, override_schema={"missingValues": []}))
    assert [row["t"] for row in unstripped] == [" 12<3>&é\n", "  ", ""]


def test_nil_is_null_and_an_empty_element_as_an_empty_cell(document: Any) -> None:
    nil = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    path = document(f'<a {nil}><r><t xsi:nil="true"/></r><r><t/></r><r><t>x</t></r><r/></a>')
    assert [row["t"] for row in rows_of(load(path))] == [None, None, "x", None]
    kept = rows_of(load(path, override_schema={"missingValues": []}))
    assert [row["t"] for row in kept] == [None, "", "x", None]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252", "shift_jis", "gb18030"]
)
def test_encodings_are_what_the_document_declares(document: Any, encoding: str) -> None:
    text = "日本" if encoding in ("shift_jis", "gb18030") else "Zoë"
    declared = encoding.removesuffix("-sig")
    said = f'<?xml version="1.0" encoding="{declared}"?><a><t>{text}</t><t>x</t></a>'.encode(encoding)
    assert rows_of(load(document(said)))[0] == {"t": text}
    if declared != "utf-16":
        lying = said.replace(declared.encode(), b"us-ascii")
        assert rows_of(load(document(lying), encoding=declared))[0] == {"t": text}


NAMESPACES = """<s:list xmlns:s="urn:s" xmlns:m="urn:m" xmlns="urn:d">
<s:r m:k="1"><s:n>a</s:n><m:n>b</m:n><o>c</o></s:r><s:r/></s:list>"""


def test_fields_of_other_namespaces_have_a_prefix(document: Any) -> None:
    path = document(NAMESPACES)
    assert rows_of(load(path))[0] == {"m:k": 1, "n": "a", "m:n": "b", "o": "c"}
    assert rows_of(load(path, namespaces={"x": "urn:m", "y": "urn:d"}))[0] == {
        "x:k": 1, "n": "a", "x:n": "b", "y:o": "c",
    }  # fmt: skip
    for record in ("r", "s:r", "y:r"):
        assert len(rows_of(load(path, record=record, namespaces={"y": "urn:s"}))) == 2
    assert failure(load(path, record="m:r")).exit_code == 2


def test_two_names_that_would_be_one_field_are_refused(document: Any) -> None:
    path = document('<a xmlns:m="urn:m"><r n="1"><n>2</n></r><r/></a>')
    error = failure(load(path))
    assert error.row == 1
    assert "attribute_prefix" in str(error)
    assert rows_of(load(path, attribute_prefix="@"))[0] == {"@n": 1, "n": 2}
    path = document('<a><r><n>1</n><n xmlns="urn:m">2</n></r><r/></a>')
    assert "namespaces" in str(failure(load(path)))
    assert rows_of(load(path, namespaces={"m": "urn:m"}))[0] == {"n": 1, "m:n": 2}


BOOKS = """<books><book><title>A</title><price cur="EUR">9.90</price><by>x</by><by>y</by>
<at><city>Ulm</city><zip>089</zip></at></book><book><title>B</title><price>1</price><by>z</by><at/></book></books>"""


def test_elements_within_elements_are_objects_and_those_of_one_name_arrays(document: Any) -> None:
    assert rows_of(load(document(BOOKS))) == [
        {
            "title": "A",
            "price": {"cur": "EUR", "#text": "9.90"},
            "by": ["x", "y"],
            "at": {"city": "Ulm", "zip": "089"},
        },
        {"title": "B", "price": {"#text": "1"}, "by": ["z"], "at": None},
    ]


def test_or_fields_of_their_own(document: Any) -> None:
    flat = rows_of(load(document(BOOKS), flatten=True))
    assert flat[0] == {
        "title": "A", "price": Decimal("9.9"), "price.cur": "EUR", "by": ["x", "y"], "at.city": "Ulm",
        "at.zip": "089",
    }  # fmt: skip
    assert rows_of(load(document(BOOKS), flatten="_"))[1] == {
        "title": "B", "price": Decimal(1), "price_cur": None, "by": ["z"], "at_city": None, "at_zip": None,
    }  # fmt: skip
    clash = document("<a><r><x><y>1</y></x><x.y>2</x.y></r><r/></a>")
    assert "'x.y'" in str(failure(load(clash, flatten=True)))
    assert rows_of(load(clash, flatten="/"))[0] == {"x/y": 1, "x.y": 2}


@pytest.mark.parametrize(
    ("late", "remedy"),
    [
        ("<by>z</by><by>z</by>", "array"),
        ("<new>1</new>", "'new'"),
        ('<by of="x">z</by>', "sample_size"),
        ("<by><x>1</x></by>", "sample_size"),
        ("<by>a <i>b</i></by>", "mixed"),
    ],
)
def test_what_the_sample_has_not_shown_is_an_error_with_its_number(
    document: Any, late: str, remedy: str
) -> None:
    path = document("<a>" + "<r><by>x</by></r>" * 3 + f"<r>{late}</r></a>")
    error = failure(load(path, sample_size=2))
    assert isinstance(error.cause, RowError)
    assert (error.row, error.source) == (4, str(path))
    assert remedy in str(error)


def test_it_can_be_left_out_or_declared(document: Any) -> None:
    path = document('<a><r><by>x</by></r><r><by of="1">y</by><new/></r></a>')
    assert rows_of(load(path, sample_size=1, extra="ignore")) == [{"by": "x"}, {"by": "y"}]
    path = document("<a><r><by>x</by></r><r><by>y</by><by>z</by></r></a>")
    for kind, values in (("array", [["x"], ["y", "z"]]), ("list", [["x"], ["y", "z"]])):
        rows = rows_of(load(path, sample_size=1, override_fields={"by": {"type": kind}}))
        assert [row["by"] for row in rows] == values
    assert rows_of(load(path, override_fields={"by": {"type": "string"}}))[1] == {"by": '["y", "z"]'}


def test_mixed_text_and_elements(document: Any) -> None:
    path = document("<a><r><t>one <b>two</b> &amp; three</t></r><r><t><b>four</b></t></r></a>")
    error = failure(load(path))
    assert error.row == 1
    assert "mixed='text'" in str(error)
    assert rows_of(load(path, mixed="text")) == [{"t": "one two & three"}, {"t": "four"}]
    assert rows_of(load(path, mixed="markup")) == [{"t": "one <b>two</b> &amp; three"}, {"t": "<b>four</b>"}]
    assert rows_of(load(path, mixed="text", record="r/t")) == [{"t": "one two & three"}, {"t": "four"}]


def test_a_value_of_another_type_is_blamed_with_its_record(document: Any) -> None:
    path = document("<a>" + "<n>1</n>" * 9 + "<n>x</n></a>")
    assert failure(load(path, sample_size=5)).row == 10
    assert rows_of(load(path, sample_size=5, on_error="drop")) == [{"n": 1}] * 9
    assert rows_of(load(path, infer_strategy="strings"))[9] == {"n": "x"}


def test_several_files_compressed_or_not_are_one_resource(tmp_path: Path) -> None:
    (tmp_path / "d-1.xml").write_text("<a><r><x>1</x></r><r><x>2</x></r></a>")
    (tmp_path / "d-2.xml.gz").write_bytes(gzip.compress(b"<a><r><y>3</y></r></a>"))
    wanted = [{"x": 1, "y": None}, {"x": 2, "y": None}, {"x": None, "y": 3}]
    assert rows_of(load(str(tmp_path / "d-*"), format="xml")) == wanted
    assert rows_of(load_xml(tmp_path / "d-1.xml", limit_rows=1)) == [{"x": 1}]
    with pytest.raises(ProcessorError, match="max_size"):
        Flow(load(tmp_path / "d-1.xml", max_size=10)).process()


def test_it_says_which_elements_it_took_for_records(document: Any, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, "dataflows.load_xml"):
        Flow(load(document(SHOPS))).process()
    assert "list/shop" in caplog.text


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), max_size=6)
leaves = st.fixed_dictionaries({}, optional={"a": texts, "b": texts})
records = st.lists(
    st.tuples(
        leaves,
        st.fixed_dictionaries({}, optional={"c": texts, "d": texts}),
        st.lists(texts, max_size=3),
        leaves,
    ),
    min_size=1,
    max_size=12,
)


@given(records, st.sampled_from([7, 64, 1 << 16]), st.booleans())
def test_random_documents_read_as_the_standard_library_reads_them(
    tmp_path_factory: Any, drawn: Any, piece: int, indent: bool
) -> None:
    root = ET.Element("root")
    ET.SubElement(root, "head").text = "not a record"
    listed = ET.SubElement(root, "list")
    for attributes, children, repeated, nested in drawn:
        record = ET.SubElement(listed, "r", attributes)
        for name, text in children.items():
            ET.SubElement(record, name).text = text
        for text in repeated:
            ET.SubElement(record, "e").text = text
        if nested:
            ET.SubElement(record, "o", nested)
    if indent:
        ET.indent(root)
    path = tmp_path_factory.mktemp("x") / "x.xml"
    ET.ElementTree(root).write(path, encoding="utf-8")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parse, "_PIECE", piece)
        fields = {"e": {"type": "array"}, "o": {"type": "object"}}
        options = {"override_schema": {"missingValues": []}, "override_fields": fields}
        found = rows_of(load_xml(path, record="list/r", infer_strategy="strings", **options))

    read = ET.parse(path).getroot()
    assert found == [_expected(record, [*found[0]]) for record in read.iterfind("list/r")]


def _expected(record: Any, names: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(names)
    row.update(record.attrib)
    for child in record:
        text = child.text or ""
        if child.tag == "e":
            row["e"] = [*(row["e"] or []), text or None]
        elif child.tag == "o":
            row["o"] = {name: value or None for name, value in child.attrib.items()} or None
        else:
            row[child.tag] = text
    return row
