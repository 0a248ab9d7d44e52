"""Where records end: against Python's own parser, on random and on hostile text."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataflows_load_csv.dialect import Dialect
from dataflows_load_csv.grammar import Grammar

DIALECTS = [
    Dialect(),
    Dialect(delimiter=";", quotechar="'"),
    Dialect(doublequote=False),
    Dialect(doublequote=False, escapechar="\\"),
    Dialect(skipinitialspace=True),
    Dialect(quotechar=None),
    Dialect(quotechar=None, escapechar="\\"),
]
TEXT = st.text(alphabet="a,;\"'\n\r \\#é", max_size=40)


def by_csv(text: str, dialect: Dialect) -> list[list[str]]:
    quoting = csv.QUOTE_MINIMAL if dialect.quotechar else csv.QUOTE_NONE
    return list(
        csv.reader(
            io.StringIO(text, newline=""),
            delimiter=dialect.delimiter,
            quotechar=dialect.quotechar,
            escapechar=dialect.escapechar,
            doublequote=dialect.doublequote,
            skipinitialspace=dialect.skipinitialspace,
            quoting=quoting,
        )
    )


@given(TEXT, st.sampled_from(DIALECTS))
@example('size 5",x\n"5"" pipe",y\n', Dialect())
@example('a,"b\r\nc"d"e,f\rg', Dialect())
def test_records_and_cells_are_those_of_the_csv_module(text: str, dialect: Dialect) -> None:
    if text.endswith("\\"):
        text += "x"  # the module invents a line end after a last escape
    grammar, data = Grammar(dialect), text.encode()
    found = [
        []
        if record.kind == "blank"
        else [cell.decode() for cell in grammar.cells(data[record.start : record.end])]
        for record in grammar.records(data)
    ]
    assert found == by_csv(text, dialect)


@given(TEXT, st.sampled_from([*DIALECTS, Dialect(escapechar="\\"), Dialect(comments=("#",))]))
@example('a,5",b\nc,"x\ny",d\n', Dialect())
@example('# don\'t "\na\n"b\n', Dialect(comments=("#",)))
def test_the_last_end_is_an_end_and_is_found_when_there_is_one(text: str, dialect: Dialect) -> None:
    grammar, data = Grammar(dialect), text.encode()
    ends = {record.end for record in grammar.records(data) if record.complete}
    last = grammar.last_end(data)
    assert last in ends if ends else last == 0
    # What is left holds no more than one LF record, so that blocks do not grow without need.
    rest = data[last:]
    assert not any(data[end - 1 : end] == b"\n" for end in ends if end > last), rest


@given(TEXT)
@example('a,5",b\nc,"x\ny",d\n')
@example('a,"5"" x",b\nc,"x\ny",d\n""\n')
@example('"a\n",x"\n,"\n')
def test_looking_at_each_quote_proves_the_same_end_or_nothing(text: str) -> None:
    grammar, data = Grammar(Dialect()), text.encode().removesuffix(b"\r")
    ends = [record.end for record in grammar.records(data + b"x") if record.complete]
    assert grammar._end_between_quotes(data) in (None, max(ends, default=0))


def test_where_quotes_are_rare_each_is_looked_at() -> None:
    data = b"a,plain\n" * 500 + b'b,"two\nlines ""here"""\n' + b"c,plain\n" * 500 + b'd,"cut\n'
    grammar = Grammar(Dialect())
    assert grammar._has_few_quotes(data)
    assert grammar.last_end(data) == grammar._end_between_quotes(data) == data.rindex(b"d,")
    assert not grammar._has_few_quotes(b'"a","b"\n' * 100)
    assert not Grammar(Dialect(escapechar="\\"))._has_few_quotes(data)


@pytest.mark.parametrize("filler", [b'""', b"x", b"\n", b'"",\n', b"a,b\n"])
def test_a_large_cell_is_walked_in_linear_time_and_without_recursion(filler: bytes) -> None:
    cell = filler.replace(b'"', b'""') * (2_000_000 // len(filler))
    data = b'1,"' + cell + b'"\n2,x\n'
    grammar = Grammar(Dialect())
    assert grammar.last_end(data) == len(data)
    assert grammar.last_end(data[:-10]) == 0
    first, second = grammar.records(data)
    assert grammar.cells(data[first.start : first.end]) == [b"1", cell.replace(b'""', b'"')]
    assert grammar.cells(data[second.start :]) == [b"2", b"x"]


def test_a_quote_in_a_comment_opens_nothing() -> None:
    grammar = Grammar(Dialect(comments=("//", "#")))
    data = b'# don\'t "\na,b\n// "\n"c\n# not one",d\n'
    kinds = [(record.kind, data[record.start : record.end]) for record in grammar.records(data)]
    assert kinds == [
        ("comment", b"# don't \"\n"),
        ("data", b"a,b\n"),
        ("comment", b'// "\n'),
        ("data", b'"c\n# not one",d\n'),
    ]


def test_an_open_quote_at_the_end_is_seen() -> None:
    grammar = Grammar(Dialect())
    assert grammar.open_at_end(b'a,b\n"c,d\n')
    assert not grammar.open_at_end(b'a,b\n"c",d"\n')
    assert not grammar.open_at_end(b'a,b\r"c",d\r')
