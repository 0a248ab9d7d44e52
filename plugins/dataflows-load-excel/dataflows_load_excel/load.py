"""The processor: sheets of workbooks into a package."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from dataflows_core.cast import Cast
from dataflows_core.declared import Declared
from dataflows_core.errors import FlowError
from dataflows_core.files import Source, expand
from dataflows_core.files.source import stem
from dataflows_core.loader_options import CAST, INFER, Limit, checked_limit, one_of
from dataflows_core.on_error import check_on_error
from dataflows_core.ranges import Range
from dataflows_core.resource import Resource
from dataflows_core.resource_names import resource_names
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Source as SourceStep
from dataflows_core.stream import Stream
from dataflows_core.widths import fitted
from dataflows_load_excel.area import Headers
from dataflows_load_excel.cells import Column
from dataflows_load_excel.split import Layout, SheetSplit, read_sheet, shown
from dataflows_load_excel.workbook import Workbook, opened

if TYPE_CHECKING:
    from dataflows_core.on_error import OnError
    from dataflows_core.package import Package

__all__ = ["load_excel"]

logger = logging.getLogger("dataflows.load_excel")

Sheets = str | int | Sequence[str | int] | None


def load_excel(
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
    schema: Mapping[str, Any] | Schema | None = None,
    storage_options: Mapping[str, Any] | None = None,
    cache: bool = False,
    max_size: int | None = None,
) -> SourceStep:
    """Load sheets of workbooks: xlsx, xlsm, xls, xlsb and ods.

    Cells have types of their own, so that nothing is guessed from text: numbers that are all whole become
    integers, other numbers what the sheet would show in full, dates dates, texts texts (``007`` stays).
    Formulas give the value that the workbook was saved with. A cell with an error (``#DIV/0!``) is a missing
    value; how many there are is told. Blank rows are no rows.

    Args:
        load_source: A path, a pattern such as ``"sales-*.xlsx"`` (in order of name), a URL, or a list of
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
            are joined; the names themselves; None for ``field1``, ``field2`` …; by default the first row
            that is not blank.
        multiline_headers_joiner: What is put between the cells of a header of several rows.
        skip_rows: Numbers of rows of the sheet to leave out.
        fill_merged_cells: Whether every cell of a merged range has its value, and not only the first.
        schema: A Table Schema; fields it declares keep the types it says.
        storage_options: For HTTP header fields to send, otherwise what the fsspec file system takes.
        cache: Whether downloads are kept, and fetched again only when they have changed.
        max_size: The most bytes that a file may have, packed and unpacked; None for 2 GiB, since
            a workbook is held in memory.

    Returns:
        A step that adds one resource, or with several sheets one for each.

    Raises:
        FlowError: Options that contradict each other, an unknown sheet, a range that is none.
        AccessError: A file cannot be read.
        UnreadableError: A file is no workbook, a damaged one, has a password, or unpacks to too much.
        DataError: The header has a blank name above values, or one that occurs twice.
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
        area=Range.of(range),
        headers=headers if headers is None or isinstance(headers, int | str) else tuple(headers),  # type: ignore[arg-type]
        joiner=multiline_headers_joiner,
        skip=tuple(skip_rows),
        deduplicate=deduplicate_headers_format if deduplicate_headers else None,
        fill_merged=fill_merged_cells,
        limit=checked_limit(limit_rows),
    )
    if isinstance(headers, str) and headers != "first":
        raise FlowError(f"headers={headers!r} must be the number of a row, a list, 'first' or None")
    several = sheet == "*" or not (sheet is None or isinstance(sheet, str | int))
    if several and name is not None:
        raise FlowError("with several sheets each names its resource; leave name out")
    load = _Load(declared, layout, on_error)

    def step(package: Package) -> None:
        files = expand(load_source, storage_options, cache=cache, max_size=max_size)
        found: list[str] = []
        read = []
        for file in files:
            with opened(file) as book:
                found = found or _sheets(book, sheet)
                read.append([read_sheet(book, book.find(one), layout) for one in found])
            _tell(book)
        path = load_source if isinstance(load_source, str | Path) else files[0].path
        names = [name or stem(str(path))]
        if several:
            names = resource_names((one, f"sheet-{number}") for number, one in enumerate(found, 1))
        for one, called, columns in zip(found, names, zip(*read, strict=True), strict=True):
            load.add(package, files, one, columns, called)

    return step


def _sheets(book: Workbook, wanted: Sheets) -> list[str]:
    visible = book.visible or book.names
    if not visible:
        raise FlowError(f"{book.source} has no sheet with cells")
    if wanted is None:
        if len(visible) > 1:
            logger.info("%s: sheet %r is loaded; there are %s besides", book.source, visible[0], visible[1:])
        return visible[:1]
    if wanted == "*":
        return visible
    return [book.find(one) for one in ([wanted] if isinstance(wanted, str | int) else wanted)]


def _tell(book: Workbook) -> None:
    """Tell what the cells of a workbook do not say."""
    if book.tally.errors:
        logger.warning("%s: %d cells hold errors, and are missing values", book.source, book.tally.errors)
    if book.tally.unsaved:
        logger.warning(
            "%s: %d formulas were saved without their values, which are missing; a spreadsheet program "
            "that opens and saves the file adds them",
            book.source,
            book.tally.unsaved,
        )


@dataclass(frozen=True)
class _Load:
    """How sheets become resources."""

    declared: Declared
    layout: Layout
    on_error: OnError

    def add(
        self,
        package: Package,
        files: Sequence[Source],
        sheet: str,
        sheets: Sequence[list[Column]],
        name: str,
    ) -> None:
        """Add the resource of one sheet, which several files may have."""
        names = [column.field.name for column in sheets[0]]
        for file, columns in zip(files, sheets, strict=True):
            if (found := [column.field.name for column in columns]) != names:
                raise FlowError(
                    f"{file.shown} has other columns than {files[0].shown}: "
                    f"there {', '.join(names)}, here {', '.join(found)}"
                )
        together = [list(columns) for columns in zip(*sheets, strict=True)]
        source = shown(files[0], sheet)
        schema = self.declared.schema(tuple(names), self._inferred(together, files[0]), source)
        schema = fitted(
            schema, [_texts(columns, self.declared.undeclared(tuple(names))) for columns in sheets]
        )
        arrow = pa.schema(
            [(field.name, _arrow(columns, field)) for columns, field in zip(together, schema, strict=True)]
        )
        splits = [
            SheetSplit(file, sheet, self.layout, arrow, columns)
            for file, columns in zip(files, sheets, strict=True)
        ]
        stream = Stream.of(splits, Schema.from_arrow(arrow))
        resource = Resource(name, stream, {"path": f"{name}.xlsx"})
        if self.layout.limit is not None and len(files) > 1:
            resource.pipe_batches(Limit(self.layout.limit))
        resource.map_batches(Cast(schema, on_error=self.on_error), schema, reads=())
        package.add(resource)

    def _inferred(self, together: Sequence[Sequence[Column]], file: Source) -> Schema:
        fields = []
        for columns in together:
            name = columns[0].field.name
            if self.declared.undeclared((name,)):
                for note in dict.fromkeys(column.note for column in columns if column.note):
                    logger.warning("%s: %s", file.shown, note)
                fields.append(
                    _together([column.field for column in columns if not _blank(column)]) or columns[0].field
                )
        return Schema(tuple(fields))


def _texts(columns: Sequence[Column], undeclared: Sequence[str]) -> pa.RecordBatch:
    """The texts of declared fields, which say how wide their values are."""
    declared = [column for column in columns if column.field.name not in undeclared]
    return pa.RecordBatch.from_pydict({column.field.name: column.as_text() for column in declared})


def _blank(column: Column) -> bool:
    return bool(column.values.null_count == len(column.values))


def _arrow(columns: Sequence[Column], field: Field) -> pa.DataType:
    """The type that the values of several files have in one column; text when they differ."""
    types = {column.values.type for column in columns if not _blank(column)}
    if field.type == "datetime" and types <= {pa.date32(), pa.timestamp("us")}:
        return pa.timestamp("us")  # moments that are all at midnight look like dates
    return types.pop() if len(types) == 1 else pa.string()


def _together(fields: Sequence[Field]) -> Field | None:
    """The field that holds what several files have in one column; None when there are none."""
    if not fields:
        return None
    types = {field.type for field in fields}
    if types == {"date", "datetime"}:
        return Field({"name": fields[0].name, "type": "datetime"})
    if len(types) == 1 or types == {"integer", "number"}:
        numbers = [field for field in fields if field.type == "number"]
        floats = [field for field in numbers if field.descriptor.get("floatNumber")]
        return (floats or sorted(numbers, key=lambda field: field.arrow.scale) or list(fields))[-1]
    return Field({"name": fields[0].name, "type": "string"})
