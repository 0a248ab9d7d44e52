"""How long sources may be: as long as the user says, and packed ones as far as data can be packed.

A packed file of a few megabytes may unpack to more than any disk holds: deflate reaches 1,032 : 1, bzip2, xz
and zstd many thousands to one. Tables are packed 3 : 1 to 50 : 1. What is beyond both a gigabyte and the
ratios below is refused; the others than deflate make more of a table that repeats itself, and may do so.
"""

from __future__ import annotations

import io
import struct
from typing import IO, Any

from dataflows_core.errors import FlowError, UnreadableError
from dataflows_core.files.streams import Readable

__all__ = [
    "HARMLESS",
    "Limited",
    "Unpacked",
    "check_announced",
    "check_directory",
    "checked_max_size",
    "refuse_longer",
]

HARMLESS = 1 << 30
"""Bytes that may always be unpacked, however small the packed file is."""

_RATIOS = {"gzip": 200, "zip": 200, "bz2": 2000, "xz": 2000, "zstd": 2000}
_PIECE = 1 << 20
_MOST_MEMBERS, _LONGEST_MEMBER = 100_000, 320  # bytes that a directory needs for a member, on average
_LONGEST_END = (1 << 16) + 22 + 76  # a comment, and what is around it


def checked_max_size(size: Any) -> int | None:
    """The limit itself.

    Raises:
        FlowError: It is no number from 1.
    """
    if size is None or (isinstance(size, int) and not isinstance(size, bool) and size >= 1):
        return size
    raise FlowError(f"max_size={size!r} must be a number of bytes, from 1; None guards against bombs alone")


def check_announced(size: int | None, max_size: int | None, source: str) -> None:
    """See whether the announced length of a source is below its limit.

    Raises:
        UnreadableError: It is not.
    """
    if size is not None and max_size is not None and size > max_size:
        raise UnreadableError(f"{source} has {size:,} bytes, and max_size={max_size} allows {max_size:,}")


def refuse_longer(count: int, max_size: int | None, source: str) -> None:
    """Refuse a source of which more bytes came than it may have.

    Raises:
        UnreadableError: That is so.
    """
    if max_size is not None and count > max_size:
        raise UnreadableError(
            f"{source} has more than the {max_size:,} bytes that max_size={max_size} allows"
        )


def check_directory(archive: IO[bytes], source: str) -> None:
    """See that the directory of a zip file is of a size that is worth reading: all of it is held in memory.

    Args:
        archive: The zip file; what is no zip file is left to who opens it.
        source: What messages call it.

    Raises:
        UnreadableError: It has too many members.
    """
    end = archive.seek(0, io.SEEK_END)
    archive.seek(max(0, end - _LONGEST_END))
    tail = archive.read()
    archive.seek(0)
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) < found + 16:
        return
    members, size = struct.unpack_from("<HI", tail, found + 10)
    large = found - 76  # where the record of large files is
    if large >= 0 and tail.startswith(b"PK\x06\x06", large) and tail.startswith(b"PK\x06\x07", large + 56):
        members, size = struct.unpack_from("<QQ", tail, large + 32)
    if members > _MOST_MEMBERS or size > _MOST_MEMBERS * _LONGEST_MEMBER:
        raise UnreadableError(
            f"{source} has more than {_MOST_MEMBERS:,} files; it is not opened\n"
            "  unpack it, and load the files"
        )


class Limited(io.RawIOBase):
    """A stream that counts what is read from it, and ends with an error where it is too long.

    Args:
        stream: The stream.
        source: What messages call it.
        max_size: The most bytes there may be; None for any number.

    Attributes:
        count: How many bytes have been read.
    """

    def __init__(self, stream: Readable, source: str, max_size: int | None) -> None:
        self._stream, self._source, self._max_size, self.count = stream, source, max_size, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Whether any place can be gone to at no cost."""
        return self._stream.seekable()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place; from now on bytes may be read again, so that they are counted no more as length."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._stream.tell()

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; fewer only at the end.

        Raises:
            UnreadableError: There are more bytes than there may be.
        """
        if size >= 0:
            return self._counted(self._stream.read(size) or b"")
        parts = []
        while data := self._counted(self._stream.read(_PIECE) or b""):
            parts.append(data)
        return b"".join(parts)

    def _counted(self, data: bytes) -> bytes:
        self.count += len(data)
        self._check()
        return data

    def _check(self) -> None:
        if not self.seekable():
            refuse_longer(self.count, self._max_size, self._source)

    def close(self) -> None:
        """Close the stream beneath."""
        self._stream.close()
        super().close()


class Unpacked(Limited):
    """What a decompressor gives, as far as it may.

    Args:
        stream: The decompressor.
        packed: What it reads from.
        source: What messages call it.
        compression: What it undoes.
        max_size: The most bytes there may be; None for what real data unpack to.
    """

    def __init__(
        self, stream: Readable, packed: Limited, source: str, compression: str, max_size: int | None
    ) -> None:
        super().__init__(stream, source, max_size)
        self._packed, self._compression = packed, compression

    def seekable(self) -> bool:
        """It is not."""
        return False

    def _check(self) -> None:
        if self._max_size is not None:
            if self.count > self._max_size:
                raise UnreadableError(
                    f"{self._source} unpacks to more than the {self._max_size:,} bytes that "
                    f"max_size={self._max_size} allows"
                )
        elif self.count > HARMLESS and self.count > _RATIOS[self._compression] * self._packed.count:
            raise UnreadableError(
                f"{self._source} unpacks {self._packed.count:,} bytes of {self._compression} to more than "
                f"{self.count:,}: that is no data, but a bomb\n"
                f"  if it is meant to be so, max_size=… says how many bytes it may unpack to"
            )
