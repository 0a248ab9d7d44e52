"""Where a run writes files: a folder of this machine, or one in a store. Steps need not know which."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from dataflows_core.commit import STAGING, Commit, access_errors, safe_path
from dataflows_core.errors import FlowError
from dataflows_core.files import Source
from dataflows_core.files.given import checked_storage_options
from dataflows_core.files.streams import Guarded
from dataflows_core.files.urls import is_http, is_remote, shown

__all__ = ["Staging", "Target", "target_file", "target_folder"]


class Staging(Protocol):
    """Files that are put into a folder together, when all are finished."""

    @property
    def scratch(self) -> Path:
        """A local folder for intermediate files; it goes when the commit ends."""
        ...

    def stage(self, path: str) -> Path:
        """Where to write, locally, the file that is to become `path` in the folder."""
        ...

    def finish(self, paths: Sequence[str], remove: Iterable[str] = ()) -> None:
        """Put the staged files in their places, in this order, and remove others."""
        ...

    def abort(self) -> None:
        """Remove the staged files; does nothing after `finish`."""
        ...


class Target(Protocol):
    """A folder that is written into."""

    def planned(self) -> Target:
        """The same folder, once and for all: what a function does to the working directory does not move it.

        Raises:
            AccessError: It is in a store whose file system is not installed; says what to install.
            FlowError: No file system knows it, or `storage_options` do not fit it.
        """
        ...

    def shown(self, path: str = "") -> str:
        """What messages call the folder, or a path in it; without passwords."""
        ...

    def begin(self, staging: str = STAGING) -> Staging:
        """Begin to write into it.

        Args:
            staging: What the preparations are called; those of another name do not exclude them.

        Raises:
            AccessError: It cannot be written to; or somebody else does.
        """
        ...

    def size(self, path: str) -> int | None:
        """The bytes of a file in it; None when there is none, or it is something else than a file.

        Raises:
            AccessError: It cannot be asked.
        """
        ...

    def open(self, path: str) -> Guarded:
        """Open a file in it, as it is, for reading.

        Raises:
            AccessError: It cannot be opened; also later, by `read`.
        """
        ...


def target_folder(
    location: str | os.PathLike[str],
    storage_options: Mapping[str, Any] | None = None,
    *,
    parameter: str = "out_path",
) -> Target:
    """The folder that a path or a URL means.

    Args:
        location: A path, or the URL of a folder in a store that fsspec knows.
        storage_options: What the file system of the URL takes.
        parameter: What the caller's parameter is called.

    Raises:
        FlowError: It is empty, or a URL that cannot be written to.

    Examples:
        >>> target_folder("s3://bucket/out/").shown("data/a.csv")
        's3://bucket/out/data/a.csv'
    """
    text, options = os.fspath(location), checked_storage_options(storage_options)
    if not text:
        raise FlowError(f"{parameter} is empty; write '.' for the current folder")
    local = Source(text).local
    if local is not None:
        return _Folder(local)
    if is_http(text):
        raise FlowError(
            f"{parameter}={shown(text)!r}: the web is only read; "
            "write into a folder, or into a store such as s3://bucket/out"
        )
    if "::" in text or text.startswith("zip://"):
        raise FlowError(f"{parameter}={shown(text)!r}: what lies within another file is only read")
    scheme, _, place = text.partition("://")
    if not place.strip("/") and scheme.lower() in _WITH_BUCKETS:
        raise FlowError(f"{parameter}={text!r} names no bucket")
    return _StoreFolder(text.rstrip("/") if place.strip("/") else text, dict(options))


def target_file(
    location: str | os.PathLike[str],
    storage_options: Mapping[str, Any] | None = None,
    *,
    parameter: str = "out_file",
) -> tuple[Target, str]:
    """The folder that a file is in, and its name.

    Args:
        location: The path of a file, or a URL; as in `target_folder`, like the rest.
        storage_options: See there.
        parameter: See there.

    Raises:
        FlowError: It names no file, or a folder.
    """
    text = os.fspath(location)
    if not is_remote(text):
        path = Source(text).local or Path()
        safe_path(path.name)
        if path.is_dir():
            raise FlowError(f"{parameter}={text!r} is a folder; name a file in it")
        return target_folder(path.parent, storage_options, parameter=parameter), path.name
    folder, _, name = text.rpartition("/")
    if folder == "memory:/":
        folder = "memory://"  # it has neither a server nor buckets
    elif not urlsplit(text).path.strip("/"):
        name = ""
    if not name:
        target_folder(text, storage_options, parameter=parameter)
        raise FlowError(f"{parameter}={shown(text)!r} names no file")
    safe_path(name)
    return target_folder(folder, storage_options, parameter=parameter), name


_WITH_BUCKETS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci")


@dataclass(frozen=True)
class _Folder:
    """A folder of this machine."""

    folder: Path
    name: Path | None = None

    def planned(self) -> _Folder:
        return replace(self, folder=self.folder.absolute(), name=self.name or self.folder)

    def shown(self, path: str = "") -> str:
        return str((self.name or self.folder) / path)

    def begin(self, staging: str = STAGING) -> Commit:
        return Commit(self.folder, staging)

    def size(self, path: str) -> int | None:
        file = self.folder / path
        with access_errors(f"read {self.shown(path)}"):
            return file.stat().st_size if file.is_file() else None

    def open(self, path: str) -> Guarded:
        return Source(str(self.folder / path), compression="none").open()


@dataclass(frozen=True)
class _StoreFolder:
    """A folder in a store of fsspec."""

    url: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def planned(self) -> _StoreFolder:
        from dataflows_core.files.stores import store_of

        store_of(self.url, self.options)
        return self

    def shown(self, path: str = "") -> str:
        return shown(self._at(path) if path else self.url)

    def begin(self, staging: str = STAGING) -> Staging:
        from dataflows_core.files.stores import store_of
        from dataflows_core.store_commit import StoreCommit

        system, folder = store_of(self.url, self.options)
        return StoreCommit(self.url, self.options, system, folder, staging)

    def size(self, path: str) -> int | None:
        from dataflows_core.files.stores import store_size

        return store_size(self._at(path), self.options)

    def open(self, path: str) -> Guarded:
        return Source(self._at(path), self.options, "none").open()

    def _at(self, path: str) -> str:
        return self.url + path if self.url.endswith("://") else f"{self.url.rstrip('/')}/{path}"
