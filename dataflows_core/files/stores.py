"""Sources in stores of every other kind: whatever file system fsspec finds for the scheme of a URL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dataflows_core.errors import AccessError, FlowError
from dataflows_core.files.streams import Counted, Readable
from dataflows_core.files.urls import shown

__all__ = ["Translated", "glob_store", "open_store"]


def open_store(url: str, options: Mapping[str, Any]) -> Readable:
    """Open a URL.

    Args:
        url: The URL.
        options: What the file system takes.

    Raises:
        AccessError: It cannot be opened; also later, by `read`, when it breaks off.
    """
    with Translated(url):
        import fsspec

        stream = fsspec.open(url, mode="rb", **options).open()
        size = getattr(stream, "size", None)
        return Counted(stream, shown(url), size if isinstance(size, int) else None)


def glob_store(pattern: str, options: Mapping[str, Any]) -> list[str]:
    """The URLs that match a pattern, in order of name.

    Raises:
        AccessError: The file system cannot be asked.
    """
    with Translated(pattern):
        from fsspec.core import url_to_fs

        system, path = url_to_fs(pattern, **options)
        return sorted(
            system.unstrip_protocol(found) for found in system.glob(path) if not system.isdir(found)
        )


class Translated:
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
