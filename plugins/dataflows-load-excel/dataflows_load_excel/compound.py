"""Files of sectors: xls files, whose cells are records in a stream, and xlsx files with a password."""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["MAGIC", "is_encrypted", "widest_cell"]

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""What a file of sectors begins with."""

_END = 0xFFFFFFFA  # from here on numbers of sectors mean something else
_CELLS = {0x0006, 0x00BD, 0x00D6, 0x00FD, 0x0203, 0x0204, 0x0205, 0x0206, 0x027E, 0x0406}
_STREAMS = ("Workbook", "Book")


def is_encrypted(data: bytes) -> bool:
    """Whether it is the file of sectors that an xlsx file with a password is put into.

    Args:
        data: The file.
    """
    return "EncryptedPackage".encode("utf-16-le") in data and not any(_books(data))


def widest_cell(data: bytes) -> int:
    """The last column of a cell in an xls file, from 1; 0 when it is none.

    Args:
        data: The file.
    """
    return max((_last_column(stream) for stream in _books(data)), default=0)


def _last_column(stream: bytes) -> int:
    place = last = 0
    while place + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, place)
        if kind in _CELLS and length >= 4:
            column = struct.unpack_from("<H", stream, place + 6)[0] + 1
            if kind == 0x00BD:  # several cells in one record
                column += max((length - 6) // 6 - 1, 0)
            last = max(last, column)
        place += 4 + length
    return last


def _books(data: bytes) -> Iterator[bytes]:
    """The streams that hold workbooks."""
    size, small = (1 << struct.unpack_from("<H", data, at)[0] for at in (30, 32))
    if size > 1 << 16 or small > 1 << 16:
        return
    first_directory, _, cutoff, first_small = struct.unpack_from("<IIII", data, 48)
    table = _table(data, size)

    def sectors(start: int, table: list[int]) -> Iterator[int]:
        seen = 0
        while start < _END and start < len(table) and seen <= len(table):
            yield start
            start, seen = table[start], seen + 1

    def big(start: int) -> bytes:
        return b"".join(data[(at + 1) * size : (at + 2) * size] for at in sectors(start, table))

    directory = big(first_directory)
    entries = [directory[at : at + 128] for at in range(0, len(directory) - 127, 128)]
    if not entries:
        return
    minis = big(first_small)
    small_table = list(struct.unpack(f"<{len(minis) // 4}I", minis[: len(minis) // 4 * 4]))
    container = big(struct.unpack_from("<I", entries[0], 116)[0])
    for entry in entries:
        if (
            entry[: max(struct.unpack_from("<H", entry, 64)[0] - 2, 0)].decode("utf-16-le", "replace")
            in _STREAMS
        ):
            start, length = struct.unpack_from("<II", entry, 116)
            if length < cutoff:
                yield b"".join(
                    container[at * small : (at + 1) * small] for at in sectors(start, small_table)
                )[:length]
            else:
                yield big(start)[:length]


def _table(data: bytes, size: int) -> list[int]:
    """Which sector follows which."""
    places = list(struct.unpack_from("<109I", data, 76))
    following, count = struct.unpack_from("<II", data, 68)
    for _ in range(min(count, len(data) // size)):
        if following >= _END:
            break
        *more, following = struct.unpack_from(f"<{size // 4}I", data, (following + 1) * size)
        places += more
    found: list[int] = []
    for place in places:
        if place < _END and (place + 2) * size <= len(data) + size:
            sector = data[(place + 1) * size : (place + 2) * size]
            found += struct.unpack(f"<{len(sector) // 4}I", sector[: len(sector) // 4 * 4])
    return found
