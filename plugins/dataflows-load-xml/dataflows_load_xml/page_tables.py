"""The tables of a page: which there are, which is wanted, and their cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lxml import etree

from dataflows_core.errors import DataError, FlowError, UnreadableError, near_misses, shorten
from dataflows_load_xml.page import Page

__all__ = ["Cell", "HtmlTable", "chosen", "data_tables", "tables_of"]

_BLOCKS = frozenset(
    ["address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset", "figure",
     "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p",
     "pre", "section", "table", "tr", "ul"]
)  # fmt: skip
"""Elements that begin a line."""
_UNSEEN = frozenset(["script", "style", "template", "noscript", "head", "title"])
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_GROUPS = ("thead", "tbody", "tfoot")
_WIDEST, _HIGHEST = 1000, 65534  # as browsers have it
_MOST_CELLS = 10_000_000
_SHOWN = 20


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: What a reader of the page sees of it.
        header: Whether it is marked as part of a header.
        links: Where the links in it lead to.
    """

    text: str
    header: bool
    links: tuple[str, ...] = ()


class HtmlTable:
    """A table of a page.

    Args:
        element: Its element.
        number: Its number in the page, from 1.
        hidden: Whether what readers of the page do not see is read too.
    """

    def __init__(self, element: Any, number: int, hidden: bool) -> None:
        self.element, self.number, self._hidden = element, number, hidden

    @property
    def id(self) -> str:
        """Its id; empty for none."""
        return self.element.get("id") or ""

    @cached_property
    def caption(self) -> str:
        """Its caption; empty for none."""
        found = self.element.find("caption")
        return "" if found is None else " ".join(self.text_of(found).split())

    @property
    def is_layout(self) -> bool:
        """Whether it holds other tables, to put them beside each other."""
        return self.element.find(".//table") is not None

    @property
    def is_seen(self) -> bool:
        """Whether readers of the page see it."""
        return self._hidden or not any(map(_is_hidden, [self.element, *self.element.iterancestors()]))

    @cached_property
    def rows(self) -> list[tuple[str, list[Any]]]:
        """The group of each row, and its cells as elements, in the order in which they are shown."""
        found = list(self._walk(self.element, "tbody"))
        return [row for group in _GROUPS for row in found if row[0] == group]

    def _walk(self, element: Any, group: str) -> Iterator[tuple[str, list[Any]]]:
        loose: list[Any] = []  # cells that are in no row
        for child in element:
            tag = child.tag
            if tag in ("td", "th"):
                loose.append(child)
                continue
            if loose:
                yield group, loose
                loose = []
            if tag in ("table", "caption", "colgroup", "col") or not self._is_read(child):
                continue
            if tag == "tr":
                yield group, list(self._cells(child))
            else:
                yield from self._walk(child, tag if tag in _GROUPS else group)
        if loose:
            yield group, loose

    def _cells(self, row: Any) -> Iterator[Any]:
        for child in row:
            if child.tag in ("td", "th"):
                if self._is_read(child):
                    yield child
            elif child.tag != "table" and self._is_read(child):
                yield from self._cells(child)

    def _is_read(self, element: Any) -> bool:
        return element.tag not in _UNSEEN and (self._hidden or not _is_hidden(element))

    def grid(self, *, filled: bool, huge: bool) -> list[list[Cell | None]]:
        """The cells in their columns; None where there is nothing.

        Args:
            filled: Whether a cell that spans several rows or columns is in all of them, and not only in the
                first.
            huge: Whether spans may make as many cells as they like.

        Raises:
            DataError: The spans make too many cells.
        """
        rows: list[list[Cell | None]] = []
        left_over: dict[int, tuple[int, Cell | None]] = {}
        count, group = 0, ""
        for own, elements in self.rows:
            if own != group:
                group, left_over = own, {}
            heads = own == "thead" or not rows or all(element.tag == "th" for element in elements)
            row, left_over = self._row(elements, left_over, filled or heads)
            rows.append(row)
            count += len(row)
            if count > _MOST_CELLS and not huge:
                raise DataError(
                    f"table {self.number} has more than {_MOST_CELLS:,} cells, most of them by colspan and "
                    "rowspan; "
                    "huge=True lifts the limit, for pages that you trust"
                )
        return rows

    def _row(
        self, elements: Sequence[Any], above: dict[int, tuple[int, Cell | None]], filled: bool
    ) -> tuple[list[Cell | None], dict[int, tuple[int, Cell | None]]]:
        row: list[Cell | None] = []
        below: dict[int, tuple[int, Cell | None]] = {}

        def from_above() -> None:
            while len(row) in above:
                left, cell = above[len(row)]
                if left > 1:
                    below[len(row)] = left - 1, cell
                row.append(cell)

        for element in elements:
            from_above()
            cell = self._cell(element)
            wide = _span(element, "colspan", _WIDEST) or 1
            high = _span(element, "rowspan", _HIGHEST) or _HIGHEST
            for place in range(wide):
                shown = cell if filled or place == 0 else None
                if high > 1:
                    below[len(row)] = high - 1, shown if filled else None
                row.append(shown)
                if place < wide - 1 and len(row) in above:
                    break  # the cell above is in the way
        from_above()
        last = max(above, default=-1)
        while len(row) <= last:
            row.append(None)
            from_above()
        return row, below

    def _cell(self, element: Any) -> Cell | None:
        text = self.text_of(element)
        links = tuple(link.get("href") for link in element.iter("a") if link.get("href"))
        return Cell(text, element.tag == "th", links) if text or links else None

    def text_of(self, element: Any) -> str:
        """The text of an element as a reader of the page sees it."""
        parts: list[str] = []
        walk = etree.iterwalk(element, events=("start", "end"))
        for event, one in walk:
            inner = one is not element
            if event == "start":
                if inner and not self._is_read(one):
                    walk.skip_subtree()
                    continue
                if inner:
                    parts.append("\n" if one.tag in _BLOCKS else " " if one.tag in ("td", "th") else "")
                parts.append(one.text or "" if one.tag != "br" else "")
            elif inner:
                parts.append("\n" if one.tag in _BLOCKS and one.tag != "br" else "")
                parts.append(one.tail or "")
        return _lines(parts)


def _lines(parts: Sequence[str]) -> str:
    # Line ends of the source are blanks; those of the page are what was put in between.
    text = "".join(part if part == "\n" else re.sub(r"\s", " ", part) for part in parts)
    return "\n".join(line for one in text.split("\n") if (line := " ".join(one.split())))


def _span(element: Any, name: str, most: int) -> int:
    found = re.match(r"\s*([0-9]{1,9})", element.get(name) or "1")
    return min(int(found[1]), most) if found else 1


def _is_hidden(element: Any) -> bool:
    return element.get("hidden") is not None or bool(_HIDDEN.search(element.get("style") or ""))


def tables_of(page: Page, *, hidden: bool) -> list[HtmlTable]:
    """The tables of a page, in order; a table within a table counts too."""
    return [HtmlTable(element, number, hidden) for number, element in enumerate(page.root.iter("table"), 1)]


def chosen(tables: Sequence[HtmlTable], wanted: str | int | None, source: str) -> HtmlTable:
    """The table that is wanted.

    Args:
        tables: The tables of the page.
        wanted: Its number; ``"#id"``, ``".class"``, an id, a caption, or an XPath expression; None for the
            only one that holds data.
        source: What messages call the page.

    Raises:
        FlowError: There is none, or there are several.
        UnreadableError: None is asked for, and there is none, or there are several.
    """
    if wanted is None:
        found = data_tables(tables)
        if not found:
            raise UnreadableError(f"{source} has no table with rows")
        if len(found) > 1:
            raise UnreadableError(
                f"{source} has several tables; say which one, or table='*' for all:{_listed(found)}"
            )
        return found[0]
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(tables):
            raise FlowError(
                f"{source} has {len(tables)} tables, numbered from 1, and none is number {wanted}"
            )
        return tables[wanted - 1]
    found = [table for table in tables if _is_it(table, wanted, source)]
    if len(found) > 1:
        raise FlowError(f"table={wanted!r} means several tables of {source}; say which one:{_listed(found)}")
    if not found:
        close = near_misses(wanted, [name for table in tables for name in (table.id, table.caption) if name])
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise FlowError(f"{source} has no table {wanted!r}{hint}{_listed(tables)}")
    return found[0]


def data_tables(tables: Sequence[HtmlTable]) -> list[HtmlTable]:
    """The tables that have rows, are seen, and do not just put others beside each other."""
    return [table for table in tables if table.rows and table.is_seen and not table.is_layout]


def _is_it(table: HtmlTable, wanted: str, source: str) -> bool:
    if wanted.startswith(("/", "(")):
        try:
            found = table.element.getroottree().getroot().xpath(wanted)
        except etree.XPathError as error:
            raise FlowError(f"table={wanted!r} is no XPath expression: {error}") from error
        if not isinstance(found, list):
            raise FlowError(f"table={wanted!r} finds no elements in {source}, but {shorten(found)}")
        return any(table.element is one for one in found)
    plain = wanted.removeprefix("table")
    if plain.startswith("#"):
        return table.id == plain[1:]
    if plain.startswith("."):
        return plain[1:] in (table.element.get("class") or "").split()
    return wanted in (table.id, table.caption)


def _listed(tables: Sequence[HtmlTable]) -> str:
    lines = []
    for table in tables[:_SHOWN]:
        first = [" ".join(table.text_of(cell).split()) for cell in table.rows[0][1]] if table.rows else []
        name = f" {table.caption!r}" if table.caption else f" #{table.id}" if table.id else ""
        lines.append(f"\n  table={table.number}{name}: {len(table.rows)} rows, {shorten(', '.join(first))}")
    return "".join(lines)
