"""Dialects: as descriptors say them, and as they are sniffed."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflows_core.errors import FlowError, SchemaError
from dataflows_load_csv.dialect import Dialect
from dataflows_load_csv.grammar import Grammar
from dataflows_load_csv.sniff import sniff_dialect

CHARS = st.sampled_from(list(",;|\t:'\"\\^"))


@given(
    CHARS, st.none() | CHARS, st.none() | CHARS, st.booleans(), st.booleans(), st.sampled_from([(), ("#",)])
)
def test_descriptors_round_trip(delimiter, quote, escape, double, space, comments) -> None:
    chars = [char for char in (delimiter, quote, escape) if char]
    try:
        dialect = Dialect(delimiter, quote, escape, double, space, comments)
    except FlowError:
        assert len(set(chars)) < len(chars)
        return
    assert len(set(chars)) == len(chars)
    assert Dialect.from_descriptor(dialect.descriptor) == dialect


@pytest.mark.parametrize(
    "change", [{"delimiter": "||"}, {"delimiter": "§"}, {"quotechar": "\n"}, {"comments": ("",)}]
)
def test_impossible_characters_are_refused(change: dict) -> None:
    with pytest.raises(FlowError, match="ASCII"):
        Dialect(**change)


def test_a_faulty_descriptor_is_named() -> None:
    with pytest.raises(SchemaError, match="abc"):
        Dialect.from_descriptor({"delimiter": "abc"})


NAMES = st.text(alphabet="abcdefgh", min_size=1, max_size=6)
VALUE = st.one_of(
    NAMES, st.integers(-9999, 9999).map(str), st.decimals(0, 99, places=2).map(str), st.just("")
)


@given(
    st.sampled_from([",", ";", "\t", "|"]),
    st.lists(NAMES, min_size=2, max_size=5, unique=True),
    st.lists(
        st.lists(VALUE | st.text(alphabet="ab ,;|\t'\n", max_size=8), min_size=5, max_size=5), min_size=1
    ),
)
def test_what_the_csv_module_writes_is_sniffed_right(
    delimiter: str, names: list[str], rows: list[list[str]]
) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    table = [names, *(row[: len(names)] for row in rows)]
    writer.writerows(table)
    data = file.getvalue().encode()
    grammar = Grammar(sniff_dialect(data, {}))
    assert [
        [cell.decode() for cell in grammar.cells(data[r.start : r.end])] for r in grammar.records(data)
    ] == table


def sniffed(text: str, **given) -> tuple[str, str | None]:
    dialect = sniff_dialect(text.encode(), given)
    return dialect.delimiter, dialect.quotechar


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a;b\n1,5;2,5\n3,5;4,5\n", ";"),
        ("1,5;2,5\n3,5;4,5\n", ";"),
        ("a\tb\nx, y\tz\n", "\t"),
        ("a|b|c\n1|2,3|4\n", "|"),
        ("a,b\n1;2,3\n4;5,6\n", ","),
        ("name,note\nx,one | two\ny,three\n", ","),
        ("x,y\n" + "1,2\n" * 50 + "1\n" + "1,2\n" * 10, ","),
        ("Report 2020\na,b,c\n1,2,3\n4,5,6\n7,8,9\n1,1,1\n", ","),
        ("a,b", ","),
        ("", ","),
        ("a,b,c\n1,2\n3,4\n", ","),
    ],
)
def test_delimiters(text: str, delimiter: str) -> None:
    assert sniffed(text)[0] == delimiter


@pytest.mark.parametrize(
    "text",
    [
        "name\nAnna\nBob\n",
        "comment\nHello, world\nIt rains, it pours, it floods\nYes\n",
        "name\nSmith, John\nDoe, Jane\n",
        "value\n1,5\n2,5\n3,5\n",
        "x\n1\n2\n",
        'text\n"a, b"\n"c, d; e"\n',
        "text\na; b; c\nd; e\nf\n",
        "x",
    ],
)
def test_files_of_one_column_stay_that(text: str) -> None:
    grammar = Grammar(sniff_dialect(text.encode(), {}))
    data = text.encode()
    assert {len(grammar.cells(data[r.start : r.end])) for r in grammar.records(data)} == {1}


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("a,b\n'x, y',1\n'z, w',2\n", "'"),
        ("city,land\n's-Hertogenbosch,NL\n's-Gravenhage,NL\n't Zand,NL\n't Goy,NL\n", '"'),
        ('a\tb\n"Hello\t1\nx\t2\n', None),
        ('a,b\n5" pipe,1\n6" pipe,2\n', '"'),
    ],
)
def test_quotes(text: str, quote: str | None) -> None:
    assert sniffed(text)[1] == quote


def test_escapes_and_spaces_before_quotes() -> None:
    assert sniff_dialect(b'a,b\n"x \\"y\\" z",1\n', {}).escapechar == "\\"
    assert sniff_dialect(b'a,b\n"C:\\dir\\",1\n', {}).escapechar is None
    assert sniff_dialect(b'a,b\n"x ""y"" z\\",1\n', {}).escapechar is None
    assert sniff_dialect(b'a, b\n1, "x, y"\n', {}).skipinitialspace
    assert not sniff_dialect(b'a,b\n1,"x, ""y"""\n', {}).skipinitialspace


def test_what_is_given_is_not_sniffed() -> None:
    given = {"delimiter": ",", "quotechar": None, "escapechar": None, "skipinitialspace": False}
    assert sniff_dialect(b"a;b\n'x';1\n", given) == Dialect(quotechar=None)


def test_a_line_end_that_is_none_is_refused() -> None:
    assert Dialect.from_descriptor({"lineTerminator": "\r\n"}) == Dialect()
    with pytest.raises(SchemaError, match="lineTerminator ';'"):
        Dialect.from_descriptor({"lineTerminator": ";"})
