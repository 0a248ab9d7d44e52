"""How deeply a document nests: a parser's memory grows with the square of it.

Brackets are counted, which costs next to nothing. Those within texts count too, so that the count is only a
suspicion; from the first one on, the document is read by its grammar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from dataflows_core.errors import DataError

__all__ = ["DEEPEST", "DepthGuard"]

DEEPEST = 1000
"""How deeply values may nest; more than any table needs, and less than hurts."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*(?P<open>"?)|(?P<down>[\[{])|(?P<up>[\]}])', re.DOTALL)


class DepthGuard:
    """Sees the bytes of a document pass, and refuses one that nests too deeply.

    Args:
        source: What messages call it.
        reread: Gives its bytes once more, from the beginning.
    """

    def __init__(self, source: str, reread: Callable[[], Iterator[bytes]]) -> None:
        self._source, self._reread = source, reread
        self._suspected = self._seen = 0
        self._depth: int | None = None  # by the grammar, once something was suspected
        self._rest = b""

    def see(self, data: bytes) -> None:
        """The next bytes, a few thousand at most.

        Raises:
            DataError: They nest too deeply.
        """
        self._seen += len(data)
        if self._depth is not None:
            self._walk(data)
            return
        opened = data.count(b"[") + data.count(b"{")
        self._suspected += opened - data.count(b"]") - data.count(b"}")
        if self._suspected > DEEPEST:
            self._depth = 0
            left = self._seen
            for again in self._reread():
                self._walk(again[:left])
                left -= len(again)
                if left <= 0:
                    return

    def _walk(self, data: bytes) -> None:
        assert self._depth is not None
        data, self._rest = self._rest + data, b""
        for token in _TOKEN.finditer(data):
            if token["down"]:
                self._depth += 1
                if self._depth > DEEPEST:
                    raise DataError(f"{self._source} nests deeper than {DEEPEST:,} levels, and is not read")
            elif token["up"]:
                self._depth -= 1
            elif not token["open"]:
                self._rest = data[token.start() :]  # a text that goes on
