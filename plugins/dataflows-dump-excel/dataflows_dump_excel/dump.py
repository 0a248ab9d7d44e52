"""The processor: a package into one workbook."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dataflows_core.commit import Commit, access_errors, safe_path
from dataflows_core.errors import FlowError
from dataflows_core.steps import Sink
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
) -> Sink:
    """Write the package into one Excel workbook: a sheet for each resource, in their order.

    The workbook is written beside its place and swapped in at the end of the run, whole or not at all. A new
    one is written in bounded memory. What a cell cannot hold exactly is written as text, and told: numbers of
    more than 15 digits, dates before March 1900, parts of a second, time zones. Text is never taken for a
    formula.

    Args:
        out_file: The workbook.
        sheet_names: Names of sheets by resource; by default the resource's name, as far as Excel allows it.
        update_existing: Whether a workbook that is there is changed: its sheets of these names are replaced,
            others are added, and the rest stays. It is held in memory then.
        use_titles: Whether columns are called by the titles of their fields, where they have one.
        resources: Which resources: None for all that are tabular, a regular expression, a position or a list
            of names.

    Raises:
        FlowError: Two sheets would have one name, or there are too many columns.
        DataError: There are more rows than a sheet has room for.
        CastError: A text is longer than a cell can hold.
        AccessError: The workbook cannot be written.

    Examples:
        >>> from dataflows_core import Flow
        >>> Flow([{"city": "Lyon", "people": 522250}], dump_to_excel("cities.xlsx")).process().stats
        {'count_of_rows': 1}
    """
    path = Path(os.fspath(out_file))
    if path.suffix.lower() != ".xlsx":
        raise FlowError(f"out_file={str(out_file)!r} must end in .xlsx, which is what is written")
    safe_path(path.name)
    named = dict(sheet_names or {})

    def step(package: Package) -> None:
        chosen = package.tables(resources)
        for name in named:
            package.select([name])
        _Dump(
            package, chosen, path.absolute(), _names(chosen, named), update=update_existing, titles=use_titles
        )

    return step


def _names(resources: Sequence[Resource], named: Mapping[str, str]) -> list[str]:
    wanted = [named.get(resource.name, resource.name) for resource in resources]
    made = sheet_names(wanted)
    for name, given in named.items():
        if sheet_names([given]) != [given]:
            raise FlowError(f"{given!r}, for {name!r}, is no name that Excel allows a sheet")
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
        path: Path,
        names: Sequence[str],
        *,
        update: bool,
        titles: bool,
    ) -> None:
        self._package, self._path, self._update = package, path, update
        self._commit: Commit | None = None
        self._book: Book | None = None
        self._sinks = []
        for resource, name in zip(resources, names, strict=True):
            fields = resource.schema
            heads = [str(f.descriptor.get("title") or f.name) if titles else f.name for f in fields]
            sink = SheetSink(f"{path}, sheet {name!r}", name, fields, heads, self._begun, self.abort)
            resource.write(sink)
            self._sinks.append(sink)
        package.on_finish(self.finish)
        package.on_abort(self.abort)

    def _begun(self) -> tuple[Book, Path]:
        """The workbook, begun by the first sheet, and a folder for parts of sheets."""
        if self._commit is None:
            self._commit = Commit(self._path.parent, f".{self._path.name}.dataflows-commit")
        if self._book is None:
            made = self._commit.stage(self._path.name)
            with access_errors(f"write {self._path}"):
                there = self._update and self._path.exists()
                self._book = UpdatedBook(self._path, made) if there else NewBook(made)
        return self._book, self._commit.scratch

    def finish(self) -> None:
        """Write the workbook and swap it in."""
        book, _ = self._begun()
        with access_errors(f"write {self._path}"):
            book.close()
        self._book = None
        assert self._commit is not None
        self._commit.finish([self._path.name])
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
