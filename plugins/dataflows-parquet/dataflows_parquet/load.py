"""The processors: Parquet and Arrow files into a package."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataflows_core.errors import FlowError, SchemaError
from dataflows_core.files import Source, expand
from dataflows_core.files.source import stem
from dataflows_core.loader_options import Limit, checked_limit
from dataflows_core.resource import Resource
from dataflows_core.steps import Source as SourceStep
from dataflows_core.stream import Stream
from dataflows_parquet.metadata import schema_of
from dataflows_parquet.splits import ArrowSplit, ParquetSplit

if TYPE_CHECKING:
    import pyarrow as pa

    from dataflows_core.package import Package
    from dataflows_core.schema import Schema

__all__ = ["load_arrow", "load_parquet"]

logger = logging.getLogger("dataflows.load_parquet")

Paths = str | Path | Iterable[str | Path]


def load_parquet(
    load_source: Paths,
    name: str | None = None,
    *,
    fields: Sequence[str] | None = None,
    limit_rows: int | None = None,
    many: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    cache: bool = False,
    max_size: int | None = None,
) -> SourceStep:
    """Load Parquet files, typed as they are: nothing is inferred, converted or rounded.

    A file is read by row group, in batches of a few megabytes; a process runner gives each worker some row
    groups. A descriptor that a dump has kept in the file brings back titles, constraints and keys.

    Args:
        load_source: A path, a pattern such as ``"sales-*.parquet"`` (in order of name), a URL, or a list of
            these. What is far away is kept aside on disk while it is read.
        name: The resource's name; by default made of the file's.
        fields: The columns to load, in this order; others are not even read. All by default.
        limit_rows: The most rows to load; None for all.
        many: Whether several files become a resource each, and not one together.
        storage_options: For HTTP header fields to send, otherwise what the fsspec file system takes.
        cache: Whether downloads are kept, and fetched again only when they have changed.
        max_size: The most bytes that a file may have, packed and unpacked; None guards against bombs alone.

    Raises:
        AccessError: A file cannot be read.
        UnreadableError: A file is no Parquet file, or a damaged one.
        SchemaError: The files do not have the same columns, a field is not among them, or a column has a type
            that Table Schema has no type for.

    Examples:
        >>> import pyarrow as pa, pyarrow.parquet
        >>> from dataflows_core import Flow
        >>> pa.parquet.write_table(pa.table({"city": ["Lyon"], "people": [522250]}), "cities.parquet")
        >>> Flow(load_parquet("cities.parquet", fields=["people"])).results().rows
        [[{'people': 522250}]]
    """
    load = _Load(
        ParquetSplit, "parquet", load_source, name, fields, limit_rows, many, storage_options, cache, max_size
    )

    def step(package: Package) -> None:
        load.into(package)

    return step


def load_arrow(
    load_source: Paths,
    name: str | None = None,
    *,
    fields: Sequence[str] | None = None,
    limit_rows: int | None = None,
    many: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    cache: bool = False,
    max_size: int | None = None,
) -> SourceStep:
    """Load Arrow IPC files (Feather version 2), or Arrow streams, typed as they are.

    Args:
        load_source: As in `load_parquet`, like all that follow.
        name: The resource's name.
        fields: The columns to load.
        limit_rows: The most rows to load.
        many: Whether several files become a resource each.
        storage_options: What opens a URL.
        cache: Whether downloads are kept.
        max_size: The most bytes that a file may have.

    Raises:
        AccessError: A file cannot be read.
        UnreadableError: A file is no Arrow file, or a damaged one.
        SchemaError: As in `load_parquet`.

    Examples:
        >>> import pyarrow as pa, pyarrow.feather
        >>> from dataflows_core import Flow
        >>> pa.feather.write_feather(pa.table({"city": ["Lyon"]}), "cities.feather")
        >>> Flow(load_arrow("cities.feather")).results().rows
        [[{'city': 'Lyon'}]]
    """
    load = _Load(
        ArrowSplit, "arrow", load_source, name, fields, limit_rows, many, storage_options, cache, max_size
    )

    def step(package: Package) -> None:
        load.into(package)

    return step


@dataclass(frozen=True)
class _Load:
    """One load, as its processor was told."""

    split: type[ParquetSplit | ArrowSplit]
    format: str
    load_source: Paths
    name: str | None
    fields: Sequence[str] | None
    limit_rows: int | None
    many: bool
    storage_options: Mapping[str, Any] | None
    cache: bool
    max_size: int | None

    def __post_init__(self) -> None:
        if self.many and self.name is not None:
            raise FlowError("with many=True each file names its resource; leave name out")
        checked_limit(self.limit_rows)
        if isinstance(self.fields, str):
            raise FlowError(f"fields={self.fields!r} must be a list of names")

    def into(self, package: Package) -> None:
        """Add the resource, or one for each file."""
        files = expand(self.load_source, self.storage_options, cache=self.cache, max_size=self.max_size)
        if self.many:
            for file in files:
                self._add(package, [file], file.stem)
            return
        path = self.load_source if isinstance(self.load_source, str | Path) else files[0].path
        self._add(package, files, self.name or stem(str(path)))

    def _add(self, package: Package, files: Sequence[Source], name: str) -> None:
        schema = self._schema(files[0])
        for file in files[1:]:
            _refuse_other(files[0], schema, file, self._schema(file))
        splits = [self.split(file, schema) for file in files]
        properties = {"path": f"{name}.{self.format}", "format": self.format}
        resource = Resource(name, Stream.of(splits, schema), properties)
        if self.limit_rows is not None:
            resource.pipe_batches(Limit(self.limit_rows))
        package.add(resource)

    def _schema(self, file: Source) -> Schema:
        arrow = self.split.arrow_schema(file)
        if unknown := [name for name in self.fields or () if name not in arrow.names]:
            raise SchemaError.unknown_field(unknown[0], arrow.names, file.shown)
        schema, notes = schema_of(arrow, self.fields)
        for note in notes:
            logger.warning("%s: %s", file.shown, note)
        return schema


def _refuse_other(first: Source, schema: Schema, other: Source, found: Schema) -> None:
    pairs = zip_longest(*([(field.name, field.arrow) for field in one] for one in (schema, found)))
    for one, two in pairs:
        if one != two:
            raise SchemaError(
                f"{other.shown} does not have the columns of {first.shown}: there {_said(one)}, "
                f"here {_said(two)}\n  many=True makes a resource of each file"
            )


def _said(column: tuple[str, pa.DataType] | None) -> str:
    return "is no further column" if column is None else f"is {column[0]!r} of the type {column[1]}"
