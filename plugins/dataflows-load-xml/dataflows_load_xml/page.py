"""A web page: its bytes, its encoding, its tree."""

from __future__ import annotations

import codecs
import logging
import re
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from lxml import etree, html

from dataflows_core.errors import DataError, UnreadableError
from dataflows_core.files import Source

__all__ = ["LONGEST_PAGE", "Page", "read_page"]

logger = logging.getLogger("dataflows.load_html")

LONGEST_PAGE = 64 << 20
"""The most bytes that a page may have, unless `max_size` says otherwise: its tree is held in memory."""

_HEAD = 4096
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_DECLARED = re.compile(
    rb"""<meta\b[^>]*?\bcharset\s*=\s*["']?\s*([\w.:-]+)|^\s*<\?xml\b[^>]*?\bencoding\s*=\s*["']([\w.:-]+)""",
    re.IGNORECASE,
)
_TAG = re.compile(r"<((?:t[rdh]|/table|/body|/html)\b)", re.IGNORECASE)
_NO_TABLE = re.compile(r"<(script|style|template)\b.*?</\1|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_AS_BROWSERS = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "euc_kr": "cp949", "utf-16": "utf-8", "utf-16-le": "utf-8", "utf-16-be": "utf-8",
}  # fmt: skip
"""What pages that declare an encoding are in; one that can be read up to its declaration is not in UTF-16."""


@dataclass(frozen=True)
class Page:
    """A web page.

    Attributes:
        root: Its tree.
        encoding: The encoding it was read in.
        flawed: Whether it has bytes that are no text in that encoding; they became U+FFFD.
    """

    root: Any
    encoding: str
    flawed: bool


def read_page(file: Source, encoding: str | None = None, *, huge: bool = False) -> Page:
    """Read a page, as broken as it may be.

    Args:
        file: The file.
        encoding: Its encoding; None for what it declares, or looks like.
        huge: Whether the parser's limits are lifted.

    Raises:
        AccessError: It cannot be read.
        UnreadableError: It is empty, or in an encoding that is not known.
        DataError: It is too long, nests too deeply, or is cut short.
    """
    with closing(file.open()) as stream:
        limit = LONGEST_PAGE if file.max_size is None else file.max_size
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise DataError(f"{file.shown} has more than {limit:,} bytes, unpacked; max_size=… allows more")
    text, encoding, flawed = _decoded(data, encoding, file.shown)
    if not text.strip():
        raise UnreadableError(f"{file.shown} is empty")
    _check_end(text, file.shown)
    parser = html.HTMLParser(
        encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=huge
    )
    root = etree.fromstring(text.encode(), parser)
    fatal = [entry for entry in parser.error_log if entry.level >= etree.ErrorLevels.FATAL]
    if fatal:
        what = fatal[0].message.partition(", use XML_")[0].partition(", try XML_")[0]
        remedy = "" if huge else "\n  huge=True lifts the limits, for pages that you trust"
        raise DataError(
            f"{file.shown}, line {fatal[0].line}: a limit that guards against hostile pages: {what}{remedy}"
        )
    if root is None:
        raise UnreadableError(f"{file.shown} is empty")
    return Page(root, encoding, flawed)


def _decoded(data: bytes, encoding: str | None, source: str) -> tuple[str, str, bool]:
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    declared = encoding or _MARKS.get(mark) or _declared(data)
    data = data.removeprefix(mark)
    if declared is None:
        try:
            return data.decode("utf-8"), "utf-8", False
        except UnicodeDecodeError:
            logger.warning("%s declares no encoding, and is not in UTF-8; it is read as windows-1252", source)
            declared = "cp1252"
    try:
        name = codecs.lookup(declared).name
    except LookupError as error:
        raise UnreadableError(
            f"{source} is in an encoding that is not known: {declared!r}; encoding=… names another"
        ) from error
    if not encoding and not mark:
        name = _AS_BROWSERS.get(name, name)
    try:
        return data.decode(name), name, False
    except UnicodeDecodeError:
        return data.decode(name, "replace"), name, True


def _declared(data: bytes) -> str | None:
    found = _DECLARED.search(_COMMENT.sub(b"", data[:_HEAD]))
    return (found[1] or found[2]).decode("ascii") if found else None


def _ends_in_table(text: str) -> bool:
    found = _TAG.findall(text)
    return bool(found) and not found[-1].startswith("/")


def _check_end(text: str, source: str) -> None:
    """A page that ends within a table is not whole; nothing in HTML says so."""
    if _ends_in_table(text) and _ends_in_table(_NO_TABLE.sub("", text)):
        raise DataError(
            f"{source} ends within a table, and is cut short; if it is not, add </table> at its end"
        )
