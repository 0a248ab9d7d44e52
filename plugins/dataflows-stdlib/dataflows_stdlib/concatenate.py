"""Resources put together, one behind the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from itertools import chain
from typing import Any, TypeAlias

import pyarrow as pa

from dataflows_core.drift import OnDrift, check_on_drift, meet
from dataflows_core.errors import FlowError, SchemaError
from dataflows_core.fit import fit
from dataflows_core.package import Package, ResourceSelector
from dataflows_core.resource import Resource
from dataflows_core.schema import Schema
from dataflows_core.steps import Step
from dataflows_core.stream import Stream
from dataflows_core.unify import unify

__all__ = ["concatenate", "union"]

Sources: TypeAlias = dict[str, tuple[str, ...]]
"""By field of the target, the fields of one resource that its values are taken from."""


def concatenate(
    fields: Mapping[str, Iterable[str] | str | None],
    target: Mapping[str, Any] | None = None,
    resources: ResourceSelector = None,
    *,
    on_drift: OnDrift = "add",
) -> Step:
    """Put the rows of resources into one resource, with fields of your choice.

    It takes the place of the first of them. A field that is in none of the lists is left out. The types of
    one field in several resources are unified: integers and numbers to numbers that hold both, exactly.

    Args:
        fields: By name of a field in the target, the names that it has in the resources; it is always
            looked for under its own name as well. Where one resource has several of them, the first value
            that is not null is taken, the field's own name first.
        target: `name` (``"concat"``), `path` (``"data/<name>.csv"``) and other properties of the target.
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        on_drift: What becomes of a field of the target that a resource has not: ``"add"`` makes it null
            there, ``"error"`` refuses it, ``"drop"`` leaves the field out, ``"ignore"`` takes the fields
            that the first resource has.

    Raises:
        FlowError: A field is listed twice; no resource is meant; the name of the target is taken.
        SchemaError: A field that none of the resources has, with near misses; types that cannot be unified.

    Examples:
        >>> from dataflows_core import Flow
        >>> flow = Flow([{"id": 1}], [{"key": 2, "x": 0}], concatenate({"id": ["key"]}, {"name": "all"}))
        >>> flow.results().rows
        [[{'id': 1}, {'id': 2}]]
    """
    check_on_drift(on_drift)
    aliases = _aliases(fields)
    properties = _target("concatenate", target, "concat")

    def step(package: Package) -> None:
        tables = _tables("concatenate", package, resources)
        _check_known(aliases, tables)
        found = [(table, _found(table, aliases)) for table in tables]
        _join(package, found, properties, on_drift)

    return step


def union(
    resources: ResourceSelector = None,
    target: Mapping[str, Any] | None = None,
    *,
    on_drift: OnDrift = "add",
) -> Step:
    """Put the rows of resources into one resource, field by field of the same name.

    It takes the place of the first of them. The types of one field in several resources are unified:
    integers and numbers to numbers that hold both, exactly.

    Args:
        resources: Which resources: None for all, a regular expression, a position or a list of names.
        target: `name` (``"union"``), `path` (``"data/<name>.csv"``) and other properties of the target.
        on_drift: What becomes of fields that not all resources have: ``"add"`` keeps all of them, null
            where one is missing; ``"error"`` refuses them; ``"drop"`` keeps what all have, ``"ignore"``
            what the first has.

    Raises:
        FlowError: No resource is meant; the name of the target is taken.
        SchemaError: Fields differ, and `on_drift` says that this is an error; types that cannot be unified.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"a": 1}], [{"a": 2, "b": "x"}], union()).results().rows
        [[{'a': 1, 'b': None}, {'a': 2, 'b': 'x'}]]
    """
    check_on_drift(on_drift)
    properties = _target("union", target, "union")

    def step(package: Package) -> None:
        tables = _tables("union", package, resources)
        found: list[tuple[Resource, Sources]] = [
            (table, {name: (name,) for name in table.schema.names}) for table in tables
        ]
        _join(package, found, properties, on_drift)

    return step


def _aliases(fields: Mapping[str, Iterable[str] | str | None]) -> Sources:
    """The names that each field of the target has, its own first."""
    if not fields:
        raise FlowError("concatenate() needs the fields of the target; union() keeps those that there are")
    aliases: Sources = {}
    owners: dict[str, str] = {}
    for field, given in fields.items():
        names = [given] if isinstance(given, str) else list(given or ())
        aliases[field] = tuple(dict.fromkeys([field, *names]))
        for name in aliases[field]:
            if owners.setdefault(name, field) != field:
                raise FlowError(f"the field {name!r} is listed for {owners[name]!r} and for {field!r}")
    return aliases


def _target(processor: str, target: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    properties = {"name": name, **(target or {})}
    if "schema" in properties:
        raise FlowError(
            f"{processor}() finds the schema of its target itself; set_type changes it afterwards"
        )
    properties.setdefault("path", f"data/{properties['name']}.csv")
    return properties


def _tables(processor: str, package: Package, resources: ResourceSelector) -> list[Resource]:
    tables = package.tables(resources)
    if not tables:
        raise FlowError(f"{processor}() needs resources with rows, and the package has none here")
    return tables


def _check_known(aliases: Sources, tables: list[Resource]) -> None:
    known = dict.fromkeys(name for table in tables for name in table.schema.names)
    for field, names in aliases.items():
        # Its own name may be new, when there are others that it is taken from.
        for name in names[1:] or (field,):
            if name not in known:
                raise SchemaError.unknown_field(name, known)


def _found(table: Resource, aliases: Sources) -> Sources:
    """The fields of the target that a resource has, in its own order."""
    by_name = {name: field for field, names in aliases.items() for name in names}
    order = dict.fromkeys(by_name[name] for name in table.schema.names if name in by_name)
    return {field: tuple(name for name in aliases[field] if name in table.schema) for field in order}


def _join(
    package: Package, found: list[tuple[Resource, Sources]], target: Mapping[str, Any], on_drift: OnDrift
) -> None:
    """Put one resource in the place of several."""
    described = [(f"resource {table.name!r}", _renamed(table, sources)) for table, sources in found]
    _, schema = reduce(
        lambda known, new: (known[0], meet(known[1], new[1], on_drift, names=(known[0], new[0]))), described
    )
    streams = []
    for table, sources in found:
        fitted = fit(table.schema, schema, {name: sources.get(name, ()) for name in schema.names})
        table.map_batches(fitted, schema, reads=fitted.reads)
        assert table.stream is not None
        streams.append(table.stream)
    properties = {key: value for key, value in target.items() if key != "name"}
    chained = Stream.derive(streams, _chained, schema, reads=[()] * len(streams))
    joined = Resource(target["name"], chained, properties)
    tables = [table for table, _ in found]
    place = package.resources.index(tables[0])
    package.resources = [one for one in package.resources if one not in tables]
    package.add(joined)
    package.resources.remove(joined)
    package.resources.insert(place, joined)


def _renamed(table: Resource, sources: Sources) -> Schema:
    """The schema of what a resource brings to the target."""
    chosen = {names[0]: field for field, names in sources.items()}
    renamed = table.schema.select(chosen).rename(chosen)
    where = (f"resource {table.name!r}",) * 2
    several = [
        reduce(
            lambda one, other: unify(one, other, names=where),
            [table.schema.field(name).update(name=field) for name in names],
        )
        for field, names in sources.items()
    ]
    return renamed.add(*several)


def _chained(*inputs: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    return chain.from_iterable(inputs)
