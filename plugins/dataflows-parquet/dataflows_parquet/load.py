"""The processors: Parquet and Arrow files into a package."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataflows_core.drift import OnDrift, check_on_drift
from dataflows_core.errors import FlowError
from dataflows_core.files.source import stem
from dataflows_core.loader_options import Limit, checked_limit
from dataflows_core.resource import Resource
from dataflows_core.steps import Source as SourceStep
from dataflows_core.stream import Stream
from dataflows_parquet.folders import Found, find, partition_fields
from dataflows_parquet.splits import ArrowSplit, ParquetSplit
from dataflows_parquet.tables import Tables

if TYPE_CHECKING:
    from dataflows_core.package import Package

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
    on_drift: OnDrift = "error",
    hive_partitioning: bool = True,
    storage_options: Mapping[str, Any] | None = None,
    cache: bool = False,
    max_size: int | None = None,
) -> SourceStep:
    """Load Parquet files, typed as they are: nothing is inferred, converted or rounded.

    A file is read by row group, in batches of a few megabytes; a process runner gives each worker some row
    groups. A descriptor that a dump has kept in the file brings back titles, licences, custom properties,
    constraints and keys.

    Args:
        load_source: A path, a pattern such as ``"sales-*.parquet"`` (in order of name), a folder, a URL, or a
            list of these. What is far away is kept aside on disk while it is read.
        name: The resource's name; by default made of the file's.
        fields: The columns to load, in this order; others are not even read. All by default.
        limit_rows: The most rows to load; None for all.
        many: Whether several files become a resource each, and not one together. One together has types
            that hold the values of all.
        on_drift: What becomes of fields that not all of the files have: ``"error"``, ``"add"`` (null where
            they are missing), ``"drop"``, or ``"ignore"`` (those of the first file count).
        hive_partitioning: Whether folders named such as ``year=2024``, in a pattern or a folder, stand for a
            field of that name.
        storage_options: For HTTP header fields to send, otherwise what the fsspec file system takes.
        cache: Whether downloads are kept, and fetched again only when they have changed.
        max_size: The most bytes that a file may have, packed and unpacked; None guards against bombs alone.

    Raises:
        AccessError: A file cannot be read.
        UnreadableError: A file is no Parquet file, or a damaged one.
        SchemaError: The files do not have the same fields, or not of types that go together; a field is not
            among them; a column has a type that Table Schema has no type for.

    Examples:
        >>> import pyarrow as pa, pyarrow.parquet
        >>> from dataflows_core import Flow
        >>> pa.parquet.write_table(pa.table({"city": ["Lyon"], "people": [522250]}), "cities.parquet")
        >>> Flow(load_parquet("cities.parquet", fields=["people"])).results().rows
        [[{'people': 522250}]]
    """
    load = _Load(
        split=ParquetSplit,
        format="parquet",
        endings=(".parquet", ".pq"),
        load_source=load_source,
        name=name,
        fields=_checked_fields(fields),
        limit_rows=limit_rows,
        many=many,
        on_drift=on_drift,
        hive_partitioning=hive_partitioning,
        options={"storage_options": storage_options, "cache": cache, "max_size": max_size},
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
    on_drift: OnDrift = "error",
    hive_partitioning: bool = True,
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
        on_drift: What becomes of fields that not all of the files have.
        hive_partitioning: Whether the names of folders stand for fields.
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
        split=ArrowSplit,
        format="arrow",
        endings=(".arrow", ".arrows", ".feather", ".ipc"),
        load_source=load_source,
        name=name,
        fields=_checked_fields(fields),
        limit_rows=limit_rows,
        many=many,
        on_drift=on_drift,
        hive_partitioning=hive_partitioning,
        options={"storage_options": storage_options, "cache": cache, "max_size": max_size},
    )

    def step(package: Package) -> None:
        load.into(package)

    return step


@dataclass(frozen=True, kw_only=True)
class _Load:
    """One load, as its processor was told."""

    split: type[ParquetSplit | ArrowSplit]
    format: str
    endings: tuple[str, ...]
    load_source: Paths
    name: str | None
    fields: tuple[str, ...] | None
    limit_rows: int | None
    many: bool
    on_drift: OnDrift
    hive_partitioning: bool
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.many and self.name is not None:
            raise FlowError("with many=True each file names its resource; leave name out")
        checked_limit(self.limit_rows)
        check_on_drift(self.on_drift)

    def into(self, package: Package) -> None:
        """Add the resource, or one for each file."""
        found = find(self.load_source, self.endings, **self.options)
        if self.many:
            for one in found:
                self._add(package, [one], one.file.stem)
            return
        path = self.load_source if isinstance(self.load_source, str | Path) else found[0].file.path
        self._add(package, found, self.name or stem(str(path)))

    def _add(self, package: Package, found: Sequence[Found], name: str) -> None:
        folders = partition_fields(found) if self.hive_partitioning else []
        tables = Tables(self.split, self.fields, self.on_drift, folders)
        for one in found:
            tables.add(one)
        for note in tables.notes:
            logger.warning(note)
        schema = tables.schema
        properties = {**tables.properties, "path": f"{name}.{self.format}", "format": self.format}
        resource = Resource(name, Stream.of(tables.splits, schema), properties)
        if self.limit_rows is not None:
            resource.pipe_batches(Limit(self.limit_rows))
        package.add(resource)


def _checked_fields(fields: Any) -> tuple[str, ...] | None:
    if fields is None:
        return None
    names = None if isinstance(fields, str | bytes) else tuple(fields)
    if names is None or not all(isinstance(name, str) for name in names):
        raise FlowError(f"fields={fields!r} must be a list of names")
    if twice := [name for name in names if names.count(name) > 1]:
        raise FlowError(f"fields names {twice[0]!r} twice")
    return names
