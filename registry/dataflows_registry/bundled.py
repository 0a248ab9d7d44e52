"""Where the index is that comes with the registry."""

from __future__ import annotations

from pathlib import Path

__all__ = ["bundled_index"]


def bundled_index() -> Path | None:
    """The folder of the index that comes with the registry: the first-party plugins.

    It describes, and offers no files: where these are published, a package index knows best. None where the
    registry runs from an archive.
    """
    folder = Path(__file__).parent / "index" / "bundled"
    return folder if (folder / "index.json").is_file() else None
