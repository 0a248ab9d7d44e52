"""Descriptors of Data Packages: read, completed by what they refer to, and checked."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

from dataflows_core.descriptor_faults import metadata_faults, structural_faults
from dataflows_core.errors import AccessError, DataError
from dataflows_core.files import Source, read_bytes
from dataflows_core.files.urls import is_remote, shown
from dataflows_core.locations import Place

__all__ = ["DESCRIPTOR", "read_descriptor"]

DESCRIPTOR = "datapackage.json"
"""The name of the file that describes a Data Package."""

_LARGEST = 1 << 26
_REFERENCES = ("schema", "dialect")

logger = logging.getLogger("dataflows.load")


def read_descriptor(
    source: str | Path, storage_options: dict[str, Any] | None = None
) -> tuple[Place, dict[str, Any]]:
    """The place of a Data Package, and its descriptor, checked.

    A commit into its folder that was interrupted is finished first. What only the metadata have wrong is
    logged as a warning: it is no reason not to read the data.

    Args:
        source: A folder, a descriptor, a zip file with one at its root, or the URL of one of the last two.
        storage_options: As in `dataflows_core.files.Source`.

    Returns:
        The place, and the descriptor; schemas and dialects that it referred to are part of it, and the
        numbers in inline data are decimals.

    Raises:
        AccessError: It cannot be read.
        DataError: It is invalid; says each fault.
    """
    location = _location(str(source))
    place = Place.of(location)
    if not place.archive and not is_remote(location):
        from dataflows_core.commit import recover

        recover(Path(location).parent)
        given = Source(str(source)).local
        if given is not None and given.is_dir() and not Path(location).exists():
            raise AccessError(_no_descriptor(given))
    text = read_bytes(location, storage_options, limit=_LARGEST)
    name = Source.of(location).shown
    descriptor = _parse(text, name)
    if not isinstance(descriptor, dict) or not isinstance(descriptor.get("resources"), list):
        raise DataError(f"{name} is no Data Package: it has no list of resources")
    _keep_data_exact(descriptor, text)
    if faults := structural_faults(descriptor):
        raise DataError(_listed(f"{name} is not a valid Data Package", faults))
    for item in descriptor["resources"]:
        owner = f"resource {item['name']!r}"
        for key in _REFERENCES:
            if isinstance(item.get(key), str):
                item[key] = _referred(item[key], descriptor, place, storage_options, owner)
    if faults := structural_faults(descriptor):
        raise DataError(_listed(f"{name} is not a valid Data Package", faults))
    if faults := metadata_faults(descriptor):
        logger.warning(_listed(f"{name}: the metadata are not as the specification says", faults))
    return place, descriptor


def _location(source: str) -> str:
    if source.startswith("zip://"):
        return source
    path = source.partition("?")[0] if is_remote(source) else source
    if path.lower().endswith(".zip"):
        return f"zip://{DESCRIPTOR}::{source}"
    local = Source(source).local
    if local is None:
        return source
    return str(local / DESCRIPTOR if local.is_dir() else local)


def _parse(text: bytes, name: str, **options: Any) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse, **options)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is no JSON: {error}") from error


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _keep_data_exact(descriptor: dict[str, Any], text: bytes) -> None:
    """Put decimals for doubles into inline data; other properties have none that matter."""
    if not any(isinstance(item, dict) and "data" in item for item in descriptor["resources"]):
        return
    exact = json.loads(text, parse_float=Decimal)
    for item, same in zip(descriptor["resources"], exact["resources"], strict=True):
        if isinstance(item, dict) and isinstance(item.get("data"), list):
            item["data"] = same["data"]


def _referred(
    reference: str,
    descriptor: dict[str, Any],
    place: Place,
    storage_options: dict[str, Any] | None,
    owner: str,
) -> Any:
    """What a schema or a dialect that is not written in place says."""
    if reference.startswith("#"):
        found: Any = descriptor
        for part in reference[1:].split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or key not in found:
                raise DataError(f"{owner} refers to {reference!r}, which the descriptor does not have")
            found = found[key]
        return found
    location = place.join(reference, owner)
    options = storage_options if place.is_home_of(location) else None
    return _parse(read_bytes(location, options, limit=_LARGEST), Source.of(location).shown)


def _no_descriptor(folder: Path) -> str:
    message = f"the folder {str(folder)!r} holds no {DESCRIPTOR}"
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    if others := [name for name in names if name.lower() in ("datapackage.yml", "datapackage.yaml")]:
        return f"{message}, but {others[0]}; descriptors are read as JSON, so convert it"
    endings = sorted({Path(name).suffix for name in names} - {""})
    tables = [ending for ending in endings if ending.lower() in (".csv", ".tsv")] or endings[:1]
    hint = f"; to load the files in it, write '{shown(str(folder))}/*{tables[0]}'" if tables else ""
    return message + hint


def _listed(title: str, faults: list[str]) -> str:
    lines = "\n".join(f"  {fault}" for fault in faults[:20])
    more = f"\n  … and {len(faults) - 20} more" if len(faults) > 20 else ""
    return f"{title}:\n{lines}{more}"
