"""Packages on a pipe, from one program to another."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import IO, Any, Literal

import pyarrow as pa

from dataflows_core.errors import DataError, FlowError, near_misses
from dataflows_core.package import Package
from dataflows_core.resource import Resource
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Sink, Source
from dataflows_core.stream import Stream
from dataflows_stdlib.streams.inlet import Inlet, TableSplit
from dataflows_stdlib.streams.outlet import (
    END_OF_ARROW,
    Framing,
    Outlet,
    TableSink,
    arrow_bytes,
    json_lines,
)
from dataflows_stdlib.streams.wire import line_of

__all__ = ["stream", "unstream"]

_FORMATS = ("ndjson", "arrow")
_ARROW = "arrow"
"""The property of a resource that holds its Arrow schema, where that says more than its Table Schema."""


def stream(
    file: str | Path | IO[Any] | None = None, *, format: Literal["ndjson", "arrow"] = "ndjson"
) -> Sink:
    """Write the package to a pipe or a file, for `unstream` in another program; rows pass on.

    The first table is written as its rows come, those behind it at the end. What reads it knows when it was
    cut off. Nothing else may be written there: `dataflows run --quiet` prints no summary.

    Args:
        file: A path, or an open file; the standard output by default. A file with a path gets its name when
            it is finished.
        format: ``"ndjson"``, lines of JSON, as the predecessor reads them, or ``"arrow"``, which is faster.
            Both keep types exactly.

    Raises:
        FlowError: The format is none of these, or Arrow is to be written to a file of text.
        AccessError: It cannot be written.

    Examples:
        >>> from dataflows_core import Flow
        >>> _ = Flow([{"n": 1}], stream("n.ndjson")).process()
        >>> Flow(unstream("n.ndjson")).results().rows
        [[{'n': 1}]]
    """
    if format not in _FORMATS:
        close = near_misses(str(format), _FORMATS)
        hint = f"; did you mean {close[0]!r}?" if close else f": it is one of {', '.join(_FORMATS)}"
        raise FlowError(f"stream() knows no format {format!r}{hint}")

    def step(package: Package) -> None:
        tables = [resource for resource in package.resources if resource.tabular]
        framing = _arrow_framing(package, tables) if format == "arrow" else _json_framing(package)
        outlet = Outlet(file, framing)
        encoder = arrow_bytes if format == "arrow" else json_lines
        numbered = enumerate(tables if format == "arrow" else package.resources)
        for number, resource in numbered:
            if resource.tabular:
                name = f"stream, {resource.name}"
                resource.write(TableSink(name, number, resource.schema, encoder, outlet))
        package.on_finish(outlet.finish)
        package.on_abort(outlet.abort)

    return step


def _json_framing(package: Package) -> Framing:
    descriptor = package.descriptor
    for resource, item in zip(package.resources, descriptor["resources"], strict=True):
        if not resource.tabular:
            continue
        usual = Schema.from_descriptor(item["schema"])
        if usual.arrow != resource.schema.arrow:
            item[_ARROW] = _packed(resource.schema)
    return Framing(line_of(descriptor), [b""] * len(package.resources), b"\n", _nothing)


def _nothing(_: list[int]) -> bytes:
    return b""


def _arrow_framing(package: Package, tables: list[Resource]) -> Framing:
    header = {
        "dataflows-stream": 1,
        "descriptor": package.descriptor,
        "schemas": [_packed(one.schema) if one.tabular else None for one in package.resources],
    }
    opening = [table.schema.arrow.serialize().to_pybytes() for table in tables]
    return Framing(line_of(header), opening, END_OF_ARROW, lambda rows: line_of({"rows": rows}))


def _packed(schema: Schema) -> str:
    return base64.b64encode(schema.arrow.serialize().to_pybytes()).decode()


def unstream(file: str | Path | IO[Any] | None = None) -> Source:
    """Read a package that `stream` writes, in either format; its resources come behind those that are there.

    Args:
        file: A path, or an open file; the standard input by default. What is no file with a path can be
            run once.

    Raises:
        DataError: What comes is no package, or was cut off.
        FlowError: A resource has the name of one that is there.
        AccessError: It cannot be read.

    Examples:
        >>> import io
        >>> from dataflows_core import Flow
        >>> text = '''{"resources": [{"name": "a", "schema": {"fields": [{"name": "n", "type": "integer"}]}}]}
        ... {"n": 1}
        ...
        ... '''
        >>> Flow([{"m": 0}], unstream(io.StringIO(text))).results().rows
        [[{'m': 0}], [{'n': 1}]]
    """

    def step(package: Package) -> None:
        inlet = Inlet(file)
        descriptor = inlet.header["descriptor"] if inlet.arrow else inlet.header
        items = descriptor.get("resources", [])
        schemas = inlet.header["schemas"] if inlet.arrow else [_json_schema(item) for item in items]
        package.properties.update(
            {key: value for key, value in descriptor.items() if key not in ("resources", "profile")}
        )
        number = 0
        for item, packed in zip(items, schemas, strict=True):
            properties = {key: value for key, value in item.items() if key not in ("name", "schema", _ARROW)}
            table = None
            if packed is not None:
                properties.pop("profile", None)
                schema = _unpacked(item["schema"], packed, inlet.name)
                split = TableSplit(inlet, number, schema, f"{inlet.name}, {item['name']}")
                table = Stream.of([split], schema)
            # A line of JSON says nothing of files; the predecessor has an empty table for each.
            number += packed is not None or not inlet.arrow
            package.add(Resource(item["name"], table, properties))
        inlet.expect(number)

    return step


def _json_schema(item: dict[str, Any]) -> str | None:
    """The Arrow schema of a table, packed; empty when its Table Schema says it; None when it is no table."""
    return None if "schema" not in item else item.get(_ARROW, "")


def _unpacked(descriptor: dict[str, Any], packed: str, name: str) -> Schema:
    schema = Schema.from_descriptor(descriptor)
    if not packed:
        return schema
    try:
        arrow = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(packed)))
    except (ValueError, OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{name} has a schema that cannot be read: {error}") from error
    if tuple(arrow.names) != schema.names:
        raise DataError(f"{name} has two schemas for one table: {arrow.names} and {list(schema.names)}")
    fields = [Field(field.descriptor, arrow.field(field.name).type) for field in schema]
    return Schema(tuple(fields), schema.properties)
