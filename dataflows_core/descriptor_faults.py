"""What is wrong with the descriptor of a Data Package, each fault in words.

*Structural* faults leave open what the data are: such a package is not loaded. *Metadata* faults (a licence
without a name, a title that is a number) do not; they are found with the profile that the library
`datapackage` brings.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from dataflows_core.constraints import check_constraints_declared
from dataflows_core.errors import SchemaError, near_misses, shorten
from dataflows_core.schema import ARROW_TYPES, Field

__all__ = ["metadata_faults", "structural_faults"]

_WORDS: Mapping[Any, str] = {str: "a text", list: "a list", bool: "true or false", dict: "an object"}
_RESOURCE = {"format": str, "mediatype": str, "encoding": str, "compression": str, "innerpath": str}
_FIELD = {
    "format": str,
    "decimalChar": str,
    "groupChar": str,
    "bareNumber": bool,
    "floatNumber": bool,
    "trueValues": list,
    "falseValues": list,
    "delimiter": str,
    "itemType": str,
    "categories": list,
}
_MATCHES = ("exact", "equal", "subset", "superset", "partial")
_JUDGED_HERE = ("path", "data", "schema", "dialect", "profile", *_RESOURCE)


def structural_faults(descriptor: Mapping[str, Any]) -> list[str]:
    """What makes a descriptor unusable; empty when nothing does.

    Args:
        descriptor: A descriptor whose `resources` are a list.

    Examples:
        >>> structural_faults({"resources": [{"name": "a", "path": 1}]})
        ["resource 'a': path is 1, and must be a text or a list of texts"]
    """
    items = descriptor["resources"]
    found = [
        f"{_called(item, number)}: {fault}"
        for number, item in enumerate(items, 1)
        for fault in _resource(item)
    ]
    return found + _doubled("resources", items)


def _doubled(kind: str, items: list[Any]) -> list[str]:
    names = Counter(_names(items))
    return [f"{count} {kind} have the name {name!r}" for name, count in names.items() if count > 1]


def _names(items: list[Any]) -> list[str]:
    return [item["name"] for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)]


def _called(item: Any, number: int) -> str:
    name = item.get("name") if isinstance(item, dict) else None
    return f"resource {name!r}" if isinstance(name, str) and name else f"resource {number}"


def _resource(item: Any) -> Iterator[str]:
    if not isinstance(item, dict):
        yield f"it is {shorten(item)}, and must be an object"
        return
    if not isinstance(item.get("name"), str) or not item["name"]:
        yield "it has no name" if "name" not in item else f"its name is {shorten(item['name'])}"
    path = item.get("path")
    if "data" in item and path:
        yield "it has both a path and data"
    elif "data" not in item and not path:
        yield "it has neither a path nor data"
    elif "data" not in item and not _is_texts(path):
        yield f"path is {shorten(path)}, and must be a text or a list of texts"
    yield from _wrong_types(item, _RESOURCE)
    for key in ("schema", "dialect"):
        if not isinstance(item.get(key) or {}, dict | str):
            yield f"{key} is {shorten(item[key])}, and must be an object"
    if isinstance(item.get("schema"), dict):
        yield from _schema(item["schema"])


def _schema(schema: Mapping[str, Any]) -> Iterator[str]:
    fields = schema.get("fields")
    if not isinstance(fields, list):
        yield "its schema has no list of fields"
        return
    for number, field in enumerate(fields, 1):
        for fault in _field(field, number):
            yield fault.replace("\n ", ";")
    yield from _doubled("fields", fields)
    yield from _missing_values(schema)
    mode = schema.get("fieldsMatch", "exact")
    mode = mode[0] if isinstance(mode, list) and len(mode) == 1 else mode
    if mode not in _MATCHES:
        yield f"fieldsMatch is {shorten(mode)}, and must be one of {', '.join(_MATCHES)}"
    yield from _keys(schema, _names(fields))


def _field(field: Any, number: int) -> Iterator[str]:
    if not isinstance(field, dict):
        yield f"field {number} is {shorten(field)}, and must be an object"
        return
    if not isinstance(field.get("name"), str):
        yield f"field {number} has no name"
        return
    place = f"field {field['name']!r}"
    kind = field.get("type", "string")
    if not isinstance(kind, str) or kind not in ARROW_TYPES:
        close = near_misses(str(kind), ARROW_TYPES)
        hint = f"; did you mean {' or '.join(close)}?" if close else f"; known are {', '.join(ARROW_TYPES)}"
        yield f"{place} has the unknown type {shorten(kind)}{hint}"
        return
    faults = [*_wrong_types(field, _FIELD), *_missing_values(field)]
    if not faults and field.get("itemType", "string") not in ARROW_TYPES:
        faults.append(f"itemType is {shorten(field['itemType'])}, which is no type")
    yield from (f"{place}: {fault}" for fault in faults)
    if not faults:
        try:
            check_constraints_declared(Field(field))
        except SchemaError as error:
            yield str(error)


def _missing_values(owner: Mapping[str, Any]) -> Iterator[str]:
    listed = owner.get("missingValues", [])
    good = isinstance(listed, list) and all(
        isinstance(item.get("value") if isinstance(item, dict) else item, str) for item in listed
    )
    if not good:
        yield f"missingValues is {shorten(listed)}, and must list texts"


def _keys(schema: Mapping[str, Any], names: list[str]) -> Iterator[str]:
    keys = {"primaryKey": [schema["primaryKey"]] if schema.get("primaryKey") else []}
    for key in ("uniqueKeys", "foreignKeys"):
        listed = schema.get(key) or []
        if not isinstance(listed, list):
            yield f"{key} is {shorten(listed)}, and must be a list"
            continue
        keys[key] = [item.get("fields") if isinstance(item, dict) else item for item in listed]
        for item in listed if key == "foreignKeys" else []:
            if not isinstance(item, dict) or not isinstance(item.get("reference"), dict):
                yield f"a foreign key is {shorten(item)}, and must have fields and a reference"
    for key, listed in keys.items():
        for item in listed:
            if not _is_texts(item):
                yield f"{key} names {shorten(item)}, and must name fields"
            else:
                for name in [item] if isinstance(item, str) else item:
                    if name not in names:
                        yield f"{key} names the field {name!r}, which the schema does not have"


def _wrong_types(owner: Mapping[str, Any], types: Mapping[str, type]) -> Iterator[str]:
    for key, kind in types.items():
        if owner.get(key) is not None and not isinstance(owner[key], kind):
            yield f"{key} is {shorten(owner[key])}, and must be {_WORDS[kind]}"


def _is_texts(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(isinstance(item, str) and item for item in values)


def metadata_faults(descriptor: Mapping[str, Any]) -> list[str]:
    """What is wrong with the metadata, by the profile of Data Package v1; nothing is known of version 2.

    Args:
        descriptor: A descriptor without structural faults.

    Examples:
        >>> metadata_faults({"title": 3, "resources": [{"name": "a", "path": "a.csv"}]})
        ["title: 3 is not of type 'string'"]
    """
    if "$schema" in descriptor:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library subclasses what it should not
        from datapackage.profile import Profile
        from jsonschema.validators import validator_for
    profile = Profile("data-package").jsonschema
    said = {
        **descriptor,
        "resources": [{k: v for k, v in item.items() if k != "data"} for item in descriptor["resources"]],
    }
    found = []
    for error in validator_for(profile)(profile).iter_errors(said):
        place = [str(part) for part in error.absolute_path]
        if place[:1] != ["resources"] or (len(place) > 2 and place[2] not in _JUDGED_HERE):
            message = error.message if len(error.message) <= 200 else error.message[:200] + "…"
            found.append(f"{'/'.join(place)}: {message}" if place else message)
    return sorted(found)
