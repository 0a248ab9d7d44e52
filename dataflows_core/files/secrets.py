"""Secrets in what is given to open a URL: they stay out of messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["without_secrets"]

_SHORTEST = 4
"""Shorter texts are no secrets, and parts of many words."""

_SECRET = re.compile(
    r"key|secret|token|pass|credential|auth|cookie|sas|signature|connection_string", re.IGNORECASE
)


def without_secrets(text: str, url: str, options: Mapping[str, Any]) -> str:
    """A text without the password in a URL, and without those in the options it is opened with.

    Args:
        text: What another library says of a failure.
        url: The URL.
        options: The options; in those whose names speak of a secret, every text is one.

    Examples:
        >>> without_secrets("no user with s3cr3t", "sftp://me@host/a", {"password": "s3cr3t"})
        'no user with ***'
    """
    for secret in sorted({*_of_url(url), *_of_options(options, secret=False)}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _of_url(url: str) -> list[str]:
    password = urlsplit(url).password if "@" in url else None
    return [password, unquote(password)] if password else []


def _of_options(value: Any, *, secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _of_options(inner, secret=secret or bool(_SECRET.search(str(name))))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _of_options(inner, secret=secret)
    elif secret and isinstance(value, str) and len(value) >= _SHORTEST:
        yield value
