"""Compressed sources: told by their first bytes, read as a stream, never unpacked to disk."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, cast

from dataflows_core.errors import AccessError, DataflowsError, FlowError, UnreadableError, near_misses
from dataflows_core.files.limits import Limited, Unpacked, check_directory
from dataflows_core.files.streams import Closing, Guarded, Prefixed, Readable, damage

if TYPE_CHECKING:
    from zipfile import ZipFile

__all__ = ["COMPRESSIONS", "SUFFIXES", "compression_of", "decompressed", "members", "normalize_compression"]

_NAMES = {"gz": "gzip", "zst": "zstd", "bzip2": "bz2", "lzma": "xz", "infer": None}
COMPRESSIONS = ("gzip", "zip", "bz2", "xz", "zstd", "none")
"""What `compression` can be; ``"none"`` reads the bytes as they are."""

SUFFIXES = {".gz": "gzip", ".zip": "zip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd", ".zstd": "zstd"}
"""The compressions by the ending of a path."""

_MAGIC = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_MAGIC_LENGTH = 10
_IN_MEMORY = 32 << 20


def normalize_compression(name: str | None) -> str | None:
    """The name in `COMPRESSIONS`, or None when the bytes shall tell.

    Raises:
        FlowError: There is no such compression.
    """
    found = _NAMES.get(name, name) if name is not None else None
    if found is None or found in COMPRESSIONS:
        return found
    close = near_misses(str(name), [*COMPRESSIONS, *_NAMES])
    hint = f"; did you mean {' or '.join(close)}?" if close else f"; known are {', '.join(COMPRESSIONS)}"
    raise FlowError(f"compression={name!r} is not known{hint}")


def compression_of(head: bytes) -> str | None:
    """The compression that the first bytes of a file tell; None when they tell none.

    Args:
        head: Ten bytes or more.
    """
    if head[:3] == b"BZh" and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return "bz2"
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


def decompressed(
    raw: Readable,
    source: str,
    compression: str | None = None,
    member: str | None = None,
    max_size: int | None = None,
) -> Guarded:
    """The stream of what a stream holds when its compression is undone.

    The bytes decide, not the name: servers and browsers unpack files and leave their names.

    Args:
        raw: The bytes as they lie in the source.
        source: What messages call it; a member is called after it.
        compression: One of `COMPRESSIONS`; None to tell it from the first bytes.
        member: The file within a zip file; may be left out when there is just one.
        max_size: The most bytes that there may be, packed and unpacked; None for what real data unpack to.

    Raises:
        AccessError: By `read`, when the bytes are damaged or end too soon.
        UnreadableError: By `read`, when there are too many. A zip file without the file that is wanted, or
            with several, or with a password.
    """
    raw = packed = Limited(raw, source, max_size)
    if compression is None:
        head = raw.read(_MAGIC_LENGTH) or b""
        compression = compression_of(head)
        raw = _rewound(raw, head)
    if member is not None and compression != "zip":
        raise FlowError(f"member={member!r} was given, but {source} is no zip file")
    if compression in (None, "none"):
        return Guarded(raw, source)
    try:
        opened = _open_zip(raw, source, member) if compression == "zip" else _OPENERS[compression](raw)
        within = source if member is None else f"{member} in {source}"
        return Guarded(Unpacked(opened, packed, within, compression, max_size), within, compression)
    except DataflowsError:
        raise
    except damage() as error:
        raise AccessError(f"{source} is no {compression} file that can be read: {error}") from error


def _rewound(raw: Readable, head: bytes) -> Readable:
    if raw.seekable():
        raw.seek(0)
        return raw
    return Prefixed(head, raw)


def _open_gzip(raw: Readable) -> Readable:
    import gzip

    return Closing(gzip.GzipFile(fileobj=raw, mode="rb"), raw)


def _open_bz2(raw: Readable) -> Readable:
    import bz2

    return Closing(bz2.BZ2File(raw), raw)


def _open_xz(raw: Readable) -> Readable:
    import lzma

    return Closing(lzma.LZMAFile(cast("IO[bytes]", raw)), raw)


def _open_zstd(raw: Readable) -> Readable:
    import pyarrow as pa

    return Closing(pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd"), raw)


def _open_zip(raw: Readable, source: str, member: str | None) -> Readable:
    with ExitStack() as opened:
        archive = _archive(raw, source, opened)
        name = _member(archive, source, member)
        if archive.getinfo(name).flag_bits & 1:
            raise UnreadableError(f"{name} in {source} is encrypted; unpack it first")
        stream = cast("io.BufferedIOBase", archive.open(name))
        return Closing(stream, opened.pop_all())


def _archive(raw: Readable, source: str, opened: ExitStack) -> ZipFile:
    import shutil
    import tempfile
    from zipfile import ZipFile

    opened.callback(raw.close)
    seekable = cast("IO[bytes]", raw)
    if not raw.seekable():
        # The directory of a zip file is at its end: what cannot be seeked is kept aside first.
        aside = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the stack closes it
        seekable = opened.enter_context(aside)
        shutil.copyfileobj(cast("IO[bytes]", raw), seekable, 1 << 20)
        seekable.seek(0)
    check_directory(seekable, source)
    return opened.enter_context(ZipFile(seekable))


def members(raw: Readable, source: str) -> list[str] | None:
    """The files in a zip file, without the leftovers of operating systems; None when it is none.

    Args:
        raw: The bytes as they lie in the source; closed afterwards.
        source: What messages call it.

    Raises:
        AccessError: It is a zip file, and damaged.
    """
    with ExitStack() as opened:
        opened.callback(raw.close)
        head = raw.read(_MAGIC_LENGTH) or b""
        if compression_of(head) != "zip":
            return None
        try:
            return _names(_archive(_rewound(raw, head), source, opened))
        except damage() as error:
            raise AccessError(f"{source} is no zip file that can be read: {error}") from error


def _names(archive: ZipFile) -> list[str]:
    names = (info.filename for info in archive.infolist() if not info.is_dir())
    return [
        name
        for name in names
        if not name.startswith("__MACOSX/") and not name.rpartition("/")[2].startswith(".")
    ]


def _member(archive: ZipFile, source: str, member: str | None) -> str:
    if member is not None:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        if member in names:
            return member
        close = near_misses(member, names)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise UnreadableError(
            f"there is no {member!r} in {source}{hint}\n  it holds: {', '.join(names[:20])}"
        )
    names = _names(archive)
    if "[Content_Types].xml" in names:
        raise UnreadableError(
            f"{source} is an Office document, not CSV; save its sheet as CSV, or use a loader for it"
        )
    if len(names) != 1:
        tables = [name for name in names if name.lower().endswith((".csv", ".tsv", ".tab", ".txt"))]
        if len(tables) == 1:
            return tables[0]
        what = f"holds several files: {', '.join(names[:20])}" if names else "is an empty zip file"
        raise UnreadableError(f"{source} {what}" + ("\n  say which one: member=…" if names else ""))
    return names[0]


_OPENERS: dict[str, Callable[[Readable], Readable]] = {
    "gzip": _open_gzip,
    "bz2": _open_bz2,
    "xz": _open_xz,
    "zstd": _open_zstd,
}
