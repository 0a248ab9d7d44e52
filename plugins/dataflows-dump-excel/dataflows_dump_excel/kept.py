"""What a workbook has that would be lost by changing it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

__all__ = ["lost_by_changing"]

_PARTS = {
    "xl/activeX/": "controls",
    "xl/ctrlProps/": "form controls",
    "xl/embeddings/": "embedded files",
    "xl/model/": "a data model",
    "xl/queryTables/": "queries",
    "xl/slicers/": "slicers",
    "xl/threadedComments/": "threads of comments",
    "xl/timelines/": "timelines",
    "xl/vbaProject.bin": "macros",
}
_INSIDE = {
    "xl/drawings/": (
        (re.compile(rb"<(?:\w+:)?pic[ >]"), "pictures"),
        (re.compile(rb"<(?:\w+:)?(?:sp|cxnSp|grpSp)[ >]"), "shapes or text boxes"),
    ),
    "xl/worksheets/": ((re.compile(rb"<(?:\w+:)?sparklineGroup[ >]"), "sparklines"),),
}
_PIECE, _OVERLAP = 1 << 20, 64


def lost_by_changing(book: Path) -> list[str]:
    """What openpyxl cannot read, and would leave out of the workbook that it writes.

    Args:
        book: An xlsx file.

    Raises:
        zipfile.BadZipFile: It is none.
    """
    found: set[str] = set()
    with zipfile.ZipFile(book) as archive:
        for name in archive.namelist():
            found.update(what for part, what in _PARTS.items() if name.startswith(part))
            for part, patterns in _INSIDE.items():
                if name.startswith(part) and name.endswith(".xml"):
                    found.update(_seen(archive, name, patterns))
    return sorted(found)


def _seen(
    archive: zipfile.ZipFile, name: str, patterns: tuple[tuple[re.Pattern[bytes], str], ...]
) -> set[str]:
    found: set[str] = set()
    with archive.open(name) as part:
        tail = b""
        while data := part.read(_PIECE):
            found.update(what for pattern, what in patterns if pattern.search(tail + data))
            tail = data[-_OVERLAP:]
    return found
