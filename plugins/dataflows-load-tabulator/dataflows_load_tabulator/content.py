"""The bytes of a source as a parser of tabulator gets them: opened by dataflows, never by tabulator.

So the retries, limits and passwords are those of every loader, and what breaks off is an error.
"""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

__all__ = ["Content"]

logger = logging.getLogger("dataflows.load_tabulator")


_ONE_AT_A_TIME = threading.Lock()


class _Raw(io.RawIOBase):
    """A stream that is read by `read` alone, as Python's buffers and texts want it.

    It has a place of its own, so that two resources can be read from one stream of the user's.
    """

    def __init__(self, stream: IO[bytes], *, owned: bool) -> None:
        self._stream, self._owned, self._place = stream, owned, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        with _ONE_AT_A_TIME:
            self._stream.seek(self._place)
            self._place = self._stream.seek(offset, whence)
        return self._place

    def readinto(self, buffer: Any) -> int:
        if self._owned:
            data = self._stream.read(len(buffer))
        else:
            with _ONE_AT_A_TIME:
                self._stream.seek(self._place)
                data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        if self._owned and not self.closed:
            self._stream.close()
        super().close()


@dataclass
class Content:
    """Stands for a loader class of tabulator, and for its instances.

    Args:
        open_bytes: Opens the source from its beginning; any place can be gone to.
        shown: What messages call the source.
        owned: Whether what is opened is closed again.
        newline: As in `open`: ``""`` for CSV, where a line may end within a value.
    """

    open_bytes: Callable[[], IO[bytes]]
    shown: str
    owned: bool = True
    newline: str | None = None
    options: tuple[str, ...] = ()
    _sample: int = 0
    _opened: list[IO[Any]] = field(default_factory=list)

    def __call__(self, bytes_sample_size: int) -> Content:
        """The loader."""
        self._sample = bytes_sample_size
        return self

    def load(self, _source: Any, mode: str = "t", encoding: str | None = None) -> IO[Any]:
        """The bytes, or with the mode ``"t"`` the text.

        Raises:
            AccessError: It cannot be opened.
        """
        stream = io.BufferedReader(_Raw(self.open_bytes(), owned=self.owned), 1 << 16)
        self._opened.append(stream)
        if mode == "b":
            return stream
        head = stream.read(self._sample) if self._sample else b""
        stream.seek(0)
        return io.TextIOWrapper(stream, self._encoding(head, encoding), newline=self.newline)

    def _encoding(self, head: bytes, encoding: str | None) -> str:
        from tabulator import helpers

        if encoding is None and _is_utf8(head):
            encoding = "utf-8"
        if encoding is not None:
            return str(helpers.normalize_encoding(head, encoding))
        guess = str(helpers.detect_encoding(head))
        if guess != "utf-8":
            logger.warning("%s is read as %s, which is a guess; encoding=… says it", self.shown, guess)
        return guess

    def close(self) -> None:
        """Close everything that was opened."""
        for stream in self._opened:
            stream.close()
        self._opened.clear()


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and error.reason == "unexpected end of data"
    return True
