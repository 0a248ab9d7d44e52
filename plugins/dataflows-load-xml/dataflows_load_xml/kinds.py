"""What the cells of a column are: all of them are looked at, and none but the telling ones kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from dataflows_core.infer import infer_schema
from dataflows_core.schema import Field
from dataflows_load_xml.sheets import Cell

__all__ = ["Kinds", "spelled"]

_NO_DATE = ("1899-12-30T", "1899-12-31T")
_MIDNIGHT = "T00:00:00"
_WORDS = {
    "string": "text",
    "boolean": "true and false",
    "number": "numbers",
    "datetime": "dates",
    "error": "errors",
}


@dataclass
class Kinds:
    """The cells of a column, one after the other.

    Attributes:
        used: Whether there are any.
    """

    used: bool = False
    _rows: dict[str, int] = field(default_factory=dict)
    _dates: bool = True
    _times: bool = True
    _whole: str = "0"
    _decimals: str = "0"
    _double: str = "0"

    def see(self, cell: Cell, row: int) -> None:
        """One more cell.

        Args:
            cell: The cell.
            row: The number of its row in the sheet.
        """
        self.used = True
        kind, text = cell
        if kind not in self._rows:
            self._rows[kind] = row
        if kind == "number":
            self._see_number(text)
        elif kind == "datetime":
            self._dates = self._dates and text.endswith(_MIDNIGHT)
            self._times = self._times and text.startswith(_NO_DATE)

    def _see_number(self, text: str) -> None:
        if "e" in text.lower():
            self._double = text
            return
        whole, _, decimals = text.removeprefix("-").partition(".")
        if (len(whole), whole) > (len(self._whole), self._whole):
            self._whole = whole
        if len(decimals) > len(self._decimals.partition(".")[2]):
            self._decimals = text

    @property
    def form(self) -> str:
        """What the values are: a type of Table Schema; text where kinds are mixed."""
        kinds = set(self._rows) - {"error"}
        if kinds == {"datetime"}:
            return "date" if self._dates else "time" if self._times else "datetime"
        return kinds.pop() if len(kinds) == 1 else "string"

    def field(self, name: str) -> Field:
        """The field that holds them."""
        form = self.form
        if form != "number":
            return Field({"name": name, "type": form})
        texts = pa.array(self.telling, pa.string())
        return infer_schema([pa.RecordBatch.from_pydict({name: texts})])[0].field(name)

    @property
    def telling(self) -> list[str]:
        """The texts of the numbers that say how wide numbers have to be."""
        return [self._whole, self._decimals, self._double] if "number" in self._rows else []

    def joined(self, other: Kinds) -> Kinds:
        """What the cells of two columns are together."""
        made = Kinds(self.used or other.used, {**other._rows, **self._rows})
        made._dates, made._times = self._dates and other._dates, self._times and other._times
        for text in self.telling + other.telling:
            made._see_number(text)
        return made

    def note(self, name: str) -> str:
        """What the user is to be told; empty for nothing."""
        if not self.used:
            return f"field {name!r} is blank throughout; it is read as text; declare its type to change that"
        kinds = {kind: row for kind, row in self._rows.items() if kind != "error"}
        if len(kinds) < 2:
            return ""
        seen = ", ".join(f"{_WORDS[kind]} (row {row})" for kind, row in kinds.items())
        return (
            f"field {name!r} mixes {seen}: it is read as text; declare its type, and the texts that mean "
            "nothing is "
            "there as missingValues, to change that"
        )


def spelled(cell: Cell | None, form: str) -> str | None:
    """The text of a cell in a column of some form."""
    if cell is None or cell.kind == "error":
        return None
    if cell.kind != "datetime" or form == "datetime":
        return cell.text
    if form == "time":
        return cell.text[11:]
    return cell.text.removesuffix(_MIDNIGHT)
