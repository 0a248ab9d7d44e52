"""One `head.sqlite`, opened for reading."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dataflows_core.errors import AccessError
from dataflows_registry.search.head import COLUMNS, FORMAT, facet
from dataflows_registry.search.spelling import keys, tolerance

__all__ = ["Filters", "Found", "Head"]

_FIELDS = "id, name, squashed, qualified_name, kind, summary, distribution, version, formats, schemes, rank"


class Found(NamedTuple):
    """A processor, as the head has it."""

    id: int
    name: str
    squashed: str
    qualified_name: str
    kind: str
    summary: str
    distribution: str
    version: str
    formats: str
    schemes: str
    rank: int


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
        without: Iterable[str] = (),
    ) -> Filters:
        """The filters that options ask for."""
        given = {"kind": kind, "format": format, "scheme": scheme}
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
        return dict(self._rows(f"SELECT term, docs FROM term WHERE term IN ({marks})", given))

    def starting(self, prefix: str, most: int) -> list[tuple[str, int]]:
        """The most frequent words that start so, with how many processors have each."""
        return self._rows(
            "SELECT term, docs FROM term WHERE term > ? AND term < ? ORDER BY docs DESC, term LIMIT ?",
            (prefix, prefix + "\U0010ffff", most),
        )

    def spelt_like(self, word: str) -> list[tuple[str, int]]:
        """Words that may have been meant by one that is none, with how many processors have each."""
        given = sorted(keys(word, tolerance(word)))
        marks = ", ".join("?" * len(given))
        return self._rows(
            "SELECT DISTINCT term.term, docs FROM misspelling JOIN term ON term.id = misspelling.term "
            f"WHERE key IN ({marks})",
            given,
        )

    def named(self, squashed: str, filters: Filters, most: int) -> Iterator[Found]:
        """Processors whose name starts with a text, the shortest first."""
        condition, values = self._conditions([], COLUMNS[:1], filters)
        return self._found(
            f"squashed >= ? AND squashed < ?{condition}", (squashed, squashed + "\U0010ffff", *values), most
        )

    def matching(
        self, groups: Sequence[Iterable[str]], columns: Sequence[str], filters: Filters, most: int
    ) -> Iterator[Found]:
        """Processors that have a word of each group in some of the columns, in the order of their rank."""
        condition, values = self._conditions(groups, columns, filters)
        return self._found(f"1{condition}", values, most)

    def _found(self, condition: str, values: Sequence[Any], most: int) -> Iterator[Found]:
        query = f"SELECT {_FIELDS} FROM processor WHERE {condition} ORDER BY id LIMIT ?"
        return map(Found._make, self._rows(query, [*values, most]))

    def _conditions(
        self, groups: Sequence[Iterable[str]], columns: Sequence[str], filters: Filters
    ) -> tuple[str, list[Any]]:
        condition, values = "", list[Any]()
        wanted = [(list(group), columns) for group in groups] + [
            ([one], ["facets"]) for one in filters.facets
        ]
        if wanted and self.full_text:
            match = " AND ".join(f"{{{' '.join(at)}}} : ({_either(group)})" for group, at in wanted)
            condition += " AND id IN (SELECT rowid FROM full_text WHERE full_text MATCH ? ORDER BY rowid)"
            values.append(match)
        elif wanted:
            texts = [" || ' ' || ".join(("''", *at, "''")) for _, at in wanted]
            tests = [
                "(" + " OR ".join([f"instr({text}, ?)"] * len(group)) + ")"
                for text, (group, _) in zip(texts, wanted, strict=True)
            ]
            condition += f" AND id IN (SELECT rowid FROM full_text WHERE {' AND '.join(tests)})"
            values += [f" {word} " for group, _ in wanted for word in group]
        if filters.without:
            condition += f" AND distribution NOT IN ({', '.join('?' * len(filters.without))})"
            values += filters.without
        return condition, values


def _either(words: Iterable[str]) -> str:
    return " OR ".join('"' + word.replace('"', '""') + '"' for word in words)
