"""The local files that the links of a flow read, and whether they are still what they were."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dataflows_core.files.urls import is_remote, shown
from dataflows_core.package import Package
from dataflows_core.stream import Splits

__all__ = ["changed", "named_files", "read_files", "states"]

_LONGEST = 4096  # characters of a path


def named_files(texts: Iterable[str]) -> set[str]:
    """Those texts that name a local file, the folder of a Data Package, or files by a pattern."""
    found = set()
    for text in texts:
        path = text.removeprefix("file://")
        if not path or len(path) > _LONGEST or "\0" in path or "\n" in path or is_remote(path):
            continue
        descriptor = Path(path, "datapackage.json")
        if _is_file(path):
            found.add(path)
        elif _is_file(descriptor):
            found.add(str(descriptor))
        elif glob.has_magic(path) and any(map(_is_file, _matches(path))):
            found.add(path)
    return found


def read_files(package: Package) -> tuple[set[str], set[str]]:
    """The local files that the streams of a package come from, and the sources that are on the network."""
    files: set[str] = set()
    remote: set[str] = set()
    for resource in (*package.removed, *package.resources):
        sources = list(resource.source)
        for stream in resource.stream.upstream() if resource.stream is not None else ():
            if isinstance(stream.origin, Splits):
                sources += [split.source for split in stream.origin.splits]
        for source in sources:
            path = source.removeprefix("file://")
            if is_remote(path):
                remote.add(shown(path))
            elif _is_file(path):
                files.add(path)
    return files, remote


def states(paths: Iterable[str]) -> dict[str, Any]:
    """What tells whether files have changed, by path; of a pattern, which files it finds, too."""
    return {path: _state(path) for path in sorted(paths)}


def changed(known: dict[str, Any]) -> str | None:
    """The first file that has changed, and how, in words; None when all are as they were."""
    for path, state in known.items():
        now = _state(path)
        if now != state:
            if not now:
                return f"{path} is not there any more"
            return f"other files are found by {path}" if glob.has_magic(path) else f"{path} has changed"
    return None


def _state(path: str) -> Any:
    if glob.has_magic(path) and not os.path.lexists(path):
        return {found: _stat(found) for found in _matches(path)}
    return _stat(path)


def _stat(path: str) -> list[int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _is_file(path: str | Path) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # a name that is too long, on some systems
        return False


def _matches(pattern: str) -> list[str]:
    return sorted(glob.glob(pattern))  # noqa: PTH207 - patterns may be absolute
