"""Opening files: paths, URLs, patterns, archives and compressions, for every loader and dump."""

from __future__ import annotations

from dataflows_core.files.source import Source, expand, open_source, read_bytes
from dataflows_core.files.streams import Readable

__all__ = ["Readable", "Source", "expand", "open_source", "read_bytes"]
