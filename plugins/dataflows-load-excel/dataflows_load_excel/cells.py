"""Columns of cells to columns of values.

A spreadsheet has one kind of number, the double. A column whose numbers are all whole is taken for integers;
other numbers are what the shortest text that means the same double says: 0.1, and not 0.1000000000000000055….
A column that mixes kinds (numbers, and "n/a" among them) becomes a text column, which is told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dataflows_core.infer import infer_schema
from dataflows_core.schema import Field
from dataflows_core.text import column_to_text
from dataflows_load_excel.workbook import Cell

__all__ = ["Column", "column_of"]

_KINDS: dict[type, str] = {
    str: "string", bool: "boolean", int: "number", float: "number", datetime: "datetime", date: "date",
    time: "time", timedelta: "duration",
}  # fmt: skip
_ARROW = {
    "string": pa.string(), "boolean": pa.bool_(), "datetime": pa.timestamp("us"), "date": pa.date32(),
    "time": pa.time64("us"), "duration": pa.duration("us"),
}  # fmt: skip
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")
_EXACT = 2**53
"""The doubles beyond it are all whole, and not every integer is one of them."""


@dataclass(frozen=True)
class Column:
    """A column of values.

    Attributes:
        field: What they are.
        values: The values, not yet of the type of the field: texts of numbers, for one.
        note: What the user is to be told; empty for nothing.
    """

    field: Field
    values: pa.Array
    note: str = ""

    def as_text(self) -> pa.Array:
        """The values as texts."""
        if pa.types.is_string(self.values.type):
            return self.values
        return column_to_text(_typed(self.values, self.field), self.field)


def column_of(name: str, cells: Sequence[Cell], numbers: Sequence[int]) -> Column:
    """The values of a column, and what kind of values they are.

    Args:
        name: The name of the field.
        cells: The cells below the header; ``""`` where there is nothing.
        numbers: The number of each cell's row in the sheet.
    """
    values = [None if cell == "" else cell for cell in cells] if "" in cells else cells
    kinds = {_KINDS[kind] for kind in set(map(type, values)) - {type(None)}}
    if "date" in kinds and ("datetime" in kinds or _are_moments(values)):
        values = [_midnight(value) for value in values]
        kinds = kinds - {"date"} | {"datetime"}
    if not kinds:
        note = f"field {name!r} is blank throughout; it is read as text; declare its type to change that"
        return Column(Field({"name": name, "type": "string"}), pa.nulls(len(values), pa.string()), note)
    if kinds == {"number"}:
        return _numbers(name, values)
    if len(kinds) == 1:
        (kind,) = kinds
        return Column(Field({"name": name, "type": kind}), pa.array(values, _ARROW[kind]))
    return _mixed(name, values, numbers)


def _are_moments(values: Sequence[Any]) -> bool:
    """Whether there are texts, and all say moments, as of those that a cell has no form for."""
    texts = [value for value in values if type(value) is str]
    return bool(texts) and all(map(_MOMENT.fullmatch, texts))


def _midnight(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value


def _numbers(name: str, values: Sequence[Any]) -> Column:
    doubles = pa.array(values, pa.float64())
    small = pc.less_equal(pc.abs(doubles), _EXACT)
    whole = pc.all(pc.and_(small, pc.equal(pc.trunc(doubles), doubles))).as_py()
    if whole:
        return Column(Field({"name": name, "type": "integer"}), doubles.cast(pa.int64()))
    text = column_to_text(doubles, Field({"name": name, "type": "number", "floatNumber": True}))
    schema, _ = infer_schema([pa.record_batch({name: text})])
    return Column(schema.field(name), text)


def _mixed(name: str, values: Sequence[Any], numbers: Sequence[int]) -> Column:
    by_kind: dict[str, int] = {}
    texts = pa.nulls(len(values), pa.string())
    for kind in dict.fromkeys(_KINDS[type(value)] for value in values if value is not None):
        here = [value is not None and _KINDS[type(value)] == kind for value in values]
        own = [value if mine else None for value, mine in zip(values, here, strict=True)]
        column = _numbers(name, own).values if kind == "number" else pa.array(own, _ARROW[kind])
        field = Field({"name": name, "type": "integer" if pa.types.is_integer(column.type) else kind})
        text = column if pa.types.is_string(column.type) else column_to_text(_typed(column, field), field)
        texts = pc.coalesce(texts, text)
        by_kind[kind] = here.index(True)
    seen = ", ".join(f"{_WORDS[kind]} (row {numbers[index]})" for kind, index in by_kind.items())
    note = (
        f"field {name!r} mixes {seen}: it is read as text; declare its type, and the texts that mean nothing "
        "is there as missingValues, to change that"
    )
    return Column(Field({"name": name, "type": "string"}), texts, note)


_WORDS = {
    "string": "text", "boolean": "true and false", "number": "numbers", "datetime": "dates with a time",
    "date": "dates", "time": "times", "duration": "durations",
}  # fmt: skip


def _typed(column: pa.Array, field: Field) -> pa.Array:
    from dataflows_core.cast import cast_column

    return cast_column(column, field, missing_values=())[0]
