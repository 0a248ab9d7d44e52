"""What a format is: the writer protocols, and how a writer is found.

A writer is made for one schema and turns batches into bytes. The file is its header, the encoded batches
with its separator between them, and its footer; so batches can be encoded anywhere and in any order, and
parts that workers wrote are put together as they are.

Some files cannot be put together from pieces, because they end with an index of what is in them: Parquet,
a workbook. A `WholeWriter` encodes batches into batches, and writes these, in order, through an `OpenFile`.

Either is `SelfDescribing` when its files have room for what is known of the resource besides its schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, ClassVar, Protocol, Self, TypeAlias, runtime_checkable

import pyarrow as pa

from dataflows_core import discovery
from dataflows_core.errors import FlowError, UnknownNameError
from dataflows_core.options import check_options
from dataflows_core.schema import Schema

__all__ = [
    "Data",
    "OpenFile",
    "SelfDescribing",
    "WholeWriter",
    "Writer",
    "WriterClass",
    "writer_class",
    "writer_for",
]

Data: TypeAlias = "bytes | pa.Buffer"
"""Bytes, or an Arrow buffer of them."""


class Writer(Protocol):
    """Writes the rows of one resource. Picklable, without memory: `encode` runs in pool threads and workers.

    Attributes:
        extension: The ending of its files, without the dot.
        mediatype: Their media type.
        separator: What stands between two batches that are not empty.
    """

    extension: ClassVar[str]
    mediatype: ClassVar[str]
    separator: ClassVar[bytes]

    def header(self) -> bytes:
        """What the file begins with."""
        ...

    def encode(self, batch: pa.RecordBatch) -> Data:
        """The rows of a batch.

        Args:
            batch: The columns of the schema, by position; may hold carried text.

        Raises:
            CastError: A value that the format cannot hold.
        """
        ...

    def footer(self) -> bytes:
        """What the file ends with."""
        ...

    def describe(self) -> dict[str, Any]:
        """The properties of the resource's descriptor that make the file readable.

        Returns:
            At least `format`, `mediatype`, `encoding` and `schema`.
        """
        ...


class OpenFile(Protocol):
    """A file that is being written from its beginning to its end."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch, as `encode` made it."""
        ...

    def close(self) -> None:
        """Write what the file ends with; whoever opened the file closes it."""
        ...

    def discard(self) -> None:
        """Let go of everything: the file is not wanted any more."""
        ...


class WholeWriter(Protocol):
    """Writes the rows of one resource into a format whose files cannot be put together from pieces.

    Attributes:
        extension: The ending of its files, without the dot.
        mediatype: Their media type.
    """

    extension: ClassVar[str]
    mediatype: ClassVar[str]

    def encode(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with the types it is written with; called in pool threads and workers.

        Args:
            batch: The columns of the schema, by position; may hold carried text.

        Raises:
            CastError: A value that the format cannot hold.
        """
        ...

    def open(self, file: BinaryIO) -> OpenFile:
        """Begin a file.

        Args:
            file: Takes bytes in order: there is no way back in it.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """As for `Writer`."""
        ...


@runtime_checkable
class SelfDescribing(Protocol):
    """A writer whose files say of themselves what they hold: a title, sources, licences."""

    def with_properties(self, properties: Mapping[str, Any]) -> Self:
        """The writer of one resource.

        Args:
            properties: What the resource's descriptor says that is true of its rows in any file: its name,
                title, custom properties; not its schema, path or hash.

        Raises:
            FlowError: JSON cannot say one of them.
        """
        ...


WriterClass: TypeAlias = "type[Writer | WholeWriter]"
"""Called with a `Schema`, and with options as keywords."""


def writer_class(name: str, formatters: Mapping[str, WriterClass] | None = None) -> WriterClass:
    """The writer of a format.

    Args:
        name: Its name, in the entry-point group `dataflows.writers` or in `formatters`.
        formatters: Writers that are not installed as plugins, by format.

    Raises:
        UnknownNameError: There is none; near misses and the installed ones are named.
    """
    if formatters and name in formatters:
        return formatters[name]
    try:
        found: WriterClass = discovery.load("writer", name)
    except UnknownNameError as error:
        known = sorted({*discovery.names("writer"), *(formatters or ())})
        raise UnknownNameError("writer", name, known, f"installed formats: {', '.join(known)}") from error
    return found


def writer_for(
    writer: WriterClass, schema: Schema, options: Mapping[str, Any], properties: Mapping[str, Any]
) -> Writer | WholeWriter:
    """A writer for one resource.

    Args:
        writer: Its class.
        schema: The schema of the batches.
        options: Its options.
        properties: As for `SelfDescribing`.

    Raises:
        FlowError: It has no such option, or refuses its value.
    """
    check_options(writer, options)
    try:
        made: Writer | WholeWriter = writer(schema, **options)  # type: ignore[call-arg]
    except TypeError as error:
        raise FlowError(f"{writer.__name__} cannot be made: {error}") from error
    return made.with_properties(properties) if isinstance(made, SelfDescribing) else made
