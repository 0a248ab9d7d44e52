"""The processors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dataflows_core.errors import FlowError
from dataflows_core.steps import Sink
from dataflows_core.targets import target_file, target_folder
from dataflows_dump_path.counters import Counters
from dataflows_dump_path.planned import Layout
from dataflows_dump_path.writer import WriterClass, writer_class

if TYPE_CHECKING:
    from dataflows_core.package import Package

__all__ = ["dump_to_path", "dump_to_zip"]


def dump_to_path(
    out_path: str | os.PathLike[str] = ".",
    *,
    force_format: bool = True,
    format: str = "csv",
    counters: Mapping[str, str | None] | None = None,
    add_filehash_to_path: bool = False,
    pretty_descriptor: bool = True,
    temporal_format_property: str | None = None,
    use_titles: bool = False,
    file_formatters: Mapping[str, WriterClass] | None = None,
    validator_options: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    **writer_options: Any,
) -> Sink:
    """Write the package into a folder: one file per table, copies of its other files, `datapackage.json`.

    Everything is swapped in at the end of the run, whole or not at all: a `load` of the folder in the same
    flow gives what was there before, so that reading it again is for a second flow. Files of the previous
    dump that the new one has no longer are removed when they are as they were written; other files are left
    alone.

    The folder may be in a store: ``s3://bucket/out``, ``gs://``, ``az://``, ``sftp://`` … The files are
    uploaded at the end of the run, so that nobody sees them before all are there; then each is shown, the
    descriptor last. A store shows them one after the other, and cannot be locked: whoever reads in that
    moment may meet new files beside old ones, and of two runs at once each file is from one of them. With
    `add_filehash_to_path` no file is replaced by another, and the descriptor alone decides.

    Args:
        out_path: The folder, or the URL of one in a store; it is made when it is not there, but no bucket is.
        force_format: Whether every table is written in `format`; otherwise each in the format that the
            ending of its path names.
        format: The format of the tables: ``csv``, ``json``, ``ndjson``, or that of another installed writer.
        counters: Names of the properties that counts are written to: `datapackage-rowcount`,
            `datapackage-bytes`, `datapackage-hash`, `resource-rowcount`, `resource-bytes`,
            `resource-hash`; dots lead into a property, None leaves one out.
        add_filehash_to_path: Whether each file is written into a folder that has its hash for a name.
        pretty_descriptor: Whether the descriptor is indented.
        temporal_format_property: The property of date, time and datetime fields that holds the
            `strftime` format they are written in.
        use_titles: Whether fields are written under their titles, where they have one.
        file_formatters: Writer classes by format, besides the installed ones.
        validator_options: ``{"on_error": …}`` says what becomes of a row that breaks a constraint of its
            schema: ``"raise"`` (the default), ``"drop"``, ``"clear"``, ``"ignore"``, or a function.
        options: Options of the writer, the same as `writer_options`.
        storage_options: What the fsspec file system of a URL takes.
        **writer_options: Options of the writer, such as `delimiter` for CSV.

    Raises:
        FlowError: An option, a counter or a format is unknown, or a URL cannot be written to.
        AccessError: The folder cannot be written to; in a store, this is tried before any data move.
    """
    folder = target_folder(out_path, storage_options)
    layout = _layout(
        "dump_to_path",
        force_format=force_format,
        format=format,
        counters=Counters(dict(counters or {})),
        add_filehash_to_path=add_filehash_to_path,
        pretty_descriptor=pretty_descriptor,
        temporal_format_property=temporal_format_property,
        use_titles=use_titles,
        file_formatters=dict(file_formatters or {}),
        options={**(options or {}), **writer_options},
        on_error=_on_error(validator_options or {}),
    )

    def step(package: Package) -> None:
        from dataflows_dump_path.dump import Dump

        Dump(package, folder, layout)

    return step


def dump_to_zip(
    out_file: str | os.PathLike[str],
    *,
    force_format: bool = True,
    format: str = "csv",
    counters: Mapping[str, str | None] | None = None,
    add_filehash_to_path: bool = False,
    pretty_descriptor: bool = True,
    temporal_format_property: str | None = None,
    use_titles: bool = False,
    file_formatters: Mapping[str, WriterClass] | None = None,
    validator_options: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    **writer_options: Any,
) -> Sink:
    """Write the package into a zip file, deflated; it holds what `dump_to_path` writes.

    The file is written beside its place and swapped in at the end of the run; or uploaded, when it is in a
    store. The same data give the same bytes.

    Args:
        out_file: The zip file, or its URL in a store.
        force_format: As in `dump_to_path`, like all that follow.
        format: The format of the tables.
        counters: Names of the properties that counts are written to.
        add_filehash_to_path: Whether each file is in a folder that has its hash for a name.
        pretty_descriptor: Whether the descriptor is indented.
        temporal_format_property: The property of temporal fields that holds their format.
        use_titles: Whether fields are written under their titles.
        file_formatters: Writer classes by format, besides the installed ones.
        validator_options: What becomes of a row that breaks a constraint.
        options: Options of the writer.
        storage_options: What the fsspec file system of a URL takes.
        **writer_options: Options of the writer.

    Raises:
        FlowError: An option, a counter or a format is unknown, or a URL cannot be written to.
        AccessError: The file cannot be written.
    """
    folder, name = target_file(out_file, storage_options)
    layout = _layout(
        "dump_to_zip",
        force_format=force_format,
        format=format,
        counters=Counters(dict(counters or {})),
        add_filehash_to_path=add_filehash_to_path,
        pretty_descriptor=pretty_descriptor,
        temporal_format_property=temporal_format_property,
        use_titles=use_titles,
        file_formatters=dict(file_formatters or {}),
        options={**(options or {}), **writer_options},
        on_error=_on_error(validator_options or {}),
    )

    def step(package: Package) -> None:
        from dataflows_dump_path.dump import Dump

        Dump(package, folder, layout, zip_name=name)

    return step


def _layout(dump: str, /, **parts: Any) -> Layout:
    """The layout, with its format and the writer's options checked while the flow is being written."""
    from dataflows_core.options import check_options

    layout = Layout(**parts)
    if layout.force_format:
        writer = writer_class(layout.format, layout.file_formatters)
        check_options(writer, layout.options, f"{dump}(format={layout.format!r})")
    return layout


def _on_error(options: Mapping[str, Any]) -> Any:
    from dataflows_core.on_error import check_on_error

    if unknown := set(options) - {"on_error"}:
        raise FlowError(f"validator_options has no {min(unknown)!r}; its one option is on_error")
    on_error = options.get("on_error", "raise")
    check_on_error(on_error)
    return on_error
