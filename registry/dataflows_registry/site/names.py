"""Names of the site's files: any text becomes one safe name, and two texts never the same."""

from __future__ import annotations

import hashlib
import re

__all__ = ["file_name"]

_SAFE = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,99}")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def file_name(text: str) -> str:
    """A name that every file system and every web server takes as it is.

    Args:
        text: What the file is about, as its authors name it.

    Examples:
        >>> file_name("load-csv.load_csv")
        'load-csv.load_csv'
        >>> file_name("../Load")
        'load-816809b78b1fc570'
    """
    if _SAFE.fullmatch(text) and not text.endswith(".") and not _DEVICES.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    readable = re.sub(r"[^a-z0-9_]+", "_", text.lower())[:60].strip("_") or "x"
    return f"{readable}-{digest}"
