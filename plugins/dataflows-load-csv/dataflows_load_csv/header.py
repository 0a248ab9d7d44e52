"""The header: which rows hold it, and how its cells become the names of fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

from dataflows_core.errors import DataError, FlowError, UnreadableError
from dataflows_load_csv.grammar import Grammar

__all__ = ["Head", "Layout"]


class Head(NamedTuple):
    """What stands above the data.

    Attributes:
        names: The names of the fields.
        kept: Data records that lie among rows that are left out.
        end: Offset at which the rest of the data begins.
    """

    names: tuple[str, ...]
    kept: bytes
    end: int


@dataclass(frozen=True)
class Layout:
    """Where the header is, and what is made of it.

    Rows are counted from 1 as a text editor shows them, except that a record of several lines is one row:
    blank lines and comments count. A header row that falls on one of these is the next that is neither.

    Args:
        rows: The rows of the header; empty when there is none.
        names: The names of the fields, given by the user; then `rows` are left out.
        skip: Rows to leave out.
        joiner: What is put between the cells of a header of several rows.
        repeat: Whether a cell of a header of several rows that says the same as the one above it is
            repeated.
        strip: Whether blanks around names are left out.
        deduplicate: Whether names that are blank or occur twice are changed, and not an error.
        case_sensitive: Whether names that differ in case only are different.
        suffix: What is appended to names that occur twice; ``%s`` stands for a number.
    """

    rows: tuple[int, ...] = (1,)
    names: tuple[str, ...] | None = None
    skip: tuple[int, ...] = ()
    joiner: str = " "
    repeat: bool = False
    strip: bool = True
    deduplicate: bool = False
    case_sensitive: bool = True
    suffix: str = " (%s)"

    def __post_init__(self) -> None:
        numbers: tuple[Any, ...] = (*self.rows, *self.skip)
        for row in numbers:
            if not isinstance(row, int) or isinstance(row, bool) or row < 1:
                raise FlowError(f"rows are counted from 1, and {row!r} is none")
        if list(self.rows) != sorted(set(self.rows)):
            raise FlowError(f"the header rows {list(self.rows)} must be in order, each once")
        if common := set(self.rows) & set(self.skip):
            raise FlowError(f"row {min(common)} is both a header row and one to skip")
        if self.suffix.count("%s") != 1 or _formatted(self.suffix, 1) is None:
            raise FlowError(f"deduplicate_headers_format={self.suffix!r} needs one %s, for the number")

    @classmethod
    def of(
        cls, headers: int | Sequence[int] | Sequence[str] | None, dialect: Mapping[str, Any], **rest: Any
    ) -> Layout:
        """The layout of the `headers` a user gives, or of a Data Package dialect.

        Args:
            headers: A row, several rows, or the names; None for no header.
            dialect: A descriptor with `header`, `headerRows`, `headerJoin` or `commentRows`; what the user
                gives (not the default, row 1) goes before.
            **rest: Other arguments of the class.
        """
        if isinstance(headers, bool) or not isinstance(headers, int | Sequence | None):
            raise FlowError(
                f"headers={headers!r} must be a row number, a list of them, a list of names, or None"
            )
        if isinstance(headers, str):
            raise FlowError(f"headers={headers!r} must be a list of names, and not one text")
        if headers == 1:
            if dialect.get("headerRows"):
                headers = list(dialect["headerRows"])
            elif dialect.get("header") is False:
                headers = None
        if rest.get("joiner") is None:
            rest["joiner"] = dialect.get("headerJoin", " ")
        rest["skip"] = tuple(rest.get("skip", ())) or tuple(dialect.get("commentRows") or ())
        if headers is None:
            return cls(rows=(), **rest)
        if isinstance(headers, int):
            return cls(rows=(headers,), **rest)
        if headers and all(isinstance(item, str) for item in headers):
            return cls(rows=(), names=tuple(map(str, headers)), **rest)
        if headers and all(isinstance(item, int) for item in headers):
            return cls(rows=tuple(int(item) for item in headers), **rest)
        raise FlowError(f"headers={headers!r} must be row numbers or names, and not both or nothing")

    @property
    def descriptor(self) -> dict[str, Any]:
        """What a Data Package dialect says of it, where it is not the default."""
        if not self.rows:
            return {"header": False}
        if self.rows == (1,):
            return {}
        return {"headerRows": list(self.rows), **({"headerJoin": self.joiner} if len(self.rows) > 1 else {})}

    def read(self, data: bytes, grammar: Grammar, source: str, *, complete: bool) -> Head | None:
        """What stands above the data; None when more bytes are needed to tell.

        Args:
            data: The first bytes, in UTF-8.
            grammar: Where records end.
            source: What messages call the file.
            complete: Whether the bytes are the whole file.

        Raises:
            UnreadableError: There is no header.
            DataError: Names that are blank or occur twice, and the layout does not change them.
        """
        cells: list[list[bytes]] = []
        width: int | None = None
        kept: list[bytes] = []
        last = max(self.skip, default=0)
        wanted = list(self.rows)
        end = len(data)
        for row, record in enumerate(grammar.records(data), 1):
            if self.rows and not wanted and row > last:
                end = record.start
                break
            if not record.complete and not complete:
                return None
            if row in self.skip:
                continue
            if wanted:
                if row >= wanted[0] and record.kind == "data":
                    wanted.pop(0)
                    cells.append(grammar.cells(data[record.start : record.end]))
                continue
            if record.kind == "data" and width is None:
                width = len(grammar.cells(data[record.start : record.end]))
            if row > last and width is not None:
                end = record.start
                break
            kept.append(data[record.start : record.end])
        else:
            if not complete:
                return None
        if wanted:
            raise UnreadableError(_no_header(source, data, wanted[0]))
        return Head(self._names(cells, width, source), b"".join(kept), end)

    def _names(self, cells: list[list[bytes]], width: int | None, source: str) -> tuple[str, ...]:
        if self.names is not None:
            if width is not None and width != len(self.names):
                raise DataError(
                    f"the first row of {source} has {width} cells, and there are {len(self.names)} names: "
                    + ", ".join(self.names[:20])
                )
            return self._unique(list(self.names), source)
        if not self.rows:
            return tuple(f"field{number}" for number in range(1, (width or 0) + 1))
        try:
            rows = [[cell.decode("utf-8") for cell in row] for row in cells]
        except UnicodeDecodeError as error:
            raise DataError(
                f"{source}: the header is not UTF-8; say how the file is written (encoding=…)"
            ) from error
        if self.strip:
            rows = [[cell.strip() for cell in row] for row in rows]
        names = (
            rows[0]
            if len(rows) == 1
            else [self._joined(column) for column in zip_longest(*rows, fillvalue="")]
        )
        return self._unique(names, source)

    def _joined(self, column: Sequence[str]) -> str:
        parts: list[str] = []
        for cell in column:
            if cell and (self.repeat or not parts or parts[-1] != cell):
                parts.append(cell)
        return self.joiner.join(parts)

    def _unique(self, names: list[str], source: str) -> tuple[str, ...]:
        blank = [number for number, name in enumerate(names, 1) if not name]
        counts = Counter(self._key(name) for name in names)
        doubled = [name for name in dict.fromkeys(names) if name and counts[self._key(name)] > 1]
        if not blank and not doubled:
            return tuple(names)
        if not self.deduplicate:
            raise DataError(_faulty_header(source, blank, doubled))
        taken = {self._key(name) for name in names if name and counts[self._key(name)] == 1}
        numbers: Counter[str] = Counter()
        unique = []
        for position, name in enumerate(names, 1):
            new = name or f"field{position}"
            while not name or counts[self._key(name)] > 1:
                if name:
                    numbers[self._key(name)] += 1
                    new = name + str(_formatted(self.suffix, numbers[self._key(name)]))
                if self._key(new) not in taken:
                    taken.add(self._key(new))
                    break
                name = name or new
                counts[self._key(name)] += 2
            unique.append(new)
        return tuple(unique)

    def _key(self, name: str) -> str:
        return name if self.case_sensitive else name.casefold()


def _formatted(suffix: str, number: int) -> str | None:
    try:
        return suffix % number
    except (TypeError, ValueError):
        return None


def _no_header(source: str, data: bytes, row: int) -> str:
    if not data.strip():
        return f"{source} is empty: it has not even a header"
    return (
        f"{source} has no row {row} that could be the header"
        "\n  say which row is (headers=…), or headers=None for none"
    )


def _faulty_header(source: str, blank: list[int], doubled: list[str]) -> str:
    faults = []
    if doubled:
        faults.append(f"the name {' and the name '.join(map(repr, doubled[:5]))} more than once")
    if blank:
        faults.append(f"no name in column {', '.join(map(str, blank[:10]))}")
    return (
        f"the header of {source} has {' and '.join(faults)}\n"
        "  deduplicate_headers=True makes names of them; headers=N says that the header is in another row"
    )
