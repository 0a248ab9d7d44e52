"""GeoJSON as RFC 7946 has it: a collection of features, one a line.

One field is the geometry; a field `id` that can be one is the feature's; all others are its properties,
written as in JSON. Longitude comes before latitude, in WGS 84, as RFC 7946 wants it; nothing is transformed.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core import json_text
from dataflows_core.errors import CastError, FlowError, near_misses
from dataflows_core.schema import Field, Schema
from dataflows_core.text import column_to_text
from dataflows_dump_path.json_writer import JsonWriter, json_column, json_objects
from dataflows_dump_path.writer import Data

__all__ = ["GeoJsonLinesWriter", "GeoJsonWriter"]

_GEOMETRY = "geometry"  # what readers call it
_SPATIAL = ("geojson", "geopoint")
_ID_TYPES = ("string", "integer", "number")  # RFC 7946: a JSON string or number

_DEPTHS = {
    "Point": 1,
    "MultiPoint": 2,
    "LineString": 2,
    "MultiLineString": 3,
    "Polygon": 3,
    "MultiPolygon": 4,
}
"""How deeply the numbers of each kind of geometry are nested in arrays."""

_COORDINATES = {
    1: "a position: [longitude, latitude]",
    2: "a list of positions",
    3: "a list of lists of positions",
    4: "a list of lists of lists of positions",
}


@dataclass(frozen=True)
class GeoJsonWriter(JsonWriter):
    """Writes a GeoJSON feature collection.

    Args:
        schema: The schema of the batches.
        geometry: The field with the geometry, of type geojson or geopoint; may be left out if there is only
            one.

    Raises:
        FlowError: There is no such field, or more than one.
    """

    schema: Schema
    _: KW_ONLY
    geometry: str | None = None

    extension: ClassVar[str] = "geojson"
    mediatype: ClassVar[str] = "application/geo+json"
    _format: ClassVar[str] = "geojson"

    def __post_init__(self) -> None:
        named = self._spatial.name
        if named != _GEOMETRY and _GEOMETRY in self.schema.names:
            raise FlowError(
                f"GeoJSON: the geometry is {named!r}, and readers could not tell it from the field "
                f"{_GEOMETRY!r}; rename that one"
            )

    @cached_property
    def _spatial(self) -> Field:
        names = [field.name for field in self.schema if field.type in _SPATIAL]
        if self.geometry is not None and self.geometry not in names:
            close = near_misses(self.geometry, names) or names
            hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise FlowError(
                f"GeoJSON: geometry={self.geometry!r} names no field of type geojson or geopoint{hint}"
            )
        if not names:
            raise FlowError(
                "GeoJSON needs a geometry, and there is no field of type geojson or geopoint: declare one "
                "(set_type(…, type='geojson')), or write another format"
            )
        if self.geometry is None and len(names) > 1:
            raise FlowError(
                f"GeoJSON has one geometry, and there are several fields that could be it: "
                f"{', '.join(map(repr, names))}; say which one (geometry={names[0]!r})"
            )
        field = self.schema.field(self.geometry or names[0])
        if field.format == "topojson":
            raise FlowError(f"GeoJSON: field {field.name!r} holds TopoJSON, which is another format")
        return field

    def header(self) -> bytes:
        """The collection's beginning."""
        return b'{"type": "FeatureCollection", "features": [\n'

    def footer(self) -> bytes:
        """The collection's end."""
        return b"\n]}\n"

    def encode(self, batch: pa.RecordBatch) -> Data:
        """One feature per row, divided by the separator.

        Raises:
            CastError: A value is no geometry.
        """
        if self._spatial.type == "geojson":
            _check(_json(self._column(batch, self._spatial)), self._spatial)
        return super().encode(batch)

    def _texts(self, batch: pa.RecordBatch) -> pa.Array:
        column, field = self._column(batch, self._spatial), self._spatial
        if field.type == "geojson":
            geometry = json_column(column, field)
        else:
            pair = column_to_text(column, field)
            geometry = pc.binary_join_element_wise('{"type": "Point", "coordinates": [', pair, "]}", "")
        named = [f for f in self.schema if f.name == "id" and f.type in _ID_TYPES]
        others = [f for f in self.schema if f not in (field, *named)]
        properties = json_objects(others, [self._column(batch, f) for f in others], batch.num_rows)
        parts = ['{"type": "Feature", ', *(_id(self._column(batch, f), f) for f in named), '"properties": ']
        parts += [properties, ', "geometry": ', pc.fill_null(geometry, "null"), "}"]
        return pc.binary_join_element_wise(*parts, "")

    def _column(self, batch: pa.RecordBatch, field: Field) -> pa.Array:
        return batch.column(self.schema.names.index(field.name))


@dataclass(frozen=True)
class GeoJsonLinesWriter(GeoJsonWriter):
    """Writes a GeoJSON feature per line, and nothing else.

    Args:
        schema: The schema of the batches.
        geometry: As in `GeoJsonWriter`.

    Raises:
        FlowError: There is no such field, or more than one.
    """

    _: KW_ONLY

    extension: ClassVar[str] = "geojsonl"
    mediatype: ClassVar[str] = "application/x-ndjson"
    separator: ClassVar[bytes] = b""
    _format: ClassVar[str] = "geojsonl"

    def header(self) -> bytes:
        """Nothing."""
        return b""

    def footer(self) -> bytes:
        """Nothing."""
        return b""

    def encode(self, batch: pa.RecordBatch) -> Data:
        """One line per row.

        Raises:
            CastError: A value is no geometry.
        """
        rows = bytes(super().encode(batch))
        return rows + b"\n" if rows else rows

    @property
    def _between(self) -> str:
        return "\n"


def _id(column: pa.Array, field: Field) -> pa.Array:
    member = pc.binary_join_element_wise('"id": ', json_column(column, field), ", ", "")
    return pc.fill_null(member, "")  # a feature without an id has no such member


def _json(column: pa.Array) -> pa.Array:
    storage = column.storage if isinstance(column.type, pa.BaseExtensionType) else column
    return storage.cast(pa.string())


def _pattern() -> str:
    """What geometries are written like as a rule, as a regular expression."""
    number = r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
    nested = {1: rf"\[{number}(?:,\s*{number}){{1,2}}\]"}
    for depth in (2, 3, 4):
        nested[depth] = rf"\[{nested[depth - 1]}(?:,\s*{nested[depth - 1]})*\]"
    kinds = [rf'"{kind}",\s*"coordinates":\s*{nested[depth]}' for kind, depth in _DEPTHS.items()]
    return rf'^\{{"type":\s*(?:{"|".join(kinds)})\}}$'


_USUAL = _pattern()


def _check(texts: pa.Array, field: Field) -> None:
    """Refuse what is no geometry.

    Raises:
        CastError: A value is none; says what is wrong with it.
    """
    usual = pc.match_substring_regex(texts, _USUAL)
    for index in pc.indices_nonzero(pc.invert(pc.fill_null(usual, pa.scalar(True)))).to_pylist():
        value = json_text.loads(texts[index].as_py())
        if fault := _fault(value):
            raise CastError(field.name, value, "a geometry of GeoJSON (RFC 7946)", index=index, remedy=fault)


def _fault(value: Any) -> str:
    """What is wrong with a geometry; empty when nothing is."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind in ("Feature", "FeatureCollection"):
        return f"a geometry is wanted, and this is a {kind} around one"
    if isinstance(value, dict) and "crs" in value:
        return "RFC 7946 has no crs: coordinates are longitude and latitude in WGS 84"
    if kind == "GeometryCollection":
        inner = value.get("geometries")
        if not isinstance(inner, list):
            return "a GeometryCollection has a list of geometries"
        return next(filter(None, map(_fault, inner)), "")
    if kind not in _DEPTHS:
        return f"its type is one of {', '.join([*_DEPTHS, 'GeometryCollection'])}"
    if not _is_nested(value.get("coordinates"), _DEPTHS[kind]):
        return f"the coordinates of a {kind} are {_COORDINATES[_DEPTHS[kind]]}"
    return ""


def _is_nested(value: Any, depth: int) -> bool:
    if not isinstance(value, list):
        return False
    if depth == 1:
        return len(value) >= 2 and all(_is_number(number) for number in value)
    return all(_is_nested(item, depth - 1) for item in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
