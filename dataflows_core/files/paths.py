"""Paths as users write them: URLs, patterns, members of zip files, and what is missing."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dataflows_core.errors import AccessError, near_misses
from dataflows_core.files.compression import SUFFIXES
from dataflows_core.files.remote import glob_remote
from dataflows_core.files.urls import is_http, is_remote, shown

__all__ = ["local_path", "matches", "not_found", "stem", "zipped"]

_MAGIC_CHARACTERS = re.compile(r"[*?\[]")


def stem(path: str) -> str:
    """The name in a path, without folders, wildcards and endings.

    Examples:
        >>> stem("https://example.org/data/co2-2020.csv.gz?raw=1"), stem("in/sales-*.csv")
        ('co2-2020', 'sales')
    """
    if is_remote(path):
        path = path.partition("?")[0].partition("#")[0]
    name = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    if is_remote(path):
        name = name.rpartition("@")[2]  # a URL without a path has a password there
    root = name.rpartition(".")[0] or name
    if name.removeprefix(root).lower() in SUFFIXES:
        root = root.rpartition(".")[0] or root
    return _MAGIC_CHARACTERS.sub("", re.sub(r"\[[^\]]*\]", "", root)).strip("-_. ") or "table"


def zipped(path: str) -> tuple[str, str | None]:
    """A path, and the member of a zip file when it is written as ``zip://member::archive.zip``."""
    if path.startswith("zip://") and "::" in path:
        inner, _, outer = path.removeprefix("zip://").partition("::")
        return outer, inner
    return path, None


def matches(path: str, storage_options: Mapping[str, Any]) -> list[str]:
    """The paths that a pattern means, in order of name; a path that is no pattern stands for itself.

    Raises:
        AccessError: There are none.
        FlowError: HTTP has no folders to look into.
    """
    if not _MAGIC_CHARACTERS.search(path):
        return [path]
    if is_remote(path):
        # A question mark begins the query of a URL.
        if is_http(path) and not re.search(r"[*\[]", path.partition("?")[0]):
            return [path]
        found = glob_remote(path, storage_options)
    elif local_path(path).exists():
        return [path]
    else:
        pattern = str(local_path(path))
        found = sorted(name for name in glob.glob(pattern, recursive=True) if not Path(name).is_dir())  # noqa: PTH207 - absolute patterns
    if not found:
        raise AccessError(f"no file matches {shown(path)}" + _where(path))
    return found


def local_path(path: str) -> Path:
    """The path of what is no URL, or one of ``file://``."""
    if path.lower().startswith("file://"):
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        return Path(url2pathname(urlsplit(path).path))
    return Path(path).expanduser()


def _where(path: str) -> str:
    return "" if is_remote(path) or local_path(path).is_absolute() else f"\n  looked for it from {Path.cwd()}"


def not_found(written: str, path: Path) -> str:
    """What is said of a file that is not there, with near misses."""
    message = f"there is no file {written!r}"
    if path.parent.is_dir():
        close = near_misses(path.name, (entry.name for entry in path.parent.iterdir()))
        if close:
            return f"{message}; did you mean {' or '.join(str(path.parent / name) for name in close)}?"
        return message + _where(written)
    return f"{message}: its folder {str(path.parent)!r} is not there either" + _where(written)
