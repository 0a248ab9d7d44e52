"""Headers: which row, several rows, names that are missing or occur twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.errors import DataError, FlowError, ProcessorError, UnreadableError
from dataflows_load_csv import load_csv
from dataflows_load_csv.dialect import Dialect
from dataflows_load_csv.grammar import Grammar
from dataflows_load_csv.header import Layout

GRAMMAR = Grammar(Dialect())


@pytest.fixture
def load(tmp_path: Path, rows_of):
    def rows(text: str, **options) -> list[dict]:
        path = tmp_path / "x.csv"
        path.write_bytes(text.encode())
        return rows_of(load_csv(path, **options))

    return rows


@pytest.mark.parametrize(
    ("text", "options", "rows"),
    [
        ("a,b\n1,2\n", {}, [{"a": 1, "b": 2}]),
        ("\n\n a ,b\n1,2\n", {}, [{"a": 1, "b": 2}]),
        ("Title\n\nmore, titles\na,b\n1,2\n", {"headers": 4}, [{"a": 1, "b": 2}]),
        ("# note\na,b\n#\n1,2\n", {"comment_char": "#"}, [{"a": 1, "b": 2}]),
        ("a,b\nkg,m\n1,2\n", {"skip_rows": [2]}, [{"a": 1, "b": 2}]),
        ("a,b\n1,2\n3,4\n5,6\n", {"skip_rows": [3]}, [{"a": 1, "b": 2}, {"a": 5, "b": 6}]),
        ("x,\na,b\n1,2\n", {"headers": [1, 2]}, [{"x a": 1, "b": 2}]),
        ("x,x\na,b\n1,2\n", {"headers": [1, 2], "multiline_headers_joiner": "/"}, [{"x/a": 1, "x/b": 2}]),
        ("a,b\na,c\n1,2\n", {"headers": [1, 2]}, [{"a": 1, "b c": 2}]),
        (
            "a,b\na,c\n1,2\n",
            {"headers": [1, 2], "multiline_headers_duplicates": True},
            [{"a a": 1, "b c": 2}],
        ),
        ("1,2\n3,4\n", {"headers": None}, [{"field1": 1, "field2": 2}, {"field1": 3, "field2": 4}]),
        ("1,2\n3,4\n", {"headers": ["x", "y"]}, [{"x": 1, "y": 2}, {"x": 3, "y": 4}]),
        ('"a\nb",c\n1,2\n', {}, [{"a\nb": 1, "c": 2}]),
        ("a,b", {}, []),
        ("a,b\n", {}, []),
        ("a,b\n1,2", {}, [{"a": 1, "b": 2}]),
        ("a,b\r1,2\r", {}, [{"a": 1, "b": 2}]),
        (
            "1,2\n3,4\n",
            {"dialect": {"header": False}},
            [{"field1": 1, "field2": 2}, {"field1": 3, "field2": 4}],
        ),
        (
            "t\na,b\nc,d\n1,2\n",
            {"dialect": {"headerRows": [2, 3], "headerJoin": "-"}},
            [{"a-c": 1, "b-d": 2}],
        ),
    ],
)
def test_the_header_and_the_rows_below_it(load, text: str, options: dict, rows: list) -> None:
    assert load(text, **options) == rows


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", " \n"[1:]])
def test_an_empty_file_is_an_error_in_words(load, text: str) -> None:
    with pytest.raises(ProcessorError, match="empty") as caught:
        load(text)
    assert isinstance(caught.value.cause, UnreadableError)


def test_a_header_row_that_is_not_there(load) -> None:
    with pytest.raises(ProcessorError, match="no row 7"):
        load("a\n1\n", headers=7)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("a,a,b", "'a' more than once"),
        ("a,,b", "no name in column 2"),
        (",a,a,", "'a' more than once and no name in column 1, 4"),
    ],
)
def test_faulty_names_are_an_error_with_a_remedy(load, header: str, message: str) -> None:
    with pytest.raises(ProcessorError, match=message) as caught:
        load(header + "\n")
    assert isinstance(caught.value.cause, DataError)
    assert "deduplicate_headers=True" in str(caught.value)


@pytest.mark.parametrize(
    ("header", "options", "names"),
    [
        ("h,h,x", {}, ["h (1)", "h (2)", "x"]),
        ("h,h,h (1)", {}, ["h (2)", "h (3)", "h (1)"]),
        ("h,H", {}, ["h", "H"]),
        ("h,H", {"deduplicate_headers_case_sensitive": False}, ["h (1)", "H (2)"]),
        ("h,h", {"deduplicate_headers_format": "_%s"}, ["h_1", "h_2"]),
        ("a,,b,", {}, ["a", "field2", "b", "field4"]),
        ("field2,,b", {}, ["field2", "field2 (1)", "b"]),
    ],
)
def test_names_are_made_different_on_request(load, header: str, options: dict, names: list[str]) -> None:
    (row,) = load(f"{header}\n{','.join('1' * len(names))}\n", deduplicate_headers=True, **options)
    assert list(row) == names


@given(
    st.lists(st.sampled_from(["", "h", "H", "h (1)", "h (2)", "H (1)", "field1", "field2"]), min_size=1),
    st.booleans(),
)
def test_names_become_different_whatever_they_are(names: list[str], case: bool) -> None:
    layout = Layout(deduplicate=True, case_sensitive=case)
    data = ",".join(f'"{name}"' for name in names).encode() + b"\n"
    head = layout.read(data, GRAMMAR, "x.csv", complete=True)
    assert head is not None
    assert len({name if case else name.casefold() for name in head.names}) == len(names)
    assert all(head.names)


@given(st.integers(0, 60))
def test_more_bytes_are_asked_for_until_the_header_is_whole(length: int) -> None:
    data = b'title\n"a\n""b""",c\n1,2\n3,4\n5,6\n'
    layout = Layout(rows=(2,), skip=(4,))
    whole = layout.read(data, GRAMMAR, "x.csv", complete=True)
    assert whole == (('a\n"b"', "c"), b"1,2\n", data.index(b"5,6"))
    assert layout.read(data[:length], GRAMMAR, "x.csv", complete=False) in (None, whole)


@pytest.mark.parametrize(
    "options",
    [
        {"headers": 0},
        {"headers": True},
        {"headers": [2, 1]},
        {"headers": [1, "a"]},
        {"headers": "name"},
        {"headers": []},
        {"headers": 1.5},
        {"skip_rows": [0]},
        {"headers": 2, "skip_rows": [2]},
        {"deduplicate_headers_format": "x"},
        {"deduplicate_headers_format": "%s%s"},
        {"deduplicate_headers_format": "%s%d"},
    ],
)
def test_impossible_options_are_refused_before_anything_is_read(options: dict) -> None:
    with pytest.raises(FlowError):
        load_csv("missing.csv", **options)


def test_the_wrong_number_of_names(load) -> None:
    with pytest.raises(ProcessorError, match="2 cells, and there are 1 names: "):
        load("1,2\n", headers=["x"])
