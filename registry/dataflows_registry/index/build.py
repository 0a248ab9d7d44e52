"""Sources -> an index on disk: the same input gives the same bytes; what is unchanged is not read again."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from dataflows_core.errors import AccessError, DataflowsError, FlowError
from dataflows_registry.index.layout import FORMAT, HEAD, INDEX, REMOVED, VALIDATORS, Index
from dataflows_registry.model import Distribution, Release, dumps
from dataflows_registry.sources import Memory, Reading, Source
from dataflows_registry.store import replacing, write_atomically
from dataflows_registry.text import clean_line

__all__ = ["Built", "build_index"]

_DESCRIPTIONS = 2
"""Raised when the same files would be described otherwise; what older builds remember is then forgotten."""


@dataclass
class Built:
    """What a build came to.

    Attributes:
        distributions: How many the index has.
        processors: How many processors, loaders, writers … their latest releases have.
        changed: The distributions whose description is new or another.
        gone: The distributions that the index had before.
        problems: What could not be read, a line each.
    """

    distributions: int = 0
    processors: int = 0
    changed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return dict(vars(self))


def build_index(
    sources: Sequence[Source], folder: Path, *, name: str = "index", places: bool = True
) -> Built:
    """Build an index, or bring one up to date.

    Args:
        sources: Where the releases come from; a release that several have is taken from the first of them.
        folder: Where the index is, or is to be.
        name: What the index calls itself.
        places: Whether the index says where files can be had.

    Raises:
        FlowError: The folder holds something else.
        AccessError: A source cannot be read, and the index stays as it was; or the folder cannot be written.
        DataError: A source is not what it claims to be; the index stays as it was.
    """
    _check(folder)
    memory = _Remembered(folder)
    releases: dict[str, dict[str, Release]] = {}
    readings: dict[str, Reading] = {}
    built = Built()
    for source in sources:
        reading = readings[source.name] = Reading()
        for release in source.read(memory.of(source.name), reading):
            versions = releases.setdefault(release.distribution, {})
            _merge(versions, release, source.name, built)
        built.problems += [f"{clean_line(source.name)}: {problem}" for problem in reading.problems]
    removed: dict[str, str] = {}
    for reading in readings.values():
        gone = {key: why for key, why in reading.removed.items() if not _offered(key, releases)}
        removed |= {key: why for key, why in gone.items() if key not in removed}
    distributions = [Distribution(name, _newest_first(found)) for name, found in sorted(releases.items())]
    files = {f"dist/{one.name}.json": dumps(one) for one in distributions}
    files[REMOVED] = dumps(dict(sorted(removed.items())))
    shown = [place for reading in readings.values() for place in reading.places] if places else []
    root = _root(name, list(dict.fromkeys(shown)), distributions, files)
    built.distributions = len(distributions)
    built.processors = sum(len(one.latest.processors) for one in distributions)
    _write(folder, root, files, distributions, built)
    states = {key: reading.state for key, reading in readings.items() if reading.state}
    _replace(folder / VALIDATORS, dumps({"descriptions": _DESCRIPTIONS, "sources": states}))
    return built


def _check(folder: Path) -> None:
    """Refuse a folder that holds something else than an index."""
    if folder.exists() and not folder.is_dir():
        raise FlowError(f"{folder} is a file; an index is a folder")
    try:
        others = not (folder / INDEX).is_file() and folder.is_dir() and not all(map(_left, folder.iterdir()))
    except OSError as error:
        raise AccessError(f"{folder} cannot be read: {error.strerror}") from error
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):  # told now, not after all has been described
        raise AccessError(f"{folder} cannot be written: {above} is no folder that lets you")
    if others:
        raise FlowError(f"{folder} is not empty, and holds no index; choose another folder")


def _left(path: Path) -> bool:
    """Whether a file may be what a build left that was killed before it wrote `index.json`."""
    if path.name == "dist" and path.is_dir():
        return all(one.name.endswith(".json") or _is_temporary(one.name) for one in path.iterdir())
    return path.name in (HEAD, REMOVED, VALIDATORS) or _is_temporary(path.name)


def _is_temporary(name: str) -> bool:
    return re.fullmatch(r"\..+\.[0-9a-f]{12}", name) is not None


class _Remembered:
    """What the last build in a folder left."""

    def __init__(self, folder: Path) -> None:
        self.index = Index(folder)
        try:
            found = json.loads((folder / VALIDATORS).read_bytes())
            usable = found["descriptions"] == _DESCRIPTIONS
            self.states: dict[str, Any] = found["sources"] if usable else {}
        except (OSError, ValueError, KeyError, TypeError):
            self.states = {}  # then everything is read

    def of(self, source: str) -> Memory:
        state = self.states.get(source)
        if not isinstance(state, dict):
            return Memory()
        return Memory(state, self.release)

    def release(self, name: str, version: str) -> Release | None:
        return self._releases(name).get(version)

    @lru_cache(maxsize=8)  # noqa: B019 - lives as long as a build
    def _releases(self, name: str) -> dict[str, Release]:
        try:
            found = self.index.distribution(name)
        except DataflowsError:
            return {}  # damaged: it is described again
        return {release.version: release for release in found.releases} if found else {}


def _merge(versions: dict[str, Release], release: Release, source: str, built: Built) -> None:
    first = versions.setdefault(release.version, release)
    hashes = {file.name: file.sha256 for file in first.files}
    for file in release.files:
        if file.sha256 is not None and hashes.get(file.name) not in (None, file.sha256):
            built.problems.append(
                f"{clean_line(source)}: {file.name} differs from the file of that name in a source before it"
            )


def _offered(key: str, releases: dict[str, dict[str, Release]]) -> bool:
    name, _, version = key.partition(" ")
    return name in releases and (not version or version in releases[name])


def _newest_first(versions: dict[str, Release]) -> tuple[Release, ...]:
    from packaging.version import Version

    ordered = sorted(versions.values(), key=lambda one: (Version(one.version), one.version), reverse=True)
    return tuple(ordered)


def _root(
    name: str, places: list[str], distributions: list[Distribution], files: dict[str, str]
) -> dict[str, Any]:
    entries = {}
    for one in distributions:
        path = f"dist/{one.name}.json"
        entries[one.name] = {
            "file": path,
            "sha256": _sha256(files[path].encode()),
            "latest": one.latest.version,
            "summary": one.latest.summary,
        }
    return {"format": FORMAT, "name": name, "sources": places, "distributions": entries}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(
    folder: Path,
    root: dict[str, Any],
    files: dict[str, str],
    distributions: list[Distribution],
    built: Built,
) -> None:
    """Write what has changed: descriptions, then the head, `index.json` last."""
    there = {f"dist/{path.name}" for path in (folder / "dist").glob("*.json")}
    for path in sorted(there - set(files)):
        (folder / path).unlink(missing_ok=True)
        built.gone.append(path.removeprefix("dist/").removesuffix(".json"))
    for path, text in files.items():
        if _replace(folder / path, text) and path.startswith("dist/"):
            built.changed.append(path.removeprefix("dist/").removesuffix(".json"))
    head = folder / HEAD
    if built.changed or built.gone or not head.is_file():
        from dataflows_registry.search.head import write_head

        with replacing(head) as new:
            write_head(new, distributions)
    root["files"] = {REMOVED: _sha256(files[REMOVED].encode()), HEAD: _sha256(head.read_bytes())}
    _replace(folder / INDEX, dumps(root))


def _replace(path: Path, text: str) -> bool:
    """Write a file whole, unless it is the same already; says whether it was written."""
    content = text.encode()
    if path.is_file() and path.read_bytes() == content:
        return False
    write_atomically(path, content)
    return True
