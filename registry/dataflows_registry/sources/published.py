"""A published index, in a folder or on the web, as a source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dataflows_core.errors import AccessError, DataError
from dataflows_core.files.urls import shown
from dataflows_registry.index.layout import FORMAT
from dataflows_registry.model import Distribution, Release, loads
from dataflows_registry.sources.base import Memory, Reading
from dataflows_registry.sources.http import Client
from dataflows_registry.text import DISTRIBUTION, clean_line

__all__ = ["PublishedIndex"]

_MAX_INDEX = 100_000_000
_MAX_DISTRIBUTION = 50_000_000


class PublishedIndex:
    """An index that `index build` wrote.

    Args:
        place: Its folder, or its address; with or without ``index.json`` at the end.
    """

    def __init__(self, place: str) -> None:
        self.place = place.removesuffix("index.json").rstrip("/")
        self.name = shown(self.place)

    def read(self, memory: Memory, reading: Reading) -> Iterator[Release]:
        """Every release of the index; of an unchanged distribution nothing is asked."""
        with Client() as client:
            index = self._root(client, memory, reading)
            removed = memory.state.get("removed", {})
            if index is None:
                index = memory.state["index"]
            else:
                removed = _reasons(self._get(client, "removed.json", index, reading))
            reading.state |= {"index": index, "removed": removed, "versions": {}}
            reading.places += _texts(index.get("sources", []))
            reading.removed |= removed
            for name, entry in _entries(index):
                yield from self._distribution(client, name, entry, memory, reading)

    def _distribution(
        self, client: Client, name: str, entry: dict[str, Any], memory: Memory, reading: Reading
    ) -> Iterator[Release]:
        before = memory.state.get("index", {}).get("distributions", {}).get(name, {})
        known = [memory.release(name, version) for version in memory.state.get("versions", {}).get(name, ())]
        if before.get("sha256") == entry.get("sha256") and known and None not in known:
            releases = tuple(release for release in known if release is not None)
        else:
            content = self._content(client, f"dist/{name}.json", _MAX_DISTRIBUTION)
            if hashlib.sha256(content).hexdigest() != entry.get("sha256"):
                raise DataError(f"dist/{name}.json of {self.name} is not the file that its index.json lists")
            place = f"dist/{name}.json of {self.name}"
            try:
                found = Distribution.from_json(loads(content, "it"))
            except DataError as error:
                raise DataError(f"{place}: {error}") from None
            if found.name != name or any(release.distribution != name for release in found.releases):
                raise DataError(f"dist/{name}.json of {self.name} describes another distribution")
            _check_versions(found, self.name)
            releases = found.releases
        reading.state["versions"][name] = [release.version for release in releases]
        yield from releases

    def _root(self, client: Client, memory: Memory, reading: Reading) -> dict[str, Any] | None:
        """The root of the index; None when it is as it was."""
        path = "index.json"
        if "://" in self.place:
            before = memory.state if "index" in memory.state else {}
            content = client.get(f"{self.place}/{path}", _MAX_INDEX, before, reading.state)
            if content is None:
                return None
        else:
            content = self._content(client, path, _MAX_INDEX)
        value = loads(content, f"{path} of {self.name}")
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise DataError(
                f"{path} of {self.name} is no index of the format {FORMAT}; a newer registry may read it"
            )
        return value

    def _content(self, client: Client, path: str, limit: int) -> bytes:
        if "://" in self.place:
            content = client.get(f"{self.place}/{path}", limit, {}, {})
            assert content is not None
            return content
        try:
            file = Path(self.place, path)
            if file.stat().st_size > limit:
                raise DataError(f"{file} is larger than {limit:,} bytes")
            return file.read_bytes()
        except OSError as error:
            raise AccessError(f"{Path(self.place, path)} cannot be read: {error.strerror}") from error

    def _get(self, client: Client, path: str, index: dict[str, Any], reading: Reading) -> Any:
        """A side file, if the index lists it."""
        listed = index.get("files")
        if not isinstance(listed, dict) or path not in listed:
            return {}
        content = self._content(client, path, _MAX_DISTRIBUTION)
        if hashlib.sha256(content).hexdigest() != listed[path]:
            reading.problems.append(f"{path} of {self.name} is not the file that its index.json lists")
            return {}
        return loads(content, f"{path} of {self.name}")


def _check_versions(found: Distribution, place: str) -> None:
    """Refuse versions that no installer understands: they are compared, and handed to one."""
    from packaging.version import InvalidVersion, Version

    for release in found.releases:
        try:
            Version(release.version)
            understood = not re.search(r"\s", release.version)
        except InvalidVersion:
            understood = False
        if not understood:
            shown = clean_line(release.version)
            raise DataError(f"dist/{found.name}.json of {place} has the version {shown!r}, which is none")


def _entries(index: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    found = index.get("distributions")
    for name, entry in (found if isinstance(found, dict) else {}).items():
        if not DISTRIBUTION.fullmatch(name) or not isinstance(entry, dict):
            raise DataError(f"index.json lists {clean_line(str(name))!r}, which names no distribution")
        yield name, entry


def _texts(value: Any) -> list[str]:
    return [clean_line(item) for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _reasons(value: Any) -> dict[str, str]:
    found = value.items() if isinstance(value, dict) else ()
    return {clean_line(name): clean_line(reason) for name, reason in found if isinstance(reason, str)}
