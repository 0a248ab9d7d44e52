"""Sources on the network: plugins first, then HTTP by the standard library, every other scheme by fsspec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dataflows_core.errors import AccessError, FlowError
from dataflows_core.files.stores import glob_store, open_store
from dataflows_core.files.streams import Counted, Readable
from dataflows_core.files.urls import is_http, shown, without_urls_secrets
from dataflows_core.files.validators import Sightings

__all__ = ["glob_remote", "keep_remote", "open_remote"]


def open_remote(
    url: str, options: Mapping[str, Any], *, max_size: int | None = None, seen: Sightings | None = None
) -> Readable:
    """Open a URL, by whichever plugin wants it (the hook `open_url`), and otherwise by ourselves.

    Args:
        url: The URL.
        options: For HTTP, header fields to send; otherwise what the fsspec file system takes.
        max_size: The most bytes it may have.
        seen: The version it has to be of, where that can be told.

    Raises:
        AccessError: It cannot be opened; also later, by `read`, when it breaks off.
        UnreadableError: It is too long.
    """
    opened = _open_by_plugin(url)
    if opened is not None:
        return opened
    return _open_http(url, options, max_size, seen) if is_http(url) else open_store(url, options, seen)


def _open_http(
    url: str, options: Mapping[str, Any], max_size: int | None, seen: Sightings | None
) -> Readable:
    from dataflows_core.files.download import Download

    download = Download(url, options, max_size=max_size, seen=seen)
    if not download.encoding:
        return download
    from dataflows_core.files.compression import decompressed

    return decompressed(download, shown(url), download.encoding, max_size=max_size)


def keep_remote(url: str, options: Mapping[str, Any], max_size: int | None) -> Path:
    """A local file with what a URL has now, kept for the next time.

    Args:
        url: The URL.
        options: As in `open_remote`.
        max_size: The most bytes it may have.

    Raises:
        AccessError: It cannot be had, or not to its end.
        UnreadableError: It is too long.
        FlowError: A plugin opens it, or its store does not say which version of it there is.
    """
    opened = _open_by_plugin(url)
    if opened is not None:
        opened.close()
        raise FlowError(f"{shown(url)} is opened by a plugin, and cannot be kept; leave cache out")
    from dataflows_core.files.keeping import kept_copy

    return kept_copy(url, options, max_size)


def _open_by_plugin(url: str) -> Readable | None:
    """What a plugin opens by the hook `open_url`; None when none is installed, or none wants the URL."""
    from dataflows_core.discovery import entries

    if not entries("dataflows"):
        return None
    from dataflows_core.hooks import plugin_manager

    try:
        stream = plugin_manager().hook.open_url(url=url)
    except OSError as error:
        said = f"{error}"
        told = without_urls_secrets(said)
        # A traceback shows what an error was made of, and would show the secret.
        cause = error if told == said else None
        raise AccessError(f"{shown(url)} cannot be opened: {told}") from cause
    return None if stream is None else Counted(stream, shown(url), None)


def glob_remote(pattern: str, options: Mapping[str, Any]) -> list[str]:
    """The URLs that match a pattern, in order of name.

    Raises:
        FlowError: HTTP has no folders to look into.
        AccessError: The file system cannot be asked.
    """
    if is_http(pattern):
        raise FlowError(f"{shown(pattern)}: HTTP cannot list files; give a list of URLs instead of a pattern")
    return glob_store(pattern, options)
