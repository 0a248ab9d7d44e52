"""The installed environment as a source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dataflows_core.discovery import distribution_folders
from dataflows_core.errors import DataError
from dataflows_registry.model import Release
from dataflows_registry.sources.base import Memory, Reading
from dataflows_registry.text import normalised

__all__ = ["InstalledEnvironment", "installed", "installed_folders"]


def installed_folders() -> Iterator[Path]:
    """The folders of metadata of what is installed and has entry points of ours, as imports would find it."""
    seen = set()
    for folder in map(Path, distribution_folders()):
        name = normalised(folder.stem.partition("-")[0])
        if name in seen:
            continue  # shadowed
        seen.add(name)
        try:
            if b"[dataflows" in (folder / "entry_points.txt").read_bytes():
                yield folder
        except OSError:
            continue


class InstalledEnvironment:
    """What is installed where this runs; nothing of it is imported."""

    name = "installed"

    def read(self, memory: Memory, reading: Reading) -> Iterator[Release]:  # noqa: ARG002 - never remembered
        """Every installed release with entry points of dataflows."""
        from dataflows_registry.describe import describe
        from dataflows_registry.describe.files import Installed

        for folder in installed_folders():
            try:
                yield describe(Installed(folder), folder.name)
            except DataError as error:
                reading.problems.append(f"{folder.name}: {error}")


def installed() -> list[Release]:
    """The installed releases with entry points of dataflows; those that cannot be read are left out."""
    return list(InstalledEnvironment().read(Memory(), Reading()))
