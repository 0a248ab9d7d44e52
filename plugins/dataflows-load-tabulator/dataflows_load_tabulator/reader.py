"""An open table: the names of its columns, and its rows one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from dataflows_core.errors import FlowError, UnreadableError, near_misses
from dataflows_load_tabulator.content import Content
from dataflows_load_tabulator.failures import failures
from dataflows_load_tabulator.header import Header, Naming
from dataflows_load_tabulator.options import check_options
from dataflows_load_tabulator.place import Place
from dataflows_load_tabulator.watch import EmptySource, Watch

__all__ = ["Reader", "Table"]

_OURS = "dataflows"
_PICK = ("pick_fields", "pick_columns", "ignore_not_listed_headers")
_SKIP = ("skip_fields", "skip_columns", "ignore_listed_headers")


class Table:
    """An open table; it is closed by whoever opened it.

    Args:
        place: The source.
        header: The names of its columns.
        rows: Its rows, as they are.
        closer: Closes what was opened.
    """

    def __init__(self, place: Place, header: Header, rows: Iterable[list[Any]], closer: ExitStack) -> None:
        self._place, self._rows, self._closer = place, rows, closer
        self.header = header

    def rows(self) -> Iterator[list[Any]]:
        """Its rows, as they are.

        Raises:
            AccessError: The source cannot be read to its end.
            DataError: It is damaged.
        """
        count = 0
        with failures(self._place.source, self._place.shown, lambda: f", behind row {count}"):
            for row in self._rows:
                yield row
                count += 1

    def close(self) -> None:
        """Close the source."""
        self._closer.close()


@dataclass(frozen=True)
class Reader:
    """How sources are opened.

    Args:
        headers: As tabulator has it: the number of a row, two numbers, names, or None.
        options: What else tabulator and the parser are told.
        parsers: The parsers of the user's, by format.
        loaders: The loaders of the user's, by scheme.
        naming: How faulty names are treated.
        declared: The names of the fields that are declared: those of an empty source.
        sample: How many rows are looked at for the header.
        own: The names of the parameters of the processor.
    """

    headers: int | Sequence[int] | Sequence[str] | None
    options: Mapping[str, Any]
    parsers: Mapping[str, Any] = field(default_factory=dict)
    loaders: Mapping[str, Any] = field(default_factory=dict)
    naming: Naming = field(default_factory=Naming)
    declared: tuple[str, ...] = ()
    sample: int = 1000
    own: tuple[str, ...] = ()

    def open(self, place: Place) -> Table:
        """A table, open.

        Raises:
            FlowError: An option is unknown; something is to be installed.
            AccessError: The source cannot be opened.
            UnreadableError: It is not of its format, or empty.
            DataError: Its header makes no table; it is damaged.
        """
        with ExitStack() as closer:
            try:
                header, rows = self._open(place, closer)
            except EmptySource:
                if not self.declared:
                    raise
                header, rows = self.naming.header(self.declared, (), place.shown), iter(())
            return Table(place, header, rows, closer.pop_all())

    def _open(self, place: Place, closer: ExitStack) -> tuple[Header, Iterator[list[Any]]]:
        from tabulator import Stream

        watch = Watch(self._parser(place), place.shown, self.sample, bool(self.options.get("allow_html")))
        content, settings = self._loader(place)
        check_options(self.options, self.own, watch, self.loaders.get(place.scheme or ""), place.format)
        if content is not None:
            closer.callback(content.close)
        closer.callback(watch.close)
        try:
            stream = Stream(
                place.source,
                headers=self.headers,
                format=place.format,
                sample_size=self.sample,
                custom_parsers={place.format: watch},
                **settings,
                **{**place.options, **self.options},
            )
        except (ArithmeticError, AttributeError, LookupError, re.error, TypeError, ValueError) as error:
            raise FlowError(f"an option that tabulator does not understand: {error}") from error
        with failures(place.source, place.shown):
            stream.open()
            rows = (row for _, _, row in stream.iter(extended=True))
            head = list(islice(rows, self.sample))
        header = self._header(stream.headers, watch, head, place.shown)
        return header, chain(head, rows)

    def _parser(self, place: Place) -> Any:
        from tabulator import config, helpers

        if place.format in self.parsers:
            return self.parsers[place.format]
        with failures(place.source, place.shown):
            return helpers.import_attribute(config.PARSERS[place.format])

    def _loader(self, place: Place) -> tuple[Content | None, dict[str, Any]]:
        """Who opens the source: we, or one that tabulator finds."""
        opener = place.opener
        if opener is None:
            return None, {"scheme": place.scheme, "custom_loaders": dict(self.loaders)}
        newline = "" if place.format == "csv" and place.format not in self.parsers else None
        content = Content(opener, place.shown, owned=place.stream is None, newline=newline)
        return content, {"scheme": _OURS, "custom_loaders": {_OURS: content}}

    def _header(
        self, found: Sequence[str] | None, watch: Watch, rows: Sequence[Sequence[Any]], shown: str
    ) -> Header:
        keys = watch.keys
        if keys and not isinstance(self.headers, int | None) and isinstance(self.headers[0], str):
            raise FlowError(
                f"{shown}: its rows name their fields themselves, and so does headers; pick_fields=… chooses "
                "among them"
            )
        if found is None and isinstance(self.headers, int):
            raise UnreadableError(
                f"{shown} has no row {self.headers} that could be the header"
                "\n  say which row is (headers=…), or headers=None for none"
            )
        if found is None:
            width = max(map(len, rows), default=0)
            found = keys or [f"field{number}" for number in range(1, width + 1)]
        self._check_named(found, watch.texts, shown)
        return self.naming.header(found, rows, shown)

    def _check_named(self, found: Sequence[str], texts: set[str], shown: str) -> None:
        """Whether the fields to pick and to skip are there; to tabulator it is all the same."""
        joined = isinstance(self.headers, list)
        named = [(option, set(found)) for option in _PICK] + [
            (option, texts) for option in _SKIP if not joined
        ]
        for option, known in named:
            for name in self.options.get(option) or ():
                if isinstance(name, str) and name and name not in known:
                    close = near_misses(name, texts)
                    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
                    raise FlowError(f"{option}: the header of {shown} has no {name!r}{hint}")
