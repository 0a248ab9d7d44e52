"""The bytes of a wheel, from the index that offers it, and only if their hash is the one it states."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dataflows_core.errors import AccessError
from dataflows_core.files.urls import shown
from dataflows_registry.install.choose import Offer
from dataflows_registry.install.contents import check_wheel
from dataflows_registry.model import File
from dataflows_registry.policy import RefusedError
from dataflows_registry.store import Store, write_atomically

__all__ = ["digest", "fetch"]

_MOST = 1_000_000_000
"""The bytes that a file may have whose size is not known."""


def fetch(offer: Offer, file: File, store: Store, *, offline: bool = False) -> Path | None:
    """A wheel of a release, verified.

    Args:
        offer: The release, and where its files may be.
        file: The file.
        store: Whose cache is looked into first, and filled.
        offline: Open no socket.

    Returns:
        Where the file is now; None when none of the places has it.

    Raises:
        RefusedError: The bytes are not those that the index states, or it states none; or a wheel is made to
            do harm when it is unpacked.
        AccessError: A place cannot be read, or would need a socket.
        DataError: A place sends more bytes than the file has.
    """
    if not file.sha256:
        raise RefusedError([f"{file.name}: the index {offer.index!r} states no sha256 for it"])
    kept = store.cache_folder / "wheels" / file.sha256 / file.name
    if kept.is_file() and digest(kept) == file.sha256:
        check_wheel(kept)
        return kept
    for place in offer.places:
        content = _content(place, offer.release.distribution, file, offline)
        if content is not None:
            _compare(content, file, place)
            write_atomically(kept, content)
            check_wheel(kept)
            return kept
    return None


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _compare(content: bytes, file: File, place: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise RefusedError(
            [
                f"{file.name} in {shown(place)} is not the file that the index describes",
                f"its sha256 is {found} instead of {file.sha256}",
            ]
        )


def _content(place: str, distribution: str, file: File, offline: bool) -> bytes | None:
    if place.startswith(("http://", "https://")):
        if offline:
            raise AccessError(f"{file.name} is in {shown(place)}, and --offline opens no socket")
        from dataflows_registry.sources.package_index import PackageIndex

        return PackageIndex(place).download(distribution, file, file.size or _MOST)
    folder = Path(place).expanduser()
    paths = [folder] if folder.name == file.name else sorted(folder.rglob(file.name))
    return next((path.read_bytes() for path in paths if path.is_file()), None)
