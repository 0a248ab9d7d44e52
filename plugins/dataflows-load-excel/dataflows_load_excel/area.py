"""The rectangle of cells that is wanted, and the names of its columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from dataflows_core.errors import DataError, FlowError
from dataflows_core.ranges import Range, letters
from dataflows_load_excel.workbook import Cell

__all__ = ["Headers", "Table", "table_of"]

Headers = int | Sequence[int] | Sequence[str] | Literal["first"] | None


@dataclass(frozen=True)
class Table:
    """The cells below a header.

    Attributes:
        names: The names of the columns.
        rows: Their cells; rows with nothing in them are left out.
        numbers: The number of each row in its sheet, from 1.
    """

    names: tuple[str, ...]
    rows: list[list[Cell]]
    numbers: list[int]


def table_of(
    cells: list[list[Cell]],
    area: Range,
    headers: Headers,
    *,
    joiner: str = " ",
    skip: Iterable[int] = (),
    deduplicate: str | None = None,
) -> Table:
    """The table in a sheet.

    Args:
        cells: The cells of the sheet, from its top left corner.
        area: The part of it that is wanted.
        headers: The number of the row in the sheet, from 1, that has the names; several numbers; the names;
            ``"first"`` for the first row of the area that is not blank; or None, for ``field1`` …
        joiner: What is put between the cells of a header of several rows.
        skip: Numbers of rows to leave out.
        deduplicate: What is appended to a name that occurs twice; None refuses it.

    Raises:
        DataError: The header is not there, a name in it is blank or occurs twice.
        FlowError: There are more or fewer names than columns.
    """
    skipped = set(skip)
    numbered = list(enumerate(cells, 1))[area.top : area.bottom]
    if skipped:
        numbered = [(number, row) for number, row in numbered if number not in skipped]
    if area.left or area.right is not None:
        numbered = [(number, row[area.left : area.right]) for number, row in numbered]
    filled = [(number, row) for number, row in numbered if row.count("") < len(row)]
    heads: list[int] = []
    names: list[str]
    if headers is None or (not isinstance(headers, int | str) and _are_names(headers)):
        width = max((len(row) for _, row in filled), default=0)
        names = [f"field{n}" for n in range(1, width + 1)] if headers is None else [str(n) for n in headers]
        if headers is not None and len(names) != width:
            raise FlowError(f"there are {len(names)} names in headers, and {width} columns")
    else:
        heads = _head_numbers(headers, filled)
        by_number = dict(numbered)
        if missing := [number for number in heads if number not in by_number]:
            raise DataError(f"the sheet has no row {missing[0]} that could be its header")
        names = _joined([by_number[number] for number in heads], joiner)
    body = [(number, row) for number, row in filled if number > max(heads, default=0)]
    kept = _columns(names, [row for _, row in body], area.left)
    rows = (
        [[row[index] for index in kept] for _, row in body]
        if len(kept) < len(names)
        else [r for _, r in body]
    )
    unique = _unique([names[index] for index in kept], deduplicate, area.left)
    return Table(tuple(unique), rows, [number for number, _ in body])


def _are_names(headers: Iterable[object]) -> bool:
    return all(isinstance(item, str) for item in headers)


def _head_numbers(headers: Headers, filled: list[tuple[int, list[Cell]]]) -> list[int]:
    if headers == "first":
        return [filled[0][0]] if filled else []
    given: list[object] = [headers] if isinstance(headers, int) else list(headers or ())
    numbers = [n for n in given if isinstance(n, int) and not isinstance(n, bool) and n >= 1]
    if len(numbers) < len(given):
        raise FlowError(f"headers={headers!r} must be numbers of rows from 1, or names, and not both")
    return numbers


def _joined(rows: list[list[Cell]], joiner: str) -> list[str]:
    columns = zip(*rows, strict=True)
    return [joiner.join(dict.fromkeys(t for cell in column if (t := _name(cell)))) for column in columns]


def _name(cell: Cell) -> str:
    """The text of a cell of the header; a year is written without its decimal point."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()


def _columns(names: list[str], rows: list[list[Cell]], left: int) -> list[int]:
    """The columns that count: one without a name and without a value is the sheet's margin."""
    kept = []
    for index, name in enumerate(names):
        if name:
            kept.append(index)
        elif any(row[index] != "" for row in rows):
            raise DataError(
                f"column {letters(left + index)} has values and no name in the header; name the columns "
                "(headers=[…]), or load a range without it (range=…)"
            )
    return kept


def _unique(names: list[str], suffix: str | None, left: int) -> list[str]:
    taken: list[str] = []
    for index, name in enumerate(names):
        new, number = name, 0
        while new in taken or (number and new in names):
            if suffix is None:
                raise DataError(
                    f"the name {name!r} is in the header twice, again in column {letters(left + index)}; "
                    "deduplicate_headers=True numbers such names"
                )
            number += 1
            new = name + suffix % number
        taken.append(new)
    return taken
