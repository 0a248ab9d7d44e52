"""The names of columns, from the header that tabulator found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dataflows_core.errors import DataError, FlowError

__all__ = ["Header", "Naming", "is_blank"]


def is_blank(cell: Any) -> bool:
    """Whether there is nothing in a cell."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


@dataclass(frozen=True)
class Header:
    """The names of the columns that count.

    Attributes:
        names: The names.
        kept: Their positions in a row.
        width: How many cells a row has.
    """

    names: tuple[str, ...]
    kept: tuple[int, ...]
    width: int


@dataclass(frozen=True)
class Naming:
    """How faulty names are treated.

    Args:
        deduplicate: Whether names that are blank or occur twice are changed, and not an error.
        case_sensitive: Whether names that differ in case only are different.
        suffix: What is appended to names that occur twice; ``%s`` stands for a number.
    """

    deduplicate: bool = False
    case_sensitive: bool = True
    suffix: str = " (%s)"

    def __post_init__(self) -> None:
        if self.suffix.count("%") != 1 or "%s" not in self.suffix:
            raise FlowError(f"deduplicate_headers_format={self.suffix!r} needs one %s, for the number")

    def header(self, cells: Sequence[str], rows: Sequence[Sequence[Any]], source: str) -> Header:
        """The header.

        Args:
            cells: The names as they were found.
            rows: The first rows below; a column without a name and without a value is left out.
            source: What messages call the source.

        Raises:
            DataError: A column with values has no name, or a name occurs twice.
        """
        kept = [
            index
            for index, name in enumerate(cells)
            if name or any(len(row) > index and not is_blank(row[index]) for row in rows)
        ]
        names = [cells[index] or f"field{index + 1}" for index in kept]
        blank = [index + 1 for index in kept if not cells[index]]
        counts = Counter(map(self._key, names))
        doubled = [name for name in dict.fromkeys(names) if counts[self._key(name)] > 1]
        if (blank or doubled) and not self.deduplicate:
            raise DataError(_faults(source, blank, doubled))
        return Header(self._unique(names, counts), tuple(kept), len(cells))

    def _key(self, name: str) -> str:
        return name if self.case_sensitive else name.casefold()

    def _unique(self, names: Sequence[str], counts: Counter[str]) -> tuple[str, ...]:
        taken = {self._key(name) for name in names}
        numbers: Counter[str] = Counter()
        unique = []
        for name in names:
            new = name
            while counts[self._key(name)] > 1 and self._key(new) in taken:
                numbers[self._key(name)] += 1
                new = name + self.suffix % numbers[self._key(name)]
            taken.add(self._key(new))
            unique.append(new)
        return tuple(unique)


def _faults(source: str, blank: Sequence[int], doubled: Sequence[str]) -> str:
    faults = []
    if doubled:
        faults.append(f"the name {' and the name '.join(map(repr, doubled[:5]))} more than once")
    if blank:
        faults.append(f"values and no name in column {', '.join(map(str, blank[:10]))}")
    return (
        f"the header of {source} has {' and '.join(faults)}\n"
        "  deduplicate_headers=True makes names of them; ignore_blank_headers=True leaves columns without a "
        "name out;\n  headers=N says that the header is in another row"
    )
