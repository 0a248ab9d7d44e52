"""Stores: whatever file system fsspec finds for the scheme of a URL, and what it says in our words."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from dataflows_core.errors import AccessError, DataflowsError, FlowError, near_misses
from dataflows_core.files.secrets import without_secrets
from dataflows_core.files.streams import Readable
from dataflows_core.files.urls import shown
from dataflows_core.files.validators import Sightings, Validators

__all__ = [
    "Ranges",
    "Translated",
    "glob_store",
    "open_store",
    "protocols",
    "store_of",
    "store_size",
]

_WITH_USER = re.compile(r"(sftp|ssh|ftp|smb)://", re.IGNORECASE)
_LEAST, _MOST = 1 << 16, 8 << 20


def store_of(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """The file system of a URL, and the path in it. Nothing is asked of the store yet.

    Args:
        url: The URL.
        options: What the file system takes.

    Raises:
        AccessError: The file system is not installed; says what to install.
        FlowError: No file system knows the URL, or the options do not fit it.
    """
    with Translated(url, options, "opened"):
        from fsspec.core import url_to_fs

        place, logon = _logon(url, options)
        system, path = url_to_fs(place, **{**options, **logon})
        return system, path


def _logon(url: str, options: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """A URL without its percent-encoded user, who fsspec would take as written, and the user as options."""
    if not _WITH_USER.match(url) or "::" in url:
        return url, {}
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    given = {"username": parts.username, "password": parts.password}
    logon = {name: unquote(value) for name, value in given.items() if value is not None}
    if not at or "%" not in user or any(options.get(name, value) != value for name, value in logon.items()):
        return url, {}  # of two that differ, fsspec says so
    return parts._replace(netloc=host).geturl(), logon


def open_store(url: str, options: Mapping[str, Any], seen: Sightings | None = None) -> Readable:
    """Open a URL; any place in it can be gone to, and only what is read is fetched.

    Args:
        url: The URL.
        options: What the file system takes.
        seen: The version it has to be of, as far as the file system says which one it opens.

    Raises:
        AccessError: It cannot be opened, or is another version; also later, by `read`, when it breaks off.
    """
    system, path = store_of(url, options)
    with Translated(url, options, "opened"):
        # What it knows of files from earlier may not be so any more.
        system.invalidate_cache()
        if "memory" in protocols(system):
            _see(system.info(path), url, seen)
            return io.BytesIO(system.cat_file(path))  # all who open a file there share its position
        stream = system.open(path, "rb", **({"cache_type": "none"} if system.async_impl else {}))
        _see(getattr(stream, "details", None), url, seen)
        return Ranges(stream, url, options) if stream.seekable() else stream


def _see(info: Any, url: str, seen: Sightings | None) -> None:
    if seen is not None and isinstance(info, dict):
        seen.see(Validators.of_store(info), shown(url))


def glob_store(pattern: str, options: Mapping[str, Any]) -> list[str]:
    """The URLs that match a pattern, in order of name.

    Raises:
        AccessError: The file system cannot be asked.
    """
    system, path = store_of(pattern, options)
    with Translated(pattern, options, "listed"):
        system.invalidate_cache()
        found = system.glob(path, detail=True)
        return sorted(
            system.unstrip_protocol(name) for name, info in found.items() if info["type"] != "directory"
        )


def store_size(url: str, options: Mapping[str, Any]) -> int | None:
    """The bytes of a file; None when there is none, or it is something else than a file.

    Raises:
        AccessError: The file system cannot be asked.
    """
    system, path = store_of(url, options)
    with Translated(url, options, "looked at"):
        system.invalidate_cache()
        try:
            info = system.info(path)
        except FileNotFoundError:
            return None
        return int(info["size"]) if info["type"] == "file" else None


def protocols(system: Any) -> set[str]:
    """The schemes of a file system."""
    return {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)


class Ranges(io.RawIOBase):
    """A file of a store, fetched in ranges: short ones after a jump, longer and longer ones as it is read on.

    Args:
        stream: The file; each of its reads is a request.
        url: Its URL, for messages.
        options: What it was opened with.
    """

    def __init__(self, stream: Any, url: str, options: Mapping[str, Any]) -> None:
        self._stream, self._url, self._options = stream, url, options
        stream.seek(0, io.SEEK_END)
        self._size: int = stream.tell()
        self._place = self._begin = 0
        self._kept = b""
        self._ahead = _LEAST

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is fetched yet."""
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; fewer only at the end.

        Raises:
            AccessError: The connection broke off.
        """
        left = max(self._size - self._place, 0)
        size = left if size < 0 else min(size, left)
        offset = self._place - self._begin
        part = self._kept[offset : offset + size] if offset >= 0 else b""
        if len(part) < size:
            self._fetch(self._place + len(part), size - len(part))
            part += self._kept[: size - len(part)]
        self._place += len(part)
        return part

    def _fetch(self, begin: int, size: int) -> None:
        read_on = begin == self._begin + len(self._kept)
        self._ahead = min(self._ahead * 2, _MOST) if read_on else _LEAST
        wanted = min(max(size, self._ahead), self._size - begin)
        with Translated(self._url, self._options, "read to its end"):
            self._stream.seek(begin)
            self._kept, self._begin = self._stream.read(wanted), begin
        if len(self._kept) < size:
            raise AccessError(
                f"{shown(self._url)} broke off: {begin + len(self._kept)} of {self._size} bytes came"
                "\n  nothing was lost but time: run the flow again"
            )

    def close(self) -> None:
        """Close the file beneath."""
        self._stream.close()
        super().close()


class Translated:
    """Turns what fsspec, its file systems and their libraries raise into errors that say what to do.

    They raise whatever they like; errors that Python itself raises where there is a bug, such as a KeyError,
    pass as they are.

    Args:
        url: The URL.
        options: What the file system was given.
        done: What was to be done with it: ``"opened"``.
    """

    def __init__(self, url: str, options: Mapping[str, Any], done: str) -> None:
        self._url, self._options, self._done = url, options, done

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, DataflowsError):
            return
        said = f"{error}".strip() or type(error).__name__
        told = without_secrets(said, self._url, self._options)
        if translated := self._translated(error, told):
            # A traceback shows what an error was made of, and would show the secret.
            raise translated from (error if told == said else None)

    def _translated(self, error: Exception, told: str) -> DataflowsError | None:
        url = shown(self._url)
        if isinstance(error, FileNotFoundError) and self._done == "opened":
            bucket = f": {told}" if "bucket" in told else ""
            return AccessError(f"there is no file {url}{bucket}")
        if isinstance(error, ImportError):
            return AccessError(f"{url} needs a file system that is not installed: {told}{_package(told)}")
        if isinstance(error, ValueError) and "rotocol" in told:
            return FlowError(f"no file system knows {url}: {told}{_near_schemes(url)}")
        if isinstance(error, TypeError):
            return FlowError(f"{url}: storage_options do not fit the file system: {told}")
        if isinstance(error, NotImplementedError):
            return AccessError(f"{url} cannot be {self._done}: its file system does not know how to")
        if isinstance(error, OSError | ValueError | RuntimeError) or type(error).__module__ != "builtins":
            return AccessError(f"{url} cannot be {self._done}: {told}")
        return None


def _package(said: str) -> str:
    found = re.search(r"(?:[Ii]nstall|requires) [\"']?(?!the\b)([\w-]+)", said)
    return f"\n  pip install {found[1]}" if found else ""


def _near_schemes(url: str) -> str:
    import fsspec

    close = near_misses(url.partition(":")[0], fsspec.available_protocols())
    return f"; did you mean {' or '.join(f'{scheme}://' for scheme in close)}?" if close else ""
