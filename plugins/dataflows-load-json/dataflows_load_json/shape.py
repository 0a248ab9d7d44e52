"""Where in a document the rows are, and what they look like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import ijson
from ijson.common import ObjectBuilder

from dataflows_core.errors import FlowError, UnreadableError, near_misses

__all__ = ["GEOMETRY", "SPATIAL", "Kind", "Shape", "find_shape"]

Kind = Literal["lines", "items", "keyed", "features"]

GEOMETRY = "geometry"
"""The field that the geometry of a feature becomes, unless a schema says otherwise."""

SPATIAL = ("geojson", "geopoint")
"""The types that a geometry can have."""

_MOST_KEYS = 1000


@dataclass(frozen=True)
class Shape:
    """Where the rows are.

    Attributes:
        kind: ``"lines"``: a document each line; ``"items"``: a list; ``"keyed"``: an object of objects;
            ``"features"``: the features of a GeoJSON document.
        path: The keys that lead to them.
        key: For ``"keyed"``, the field that the keys become.
        geometry: The field that the geometry of features becomes; empty where rows are no features.
        crs: What the old member of this name says before the features.
    """

    kind: Kind
    path: tuple[str, ...] = ()
    key: str = ""
    geometry: str = ""
    crs: Any = None

    @property
    def prefix(self) -> str:
        """What leads to them, in the words of ijson."""
        return ".".join(self.path)


def find_shape(events: Iterator[tuple[str, Any]], source: str, path: tuple[str, ...], key: str) -> Shape:
    """The shape of a document, from its first events.

    Args:
        events: What `ijson.basic_parse` gives.
        source: What messages call the file.
        path: The keys that lead to the rows, if they are known.
        key: The field that the keys of an object of objects become, if it is one.

    Raises:
        UnreadableError: There is no list of rows, or more than one.
        FlowError: The path leads nowhere.
    """
    event, _ = _next(events)
    for depth, name in enumerate(path):
        event = _enter(events, event, name, source, path[:depth])
    if event == "start_array":
        return Shape("items", path)
    if event != "start_map":
        raise UnreadableError(f"{source}{_at(path)} is neither a list of rows nor an object that holds one")
    if key:
        return Shape("keyed", path, key)
    lists: list[str] = []
    collection, crs = False, ObjectBuilder()
    for name, first in _members(events, crs=crs):
        if name == "type" and not path and first == ("string", "FeatureCollection"):
            collection = True
        if first[0] == "start_array":
            lists.append(name)
            if name == "features" and not path:
                break  # GeoJSON, most likely; its type may stand behind the features
    if (collection or lists == ["features"]) and not path:
        return Shape("features", ("features",), geometry=GEOMETRY, crs=getattr(crs, "value", None))
    if len(lists) == 1:
        return Shape("items", (*path, lists[0]))
    found = f"these lists: {', '.join(lists)}" if lists else "no list"
    raise UnreadableError(
        f"{source}{_at(path)} is an object that holds {found}; say where the rows are "
        "(property='data.rows'), or that each of its values is one (keyed='id')"
    )


def _enter(events: Iterator[Any], event: str, name: str, source: str, path: tuple[str, ...]) -> str:
    """Go to a member of an object; returns the event it begins with."""
    known = []
    if event == "start_map":
        for member, (kind, _) in _members(events, stop=name):
            if member == name:
                return kind
            known.append(member)
    close = near_misses(name, known)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    listed = ", ".join(known[:20])
    raise FlowError(
        f"property: {source}{_at(path)} has no {name!r}{hint}" + (f"\n  it has: {listed}" if known else "")
    )


def _members(
    events: Iterator[Any], stop: str | None = None, crs: ObjectBuilder | None = None
) -> Iterator[tuple[str, tuple[str, Any]]]:
    """The members of the object that has begun: name and first event; what they hold is passed over.

    Only what the member `crs` holds is built, if a builder is given.
    """
    for _ in range(_MOST_KEYS):
        event, name = _next(events)
        if event != "map_key":
            return
        first = _next(events)
        yield name, first
        if name == stop:
            return
        depth = first[0] in ("start_map", "start_array")
        level = int(depth)
        build = crs.event if crs is not None and name == "crs" else _nothing
        build(*first)
        while level:
            event, value = _next(events)
            build(event, value)
            level += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))


def _nothing(event: str, value: Any) -> None:
    """What is passed over becomes nothing."""


def _next(events: Iterator[tuple[str, Any]]) -> tuple[str, Any]:
    try:
        return next(events)
    except StopIteration:
        raise ijson.IncompleteJSONError("it ends too soon") from None


def _at(path: tuple[str, ...]) -> str:
    return f" at {'.'.join(path)!r}" if path else ""
