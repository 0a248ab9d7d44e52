"""URLs: which paths are some, and what of them may be shown."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

__all__ = ["is_http", "is_remote", "shown"]

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+(?:://|::)")


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
