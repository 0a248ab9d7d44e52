"""Sources on the network: HTTP by the standard library, every other scheme by fsspec."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from dataflows_core.errors import AccessError, FlowError
from dataflows_load_csv.encoding import Readable

__all__ = ["glob_remote", "is_remote", "open_remote", "shown"]

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+(?:://|::)")
_TIMEOUT = 60.0


def is_remote(path: str) -> bool:
    """Whether a path is a URL; a Windows drive letter is no scheme, and ``file://`` is local.

    Examples:
        >>> is_remote("https://example.org/a.csv"), is_remote("C:/a.csv"), is_remote("a.csv")
        (True, False, False)
    """
    return bool(_SCHEME.match(path)) and not path.lower().startswith("file://")


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
    """Open a URL.

    Args:
        url: The URL.
        options: For HTTP, header fields to send; otherwise what the fsspec file system takes.

    Raises:
        AccessError: It cannot be opened; also later, by `read`, when it breaks off.
    """
    if url.lower().startswith(("http://", "https://")):
        return _open_http(url, options)
    return _open_fsspec(url, options)


def _open_http(url: str, options: Mapping[str, Any]) -> Readable:
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    # Servers compress what is compressed already, and lose its length by it.
    headers = {
        "User-Agent": "dataflows-load-csv",
        "Accept": "text/csv, */*;q=0.5",
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
    body = _Counted(response, shown(url), expected)
    if response.headers.get("Content-Encoding", "identity").lower() in ("gzip", "x-gzip"):
        from dataflows_load_csv.compression import decompressed

        return decompressed(body, shown(url), "gzip")
    return body


class _Counted(io.RawIOBase):
    """The body of a response; one that ends too soon is an error, never a short table."""

    def __init__(self, stream: Any, url: str, expected: int | None) -> None:
        self._stream, self._url, self._expected, self._count = stream, url, expected, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        from http.client import HTTPException

        parts: list[bytes] = []
        left = size
        while left:
            try:
                part = self._stream.read(left) if left > 0 else self._stream.read()
            except (HTTPException, OSError) as error:
                raise self._broken(str(error) or type(error).__name__) from error
            self._count += len(part)
            if not part:
                if self._expected is not None and self._count < self._expected:
                    raise self._broken(f"{self._count} of {self._expected} bytes came")
                break
            parts.append(part)
            left = left - len(part) if left > 0 else left
        return b"".join(parts)

    def _broken(self, problem: str) -> AccessError:
        return AccessError(
            f"{self._url} broke off: {problem}\n  nothing was lost but time: run the flow again"
        )

    def close(self) -> None:
        self._stream.close()
        super().close()


def _open_fsspec(url: str, options: Mapping[str, Any]) -> Readable:
    with _Translated(url):
        import fsspec

        stream = fsspec.open(url, mode="rb", **options).open()
        size = getattr(stream, "size", None)
        return _Counted(stream, shown(url), size if isinstance(size, int) else None)


def glob_remote(pattern: str, options: Mapping[str, Any]) -> list[str]:
    """The URLs that match a pattern, in order of name.

    Raises:
        FlowError: HTTP has no folders to look into.
        AccessError: The file system cannot be asked.
    """
    if pattern.lower().startswith(("http://", "https://")):
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
