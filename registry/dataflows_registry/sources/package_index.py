"""A package index as a source: PEP 503 and 691 by pypi-simple, with 592, 658, 700 and 792."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from dataflows_core.errors import DataError
from dataflows_core.files.urls import shown
from dataflows_registry.model import File, Release
from dataflows_registry.sources.base import Memory, Reading, best_file
from dataflows_registry.sources.http import Client, Missing
from dataflows_registry.sources.pages import (
    by_version,
    file_of,
    offered,
    status_of,
    understood,
    with_hash,
)
from dataflows_registry.sources.wheels import describe_file
from dataflows_registry.text import DISTRIBUTION, clean_line, normalised

if TYPE_CHECKING:
    from pypi_simple import DistributionPackage, IndexPage, ProjectPage

__all__ = ["PREFIX", "PackageIndex"]

PREFIX = "dataflows-"
"""What the names of plugins begin with; others have to be listed."""

_MAX_PAGE = 200_000_000
_MAX_FILE = 50_000_000
_MAX_METADATA = 4_000_000
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.5, text/html;q=0.1"


class PackageIndex:
    """An index that pip installs from.

    Args:
        address: Its address.
        extras: Distributions to look for besides those that begin with `PREFIX`.
    """

    def __init__(self, address: str, extras: Iterable[str] = ()) -> None:
        self.address, self.name = address.rstrip("/") + "/", shown(address)
        self.extras = sorted({normalised(name) for name in extras})

    def read(self, memory: Memory, reading: Reading) -> Iterator[Release]:
        """Every release of every plugin; only what has changed is asked for."""
        reading.places.append(self.name)
        with Client(_ACCEPT) as client:
            serials = self._projects(client, memory, reading)
            for name in sorted({*serials, *self.extras}):
                yield from self._project(client, name, serials.get(name), memory, reading)
        known = memory.state.get("projects", {})
        for name in sorted(set(known) - set(reading.state["projects"])):
            reading.removed[name] = "the index has it no longer"
        for name, reason in memory.state.get("removed", {}).items():
            if name.partition(" ")[0] not in reading.state["projects"] or " " in name:
                reading.removed.setdefault(name, reason)
        reading.state["removed"] = dict(reading.removed)

    def download(self, distribution: str, file: File, limit: int) -> bytes | None:
        """The content of a file; None if the index has no such file. Its hash is the caller's to compare.

        Args:
            distribution: The normalised name of the distribution.
            file: The file.
            limit: How many bytes it may have.

        Raises:
            AccessError: The index, or the file, cannot be had.
            DataError: The file is larger than the limit.
        """
        with Client(_ACCEPT) as client:
            try:
                content = client.get(urljoin(self.address, f"{distribution}/"), _MAX_PAGE, {}, {})
            except Missing as error:
                if error.status == 404:
                    return None
                raise
            assert content is not None  # no validators were sent
            packages = self._project_page(client, distribution, content).packages
            found = next((package for package in packages if package.filename == file.name), None)
            return None if found is None else client.get(found.url, limit, {}, {})

    def _projects(self, client: Client, memory: Memory, reading: Reading) -> dict[str, int | None]:
        """The plugins by name, each with the serial of its last change where the index tells."""
        root: dict[str, Any] = {}
        before = memory.state.get("root", {})
        content = client.get(self.address, _MAX_PAGE, before, root)
        if content is None:
            root["names"] = before.get("names", {})
        else:
            root["names"] = dict(sorted(self._names(client, content)))
        reading.state |= {"root": root, "projects": {}}
        names: dict[str, int | None] = root["names"]
        return names

    def _names(self, client: Client, content: bytes) -> Iterator[tuple[str, int | None]]:
        data = _json(client, content)
        serials: dict[str, int] = {}
        if isinstance(data, dict):
            found = data.get("projects")
            for item in found if isinstance(found, list) else []:
                if isinstance(item, dict) and isinstance(item.get("_last-serial"), int):
                    serials[normalised(str(item.get("name")))] = item["_last-serial"]
        for name in map(normalised, self._page(client, content, data).projects):
            if name.startswith(PREFIX) and DISTRIBUTION.fullmatch(name):
                yield name, serials.get(name)

    def _page(self, client: Client, content: bytes, data: Any) -> IndexPage:
        from pypi_simple import IndexPage

        with understood(self.name):
            if data is not None:
                return IndexPage.from_json_data(data)
            return IndexPage.from_html(content, from_encoding=_encoding(client))

    def _project(
        self, client: Client, name: str, serial: int | None, memory: Memory, reading: Reading
    ) -> Iterator[Release]:
        before = memory.state.get("projects", {}).get(name, {})
        known = [memory.release(name, version) for version in before.get("versions", ())]
        remembered = [release for release in known if release is not None]
        whole = len(remembered) == len(known) and bool(before)
        after: dict[str, Any] = {"serial": serial}
        content = None
        if not (whole and serial is not None and before.get("serial") == serial):
            try:
                content = client.get(
                    urljoin(self.address, f"{name}/"), _MAX_PAGE, before if whole else {}, after
                )
            except Missing as error:
                if error.status == 404:
                    return
                raise
        if content is None:
            reading.state["projects"][name] = {**before, **after}
            yield from remembered
            return
        page = self._project_page(client, name, content)
        releases = list(self._releases(client, page, name, {r.version: r for r in remembered}, reading))
        if not releases and page.status == "quarantined":
            # The index shows no files; what it once had is remembered, and marked.
            releases = [replace(release, status=status_of(page)) for release in remembered]
        after["versions"] = [release.version for release in releases]
        for version in sorted(set(before.get("versions", ())) - set(after["versions"])):
            reading.removed[f"{name} {version}"] = "the index has it no longer"
        reading.state["projects"][name] = after
        yield from releases

    def _project_page(self, client: Client, name: str, content: bytes) -> ProjectPage:
        from pypi_simple import ProjectPage

        base = urljoin(self.address, f"{name}/")
        data = _json(client, content)
        with understood(f"the page of {name} at {self.name}"):
            if data is not None:
                return ProjectPage.from_json_data(data, base_url=base)
            return ProjectPage.from_html(name, content, base_url=base, from_encoding=_encoding(client))

    def _releases(
        self,
        client: Client,
        page: ProjectPage,
        name: str,
        remembered: dict[str, Release],
        reading: Reading,
    ) -> Iterator[Release]:
        for version, packages in sorted(by_version(page, name).items()):
            try:
                files = tuple(sorted((file_of(package) for package in packages), key=lambda file: file.name))
            except DataError as error:
                reading.problems.append(f"{name} {version}: {error}")
                continue
            best = best_file(file for file in files if file.yanked is None) or best_file(files)
            if best is None:
                continue
            known = remembered.get(version)
            if known is not None and _same(known.files, files):
                release = known
            else:
                package = next(item for item in packages if item.filename == best.name)
                try:
                    release = self._described(client, package, best)
                except DataError as error:
                    reading.problems.append(f"{name} {version}: {error}")
                    continue
            if release.processors or release.problems:
                files = tuple(with_hash(file, release.files) for file in files)
                yield replace(release, **offered(page, packages, files))

    def _described(self, client: Client, package: DistributionPackage, file: File) -> Release:
        """The description of a file, after its metadata said that it is worth its weight."""
        if package.has_metadata and package.package_type == "wheel":
            from dataflows_registry.describe.metadata import parse_metadata

            metadata = self._download(
                client, package.metadata_url, _MAX_METADATA, package.metadata_digests or {}
            )
            release = parse_metadata(metadata, file.name)
            if (file.size or 0) > _MAX_FILE:
                problem = f"{file.name} has {file.size:,} bytes, so that only its metadata were read"
                return replace(release, problems=(*release.problems, problem))
        content = self._download(client, package.url, _MAX_FILE, package.digests)
        release = describe_file(io.BytesIO(content), package.filename)
        sha256 = hashlib.sha256(content).hexdigest()
        return replace(release, files=(replace(file, size=len(content), sha256=sha256),))

    @staticmethod
    def _download(client: Client, url: str, limit: int, digests: dict[str, str]) -> bytes:
        content = client.get(url, limit, {}, {})
        assert content is not None
        for algorithm in ("sha512", "sha384", "sha256"):
            if algorithm in digests:
                if hashlib.new(algorithm, content).hexdigest() != digests[algorithm].lower():
                    raise DataError(
                        f"{shown(url)} has not the {algorithm} that the index lists; it is not used"
                    )
                break
        return content


def _same(known: tuple[File, ...], files: tuple[File, ...]) -> bool:
    """Whether a release has the files that it had; a file without a hash is taken by its name and size."""
    return len(known) == len(files) and all(
        (a.name, b.sha256 or a.sha256, b.size or a.size) == (b.name, a.sha256, a.size)
        for a, b in zip(known, files, strict=True)
    )


def _json(client: Client, content: bytes) -> Any:
    """The parsed page, if the index answered in JSON."""
    assert client.last is not None
    if "json" not in client.last.headers.get("Content-Type", ""):
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{shown(client.last.url)} is no JSON: {clean_line(str(error))}") from None


def _encoding(client: Client) -> str | None:
    assert client.last is not None
    return client.last.encoding if "charset" in client.last.headers.get("Content-Type", "") else None
