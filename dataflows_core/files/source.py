"""A source: one file, wherever it lies and however it is packed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, cast

from dataflows_core.commit import access_errors
from dataflows_core.errors import AccessError, FlowError, UnreadableError
from dataflows_core.files.compression import SUFFIXES, decompressed, members
from dataflows_core.files.given import checked_cache, checked_storage_options
from dataflows_core.files.limits import check_announced, checked_max_size
from dataflows_core.files.paths import local_path, matches, not_found, stem, zipped
from dataflows_core.files.remote import keep_remote, open_remote
from dataflows_core.files.streams import Guarded, Readable
from dataflows_core.files.urls import is_remote, shown
from dataflows_core.files.validators import Sightings

__all__ = ["Source", "expand", "open_source", "read_bytes", "stem"]

_IN_MEMORY = 32 << 20


@dataclass(frozen=True)
class Source:
    """One file.

    Args:
        path: Its path or URL.
        storage_options: For HTTP header fields to send, otherwise what the fsspec file system takes.
        compression: One of `compression.COMPRESSIONS`; None to tell it from the first bytes.
        member: The file within a zip file.
        cache: Whether what is downloaded is kept for the next time.
        max_size: The most bytes that it may have, packed and unpacked; None guards against bombs alone.
        kept: The local copy that is read instead; `fetched` gives a source with it.

    Examples:
        >>> Source.of("zip://data/a.tsv::archive.zip").suffix
        '.tsv'
    """

    path: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)  # there are secrets in it
    compression: str | None = None
    member: str | None = None
    cache: bool = field(default=False, kw_only=True)
    max_size: int | None = field(default=None, kw_only=True)
    kept: Path | None = field(default=None, kw_only=True)
    _seen: Sightings = field(default_factory=Sightings, init=False, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        path: str | Path,
        storage_options: Mapping[str, Any] | None = None,
        compression: str | None = None,
        member: str | None = None,
        *,
        cache: bool = False,
        max_size: int | None = None,
    ) -> Source:
        """The file that a path, a URL or ``zip://member::archive.zip`` means; no pattern is looked for.

        Args:
            path: The path.
            storage_options: As in the class.
            compression: As in the class.
            member: As in the class.
            cache: As in the class.
            max_size: As in the class.

        Raises:
            FlowError: An impossible limit, or other values of a wrong type.
        """
        outer, inner = zipped(str(path))
        packed = "zip" if inner else compression
        options, keep = checked_storage_options(storage_options), checked_cache(cache)
        limit = checked_max_size(max_size)
        return cls(outer, options, packed, inner or member, cache=keep, max_size=limit)

    def __repr__(self) -> str:
        # What is in `storage_options` opens doors.
        member = f", member={self.member!r}" if self.member else ""
        return f"Source({shown(self.path)!r}{member})"

    @property
    def shown(self) -> str:
        """What messages call it: the path as the user wrote it, without a password."""
        return f"{self.member} in {shown(self.path)}" if self.member else shown(self.path)

    @property
    def local(self) -> Path | None:
        """Its path, or that of the copy that is kept of it, if there is one in a local file system."""
        if self.kept is not None:
            return self.kept
        return None if is_remote(self.path) else local_path(self.path)

    def fetched(self) -> Source:
        """The same with a copy of what is there now; itself when it is local, or nothing is to be kept.

        Raises:
            AccessError: It cannot be had, or not to its end.
            UnreadableError: It is longer than `max_size`.
            FlowError: It is in a place that does not say which version of it there is.
        """
        if not self.cache or self.local is not None:
            return self
        return replace(self, kept=keep_remote(self.path, self.storage_options, self.max_size))

    def open(self) -> Guarded:
        """Its bytes, unpacked, from the beginning.

        Raises:
            AccessError: It cannot be opened; also later, by `read`, when it cannot be read to its end.
        """
        raw = self._open_raw()
        try:
            return decompressed(raw, shown(self.path), self.compression, self.member, self.max_size)
        except BaseException:
            raw.close()
            raise

    def open_seekable(self) -> IO[bytes]:
        """Its bytes, unpacked, for formats whose index stands at the end: any place can be gone to.

        A local file that is not packed is read where it is; anything else is kept aside on disk first.

        Raises:
            AccessError: It cannot be opened, or not be read to its end.
            UnreadableError: It is longer than `max_size`.
        """
        stream = self.open()
        if stream.seekable():
            return cast("IO[bytes]", stream)
        import tempfile

        with closing(stream), access_errors(f"keep {self.shown} aside in a temporary file"):
            aside = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the caller closes it
            try:
                while data := stream.read(1 << 20):
                    aside.write(data)
            except BaseException:
                aside.close()
                raise
        aside.seek(0)
        return cast("IO[bytes]", aside)

    def _open_raw(self) -> Readable:
        path = self.fetched().local
        if path is None:
            raw = open_remote(self.path, self.storage_options, max_size=self.max_size, seen=self._seen)
            return self._allowed(raw)
        try:
            return self._allowed(path.open("rb", buffering=0))
        except FileNotFoundError as error:
            if is_remote(self.path):
                raise AccessError(f"the kept copy of {self.shown} was removed; run the flow again") from error
            raise AccessError(not_found(self.path, path)) from error
        except IsADirectoryError as error:
            raise AccessError(
                f"{self.path} is a folder; to load the files in it, write '{self.path}/*.csv'"
            ) from error
        except OSError as error:
            raise AccessError(f"{self.path} cannot be opened: {error.strerror or error}") from error

    def _allowed(self, raw: Readable) -> Readable:
        """The stream itself, when it is not longer than it may be, as far as that is known."""
        if self.max_size is not None and raw.seekable():
            try:
                check_announced(raw.seek(0, os.SEEK_END), self.max_size, self.shown)
                raw.seek(0)
            except BaseException:
                raw.close()
                raise
        return raw

    def members(self) -> list[str] | None:
        """The files in it when it is a zip file; None when it is none, or a file within one.

        Raises:
            AccessError: It cannot be read.
        """
        return None if self.member else members(self._open_raw(), self.shown)

    def check(self) -> None:
        """Look whether it is there, as far as that costs nothing: a local file.

        Raises:
            AccessError: It is not there, or a folder.
        """
        if self.local is not None and (self.local.is_dir() or not self.local.exists()):
            self._open_raw().close()

    @property
    def size(self) -> int:
        """Length in bytes of a local file, packed as it is.

        Raises:
            AccessError: It is not there any more, or not local.
        """
        if self.local is None:
            raise AccessError(f"the length of {self.shown} is not known: it is not local")
        try:
            return self.local.stat().st_size
        except OSError as error:
            raise AccessError(f"{self.shown} cannot be opened: {error.strerror or error}") from error

    @property
    def stem(self) -> str:
        """Its name without folders, wildcards and endings, for naming a resource."""
        return stem(self.member or self.path)

    @property
    def suffix(self) -> str:
        """Its ending in lower case, before one of a compression: ``".tsv"`` of ``data.tsv.gz``."""
        name = self.member or self.path
        if self.member is None and is_remote(name):
            name = re.split(r"[?#]", name, maxsplit=1)[0]
        path = Path(name.lower())
        return Path(path.stem).suffix if path.suffix in SUFFIXES else path.suffix


def expand(
    paths: Any,
    storage_options: Mapping[str, Any] | None = None,
    compression: str | None = None,
    member: str | None = None,
    *,
    cache: bool = False,
    max_size: int | None = None,
) -> list[Source]:
    """The files that a path, a pattern or a list of them means; those of a pattern in order of name.

    ``zip://member::archive.zip`` means a file within a zip file.

    Args:
        paths: A path, a URL, a pattern, or an iterable of these.
        storage_options: As in `Source`, like the rest.
        compression: See there.
        member: See there.
        cache: See there.
        max_size: See there.

    Raises:
        AccessError: A pattern matches nothing.
        FlowError: It is no path; an impossible limit, or other values of a wrong type.
    """
    if isinstance(paths, str | Path):
        outer, inner = zipped(str(paths))
        options, packed = checked_storage_options(storage_options), "zip" if inner else compression
        keep, limit = checked_cache(cache), checked_max_size(max_size)
        return [
            Source(path, options, packed, inner or member, cache=keep, max_size=limit).fetched()
            for path in matches(outer, options)
        ]
    if isinstance(paths, Iterable) and not isinstance(paths, bytes | Mapping):
        found = [
            source
            for path in paths
            for source in expand(path, storage_options, compression, member, cache=cache, max_size=max_size)
        ]
        if found:
            return found
        raise FlowError("there is no path in the list of paths")
    raise FlowError(f"a source is a path, a URL, a pattern or a list of them, not {type(paths).__name__}")


def open_source(location: str | Path, storage_options: Mapping[str, Any] | None = None) -> Guarded:
    """The bytes of a file as they lie there, packed or not.

    Args:
        location: A path, a URL, or ``zip://member::archive.zip``, whose member is unpacked.
        storage_options: For HTTP header fields to send, otherwise what the fsspec file system takes.

    Raises:
        AccessError: It cannot be opened; also later, by `read`, when it cannot be read to its end.
    """
    return Source.of(location, storage_options, "none").open()


def read_bytes(
    location: str | Path, storage_options: Mapping[str, Any] | None = None, *, limit: int | None = None
) -> bytes:
    """All the bytes of a file, as `open_source` gives them.

    Args:
        location: As in `open_source`.
        storage_options: As there.
        limit: The most bytes there may be.

    Raises:
        AccessError: It cannot be read to its end.
        UnreadableError: It is longer than the limit.
    """
    with closing(open_source(location, storage_options)) as stream:
        data = stream.read(-1 if limit is None else limit + 1)
    if limit is not None and len(data) > limit:
        raise UnreadableError(f"{Source.of(location).shown} is longer than {limit:,} bytes; it is not read")
    return data
