"""The file that a search opens: `head.sqlite`, one row for each processor, descriptions apart.

    processor    what a list of results shows; its rowid is the rank of a processor among equals
    full_text    full text (FTS5; an ordinary table where SQLite has none): the stems in its name, in its
                 keywords, formats and schemes, in its summary, in parameters and description; and facets
    term         each stem, with the number of processors that have it
    misspelling  the stems worth correcting to: a key of `spelling`, and the id of the term in the last bits

Written from the same distributions, it has the same bytes.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from dataflows_core.discovery import FIRST_PARTY
from dataflows_registry.search.spelling import keys, tolerance
from dataflows_registry.search.words import name_words, squashed, words

if TYPE_CHECKING:
    from dataflows_registry.model import Distribution, Processor, Release

__all__ = ["COLUMNS", "FORMAT", "KEY_SHIFT", "facet", "has_full_text", "write_head"]

FORMAT = 2
"""The version of the layout; a file of another one is not read."""

SECTIONS = ("processor", "loader", "fallback loader", "writer")
"""The groups that are in the file; words find processors alone, formats and schemes find them all."""

KEY_SHIFT = 22
"""Bits of the id of a term; there cannot be more terms."""

COLUMNS = ("name", "words", "summary", "details", "facets")
"""The columns of the full text."""

_MOST_DETAILS = 40
_COMMON_ENOUGH = 3
_SCHEMA = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE processor (
    id INTEGER PRIMARY KEY, name TEXT, squashed TEXT, section TEXT, kind TEXT, summary TEXT,
    distribution TEXT, version TEXT, formats TEXT, schemes TEXT, rank INTEGER
);
CREATE TABLE term (id INTEGER PRIMARY KEY, term TEXT, docs INTEGER);
CREATE TABLE misspelling (id INTEGER PRIMARY KEY);
"""
_INDEXES = """
CREATE INDEX processor_squashed ON processor (squashed);
CREATE UNIQUE INDEX term_term ON term (term, docs);
"""
_FULL_TEXT = f"""
CREATE VIRTUAL TABLE full_text USING fts5(
    {", ".join(COLUMNS)}, content='', detail=column, columnsize=0, tokenize='unicode61 remove_diacritics 0'
);
"""
_PLAIN_TEXT = f"CREATE TABLE full_text ({', '.join(COLUMNS)});"


def facet(kind: str, value: str) -> str:
    """The word that stands for a fact: that a processor is a sink, or reads a format.

    Examples:
        >>> facet("format", "CSV")
        'formatxcsv'
    """
    return f"{kind}x{squashed(value)}"


def has_full_text(connection: sqlite3.Connection) -> bool:
    """Whether this SQLite has FTS5."""
    return any(name == "ENABLE_FTS5" for (name,) in connection.execute("PRAGMA compile_options"))


def write_head(path: str | Path, distributions: Iterable[Distribution]) -> None:
    """Write what a search needs of distributions.

    Args:
        path: The file to write, which must not be there; ``":memory:"`` is of no use here.
        distributions: The distributions, in any order; of each, the latest release that can be used counts.
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
        )
        fill(connection, distributions, full_text=has_full_text(connection))


def fill(connection: sqlite3.Connection, distributions: Iterable[Distribution], *, full_text: bool) -> None:
    """Make the tables of an empty database.

    Args:
        connection: The database.
        distributions: The distributions.
        full_text: With FTS5.
    """
    connection.executescript(_SCHEMA + (_FULL_TEXT if full_text else _PLAIN_TEXT))
    found = sorted(_processors(distributions), key=_order)
    docs: Counter[str] = Counter()
    worth: set[str] = set()
    connection.executemany(
        f"INSERT INTO processor VALUES ({', '.join('?' * 11)})",  # noqa: S608 - marks alone
        (_row(number, *item) for number, item in enumerate(found, 1)),
    )
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    insert = f"INSERT INTO full_text (rowid, {', '.join(COLUMNS)}) VALUES ({marks})"  # noqa: S608 - own names
    for number, item in enumerate(found, 1):
        columns = _stems(*item)
        connection.execute(insert, (number, *(" ".join(column) for column in columns)))
        docs.update({word for column in columns[:-1] for word in column})
        worth.update(columns[0], columns[1])
    _write_terms(connection, docs, worth)
    connection.executemany(
        "INSERT INTO facts VALUES (?, ?)",
        [("format", FORMAT), ("full_text", full_text), ("processors", len(found))],
    )
    if full_text:
        connection.execute("INSERT INTO full_text (full_text) VALUES ('optimize')")
    connection.executescript(_INDEXES)


def _processors(distributions: Iterable[Distribution]) -> Iterator[tuple[Distribution, Release, Processor]]:
    for distribution in distributions:
        release = distribution.latest
        shown = (processor for processor in release.processors if processor.group in SECTIONS)
        yield from ((distribution, release, processor) for processor in shown)


def _order(item: tuple[Distribution, Release, Processor]) -> tuple[int, int, str, str]:
    """First those of this project, last those that should not be used; short names say the most."""
    distribution, release, processor = item
    length = len(name_words(processor.name))
    return _rank(release, processor), length, processor.name, distribution.name


def _rank(release: Release, processor: Processor) -> int:
    if processor.deprecated or release.yanked is not None or release.status not in (None, "active"):
        return 2
    return 0 if release.distribution in FIRST_PARTY else 1


def _row(
    number: int, distribution: Distribution, release: Release, processor: Processor
) -> tuple[object, ...]:
    return (
        number,
        processor.name,
        squashed(processor.name),
        processor.group,
        processor.kind,
        processor.summary,
        distribution.name,
        release.version,
        " ".join(processor.formats),
        " ".join(processor.schemes),
        _rank(release, processor),
    )


def _stems(distribution: Distribution, release: Release, processor: Processor) -> list[list[str]]:
    """The content of the full text's columns, each word once."""
    names = [processor.name, *processor.aliases]
    name = [*(word for one in names for word in name_words(one)), *map(squashed, names)]
    facts = [
        distribution.name.removeprefix("dataflows-"),
        processor.kind,
        *processor.formats,
        *processor.schemes,
    ]
    about = [word for text in (*facts, *release.keywords) for word in words(text) if word != "dataflow"]
    summary = words(processor.summary)
    taken = {*name, *about, *summary}
    details = [word for parameter in processor.parameters for word in name_words(parameter.name)]
    details = list(
        dict.fromkeys(word for word in [*details, *words(processor.description)] if word not in taken)
    )
    facets = [facet("section", processor.group), facet("kind", processor.kind)]
    facets += [facet("format", one) for one in processor.formats]
    facets += [facet("scheme", one) for one in processor.schemes]
    columns = [name, about, summary, details[:_MOST_DETAILS], facets]
    if processor.group != SECTIONS[0]:
        columns[:-1] = [[] for _ in columns[:-1]]
    return [list(dict.fromkeys(column)) for column in columns]


def _write_terms(connection: sqlite3.Connection, docs: Counter[str], worth: set[str]) -> None:
    terms = list(enumerate(sorted(docs), 1))
    connection.executemany(
        "INSERT INTO term VALUES (?, ?, ?)", ((at, word, docs[word]) for at, word in terms)
    )
    correctable = (
        (at, word)
        for at, word in terms
        if tolerance(word) and len(word) < 25 and (word in worth or docs[word] >= _COMMON_ENOUGH)
    )
    rows = sorted((key << KEY_SHIFT) + at for at, word in correctable for key in keys(word))
    connection.executemany("INSERT INTO misspelling VALUES (?)", zip(rows))
