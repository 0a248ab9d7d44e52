"""One resource of a dump, as it is when the dump is planned."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from dataflows_core.cast import Cast
from dataflows_core.errors import FlowError
from dataflows_core.metadata import metadata_of
from dataflows_core.on_error import OnError
from dataflows_core.resource import Resource
from dataflows_core.schema import Schema
from dataflows_dump_path.counters import Counters
from dataflows_dump_path.descriptor import resource_path, uncompressed
from dataflows_dump_path.files import copy_file
from dataflows_dump_path.output import Written
from dataflows_dump_path.sink import ResourceSink
from dataflows_dump_path.writer import WriterClass, writer_class, writer_for

__all__ = ["Layout", "PlannedFiles", "PlannedTable", "plan_files", "plan_table"]


@dataclass(frozen=True)
class Layout:
    """How a dump is to look; the parameters are those of `dump_to_path`."""

    force_format: bool = True
    format: str = "csv"
    counters: Counters = field(default_factory=lambda: Counters({}))
    add_filehash_to_path: bool = False
    pretty_descriptor: bool = True
    temporal_format_property: str | None = None
    use_titles: bool = False
    file_formatters: Mapping[str, WriterClass] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    on_error: OnError = "raise"


@dataclass
class PlannedTable:
    """A table.

    Attributes:
        descriptor: What the written descriptor says of it, without counts.
        sink: What writes it.
    """

    descriptor: dict[str, Any]
    sink: ResourceSink

    @property
    def paths(self) -> list[str]:
        """The one path it is written to."""
        return [self.descriptor["path"]]

    def written(self, _: Path) -> list[Written]:
        """The one file, which the sink has written."""
        assert self.sink.written is not None
        return [self.sink.written]


@dataclass
class PlannedFiles:
    """A resource that is not a table: files that are copied, or nothing but a descriptor.

    Attributes:
        descriptor: What the written descriptor says of it, without counts.
        sources: Paths or URLs of the files.
        storage_options: What opens them.
        paths: Where each is written.
    """

    descriptor: dict[str, Any]
    sources: Sequence[str]
    storage_options: Mapping[str, Any]
    paths: list[str]

    def written(self, folder: Path) -> list[Written]:
        """The copies, made now."""
        return [
            copy_file(source, folder / str(number), path, self.storage_options)
            for number, (source, path) in enumerate(zip(self.sources, self.paths, strict=True))
        ]


def plan_table(
    resource: Resource,
    layout: Layout,
    shown: Callable[[str], str],
    prepare: Callable[[], Path],
    take_back: Callable[[], None],
) -> PlannedTable:
    """Append the sink of a table.

    Args:
        resource: The table.
        layout: How its file is to look.
        shown: What messages call a path of the dump.
        prepare: See `ResourceSink`.
        take_back: See `ResourceSink`.

    Raises:
        FlowError: Its format has no writer, its path leads out of the folder, an option is unknown.
    """
    schema = resource.schema
    _check_constraints(resource, layout.on_error)
    formats = _temporal_formats(schema, layout.temporal_format_property)
    as_text = [f.update(type="string", format=None) for f in schema if f.name in formats]
    written = schema.add(*(f.with_arrow(None) for f in as_text))
    if layout.use_titles:
        written = written.rename({f.name: f.descriptor["title"] for f in schema if f.descriptor.get("title")})
    kind = writer_class(_format(resource, layout), layout.file_formatters)
    kept = metadata_of(resource.properties)
    writer = writer_for(kind, written, layout.options, {"name": resource.name, **kept})
    path = resource_path(resource.name, resource.properties.get("path"), writer.extension)
    sink = ResourceSink(shown(path), schema, writer, prepare, take_back, formats)
    resource.write(sink)

    said = writer.describe()
    for field_before, field_said in zip(schema, said["schema"]["fields"], strict=True):
        if field_before.name in formats:
            field_said.update(type=field_before.type, format=formats[field_before.name])
    first = {"profile": "tabular-data-resource", "name": resource.name, "path": path}
    said_schema = {"schema": said.pop("schema")}
    return PlannedTable({**first, **kept, **said, **said_schema}, sink)


def plan_files(resource: Resource) -> PlannedFiles:
    """Plan the copies of a resource that is not a table.

    Raises:
        FlowError: A path leads out of the folder.
    """
    descriptor = copy.deepcopy(resource.descriptor)
    given = descriptor.get("path")
    sources = list(resource.source) or ([given] if isinstance(given, str) else list(given or []))
    names = given if isinstance(given, list) and len(given) == len(sources) else [given] * len(sources)
    paths = [resource_path(resource.name, path) for path in names]
    if len(paths) > 1:
        descriptor["path"] = paths
    elif paths:
        descriptor["path"] = paths[0]
    return PlannedFiles(descriptor, sources, resource.storage_options, paths)


def _check_constraints(resource: Resource, on_error: OnError) -> None:
    """Check what the written descriptor is going to promise."""
    schema = resource.schema
    names = tuple(f.name for f in schema if f.constraints or "categories" in f.descriptor)
    if names:
        # An empty text is a value here; only a loader takes it for a missing one.
        check = Cast(schema.with_properties(missingValues=[]), names, on_error)
        resource.map_batches(check, schema, reads=names)


def _format(resource: Resource, layout: Layout) -> str:
    if layout.force_format:
        return layout.format
    path = resource.descriptor.get("path")
    suffix = uncompressed(PurePosixPath(path)).suffix[1:] if isinstance(path, str) else ""
    found = suffix or resource.properties.get("format")
    if not isinstance(found, str) or not found:
        raise FlowError(
            f"resource {resource.name!r} has a path without an ending, and no format; "
            "with force_format=False that leaves its format open"
        )
    return found.lower()


def _temporal_formats(schema: Schema, name: str | None) -> dict[str, str]:
    if name is None:
        return {}
    found = {}
    for f in schema:
        wanted = f.descriptor.get(name)
        if wanted is None or f.type not in ("date", "time", "datetime"):
            continue
        if not isinstance(wanted, str) or "%" not in wanted:
            raise FlowError(f"field {f.name!r}: {name} is {wanted!r}, no format such as '%d/%m/%Y'")
        found[f.name] = wanted
    return found
