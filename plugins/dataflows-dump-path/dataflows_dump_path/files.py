"""Files that are not tables, and the zip file around all of them."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from dataflows_core.commit import access_errors
from dataflows_core.files import open_source
from dataflows_dump_path.output import Output, Written

__all__ = ["copy_file", "zip_files"]

_COPY_SIZE = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a zip file can say
_BEST_BEFORE_ZIP64 = 1 << 30


def copy_file(source: str, target: Path, name: str, storage_options: Mapping[str, Any]) -> Written:
    """Copy a file as it is, from wherever `dataflows_core.files` opens it.

    Args:
        source: A path, a URL, or ``zip://member::archive.zip``.
        target: The new file.
        name: What messages call it.
        storage_options: What opens the source.

    Raises:
        AccessError: It cannot be read or written.
    """
    with Output(target, name) as output:
        with closing(open_source(source, storage_options)) as file:
            while data := file.read(_COPY_SIZE):
                output.write(data)
        return output.close()


def zip_files(target: Path, files: Iterable[tuple[str, Path]], name: str) -> None:
    """Write a deflated zip file that holds the same bytes whenever it is written.

    Args:
        target: The new zip file.
        files: Name within the zip file, and where the file is.
        name: What messages call it.

    Raises:
        AccessError: It cannot be written.
    """
    with access_errors(f"write {name}"), zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, source in files:
            info = zipfile.ZipInfo(path, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # the same on every system
            info.external_attr = 0o644 << 16
            large = source.stat().st_size > _BEST_BEFORE_ZIP64
            with source.open("rb") as file, archive.open(info, "w", force_zip64=large) as member:
                shutil.copyfileobj(file, member, _COPY_SIZE)
