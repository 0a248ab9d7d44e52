"""Tables as people read them: on a terminal, and in a notebook.

Values are text by the time they are laid out (`dataflows_core.text`). Nothing in the data can act on the
terminal: control characters are shown as escapes. Absent values are blank, empty texts are shown as `""`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataflows_core.schema import Schema

__all__ = [
    "Column",
    "cut",
    "display_width",
    "printable",
    "rows_html",
    "rows_text",
    "schema_columns",
    "table_html",
    "table_text",
]

WIDEST = 40
"""Terminal columns that a cell may take before it is cut, as long as other columns need the place."""

NARROWEST = 10
"""Terminal columns that a cell keeps; whole table columns are left out before cells get narrower."""

_GAP = "  "
_NUMBERS = frozenset({"integer", "number", "year"})
_KEPT_FORMAT_CHARACTERS = frozenset("\u00ad\u200c\u200d")  # soft hyphen and joiners: scripts need them


@dataclass(frozen=True)
class Column:
    """A column of a table that is shown.

    Attributes:
        title: What stands above it.
        subtitle: What stands below the title, such as its type.
        right: Whether its cells are aligned to the right.
    """

    title: str
    subtitle: str = ""
    right: bool = False


def printable(text: str, keep: str = "") -> str:
    r"""The text with everything that could act on a terminal written as an escape.

    Args:
        text: Any text.
        keep: Characters to leave as they are, such as a newline.

    Examples:
        >>> printable("red: \x1b[31m")
        'red: \\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        or character in keep
        or character in _KEPT_FORMAT_CHARACTERS
        # Other kinds of space are not printable to Python, and harmless.
        or unicodedata.category(character) == "Zs"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def display_width(text: str) -> int:
    r"""How many columns of a terminal the text takes: 2 for East Asian wide characters, 0 for marks.

    Examples:
        >>> display_width("abc"), display_width("東京"), display_width("e\u0301")
        (3, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """The text, cut to a number of terminal columns; what is missing is an ellipsis.

    Examples:
        >>> cut("emissions", 5)
        'emis…'
    """
    if display_width(text) <= width:
        return text
    room, kept = width - 1, []
    for character in text:
        room -= _character_width(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + "…"


def _pad(text: str, width: int, right: bool) -> str:
    blanks = " " * (width - display_width(text))
    return blanks + text if right else text + blanks


def _cell(value: str | None) -> str:
    if value is None:
        return ""
    return printable(value) if value else '""'


def table_text(
    columns: Sequence[Column], rows: Iterable[Sequence[str | None] | None], width: int | None = None
) -> str:
    """A table for a terminal.

    Args:
        columns: The columns, in order.
        rows: Their cells; None for an absent value, and None instead of a row for rows left out.
        width: Terminal columns there are. Long cells are cut, then columns at the right are left out and
            named below the table. None: nothing is left out, and cells are cut at 40 columns.

    Returns:
        Lines without trailing blanks; no newline at the end.

    Examples:
        >>> print(
        ...     table_text(
        ...         [Column("city"), Column("people", right=True)], [["Lyon", "522250"], ["Oslo", None]]
        ...     )
        ... )
        city  people
        ────  ──────
        Lyon  522250
        Oslo
    """
    columns = [
        replace(column, title=printable(column.title), subtitle=printable(column.subtitle))
        for column in columns
    ]
    body = [None if row is None else [_cell(value) for value in row] for row in rows]
    shown, widths = _fit(columns, body, width)
    subtitled = any(column.subtitle for column in columns)
    lines = [_line([column.title for column in columns[:shown]], columns, widths)]
    if subtitled:
        lines.append(_line([column.subtitle for column in columns[:shown]], columns, widths))
    lines.append(_GAP.join("─" * width for width in widths))
    lines += ["…" if row is None else _line(row[:shown], columns, widths) for row in body]
    if shown < len(columns):
        rest = ", ".join(column.title for column in columns[shown:])
        note = f"… and {len(columns) - shown} more: {rest}"
        lines.append(note if width is None else cut(note, max(width, NARROWEST)))
    return "\n".join(lines)


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = [
        _pad(cut(cell, width), width, column.right)
        for cell, column, width in zip(cells, columns, widths, strict=False)
    ]
    return _GAP.join(padded).rstrip(" ")


def _fit(
    columns: Sequence[Column], body: Sequence[Sequence[str] | None], width: int | None
) -> tuple[int, list[int]]:
    """How many columns are shown, and how wide each is."""
    natural = [max(1, display_width(column.title), display_width(column.subtitle)) for column in columns]
    for row in body:
        for index, cell in enumerate(row or ()):
            natural[index] = max(natural[index], display_width(cell))
    if width is None:
        return len(columns), [min(one, WIDEST) for one in natural]
    if _total(natural) <= width:
        return len(columns), natural
    wanted = [min(one, WIDEST) for one in natural]
    least = [min(one, NARROWEST) for one in wanted]
    shown = len(columns)
    while shown > 1 and _total(least[:shown]) > width:
        shown -= 1
    return shown, _shrink(wanted[:shown], least, columns, width)


def _shrink(widths: list[int], least: Sequence[int], columns: Sequence[Column], width: int) -> list[int]:
    """Take from the widest until all fit: texts first, since a cut number says little."""
    while _total(widths) > width:
        wider = [index for index, one in enumerate(widths) if one > least[index]]
        if not wider:
            break
        widths[max(wider, key=lambda index: (not columns[index].right, widths[index]))] -= 1
    if len(widths) == 1:
        widths[0] = max(1, min(widths[0], width))
    return widths


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def table_html(columns: Sequence[Column], rows: Iterable[Sequence[str | None] | None]) -> str:
    """A table for a notebook; everything in it is escaped.

    Args:
        columns: The columns, in order.
        rows: Their cells; None for an absent value, and None instead of a row for rows left out.

    Examples:
        >>> table_html([Column("a")], [["<b>"]])
        '<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>'
    """
    from html import escape

    def cell(tag: str, text: str, right: bool) -> str:
        style = ' style="text-align: right"' if right else ""
        return f"<{tag}{style}>{text}</{tag}>"

    head = "".join(
        cell(
            "th",
            escape(printable(column.title))
            + (f"<br><small>{escape(printable(column.subtitle))}</small>" if column.subtitle else ""),
            column.right,
        )
        for column in columns
    )
    gap = "".join(cell("td", "…", column.right) for column in columns)
    body = "".join(
        "<tr>"
        + (
            gap
            if row is None
            else "".join(
                cell("td", escape(_cell(value)), column.right)
                for value, column in zip(row, columns, strict=True)
            )
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def schema_columns(schema: Schema) -> list[Column]:
    """The columns that show the rows of a schema: names above, types below, numbers to the right."""
    return [Column(field.name, field.type, field.type in _NUMBERS) for field in schema]


def rows_text(
    schema: Schema,
    rows: Sequence[Mapping[str, Any]],
    *,
    numbers: Sequence[int] | None = None,
    width: int | None = None,
) -> str:
    """Rows of a resource, for a terminal.

    Args:
        schema: Their schema.
        rows: The rows, as Python values by field.
        numbers: The number of each row, shown before it; where they jump, a line says so.
        width: Terminal columns there are; see `table_text`.

    Examples:
        >>> from dataflows_core.schema import Schema
        >>> schema = Schema.from_descriptor(
        ...     {"fields": [{"name": "city"}, {"name": "people", "type": "integer"}]}
        ... )
        >>> rows = [{"city": "Lyon", "people": 522250}, {"city": "Oslo", "people": None}]
        >>> print(rows_text(schema, rows, numbers=[1, 9]))
        #  city     people
           string  integer
        ─  ──────  ───────
        1  Lyon     522250
        …
        9  Oslo
    """
    columns, cells = _rows_table(schema, rows, numbers)
    return table_text(columns, cells, width)


def rows_html(
    schema: Schema, rows: Sequence[Mapping[str, Any]], *, numbers: Sequence[int] | None = None
) -> str:
    """Rows of a resource, for a notebook; otherwise like `rows_text`."""
    columns, cells = _rows_table(schema, rows, numbers)
    return table_html(columns, cells)


def _rows_table(
    schema: Schema, rows: Sequence[Mapping[str, Any]], numbers: Sequence[int] | None
) -> tuple[list[Column], list[list[str | None] | None]]:
    from dataflows_core.text import value_to_text

    columns = schema_columns(schema)
    cells: list[list[str | None] | None] = []
    before: int | None = None
    for index, row in enumerate(rows):
        line = [value_to_text(row.get(field.name), field) for field in schema]
        if numbers is not None:
            if before is not None and numbers[index] != before + 1:
                cells.append(None)
            before = numbers[index]
            line.insert(0, str(before))
        cells.append(line)
    if numbers is not None:
        columns.insert(0, Column("#", right=True))
    return columns, cells
