"""What of an installed wheel can be compared with the wheel: the bytes of its files.

An installer writes some files of its own (`INSTALLER`, `RECORD`, compiled bytecode, scripts for the command
line); these differ from machine to machine. All other files of a wheel are copied as they are, so that one
digest over their paths and hashes is the same for the wheel and for what was installed from it.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dataflows_core.errors import AccessError
from dataflows_registry.install.environment import Installed
from dataflows_registry.policy import RefusedError
from dataflows_registry.text import clean_line

__all__ = ["Contents", "check_wheel", "of_installed", "of_wheel"]

_MOST = 4_000_000_000
"""The bytes that a wheel may unpack to."""

_LARGE, _RATIO = 50_000_000, 200
"""From so many bytes on, a member may not be so many times larger than its compressed form."""

_OWN = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
"""Files of the folder of metadata that installers write."""


@dataclass(frozen=True)
class Contents:
    """The files of a distribution.

    Attributes:
        files: The sha256 of each, by path; empty where the file is missing.
        changed: Files that are not what the record of the installation says.
    """

    files: Mapping[str, str]
    changed: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """One sha256 over the paths and hashes."""
        lines = "".join(f"{path}\0{found}\n" for path, found in sorted(self.files.items()))
        return hashlib.sha256(lines.encode()).hexdigest()


def check_wheel(path: Path) -> None:
    """Refuse a wheel that would fill the disk, or write outside of the folder of packages.

    Raises:
        RefusedError: It would.
        AccessError: It is no wheel that can be read.
    """
    with _opened(path) as archive:
        members = archive.infolist()
    size = sum(member.file_size for member in members)
    reasons = [f"it unpacks to {size:,} bytes"] * (size > _MOST)
    for member in members:
        shown, inner = clean_line(member.filename), PurePosixPath(member.filename.replace("\\", "/"))
        if inner.is_absolute() or ".." in inner.parts or ":" in inner.parts[:1]:
            reasons.append(f"{shown!r} is outside of the folder of packages")
        if member.file_size > _LARGE and member.file_size > _RATIO * max(member.compress_size, 1):
            reasons.append(f"{shown!r} unpacks from {member.compress_size:,} to {member.file_size:,} bytes")
    if reasons:
        raise RefusedError([f"{path.name}: {reason}" for reason in reasons[:5]])


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError) as error:
        raise AccessError(f"{path} is no wheel that can be read: {error}") from error


def of_wheel(path: Path) -> Contents:
    """The files of a wheel that are installed as they are.

    Raises:
        AccessError: It is no wheel that can be read.
    """
    files = {}
    with _opened(path) as archive:
        for name in archive.namelist():
            where = _copied(name)
            if where is not None and not name.endswith("/"):
                with archive.open(name) as stream:
                    files[where] = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    return Contents(files)


def of_installed(found: Installed) -> Contents:
    """The files that are installed, as they are now.

    Raises:
        AccessError: There is no record of what was installed.
    """
    text = found.metadata.read_text("RECORD")
    if text is None:
        raise AccessError(
            f"{found.name} {found.version} has no RECORD, so that nobody can tell what belongs to it"
        )
    files, changed = {}, []
    for name, stated, *_ in filter(None, csv.reader(text.splitlines())):
        where = _copied(name)
        if where is None:
            continue
        path = Path(str(found.metadata.locate_file(name)))
        files[where] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        if stated and files[where] != _hexadecimal(stated):
            changed.append(where)
    return Contents(files, tuple(changed))


def _copied(name: str) -> str | None:
    """Where a file of a wheel ends up, below the folder of packages; None if it is not copied as it is."""
    path = PurePosixPath(name)
    parts = path.parts
    if not parts or path.is_absolute() or ".." in parts or "__pycache__" in parts:
        return None
    if parts[0].endswith(".data"):
        return str(PurePosixPath(*parts[2:])) if parts[1:2] in (("purelib",), ("platlib",)) else None
    if parts[0].endswith(".dist-info") and (
        (path.name in _OWN and len(parts) == 2) or path.suffix in (".jws", ".p7s")
    ):
        return None
    return str(path)


def _hexadecimal(stated: str) -> str:
    name, _, value = stated.partition("=")
    if name != "sha256":
        return ""
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
