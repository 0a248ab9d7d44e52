"""The rows of a parser, looked at before tabulator sees them.

Tabulator leaves out in silence: a key that the first row does not have, a row whose number is not above the
one before it, and the values of a key with blanks around it. None of this passes here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from dataflows_core.errors import DataError, UnreadableError, near_misses, shorten

__all__ = ["EmptySource", "Watch", "Watched"]

_HTML = re.compile(r"\s*<(!doctype|html)", re.IGNORECASE)

Extended = tuple[int, list[Any] | None, list[Any]]
"""The number of a row, its keys if it has any, and its values."""


class EmptySource(UnreadableError):
    """A source without a single row."""


@dataclass
class Watch:
    """Stands for a parser class of tabulator.

    Args:
        parser: The class.
        shown: What messages call the source.
        sample: How many rows the keys are taken from.
        html: Whether the source may be a page of HTML.
    """

    parser: Any
    shown: str
    sample: int
    html: bool = False
    made: Watched | None = None

    @property
    def options(self) -> Sequence[str]:
        """The options that the parser takes."""
        return tuple(self.parser.options)

    @property
    def keys(self) -> list[str]:
        """The names that the rows give their values; empty when they give none."""
        return self.made.keys if self.made is not None else []

    @property
    def texts(self) -> set[str]:
        """What the cells of the first rows say, the header among them; of rows with keys, the keys."""
        if self.made is None or self.keys:
            return set(self.keys)
        return {_name(cell) for row in self.made.first for cell in row}

    def close(self) -> None:
        """Close the parser, if it is open."""
        if self.made is not None and not self.made.closed:
            self.made.close()

    def __call__(self, loader: Any, force_parse: bool = False, **options: Any) -> Watched:
        """The parser."""
        self.made = Watched(self.parser(loader, force_parse=force_parse, **options), self)
        return self.made


class Watched:
    """A parser whose rows are looked at; everything else it does for itself.

    Args:
        parser: The parser.
        watch: What is known of it.

    Attributes:
        keys: The names that the rows give their values; empty when they give none.
        first: The values of the first rows, as they were.
    """

    def __init__(self, parser: Any, watch: Watch) -> None:
        self._parser, self._watch = parser, watch
        self.keys: list[str] = []
        self.first: list[list[Any]] = []
        self.extended_rows: Iterator[Extended] = iter(())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def open(self, source: Any, encoding: str | None = None) -> None:
        """Open the source."""
        self._parser.open(source, encoding=encoding)
        self.extended_rows = self._rows()

    def _rows(self) -> Iterator[Extended]:
        rows = iter(self._parser.extended_rows)
        head = list(islice(rows, self._watch.sample))
        if not head:
            raise EmptySource(f"{self._watch.shown} is empty: it has no row, and not even a header")
        if not self._watch.html and _HTML.match(
            "".join(map(_name, chain(*(values for _, _, values in head))))
        ):
            raise UnreadableError(
                f"{self._watch.shown} is a page of HTML, and no data; a page to sign in at, perhaps"
                "\n  format='html' reads its tables; allow_html=True reads on"
            )
        self.first = [list(values) for _, _, values in head]
        for _, keys, _ in head:
            self.keys += [name for name in map(_name, keys or ()) if name not in self.keys]
        last = 0
        for number, keys, values in chain(head, rows):
            if number <= last:
                raise DataError(
                    f"{self._watch.shown}: the parser {self._watch.parser.__name__} numbers a row {number} "
                    f"behind row {last}; rows are numbered upwards from 1, and tabulator leaves out others"
                )
            last = number
            yield number, [*self.keys] if self.keys else None, self._values(number, keys, values)

    def _values(self, number: int, keys: Sequence[Any] | None, values: Sequence[Any]) -> list[Any]:
        if not self.keys or (keys is None and not values):
            if keys:
                raise self._error(number, f"has keys, and the rows before have none: {shorten(keys)}")
            return list(values)
        if keys is None:
            raise self._error(number, f"has no keys, and others have: {shorten(values)}")
        names = [_name(key) for key in keys]
        if len(names) != len(values) or len(set(names)) < len(names):
            raise self._error(number, f"has {len(values)} values for the keys {shorten(names)}")
        for name in names:
            if name not in self.keys:
                close = near_misses(name, self.keys)
                hint = f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
                raise self._error(
                    number,
                    f"has a key {name!r} that no row of the sample had{hint}\n  look at more rows first "
                    "(sample_size=…)",
                )
        row = dict(zip(names, values, strict=True))
        return [row.get(name) for name in self.keys]

    def _error(self, number: int, problem: str) -> DataError:
        return DataError(f"{self._watch.shown}: row {number} {problem}")


def _name(key: Any) -> str:
    return "" if key is None else str(key).strip()
