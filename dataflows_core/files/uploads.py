"""Uploads that nobody sees before they are committed, as far as a store can do that.

| file system | until the commit | the commit |
|---|---|---|
| S3, Google Cloud Storage | an upload in several parts | completes it |
| Azure | blocks that the list of a blob does not name | writes the list |
| any other (sftp, ftp, memory …) | a file under a temporary name, beside its place | moves it |
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from dataflows_core.files.stores import protocols

__all__ = ["Upload", "leaves_names", "upload"]

_COMPLETED = {"s3", "s3a", "gs", "gcs"}
_LISTED = {"az", "abfs", "abfss"}
_PIECE = 1 << 20
_SMALLEST_PART = 8 << 20
_MOST_PARTS = 9_000
"""S3 allows 10,000."""


class Upload(Protocol):
    """A file on its way into a store. What goes wrong is whatever the file system raises."""

    def send(self, stop: threading.Event) -> None:
        """Upload it, so that all that is left to do is to commit it.

        Args:
            stop: Set when it is not wanted any more.
        """
        ...

    def commit(self) -> None:
        """Let it be seen under its name, in the place of what was there."""
        ...

    def discard(self) -> None:
        """Remove what was sent, if anything was."""
        ...


def leaves_names(system: Any) -> bool:
    """Whether uploads into a file system stand under temporary names until they are committed."""
    return not protocols(system) & (_COMPLETED | _LISTED)


def upload(system: Any, source: Path, target: str, aside: str) -> Upload:
    """An upload that has not begun yet.

    Args:
        system: The file system of fsspec.
        source: The file.
        target: Its path in the store.
        aside: A path beside it, for file systems that need one.
    """
    for schemes, kind in ((_COMPLETED, _Completed), (_LISTED, _Listed)):
        if protocols(system) & schemes:
            return kind(system, source, target)
    return _Moved(system, source, target, aside)


def _copy(source: Path, file: Any, stop: threading.Event) -> None:
    with source.open("rb") as opened:
        while data := opened.read(_PIECE):
            if stop.is_set():
                raise InterruptedError("the upload is not wanted any more")
            file.write(data)


class _InParts:
    """An upload in parts, each of which leaves memory when it is sent."""

    def __init__(self, system: Any, source: Path, target: str) -> None:
        self._system, self._source, self._target = system, source, target
        self._file: Any = None

    def _open(self, *, autocommit: bool) -> Any:
        size = self._source.stat().st_size
        part = max(_SMALLEST_PART, -(-size // _MOST_PARTS // _PIECE) * _PIECE)
        self._file = self._system.open(self._target, "wb", block_size=part, autocommit=autocommit)
        return self._file


class _Completed(_InParts):
    def send(self, stop: threading.Event) -> None:
        file = self._open(autocommit=False)
        self._system.transaction.files.remove(file)  # it is committed here, and by nobody else
        _copy(self._source, file, stop)
        file.close()

    def commit(self) -> None:
        self._file.commit()

    def discard(self) -> None:
        if self._file is not None:
            self._file.closed = True  # or it would send the rest when it is collected
            with suppress(FileNotFoundError):
                self._file.discard()


class _Listed(_InParts):
    """Closing the file writes the list; the store forgets blocks that no list names."""

    def send(self, stop: threading.Event) -> None:
        # Of a small file nothing is sent before the commit, which is too late to find what could be known.
        container = self._target.partition("/")[0]
        try:
            self._system.info(self._target)
        except FileNotFoundError:
            if not self._system.exists(container):
                raise FileNotFoundError(f"there is no container {container!r}") from None
        _copy(self._source, self._open(autocommit=True), stop)

    def commit(self) -> None:
        self._file.close()  # with the last block

    def discard(self) -> None:
        if self._file is not None:
            self._file.closed = True  # or it would be committed when it is collected


class _Moved:
    def __init__(self, system: Any, source: Path, target: str, aside: str) -> None:
        self._system, self._source, self._target, self._aside = system, source, target, aside

    def send(self, stop: threading.Event) -> None:
        self._system.makedirs(self._system._parent(self._aside), exist_ok=True)
        with self._system.open(self._aside, "wb") as file:
            _copy(self._source, file, stop)
        sent, arrived = self._source.stat().st_size, self._system.info(self._aside)["size"]
        if sent != arrived:
            raise OSError(f"{arrived} of {sent} bytes arrived")

    def commit(self) -> None:
        self._system.makedirs(self._system._parent(self._target), exist_ok=True)
        _rename(self._system, self._aside, self._target)

    def discard(self) -> None:
        with suppress(FileNotFoundError):
            self._system.rm_file(self._aside)


def _rename(system: Any, old: str, new: str) -> None:
    from fsspec import AbstractFileSystem

    if type(system).mv is AbstractFileSystem.mv:  # which would take a bracket in a name for a pattern
        system.cp_file(old, new)
        system.rm_file(old)
    else:
        system.mv(old, new)
