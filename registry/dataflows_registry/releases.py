"""The releases of distributions from everywhere: from named sources, or from all that is known here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from dataflows_core.errors import FlowError, near_misses
from dataflows_registry.catalog import Catalog
from dataflows_registry.index import Index
from dataflows_registry.index.build import build_index
from dataflows_registry.model import Distribution, Release
from dataflows_registry.sources import open_source
from dataflows_registry.sources.installed import installed
from dataflows_registry.text import normalised

__all__ = ["Releases", "from_sources", "known_here", "two_releases"]


@dataclass(frozen=True)
class Releases:
    """Distributions with their releases.

    Attributes:
        distributions: By name.
        installed: The versions that are installed, by distribution; none where a source says what there is.
        problems: What could not be read, a line each.
    """

    distributions: dict[str, Distribution]
    installed: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def from_sources(texts: Iterable[str], *, offline: bool = False) -> Releases:
    """The releases that sources have.

    Args:
        texts: The sources, as `open_source` takes them.
        offline: Refuse a source on the network.

    Raises:
        FlowError: A text names no source.
        AccessError: A source cannot be read.
    """
    sources = [open_source(text, offline=offline) for text in texts]
    with TemporaryDirectory() as folder:
        built = build_index(sources, Path(folder, "index"), places=False)
        found = {one.name: one for one in Index(Path(folder, "index")).distributions()}
        return Releases(found, problems=built.problems)


def known_here(catalog: Catalog | None = None) -> Releases:
    """What is installed, and what the indexes know.

    Args:
        catalog: Where it is read; that of the user by default.
    """
    catalog = catalog or Catalog()
    versions: dict[str, dict[str, Release]] = {}
    for index, folder in catalog.folders.items():
        for one in Index(folder).distributions():
            if index == "installed" or catalog.store.pinned(one.name) in (None, index):
                known = versions.setdefault(one.name, {})
                for release in one.releases:
                    known[release.version] = _both(known.get(release.version), release)
    found = {
        name: Distribution(name, tuple(_newest_first(known.values()))) for name, known in versions.items()
    }
    return Releases(found, dict(catalog.installed))


def _both(first: Release | None, second: Release) -> Release:
    """A release that two indexes know: as the first describes it, with the files of the second."""
    if first is None or first.files:
        return first or second
    offered = {name: getattr(second, name) for name in ("files", "upload_time", "yanked", "status")}
    return replace(first, **offered)


def _newest_first(releases: Iterable[Release]) -> tuple[Release, ...]:
    from packaging.version import Version

    return tuple(sorted(releases, key=lambda one: Version(one.version), reverse=True))


def two_releases(
    words: Sequence[str], sources: Iterable[str] = (), *, offline: bool = False
) -> tuple[Release, Release]:
    """The releases that are to be compared, the older first.

    Args:
        words: A distribution; and one or two of its releases, each a version, the path of a wheel or
            ``installed``. Or two wheels.
        sources: Where the releases are; otherwise they are looked for among what is known here.
        offline: Refuse a source on the network.

    Raises:
        FlowError: The words do not name two releases; near misses are named.
    """
    if len(words) == 2 and all(map(_is_wheel, words)):
        before, after = map(_of_wheel, words)
        if before.distribution != after.distribution:
            raise FlowError(f"{before.distribution} and {after.distribution} are two distributions")
        return before, after
    if len(words) > 3:
        raise FlowError("name a distribution and two of its releases, or two wheels")
    known = from_sources(sources, offline=offline) if sources else known_here()
    distribution = _distribution(words[0], known)
    wanted = list(words[1:])
    if not wanted and len(distribution.releases) < 2:
        raise FlowError(
            f"{distribution.name} {distribution.latest.version} is the only release that is known\n"
            "  --source names where others are: a folder of wheels, the address of an index"
        )
    if not wanted:
        return distribution.releases[1], distribution.releases[0]
    chosen = [_release(word, distribution) for word in wanted]
    return chosen[0], chosen[1] if len(chosen) == 2 else distribution.latest


def _is_wheel(word: str) -> bool:
    return word.endswith(".whl")


def _of_wheel(path: str) -> Release:
    (distribution,) = from_sources([path]).distributions.values() or [None]
    if distribution is None:
        raise FlowError(f"{path} declares no processors")
    return distribution.latest


def _distribution(word: str, known: Releases) -> Distribution:
    name = normalised(word)
    for candidate in (name, f"dataflows-{name}"):
        if candidate in known.distributions:
            return known.distributions[candidate]
    full = name if name.startswith("dataflows-") else f"dataflows-{name}"
    close = near_misses(full, known.distributions) or near_misses(name, known.distributions)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    raise FlowError(f"no distribution named {word!r} is known{hint}\n  --source names where it is")


def _release(word: str, distribution: Distribution) -> Release:
    if _is_wheel(word):
        found = _of_wheel(word)
        if found.distribution != distribution.name:
            raise FlowError(f"{word} is a wheel of {found.distribution}, not of {distribution.name}")
        return found
    if word == "installed":
        for release in installed():
            if release.distribution == distribution.name:
                return release
        raise FlowError(f"{distribution.name} is not installed")
    if word == "latest":
        return distribution.latest
    for release in _of_version(word, distribution.releases):
        return release
    versions = ", ".join(one.version for one in distribution.releases)
    raise FlowError(f"{distribution.name} has no release {word} that is known; there are {versions}")


def _of_version(text: str, releases: Iterable[Release]) -> Iterator[Release]:
    """The releases of a version, however it is written: 1.0 and 1.0.0 are one."""
    from packaging.version import InvalidVersion, Version

    try:
        wanted = Version(text)
    except InvalidVersion:
        return
    yield from (one for one in releases if Version(one.version) == wanted)
