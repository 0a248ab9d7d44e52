"""Indexes on disk: built from sources (`dataflows_registry.index.build`), read by everything else."""

from __future__ import annotations

from pathlib import Path

from dataflows_registry.index.layout import Index

__all__ = ["Index", "bundled_index"]


def bundled_index() -> Path | None:
    """The folder of the index that comes with the registry: the first-party plugins.

    It describes, and offers no files: where these are published, a package index knows best. None where the
    registry runs from an archive.
    """
    folder = Path(__file__).with_name("bundled")
    return folder if (folder / "index.json").is_file() else None
