"""The processor: a package into one workbook."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataflows_core.commit import STAGING, access_errors
from dataflows_core.errors import FlowError
from dataflows_core.steps import Sink
from dataflows_core.targets import Staging, Target, target_file
from dataflows_dump_excel.books import Book, NewBook, UpdatedBook, sheet_names
from dataflows_dump_excel.sink import SheetSink

if TYPE_CHECKING:
    from dataflows_core.package import Package, ResourceSelector
    from dataflows_core.resource import Resource

__all__ = ["dump_to_excel"]

logger = logging.getLogger("dataflows.dump_to_excel")


def dump_to_excel(
    out_file: str | os.PathLike[str],
    *,
    sheet_names: Mapping[str, str] | None = None,
    update_existing: bool = False,
    use_titles: bool = False,
    resources: ResourceSelector = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Sink:
    """Write the package into one Excel workbook: a sheet for each resource, in their order.

    The workbook is written beside its place and swapped in at the end of the run, whole or not at all; one in
    a store (``s3://bucket/cities.xlsx``) is written into a temporary folder and uploaded. A new one takes
    bounded memory. What a cell cannot hold exactly is written as text, and told: numbers of more than 15
    digits, dates before March 1900, parts of a second, time zones. Text is never taken for a formula.

    Args:
        out_file: The workbook, or its URL in a store.
        sheet_names: Names of sheets by resource; by default the resource's name, as far as Excel allows it.
        update_existing: Whether a workbook that is there is changed: its sheets of these names are replaced,
            others are added, and the rest stays: formulas, formats, charts, comments, names. It is held in
            memory then; one with pictures, shapes, macros or the like, which would be lost, is refused.
        use_titles: Whether columns are called by the titles of their fields, where they have one.
        resources: Which resources: None for all that are tabular, a regular expression, a position or a list
            of names.
        storage_options: What the fsspec file system of a URL takes.

    Raises:
        FlowError: Two sheets would have one name, or there are too many columns.
        DataError: There are more rows than a sheet has room for.
        CastError: A text is longer than a cell can hold.
        AccessError: The workbook cannot be written.
        UnreadableError: The one to change is no workbook, or has what would be lost.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"city": "Lyon", "people": 522250}], dump_to_excel("cities.xlsx")).process().stats
        {'count_of_rows': 1}
    """
    folder, name = target_file(out_file, storage_options)
    if not name.lower().endswith(".xlsx"):
        raise FlowError(f"out_file={folder.shown(name)!r} must end in .xlsx, which is what is written")
    named = dict(sheet_names or {})

    def step(package: Package) -> None:
        chosen = package.tables(resources)
        for resource in named:
            package.select([resource])
        _Dump(package, chosen, folder, name, _names(chosen, named), update=update_existing, titles=use_titles)

    return step


def _names(resources: Sequence[Resource], named: Mapping[str, str]) -> list[str]:
    wanted = [named.get(resource.name, resource.name) for resource in resources]
    made = sheet_names(wanted)
    for name, given in named.items():
        if sheet_names([given]) != [given]:
            raise FlowError(
                f"{given!r}, for {name!r}, is no name that Excel allows a sheet\n"
                "  it has 1 to 31 characters, none of []:*?/\\ or control characters, no ' at the ends, "
                f"and is not 'History'; {sheet_names([given])[0]!r} would do"
            )
    lower = [name.lower() for name in wanted]
    for name in wanted:
        if name in named.values() and lower.count(name.lower()) > 1:
            raise FlowError(f"two sheets would have the name {name!r}")
    return made


class _Dump:
    """One dump, as the package is when the step is planned."""

    def __init__(
        self,
        package: Package,
        resources: Sequence[Resource],
        target: Target,
        name: str,
        names: Sequence[str],
        *,
        update: bool,
        titles: bool,
    ) -> None:
        self._package, self._target, self._name, self._update = package, target.planned(), name, update
        self._shown = self._target.shown(name)
        self._commit: Staging | None = None
        self._book: Book | None = None
        self._sinks = []
        for resource, sheet in zip(resources, names, strict=True):
            fields = resource.schema
            heads = [str(f.descriptor.get("title") or f.name) if titles else f.name for f in fields]
            shown = f"{self._shown}, sheet {sheet!r}"
            sink = SheetSink(shown, sheet, fields, heads, self._begun, self.abort)
            resource.write(sink)
            self._sinks.append(sink)
        package.on_finish(self.finish)
        package.on_abort(self.abort)

    def _begun(self) -> tuple[Book, Path]:
        """The workbook, begun by the first sheet, and a folder for parts of sheets."""
        if self._commit is None:
            self._commit = self._target.begin(f".{self._name}{STAGING}")
        if self._book is None:
            made, previous = self._commit.stage(self._name), self._commit.scratch / "previous"
            with access_errors(f"write {self._shown}"):
                there = self._update and self._copy_to(previous)
                self._book = UpdatedBook(previous, self._shown, made) if there else NewBook(made)
        return self._book, self._commit.scratch

    def _copy_to(self, copy: Path) -> bool:
        """Copy the workbook that is there; says whether there is one."""
        if self._target.size(self._name) is None:
            return False
        with closing(self._target.open(self._name)) as source, copy.open("wb") as file:
            while data := source.read(1 << 20):
                file.write(data)
        return True

    def finish(self) -> None:
        """Write the workbook and swap it in."""
        book, _ = self._begun()
        with access_errors(f"write {self._shown}"):
            book.close()
        self._book = None
        assert self._commit is not None
        self._commit.finish([self._name])
        rows = sum(sink.rows for sink in self._sinks)
        self._package.stats["count_of_rows"] = rows
        for sink in self._sinks:
            for field, count in sink.as_text.items():
                logger.warning("%s: %d values of %r are texts, to keep them exact", sink.target, count, field)

    def abort(self) -> None:
        """Remove what was staged; the previous workbook stays."""
        if self._book is not None:
            self._book.discard()
            self._book = None
        if self._commit is not None:
            self._commit.abort()
