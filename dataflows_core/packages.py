"""Loading Data Packages: a folder, a `datapackage.json`, a zip file, a URL."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from dataflows_core.errors import DataError, SchemaError
from dataflows_core.loading import check_options, loader_for
from dataflows_core.package import Package
from dataflows_core.resource import Resource
from dataflows_core.schema import Schema
from dataflows_core.steps import Source

if TYPE_CHECKING:
    from dataflows_core.package import ResourceSelector

__all__ = ["load_package", "read_descriptor"]


def load_package(source: str | Path, resources: ResourceSelector = None, options: Mapping[str, Any] | None = None) -> Source:
    """Load the resources of a Data Package, typed as their schemas declare.

    Properties of the package are taken over where the package in hand has none; resources that are not
    tabular pass through untouched.

    Args:
        source: A folder with a `datapackage.json`, that file, a zip file with one, or its URL.
        resources: Which resources to load; all by default.
        options: Passed on to the loader of every tabular resource.

    Raises:
        AccessError: The descriptor cannot be read.
        DataError: The descriptor is invalid, or names a path outside its folder.
    """

    def step(package: Package) -> None:
        base, descriptor = read_descriptor(source)
        for key, value in descriptor.items():
            if key not in ("resources", "profile", "hash", "bytes", "count_of_rows"):
                package.properties.setdefault(key, value)
        listed = Package()
        for number, item in enumerate(descriptor["resources"], 1):
            listed.add(Resource(item.get("name") or f"resource-{number}", properties=item))
        for resource in listed.select(resources):
            _load_resource(package, resource.name, resource.properties, base, dict(options or {}))

    return step


def read_descriptor(source: str | Path) -> tuple[str, dict[str, Any]]:
    """The folder (or URL) that a Data Package's paths are relative to, and its checked descriptor.

    Raises:
        AccessError: It cannot be read.
        DataError: It is invalid; says each fault.
    """
    location = str(source)
    if Path(location).is_dir():
        location = str(Path(location, "datapackage.json"))
    if "://" not in location and location.endswith("datapackage.json"):
        from dataflows_core.commit import recover

        recover(Path(location).parent)
    elif location.endswith(".zip"):
        location = f"zip://datapackage.json::{location}"
    from dataflows_core.opening import read_bytes

    try:
        descriptor = json.loads(read_bytes(location))
    except ValueError as error:
        raise DataError(f"{location} is no JSON: {error}") from error
    _check(descriptor, location)
    if location.startswith("zip://"):
        return location.removeprefix("zip://datapackage.json"), descriptor
    return location.rpartition("/")[0], descriptor


def _check(descriptor: Any, location: str) -> None:
    if not isinstance(descriptor, dict) or not isinstance(descriptor.get("resources"), list):
        raise DataError(f"{location} is no Data Package: it has no list of resources")
    if "$schema" in descriptor:
        return  # Data Package v2: its types are checked where they are used
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from datapackage import Package as Validator

        errors = Validator(json.loads(json.dumps(descriptor)), strict=False, unsafe=True).errors
    if errors:
        faults = "\n".join(f"  {error}".replace("\n", " ") for error in errors[:10])
        raise DataError(f"{location} is not a valid Data Package:\n{faults}")


def _load_resource(package: Package, name: str, item: Mapping[str, Any], base: str, options: dict[str, Any]) -> None:
    schema = item.get("schema")
    properties = {key: value for key, value in item.items() if key not in ("name", "schema", "hash", "bytes")}
    if "data" in item:
        _load_data(package, name, item)
        return
    paths = item.get("path")
    paths = [paths] if isinstance(paths, str) else list(paths or [])
    if not paths:
        raise DataError(f"resource {name!r} of the Data Package has neither a path nor data")
    located = [_located(path, base, name) for path in paths]
    tabular = (
        item.get("profile") == "tabular-data-resource"
        or item.get("type") == "table"
        or schema is not None
        or str(item.get("format", "")).lower() in ("csv", "tsv")
    )
    if not tabular:
        resource = Resource(name, properties=properties)
        resource.source = located
        package.add(resource)
        return
    loader = loader_for(located[0], str(item["format"]).lower() if item.get("format") else None)
    given: dict[str, Any] = {"name": name, **options}
    for key in ("schema", "dialect", "encoding"):
        if item.get(key) is not None:
            given.setdefault(key, item[key])
    check_options(loader, given)
    loader(located if len(located) > 1 else located[0], **given)(package)
    package[name].properties = {**properties, **package[name].properties}


def _load_data(package: Package, name: str, item: Mapping[str, Any]) -> None:
    from dataflows_core.cast import Cast
    from dataflows_core.inline import rows_stream

    data = item["data"]
    if not isinstance(data, list):
        package.add(Resource(name, properties={k: v for k, v in item.items() if k not in ("name", "schema")}))
        return
    if data and all(isinstance(row, list) for row in data):
        data = [dict(zip(data[0], row, strict=True)) for row in data[1:]]
    properties = {key: value for key, value in item.items() if key not in ("name", "schema", "data")}
    resource = package.add(Resource(name, rows_stream(data), properties))
    if item.get("schema"):
        schema = Schema.from_descriptor(item["schema"])
        if set(schema.names) != set(resource.schema.names):
            raise SchemaError(f"the data of resource {name!r} have other fields than its schema")
        resource.map_batches(Cast(schema), schema)


def _located(path: str, base: str, name: str) -> str:
    """A resource's path, within its package; the specification forbids any other for reasons of security."""
    if "://" in path:
        return path
    if path.startswith(("/", "\\", "~")) or ":" in path[:3] or ".." in PurePosixPath(path.replace("\\", "/")).parts:
        raise DataError(
            f"resource {name!r} has the path {path!r}, outside its Data Package; such a path is refused, because "
            "it would read whatever the publisher asks for"
        )
    if base.startswith("::"):
        return f"zip://{path}{base}"
    if not base:
        return path
    return f"{base.rstrip('/')}/{path}"
