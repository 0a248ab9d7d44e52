"""URLs: which paths are some, and what of them may be shown."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

__all__ = ["is_http", "is_remote", "shown", "without_urls_secrets"]

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+(?:://|::)")
_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*:/+)([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_URL_IN_TEXT = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://[^\s'\"<>]+")
_LINK = re.compile(r"::(?=[a-zA-Z][a-zA-Z0-9+.-]*:/)")  # between the URLs of a chain
_PARAMETER = re.compile(r"([^&;?=]*)=([^&;?]*)")

_SECRET_ENDS = ("key", "pass")
_SECRET_NAMES = {"auth", "appid", "keypairid", "pw", "pwd", "sas", "sig"}
_SECRET_PARTS = re.compile(
    r"^xamz|^xgoog|accesskey|apikey|authorization|authcode|bearer|credential|jwt|passphrase|passw(or)?d|secret"
    r"|session|signature|token"
)
_EMPTY_PASSWORDS = ("", "x-oauth-basic")  # the user is a token


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
    """A URL for messages, without the password, the token or the signature that it may hold.

    A URL may be a chain of several (``zip://a.csv::https://…``). What is no URL stays as it is.

    Examples:
        >>> shown("https://me:secret@example.org/a.csv?year=2020&api_key=123")
        'https://me:***@example.org/a.csv?year=2020&api_key=***'
        >>> shown("simplecache::s3://key:secret@bucket/a.csv")
        'simplecache::s3://key:***@bucket/a.csv'
    """
    return "::".join(_shown(part) for part in _LINK.split(url))


def without_urls_secrets(text: str) -> str:
    """A text with every URL in it as `shown` has it.

    Examples:
        >>> without_urls_secrets("no answer from https://example.org/?token=123, it seems")
        'no answer from https://example.org/?token=***, it seems'
    """
    return _URL_IN_TEXT.sub(lambda found: _keeping_end(found[0]), text)


def _keeping_end(url: str) -> str:
    bare = url.rstrip(".,:;)]}")
    return shown(bare) + url[len(bare) :]


def _shown(url: str) -> str:
    parts = _URL.fullmatch(url)
    if parts is None:
        return url
    scheme, place, path, query, fragment = (part or "" for part in parts.groups())
    user, at, host = place.rpartition("@")
    if not at and "@" in path and not re.fullmatch(r"[^:]*(:\d*)?|\[.*\](:\d*)?", place):
        # What stands where the port is expected is no number: a password with a slash in it.
        user, _, host = (place + path).rpartition("@")
        at, path = "@", ""
    return scheme + (_user(user, scheme) + at if at else "") + host + path + _query(query) + _query(fragment)


def _user(user: str, scheme: str) -> str:
    name, colon, password = user.partition(":")
    if colon:
        return "***:***" if password in _EMPTY_PASSWORDS else f"{name}:***"
    return "***" if is_http(scheme) else user


def _query(query: str) -> str:
    return query[:1] + _PARAMETER.sub(_parameter, query[1:]) if "=" in query else query


def _parameter(found: re.Match[str]) -> str:
    name, value = unquote_plus(found[1]), unquote_plus(found[2])
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    secret = plain in _SECRET_NAMES or plain.endswith(_SECRET_ENDS) or _SECRET_PARTS.search(plain)
    # A URL may be given to another one, with its secrets.
    return f"{found[1]}=***" if value and (secret or shown(value) != value) else found[0]
