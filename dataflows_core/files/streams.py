"""Streams of bytes that end whole, or with an error that names their source."""

from __future__ import annotations

import io
from contextlib import ExitStack
from typing import Any

from dataflows_core.errors import AccessError, DataflowsError

__all__ = ["Closing", "Counted", "Guarded", "Prefixed", "Readable", "damage"]

Readable = io.RawIOBase | io.BufferedIOBase
"""What sources are read from: only `read(size)` is used, which returns fewer bytes only at the end."""


def damage() -> tuple[type[Exception], ...]:
    """What the decompressors raise; their modules are imported when something is wrong, or compressed."""
    import lzma
    import zlib
    from zipfile import BadZipFile

    import pyarrow as pa

    return (EOFError, zlib.error, lzma.LZMAError, BadZipFile, OSError, pa.ArrowException, NotImplementedError)


class Guarded(io.RawIOBase):
    """A stream whose every failure to be read is an `AccessError` that names the source.

    Args:
        stream: The stream.
        source: What messages call it.
        compression: What is being undone; empty when nothing is.

    Attributes:
        compression: The same.
    """

    def __init__(self, stream: Readable, source: str, compression: str = "") -> None:
        self._stream, self._source, self.compression = stream, source, compression

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Whether any place can be gone to at no cost."""
        return not self.compression and self._stream.seekable()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        return self._stream.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; fewer only at the end.

        Raises:
            AccessError: They cannot be read.
        """
        try:
            return self._stream.read(size) or b""
        except DataflowsError:
            raise
        except damage() as error:
            what = f"the {self.compression} data of {self._source} are damaged or cut short"
            if not self.compression:
                what = f"{self._source} cannot be read"
            raise AccessError(f"{what}: {error}") from error

    def close(self) -> None:
        """Close the stream beneath."""
        self._stream.close()
        super().close()


class Prefixed(io.RawIOBase):
    """A stream with some bytes, read before, put back in front.

    Args:
        head: The bytes.
        stream: The stream they were read from.
    """

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        head = self._head[: None if size < 0 else size]
        self._head = self._head[len(head) :]
        if head and len(head) == size:
            return head
        return head + (self._stream.read(size - len(head) if size >= 0 else -1) or b"")

    def close(self) -> None:
        """Close the stream beneath."""
        self._stream.close()
        super().close()


class Closing(io.RawIOBase):
    """A decompressor that closes what it reads from.

    Args:
        stream: The decompressor.
        beneath: What it reads from.
    """

    def __init__(self, stream: Readable, beneath: Readable | ExitStack) -> None:
        self._stream, self._beneath = stream, beneath

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        return self._stream.read(size) or b""

    def close(self) -> None:
        """Close both."""
        self._stream.close()
        self._beneath.close()
        super().close()


class Counted(io.RawIOBase):
    """What comes from a network; if it ends too soon, that is an error, never a short table.

    Args:
        stream: A binary file object; its `read` may return fewer bytes than it is asked for.
        url: What messages call it.
        expected: The number of bytes there should be; None when it is not known.
    """

    def __init__(self, stream: Any, url: str, expected: int | None) -> None:
        self._stream, self._url, self._expected, self._count = stream, url, expected, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; fewer only at the end.

        Raises:
            AccessError: The connection broke off.
        """
        from http.client import HTTPException

        parts: list[bytes] = []
        left = size
        while left:
            try:
                part = self._stream.read(left) if left > 0 else self._stream.read()
            except (HTTPException, OSError) as error:
                raise self._broken(str(error) or type(error).__name__) from error
            self._count += len(part)
            if not part:
                if self._expected is not None and self._count < self._expected:
                    raise self._broken(f"{self._count} of {self._expected} bytes came")
                break
            parts.append(part)
            left = left - len(part) if left > 0 else left
        return b"".join(parts)

    def _broken(self, problem: str) -> AccessError:
        return AccessError(
            f"{self._url} broke off: {problem}\n  nothing was lost but time: run the flow again"
        )

    def close(self) -> None:
        """Close the stream beneath."""
        self._stream.close()
        super().close()
