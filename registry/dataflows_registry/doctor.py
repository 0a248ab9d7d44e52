"""What is wrong with the plugins and indexes here, each with the mend. Nothing of a plugin is imported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dataflows_core.discovery import FIRST_PARTY, GROUPS, entries
from dataflows_core.errors import BrokenPluginError, DataflowsError
from dataflows_registry.catalog import Catalog
from dataflows_registry.index import Index
from dataflows_registry.model import Release
from dataflows_registry.trust import installed_withdrawn, look_alike, read_removed

__all__ = ["Finding", "examine"]

_STALE = timedelta(days=30)


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        code: What kind of fault it is: ``"broken"``, ``"clash"``, ``"index"``, ``"metadata"``,
            ``"look-alike"``, ``"withdrawn"``, ``"stale"``, ``"stubs"``.
        subject: The plugin, name or index that it is about.
        problem: What is wrong.
        mend: What to do.
    """

    code: str
    subject: str
    problem: str
    mend: str

    def to_json(self) -> dict[str, str]:
        """For programs."""
        return asdict(self)


def examine(catalog: Catalog, *, importing: bool = False) -> list[Finding]:
    """Look at everything that is installed and indexed.

    Args:
        catalog: What is known.
        importing: Also import every plugin, which runs its code.
    """
    checks = [_indexes(catalog)]
    found = list(checks[0])
    usable = [name for name in catalog.folders if name not in {one.subject for one in found}]
    releases = _installed_releases(catalog) if "installed" in usable else []
    for check in (
        _unreadable(catalog),
        _described(releases),
        _clashes(),
        _look_alikes(releases),
        _two_indexes(catalog, usable),
        _withdrawn(catalog, releases, usable),
        _stubs(),
        _imports() if importing else (),
    ):
        found += check
    return found


def _installed_releases(catalog: Catalog) -> list[Release]:
    index = Index(catalog.folders["installed"])
    found = (index.distribution(name) for name in index.names())
    return [one.releases[0] for one in found if one is not None]


def _indexes(catalog: Catalog) -> Iterator[Finding]:
    """Indexes that were never read, are damaged, or old."""
    for index in catalog.store.indexes():
        update = f"dataflows registry index update {index.name}"
        folder = catalog.store.index_folder(index.name)
        if not (folder / "index.json").is_file():
            yield Finding("index", index.name, "it was added, but is not there", update)
            continue
        age = datetime.now(UTC) - datetime.fromtimestamp(_read_at(folder), UTC)
        if age > _STALE:
            yield Finding("stale", index.name, f"it was read {age.days} days ago", update)
    from dataflows_registry.search import Head

    for name, folder in catalog.folders.items():
        mend = {
            "installed": f"delete {folder}",
            "bundled": "install dataflows-registry again",
        }.get(name, f"dataflows registry index update {name}")
        try:
            Index(folder).root()
            Head(folder / "head.sqlite", name).close()
        except DataflowsError as error:
            yield Finding("index", name, str(error), mend)


def _read_at(folder: Path) -> float:
    """When the source of an index was read last."""
    return max(path.stat().st_mtime for path in folder.glob("*.json"))


def _unreadable(catalog: Catalog) -> Iterator[Finding]:
    """Distributions whose metadata cannot be read at all."""
    path = catalog.folders.get("installed", Path()) / "problems.json"
    problems = json.loads(path.read_text("utf-8"))["problems"] if path.is_file() else []
    for problem in problems:
        yield Finding("broken", "installed", problem, "install that distribution again")


def _described(releases: Iterable[Release]) -> Iterator[Finding]:
    """Plugins that are broken, as far as can be told without importing; those that say too little."""
    for release in releases:
        name = f"{release.distribution} {release.version}"
        own = release.distribution in FIRST_PARTY
        again = f"install it again: python -m pip install --force-reinstall --no-deps {release.distribution}"
        for problem in release.problems:
            yield Finding("broken", name, problem, again)
        for processor in release.processors:
            for problem in processor.problems:
                yield Finding("broken", f"{processor.qualified_name} ({name})", problem, again)
            if own or processor.group != "processor" or processor.problems:
                continue
            missing = [
                what
                for what, lacks in (
                    ("a docstring", not processor.summary),
                    ("a return annotation (Source, Step, Sink or Flow)", processor.kind == "unknown"),
                )
                if lacks
            ]
            if missing:
                subject = f"{processor.qualified_name} ({name})"
                yield Finding(
                    "metadata", subject, f"it has not {' and not '.join(missing)}", "ask its author to add it"
                )


def _clashes() -> Iterator[Finding]:
    """Short names that several distributions claim."""
    for kind, group in GROUPS.items():
        known = entries(group)
        for name in sorted({entry.name for entry in known}):
            claims = [entry for entry in known if entry.name == name]
            if len(claims) < 2 or kind == "fallback loader":
                continue
            owners = [entry for entry in claims if entry.first_party]
            others = [entry for entry in claims if not entry.first_party]
            long = " or ".join(entry.qualified_name for entry in (others if owners else claims))
            wins = (
                f"; the short name means that of {owners[0].distribution}"
                if owners
                else "; the short name is refused"
            )
            names = " and ".join(entry.distribution for entry in claims)
            yield Finding(
                "clash",
                name,
                f"the {kind} is claimed by {names}{wins}",
                f"write {long}, or uninstall one of them",
            )


def _look_alikes(releases: Iterable[Release]) -> Iterator[Finding]:
    for release in releases:
        if other := look_alike(release.distribution):
            mend = f"if it is not what you meant: dataflows registry uninstall {release.distribution}"
            yield Finding("look-alike", release.distribution, f"its name looks like that of {other}", mend)


def _two_indexes(catalog: Catalog, usable: Iterable[str]) -> Iterator[Finding]:
    """Distributions that several added indexes have, and that are pinned to none."""
    added = {index.name for index in catalog.store.indexes()}
    holders: dict[str, list[str]] = {}
    for name in usable:
        for distribution in Index(catalog.folders[name]).names() if name in added else ():
            holders.setdefault(distribution, []).append(name)
    for distribution, names in holders.items():
        if len(names) > 1 and catalog.store.pinned(distribution) is None:
            yield Finding(
                "clash",
                distribution,
                f"the indexes {' and '.join(names)} both have it",
                f"pin it to one: dataflows registry index pin {names[0]} {distribution}",
            )


def _withdrawn(catalog: Catalog, releases: Iterable[Release], usable: Iterable[str]) -> Iterator[Finding]:
    """What is installed although it was withdrawn since."""
    versions = {release.distribution: release.version for release in releases}
    for name in usable:
        if name == "installed":
            continue
        index = Index(catalog.folders[name])
        known = {one: found.releases for one in versions if (found := index.distribution(one))}
        removed = read_removed(catalog.folders[name])
        for distribution, why in installed_withdrawn(versions, known, removed).items():
            subject = f"{distribution} {versions[distribution]}"
            mend = f"dataflows registry upgrade {distribution}, or uninstall it"
            yield Finding("withdrawn", subject, f"{why} (index {name})", mend)


def _stubs() -> Iterator[Finding]:
    """Stubs that tell editors of other plugins than there are."""
    from dataflows_registry.stubs import PACKAGE, default_folder, is_current

    folder = default_folder()
    try:
        current = not (folder / PACKAGE).exists() or is_current(folder)
    except DataflowsError as error:
        yield Finding("stubs", PACKAGE, str(error), f"delete {folder / PACKAGE}")
        return
    if not current:
        mend = "write them again: dataflows registry stubs"
        yield Finding("stubs", PACKAGE, "the stubs do not say what is installed", mend)


def _imports() -> Iterator[Finding]:
    """Plugins that cannot be imported."""
    for entry in entries():
        if entry.group not in GROUPS.values() and entry.group != "dataflows":
            continue
        try:
            entry.load()
        except BrokenPluginError as error:
            again = f"python -m pip install --force-reinstall {entry.distribution}"
            subject = f"{entry.qualified_name} ({entry.distribution} {entry.version})"
            yield Finding("broken", subject, error.problem, f"install what it needs, or it again: {again}")
