"""One `head.sqlite`, opened for reading."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dataflows_core.errors import AccessError
from dataflows_registry.search.head import FORMAT, KEY_SHIFT, facet
from dataflows_registry.search.spelling import keys, tolerance

__all__ = ["Filters", "Found", "Head"]

_FIELDS = ", ".join(
    f"processor.{name}"
    for name in (
        "id",
        "name",
        "squashed",
        "section",
        "kind",
        "summary",
        "distribution",
        "version",
        "formats",
        "schemes",
        "rank",
    )
)
_LAST = "\U0010ffff"


class Found(NamedTuple):
    """A processor, as the head has it."""

    id: int
    name: str
    squashed: str
    section: str
    kind: str
    summary: str
    distribution: str
    version: str
    formats: str
    schemes: str
    rank: int

    @property
    def qualified_name(self) -> str:
        """The long name."""
        return f"{self.distribution.removeprefix('dataflows-')}.{self.name}"


class Filters(NamedTuple):
    """What a result has to be.

    Attributes:
        facets: What it has to have, as `facet` writes it.
        without: The distributions it must not be from.
    """

    facets: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        kind: str | None = None,
        format: str | None = None,
        scheme: str | None = None,
        section: str | None = None,
        without: Iterable[str] = (),
    ) -> Filters:
        """The filters that options ask for."""
        given = {"section": section, "kind": kind, "format": format, "scheme": scheme}
        facets = [facet(name, value) for name, value in given.items() if value]
        return cls(tuple(facets), tuple(without))


class Head:
    """The search file of one index.

    Args:
        path: The file.
        index: The name of the index.

    Raises:
        AccessError: The file cannot be read, or is of another version.
    """

    def __init__(self, path: Path, index: str) -> None:
        self.path, self.index = path, index
        if not path.is_file():
            raise AccessError(f"the index {index!r} has no search file {path}")
        self.connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        weakref.finalize(self, self.connection.close)  # many are asked once and dropped
        facts = dict(self._rows("SELECT key, value FROM facts"))
        if facts.get("format") != FORMAT:
            raise AccessError(f"{path} is of another version; `dataflows registry index update` renews it")
        self.full_text = bool(facts.get("full_text"))
        self.processors = int(facts.get("processors", 0))

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self.connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            if "fts5" in str(error):
                raise AccessError(
                    "this Python's SQLite has no full text search (FTS5), which the index "
                    f"{self.index!r} was written with; build or update the index on this machine"
                ) from error
            raise AccessError(
                f"{self.path} cannot be searched ({error}); update or delete that index"
            ) from error

    def docs(self, words: Iterable[str]) -> dict[str, int]:
        """How many processors have each of the words; those that none has are left out."""
        given = list(words)
        marks = ", ".join("?" * len(given))
        query = f"SELECT term, docs FROM term WHERE term IN ({marks})"  # noqa: S608 - marks alone
        return dict(self._rows(query, given))

    def starting(self, prefix: str, most: int) -> list[tuple[str, int]]:
        """The most frequent words that start so, with how many processors have each."""
        return self._rows(
            "SELECT term, docs FROM term WHERE term > ? AND term < ? ORDER BY docs DESC, term LIMIT ?",
            (prefix, prefix + _LAST, most),
        )

    def spelt_like(self, word: str) -> list[tuple[str, int]]:
        """Words that may have been meant by one that is none, with how many processors have each."""
        given = sorted(keys(word, tolerance(word)))
        marks = ", ".join(["(?)"] * len(given))
        return self._rows(
            f"WITH wanted (key) AS (VALUES {marks}) SELECT DISTINCT term.term, docs FROM wanted "  # noqa: S608 - marks
            f"JOIN misspelling ON misspelling.id BETWEEN key << {KEY_SHIFT} AND (key + 1 << {KEY_SHIFT}) - 1 "
            f"JOIN term ON term.id = misspelling.id & {(1 << KEY_SHIFT) - 1}",
            given,
        )

    def named(self, squashed: str, filters: Filters, most: int) -> list[Found]:
        """Processors whose name starts with a text, the shortest first."""
        where = ["squashed >= ? AND squashed < ?"]
        return self._found(where, [squashed, squashed + _LAST], [], filters, most)

    def of_distribution(self, name: str) -> list[Found]:
        """What a distribution has."""
        return self._found(["distribution = ?"], [name], [], Filters(), -1)

    def formats(self) -> set[str]:
        """Every format that something reads or writes."""
        rows = self._rows("SELECT DISTINCT formats FROM processor WHERE formats != ''")
        return {one for (formats,) in rows for one in formats.split()}

    def matching(
        self, groups: Sequence[Iterable[str]], columns: Sequence[str], filters: Filters, most: int
    ) -> list[Found]:
        """Processors that have a word of each group in some of the columns, in the order of their rank."""
        return self._found([], [], [(list(group), columns) for group in groups], filters, most)

    def _found(
        self, where: list[str], values: list[Any], wanted: list[_Wanted], filters: Filters, most: int
    ) -> list[Found]:
        wanted = wanted + [([one], ("facets",)) for one in filters.facets]
        table = "processor"
        if wanted:
            table = "full_text CROSS JOIN processor ON processor.id = full_text.rowid"
            condition, words = _full_text(wanted) if self.full_text else _plain_text(wanted)
            where, values = [*where, condition], [*values, *words]
        if filters.without:
            where = [*where, f"distribution NOT IN ({', '.join('?' * len(filters.without))})"]
            values = [*values, *filters.without]
        query = (
            f"SELECT {_FIELDS} FROM {table} WHERE {' AND '.join(where) or '1'} "  # noqa: S608 - own names
            f"ORDER BY {'full_text.rowid' if wanted else 'processor.id'} LIMIT ?"
        )
        return [Found(*row) for row in self._rows(query, [*values, most])]


_Wanted = tuple[list[str], Sequence[str]]
"""Words of which one has to be there, and the columns it may be in."""


def _full_text(wanted: list[_Wanted]) -> tuple[str, list[str]]:
    match = " AND ".join(f"{{{' '.join(columns)}}} : ({_either(words)})" for words, columns in wanted)
    return "full_text MATCH ?", [match]


def _either(words: Iterable[str]) -> str:
    return " OR ".join('"' + word.replace('"', '""') + '"' for word in words)


def _plain_text(wanted: list[_Wanted]) -> tuple[str, list[str]]:
    tests = []
    for words, columns in wanted:
        text = " || ' ' || ".join(("''", *(f"full_text.{column}" for column in columns), "''"))
        tests.append("(" + " OR ".join([f"instr({text}, ?)"] * len(words)) + ")")
    return " AND ".join(tests), [f" {word} " for words, _ in wanted for word in words]
