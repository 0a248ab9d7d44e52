"""What the user's indexes offer under a name: one place that reads them for installing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from dataflows_core.discovery import FIRST_PARTY
from dataflows_core.errors import AmbiguousNameError, UnknownNameError
from dataflows_registry.index import Index, bundled_index
from dataflows_registry.index.layout import HEAD, INDEX
from dataflows_registry.install.choose import Offer
from dataflows_registry.model import Release
from dataflows_registry.search import Filters, Head, search
from dataflows_registry.search.words import squashed
from dataflows_registry.sources import is_remote_source, pip_address
from dataflows_registry.store import Store
from dataflows_registry.text import normalised
from dataflows_registry.trust import read_removed, sole_index

__all__ = ["Offers"]


class Offers:
    """What can be installed from the indexes that a user added, and from the one that is bundled.

    Args:
        store: The user's configuration.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._sources = {index.name: index.source for index in store.indexes()}

    @cached_property
    def _indexes(self) -> dict[str, Index]:
        """The added indexes that were read at least once, in the order of their priority."""
        folders = {name: self.store.index_folder(name) for name in self._sources}
        return {name: Index(folder) for name, folder in folders.items() if (folder / INDEX).is_file()}

    @cached_property
    def _bundled(self) -> Index | None:
        """The index that comes with the registry; it describes, and offers no files."""
        folder = bundled_index()
        return Index(folder) if folder else None

    @cached_property
    def _heads(self) -> list[Head]:
        known = {**self._indexes, **({"bundled": self._bundled} if self._bundled else {})}
        return [Head(index.folder / HEAD, name) for name, index in known.items()]

    def distribution_of(self, name: str) -> str:
        """The distribution that a name means.

        Args:
            name: That of a distribution, or the short or long name of a processor, loader or writer.

        Raises:
            UnknownNameError: No index knows it; near misses are named.
            AmbiguousNameError: Several distributions have a processor of that name.
        """
        if self.knows(normalised(name)):
            return normalised(name)
        claims = self._claims(name)
        claims = {key: long for key, long in claims.items() if key in FIRST_PARTY} or claims
        if len(claims) > 1:
            raise AmbiguousNameError("processor", name, claims.values())
        if not claims:
            near = list(dict.fromkeys(hit.found.name for hit in search(self._heads, name, most=8)))
            raise UnknownNameError("processor or distribution", name, near, self._help())
        return next(iter(claims))

    def of(self, distribution: str) -> list[Offer]:
        """Every release of a distribution, from the one index that it is to come from.

        Raises:
            RefusedError: Several indexes have it, and it is pinned to none.
        """
        name = sole_index(distribution, self._holders(distribution), self.store.pinned(distribution))
        index = self._indexes[name] if name else self._bundled
        found = index.distribution(distribution) if index else None
        if index is None or found is None:
            return []
        places = self._places(name, index) if name else ()
        removed = read_removed(index.folder)
        return [Offer(release, name, places, removed) for release in found.releases]

    def today(
        self, index: str | None, distribution: str, version: str
    ) -> tuple[Release | None, Mapping[str, str]]:
        """What one index says now of one release, and of what it has removed."""
        there = self._indexes.get(index or "")
        found = there.distribution(distribution) if there else None
        if there is None or found is None:
            return None, {}
        releases = [release for release in found.releases if release.version == version]
        return (releases[0] if releases else None), read_removed(there.folder)

    def places(self, name: str | None) -> tuple[str, ...]:
        """Where the files of an index are; nowhere if there is no such index."""
        index = self._indexes.get(name or "")
        return self._places(name, index) if name and index else ()

    def knows(self, distribution: str) -> bool:
        """Whether any index has a distribution."""
        bundled = self._bundled is not None and self._bundled.distribution(distribution) is not None
        return bundled or bool(self._holders(distribution))

    def _holders(self, distribution: str) -> list[str]:
        return [name for name, index in self._indexes.items() if index.distribution(distribution) is not None]

    def _places(self, name: str, index: Index) -> tuple[str, ...]:
        """Folders and addresses; what a published index claims of this machine's folders is not believed."""
        source = self._sources[name]
        foreign = is_remote_source(source)
        listed = [place for place in index.root().get("sources", []) if isinstance(place, str)]
        believed = [place for place in listed if not foreign or place.startswith(("http://", "https://"))]
        if source == "pip":
            return (pip_address(),)  # what the index lists of it is without the password
        own = [] if source == "installed" or source.endswith("index.json") else [source]
        return tuple(dict.fromkeys([*own, *believed]))

    def _claims(self, name: str) -> dict[str, str]:
        """The distributions that have a processor of a name, with its long name."""
        return {
            one.distribution: one.qualified_name
            for head in self._heads
            for one in head.named(squashed(name.rpartition(".")[2]), Filters(), 1000)
            if name in (one.name, one.qualified_name)
        }

    def _help(self) -> str:
        if not self._indexes:
            return "no index was added: `dataflows registry index add NAME SOURCE` makes more known"
        return "`dataflows registry search` looks for words in what processors say of themselves"
