"""Data Package version 2 in the shape of version 1, which is the one in memory and, by default, on disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["V2_PROFILES", "as_version_1"]

V2_PROFILES = "https://datapackage.org/profiles/2."
"""What the `$schema` of a descriptor of version 2 begins with."""


def as_version_1(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    """A descriptor of version 2 in the shape of version 1; one of version 1 as it is.

    Nothing is left out but the names of the profiles and the `type` that says what `profile` says: version 1
    allows further properties, so that what is new in version 2 (`fieldsMatch`, `uniqueKeys`, `categories`,
    labels of missing values) stays where it is.

    Args:
        descriptor: A checked descriptor.

    Examples:
        >>> resource = {"name": "a", "path": "a.csv", "type": "table"}
        >>> as_version_1({"$schema": V2_PROFILES + "0/datapackage.json", "resources": [resource]})
        {'resources': [{'name': 'a', 'path': 'a.csv', 'profile': 'tabular-data-resource'}]}
    """
    if "$schema" not in descriptor:
        return dict(descriptor)
    result = {key: value for key, value in descriptor.items() if key != "$schema"}
    _complete(result)
    result["resources"] = [_resource(item) for item in descriptor["resources"]]
    return result


def _resource(item: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in item.items() if key != "$schema"}
    if result.get("type") == "table":
        del result["type"]
        result["profile"] = "tabular-data-resource"
    _complete(result)
    for key in ("schema", "dialect"):
        if isinstance(result.get(key), dict):
            result[key] = {name: value for name, value in result[key].items() if name != "$schema"}
    schema = result.get("schema")
    if isinstance(schema, dict) and schema.get("foreignKeys"):
        schema["foreignKeys"] = [_foreign_key(key) for key in schema["foreignKeys"]]
    return result


def _foreign_key(key: Mapping[str, Any]) -> dict[str, Any]:
    """The key; version 1 wants the resource named, by an empty name when it is the same one."""
    return {**key, "reference": {"resource": "", **key["reference"]}}


def _complete(owner: dict[str, Any]) -> None:
    """Give contributors and sources the title that version 1 wants of them."""
    for key in ("contributors", "sources"):
        listed = owner.get(key)
        if isinstance(listed, list):
            owner[key] = [_titled(item) if isinstance(item, dict) else item for item in listed]


def _titled(item: Mapping[str, Any]) -> dict[str, Any]:
    full_name = " ".join(str(item[key]) for key in ("givenName", "familyName") if item.get(key))
    title = full_name or item.get("organization") or item.get("path") or item.get("email") or ""
    result = {"title": title, **item}
    roles = item.get("roles")
    if isinstance(roles, list) and roles and "role" not in item:
        result["role"] = roles[0]
    return result
