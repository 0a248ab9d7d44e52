"""Downloads that are kept: the server is asked each time, and sends the file only when it has changed.

What is kept is never taken in silence for what the server has: one that cannot be asked is an error.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from dataflows_core.commit import access_errors
from dataflows_core.errors import AccessError, FlowError, UnreadableError
from dataflows_core.files.compression import decompressed
from dataflows_core.files.download import Beginning, Changed, Download
from dataflows_core.files.limits import check_announced
from dataflows_core.files.listening import tell
from dataflows_core.files.shelf import Entry, Shelf
from dataflows_core.files.streams import Guarded
from dataflows_core.files.urls import is_http, shown
from dataflows_core.files.validators import Validators
from dataflows_core.files.web import header_fields

__all__ = ["kept_copy"]

logger = logging.getLogger("dataflows.files")

_PIECE, _SURE = 1 << 20, 8 << 20


def kept_copy(url: str, options: Mapping[str, Any], max_size: int | None) -> Path:
    """A local file with what a URL has now.

    Args:
        url: The URL.
        options: For HTTP header fields to send, otherwise what the fsspec file system takes.
        max_size: The most bytes it may have.

    Raises:
        AccessError: It cannot be had, or the server cannot be asked whether the kept copy is still right.
        UnreadableError: It is too long.
        FlowError: It is in a place that does not say which version it is of.
    """
    url = url.partition("#")[0]
    deciding = header_fields(options, shown(url)) if is_http(url) else dict(options)
    shelf = Shelf.of(url, deciding)
    with shelf.locked(), access_errors(f"keep {shown(url)} in {shelf.root}"):
        entry = shelf.entry()
        try:
            keeper = _keep_web if is_http(url) else _keep_store
            return keeper(shelf, entry, url, options, max_size)
        except AccessError as error:
            if entry is None or isinstance(error, UnreadableError):
                raise
            days = (time.time() - entry.fetched) / 86_400
            raise AccessError(
                f"{error}\n  a copy that was fetched {days:.1f} days ago is kept, but not used: "
                "whether it is still right cannot be told"
            ) from error


def _keep_web(
    shelf: Shelf, entry: Entry | None, url: str, options: Mapping[str, Any], max_size: int | None
) -> Path:
    part = shelf.read_part()
    beginning = Beginning(*part) if part is not None else None
    known = entry.validators if entry is not None else None
    try:
        download = Download(url, options, max_size=max_size, kept=known, beginning=beginning)
        return _receive(shelf, entry, download, beginning, max_size)
    except Changed:
        if beginning is None:
            raise
        shelf.drop_part()
    download = Download(url, options, max_size=max_size, kept=known)
    return _receive(shelf, entry, download, None, max_size)


def _receive(
    shelf: Shelf, entry: Entry | None, download: Download, beginning: Beginning | None, max_size: int | None
) -> Path:
    if entry is not None and download.is_kept:
        download.close()
        return shelf.place(entry)
    if not download.validators.conditions:
        logger.warning(
            "%s: the server does not say which version it sends; it is fetched every time", download.source
        )
    if beginning is None:
        shelf.drop_part()
    digest = beginning.digest.copy() if beginning is not None else hashlib.sha256()

    def sure(size: int) -> None:
        if download.validators.if_range and not download.encoding:
            shelf.write_part_facts(download.validators, size, digest.hexdigest())

    with download, shelf.part.open("ab") as file:
        read: Callable[[int], bytes] = download.read_some
        if download.encoding:
            read = decompressed(download, download.source, download.encoding, max_size=max_size).read
        _copy(read, file, digest, sure)
    return shelf.store(download.source, download.validators, digest.hexdigest())


def _copy(read: Callable[[int], bytes], file: BinaryIO, digest: Any, sure: Callable[[int], None]) -> None:
    """Write what comes, and write down now and then what of it is there, also when it comes no further."""
    count = marked = file.tell()
    try:
        while data := read(_PIECE):
            file.write(data)
            digest.update(data)
            count += len(data)
            if count - marked >= _SURE:
                file.flush()
                sure(count)
                marked = count
        file.flush()
        os.fsync(file.fileno())
    except BaseException:
        file.flush()
        sure(count)
        raise


def _keep_store(
    shelf: Shelf, entry: Entry | None, url: str, options: Mapping[str, Any], max_size: int | None
) -> Path:
    from dataflows_core.files.stores import open_store

    version = _store_version(url, options)
    check_announced(version.length, max_size, shown(url))
    if entry is not None and entry.validators == version:
        return shelf.place(entry)
    shelf.drop_part()
    digest, source = hashlib.sha256(), shown(url)
    with Guarded(open_store(url, options), source) as stream, shelf.part.open("wb") as file:
        while data := stream.read(_PIECE):
            file.write(data)
            digest.update(data)
            tell(source, file.tell(), version.length)
        size = file.tell()
    if size != version.length or _store_version(url, options) != version:
        raise Changed(f"{source} changed while it was read\n  run the flow again")
    return shelf.store(source, version, digest.hexdigest())


def _store_version(url: str, options: Mapping[str, Any]) -> Validators:
    """What the file system says by which one sees whether a file has changed."""
    from dataflows_core.files.stores import Translated, store_of

    system, path = store_of(url, options)
    with Translated(url, options, "opened"):
        system.invalidate_cache()
        found = Validators.of_store(system.info(path))
    if not found.etag or found.length is None:
        raise FlowError(
            f"{shown(url)} cannot be kept: its file system does not say when a file changes; leave cache out"
        )
    return found
