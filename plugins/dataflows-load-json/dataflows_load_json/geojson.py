"""What GeoJSON says that no row holds, and the user has to know."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["MEMBERS", "crs_behind", "tell_crs", "tell_foreign"]

logger = logging.getLogger("dataflows.load_json")

MEMBERS = frozenset({"type", "id", "bbox", "properties", "geometry"})
"""The members that the standard gives a feature."""

_WGS_84 = re.compile(r"(?:.*[:/])?(?:CRS:?84h?|EPSG\b.*[:/]4326|4326)", re.IGNORECASE)


def crs_behind(end: bytes) -> Any:
    """The member `crs` of a document, if it is the last one.

    Examples:
        >>> crs_behind(b'...]}}], "crs": {"type": "name"}}')
        {'type': 'name'}
    """
    try:
        return json.loads(b"{" + end[end.rindex(b'"crs"') :])["crs"]
    except (ValueError, RecursionError):
        return None  # there is none, or it is one of something within the document


def tell_crs(source: str, crs: Any) -> None:
    """Warn of coordinates that are not what the standard makes of them."""
    if crs is None:
        return
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    named = properties.get("name") if isinstance(properties, Mapping) else None
    if isinstance(named, str) and _WGS_84.fullmatch(named):
        return
    said = json.dumps(crs if named is None else named, default=str)[:100]
    logger.warning(
        "%s: its member 'crs' says that coordinates are not longitude and latitude in WGS 84, as GeoJSON has "
        "them, but in %s; they are loaded as they are, and nothing behind knows it\n"
        "  if that matters, convert the file first (ogr2ogr -t_srs EPSG:4326 new.geojson old.geojson)",
        source,
        said,
    )


def tell_foreign(source: str, names: Collection[str]) -> None:
    """Warn of members of features that no field is made of."""
    if names:
        logger.warning(
            "%s: features have members beside their properties, of which no field is made: %s\n"
            "  of a collection, property='features' loads the features as they are",
            source,
            ", ".join(map(repr, sorted(names))),
        )
