"""The bytes of a wheel, from the index that offers it, and only if their hash is the one it states."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from dataflows_core.errors import AccessError
from dataflows_registry.install.choose import Offer
from dataflows_registry.model import File
from dataflows_registry.policy import RefusedError
from dataflows_registry.store import Store, replacing

__all__ = ["digest", "fetch"]

_CHUNK = 1 << 20


def fetch(offer: Offer, file: File, store: Store, *, offline: bool = False) -> Path | None:
    """A file of a release, verified.

    Args:
        offer: The release, and where its files may be.
        file: The file.
        store: Whose cache is looked into first, and filled.
        offline: Open no socket.

    Returns:
        Where the file is now; None when none of the places has it.

    Raises:
        RefusedError: The bytes are not those that the index states, or it states none.
        AccessError: A place cannot be read, or would need a socket.
    """
    if not file.sha256:
        raise RefusedError([f"{file.name}: the index {offer.index!r} states no sha256 for it"])
    kept = store.cache_folder / "wheels" / file.sha256 / file.name
    if kept.is_file() and digest(kept) == file.sha256:
        return kept
    for place in offer.places:
        chunks = _opened(place, offer.release.distribution, file.name, offline)
        if chunks is not None:
            with replacing(kept) as temporary:
                _copy(chunks, temporary, file, place)
            return kept
    return None


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _copy(chunks: Iterator[bytes], path: Path, file: File, place: str) -> None:
    found, size = hashlib.sha256(), 0
    with path.open("wb") as target:
        for chunk in chunks:
            found.update(chunk)
            size += len(chunk)
            if file.size is not None and size > file.size:
                raise RefusedError(
                    [f"{file.name} in {place} is larger than the {file.size} bytes it should have"]
                )
            target.write(chunk)
    if found.hexdigest() != file.sha256:
        raise RefusedError(
            [
                f"{file.name} in {place} is not the file that the index describes",
                f"its sha256 is {found.hexdigest()} instead of {file.sha256}",
            ]
        )


def _opened(place: str, distribution: str, name: str, offline: bool) -> Iterator[bytes] | None:
    if urlsplit(place).scheme in ("http", "https"):
        if offline:
            raise AccessError(f"{name} is in {place}, and --offline opens no socket")
        return _downloaded(place, distribution, name)
    folder = Path(place)
    path = folder if folder.name == name else next(iter(sorted(folder.rglob(name))), None)
    return _read(path) if path is not None and path.is_file() else None


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _downloaded(address: str, distribution: str, name: str) -> Iterator[bytes] | None:
    """The file of a project of a package index; None when it has no such project or file."""
    from pypi_simple import NoSuchProjectError, PyPISimple
    from requests import RequestException

    with PyPISimple(address) as client:
        try:
            page = client.get_project_page(distribution)
            link = next((package for package in page.packages if package.filename == name), None)
            if link is None:
                return None
            response = client.s.get(link.url, stream=True, timeout=30)
            response.raise_for_status()
        except NoSuchProjectError:
            return None
        except (RequestException, ValueError) as error:
            raise AccessError(f"{name} cannot be fetched from {address}: {error}") from error
        return iter(response.iter_content(_CHUNK))
