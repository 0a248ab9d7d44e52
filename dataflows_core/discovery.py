"""Entry points -> processors, loaders, writers and runners: names and collisions.

Names are found by reading `entry_points.txt` of the installed distributions; nothing is imported until a
name is used. A short name works while one distribution claims it, or a first-party one does; the long
name, `<distribution without dataflows->.<name>`, always works. Install order never decides.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce
from importlib import import_module
from typing import Any

from dataflows_core.errors import AmbiguousNameError, BrokenPluginError, UnknownNameError

__all__ = [
    "FIRST_PARTY",
    "GROUPS",
    "Entry",
    "distribution_folders",
    "entries",
    "find",
    "hint",
    "load",
    "names",
    "parse_entry_points",
    "refresh",
]

GROUPS = {
    "processor": "dataflows.processors",
    "loader": "dataflows.loaders",
    "fallback loader": "dataflows.loaders.fallback",
    "writer": "dataflows.writers",
    "runner": "dataflows.runners",
    "command": "dataflows.commands",
    "blueprint": "dataflows.blueprints",
}
"""The entry-point group in which each kind of name is declared."""

FIRST_PARTY = frozenset(
    f"dataflows-{name}"
    for name in (
        "core", "registry", "stdlib", "load-csv", "dump-path", "load-excel", "dump-excel", "load-json",
        "parquet", "sql", "load-xml", "load-tabulator", "s3", "factory", "server", "testkit", "runner-dask",
    )
)  # fmt: skip
"""Distributions whose short names nobody else can take."""


@dataclass(frozen=True)
class Entry:
    """One entry point of an installed distribution; nothing of it is imported.

    Attributes:
        group: The entry-point group.
        name: The short name.
        value: Where the object is: ``"module:attribute"``, or ``"module"``.
        distribution: The distribution that declares it, normalised: ``"dataflows-load-csv"``.
        version: The distribution's version.
    """

    group: str
    name: str
    value: str
    distribution: str
    version: str

    @property
    def qualified_name(self) -> str:
        """The long name: ``"load-csv.load_csv"``."""
        return f"{self.distribution.removeprefix('dataflows-')}.{self.name}"

    @property
    def first_party(self) -> bool:
        """Whether it is one of this project's own."""
        return self.distribution in FIRST_PARTY

    def load(self) -> Any:
        """Import the object.

        Raises:
            BrokenPluginError: The plugin's import raised, or has no such object.
        """
        module, _, path = self.value.partition("[")[0].strip().partition(":")
        try:
            return reduce(getattr, filter(None, path.split(".")), import_module(module))
        except Exception as error:  # the seam: a plugin's import may raise anything
            label = f"{self.distribution} {self.version}"
            raise BrokenPluginError(self.name, label, f"{type(error).__name__}: {error}") from error


def distribution_folders() -> Iterator[str]:
    """The folders of metadata of everything installed, in the order of `sys.path`."""
    for place in sys.path:
        try:
            with os.scandir(place or ".") as found:
                names = sorted(item.name for item in found if item.name.endswith((".dist-info", ".egg-info")))
        except OSError:
            continue
        for name in names:
            yield os.path.join(place, name)  # noqa: PTH118 - pathlib would be half the cost of `--help`


def _distribution(folder: str) -> tuple[str, str]:
    """Name and version, from the folder's name as the wheel standard writes it."""
    name, _, version = os.path.basename(folder).rpartition(".")[0].partition("-")  # noqa: PTH119
    return re.sub(r"[-_.]+", "-", name).lower(), version


@lru_cache(maxsize=1)
def _entries() -> tuple[Entry, ...]:
    seen: set[str] = set()
    found: list[Entry] = []
    for folder in distribution_folders():
        distribution, version = _distribution(folder)
        if distribution in seen:
            continue  # shadowed, as an import of it would be
        seen.add(distribution)
        try:
            with open(os.path.join(folder, "entry_points.txt"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
                text = file.read()
        except (OSError, UnicodeDecodeError):
            continue
        if "[dataflows" not in text:
            continue
        found += [Entry(*item, distribution, version) for item in parse_entry_points(text)]
    found += _archived(seen)
    return tuple(sorted(found, key=lambda entry: (entry.group, entry.name, entry.distribution)))


def _archived(seen: set[str]) -> Iterator[Entry]:
    """The entry points of what is installed in archives on `sys.path` (zipapps and the like)."""
    archives = [place for place in sys.path if place and os.path.isfile(place)]  # noqa: PTH113 - as above
    if not archives:
        return
    from importlib_metadata import distributions

    for found in distributions(path=archives):
        distribution = re.sub(r"[-_.]+", "-", found.name).lower()
        if distribution not in seen:
            seen.add(distribution)
            text = found.read_text("entry_points.txt") or ""
            yield from (Entry(*item, distribution, found.version) for item in parse_entry_points(text))


def parse_entry_points(text: str) -> Iterator[tuple[str, str, str]]:
    r"""Group, name and value of our entry points; a damaged line must not hide what else is installed.

    Args:
        text: The text of an `entry_points.txt`.

    Examples:
        >>> list(parse_entry_points("[dataflows.loaders]\ncsv = dataflows_load_csv:load_csv"))
        [('dataflows.loaders', 'csv', 'dataflows_load_csv:load_csv')]
    """
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif group.split(".")[0] == "dataflows" and not line.startswith(("#", ";")):
            name, equals, value = line.partition("=")
            if equals and name.strip() and value.strip():
                yield group, name.strip(), value.strip()


def refresh() -> None:
    """Forget what was found; distributions installed since are seen at the next look."""
    _entries.cache_clear()


def entries(group: str | None = None) -> list[Entry]:
    """The entry points of a group, or of all of ours, by name and distribution."""
    return [entry for entry in _entries() if group is None or entry.group == group]


def names(kind: str) -> list[str]:
    """The short names of a kind that can be used, in order."""
    return sorted({entry.name for entry in entries(GROUPS[kind])})


def find(kind: str, name: str) -> Entry:
    """The entry point that a name means.

    Args:
        kind: One of `GROUPS`.
        name: A short or a long name.

    Raises:
        UnknownNameError: Nothing installed has it; near misses are named.
        AmbiguousNameError: Several third-party distributions claim the short name.
    """
    known = entries(GROUPS[kind])
    for entry in known:
        if entry.qualified_name == name:
            return entry
    claims = [entry for entry in known if entry.name == name]
    claims = [entry for entry in claims if entry.first_party] or claims
    if not claims:
        raise UnknownNameError(kind, name, [entry.name for entry in known], hint(kind, name))
    if len(claims) > 1:
        raise AmbiguousNameError(kind, name, [entry.qualified_name for entry in claims])
    return claims[0]


def load(kind: str, name: str) -> Any:
    """The object that a name means, imported.

    Raises:
        UnknownNameError: Nothing installed has the name.
        AmbiguousNameError: Several third-party distributions claim the short name.
        BrokenPluginError: The plugin cannot be imported.
    """
    try:
        entry = find(kind, name)
    except UnknownNameError:
        if entries("dataflows"):
            from dataflows_core.hooks import plugin_manager

            found = plugin_manager().hook.resolve_name(kind=kind, name=name)
            if found is not None:
                return found
        raise
    return entry.load()


def hint(kind: str, name: str) -> str:
    """What installed plugins suggest for an unknown name: the command that installs it, say."""
    if not entries("dataflows"):
        return ""
    from dataflows_core.hooks import plugin_manager

    lines = [line for line in plugin_manager().hook.suggest(kind=kind, name=name) if line]
    return "\n  ".join(lines)
