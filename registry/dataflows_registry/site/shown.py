"""What a site shows: what its sources have, or all that is known here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from dataflows_registry.index import Index, build_index, bundled_index
from dataflows_registry.model import Distribution, Release
from dataflows_registry.sources import Memory, Reading, open_source
from dataflows_registry.store import Store

__all__ = ["Shown", "from_sources", "known_here"]


@dataclass(frozen=True)
class Shown:
    """What a site shows.

    Attributes:
        distributions: What there is.
        installed: The versions that are installed, by distribution; of a site for others, none.
        problems: What could not be read, a line each.
    """

    distributions: Sequence[Distribution]
    installed: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()


def from_sources(texts: Iterable[str], *, offline: bool = False) -> Shown:
    """What sources have; where it is installed is nobody's business.

    Args:
        texts: The sources, as `open_source` takes them.
        offline: Refuse a source on the network.

    Raises:
        FlowError: A text names no source.
        AccessError: A source cannot be read.
    """
    sources = [open_source(text, offline=offline) for text in texts]
    with TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        built = build_index(sources, index, places=False)
        return Shown(list(Index(index).distributions()), problems=built.problems)


def known_here(store: Store | None = None) -> Shown:
    """What is installed, and what the indexes know; an index that comes first is believed.

    Args:
        store: The user's configuration.
    """
    reading = Reading()
    releases = list(open_source("installed").read(Memory(), reading))
    found: dict[str, Distribution] = {}
    for one in _indexed(store or Store()):
        found.setdefault(one.name, one)
    for release in releases:
        found[release.distribution] = _with(found.get(release.distribution), release)
    installed = {release.distribution: release.version for release in releases}
    return Shown(list(found.values()), installed, reading.problems)


def _indexed(store: Store) -> Iterator[Distribution]:
    for index in store.indexes():
        for one in Index(store.index_folder(index.name)).distributions():
            if store.pinned(one.name) in (None, index.name):
                yield one
    if (bundled := bundled_index()) is not None:
        yield from (one for one in Index(bundled).distributions() if store.pinned(one.name) is None)


def _with(known: Distribution | None, installed: Release) -> Distribution:
    """A distribution with the release that is installed, which no index may know."""
    if known is None:
        return Distribution(installed.distribution, (installed,))
    if any(release.version == installed.version for release in known.releases):
        return known
    from packaging.version import InvalidVersion, Version

    try:
        releases = sorted((installed, *known.releases), key=lambda one: Version(one.version), reverse=True)
    except InvalidVersion:
        releases = [*known.releases, installed]
    return Distribution(known.name, tuple(releases))
