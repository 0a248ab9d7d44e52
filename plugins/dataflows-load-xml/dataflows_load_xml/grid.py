"""Rows of cells: the area of them that is wanted, and the names of the columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dataflows_core.errors import DataError, FlowError
from dataflows_core.ranges import Range, letters

__all__ = ["Headers", "Layout", "Row"]

Headers = int | Sequence[int] | Sequence[str] | Literal["first"] | None
Row = tuple[int, list[Any]]
"""The number of a row, from 1, and its cells; None where there is nothing."""


@dataclass(frozen=True)
class Layout:
    """Where a table is in rows of cells.

    Args:
        area: The part that is wanted.
        headers: The number of the row that has the names; several numbers; the names; ``"first"`` for the
            first row of the area that is not blank; or None, for ``field1`` …
        joiner: What is put between the cells of a header of several rows.
        skip: Numbers of rows to leave out.
        deduplicate: What is appended to a name that occurs twice; None refuses it.

    Raises:
        FlowError: `headers` is none of these.
    """

    area: Range = field(default_factory=Range)
    headers: Headers = "first"
    joiner: str = " "
    skip: frozenset[int] = frozenset()
    deduplicate: str | None = None

    def __post_init__(self) -> None:
        given: Any = self.headers
        if isinstance(given, str) and given != "first":
            raise FlowError(f"headers={given!r} must be the number of a row, a list, 'first' or None")
        numbers = [] if given is None or given == "first" or self.names is not None else self._numbers
        if any(not isinstance(number, int) or isinstance(number, bool) or number < 1 for number in numbers):
            raise FlowError(f"headers={given!r} must be numbers of rows from 1, or names, and not both")

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names, where they are given."""
        if self.headers is None or isinstance(self.headers, int | str):
            return None
        names = tuple(item for item in self.headers if isinstance(item, str))
        return names if len(names) == len(self.headers) else None

    @property
    def _numbers(self) -> list[Any]:
        given: Any = self.headers
        return [given] if isinstance(given, int) else list(given)

    def parts(self, rows: Iterable[Row]) -> tuple[list[list[Any]], Iterator[Row]]:
        """The rows of the header, and those below it that are not blank.

        Raises:
            DataError: The header is not there.
        """
        wanted = self._within(rows)
        if self.headers is None or self.names is not None:
            return [], _filled(wanted)
        if self.headers == "first":
            filled = _filled(wanted)
            return [cells for _, cells in [next(filled, (0, []))] if cells], filled
        heads: dict[int, list[Any]] = {}
        last = max(self._numbers)
        if last > self.area.top and (self.area.bottom is None or last <= self.area.bottom):
            for number, cells in wanted:
                if number in self._numbers:
                    heads[number] = cells
                if number >= last:
                    break
        if missing := [number for number in self._numbers if number not in heads]:
            raise DataError(f"there is no row {missing[0]} that could be the header")
        return [heads[number] for number in self._numbers], _filled(wanted)

    def _within(self, rows: Iterable[Row]) -> Iterator[Row]:
        area = self.area
        for number, cells in rows:
            if area.bottom is not None and number > area.bottom:
                return
            if number > area.top and number not in self.skip:
                yield number, cells[area.left : area.right]

    def columns(self, heads: Sequence[Sequence[str]], used: Sequence[bool]) -> list[tuple[int, str]]:
        """The columns that count, and their names.

        Args:
            heads: The texts of the rows of the header.
            used: Of each column, whether it has values.

        Raises:
            DataError: A name is blank above values, or occurs twice.
            FlowError: There are more or fewer names than columns.
        """
        width = max([len(used), *map(len, heads)])
        if self.headers is None:
            names = [f"field{n}" for n in range(1, width + 1)]
        elif self.names is not None:
            names = list(self.names)
            if len(names) != width:
                raise FlowError(f"there are {len(names)} names in headers, and {width} columns")
        else:
            rows = [[*row, *[""] * (width - len(row))] for row in heads]
            names = [self._joined(column) for column in zip(*rows, strict=True)]
        kept = []
        for index, name in enumerate(names):
            if name:
                kept.append(index)
            elif index < len(used) and used[index]:
                raise DataError(
                    f"column {letters(self.area.left + index)} has values and no name in the header; name "
                    "the columns "
                    "(headers=[…])"
                )
        return list(zip(kept, self._unique([names[index] for index in kept]), strict=True))

    def _joined(self, cells: Iterable[str]) -> str:
        return self.joiner.join(dict.fromkeys(name for cell in cells if (name := " ".join(cell.split()))))

    def _unique(self, names: list[str]) -> list[str]:
        taken: dict[str, None] = {}
        known = set(names)
        for name in names:
            new, number = name, 0
            while new in taken or (number and new in known):
                if self.deduplicate is None:
                    raise DataError(
                        f"the name {name!r} is in the header twice; deduplicate_headers=True numbers such "
                        "names"
                    )
                number += 1
                new = name + self.deduplicate % number
            taken[new] = None
        return list(taken)


def _filled(rows: Iterable[Row]) -> Iterator[Row]:
    return (row for row in rows if any(cell is not None for cell in row[1]))
