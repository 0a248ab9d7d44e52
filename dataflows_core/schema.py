"""Table Schema and its Arrow twin.

A `Schema` is an ordered, frozen set of `Field`s; steps replace schemas, they never change them. The
descriptor of a field is what Table Schema (v1, with the additions of v2) says about it; its `arrow`
type is how its values travel. One table, `ARROW_TYPES`, leads from the first to the second:

| Table Schema | a row's value | Arrow |
|---|---|---|
| string | str | utf8 |
| integer | int | int64; decimal128(38, 0) when the data need it |
| number | Decimal | decimal128(38, s), s is 12 or 21; float64 with `floatNumber: true`, then float |
| boolean | bool | bool |
| date | datetime.date | date32 |
| time | datetime.time | time64[us] |
| datetime | datetime.datetime | timestamp[us], with its time zone when it has one |
| year | int | int32 |
| yearmonth | (year, month) | utf8, `YYYY-MM` |
| duration | timedelta, or isodate.Duration with months | month_day_nano_interval |
| geopoint | (Decimal, Decimal) | struct<lon, lat> of decimal128(38, 12) |
| list | list | list of the item's type |
| object, array, geojson, any | what JSON says | arrow.json over utf8 |

The types are logical: a stream that comes from a typed source (Parquet, a database) keeps the physical
type it has, such as decimal128(10, 2); `Field.arrow` is the truth.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from dataflows_core.errors import SchemaError

__all__ = ["ARROW_TYPES", "NUMBER_SCALE", "WIDE_NUMBER_SCALE", "Field", "Schema", "arrow_type"]

NUMBER_SCALE = 12
"""Decimals of a number, unless its sample shows more."""
WIDE_NUMBER_SCALE = 21
"""Decimals of a number whose sample shows more than 12: any double printed without an exponent fits."""

_GEOPOINT = pa.struct([("lon", pa.decimal128(38, NUMBER_SCALE)), ("lat", pa.decimal128(38, NUMBER_SCALE))])

ARROW_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "string": pa.string(),
        "integer": pa.int64(),
        "number": pa.decimal128(38, NUMBER_SCALE),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "time": pa.time64("us"),
        "datetime": pa.timestamp("us"),
        "year": pa.int32(),
        "yearmonth": pa.string(),
        "duration": pa.month_day_nano_interval(),
        "geopoint": _GEOPOINT,
        "list": pa.list_(pa.string()),
        "object": pa.json_(pa.string()),
        "array": pa.json_(pa.string()),
        "geojson": pa.json_(pa.string()),
        "any": pa.json_(pa.string()),
    }
)

_FROM_ARROW: tuple[tuple[Callable[[pa.DataType], bool], dict[str, Any]], ...] = (
    (pa.types.is_boolean, {"type": "boolean"}),
    (pa.types.is_integer, {"type": "integer"}),
    (lambda t: pa.types.is_decimal(t) and t.scale <= 0, {"type": "integer"}),
    (pa.types.is_decimal, {"type": "number"}),
    (pa.types.is_floating, {"type": "number", "floatNumber": True}),
    (pa.types.is_date, {"type": "date"}),
    (pa.types.is_time, {"type": "time"}),
    (pa.types.is_timestamp, {"type": "datetime"}),
    (pa.types.is_duration, {"type": "duration"}),
    (pa.types.is_interval, {"type": "duration"}),
    (lambda t: t == _GEOPOINT, {"type": "geopoint"}),
    (lambda t: isinstance(t, pa.JsonType), {"type": "any"}),
    (pa.types.is_string, {"type": "string"}),
    (pa.types.is_large_string, {"type": "string"}),
    (pa.types.is_string_view, {"type": "string"}),
    (pa.types.is_null, {"type": "any"}),
)


def arrow_type(descriptor: Mapping[str, Any]) -> pa.DataType:
    """The Arrow type that a field's descriptor asks for, by the table above.

    Args:
        descriptor: A Table Schema field descriptor.

    Raises:
        SchemaError: The type is not one of Table Schema's.

    Examples:
        >>> arrow_type({"name": "total", "type": "number"})
        Decimal128Type(decimal128(38, 12))
    """
    name = descriptor.get("type", "string")
    item = descriptor.get("itemType", "string")
    for key, kind in (("type", name), ("itemType", item)):
        if kind not in ARROW_TYPES:
            raise SchemaError(
                f"field {descriptor.get('name')!r} has the {key} {kind!r}, which is not a Table Schema type"
                f"\n  known types: {', '.join(ARROW_TYPES)}"
            )
    if name == "number" and descriptor.get("floatNumber"):
        return pa.float64()
    return pa.list_(ARROW_TYPES[item]) if name == "list" else ARROW_TYPES[name]


@dataclass(frozen=True, eq=True)
class Field:
    """One field of a schema: what it means, and how its values travel.

    Args:
        descriptor: The Table Schema field descriptor; it has at least `name`, and `type` (``"string"``
            when absent).
        arrow: The physical type; by default what `arrow_type` says of the descriptor.

    Raises:
        SchemaError: The descriptor has no name, or a type that is not Table Schema's.

    Examples:
        >>> Field({"name": "total", "type": "number"}).arrow
        Decimal128Type(decimal128(38, 12))
    """

    descriptor: Mapping[str, Any]
    arrow: pa.DataType = None

    def __post_init__(self) -> None:
        name = self.descriptor.get("name")
        if not isinstance(name, str):
            raise SchemaError(f"a field needs a name of text, and this one has {name!r}")
        object.__setattr__(self, "descriptor", {"name": name, "type": "string", **self.descriptor})
        if self.arrow is None:
            object.__setattr__(self, "arrow", arrow_type(self.descriptor))

    def __hash__(self) -> int:
        return hash((self.name, self.type))

    @property
    def name(self) -> str:
        """The field's name, unique in its schema."""
        return self.descriptor["name"]  # type: ignore[no-any-return]

    @property
    def type(self) -> str:
        """The Table Schema type."""
        return self.descriptor["type"]  # type: ignore[no-any-return]

    @property
    def format(self) -> str:
        """The Table Schema format; ``"default"`` when the descriptor has none."""
        return self.descriptor.get("format", "default")  # type: ignore[no-any-return]

    @property
    def constraints(self) -> Mapping[str, Any]:
        """The Table Schema constraints; empty when the descriptor has none."""
        return self.descriptor.get("constraints") or {}

    def update(self, **properties: Any) -> Field:
        """The field with some properties replaced; a property given as None is removed.

        The physical type is kept unless what decides it (`type`, `floatNumber`, `itemType`) changes.
        """
        descriptor = {**self.descriptor, **properties}
        descriptor = {key: value for key, value in descriptor.items() if value is not None}
        same = all(self.descriptor.get(k) == descriptor.get(k) for k in ("type", "floatNumber", "itemType"))
        return Field(descriptor, self.arrow if same else None)

    def with_arrow(self, arrow: pa.DataType) -> Field:
        """The field with another physical type."""
        return replace(self, arrow=arrow)


@dataclass(frozen=True, eq=True)
class Schema:
    """The fields of a resource, in order, and what else its Table Schema says.

    Args:
        fields: The fields; their names differ.
        properties: What the descriptor has besides `fields`: `missingValues`, `primaryKey`,
            `foreignKeys`, `uniqueKeys`, `fieldsMatch` and whatever its publisher added.

    Raises:
        SchemaError: Two fields have one name.

    Examples:
        >>> schema = Schema.from_descriptor({"fields": [{"name": "id", "type": "integer"}]})
        >>> schema.add(Field({"name": "title"})).names
        ('id', 'title')
    """

    fields: tuple[Field, ...] = ()
    properties: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", tuple(self.fields))
        seen: set[str] = set()
        for field in self.fields:
            if field.name in seen:
                raise SchemaError(f"two fields have the name {field.name!r}; rename or delete one of them")
            seen.add(field.name)

    def __hash__(self) -> int:
        return hash(self.fields)

    def __reduce__(self) -> tuple[Any, ...]:
        return Schema, (self.fields, dict(self.properties))

    @classmethod
    def from_descriptor(cls, descriptor: Mapping[str, Any]) -> Schema:
        """A schema from a Table Schema descriptor."""
        rest = {key: value for key, value in descriptor.items() if key != "fields"}
        return cls(tuple(Field(field) for field in descriptor.get("fields", ())), rest)

    @classmethod
    def from_arrow(cls, schema: pa.Schema) -> Schema:
        """The schema of typed columns; each keeps the physical type it has.

        Raises:
            SchemaError: A column's type has no Table Schema type.
        """
        return cls(tuple(_field_from_arrow(field) for field in schema))

    @cached_property
    def arrow(self) -> pa.Schema:
        """The Arrow schema of the stream's batches."""
        return pa.schema([pa.field(field.name, field.arrow) for field in self.fields])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the fields, in order."""
        return tuple(field.name for field in self.fields)

    @property
    def descriptor(self) -> dict[str, Any]:
        """The Table Schema descriptor, a new one at each call."""
        return {"fields": [dict(field.descriptor) for field in self.fields], **self.properties}

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    def field(self, name: str) -> Field:
        """The field of that name.

        Raises:
            SchemaError: There is none; near misses are named.
        """
        if name not in self._by_name:
            raise SchemaError.unknown_field(name, self.names)
        return self._by_name[name]

    def add(self, *fields: Field) -> Schema:
        """The schema with fields appended; a field that has the name of one there replaces it."""
        new = {field.name: field for field in fields}
        kept = [new.pop(field.name, field) for field in self.fields]
        return replace(self, fields=(*kept, *new.values()))

    def drop(self, names: Iterable[str]) -> Schema:
        """The schema without some fields, and without the keys that name them."""
        gone = {self.field(name).name for name in names}
        return replace(
            self,
            fields=tuple(field for field in self.fields if field.name not in gone),
            properties=_without_keys(self.properties, gone),
        )

    def select(self, names: Iterable[str]) -> Schema:
        """The schema with just these fields, in this order."""
        kept = [self.field(name) for name in names]
        gone = set(self.names) - {field.name for field in kept}
        return replace(self, fields=tuple(kept), properties=_without_keys(self.properties, gone))

    def rename(self, names: Mapping[str, str]) -> Schema:
        """The schema with some fields renamed, in its keys as well.

        Args:
            names: New names by old name.
        """
        for name in names:
            self.field(name)
        fields = tuple(
            field.update(name=names[field.name]) if field.name in names else field for field in self.fields
        )
        return replace(self, fields=fields, properties=_with_renamed_keys(self.properties, names))

    def with_properties(self, **properties: Any) -> Schema:
        """The schema with some properties replaced; a property given as None is removed."""
        merged = {**self.properties, **properties}
        return replace(self, properties={k: v for k, v in merged.items() if v is not None})


def _field_from_arrow(field: pa.Field) -> Field:
    from dataflows_core.foreign import element_type, engine_type, is_binary, is_list, is_nested

    said = element_type(field.type)
    if is_binary(said) or isinstance(said, pa.UuidType):
        form = "uuid" if isinstance(said, pa.UuidType) else "binary"
        return Field({"name": field.name, "type": "string", "format": form})
    kind = engine_type(said)
    if is_list(kind):
        if is_nested(kind.value_type) or pa.types.is_null(kind.value_type):
            _check_parts(field.name, said)
            return Field({"name": field.name, "type": "array"})
        item = _field_from_arrow(pa.field(field.name, kind.value_type))
        return Field({"name": field.name, "type": "list", "itemType": item.type}, pa.list_(item.arrow))
    if pa.types.is_timestamp(kind) and kind.tz and not _is_zone(kind.tz):
        raise SchemaError(
            f"the column {field.name!r} has the time zone {kind.tz!r}, which is not known here: it is no "
            "offset such as '+01:00' and no name of the time zone database, such as 'Europe/Berlin'"
        )
    for matches, properties in _FROM_ARROW:
        if matches(kind):
            arrow = pa.string() if properties["type"] == "string" else kind
            if pa.types.is_null(kind):
                arrow = ARROW_TYPES["any"]
            return Field({"name": field.name, **properties}, arrow)
    if pa.types.is_struct(kind) or pa.types.is_map(kind):
        _check_parts(field.name, kind)
        return Field({"name": field.name, "type": "object"})
    raise SchemaError(f"the column {field.name!r} has the type {kind}, which has no Table Schema type")


@cache
def _is_zone(name: str) -> bool:
    try:
        pa.lib.string_to_tzinfo(name)
    except (ValueError, KeyError):  # Arrow 24 lets the error of zoneinfo through
        return False
    return True


def _check_parts(name: str, kind: pa.DataType) -> None:
    """See that JSON can say the parts of nested values.

    Raises:
        SchemaError: It cannot.
    """
    from dataflows_core.foreign import element_type, is_list

    kind = element_type(kind)
    if pa.types.is_struct(kind):
        names = [part.name for part in kind]
        if len(set(names)) < len(names):
            raise SchemaError(f"the values of the column {name!r} have two parts of one name, {kind}")
        parts = [part.type for part in kind]
    elif pa.types.is_map(kind):
        _field_from_arrow(pa.field(name, kind.key_type))
        parts = [kind.item_type]
    elif is_list(kind):
        parts = [kind.value_type]
    else:
        _field_from_arrow(pa.field(name, kind))
        return
    for part in parts:
        _check_parts(name, part)


def _as_list(key: Any) -> list[str]:
    return [key] if isinstance(key, str) else list(key or ())


def _without_keys(properties: Mapping[str, Any], gone: set[str]) -> dict[str, Any]:
    """Table Schema requires that keys name fields; a key that lost a field says nothing any more."""
    result = dict(properties)
    if gone & set(_as_list(result.get("primaryKey"))):
        del result["primaryKey"]
    for name in ("foreignKeys", "uniqueKeys"):
        if name in result:
            kept = [key for key in result[name] or () if not gone & set(_key_fields(key))]
            result[name] = kept
            if not kept:
                del result[name]
    return result


def _with_renamed_keys(properties: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    def renamed(key: Any) -> Any:
        return names.get(key, key) if isinstance(key, str) else [names.get(name, name) for name in key]

    result = dict(properties)
    if result.get("primaryKey"):
        result["primaryKey"] = renamed(result["primaryKey"])
    if result.get("foreignKeys"):
        result["foreignKeys"] = [{**key, "fields": renamed(key["fields"])} for key in result["foreignKeys"]]
    if result.get("uniqueKeys"):
        result["uniqueKeys"] = [renamed(key) for key in result["uniqueKeys"]]
    return result


def _key_fields(key: Any) -> list[str]:
    return _as_list(key["fields"] if isinstance(key, Mapping) else key)
