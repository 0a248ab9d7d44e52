"""What is installed, described once: an index in the cache folder, made again when something has changed.

Whether something has is told by the names and times of the folders of metadata, and, for what is installed
from a checkout, of its source files. Where the cache cannot be written, what is installed is described
anew, in a folder that goes away with the process.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dataflows_core.discovery import distribution_folders, entries
from dataflows_registry.search.head import FORMAT
from dataflows_registry.store import Store
from dataflows_registry.text import normalised

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

__all__ = ["installed_index", "installed_versions"]

_KEPT = 4
"""Descriptions that are kept, of as many environments or states of one."""

_temporary: list[TemporaryDirectory[str]] = []


def installed_versions() -> dict[str, str]:
    """The installed distributions that declare something for dataflows, with their versions."""
    return {entry.distribution: entry.version for entry in entries()}


def installed_index(store: Store) -> Path:
    """The folder of an index of what is installed.

    Args:
        store: Whose cache folder it is kept in.
    """
    folder = store.cache_folder / "installed" / _stamp()
    if (folder / "index.json").is_file():
        return folder
    return _described(folder)


def _described(folder: Path) -> Path:
    import shutil
    import tempfile

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        built = Path(tempfile.mkdtemp(dir=folder.parent))
    except OSError:
        return _described_for_now()
    _build(built)
    try:
        built.rename(folder)
    except OSError:  # another process was quicker
        shutil.rmtree(built, ignore_errors=True)
    _prune(folder)
    return folder


def _described_for_now() -> Path:
    if not _temporary:
        from tempfile import TemporaryDirectory

        _temporary.append(TemporaryDirectory(prefix="dataflows-"))
        _build(Path(_temporary[0].name, "index"))
    return Path(_temporary[0].name, "index")


def _build(folder: Path) -> None:
    from dataflows_registry.index.build import build_index
    from dataflows_registry.model import dumps
    from dataflows_registry.sources import open_source

    built = build_index([open_source("installed")], folder, name="installed", places=False)
    (folder / "problems.json").write_text(dumps({"problems": built.problems}), "utf-8")


def _prune(current: Path) -> None:
    """Delete what has not been made lately, and what a killed process has left."""
    import shutil

    others = [path for path in current.parent.iterdir() if path != current]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[_KEPT - 1 :]:
        shutil.rmtree(path, ignore_errors=True)


def _stamp() -> str:
    """Changes when another description may come out."""
    known = installed_versions()
    parts = [str(FORMAT), sys.version, sys.prefix]
    seen = set()
    for folder in distribution_folders():
        name = normalised(os.path.basename(folder).partition("-")[0])  # noqa: PTH119 - pathlib is slower
        parts.append(f"{folder}\0{_time(folder)}")
        if name in known and name not in seen:
            seen.add(name)
            parts += [f"{name}\0{path}\0{_time(path)}" for path in _checkout(folder, name)]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _time(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - as above
    except OSError:
        return 0


def _checkout(folder: str, distribution: str) -> Iterator[str]:
    """The source files of a distribution that is installed from where it is written."""
    try:
        with open(os.path.join(folder, "direct_url.json"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
            editable = '"editable"' in file.read()
    except OSError:
        return
    if editable:
        from importlib.util import find_spec

        modules = {
            entry.value.partition(":")[0].partition(".")[0]
            for entry in entries()
            if entry.distribution == distribution
        }
        for module in sorted(modules):
            spec = find_spec(module)
            for place in (spec.submodule_search_locations or ()) if spec else ():
                yield from _sources(place)
            if spec and spec.origin and not spec.submodule_search_locations:
                yield spec.origin


def _sources(folder: str) -> Iterator[str]:
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        yield from (os.path.join(at, name) for name in sorted(files) if name.endswith(".py"))  # noqa: PTH118
