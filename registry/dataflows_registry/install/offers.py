"""What the user's indexes offer under a name: one place that reads them for installing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dataflows_core.errors import AmbiguousNameError, UnknownNameError
from dataflows_registry.install.choose import Offer
from dataflows_registry.install.environment import normalised
from dataflows_registry.model import Distribution, Release, loads
from dataflows_registry.store import Store
from dataflows_registry.trust import sole_index

if TYPE_CHECKING:
    from dataflows_registry.search.reader import Head

__all__ = ["Offers"]


class Offers:
    """What can be installed from the indexes that a user added, and from those that every user has.

    Args:
        store: The user's configuration.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._sources = {index.name: index.source for index in store.indexes()}

    @cached_property
    def _folders(self) -> dict[str, Path]:
        """The folders of the added indexes that were read at least once, in the order of their priority."""
        found = {name: self.store.index_folder(name) for name in self._sources}
        return {name: folder for name, folder in found.items() if (folder / "index.json").is_file()}

    @cached_property
    def _bundled(self) -> Path | None:
        """The index that comes with the registry; it describes, and offers no files."""
        folder = Path(__file__).parents[1] / "bundled"
        return folder if (folder / "index.json").is_file() else None

    def distribution_of(self, name: str) -> str:
        """The distribution that a name means.

        Args:
            name: That of a distribution, or the short or long name of a processor, loader or writer.

        Raises:
            UnknownNameError: No index knows it; near misses are named.
            AmbiguousNameError: Several distributions have a processor of that name.
        """
        wanted = normalised(name)
        if self._holders(wanted) or self._described(wanted):
            return wanted
        claims = self._claims(name)
        owners = {distribution for distribution, _ in claims}
        if len(owners) == 1:
            return owners.pop()
        if owners:
            raise AmbiguousNameError("processor", name, [long for _, long in claims])
        raise UnknownNameError("processor or distribution", name, self._near(name), self._help())

    def of(self, distribution: str) -> list[Offer]:
        """Every release of a distribution, from the one index that it is to come from.

        Raises:
            RefusedError: Several indexes have it, and it is pinned to none.
        """
        index = sole_index(distribution, self._holders(distribution), self.store.pinned(distribution))
        folder = self._folders[index] if index else self._bundled
        if folder is None:
            return []
        places = (self._sources[index], *_sources(folder)) if index else ()
        removed = _removed(folder)
        return [
            Offer(release, index, tuple(dict.fromkeys(places)), removed)
            for release in _releases(folder, distribution)
        ]

    def today(
        self, index: str | None, distribution: str, version: str
    ) -> tuple[Release | None, Mapping[str, str]]:
        """What one index says now of one release, and of what it has removed."""
        folder = self._folders.get(index or "")
        if folder is None or not _file(folder, distribution).is_file():
            return None, {}
        found = [one for one in _releases(folder, distribution) if one.version == version]
        return (found[0] if found else None), _removed(folder)

    def knows(self, distribution: str) -> bool:
        """Whether any index has a distribution."""
        return bool(self._holders(distribution)) or self._described(distribution)

    def _holders(self, distribution: str) -> list[str]:
        return [name for name, folder in self._folders.items() if _file(folder, distribution).is_file()]

    def _described(self, distribution: str) -> bool:
        return self._bundled is not None and _file(self._bundled, distribution).is_file()

    def _claims(self, name: str) -> list[tuple[str, str]]:
        """The distributions that have a processor of a name, with its long name."""
        from dataflows_registry.search.reader import Filters
        from dataflows_registry.search.words import squashed

        found = [
            (one.distribution, one.qualified_name)
            for head in self._heads
            for one in head.named(squashed(name.rpartition(".")[2]), Filters(), 1000)
            if name in (one.name, one.qualified_name)
        ]
        return list(dict.fromkeys(found))

    @cached_property
    def _heads(self) -> list[Head]:
        from dataflows_registry.search.reader import Head

        folders = {**self._folders, **({"bundled": self._bundled} if self._bundled else {})}
        return [Head(folder / "head.sqlite", index) for index, folder in folders.items()]

    def _near(self, name: str) -> list[str]:
        from dataflows_registry.search.ranking import search

        return [hit.found.name for hit in search(self._heads, name, most=5)]

    def _help(self) -> str:
        if not self._folders:
            return "no index was added: `dataflows registry index add NAME SOURCE` makes more known"
        return "`dataflows registry search` looks for words in what processors say of themselves"


def _file(folder: Path, distribution: str) -> Path:
    return folder / "dist" / f"{distribution}.json"


def _releases(folder: Path, distribution: str) -> tuple[Release, ...]:
    path = _file(folder, distribution)
    return Distribution.from_json(loads(path.read_bytes(), str(path))).releases


def _removed(folder: Path) -> Mapping[str, str]:
    path = folder / "removed.json"
    found: dict[str, str] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


def _sources(folder: Path) -> list[str]:
    sources: list[str] = json.loads((folder / "index.json").read_text("utf-8")).get("sources", [])
    return sources
