"""The processor: tables of web pages into a package."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dataflows_core.cast import Cast
from dataflows_core.declared import Declared
from dataflows_core.errors import FlowError, UnreadableError
from dataflows_core.files import Source, expand
from dataflows_core.files.source import stem
from dataflows_core.infer import infer_schema
from dataflows_core.loader_options import CAST, INFER, Limit, checked_limit, one_of
from dataflows_core.on_error import check_on_error
from dataflows_core.resource import Resource
from dataflows_core.resource_names import resource_names
from dataflows_core.schema import Field, Schema
from dataflows_core.steps import Source as SourceStep
from dataflows_core.stream import Stream
from dataflows_core.widths import fitted
from dataflows_load_xml.grid import Headers, Layout
from dataflows_load_xml.page import Page, read_page
from dataflows_load_xml.page_split import Place, Rows, TableSplit, travelling
from dataflows_load_xml.page_tables import HtmlTable, chosen, data_tables, tables_of

if TYPE_CHECKING:
    from dataflows_core.on_error import OnError
    from dataflows_core.package import Package

__all__ = ["load_html"]

logger = logging.getLogger("dataflows.load_html")

Tables = str | int | Sequence[str | int] | None


def load_html(
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
    table: Tables = None,
    headers: Headers = "first",
    multiline_headers_joiner: str = " ",
    skip_rows: Sequence[int] = (),
    fill_merged_cells: bool = True,
    ragged: Literal["raise", "fill", "truncate"] = "raise",
    links: bool = False,
    hidden: bool = False,
    encoding: str | None = None,
    huge: bool = False,
    schema: Mapping[str, Any] | Schema | None = None,
    compression: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    cache: bool = False,
    max_size: int | None = None,
) -> SourceStep:
    """Load tables of web pages.

    A page is read as browsers do, however broken it is; a cell is the text that a reader of the page sees,
    with a new line where the page has one. The header are the rows that are marked as such (``<thead>``, or
    nothing but ``<th>``), otherwise the first one. Types are told from the texts, as with CSV. Blank rows are
    no rows.

    Args:
        load_source: A path, a pattern such as ``"page-*.html"`` (in order of name), a URL, or a list of
            these. The same table of several pages makes one resource.
        name: The resource's name; by default made of the file's, with several tables of theirs.
        limit_rows: The most rows to load of each resource; None for all.
        infer_strategy: ``"full"`` (the default) gives fields the types that their texts have; ``"strings"``
            makes each a text, unless its type is declared.
        cast_strategy: ``"schema"`` (the default) casts; ``"strings"`` and ``"nothing"`` make all texts.
        override_schema: Table Schema properties to go over the schema, such as ``missingValues``.
        override_fields: Field properties by field name: ``{"people": {"type": "integer", "groupChar":
            ","}}``.
        deduplicate_headers: Whether names that occur twice get a number; otherwise they are an error.
        deduplicate_headers_format: What is appended to such names; ``%s`` is the number.
        on_error: What is done with a value that is not of its field's type.
        table: Which table: its number from 1, its id or caption, ``"#id"``, ``".class"``, or an XPath
            expression (``"//table[2]"``). A list of these, or ``"*"`` for all that hold data, makes a
            resource of each. By default the only one that holds data; several are an error that lists them.
        headers: The number of the row that is the header, from 1; several numbers, whose cells are joined;
            the names themselves, in place of the header; None for ``field1``, ``field2`` …, where all rows
            are data.
        multiline_headers_joiner: What is put between the cells of a header of several rows.
        skip_rows: Numbers of rows of the table to leave out.
        fill_merged_cells: Whether a cell that spans several rows or columns is in all of them, as the page
            shows it; False leaves it in the first.
        ragged: What is done with rows that have fewer or more cells than the header: ``"raise"``; ``"fill"``
            missing cells with null, and leave surplus ones out that are empty; ``"truncate"``: leave surplus
            ones out whatever they hold.
        links: Whether a column with links gets a field beside it, ``<name>_href``, of where they lead to as
            the page writes it; an array, where a cell has several.
        hidden: Whether cells, rows and tables are read that readers of the page do not see (``display:
            none``).
        encoding: The encoding; by default what the page declares, otherwise UTF-8 if it is valid, or
            windows-1252.
        huge: Whether the parser's limits are lifted (texts of 10 MB, 256 levels, 10 million cells by spans);
            for pages that you trust.
        schema: A Table Schema; fields it declares are not inferred.
        compression: ``"gzip"``, ``"zip"``, ``"bz2"``, ``"xz"``, ``"zstd"``, or ``"none"``.
        storage_options: For HTTP header fields to send, otherwise what the fsspec file system takes.
        cache: Whether downloads are kept, and fetched again only when they have changed.
        max_size: The most bytes that a page may have, packed and unpacked; None for 64 MB.

    Returns:
        A step that adds one resource, or with several tables one for each.

    Raises:
        FlowError: Options that contradict each other, an unknown table.
        AccessError: A page cannot be read.
        UnreadableError: A page has no table with rows, or several.
        DataError: The header has a blank name above values, or one that occurs twice; a page is cut short, or
            hostile.
        RowError: A row has fewer or more cells than the header.
        CastError: A value that is not of its field's type.

    Examples:
        >>> from pathlib import Path
        >>> from dataflows_core import Flow
        >>> page = "<table><tr><th>city<th>km²<tr><td>Lyon<td>47.87<tr><td>Paris<td>105.40</table>"
        >>> _ = Path("x.html").write_text(page, encoding="utf-8")
        >>> Flow(load_html("x.html")).results().rows
        [[{'city': 'Lyon', 'km²': Decimal('47.87')}, {'city': 'Paris', 'km²': Decimal('105.4')}]]
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
        headers=headers if headers is None or isinstance(headers, int | str) else tuple(headers),  # type: ignore[arg-type]
        joiner=multiline_headers_joiner,
        skip=frozenset(skip_rows),
        deduplicate=deduplicate_headers_format if deduplicate_headers else None,
    )
    several = table == "*" or not (table is None or isinstance(table, str | int))
    if several and name is not None:
        raise FlowError("with several tables each names its resource; leave name out")
    place = Place(
        Source(""),
        0,
        layout,
        ragged=one_of("ragged", ragged, ("raise", "fill", "truncate")),
        filled=fill_merged_cells,
        links=links,
        hidden=hidden,
        encoding=encoding,
        huge=huge,
        limit=checked_limit(limit_rows),
    )
    load = _Load(declared, place, table, several, name, on_error)

    def step(package: Package) -> None:
        files = expand(load_source, storage_options or {}, compression, cache=cache, max_size=max_size)
        load.add(
            package, files, stem(str(load_source if isinstance(load_source, str | Path) else files[0].path))
        )

    return step


@dataclass(frozen=True)
class _Load:
    """How tables become resources."""

    declared: Declared
    place: Place
    wanted: Tables
    several: bool
    name: str | None
    on_error: OnError

    def add(self, package: Package, files: Sequence[Source], otherwise: str) -> None:
        """Add a resource for each table, which several pages may have."""
        pages = [read_page(file, self.place.encoding, huge=self.place.huge) for file in files]
        first = self._chosen(pages[0], files[0])
        names = [self.name or otherwise]
        if self.several:
            names = resource_names((one.caption or one.id, f"table-{one.number}") for one in first)
        for at, (table, called) in enumerate(zip(first, names, strict=True)):
            tables = [
                table,
                *(self._same(at, first, page, file) for page, file in zip(pages[1:], files[1:], strict=True)),
            ]
            places = [
                replace(self.place, file=file, number=one.number)
                for file, one in zip(files, tables, strict=True)
            ]
            package.add(
                self._resource(
                    called, places, [one.read(page) for one, page in zip(places, pages, strict=True)]
                )
            )

    def _chosen(self, page: Page, file: Source) -> list[HtmlTable]:
        tables = tables_of(page, hidden=self.place.hidden)
        if self.wanted == "*":
            found = data_tables(tables)
            if not found:
                raise UnreadableError(f"{file.shown} has no table with rows")
            return found
        if self.wanted is None or isinstance(self.wanted, str | int):
            return [chosen(tables, self.wanted, file.shown)]
        return [chosen(tables, one, file.shown) for one in self.wanted]

    def _same(self, at: int, first: Sequence[HtmlTable], page: Page, file: Source) -> HtmlTable:
        found = self._chosen(page, file)
        if len(found) != len(first):
            raise FlowError(f"{file.shown} has {len(found)} tables, and the first page {len(first)}")
        return found[at]

    def _resource(self, name: str, places: Sequence[Place], read: Sequence[Rows]) -> Resource:
        names = read[0].names
        for place, one in zip(places, read, strict=True):
            if one.names != names:
                raise FlowError(
                    f"{place.source} has other columns than {places[0].source}: "
                    f"there {', '.join(names)}, here {', '.join(one.names)}"
                )
        schema = self._schema(read, places[0].source)
        splits = [TableSplit(place, names, rows) for place, rows in zip(places, read, strict=True)]
        resource = Resource(name, Stream.of(splits, travelling(names)), {"path": f"{name}.html"})
        if self.place.limit is not None and len(places) > 1:
            resource.pipe_batches(Limit(self.place.limit))
        resource.map_batches(Cast(schema, on_error=self.on_error), schema, reads=())
        return resource

    def _schema(self, read: Sequence[Rows], source: str) -> Schema:
        names = read[0].names
        wanted = self.declared.undeclared(names)
        texts = [rows.texts for rows in read]
        several = frozenset().union(*(rows.several for rows in read))
        inferred, notes = infer_schema(
            [one.select(wanted) for one in texts], missing_values=self.declared.missing_values
        )
        for note in notes:
            logger.warning("%s: %s", source, note)
        fields = Schema(tuple(_field(field, several) for field in inferred))
        schema = self.declared.schema(names, fields, source)
        return fitted(schema, [one.select([name for name in names if name not in wanted]) for one in texts])


def _field(inferred: Field, several: Iterable[str]) -> Field:
    """Text that looks like JSON is text, unless it is a list of links."""
    if inferred.name in several:
        return Field({"name": inferred.name, "type": "array"})
    return (
        Field({"name": inferred.name, "type": "string"}) if inferred.type in ("array", "object") else inferred
    )
