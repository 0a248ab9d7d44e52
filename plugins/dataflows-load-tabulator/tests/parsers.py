"""Parsers and loaders as users of tabulator have written them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from tabulator import Loader, Parser


class LogParser(Parser):  # type: ignore[misc] # tabulator has no types
    """Lines such as ``level=info time=12``, or of lines without keys."""

    options = ("separator", "keyed", "first", "fail_at")

    def __init__(self, loader: Any, force_parse: bool = False, **options: Any) -> None:
        self.loader, self.force_parse, self.given = loader, force_parse, options
        self.chars: Any = None

    @property
    def closed(self) -> bool:
        return self.chars is None or bool(self.chars.closed)

    @property
    def encoding(self) -> str:
        return "utf-8"

    @property
    def extended_rows(self) -> Any:
        return self.rows

    def open(self, source: Any, encoding: str | None = None) -> None:
        self.chars = self.loader.load(source, encoding=encoding)
        self.reset()

    def close(self) -> None:
        self.chars.close()

    def reset(self) -> None:
        self.chars.seek(0)
        self.rows = self.parsed()

    def parsed(self) -> Iterator[tuple[int, list[str] | None, list[Any]]]:
        for number, line in enumerate(self.chars, self.given.get("first", 1)):
            if number == self.given.get("fail_at"):
                raise KeyError(f"no {self.chars.name if hasattr(self.chars, 'name') else 'name'}")
            pairs = [part.split("=") for part in line.strip().split(self.given.get("separator", " "))]
            if self.given.get("keyed", True):
                yield number, [pair[0] for pair in pairs], [pair[-1] for pair in pairs]
            else:
                yield number, None, [pair[-1] for pair in pairs]


class ValuesParser(Parser):  # type: ignore[misc]
    """Rows that are there already; what a database gives, for one."""

    def __init__(self, loader: Any, force_parse: bool = False) -> None:
        self.rows: Any = None

    closed = False
    encoding = None

    @property
    def extended_rows(self) -> Any:
        return self.rows

    def open(self, source: Any, encoding: str | None = None) -> None:
        self.rows = ((number, None, list(row)) for number, row in enumerate(source, 1))

    def close(self) -> None:
        self.rows = None

    def reset(self) -> None:
        raise NotImplementedError


class ShoutLoader(Loader):  # type: ignore[misc]
    """Of the scheme ``shout``: the address itself, in capitals."""

    options = ("times",)

    def __init__(self, bytes_sample_size: int, times: int = 1) -> None:
        self.times = times

    def load(self, source: str, mode: str = "t", encoding: str | None = None) -> Any:
        data = io.BytesIO(("word=" + source.removeprefix("shout://").upper() + "\n").encode() * self.times)
        return data if mode == "b" else io.TextIOWrapper(data, encoding or "utf-8")
