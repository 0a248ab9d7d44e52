"""Text from outside is data: what may not reach a terminal, a page or a file name is taken out here.

Metadata, docstrings and indexes are written by strangers. Control characters could rewrite a terminal,
bidirectional ones could make a name look like another, and an address may be no page at all.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = [
    "DISTRIBUTION",
    "FILE_NAME",
    "MAX_LINE",
    "MAX_TEXT",
    "clean_line",
    "clean_link",
    "clean_text",
    "normalised",
]

MAX_LINE = 500
"""The longest name, summary or annotation that is kept."""

MAX_TEXT = 20_000
"""The longest description or example that is kept."""

DISTRIBUTION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""A normalised name of a distribution; safe as the name of a file."""

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,254}")
"""A name of a file that a release is offered as; never a path, nor an option of a command."""

_UNSEEN = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters, escape sequences among them
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufeff\uffa0"  # what has no width
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f"  # … and what turns the direction of writing
    "\ud800-\udfff\ufff0-\ufffb\ufffe\uffff"  # halves of characters, and none at all
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "]"
)
_BREAKS = re.compile("\r\n?|[\u2028\u2029]")


def clean_text(text: str, limit: int = MAX_TEXT) -> str:
    r"""Text of several lines, without characters that are not seen.

    Args:
        text: Text from outside.
        limit: How many characters are kept; an ellipsis stands for the rest.

    Examples:
        >>> clean_text("Reads \x1b[31mred\x1b[0m\r\nfiles")
        'Reads [31mred[0m\nfiles'
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text  # nearly all of it
    text = _UNSEEN.sub("", _BREAKS.sub("\n", text[: 4 * limit]))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clean_line(text: str, limit: int = MAX_LINE) -> str:
    r"""Text of one line: a name, a summary.

    Args:
        text: Text from outside.
        limit: How many characters are kept; an ellipsis stands for the rest.

    Examples:
        >>> clean_line("  load\u202e_vsc\n now ")
        'load_vsc now'
    """
    if text.isascii() and text.isprintable():
        return clean_text(" ".join(text[: 4 * limit].split()), limit)
    return clean_text(" ".join(_UNSEEN.sub("", text[: 4 * limit].replace("\n", " ")).split()), limit)


def clean_link(address: str) -> str | None:
    """An address that a reader may be offered, or None: http and https alone, without a password.

    Args:
        address: An address from outside.

    Examples:
        >>> clean_link("https://example.org/docs")
        'https://example.org/docs'
        >>> clean_link("javascript:alert(1)") is None
        True
    """
    address = address.strip()
    if len(address) > 2000 or _UNSEEN.search(address) or re.search(r"[\s<>\"'`{}|\\^]", address):
        return None
    try:
        parts = urlsplit(address)
        safe = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    except ValueError:
        return None
    return address if safe and not parts.password else None


def normalised(name: str) -> str:
    """A distribution's name as package indexes compare it.

    Args:
        name: The name as its author writes it.

    Examples:
        >>> normalised("Dataflows_Load.CSV")
        'dataflows-load-csv'
    """
    return re.sub(r"[-_.]+", "-", name).lower()
