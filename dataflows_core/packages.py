"""Loading Data Packages: a folder, a `datapackage.json`, a zip file, a URL."""

from __future__ import annotations

import glob
import inspect
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dataflows_core.descriptor_versions import V2_PROFILES, as_version_1
from dataflows_core.descriptors import read_descriptor
from dataflows_core.errors import FlowError, SchemaError, UnreadableError
from dataflows_core.files import Source as File
from dataflows_core.files.urls import is_http, is_remote, shown
from dataflows_core.loader_choice import choose
from dataflows_core.locations import Place
from dataflows_core.options import check_options
from dataflows_core.package import Package
from dataflows_core.resource import Resource
from dataflows_core.steps import Source

if TYPE_CHECKING:
    from dataflows_core.package import ResourceSelector

__all__ = ["load_package"]

_DELIMITED = ("csv", "tsv", "tab")
_MEDIATYPES = {"text/csv": "csv", "text/tab-separated-values": "tsv"}
_DIALECT = {
    "delimiter": ",",
    "quoteChar": '"',
    "doubleQuote": True,
    "escapeChar": None,
    "skipInitialSpace": False,
}
"""What the specification says of a dialect that is not declared; nothing is guessed of published files."""
_COUNTED = ("bytes", "hash", "count_of_rows")
_PROFILES = (
    None,
    "data-package",
    "data-resource",
    "tabular-data-package",
    "tabular-data-resource",
)

logger = logging.getLogger("dataflows.load")


def load_package(
    source: str | Path,
    resources: ResourceSelector = None,
    options: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Source:
    """Load the resources of a Data Package, typed as their schemas declare.

    Properties of the package are taken over where the package in hand has none; resources that are not
    tabular pass through untouched.

    Args:
        source: A folder with a `datapackage.json`, that file, a zip file with one, or its URL.
        resources: Which resources to load; all by default.
        options: Passed on to the loader of every tabular resource. Values are not stripped of blanks and
            dialects are not guessed, unless an option says so.
        name: Another name for the resource, if just one is loaded.

    Raises:
        AccessError: The descriptor cannot be read.
        DataError: The descriptor is invalid, or names a path outside its folder.
        FlowError: No resource is selected, or an option is unknown to a loader.
    """
    given = dict(options or {})

    def step(package: Package) -> None:
        place, said = read_descriptor(source, given.get("storage_options"))
        for note in _unread(said):
            logger.warning("%s: %s", shown(str(source)), note)
        descriptor = as_version_1(said)
        for key, value in descriptor.items():
            if key not in ("resources", "profile", *_COUNTED):
                package.properties.setdefault(key, value)
        listed = Package()
        for item in descriptor["resources"]:
            listed.add(Resource(item["name"], properties=item))
        selected = listed.select(resources)
        if name is not None and len(selected) != 1:
            raise FlowError(
                f"{shown(str(source))} holds {len(selected)} resources, and name={name!r} can name one of "
                "them only; say which (resources=…)"
            )
        for resource in selected:
            item = {**resource.properties, "name": name or resource.name}
            if descriptor.get("profile") == "tabular-data-package":
                item["profile"] = "tabular-data-resource"
            _load_resource(package, item, place, given)

    return step


def _unread(descriptor: Mapping[str, Any]) -> list[str]:
    """What a descriptor declares that is not understood, for the user to know."""
    named = [("the package", descriptor), *((f"resource {i['name']!r}", i) for i in descriptor["resources"])]
    notes = []
    for owner, item in named:
        profile = item.get("$schema")
        if profile is not None and not str(profile).startswith(V2_PROFILES):
            notes.append(f"{owner} has the profile {profile!r}; what it adds to Data Package is not checked")
        if item.get("profile") not in _PROFILES:
            notes.append(f"{owner} has the profile {item['profile']!r}; what it adds is not checked")
    return notes


def _load_resource(package: Package, item: dict[str, Any], place: Place, options: dict[str, Any]) -> None:
    name = item["name"]
    if item.get("schema") and not item["schema"]["fields"]:
        item = {key: value for key, value in item.items() if key != "schema"}
    if "data" in item:
        from dataflows_core.inline_data import load_data

        load_data(package, item, options)
        return
    paths = [item["path"]] if isinstance(item["path"], str) else item["path"]
    located = [place.join(path, f"resource {name!r}") for path in paths]
    declared = _format(item)
    kind = declared or File.of(located[0]).suffix[1:]
    if item.get("profile") == "tabular-data-resource" or "schema" in item or kind in _DELIMITED:
        _load_table(package, item, place, located, "csv" if kind == "tab" else declared, options)
        return
    properties = {key: value for key, value in item.items() if key not in ("name", *_COUNTED)}
    resource = Resource(name, properties=properties)
    resource.source = located
    if all(map(place.is_home_of, located)):
        resource.storage_options = options.get("storage_options") or {}
    package.add(resource)


def _format(item: Mapping[str, Any]) -> str:
    """The format that is declared; empty when none is."""
    declared = item.get("format") or _MEDIATYPES.get(str(item.get("mediatype", "")).partition(";")[0].strip())
    return str(declared or "").lower().lstrip(".")


def _load_table(
    package: Package,
    item: dict[str, Any],
    place: Place,
    located: list[str],
    format: str,
    options: dict[str, Any],
) -> None:
    name = item["name"]
    opening = {"storage_options": options.get("storage_options") if place.is_home_of(located[0]) else None}
    choice = choose(located[0], format or None, options=opening)
    loader = choice.loader
    if loader is None:
        raise UnreadableError(f"resource {name!r} is a Data Package itself; load {shown(located[0])!r} apart")
    check_options(loader, options)
    known = inspect.signature(loader).parameters
    given = {"name": name, **_declared(item, located[0], choice.format, known), **options}
    if "storage_options" in given and not all(map(place.is_home_of, located)):
        # The credentials of one server are no business of another.
        del given["storage_options"]
    check_options(loader, given)
    for location in located:
        File.of(location).check()
    literal = [_literal(location) for location in located]
    choice.load(literal if len(literal) > 1 else literal[0], given, package)
    resource = package[name]
    _cast_if_needed(resource, item, known)
    kept = {k: v for k, v in item.items() if k not in ("name", "schema", "dialect", "encoding", *_COUNTED)}
    resource.properties = {**resource.properties, **kept}


def _declared(
    item: Mapping[str, Any], location: str, format: str, known: Mapping[str, Any]
) -> dict[str, Any]:
    """The options for a loader that a descriptor implies.

    Raises:
        FlowError: It declares a dialect that the loader cannot be told.
    """
    name = item["name"]
    given: dict[str, Any] = {}
    dialect = dict(item.get("dialect") or {})
    if format in _DELIMITED:
        default = dict(_DIALECT)
        if format != "csv" or File.of(location).suffix in (".tsv", ".tab"):
            default["delimiter"] = "\t"
        dialect = {**default, **dialect}
        if "strip" in known:
            given["strip"] = False
    for key, value in (("dialect", dialect), ("encoding", item.get("encoding"))):
        if not value:
            continue
        if key in known:
            given[key] = value
        elif key == "dialect":
            raise FlowError(f"resource {name!r} declares a dialect, and the loader of {format} takes none")
        elif str(value).lower() not in ("utf-8", "utf8"):  # what a format without one is in
            logger.warning(
                "resource %r declares an encoding, which files of the format %s do not have", name, format
            )
    for key, option in (("compression", "compression"), ("innerpath", "member")):
        if item.get(key) and option in known:
            given[option] = item[key]
    if item.get("schema") and "schema" in known:
        given["schema"] = {"fieldsMatch": "exact", **item["schema"]}
    return given


def _cast_if_needed(resource: Resource, item: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Cast what a loader has brought that cannot be told of a schema.

    Raises:
        SchemaError: It has other fields than declared.
    """
    if not item.get("schema") or "schema" in known:
        return
    from dataflows_core.cast import Cast
    from dataflows_core.schema import Schema
    from dataflows_core.widths import as_wide

    schema = as_wide(Schema.from_descriptor(item["schema"]), resource.schema)
    if schema.names != resource.schema.names:
        raise SchemaError(
            f"resource {resource.name!r} does not have the fields that its schema declares"
            f"\n  declared: {', '.join(schema.names)}\n  found: {', '.join(resource.schema.names)}"
        )
    resource.map_batches(Cast(schema, source=resource.schema), schema)


def _literal(location: str) -> str:
    """The location as loaders take it, for whom a bracket or an asterisk may make a pattern."""
    if is_http(location):
        path, mark, query = location.partition("?")
        return path.translate({ord(char): quote(char) for char in "[]*"}) + mark + query
    if is_remote(location) and not location.startswith("zip://"):
        return glob.escape(location)
    return location  # that a local file has this name was seen; then it is no pattern
