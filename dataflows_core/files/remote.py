"""Sources on the network: plugins first, then HTTP by the standard library, every other scheme by fsspec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from dataflows_core.errors import AccessError, FlowError
from dataflows_core.files.streams import Counted, Readable

__all__ = ["glob_remote", "is_http", "is_remote", "open_remote", "shown"]

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+(?:://|::)")
_TIMEOUT = 60.0


def is_remote(path: str) -> bool:
    """Whether a path is a URL; a Windows drive letter is no scheme, and ``file://`` is local.

    Examples:
        >>> is_remote("https://example.org/a.csv"), is_remote("C:/a.csv"), is_remote("a.csv")
        (True, False, False)
    """
    return bool(_SCHEME.match(path)) and not path.lower().startswith("file://")


def is_http(path: str) -> bool:
    """Whether it is a URL of the web."""
    return path.lower().startswith(("http://", "https://"))


def shown(url: str) -> str:
    """A URL for messages, without the password it may hold.

    Examples:
        >>> shown("https://me:secret@example.org/a.csv")
        'https://me:***@example.org/a.csv'
    """
    if not is_remote(url) or "@" not in url:
        return url
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@", 1)))


def open_remote(url: str, options: Mapping[str, Any]) -> Readable:
    """Open a URL, by whichever plugin wants it (the hook `open_url`), and otherwise by ourselves.

    Args:
        url: The URL.
        options: For HTTP, header fields to send; otherwise what the fsspec file system takes.

    Raises:
        AccessError: It cannot be opened; also later, by `read`, when it breaks off.
    """
    opened = _open_by_plugin(url)
    if opened is not None:
        return opened
    return _open_http(url, options) if is_http(url) else _open_fsspec(url, options)


def _open_by_plugin(url: str) -> Readable | None:
    """What a plugin opens by the hook `open_url`; None when none is installed, or none wants the URL."""
    from dataflows_core.discovery import entries

    if not entries("dataflows"):
        return None
    from dataflows_core.hooks import plugin_manager

    try:
        stream = plugin_manager().hook.open_url(url=url)
    except OSError as error:
        raise AccessError(f"{shown(url)} cannot be opened: {error}") from error
    return None if stream is None else Counted(stream, shown(url), None)


def _open_http(url: str, options: Mapping[str, Any]) -> Readable:
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    # Servers compress what is compressed already, and lose its length by it.
    headers = {
        "User-Agent": "dataflows",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }
    try:
        headers.update({str(key): str(value) for key, value in options.items()})
        request = Request(url, headers=headers)  # noqa: S310 - the caller looked at the scheme
        response = urlopen(request, timeout=_TIMEOUT)  # noqa: S310
    except HTTPError as error:
        error.close()
        raise AccessError(f"{shown(url)}: the server answered {error.code} {error.reason}") from error
    except URLError as error:
        raise AccessError(f"{shown(url)} cannot be reached: {error.reason}") from error
    except (HTTPException, OSError) as error:
        raise AccessError(f"{shown(url)} cannot be reached: {str(error) or type(error).__name__}") from error
    except ValueError as error:
        raise FlowError(f"{shown(url)} is no URL: {error}") from error
    length = response.headers.get("Content-Length")
    expected = int(length) if length and length.isdigit() and not response.chunked else None
    body = Counted(response, shown(url), expected)
    if response.headers.get("Content-Encoding", "identity").lower() in ("gzip", "x-gzip"):
        from dataflows_core.files.compression import decompressed

        return decompressed(body, shown(url), "gzip")
    return body


def _open_fsspec(url: str, options: Mapping[str, Any]) -> Readable:
    with _Translated(url):
        import fsspec

        stream = fsspec.open(url, mode="rb", **options).open()
        size = getattr(stream, "size", None)
        return Counted(stream, shown(url), size if isinstance(size, int) else None)


def glob_remote(pattern: str, options: Mapping[str, Any]) -> list[str]:
    """The URLs that match a pattern, in order of name.

    Raises:
        FlowError: HTTP has no folders to look into.
        AccessError: The file system cannot be asked.
    """
    if is_http(pattern):
        raise FlowError(f"{shown(pattern)}: HTTP cannot list files; give a list of URLs instead of a pattern")
    with _Translated(pattern):
        from fsspec.core import url_to_fs

        system, path = url_to_fs(pattern, **options)
        return sorted(
            system.unstrip_protocol(found) for found in system.glob(path) if not system.isdir(found)
        )


class _Translated:
    """Turns what fsspec and its file systems raise into errors that say what to do."""

    def __init__(self, url: str) -> None:
        self.url = shown(url)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise AccessError(f"there is no file {self.url}") from error
        if isinstance(error, ImportError):
            package = re.search(r"[Ii]nstall (?:\"|')?([\w-]+)", str(error))
            hint = f"\n  pip install {package[1]}" if package else ""
            raise AccessError(
                f"{self.url} needs a file system that is not installed: {error}{hint}"
            ) from error
        if isinstance(error, ValueError) and "rotocol" in str(error):
            raise FlowError(f"no file system knows {self.url}: {error}") from error
        if isinstance(error, TypeError):
            raise FlowError(f"{self.url}: storage_options do not fit the file system: {error}") from error
        if isinstance(error, OSError):
            raise AccessError(f"{self.url} cannot be opened: {error}") from error
