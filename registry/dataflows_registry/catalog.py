"""What is known of processors: installed, in the indexes that were added, in the one that is bundled.

Everything that lists, searches or shows reads through a `Catalog`. It opens no socket and imports no plugin.
What is installed takes precedence, then the added indexes in their order, then the bundled one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataflows_core.errors import AmbiguousNameError, UnknownNameError
from dataflows_registry.bundled import bundled_index
from dataflows_registry.installed import installed_index, installed_versions
from dataflows_registry.search import Filters, Found, Head, search
from dataflows_registry.search.words import squashed
from dataflows_registry.store import Store
from dataflows_registry.trust import look_alike

if TYPE_CHECKING:
    from dataflows_registry.model import Distribution, Processor, Release

__all__ = ["Catalog", "Entry", "Known"]


@dataclass(frozen=True)
class Known:
    """A processor, as a list shows it.

    Attributes:
        found: What the search file says of it.
        index: The index it was found in.
        installed_version: The version that is installed of its distribution, or None.
    """

    found: Found
    index: str
    installed_version: str | None

    @property
    def look_alike(self) -> str | None:
        """The first-party distribution that the name of its own could be mistaken for."""
        return look_alike(self.found.distribution)


@dataclass(frozen=True)
class Entry:
    """A processor with everything that is known of it.

    Attributes:
        processor: Its description.
        release: The release that the description is of.
        distribution: All releases that its index knows.
        index: The name of that index.
        installed_version: The version that is installed, or None.
    """

    processor: Processor
    release: Release
    distribution: Distribution
    index: str
    installed_version: str | None

    def to_json(self) -> dict[str, Any]:
        """For programs: the description, and what concerns the release."""
        release = self.release
        file = next((file for file in release.files if file.name.endswith(".whl")), None)
        file = file or next(iter(release.files), None)
        return {
            **self.processor.to_json(),
            "distribution": release.distribution,
            "version": release.version,
            "installed": self.installed_version is not None,
            "installed_version": self.installed_version,
            "index": self.index,
            "licence": release.licence,
            "requires_python": release.requires_python,
            "requires_core": release.requires_core,
            "upload_time": release.upload_time,
            "look_alike": look_alike(release.distribution),
            "size": file.size if file else None,
            "hash": f"sha256:{file.sha256}" if file and file.sha256 else None,
        }


class Catalog:
    """Everything that is known of processors.

    Args:
        store: The user's configuration and folders.
        describe_installed: Describe what is installed, which takes a second when it has changed; otherwise it
            is only known by name.
    """

    def __init__(self, store: Store | None = None, *, describe_installed: bool = True) -> None:
        self.store, self.describe_installed = store or Store(), describe_installed
        self.installed = installed_versions()

    @cached_property
    def folders(self) -> dict[str, Path]:
        """The folders of the indexes by name, those that take precedence first."""
        added = {index.name: self.store.index_folder(index.name) for index in self.store.indexes()}
        bundled = bundled_index()
        known = {"installed": installed_index(self.store)} if self.describe_installed else {}
        known |= added
        if bundled is not None:
            known["bundled"] = bundled
        return {name: folder for name, folder in known.items() if (folder / "index.json").is_file()}

    @cached_property
    def heads(self) -> list[Head]:
        """The search files of the indexes, in the same order."""
        return [Head(folder / "head.sqlite", name) for name, folder in self.folders.items()]

    @cached_property
    def _pins(self) -> bool:
        return any(index.pins for index in self.store.indexes())

    def search(
        self,
        text: str = "",
        *,
        kind: str | None = None,
        format: str | None = None,
        scheme: str | None = None,
        installed: bool | None = None,
        most: int | None = None,
    ) -> list[Known]:
        """The processors that answer a question, the best first; all of them, by name, if nothing is asked.

        Args:
            text: The question.
            kind: ``"source"``, ``"step"``, ``"sink"`` or ``"flow"``.
            format: A format they have to read or write.
            scheme: A scheme of addresses they have to read or write.
            installed: True for those that are installed, False for those that are not.
            most: How many at most.
        """
        without = self.installed if installed is False else ()
        section = None if text.strip() else "processor"  # words find processors alone
        filters = Filters.of(kind, format, scheme, section, without)
        heads = [head for head in self.heads if (head.index == "installed") or not installed]
        hits = search(heads, text, filters, accept=self._shown)
        found = [Known(hit.found, hit.index, self._version(hit.found)) for hit in hits]
        if not text.strip():
            found.sort(key=lambda known: (known.found.name, known.found.distribution))
        return found[:most]

    def _shown(self, index: str, found: Found) -> bool:
        """Whether a processor is shown from the index it is in; of what is installed, as it is installed."""
        if index == "installed":
            return True
        if found.distribution in self.installed and self.describe_installed:
            return False
        return self._pinned(found.distribution) in (None, index)

    def _pinned(self, distribution: str) -> str | None:
        return self.store.pinned(distribution) if self._pins else None

    def _version(self, found: Found) -> str | None:
        return self.installed.get(found.distribution)

    def entries(self, known: Iterable[Known]) -> list[Entry]:
        """The processors of a list with everything that is known of them."""
        return [entry for one in known if (entry := self._entry(one)) is not None]

    def _entry(self, known: Known) -> Entry | None:
        distribution = self._distribution(known.index, known.found.distribution)
        releases = distribution.releases if distribution else ()
        release = next((one for one in releases if one.version == known.found.version), None)
        if distribution is None or release is None:
            return None
        for processor in release.processors:
            if (processor.name, processor.group) == (known.found.name, known.found.section):
                return Entry(processor, release, distribution, known.index, known.installed_version)
        return None

    def _distribution(self, index: str, name: str) -> Distribution | None:
        from dataflows_registry.index import Index

        if (index, name) not in self._read:
            self._read[index, name] = Index(self.folders[index]).distribution(name)
        return self._read[index, name]

    @cached_property
    def _read(self) -> dict[tuple[str, str], Distribution | None]:
        return {}

    def releases(self, distribution: str) -> Iterator[tuple[str, Release]]:
        """The releases of a distribution that the indexes know, with the name of the index."""
        for index in self.folders:
            found = self._distribution(index, distribution)
            yield from ((index, release) for release in (found.releases if found else ()))

    def named(self, name: str) -> list[Known]:
        """The processors that have a name, short or long, or are of a distribution of that name.

        Args:
            name: The name.
        """
        found: dict[tuple[str, str], Known] = {}
        for head in self.heads:
            for one in head.named(squashed(name.rpartition(".")[2]), Filters(), 1000):
                known = Known(one, head.index, self._version(one))
                same = name in (one.name, one.qualified_name) and one.section == "processor"
                if same and self._shown(head.index, one):
                    found.setdefault((one.distribution, one.name), known)
        return list(found.values())

    def of_distribution(self, name: str) -> list[Known]:
        """The processors of a distribution."""
        for head in self.heads:
            known = (Known(one, head.index, self._version(one)) for one in head.of_distribution(name))
            shown = [
                one for one in known if one.found.section == "processor" and self._shown(one.index, one.found)
            ]
            if shown:
                return shown
        return []

    def find(self, name: str) -> Entry:
        """The processor that a name means, as in a flow.

        Args:
            name: A short or a long name.

        Raises:
            UnknownNameError: No index knows it; near misses are named.
            AmbiguousNameError: Several distributions have one of that short name.
        """
        from dataflows_core.discovery import FIRST_PARTY

        claims = self.named(name)
        for preferred in (
            [one for one in claims if one.found.distribution in FIRST_PARTY],
            [one for one in claims if one.installed_version],
        ):
            claims = preferred if len(claims) > 1 and preferred else claims
        if len(claims) > 1:
            raise AmbiguousNameError("processor", name, [one.found.qualified_name for one in claims])
        if found := self.entries(claims):
            return found[0]
        raise UnknownNameError(
            "processor", name, self.near(name), "`dataflows registry search` looks for words"
        )

    def install_command(self, name: str, distribution: str) -> str:
        """The command that installs a processor's distribution: by the short name where that is enough.

        A name that others have too, or that a shell would understand otherwise, is not offered for copying.

        Args:
            name: The short name.
            distribution: The distribution that has it.
        """
        claims = {one.found.distribution for one in self.named(name)}
        short = name.isidentifier() and name.isascii() and claims == {distribution}
        return f"dataflows registry install {name if short else distribution}"

    def near(self, name: str) -> list[str]:
        """Names that may have been meant."""
        return list(dict.fromkeys(known.found.name for known in self.search(name, most=8)))

    def providers(self, *, format: str | None = None, scheme: str | None = None) -> list[Known]:
        """The processors, loaders and writers for a format or a scheme, those that are installed first."""
        filters = Filters.of(format=format, scheme=scheme)
        hits = search(self.heads, "", filters, accept=self._shown)
        return sorted(
            (Known(hit.found, hit.index, self._version(hit.found)) for hit in hits),
            key=lambda known: (
                known.installed_version is None,
                known.found.section != "processor",
                known.found.name,
            ),
        )

    def formats(self) -> list[str]:
        """Every format that a known processor reads or writes."""
        return sorted({one for head in self.heads for one in head.formats()})
