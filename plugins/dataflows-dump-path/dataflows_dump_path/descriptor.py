"""The descriptor of a written package: how it is spelled, its hash, and what an earlier one says we wrote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import PurePosixPath
from typing import Any

from dataflows_core.commit import safe_path
from dataflows_core.errors import FlowError
from dataflows_core.targets import Target
from dataflows_dump_path.output import HASH

__all__ = [
    "DESCRIPTOR",
    "descriptor_bytes",
    "descriptor_hash",
    "obsolete_files",
    "resource_path",
    "uncompressed",
]

DESCRIPTOR = "datapackage.json"
_LARGEST = 1 << 26
_COMPRESSIONS = (".gz", ".zip", ".bz2", ".xz", ".zst")
_FIRST = (
    "profile",
    "name",
    "id",
    "title",
    "description",
    "version",
    "created",
    "homepage",
    "licenses",
    "sources",
)


def resource_path(name: str, path: object, extension: str | None = None) -> str:
    """Where a resource is written, relative to the descriptor.

    Args:
        name: The resource's name.
        path: Its descriptor's `path`: a path, a URL, several of them, or nothing.
        extension: The ending the file gets; None leaves the path's own.

    Raises:
        FlowError: The path leads out of the folder, or Data Package forbids it.

    Examples:
        >>> resource_path("a", "data/a.tsv.gz", "csv")
        'data/a.csv'
    """
    if not isinstance(path, str) or not path or "://" in path:
        url_name = path.split("?")[0].rpartition("/")[2] if isinstance(path, str) else ""
        path = url_name if url_name and extension is None else f"{name}.{extension}" if extension else name
    safe = safe_path(path)
    if extension is not None:
        safe = uncompressed(safe)
        # Only an ending that is one: `population.2020` ends with no format.
        ending = safe.suffix[1:]
        safe = (
            safe.with_suffix(f".{extension}")
            if ending.isalnum() and not ending.isdigit()
            else PurePosixPath(f"{safe}.{extension}")
        )
    text = str(safe)
    if text.startswith((".", "~")) or ".." in text:
        raise FlowError(
            f"resource {name!r} has the path {text!r}; Data Package forbids paths that begin with '.' or '~' "
            "or hold '..'"
        )
    if text == DESCRIPTOR:
        raise FlowError(f"resource {name!r} has the path {text!r}, which is that of the descriptor itself")
    return text


def uncompressed(path: PurePosixPath) -> PurePosixPath:
    """The path without the ending of a compression."""
    return path.with_suffix("") if path.suffix.lower() in _COMPRESSIONS else path


def descriptor_bytes(descriptor: Mapping[str, Any], *, pretty: bool = True) -> bytes:
    """The descriptor as UTF-8, in a stable order: what names the package first, resources last."""
    ordered = {key: descriptor[key] for key in _FIRST if key in descriptor}
    ordered |= {key: value for key, value in descriptor.items() if key not in ordered and key != "resources"}
    ordered["resources"] = descriptor["resources"]
    return (json.dumps(ordered, ensure_ascii=False, indent=2 if pretty else None) + "\n").encode()


def descriptor_hash(descriptor: Mapping[str, Any]) -> str:
    """The hash of a descriptor that has no package-level hash yet.

    It is the SHA-256 of the descriptor as JSON with sorted keys, no space, and ASCII alone, so that anyone
    can compute it again, however the file is spelled. It covers the data through their own hashes.
    """
    text = json.dumps(descriptor, sort_keys=True, separators=(",", ":"))
    return f"{HASH}:{hashlib.new(HASH, text.encode()).hexdigest()}"


def obsolete_files(target: Target, kept: Collection[str]) -> list[str]:
    """The files that an earlier dump wrote, that nobody has changed since, and that a new one does not have.

    A descriptor is taken for one of ours when its hash is right, and a file when its size and hash are what
    the descriptor says. All others belong to somebody else.

    Args:
        target: The folder.
        kept: The paths of the new dump.

    Raises:
        AccessError: The folder cannot be read.
    """
    if target.size(DESCRIPTOR) is None:
        return []
    with closing(target.open(DESCRIPTOR)) as file:
        text = file.read(_LARGEST)
    try:
        descriptor = json.loads(text)
        claimed = descriptor.pop("hash", None)
        if claimed != descriptor_hash(descriptor):
            return []
        resources = [item for item in descriptor["resources"] if isinstance(item, dict)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []  # it is not ours
    old = {item["path"]: item for item in resources if isinstance(item.get("path"), str)}
    return sorted(path for path in old.keys() - set(kept) if _is_unchanged(target, path, old[path]))


def _is_unchanged(target: Target, path: str, resource: Mapping[str, Any]) -> bool:
    try:
        if target.size(str(safe_path(path))) != resource.get("bytes"):
            return False
    except FlowError:
        return False  # it is no path that we write to
    claimed = resource.get("hash")
    if claimed == f"{HASH}:{PurePosixPath(path).parent.name}":
        return True  # its path says what is in it, so that nobody would put other data there
    digest = hashlib.new(HASH)
    with closing(target.open(path)) as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return claimed == f"{HASH}:{digest.hexdigest()}"
