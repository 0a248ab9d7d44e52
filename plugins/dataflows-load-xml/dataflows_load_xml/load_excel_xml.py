"""The processor: sheets of Excel-2003 XML workbooks into a package."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dataflows_core.cast import Cast
from dataflows_core.declared import Declared
from dataflows_core.errors import DataError, FlowError, near_misses
from dataflows_core.files import Source, expand
from dataflows_core.files.source import stem
from dataflows_core.loader_options import CAST, INFER, Limit, checked_limit, one_of
from dataflows_core.on_error import check_on_error
from dataflows_core.ranges import Range
from dataflows_core.resource import Resource
from dataflows_core.resource_names import resource_names
from dataflows_core.schema import Schema
from dataflows_core.steps import Source as SourceStep
from dataflows_core.stream import Stream
from dataflows_core.widths import fitted
from dataflows_load_xml.grid import Headers, Layout
from dataflows_load_xml.parse import Document
from dataflows_load_xml.sheet_split import Place, SheetSplit, SheetTable
from dataflows_load_xml.sheets import Sheet, sheets_of

if TYPE_CHECKING:
    from dataflows_core.on_error import OnError
    from dataflows_core.package import Package

__all__ = ["load_excel_xml"]

logger = logging.getLogger("dataflows.load_excel_xml")

Sheets = str | int | Sequence[str | int] | None


def load_excel_xml(
    load_source: str | Path | Iterable[str | Path],
    name: str | None = None,
    limit_rows: int | None = None,
    infer_strategy: Literal["full", "strings", "pytypes"] | None = None,
    cast_strategy: Literal["schema", "strings", "nothing"] | None = None,
    override_schema: Mapping[str, Any] | None = None,
    override_fields: Mapping[str, Mapping[str, Any]] | None = None,
    deduplicate_headers: bool = False,
    deduplicate_headers_format: str = " (%s)",
    on_error: OnError = "raise",
    *,
    sheet: Sheets = None,
    range: str | None = None,
    headers: Headers = "first",
    multiline_headers_joiner: str = " ",
    skip_rows: Sequence[int] = (),
    fill_merged_cells: bool = False,
    huge: bool = False,
    schema: Mapping[str, Any] | Schema | None = None,
    compression: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    cache: bool = False,
    max_size: int | None = None,
) -> SourceStep:
    """Load sheets of workbooks that Excel 2003 saved as XML (SpreadsheetML), in bounded memory.

    Parameters and resources are those of `load_excel`. Cells have types of their own: numbers keep their
    digits, and are integers where a column has no others; moments that are all at midnight are dates; texts
    stay texts (``007``). Formulas give the value that the workbook was saved with. A cell with an error
    (``#DIV/0!``) is an error, unless its text is among the ``missingValues``. Blank rows are no rows.

    Args:
        load_source: A path, a pattern such as ``"sales-*.xml"`` (in order of name), a URL, or a list of
            these. The same sheet of several files makes one resource.
        name: The resource's name; by default made of the file's, with several sheets of theirs.
        limit_rows: The most rows to load of each resource; None for all.
        infer_strategy: ``"full"`` (the default) gives fields the types of their cells; ``"strings"`` makes
            each a text, unless its type is declared.
        cast_strategy: ``"schema"`` (the default) casts to declared types; ``"strings"`` makes all texts.
        override_schema: Table Schema properties to go over the schema, such as ``missingValues``.
        override_fields: Field properties by field name: ``{"code": {"type": "string"}}``.
        deduplicate_headers: Whether names that occur twice get a number; otherwise they are an error.
        deduplicate_headers_format: What is appended to such names; ``%s`` is the number.
        on_error: What is done with a value that is not of its field's type.
        sheet: The name of a sheet, or its number from 1; a list of these, or ``"*"`` for all that are
            visible, makes a resource of each. By default the first one that is visible.
        range: The cells that are wanted, such as ``"B3:F20"``, ``"A5:"`` or ``"B:D"``.
        headers: The number of the row of the sheet that is the header, from 1; several numbers, whose cells
            are joined; the names themselves; None for ``field1``, ``field2`` …; by default the first row that
            is not blank.
        multiline_headers_joiner: What is put between the cells of a header of several rows.
        skip_rows: Numbers of rows of the sheet to leave out.
        fill_merged_cells: Whether every cell of a merged range has its value, and not only the first.
        huge: Whether the parser's limits are lifted (texts of 10 MB, rows of 64 MB); for files that you
            trust.
        schema: A Table Schema; fields it declares keep the types it says.
        compression: ``"gzip"``, ``"zip"``, ``"bz2"``, ``"xz"``, ``"zstd"``, or ``"none"``.
        storage_options: For HTTP header fields to send, otherwise what the fsspec file system takes.
        cache: Whether downloads are kept, and fetched again only when they have changed.
        max_size: The most bytes that a file may have, packed and unpacked; None guards against bombs alone.

    Returns:
        A step that adds one resource, or with several sheets one for each.

    Raises:
        FlowError: Options that contradict each other, an unknown sheet, a range that is none.
        AccessError: A file cannot be read.
        UnreadableError: A file is no such workbook.
        DataError: The header has a blank name above values, or one that occurs twice; a document that is not
            well-formed, or hostile.
        RowError: A cell holds an error.
        CastError: A value that is not of its field's declared type.
    """
    check_on_error(on_error)
    declared = Declared.of(
        schema,
        override_schema,
        override_fields,
        text=one_of("infer_strategy", infer_strategy, INFER) == "strings",
        untyped=one_of("cast_strategy", cast_strategy, CAST) == "strings",
        null_sequence=None,
    )
    layout = Layout(
        Range.of(range),
        headers if headers is None or isinstance(headers, int | str) else tuple(headers),  # type: ignore[arg-type]
        multiline_headers_joiner,
        frozenset(skip_rows),
        deduplicate_headers_format if deduplicate_headers else None,
    )
    several = sheet == "*" or not (sheet is None or isinstance(sheet, str | int))
    if several and name is not None:
        raise FlowError("with several sheets each names its resource; leave name out")
    load = _Load(declared, layout, fill_merged_cells, checked_limit(limit_rows), on_error)

    def step(package: Package) -> None:
        files = expand(load_source, storage_options or {}, compression, cache=cache, max_size=max_size)
        documents = [Document(file, huge=huge) for file in files]
        found = _chosen(sheets_of(documents[0]), sheet, files[0])
        path = load_source if isinstance(load_source, str | Path) else files[0].path
        names = [name or stem(str(path))]
        if several:
            names = resource_names((one, f"sheet-{number}") for number, one in enumerate(found, 1))
        for one, called in zip(found, names, strict=True):
            load.add(package, documents, one, called)

    return step


def _chosen(sheets: Sequence[Sheet], wanted: Sheets, file: Source) -> list[str]:
    names = [sheet.name for sheet in sheets]
    visible = [sheet.name for sheet in sheets if sheet.visible] or names
    if not visible:
        raise FlowError(f"{file.shown} has no sheet")
    if wanted is None:
        if len(visible) > 1:
            logger.info("%s: sheet %r is loaded; there are %s besides", file.shown, visible[0], visible[1:])
        return visible[:1]
    if wanted == "*":
        return visible
    return [_find(names, one, file) for one in ([wanted] if isinstance(wanted, str | int) else wanted)]


def _find(names: Sequence[str], wanted: str | int, file: Source) -> str:
    if isinstance(wanted, int):
        if 1 <= wanted <= len(names):
            return names[wanted - 1]
        count = f"{len(names)} sheet{'s' * (len(names) != 1)}"
        raise FlowError(f"{file.shown} has {count}, numbered from 1, and none is number {wanted}")
    if wanted in names:
        return wanted
    close = near_misses(wanted, names)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    raise FlowError(f"{file.shown} has no sheet {wanted!r}{hint}\n  its sheets: {', '.join(names)}")


@dataclass(frozen=True)
class _Load:
    """How sheets become resources."""

    declared: Declared
    layout: Layout
    fill_merged: bool
    limit: int | None
    on_error: OnError

    def add(self, package: Package, documents: Sequence[Document], sheet: str, name: str) -> None:
        """Add the resource of one sheet, which several files may have."""
        places = [Place(document, sheet, self.layout, self.fill_merged, self.limit) for document in documents]
        tables = [self._scanned(place) for place in places]
        names = [column.name for column in tables[0].columns]
        for place, table in zip(places, tables, strict=True):
            if (found := [column.name for column in table.columns]) != names:
                raise FlowError(
                    f"{place.source} has other columns than {places[0].source}: "
                    f"there {', '.join(names)}, here {', '.join(found)}"
                )
        tables = [table.with_kinds_of(other for other in tables if other is not table) for table in tables]
        schema = self._schema(tables[0], places[0].source)
        missing = self.declared.missing_values
        splits = [SheetSplit(*pair, missing) for pair in zip(places, tables, strict=True)]
        stream = Stream.of(splits, tables[0].travelling)
        resource = Resource(name, stream, {"path": f"{name}.xml"})
        if self.limit is not None and len(places) > 1:
            resource.pipe_batches(Limit(self.limit))
        resource.map_batches(Cast(schema, on_error=self.on_error), schema, reads=())
        package.add(resource)

    def _scanned(self, place: Place) -> SheetTable:
        try:
            return place.scan()
        except DataError as error:
            if str(error).startswith(place.document.file.shown):
                raise
            raise DataError(f"{place.source}: {error}") from error

    def _schema(self, table: SheetTable, source: str) -> Schema:
        names = tuple(column.name for column in table.columns)
        wanted = self.declared.undeclared(names)
        for note in table.notes(wanted):
            logger.warning("%s: %s", source, note)
        inferred = (column.kinds.field(column.name) for column in table.columns if column.name in wanted)
        schema = self.declared.schema(names, Schema(tuple(inferred)), source)
        return fitted(schema, [table.texts([name for name in names if name not in wanted])])
